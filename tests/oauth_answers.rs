//! `AnswerFormat`: what is made of answers that are not as RFC 6749 §5 has them.
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod oauth_support;
mod support;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures::future::FutureExt;
use http::{HeaderName, Request, Response, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower_bearer::{
    AccessToken, BoxError, ClientAuth, ClientCredentials, Refreshing, TokenEndpoint,
    client::{ErrorKind, TokenStore, store::MemoryStore},
    clock::Clock,
    json_pointer::JsonPointerError,
    oauth::{
        AnswerFormat, LogIn, LogInAgain, NoTransport, ObtainError, ObtainErrorKind, ObtainToken,
        RefreshRequest,
    },
    test_util::ManualClock,
    token::{Expiry, RefreshToken, Tokens},
};

use oauth_support::{Body, chain};
use support::{HOUR, SECOND};

const LOGIN: &str = "https://id.example/login";

/// Monday, 5 January 2026, 12:00 UTC.
fn noon() -> ManualClock {
    ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_614_400))
}

fn answer(status: u16, body: impl Into<Bytes>) -> Response<Body> {
    let response = Response::builder().status(status);
    response.body(Body::from(body.into())).unwrap()
}

fn endpoint(format: AnswerFormat, clock: &ManualClock, answer: Response<Body>) -> TokenEndpoint {
    TokenEndpoint::new(LOGIN)
        .unwrap()
        .client_auth(ClientAuth::post("app", "hunter2"))
        .grant(ClientCredentials::new())
        .answer(format)
        .clock(clock.clone())
        .over(tower::service_fn(move |_: Request<Body>| {
            std::future::ready(Ok::<_, BoxError>(answer.clone()))
        }))
}

async fn read(format: AnswerFormat, answer: Response<Body>) -> Result<Tokens, ObtainError> {
    endpoint(format, &noon(), answer).obtain().await
}

/// The envelope of one system: `code` 0 is success, everything else is below `data`.
fn envelope() -> AnswerFormat {
    let format = || {
        AnswerFormat::under("/data")?
            .failed_unless("/code", [0])?
            .message_at("/msg")?
            .request_id_at("/requestId")
    };
    format().unwrap()
}

fn good() -> Value {
    json!({ "access_token": "at", "token_type": "bearer", "expires_in": 3600, "scope": "a b" })
}

// Where things stand

#[tokio::test]
async fn each_thing_is_read_from_where_its_pointer_says() {
    let format = || {
        AnswerFormat::new()
            .access_token_at("/session/tokens/0/value")?
            .refresh_token_at("/session/tokens/1/value")?
            .token_type_at("/session/kind")?
            .scope_at("/granted")?
            .lifetime_at("/session/tokens/0/seconds")?
            .refresh_lifetime_at("/session/tokens/1/seconds")
    };
    let body = json!({
        "access_token": "decoy", "refresh_token": "decoy", "token_type": "decoy",
        "expires_in": 1, "scope": "decoy", "issued_token_type": null,
        "granted": "a b",
        "session": {
            "kind": "Bearer",
            "tokens": [{ "value": "at", "seconds": 60 }, { "value": "rt", "seconds": "3600" }],
        },
    });
    let tokens = read(format().unwrap(), answer(200, body.to_string())).await;
    let tokens = tokens.unwrap();
    let (access, refresh) = (tokens.access_token(), tokens.refresh_token().unwrap());
    assert_eq!(access.expose(), "at");
    assert_eq!(access.scope().unwrap().as_str(), "a b");
    let left = access.expiry().unwrap().remaining(&noon());
    assert_eq!(left, Duration::from_secs(60));
    assert_eq!(refresh.secret().expose(), "rt");
    assert_eq!(refresh.expiry(), Some(noon().wall() + HOUR));
}

#[tokio::test]
async fn an_envelope_is_opened_and_the_rest_of_it_ignored() {
    let body = json!({ "code": 0, "msg": null, "requestId": "r1", "more": [1], "data": good() });
    let tokens = read(envelope(), answer(200, body.to_string()))
        .await
        .unwrap();
    let access = tokens.access_token();
    assert_eq!(access.expose(), "at");
    assert_eq!(access.scope().unwrap().as_str(), "a b");
    assert_eq!(access.expiry().unwrap().remaining(&noon()), HOUR);
}

#[tokio::test]
async fn an_id_token_is_taken_from_beside_the_others_and_shown_to_nobody() {
    let rows = [
        ("there is one", json!("the-id"), Some("the-id")),
        ("none", Value::Null, None),
        ("empty", json!(""), None),
        ("no string", json!({ "sub": "alice" }), None),
    ];
    for (row, id_token, expected) in rows {
        let mut data = good();
        data["id_token"] = id_token;
        let body = json!({ "code": 0, "data": data }).to_string();
        let tokens = read(envelope(), answer(200, body)).await.unwrap();
        let found = tokens.id_token().map(|token| token.expose().to_owned());
        assert_eq!(found.as_deref(), expected, "{row}");
        assert!(!format!("{tokens:?}").contains("the-id"), "{tokens:?}");
    }
}

#[test]
fn what_is_no_pointer_fails_when_the_format_is_built() {
    type Build = fn(AnswerFormat, &str) -> Result<AnswerFormat, JsonPointerError>;
    let setters: [Build; 14] = [
        |_, text| AnswerFormat::under(text),
        |format, text| format.access_token_at(text),
        |format, text| format.refresh_token_at(text),
        |format, text| format.token_type_at(text),
        |format, text| format.scope_at(text),
        |format, text| format.lifetime_at(text),
        |format, text| format.expiry_at(text),
        |format, text| format.refresh_lifetime_at(text),
        |format, text| format.refresh_expiry_at(text),
        |format, text| format.failed_unless(text, [0]),
        |format, text| format.invalid_grant_when(text, [0]),
        |format, text| format.temporarily_unavailable_when(text, [0]),
        |format, text| format.message_at(text),
        |format, text| format.request_id_at(text),
    ];
    for (number, set) in setters.iter().enumerate() {
        assert!(set(AnswerFormat::new(), "/data/code").is_ok(), "{number}");
        assert!(set(AnswerFormat::new(), "data.code").is_err(), "{number}");
    }
}

// What says no

/// How an answer was taken: the kind and, of a refusal, the code and the description.
fn taken(outcome: Result<Tokens, ObtainError>) -> String {
    match outcome.map_err(|error| error.kind().clone()) {
        Ok(_) => "granted".to_owned(),
        Err(ObtainErrorKind::Refused { error, description }) => {
            format!("{error} | {}", description.unwrap_or_default())
        }
        Err(ObtainErrorKind::BadAnswer(what)) => format!("bad: {what}"),
        Err(kind) => format!("{kind:?}"),
    }
}

#[tokio::test]
async fn an_envelope_says_by_one_member_whether_there_was_success() {
    let missing = "bad: 200 OK without `/code`";
    #[rustfmt::skip]
    let rows = [
        ("success", 200, json!({ "code": 0, "data": good() }), "granted"),
        ("failure under 200", 200, json!({ "code": 40001, "msg": "no such app" }), "40001 | no such app"),
        ("failure with data", 200, json!({ "code": 1, "data": good() }), "1 | "),
        ("failure with its own status", 400, json!({ "code": 40001, "msg": "no" }), "40001 | no"),
        ("a code in words", 200, json!({ "code": "E1", "msg": "no" }), "E1 | no"),
        ("a message that is none", 200, json!({ "code": 1, "msg": { "a": [1] } }), r#"1 | {\"a\":[1]}"#),
        ("null", 200, json!({ "code": null, "data": good() }), "null | "),
        ("0 in a string", 200, json!({ "code": "0", "data": good() }), r#"bad: `/code` is `\"0\"`, of another type than was told"#),
        ("no member", 200, json!({ "data": good() }), missing),
        ("no member, but words", 200, json!({ "msg": "hm" }), "bad: 200 OK without `/code`: hm"),
        ("an error of RFC 6749 beside a code", 400, json!({ "code": 5, "error": "debug" }), "5 | "),
        ("an error of RFC 6749 instead", 401, json!({ "error": "invalid_client", "msg": "no" }), "invalid_client | no"),
        ("success under another status", 404, json!({ "code": 0, "data": good() }), "bad: 404 Not Found without an `error` member"),
        ("no data", 200, json!({ "code": 0 }), "bad: no access_token: nothing at `/data/access_token`"),
        ("data is null", 200, json!({ "code": 0, "data": null }), "bad: no access_token: nothing at `/data/access_token`"),
        ("data of another type", 200, json!({ "code": 0, "data": ["at"] }), "bad: no access_token: nothing at `/data/access_token`"),
        ("a token of another type", 200, json!({ "code": 0, "data": { "access_token": 7 } }), "bad: `/data/access_token` is not a string"),
        ("an outage", 502, json!({ "code": 40001 }), "Failing(502)"),
        ("too many", 429, json!({ "code": 40001 }), "Failing(429)"),
    ];
    for (rule, status, body, expected) in rows {
        let outcome = read(envelope(), answer(status, body.to_string())).await;
        assert_eq!(taken(outcome), expected, "{rule}");
    }
    let twice = r#"{"code":1,"code":0,"data":{"access_token":"at"}}"#;
    let outcome = read(envelope(), answer(200, twice)).await;
    assert_eq!(taken(outcome), missing, "a code that stands there twice");
}

#[tokio::test]
async fn several_members_have_to_say_success_if_that_was_told() {
    let format = envelope().failed_unless("/success", [true, false]).unwrap();
    let rows = [
        (
            json!({ "code": 0, "success": false, "data": good() }),
            "granted",
        ),
        (
            json!({ "code": 7, "success": true, "data": good() }),
            "7 | ",
        ),
        (json!({ "code": 0, "success": 1, "data": good() }), "1 | "),
        (
            json!({ "code": 0, "data": good() }),
            "bad: 200 OK without `/success`",
        ),
    ];
    for (body, expected) in rows {
        let outcome = read(format.clone(), answer(200, body.to_string())).await;
        assert_eq!(taken(outcome), expected, "{body}");
    }
}

#[tokio::test]
async fn every_failure_can_mean_invalid_grant_where_none_is_an_outage() {
    let format = envelope().invalid_grant_when_failed();
    let format = format
        .temporarily_unavailable_when("/code", 50001..=50007)
        .unwrap();
    let unavailable = "Failing(503)";
    #[rustfmt::skip]
    let rows = [
        ("a code", 200, r#"{"code":7,"msg":"no"}"#, "invalid_grant | 7: no"),
        ("another, under a status", 403, r#"{"code":401}"#, "invalid_grant | 401"),
        ("trouble by its code", 200, r#"{"code":50005}"#, unavailable),
        ("trouble by its status", 502, r#"{"code":7}"#, "Failing(502)"),
        ("no code", 200, r#"{"msg":"no"}"#, "bad: 200 OK without `/code`: no"),
        ("success, as another type", 200, r#"{"code":"0"}"#, r#"bad: `/code` is `\"0\"`, of another type than was told"#),
        ("an error of RFC 6749 §5.2", 400, r#"{"error":"invalid_client"}"#, "invalid_client | "),
    ];
    for (rule, status, body, expected) in rows {
        let outcome = read(format.clone(), answer(status, body)).await;
        assert_eq!(taken(outcome), expected, "{rule}");
    }
    let granted = json!({ "code": 0, "data": good() }).to_string();
    assert!(read(format, answer(200, granted)).await.is_ok());
}

#[tokio::test]
async fn a_servers_own_words_for_invalid_grant_and_for_an_outage_can_be_told() {
    let format = || {
        envelope()
            .invalid_grant_when_status(StatusCode::UNAUTHORIZED)
            .invalid_grant_when("/code", [40020, 40026])?
            .invalid_grant_when("/detail", ["LOGIN_BAD_CREDENTIALS"])?
            .temporarily_unavailable_when("/code", [50001])
    };
    let unavailable = "Failing(503)";
    #[rustfmt::skip]
    let rows = [
        ("a code", 200, r#"{"code":40026,"msg":"token has ended"}"#, "invalid_grant | 40026: token has ended"),
        ("another", 200, r#"{"code":40020}"#, "invalid_grant | 40020"),
        ("none of them", 200, r#"{"code":40021}"#, "40021 | "),
        ("a status with a code", 401, r#"{"code":7,"msg":"no"}"#, "invalid_grant | 7: no"),
        ("a status with a member of its own", 401, r#"{"detail":"no"}"#, "invalid_grant | "),
        ("a status with words", 401, r#"{"msg":"no"}"#, "invalid_grant | no"),
        ("a status without JSON", 401, "<html>", "invalid_grant | "),
        ("a status without a body", 401, "", "invalid_grant | "),
        ("a status with an error of RFC 6749 §5.2", 401, r#"{"error":"invalid_client"}"#, "invalid_client | "),
        ("another status", 403, "", "403 Forbidden | a body that is not a token answer; is this the token endpoint?"),
        ("no JSON under a status that is no refusal", 404, "", "bad: 404 Not Found with a body that is not a token answer; is this the token endpoint?"),
        ("words, and no code that was told", 400, r#"{"msg":"no"}"#, "400 Bad Request | no"),
        ("a member under another status", 400, r#"{"detail":"LOGIN_BAD_CREDENTIALS"}"#, "invalid_grant | LOGIN_BAD_CREDENTIALS"),
        ("trouble", 200, r#"{"code":50001,"msg":"busy"}"#, unavailable),
        ("trouble, by RFC 6749 §4.1.2.1", 400, r#"{"error":"temporarily_unavailable"}"#, unavailable),
        ("trouble under a status for refusals", 401, r#"{"code":50001}"#, unavailable),
    ];
    for (rule, status, body, expected) in rows {
        let outcome = read(format().unwrap(), answer(status, body)).await;
        assert_eq!(taken(outcome), expected, "{rule}");
    }
    let busy = answer(200, r#"{"code":50001,"msg":"busy"}"#);
    let error = read(format().unwrap(), busy).await.unwrap_err();
    assert!(chain(&error).contains("50001: busy"), "{error:?}");
}

#[tokio::test]
async fn message_and_request_id_are_told_escaped_and_cut_and_without_anything_secret() {
    let long = "x".repeat(1000);
    let cut = format!("{}…", "x".repeat(200));
    #[rustfmt::skip]
    let rows = [
        ("plain", "no such app", json!("r1"), "refused with `1` (no such app) (request id `r1`)"),
        ("control characters", "a\u{1b}[31m\nb", json!("r\r1"), r"(a\u{1b}[31m\nb) (request id `r\r1`)"),
        ("long", &long, json!(long), &*format!("({cut}) (request id `{cut}`)")),
        ("an id that is a number", "no", json!(42), "(request id `42`)"),
        ("the secret", "hunter2 is wrong", json!("hunter2"), "((it repeats a secret)) (request id `(it repeats a secret)`)"),
        ("the token", "not the-token", json!("the-token"), "((it repeats a secret)) (request id `(it repeats a secret)`)"),
        ("the ID token", "the-id", json!("r1"), "((it repeats a secret)) (request id `r1`)"),
        ("the refresh token", "the-refresh", json!("r1"), "((it repeats a secret)) (request id `r1`)"),
    ];
    for (rule, message, id, told) in rows {
        let data = json!({
            "access_token": "the-token", "refresh_token": "the-refresh", "id_token": "the-id",
        });
        let body = json!({ "code": 1, "msg": message, "requestId": id, "data": data });
        let error = read(envelope(), answer(200, body.to_string())).await;
        let error = error.unwrap_err();
        let shown = chain(&error);
        assert!(shown.contains(told), "{rule}: {shown}");
        let is_shown = id.as_str().is_some_and(|id| error.request_id() == Some(id));
        assert_eq!(
            is_shown,
            ["plain", "the ID token", "the refresh token"].contains(&rule),
            "{rule}"
        );
    }
    // Whatever kind of failure it is.
    let bodies = [
        (200, json!({ "code": 0, "requestId": "r7", "msg": "busy" })),
        (503, json!({ "code": 5, "requestId": "r7", "msg": "busy" })),
    ];
    for (status, body) in bodies {
        let error = read(envelope(), answer(status, body.to_string())).await;
        let error = error.unwrap_err();
        assert_eq!(error.request_id(), Some("r7"), "{error}");
        assert!(
            chain(&error).contains("busy") == (status == 503),
            "{error:?}"
        );
    }
}

// When it ends

fn absolute() -> AnswerFormat {
    let format = || {
        AnswerFormat::new()
            .expiry_at("/access_expires")?
            .refresh_expiry_at("/refresh_expires")
    };
    format().unwrap()
}

fn ends(access: impl Into<Value>, refresh: impl Into<Value>) -> String {
    json!({
        "access_token": "at", "refresh_token": "rt", "expires_in": -1,
        "access_expires": access.into(), "refresh_expires": refresh.into(),
    })
    .to_string()
}

#[tokio::test]
async fn an_end_is_read_with_whatever_offset_and_fraction() {
    let rows = [
        ("2026-01-05T13:00:00Z", Duration::from_secs(3600)),
        ("2026-01-05T21:00:00+08:00", Duration::from_secs(3600)),
        ("2026-01-05T07:30:00-05:30", Duration::from_secs(3600)),
        (
            "2026-01-05T12:00:00.833494Z",
            Duration::from_micros(833_494),
        ),
        ("2026-01-05T20:00:01.5+08:00", Duration::from_millis(1500)),
        ("2026-01-05T12:00:00.000000001Z", Duration::from_nanos(1)),
        ("2026-01-05t12:00:01z", SECOND),
        ("9999-12-31T23:59:59Z", 10 * 365 * 24 * HOUR), // beyond that it says nothing
        ("9999-12-31T23:59:59.9999999-12:00", 10 * 365 * 24 * HOUR),
    ];
    for (text, expected) in rows {
        let tokens = read(absolute(), answer(200, ends(text, text)))
            .await
            .unwrap();
        let clock = noon();
        let access = tokens.access_token().expiry().unwrap();
        assert_eq!(access.remaining(&clock), expected, "{text}");
        let refresh = tokens.refresh_token().unwrap().expiry().unwrap();
        assert_eq!(refresh, clock.wall() + expected, "{text}");
    }
}

#[tokio::test]
async fn an_end_is_measured_against_the_answers_date_where_there_is_one() {
    let one = "2026-01-05T13:00:00Z";
    const MINUTE: Duration = Duration::from_secs(60);
    #[rustfmt::skip]
    let rows = [
        ("clocks agree", Some("Mon, 05 Jan 2026 12:00:00 GMT"), 60 * MINUTE),
        ("ours is slow", Some("Mon, 05 Jan 2026 12:30:00 GMT"), 30 * MINUTE),
        ("ours is fast: the end of that second", Some("Mon, 05 Jan 2026 11:00:00 GMT"), 120 * MINUTE - SECOND),
        ("ours is fast by less than a second", Some("Mon, 05 Jan 2026 11:59:59 GMT"), 60 * MINUTE),
        ("an older form of date", Some("Monday, 05-Jan-26 12:30:00 GMT"), 30 * MINUTE),
        ("no date", None, 60 * MINUTE),
        ("a date that is none", Some("noon"), 60 * MINUTE),
    ];
    for (rule, date, expected) in rows {
        let mut answer = answer(200, ends(one, one));
        if let Some(date) = date {
            answer.headers_mut().insert("date", date.parse().unwrap());
        }
        let tokens = read(absolute(), answer).await.unwrap();
        let clock = noon();
        let access = tokens.access_token().expiry().unwrap();
        assert_eq!(access.remaining(&clock), expected, "{rule}");
        // Later than our own clock says it would be over by, if that one is fast.
        clock.advance(expected - SECOND);
        assert!(!access.is_over(&clock), "{rule}");
        clock.advance(SECOND);
        assert!(access.is_over(&clock), "{rule}");
        let refresh = tokens.refresh_token().unwrap().expiry().unwrap();
        assert_eq!(refresh, noon().wall() + expected, "{rule}");
    }
}

#[tokio::test]
async fn an_end_is_reckoned_to_the_fraction_of_a_second_where_clocks_agree() {
    let clock = noon();
    let fraction = Duration::from_millis(833);
    clock.advance(fraction);
    let mut answer = answer(
        200,
        ends("2026-01-05T13:00:00.833Z", "2026-01-05T13:00:01Z"),
    );
    let date = "Mon, 05 Jan 2026 12:00:00 GMT".parse().unwrap();
    answer.headers_mut().insert("date", date);
    let tokens = endpoint(absolute(), &clock, answer).obtain().await.unwrap();
    let access = tokens.access_token().expiry().unwrap();
    assert_eq!(access.remaining(&clock), HOUR);
    let refresh = tokens.refresh_token().unwrap().expiry().unwrap();
    assert_eq!(refresh, noon().wall() + HOUR + SECOND);
}

#[tokio::test]
async fn an_end_that_is_missing_is_not_known() {
    let missing = [
        ends(Value::Null, Value::Null),
        json!({ "access_token": "at", "refresh_token": "rt", "expires_in": 5 }).to_string(),
    ];
    for body in missing {
        let tokens = read(absolute(), answer(200, body)).await.unwrap();
        assert_eq!(tokens.access_token().expiry(), None);
        assert_eq!(tokens.refresh_token().unwrap().expiry(), None);
    }
    let format = AnswerFormat::new().refresh_lifetime_at("/refresh_expires_in");
    let format = format.unwrap();
    for (lifetime, expected) in [(json!(0), None), (json!(1800), Some(1800))] {
        let body = json!({
            "access_token": "at", "refresh_token": "rt", "refresh_expires_in": lifetime,
        });
        let tokens = read(format.clone(), answer(200, body.to_string())).await;
        let end = tokens.unwrap().refresh_token().unwrap().expiry();
        assert_eq!(
            end,
            expected.map(|s| noon().wall() + Duration::from_secs(s))
        );
    }
}

#[tokio::test]
async fn an_end_that_is_none_or_lies_in_the_past_is_a_typed_error_and_no_refresh_token_is_lost() {
    let later = "2026-01-05T13:00:00Z";
    let expected = "is not a date and time of RFC 3339";
    #[rustfmt::skip]
    let rows = [
        ("in the past", json!("2026-01-05T11:59:59.999Z"), json!(later), "`/access_expires` lies in the past"),
        ("now", json!("2026-01-05T12:00:00Z"), json!(later), "`/access_expires` lies in the past"),
        ("before 1970", json!("0001-01-01T00:00:00Z"), json!(later), "`/access_expires` lies in the past"),
        ("no offset", json!("2026-01-05T13:00:00"), json!(later), expected),
        ("no time", json!("2026-01-05"), json!(later), expected),
        ("no such day", json!("2026-02-30T13:00:00Z"), json!(later), expected),
        ("words", json!("in an hour"), json!(later), expected),
        ("empty", json!(""), json!(later), expected),
        ("an offset of a day", json!("2026-01-05T13:00:00+99:00"), json!(later), expected),
        ("the year 10000", json!("10000-01-01T00:00:00Z"), json!(later), expected),
        ("a number", json!(1_767_618_000), json!(later), expected),
        ("an object", json!({}), json!(later), expected),
        ("the refresh token's", json!(later), json!("soon"), "`/refresh_expires` is not a date"),
    ];
    for (rule, access, refresh, told) in rows {
        let body = ends(access, refresh);
        let error = read(absolute(), answer(200, body.clone())).await;
        let error = error.expect_err(rule);
        assert!(
            matches!(error.kind(), ObtainErrorKind::BadAnswer(_)),
            "{rule}"
        );
        assert!(error.to_string().contains(told), "{rule}: {error}");

        let store = Arc::new(MemoryStore::holding(pair(&noon())));
        let tokens = Refreshing::builder(endpoint(absolute(), &noon(), answer(200, body)))
            .clock(noon())
            .store(store.clone())
            .build();
        let error = tokens.token().await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Unavailable { .. }),
            "{rule}"
        );
        let kept = store.load().await.unwrap().unwrap();
        let kept = kept.refresh_token().unwrap().secret().expose().to_owned();
        assert_eq!(kept, "rt", "{rule}: the one it replaces is spent");
    }
}

/// What another process stored: `refresh-0`, and an access token that has ended.
fn pair(clock: &ManualClock) -> Tokens {
    let ended = AccessToken::new("token-0").unwrap();
    let ended = ended.with_expiry(Expiry::after(Duration::ZERO, clock));
    Tokens::new(ended).with_refresh_token(RefreshToken::new("refresh-0"))
}

#[tokio::test]
async fn a_refresh_token_that_had_ended_on_arrival_spoils_nothing_and_is_never_sent() {
    let clock = noon();
    let refresh = RefreshRequest::form().at("https://id.example/refresh");
    let endpoint = TokenEndpoint::new(LOGIN)
        .unwrap()
        .grant(ClientCredentials::new())
        .answer(absolute())
        .refresh_with(refresh)
        .unwrap()
        .clock(clock.clone());
    let body = ends("2026-01-05T13:00:00Z", "2026-01-05T11:00:00Z");
    let (endpoint, paths) = served(endpoint, move |_| answer(200, body.clone()));
    let tokens = Refreshing::builder(endpoint).clock(clock.clone()).build();
    assert_eq!(tokens.token().await.unwrap().expose(), "at");
    clock.advance(HOUR);
    tokens.token().await.unwrap_err(); // the same answer is too old by now
    assert_eq!(*paths.lock().unwrap(), ["/login", "/login"]);
}

// Refreshes

type Paths = Arc<Mutex<Vec<String>>>;

/// Answers each request by its path, and writes down the paths.
fn served<F>(endpoint: TokenEndpoint<NoTransport>, answer: F) -> (TokenEndpoint, Paths)
where
    F: Fn(&str) -> Response<Body> + Clone + Send + Sync + 'static,
{
    let paths = Paths::default();
    let seen = paths.clone();
    let endpoint = endpoint.over(tower::service_fn(move |request: Request<Body>| {
        let path = request.uri().path().to_owned();
        let response = answer(&path);
        seen.lock().unwrap().push(path);
        std::future::ready(Ok::<_, BoxError>(response))
    }));
    (endpoint, paths)
}

#[tokio::test]
async fn a_refresh_refused_by_a_status_alone_means_log_in_again() {
    let format = AnswerFormat::new()
        .invalid_grant_when_status(StatusCode::UNAUTHORIZED)
        .message_at("/detail")
        .unwrap();
    let refresh = RefreshRequest::header(HeaderName::from_static("refresh-token"))
        .at("https://id.example/refresh")
        .answer(format);
    let endpoint = TokenEndpoint::new(LOGIN).unwrap();
    let endpoint = endpoint.refresh_with(refresh).unwrap();
    let (endpoint, paths) = served(endpoint, |_| answer(401, r#"{"detail":"Unauthorized"}"#));
    let clock = noon();
    let tokens = Refreshing::builder(endpoint)
        .clock(clock.clone())
        .store(MemoryStore::holding(pair(&clock)))
        .build();
    let error = tokens.token().await.unwrap_err();
    let dead = ErrorKind::LogInAgain(LogInAgain::RefreshTokenRefused);
    assert_eq!(error.kind(), dead);
    assert!(
        chain(&error).contains("invalid_grant` (Unauthorized)"),
        "{error:?}"
    );
    assert_eq!(*paths.lock().unwrap(), ["/refresh"]);
}

#[tokio::test]
async fn answers_to_refreshes_have_a_format_of_their_own_and_a_dead_one_falls_back_to_the_log_in() {
    let endpoint = || {
        let format = |pointer| AnswerFormat::under(pointer)?.failed_unless("/code", [0]);
        let refreshed = format("/data")?.invalid_grant_when("/code", [40020])?;
        let refresh = RefreshRequest::json_member("refresh_token")
            .at("https://id.example/refresh")
            .answer(refreshed);
        let endpoint = TokenEndpoint::new(LOGIN)?
            .json()
            .grant(LogIn::new().secret("password", "hunter2"))
            .answer(format("/data/token")?)
            .refresh_with(refresh)?;
        Ok::<_, BoxError>(endpoint)
    };
    let alive = r#"{"code":0,"data":{"access_token":"by-refresh"}}"#;
    let dead = r#"{"code":40020,"msg":"refresh token has ended"}"#;
    let rows = [
        (alive, "by-refresh", vec!["/refresh"]),
        (dead, "by-log-in", vec!["/refresh", "/login"]),
    ];
    for (refreshed, expected, asked) in rows {
        let (endpoint, paths) = served(endpoint().unwrap(), move |path| match path {
            "/login" => answer(
                200,
                r#"{"code":0,"data":{"token":{"access_token":"by-log-in"}}}"#,
            ),
            _ => answer(200, refreshed),
        });
        let tokens = Refreshing::builder(endpoint)
            .clock(noon())
            .store(MemoryStore::holding(pair(&noon())))
            .build();
        assert_eq!(tokens.token().await.unwrap().expose(), expected);
        assert_eq!(*paths.lock().unwrap(), asked);
    }
}

#[tokio::test]
async fn a_pair_without_a_new_refresh_token_keeps_the_old_one() {
    let clock = noon();
    let endpoint = TokenEndpoint::new(LOGIN).unwrap().clock(clock.clone());
    let (endpoint, paths) = served(endpoint, |_| answer(200, good().to_string()));
    let store = Arc::new(MemoryStore::holding(pair(&clock)));
    let tokens = Refreshing::builder(endpoint)
        .clock(clock)
        .store(store.clone())
        .build();
    assert_eq!(tokens.token().await.unwrap().expose(), "at");
    let kept = store.load().await.unwrap().unwrap();
    assert_eq!(kept.refresh_token(), Some(&RefreshToken::new("refresh-0")));
    assert_eq!(paths.lock().unwrap().len(), 1);
}

// Answers over TCP that are not what they say

/// Sends these bytes to whoever connects, and holds the connection open or closes it.
async fn raw(text: &'static str, close: bool) -> TokenEndpoint {
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/token", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        stream.write_all(text.as_bytes()).await.unwrap();
        if !close {
            std::future::pending::<()>().await;
        }
    });
    let transport = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let endpoint = TokenEndpoint::new(&address).unwrap();
    endpoint.grant(ClientCredentials::new()).over(transport)
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_declared_is_a_typed_error() {
    let longer = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"access_token\":\"at\"}";
    let error = raw(longer, true).await.obtain().await.unwrap_err();
    assert!(
        matches!(error.kind(), ObtainErrorKind::BadAnswer(_)),
        "{error:?}"
    );

    let shorter = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"access_token\":\"at\"}";
    let error = raw(shorter, true).await.obtain().await.unwrap_err();
    assert_eq!(*error.kind(), ObtainErrorKind::CutOff, "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_to_its_end_is_given_up_after_the_deadline() {
    let slow = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"access_token\":\"at\"}";
    let watch = support::Stopwatch::start();
    let error = raw(slow, false).await.obtain().await.unwrap_err();
    assert_eq!(*error.kind(), ObtainErrorKind::Deadline, "{error:?}");
    assert_eq!(watch.elapsed(), 30 * SECOND);
}

// Whatever comes

fn member() -> impl Strategy<Value = (String, Value)> {
    let names = prop::sample::select(vec![
        "code",
        "msg",
        "requestId",
        "data",
        "error",
        "error_description",
        "detail",
        "access_token",
        "refresh_token",
        "id_token",
        "token_type",
        "issued_token_type",
        "scope",
        "expires_in",
        "access_expires",
        "refresh_expires",
    ]);
    let values = prop_oneof![
        any::<Option<bool>>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "at-6b1f",
            "rt-9c2e",
            "hunter2",
            "Bearer",
            "0",
            "invalid_grant",
            "-1",
            "NaN",
            "2026-01-05T13:00:00Z",
            "at-6b1f\n",
            "\u{1b}at-6b1f",
            "say rt-9c2e",
            "at-6b1f\"",
        ])
        .prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    (names.prop_map(str::to_owned), values)
}

fn object() -> impl Strategy<Value = Value> {
    let flat = || prop::collection::vec(member(), 0..8);
    (flat(), flat(), any::<bool>()).prop_map(|(top, data, nested)| {
        let mut object: serde_json::Map<_, _> = top.into_iter().collect();
        if nested {
            object.insert("data".into(), Value::Object(data.into_iter().collect()));
        }
        Value::Object(object)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_panics_and_no_error_shows_a_secret_or_a_token(
        body in prop_oneof![
            object().prop_map(|object| object.to_string().into_bytes()),
            any::<Vec<u8>>(),
        ],
        status in prop::sample::select(vec![200, 201, 204, 302, 400, 401, 403, 404, 429, 500]),
        date in prop::sample::select(vec!["", "Mon, 05 Jan 2026 12:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"]),
        kind in "[ -~]{0,12}(hunter2|at-6b1f)?",
        is_envelope in any::<bool>(),
    ) {
        let format = if is_envelope { envelope() } else { absolute() };
        let format = format.invalid_grant_when("/detail", [401]).unwrap();
        let format = format.message_at(if is_envelope { "/msg" } else { "/data" }).unwrap();
        let mut answer = answer(status, body);
        for (name, value) in [("date", date), ("content-type", &kind)] {
            answer.headers_mut().insert(name, value.parse().unwrap());
        }
        let mut secrets = vec!["hunter2".to_owned()];
        secrets.extend(tokens_of(answer.body(), if is_envelope { "/data" } else { "" }));
        let outcome = read(format, answer).now_or_never().unwrap();
        let shown = match &outcome {
            Ok(tokens) => format!("{tokens:?}"),
            Err(error) => chain(error),
        };
        for secret in secrets {
            prop_assert!(!shown.contains(&secret), "{}: {}", secret, shown);
        }
    }
}

/// Those that can't stand in an error by chance.
fn tokens_of(body: &Body, object: &str) -> Vec<String> {
    use http_body_util::BodyExt;
    let body = body.clone().collect().now_or_never().unwrap().unwrap();
    let body = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
    let tokens = ["access_token", "refresh_token", "id_token"].map(|name| {
        let token = body.pointer(&format!("{object}/{name}"))?.as_str()?;
        Some(token.to_owned()).filter(|token| ["6b1f", "9c2e"].iter().any(|t| token.contains(t)))
    });
    tokens.into_iter().flatten().collect()
}
