//! The authorization server of users' tests: each grant, client authentication by assertion,
//! and revocation, as strict as their RFCs.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

use std::time::Duration;

use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_bearer::{
    Algorithm, ClientAuth, ClientCredentials, TokenEndpoint, Validator,
    clock::Clock,
    jwt::{Minter, SigningKey},
    oauth::{
        ClientAuthentication, Grant, JwtBearer, ObtainError, ObtainErrorKind, ObtainToken,
        Password, TokenExchange, assertion::SignedAssertion, grant::TokenType,
    },
    secret::Secret,
    test_util::{
        AuthorizationServer, AuthorizationServerBuilder, Body, PresentedBy, RefreshTokens,
        RegisteredClient,
    },
    token::Tokens,
};

const ISSUER: &str = "https://id.example";
const LONG_SECRET: &str = "0123456789abcdef0123456789abcdef";
const PARTNER: &str = "https://partner.example";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

fn builder() -> AuthorizationServerBuilder {
    AuthorizationServer::builder().user("alice", "correct horse")
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap()
}

fn basic() -> ClientAuth {
    ClientAuth::basic("client", "secret")
}

fn endpoint(
    server: &AuthorizationServer,
    auth: impl ClientAuthentication,
    grant: impl Grant,
) -> TokenEndpoint {
    TokenEndpoint::new(&server.token_url())
        .unwrap()
        .client_auth(auth)
        .grant(grant)
        .clock(server.clock().clone())
        .over(server.clone())
}

async fn obtain(
    server: &AuthorizationServer,
    auth: impl ClientAuthentication,
    grant: impl Grant,
) -> Result<Tokens, ObtainError> {
    endpoint(server, auth, grant).obtain().await
}

/// The code of a refusal, or `granted`.
fn outcome(answer: &Result<Tokens, ObtainError>) -> String {
    match answer.as_ref().map_err(ObtainError::kind) {
        Ok(_) => "granted".to_owned(),
        Err(ObtainErrorKind::Refused { error, .. }) => error.clone(),
        Err(other) => format!("{other:?}"),
    }
}

/// The claims of an access token, for whichever API it is.
fn claims(server: &AuthorizationServer, tokens: &Tokens) -> Value {
    let validator = Validator::new(ISSUER, tower_bearer::Expected::unchecked());
    let token = tokens.access_token().expose();
    let verified = validator.validate::<Value>(token, &server.keys(), server.clock().wall());
    verified.unwrap().claims().clone()
}

async fn post(server: &AuthorizationServer, url: &str, form: &str) -> Response<Body> {
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::AUTHORIZATION, "Basic Y2xpZW50OnNlY3JldA==")
        .body(Body::from(form.to_owned()))
        .unwrap();
    server.clone().oneshot(request).await.unwrap()
}

/// Status and error of a request by hand, of the client `client`.
async fn asked(server: &AuthorizationServer, url: &str, form: &str) -> (StatusCode, Value) {
    let response = post(server, url, form).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    (status, body["error"].clone())
}

#[tokio::test]
async fn each_grant_earns_a_token_of_its_subject() {
    let partner = key();
    let server = builder()
        .trusted_issuer(PARTNER, partner.verification_keys())
        .build()
        .unwrap();
    let tokens = obtain(
        &server,
        basic(),
        Password::new("alice", "correct horse").scope("a"),
    );
    let password = claims(&server, &tokens.await.unwrap());
    assert_eq!(
        (&password["sub"], &password["scope"], &password["aud"]),
        (&json!("alice"), &json!("a"), &json!("api"))
    );

    let assertions = SignedAssertion::new(PARTNER, ISSUER, partner).subject("bob");
    let tokens = obtain(&server, basic(), JwtBearer::new(assertions)).await;
    let tokens = tokens.unwrap();
    assert_eq!(claims(&server, &tokens)["sub"], "bob");
    assert_eq!(tokens.refresh_token(), None);

    let caller = server
        .mint(json!({"sub": "carol", "scope": "a b"}))
        .unwrap();
    let us = server.mint(json!({"sub": "orders"})).unwrap();
    let exchange = TokenExchange::new(caller, TokenType::ACCESS_TOKEN)
        .actor_token(us, TokenType::ACCESS_TOKEN)
        .scope("b")
        .audience("billing")
        .resource("https://api.example/invoices")
        .unwrap();
    let tokens = obtain(&server, basic(), exchange).await.unwrap();
    let exchanged = claims(&server, &tokens);
    assert_eq!(
        (&exchanged["sub"], &exchanged["scope"], &exchanged["act"]),
        (&json!("carol"), &json!("b"), &json!({"sub": "orders"}))
    );
    assert_eq!(
        exchanged["aud"],
        json!(["billing", "https://api.example/invoices"])
    );
    let requests = server.requests();
    let counted = (
        requests.password,
        requests.jwt_bearer,
        requests.token_exchange,
    );
    assert_eq!((counted, requests.granted), ((1, 1, 1), 3));
}

#[tokio::test]
async fn a_log_in_by_password_can_be_refreshed() {
    let server = builder()
        .refresh_tokens(RefreshTokens::Rotated)
        .client(RegisteredClient::public("app"))
        .build()
        .unwrap();
    let grant = Password::new("alice", "correct horse");
    let endpoint = endpoint(&server, ClientAuth::none("app"), grant);
    let first = endpoint.obtain().await.unwrap();
    let second = endpoint.refresh(first.refresh_token().unwrap()).await;
    assert_eq!(claims(&server, &second.unwrap())["sub"], "alice");
    let again = endpoint.refresh(first.refresh_token().unwrap()).await;
    assert_eq!(outcome(&again), "invalid_grant");
}

#[tokio::test]
async fn what_does_not_hold_is_refused_by_name() {
    let server = builder().build().unwrap();
    let token = server.mint(json!({"sub": "carol", "scope": "a"})).unwrap();
    let revoked = server.mint(json!({"sub": "carol"})).unwrap();
    server.revoke(revoked.expose());
    let exchange =
        |more: &str| format!("grant_type=urn:ietf:params:oauth:grant-type:token-exchange&{more}");
    let subject = format!(
        "subject_token={}&subject_token_type={ACCESS_TOKEN}",
        token.expose()
    );
    let refused = format!(
        "subject_token={}&subject_token_type={ACCESS_TOKEN}",
        revoked.expose()
    );
    let rows = [
        (
            "wrong password",
            "grant_type=password&username=alice&password=x".to_owned(),
            "invalid_grant",
        ),
        (
            "unknown user",
            "grant_type=password&username=bob&password=correct+horse".to_owned(),
            "invalid_grant",
        ),
        (
            "no password",
            "grant_type=password&username=alice".to_owned(),
            "invalid_request",
        ),
        (
            "no assertion",
            "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned(),
            "invalid_request",
        ),
        (
            "no JWT",
            "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=x".to_owned(),
            "invalid_grant",
        ),
        ("no subject", exchange(""), "invalid_request"),
        (
            "no type",
            exchange(&format!("subject_token={}", token.expose())),
            "invalid_request",
        ),
        (
            "a wrong type",
            exchange(&format!(
                "subject_token={}&subject_token_type={JWT}",
                token.expose()
            )),
            "invalid_request",
        ),
        (
            "an unknown type",
            exchange("subject_token=x&subject_token_type=urn:x"),
            "invalid_request",
        ),
        ("a revoked token", exchange(&refused), "invalid_request"),
        (
            "no actor to its type",
            exchange(&format!("{subject}&actor_token_type={JWT}")),
            "invalid_request",
        ),
        (
            "an actor that is none",
            exchange(&format!(
                "{subject}&actor_token=x&actor_token_type={ACCESS_TOKEN}"
            )),
            "invalid_request",
        ),
        (
            "another type wanted",
            exchange(&format!(
                "{subject}&requested_token_type=urn:ietf:params:oauth:token-type:id_token"
            )),
            "invalid_request",
        ),
        (
            "more than the subject has",
            exchange(&format!("{subject}&scope=b")),
            "invalid_scope",
        ),
        (
            "a resource with a fragment",
            exchange(&format!("{subject}&resource=https://api.example/%23top")),
            "invalid_target",
        ),
        (
            "a second resource that is none",
            exchange(&format!("{subject}&resource=urn:a&resource=b")),
            "invalid_target",
        ),
        (
            "a type twice",
            exchange(&format!("{subject}&subject_token_type={JWT}")),
            "invalid_request",
        ),
    ];
    for (row, form, expected) in rows {
        let (status, error) = asked(&server, &server.token_url(), &form).await;
        assert_eq!(
            (status, error),
            (StatusCode::BAD_REQUEST, json!(expected)),
            "{row}"
        );
    }
    assert_eq!(server.requests().granted, 0);
}

#[tokio::test]
async fn an_assertion_is_for_this_server_of_a_trusted_issuer_and_good_once() {
    let (partner, other) = (key(), key());
    let server = builder()
        .trusted_issuer(PARTNER, partner.verification_keys())
        .build()
        .unwrap();
    let signed = || SignedAssertion::new(PARTNER, ISSUER, partner.clone());
    let wall = server.clock().wall();
    let rows = [
        ("good", signed(), "granted"),
        (
            "another key",
            SignedAssertion::new(PARTNER, ISSUER, other),
            "invalid_grant",
        ),
        (
            "an unknown issuer",
            SignedAssertion::new("https://x.example", ISSUER, partner.clone()),
            "invalid_grant",
        ),
        (
            "for another server",
            SignedAssertion::new(PARTNER, "https://x.example", partner.clone()),
            "invalid_grant",
        ),
        (
            "for the endpoint",
            SignedAssertion::new(PARTNER, server.token_url(), partner.clone()),
            "invalid_grant",
        ),
        (
            "without a subject",
            signed().claim("sub", Value::Null),
            "invalid_grant",
        ),
        (
            "without an id",
            signed().claim("jti", Value::Null),
            "invalid_grant",
        ),
        (
            "without an end",
            signed().claim("exp", Value::Null),
            "invalid_grant",
        ),
        ("ended", signed().claim("exp", 1_000), "invalid_grant"),
    ];
    for (row, assertions, expected) in rows {
        let answer = obtain(&server, basic(), JwtBearer::new(assertions)).await;
        assert_eq!(outcome(&answer), expected, "{row}");
    }
    assert_eq!(server.clock().wall(), wall);

    let once = Minter::new(partner).mint(&json!({
        "iss": PARTNER, "sub": "bob", "aud": ISSUER, "jti": "1", "exp": 4_000_000_000_u64,
    }));
    let once = endpoint(&server, basic(), JwtBearer::new(once.unwrap()));
    assert_eq!(outcome(&once.obtain().await), "granted");
    assert_eq!(outcome(&once.obtain().await), "invalid_grant");
    assert_eq!(server.requests().assertion_reused, 1);
}

#[tokio::test]
async fn a_client_is_known_by_its_assertion() {
    let (ours, other) = (key(), key());
    let server = AuthorizationServer::builder()
        .client(RegisteredClient::with_keys("job", ours.verification_keys()))
        .client(RegisteredClient::new("long", LONG_SECRET))
        .client(RegisteredClient::new("short", "secret"))
        .build()
        .unwrap();
    let by_key = |audience: &str, key: &SigningKey| {
        ClientAuth::private_key_jwt("job", audience, key.clone())
    };
    let by_secret = |id: &str, algorithm, secret: &str| {
        ClientAuth::client_secret_jwt(id, ISSUER, algorithm, secret).unwrap()
    };
    let own = |change: fn(SignedAssertion) -> SignedAssertion| {
        let assertion = SignedAssertion::new("job", ISSUER, ours.clone());
        ClientAuth::assertion("job", change(assertion))
    };
    let long = LONG_SECRET.repeat(2);
    let rows = [
        ("private_key_jwt", by_key(ISSUER, &ours), "granted"),
        (
            "client_secret_jwt",
            by_secret("long", Algorithm::HS256, LONG_SECRET),
            "granted",
        ),
        ("without a type of its own", own(|it| it), "granted"),
        ("another key", by_key(ISSUER, &other), "invalid_client"),
        (
            "for the endpoint",
            by_key(&server.token_url(), &ours),
            "invalid_client",
        ),
        (
            "another secret",
            by_secret("long", Algorithm::HS512, &long),
            "invalid_client",
        ),
        (
            "a client with a short secret",
            by_secret("short", Algorithm::HS256, LONG_SECRET),
            "invalid_client",
        ),
        (
            "an access token's type",
            own(|it| it.token_type("at+jwt")),
            "invalid_client",
        ),
        (
            "another subject",
            own(|it| it.subject("long")),
            "invalid_client",
        ),
        (
            "without an id",
            own(|it| it.claim("jti", Value::Null)),
            "invalid_client",
        ),
        ("ended", own(|it| it.claim("exp", 1_000)), "invalid_client"),
        (
            "under another name",
            ClientAuth::assertion(
                "long",
                SignedAssertion::new("job", ISSUER, ours.clone()).token_type("JWT"),
            ),
            "invalid_client",
        ),
        (
            "no JWT",
            ClientAuth::assertion("job", Secret::from("x")),
            "invalid_client",
        ),
        ("only the name", ClientAuth::none("job"), "invalid_client"),
    ];
    for (row, auth, expected) in rows {
        let answer = obtain(&server, auth, ClientCredentials::new()).await;
        assert_eq!(outcome(&answer), expected, "{row}");
    }
}

#[tokio::test]
async fn a_client_assertion_is_good_once() {
    let ours = key();
    let server = AuthorizationServer::builder()
        .client(RegisteredClient::with_keys("job", ours.verification_keys()))
        .build()
        .unwrap();
    let once = Minter::new(ours).mint(&json!({
        "iss": "job", "sub": "job", "aud": ISSUER, "jti": "1", "exp": 4_000_000_000_u64,
    }));
    let auth = ClientAuth::assertion("job", once.unwrap());
    let endpoint = endpoint(&server, auth, ClientCredentials::new());
    assert_eq!(outcome(&endpoint.obtain().await), "granted");
    assert_eq!(outcome(&endpoint.obtain().await), "invalid_client");
    assert_eq!(server.requests().assertion_reused, 1);
    let last = server.last_token_request().unwrap();
    assert_eq!(last.presented_by(), PresentedBy::Assertion);
    assert_eq!(last.parameter("client_assertion"), Some("(redacted)"));
}

#[tokio::test]
async fn two_proofs_are_one_too_many_and_an_assertion_has_its_type() {
    let server = AuthorizationServer::new().unwrap();
    let assertion = "grant_type=client_credentials&client_assertion=x";
    let typed = "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    for form in [
        format!("{assertion}&{typed}"),
        "grant_type=client_credentials&client_id=client&client_secret=secret".to_owned(),
    ] {
        let (_, error) = asked(&server, &server.token_url(), &form).await;
        assert_eq!(error, "invalid_request", "beside Basic: {form}");
    }
    for form in [
        format!("{assertion}&{typed}&client_id=client&client_secret=secret"),
        assertion.to_owned(),
        format!("{assertion}&client_assertion_type=urn:x"),
    ] {
        let request = Request::post(server.token_url())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.clone()))
            .unwrap();
        let response = server.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{form}");
    }
}

mod revocation {
    use super::*;

    fn server() -> AuthorizationServer {
        builder()
            .refresh_tokens(RefreshTokens::Rotated)
            .client(RegisteredClient::new("client", "secret"))
            .client(RegisteredClient::new("other", "secret"))
            .build()
            .unwrap()
    }

    async fn log_in(server: &AuthorizationServer, auth: ClientAuth) -> (TokenEndpoint, Tokens) {
        let endpoint = endpoint(server, auth, Password::new("alice", "correct horse"));
        let tokens = endpoint.obtain().await.unwrap();
        (endpoint, tokens)
    }

    async fn revoke(server: &AuthorizationServer, form: &str) -> (StatusCode, Value) {
        asked(server, &server.revocation_url(), form).await
    }

    #[tokio::test]
    async fn with_a_refresh_token_goes_all_that_came_of_its_grant() {
        let server = server();
        let (endpoint, first) = log_in(&server, basic()).await;
        let (_, bystander) = log_in(&server, basic()).await;
        let second = endpoint.refresh(first.refresh_token().unwrap()).await;
        let second = second.unwrap();
        let latest = second.refresh_token().unwrap();

        let form = format!(
            "token={}&token_type_hint=refresh_token",
            latest.secret().expose()
        );
        assert_eq!(revoke(&server, &form).await.0, StatusCode::OK);
        assert_eq!(outcome(&endpoint.refresh(latest).await), "invalid_grant");
        assert!(server.is_revoked(first.access_token().expose()));
        assert!(server.is_revoked(second.access_token().expose()));
        assert!(!server.is_revoked(bystander.access_token().expose()));
        let bystander = endpoint.refresh(bystander.refresh_token().unwrap()).await;
        assert_eq!(outcome(&bystander), "granted");
        assert_eq!(server.requests().revocation, 1);
    }

    #[tokio::test]
    async fn with_a_spent_refresh_token_goes_the_one_that_took_its_place() {
        let server = server();
        let (endpoint, first) = log_in(&server, basic()).await;
        let spent = first.refresh_token().unwrap();
        let second = endpoint.refresh(spent).await.unwrap();
        revoke(&server, &format!("token={}", spent.secret().expose())).await;
        let latest = second.refresh_token().unwrap();
        assert_eq!(outcome(&endpoint.refresh(latest).await), "invalid_grant");
    }

    #[tokio::test]
    async fn an_access_token_goes_alone_whatever_the_hint() {
        for hint in [
            "",
            "&token_type_hint=access_token",
            "&token_type_hint=refresh_token",
            "&token_type_hint=x",
        ] {
            let server = server();
            let (endpoint, tokens) = log_in(&server, basic()).await;
            let form = format!("token={}{hint}", tokens.access_token().expose());
            assert_eq!(revoke(&server, &form).await.0, StatusCode::OK, "{hint}");
            assert!(server.is_revoked(tokens.access_token().expose()), "{hint}");
            let refreshed = endpoint.refresh(tokens.refresh_token().unwrap()).await;
            assert_eq!(outcome(&refreshed), "granted", "{hint}");
        }
    }

    #[tokio::test]
    async fn what_may_not_be_revoked_is_refused_by_name() {
        let server = server();
        let other = ClientAuth::basic("other", "secret");
        let (_, tokens) = log_in(&server, other).await;
        let refresh = tokens.refresh_token().unwrap().secret().expose();
        let rows = [
            ("unknown: RFC 7009 §2.2", "token=x".to_owned(), None),
            ("no token", String::new(), Some("invalid_request")),
            (
                "another client's",
                format!("token={refresh}"),
                Some("invalid_grant"),
            ),
            (
                "another client's",
                format!("token={}", tokens.access_token().expose()),
                Some("invalid_grant"),
            ),
        ];
        for (row, form, expected) in rows {
            let (status, error) = revoke(&server, &form).await;
            assert_eq!(error.as_str(), expected, "{row}");
            assert_eq!(status == StatusCode::OK, expected.is_none(), "{row}");
        }
        assert!(!server.is_revoked(tokens.access_token().expose()));
        let request = Request::post(server.revocation_url())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("token=x"))
            .unwrap();
        let response = server.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn an_exchanged_token_ends_by_the_servers_clock() {
    let server = builder().build().unwrap();
    let caller = server.mint(json!({"sub": "carol"})).unwrap();
    let exchange = TokenExchange::new(caller, TokenType::ACCESS_TOKEN);
    let endpoint = endpoint(&server, basic(), exchange);
    assert_eq!(outcome(&endpoint.obtain().await), "granted");
    server.clock().advance(Duration::from_secs(2 * 3600));
    assert_eq!(outcome(&endpoint.obtain().await), "invalid_request");
}
