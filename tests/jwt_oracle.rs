//! `jsonwebtoken` as an independent oracle: its tokens to us, ours to it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod jwt_support;

use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, jwk::Jwk};
use jwt_support::{NOW, now, validator, verdict};
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm, KeySet,
    jwt::{Minter, SigningKey},
};

const PKCS8: [(Algorithm, jsonwebtoken::Algorithm, &str); 3] = [
    (
        Algorithm::RS256,
        jsonwebtoken::Algorithm::RS256,
        include_str!("keys_support/rsa.pem"),
    ),
    (
        Algorithm::ES256,
        jsonwebtoken::Algorithm::ES256,
        include_str!("keys_support/p256.pem"),
    ),
    (
        Algorithm::EdDSA,
        jsonwebtoken::Algorithm::EdDSA,
        include_str!("keys_support/ed25519.pem"),
    ),
];

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "orders", "sub": "alice", "exp": NOW + 300})
}

fn encoding_key(algorithm: Algorithm, pem: &str) -> EncodingKey {
    match algorithm {
        Algorithm::RS256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
        Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
        _ => panic!("not a key pair"),
    }
    .unwrap()
}

#[test]
fn its_tokens_are_accepted_by_us() {
    for (ours, its, pem) in PKCS8 {
        let signing = SigningKey::from_pem(ours, pem).unwrap();
        let token =
            jsonwebtoken::encode(&Header::new(its), &claims(), &encoding_key(ours, pem)).unwrap();
        let result = validator().validate::<Value>(&token, &signing.public_key_set(), now());
        assert_eq!(verdict(&result), "accepted", "{ours}");
        assert_eq!(*result.unwrap().claims(), claims());

        let other = SigningKey::generate(ours).unwrap().public_key_set();
        let result = validator().validate::<Value>(&token, &other, now());
        assert_eq!(verdict(&result), "signature", "{ours}");
    }
}

#[test]
fn our_tokens_are_accepted_by_it() {
    let mut validation = Validation::default();
    validation.set_audience(&["orders"]);
    validation.validate_exp = false; // it knows no other time than the real one
    for (ours, its, pem) in PKCS8 {
        let signing = SigningKey::from_pem(ours, pem).unwrap().with_key_id("one");
        let token = Minter::new(signing.clone()).mint(&claims()).unwrap();
        let jwk: Jwk = serde_json::from_str(&signing.public_jwk().unwrap()).unwrap();
        validation.algorithms = vec![its];
        let decoded = jsonwebtoken::decode::<Value>(
            token.expose(),
            &DecodingKey::from_jwk(&jwk).unwrap(),
            &validation,
        )
        .unwrap();
        assert_eq!(decoded.claims, claims(), "{ours}");
        assert_eq!(decoded.header.kid.as_deref(), Some("one"));
        assert_eq!(decoded.header.typ.as_deref(), Some("JWT"));
    }
}

#[test]
fn its_keys_are_accepted_as_input() {
    for (ours, its, pem) in PKCS8 {
        let signing = SigningKey::from_pem(ours, pem).unwrap();
        let token = Minter::new(signing).mint(&claims()).unwrap();
        let jwk = Jwk::from_encoding_key(&encoding_key(ours, pem), its).unwrap();
        let set = jsonwebtoken::jwk::JwkSet {
            keys: vec![jwk.clone()],
        };
        for keys in [
            KeySet::try_from(&jwk).unwrap(),
            KeySet::try_from(&set).unwrap(),
        ] {
            let result = validator().validate::<Value>(token.expose(), &keys, now());
            assert_eq!(verdict(&result), "accepted", "{ours}");
        }
    }
}

#[test]
fn a_shared_secret_goes_both_ways() {
    let secret = [9; 32];
    let signing = SigningKey::from_secret(Algorithm::HS256, secret).unwrap();
    let token = Minter::new(signing.clone()).mint(&claims()).unwrap();
    let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_audience(&["orders"]);
    validation.validate_exp = false;
    let key = DecodingKey::from_secret(&secret);
    assert!(jsonwebtoken::decode::<Value>(token.expose(), &key, &validation).is_ok());

    let token = jsonwebtoken::encode(
        &Header::default(),
        &claims(),
        &EncodingKey::from_secret(&secret),
    )
    .unwrap();
    let result = validator().validate::<Value>(&token, &signing.public_key_set(), now());
    assert_eq!(verdict(&result), "accepted");
    assert_eq!(signing.public_jwk(), None, "a secret has no public part");
}
