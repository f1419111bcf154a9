//! A real authorization server: npm's `oidc-provider`, over TCP, with each client
//! authentication and each grant that it has or can be taught.
//!
//! Skipped, and said so, where it isn't installed; `tests/jwt_interop.rs` says how to.
#![cfg(all(feature = "client", feature = "jwt"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod interop_support;

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use interop_support::Script;
use serde_json::{Value, json};
use tower_bearer::{
    AccessToken, Algorithm, ClientAuth, ClientCredentials, Refreshing, TokenEndpoint,
    clock::{Clock, SystemClock},
    jwt::SigningKey,
    oauth::{
        Grant, JwtBearer, ObtainError, ObtainErrorKind, ObtainToken, Password, RevocationEndpoint,
        TokenExchange,
        assertion::{AssertionSource, SignedAssertion},
        grant::TokenType,
    },
    token::Tokens,
};

/// RFC 6749 A.1, A.2: any visible ASCII, and the space.
const ID: &str = "orders job:1&+%~";
const SECRET: &str = "a secret: &+%=~\"'{}<>\\/?#[]@!$*,;`|^";
const PARTNER: &str = "https://partner.example";
const GRANTS: [&str; 5] = [
    "client_credentials",
    "refresh_token",
    "password",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
];

/// How each client of the server proves who it is.
const METHODS: [(&str, Option<Algorithm>); 8] = [
    ("none", None),
    ("client_secret_basic", None),
    ("client_secret_post", None),
    ("client_secret_jwt", Some(Algorithm::HS256)),
    ("private_key_jwt", Some(Algorithm::RS256)),
    ("private_key_jwt", Some(Algorithm::PS256)),
    ("private_key_jwt", Some(Algorithm::ES256)),
    ("private_key_jwt", Some(Algorithm::EdDSA)),
];

/// A client of the server.
struct Registered {
    id: String,
    method: &'static str,
    algorithm: Option<Algorithm>,
    key: Option<SigningKey>,
}

impl Registered {
    fn new((method, algorithm): (&'static str, Option<Algorithm>)) -> Self {
        let name = algorithm.map_or("", Algorithm::name);
        let key = algorithm.filter(|_| method == "private_key_jwt");
        Self {
            id: format!("{ID} {method} {name}"),
            method,
            algorithm,
            key: key.map(|algorithm| SigningKey::generate(algorithm).unwrap()),
        }
    }

    fn registration(&self) -> Value {
        let mut client = json!({
            "client_id": self.id,
            "token_endpoint_auth_method": self.method,
            "grant_types": GRANTS,
        });
        if self.method.starts_with("client_secret") {
            client["client_secret"] = SECRET.into();
        }
        if let Some(algorithm) = self.algorithm {
            client["token_endpoint_auth_signing_alg"] = algorithm.name().into();
        }
        if let Some(key) = &self.key {
            client["jwks"] = jwks(key);
        }
        client
    }

    fn auth(&self, server: &Server) -> ClientAuth {
        let (id, issuer) = (self.id.as_str(), server.issuer.as_str());
        match (self.method, &self.key) {
            ("none", _) => ClientAuth::none(id),
            ("client_secret_basic", _) => ClientAuth::basic(id, SECRET),
            ("client_secret_post", _) => ClientAuth::post(id, SECRET),
            ("client_secret_jwt", _) => {
                ClientAuth::client_secret_jwt(id, issuer, Algorithm::HS256, SECRET).unwrap()
            }
            (_, Some(key)) => ClientAuth::private_key_jwt(id, issuer, key.clone()),
            (method, None) => panic!("{method}"),
        }
    }
}

fn jwks(key: &SigningKey) -> Value {
    let jwk: Value = serde_json::from_str(&key.public_jwk().unwrap()).unwrap();
    json!({"keys": [jwk]})
}

/// The server, in a process that ends with this.
struct Server {
    _script: Script,
    issuer: String,
    partner: SigningKey,
}

impl Server {
    /// None where it isn't installed.
    fn start(clients: &[Registered]) -> Option<Self> {
        let place = interop_support::installed("node_modules/oidc-provider")?;
        let partner = SigningKey::generate(Algorithm::ES256).unwrap();
        let config = json!({
            "clients": clients.iter().map(Registered::registration).collect::<Vec<_>>(),
            "users": {"alice": SECRET},
            "assertions": {"issuer": PARTNER, "jwks": jwks(&partner)},
        });
        let script = Script::start(&place, "oidc_provider.mjs", &config);
        Some(Self {
            issuer: script.said["issuer"].as_str().unwrap().to_owned(),
            _script: script,
            partner,
        })
    }

    fn endpoint(&self, auth: ClientAuth, grant: impl Grant) -> TokenEndpoint {
        TokenEndpoint::new(&format!("{}/token", self.issuer))
            .unwrap()
            .client_auth(auth)
            .grant(grant)
            .over(transport())
    }

    fn revocation(&self, endpoint: &TokenEndpoint) -> RevocationEndpoint {
        let address = format!("{}/token/revocation", self.issuer);
        endpoint.revocation(&address).unwrap()
    }

    fn partners_assertion(&self) -> SignedAssertion {
        SignedAssertion::new(PARTNER, &self.issuer, self.partner.clone()).subject("bob")
    }

    /// What the server knows of a token (RFC 7662).
    async fn introspect(&self, token: &AccessToken) -> Value {
        let encode =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let id = Registered::new(METHODS[1]).id;
        let pair = format!("{}:{}", encode(&id), encode(SECRET));
        let request = Request::post(format!("{}/token/introspection", self.issuer))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(
                header::AUTHORIZATION,
                format!("Basic {}", BASE64_STANDARD.encode(pair)),
            )
            .body(Full::from(format!("token={}", token.expose())))
            .unwrap();
        let response = transport().request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }

    async fn is_active(&self, tokens: &Tokens) -> bool {
        self.introspect(tokens.access_token()).await["active"] == true
    }
}

fn transport() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn password() -> Password {
    Password::new("alice", SECRET).scope("orders:read orders:write")
}

fn refusal(answer: Result<Tokens, ObtainError>) -> String {
    match answer.unwrap_err().kind() {
        ObtainErrorKind::Refused { error, .. } => error.clone(),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn each_client_authentication_goes_with_each_grant() {
    let clients = METHODS.map(Registered::new);
    let Some(server) = Server::start(&clients) else {
        return;
    };
    for client in &clients {
        obtains_by_each_grant(&server, client).await;
        refreshes_and_revokes(&server, client).await;
        is_kept_fresh_and_ended(&server, client).await;
    }
}

async fn obtains_by_each_grant(server: &Server, client: &Registered) {
    let callers = server.endpoint(client.auth(server), password());
    let caller = callers.obtain().await.unwrap();
    let exchange = TokenExchange::new(caller.access_token().clone(), TokenType::ACCESS_TOKEN)
        .requested_token_type(TokenType::ACCESS_TOKEN)
        .audience("billing")
        .audience("invoices")
        .scope("orders:read");
    let bearer = JwtBearer::new(server.partners_assertion()).scope("orders:read");
    let credentials = ClientCredentials::new()
        .scope("orders:read")
        .resource("https://api.example/orders")
        .unwrap();
    let rows: [(&str, Arc<dyn Grant>, Value); 4] = [
        ("client credentials", Arc::new(credentials), Value::Null),
        (
            "password",
            Arc::new(password().scope("orders:read")),
            "alice".into(),
        ),
        ("JWT bearer", Arc::new(bearer), "bob".into()),
        ("token exchange", Arc::new(exchange), "alice".into()),
    ];
    for (row, grant, subject) in rows {
        let row = format!("{}: {row}", client.id);
        let endpoint = server.endpoint(client.auth(server), grant);
        let tokens = endpoint.obtain().await;
        let tokens = tokens.unwrap_or_else(|error| panic!("{row}: {error:?}"));
        let token = tokens.access_token();
        assert!(token.expiry().is_some(), "{row}");
        assert!(token.scope().unwrap().contains("orders:read"), "{row}");
        let known = server.introspect(token).await;
        assert_eq!(known["active"], true, "{row}");
        assert_eq!(known["client_id"], client.id, "{row}");
        assert_eq!(known["sub"], subject, "{row}");
        if row.ends_with("client credentials") {
            assert_eq!(known["aud"], "https://api.example/orders", "{row}");
        }
    }
}

async fn refreshes_and_revokes(server: &Server, client: &Registered) {
    let endpoint = server.endpoint(client.auth(server), password());
    let revocation = server.revocation(&endpoint);
    let first = endpoint.obtain().await.unwrap();
    let second = endpoint
        .refresh(first.refresh_token().unwrap())
        .await
        .unwrap();
    assert_ne!(
        first.refresh_token(),
        second.refresh_token(),
        "{}: rotated",
        client.id
    );
    assert!(server.is_active(&second).await, "{}", client.id);

    revocation.revoke(&second).await.unwrap();
    assert!(!server.is_active(&second).await, "{}", client.id);
    let refused = endpoint.refresh(second.refresh_token().unwrap()).await;
    assert_eq!(refusal(refused), "invalid_grant", "{}", client.id);

    let again = endpoint.obtain().await.unwrap();
    let spent = again.refresh_token().unwrap();
    endpoint.refresh(spent).await.unwrap();
    assert_eq!(
        refusal(endpoint.refresh(spent).await),
        "invalid_grant",
        "{}: spent",
        client.id
    );

    let alone = server.endpoint(client.auth(server), ClientCredentials::new());
    let alone = alone.obtain().await.unwrap();
    revocation.revoke(&alone).await.unwrap();
    assert!(
        !server.is_active(&alone).await,
        "{}: an access token",
        client.id
    );
    revocation.revoke(&alone).await.unwrap(); // RFC 7009 §2.2: as good as revoked
}

async fn is_kept_fresh_and_ended(server: &Server, client: &Registered) {
    let endpoint = server.endpoint(client.auth(server), password());
    let revocation = server.revocation(&endpoint);
    let tokens = Refreshing::new(endpoint);
    let first = tokens.token().await.unwrap();
    tokens.invalidate(&first);
    let second = tokens.token().await.unwrap();
    assert!(!first.same_value(&second), "{}", client.id);
    assert_eq!(
        server.introspect(&second).await["active"],
        true,
        "{}",
        client.id
    );
    tokens.close_and_revoke(&revocation).await.unwrap();
    assert_eq!(
        server.introspect(&second).await["active"],
        false,
        "{}",
        client.id
    );
    assert!(tokens.token().await.is_err(), "{}", client.id);
}

#[tokio::test]
async fn what_proves_nothing_is_refused() {
    let clients = METHODS.map(Registered::new);
    let Some(server) = Server::start(&clients) else {
        return;
    };
    let [_, basic, post, secret_jwt, .., private_key, _] = &clients;
    let (id, issuer) = (private_key.id.as_str(), server.issuer.as_str());
    let key = private_key.key.clone().unwrap();
    let signed = |audience: &str| SignedAssertion::new(id, audience, key.clone());
    let other = SigningKey::generate(Algorithm::ES256).unwrap();
    let now = std::time::UNIX_EPOCH; // long ago
    let ended = signed(issuer).assertion(now).await.unwrap();
    let wrong = SECRET.replace('a', "b");
    let by = |id, source| ClientAuth::assertion(id, source);
    let rows = [
        (
            "a wrong secret, basic",
            ClientAuth::basic(&basic.id, "wrong"),
        ),
        ("a wrong secret, post", ClientAuth::post(&post.id, "wrong")),
        (
            "a wrong secret, signed with",
            ClientAuth::client_secret_jwt(&secret_jwt.id, issuer, Algorithm::HS256, wrong).unwrap(),
        ),
        (
            "another's key",
            ClientAuth::private_key_jwt(id, issuer, other),
        ),
        ("for another server", by(id, signed("https://x.example"))),
        ("of somebody else", by(id, signed(issuer).claim("iss", "x"))),
        (
            "without an id",
            by(id, signed(issuer).claim("jti", Value::Null)),
        ),
        (
            "without an end",
            by(id, signed(issuer).claim("exp", Value::Null)),
        ),
        ("only the name", ClientAuth::none(id)),
        (
            "a secret where a key is known",
            ClientAuth::post(id, SECRET),
        ),
    ];
    for (row, auth) in rows {
        let endpoint = server.endpoint(auth, ClientCredentials::new());
        assert_eq!(refusal(endpoint.obtain().await), "invalid_client", "{row}");
    }
    let unencoded = ClientAuth::basic_unencoded(&basic.id, SECRET);
    let unencoded = server.endpoint(unencoded, ClientCredentials::new());
    let refused = refusal(unencoded.obtain().await);
    assert_eq!(refused, "invalid_request", "RFC 6749 §2.3.1: it is decoded");

    let old = server.endpoint(ClientAuth::assertion(id, ended), ClientCredentials::new());
    assert_eq!(refusal(old.obtain().await), "invalid_client", "ended");

    let once = signed(issuer)
        .assertion(SystemClock::new().wall())
        .await
        .unwrap();
    let once = ClientAuth::assertion(id, once);
    let once = server.endpoint(once, ClientCredentials::new());
    once.obtain().await.unwrap();
    assert_eq!(
        refusal(once.obtain().await),
        "invalid_client",
        "used before"
    );
}
