//! Keys, claims and tokens.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm, KeySet, Validator,
    jwt::{Minter, SigningKey},
};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "orders";
pub(crate) const KEY_ID: &str = "2026-01";
pub(crate) const SECRET: [u8; 32] = [7; 32];

/// One of each kind of key; the other hashes and paddings cost much the same.
pub(crate) const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::HS256,
    Algorithm::RS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

#[derive(Clone, Deserialize)]
#[allow(dead_code)] // read for what it costs
pub(crate) struct FourStrings {
    iss: String,
    sub: String,
    email: String,
    tenant: String,
}

pub(crate) fn validator() -> Validator {
    Validator::new(ISSUER, AUDIENCE)
}

pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "248289761001", "aud": AUDIENCE,
        "exp": 4_000_000_000_u64, "iat": 1_700_000_000, "auth_time": 1_700_000_000,
        "jti": "7f1c9a52-6b1d-4f7e-9d53-0c1f6f1a2b3c", "client_id": "orders-web",
        "scope": "orders:read orders:write", "sid": "5f0c5f6e-0b0c-4f1e-8a52-2f8f4f0a9b1d",
        "email": "alice@example.com", "tenant": "t1", "name": "Alice Example",
    })
}

pub(crate) fn claims_with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

pub(crate) fn one_large_member(bytes: usize) -> Value {
    claims_with("large", "x".repeat(bytes))
}

pub(crate) fn many_members(count: usize) -> Value {
    let mut claims = claims();
    for number in 0..count {
        claims[format!("member{number:03}")] = number.into();
    }
    claims
}

/// Arrays in arrays, so many deep.
pub(crate) fn nested(depth: usize) -> Value {
    let arrays = (1..depth).fold(json!([]), |inner, _| json!([inner]));
    claims_with("nested", arrays)
}

pub(crate) fn signing_key(algorithm: Algorithm) -> SigningKey {
    let pem = |pem: &str| SigningKey::from_pem(algorithm, pem);
    let key = match algorithm {
        Algorithm::HS256 => SigningKey::from_secret(algorithm, SECRET),
        Algorithm::RS256 => pem(include_str!("../../tests/keys_support/rsa.pem")),
        Algorithm::ES256 => pem(include_str!("../../tests/keys_support/p256.pem")),
        _ => pem(include_str!("../../tests/keys_support/ed25519.pem")),
    };
    key.unwrap().with_key_id(KEY_ID)
}

/// So many keys, and the last of them.
pub(crate) fn many_keys(count: u16) -> (KeySet, SigningKey) {
    let key = |number: u16| {
        let secret = [number.to_be_bytes(); 16].concat();
        let key = SigningKey::from_secret(Algorithm::HS256, secret).unwrap();
        key.with_key_id(format!("key-{number:04}"))
    };
    let first = key(0).verification_keys();
    let keys = (1..count).fold(first, |keys, number| {
        keys.union(&key(number).verification_keys())
    });
    (keys, key(count - 1))
}

pub(crate) fn mint(key: &SigningKey, claims: &Value) -> String {
    let token = Minter::new(key.clone()).mint(claims);
    token.unwrap().expose().to_owned()
}

/// A token that nobody has signed.
pub(crate) fn forged(header: &str, claims: &str) -> String {
    let [header, claims] = [header, claims].map(|text| URL_SAFE_NO_PAD.encode(text));
    format!("{header}.{claims}.{}", "A".repeat(43))
}

/// With another signature of the same length.
pub(crate) fn unsigned(token: &str) -> String {
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    format!("{signing_input}.{}", "A".repeat(signature.len()))
}
