//! `TokenEndpoint`: what it sends (RFC 6749 §2.3, §4.4, §6) and what it makes of answers (§5).
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod oauth_support;

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use oauth_support::{Body, chain};
use tower_bearer::{
    AccessToken, BoxError, BoxFuture, ClientAuth, ClientCredentials, TokenEndpoint,
    clock::{Clock, SystemClock},
    oauth::{Grant, LogInAgain, ObtainError, ObtainErrorKind, ObtainToken, TokenRequest},
    test_util::ManualClock,
    token::{RefreshToken, Tokens},
    transport::Transport,
};

const ENDPOINT: &str = "https://id.example/oauth2/token?tenant=secret-in-query";
const SECRET: &str = "hunter2 &+%ä";

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Option<Request<Bytes>>>>);

impl Seen {
    fn form(&self) -> BTreeMap<String, String> {
        let seen = self.0.lock().unwrap();
        let body = seen.as_ref().unwrap().body();
        form_urlencoded::parse(body).into_owned().collect()
    }

    fn headers(&self) -> HeaderMap {
        self.0.lock().unwrap().as_ref().unwrap().headers().clone()
    }
}

fn endpoint(answer: Response<Body>, seen: &Seen, clock: &ManualClock) -> TokenEndpoint {
    let seen = seen.clone();
    let server = tower::service_fn(move |request: Request<Body>| {
        let (seen, answer) = (seen.clone(), answer.clone());
        async move {
            use http_body_util::BodyExt;
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            *seen.0.lock().unwrap() = Some(Request::from_parts(parts, body));
            Ok::<_, BoxError>(answer)
        }
    });
    TokenEndpoint::new(ENDPOINT)
        .unwrap()
        .client_auth(ClientAuth::post("orders-job", SECRET))
        .grant(
            ClientCredentials::new()
                .scope("orders:read")
                .parameter("audience", "orders"),
        )
        .clock(clock.clone())
        .over(server)
}

fn json(status: u16, body: &str) -> Response<Body> {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

const GOOD: &str =
    r#"{"access_token":"at","token_type":"Bearer","expires_in":3600,"future":{"x":[1]}}"#;

async fn obtain(answer: Response<Body>) -> Result<Tokens, ObtainError> {
    endpoint(answer, &Seen::default(), &ManualClock::new())
        .obtain()
        .await
}

// Requests

#[tokio::test]
async fn client_credentials_are_asked_for_as_rfc_6749_says() {
    let seen = Seen::default();
    endpoint(json(200, GOOD), &seen, &ManualClock::new())
        .obtain()
        .await
        .unwrap();
    let expected = [
        ("audience", "orders"),
        ("client_id", "orders-job"),
        ("client_secret", SECRET),
        ("grant_type", "client_credentials"),
        ("scope", "orders:read"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(seen.form(), BTreeMap::from(expected));
    assert_eq!(
        seen.headers()["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(seen.headers()["accept"], "application/json");
    assert_eq!(
        seen.0.lock().unwrap().as_ref().unwrap().method(),
        Method::POST
    );
}

#[tokio::test]
async fn a_refresh_sends_the_refresh_token_and_nothing_of_the_grant() {
    let seen = Seen::default();
    let endpoint = endpoint(json(200, GOOD), &seen, &ManualClock::new());
    endpoint.refresh(&RefreshToken::new("rt&1")).await.unwrap();
    let form = seen.form();
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], "rt&1");
    assert_eq!(form["client_id"], "orders-job");
    assert!(!form.contains_key("audience"));
}

#[tokio::test]
async fn each_client_authentication_stands_where_its_rule_says() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let id = "id:1";
    let rows = [
        (
            "encoded first, RFC 6749 §2.3.1",
            ClientAuth::basic(id, SECRET),
            Some("id%3A1:hunter2+%26%2B%25%C3%A4"),
        ),
        (
            "as it is",
            ClientAuth::basic_unencoded(id, SECRET),
            Some("id:1:hunter2 &+%ä"),
        ),
        ("in the body", ClientAuth::post(id, SECRET), None),
        ("only the name", ClientAuth::none(id), None),
    ];
    for (rule, client_auth, basic) in rows {
        let in_body = rule == "in the body";
        let seen = Seen::default();
        let endpoint =
            endpoint(json(200, GOOD), &seen, &ManualClock::new()).client_auth(client_auth);
        endpoint.obtain().await.unwrap();
        let headers = seen.headers();
        let sent = headers.get(header::AUTHORIZATION).map(|value| {
            assert!(value.is_sensitive(), "{rule}");
            let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
            String::from_utf8(BASE64_STANDARD.decode(encoded).unwrap()).unwrap()
        });
        assert_eq!(sent.as_deref(), basic, "{rule}");
        let form = seen.form();
        assert_eq!(form.contains_key("client_id"), basic.is_none(), "{rule}");
        assert_eq!(form.contains_key("client_secret"), in_body, "{rule}");
    }
}

#[test]
fn client_secrets_go_over_https_or_to_this_machine() {
    let rows = [
        ("https://id.example/token", true),
        ("http://127.0.0.1:8080/token", true),
        ("http://localhost/token", true),
        ("http://id.example/token", false),
        ("https://user:pw@id.example/token", false),
        ("https://id.example/token#here", false),
        ("/token", false),
        ("not a uri", false),
        ("", false),
    ];
    for (address, expected) in rows {
        let endpoint = TokenEndpoint::new(address);
        assert_eq!(endpoint.is_ok(), expected, "{address}");
        if let Err(error) = endpoint {
            let chain = chain(&error);
            assert!(!chain.contains("pw"), "{chain}");
        }
    }
    assert!(TokenEndpoint::dangerous_plain_http("http://id.example/token").is_ok());
}

#[tokio::test]
async fn without_a_grant_and_without_tokens_somebody_has_to_log_in() {
    let server = tower::service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(json(200, GOOD)) });
    let endpoint = TokenEndpoint::new(ENDPOINT).unwrap().over(server);
    let error = endpoint.obtain().await.unwrap_err();
    assert_eq!(
        *error.kind(),
        ObtainErrorKind::LogInAgain(LogInAgain::NotLoggedIn)
    );
    assert!(endpoint.refresh(&RefreshToken::new("rt")).await.is_ok());
}

#[test]
fn a_grant_says_how_often_it_may_be_refused() {
    struct Pin;
    impl Grant for Pin {
        fn add_to<'a>(&'a self, _: &'a mut TokenRequest) -> BoxFuture<'a, Result<(), ObtainError>> {
            Box::pin(async { Ok(()) })
        }
        fn max_attempts(&self) -> Option<NonZeroU32> {
            NonZeroU32::new(3)
        }
    }
    let endpoint = || TokenEndpoint::new(ENDPOINT).unwrap();
    let over = |endpoint: TokenEndpoint<_>| {
        endpoint.over(tower::service_fn(|_: Request<Body>| async {
            Ok::<_, BoxError>(json(200, GOOD))
        }))
    };
    assert_eq!(over(endpoint()).max_attempts(), None);
    let grant = ClientCredentials::new();
    assert_eq!(over(endpoint().grant(grant)).max_attempts(), None);
    let shared = Arc::new(over(endpoint().grant(Pin)));
    assert_eq!(shared.max_attempts(), NonZeroU32::new(3));
}

// Answers

#[tokio::test]
async fn every_shape_of_a_good_answer_is_read() {
    let hour = Duration::from_secs(3600);
    let ten_years = Duration::from_secs(10 * 365 * 24 * 3600);
    let rows = [
        (
            r#"{"access_token":"at","token_type":"Bearer","expires_in":3600}"#,
            Some(hour),
        ),
        (
            r#"{"access_token":"at","token_type":"bearer","expires_in":"3600"}"#,
            Some(hour),
        ),
        (
            r#"{"access_token":"at","token_type":"BEARER","expires_in":3600.0}"#,
            Some(hour),
        ),
        (
            r#"{"access_token":"at","token_type":"Bearer","expires_in":1e300}"#,
            Some(ten_years),
        ),
        (
            r#"{"access_token":"at","token_type":"Bearer","expires_in":18446744073709551615}"#,
            Some(ten_years),
        ),
        (
            r#"{"access_token":"at","token_type":"Bearer","expires_in":null}"#,
            None,
        ),
        (
            r#"{"access_token":"at","token_type":"Bearer","unknown":{"a":[1,2]},"x":null}"#,
            None,
        ),
        (r#"{"access_token":"at"}"#, None),
        (
            r#"{"access_token":"at","token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:jwt"}"#,
            None,
        ),
    ];
    for (body, expected) in rows {
        let clock = ManualClock::new();
        let endpoint = endpoint(json(200, body), &Seen::default(), &clock);
        let tokens = endpoint.obtain().await.unwrap();
        let token: &AccessToken = tokens.access_token();
        assert_eq!(token.expose(), "at");
        assert_eq!(
            token.expiry().map(|end| end.remaining(&clock)),
            expected,
            "{body}"
        );
    }
}

#[tokio::test]
async fn refresh_token_and_scope_of_an_answer_are_kept() {
    let body = r#"{"access_token":"at","token_type":"Bearer","refresh_token":"rt","scope":"a b"}"#;
    let tokens = obtain(json(200, body)).await.unwrap();
    assert_eq!(tokens.refresh_token(), Some(&RefreshToken::new("rt")));
    assert!(tokens.access_token().scope().unwrap().contains("b"));
}

#[tokio::test]
async fn every_bad_answer_is_a_typed_error_that_names_the_endpoint_and_shows_no_secret() {
    let html = || {
        let page = Body::from("<html>Sign in");
        Response::builder()
            .header("content-type", "text/html")
            .body(page)
            .unwrap()
    };
    let bad = "BadAnswer";
    let rows = [
        ("HTML", html(), bad, "text/html"),
        ("empty", json(200, ""), bad, "token endpoint"),
        ("not an object", json(200, "[1]"), bad, "token endpoint"),
        (
            "5 MiB",
            json(200, &format!("{{\"x\":\"{}\"}}", "x".repeat(5 << 20))),
            bad,
            "1048576 bytes",
        ),
        (
            "no access_token",
            json(200, r#"{"token_type":"Bearer"}"#),
            bad,
            "no access_token",
        ),
        (
            "access_token of another type",
            json(200, r#"{"access_token":7}"#),
            bad,
            "not a string",
        ),
        (
            "an empty token",
            json(200, r#"{"access_token":""}"#),
            bad,
            "empty",
        ),
        (
            "a header-illegal token",
            json(200, r#"{"access_token":"at\r\nx: y"}"#),
            bad,
            "header",
        ),
        (
            "unknown token_type",
            json(200, r#"{"access_token":"at","token_type":"DPoP"}"#),
            bad,
            "DPoP",
        ),
        (
            "an exchange that issued no access token",
            json(200, r#"{"access_token":"at","token_type":"N_A"}"#),
            bad,
            "requested_token_type",
        ),
        (
            "an exchange that issued a refresh token",
            json(
                200,
                r#"{"access_token":"at","token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:refresh_token"}"#,
            ),
            bad,
            "only an access token",
        ),
        (
            "issued_token_type of another JSON type",
            json(
                200,
                r#"{"access_token":"at","token_type":"Bearer","issued_token_type":["a"]}"#,
            ),
            bad,
            "issued_token_type",
        ),
        (
            "expires_in of 0",
            json(200, r#"{"access_token":"at","expires_in":0}"#),
            bad,
            "expires_in",
        ),
        (
            "expires_in negative",
            json(200, r#"{"access_token":"at","expires_in":"-5"}"#),
            bad,
            "expires_in",
        ),
        (
            "expires_in not a number",
            json(200, r#"{"access_token":"at","expires_in":"NaN"}"#),
            bad,
            "expires_in",
        ),
        (
            "expires_in an object",
            json(200, r#"{"access_token":"at","expires_in":{}}"#),
            bad,
            "expires_in",
        ),
        ("a redirect", json(307, GOOD), bad, "redirect"),
        ("404", json(404, "{}"), bad, "404"),
        (
            "400 without an error member",
            json(400, "{}"),
            "Refused",
            "`400 Bad Request`",
        ),
        (
            "401 without an error member",
            json(401, "{}"),
            "Refused",
            "`401",
        ),
        (
            "403 without JSON",
            json(403, "no"),
            "Refused",
            "token endpoint",
        ),
        ("405", json(405, "{}"), bad, "405"),
        (
            "invalid_client",
            json(401, r#"{"error":"invalid_client"}"#),
            "Refused",
            "basic_unencoded",
        ),
        (
            "invalid_target, RFC 8707 §2",
            json(400, r#"{"error":"invalid_target"}"#),
            "Refused",
            "resources and audiences",
        ),
        (
            "200 with an error object",
            json(200, r#"{"error":"invalid_scope"}"#),
            "Refused",
            "scopes",
        ),
        (
            "a server that repeats the secret",
            json(
                400,
                &format!(r#"{{"error":"invalid_client","error_description":"{SECRET} is wrong"}}"#),
            ),
            "Refused",
            "repeats a secret",
        ),
        (
            "a server that repeats the form",
            json(
                400,
                r#"{"error":"invalid_client","error_description":"got client_secret=hunter2+%26%2B%25%C3%A4"}"#,
            ),
            "Refused",
            "repeats a secret",
        ),
        (
            "a description with control characters",
            json(
                400,
                r#"{"error":"invalid_client","error_description":"a\u001b[31mb\nc"}"#,
            ),
            "Refused",
            "a\\u{1b}[31mb\\nc",
        ),
        (
            "temporarily_unavailable",
            json(400, r#"{"error":"temporarily_unavailable"}"#),
            "Failing",
            "503",
        ),
        ("500", json(500, "{}"), "Failing", "500"),
        ("429", json(429, "{}"), "Failing", "429"),
    ];
    for (rule, answer, kind, told) in rows {
        let error = obtain(answer).await.expect_err(rule);
        let got = format!("{:?}", error.kind());
        assert!(got.starts_with(kind), "{rule}: {got}");
        let shown = chain(&error);
        assert!(shown.contains(told), "{rule}: {shown}");
        assert!(
            shown.contains("https://id.example/oauth2/token"),
            "{rule}: {shown}"
        );
        for secret in ["hunter2", "secret-in-query", "\"at\""] {
            assert!(!shown.contains(secret), "{rule} shows {secret}: {shown}");
        }
    }
}

#[tokio::test]
async fn a_server_that_repeats_the_basic_header_does_not_get_it_into_our_error() {
    let server = tower::service_fn(|request: Request<Body>| async move {
        let value = request.headers()[header::AUTHORIZATION]
            .to_str()?
            .to_owned();
        let body = format!(r#"{{"error":"invalid_client","error_description":"bad: {value}"}}"#);
        Ok::<_, BoxError>(json(401, &body))
    });
    for client_auth in [
        ClientAuth::basic("job", SECRET),
        ClientAuth::basic_unencoded("job", SECRET),
    ] {
        let endpoint = TokenEndpoint::new(ENDPOINT)
            .unwrap()
            .client_auth(client_auth);
        let endpoint = endpoint.grant(ClientCredentials::new()).over(server);
        let error = endpoint.obtain().await.unwrap_err();
        assert!(chain(&error).contains("it repeats a secret"), "{error:?}");
        assert!(!chain(&error).contains("am9i"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lifetime_counts_from_the_request() {
    let clock = ManualClock::new();
    let slow = tower::service_fn({
        let clock = clock.clone();
        move |_: Request<Body>| {
            clock.advance(Duration::from_secs(20));
            async { Ok::<_, BoxError>(json(200, GOOD)) }
        }
    });
    let endpoint = TokenEndpoint::new(ENDPOINT)
        .unwrap()
        .grant(ClientCredentials::new());
    let tokens = endpoint
        .clock(clock.clone())
        .over(slow)
        .obtain()
        .await
        .unwrap();
    let end = tokens.access_token().expiry().unwrap();
    assert_eq!(end.remaining(&clock), Duration::from_secs(3580));
}

#[tokio::test]
async fn retry_after_is_read_as_seconds_and_as_a_date() {
    let clock = ManualClock::new();
    let in_a_minute = httpdate::fmt_http_date(clock.wall() + Duration::from_secs(60));
    let rows = [
        ("17", Some(17..=17)),
        (&*in_a_minute, Some(59..=60)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0..=0)),
        ("soon", None),
        ("-1", None),
    ];
    for (value, expected) in rows {
        let mut answer = json(503, "{}");
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, value.parse().unwrap());
        let error = endpoint(answer, &Seen::default(), &clock)
            .obtain()
            .await
            .unwrap_err();
        assert_eq!(
            *error.kind(),
            ObtainErrorKind::Failing(StatusCode::SERVICE_UNAVAILABLE)
        );
        let told = error.retry_after().map(|wait| wait.as_secs());
        match expected {
            Some(range) => assert!(range.contains(&told.unwrap()), "{value}: {told:?}"),
            None => assert_eq!(told, None, "{value}"),
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_or_breaks_off_or_never_ends_is_told_apart() {
    let dead = tower::service_fn(|_: Request<Body>| async {
        Err::<Response<Body>, BoxError>("connection refused".into())
    });
    let endpoint = TokenEndpoint::new(ENDPOINT)
        .unwrap()
        .grant(ClientCredentials::new());
    let error = endpoint.clone().over(dead).obtain().await.unwrap_err();
    assert_eq!(*error.kind(), ObtainErrorKind::Unreachable);
    assert!(chain(&error).contains("connection refused"));

    let endless = tower::service_fn(|_: Request<Body>| async {
        let frames = (0..1000).map(|_| http_body::Frame::data(Bytes::from_static(&[b' '; 65_536])));
        let frames = futures::stream::iter(frames.map(Ok::<_, BoxError>));
        Ok::<_, BoxError>(Response::new(http_body_util::StreamBody::new(frames)))
    });
    let error = endpoint.clone().over(endless).obtain().await.unwrap_err();
    assert!(
        chain(&error).contains("more than 1048576 bytes"),
        "{error:?}"
    );

    let broken = tower::service_fn(|_: Request<Body>| async {
        let frames = [Ok(http_body::Frame::data(Bytes::from("{"))), Err("cut off")];
        let body = http_body_util::StreamBody::new(futures::stream::iter(frames));
        Ok::<_, BoxError>(Response::new(body))
    });
    let error = endpoint.over(broken).obtain().await.unwrap_err();
    assert_eq!(*error.kind(), ObtainErrorKind::CutOff);
    assert!(chain(&error).contains("cut off"));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_does_not_answer_is_given_up_after_its_deadline() {
    let silent = tower::service_fn(|_: Request<Body>| {
        std::future::pending::<Result<Response<Body>, BoxError>>()
    });
    let endpoint = TokenEndpoint::new(ENDPOINT)
        .unwrap()
        .grant(ClientCredentials::new());
    let clock = SystemClock::new();
    let start = clock.monotonic();
    let error = endpoint.over(silent).obtain().await.unwrap_err();
    assert_eq!(*error.kind(), ObtainErrorKind::Deadline);
    assert_eq!((clock.monotonic() - start).as_secs(), 30);
}

#[test]
fn nothing_that_holds_a_secret_shows_it() {
    let endpoint = TokenEndpoint::new("https://id.example/token").unwrap();
    let endpoint = endpoint.client_auth(ClientAuth::basic("orders-job", "hunter2"));
    let shown = format!(
        "{endpoint:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        TokenEndpoint::new("https://id.example/token?key=hunter2").unwrap(),
        TokenEndpoint::new("htps://id.example/token?key=hunter2").err(),
        ClientCredentials::new().parameter("assertion", "hunter2"),
        ClientAuth::post("orders-job", "hunter2"),
        RefreshToken::new("hunter2"),
        Tokens::new(AccessToken::new("hunter2").unwrap()),
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// What one way to a server makes of an answer has to reach whoever asked over it.
#[tokio::test]
async fn one_transport_over_another_answers_and_fails_as_that_one_does() {
    let answer = |status: u16, body: Bytes| {
        let response = Response::builder().status(status);
        Ok(response.body(Body::from(body)).unwrap())
    };
    let granted = Bytes::from_static(br#"{"access_token":"at","token_type":"Bearer"}"#);
    type Answered = Result<Response<Body>, &'static str>;
    let rows: [(&str, Answered, &str); 4] = [
        ("granted", answer(200, granted), "at"),
        ("no connection", Err("refused"), "gave no answer"),
        (
            "too large",
            answer(200, vec![b' '; 1024 * 1024 + 1].into()),
            "sent more than",
        ),
        ("a redirect", answer(307, Bytes::new()), "redirect 307"),
    ];
    for (row, answered, expected) in rows {
        let server = tower::service_fn(move |_: Request<Body>| {
            let answered = answered.clone();
            std::future::ready(answered.map_err(BoxError::from))
        });
        let endpoint = TokenEndpoint::new(ENDPOINT).unwrap();
        let endpoint = endpoint.grant(ClientCredentials::new());
        let once = endpoint.clone().over(Transport::new(server.clone()));
        let twice = endpoint.over(Transport::new(Transport::new(server)));
        let mut heard = Vec::new();
        for endpoint in [once, twice] {
            heard.push(match endpoint.obtain().await {
                Ok(tokens) => tokens.access_token().expose().to_owned(),
                Err(error) => format!("{:?} {}", error.kind(), chain(&error)),
            });
        }
        assert!(heard[0].contains(expected), "{row}: {heard:?}");
        assert_eq!(heard[0], heard[1], "{row}");
    }
}
