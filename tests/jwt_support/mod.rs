//! Tokens written by hand: whatever a peer could send.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may
#![allow(dead_code)] // each test file uses its part

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use tower_bearer::{
    Algorithm, KeySet, Validator, Verified,
    jwt::{ValidationError, ValidationErrorKind},
    keys::Backend,
};

/// Those that are on.
pub(crate) const BACKENDS: &[Backend] = &[
    #[cfg(feature = "aws-lc-rs")]
    Backend::AWS_LC,
    #[cfg(feature = "rust-crypto")]
    Backend::RUST_CRYPTO,
];

pub(crate) const SECRET: &[u8; 32] = b"a secret of thirty-two bytes ...";
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

pub(crate) fn keys() -> KeySet {
    KeySet::from_secret(Algorithm::HS256, SECRET).unwrap()
}

pub(crate) fn validator() -> Validator {
    Validator::new("https://id.example", "orders")
}

/// A header that is accepted.
pub(crate) const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Claims that are accepted, with these added or replaced; `null` takes one out.
pub(crate) fn claims(changes: Value) -> String {
    let mut claims = serde_json::json!({
        "iss": "https://id.example", "aud": "orders", "sub": "alice",
        "exp": NOW + 300, "iat": NOW - 300,
    });
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims.to_string()
}

/// Claims that are accepted, followed by members as text.
pub(crate) fn claims_and(members: &str) -> String {
    let claims = claims(serde_json::json!({}));
    format!("{},{members}}}", claims.strip_suffix('}').unwrap())
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Signed with HS256, whatever the header says, by the library that is our oracle.
pub(crate) fn forge(header: &str, claims: &str) -> String {
    forge_with(header, claims, SECRET)
}

pub(crate) fn forge_with(header: &str, claims: &str, secret: &[u8]) -> String {
    sign(&format!("{}.{}", encode(header), encode(claims)), secret)
}

pub(crate) fn sign(signing_input: &str, secret: &[u8]) -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(secret);
    let algorithm = jsonwebtoken::Algorithm::HS256;
    let signature = jsonwebtoken::crypto::sign(signing_input.as_bytes(), &key, algorithm).unwrap();
    format!("{signing_input}.{signature}")
}

pub(crate) fn validate(token: &str) -> Result<Verified<Value>, ValidationError> {
    validator().validate(token, &keys(), now())
}

/// The name of the rule that the token broke, or `accepted`.
pub(crate) fn verdict<C>(result: &Result<Verified<C>, ValidationError>) -> &'static str {
    let Err(error) = result else {
        return "accepted";
    };
    // No text of an error may hold a control character or much of what was sent.
    let shown = error.to_string();
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    assert!(shown.len() < 2000, "{shown:?}");
    match error.kind() {
        ValidationErrorKind::TooLarge { .. } => "too large",
        ValidationErrorKind::Malformed(_) => "malformed",
        ValidationErrorKind::DuplicateMember(_) => "duplicate member",
        ValidationErrorKind::UnknownAlgorithm(_)
        | ValidationErrorKind::AlgorithmNotAllowed { .. } => "algorithm",
        ValidationErrorKind::UnknownKey { .. } => "unknown key",
        ValidationErrorKind::Signature => "signature",
        ValidationErrorKind::Expired { .. } => "expired",
        ValidationErrorKind::NotYetValid { .. } => "not yet valid",
        ValidationErrorKind::IssuedInTheFuture { .. } => "issued in the future",
        ValidationErrorKind::Issuer { .. } => "issuer",
        ValidationErrorKind::Audience { .. } => "audience",
        ValidationErrorKind::TokenType { .. } => "token type",
        ValidationErrorKind::CriticalHeader => "critical header",
        ValidationErrorKind::MissingClaim(_) => "missing claim",
        ValidationErrorKind::ClaimValue { .. } => "claim value",
        ValidationErrorKind::ClaimType { .. } => "claim type",
        ValidationErrorKind::Confirmation => "confirmation",
        ValidationErrorKind::Predicate(_) => "predicate",
        ValidationErrorKind::ClaimsType(_) => "claims type",
        other => panic!("a kind without a name: {other:?}"),
    }
}

/// One row of a table: the rule, what breaks or keeps it, and the verdict.
pub(crate) type Row<T> = (&'static str, T, &'static str);
