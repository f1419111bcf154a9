//! The rules of `StaticTokens` and of the guards over them.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used)]

mod server_support;

use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, Method, Request, StatusCode, header::CONTENT_TYPE};
use server_support::*;
use tower::{Layer, ServiceBuilder, ServiceExt, util::option_layer};
use tower_bearer::{
    Identity, OptionalToken, RequireScope, RequireToken, StaticToken, StaticTokens,
    challenge::Challenge,
    server::{
        OptionalTokenService, Place, Rejection, RejectionReason, RequireTokenFuture,
        RequireTokenService,
    },
    token::{Scheme, TokenHeader, TokenValueError},
};

const PLAIN: &str = r#"Bearer realm="protected""#;
const INVALID: &str = r#"Bearer realm="protected", error="invalid_token", error_description="the access token is invalid""#;
const INVALID_REQUEST: &str = r#"Bearer realm="protected", error="invalid_request""#;

fn line(value: &str) -> Vec<Vec<u8>> {
    vec![value.as_bytes().to_vec()]
}

#[tokio::test]
async fn an_opaque_token_keeps_the_rules_that_a_jwt_keeps() {
    type Row<'a> = (&'a str, Vec<Vec<u8>>, u16, Option<&'a str>);
    let rows: Vec<Row<'_>> = vec![
        ("a known token", vec![bearer(ALICE)], 200, None),
        ("another one", vec![bearer(BOB)], 200, None),
        (
            "the scheme in any case",
            line(&format!("bEARER  {ALICE}")),
            200,
            None,
        ),
        (
            "an unknown token",
            line("Bearer mF_9.B5f-4.1JqM"),
            401,
            Some(INVALID),
        ),
        (
            "a part of one",
            vec![bearer(&ALICE[..20])],
            401,
            Some(INVALID),
        ),
        (
            "more than one",
            vec![bearer(&format!("{ALICE}x"))],
            401,
            Some(INVALID),
        ),
        (
            "another case",
            vec![bearer(&ALICE.to_uppercase())],
            401,
            Some(INVALID),
        ),
        (
            "in quotes",
            line(&format!("Bearer \"{ALICE}\"")),
            401,
            Some(INVALID),
        ),
        (
            "two in one line",
            line(&format!("Bearer {ALICE} {ALICE}")),
            401,
            Some(INVALID),
        ),
        ("a JWT", vec![bearer(&good())], 401, Some(INVALID)),
        (
            "the digest of one",
            line(&format!("Bearer {DIGEST_OF_ALICE}")),
            401,
            Some(INVALID),
        ),
        ("an empty token", line("Bearer "), 401, Some(INVALID)),
        (
            "not UTF-8",
            vec![b"Bearer \xff\xfe".to_vec()],
            401,
            Some(INVALID),
        ),
        (
            "400 KiB",
            line(&format!("Bearer {}", "a".repeat(400 * 1024))),
            401,
            Some(INVALID),
        ),
        ("the token alone", line(ALICE), 401, Some(PLAIN)),
        ("another scheme", line("Basic YTpi"), 401, Some(PLAIN)),
        (
            "two lines",
            vec![bearer(ALICE), bearer(ALICE)],
            400,
            Some(INVALID_REQUEST),
        ),
    ];
    for (rule, lines, status, expected) in rows {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        for response in [
            send(require_token(), request(&lines)).await,
            send(optional_token(), request(&lines)).await,
        ] {
            assert_eq!(response.status().as_u16(), status, "{rule}");
            assert_eq!(challenge(&response), expected, "{rule}");
            let is_refused = response.extensions().get::<Rejection>().is_some();
            assert_eq!(is_refused, status != 200, "{rule}");
            assert_eq!(response.body().is_some(), status == 200, "{rule}");
        }
    }
    let response = send(require_token(), Request::new(())).await;
    assert_eq!(response.status(), 401);
    assert_eq!(challenge(&response), Some(PLAIN));
    let seen = send(optional_token(), Request::new(()))
        .await
        .into_body()
        .unwrap();
    assert_eq!((seen.anonymous, seen.employee), (Some(true), None));
}

/// What is kept of [`ALICE`], as `printf %s … | sha256sum` writes it.
const DIGEST_OF_ALICE: &str = "15d028e0c160520e1d051b1ab3f71bb98ce65bfa066417a6981c234f6a71913f";

#[tokio::test]
async fn the_handler_finds_whose_token_it_is() {
    let seen = send(require_token(), opaque()).await.into_body().unwrap();
    assert_eq!(seen.employee, Some("Alice"));
    assert_eq!(seen.anonymous, Some(false));
    assert_eq!(seen.scopes.as_deref(), Some("orders:read orders:list"));
    assert_eq!(seen.subject, None, "never a `Verified`");
    assert!(seen.authorization.unwrap().is_sensitive());

    let bob = request(&[&bearer(BOB)]);
    let seen = send(optional_token(), bob).await.into_body().unwrap();
    assert_eq!(
        (seen.employee, seen.scopes.as_deref()),
        (Some("Bob"), Some(""))
    );
}

#[tokio::test]
async fn require_scope_stands_inside() {
    let rows = [
        (ALICE, "orders:read", 200, None),
        (
            ALICE,
            "admin",
            403,
            Some(r#"Bearer realm="protected", error="insufficient_scope", scope="admin""#),
        ),
        (
            BOB,
            "orders:read",
            403,
            Some(r#"Bearer realm="protected", error="insufficient_scope", scope="orders:read""#),
        ),
    ];
    for (token, scope, status, expected) in rows {
        let layers = ServiceBuilder::new()
            .layer(require_token())
            .layer(RequireScope::all([scope]));
        let response = send(layers, request(&[&bearer(token)])).await;
        assert_eq!(response.status().as_u16(), status, "{token} {scope}");
        assert_eq!(challenge(&response), expected, "{token} {scope}");
    }
    let anonymous = ServiceBuilder::new()
        .layer(optional_token())
        .layer(RequireScope::all(["orders:read"]));
    let response = send(anonymous, Request::new(())).await;
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn an_inner_guard_removes_what_an_outer_one_left() {
    let inner_jwt = ServiceBuilder::new()
        .layer(require_token().remove_credentials())
        .layer(optional());
    let seen = send(inner_jwt, opaque()).await.into_body().unwrap();
    assert_eq!((seen.anonymous, seen.employee), (Some(true), None));

    let inner_token = ServiceBuilder::new()
        .layer(require().remove_credentials())
        .layer(optional_token());
    let seen = send(inner_token, authorized()).await.into_body().unwrap();
    assert_eq!((seen.anonymous, seen.subject), (Some(true), None));

    let same = ServiceBuilder::new()
        .layer(require_token().remove_credentials())
        .layer(optional_token());
    let seen = send(same, opaque()).await.into_body().unwrap();
    assert_eq!((seen.anonymous, seen.employee), (Some(true), None));
}

#[tokio::test]
async fn what_is_changed_through_a_handle_holds_for_the_next_request() {
    let tokens = StaticTokens::new();
    let service = RequireToken::new(tokens.clone()).layer(Echo);
    let ask = async |token: &str| {
        let response = service.clone().oneshot(request(&[&bearer(token)])).await;
        let response = response.unwrap();
        match response.status().as_u16() {
            200 => response.into_body().unwrap().employee,
            401 => None,
            other => Some(if other == 500 { "500" } else { "other" }),
        }
    };
    assert_eq!(ask(ALICE).await, None, "nobody is known yet");
    assert!(tokens.is_empty());

    tokens.add(static_token(ALICE, "Alice", ""));
    tokens.add(static_token(BOB, "Bob", ""));
    assert_eq!(
        (ask(ALICE).await, ask(BOB).await),
        (Some("Alice"), Some("Bob"))
    );

    tokens.add(static_token(ALICE, "Alice's successor", ""));
    assert_eq!(ask(ALICE).await, Some("Alice's successor"));
    assert_eq!(tokens.len(), 2);

    assert!(tokens.remove(ALICE));
    assert!(!tokens.remove(ALICE), "it was not known any more");
    assert_eq!((ask(ALICE).await, ask(BOB).await), (None, Some("Bob")));

    let carol = "opaque-token-of-carol-77aa01b2";
    tokens.replace_all([
        static_token(carol, "Carol", ""),
        static_token(ALICE, "the first", ""),
        static_token(ALICE, "the last", ""),
    ]);
    assert_eq!(ask(BOB).await, None);
    assert_eq!(
        (ask(carol).await, ask(ALICE).await),
        (Some("Carol"), Some("the last"))
    );

    tokens.replace_all([]);
    assert_eq!(ask(carol).await, None);
}

#[test]
fn changes_are_whole_whoever_else_makes_some() {
    let tokens = static_tokens();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let alice = tokens.authenticate(ALICE).expect("is in each version");
                assert_eq!(alice.name, "Alice");
            }
        });
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let tokens = tokens.clone();
                scope.spawn(move || {
                    for number in 0..50 {
                        let token = format!("token-{writer}-{number}");
                        tokens.add(static_token(&token, "somebody", ""));
                        assert!(tokens.authenticate(&token).is_some());
                        if number % 2 == 0 {
                            assert!(tokens.remove(&token));
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(tokens.len(), 2 + 4 * 25, "no change was lost");
}

#[test]
fn a_value_that_can_be_no_token_is_refused_when_it_is_given() {
    let rows = [
        ("", TokenValueError::Empty),
        ("with a space", TokenValueError::Illegal),
        ("a-line-break-of-a-file\n", TokenValueError::Illegal),
        ("größe", TokenValueError::Illegal),
        ("nul\0", TokenValueError::Illegal),
    ];
    for (value, expected) in rows {
        let error = StaticToken::new(value, ()).unwrap_err();
        assert_eq!(error, expected, "{value:?}");
        assert!(value.is_empty() || !error.to_string().contains(value.trim()));
    }
    assert!(StaticToken::new("!\"#~", ()).is_ok());
}

#[test]
fn a_token_outside_http_is_known_by_the_same_tokens() {
    let tokens = static_tokens();
    let alice = tokens.authenticate(ALICE).unwrap();
    assert_eq!(alice.name, "Alice");
    assert!(alice.scopes().contains("orders:read"));
    for unknown in ["", " ", "opaque", DIGEST_OF_ALICE] {
        assert!(tokens.authenticate(unknown).is_none(), "{unknown:?}");
    }
}

#[test]
fn nothing_that_can_be_printed_shows_a_token_its_digest_or_its_identity() {
    let tokens = static_tokens();
    let one = static_token(ALICE, "Alice", "orders:read");
    let identity = tokens.authenticate(ALICE).unwrap();
    let printed = format!("{tokens:?} {one:?} {identity:?} {:?}", require_token());
    for hidden in [&ALICE[..16], "Alice", &DIGEST_OF_ALICE[..8]] {
        assert!(!printed.contains(hidden), "{hidden} in {printed}");
    }
    assert!(printed.contains("orders:read"), "{printed}");
}

#[tokio::test]
async fn the_rejection_says_what_the_caller_is_not_told() {
    let response = send(require_token(), request(&[b"Bearer unknown-token"])).await;
    let rejection = rejection(&response);
    assert_eq!(rejection.status(), StatusCode::UNAUTHORIZED);
    assert!(matches!(rejection.reason(), RejectionReason::UnknownToken));
    let said = rejection.to_string();
    assert!(said.contains("none of those that this API knows"), "{said}");
    assert!(!said.contains("unknown-token"), "{said}");

    let mut request = request(&[b"Bearer unknown-token"]);
    *request.method_mut() = Method::POST;
    let grpc = HeaderValue::from_static("application/grpc");
    request.headers_mut().insert(CONTENT_TYPE, grpc);
    let response = send(require_token(), request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "grpc-status"), Some("16"));
}

#[tokio::test]
async fn the_steps_are_those_of_every_guard() {
    let guard = require_token()
        .credentials_in([
            Place::header(Scheme::bare()),
            Place::header(TokenHeader::named("x-api-key").unwrap()),
            Place::dangerous_query("key"),
        ])
        .challenge(Challenge::bearer().realm("metrics").unwrap())
        .clock(Standing)
        .remove_credentials()
        .rejection_response(|rejection: &Rejection| rejection.response_with(None));
    let seen = send(guard.clone(), request(&[ALICE.as_bytes()])).await;
    let seen = seen.into_body().unwrap();
    assert_eq!((seen.employee, seen.authorization), (Some("Alice"), None));

    let mut named = Request::new(());
    let key = HeaderValue::from_static(BOB);
    named.headers_mut().insert("x-api-key", key);
    let seen = send(guard.clone(), named).await.into_body().unwrap();
    assert_eq!(seen.employee, Some("Bob"));

    let uri = format!("/?key={}", ALICE.replace('-', "%2D"));
    let response = send(guard.clone(), Request::get(uri).body(()).unwrap()).await;
    assert_eq!(header(&response, "cache-control"), Some("private"));
    assert_eq!(response.into_body().unwrap().employee, Some("Alice"));

    let response = send(guard, Request::new(())).await;
    assert_eq!(challenge(&response), Some(r#"Bearer realm="metrics""#));
}

#[tokio::test]
async fn authentication_is_one_switch() {
    for (is_on, status) in [(true, 401), (false, 200)] {
        let guard = || is_on.then(|| require_token().credentials_in(Scheme::bare()));
        let layered = option_layer(guard()).layer(Echo);
        let response = layered.oneshot(Request::new(())).await.unwrap();
        assert_eq!(response.status().as_u16(), status);

        let built = ServiceBuilder::new().option_layer(guard()).service(Echo);
        let request = request(&[ALICE.as_bytes()]);
        let response = built.oneshot(request).await.unwrap();
        let seen = response.into_body().unwrap();
        assert_eq!(seen.employee, is_on.then_some("Alice"));
    }
}

#[test]
fn types_can_be_written_down_and_clone_asks_nothing_of_the_identity() {
    struct Guards {
        required: RequireToken<Employee>,
        optional: OptionalToken<Employee>,
        tokens: StaticTokens<Employee>,
        service: RequireTokenService<Echo, Employee>,
        optional_service: OptionalTokenService<Echo, Employee>,
    }
    let guards = Guards {
        required: require_token(),
        optional: optional_token(),
        tokens: StaticTokens::default().clone(),
        service: require_token().layer(Echo),
        optional_service: optional_token().layer(Echo),
    };
    let mut again = guards.service.clone();
    let _future: RequireTokenFuture<Echo, (), Employee> =
        tower::Service::call(&mut again, opaque());
    let _ = (guards.required.clone(), guards.optional.clone());
    let _: Option<Identity<Employee>> = guards.tokens.authenticate("x").clone();

    fn is_shared<T: Send + Sync + 'static>(_: &T) {}
    is_shared(&guards.tokens);
    is_shared(&guards.service);
    is_shared(&guards.optional_service);
}
