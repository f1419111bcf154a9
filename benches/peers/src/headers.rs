//! What adds a token to requests of a client: each with a token at hand, and an hour until
//! the next.

use std::{
    convert::Infallible,
    env, fs, process,
    task::{Context, Poll},
};

use aliri_clock::DurationSecs;
use aliri_tokens::{
    AccessToken, TokenWatcher, backoff::ErrorBackoffConfig, jitter::NullJitter,
    sources::ConstTokenSource,
};
use google_cloud_auth::credentials::{CacheableResource, service_account};
use http::{Extensions, HeaderValue, Request, Response, header::AUTHORIZATION};
use kube_client::{
    Config,
    client::{ConfigExt as _, middleware::AuthLayer as KubeLayer},
};
use serde_json::json;
use tower::{
    BoxError, Layer as _, Service,
    filter::{AsyncFilterLayer, AsyncPredicate},
    service_fn,
    util::MapErr,
};
use tower_bearer::{AuthLayer, client::replay::NoReplay};
use tower_http::auth::AddAuthorizationLayer;

use crate::{
    Visit,
    outgoing::{self, warm},
    proof::{Sends, wants_token},
    service::Nothing,
};

pub type Body = outgoing::Body;

pub fn headers(visit: &mut impl Visit<Body>) {
    adding_a_token(service_fn(wants_token), &mut Sends);
    visit.visit("no token", Nothing);
    adding_a_token(Nothing, visit);
}

fn adding_a_token<S>(inner: S, visit: &mut impl Visit<Body>)
where
    S: Service<Request<Body>, Response = Response<()>, Error = Infallible> + Clone,
{
    let token = "t".repeat(800);
    let header = AddAuthorizationLayer::bearer(&token);
    visit.visit("tower-http, AddAuthorization", header.layer(inner.clone()));
    let layer = AuthLayer::new(warm(token.clone()));
    let layer = layer.origin("https://api.example").unwrap();
    let not_replayable = layer.clone().replay(NoReplay);
    visit.visit(
        "tower-bearer, not replayable",
        not_replayable.layer(inner.clone()),
    );
    visit.visit("tower-bearer, replayable", layer.layer(inner.clone()));
    let watched = WatchedToken {
        tokens: watcher(token.clone()),
        inner: inner.clone(),
    };
    visit.visit("aliri_tokens", watched);
    // It takes no errors but boxed ones.
    let boxing = MapErr::new(inner.clone(), |error: Infallible| BoxError::from(error));
    visit.visit("kube", kube(&token).layer(boxing));
    visit.visit("google-cloud-auth", google().layer(inner));
}

fn watcher(token: String) -> TokenWatcher {
    let source = ConstTokenSource::new(AccessToken::new(token));
    let source = source.with_token_valid_for(DurationSecs(3600));
    let backoff = ErrorBackoffConfig::default();
    let watcher = TokenWatcher::spawn_from_token_source(source, NullJitter, backoff);
    kept_running(watcher).unwrap()
}

/// What comes of `started`, whose task renews the token.
fn kept_running<F: Future>(started: F) -> F::Output {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let value = runtime.block_on(started);
    std::mem::forget(runtime);
    value
}

/// As its examples use it: the header is made for each request.
#[derive(Clone)]
struct WatchedToken<S> {
    tokens: TokenWatcher,
    inner: S,
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for WatchedToken<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let token = self.tokens.token();
        let value = format!("Bearer {}", token.access_token().as_str());
        let mut value = HeaderValue::try_from(value).unwrap();
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        self.inner.call(request)
    }
}

/// With its token in a file, as pods have it.
fn kube(token: &str) -> KubeLayer {
    let file = env::temp_dir().join(format!("peers-{}", process::id()));
    fs::write(&file, token).unwrap();
    let mut config = Config::new("https://api.example".parse().unwrap());
    config.auth_info.token_file = Some(file.to_str().unwrap().to_owned());
    let layer = config.auth_layer().unwrap().unwrap();
    fs::remove_file(file).unwrap(); // it has read it, and keeps a token that it can't reload
    layer
}

/// A service account, which signs its tokens itself; they last for an hour too.
fn google() -> AsyncFilterLayer<impl AsyncPredicate<Request<Body>, Request = Request<Body>> + Clone>
{
    let key = json!({
        "type": "service_account",
        "project_id": "shop",
        "private_key_id": "a0b1c2d3e4f5061728394a5b6c7d8e9f00112233",
        "private_key": include_str!("../../../tests/keys_support/rsa.pem"),
        "client_email": "orders@shop.iam.gserviceaccount.com",
    });
    let credentials = kept_running(async {
        let credentials = service_account::Builder::new(key).build().unwrap();
        credentials.headers(Extensions::new()).await.unwrap();
        credentials
    });
    AsyncFilterLayer::new(move |mut request: Request<Body>| {
        let credentials = credentials.clone();
        async move {
            let found = credentials.headers(Extensions::new()).await?;
            let CacheableResource::New { data, .. } = found else {
                unreachable!("nothing was said of what is known already");
            };
            request.headers_mut().extend(data);
            Ok::<_, BoxError>(request)
        }
    })
}
