//! An outgoing request while a token is at hand.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower_bearer::{
    AccessToken, AuthLayer, Refreshing,
    client::replay::NoReplay,
    clock::SystemClock,
    oauth::{ObtainError, obtain_with},
    token::{Expiry, Tokens},
};
use tower_http::auth::AddAuthorizationLayer;
use tower_layer::Layer;

use crate::{Limit, Nothing, Scenario, sent};

pub fn scenarios() -> Vec<Scenario> {
    let token = "t".repeat(800);
    let header = AddAuthorizationLayer::bearer(&token);
    let replayable = AuthLayer::new(warm(token))
        .origin("https://api.example")
        .unwrap();
    let not_replayable = replayable.clone().replay(NoReplay);
    let empty = "client/empty service";
    vec![
        sent(empty, Nothing, 200, request),
        sent(
            "client/AddAuthorization",
            header.layer(Nothing),
            200,
            request,
        )
        .without(&[empty]),
        sent(
            "client/not replayable",
            not_replayable.layer(Nothing),
            200,
            request,
        )
        .without(&[empty]),
        sent("client/replayable", replayable.layer(Nothing), 200, request).without(&[empty]),
    ]
}

pub fn limits() -> Vec<Limit> {
    Vec::new()
}

/// A source that has its token, and an hour until the next.
fn warm(token: String) -> Refreshing {
    let tokens = Refreshing::new(obtain_with(move || {
        let end = Expiry::after(Duration::from_secs(3600), &SystemClock::new());
        let token = AccessToken::new(token.clone()).unwrap().with_expiry(end);
        async { Ok::<_, ObtainError>(Tokens::new(token)) }
    }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(tokens.token()).unwrap();
    tokens
}

fn request() -> Request<Full<Bytes>> {
    Request::post("https://api.example/orders")
        .header("accept", "application/json")
        .header("user-agent", "bench")
        .header("x-request-id", "7f1c9a52")
        .body(Full::new(Bytes::from("body")))
        .unwrap()
}
