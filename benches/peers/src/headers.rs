//! What adds a token to requests of a client: each with a token at hand, and an hour until
//! the next.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use aliri_clock::DurationSecs;
use aliri_tokens::{
    AccessToken, TokenWatcher, backoff::ErrorBackoffConfig, jitter::NullJitter,
    sources::ConstTokenSource,
};
use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use tower::{Layer as _, Service};
use tower_bearer::{AuthLayer, client::replay::NoReplay};
use tower_http::auth::AddAuthorizationLayer;

use crate::{
    Visit,
    outgoing::{self, warm},
    service::Nothing,
};

pub type Body = outgoing::Body;

pub fn headers(visit: &mut impl Visit<Body>) {
    let token = "t".repeat(800);
    visit.visit("no token", Nothing);
    let header = AddAuthorizationLayer::bearer(&token);
    visit.visit("tower-http, AddAuthorization", header.layer(Nothing));
    let layer = AuthLayer::new(warm(token.clone()));
    let layer = layer.origin("https://api.example").unwrap();
    let not_replayable = layer.clone().replay(NoReplay);
    visit.visit(
        "tower-bearer, not replayable",
        not_replayable.layer(Nothing),
    );
    visit.visit("tower-bearer, replayable", layer.layer(Nothing));
    visit.visit("aliri_tokens", WatchedToken(watcher(token)));
}

fn watcher(token: String) -> TokenWatcher {
    let source = ConstTokenSource::new(AccessToken::new(token));
    let source = source.with_token_valid_for(DurationSecs(3600));
    let backoff = ErrorBackoffConfig::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let watcher = TokenWatcher::spawn_from_token_source(source, NullJitter, backoff);
    let watcher = runtime.block_on(watcher).unwrap();
    std::mem::forget(runtime); // its task renews the token
    watcher
}

/// As its examples use it: the header is made for each request.
#[derive(Clone)]
struct WatchedToken(TokenWatcher);

impl Service<Request<Body>> for WatchedToken {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = <Nothing as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let token = self.0.token();
        let value = format!("Bearer {}", token.access_token().as_str());
        let mut value = HeaderValue::try_from(value).unwrap();
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        Nothing.call(request)
    }
}
