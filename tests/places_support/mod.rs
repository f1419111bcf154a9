//! What becomes of a request with something in some places.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use std::convert::Infallible;

use http::{HeaderValue, Request, Response};
use tower::{Layer, Service, ServiceExt};
use tower_bearer::server::{Authentication, RejectionReason};

use crate::server_support::rejection;

pub type Line = (&'static str, Vec<u8>);

pub fn request(uri: &str, lines: &[Line]) -> Request<()> {
    let mut request = Request::get(uri).body(()).unwrap();
    for (name, value) in lines {
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Known,
    Anonymous,
    Missing,
    OtherScheme,
    Several,
    Unreadable,
    Invalid,
    Misconfigured,
}
/// The request as the inner service saw it, and the response to it.
pub type Answer = Response<Option<Request<()>>>;

pub async fn send<L>(layer: &L, request: Request<()>) -> Answer
where
    L: Layer<Echo>,
    L::Service: Service<Request<()>, Response = Answer, Error = Infallible>,
{
    layer.layer(Echo).oneshot(request).await.unwrap()
}

#[derive(Clone)]
pub struct Echo;

impl Service<Request<()>> for Echo {
    type Response = Answer;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Answer, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        std::future::ready(Ok(Response::new(Some(request))))
    }
}

pub fn outcome(answer: &Answer) -> Outcome {
    if let Some(seen) = answer.body() {
        assert_eq!(answer.status(), 200);
        let record = seen.extensions().get::<Authentication>().unwrap();
        return if record.is_anonymous() {
            Outcome::Anonymous
        } else {
            Outcome::Known
        };
    }
    let (outcome, status, code) = match rejection(answer).reason() {
        RejectionReason::CredentialsMissing => (Outcome::Missing, 401, None),
        RejectionReason::OtherScheme => (Outcome::OtherScheme, 401, None),
        RejectionReason::SeveralCredentials => (Outcome::Several, 400, Some("invalid_request")),
        RejectionReason::UnreadableCredentials(_) => {
            (Outcome::Unreadable, 401, Some("invalid_token"))
        }
        RejectionReason::InvalidToken(_) | RejectionReason::UnknownToken => {
            (Outcome::Invalid, 401, Some("invalid_token"))
        }
        RejectionReason::Misconfigured(_) => (Outcome::Misconfigured, 500, None),
        other => panic!("{other:?}"),
    };
    assert_eq!(answer.status(), status);
    let rejection = rejection(answer);
    let told = rejection
        .challenge()
        .and_then(|told| told.parameter("error"));
    assert_eq!(told, code);
    outcome
}
