//! Cloudreve, from both ends and over TCP: each test names what the site's description says.
//! The client is the example's.
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

#[path = "../examples/cloudreve.rs"]
#[allow(dead_code)]
mod example;
mod systems;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use clap::Parser;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::{ServiceBuilder, ServiceExt};
use tower_bearer::{
    Auth, AuthLayer, BoxError, Refreshing, TokenEndpoint,
    client::{
        ErrorKind, Refusal, WithoutToken,
        envelope::{ApiFailure, Envelope, EnvelopeLayer},
        store::FileStore,
    },
    oauth::{LogIn, LogInAgain, ObtainToken, RefreshRequest},
    test_util::ManualClock,
};

use example::{
    Options, client,
    common::{Call, Http, Log},
    mimics::{
        Lifetimes,
        cloudreve::{EMAIL, MASTER_KEY, Mimic, OTP, PASSWORD, SESSION_ID, USER},
        seen::Seen,
    },
    pair_at, sessions,
};
use systems::{
    Answer, DAY, HOUR, MINUTE, SECOND, answer, ask, bearer, call, ends_badly, json, until,
    until_renewed, why, with_headers, words,
};

const LOGIN: &str = "POST /api/v4/session/token";
const REFRESH: &str = "POST /api/v4/session/token/refresh";
const PING: &str = "GET /api/v4/site/ping";
const CONFIG: &str = "GET /api/v4/site/config";
const SETTING: &str = "GET /api/v4/user/setting";
const FILE: &str = r#"POST /api/v4/file {"uri":"cloudreve://my/a.txt","type":"file"}"#;

async fn site(clock: &ManualClock) -> Mimic {
    Mimic::start(clock.clone(), Lifetimes::default())
        .await
        .unwrap()
}

fn http() -> Http {
    Http::new(Log::default()).unwrap()
}

/// The example's client, as its flags make it.
struct User {
    client: Auth<Envelope<Http>>,
    tokens: Refreshing,
    url: String,
}

impl User {
    fn new(site: &Mimic, clock: &ManualClock, flags: &[&str]) -> Self {
        let url = site.url().to_owned();
        let flags = [&["cloudreve", "--url", &url], flags].concat();
        let options = Options::try_parse_from(flags).unwrap().client;
        let (client, tokens) = client(&options, http(), Arc::new(clock.clone())).unwrap();
        Self {
            client,
            tokens,
            url,
        }
    }

    fn with_password(site: &Mimic, clock: &ManualClock) -> Self {
        Self::new(site, clock, &["--username", EMAIL, "--password", PASSWORD])
    }

    fn with_file(site: &Mimic, clock: &ManualClock, file: &Path) -> Self {
        let file = file.to_str().unwrap();
        let flags = ["--username", EMAIL, "--password", PASSWORD, "--store", file];
        Self::new(site, clock, &flags)
    }

    fn without_password(site: &Mimic, clock: &ManualClock, file: &Path) -> Self {
        Self::new(site, clock, &["--store", file.to_str().unwrap()])
    }

    async fn call(&self, what: &str) -> Result<Response<Bytes>, BoxError> {
        call(&self.client, &self.url, what).await
    }

    async fn is_served(&self) {
        self.is_served_with(SETTING).await;
    }

    async fn is_served_with(&self, what: &str) {
        let response = self.call(what).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let json: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(json["code"], 0, "{json}");
    }

    async fn error(&self) -> (ErrorKind, String) {
        why(&self.call(SETTING).await.unwrap_err())
    }
}

// The three kinds of methods

#[tokio::test]
async fn a_header_that_is_there_and_bad_is_an_error_wherever_one_is_looked_for() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let pair = log_in(&site).await;
    let access = pair.text("/data/token/access_token");
    let refresh = pair.text("/data/token/refresh_token");
    let expired = site.mint(&json!({ "token_type": "access", "sub": USER, "nbf": 1, "exp": 2 }));
    let no_beginning = json!({ "token_type": "access", "sub": USER, "exp": 9_999_999_999_u64 });
    let no_beginning = site.mint(&no_beginning).unwrap();
    let early = json!({ "token_type": "access", "sub": USER, "nbf": 9_999_999_998_u64, "exp": 9_999_999_999_u64 });
    let early = site.mint(&early).unwrap();
    let other_key = MASTER_KEY.replace("anybody", "nobody!");
    let forged = minted(&other_key, &clock);
    const ANONYMOUS: &str = "anonymous";
    #[rustfmt::skip]
    let rows = [
        // what, the header, Optional, Required
        ("no header", vec![], Some(ANONYMOUS), None),
        ("an access token", bearer(&access), Some(USER), Some(USER)),
        ("a lower-case scheme", vec![("authorization", format!("bearer {access}"))], Some(USER), Some(USER)),
        ("the refresh token", bearer(refresh), None, None),
        ("an expired token", bearer(expired.unwrap()), None, None),
        ("a token before its time", bearer(early), None, None),
        ("a token without a beginning", bearer(no_beginning), None, None),
        ("another key", bearer(forged), None, None),
        ("garbage", bearer("garbage"), None, None),
        ("no token", vec![("authorization", "Bearer".to_owned())], None, None),
        ("an empty header", vec![("authorization", String::new())], None, None),
        ("no scheme", vec![("authorization", access.clone())], None, None),
        ("another scheme", vec![("authorization", "Basic YTpi".to_owned())], None, None),
        ("two headers", [bearer(&access), bearer(&access)].concat(), None, None),
    ];
    for status in [StatusCode::OK, StatusCode::UNAUTHORIZED] {
        site.refuse_with(status);
        for (rule, header, optional, required) in &rows {
            let get =
                |path: &str| with_headers(Request::get(format!("{}{path}", site.url())), header);
            let none = ask(get("/api/v4/site/ping"), "").await;
            assert_eq!(none.json["code"], 0, "{rule}: Auth: None");
            for (path, member, user) in [
                ("/api/v4/site/config", "/data/user", optional),
                ("/api/v4/user/setting", "/data/id", required),
            ] {
                let answer = ask(get(path), "").await;
                match user {
                    Some(user) => assert_eq!(answer.text(member), *user, "{rule}: {path}"),
                    None => {
                        assert_eq!(answer.status, status, "{rule}: {path}");
                        assert_eq!(answer.json["code"], 401, "{rule}: {path}");
                        assert!(!answer.text("/msg").is_empty(), "{rule}: {path}");
                    }
                }
            }
        }
    }
    let in_query = format!("{}/api/v4/user/setting?access_token={access}", site.url());
    assert_eq!(ask(Request::get(in_query), "").await.json["code"], 401);
}

#[tokio::test]
async fn only_the_token_type_tells_a_refresh_token_from_an_access_token() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let pair = log_in(&site).await;
    let setting = |token: String| {
        let request = Request::get(format!("{}/api/v4/user/setting", site.url()));
        ask(with_headers(request, &bearer(token)), "")
    };
    let access = pair.text("/data/token/access_token");
    let refresh = pair.text("/data/token/refresh_token");
    let code = |answer: Answer| answer.json["code"].clone();
    assert_eq!(code(setting(access.clone()).await), 0);
    assert_eq!(code(setting(refresh.clone()).await), 401);

    // The same claims but for that one, signed with the same key.
    for (token, token_type, expected) in [
        (&refresh, "refresh", 401),
        (&refresh, "access", 0),
        (&access, "refresh", 401),
        (&access, "access", 0),
    ] {
        let mut claims = claims(token);
        claims["token_type"] = token_type.into();
        let token = site.mint(&claims).unwrap();
        assert_eq!(code(setting(token).await), expected, "{claims}");
    }
}

/// A log-in that no client of ours made.
async fn log_in(site: &Mimic) -> Answer {
    let request = Request::post(format!("{}/api/v4/session/token", site.url()))
        .header("content-type", "application/json");
    ask(
        request,
        json!({ "email": EMAIL, "password": PASSWORD }).to_string(),
    )
    .await
}

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

#[tokio::test]
async fn a_client_may_be_anonymous_where_that_is_allowed() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let user = User::with_password(&site, &clock);
    let anonymous = || {
        let call: Call = CONFIG.parse().unwrap();
        let mut request = call.request(&user.url).unwrap();
        request.extensions_mut().insert(WithoutToken);
        user.client.clone().oneshot(request)
    };
    let name = |body: &[u8]| {
        let json: Value = serde_json::from_slice(body).unwrap();
        json.pointer("/data/user")
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    let body = anonymous().await.unwrap().into_body().collect().await;
    assert_eq!(name(&body.unwrap().to_bytes()), "anonymous");
    assert_eq!(site.seen().logins, 0, "nobody has to be known for it");
    let response = user.call(CONFIG).await.unwrap();
    assert_eq!(name(response.body()), USER);
    user.is_served_with(PING).await;
    assert_eq!(site.seen().logins, 1);
}

// Sessions

#[tokio::test]
async fn a_login_is_answered_with_a_pair_whose_ends_are_times_of_day() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let pair = log_in(&site).await;
    assert_eq!(pair.status, 200);
    assert_eq!(
        (&pair.json["code"], &pair.json["msg"]),
        (&json!(0), &json!(""))
    );
    assert_eq!(pair.text("/data/user/id"), USER);
    for end in ["access_expires", "refresh_expires"] {
        let end = pair.text(&format!("/data/token/{end}"));
        let (seconds, rest) = end.split_once('.').unwrap();
        assert_eq!((seconds.len(), rest.len()), (19, 12), "{end}");
        assert!(rest.ends_with("+08:00"), "{end}");
    }
    let access = claims(&pair.text("/data/token/access_token"));
    let refresh = claims(&pair.text("/data/token/refresh_token"));
    let names = |claims: &Value| {
        let claims = claims.as_object().unwrap();
        claims.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&access), ["exp", "nbf", "sub", "token_type"]);
    assert_eq!(
        names(&refresh),
        ["exp", "nbf", "state_hash", "sub", "token_type"]
    );
    assert_eq!(access["sub"], refresh["sub"]);
}

#[tokio::test]
async fn one_login_and_a_refresh_for_each_further_hour() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let user = User::with_password(&site, &clock);
    for _ in 0..13 {
        user.is_served().await;
        clock.advance(20 * MINUTE + SECOND);
    }
    let expected = Seen {
        logins: 1,
        refreshes: 4,
        ..Seen::default()
    };
    let requests = [(LOGIN, 1), (REFRESH, 4), (SETTING, 13)];
    assert_eq!(site.seen(), expected.with_requests(requests));
}

#[tokio::test]
async fn nobody_waits_for_a_renewal_ahead_and_it_spends_one_refresh_token() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let user = User::with_password(&site, &clock);
    user.is_served().await;
    for generation in 1..=3 {
        clock.advance(59 * MINUTE);
        let calls = (0..20).map(|_| user.is_served());
        futures::future::join_all(calls).await;
        until_renewed(&user.tokens).await;
        assert_eq!(site.seen().refreshes, generation);
    }
    let expected = Seen {
        logins: 1,
        refreshes: 3,
        ..Seen::default()
    };
    let requests = [(LOGIN, 1), (REFRESH, 3), (SETTING, 61)];
    assert_eq!(site.seen(), expected.with_requests(requests));
}

#[tokio::test]
async fn other_ways_to_log_in_are_configuration() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let second_factor = LogIn::new()
        .parameter("session_id", SESSION_ID)
        .secret("otp", OTP);
    let url = format!("{}/api/v4/session/token", site.url());
    let refresh = RefreshRequest::json_member("refresh_token")
        .at(format!("{url}/refresh"))
        .answer(pair_at("/data").unwrap());
    let endpoint = TokenEndpoint::new(&format!("{url}/2fa"))
        .unwrap()
        .json()
        .grant(second_factor)
        .answer(pair_at("/data/token").unwrap())
        .refresh_with(refresh)
        .unwrap()
        .clock(clock.clone());
    let tokens = Refreshing::builder(endpoint.over(http()))
        .clock(clock.clone())
        .build();
    for _ in 0..4 {
        tokens.token().await.unwrap();
        clock.advance(HOUR);
    }
    let expected = Seen {
        logins: 1,
        refreshes: 3,
        ..Seen::default()
    };
    let requests = [("POST /api/v4/session/token/2fa", 1), (REFRESH, 3)];
    assert_eq!(site.seen(), expected.with_requests(requests));
}

#[tokio::test]
async fn a_session_outlives_the_process_and_needs_no_password_then() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("session.json");
    let first = User::with_file(&site, &clock, &file);
    first.is_served().await;
    first.tokens.close().await;
    for _ in 0..6 {
        clock.advance(40 * MINUTE);
        let next = User::without_password(&site, &clock, &file);
        next.is_served().await;
        next.tokens.close().await;
    }
    let expected = Seen {
        logins: 1,
        refreshes: 3,
        ..Seen::default()
    };
    let requests = [(LOGIN, 1), (REFRESH, 3), (SETTING, 7)];
    assert_eq!(site.seen(), expected.with_requests(requests));
}

#[tokio::test]
async fn users_of_one_file_spend_one_refresh_token_for_each_generation() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("session.json");
    let user = |_| User::with_file(&site, &clock, &file);
    let users: Vec<_> = (0..6).map(user).collect();
    for _ in 0..4 {
        futures::future::join_all(users.iter().map(User::is_served)).await;
        clock.advance(HOUR);
    }
    let seen = site.seen();
    assert_eq!((seen.logins, seen.refreshes, seen.reuses), (1, 3, 0));
    assert_eq!(seen.asked(SETTING), 24);
}

// Log in again

#[tokio::test]
async fn a_refresh_token_that_has_ended_is_not_sent() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let user = User::with_password(&site, &clock);
    for _ in 0..3 {
        user.is_served().await;
        clock.advance(31 * DAY);
    }
    let expected = Seen {
        logins: 3,
        ..Seen::default()
    };
    assert_eq!(
        site.seen(),
        expected.with_requests([(LOGIN, 3), (SETTING, 3)])
    );
}

#[tokio::test]
async fn a_refusal_of_the_refresh_token_costs_one_login() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let user = User::with_password(&site, &clock);
    user.is_served().await;
    for sessions in 1..=3 {
        site.end_sessions();
        clock.advance(HOUR);
        futures::future::join_all((0..10).map(|_| user.is_served())).await;
        let seen = site.seen();
        assert_eq!((seen.logins, seen.dead_refreshes), (sessions + 1, sessions));
    }
    assert_eq!(site.seen().refreshes, 0);
}

#[tokio::test]
async fn without_a_password_the_application_is_told_to_log_in_again_and_there_is_no_loop() {
    type End = fn(&Mimic, &ManualClock);
    let ends: [(End, LogInAgain, u32); 2] = [
        (
            |site, clock| {
                site.end_sessions();
                clock.advance(HOUR);
            },
            LogInAgain::RefreshTokenRefused,
            1,
        ),
        (
            |_, clock| clock.advance(30 * DAY),
            LogInAgain::RefreshTokenExpired,
            0,
        ),
    ];
    for (end, cause, asked) in ends {
        let clock = ManualClock::new();
        let site = site(&clock).await;
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("session.json");
        User::with_file(&site, &clock, &file).is_served().await;
        end(&site, &clock);
        let user = User::without_password(&site, &clock, &file);
        for _ in 0..50 {
            let (kind, _) = user.error().await;
            assert_eq!(kind, ErrorKind::LogInAgain(cause));
            clock.advance(MINUTE);
        }
        let seen = site.seen();
        assert_eq!(
            (seen.asked(REFRESH), seen.asked(LOGIN)),
            (asked, 1),
            "{cause:?}"
        );
        assert_eq!(seen.asked(SETTING), 1, "{cause:?}");

        // New tokens are taken at once, and written down.
        let new = User::with_password(&site, &clock);
        let endpoint = sessions(&new.url).unwrap().clock(clock.clone());
        let log_in = LogIn::new()
            .parameter("email", EMAIL)
            .secret("password", PASSWORD);
        let pair = endpoint.grant(log_in).over(http()).obtain().await.unwrap();
        user.tokens.replace_tokens(pair).await.unwrap();
        user.is_served().await;
        User::without_password(&site, &clock, &file)
            .is_served()
            .await;
    }
}

/// Who is asked to log in again, and what they do.
struct Person {
    tokens: Refreshing,
    causes: Arc<Mutex<Vec<LogInAgain>>>,
    asked: Arc<AtomicU32>,
}

impl Person {
    fn new(site: &Mimic, clock: &ManualClock, password: &'static str) -> Self {
        let (causes, asked) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicU32>::default());
        let endpoint = sessions(site.url()).unwrap().clock(clock.clone());
        let log_in = LogIn::new()
            .parameter("email", EMAIL)
            .secret("password", password);
        let log_in = Arc::new(endpoint.clone().grant(log_in).over(http()));
        let (told, counted) = (causes.clone(), asked.clone());
        let tokens = Refreshing::builder(endpoint.over(http()))
            .clock(clock.clone())
            .log_in_again(move |session| {
                told.lock().unwrap().push(session.cause());
                counted.fetch_add(1, Ordering::Relaxed);
                let log_in = log_in.clone();
                async move { log_in.obtain().await }
            })
            .build();
        Self {
            tokens,
            causes,
            asked,
        }
    }
}

#[tokio::test]
async fn a_hook_logs_in_again_once_for_all_who_wait() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let person = Person::new(&site, &clock, PASSWORD);
    let all = || async {
        let tokens = (0..20).map(|_| person.tokens.token());
        futures::future::try_join_all(tokens).await.unwrap();
    };
    all().await;
    clock.advance(HOUR);
    all().await; // by a refresh
    site.end_sessions();
    clock.advance(HOUR);
    all().await;
    clock.advance(31 * DAY);
    all().await;
    let causes = person.causes.lock().unwrap().clone();
    let expected = [
        LogInAgain::NotLoggedIn,
        LogInAgain::RefreshTokenRefused,
        LogInAgain::RefreshTokenExpired,
    ];
    assert_eq!(causes, expected);
    let seen = site.seen();
    assert_eq!(
        (seen.logins, seen.refreshes, seen.dead_refreshes),
        (3, 1, 1)
    );
}

#[tokio::test]
async fn a_hook_that_is_refused_is_not_asked_for_ever() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let person = Person::new(&site, &clock, "hunter2");
    for _ in 0..(24 * 60) {
        let error = person.tokens.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LogInAgain(LogInAgain::NotLoggedIn));
        let said = words(&error);
        assert!(said.contains("Incorrect email or password"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        clock.advance(MINUTE);
    }
    assert_eq!(person.asked.load(Ordering::Relaxed), 3);
    assert_eq!(site.seen().wrong_logins, 3);
}

#[tokio::test]
async fn a_wrong_password_is_tried_three_times_in_a_day_and_never_shown() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let user = User::new(
        &site,
        &clock,
        &["--username", EMAIL, "--password", "hunter2"],
    );
    for _ in 0..(24 * 60) {
        let (kind, said) = user.error().await;
        assert_eq!(kind, ErrorKind::Refused);
        assert!(
            said.contains("`40020` (Incorrect email or password)"),
            "{said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
        clock.advance(MINUTE);
    }
    assert_eq!(site.seen().wrong_logins, 3);
}

// Refused calls

#[tokio::test]
async fn a_refusal_under_200_costs_one_refresh_and_the_caller_sees_the_second_answer() {
    for status in [StatusCode::OK, StatusCode::UNAUTHORIZED] {
        let clock = ManualClock::new();
        let site = site(&clock).await;
        site.refuse_with(status);
        let user = User::with_password(&site, &clock);
        user.is_served().await;
        for (revocations, what) in [(1, SETTING), (2, CONFIG), (3, FILE)] {
            clock.advance(MINUTE);
            site.revoke();
            clock.advance(SECOND);
            user.is_served_with(what).await;
            let seen = site.seen();
            assert_eq!((seen.refusals, seen.refreshes), (revocations, revocations));
        }
        let expected = Seen {
            logins: 1,
            refreshes: 3,
            refusals: 3,
            ..Seen::default()
        };
        let requests = [
            (LOGIN, 1),
            (REFRESH, 3),
            (SETTING, 3),
            (CONFIG, 2),
            ("POST /api/v4/file", 2),
        ];
        assert_eq!(site.seen(), expected.with_requests(requests), "{status}");
    }
}

#[tokio::test]
async fn without_the_choice_a_post_that_was_refused_under_200_is_not_sent_again() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let tokens = User::with_password(&site, &clock).tokens;
    let envelope = EnvelopeLayer::new().refused_when("/code", [401]).unwrap();
    let client = ServiceBuilder::new()
        .layer(AuthLayer::new(tokens).origin(site.url()).unwrap())
        .layer(envelope)
        .service(http());
    call(&client, site.url(), FILE).await.unwrap();
    clock.advance(MINUTE);
    site.revoke();
    clock.advance(SECOND);
    let refused = call(&client, site.url(), FILE).await.unwrap();
    assert_eq!(refused.extensions().get(), Some(&Refusal::NotRepeatable));
    let failure: &ApiFailure = refused.extensions().get().unwrap();
    assert_eq!(failure.code(), "401");
    assert_eq!(site.seen().asked("POST /api/v4/file"), 2);
    let next = call(&client, site.url(), FILE).await.unwrap();
    assert!(
        next.extensions().get::<Refusal>().is_none(),
        "the next one is served"
    );
    assert_eq!(site.seen().refreshes, 1);
}

#[tokio::test]
async fn with_the_choice_off_a_refusal_under_200_is_an_answer_like_any_other() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let tokens = User::with_password(&site, &clock).tokens;
    let client = ServiceBuilder::new()
        .layer(AuthLayer::new(tokens).origin(site.url()).unwrap())
        .service(http());
    call(&client, site.url(), SETTING).await.unwrap();
    site.revoke();
    clock.advance(SECOND);
    for _ in 0..5 {
        let response = call(&client, site.url(), SETTING).await.unwrap();
        let json: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(json["code"], 401);
    }
    assert_eq!((site.seen().refreshes, site.seen().refusals), (0, 5));
}

#[tokio::test]
async fn a_site_that_refuses_every_token_is_not_asked_for_one_each_time() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let user = User::with_password(&site, &clock);
    user.is_served().await;
    site.revoke(); // and each new one of this second
    for _ in 0..100 {
        let response = user.call(SETTING).await.unwrap();
        let refusal = response.extensions().get::<Refusal>();
        assert!(refusal.is_some(), "{response:?}");
        let failure: &ApiFailure = response.extensions().get().unwrap();
        assert_eq!(failure.code(), "401");
    }
    let seen = site.seen();
    assert!(seen.refreshes + seen.logins < 5, "{seen:?}");
}

#[tokio::test]
async fn a_body_that_was_looked_into_reaches_the_caller_whole_and_unchanged() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let user = User::with_password(&site, &clock);
    let odd = "{ \"data\" : {\"a\":\t1, \"a\":2},\r\n\"code\":0 ,\"msg\":\"\\u0041\"}\n";
    #[rustfmt::skip]
    let bodies = [
        ("odd JSON", json(odd), odd.to_owned()),
        ("no JSON", json("<html>"), "<html>".to_owned()),
        ("another type", answer(200, "text/plain", "code=401"), "code=401".to_owned()),
        ("a large one", json(format!("{{\"code\":401,\"data\":\"{}\"}}", "x".repeat(100_000))), format!("{{\"code\":401,\"data\":\"{}\"}}", "x".repeat(100_000))),
        ("the code as a string, which is no refusal", answer(404, "application/json", r#"{"code":"401"}"#), r#"{"code":"401"}"#.to_owned()),
        ("no code", json(r#"{"data":[]}"#), r#"{"data":[]}"#.to_owned()),
    ];
    for (rule, answer, expected) in bodies {
        site.answer_next(SETTING, answer);
        let response = user.call(SETTING).await.unwrap();
        assert_eq!(response.body(), expected.as_bytes(), "{rule}");
        assert!(response.extensions().get::<Refusal>().is_none(), "{rule}");
    }
    assert_eq!((site.seen().refreshes, site.seen().logins), (0, 1));
}

#[tokio::test]
async fn a_failure_under_200_is_an_error_with_the_sites_words() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let user = User::with_password(&site, &clock);
    #[rustfmt::skip]
    let rows = [
        (r#"{"code":40016,"msg":"Path not exist"}"#, "40016", Some("Path not exist")),
        (r#"{"code":50001,"msg":""}"#, "50001", None),
        (r#"{"code":"0","msg":"as a string"}"#, "0", Some("as a string")),
        (r#"{"code":null,"msg":"of no type"}"#, "null", Some("of no type")),
    ];
    for (body, code, message) in rows {
        site.answer_next(SETTING, json(body));
        let error = user.call(SETTING).await.unwrap_err();
        let failure = error.downcast_ref::<ApiFailure>().unwrap();
        assert_eq!(
            (failure.code(), failure.message()),
            (code, message),
            "{body}"
        );
    }
    user.is_served().await;
    assert_eq!((site.seen().refreshes, site.seen().logins), (0, 1));
}

// Answers that are none

#[rustfmt::skip]
fn bad_answers(pointer: &str) -> Vec<(&'static str, axum::response::Response, &'static str)> {
    let pair = |access_expires: &str| {
        let pair = json!({ "access_token": "another", "refresh_token": "more", "access_expires": access_expires, "refresh_expires": "2999-01-01T00:00:00Z" });
        let data = match pointer {
            "/data/token" => json!({ "token": pair }),
            _ => pair,
        };
        json(json!({ "code": 0, "data": data, "msg": "" }).to_string())
    };
    vec![
        ("trouble under 200", json(r#"{"code":50001,"msg":"database is locked"}"#), "database is locked"),
        ("an envelope without data", json(r#"{"code":0,"msg":""}"#), "no access_token"),
        ("an envelope whose data is null", json(r#"{"code":0,"data":null,"msg":""}"#), "no access_token"),
        ("no envelope", json(r#"{"access_token":"another"}"#), "without `/code`"),
        ("the code as a string", json(r#"{"code":"0","data":{}}"#), "of another type"),
        ("an end in the past", pair("2001-04-26T16:19:38.833494+08:00"), "lies in the past"),
        ("an end that is none", pair("tomorrow"), "not a date and time"),
        ("an end without an offset", pair("2999-04-26T16:19:38"), "not a date and time"),
        ("a page", answer(200, "text/html", "<html>"), "text/html"),
        ("an outage", answer(502, "text/html", "<html>"), "502"),
        ("a redirect", answer(302, "text/html", ""), "never followed"),
    ]
}

#[tokio::test]
async fn a_login_that_is_answered_badly_fails_clearly_and_the_next_one_is_served() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    for (rule, answer, expected) in bad_answers("/data/token") {
        let user = User::with_password(&site, &clock);
        site.answer_next(LOGIN, answer);
        let (kind, said) = user.error().await;
        assert!(
            matches!(kind, ErrorKind::Unavailable { .. }),
            "{rule}: {said}"
        );
        assert!(said.contains(expected), "{rule}: {said}");
        clock.advance(HOUR);
        user.is_served().await;
    }
    assert_eq!(site.seen().refusals, 0);
}

#[tokio::test]
async fn a_refresh_that_is_answered_badly_loses_neither_token() {
    for (rule, answer, expected) in bad_answers("/data") {
        let clock = ManualClock::new();
        let site = site(&clock).await;
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("session.json");
        let user = User::with_file(&site, &clock, &file);
        user.is_served().await;
        let is_lost = rule.starts_with("an end");
        site.answer_next(REFRESH, answer);
        clock.advance(58 * MINUTE);
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
        let seen = site.seen();
        // Of a pair that is of no use otherwise, the refresh token is kept: here the site
        // has never heard of it.
        let expected = if is_lost { (2, 0) } else { (1, 1) };
        assert_eq!((seen.logins, seen.refreshes), expected, "{rule}");
        assert_eq!((seen.refusals, seen.reuses), (0, 0), "{rule}");
    }
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let user = User::with_password(&site, &clock);
    user.is_served().await;
    clock.advance(HOUR);
    let token = minted(MASTER_KEY, &clock);
    let end = "2999-01-01T00:00:00Z";
    let data = json!({ "access_token": token, "access_expires": end });
    let body = json!({ "code": 0, "data": data, "msg": "" });
    site.answer_next(REFRESH, json(body.to_string()));
    user.is_served().await;
    site.revoke();
    clock.advance(SECOND);
    user.is_served().await;
    let seen = site.seen();
    assert_eq!((seen.logins, seen.refreshes, seen.reuses), (1, 1, 0));
}

#[tokio::test]
async fn a_session_file_that_is_none_is_an_error_and_stays() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("session.json");
    User::with_file(&site, &clock, &file).is_served().await;
    let good = std::fs::read(&file).unwrap();
    let torn = good[..good.len() / 2].to_vec();
    for content in [torn, b"{}".to_vec(), Vec::new()] {
        std::fs::write(&file, &content).unwrap();
        let user = User::with_file(&site, &clock, &file);
        let (kind, said) = user.error().await;
        assert_eq!(kind, ErrorKind::Store, "{said}");
        assert!(said.contains("damaged"), "{said}");
        assert_eq!(std::fs::read(&file).unwrap(), content);
    }
    assert_eq!(site.seen().logins, 1);
    FileStore::new(&file).reset().await.unwrap();
    User::with_file(&site, &clock, &file).is_served().await;
    assert_eq!(site.seen().logins, 2);
}

#[tokio::test]
async fn a_directory_that_vanishes_costs_no_refresh_token() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let directory = TempDir::new().unwrap();
    let folder = directory.path().join("session");
    std::fs::create_dir(&folder).unwrap();
    let user = User::with_file(&site, &clock, &folder.join("session.json"));
    user.is_served().await;
    let away = directory.path().join("away");
    std::fs::rename(&folder, &away).unwrap();
    clock.advance(HOUR);
    let (kind, said) = user.error().await;
    assert_eq!(kind, ErrorKind::Store, "{said}");
    assert!(said.contains("mkdir"), "{said}");
    std::fs::rename(&away, &folder).unwrap();
    clock.advance(MINUTE);
    user.is_served().await;
    let seen = site.seen();
    assert_eq!((seen.logins, seen.refreshes, seen.reuses), (1, 1, 0));
}

// Minting

#[tokio::test]
async fn a_token_that_was_minted_with_the_master_key_is_the_sites_own() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let token = minted(MASTER_KEY, &clock);
    let own = log_in(&site).await.text("/data/token/access_token");
    let names = |token| {
        claims(token)
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&token), names(&own));
    assert_eq!(token.split('.').next(), own.split('.').next(), "the header");
    let code = async |token: &str| {
        let request = Request::get(format!("{}/api/v4/user/setting", site.url()));
        let answer = ask(with_headers(request, &bearer(token)), "").await;
        answer.json["code"].clone()
    };
    assert_eq!(code(&token).await, 0);
    assert_eq!(code(&minted(&MASTER_KEY.to_uppercase(), &clock)).await, 401);
    clock.advance(Duration::from_secs(601));
    assert_eq!(code(&token).await, 401, "it has ended");
}

/// By the subcommand.
fn minted(key: &str, clock: &ManualClock) -> String {
    let flags = ["cloudreve", "mint", "--user", USER, "--key", key];
    let options = Options::try_parse_from(flags).unwrap();
    match options.command {
        Some(example::Command::Mint(options)) => example::mint(&options, clock).unwrap(),
        None => panic!("no subcommand"),
    }
}

// The site's side

#[tokio::test]
async fn the_site_refuses_all_that_its_description_does_not_allow() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let pair = log_in(&site).await;
    let access = pair.text("/data/token/access_token");
    let refresh = pair.text("/data/token/refresh_token");
    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    let good = json!({ "email": EMAIL, "password": PASSWORD }).to_string();
    let spent = json!({ "refresh_token": refresh }).to_string();
    let not_one = json!({ "refresh_token": access }).to_string();
    let extra = json!({ "refresh_token": refresh, "grant_type": "refresh_token" }).to_string();
    let form = format!("refresh_token={refresh}");
    let login = "/api/v4/session/token";
    let renew = "/api/v4/session/token/refresh";
    let in_query = format!("{renew}?refresh_token={refresh}");
    #[rustfmt::skip]
    let rows = [
        ("a log-in", login, JSON, good.as_str(), 0),
        ("as a form", login, FORM, "email=a&password=b", 40001),
        ("without a type", login, "", &good, 40001),
        ("a member more", login, JSON, r#"{"email":"a","password":"b","grant_type":"password"}"#, 40001),
        ("a member less", login, JSON, r#"{"email":"a"}"#, 40001),
        ("a member twice", login, JSON, r#"{"email":"a","email":"a","password":"b"}"#, 40001),
        ("a wrong password", login, JSON, r#"{"email":"a","password":"b"}"#, 40020),
        ("a refresh as a form", renew, FORM, &form, 40001),
        ("in the query", &in_query, JSON, "{}", 40001),
        ("with a grant type", renew, JSON, &extra, 40001),
        ("the access token", renew, JSON, &not_one, 40020),
        ("a refresh", renew, JSON, &spent, 0),
        ("a second time", renew, JSON, &spent, 40020),
    ];
    for (rule, path, content_type, body, code) in rows {
        clock.advance(SECOND); // a pair of the same second would be the same
        let mut request = Request::post(format!("{}{path}", site.url()));
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let answer = ask(request, body.to_owned()).await;
        assert_eq!(answer.json["code"], code, "{rule}: {}", answer.json);
        assert_eq!(answer.status, 200, "{rule}");
    }
    let seen = site.seen();
    assert_eq!(seen.complaints.len(), 8, "{seen:?}");
    assert_eq!(
        (seen.reuses, seen.dead_refreshes, seen.refreshes),
        (1, 1, 1)
    );
}

// The program

#[tokio::test]
async fn the_program_says_in_one_line_why_a_call_was_not_served() {
    let clock = ManualClock::new();
    let site = site(&clock).await;
    let url = site.url();
    let directory = TempDir::new().unwrap();
    let store = directory.path().join("session.json");
    let store = store.to_str().unwrap();
    let user = ["--username", EMAIL, "--password", PASSWORD];
    #[rustfmt::skip]
    let rows: [(&str, &str, &[&str], &str); 5] = [
        ("a wrong password", url, &["--username", EMAIL, "--password", "hunter2"], "Incorrect email or password"),
        ("a wrong address", "http://127.0.0.1:9", &user, "could not be reached"),
        ("plain http elsewhere", "http://drive.example", &user, "plain http"),
        ("no session", url, &["--store", store], "log in again"),
        ("a failure under 200", url, &user, "`40016`: Path not exist"),
    ];
    for (rule, url, flags, expected) in rows {
        if rule == "a failure under 200" {
            site.answer_next(SETTING, json(r#"{"code":40016,"msg":"Path not exist"}"#));
        }
        let flags = [&["cloudreve", "--url", url], flags].concat();
        let options = Options::try_parse_from(flags).unwrap().client;
        let run = example::run(&options);
        ends_badly(rule, run, expected, &["hunter2", PASSWORD]).await;
    }
}
