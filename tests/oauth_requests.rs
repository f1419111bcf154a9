//! `TokenEndpoint`: what it sends to servers that want it otherwise than RFC 6749 says.
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderName, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower_bearer::{
    BoxError, ClientAuth, ClientCredentials, TokenEndpoint,
    oauth::{
        EndpointError, LogIn, LogInAgain, NoTransport, ObtainErrorKind, ObtainToken, RefreshRequest,
    },
    token::RefreshToken,
};

type Body = Full<Bytes>;

const LOGIN: &str = "https://id.example/login";
const REFRESH: &str = "https://id.example/refresh";
const GOOD: &str = r#"{"access_token":"at"}"#;

/// A server that writes down what it was sent.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Request<Bytes>>>>);

impl Seen {
    fn connect(&self, endpoint: TokenEndpoint<NoTransport>) -> TokenEndpoint {
        let seen = self.clone();
        endpoint.over(tower::service_fn(move |request: Request<Body>| {
            let seen = seen.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                seen.0
                    .lock()
                    .unwrap()
                    .push(Request::from_parts(parts, body));
                Ok::<_, BoxError>(Response::new(Body::from(GOOD)))
            }
        }))
    }

    fn last(&self) -> Request<Bytes> {
        self.0.lock().unwrap().pop().unwrap()
    }
}

async fn first(endpoint: TokenEndpoint<NoTransport>) -> Request<Bytes> {
    let seen = Seen::default();
    seen.connect(endpoint).obtain().await.unwrap();
    seen.last()
}

async fn refresh(endpoint: TokenEndpoint<NoTransport>) -> Request<Bytes> {
    let seen = Seen::default();
    let spent = RefreshToken::new("rt&1");
    seen.connect(endpoint).refresh(&spent).await.unwrap();
    seen.last()
}

fn endpoint() -> TokenEndpoint<NoTransport> {
    TokenEndpoint::new(LOGIN)
        .unwrap()
        .client_auth(ClientAuth::post("app", "hunter2"))
        .grant(ClientCredentials::new().parameter("response_type", "token"))
}

fn content_type(request: &Request<Bytes>) -> Option<&str> {
    let value = request.headers().get(header::CONTENT_TYPE)?;
    value.to_str().ok()
}

/// The parameters of a body in either encoding, in the order of their names.
fn parameters(request: &Request<Bytes>) -> Value {
    match content_type(request) {
        Some("application/x-www-form-urlencoded") => form_urlencoded::parse(request.body())
            .into_owned()
            .collect(),
        Some("application/json") => serde_json::from_slice(request.body()).unwrap(),
        _ => json!(null),
    }
}

// The first request

#[tokio::test]
async fn the_first_request_is_a_form_unless_json_is_asked_for() {
    let expected = json!({
        "grant_type": "client_credentials",
        "response_type": "token",
        "client_id": "app",
        "client_secret": "hunter2",
    });
    for (endpoint, media_type) in [
        (endpoint(), "application/x-www-form-urlencoded"),
        (endpoint().json(), "application/json"),
    ] {
        let request = first(endpoint).await;
        assert_eq!(content_type(&request), Some(media_type));
        assert_eq!(parameters(&request), expected, "{media_type}");
        assert_eq!(request.headers()[header::ACCEPT], "application/json");
        assert_eq!(request.method(), Method::POST);
    }
}

#[tokio::test]
async fn a_log_in_sends_its_own_parameters_and_no_grant_type() {
    let log_in = LogIn::new()
        .parameter("email", "alice@drive.example")
        .secret("password", "pass\"word\\ü\n");
    let endpoint = TokenEndpoint::new(LOGIN).unwrap().grant(log_in);
    let expected = json!({ "email": "alice@drive.example", "password": "pass\"word\\ü\n" });
    assert_eq!(parameters(&first(endpoint.clone().json()).await), expected);
    assert_eq!(parameters(&first(endpoint).await), expected);
}

#[tokio::test]
async fn a_parameter_that_repeats_is_an_array_in_json_and_never_a_member_twice() {
    let grant = ClientCredentials::new()
        .parameter("resource", "https://a.example")
        .parameter("audience", "orders")
        .parameter("resource", "https://b.example");
    let endpoint = TokenEndpoint::new(LOGIN).unwrap().grant(grant);
    let request = first(endpoint.clone().json()).await;
    let body = std::str::from_utf8(request.body()).unwrap();
    assert_eq!(
        body,
        r#"{"grant_type":"client_credentials","resource":["https://a.example","https://b.example"],"audience":"orders"}"#
    );
    let request = first(endpoint).await;
    let form = form_urlencoded::parse(request.body());
    assert_eq!(form.filter(|(name, _)| name == "resource").count(), 2);
}

// The refresh

#[tokio::test]
async fn a_refresh_token_stands_where_the_server_wants_it() {
    let grant_type = "refresh_token";
    let form = "application/x-www-form-urlencoded";
    let rows = [
        (
            "form, RFC 6749 §6",
            RefreshRequest::form(),
            Some(form),
            json!({ "grant_type": grant_type, "refresh_token": "rt&1" }),
        ),
        (
            "form, alone",
            RefreshRequest::form_field("token"),
            Some(form),
            json!({ "token": "rt&1" }),
        ),
        (
            "JSON",
            RefreshRequest::json(),
            Some("application/json"),
            json!({ "grant_type": grant_type, "refresh_token": "rt&1" }),
        ),
        (
            "JSON, alone",
            RefreshRequest::json_member("refreshToken"),
            Some("application/json"),
            json!({ "refreshToken": "rt&1" }),
        ),
        (
            "JSON and more",
            RefreshRequest::json_member("refreshToken").parameter("device", "d1"),
            Some("application/json"),
            json!({ "refreshToken": "rt&1", "device": "d1" }),
        ),
        (
            "a header, without a body",
            RefreshRequest::header(HeaderName::from_static("refresh-token")),
            None,
            json!(null),
        ),
    ];
    for (rule, request, media_type, expected) in rows {
        for endpoint in [endpoint(), endpoint().json()] {
            let request = request.clone().without_client_auth();
            let sent = refresh(endpoint.refresh_with(request).unwrap()).await;
            assert_eq!(content_type(&sent), media_type, "{rule}");
            assert_eq!(parameters(&sent), expected, "{rule}");
            let header = sent.headers().get("refresh-token");
            assert_eq!(header.is_some(), media_type.is_none(), "{rule}");
            if let Some(value) = header {
                assert_eq!(value, "rt&1");
                assert!(value.is_sensitive());
                assert!(sent.body().is_empty());
                assert!(!sent.headers().contains_key(header::AUTHORIZATION));
            }
        }
    }
}

#[tokio::test]
async fn a_refresh_differs_from_the_first_request_only_where_that_is_said() {
    let sent = refresh(endpoint().json()).await;
    assert_eq!(content_type(&sent), Some("application/json"));
    assert_eq!(parameters(&sent)["client_secret"], "hunter2");
    assert_eq!(sent.uri(), LOGIN);

    let other = RefreshRequest::form().at(REFRESH);
    let sent = refresh(endpoint().json().refresh_with(other.clone()).unwrap()).await;
    assert_eq!(
        content_type(&sent),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(parameters(&sent)["client_secret"], "hunter2");
    assert_eq!(sent.uri(), REFRESH);
    // In whichever order the settings come.
    let sent = first(endpoint().refresh_with(other).unwrap().json()).await;
    assert_eq!(content_type(&sent), Some("application/json"));
    assert_eq!(sent.uri(), LOGIN);
}

#[tokio::test]
async fn the_client_proves_who_it_is_at_the_refresh_as_told() {
    let header = || RefreshRequest::header(HeaderName::from_static("refresh-token"));
    let basic = || ClientAuth::basic("app", "hunter2");
    let rows = [
        ("as at first", RefreshRequest::json(), "body"),
        (
            "not at all",
            RefreshRequest::json().without_client_auth(),
            "",
        ),
        (
            "otherwise",
            RefreshRequest::json().client_auth(basic()),
            "header",
        ),
        ("a header comes alone", header(), ""),
        (
            "unless that is said",
            header().client_auth(basic()),
            "header",
        ),
        (
            "in a body, which it then has",
            header().client_auth(ClientAuth::post("app", "hunter2")),
            "body",
        ),
    ];
    for (rule, request, place) in rows {
        let sent = refresh(endpoint().refresh_with(request).unwrap()).await;
        let in_header = sent.headers().contains_key(header::AUTHORIZATION);
        let in_body = parameters(&sent)["client_secret"] == "hunter2";
        assert_eq!(
            (in_header, in_body),
            (place == "header", place == "body"),
            "{rule}"
        );
    }
}

#[test]
fn the_address_of_a_refresh_is_as_well_protected_as_the_endpoints() {
    let plain = "http://id.example/refresh";
    let rows = [
        (LOGIN, REFRESH, true),
        (LOGIN, "http://127.0.0.1:8080/refresh", true),
        (LOGIN, plain, false),
        ("http://localhost/login", plain, false),
        ("http://id.example/login", plain, true),
        (
            "http://id.example/login",
            "https://user:pw@id.example/",
            false,
        ),
        (LOGIN, "https://user:pw@id.example/", false),
        (LOGIN, "https://id.example/#here", false),
        (LOGIN, "/refresh", false),
    ];
    for (first, address, expected) in rows {
        let endpoint = TokenEndpoint::dangerous_plain_http(first).unwrap();
        let request = RefreshRequest::form().at(address);
        let outcome = endpoint.refresh_with(request);
        assert_eq!(outcome.is_ok(), expected, "{first} {address}");
        if let Err(error) = outcome {
            assert!(!error.to_string().contains("pw"), "{error}");
            let is_plain = matches!(error, EndpointError::PlainHttp(_));
            assert_eq!(is_plain, address == plain, "{error}");
        }
    }
}

#[tokio::test]
async fn a_refresh_token_that_no_header_can_hold_is_dead_and_is_not_sent() {
    let seen = Seen::default();
    let header = RefreshRequest::header(HeaderName::from_static("refresh-token"));
    let endpoint = seen.connect(endpoint().refresh_with(header).unwrap());
    let spent = RefreshToken::new("rt\nhunter2: 1");
    let error = endpoint.refresh(&spent).await.unwrap_err();
    assert_eq!(
        *error.kind(),
        ObtainErrorKind::LogInAgain(LogInAgain::RefreshTokenRefused)
    );
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    assert!(seen.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_error_of_the_refresh_names_the_address_of_the_refresh() {
    let request = RefreshRequest::form().at("https://id.example/refresh?key=hunter2");
    let dead = tower::service_fn(|_: Request<Body>| async {
        Err::<Response<Body>, BoxError>("connection refused".into())
    });
    let endpoint = endpoint().refresh_with(request).unwrap().over(dead);
    let error = endpoint.refresh(&RefreshToken::new("rt")).await;
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "https://id.example/refresh gave no answer");
}

// Secrets

#[test]
fn nothing_that_holds_a_secret_shows_it() {
    let header = HeaderName::from_static("refresh-token");
    let refresh = RefreshRequest::header(header)
        .parameter("key", "hunter2")
        .client_auth(ClientAuth::post("app", "hunter2"));
    let shown = format!(
        "{:?} {refresh:?} {:?}",
        LogIn::new()
            .parameter("email", "hunter2")
            .secret("password", "hunter2"),
        endpoint().refresh_with(refresh.clone()).unwrap(),
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// To a server that sends the whole request back as its error message.
fn told_back(endpoint: TokenEndpoint<NoTransport>) -> TokenEndpoint {
    endpoint.over(tower::service_fn(|request: Request<Body>| async move {
        let header = request.headers().get("refresh-token").cloned();
        let header = header.map(|value| value.to_str().unwrap().to_owned());
        let body = request.into_body().collect().await?.to_bytes();
        let said = format!("{header:?} {}", String::from_utf8_lossy(&body));
        let body = json!({ "error": "invalid_grant", "error_description": said });
        let mut answer = Response::new(Body::from(body.to_string()));
        *answer.status_mut() = http::StatusCode::BAD_REQUEST;
        Ok::<_, BoxError>(answer)
    }))
}

#[tokio::test]
async fn a_server_that_repeats_the_refresh_token_does_not_get_it_into_our_error() {
    for request in [
        RefreshRequest::form(),
        RefreshRequest::json_member("token"),
        RefreshRequest::header(HeaderName::from_static("refresh-token")),
    ] {
        let endpoint = told_back(
            endpoint()
                .refresh_with(request.without_client_auth())
                .unwrap(),
        );
        let error = endpoint.refresh(&RefreshToken::new("rt-9c2e")).await;
        let shown = format!("{:?}", error.unwrap_err());
        assert!(shown.contains("it repeats a secret"), "{shown}");
        assert!(!shown.contains("9c2e"), "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_password_holds_it_arrives_whole_and_comes_back_in_no_error(
        password in "\\PC{0,3}[\"\\\\&%+=é\u{0}-\u{1f}]{0,4}correct horse\\PC{0,3}"
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let log_in = LogIn::new().secret("password", password.as_str());
        let endpoint = TokenEndpoint::new(LOGIN).unwrap().grant(log_in);
        for endpoint in [endpoint.clone(), endpoint.json()] {
            let request = runtime.block_on(first(endpoint.clone()));
            prop_assert_eq!(&parameters(&request)["password"], &json!(password));
            let error = runtime.block_on(told_back(endpoint).obtain()).unwrap_err();
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains("correct"), "{}", shown);
        }
    }
}
