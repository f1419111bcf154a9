//! A service in the style of FastAPI-Users, from both ends and over TCP: each test names what
//! the service's description says. The client is the example's.
#![cfg(all(
    feature = "axum",
    feature = "file-store",
    feature = "https",
    feature = "test-util"
))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

#[path = "../examples/fastapi_users.rs"]
#[allow(dead_code)]
mod example;
mod systems;

use std::{path::Path, sync::Arc};

use axum::response::Response;
use clap::Parser;
use http::{Request, StatusCode};
use serde_json::json;
use tempfile::TempDir;
use tower_bearer::{
    Auth, BoxError, Refreshing, TokenEndpoint,
    client::ErrorKind,
    oauth::{LogInAgain, ObtainToken, Password},
    test_util::ManualClock,
};

use example::{
    Options, client,
    common::{Http, Log},
    mimics::{
        Lifetimes,
        fastapi_users::{AUDIENCE, CLIENT_ID, CLIENT_SECRET, Mimic, PASSWORD, USERNAME},
        seen::Seen,
    },
};
use systems::{
    Answer, DAY, HOUR, MINUTE, SECOND, answer, ask, bearer, call, ends_badly, json, until,
    until_renewed, why, with_headers, words,
};

const LOGIN: &str = "POST /auth/jwt/login";
const REFRESH: &str = "POST /auth/jwt/refresh";
const ME: &str = "GET /users/me";

async fn service(clock: &ManualClock) -> Mimic {
    Mimic::start(clock.clone(), Lifetimes::default())
        .await
        .unwrap()
}

/// The example's client, as its flags make it.
struct User {
    client: Auth<Http>,
    log: Log,
    tokens: Refreshing,
    url: String,
}

impl User {
    fn new(service: &Mimic, clock: &ManualClock, flags: &[&str]) -> Self {
        let url = service.url().to_owned();
        let flags = [&["fastapi_users", "--url", &url], flags].concat();
        let options = Options::try_parse_from(flags).unwrap();
        let log = Log::default();
        let http = Http::new(log.clone()).unwrap();
        let (client, tokens) = client(&options, http, Arc::new(clock.clone())).unwrap();
        Self {
            client,
            log,
            tokens,
            url,
        }
    }

    fn with_password(service: &Mimic, clock: &ManualClock) -> Self {
        let flags = ["--username", USERNAME, "--password", PASSWORD];
        Self::new(service, clock, &flags)
    }

    fn with_file(service: &Mimic, clock: &ManualClock, file: &Path) -> Self {
        let file = file.to_str().unwrap();
        let flags = [
            "--username",
            USERNAME,
            "--password",
            PASSWORD,
            "--store",
            file,
        ];
        Self::new(service, clock, &flags)
    }

    fn without_password(service: &Mimic, clock: &ManualClock, file: &Path) -> Self {
        Self::new(service, clock, &["--store", file.to_str().unwrap()])
    }

    async fn call(&self) -> Result<StatusCode, BoxError> {
        Ok(call(&self.client, &self.url, ME).await?.status())
    }

    async fn is_served(&self) {
        assert_eq!(self.call().await.unwrap(), StatusCode::OK);
    }

    async fn error(&self) -> (ErrorKind, String) {
        why(&self.call().await.unwrap_err())
    }
}

// One log-in

#[tokio::test]
async fn one_login_and_a_refresh_for_each_further_hour() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let user = User::with_password(&service, &clock);
    for _ in 0..13 {
        user.is_served().await;
        clock.advance(20 * MINUTE);
    }
    let expected = Seen {
        logins: 1,
        refreshes: 4,
        ..Seen::default()
    };
    let requests = [(LOGIN, 1), (REFRESH, 4), (ME, 13)];
    assert_eq!(service.seen(), expected.with_requests(requests));
}

#[tokio::test]
async fn nobody_waits_for_a_renewal_ahead_and_it_spends_one_refresh_token() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let user = User::with_password(&service, &clock);
    user.is_served().await;
    for generation in 1..=3 {
        clock.advance(59 * MINUTE);
        let calls = (0..20).map(|_| user.call());
        for status in futures::future::join_all(calls).await {
            assert_eq!(status.unwrap(), StatusCode::OK);
        }
        until(|| service.seen().refreshes == generation).await;
        until_renewed(&user.tokens).await;
    }
    let seen = service.seen();
    let expected = Seen {
        logins: 1,
        refreshes: 3,
        ..Seen::default()
    };
    assert_eq!(
        seen,
        expected.with_requests([(LOGIN, 1), (REFRESH, 3), (ME, 61)])
    );
}

#[tokio::test]
async fn where_refresh_tokens_are_spent_is_configuration() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let path = "/auth/jwt/postman-refresh";
    let flags = [
        "--username",
        USERNAME,
        "--password",
        PASSWORD,
        "--refresh-path",
        path,
    ];
    let user = User::new(&service, &clock, &flags);
    for _ in 0..4 {
        user.is_served().await;
        clock.advance(HOUR);
    }
    let seen = service.seen();
    assert_eq!(seen.asked("POST /auth/jwt/postman-refresh"), 3);
    assert_eq!(
        (seen.asked(REFRESH), seen.refreshes, seen.logins),
        (0, 3, 1)
    );
}

#[tokio::test]
async fn a_login_may_name_the_client_too() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let user = ["--username", USERNAME, "--password", PASSWORD];
    let rows: [&[&str]; 3] = [
        &[],
        &["--id", CLIENT_ID],
        &["--id", CLIENT_ID, "--secret", CLIENT_SECRET],
    ];
    for client in rows {
        let flags = [&user, client].concat();
        let user = User::new(&service, &clock, &flags);
        for _ in 0..4 {
            user.is_served().await;
            clock.advance(HOUR);
        }
    }
    let seen = service.seen();
    assert_eq!((seen.logins, seen.refreshes, seen.refusals), (3, 9, 0));
    assert!(seen.complaints.is_empty(), "{seen:?}");
}

#[tokio::test]
async fn a_login_may_ask_for_a_scope() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let log_in = TokenEndpoint::new(&format!("{}/auth/jwt/login", service.url()))
        .unwrap()
        .grant(Password::new(USERNAME, PASSWORD).scope("read write"))
        .over(Http::new(Log::default()).unwrap());
    assert!(log_in.obtain().await.is_ok());
    assert!(service.seen().complaints.is_empty());
}

// Shared by many

#[tokio::test]
async fn tasks_that_share_a_login_spend_one_refresh_token_for_each_generation() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let user = User::with_password(&service, &clock);
    for _ in 0..4 {
        let calls = (0..25).map(|_| user.is_served());
        futures::future::join_all(calls).await;
        clock.advance(HOUR);
    }
    let expected = Seen {
        logins: 1,
        refreshes: 3,
        ..Seen::default()
    };
    let requests = [(LOGIN, 1), (REFRESH, 3), (ME, 100)];
    assert_eq!(service.seen(), expected.with_requests(requests));
}

#[tokio::test]
async fn users_of_one_file_spend_one_refresh_token_for_each_generation() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("tokens.json");
    let users: Vec<_> = (0..6)
        .map(|_| User::with_file(&service, &clock, &file))
        .collect();
    for _ in 0..5 {
        let calls = users
            .iter()
            .map(|user| async { futures::future::join(user.is_served(), user.is_served()).await });
        futures::future::join_all(calls).await;
        clock.advance(HOUR);
    }
    let expected = Seen {
        logins: 1,
        refreshes: 4,
        ..Seen::default()
    };
    let requests = [(LOGIN, 1), (REFRESH, 4), (ME, 60)];
    assert_eq!(service.seen(), expected.with_requests(requests));
}

#[tokio::test]
async fn a_login_outlives_the_process_and_needs_no_password_then() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("tokens.json");
    let first = User::with_file(&service, &clock, &file);
    first.is_served().await;
    first.tokens.close().await;
    for _ in 0..3 {
        clock.advance(40 * MINUTE);
        let next = User::without_password(&service, &clock, &file);
        next.is_served().await;
        next.tokens.close().await;
    }
    let seen = service.seen();
    assert_eq!((seen.logins, seen.refreshes, seen.refusals), (1, 1, 0));
}

// Refused

#[tokio::test]
async fn a_revoked_access_token_costs_one_refresh_and_no_call() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let user = User::with_password(&service, &clock);
    user.is_served().await;
    for revocations in 1..=3 {
        clock.advance(MINUTE);
        service.revoke();
        clock.advance(SECOND);
        user.is_served().await;
        user.is_served().await;
        let seen = service.seen();
        assert_eq!((seen.refusals, seen.refreshes), (revocations, revocations));
    }
    assert_eq!(service.seen().asked(ME), 1 + 3 * 3);
}

#[tokio::test]
async fn a_dead_refresh_token_costs_one_login() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let user = User::with_password(&service, &clock);
    user.is_served().await;

    service.end_sessions();
    clock.advance(HOUR);
    user.is_served().await;
    let seen = service.seen();
    assert_eq!((seen.logins, seen.dead_refreshes), (2, 1), "revoked");

    clock.advance(31 * DAY);
    user.is_served().await;
    let seen = service.seen();
    assert_eq!((seen.logins, seen.dead_refreshes), (3, 2), "expired");
    assert_eq!((seen.refreshes, seen.reuses), (0, 0));
}

#[tokio::test]
async fn without_a_password_a_dead_session_is_told_and_not_asked_about_again() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("tokens.json");
    User::with_file(&service, &clock, &file).is_served().await;
    service.end_sessions();
    clock.advance(HOUR);
    let user = User::without_password(&service, &clock, &file);
    for _ in 0..50 {
        let (kind, said) = user.error().await;
        assert_eq!(kind, ErrorKind::LogInAgain(LogInAgain::RefreshTokenRefused));
        assert!(!said.contains("secret-refresh-token"), "{said}");
        clock.advance(MINUTE);
    }
    let seen = service.seen();
    assert_eq!(
        (seen.asked(REFRESH), seen.asked(ME), seen.logins),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn a_wrong_password_is_tried_three_times_in_a_day_and_never_shown() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let flags = ["--username", USERNAME, "--password", "hunter2"];
    let user = User::new(&service, &clock, &flags);
    for _ in 0..(24 * 60) {
        let (kind, said) = user.error().await;
        assert_eq!(kind, ErrorKind::Refused);
        assert!(said.contains("LOGIN_BAD_CREDENTIALS"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        clock.advance(MINUTE);
    }
    let seen = service.seen();
    assert_eq!((seen.wrong_logins, seen.asked(LOGIN)), (3, 3));
}

// Answers that are none

fn bad_answers() -> Vec<(&'static str, Response, &'static str)> {
    vec![
        ("no tokens", json("{}"), "no access_token"),
        ("a page", answer(200, "text/html", "<html>"), "text/html"),
        ("an outage", answer(503, "text/html", "<html>"), "503"),
        ("a redirect", answer(307, "text/html", ""), "never followed"),
        (
            "validation",
            answer(422, "application/json", r#"{"detail":"field required"}"#),
            "field required",
        ),
        (
            "another type",
            json(r#"{"access_token":"another","token_type":"mac","expires_in":3600}"#),
            "`mac`",
        ),
        (
            "no lifetime left",
            json(r#"{"access_token":"another","token_type":"bearer","expires_in":0}"#),
            "not greater than 0",
        ),
        (
            "a lifetime that is none",
            json(r#"{"access_token":"another","token_type":"bearer","expires_in":"soon"}"#),
            "not a number of seconds",
        ),
        (
            "an access token that can't be sent",
            json(r#"{"access_token":"a\nb","token_type":"bearer","expires_in":3600}"#),
            "can't stand in a header",
        ),
    ]
}

#[tokio::test]
async fn a_login_that_is_answered_badly_fails_clearly_and_the_next_one_is_served() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    for (rule, answer, expected) in bad_answers() {
        let user = User::with_password(&service, &clock);
        service.answer_next(LOGIN, answer);
        let (_, said) = user.error().await;
        assert!(said.contains(expected), "{rule}: {said}");
        clock.advance(HOUR);
        user.is_served().await;
    }
    assert_eq!(service.seen().refusals, 0);
}

#[tokio::test]
async fn a_refresh_that_is_answered_badly_loses_no_good_token() {
    for (rule, answer, expected) in bad_answers() {
        let clock = ManualClock::new();
        let service = service(&clock).await;
        let user = User::with_password(&service, &clock);
        user.is_served().await;
        clock.advance(56 * MINUTE);
        service.answer_next(REFRESH, answer);
        clock.advance(2 * MINUTE);
        user.is_served().await;
        until(|| user.tokens.state().last_error.is_some()).await;
        let error = user.tokens.state().last_error.unwrap();
        assert!(
            words(&error).contains(expected),
            "{rule}: {}",
            words(&error)
        );
        user.is_served().await;
        clock.advance(HOUR);
        user.is_served().await;
        let seen = service.seen();
        assert_eq!(
            (seen.logins, seen.refreshes, seen.refusals),
            (1, 1, 0),
            "{rule}"
        );
    }
}

#[tokio::test]
async fn a_login_whose_answer_breaks_off_is_an_outage() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let user = User::with_password(&service, &clock);
    service.cut_off_next(LOGIN);
    let (kind, said) = user.error().await;
    assert!(matches!(kind, ErrorKind::Unavailable { .. }), "{said}");
    assert!(said.contains("broke off"), "{said}");
    clock.advance(MINUTE);
    user.is_served().await;
}

/// The server has rotated, and the client does not know to what.
#[tokio::test]
async fn a_refresh_whose_answer_breaks_off_costs_one_login() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("tokens.json");
    for (is_with_password, logins) in [(true, 2), (false, 3)] {
        let user = User::with_file(&service, &clock, &file);
        let user = match is_with_password {
            true => user,
            false => User::without_password(&service, &clock, &file),
        };
        user.is_served().await;
        clock.advance(HOUR);
        service.cut_off_next(REFRESH);
        if is_with_password {
            user.is_served().await;
        } else {
            let (kind, said) = user.error().await;
            let expected = ErrorKind::LogInAgain(LogInAgain::MayHaveBeenUsed);
            assert_eq!(kind, expected, "{said}");
            User::with_file(&service, &clock, &file).is_served().await;
        }
        assert_eq!(service.seen().logins, logins);
    }
    // Each with one more try a second later, and the last log-in with a last one.
    let seen = service.seen();
    assert_eq!((seen.refreshes, seen.asked(REFRESH)), (2, 5));
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_ends_the_session_and_costs_one_login() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let user = User::with_password(&service, &clock);
    user.is_served().await;
    clock.advance(HOUR);
    let claims = json!({ "user_id": "u-1", "aud": AUDIENCE, "exp": 9_999_999_999_u64 });
    let token = service.mint(&claims).unwrap();
    let body = json!({ "access_token": token, "token_type": "bearer", "expires_in": 3600 });
    service.answer_next(REFRESH, json(body.to_string()));
    for _ in 0..3 {
        user.is_served().await;
        clock.advance(HOUR);
    }
    let seen = service.seen();
    // The kept one was good, since nobody has spent it here.
    assert_eq!((seen.logins, seen.refreshes, seen.reuses), (1, 2, 0));
}

// The service's side

/// The service answers as its description says, and refuses what it does not say.
#[tokio::test]
async fn the_service_refuses_all_that_its_description_does_not_allow() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let url = service.url();
    let log_in = |content_type: &str, accept: Option<&str>, body: &str| {
        let mut request = Request::post(format!("{url}/auth/jwt/login"));
        request = request.header("content-type", content_type);
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        ask(request, body.to_owned())
    };
    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: Option<&str> = Some("application/json");
    let good = "grant_type=password&username=alice%40service.example&password=correct+horse+battery+staple";
    let extra = format!("{good}&response_type=token");
    let twice = format!("{good}&password=x");
    let rows: [(&str, &str, Option<&str>, &str, u16); 9] = [
        ("as described", FORM, JSON, good, 200),
        ("JSON", "application/json", JSON, "{}", 422),
        ("text", "text/plain", JSON, good, 422),
        ("without Accept", FORM, None, good, 422),
        ("another Accept", FORM, Some("text/html"), good, 422),
        ("without grant_type", FORM, JSON, &good[20..], 422),
        ("a field more", FORM, JSON, &extra, 422),
        ("a field twice", FORM, JSON, &twice, 422),
        ("a wrong password", FORM, JSON, &good[..good.len() - 1], 400),
    ];
    for (rule, content_type, accept, body, expected) in rows {
        let answer = log_in(content_type, accept, body).await;
        assert_eq!(answer.status, expected, "{rule}: {answer:?}");
    }
    let in_query = Request::post(format!("{url}/auth/jwt/login?{good}"));
    assert_eq!(ask(in_query, "").await.status, 422, "in the query");
    let seen = service.seen();
    assert_eq!(
        (seen.complaints.len(), seen.wrong_logins, seen.logins),
        (8, 1, 1)
    );
}

#[tokio::test]
async fn a_refresh_token_is_taken_once_and_from_its_header_only() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let url = service.url();
    let pair = logged_in(&service).await;
    let (access, refresh) = (pair("access_token"), pair("refresh_token"));
    assert_eq!(pair("token_type"), "bearer");
    let to = |path: &str| Request::post(format!("{url}{path}"));
    let at = "/auth/jwt/refresh";
    #[rustfmt::skip]
    let rows = [
        ("no token", to(at), "", 422),
        ("in the query", to(&format!("{at}?refresh-token={refresh}")), "", 422),
        ("in a body", to(at).header("content-type", "application/json"), "{}", 422),
        ("a body beside it", to(at).header("refresh-token", &refresh), "a=b", 422),
        ("twice", to(at).header("refresh-token", &refresh).header("refresh-token", &refresh), "", 422),
        ("by GET", Request::get(format!("{url}{at}")).header("refresh-token", &refresh), "", 405),
        ("the access token", to(at).header("refresh-token", &access), "", 401),
        ("as described", to(at).header("refresh-token", &refresh), "", 200),
        ("a second time", to(at).header("refresh-token", &refresh), "", 401),
        ("a second time, at the other path", to("/auth/jwt/postman-refresh").header("refresh-token", &refresh), "", 401),
    ];
    for (rule, request, body, expected) in rows {
        let answer = ask(request, body).await;
        assert_eq!(answer.status, expected, "{rule}: {answer:?}");
    }
    let seen = service.seen();
    assert_eq!(
        (seen.refreshes, seen.reuses, seen.dead_refreshes),
        (1, 2, 1)
    );
}

#[tokio::test]
async fn only_the_header_counts_and_a_refusal_is_a_401_with_a_detail_and_no_challenge() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let pair = logged_in(&service).await;
    let (access, refresh) = (pair("access_token"), pair("refresh_token"));
    let exp = 9_999_999_999_u64;
    let minted = |claims| service.mint(&claims).unwrap();
    #[rustfmt::skip]
    let rows = [
        ("the token of a log-in", bearer(&access), "", 200),
        ("neither `sub` nor `iss`", bearer(minted(json!({ "user_id": "u", "aud": AUDIENCE, "exp": exp }))), "", 200),
        ("whatever issuer", bearer(minted(json!({ "user_id": "u", "aud": AUDIENCE, "exp": exp, "iss": "x" }))), "", 200),
        ("nothing", vec![], "", 401),
        ("a cookie", vec![("cookie", format!("fastapiusersauth={access}"))], "", 401),
        ("a query", vec![], "access_token", 401),
        ("another scheme", vec![("authorization", format!("Token {access}"))], "", 401),
        ("no scheme", vec![("authorization", access.clone())], "", 401),
        ("two headers", [bearer(&access), bearer(&access)].concat(), "", 401),
        ("the refresh token", bearer(&refresh), "", 401),
        ("another audience", bearer(minted(json!({ "user_id": "u", "aud": "fastapi-users:verify", "exp": exp }))), "", 401),
        ("no audience", bearer(minted(json!({ "user_id": "u", "exp": exp }))), "", 401),
        ("no user", bearer(minted(json!({ "sub": "u", "aud": AUDIENCE, "exp": exp }))), "", 401),
        ("no end", bearer(minted(json!({ "user_id": "u", "aud": AUDIENCE }))), "", 401),
        ("an end in the past", bearer(minted(json!({ "user_id": "u", "aud": AUDIENCE, "exp": 1 }))), "", 401),
    ];
    for (rule, headers, query, expected) in rows {
        let mut uri = format!("{}/users/me", service.url());
        if !query.is_empty() {
            uri = format!("{uri}?{query}={access}");
        }
        let request = with_headers(Request::get(uri), &headers);
        let Answer {
            status,
            headers,
            json,
            ..
        } = ask(request, "").await;
        assert_eq!(status, expected, "{rule}");
        assert_eq!(
            json.get("detail").is_some(),
            expected != 200,
            "{rule}: {json}"
        );
        assert!(!headers.contains_key("www-authenticate"), "{rule}");
    }
    assert_eq!(service.seen().refusals, 12);
}

/// Reads members of the answer to a log-in.
async fn logged_in(service: &Mimic) -> impl Fn(&str) -> String + use<> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "password")
        .append_pair("username", USERNAME)
        .append_pair("password", PASSWORD)
        .finish();
    let request = Request::post(format!("{}/auth/jwt/login", service.url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json");
    let answer = ask(request, form).await;
    assert_eq!(answer.json["expires_in"], 3600);
    move |member| answer.json[member].as_str().unwrap().to_owned()
}

// The program

#[tokio::test]
async fn the_log_tells_which_token_was_used_and_how_it_was_got() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let user = User::with_password(&service, &clock);
    let mut told = Vec::new();
    for minutes in [1, 60, 1, 60, 1] {
        user.is_served().await;
        told.push(user.log.take());
        if told.len() == 3 {
            service.end_sessions();
        }
        clock.advance(minutes * MINUTE);
    }
    let expected = [
        "token 1, logged in",
        "token 1, as before",
        "token 2, refreshed",
        "token 2, as before",
        "token 3, logged in",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn the_program_goes_on_after_an_outage_and_ends_where_only_a_person_helps() {
    let service = service(&ManualClock::new()).await;
    let directory = TempDir::new().unwrap();
    let store = directory.path().join("tokens.json");
    let flags = [
        "fastapi_users",
        "--url",
        service.url(),
        "--store",
        store.to_str().unwrap(),
    ];
    let user = ["--username", USERNAME, "--password", PASSWORD];
    let run = async |flags: &[&str]| {
        let options = Options::try_parse_from(flags).unwrap();
        example::run(&options).await.unwrap_err().to_string()
    };

    service.answer_next(ME, json("{}"));
    service.answer_next(ME, answer(500, "application/json", "{}"));
    let error = run(&[&flags[..], &user, &["--calls", "4"]].concat()).await;
    assert_eq!(error, "1 of 4 calls were not served");
    assert_eq!(service.seen().asked(ME), 4);

    // Without a password, and with a session that ends after the first call.
    service.answer_next(ME, json("{}"));
    service.answer_next(ME, answer(401, "application/json", "{}"));
    service.end_sessions();
    let error = run(&[&flags[..], &["--calls", "4"]].concat()).await;
    assert_eq!(error, "the session has ended");
    assert_eq!(service.seen().asked(ME), 4 + 2);
}

#[tokio::test]
async fn the_program_says_in_one_line_why_a_call_was_not_served() {
    let clock = ManualClock::new();
    let service = service(&clock).await;
    let url = service.url();
    let user = ["--username", USERNAME, "--password", PASSWORD];
    let directory = TempDir::new().unwrap();
    let store = directory.path().join("tokens.json");
    let store = store.to_str().unwrap();
    let rows: [(&str, &str, &[&str], &str); 6] = [
        (
            "a wrong password",
            url,
            &["--username", USERNAME, "--password", "hunter2"],
            "LOGIN_BAD_CREDENTIALS",
        ),
        (
            "a wrong address",
            "http://127.0.0.1:9",
            &user,
            "could not be reached",
        ),
        ("an address that is none", "127.0.0.1", &user, "not a URI"),
        (
            "plain http elsewhere",
            "http://service.example",
            &user,
            "plain http",
        ),
        ("no session", url, &["--store", store], "log in again"),
        (
            "an unknown path",
            url,
            &[&user[..], &["--call", "GET /users/you"]].concat(),
            "404",
        ),
    ];
    for (rule, url, flags, expected) in rows {
        let flags = [&["fastapi_users", "--url", url], flags].concat();
        let options = Options::try_parse_from(flags).unwrap();
        let run = example::run(&options);
        ends_badly(rule, run, expected, &["hunter2", PASSWORD]).await;
    }
}
