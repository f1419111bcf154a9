//! Revocation (RFC 7009), by itself and at the end of a session.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

mod oauth_support;
mod support;

use std::{sync::Arc, time::Duration};

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use oauth_support::chain;
use support::{HOUR, Issuer, SECOND, Stopwatch, pair, settle, token};
use tokio::sync::Mutex;
use tower_bearer::{
    BoxError, BoxFuture, ClientAuth, Refreshing, TokenEndpoint,
    client::{
        ErrorKind, RequestContext, TokenSource, TokenStore,
        store::{ExchangeError, MemoryStore, Renewal},
    },
    oauth::{
        EndpointError, ObtainError, ObtainErrorKind, ObtainToken, Password, RevocationEndpoint,
        assertion,
    },
    secret::Secret,
    test_util::{
        AuthorizationServer, Endpoint, Fault, ManualClock, RefreshTokens, RegisteredClient,
    },
    token::Tokens,
};

fn server(policy: RefreshTokens) -> AuthorizationServer {
    AuthorizationServer::builder()
        .user("alice", "correct horse")
        .refresh_tokens(policy)
        .build()
        .unwrap()
}

fn endpoint(server: &AuthorizationServer) -> TokenEndpoint {
    TokenEndpoint::new(&server.token_url())
        .unwrap()
        .client_auth(ClientAuth::basic("client", "secret"))
        .grant(Password::new("alice", "correct horse"))
        .over(server.clone())
}

fn session(server: &AuthorizationServer) -> (Refreshing, RevocationEndpoint) {
    let endpoint = endpoint(server);
    let revocation = endpoint.revocation(&server.revocation_url()).unwrap();
    (Refreshing::new(endpoint), revocation)
}

/// A revocation endpoint that revokes all and says with what form.
fn recorder() -> (RevocationEndpoint, Arc<Mutex<Vec<String>>>) {
    let forms = Arc::new(Mutex::new(Vec::new()));
    let service = tower::service_fn({
        let forms = forms.clone();
        move |request: Request<Full<bytes::Bytes>>| {
            let forms = forms.clone();
            async move {
                let form = request.into_body().collect().await?.to_bytes();
                forms.lock().await.push(String::from_utf8(form.to_vec())?);
                Ok::<_, BoxError>(Response::new(Full::<bytes::Bytes>::default()))
            }
        }
    });
    let endpoint = TokenEndpoint::new("https://id.example/token").unwrap();
    let endpoint = endpoint.client_auth(ClientAuth::none("app")).over(service);
    let revocation = endpoint.revocation("https://id.example/revoke");
    (revocation.unwrap(), forms)
}

// The endpoint

#[tokio::test]
async fn the_refresh_token_goes_first_and_else_the_access_token() {
    let clock = ManualClock::new();
    let (revocation, forms) = recorder();
    revocation.revoke(&pair(1, &clock, HOUR)).await.unwrap();
    revocation.revoke(&token(2, &clock, HOUR)).await.unwrap();
    assert_eq!(
        *forms.lock().await,
        [
            "token=refresh-1&token_type_hint=refresh_token&client_id=app",
            "token=token-2&token_type_hint=access_token&client_id=app",
        ]
    );
}

#[test]
fn a_token_is_never_revoked_in_the_clear() {
    let service = tower::service_fn(|_: Request<Full<bytes::Bytes>>| async {
        Ok::<_, BoxError>(Response::new(Full::<bytes::Bytes>::default()))
    });
    let in_the_clear = TokenEndpoint::dangerous_plain_http("http://id.example/token").unwrap();
    let endpoint = in_the_clear.over(service);
    let rows = [
        ("https://id.example/revoke", true),
        ("https://elsewhere.example/revoke", true),
        ("http://127.0.0.1:9000/revoke", true),
        ("http://id.example/revoke", false),
        ("https://id.example/revoke#here", false),
        ("https://user:hunter2@id.example/revoke", false),
        ("/revoke", false),
        ("", false),
    ];
    for (address, expected) in rows {
        let revocation: Result<_, EndpointError> = endpoint.revocation(address);
        assert_eq!(revocation.is_ok(), expected, "{address}");
        let shown = format!("{revocation:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn whatever_stands_in_the_way_is_told_and_shows_no_token() {
    let unsupported = Fault::Refuse(StatusCode::BAD_REQUEST, "unsupported_token_type");
    let rows = [
        (
            Fault::RetryAfter(StatusCode::SERVICE_UNAVAILABLE, "120"),
            "Failing(503)",
            "503",
        ),
        (
            Fault::Status(StatusCode::TOO_MANY_REQUESTS),
            "Failing(429)",
            "429",
        ),
        (Fault::Html, "BadAnswer", "is this the revocation endpoint?"),
        (Fault::Status(StatusCode::NOT_FOUND), "BadAnswer", "404"),
        (
            Fault::Redirect("https://x.example/"),
            "BadAnswer",
            "redirect",
        ),
        (Fault::HugeBody(2 << 20), "BadAnswer", "1048576 bytes"),
        (
            Fault::Malformed(r#"{"error":"temporarily_unavailable"}"#),
            "Failing(503)",
            "503",
        ),
        (unsupported, "Refused", "unsupported_token_type"),
        (Fault::CutOff, "CutOff", "broke off"),
    ];
    for (fault, kind, told) in rows {
        let server = server(RefreshTokens::Kept);
        let (_, revocation) = session(&server);
        let tokens = endpoint(&server).obtain().await.unwrap();
        server.fail_next(Endpoint::Revocation, fault.clone());
        let error = match revocation.revoke(&tokens).await {
            Err(error) => error,
            Ok(()) => panic!("{fault:?} was taken for a success"),
        };
        let got = format!("{:?}", error.kind());
        assert!(got.starts_with(kind), "{fault:?}: {got}");
        let wait = matches!(fault, Fault::RetryAfter(..)).then_some(120 * SECOND);
        assert_eq!(error.retry_after(), wait, "{fault:?}");
        let shown = chain(&error);
        assert!(shown.contains(told), "{fault:?}: {shown}");
        assert!(
            shown.contains("https://id.example/oauth2/revoke"),
            "{shown}"
        );
        assert!(shown.contains("it is not certain"), "{shown}");
        let secrets = [
            tokens.access_token().expose(),
            tokens.refresh_token().unwrap().secret().expose(),
        ];
        assert!(secrets.iter().all(|it| !shown.contains(it)), "{shown}");
        // The next attempt is somebody's own decision, and works.
        revocation.revoke(&tokens).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_repeats_the_token_does_not_get_it_into_our_error() {
    let echo = tower::service_fn(|request: Request<Full<bytes::Bytes>>| async move {
        let form = request.into_body().collect().await?.to_bytes();
        let form = String::from_utf8_lossy(&form).into_owned();
        let error = serde_json::json!({"error": "invalid_request", "error_description": form});
        let error = Full::<bytes::Bytes>::from(error.to_string());
        Ok::<_, BoxError>(Response::builder().status(400).body(error)?)
    });
    let endpoint = TokenEndpoint::new("https://id.example/token").unwrap();
    let revocation = endpoint.over(echo).revocation("https://id.example/revoke");
    let tokens = pair(1, &ManualClock::new(), HOUR);
    let shown = chain(&revocation.unwrap().revoke(&tokens).await.unwrap_err());
    assert!(shown.contains("repeats a secret"), "{shown}");
    assert!(!shown.contains("refresh-1"), "{shown}");
}

#[tokio::test]
async fn with_status_200_any_body_but_an_error_or_a_page_is_a_success() {
    for text in [
        "{}",
        "",
        "null",
        "OK",
        r#"{"error":null}"#,
        r#"{"revoked":true}"#,
    ] {
        let server = server(RefreshTokens::Kept);
        let (_, revocation) = session(&server);
        let tokens = endpoint(&server).obtain().await.unwrap();
        server.fail_next(Endpoint::Revocation, Fault::Malformed(text));
        assert!(revocation.revoke(&tokens).await.is_ok(), "{text:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_takes_no_longer_than_its_deadline_whoever_is_slow() {
    let server = server(RefreshTokens::Kept);
    server.fail_always(Endpoint::Revocation, Fault::Delay(HOUR));
    let tokens = endpoint(&server).obtain().await.unwrap();
    let vault = assertion::from_async_fn(std::future::pending::<Result<Secret, ObtainError>>);
    let slow_proof = endpoint(&server).client_auth(ClientAuth::assertion("client", vault));
    for slow in [endpoint(&server), slow_proof] {
        let revocation = slow.revocation(&server.revocation_url()).unwrap();
        for (revocation, seconds) in [(revocation.clone(), 10), (revocation.deadline(SECOND), 1)] {
            let stopwatch = Stopwatch::start();
            let error = revocation.revoke(&tokens).await.unwrap_err();
            assert_eq!(*error.kind(), ObtainErrorKind::Deadline);
            assert_eq!(stopwatch.elapsed(), seconds * SECOND);
        }
    }
}

#[tokio::test]
async fn the_client_proves_itself_as_at_the_token_endpoint() {
    let key = tower_bearer::jwt::SigningKey::generate(tower_bearer::Algorithm::ES256).unwrap();
    let server = AuthorizationServer::builder()
        .client(RegisteredClient::with_keys("job", key.verification_keys()))
        .user("alice", "correct horse")
        .build()
        .unwrap();
    let auth = ClientAuth::private_key_jwt("job", server.issuer(), key);
    let endpoint = endpoint(&server).client_auth(auth);
    let revocation = endpoint.revocation(&server.revocation_url()).unwrap();
    let tokens = endpoint.obtain().await.unwrap();
    revocation.revoke(&tokens).await.unwrap();
    assert!(server.is_revoked(tokens.access_token().expose()));

    let nobody = TokenEndpoint::new(&server.token_url()).unwrap();
    let nobody = nobody.over(server.clone());
    let revocation = nobody.revocation(&server.revocation_url()).unwrap();
    let error = revocation.revoke(&tokens).await.unwrap_err();
    assert!(chain(&error).contains("invalid_client"), "{error:?}");
}

// The end of a session

#[tokio::test]
async fn a_closed_session_is_revoked_and_gives_out_nothing_more() {
    let server = server(RefreshTokens::Rotated);
    let (tokens, revocation) = session(&server);
    let token = tokens.token().await.unwrap();
    tokens.close_and_revoke(&revocation).await.unwrap();
    assert!(server.is_revoked(token.expose()));
    assert_eq!(server.requests().revocation, 1);
    assert_eq!(tokens.token().await.unwrap_err().kind(), ErrorKind::Closed);
    let request = Request::get("https://api.example").body(()).unwrap();
    let context = RequestContext::new(request.method(), request.uri(), request.extensions());
    assert!(tokens.current(&context).is_none(), "it would be refused");
}

#[tokio::test]
async fn a_session_without_tokens_has_nothing_to_revoke() {
    let server = server(RefreshTokens::Rotated);
    let (tokens, revocation) = session(&server);
    tokens.close_and_revoke(&revocation).await.unwrap();
    assert_eq!(server.requests(), Default::default());
}

#[tokio::test]
async fn what_an_exchange_under_way_brings_is_revoked_too() {
    let clock = ManualClock::new();
    let (issuer, gate) = Issuer::gated(&clock, HOUR);
    let (revocation, forms) = recorder();
    let tokens = Refreshing::builder(issuer).clock(clock).build();
    let caller = tokio::spawn({
        let tokens = tokens.clone();
        async move { tokens.token().await }
    });
    settle().await;
    let closing = tokio::spawn({
        let tokens = tokens.clone();
        async move { tokens.close_and_revoke(&revocation).await }
    });
    settle().await;
    assert!(forms.lock().await.is_empty(), "not before it has come");
    gate.notify_one();
    closing.await.unwrap().unwrap();
    assert_eq!(caller.await.unwrap().unwrap().expose(), "token-1");
    let expected = "token=token-1&token_type_hint=access_token&client_id=app";
    assert_eq!(*forms.lock().await, [expected]);
}

#[tokio::test]
async fn what_another_process_has_stored_since_is_revoked_in_place_of_ours() {
    let clock = ManualClock::new();
    let store = Arc::new(MemoryStore::default());
    let source = |number| {
        let tokens = pair(number, &clock, HOUR);
        tower_bearer::oauth::obtain_with(move || {
            let tokens = tokens.clone();
            async move { Ok::<_, ObtainError>(tokens) }
        })
    };
    let sharing = |source| {
        let builder = Refreshing::builder(source).clock(clock.clone());
        builder.store(store.clone()).build()
    };
    let (ours, theirs) = (sharing(source(1)), sharing(source(2)));
    ours.token().await.unwrap();
    theirs.replace_tokens(pair(2, &clock, HOUR)).await.unwrap();
    let (revocation, forms) = recorder();
    ours.close_and_revoke(&revocation).await.unwrap();
    assert!(forms.lock().await.concat().starts_with("token=refresh-2&"));
}

/// A store with one thing wrong.
#[derive(Clone, Copy)]
enum Broken {
    Keeping,
    Writing,
    Reading,
    Hanging,
}

impl TokenStore for Broken {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, BoxError>> {
        let how = *self;
        Box::pin(async move {
            match how {
                Self::Keeping | Self::Writing => Ok(None),
                Self::Reading => Err("the disk is gone".into()),
                Self::Hanging => std::future::pending().await,
            }
        })
    }

    fn exchange<'a>(
        &'a self,
        renewal: Renewal<'a>,
    ) -> BoxFuture<'a, Result<Tokens, ExchangeError>> {
        Box::pin(async move {
            let tokens = renewal.run(None).await?;
            if let Self::Keeping = self {
                return Ok(tokens);
            }
            Err(ExchangeError::Store("the disk is full".into()))
        })
    }
}

#[tokio::test]
async fn tokens_that_could_not_be_written_down_are_revoked() {
    let clock = ManualClock::new();
    let issuer = Issuer::with_clock(&clock, |ask, clock| async move {
        Ok(pair(ask.number, &clock, HOUR))
    });
    let tokens = Refreshing::builder(issuer).store(Broken::Writing).build();
    assert_eq!(tokens.token().await.unwrap_err().kind(), ErrorKind::Store);
    let (revocation, forms) = recorder();
    tokens.close_and_revoke(&revocation).await.unwrap();
    assert!(forms.lock().await.concat().starts_with("token=refresh-1&"));
}

#[tokio::test]
async fn where_the_store_was_emptied_the_token_at_hand_is_revoked() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let builder = Refreshing::builder(issuer).clock(clock.clone());
    let tokens = builder.store(Broken::Keeping).build();
    tokens.token().await.unwrap();
    let (revocation, forms) = recorder();
    tokens.close_and_revoke(&revocation).await.unwrap();
    assert!(forms.lock().await.concat().starts_with("token=token-1&"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_is_told_and_holds_nothing_up() {
    for (store, told, seconds) in [
        (Broken::Reading, "the disk is gone", 0),
        (Broken::Hanging, "it took too long", 10),
    ] {
        let issuer = Issuer::new(&ManualClock::new(), HOUR);
        let tokens = Refreshing::builder(issuer).store(store).build();
        let (revocation, forms) = recorder();
        let stopwatch = Stopwatch::start();
        let error = tokens.close_and_revoke(&revocation).await.unwrap_err();
        assert_eq!(stopwatch.elapsed(), seconds * SECOND);
        assert!(chain(&error).contains(told), "{error:?}");
        assert!(forms.lock().await.is_empty());
    }
}

#[tokio::test]
async fn tokens_of_a_replaced_source_are_not_shown_to_the_new_ones_server() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let tokens = Refreshing::builder(issuer).clock(clock.clone()).build();
    tokens.token().await.unwrap();
    tokens.replace_source(Issuer::new(&clock, HOUR));
    let (revocation, forms) = recorder();
    tokens.close_and_revoke(&revocation).await.unwrap();
    assert!(forms.lock().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_revocation_that_fails_ends_the_session_all_the_same() {
    let server = server(RefreshTokens::Rotated);
    let (tokens, revocation) = session(&server);
    tokens.token().await.unwrap();
    server.fail_always(Endpoint::Revocation, Fault::Delay(HOUR));
    let stopwatch = Stopwatch::start();
    let error = tokens.close_and_revoke(&revocation).await.unwrap_err();
    assert_eq!(*error.kind(), ObtainErrorKind::Deadline);
    assert_eq!(stopwatch.elapsed(), Duration::from_secs(10));
    assert_eq!(tokens.token().await.unwrap_err().kind(), ErrorKind::Closed);
}
