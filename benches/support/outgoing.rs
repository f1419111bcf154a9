//! An outgoing request, and a source that has a token for it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower_bearer::{
    AccessToken, Refreshing,
    clock::SystemClock,
    oauth::{ObtainError, obtain_with},
    token::{Expiry, Tokens},
};

pub(crate) type Body = Full<Bytes>;

/// There is an hour until the next token.
pub(crate) fn warm(token: String) -> Refreshing {
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

/// Made anew each time: a clone's header map has no room for one more, and growing it
/// would be measured.
pub(crate) fn outgoing() -> Request<Body> {
    Request::post("https://api.example/orders")
        .header("accept", "application/json")
        .header("user-agent", "bench")
        .header("x-request-id", "7f1c9a52")
        .body(Body::from("body"))
        .unwrap()
}
