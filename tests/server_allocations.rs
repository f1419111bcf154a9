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
/// it; and the extensions: the table, its box, and one for the entry.
#[test]
fn a_guarded_request_costs_nine_allocations_with_the_four_strings_of_its_claims() {
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
        let mut allocations = || allocations(&mut service, request(token.expose()));
        allocations(); // the backend's own first use
        assert_eq!(allocations(), 9, "{algorithm}");
    }
}

fn request(token: &str) -> Request<()> {
    let request = Request::builder().header("authorization", format!("Bearer {token}"));
    request.body(()).unwrap()
}

fn allocations<S>(service: &mut S, request: Request<()>) -> u64
where
    S: Service<Request<()>, Response = Response<()>>,
{
    let counted = allocation_counter::measure(|| {
        let mut context = Context::from_waker(Waker::noop());
        let response = std::pin::pin!(service.call(request)).poll(&mut context);
        assert!(matches!(response, Poll::Ready(Ok(response)) if response.status() == 200));
    });
    counted.count_total
}

#[cfg(feature = "cache")]
mod cached {
    use tower_bearer::{KeySet, Verified, server::VerifiedCache};

    use super::*;

    const SECRET: [u8; 32] = [7; 32];

    fn keys() -> KeySet {
        let keys = KeySet::from_secret(Algorithm::HS256, SECRET).unwrap();
        keys.with_key_id("2026-01")
    }

    fn token(number: usize) -> String {
        let key = SigningKey::from_secret(Algorithm::HS256, SECRET).unwrap();
        let claims = json!({
            "iss": "https://id.example", "sub": "alice", "aud": "orders",
            "exp": 4_000_000_000_u64, "email": "alice@example.com", "tenant": "t1",
            "jti": number.to_string(),
        });
        let minter = Minter::new(key.with_key_id("2026-01"));
        minter.mint(&claims).unwrap().expose().to_owned()
    }

    fn guard() -> RequireJwt<FourStrings> {
        RequireJwt::new(Validator::new("https://id.example", "orders"), keys())
    }

    /// All of them those of the extensions, of which the table and its box are there already
    /// where a router stands outside.
    #[test]
    fn a_hit_allocates_only_what_extensions_do() {
        let mut service = guard().cache(VerifiedCache::new()).layer(Nothing);
        let token = token(0);
        allocations(&mut service, request(&token));
        assert_eq!(allocations(&mut service, request(&token)), 3);
        let mut routed = request(&token);
        routed.extensions_mut().insert("route");
        assert_eq!(allocations(&mut service, routed), 1);
    }

    /// Puts what the guard has found where it stays.
    #[derive(Clone, Default)]
    struct Kept(std::sync::Arc<std::sync::Mutex<Vec<Verified<FourStrings>>>>);

    impl Service<Request<()>> for Kept {
        type Response = Response<()>;
        type Error = Infallible;
        type Future = Ready<Result<Response<()>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<()>) -> Self::Future {
            let verified = Verified::<FourStrings>::of(request.extensions());
            self.0.lock().unwrap().push(verified.unwrap());
            ready(Ok(Response::new(())))
        }
    }

    /// What is documented of [`VerifiedCache`].
    #[test]
    fn a_verdict_takes_two_hundred_bytes_beside_what_was_verified() {
        const COUNT: usize = 10_000;
        let tokens: Vec<_> = (0..COUNT).map(token).collect();
        let kept_of = |guard: RequireJwt<FourStrings>| {
            let kept = Kept::default();
            kept.0.lock().unwrap().reserve(COUNT);
            let mut service = guard.layer(kept.clone());
            let mut bytes = 0;
            for token in &tokens {
                let request = request(token);
                let counted = allocation_counter::measure(|| {
                    let mut context = Context::from_waker(Waker::noop());
                    let _ = std::pin::pin!(service.call(request)).poll(&mut context);
                });
                bytes += counted.bytes_current;
            }
            bytes
        };
        let with = kept_of(guard().cache(VerifiedCache::with_capacity(2 * COUNT)));
        let without = kept_of(guard());
        let each = (with - without) / i64::try_from(COUNT).unwrap();
        assert!((100..=200).contains(&each), "{each}");
        println!("{each} bytes");
    }
}
