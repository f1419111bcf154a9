//! The guards and the extractor in axum.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used)]

mod server_support;

use axum::{
    Extension, Router,
    body::Body,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, Method, Request, StatusCode, header::AUTHORIZATION};
use serde_json::json;
use server_support::{
    ALICE, BOB, Employee, ManualKeys, MyClaims, OtherClaims, Standing, challenge, good, keys,
    optional, optional_token, rejection, require, require_token, require_with, token, validator,
};
use tower::{ServiceBuilder, ServiceExt, util::option_layer};
use tower_bearer::{
    Identity, OptionalJwt, RequireJwt, RequireScope, RequireToken, Verified,
    server::{Authentication, Place, Rejection, RejectionReason},
    token::Scheme,
};

async fn name(token: Verified<MyClaims>) -> String {
    token.claims().sub.clone()
}

async fn maybe_name(token: Option<Verified<MyClaims>>) -> String {
    token.map_or("nobody".to_owned(), |token| token.claims().sub.clone())
}

fn authorized(path: &str) -> Request<Body> {
    with_token(path, &good())
}

fn with_token(path: &str, token: &str) -> Request<Body> {
    let mut request = plain(path);
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    request.headers_mut().insert(AUTHORIZATION, value);
    request
}

fn plain(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn ask(app: &Router, request: Request<Body>) -> Response {
    app.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn the_paved_path_works() {
    let app: Router = Router::new()
        .route("/orders", get(name))
        .route_layer(RequireScope::all(["orders:read"]))
        .layer(require());

    let response = ask(&app, authorized("/orders")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(text(response).await, "alice");

    let unscoped = token(json!({"scope": "other"}));
    let response = ask(&app, with_token("/orders", &unscoped)).await;
    assert_eq!(response.status(), 403);

    let response = ask(&app, plain("/orders")).await;
    assert_eq!(response.status(), 401);
    assert_eq!(challenge(&response), Some(r#"Bearer realm="orders""#));
    assert_eq!(text(response).await, "");

    let response = ask(&app, plain("/unknown")).await;
    assert_eq!(
        response.status(),
        401,
        "with `layer`, unknown paths tell nothing"
    );
}

#[tokio::test]
async fn with_route_layer_unknown_paths_are_not_found() {
    let app: Router = Router::new()
        .route("/orders", get(name))
        .route_layer(require());
    assert_eq!(ask(&app, plain("/orders")).await.status(), 401);
    assert_eq!(ask(&app, plain("/unknown")).await.status(), 404);
}

#[tokio::test]
async fn each_guard_fits_each_place_of_a_router() {
    let custom = require().rejection_response(|rejection: &Rejection| {
        (rejection.status(), "see the manual").into_response()
    });
    let scope = RequireScope::any(["orders:read"]);
    let app: Router = Router::new()
        .route("/method", get(name).layer(require()))
        .route("/method-optional", get(maybe_name).layer(optional()))
        .route(
            "/method-scope",
            get(name).route_layer(scope.clone()).layer(require()),
        )
        .route("/method-route", get(name).route_layer(custom.clone()))
        .nest(
            "/nested",
            Router::new()
                .route("/a", get(maybe_name))
                .layer(optional())
                .layer(require()),
        )
        .nest(
            "/stack",
            Router::new()
                .route("/a", get(name))
                .layer(ServiceBuilder::new().layer(custom).layer(scope)),
        )
        .nest(
            "/switch",
            Router::new()
                .route("/a", get(|| async { "open" }))
                .layer(option_layer(None::<RequireJwt<MyClaims>>)),
        );
    for path in [
        "/method",
        "/method-optional",
        "/method-scope",
        "/method-route",
        "/nested/a",
        "/stack/a",
        "/switch/a",
    ] {
        assert_eq!(ask(&app, authorized(path)).await.status(), 200, "{path}");
    }
    let open = ["/method-optional", "/switch/a"];
    for path in [
        "/method",
        "/method-optional",
        "/method-scope",
        "/method-route",
        "/nested/a",
        "/stack/a",
        "/switch/a",
    ] {
        let expected = if open.contains(&path) { 200 } else { 401 };
        assert_eq!(ask(&app, plain(path)).await.status(), expected, "{path}");
    }
    let response = ask(&app, plain("/stack/a")).await;
    assert!(matches!(
        rejection(&response).reason(),
        RejectionReason::CredentialsMissing
    ));
    assert_eq!(text(response).await, "see the manual");
}

#[tokio::test]
async fn a_scope_is_asked_for_by_route_by_nest_and_by_method() {
    let scope = |name: &'static str| RequireScope::all([name]);
    let admin = Router::new()
        .route("/users", get(name))
        .route_layer(scope("admin"));
    let app: Router = Router::new()
        .route("/me", get(name))
        .route("/orders", get(name).layer(scope("read")))
        .route(
            "/invoices",
            get(name)
                .layer(scope("read"))
                .merge(post(name).layer(scope("write")))
                .delete(name),
        )
        .nest("/admin", admin)
        .route_layer(require());
    let rows = [
        ("no scope is asked for", Method::GET, "/me", "", 200),
        ("by route", Method::GET, "/orders", "read", 200),
        ("by route, without it", Method::GET, "/orders", "write", 403),
        ("by method", Method::GET, "/invoices", "read", 200),
        ("not the other's", Method::POST, "/invoices", "read", 403),
        ("by another method", Method::POST, "/invoices", "write", 200),
        (
            "a method that was added after the layer",
            Method::DELETE,
            "/invoices",
            "",
            200,
        ),
        ("by nest", Method::GET, "/admin/users", "admin", 200),
        (
            "by nest, without it",
            Method::GET,
            "/admin/users",
            "read",
            403,
        ),
        (
            "with `route_layer`, an unknown path in it is not found",
            Method::GET,
            "/admin/nothing",
            "",
            404,
        ),
        ("nor an unknown method", Method::PUT, "/me", "", 405),
    ];
    for (rule, method, path, granted, expected) in rows {
        let mut request = with_token(path, &token(json!({ "scope": granted })));
        *request.method_mut() = method;
        let response = ask(&app, request).await;
        assert_eq!(response.status().as_u16(), expected, "{rule}");
    }
}

#[tokio::test]
async fn an_optional_token_is_none_only_for_a_recorded_anonymous() {
    let guarded = |guard: OptionalJwt<MyClaims>| -> Router {
        Router::new().route("/", get(maybe_name)).layer(guard)
    };
    let app = guarded(optional());
    assert_eq!(text(ask(&app, plain("/")).await).await, "nobody");
    assert_eq!(text(ask(&app, authorized("/")).await).await, "alice");
    assert_eq!(ask(&app, with_token("/", "x")).await.status(), 401);

    let unguarded: Router = Router::new().route("/", get(maybe_name));
    let other = OptionalJwt::<OtherClaims>::new(validator(), keys()).clock(Standing);
    let other: Router = Router::new().route("/", get(maybe_name)).layer(other);
    let rows = [
        (
            "the guard is missing",
            unguarded,
            "add `RequireJwt` or `OptionalJwt`",
        ),
        (
            "the guard has other claims",
            other,
            "write the same `C` in both",
        ),
    ];
    for (rule, app, fix) in rows {
        let response = ask(&app, authorized("/")).await;
        assert_eq!(
            response.status(),
            StatusCode::INTERNAL_SERVER_ERROR,
            "{rule}"
        );
        let said = rejection(&response).to_string();
        assert!(said.contains(fix), "{rule}: {said}");
        assert_eq!(text(response).await, "", "{rule}: the caller is not told");
    }
}

#[tokio::test]
async fn a_required_token_of_an_anonymous_caller_is_asked_for() {
    let app: Router = Router::new().route("/", get(name)).layer(optional());
    let response = ask(&app, plain("/")).await;
    assert_eq!(response.status(), 401);
    assert_eq!(challenge(&response), Some(r#"Bearer realm="orders""#));

    let unguarded: Router = Router::new().route("/", get(name));
    assert_eq!(ask(&unguarded, authorized("/")).await.status(), 500);
}

#[tokio::test]
async fn the_untyped_record_is_an_extension() {
    async fn scopes(Extension(caller): Extension<Authentication>) -> String {
        caller.scopes().map(ToString::to_string).unwrap_or_default()
    }
    let app: Router = Router::new().route("/", get(scopes)).layer(require());
    assert_eq!(
        text(ask(&app, authorized("/")).await).await,
        "orders:read orders:list"
    );
}

#[tokio::test]
async fn requests_that_wait_for_keys_are_served_when_they_come() {
    let source = ManualKeys::new();
    let app: Router = Router::new()
        .route("/", get(name))
        .layer(require_with(source.clone()));
    let waiting: Vec<_> = (0..10)
        .map(|_| tokio::spawn(app.clone().oneshot(authorized("/"))))
        .collect();
    while source.asked() < 10 {
        tokio::task::yield_now().await;
    }
    source.arrive(keys());
    for response in waiting {
        assert_eq!(response.await.unwrap().unwrap().status(), 200);
    }
}

async fn employee(caller: Identity<Employee>) -> String {
    caller.name.to_owned()
}

async fn maybe_employee(caller: Option<Identity<Employee>>) -> String {
    caller.map_or("nobody".to_owned(), |caller| caller.name.to_owned())
}

#[tokio::test]
async fn the_identity_of_an_opaque_token_is_an_extractor() {
    let app: Router = Router::new()
        .route("/", get(employee))
        .route_layer(RequireScope::all(["orders:read"]))
        .layer(require_token());
    let response = ask(&app, with_token("/", ALICE)).await;
    assert_eq!(text(response).await, "Alice");
    assert_eq!(ask(&app, with_token("/", BOB)).await.status(), 403);
    assert_eq!(ask(&app, plain("/")).await.status(), 401);

    let app: Router = Router::new()
        .route("/", get(maybe_employee))
        .route("/required", get(employee))
        .layer(optional_token());
    assert_eq!(text(ask(&app, plain("/")).await).await, "nobody");
    assert_eq!(text(ask(&app, with_token("/", BOB)).await).await, "Bob");
    assert_eq!(ask(&app, with_token("/", "x")).await.status(), 401);
    let response = ask(&app, plain("/required")).await;
    assert_eq!(response.status(), 401);
    assert_eq!(challenge(&response), Some(r#"Bearer realm="protected""#));

    let unguarded: Router = Router::new().route("/", get(maybe_employee));
    let of_jwts: Router = Router::new().route("/", get(employee)).layer(require());
    let no_jwts: Router = Router::new().route("/", get(name)).layer(require_token());
    let rows = [
        (
            "no guard",
            unguarded,
            ALICE.to_owned(),
            "add `RequireToken`",
        ),
        (
            "a guard of JWTs",
            of_jwts,
            good(),
            "write the same `I` in both",
        ),
        (
            "a guard of no JWTs",
            no_jwts,
            ALICE.to_owned(),
            "write the same `C` in both",
        ),
    ];
    for (rule, app, token, fix) in rows {
        let response = ask(&app, with_token("/", &token)).await;
        assert_eq!(response.status(), 500, "{rule}");
        let said = rejection(&response).to_string();
        assert!(said.contains(fix), "{rule}: {said}");
    }
}

#[tokio::test]
async fn a_guard_is_switched_on_and_off_as_an_optional_layer() {
    async fn look(record: Option<Extension<Authentication>>) -> String {
        let caller = record.and_then(|Extension(record)| record.identity::<Employee>());
        caller.map_or("open".to_owned(), |caller| caller.name.to_owned())
    }
    let app = |guard: Option<RequireToken<Employee>>| -> Router {
        Router::new()
            .route("/api/env/page", get(look))
            .route("/method", get(look).layer(option_layer(guard.clone())))
            .layer(option_layer(guard))
    };
    let bare = |token: &'static str| {
        let mut request = plain("/api/env/page");
        let value = HeaderValue::from_static(token);
        request.headers_mut().insert(AUTHORIZATION, value);
        request
    };
    let on = app(Some(require_token().credentials_in(Scheme::bare())));
    assert_eq!(ask(&on, plain("/api/env/page")).await.status(), 401);
    assert_eq!(ask(&on, plain("/method")).await.status(), 401);
    assert_eq!(text(ask(&on, bare(ALICE)).await).await, "Alice");
    let off = app(None);
    assert_eq!(text(ask(&off, plain("/api/env/page")).await).await, "open");
    assert_eq!(text(ask(&off, bare(ALICE)).await).await, "open");
}

#[tokio::test]
async fn a_token_in_the_query_is_gone_for_the_handler_and_its_response_is_private() {
    async fn uri(uri: http::Uri) -> String {
        uri.to_string()
    }
    let guard = require()
        .credentials_in(Place::dangerous_query("access_token"))
        .remove_credentials();
    let app: Router = Router::new().route("/orders/{id}", get(uri)).layer(guard);
    let path = format!("/orders/7?a=%20&access_token={}&b", good());
    let response = ask(&app, plain(&path)).await;
    assert_eq!(response.headers()["cache-control"], "private");
    assert_eq!(text(response).await, "/orders/7?a=%20&b");
}
