//! One issuer for each tenant: patterns, functions, and keys that say whose they are.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod jwt_support;

use jwt_support::{NOW, now};
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm, Expected, KeySet, Validator,
    jwt::{Minter, SigningKey, ValidationErrorKind},
};

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::EdDSA)
        .unwrap()
        .with_key_id("a")
}

fn token(key: &SigningKey, claims: Value) -> String {
    let mut all = json!({ "aud": "orders", "exp": NOW + 60 });
    all.as_object_mut()
        .unwrap()
        .extend(claims.as_object().unwrap().clone());
    Minter::new(key.clone())
        .mint(&all)
        .unwrap()
        .expose()
        .to_owned()
}

fn verdict(validator: &Validator, token: &str, keys: &KeySet) -> Result<(), String> {
    let verdict = validator.validate::<Value>(token, keys, now());
    verdict.map(drop).map_err(|error| error.to_string())
}

#[test]
fn the_tenant_in_the_issuer_is_the_one_in_the_claim() {
    let key = key();
    let tenants = Expected::pattern("https://login.example.com/{tid}/v2.0").unwrap();
    let validator = Validator::new(tenants, "orders");
    let rows = [
        (
            "both",
            json!({"iss": "https://login.example.com/t1/v2.0", "tid": "t1"}),
            "ok",
        ),
        (
            "another tenant in the claim",
            json!({"iss": "https://login.example.com/t1/v2.0", "tid": "t2"}),
            "the token's claim `tid` is `t2`, this API expects `t1`",
        ),
        (
            "no claim",
            json!({"iss": "https://login.example.com/t1/v2.0"}),
            "no claim `tid`",
        ),
        (
            "a claim that is no string",
            json!({"iss": "https://login.example.com/1/v2.0", "tid": 1}),
            "`tid` is not a string",
        ),
        (
            "another issuer",
            json!({"iss": "https://login.evil.com/t1/v2.0", "tid": "t1"}),
            "this API expects `https://login.example.com/{tid}/v2.0`",
        ),
        ("no issuer", json!({"tid": "t1"}), "no claim `iss`"),
    ];
    for (row, claims, expected) in rows {
        let verdict = verdict(&validator, &token(&key, claims), &key.verification_keys());
        let said = verdict.err().unwrap_or_else(|| "ok".to_owned());
        assert!(said.contains(expected), "{row}: {said}");
    }
}

#[test]
fn a_function_may_decide_and_any_claim_may_have_a_pattern() {
    let key = key();
    let listed = Expected::matching(|issuer| issuer.ends_with("/t1"));
    let in_claim = Expected::in_claim("azp", Expected::pattern("client/*").unwrap());
    let validator = Validator::new(listed, in_claim);
    let claims = |issuer: &str, client: &str| json!({ "iss": issuer, "azp": client });
    let rows = [
        ("both", claims("https://id.example/t1", "client/a"), true),
        (
            "the function refuses",
            claims("https://id.example/t2", "client/a"),
            false,
        ),
        (
            "the pattern refuses",
            claims("https://id.example/t1", "client/a/b"),
            false,
        ),
    ];
    for (row, claims, expected) in rows {
        let verdict = verdict(&validator, &token(&key, claims), &key.verification_keys());
        assert_eq!(verdict.is_ok(), expected, "{row}: {verdict:?}");
    }
}

/// The key's own set, in which it says whose tokens it signs.
fn set_of(key: &SigningKey, issuer: Value) -> KeySet {
    let mut jwk: Value = serde_json::from_str(&key.public_jwk().unwrap()).unwrap();
    jwk["issuer"] = issuer;
    KeySet::from_jwks(json!({ "keys": [jwk] }).to_string()).unwrap()
}

#[test]
fn a_key_that_says_whose_tokens_it_signs_signs_no_others() {
    let key = key();
    let any = Validator::new(Expected::unchecked(), "orders");
    let tenant = "https://login.example.com/t1/v2.0";
    let rows = [
        ("its own issuer", json!(tenant), Some(tenant), true),
        (
            "any tenant",
            json!("https://login.example.com/{tenantid}/v2.0"),
            Some(tenant),
            true,
        ),
        (
            "another tenant",
            json!("https://login.example.com/t2/v2.0"),
            Some(tenant),
            false,
        ),
        (
            "another version",
            json!("https://login.example.com/{tenantid}/"),
            Some(tenant),
            false,
        ),
        ("no issuer in the token", json!(tenant), None, false),
    ];
    for (row, of_key, of_token, expected) in rows {
        let token = token(&key, json!({ "iss": of_token }));
        let keys = set_of(&key, of_key);
        let kept = keys.with_backend(jwt_support::BACKENDS[0]).unwrap();
        for keys in [keys, kept] {
            let verdict = any.validate::<Value>(&token, &keys, now());
            assert_eq!(verdict.is_ok(), expected, "{row}: {verdict:?}");
        }
    }
    let keys = set_of(&key, json!("https://other.example"));
    let refused = any.validate::<Value>(&token(&key, json!({ "iss": tenant })), &keys, now());
    let error = refused.unwrap_err();
    assert!(
        matches!(error.kind(), ValidationErrorKind::Issuer { .. }),
        "{error}"
    );
}
