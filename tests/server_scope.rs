//! The rules of `RequireScope`.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used)]

mod server_support;

use http::{HeaderValue, Request, Response, header::CONTENT_TYPE};
use serde_json::json;
use server_support::*;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::{
    RequireScope,
    server::{Authentication, Rejection, RejectionReason, RequireScopeService},
};

fn with_scope(scope: &str) -> Request<()> {
    request(&[&bearer(&token(json!({ "scope": scope })))])
}

#[tokio::test]
async fn all_asks_for_each_and_any_for_one() {
    let all = |names: &[&'static str]| RequireScope::all(names.to_vec());
    let any = |names: &[&'static str]| RequireScope::any(names.to_vec());
    let rows = [
        ("all: both", all(&["a", "b"]), "a b", 200),
        (
            "all: in another order, among others",
            all(&["a", "b"]),
            "c b a",
            200,
        ),
        ("all: one is missing", all(&["a", "b"]), "a", 403),
        ("all: none", all(&["a", "b"]), "", 403),
        ("all of nothing asks for a token alone", all(&[]), "", 200),
        ("any: the one", any(&["a", "b"]), "b", 200),
        ("any: another", any(&["a", "b"]), "c", 403),
        ("any of nothing lets nobody through", any(&[]), "a", 403),
        (
            "a part of a name is not the name",
            all(&["orders"]),
            "orders:read",
            403,
        ),
        ("case counts (RFC 6749 §3.3)", all(&["a"]), "A", 403),
        (
            "what can't be a scope can't be granted",
            all(&["a b"]),
            "a b",
            403,
        ),
        ("nor can an empty name", all(&[""]), "a", 403),
    ];
    for (rule, layer, granted, status) in rows {
        let layers = ServiceBuilder::new().layer(require()).layer(layer);
        let response = send(layers, with_scope(granted)).await;
        assert_eq!(response.status().as_u16(), status, "{rule}");
        assert_eq!(response.body().is_some(), status == 200, "{rule}");
    }
}

#[tokio::test]
async fn the_refusal_says_which_scope_is_needed() {
    for layer in [RequireScope::all(["a", "b"]), RequireScope::any(["a", "b"])] {
        let layers = ServiceBuilder::new().layer(require()).layer(layer);
        let response = send(layers, with_scope("c")).await;
        assert_eq!(response.status(), 403);
        assert_eq!(
            challenge(&response),
            Some(r#"Bearer realm="orders", error="insufficient_scope", scope="a b""#)
        );
        let rejection = rejection(&response);
        assert!(matches!(
            rejection.reason(),
            RejectionReason::InsufficientScope { needed } if needed.as_str() == "a b"
        ));
    }
}

#[tokio::test]
async fn an_anonymous_caller_is_asked_for_a_token() {
    let layers = ServiceBuilder::new()
        .layer(optional())
        .layer(RequireScope::all(["a"]));
    let response = send(layers, Request::new(())).await;
    assert_eq!(response.status(), 401);
    assert_eq!(challenge(&response), Some(r#"Bearer realm="orders""#));
}

#[tokio::test]
async fn a_handler_may_ask_the_same() {
    let grpc = |mut request: Request<()>| {
        let grpc = HeaderValue::from_static("application/grpc");
        request.headers_mut().insert(CONTENT_TYPE, grpc);
        *request.method_mut() = http::Method::POST;
        request
    };
    let lacking = r#"Bearer realm="orders", error="insufficient_scope", scope="a""#;
    let rows = [
        ("allowed", with_scope("a"), None),
        ("not allowed", with_scope("b"), Some((403, Some(lacking)))),
        (
            "anonymous",
            Request::new(()),
            Some((401, Some("Bearer realm=\"orders\""))),
        ),
        ("over gRPC", grpc(with_scope("b")), Some((200, None))),
    ];
    for (rule, request, expected) in rows {
        let handler = service_fn(|request: Request<()>| async move {
            let caller = request.extensions().get::<Authentication>().unwrap();
            let refusal = RequireScope::all(["a"]).check(caller).err();
            Ok::<_, std::convert::Infallible>(Response::new(refusal))
        });
        let response = optional().layer(handler).oneshot(request).await.unwrap();
        let refusal = response.into_body();
        let answer = refusal.map(|refusal| refusal.response_with(()));
        let told = answer
            .as_ref()
            .map(|answer| (answer.status().as_u16(), challenge(answer)));
        assert_eq!(told, expected, "{rule}");
    }
}

#[tokio::test]
async fn without_a_guard_nothing_passes_and_the_error_names_the_layer() {
    let response = send(RequireScope::all([""; 0]), authorized()).await;
    assert_eq!(response.status(), 500);
    assert_eq!(challenge(&response), None);
    let text = rejection(&response).to_string();
    assert!(text.contains("add `RequireJwt` or another guard"), "{text}");
}

#[tokio::test]
async fn grpc_is_answered_in_its_own_terms() {
    let rows = [
        ("PERMISSION_DENIED", with_scope("c"), "7"),
        ("UNAUTHENTICATED", Request::new(()), "16"),
    ];
    for (rule, mut request, status) in rows {
        let grpc = HeaderValue::from_static("application/grpc");
        request.headers_mut().insert(CONTENT_TYPE, grpc);
        *request.method_mut() = http::Method::POST;
        let layers = ServiceBuilder::new()
            .layer(optional())
            .layer(RequireScope::all(["50%"]));
        let response = send(layers, request).await;
        assert_eq!(response.status(), 200, "{rule}");
        assert_eq!(header(&response, "grpc-status"), Some(status), "{rule}");
        let message = header(&response, "grpc-message").unwrap();
        assert!(
            !message.contains("50%") || message.contains("50%25"),
            "{rule}: {message}"
        );
    }
}

#[tokio::test]
async fn a_refusal_becomes_the_applications_own_response() {
    let layer = RequireScope::all(["a"]).rejection_response(|_: &Rejection| {
        let mut response = Response::new(None);
        *response.status_mut() = http::StatusCode::NOT_FOUND;
        response
    });
    let layers = ServiceBuilder::new().layer(require()).layer(layer.clone());
    let response = send(layers, with_scope("c")).await;
    assert_eq!(response.status(), 404);
    assert_eq!(rejection(&response).status(), 403);
}

#[test]
fn the_service_gives_access_to_the_inner_one() {
    let layer = RequireScope::all(["a"]);
    let service: RequireScopeService<Echo> = tower::Layer::layer(&layer, Echo);
    let mut again = service.clone();
    let _: (&Echo, &mut Echo) = (service.get_ref(), again.get_mut());
    let Echo = again.into_inner();
}
