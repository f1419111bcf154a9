//! Refusals as problem details (RFC 9457).
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

mod server_support;

use bytes::Bytes;
use http::{Method, Request, Response, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use server_support::{bearer, header, request, require, token};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::server::ProblemDetails;

async fn refused(request: Request<()>) -> Response<Bytes> {
    let inner = service_fn(|_: Request<()>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let guard = require().rejection_response(ProblemDetails);
    let response = guard.layer(inner).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn a_refusal_says_what_the_challenge_says_and_no_more() {
    let expired = token(json!({"exp": 1}));
    let foreign = token(json!({"aud": "billing"}));
    let rows = [
        (
            "nothing",
            request(&[]),
            json!({"title": "Unauthorized", "status": 401, "detail": "an access token is needed"}),
        ),
        (
            "expired",
            request(&[&bearer(&expired)]),
            json!({"title": "Unauthorized", "status": 401, "detail": "the access token expired",
                "error": "invalid_token"}),
        ),
        (
            "another audience is not told",
            request(&[&bearer(&foreign)]),
            json!({"title": "Unauthorized", "status": 401, "detail": "the access token is invalid",
                "error": "invalid_token"}),
        ),
        (
            "two",
            request(&[b"Bearer a", b"Bearer b"]),
            json!({"title": "Bad Request", "status": 400, "detail": "more than one credential",
                "error": "invalid_request"}),
        ),
    ];
    for (rule, request, expected) in rows {
        let response = refused(request).await;
        assert_eq!(
            header(&response, "content-type"),
            Some("application/problem+json")
        );
        assert!(header(&response, "www-authenticate").is_some(), "{rule}");
        let problem: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(problem, expected, "{rule}");
    }
}

#[tokio::test]
async fn a_grpc_caller_gets_a_status_and_no_document() {
    let mut request = request(&[]);
    *request.method_mut() = Method::POST;
    let grpc = http::HeaderValue::from_static("application/grpc");
    request.headers_mut().insert(CONTENT_TYPE, grpc);
    let response = refused(request).await;
    assert_eq!(header(&response, "content-type"), Some("application/grpc"));
    assert_eq!(header(&response, "grpc-status"), Some("16"));
    assert!(response.body().is_empty());
}
