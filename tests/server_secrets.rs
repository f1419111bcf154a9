//! Nothing that the server's end prints holds a token.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used)]

mod server_support;

use std::{
    fmt::Debug,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Request;
use serde_json::json;
use server_support::*;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_bearer::{
    RequireScope, Verified,
    keys::{self, KeysUnavailable},
    server::{Authentication, Place, Rejection},
    token::Scheme,
};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Runs `test` and returns what was logged, at every level.
fn logged(test: impl Future<Output = ()>) -> String {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tracing::subscriber::with_default(subscriber, || runtime.block_on(test));
    log.text()
}

/// Any part of a token that is long enough to be recognised.
#[track_caller]
fn assert_hides(printed: &str, token: &str) {
    for part in token.split('.').filter(|part| part.len() > 8) {
        assert!(!printed.contains(&part[..8]), "{part} shows in {printed}");
    }
}

#[test]
fn no_refusal_prints_the_token() {
    let rows = [
        ("another key", mint([8; 32], json!({}))),
        ("another audience", token(json!({"aud": "billing"}))),
        (
            "another issuer",
            token(json!({"iss": "https://evil.example"})),
        ),
        ("expired", token(json!({"exp": 1}))),
        ("claims of another type", token(json!({"sub": 7}))),
        ("opaque", "mF_9-B5f4_1JqM-secret-part".to_owned()),
        (
            "two segments",
            "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwcyJ9".to_owned(),
        ),
        (
            "no base64",
            "$ecret-token-value.$ecret-token-value.$ecret-token-value".to_owned(),
        ),
    ];
    for (rule, token) in rows {
        let printed = logged(async {
            let response = send(require(), request(&[&bearer(&token)])).await;
            assert_eq!(response.status(), 401, "{rule}");
            let rejection = rejection(&response);
            assert_hides(&format!("{rejection:?} {rejection} {response:?}"), &token);
        });
        assert!(
            printed.contains("INFO") && printed.contains("request refused"),
            "{printed}"
        );
        assert_hides(&printed, &token);
    }
}

#[test]
fn a_bare_token_behind_a_word_it_should_not_have_is_not_printed() {
    let token = good();
    let printed = logged(async {
        send(require(), request(&[token.as_bytes()])).await;
        let bare = Place::header(Scheme::bare());
        send(require().credentials_in(bare), request(&[&bearer(&token)])).await;
        send(require(), request(&[&bearer(&token), &bearer(&token)])).await;
    });
    assert_hides(&printed, &token);
}

#[test]
fn no_refusal_prints_an_opaque_token_or_a_token_elsewhere() {
    let unknown = "opaque-token-of-mallory-5d1e";
    let everywhere = || {
        [
            Place::header(Scheme::bearer()),
            Place::cookie("session").unwrap(),
            Place::dangerous_query("access_token"),
            Place::websocket_protocol("bearer").unwrap(),
            Place::websocket_protocol_base64url("base64url.bearer.").unwrap(),
        ]
    };
    let bad = token(json!({"aud": "billing"}));
    let cookie = |value: &str| {
        let request = Request::get("/").header("cookie", format!("a=1; session={value}"));
        request.body(()).unwrap()
    };
    let query = |value: &str| {
        let request = Request::get(format!("/?access_token={value}"));
        request.body(()).unwrap()
    };
    let protocol = |list: String| {
        let request = Request::get("/").header("sec-websocket-protocol", list);
        request.body(()).unwrap()
    };
    let encoded = |token: &str| URL_SAFE_NO_PAD.encode(token);
    let printed = logged(async {
        let guard = require_token().credentials_in(everywhere());
        for request in [
            request(&[&bearer(unknown)]),
            cookie(unknown),
            query(unknown),
            protocol(format!("bearer, {unknown}")),
            protocol(format!("base64url.bearer.{}", encoded(unknown))),
            protocol(format!("base64url.bearer.{unknown}=")),
        ] {
            assert_eq!(send(guard.clone(), request).await.status(), 401);
        }
        let twice = format!("{unknown}&access_token={unknown}");
        assert_eq!(send(guard.clone(), query(&twice)).await.status(), 400);
        assert_eq!(
            send(guard, query(&format!("{unknown}%zz"))).await.status(),
            401
        );
        let guard = require().credentials_in(everywhere());
        for request in [
            cookie(&bad),
            query(&bad),
            cookie(&format!("\"{bad}")),
            protocol(format!("v1, bearer, {bad}")),
            protocol(format!("base64url.bearer.{}", encoded(&bad))),
        ] {
            assert_eq!(send(guard.clone(), request).await.status(), 401);
        }
    });
    assert_eq!(printed.lines().count(), 13, "{printed}");
    for token in [unknown, &bad, &encoded(unknown), &encoded(&bad)] {
        assert_hides(&printed, token);
    }
}

#[test]
fn each_refusal_is_logged_at_the_level_of_who_is_at_fault() {
    let unavailable = || {
        keys::from_fn(|_| {
            Err(KeysUnavailable::new(Duration::from_secs(1)).with_source("connection refused"))
        })
    };
    let scoped = ServiceBuilder::new()
        .layer(require())
        .layer(RequireScope::all(["admin"]));
    let unguarded = RequireScope::all(["admin"]);
    let evil = token(json!({"aud": "billing"}));

    let rows = [
        (
            "DEBUG",
            "the request brought no token",
            logged(async { drop(send(require(), Request::new(())).await) }),
        ),
        (
            "INFO",
            "billing",
            logged(async { drop(send(require(), request(&[&bearer(&evil)])).await) }),
        ),
        (
            "INFO",
            "issuer=\"https://id.example\"",
            logged(async { drop(send(require(), request(&[&bearer(&evil)])).await) }),
        ),
        (
            "INFO",
            "admin",
            logged(async { drop(send(scoped, authorized()).await) }),
        ),
        (
            "WARN",
            "connection refused",
            logged(async { drop(send(require_with(unavailable()), authorized()).await) }),
        ),
        (
            "WARN",
            "waited_us=",
            logged(async { drop(send(require_with(unavailable()), authorized()).await) }),
        ),
        (
            "ERROR",
            "add `RequireJwt`",
            logged(async { drop(send(unguarded, authorized()).await) }),
        ),
    ];
    for (level, text, printed) in rows {
        assert!(printed.contains(level), "{level} in {printed}");
        assert!(printed.contains(text), "{text} in {printed}");
        assert_hides(&printed, &good());
    }
}

#[test]
fn what_a_peer_wrote_can_forge_no_line_of_the_log() {
    let forged = token(json!({"iss": "x\n2026-01-01 INFO all is well", "aud": "\u{1b}[31m"}));
    let printed = logged(async { drop(send(require(), request(&[&bearer(&forged)])).await) });
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert!(!printed.contains('\u{1b}'), "{printed}");
}

#[test]
fn what_a_peer_wrote_can_fill_no_log() {
    let long = token(json!({"iss": "x".repeat(5_000), "aud": vec!["y".repeat(300); 10]}));
    let printed = logged(async { drop(send(require(), request(&[&bearer(&long)])).await) });
    assert!(printed.contains("xxx"), "{printed}");
    assert!(printed.len() < 1_000, "{printed}");
}

#[tokio::test]
async fn nothing_that_can_be_printed_shows_an_accepted_token() {
    let token = good();
    let inner = service_fn(|request: Request<()>| async move {
        let extensions = request.extensions();
        let verified = Verified::<MyClaims>::of(extensions).unwrap();
        let record = extensions.get::<Authentication>().unwrap();
        let printed = format!("{verified:?} {record:?} {request:?}");
        Ok::<_, std::convert::Infallible>(http::Response::new(printed))
    });
    let service = require().layer(inner);
    let printed = service.oneshot(authorized()).await.unwrap().into_body();
    assert!(printed.contains("alice"), "{printed}");
    assert_hides(&printed, &token);

    fn printed_by(value: &dyn Debug) -> String {
        format!("{value:?}")
    }
    let source = ManualKeys::new();
    let mut service = require_with(source).layer(Echo);
    let future = tower::Service::call(&mut service, authorized());
    for value in [&service as &dyn Debug, &future, &require(), &optional()] {
        assert_hides(&printed_by(value), &token);
    }
    let _: fn(&Rejection) -> String = |rejection| rejection.to_string();
}
