//! Grants: what each adds to a token request, and what is asked for with any of them.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

mod oauth_support;

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use oauth_support::{Recorder, chain, repeated};
use tower_bearer::{
    AccessToken, BoxError, BoxFuture, ClientAuth, ClientCredentials, Refreshing,
    client::store::MemoryStore,
    oauth::{
        AuthorizationCode, Grant, JwtBearer, ObtainError, ObtainErrorKind, ObtainToken, Password,
        TokenExchange, TokenRequest, assertion,
        grant::{Asking, ResourceError, TokenType},
        obtain_with,
    },
    secret::Secret,
    token::Tokens,
};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// A grant of the user's own.
#[derive(Clone, Debug)]
struct Voucher;

impl Grant for Voucher {
    fn add_to<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>> {
        request.parameter("grant_type", "https://id.example/voucher");
        Box::pin(async { Ok(()) })
    }
}

/// The form without the client's name.
async fn form_of(grant: impl Grant) -> Vec<(String, String)> {
    let server = Recorder::default();
    let endpoint = server.endpoint(ClientAuth::none("app"), grant);
    endpoint.obtain().await.unwrap();
    let mut form = server.form();
    form.retain(|(name, _)| name != "client_id");
    form
}

fn owned(form: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    form.iter().map(owned).collect()
}

type Row = (
    &'static str,
    Arc<dyn Grant>,
    &'static [(&'static str, &'static str)],
);

#[tokio::test]
async fn each_grant_sends_the_parameters_of_its_rfc() {
    let caller = || Secret::from("caller&+%ä");
    let exchange = || TokenExchange::new(caller(), TokenType::ACCESS_TOKEN);
    let delegation = exchange()
        .actor_token(Secret::from("us"), TokenType::JWT)
        .requested_token_type(TokenType::other("urn:example:ticket"));
    let rows: [Row; 8] = [
        (
            "RFC 6749 §4.4.2",
            Arc::new(ClientCredentials::new()),
            &[("grant_type", "client_credentials")],
        ),
        (
            "RFC 6749 §4.1.3",
            Arc::new(AuthorizationCode::new(
                "c &+%ä",
                "https://app.example/back?to=1",
            )),
            &[
                ("grant_type", "authorization_code"),
                ("code", "c &+%ä"),
                ("redirect_uri", "https://app.example/back?to=1"),
            ],
        ),
        (
            "RFC 7636 §4.5",
            Arc::new(AuthorizationCode::new("c", "https://app.example/").code_verifier("v")),
            &[
                ("grant_type", "authorization_code"),
                ("code", "c"),
                ("redirect_uri", "https://app.example/"),
                ("code_verifier", "v"),
            ],
        ),
        (
            "RFC 6749 §4.3.2",
            Arc::new(Password::new("alice", "p &+%ä")),
            &[
                ("grant_type", "password"),
                ("username", "alice"),
                ("password", "p &+%ä"),
            ],
        ),
        (
            "RFC 7523 §2.1",
            Arc::new(JwtBearer::new(Secret::from("eyJ"))),
            &[("grant_type", JWT_BEARER), ("assertion", "eyJ")],
        ),
        (
            "RFC 8693 §2.1, impersonation",
            Arc::new(exchange()),
            &[
                ("grant_type", TOKEN_EXCHANGE),
                ("subject_token", "caller&+%ä"),
                (
                    "subject_token_type",
                    "urn:ietf:params:oauth:token-type:access_token",
                ),
            ],
        ),
        (
            "RFC 8693 §2.1, delegation",
            Arc::new(delegation),
            &[
                ("grant_type", TOKEN_EXCHANGE),
                ("subject_token", "caller&+%ä"),
                (
                    "subject_token_type",
                    "urn:ietf:params:oauth:token-type:access_token",
                ),
                ("actor_token", "us"),
                ("actor_token_type", "urn:ietf:params:oauth:token-type:jwt"),
                ("requested_token_type", "urn:example:ticket"),
            ],
        ),
        (
            "RFC 6749 §4.5",
            Arc::new(Voucher),
            &[("grant_type", "https://id.example/voucher")],
        ),
    ];
    for (rule, grant, expected) in rows {
        assert_eq!(form_of(grant).await, owned(expected), "{rule}");
    }
}

#[tokio::test]
async fn with_each_grant_the_same_can_be_asked_for() {
    fn all<G>(asking: Asking<G>) -> Result<Asking<G>, ResourceError> {
        asking
            .scope("a b")
            .scope("c")
            .audience("orders")
            .resource("https://api.example/orders")?
            .resource("urn:example:billing")
            .map(|asking| asking.parameter("tenant", "acme &"))
    }
    let token = || Secret::from("t");
    let rows: [Arc<dyn Grant>; 5] = [
        Arc::new(all(ClientCredentials::new()).unwrap()),
        Arc::new(all(Password::new("alice", "p")).unwrap()),
        Arc::new(all(JwtBearer::new(token())).unwrap()),
        Arc::new(all(TokenExchange::new(token(), TokenType::JWT)).unwrap()),
        Arc::new(all(Asking::of(Voucher)).unwrap()),
    ];
    let expected = owned(&[
        ("scope", "a b c"),
        ("audience", "orders"),
        ("resource", "https://api.example/orders"),
        ("resource", "urn:example:billing"),
        ("tenant", "acme &"),
    ]);
    for grant in rows {
        let form = form_of(grant).await;
        assert!(form.ends_with(&expected), "{form:?}");
    }
}

#[test]
fn a_resource_that_is_none_is_refused_when_it_is_named() {
    let rows = [
        ("https://api.example/#top", ResourceError::Fragment),
        ("orders", ResourceError::NotAbsolute),
        ("", ResourceError::NotAbsolute),
    ];
    for (uri, expected) in rows {
        let refused = ClientCredentials::new().resource(uri).unwrap_err();
        assert_eq!(refused, expected, "{uri}");
        assert!(chain(&refused).contains("a resource"), "{refused}");
    }
}

#[test]
fn only_what_locks_accounts_may_be_refused_three_times_and_no_more() {
    let server = Recorder::default();
    let attempts = |grant: Arc<dyn Grant>| {
        let endpoint = server.endpoint(ClientAuth::none("app"), grant);
        endpoint.max_attempts()
    };
    let password = Password::new("alice", "p").scope("a");
    assert_eq!(attempts(Arc::new(password)), NonZeroU32::new(3));
    assert_eq!(attempts(Arc::new(ClientCredentials::new())), None);
    let assertion = JwtBearer::new(Secret::from("t"));
    assert_eq!(attempts(Arc::new(assertion)), None);
}

#[tokio::test]
async fn an_assertion_is_got_anew_for_each_attempt() {
    let asked = Arc::new(AtomicU64::new(0));
    let assertions = assertion::from_async_fn({
        let asked = asked.clone();
        move || {
            let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
            async move { Ok::<_, ObtainError>(Secret::from(format!("assertion-{number}"))) }
        }
    });
    let server = Recorder::default();
    let endpoint = server.endpoint(ClientAuth::none("app"), JwtBearer::new(assertions));
    for expected in ["assertion-1", "assertion-2"] {
        endpoint.obtain().await.unwrap();
        assert_eq!(server.parameter("assertion"), expected);
    }
}

#[tokio::test]
async fn without_an_assertion_nothing_is_sent_and_the_endpoint_is_not_blamed() {
    let none = || assertion::from_async_fn(|| async { Err::<Secret, BoxError>("no vault".into()) });
    let actor = TokenExchange::new(Secret::from("caller"), TokenType::JWT);
    let rows: [(&str, Arc<dyn Grant>); 3] = [
        ("JWT bearer", Arc::new(JwtBearer::new(none()))),
        (
            "subject",
            Arc::new(TokenExchange::new(none(), TokenType::JWT)),
        ),
        ("actor", Arc::new(actor.actor_token(none(), TokenType::JWT))),
    ];
    for (row, grant) in rows {
        let server = Recorder::default();
        let endpoint = server.endpoint(ClientAuth::none("app"), grant);
        let error = endpoint.obtain().await.unwrap_err();
        assert_eq!(*error.kind(), ObtainErrorKind::Other, "{row}");
        assert!(chain(&error).contains("no vault"), "{row}: {error:?}");
        assert!(!chain(&error).contains("id.example"), "{row}: {error:?}");
        assert!(!server.was_asked(), "{row}");
    }
}

#[tokio::test]
async fn what_is_kept_fresh_buys_another_token() {
    let stored = Tokens::new(AccessToken::new("platform-token").unwrap());
    let never = obtain_with(|| async { Err::<Tokens, _>(ObtainError::other("not asked")) });
    let platform = Refreshing::builder(never)
        .store(MemoryStore::holding(stored))
        .build();
    let form = form_of(TokenExchange::new(platform, TokenType::JWT)).await;
    assert_eq!(
        form[1],
        ("subject_token".to_owned(), "platform-token".to_owned())
    );

    let token = AccessToken::new("at-hand").unwrap();
    let form = form_of(TokenExchange::new(token, TokenType::ACCESS_TOKEN)).await;
    assert_eq!(form[1].1, "at-hand");
}

#[tokio::test]
async fn what_a_server_repeats_of_a_grant_does_not_get_into_our_error() {
    let secret = || Secret::from("hunter2");
    let exchange = TokenExchange::new(Secret::from("t"), TokenType::JWT);
    let code = |code| AuthorizationCode::new(code, "https://app.example/");
    let rows: [(&str, Arc<dyn Grant>); 7] = [
        (
            "one's own",
            Arc::new(Asking::of(Voucher).secret("code", "hunter2")),
        ),
        ("password", Arc::new(Password::new("alice", "hunter2"))),
        ("code", Arc::new(code("hunter2"))),
        ("verifier", Arc::new(code("c").code_verifier("hunter2"))),
        ("assertion", Arc::new(JwtBearer::new(secret()))),
        (
            "subject_token",
            Arc::new(TokenExchange::new(secret(), TokenType::JWT)),
        ),
        (
            "actor_token",
            Arc::new(exchange.actor_token(secret(), TokenType::JWT)),
        ),
    ];
    for (row, grant) in rows {
        let shown = chain(&repeated(ClientAuth::none("app"), grant).await);
        assert!(shown.contains("repeats a secret"), "{row}: {shown}");
        assert!(!shown.contains("hunter2"), "{row}: {shown}");
    }
}

#[test]
fn no_grant_shows_its_secrets() {
    let secret = || Secret::from("hunter2");
    let exchange = TokenExchange::new(secret(), TokenType::JWT);
    let shown = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        AuthorizationCode::new("hunter2", "https://app.example/").code_verifier("hunter2"),
        ClientCredentials::new().parameter("pin", "hunter2"),
        Password::new("alice", "hunter2"),
        JwtBearer::new(secret()),
        exchange.actor_token(secret(), TokenType::JWT),
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("alice"), "{shown}");
}
