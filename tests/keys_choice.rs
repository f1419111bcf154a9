//! Which keys are tried on a token: DESIGN.md, "choice of key".
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod jwt_support;

use jwt_support::{claims, now, validator, verdict};
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm, KeySet,
    jwt::{Minter, SigningKey},
};

fn secret(number: u8) -> [u8; 32] {
    [number; 32]
}

/// HS256 keys: number and `kid`.
fn set(keys: &[(u8, Option<&str>)]) -> KeySet {
    let each = keys.iter().map(|(number, key_id)| {
        let keys = KeySet::from_secret(Algorithm::HS256, secret(*number)).unwrap();
        key_id.map_or(keys.clone(), |key_id| keys.with_key_id(key_id))
    });
    each.reduce(|all, one| all.union(&one)).unwrap()
}

/// A token signed by key `number`, which says `kid`.
fn token(number: u8, key_id: Option<&str>) -> String {
    let mut key = SigningKey::from_secret(Algorithm::HS256, secret(number)).unwrap();
    if let Some(key_id) = key_id {
        key = key.with_key_id(key_id);
    }
    let claims: Value = serde_json::from_str(&claims(json!({}))).unwrap();
    Minter::new(key).mint(&claims).unwrap().expose().to_owned()
}

#[test]
fn the_choice_of_key_keeps_these_rules() {
    type Keys<'a> = &'a [(u8, Option<&'a str>)];
    type Token<'a> = (u8, Option<&'a str>);
    let a = Some("a");
    let five_a: Keys<'_> = &[(1, a), (2, a), (3, a), (4, a), (5, a)];
    let five: Keys<'_> = &[(1, None), (2, None), (3, None), (4, None), (5, None)];
    let rows: &[(&str, Keys<'_>, Token<'_>, &str)] = &[
        (
            "the key of that kid",
            &[(1, a), (2, Some("b"))],
            (1, a),
            "accepted",
        ),
        (
            "not the key of another kid",
            &[(1, a), (2, Some("b"))],
            (2, a),
            "signature",
        ),
        ("two keys of one kid", &[(1, a), (2, a)], (2, a), "accepted"),
        ("the fourth of one kid", five_a, (4, a), "accepted"),
        ("not the fifth", five_a, (5, a), "signature"),
        ("an unknown kid", &[(1, a)], (1, Some("b")), "unknown key"),
        (
            "an unknown kid, and a key without",
            &[(1, a), (2, None)],
            (2, Some("b")),
            "accepted",
        ),
        (
            "a known kid is not given up for a key without",
            &[(1, a), (2, None)],
            (2, a),
            "signature",
        ),
        (
            "an unknown kid, and the fifth without",
            five,
            (5, Some("b")),
            "signature",
        ),
        (
            "an unknown kid, and the fourth without",
            five,
            (4, Some("b")),
            "accepted",
        ),
        ("no kid, and one key", &[(1, a)], (1, None), "accepted"),
        (
            "no kid, and two keys",
            &[(1, a), (2, Some("b"))],
            (1, None),
            "unknown key",
        ),
        (
            "no kid, and a key without",
            &[(1, a), (2, None)],
            (2, None),
            "accepted",
        ),
        (
            "no kid, and not the key with one",
            &[(1, a), (2, None)],
            (1, None),
            "signature",
        ),
        ("no kid, the fourth without", five, (4, None), "accepted"),
        (
            "no kid, not the fifth without",
            five,
            (5, None),
            "signature",
        ),
    ];
    for (rule, keys, (number, key_id), expected) in rows {
        let token = token(*number, *key_id);
        let result = validator().validate::<Value>(&token, &set(keys), now());
        assert_eq!(verdict(&result), *expected, "{rule}");
    }
}

#[test]
fn the_only_key_is_the_only_one_of_its_algorithm() {
    let other = SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .with_key_id("e");
    let keys = set(&[(1, Some("a"))]).union(&other.verification_keys());
    let result = validator().validate::<Value>(&token(1, None), &keys, now());
    assert_eq!(verdict(&result), "accepted");
    // The same kid on a key of another algorithm is no key for this token.
    let result = validator().validate::<Value>(&token(1, Some("e")), &keys, now());
    assert_eq!(verdict(&result), "unknown key");
}

#[test]
fn the_key_that_verified_is_named() {
    let keys = set(&[(1, Some("a")), (2, Some("b"))]);
    let verified = validator()
        .validate::<Value>(&token(2, Some("b")), &keys, now())
        .unwrap();
    assert_eq!(verified.key_id(), Some("b"));
    // The token's kid is what it says; the key's is what was verified.
    let keys = set(&[(1, None)]);
    let verified = validator()
        .validate::<Value>(&token(1, Some("x")), &keys, now())
        .unwrap();
    assert_eq!(verified.key_id(), None);
}

#[test]
fn a_large_set_finds_each_of_its_keys() {
    let names: Vec<String> = (0..100).map(|number| format!("key-{number}")).collect();
    let keys: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (at as u8, Some(&**name)))
        .collect();
    let set = set(&keys);
    assert_eq!(set.len(), 100);
    for (number, key_id) in keys {
        let result = validator().validate::<Value>(&token(number, key_id), &set, now());
        assert_eq!(verdict(&result), "accepted");
    }
}
