//! What tests of the token endpoint share: what it was sent.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    error::Error,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::json;
use tower_bearer::{
    BoxError, BoxFuture, TokenEndpoint,
    oauth::{ClientAuthentication, Grant, ObtainError, ObtainToken},
};

pub type Body = Full<Bytes>;

/// An authorization server that grants all and keeps what it was sent last.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Option<Request<Bytes>>>>);

impl Recorder {
    /// The form, in the order in which it was sent.
    pub fn form(&self) -> Vec<(String, String)> {
        let sent = self.0.lock().unwrap();
        let body = sent.as_ref().map(|request| request.body().clone());
        form_urlencoded::parse(&body.unwrap_or_default())
            .into_owned()
            .collect()
    }

    /// The one value of a parameter.
    pub fn parameter(&self, name: &str) -> String {
        let form = self.form();
        let mut values = form.into_iter().filter(|(sent, _)| sent == name);
        let value = values.next().unwrap_or_else(|| panic!("no {name}")).1;
        assert_eq!(values.next(), None, "{name} was sent twice");
        value
    }

    pub fn headers(&self) -> HeaderMap {
        self.0.lock().unwrap().as_ref().unwrap().headers().clone()
    }

    /// Whether anything was sent.
    pub fn was_asked(&self) -> bool {
        self.0.lock().unwrap().is_some()
    }

    /// Its token endpoint.
    pub fn endpoint(
        &self,
        client_auth: impl ClientAuthentication,
        grant: impl Grant,
    ) -> TokenEndpoint {
        TokenEndpoint::new("https://id.example/token")
            .unwrap()
            .client_auth(client_auth)
            .grant(grant)
            .over(self.clone())
    }
}

impl tower_service::Service<Request<Body>> for Recorder {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), BoxError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            *this.0.lock().unwrap() = Some(Request::from_parts(parts, body));
            let granted = r#"{"access_token":"at","token_type":"Bearer","expires_in":3600}"#;
            Ok(Response::new(Body::from(granted)))
        })
    }
}

/// The refusal of a server that repeats what it was sent.
pub async fn repeated(client_auth: impl ClientAuthentication, grant: impl Grant) -> ObtainError {
    let echo = tower::service_fn(|request: Request<Body>| async move {
        let form = request.into_body().collect().await?.to_bytes();
        let form = String::from_utf8_lossy(&form).into_owned();
        let error = json!({"error": "invalid_client", "error_description": form});
        Ok::<_, BoxError>(Response::new(Body::from(error.to_string())))
    });
    let endpoint = TokenEndpoint::new("https://id.example/token").unwrap();
    let endpoint = endpoint.client_auth(client_auth).grant(grant).over(echo);
    endpoint.obtain().await.unwrap_err()
}

/// All that an error tells anybody.
pub fn chain(error: &dyn Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut next = error.source();
    while let Some(source) = next {
        text += &format!(" {source} {source:?}");
        next = source.source();
    }
    text
}
