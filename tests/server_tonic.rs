//! A guard before one service of a tonic server, and what tonic makes of its refusals.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used)]

mod server_support;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use serde_json::json;
use server_support::{good, mint, optional, require, require_with, token};
use tonic::{
    Code, Status,
    body::Body,
    server::NamedService,
    service::{LayerExt, Routes},
};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_bearer::{
    RequireScope,
    keys::{self, KeysUnavailable},
};

/// What `tonic-build` generates, as far as a layer can see.
#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "greet.Greeter";
}

impl Service<Request<Body>> for Greeter {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Ok(Status::ok("hello").into_http()))
    }
}

async fn call(routes: Routes, token: Option<&str>) -> Status {
    let mut request = Request::post("/greet.Greeter/Hello");
    if let Some(token) = token {
        let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        request = request.header(AUTHORIZATION, value);
    }
    let request = request
        .header("content-type", "application/grpc")
        .body(Body::empty())
        .unwrap();
    let response = routes.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    Status::from_header_map(response.headers()).unwrap()
}

#[tokio::test]
async fn tonic_reads_each_refusal() {
    let guarded = || Routes::new(require().named_layer(Greeter));
    let scoped = ServiceBuilder::new()
        .layer(optional())
        .layer(RequireScope::all(["admin"]));
    let unavailable = keys::from_fn(|_| Err(KeysUnavailable::new(Duration::from_secs(1))));
    let down = Routes::new(require_with(unavailable).named_layer(Greeter));
    let expired = token(json!({"exp": 1}));

    let rows = [
        ("a good token", guarded(), Some(good()), Code::Ok, "hello"),
        (
            "none",
            guarded(),
            None,
            Code::Unauthenticated,
            "an access token is needed",
        ),
        (
            "expired",
            guarded(),
            Some(expired),
            Code::Unauthenticated,
            "the access token expired",
        ),
        (
            "forged",
            guarded(),
            Some(mint([8; 32], json!({}))),
            Code::Unauthenticated,
            "the access token is invalid",
        ),
        (
            "scope",
            Routes::new(scoped.named_layer(Greeter)),
            Some(good()),
            Code::PermissionDenied,
            "the access token lacks the scope: admin",
        ),
        (
            "no keys",
            down,
            Some(good()),
            Code::Unavailable,
            "try again later",
        ),
    ];
    for (rule, routes, token, code, message) in rows {
        let status = call(routes, token.as_deref()).await;
        assert_eq!((status.code(), status.message()), (code, message), "{rule}");
    }
}
