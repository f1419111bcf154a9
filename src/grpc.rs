//! The status of a gRPC call in `http` terms only: no gRPC library is needed.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header::CONTENT_TYPE,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

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

/// What is spoken, which is what has to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Grpc,
    /// grpc-web, for browsers.
    Web,
    /// The same with its body in base64.
    WebText,
}

/// The longest first: each is the beginning of those before it.
const DIALECTS: [Dialect; 3] = [Dialect::WebText, Dialect::Web, Dialect::Grpc];

impl Dialect {
    /// `application/grpc`, `application/grpc-web+proto`, …, and always `POST`. What else
    /// calls itself so may be a page whose refusal, told with HTTP 200, a cache would keep.
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Option<Self> {
        if *method != Method::POST {
            return None;
        }
        let content_type = headers.get(CONTENT_TYPE)?.as_bytes();
        let begins_so = |dialect: &Self| {
            let name = dialect.content_type().as_bytes();
            let start = content_type.get(..name.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        DIALECTS.into_iter().find(begins_so)
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Grpc => "application/grpc",
            Self::Web => "application/grpc-web",
            Self::WebText => "application/grpc-web-text",
        }
    }
}

/// An answer that ends with its headers ("Trailers-Only"); over grpc-web they are read from
/// there as well.
pub(crate) fn trailers_only<B>(
    dialect: Dialect,
    status: Status,
    message: &str,
    body: B,
) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static(dialect.content_type());
    headers.insert(CONTENT_TYPE, content_type);
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
    fn each_content_type_of_grpc_is_answered_in_kind() {
        use Dialect::{Grpc, Web, WebText};
        let rows = [
            ("application/grpc", Some((Grpc, "application/grpc"))),
            ("application/grpc+proto", Some((Grpc, "application/grpc"))),
            (
                "Application/gRPC; charset=utf-8",
                Some((Grpc, "application/grpc")),
            ),
            ("application/grpc-web", Some((Web, "application/grpc-web"))),
            (
                "application/grpc-web+proto",
                Some((Web, "application/grpc-web")),
            ),
            (
                "application/grpc-web-text",
                Some((WebText, "application/grpc-web-text")),
            ),
            (
                "application/grpc-Web-Text+proto",
                Some((WebText, "application/grpc-web-text")),
            ),
            ("application/json", None),
            ("application/grp", None),
            ("", None),
        ];
        for (value, expected) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            let spoken = Dialect::of(&Method::POST, &headers);
            assert_eq!(spoken, expected.map(|(dialect, _)| dialect), "{value:?}");
            assert_eq!(Dialect::of(&Method::GET, &headers), None, "{value:?}");
            if let Some((dialect, content_type)) = expected {
                let response = trailers_only(dialect, Status::Internal, "", ());
                assert_eq!(response.headers()[CONTENT_TYPE], content_type, "{value:?}");
            }
        }
        assert_eq!(Dialect::of(&Method::POST, &HeaderMap::new()), None);
    }

    #[test]
    fn a_message_is_percent_encoded() {
        let response = trailers_only(Dialect::Grpc, Status::Unauthenticated, "50 % größer\n", ());
        assert_eq!(response.headers()[GRPC_STATUS], "16");
        assert_eq!(
            response.headers()[GRPC_MESSAGE],
            "50 %25 gr%C3%B6%C3%9Fer%0A"
        );
    }
}
