//! Making tokens: what is added, and what is left as it is given.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

mod jwt_support;

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_support::NOW;
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm, Expected, Validator,
    jwt::{Minter, SigningKey},
    secret::Secret,
};

fn key() -> SigningKey {
    SigningKey::from_secret(Algorithm::HS256, [7; 32]).unwrap()
}

fn minter() -> Minter {
    Minter::new(key())
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn part(token: &Secret, index: usize) -> Value {
    let part = token.expose().split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn the_times_of_a_token_are_counted_from_now() {
    let hour = Duration::from_secs(3600);
    let rows = [
        (
            "five minutes",
            minter(),
            json!({}),
            json!({"iat": NOW, "exp": NOW + 300}),
        ),
        (
            "another lifetime",
            minter().lifetime(hour),
            json!({"sub": "alice"}),
            json!({"sub": "alice", "iat": NOW, "exp": NOW + 3600}),
        ),
        (
            "with a beginning",
            minter().not_before_now(),
            json!({}),
            json!({"iat": NOW, "nbf": NOW, "exp": NOW + 300}),
        ),
        (
            "whole seconds",
            minter().lifetime(Duration::from_millis(1_999)),
            json!({}),
            json!({"iat": NOW, "exp": NOW + 1}),
        ),
        (
            "none at all",
            minter().lifetime(Duration::ZERO),
            json!({}),
            json!({"iat": NOW, "exp": NOW}),
        ),
        (
            "for ever ends with the year 9999",
            minter().lifetime(Duration::MAX),
            json!({}),
            json!({"iat": NOW, "exp": 253_402_300_799_u64}),
        ),
        (
            "what is given stays",
            minter().not_before_now().unique_token_ids(),
            json!({"exp": 7.5, "iat": "x", "nbf": [], "jti": "mine"}),
            json!({"exp": 7.5, "iat": "x", "nbf": [], "jti": "mine"}),
        ),
        (
            "null leaves it out",
            minter(),
            json!({"exp": null, "iat": null, "sub": null, "deep": {"a": null}}),
            json!({"deep": {"a": null}}),
        ),
    ];
    for (rule, minter, claims, expected) in rows {
        let token = minter.mint_at(&claims, at(NOW)).unwrap();
        assert_eq!(part(&token, 1), expected, "{rule}");
    }
    let early = SystemTime::UNIX_EPOCH - Duration::from_secs(9);
    let token = minter().mint_at(&json!({}), early).unwrap();
    assert_eq!(part(&token, 1), json!({"iat": 0, "exp": 300}));
}

#[test]
fn each_token_has_an_id_of_its_own_where_that_is_asked_for() {
    let minter = minter().unique_token_ids();
    let ids: HashSet<String> = (0..100)
        .map(|_| {
            let token = minter.mint_at(&json!({}), at(NOW)).unwrap();
            part(&token, 1)["jti"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 100);
    assert!(ids.iter().all(|id| id.len() == 22), "128 bits in base64url");
}

#[test]
fn without_a_time_nothing_is_added() {
    let minter = minter().not_before_now().unique_token_ids();
    for claims in [json!({}), json!({"sub": "alice", "exp": null})] {
        assert_eq!(part(&minter.mint(&claims).unwrap(), 1), claims);
    }
}

#[test]
fn the_header_names_algorithm_key_and_type() {
    let key = || key().with_key_id("2026-01");
    let rows = [
        (minter(), json!({"alg": "HS256", "typ": "JWT"})),
        (
            Minter::new(key()).token_type("at+jwt"),
            json!({"alg": "HS256", "kid": "2026-01", "typ": "at+jwt"}),
        ),
    ];
    for (minter, expected) in rows {
        let token = minter.mint_at(&json!({}), at(NOW)).unwrap();
        assert_eq!(part(&token, 0), expected);
    }
}

#[test]
fn what_is_no_object_is_no_claims() {
    for claims in [json!([1]), json!("text"), json!(null), json!(7)] {
        for error in [
            minter().mint(&claims).unwrap_err(),
            minter().mint_at(&claims, at(NOW)).unwrap_err(),
        ] {
            assert!(error.to_string().contains("not a JSON object"), "{error}");
        }
    }
    // A member's name has to be text.
    let odd = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = minter().mint_at(&odd, at(NOW)).unwrap_err();
    assert!(error.to_string().contains("can't be written"), "{error}");
    let source = std::error::Error::source(&error).unwrap();
    let shown = format!("{error:?}");
    assert!(shown.contains("can't be written"), "{shown}");
    assert!(shown.contains(&source.to_string()), "{shown}");
}

#[test]
fn tokens_of_every_algorithm_are_good_until_their_end() {
    let validator = Validator::new("https://id.example", "orders").leeway(Duration::ZERO);
    let claims = json!({"iss": "https://id.example", "aud": "orders"});
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(*algorithm).unwrap();
        let keys = key.verification_keys();
        let minter = Minter::new(key).not_before_now().unique_token_ids();
        let token = minter.mint_at(&claims, at(NOW)).unwrap();
        for (seconds, expected) in [
            (NOW - 1, false),
            (NOW, true),
            (NOW + 299, true),
            (NOW + 300, false),
        ] {
            let verdict = validator.validate::<Value>(token.expose(), &keys, at(seconds));
            assert_eq!(
                verdict.is_ok(),
                expected,
                "{algorithm} at {seconds}: {verdict:?}"
            );
        }
    }
    let site = Validator::new(Expected::unchecked(), Expected::unchecked())
        .exact_claim("token_type", ["access"]);
    let token = minter()
        .not_before_now()
        .mint_at(&json!({"token_type": "access", "sub": "lpua"}), at(NOW))
        .unwrap();
    let keys = key().verification_keys();
    assert!(
        site.validate::<Value>(token.expose(), &keys, at(NOW))
            .is_ok()
    );
}
