//! What the tests of envelopes share.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use tower_bearer::client::{RefusedInBody, envelope::EnvelopeLayer};

/// Looks for refusals.
pub fn envelope() -> EnvelopeLayer {
    EnvelopeLayer::new().refused_when("/code", [401]).unwrap()
}

/// Looks for failures too.
pub fn with_failures() -> EnvelopeLayer {
    envelope()
        .failed_unless("/code", [0])
        .unwrap()
        .message_at("/msg")
        .unwrap()
        .request_id_at("/requestId")
        .unwrap()
}

pub fn json(text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    typed(Full::new(text.into()))
}

/// JSON that declares its length in the header, and nowhere else.
pub fn declared<B>(length: usize, body: B) -> Response<B> {
    let mut response = typed(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    response
}

pub fn typed<B>(body: B) -> Response<B> {
    let json = HeaderValue::from_static("application/json");
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

pub fn mark<B>(response: &Response<B>) -> Option<RefusedInBody> {
    response.extensions().get().copied()
}
