//! The rules of `RequireJwt` and `OptionalJwt`, one row each.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used)]

mod server_support;

use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::json;
use server_support::*;
use tower::{Layer, ServiceBuilder, ServiceExt, util::option_layer};
use tower_bearer::{
    OptionalJwt, RequireJwt, RequireScope, ScopeSet, Validator, Verified,
    challenge::Challenge,
    clock::Clock,
    jwt::{Expected, ValidationErrorKind},
    keys::{self, KeysUnavailable},
    server::{Found, Place, Rejection, RejectionReason},
    token::Scheme,
};

const PLAIN: &str = r#"Bearer realm="orders""#;
const INVALID_REQUEST: &str = r#"Bearer realm="orders", error="invalid_request""#;
const INVALID: &str = r#"Bearer realm="orders", error="invalid_token", error_description="the access token is invalid""#;
const EXPIRED: &str =
    r#"Bearer realm="orders", error="invalid_token", error_description="the access token expired""#;

/// Rule, `Authorization` lines, status, challenge.
type Row<'a> = (&'a str, Vec<Vec<u8>>, u16, Option<&'a str>);

fn line(value: &str) -> Vec<Vec<u8>> {
    vec![value.as_bytes().to_vec()]
}

fn bad_credentials() -> Vec<Row<'static>> {
    let token = good();
    let mut cut = bearer(&token);
    cut.pop();
    vec![
        ("a header of nothing", line(""), 401, Some(INVALID)),
        ("a scheme of nothing", line("Bearer"), 401, Some(INVALID)),
        ("an empty token", line("Bearer  "), 401, Some(INVALID)),
        (
            "a colon is no scheme",
            line(&format!("Bearer:{token}")),
            401,
            Some(INVALID),
        ),
        ("no JWT", line("Bearer mF_9.B5f-4.1JqM"), 401, Some(INVALID)),
        (
            "two tokens in one line",
            line(&format!("Bearer {token} {token}")),
            401,
            Some(INVALID),
        ),
        (
            "a list in one line",
            line(&format!("Bearer {token}, Bearer {token}")),
            401,
            Some(INVALID),
        ),
        ("a token cut short", vec![cut], 401, Some(INVALID)),
        (
            "bytes that are not UTF-8",
            vec![b"Bearer \xff\xfe".to_vec()],
            401,
            Some(INVALID),
        ),
        (
            "a scheme that is not UTF-8",
            vec![b"\xff\xfe abc".to_vec()],
            401,
            Some(INVALID),
        ),
        (
            "over 16 KiB",
            line(&format!("Bearer {}", "a".repeat(17 * 1024))),
            401,
            Some(INVALID),
        ),
        (
            "another secret",
            vec![bearer(&mint([8; 32], json!({})))],
            401,
            Some(INVALID),
        ),
        (
            "another issuer",
            vec![bearer(&server_support::token(
                json!({"iss": "https://evil.example"}),
            ))],
            401,
            Some(INVALID),
        ),
        (
            "another audience",
            vec![bearer(&server_support::token(json!({"aud": "billing"})))],
            401,
            Some(INVALID),
        ),
        (
            "claims of another type",
            vec![bearer(&server_support::token(json!({"permissions": 7})))],
            401,
            Some(INVALID),
        ),
        (
            "expired",
            vec![bearer(&server_support::token(json!({"exp": NOW - 61})))],
            401,
            Some(EXPIRED),
        ),
        (
            "two lines",
            vec![bearer(&token), bearer(&token)],
            400,
            Some(INVALID_REQUEST),
        ),
        (
            "two lines of two schemes",
            vec![bearer(&token), b"Basic YTpi".to_vec()],
            400,
            Some(INVALID_REQUEST),
        ),
    ]
}

async fn check<L>(guard: &L, rows: Vec<Row<'_>>)
where
    L: Layer<Echo>,
    L::Service: tower::Service<
            Request<()>,
            Response = Response<Option<Seen>>,
            Error = std::convert::Infallible,
        >,
{
    for (rule, lines, status, expected) in rows {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let response = guard.layer(Echo).oneshot(request(&lines)).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{rule}");
        assert_eq!(challenge(&response), expected, "{rule}");
        assert_eq!(
            response.body().is_some(),
            status == 200,
            "{rule}: reached the service?"
        );
        let rejection = response.extensions().get::<Rejection>();
        assert_eq!(
            rejection.is_some(),
            status != 200,
            "{rule}: a refusal has its `Rejection`"
        );
    }
}

#[tokio::test]
async fn require_jwt_keeps_rfc_6750() {
    let token = good();
    let mut rows = bad_credentials();
    rows.extend([
        ("a good token", vec![bearer(&token)], 200, None),
        (
            "the scheme in any case",
            line(&format!("bEaReR {token}")),
            200,
            None,
        ),
        (
            "several spaces after it",
            line(&format!("Bearer   {token}")),
            200,
            None,
        ),
        ("no credentials", vec![], 401, Some(PLAIN)),
        (
            "another scheme counts as none (§3.1)",
            line("Basic YTpi"),
            401,
            Some(PLAIN),
        ),
        (
            "a longer word is another scheme",
            line("BearerX abc"),
            401,
            Some(PLAIN),
        ),
    ]);
    check(&require(), rows).await;
}

#[tokio::test]
async fn optional_jwt_is_anonymous_only_where_nothing_is() {
    let mut rows = bad_credentials();
    rows.extend([
        ("a good token", vec![bearer(&good())], 200, None),
        ("no credentials", vec![], 200, None),
        (
            "another scheme is refused",
            line("Basic YTpi"),
            401,
            Some(PLAIN),
        ),
    ]);
    check(&optional(), rows).await;
}

#[tokio::test]
async fn other_schemes_are_ignored_by_choice_and_nothing_else_is() {
    let mut rows = bad_credentials();
    rows.extend([("another scheme", line("Basic YTpi"), 200, None)]);
    check(&optional().ignore_other_schemes(), rows).await;

    let guard = optional().ignore_other_schemes().remove_credentials();
    let response = send(guard, request(&[b"Basic YTpi"])).await;
    let seen = response.into_body().unwrap();
    assert_eq!(seen.anonymous, Some(true));
    let basic = seen.authorization.unwrap();
    assert_eq!(basic, "Basic YTpi", "whoever checks it finds it");
    assert!(basic.is_sensitive(), "and nobody prints it");
}

#[tokio::test]
async fn the_record_says_who_the_caller_is() {
    let seen = send(require(), authorized()).await.into_body().unwrap();
    assert_eq!(seen.anonymous, Some(false));
    assert_eq!(seen.subject.as_deref(), Some("alice"));
    assert_eq!(seen.scopes.as_deref(), Some("orders:read orders:list"));

    let seen = send(optional(), Request::new(()))
        .await
        .into_body()
        .unwrap();
    assert_eq!(
        (seen.anonymous, seen.subject, seen.scopes),
        (Some(true), None, None)
    );
}

#[tokio::test]
async fn an_inner_guard_removes_what_an_outer_one_left() {
    let other = || {
        RequireJwt::<OtherClaims>::new(validator(), keys())
            .clock(Standing)
            .credentials_in(Place::header(Scheme::bearer()))
    };
    let same = ServiceBuilder::new().layer(other()).layer(require());
    let seen = send(same, authorized()).await.into_body().unwrap();
    assert_eq!(seen.subject.as_deref(), Some("alice"));
    assert_eq!(seen.other_subject, None, "another claims type");

    let anonymous = ServiceBuilder::new()
        .layer(other().remove_credentials())
        .layer(require().remove_credentials())
        .layer(optional());
    let response = send(anonymous, authorized()).await;
    assert_eq!(response.status(), 401, "the outermost one took the token");

    let anonymous = ServiceBuilder::new()
        .layer(require().remove_credentials())
        .layer(optional());
    let seen = send(anonymous, authorized()).await.into_body().unwrap();
    let expected = Seen {
        anonymous: Some(true),
        ..Seen::default()
    };
    assert_eq!(seen, expected, "the same claims type");
}

/// A layer around a guard, for callers who are known by other means.
#[tokio::test]
async fn a_layer_around_a_guard_can_ask_and_record_as_the_guard_does() {
    let basic: &[u8] = b"Basic YTpi";
    let lenient = require().ignore_other_schemes();
    let cookie = Place::cookie("token").unwrap();
    let in_both = require().credentials_in([Place::header(Scheme::bearer()), cookie]);
    type Row<'a> = (
        &'a str,
        &'a RequireJwt<MyClaims>,
        &'a [&'a [u8]],
        [Found; 2],
    );
    use Found::{Cookie, Explicit, Nowhere};
    #[rustfmt::skip]
    let rows: [Row<'_>; 8] = [
        ("nothing", &require(), &[], [Nowhere, Nowhere]),
        ("a bad token", &require(), &[b"Bearer x"], [Explicit, Explicit]),
        ("no token", &require(), &[b"Bearer"], [Explicit, Explicit]),
        ("two", &require(), &[b"Bearer x", b"Bearer y"], [Explicit, Explicit]),
        ("another scheme", &require(), &[basic], [Explicit, Explicit]),
        ("ignored", &lenient, &[basic], [Nowhere, Nowhere]),
        ("a place for cookies", &in_both, &[], [Nowhere, Cookie]),
        ("a header beside it", &in_both, &[b"Bearer x"], [Explicit, Explicit]),
    ];
    for (row, guard, lines, expected) in rows {
        let mut request = request(lines);
        assert_eq!(guard.finds_credentials(&request), expected[0], "{row}");
        let cookie = HeaderValue::from_static("token=x");
        request.headers_mut().insert("cookie", cookie);
        assert_eq!(guard.finds_credentials(&request), expected[1], "{row}");
    }

    let verified = validator().validate::<MyClaims>(&good(), &keys(), Standing.wall());
    let mut known = request(&[]);
    let outer: Verified<OtherClaims> = validator()
        .validate(&good(), &keys(), Standing.wall())
        .unwrap();
    RequireJwt::new(validator(), keys()).record(&mut known, outer);
    require().record(&mut known, verified.unwrap());
    let response = RequireScope::all(["orders:admin"])
        .layer(Echo)
        .oneshot(known.clone());
    assert_eq!(
        challenge(&response.await.unwrap()).unwrap(),
        r#"Bearer realm="orders", error="insufficient_scope", scope="orders:admin""#
    );
    let seen = Seen::of(&known);
    assert_eq!(seen.subject.as_deref(), Some("alice"));
    assert_eq!(seen.other_subject, None, "of an outer guard");
    assert_eq!(seen.scopes.as_deref(), Some("orders:read orders:list"));
}

#[tokio::test]
async fn a_token_stands_where_the_guard_is_told() {
    let token = good();
    let word = Place::header(Scheme::word("Token").unwrap());
    let rows = vec![
        ("the word", line(&format!("Token {token}")), 200, None),
        (
            "the word in any case",
            line(&format!("tOKEN {token}")),
            200,
            None,
        ),
        (
            "the usual word is another scheme then",
            vec![bearer(&token)],
            401,
            Some(r#"Token realm="orders""#),
        ),
    ];
    check(&require().credentials_in(word), rows).await;

    let bare = Place::header(Scheme::bare());
    let rows = vec![
        ("the token alone", line(&token), 200, None),
        ("a word before it", vec![bearer(&token)], 401, Some(INVALID)),
        ("nothing", line(""), 401, Some(INVALID)),
        ("no header", vec![], 401, Some(PLAIN)),
    ];
    check(&require().credentials_in(bare), rows).await;
}

#[tokio::test]
async fn the_challenge_is_as_it_was_set() {
    let settings = || {
        Challenge::bearer()
            .resource_metadata("https://api.example/.well-known/oauth-protected-resource")
            .unwrap()
            .error_uri("https://api.example/errors")
            .unwrap()
    };
    let guard = require().challenge(settings().scope(&ScopeSet::parse("orders:read")));
    let response = send(guard, Request::new(())).await;
    assert_eq!(
        challenge(&response),
        Some(
            r#"Bearer resource_metadata="https://api.example/.well-known/oauth-protected-resource", scope="orders:read", realm="orders""#
        ),
        "without a token there is no error information, `error_uri` included (RFC 6750 §3.1)"
    );

    let response = send(require().challenge(settings()), request(&[b"Bearer x"])).await;
    let written = challenge(&response).unwrap();
    assert!(
        written.contains(r#"error_uri="https://api.example/errors""#),
        "{written}"
    );
    assert!(written.contains(r#"error="invalid_token""#), "{written}");

    let forged = settings()
        .realm("mine")
        .unwrap()
        .error("invalid_token")
        .unwrap();
    let response = send(require().challenge(forged), Request::new(())).await;
    let written = challenge(&response).unwrap();
    assert!(written.contains(r#"realm="mine""#), "{written}");
    assert!(
        !written.contains("error"),
        "the error code is the refusal's own: {written}"
    );
}

#[tokio::test]
async fn a_challenge_always_has_a_parameter() {
    let rows = [
        (
            "no audience",
            Expected::unchecked(),
            r#"Bearer realm="protected""#,
        ),
        (
            "an audience that no realm can hold",
            "größe\n".into(),
            r#"Bearer realm="protected""#,
        ),
        (
            "the first audience",
            ["a", "b"].into(),
            r#"Bearer realm="a""#,
        ),
    ];
    for (rule, audience, expected) in rows {
        let validator = Validator::new(ISSUER, audience);
        let guard = RequireJwt::<MyClaims>::new(validator, keys());
        let response = send(guard, Request::new(())).await;
        assert_eq!(challenge(&response), Some(expected), "{rule}");
    }
}

#[tokio::test]
async fn scopes_come_from_where_the_guard_is_told() {
    let guard = require().scopes_from(|claims| ScopeSet::from_iter(&claims.permissions));
    let token = token(json!({"permissions": ["a", "b"]}));
    let seen = send(guard, request(&[&bearer(&token)]))
        .await
        .into_body()
        .unwrap();
    assert_eq!(seen.scopes.as_deref(), Some("a b"));
}

#[tokio::test]
async fn the_inner_service_sees_the_token_marked_sensitive_or_not_at_all() {
    let seen = send(require(), authorized()).await.into_body().unwrap();
    assert!(seen.authorization.unwrap().is_sensitive());

    let guard = require().remove_credentials();
    let seen = send(guard, authorized()).await.into_body().unwrap();
    assert_eq!(seen.authorization, None);
    assert_eq!(seen.subject.as_deref(), Some("alice"));
}

#[tokio::test]
async fn an_outage_of_the_key_source_is_503_and_not_the_callers_fault() {
    let failing = |delay| keys::from_fn(move |_| Err(KeysUnavailable::new(delay)));
    let rows = [
        ("whole seconds", Duration::from_secs(7), "7"),
        ("rounded up", Duration::from_millis(1_200), "2"),
        ("never zero", Duration::ZERO, "1"),
    ];
    for (rule, delay, expected) in rows {
        let response = send(require_with(failing(delay)), authorized()).await;
        assert_eq!(response.status(), 503, "{rule}");
        assert_eq!(header(&response, "retry-after"), Some(expected), "{rule}");
        assert_eq!(
            challenge(&response),
            None,
            "{rule}: a challenge would log people out"
        );
    }
}

#[tokio::test]
async fn keys_are_asked_for_no_token_that_could_not_pass() {
    let rows = [
        ("no token", vec![], 401),
        ("garbage", line("Bearer x.y.z"), 401),
        (
            "another algorithm",
            line("Bearer eyJhbGciOiJub25lIn0.e30."),
            401,
        ),
        (
            "another issuer",
            vec![bearer(&token(json!({"iss": "https://evil.example"})))],
            401,
        ),
        ("no issuer", vec![bearer(&token(json!({"iss": null})))], 401),
        (
            "expired",
            vec![bearer(&token(json!({"exp": NOW - 61})))],
            401,
        ),
    ];
    for (rule, lines, status) in rows {
        let keys = ManualKeys::new();
        keys.fail(Duration::from_secs(1));
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let response = send(require_with(keys.clone()), request(&lines)).await;
        assert_eq!(response.status().as_u16(), status, "{rule}");
        assert_eq!(keys.asked(), 0, "{rule}");
    }
}

#[tokio::test]
async fn the_rejection_says_to_the_operator_what_the_caller_is_not_told() {
    let token = token(json!({"aud": "billing"}));
    let response = send(require(), request(&[&bearer(&token)])).await;
    let rejection = rejection(&response);
    assert_eq!(rejection.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        rejection.challenge().unwrap().parameter("error"),
        Some("invalid_token")
    );
    let RejectionReason::InvalidToken(error) = rejection.reason() else {
        panic!("{rejection:?}");
    };
    assert!(
        matches!(error.kind(), ValidationErrorKind::Audience { .. }),
        "{error}"
    );
    assert!(!challenge(&response).unwrap().contains("audience"));
}

#[tokio::test]
async fn a_refusal_becomes_the_applications_own_response() {
    let guard = require().rejection_response(|rejection: &Rejection| {
        let mut response = Response::new(Some(Seen::default()));
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        let reason = HeaderValue::from_str(&rejection.to_string()).unwrap();
        response.headers_mut().insert("x-reason", reason);
        response
    });
    let response = send(guard, Request::new(())).await;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(
        header(&response, "x-reason"),
        Some("the request brought no token")
    );
    assert_eq!(
        challenge(&response),
        None,
        "the response is the application's, to the letter"
    );
    assert_eq!(
        rejection(&response).status(),
        401,
        "the rejection goes with it all the same"
    );
}

#[tokio::test]
async fn grpc_is_answered_in_its_own_terms() {
    let unavailable = || require_with(keys::from_fn(|_| Err(KeysUnavailable::new(Duration::ZERO))));
    let twice: &[&[u8]] = &[b"Bearer a", b"Bearer b"];
    let rows = [
        ("no token is UNAUTHENTICATED", require(), request(&[]), "16"),
        ("a bad token too", require(), request(&[b"Bearer x"]), "16"),
        (
            "two credentials are INVALID_ARGUMENT",
            require(),
            request(twice),
            "3",
        ),
        ("no keys is UNAVAILABLE", unavailable(), authorized(), "14"),
    ];
    for (rule, guard, mut request, status) in rows {
        let grpc = HeaderValue::from_static("application/grpc+proto");
        request.headers_mut().insert(CONTENT_TYPE, grpc);
        *request.method_mut() = Method::POST;
        let response = send(guard, request).await;
        assert_eq!(response.status(), 200, "{rule}");
        assert_eq!(header(&response, "grpc-status"), Some(status), "{rule}");
        assert_eq!(
            header(&response, "content-type"),
            Some("application/grpc"),
            "{rule}"
        );
        assert!(header(&response, "grpc-message").is_some(), "{rule}");
        assert!(rejection(&response).is_grpc(), "{rule}");
        assert_eq!(response.into_body(), None, "{rule}: trailers only");
    }
}

#[tokio::test]
async fn what_is_no_grpc_call_never_has_its_refusal_told_with_http_200() {
    for method in [Method::GET, Method::HEAD, Method::PUT] {
        let mut request = request(&[]);
        let grpc = HeaderValue::from_static("application/grpc");
        request.headers_mut().insert(CONTENT_TYPE, grpc);
        *request.method_mut() = method;
        let response = send(require(), request).await;
        assert_eq!(response.status(), 401);
        assert!(!rejection(&response).is_grpc());
    }
}

#[tokio::test]
async fn authentication_can_be_switched_off() {
    let off = option_layer(None::<RequireJwt<MyClaims>>);
    let response = ServiceBuilder::new()
        .layer(off)
        .service(Echo)
        .oneshot(Request::new(()))
        .await;
    assert_eq!(response.unwrap().status(), 200);
}

#[test]
fn types_can_be_written_down_and_clone_asks_nothing_of_the_claims() {
    struct Guards {
        required: RequireJwt<MyClaims>,
        optional: OptionalJwt<MyClaims>,
    }
    let guards = Guards {
        required: require(),
        optional: optional(),
    };
    let _service: tower_bearer::server::RequireJwtService<Echo, MyClaims> =
        guards.required.clone().layer(Echo);
    let service: tower_bearer::server::OptionalJwtService<Echo, MyClaims> =
        guards.optional.clone().layer(Echo);
    let mut again = service.clone();
    let _: (&Echo, &mut Echo) = (service.get_ref(), again.get_mut());
    let Echo = again.into_inner();

    fn is_shared<T: Send + Sync + 'static>(_: &T) {}
    is_shared(&guards.required);
    is_shared(&service);
}

#[tokio::test]
async fn a_report_of_a_rejection_says_nothing_twice() {
    let unavailable = require_with(keys::from_fn(|_| {
        Err(KeysUnavailable::new(Duration::ZERO).with_source("the network is down"))
    }));
    let rows = [
        ("no token", require(), request(&[]), None),
        ("a bad token", require(), request(&[b"Bearer x"]), None),
        (
            "no keys",
            unavailable,
            authorized(),
            Some("the network is down"),
        ),
    ];
    for (rule, guard, request, behind) in rows {
        let response = send(guard, request).await;
        let rejection = rejection(&response);
        let source = std::error::Error::source(&rejection).map(ToString::to_string);
        assert_eq!(source.as_deref(), behind, "{rule}");
        let source = source.unwrap_or("(none)".to_owned());
        assert!(!rejection.to_string().contains(&source), "{rule}");
    }
}
