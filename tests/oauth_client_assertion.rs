//! Client authentication by assertion (RFC 7523 §2.2): signed by the client, or somebody else's.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

mod oauth_support;

use std::{fs, path::PathBuf, time::Duration};

use oauth_support::{Recorder, chain, repeated};
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm, ClientAuth, ClientCredentials, KeySet, Validator,
    clock::Clock,
    jwt::SigningKey,
    keys::KeyErrorKind,
    oauth::{
        JwtBearer, ObtainError, ObtainErrorKind, ObtainToken,
        assertion::{self, SignedAssertion},
    },
    secret::Secret,
    test_util::ManualClock,
    token::RefreshToken,
};

const ISSUER: &str = "https://id.example";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap().with_key_id("k1")
}

/// What was sent as `parameter`, verified: header and claims.
fn verified(
    server: &Recorder,
    parameter: &str,
    keys: &KeySet,
    clock: &ManualClock,
) -> (Value, Value) {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let token = server.parameter(parameter);
    let header = token.split('.').next().unwrap();
    let header = BASE64_URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let validator = Validator::new("orders-job", ISSUER)
        .leeway(Duration::ZERO)
        .token_types([header["typ"].as_str().unwrap()]);
    let verified = validator.validate::<Value>(&token, keys, clock.wall());
    (header, verified.unwrap().claims().clone())
}

#[tokio::test]
async fn private_key_jwt_says_what_rfc_7523_asks_for() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::PS256] {
        let (server, clock, key) = (Recorder::default(), ManualClock::new(), key(algorithm));
        let auth = ClientAuth::private_key_jwt("orders-job", ISSUER, key.clone());
        let endpoint = server.endpoint(auth, ClientCredentials::new());
        let endpoint = endpoint.clock(clock.clone());
        endpoint.obtain().await.unwrap();

        let (header, mut claims) = verified(
            &server,
            "client_assertion",
            &key.verification_keys(),
            &clock,
        );
        let typ = "client-authentication+jwt";
        assert_eq!(
            header,
            json!({"alg": algorithm.name(), "kid": "k1", "typ": typ})
        );
        let id = claims["jti"].take();
        assert_eq!(id.as_str().unwrap().len(), 22, "128 bits");
        let now = clock.wall().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = now.as_secs();
        assert_eq!(
            claims,
            json!({
                "iss": "orders-job", "sub": "orders-job", "aud": ISSUER, "jti": null,
                "iat": now, "nbf": now, "exp": now + 60,
            })
        );
        assert_eq!(server.parameter("client_id"), "orders-job");
        assert_eq!(
            server.parameter("client_assertion_type"),
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
    }
}

#[tokio::test]
async fn each_request_has_an_assertion_of_its_own() {
    let (server, clock, key) = (
        Recorder::default(),
        ManualClock::new(),
        key(Algorithm::ES256),
    );
    let auth = ClientAuth::private_key_jwt("orders-job", ISSUER, key.clone());
    let endpoint = server.endpoint(auth, ClientCredentials::new());
    let endpoint = endpoint.clock(clock.clone());
    let mut seen = Vec::new();
    for _ in 0..2 {
        endpoint.obtain().await.unwrap();
        let keys = key.verification_keys();
        seen.push(verified(&server, "client_assertion", &keys, &clock).1);
        clock.advance(Duration::from_secs(3600));
    }
    endpoint.refresh(&RefreshToken::new("rt")).await.unwrap();
    assert!(
        !server.parameter("client_assertion").is_empty(),
        "a refresh too"
    );
    assert_ne!(seen[0]["jti"], seen[1]["jti"]);
    let moved = seen[1]["exp"].as_u64().unwrap() - seen[0]["exp"].as_u64().unwrap();
    assert_eq!(moved, 3600, "dated by the endpoint's clock");
}

#[tokio::test]
async fn client_secret_jwt_signs_with_the_secret_and_does_not_send_it() {
    let (server, clock) = (Recorder::default(), ManualClock::new());
    let auth = ClientAuth::client_secret_jwt("orders-job", ISSUER, Algorithm::HS256, SECRET);
    let endpoint = server.endpoint(auth.unwrap(), ClientCredentials::new());
    let endpoint = endpoint.clock(clock.clone());
    endpoint.obtain().await.unwrap();
    let keys = KeySet::from_secret(Algorithm::HS256, SECRET).unwrap();
    let (header, claims) = verified(&server, "client_assertion", &keys, &clock);
    assert_eq!(header["alg"], "HS256");
    assert_eq!(claims["sub"], "orders-job");
    assert!(!format!("{:?}", server.form()).contains(SECRET));
}

#[test]
fn a_secret_that_cannot_sign_is_refused_before_anything_is_sent() {
    let secret_jwt = |algorithm, secret: &str| {
        let auth = ClientAuth::client_secret_jwt("job", ISSUER, algorithm, secret);
        auth.unwrap_err().kind().clone()
    };
    let short = KeyErrorKind::SecretTooShort {
        bytes: 7,
        minimum: 32,
    };
    assert_eq!(secret_jwt(Algorithm::HS256, "hunter2"), short);
    let es256 = secret_jwt(Algorithm::ES256, SECRET);
    assert!(matches!(es256, KeyErrorKind::NotForAlgorithm { .. }));
}

#[tokio::test]
async fn what_is_signed_can_differ_from_the_defaults() {
    let (server, clock, key) = (
        Recorder::default(),
        ManualClock::new(),
        key(Algorithm::ES256),
    );
    let assertions = SignedAssertion::new("orders-job", ISSUER, key.clone())
        .subject("alice")
        .claim("scope", "orders:read")
        .claim("nbf", Value::Null)
        .lifetime(Duration::from_secs(300));
    let endpoint = server.endpoint(ClientAuth::none("app"), JwtBearer::new(assertions));
    endpoint.clock(clock.clone()).obtain().await.unwrap();
    let keys = key.verification_keys();
    let (header, claims) = verified(&server, "assertion", &keys, &clock);
    assert_eq!(header["typ"], "JWT");
    assert_eq!(
        (&claims["sub"], &claims["scope"]),
        (&json!("alice"), &json!("orders:read"))
    );
    assert_eq!(claims.get("nbf"), None);
    let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lifetime, 300);

    let forever = SignedAssertion::new("orders-job", ISSUER, key).lifetime(Duration::MAX);
    let endpoint = server.endpoint(ClientAuth::none("app"), JwtBearer::new(forever));
    endpoint.obtain().await.unwrap();
}

// Somebody else's assertion

/// A file that is gone with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let name = format!("tower-bearer-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// As Kubernetes does it: the name points to something else from one moment to the next.
    fn holds(&self, content: impl AsRef<[u8]>) {
        let new = self.0.with_extension("new");
        fs::write(&new, content).unwrap();
        fs::rename(&new, &self.0).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_file_is_read_for_each_request() {
    let (file, server) = (File::new("rotated"), Recorder::default());
    let auth = ClientAuth::assertion("orders-job", assertion::from_file(&file.0));
    let endpoint = server.endpoint(auth, ClientCredentials::new());
    for (content, expected) in [
        ("eyJ.1", "eyJ.1"),
        ("eyJ.2\n", "eyJ.2"),
        (" eyJ.3\r\n", "eyJ.3"),
    ] {
        file.holds(content);
        endpoint.obtain().await.unwrap();
        assert_eq!(server.parameter("client_assertion"), expected);
        assert_eq!(server.parameter("client_id"), "orders-job");
    }
}

#[tokio::test]
async fn a_file_without_an_assertion_is_an_error_that_names_it_and_shows_nothing_of_it() {
    let rows: [(&str, Option<&[u8]>, &str); 6] = [
        ("gone", None, "can't be read"),
        ("empty", Some(b""), "is empty"),
        ("blank", Some(b"\n \n"), "is empty"),
        ("two-lines", Some(b"hunter2\nhunter2"), "more than one line"),
        ("binary", Some(b"hunter2\xff"), "not UTF-8"),
        ("large", Some(&[b'x'; 5 << 20]), "more than 65536 bytes"),
    ];
    for (row, content, told) in rows {
        let (file, server) = (File::new(row), Recorder::default());
        if let Some(content) = content {
            file.holds(content);
        }
        let auth = ClientAuth::assertion("orders-job", assertion::from_file(&file.0));
        let endpoint = server.endpoint(auth, ClientCredentials::new());
        let error = endpoint.obtain().await.unwrap_err();
        assert_eq!(*error.kind(), ObtainErrorKind::Other, "{row}");
        let shown = chain(&error);
        assert!(shown.contains(told), "{row}: {shown}");
        assert!(shown.contains(row), "{row}: {shown}");
        assert!(!shown.contains("hunter2"), "{row}: {shown}");
        assert!(!shown.contains("id.example"), "not its fault: {shown}");
        assert!(!server.was_asked(), "{row}");
        file.holds("eyJ");
        endpoint.obtain().await.unwrap();
    }
}

#[tokio::test]
async fn an_assertion_that_a_server_repeats_does_not_get_into_our_error() {
    let vault =
        assertion::from_async_fn(|| async { Ok::<_, ObtainError>(Secret::from("hunter2")) });
    let auth = ClientAuth::assertion("orders-job", vault);
    let shown = chain(&repeated(auth, ClientCredentials::new()).await);
    assert!(shown.contains("repeats a secret"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn no_client_authentication_shows_its_key() {
    let secret_jwt = ClientAuth::client_secret_jwt("job", ISSUER, Algorithm::HS256, SECRET);
    let shown = format!(
        "{:?} {:?}",
        secret_jwt.unwrap(),
        SignedAssertion::new(
            "job",
            ISSUER,
            SigningKey::from_secret(Algorithm::HS256, SECRET).unwrap()
        ),
    );
    assert!(!shown.contains(SECRET), "{shown}");
}
