//! What the tests of the four systems share. Each has its system's example as `crate::example`.
#![allow(dead_code, unreachable_pub)] // each test uses its own part

use std::time::Duration;

use axum::response::IntoResponse;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, request::Builder};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use tower::Service;
use tower_bearer::{
    BoxError, Refreshing,
    client::{Error, ErrorKind},
};

use crate::example::common::calls::send;

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);

// Through our client

/// Makes a call, such as `GET /users/me`.
pub async fn call<S, B>(client: &S, url: &str, call: &str) -> Result<Response<Bytes>, BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError> + Clone,
    B: Body<Error: Into<BoxError>>,
{
    send(&mut client.clone(), url, &call.parse()?).await
}

/// Why there was no token, and everything that the error says.
pub fn why(error: &BoxError) -> (ErrorKind, String) {
    let kind = error.downcast_ref::<Error>().map(Error::kind);
    (kind.expect("an error of ours"), words(&**error))
}

/// Everything that an error says, causes included.
pub fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(|error| format!("{error} {error:?} ")).collect()
}

/// Waits for what another task is about to do.
pub async fn until(what: impl Fn() -> bool) {
    let done = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(20), done).await;
    done.expect("it never came about");
}

/// Waits for a renewal ahead.
pub async fn until_renewed(tokens: &Refreshing) {
    until(|| {
        let left = tokens.state().remaining;
        left.is_some_and(|left| left > MINUTE)
    })
    .await;
}

/// Runs a program that has to end with one line that says this and shows no secret.
pub async fn ends_badly(
    rule: &str,
    run: impl Future<Output = Result<(), BoxError>>,
    expected: &str,
    secrets: &[&str],
) {
    let run = tokio::time::timeout(Duration::from_secs(20), run).await;
    let said = words(&*run.expect(rule).unwrap_err());
    assert!(said.contains(expected), "{rule}: {said}");
    assert!(!said.contains('\n'), "{rule}: {said}");
    for secret in secrets {
        assert!(!said.contains(secret), "{rule}: {said}");
    }
}

// Around it

/// What came of a request that no client of ours made.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Null where the body is no JSON.
    pub json: Value,
}

impl Answer {
    /// The string at this pointer.
    pub fn text(&self, pointer: &str) -> String {
        let found = self.json.pointer(pointer).and_then(Value::as_str);
        found
            .unwrap_or_else(|| panic!("{pointer} in {}", self.json))
            .to_owned()
    }
}

pub async fn ask(request: Builder, body: impl Into<Bytes>) -> Answer {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request: Request<Full<Bytes>> = request.body(Full::new(body.into())).unwrap();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: head.status,
        headers: head.headers,
        json: serde_json::from_slice(&body).unwrap_or_default(),
        body,
    }
}

/// The request with these header lines besides.
pub fn with_headers(request: Builder, lines: &[(&str, String)]) -> Builder {
    lines.iter().fold(request, |request, (name, value)| {
        request.header(*name, value)
    })
}

pub fn bearer(token: impl AsRef<str>) -> Vec<(&'static str, String)> {
    vec![("authorization", format!("Bearer {}", token.as_ref()))]
}

/// An answer for a system to give in place of its own.
pub fn answer(
    status: u16,
    content_type: &'static str,
    body: impl Into<String>,
) -> axum::response::Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [("content-type", content_type)], body.into()).into_response()
}

pub fn json(body: impl Into<String>) -> axum::response::Response {
    answer(200, "application/json", body)
}
