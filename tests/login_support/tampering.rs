//! A provider whose token answers a test may change.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};
use tower::{Service, ServiceExt};
use tower_bearer::{
    BoxFuture,
    clock::Clock,
    test_util::{AuthorizationServer, Body},
};

type Change = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// The server, with something done to its token answers.
#[derive(Clone)]
pub struct Tampering {
    server: AuthorizationServer,
    change: Change,
}

impl Tampering {
    pub fn new(
        server: &AuthorizationServer,
        change: impl Fn(&mut Value) + Send + Sync + 'static,
    ) -> Self {
        Self {
            server: server.clone(),
            change: Arc::new(change),
        }
    }

    /// What it does, for one that does more.
    pub fn apply(&self, answer: &mut Value) {
        (self.change)(answer);
    }

    /// Gives the ID token other claims, and signs it again with the provider's key. `null`
    /// takes a claim out.
    pub fn with_claims(
        server: &AuthorizationServer,
        changes: impl Fn() -> Value + Send + Sync + 'static,
    ) -> Self {
        let signer = server.clone();
        Self::new(server, move |answer| {
            let mut claims = claims(answer["id_token"].as_str().unwrap());
            claims.extend(changes().as_object().unwrap().clone());
            let minted = signer.mint(&claims).unwrap();
            answer["id_token"] = minted.expose().into();
        })
    }
}

/// What an ID token says, whoever has signed it.
pub fn claims(token: &str) -> Map<String, Value> {
    let claims = token.split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

/// A token with these claims that nobody has signed.
pub fn unsigned(claims: &Map<String, Value>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({ "alg": "none", "typ": "JWT" }));
    format!("{header}.{}.", part(&Value::Object(claims.clone())))
}

pub fn seconds(server: &AuthorizationServer) -> u64 {
    let now = server.clock().wall();
    let since = now.duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

impl Service<Request<Body>> for Tampering {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let this = self.clone();
        let is_token = request.uri().to_string() == this.server.token_url();
        Box::pin(async move {
            let response = this.server.oneshot(request).await?;
            if !is_token || !response.status().is_success() {
                return Ok(response);
            }
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let mut answer = serde_json::from_slice(&body).unwrap();
            (this.change)(&mut answer);
            let body = Body::from(answer.to_string());
            Ok(Response::from_parts(parts, body))
        })
    }
}
