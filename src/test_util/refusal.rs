//! An error answer (RFC 6749 §5.2, RFC 7009 §2.2.1).

use std::borrow::Cow;

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use super::{Body, fault};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: Cow<'static, str>,
}

pub(super) fn refusal(error: &'static str, description: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal {
        status: StatusCode::BAD_REQUEST,
        error,
        description: description.into(),
    }
}

pub(super) const INVALID_CLIENT: Refusal = Refusal {
    status: StatusCode::UNAUTHORIZED,
    error: "invalid_client",
    description: Cow::Borrowed("unknown client, or a proof that doesn't hold"),
};

pub(super) const SERVER_ERROR: Refusal = Refusal {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    error: "server_error",
    description: Cow::Borrowed("the token could not be signed"),
};

impl Refusal {
    pub(super) fn into_response(self) -> Response<Body> {
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut response = fault::json(self.status, body.to_string());
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6749 §5.2: a 401 has a challenge (RFC 9110 §11.6.1).
            let basic = HeaderValue::from_static("Basic realm=\"token endpoint\"");
            headers.insert(header::WWW_AUTHENTICATE, basic);
        }
        response
    }
}
