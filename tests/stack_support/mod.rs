//! An API that records what reaches it, and a client's tokens that are counted.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part
#![allow(clippy::unwrap_used)]

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::Full;
use tower::Service;
use tower_bearer::{
    AuthLayer, BoxError, BoxFuture, Refreshing,
    client::{Error, ErrorKind},
    test_util::ManualClock,
};

use crate::support::{HOUR, Issuer};

pub type Body = Full<Bytes>;

pub const API: &str = "https://api.example";
pub const EVIL: &str = "https://evil.example";

/// A request to an address.
pub fn get(address: &str) -> Request<Body> {
    Request::get(address).body(Body::default()).unwrap()
}

pub fn api() -> Request<Body> {
    get("https://api.example/orders")
}

pub fn answer(status: u16) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

pub fn redirect(to: &str) -> Response<Body> {
    let mut response = answer(307);
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, to.parse().unwrap());
    response
}

/// What reached an API.
#[derive(Clone, Debug)]
pub struct Sent {
    pub uri: String,
    pub headers: HeaderMap,
}

impl Sent {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn token(&self) -> Option<&str> {
        self.header("authorization")
    }
}

/// All servers of the world behind one service. A clone is the same world.
#[derive(Clone)]
pub struct World {
    sent: Arc<Mutex<Vec<Sent>>>,
    rule: Arc<Rule>,
}

/// The answer to a request, of which there were so many before.
type Rule = dyn Fn(&Sent, usize) -> Answer + Send + Sync;
type Answer = BoxFuture<'static, Result<Response<Body>, BoxError>>;

impl World {
    pub fn new(rule: impl Fn(&Sent, usize) -> Response<Body> + Send + Sync + 'static) -> Self {
        Self::slow(move |sent, number| {
            let response = rule(sent, number);
            Box::pin(async { Ok(response) })
        })
    }

    pub fn slow(rule: impl Fn(&Sent, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            sent: Arc::default(),
            rule: Arc::new(rule),
        }
    }

    /// Serves whoever comes.
    pub fn open() -> Self {
        Self::new(|_, _| answer(200))
    }

    /// Refuses every token.
    pub fn closed() -> Self {
        Self::new(|_, _| answer(401))
    }

    /// Refuses this token and no other.
    pub fn refusing(token: &'static str) -> Self {
        Self::new(move |sent, _| match sent.token() == Some(token) {
            true => answer(401),
            false => answer(200),
        })
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    /// The tokens that were sent, in their order.
    pub fn tokens(&self) -> Vec<String> {
        let tokens = self.sent().into_iter();
        tokens
            .map(|sent| sent.token().unwrap_or("none").to_owned())
            .collect()
    }
}

impl Service<Request<Body>> for World {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let request = Sent {
            uri: request.uri().to_string(),
            headers: request.headers().clone(),
        };
        let mut sent = self.sent.lock().unwrap();
        let response = (self.rule)(&request, sent.len());
        sent.push(request);
        response
    }
}

/// `Bearer token-1`, `Bearer token-2`, …, of a source that is counted.
pub struct Tokens {
    pub clock: ManualClock,
    pub issuer: Issuer,
    pub tokens: Refreshing,
}

impl Tokens {
    pub fn new() -> Self {
        let clock = ManualClock::new();
        let issuer = Issuer::new(&clock, HOUR);
        Self::of(issuer, clock)
    }

    pub fn of(issuer: Issuer, clock: ManualClock) -> Self {
        let tokens = Refreshing::builder(issuer.clone()).clock(clock.clone());
        Self {
            tokens: tokens.build(),
            clock,
            issuer,
        }
    }

    /// For the API alone.
    pub fn layer(&self) -> AuthLayer {
        AuthLayer::new(self.tokens.clone()).origin(API).unwrap()
    }

    pub fn exchanges(&self) -> u64 {
        self.issuer.asked()
    }
}

/// The kind of our error, if it is ours: found by downcasting, as users do.
pub fn kind(error: &BoxError) -> Option<ErrorKind> {
    error.downcast_ref::<Error>().map(Error::kind)
}
