//! Protected resource metadata (RFC 9728): where it is, what it says, who may read it.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer::{challenge::Challenge, server::ResourceMetadata};

#[test]
fn the_document_stands_between_host_and_path_of_the_resource() {
    const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
    let rows = [
        ("no path", "https://api.example", ""),
        ("a slash is no path", "https://api.example/", ""),
        (
            "a path comes after it",
            "https://api.example/orders",
            "/orders",
        ),
        (
            "and keeps its slash",
            "https://api.example/orders/",
            "/orders/",
        ),
        (
            "a query too",
            "https://api.example/orders?a=b",
            "/orders?a=b",
        ),
        ("a port stays", "https://api.example:8443/mcp", "/mcp"),
        ("loopback may be plain", "http://127.0.0.1:3000/mcp", "/mcp"),
    ];
    for (rule, resource, suffix) in rows {
        let url = ResourceMetadata::new(resource).unwrap().url();
        let host = resource
            .splitn(4, '/')
            .take(3)
            .collect::<Vec<_>>()
            .join("/");
        let host = host.split('?').next().unwrap();
        assert_eq!(url, format!("{host}{WELL_KNOWN}{suffix}"), "{rule}");
        assert!(Challenge::bearer().resource_metadata(url).is_ok(), "{rule}");
    }
}

#[test]
fn what_can_not_identify_a_resource_is_an_error_that_says_why() {
    let rows = [
        ("https://api.example/#a", "fragment"),
        ("http://api.example", "plain http"),
        ("/orders", "no host"),
        ("urn:orders", "no host"),
        ("ftp://api.example", "another scheme"),
        ("", "not a URI"),
    ];
    for (resource, why) in rows {
        let error = ResourceMetadata::new(resource).unwrap_err().to_string();
        assert!(error.contains(why), "{resource}: {error}");
    }
}

async fn ask(metadata: &ResourceMetadata, method: Method) -> (u16, Option<String>, String) {
    let mut request = Request::new(());
    *request.method_mut() = method;
    let response = metadata.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let content_type = head.headers.get("content-type");
    let content_type = content_type.map(|value| value.to_str().unwrap().to_owned());
    let text = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(text.into()).unwrap();
    (head.status.as_u16(), content_type, text)
}

#[tokio::test]
async fn the_document_has_what_was_given_and_is_only_read() {
    let metadata = ResourceMetadata::new("https://api.example/mcp")
        .unwrap()
        .authorization_server("https://id.example")
        .authorization_server("https://id2.example")
        .scopes_supported(["orders:read"])
        .member("resource_name", "Orders");
    let (status, content_type, text) = ask(&metadata, Method::GET).await;
    assert_eq!(
        (status, content_type.as_deref()),
        (200, Some("application/json"))
    );
    let expected = json!({
        "resource": "https://api.example/mcp",
        "authorization_servers": ["https://id.example", "https://id2.example"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["orders:read"],
        "resource_name": "Orders",
    });
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    assert_eq!(ask(&metadata, Method::POST).await.0, 405);
}
