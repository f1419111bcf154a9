//! CORS preflights: which requests are one, and what becomes of them.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

mod places_support;
mod server_support;

use http::{Method, Request};
use places_support::{
    Outcome::{self, Anonymous, Invalid, Known, Missing, OtherScheme},
    outcome, send,
};
use server_support::{good, optional, require};
use tower::ServiceBuilder;
use tower_bearer::{RequireScope, server::Place};

const ORIGIN: (&str, &str) = ("origin", "https://app.example");
const WANTS: (&str, &str) = ("access-control-request-method", "DELETE");

fn request(method: &Method, headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method.clone();
    for (name, value) in headers {
        let value = value.parse().unwrap();
        request.headers_mut().append(*name, value);
    }
    request
}

fn preflight() -> Request<()> {
    request(&Method::OPTIONS, &[ORIGIN, WANTS])
}

#[tokio::test]
async fn a_preflight_is_options_with_two_headers_and_nothing_else_is() {
    let asks = ("access-control-request-headers", "authorization");
    let rows: [(&str, Method, &[_], Outcome); 8] = [
        ("all three", Method::OPTIONS, &[ORIGIN, WANTS], Anonymous),
        (
            "and what comes with them",
            Method::OPTIONS,
            &[ORIGIN, WANTS, asks, ("accept", "*/*")],
            Anonymous,
        ),
        (
            "an opaque origin",
            Method::OPTIONS,
            &[("origin", "null"), WANTS],
            Anonymous,
        ),
        ("another method", Method::GET, &[ORIGIN, WANTS], Missing),
        ("and another", Method::DELETE, &[ORIGIN, WANTS], Missing),
        ("no origin", Method::OPTIONS, &[WANTS, asks], Missing),
        ("no wish", Method::OPTIONS, &[ORIGIN, asks], Missing),
        ("`OPTIONS` alone", Method::OPTIONS, &[], Missing),
    ];
    let guard = require().let_preflight_through();
    for (rule, method, headers, expected) in rows {
        let answer = send(&guard, request(&method, headers)).await;
        assert_eq!(outcome(&answer), expected, "{rule}");
        let answer = send(&require(), request(&method, headers)).await;
        assert_eq!(outcome(&answer), Missing, "{rule}, by default");
    }
}

#[tokio::test]
async fn a_preflight_that_brings_credentials_is_judged_by_them() {
    let with = |value: &str| {
        let authorization = ("authorization", value);
        request(&Method::OPTIONS, &[ORIGIN, WANTS, authorization])
    };
    let rows = [
        ("good", with(&format!("Bearer {}", good())), Known),
        ("bad", with("Bearer x"), Invalid),
        ("of another scheme", with("Basic YTpi"), OtherScheme),
    ];
    for (rule, request, expected) in rows {
        for guard in [
            send(&require().let_preflight_through(), request.clone()).await,
            send(&optional().let_preflight_through(), request).await,
        ] {
            assert_eq!(outcome(&guard), expected, "{rule}");
        }
    }
    let nowhere = require().credentials_in(Vec::<Place>::new());
    let answer = send(&nowhere.let_preflight_through(), preflight()).await;
    assert_eq!(outcome(&answer), Outcome::Misconfigured);
}

#[tokio::test]
async fn a_scope_lets_pass_what_its_guard_let_through_and_no_more() {
    let scope = || RequireScope::all(["admin"]);
    let stack = |guard| ServiceBuilder::new().layer(guard).layer(scope());
    let chosen = stack(require().let_preflight_through());
    let answer = send(&chosen, preflight()).await;
    assert_eq!(outcome(&answer), Anonymous, "the guard's choice holds");

    let not_chosen = ServiceBuilder::new().layer(optional()).layer(scope());
    let answer = send(&not_chosen, preflight()).await;
    assert_eq!(outcome(&answer), Missing, "anonymous is not enough");

    let inner = ServiceBuilder::new()
        .layer(require().let_preflight_through())
        .layer(optional())
        .layer(scope());
    let answer = send(&inner, preflight()).await;
    assert_eq!(outcome(&answer), Missing, "the nearest guard has the say");

    let optional = ServiceBuilder::new()
        .layer(optional().let_preflight_through())
        .layer(scope());
    let answer = send(&optional, request(&Method::OPTIONS, &[ORIGIN])).await;
    assert_eq!(outcome(&answer), Missing, "no preflight");
}
