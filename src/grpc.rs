//! The status of a gRPC call in `http` terms only: no gRPC library is needed.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header::CONTENT_TYPE,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

const CONTENT_TYPE_PREFIX: &str = "application/grpc";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// "Responses" in the gRPC protocol: everything but `%x20-24 / %x26-7E` is encoded.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// The status codes that a refusal can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    InvalidArgument = 3,
    PermissionDenied = 7,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// Whether the peer speaks gRPC: `application/grpc`, `application/grpc+proto`, …, and
/// always `POST`. What else calls itself so may be a page whose refusal, told with HTTP
/// 200, a cache would keep.
pub(crate) fn is_grpc(method: &Method, headers: &HeaderMap) -> bool {
    let is_content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().get(..CONTENT_TYPE_PREFIX.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(CONTENT_TYPE_PREFIX.as_bytes()));
    *method == Method::POST && is_content_type
}

/// An answer that ends with its headers ("Trailers-Only").
pub(crate) fn trailers_only<B>(status: Status, message: &str, body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_PREFIX));
    headers.insert(GRPC_STATUS, HeaderValue::from(status as u16));
    let message = utf8_percent_encode(message, ENCODED).to_string();
    // Encoded text is visible ASCII and spaces, which a header can always hold.
    if let Ok(message) = HeaderValue::try_from(message) {
        headers.insert(GRPC_MESSAGE, message);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_content_type_of_grpc_is_known() {
        let rows = [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC; charset=utf-8", true),
            ("application/grpc-web", true),
            ("application/json", false),
            ("application/grp", false),
            ("", false),
        ];
        for (value, expected) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            assert_eq!(is_grpc(&Method::POST, &headers), expected, "{value:?}");
            assert!(!is_grpc(&Method::GET, &headers), "{value:?}");
        }
        assert!(!is_grpc(&Method::POST, &HeaderMap::new()));
    }

    #[test]
    fn a_message_is_percent_encoded() {
        let response = trailers_only(Status::Unauthenticated, "50 % größer\n", ());
        assert_eq!(response.headers()[GRPC_STATUS], "16");
        assert_eq!(
            response.headers()[GRPC_MESSAGE],
            "50 %25 gr%C3%B6%C3%9Fer%0A"
        );
    }
}
