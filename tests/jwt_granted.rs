//! `Validator::validate_granted`: an ID token's claims, and the access token that came with it.
#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

mod jwt_support;

use jwt_support::{HEADER, claims, forge, forge_with, keys, now, validator, verdict};
use serde_json::{Value, json};
use tower_bearer::{AccessToken, ScopeSet, Verified, jwt::ValidationError};

fn granted(scope: Option<&str>) -> AccessToken {
    let access = AccessToken::new("an-opaque-access-token").unwrap();
    match scope {
        Some(scope) => access.with_scope(ScopeSet::parse(scope)),
        None => access,
    }
}

fn validate(id_token: &str, access: &AccessToken) -> Result<Verified<Value>, ValidationError> {
    validator().validate_granted(id_token, access, &keys(), now())
}

#[test]
fn what_is_exposed_is_the_access_token_and_the_claims_are_the_id_tokens() {
    let id_token = forge(HEADER, &claims(json!({ "nonce": "n-0S6" })));
    let verified = validate(&id_token, &granted(None)).unwrap();
    assert_eq!(verified.expose_token(), "an-opaque-access-token");
    assert!(verified.exposes_another_token());
    assert_eq!(verified.claims()["nonce"], "n-0S6");
    assert_eq!(verified.registered().subject(), Some("alice"));
    assert_eq!(verified.registered().issuer(), Some("https://id.example"));
    let audience: Vec<_> = verified.registered().audience().collect();
    assert_eq!(audience, ["orders"]);
}

#[test]
fn a_token_that_vouches_for_itself_is_not_another_one() {
    let token = forge(HEADER, &claims(json!({})));
    let alone = validator().validate::<Value>(&token, &keys(), now());
    assert!(!alone.unwrap().exposes_another_token());
    let twice = AccessToken::new(token.clone()).unwrap();
    assert!(!validate(&token, &twice).unwrap().exposes_another_token());
}

#[test]
fn scopes_are_those_of_the_access_token_if_it_knows_them() {
    let rows = [
        (Some("a b"), "a b"),
        (Some(""), ""),
        // It knows none, so what the token says holds.
        (None, "of:the:claims"),
    ];
    let id_token = forge(HEADER, &claims(json!({ "scope": "of:the:claims" })));
    for (scope, expected) in rows {
        let verified = validate(&id_token, &granted(scope)).unwrap();
        assert_eq!(verified.scopes().as_str(), expected, "{scope:?}");
    }
}

#[test]
fn each_rule_holds_as_it_does_without_an_access_token() {
    let good = forge(HEADER, &claims(json!({})));
    let rows = [
        ("good", good, "accepted"),
        (
            "another signature",
            forge_with(
                HEADER,
                &claims(json!({})),
                b"another secret of thirty-two ....",
            ),
            "signature",
        ),
        (
            "another audience",
            forge(HEADER, &claims(json!({ "aud": "billing" }))),
            "audience",
        ),
        (
            "expired",
            forge(HEADER, &claims(json!({ "exp": 1 }))),
            "expired",
        ),
        ("no token", "an-opaque-access-token".to_owned(), "malformed"),
    ];
    for (row, token, expected) in rows {
        let result = validate(&token, &granted(None));
        assert_eq!(verdict(&result), expected, "{row}");
    }
}
