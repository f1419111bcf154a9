//! Whoever does less would win: each first shows that it does the work.

use std::{convert::Infallible, fmt::Debug};

use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tower::Service;
use tower_bearer::Algorithm;

use crate::{
    Visit,
    outgoing::{Body, outgoing},
    service::{guarded, send},
    tokens::{claims, claims_with, mint, signing_key, unsigned},
};

/// Passes on what accepts the good token and refuses the bad ones.
pub struct Proven<'a, V> {
    pub algorithm: Algorithm,
    pub visit: &'a mut V,
}

impl<V: Visit<()>> Visit<()> for Proven<'_, V> {
    fn visit<S>(&mut self, name: &'static str, mut service: S)
    where
        S: Service<Request<()>, Response = Response<()>, Error: Debug> + Clone,
    {
        let key = signing_key(self.algorithm);
        let good = mint(&key, &claims());
        let rows = [
            ("good", good.clone(), 200),
            ("a wrong signature", unsigned(&good), 401),
            (
                "expired",
                mint(&key, &claims_with("exp", 1_700_000_000)),
                401,
            ),
            (
                "another audience",
                mint(&key, &claims_with("aud", "billing")),
                401,
            ),
            (
                "another issuer",
                mint(&key, &claims_with("iss", "https://evil.example")),
                401,
            ),
            ("garbage", "x".repeat(551), 401),
        ];
        for (row, token, expected) in rows {
            let status = send(&mut service, guarded(&token));
            assert_eq!(status, expected, "{name}, {}: {row}", self.algorithm);
        }
        self.visit.visit(name, service);
    }
}

/// Takes what adds a token, if it stands before [`wants_token`].
pub struct Sends;

impl Visit<Body> for Sends {
    fn visit<S>(&mut self, name: &'static str, mut service: S)
    where
        S: Service<Request<Body>, Response = Response<()>, Error: Debug> + Clone,
    {
        assert_eq!(send(&mut service, outgoing()), 200, "{name}");
    }
}

/// Forbids requests that come without a token. It doesn't ask for one with a 401: clients
/// would get another, and send the request again.
pub async fn wants_token(request: Request<Body>) -> Result<Response<()>, Infallible> {
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    let is_there = values
        .next()
        .is_some_and(|value| value.as_bytes().starts_with(b"Bearer "));
    let mut response = Response::new(());
    if !is_there || values.next().is_some() {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    Ok(response)
}
