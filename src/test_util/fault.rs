//! The ways in which authorization servers fail.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use http::{HeaderValue, Response, StatusCode, header};

use super::{body::Body, documents::Endpoint};

/// What goes wrong with an answer.
///
/// # Example
///
/// ```
/// use http::StatusCode;
/// use tower_bearer::test_util::{AuthorizationServer, Endpoint, Fault};
///
/// # fn main() -> Result<(), tower_bearer::BoxError> {
/// let server = AuthorizationServer::new()?;
/// server.fail_next(Endpoint::Token, Fault::RetryAfter(StatusCode::SERVICE_UNAVAILABLE, "30"));
/// server.fail_next(Endpoint::Token, Fault::Html);
/// // the third request is answered as it should be
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The right answer, this much later by tokio's clock. What was asked is done at
    /// once: a refresh token is spent even if nobody waits for its successor.
    Delay(Duration),
    /// What was asked is done, and the connection breaks in the middle of the answer.
    CutOff,
    /// An error of RFC 6749 §5.2, such as `invalid_grant`.
    Refuse(StatusCode, &'static str),
    /// An empty answer of this status.
    Status(StatusCode),
    /// The same with a `Retry-After` header: seconds or an HTTP date.
    RetryAfter(StatusCode, &'static str),
    /// 200 with this text, which calls itself JSON.
    Malformed(&'static str),
    /// 200 with a page for humans, as a captive portal or a proxy sends it.
    Html,
    /// 200 with this many bytes of JSON.
    HugeBody(usize),
    /// 307 to this URL.
    Redirect(&'static str),
}

impl Fault {
    /// Whether the request is carried out all the same.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self, Self::Delay(_) | Self::CutOff)
    }

    /// The answer of a request that is not carried out.
    pub(super) fn answer(&self) -> Response<Body> {
        match self {
            Self::Delay(_) | Self::CutOff => Response::default(),
            Self::Refuse(status, error) => json(*status, format!(r#"{{"error":"{error}"}}"#)),
            Self::Status(status) => empty(*status),
            Self::RetryAfter(status, after) => with(*status, header::RETRY_AFTER, after),
            Self::Malformed(text) => json(StatusCode::OK, *text),
            Self::Html => html(),
            Self::HugeBody(size) => {
                let filler = "x".repeat(size.saturating_sub(r#"{"filler":""}"#.len()));
                json(StatusCode::OK, format!(r#"{{"filler":"{filler}"}}"#))
            }
            Self::Redirect(to) => with(StatusCode::TEMPORARY_REDIRECT, header::LOCATION, to),
        }
    }
}

pub(super) fn json(status: StatusCode, text: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

pub(super) fn with(
    status: StatusCode,
    name: header::HeaderName,
    value: &'static str,
) -> Response<Body> {
    let mut response = empty(status);
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn html() -> Response<Body> {
    let page = "<!doctype html><title>Sign in</title><p>Please accept our terms.</p>";
    let mut response = Response::new(Body::from(page));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

/// What was ordered to fail.
#[derive(Debug, Default)]
pub(super) struct Faults {
    next: HashMap<Endpoint, VecDeque<Fault>>,
    always: HashMap<Endpoint, Fault>,
}

impl Faults {
    pub(super) fn push(&mut self, endpoint: Endpoint, fault: Fault) {
        self.next.entry(endpoint).or_default().push_back(fault);
    }

    pub(super) fn set(&mut self, endpoint: Endpoint, fault: Fault) {
        self.always.insert(endpoint, fault);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The fault of the request at hand: those ordered singly go first.
    pub(super) fn take(&mut self, endpoint: Endpoint) -> Option<Fault> {
        let next = self.next.get_mut(&endpoint).and_then(VecDeque::pop_front);
        next.or_else(|| self.always.get(&endpoint).cloned())
    }
}
