//! mluvii from both ends and over TCP: each test names what the server's description says. The
//! client, and the pages of those who log in, are the example's.
#![cfg(all(
    feature = "axum",
    feature = "file-store",
    feature = "https",
    feature = "login",
    feature = "test-util"
))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

#[path = "../examples/mluvii.rs"]
#[allow(dead_code)]
mod example;
mod systems;

use std::sync::Arc;

use bytes::Bytes;
use clap::Parser;
use http::{Request, Response, StatusCode, header};
use tower_bearer::{
    Auth, BoxError, Refreshing,
    client::{ErrorKind, Refusal},
    test_util::ManualClock,
};

use example::{
    Options, client,
    common::{Http, Log},
    mimics::{
        Lifetimes,
        mluvii::{CLIENT_ID, CLIENT_SECRET, Mimic, Refusing},
        seen::Seen,
    },
};
use systems::{
    HOUR, MINUTE, SECOND, answer, ask, bearer, call, ends_badly, json, until, until_renewed, why,
    with_headers, words,
};

const TOKEN: &str = "POST /login/connect/token";
const SESSION: &str = "GET /api/v1/Sessions/1";

async fn cloud(clock: &ManualClock) -> Mimic {
    Mimic::start(clock.clone(), Lifetimes::default())
        .await
        .unwrap()
}

/// The example's client, as its flags make it.
struct Job {
    client: Auth<Http>,
    tokens: Refreshing,
    url: String,
}

impl Job {
    fn new(cloud: &Mimic, clock: &ManualClock) -> Self {
        Self::with_secret(cloud, clock, CLIENT_SECRET)
    }

    fn with_secret(cloud: &Mimic, clock: &ManualClock, secret: &str) -> Self {
        let url = cloud.url().to_owned();
        let flags = [
            "mluvii", "--url", &url, "--id", CLIENT_ID, "--secret", secret,
        ];
        let options = Options::try_parse_from(flags).unwrap();
        let http = Http::new(Log::default()).unwrap();
        let (client, tokens) = client(&options, http, Arc::new(clock.clone())).unwrap();
        Self {
            client,
            tokens,
            url,
        }
    }

    async fn call(&self) -> Result<Response<Bytes>, BoxError> {
        call(&self.client, &self.url, SESSION).await
    }

    async fn is_served(&self) {
        let response = self.call().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.body(), r#"{"channel":"CHAT","id":"1"}"#);
    }

    async fn error(&self) -> (ErrorKind, String) {
        why(&self.call().await.unwrap_err())
    }
}

// Tokens

#[tokio::test]
async fn a_token_is_issued_again_for_each_hour() {
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
    let requests = [(TOKEN, 5), (SESSION, 13)];
    assert_eq!(cloud.seen(), expected.with_requests(requests));
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
    let requests = [(TOKEN, 4), (SESSION, 80)];
    assert_eq!(cloud.seen(), expected.with_requests(requests));
}

#[test]
fn the_address_is_configuration() {
    let parse = |flags: &[&str]| {
        let secret = ["mluvii", "--id", "a", "--secret", "b"];
        Options::try_parse_from([&secret, flags].concat()).unwrap()
    };
    assert_eq!(parse(&[]).url, "https://app.mluvii.com");
    let own = parse(&["--url", "https://chat.example.org/"]);
    assert_eq!(own.url, "https://chat.example.org");
    let http = Http::new(Log::default()).unwrap();
    assert!(client(&own, http.clone(), Arc::new(ManualClock::new())).is_ok());
    let plain = parse(&["--url", "http://chat.example.org"]);
    let error = client(&plain, http, Arc::new(ManualClock::new())).unwrap_err();
    assert!(words(&*error).contains("plain http"), "{error}");
}

#[tokio::test]
async fn a_wrong_secret_is_told_and_never_shown() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    let job = Job::with_secret(&cloud, &clock, "hunter2");
    for _ in 0..10 {
        let (kind, said) = job.error().await;
        assert_eq!(kind, ErrorKind::Refused);
        assert!(said.contains("invalid_client"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(cloud.seen().wrong_logins, 1);
}

// Refused calls

#[tokio::test]
async fn a_redirect_and_a_page_are_refusals_and_cost_one_token() {
    for how in [Refusing::Status, Refusing::Redirect, Refusing::Page] {
        let clock = ManualClock::new();
        let cloud = cloud(&clock).await;
        cloud.refuse(how);
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
        // Nobody has followed a redirect.
        let requests = [(TOKEN, 4), (SESSION, 7)];
        assert_eq!(cloud.seen(), expected.with_requests(requests), "{how:?}");
    }
}

#[tokio::test]
async fn a_page_is_never_taken_for_an_answer() {
    for how in [Refusing::Status, Refusing::Redirect, Refusing::Page] {
        let clock = ManualClock::new();
        let cloud = cloud(&clock).await;
        cloud.refuse(how);
        let job = Job::new(&cloud, &clock);
        job.is_served().await;
        cloud.revoke(); // and each new one of this second
        for _ in 0..50 {
            let response = job.call().await.unwrap();
            let refusal = response.extensions().get::<Refusal>();
            assert!(refusal.is_some(), "{how:?}: {response:?}");
        }
        let seen = cloud.seen();
        assert!(seen.logins <= 4, "{how:?}: {seen:?}");
        assert_eq!(seen.asked("GET /login"), 0);
    }
}

#[tokio::test]
async fn other_answers_are_no_refusals() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    let job = Job::new(&cloud, &clock);
    #[rustfmt::skip]
    let rows = [
        ("JSON", json("{}"), None),
        ("no content", answer(204, "application/json", ""), None),
        ("not modified", answer(304, "application/json", ""), None),
        ("a failure", answer(500, "application/json", "{}"), None),
        ("another media type", answer(200, "text/csv", "a,b"), None),
        ("a redirect elsewhere", answer(307, "application/json", ""), Some(Refusal::SameToken)),
        ("a page under a status", answer(404, "text/html; charset=utf-8", "<html>"), Some(Refusal::SameToken)),
    ];
    for (rule, answer, expected) in rows {
        let is_refusal = expected.is_some();
        cloud.answer_next(SESSION, answer);
        let response = job.call().await.unwrap();
        let refusal = response.extensions().get::<Refusal>();
        assert_eq!(refusal.is_some(), is_refusal, "{rule}: {response:?}");
    }
    assert_eq!(
        cloud.seen().logins,
        2,
        "the same token again, of the same second"
    );
}

/// What happens to a client that follows redirects: the reason for the test above.
#[tokio::test]
async fn who_follows_redirects_gets_a_page_with_status_200() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    let get = |path: &str| Request::get(format!("{}{path}", cloud.url()));
    let without_token = get("/api/v1/Sessions/1").header("accept", "application/json");
    let redirect = ask(without_token, "").await;
    assert_eq!(redirect.status, StatusCode::SEE_OTHER);
    let location = redirect.headers[header::LOCATION].to_str().unwrap();
    let page = ask(get(location), "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.starts_with(b"<!doctype html>"));
    assert_eq!(cloud.seen().refusals, 1);
}

// The server's side

#[tokio::test]
async fn the_server_refuses_all_that_its_description_does_not_allow() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    const FORM: &str = "application/x-www-form-urlencoded";
    let credentials = format!(
        "client_id={CLIENT_ID}&client_secret={}",
        CLIENT_SECRET.replace(' ', "+")
    );
    let good = format!("response_type=token&grant_type=client_credentials&{credentials}");
    let twice = format!("{good}&client_id={CLIENT_ID}");
    let with_scope = format!("{good}&scope=api");
    let plain = format!("grant_type=client_credentials&{credentials}");
    let code = good.replace("=token&", "=code&");
    let wrong = good.replace("reporting&", "other&");
    #[rustfmt::skip]
    let rows = [
        ("as described", FORM, "", good.as_str(), 200),
        ("without response_type", FORM, "", &plain, 400),
        ("another response_type", FORM, "", &code, 400),
        ("as JSON", "application/json", "", "{}", 400),
        ("a field more", FORM, "", &with_scope, 400),
        ("a field twice", FORM, "", &twice, 400),
        ("in the query", FORM, &good, "", 400),
        ("another client", FORM, "", &wrong, 400),
    ];
    for (rule, content_type, query, body, expected) in rows {
        let mut url = format!("{}/login/connect/token", cloud.url());
        if !query.is_empty() {
            url = format!("{url}?{query}");
        }
        let request = Request::post(url).header("content-type", content_type);
        let answer = ask(request, body.to_owned()).await;
        assert_eq!(answer.status, expected, "{rule}: {answer:?}");
        let error = answer.json.get("error").is_some();
        assert_eq!(error, expected == 400, "{rule}: {answer:?}");
    }
    let seen = cloud.seen();
    assert_eq!(
        (seen.complaints.len(), seen.wrong_logins, seen.logins),
        (6, 1, 1)
    );
}

#[tokio::test]
async fn a_call_needs_a_token_in_its_header_and_asks_for_json() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    let token = Job::new(&cloud, &clock).tokens.token().await.unwrap();
    let token = token.expose();
    let json = || vec![("accept", "application/json".to_owned())];
    let url = format!("{}/api/v1/Sessions/1", cloud.url());
    let in_query = format!("{url}?access_token={token}");
    #[rustfmt::skip]
    let rows = [
        ("as described", &url, [json(), bearer(token)].concat(), 200),
        ("without a token", &url, json(), 303),
        ("in the query", &in_query, json(), 303),
        ("another scheme", &url, [json(), vec![("authorization", format!("Token {token}"))]].concat(), 303),
        ("a token that is none", &url, [json(), bearer("garbage")].concat(), 401),
        ("without Accept", &url, bearer(token), 406),
        ("a page, please", &url, [vec![("accept", "text/html".to_owned())], bearer(token)].concat(), 406),
    ];
    for (rule, url, headers, expected) in rows {
        let answer = ask(with_headers(Request::get(url), &headers), "").await;
        assert_eq!(answer.status, expected, "{rule}: {answer:?}");
    }
    let seen = cloud.seen();
    assert_eq!((seen.refusals, seen.complaints.len()), (4, 2));
}

// Answers that are none

type Bad = (&'static str, fn() -> axum::response::Response, &'static str);

#[tokio::test]
async fn a_token_request_that_is_answered_badly_fails_clearly_and_loses_no_good_token() {
    #[rustfmt::skip]
    let rows: [Bad; 6] = [
        ("no token", || json("{}"), "no access_token"),
        ("the log-in page", || answer(200, "text/html", "<!doctype html>"), "text/html"),
        ("a redirect to it", || answer(302, "text/html", ""), "never followed"),
        ("an outage", || answer(503, "text/html", ""), "503"),
        ("another type", || json(r#"{"access_token":"another","token_type":"mac"}"#), "`mac`"),
        ("no lifetime left", || json(r#"{"access_token":"another","token_type":"Bearer","expires_in":-1}"#), "not greater than 0"),
    ];
    for (rule, answer, expected) in rows {
        let clock = ManualClock::new();
        let cloud = cloud(&clock).await;
        let job = Job::new(&cloud, &clock);
        cloud.answer_next(TOKEN, answer());
        let (_, said) = job.error().await;
        assert!(said.contains(expected), "{rule}: {said}");
        clock.advance(MINUTE);
        job.is_served().await;

        cloud.answer_next(TOKEN, answer());
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

// The program

#[tokio::test]
async fn the_program_says_in_one_line_why_a_call_was_not_served() {
    let clock = ManualClock::new();
    let cloud = cloud(&clock).await;
    let url = cloud.url();
    #[rustfmt::skip]
    let rows: [(&str, &str, &str, &str, &str); 5] = [
        ("a wrong secret", url, "hunter2", "/api/v1/Sessions/1", "invalid_client"),
        ("a wrong address", "http://127.0.0.1:9", CLIENT_SECRET, "/api/v1/Sessions/1", "could not be reached"),
        ("plain http elsewhere", "http://chat.example.org", CLIENT_SECRET, "/api/v1/Sessions/1", "plain http"),
        ("an unknown path", url, CLIENT_SECRET, "/api/v1/Nothing", "404"),
        ("the log-in page for an answer", url, CLIENT_SECRET, "/login", "the token was refused"),
    ];
    for (rule, url, secret, path, expected) in rows {
        let path = format!("GET {path}");
        let flags = [
            "mluvii", "--url", url, "--id", CLIENT_ID, "--secret", secret, "--call", &path,
        ];
        let options = Options::try_parse_from(flags).unwrap();
        let run = example::run(&options);
        ends_badly(rule, run, expected, &["hunter2", CLIENT_SECRET]).await;
    }
}

// The log-in page

mod log_in_page {
    use super::*;
    use example::{
        browser::Browser,
        login::{self, World},
    };
    use serde_json::json;

    const PASSWORD: [(&str, &str); 2] = [("username", "alice"), ("password", "correct horse")];

    fn options(flags: &[&str]) -> Options {
        let all = [&["mluvii", "--login"], flags].concat();
        Options::try_parse_from(all).unwrap()
    }

    async fn world() -> World {
        World::start(options(&["--demo"])).await.unwrap()
    }

    /// "An API call without a token from a browser is redirected to the login page; after the
    /// login the browser may call the API directly."
    #[tokio::test]
    async fn who_calls_the_api_in_a_browser_logs_in_and_gets_the_answer() {
        let World { site, provider } = world().await;
        let mut browser = Browser::new().unwrap();
        let session = format!("{site}/api/v1/Sessions/17");
        let page = browser.open(&session).await.unwrap();
        assert_eq!(page.said(), "200 Log in");
        assert!(page.address.starts_with(&provider.url()), "{page:?}");
        let arrived = browser.submit(&page, &PASSWORD).await.unwrap();
        let expected = r#"{"channel":"CHAT","id":17,"seen_by":"alice"}"#;
        assert_eq!(
            (arrived.address, &*arrived.text),
            (session.clone(), expected)
        );
        let again = browser.fetch("GET", &session).await.unwrap();
        assert_eq!(again.text, expected);
        assert_eq!(
            provider.server().requests().authorization,
            2,
            "page and form"
        );
    }

    #[tokio::test]
    async fn a_client_that_asks_for_json_gets_401_and_a_challenge_and_with_a_token_the_answer() {
        let World { site, provider } = world().await;
        let json_please = ("accept", "application/json".to_owned());
        let session = || Request::get(format!("{site}/api/v1/Sessions/17"));
        let refused = ask(
            with_headers(session(), std::slice::from_ref(&json_please)),
            "",
        )
        .await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        let challenge = &refused.headers[header::WWW_AUTHENTICATE];
        assert_eq!(challenge, "Bearer realm=\"sessions\"");
        let token = provider.server().mint(json!({ "sub": "a job" })).unwrap();
        let headers = [vec![json_please], bearer(token.expose())].concat();
        let served = ask(with_headers(session(), &headers), "").await;
        assert_eq!(served.json["seen_by"], "a job");
    }

    #[tokio::test]
    async fn the_program_says_in_one_line_why_it_serves_no_pages() {
        let own = ["--id", CLIENT_ID, "--secret", CLIENT_SECRET];
        #[rustfmt::skip]
        let rows: [(&str, &[&str], &str); 4] = [
            ("a key that is none", &["--sealing-key", "hunter2"], "openssl rand -base64 32"),
            ("plain http elsewhere", &["--url", "http://chat.example.org"], "plain"),
            ("pages over plain http elsewhere", &["--site", "http://pages.example.org"], "only loopback is spared"),
            ("an address of another machine", &["--listen", "192.0.2.1:80"], "os error"),
        ];
        for (rule, flags, expected) in rows {
            let options = options(&[&own, flags].concat());
            let secrets = ["hunter2", CLIENT_SECRET];
            ends_badly(rule, login::run(&options), expected, &secrets).await;
        }
    }
}
