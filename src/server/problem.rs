//! Refusals as problem details (RFC 9457).

use bytes::Bytes;
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use serde_json::json;

use super::{Rejection, RejectionResponse};

/// Answers refusals as `application/problem+json` (RFC 9457). gRPC callers get their status
/// and no body, since they read none.
///
/// The document has `title`, `status` and `detail`, and the RFC 6750 code as `error`. It
/// tells the caller no more than the challenge does.
///
/// # Example
///
/// ```
/// use tower_bearer::{RequireScope, server::ProblemDetails};
///
/// let layer = RequireScope::all(["orders:read"]).rejection_response(ProblemDetails);
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ProblemDetails;

impl<B: From<Bytes>> RejectionResponse<B> for ProblemDetails {
    fn response(&self, rejection: &Rejection) -> Response<B> {
        if rejection.is_grpc() {
            return rejection.response_with(Bytes::new().into());
        }
        let status = rejection.status();
        let challenge = rejection.challenge();
        let error = challenge.and_then(|challenge| challenge.parameter("error"));
        let mut problem = json!({
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": rejection.public_message(),
        });
        if let (Some(error), Some(members)) = (error, problem.as_object_mut()) {
            members.insert("error".to_owned(), error.into());
        }
        let mut response = rejection.response_with(Bytes::from(problem.to_string()).into());
        let content_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }
}
