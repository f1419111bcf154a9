//! What a guarded request allocates: a number that may fall and must not rise unnoticed.
#![cfg(all(feature = "server", feature = "aws-lc-rs"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use serde::Deserialize;
use serde_json::json;
use tower::{Layer, Service};
use tower_bearer::{
    Algorithm, RequireJwt, Validator,
    jwt::{Minter, SigningKey},
};

#[derive(Deserialize)]
#[allow(dead_code)] // read for what it costs
struct FourStrings {
    iss: String,
    sub: String,
    email: String,
    tenant: String,
}

/// Lets go of the request, and so of what the guard put into it.
#[derive(Clone)]
struct Nothing;

impl Service<Request<()>> for Nothing {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        drop(request);
        ready(Ok(Response::new(())))
    }
}

/// Four strings of the application's; the token's and the claims' text; what is shared of
/// it; and the extensions: the table, its box, and one for each of two entries.
#[test]
fn a_guarded_request_costs_ten_allocations_with_the_four_strings_of_its_claims() {
    let claims = json!({
        "iss": "https://id.example", "sub": "alice", "aud": "orders", "exp": 4_000_000_000_u64,
        "email": "alice@example.com", "tenant": "t1", "scope": "orders:read", "jti": "1",
    });
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(*algorithm).unwrap();
        let key = key.with_key_id("2026-01");
        let validator = Validator::new("https://id.example", "orders");
        let guard = RequireJwt::<FourStrings>::new(validator, key.verification_keys());
        let token = Minter::new(key).mint(&claims).unwrap();
        let mut service = guard.layer(Nothing);
        let mut allocations = || {
            let request = Request::builder()
                .header("authorization", format!("Bearer {}", token.expose()))
                .body(())
                .unwrap();
            let counted = allocation_counter::measure(|| {
                let mut context = Context::from_waker(Waker::noop());
                let response = std::pin::pin!(service.call(request)).poll(&mut context);
                assert!(matches!(response, Poll::Ready(Ok(response)) if response.status() == 200));
            });
            counted.count_total
        };
        allocations(); // the backend's own first use
        assert_eq!(allocations(), 10, "{algorithm}");
    }
}
