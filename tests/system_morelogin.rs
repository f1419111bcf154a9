//! MoreLogin's two APIs, from both ends and over TCP: each test names what their description
//! says. The clients are the example's.
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

#[path = "../examples/morelogin.rs"]
#[allow(dead_code)]
mod example;
mod systems;

use std::{fs, path::Path, sync::Arc};

use bytes::Bytes;
use clap::Parser;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::util::Either;
use tower_bearer::{
    Auth, BoxError, Refreshing,
    client::{
        ErrorKind, Refusal,
        envelope::{ApiFailure, Envelope},
    },
    test_util::ManualClock,
};

use example::{
    Options,
    common::{Http, Log},
    mimics::{
        Lifetimes,
        morelogin::{API_ID, API_KEY, Local, Open, TOKEN},
        seen::Seen,
    },
};
use systems::{
    HOUR, MINUTE, SECOND, answer, ask, bearer, call, ends_badly, json, until, until_renewed, why,
    with_headers,
};

fn options(flags: &[&str]) -> Options {
    Options::try_parse_from([&["morelogin"], flags].concat()).unwrap()
}

fn http() -> Http {
    Http::new(Log::default()).unwrap()
}

fn is_success(response: &Response<Bytes>) {
    assert_eq!(response.status(), StatusCode::OK);
    let json: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!((&json["code"], &json["msg"]), (&json!(0), &Value::Null));
    assert_eq!(json.pointer("/data/current"), Some(&json!(1)));
}

// The API of the desktop client

const LIST: &str = "POST /api/env/page";
const LIST_AND_BODY: &str = r#"POST /api/env/page {"pageNo":1,"pageSize":10}"#;

async fn desktop() -> Local {
    Local::start(ManualClock::new()).await.unwrap()
}

/// The example's client, as its flags make it.
struct Script {
    client: Either<Auth<Envelope<Http>>, Envelope<Http>>,
    clock: ManualClock,
    url: String,
}

impl Script {
    fn new(desktop: &Local, flags: &[&str]) -> Self {
        let url = desktop.url().to_owned();
        let options = options(&[&["--url", &url], flags].concat());
        let clock = ManualClock::new();
        let client = example::local(&options, http(), Arc::new(clock.clone())).unwrap();
        Self { client, clock, url }
    }

    fn without_token(desktop: &Local) -> Self {
        Self::new(desktop, &[])
    }

    fn with_token(desktop: &Local, token: &str) -> Self {
        Self::new(desktop, &["--token", token])
    }

    fn with_file(desktop: &Local, file: &Path) -> Self {
        Self::new(desktop, &["--token-file", file.to_str().unwrap()])
    }

    async fn call(&self) -> Result<Response<Bytes>, BoxError> {
        call(&self.client, &self.url, LIST_AND_BODY).await
    }

    async fn is_served(&self) {
        is_success(&self.call().await.unwrap());
    }

    /// Why the API refused.
    async fn refusal(&self) -> Option<Refusal> {
        let response = self.call().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        response.extensions().get().cloned()
    }
}

#[tokio::test]
async fn nothing_is_required_until_the_user_switches_authentication_on() {
    let desktop = desktop().await;
    let (without, with) = (
        Script::without_token(&desktop),
        Script::with_token(&desktop, TOKEN),
    );
    without.is_served().await;
    with.is_served().await;

    desktop.switch_on();
    assert_eq!(
        without.refusal().await,
        None,
        "no token of ours was refused"
    );
    with.is_served().await;

    desktop.switch_off();
    without.is_served().await;
    let expected = Seen {
        refusals: 1,
        ..Seen::default()
    };
    assert_eq!(desktop.seen(), expected.with_requests([(LIST, 5)]));
}

#[tokio::test]
async fn the_token_stands_alone_in_its_header() {
    let desktop = desktop().await;
    desktop.switch_on();
    let alone = |token: &str| vec![("authorization", token.to_owned())];
    #[rustfmt::skip]
    let rows = [
        ("alone", "", alone(TOKEN), 200),
        ("nothing", "", vec![], 401),
        ("behind a word", "", bearer(TOKEN), 401),
        ("another", "", alone("0000"), 401),
        ("a part of it", "", alone(&TOKEN[1..]), 401),
        ("an empty header", "", alone(""), 401),
        ("another header", "", vec![("x-api-key", TOKEN.to_owned())], 401),
        ("twice", "", [alone(TOKEN), alone(TOKEN)].concat(), 400),
        ("in the query", "?token=", vec![], 401),
    ];
    for (rule, query, headers, status) in rows {
        let query = if query.is_empty() {
            String::new()
        } else {
            format!("{query}{TOKEN}")
        };
        let request = Request::post(format!("{}/api/env/page{query}", desktop.url()))
            .header("content-type", "application/json");
        let answer = ask(
            with_headers(request, &headers),
            r#"{"pageNo":1,"pageSize":10}"#,
        )
        .await;
        assert_eq!(answer.status, status, "{rule}: {answer:?}");
        let code = if status == 200 { 0 } else { status };
        assert_eq!(answer.json["code"], code, "{rule}: {answer:?}");
        assert!(!answer.text("/requestId").is_empty(), "{rule}: {answer:?}");
    }
    assert_eq!(desktop.seen().refusals, 8);
}

#[tokio::test]
async fn a_regenerated_token_is_read_again_once() {
    let desktop = desktop().await;
    desktop.switch_on();
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let script = Script::with_file(&desktop, &file);
    script.is_served().await;
    for token in ["first-1a04b863", "second-1a04b863", "third-1a04b863"] {
        desktop.regenerate(token).unwrap();
        // Nobody has told the file yet: one look, and a clear failure.
        assert_eq!(script.refusal().await, Some(Refusal::SameToken));
        assert_eq!(script.refusal().await, Some(Refusal::NoOtherToken));
        fs::write(&file, token).unwrap();
        script.clock.advance(10 * SECOND);
        script.is_served().await;
        script.is_served().await;
    }
    let expected = Seen {
        refusals: 9,
        ..Seen::default()
    };
    assert_eq!(desktop.seen(), expected.with_requests([(LIST, 16)]));
}

#[tokio::test]
async fn a_token_that_was_replaced_in_its_file_costs_no_call() {
    let desktop = desktop().await;
    desktop.switch_on();
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("token");
    fs::write(&file, TOKEN).unwrap();
    let script = Script::with_file(&desktop, &file);
    script.is_served().await;
    for token in ["first-1a04b863", "second-1a04b863", "third-1a04b863"] {
        desktop.regenerate(token).unwrap();
        fs::write(&file, token).unwrap();
        futures::future::join_all((0..10).map(|_| script.is_served())).await;
    }
    let seen = desktop.seen();
    assert_eq!(seen.asked(LIST) - seen.refusals, 31, "each is served, once");
}

#[tokio::test]
async fn a_fixed_token_that_is_refused_is_a_clear_failure_at_once() {
    let desktop = desktop().await;
    desktop.switch_on();
    let script = Script::with_token(&desktop, "0000");
    for _ in 0..3 {
        assert_eq!(script.refusal().await, Some(Refusal::NoOtherToken));
    }
    let seen = desktop.seen();
    assert_eq!((seen.asked(LIST), seen.refusals), (3, 3), "sent once each");
}

#[test]
fn a_variable_is_read_again_once() {
    const VARIABLE: &str = "MORELOGIN_TOKEN";
    temp_env::with_var(VARIABLE, Some(TOKEN), || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let desktop = runtime.block_on(desktop());
        desktop.switch_on();
        let script = Script::without_token(&desktop);
        runtime.block_on(script.is_served());
        desktop.regenerate("first-1a04b863").unwrap();
        let refusal = runtime.block_on(script.refusal());
        assert_eq!(refusal, Some(Refusal::NoOtherToken));
        temp_env::with_var(VARIABLE, Some("first-1a04b863"), || {
            runtime.block_on(script.is_served());
        });
        assert_eq!(desktop.seen().refusals, 2);
    });
}

#[tokio::test]
async fn a_failure_of_the_desktop_client_is_an_error_too() {
    let desktop = desktop().await;
    let script = Script::without_token(&desktop);
    let response = call(&script.client, &script.url, "POST /api/env/page {}").await;
    let error = response.unwrap_err();
    let failure = error.downcast_ref::<ApiFailure>().unwrap();
    assert_eq!(
        (failure.code(), failure.request_id()),
        ("40001", Some("request-1"))
    );
    assert_eq!(desktop.seen().complaints.len(), 1);
}

// The API of the cloud

const TOKENS: &str = "POST /oauth2/token";
const PHONES: &str = "POST /cloudphone/app/page";
const PHONES_AND_BODY: &str = r#"POST /cloudphone/app/page {"pageNo":1,"pageSize":10}"#;

async fn cloud(clock: &ManualClock) -> Open {
    Open::start(clock.clone(), Lifetimes::default())
        .await
        .unwrap()
}

/// The example's client, as its flags make it.
struct Job {
    client: Auth<Envelope<Http>>,
    tokens: Refreshing,
    url: String,
}

impl Job {
    fn new(cloud: &Open, clock: &ManualClock) -> Self {
        Self::with_key(cloud, clock, API_KEY)
    }

    fn with_key(cloud: &Open, clock: &ManualClock, key: &str) -> Self {
        let url = cloud.url().to_owned();
        let flags = [
            "--api", "open", "--url", &url, "--id", API_ID, "--secret", key,
        ];
        let clock = Arc::new(clock.clone());
        let (client, tokens) = example::open(&options(&flags), http(), clock).unwrap();
        Self {
            client,
            tokens,
            url,
        }
    }

    async fn call(&self) -> Result<Response<Bytes>, BoxError> {
        call(&self.client, &self.url, PHONES_AND_BODY).await
    }

    async fn is_served(&self) {
        is_success(&self.call().await.unwrap());
    }

    async fn error(&self) -> (ErrorKind, String) {
        why(&self.call().await.unwrap_err())
    }
}

#[tokio::test]
async fn a_token_is_requested_again_for_each_hour() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    let job = Job::new(&cloud, &clock);
    for _ in 0..13 {
        job.is_served().await;
        clock.advance(20 * MINUTE);
    }
    let expected = Seen {
        logins: 5,
        ..Seen::default()
    };
    assert_eq!(
        cloud.seen(),
        expected.with_requests([(TOKENS, 5), (PHONES, 13)])
    );
}

#[tokio::test]
async fn of_many_callers_one_asks_and_ahead_of_the_end_none_waits() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    let job = Job::new(&cloud, &clock);
    futures::future::join_all((0..20).map(|_| job.is_served())).await;
    for tokens in 2..=4 {
        clock.advance(59 * MINUTE);
        futures::future::join_all((0..20).map(|_| job.is_served())).await;
        until_renewed(&job.tokens).await;
        assert_eq!(cloud.seen().logins, tokens);
    }
    let expected = Seen {
        logins: 4,
        ..Seen::default()
    };
    assert_eq!(
        cloud.seen(),
        expected.with_requests([(TOKENS, 4), (PHONES, 80)])
    );
}

#[tokio::test]
async fn a_refused_token_costs_one_request_for_another() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    let job = Job::new(&cloud, &clock);
    job.is_served().await;
    for _ in 0..3 {
        clock.advance(MINUTE);
        cloud.revoke();
        clock.advance(SECOND);
        job.is_served().await;
    }
    let expected = Seen {
        logins: 4,
        refusals: 3,
        ..Seen::default()
    };
    assert_eq!(
        cloud.seen(),
        expected.with_requests([(TOKENS, 4), (PHONES, 7)])
    );
}

#[tokio::test]
async fn a_wrong_key_is_told_with_the_request_id_and_never_shown() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    let job = Job::with_key(&cloud, &clock, "hunter2");
    for _ in 0..10 {
        let (kind, said) = job.error().await;
        assert_eq!(kind, ErrorKind::Refused);
        let expected =
            "refused with `14001` (client authentication failed) (request id `request-1`)";
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(
        (cloud.seen().wrong_logins, cloud.seen().asked(TOKENS)),
        (1, 1)
    );
}

#[tokio::test]
async fn a_failure_under_200_is_an_error_with_its_words_and_its_request_id() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    let job = Job::new(&cloud, &clock);
    job.is_served().await;
    #[rustfmt::skip]
    let rows = [
        (cloud.failure(20001, "no such phone"), "20001", Some("no such phone"), true),
        (json(r#"{"code":"0","msg":null,"data":{},"requestId":"r"}"#), "0", None, true),
        (json(r#"{"code":-1,"msg":"","data":null}"#), "-1", None, false),
        (json(r#"{"code":{"a":1},"msg":"odd"}"#), r#"{"a":1}"#, Some("odd"), false),
    ];
    for (answer, code, message, has_id) in rows {
        cloud.answer_next(PHONES, answer);
        let error = job.call().await.unwrap_err();
        let failure = error.downcast_ref::<ApiFailure>().unwrap();
        assert_eq!((failure.code(), failure.message()), (code, message));
        assert_eq!(failure.request_id().is_some(), has_id);
        let shown = failure.to_string();
        assert!(
            failure.request_id().is_none_or(|id| shown.contains(id)),
            "{shown}"
        );
    }
    job.is_served().await;
    assert_eq!(cloud.seen().logins, 1, "the token is as good as it was");
}

#[tokio::test]
async fn a_failure_under_another_status_stays_a_response_with_the_words() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    let job = Job::new(&cloud, &clock);
    let body = r#"{"code":40300,"msg":"not yours","requestId":"r-7"}"#;
    cloud.answer_next(PHONES, answer(403, "application/json", body));
    let response = job.call().await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.body(), body);
    let failure: &ApiFailure = response.extensions().get().unwrap();
    let told = (failure.code(), failure.message(), failure.request_id());
    assert_eq!(told, ("40300", Some("not yours"), Some("r-7")));
}

// Answers that are none

#[tokio::test]
async fn a_token_request_that_is_answered_badly_fails_clearly_and_loses_no_good_token() {
    let token = |token_type: &str, lifetime: &str| {
        json(format!(
            r#"{{"code":0,"msg":null,"data":{{"access_token":"another","token_type":"{token_type}","expires_in":{lifetime}}},"requestId":"r-7"}}"#
        ))
    };
    type Bad<'a> = (
        &'a str,
        Box<dyn Fn() -> axum::response::Response + 'a>,
        &'a str,
    );
    #[rustfmt::skip]
    let rows: Vec<Bad<'_>> = vec![
        ("a failure under 200", Box::new(|| json(r#"{"code":50000,"msg":"busy","data":null,"requestId":"r-7"}"#)), "`50000` (busy) (request id `r-7`)"),
        ("no data", Box::new(|| json(r#"{"code":0,"msg":null,"requestId":"r-7"}"#)), "no access_token"),
        ("data that is null", Box::new(|| json(r#"{"code":0,"msg":null,"data":null,"requestId":"r-7"}"#)), "no access_token"),
        ("the code as a string", Box::new(|| json(r#"{"code":"0","data":{},"requestId":"r-7"}"#)), "of another type"),
        ("no envelope", Box::new(|| json(r#"{"access_token":"another","token_type":"Bearer"}"#)), "without `/code`"),
        ("another type", Box::new(|| token("mac", "3600")), "`mac`"),
        ("no lifetime left", Box::new(|| token("Bearer", "0")), "not greater than 0"),
        ("a page", Box::new(|| answer(200, "text/html", "<html>")), "text/html"),
        ("an outage", Box::new(|| answer(502, "text/html", "<html>")), "502"),
    ];
    for (rule, bad, expected) in rows {
        let clock = ManualClock::new();
        let cloud = cloud(&clock).await;
        let job = Job::new(&cloud, &clock);
        cloud.answer_next(TOKENS, bad());
        let (_, said) = job.error().await;
        assert!(said.contains(expected), "{rule}: {said}");
        clock.advance(MINUTE);
        job.is_served().await;

        cloud.answer_next(TOKENS, bad());
        clock.advance(58 * MINUTE);
        job.is_served().await;
        until(|| job.tokens.state().last_error.is_some()).await;
        job.is_served().await;
        clock.advance(HOUR);
        job.is_served().await;
        let seen = cloud.seen();
        assert_eq!((seen.logins, seen.refusals), (2, 0), "{rule}");
    }
}

// The cloud's side

#[tokio::test]
async fn the_cloud_refuses_all_that_its_description_does_not_allow() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    const JSON: &str = "application/json";
    let with = |grant_type: &str, more: &str| {
        format!(
            r#"{{"client_id":"{API_ID}","client_secret":"{API_KEY}","grant_type":"{grant_type}"{more}}}"#
        )
    };
    let good = with("client_credentials", "");
    let more = with("client_credentials", r#","scope":"cloudphone""#);
    let other = with("password", "");
    let twice = with("client_credentials", &format!(r#","client_id":"{API_ID}""#));
    let number = good.replace(&format!("\"{API_ID}\""), API_ID);
    let form = "grant_type=client_credentials&client_id=a&client_secret=b";
    let wrong = good.replace("key", "word");
    #[rustfmt::skip]
    let rows = [
        ("as described", JSON, "", good.as_str(), 0),
        ("as a form", "application/x-www-form-urlencoded", "", form, 40001),
        ("JSON of another name", "text/json", "", &good, 40001),
        ("a member more", JSON, "", &more, 40001),
        ("a member twice", JSON, "", &twice, 40001),
        ("an id that is a number", JSON, "", &number, 40001),
        ("another grant", JSON, "", &other, 40001),
        ("in the query", JSON, "?grant_type=client_credentials", &good, 40001),
        ("a wrong key", JSON, "", &wrong, 14001),
    ];
    for (rule, content_type, query, body, code) in rows {
        let request = Request::post(format!("{}/oauth2/token{query}", cloud.url()))
            .header("content-type", content_type);
        let answer = ask(request, body.to_owned()).await;
        assert_eq!(answer.status, 200, "{rule}: {answer:?}");
        assert_eq!(answer.json["code"], code, "{rule}: {answer:?}");
        assert_eq!(
            answer.json["data"].is_null(),
            code != 0,
            "{rule}: {answer:?}"
        );
        assert!(!answer.text("/requestId").is_empty(), "{rule}");
    }
    let seen = cloud.seen();
    assert_eq!(
        (seen.complaints.len(), seen.wrong_logins, seen.logins),
        (7, 1, 1)
    );

    let token = Job::new(&cloud, &clock).tokens.token().await.unwrap();
    let alone = vec![("authorization", token.expose().to_owned())];
    for (headers, status) in [(bearer(token.expose()), 200), (alone, 401), (vec![], 401)] {
        let request = Request::post(format!("{}/cloudphone/app/page", cloud.url()))
            .header("content-type", JSON);
        let answer = ask(
            with_headers(request, &headers),
            r#"{"pageNo":1,"pageSize":10}"#,
        )
        .await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

// The program

#[tokio::test]
async fn the_program_says_in_one_line_why_a_call_was_not_served() {
    let clock = ManualClock::new();
    let (cloud, desktop) = (cloud(&clock).await, desktop().await);
    desktop.switch_on();
    let open = |key| ["--api", "open", "--id", API_ID, "--secret", key];
    let (right, wrong) = (open(API_KEY), open("hunter2"));
    let call = [&right[..], &["--call", PHONES]].concat();
    #[rustfmt::skip]
    let rows: [(&str, &str, &[&str], &str); 7] = [
        ("no key", cloud.url(), &["--api", "open", "--id", API_ID], "needs --id and --secret"),
        ("a wrong key", cloud.url(), &wrong, "client authentication failed"),
        ("a wrong address", "http://127.0.0.1:9", &right, "could not be reached"),
        ("a failure under 200", cloud.url(), &call, "`20001`: no such phone (request id `request-1`)"),
        ("no token", desktop.url(), &[], "an access token is needed"),
        ("a wrong token", desktop.url(), &["--token", "hunter2"], "its source has no other"),
        ("a wrong address of the desktop client", "http://127.0.0.1:9", &[], "no connection to the server"),
    ];
    cloud.answer_next(PHONES, cloud.failure(20001, "no such phone"));
    for (rule, url, flags, expected) in rows {
        let options = options(&[&["--url", url], flags].concat());
        let run = example::run(&options);
        ends_badly(rule, run, expected, &["hunter2", API_KEY]).await;
    }
}

#[test]
fn each_api_has_its_own_address_and_call() {
    let local = options(&[]);
    let open = options(&["--api", "open", "--id", "a", "--secret", "b"]);
    assert_eq!(local.url(), "http://127.0.0.1:40000");
    assert_eq!(open.url(), "https://api.morelogin.com");
    for (options, path) in [(local, "/api/env/page"), (open, "/cloudphone/app/page")] {
        let request = options.call().unwrap().request(options.url()).unwrap();
        assert_eq!(
            (request.method().as_str(), request.uri().path()),
            ("POST", path)
        );
        assert_eq!(request.headers()["content-type"], "application/json");
    }
}
