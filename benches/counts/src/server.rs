//! A good token: the signature check alone, the validator, the whole layer.

use std::{
    hint::black_box,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
        RsaPublicKeyComponents,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Request;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm, KeySet, RequireJwt, Validator,
    jwt::{Minter, SigningKey},
    server::VerifiedCache,
};
use tower_layer::Layer;

use crate::{Nothing, Scenario, sent};

#[derive(Deserialize)]
#[allow(dead_code)] // read for what it costs
pub struct FourStrings {
    iss: String,
    sub: String,
    email: String,
    tenant: String,
}

pub const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::HS256,
    Algorithm::RS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

pub fn scenarios() -> Vec<Scenario> {
    let mut all = vec![sent("empty service", Nothing, 200, || request("token"))];
    for algorithm in ALGORITHMS {
        let key = signing_key(algorithm);
        let token = token(&key, &claims());
        let bare = format!("{algorithm}/bare check");
        all.push(bare_check(&bare, &key, &token));
        let name = format!("{algorithm}/validator");
        all.push(validated::<FourStrings>(name, &key, &token).without(&[&bare]));
        let name = format!("{algorithm}/layer");
        all.push(guarded(name, 200, token).without(&[&bare, "empty service"]));
    }
    all.extend(remembered());
    all.extend(shapes());
    all.extend((0..4).map(|exponent| among_keys(10_usize.pow(exponent))));
    all
}

/// The same token again and again, through a guard that remembers it: by any algorithm the
/// same, but for the length.
fn remembered() -> [Scenario; 2] {
    [Algorithm::HS256, Algorithm::RS256].map(|algorithm| {
        let token = token(&signing_key(algorithm), &claims());
        let guard = guard().cache(VerifiedCache::new());
        let name = format!("{algorithm}/cache hit");
        sent(name, guard.layer(Nothing), 200, move || request(&token)).without(&["empty service"])
    })
}

/// Claims of other types and sizes, all with HS256.
fn shapes() -> Vec<Scenario> {
    let key = signing_key(Algorithm::HS256);
    let usual = token(&key, &claims());
    let mut all =
        vec![validated::<Value>("claims: Value", &key, &usual).without(&["HS256/bare check"])];
    for (name, claims) in [
        ("claims: one member of 11 KiB", one_large_member(11)),
        ("claims: 100 members", many_members(100)),
        ("claims: 200 members", many_members(200)),
        ("claims: 400 members", many_members(400)),
    ] {
        let token = token(&key, &claims);
        let bare = format!("{name}, bare check");
        all.push(bare_check(&bare, &key, &token));
        all.push(validated::<FourStrings>(name, &key, &token).without(&[&bare]));
    }
    all
}

/// The last of so many keys.
fn among_keys(count: usize) -> Scenario {
    let key = |number: usize| {
        let secret = [u8::try_from(number % 251).unwrap(); 32];
        let key = SigningKey::from_secret(Algorithm::HS256, secret).unwrap();
        key.with_key_id(format!("key-{number:04}"))
    };
    let keys = (1..count).fold(key(0).verification_keys(), |keys, number| {
        keys.union(&key(number).verification_keys())
    });
    let last = key(count - 1);
    let token = token(&last, &claims());
    validated_by::<FourStrings>(format!("keys: {count}"), keys, &token)
        .without(&["HS256/bare check"])
}

fn bare_check(name: &str, key: &SigningKey, token: &str) -> Scenario {
    let bare = BareKey::of(key);
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let signing_input = signing_input.to_owned();
    Scenario::new(
        name,
        || (),
        move |()| {
            assert!(bare.verify(black_box(signing_input.as_bytes()), &signature));
        },
    )
}

fn validated<C: DeserializeOwned>(
    name: impl Into<String>,
    key: &SigningKey,
    token: &str,
) -> Scenario {
    validated_by::<C>(name, key.verification_keys(), token)
}

fn validated_by<C: DeserializeOwned>(
    name: impl Into<String>,
    keys: KeySet,
    token: &str,
) -> Scenario {
    let (validator, token) = (validator(), token.to_owned());
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    Scenario::new(
        name,
        || (),
        move |()| {
            drop(
                validator
                    .validate::<C>(black_box(&*token), &keys, now)
                    .unwrap(),
            );
        },
    )
}

pub fn guarded(name: impl Into<String>, status: u16, token: String) -> Scenario {
    sent(name, guard().layer(Nothing), status, move || {
        request(&token)
    })
}

/// One that has a key of each algorithm.
fn guard() -> RequireJwt<FourStrings> {
    let keys = ALGORITHMS.map(|algorithm| signing_key(algorithm).verification_keys());
    let keys = keys
        .iter()
        .skip(1)
        .fold(keys[0].clone(), |all, keys| all.union(keys));
    RequireJwt::new(validator(), keys)
}

fn validator() -> Validator {
    Validator::new("https://id.example", "orders")
}

pub fn claims() -> Value {
    json!({
        "iss": "https://id.example", "sub": "248289761001", "aud": "orders",
        "exp": 4_000_000_000_u64, "iat": 1_700_000_000, "auth_time": 1_700_000_000,
        "jti": "7f1c9a52-6b1d-4f7e-9d53-0c1f6f1a2b3c", "client_id": "orders-web",
        "scope": "orders:read orders:write", "sid": "5f0c5f6e-0b0c-4f1e-8a52-2f8f4f0a9b1d",
        "email": "alice@example.com", "tenant": "t1", "name": "Alice Example",
    })
}

pub fn one_large_member(kib: usize) -> Value {
    let mut claims = claims();
    claims["large"] = "x".repeat(kib * 1024).into();
    claims
}

pub fn many_members(count: usize) -> Value {
    let mut claims = claims();
    for number in 0..count {
        claims[format!("member{number:03}")] = number.into();
    }
    claims
}

/// Arrays in arrays, so many deep.
pub fn nested(depth: usize) -> Value {
    let mut claims = claims();
    let arrays = (1..depth).fold(json!([]), |inner, _| json!([inner]));
    claims["nested"] = arrays;
    claims
}

pub fn signing_key(algorithm: Algorithm) -> SigningKey {
    let pem = |pem: &str| SigningKey::from_pem(algorithm, pem);
    let key = match algorithm {
        Algorithm::HS256 => SigningKey::from_secret(algorithm, SECRET),
        Algorithm::RS256 => pem(include_str!("../../../tests/keys_support/rsa.pem")),
        Algorithm::ES256 => pem(include_str!("../../../tests/keys_support/p256.pem")),
        _ => pem(include_str!("../../../tests/keys_support/ed25519.pem")),
    };
    key.unwrap().with_key_id("2026-01")
}

const SECRET: [u8; 32] = [7; 32];

pub fn token(key: &SigningKey, claims: &Value) -> String {
    Minter::new(key.clone())
        .mint(claims)
        .unwrap()
        .expose()
        .to_owned()
}

/// A request with a few headers, as a server hands it to its services.
fn request(token: &str) -> Request<()> {
    Request::get("/orders")
        .header("host", "api.example")
        .header("accept", "application/json")
        .header("user-agent", "bench")
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .unwrap()
}

/// A prepared key of the backend, and nothing of ours.
#[allow(clippy::large_enum_variant)] // there is one at a time
enum BareKey {
    Secret(hmac::Key),
    Public(ParsedPublicKey),
}

impl BareKey {
    fn of(key: &SigningKey) -> Self {
        let Some(jwk) = key.public_jwk() else {
            return Self::Secret(hmac::Key::new(hmac::HMAC_SHA256, &SECRET));
        };
        let jwk: Value = serde_json::from_str(&jwk).unwrap();
        let number = |name| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        Self::Public(match jwk["kty"].as_str().unwrap() {
            "RSA" => {
                let (n, e) = (number("n"), number("e"));
                let parsed = RsaPublicKeyComponents { n: &n, e: &e }
                    .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
                parsed.unwrap()
            }
            "EC" => {
                // SEC 1 §2.3.3: 4 stands for a point that is not compressed.
                let point = [vec![4], number("x"), number("y")].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).unwrap()
            }
            _ => ParsedPublicKey::new(&ED25519, number("x")).unwrap(),
        })
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}
