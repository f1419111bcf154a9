//! Whatever a peer sends: no panic, and no wrong acceptance.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod jwt_support;

use jwt_support::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm, KeySet,
    jwt::{Minter, SigningKey},
};

/// A key of each algorithm, and a token of it.
fn tokens() -> Vec<(KeySet, String)> {
    let claims: Value = serde_json::from_str(&claims(json!({}))).unwrap();
    let token = |algorithm: &Algorithm| {
        let key = SigningKey::generate(*algorithm).unwrap();
        let token = Minter::new(key.clone()).mint(&claims).unwrap();
        (key.verification_keys(), token.expose().to_owned())
    };
    Algorithm::ALL.iter().map(token).collect()
}

#[test]
fn any_change_of_one_character_is_refused() {
    for (keys, token) in tokens() {
        let check = |token: &str| verdict(&validator().validate::<Value>(token, &keys, now()));
        assert_eq!(check(&token), "accepted");
        for place in 0..token.len() {
            for other in ["A", "Q", "_", "-", "=", ".", "\0", "ä"] {
                if token[place..].starts_with(other) {
                    continue;
                }
                let changed = format!("{}{other}{}", &token[..place], &token[place + 1..]);
                assert_ne!(check(&changed), "accepted", "{place}: {other}");
            }
            let without = format!("{}{}", &token[..place], &token[place + 1..]);
            assert_ne!(check(&without), "accepted", "without {place}");
        }
    }
}

#[test]
fn no_algorithm_verifies_with_the_key_of_another() {
    let tokens = tokens();
    let all = tokens.iter().fold(
        KeySet::from_jwks(r#"{"keys":[]}"#).ok(),
        |all, (keys, _)| Some(all.map_or_else(|| keys.clone(), |all| all.union(keys))),
    );
    for (place, (_, token)) in tokens.iter().enumerate() {
        for (other, (keys, _)) in tokens.iter().enumerate() {
            let result = validator().validate::<Value>(token, keys, now());
            let expected = if place == other {
                "accepted"
            } else {
                "unknown key"
            };
            assert_eq!(verdict(&result), expected);
        }
        let result = validator().validate::<Value>(token, all.as_ref().unwrap(), now());
        assert_eq!(verdict(&result), "accepted");
    }
}

#[test]
fn a_public_key_is_not_a_shared_secret() {
    // The attacker signs with what everyone knows, in each form he could guess.
    let pem = include_str!("keys_support/rsa_public.pem");
    let keys = KeySet::from_pem(Algorithm::RS256, pem).unwrap();
    for secret in [pem, pem.trim_end(), &pem.replace('\n', "\r\n")] {
        let token = forge_with(HEADER, &claims(json!({})), secret.as_bytes());
        let result = validator().validate::<Value>(&token, &keys, now());
        assert_eq!(verdict(&result), "unknown key");
    }
    // And nobody makes that mistake on the other side.
    let error = KeySet::from_secret(Algorithm::HS256, pem).unwrap_err();
    assert!(error.to_string().contains("from_pem"), "{error}");
}

#[test]
fn an_ecdsa_signature_in_der_is_not_one_in_jws() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let token = Minter::new(key.clone()).mint(&json!({})).unwrap();
    let (input, _) = token.expose().rsplit_once('.').unwrap();
    for signature in [
        &[0; 64][..],
        &[0xff; 64],
        &[0x30, 6, 2, 1, 1, 2, 1, 1],
        &[0; 63],
        &[0; 65],
        &[],
    ] {
        let forged = format!("{input}.{}", encode(signature));
        let result = validator().validate::<Value>(&forged, &key.verification_keys(), now());
        assert_eq!(verdict(&result), "signature");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_string_is_accepted_or_panics(token in any::<String>()) {
        prop_assert_ne!(verdict(&validate(&token)), "accepted");
    }

    #[test]
    fn no_header_panics(header in any::<String>()) {
        let _ = verdict(&validate(&forge(&header, &claims(json!({})))));
    }

    #[test]
    fn no_signed_text_panics(text in any::<String>()) {
        prop_assert_ne!(verdict(&validate(&forge(HEADER, &text))), "accepted");
    }

    #[test]
    fn no_signed_bytes_panic(bytes in any::<Vec<u8>>()) {
        let token = sign(&format!("{}.{}", encode(HEADER), encode(bytes)), SECRET);
        prop_assert_ne!(verdict(&validate(&token)), "accepted");
    }

    #[test]
    fn no_value_of_a_claim_panics(name in "iss|sub|aud|exp|nbf|iat|jti|client_id|scope|scp|cnf|x", value in json_text()) {
        let changes = json!({ name.clone(): null });
        let without = claims(changes);
        let claims = format!("{},\"{name}\":{value}}}", without.strip_suffix('}').unwrap());
        let _ = verdict(&validate(&forge(HEADER, &claims)));
    }

    #[test]
    fn no_key_panics(bytes in any::<Vec<u8>>(), text in any::<String>()) {
        for algorithm in Algorithm::ALL {
            let _ = KeySet::from_der(*algorithm, &bytes);
            let _ = KeySet::from_pem(*algorithm, &bytes);
            let _ = KeySet::from_pem(*algorithm, format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----"));
            let _ = KeySet::from_secret_base64url(*algorithm, &text);
            let _ = SigningKey::from_der(*algorithm, &bytes);
            let _ = SigningKey::from_pem(*algorithm, &bytes);
        }
        let _ = KeySet::from_jwk(&bytes);
        let _ = SigningKey::from_jwk(&bytes);
        let _ = KeySet::from_jwks(&text);
    }
}

/// JSON of some depth, and numbers of any size.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|it| it.to_string()),
        any::<f64>()
            .prop_filter("finite", |it| it.is_finite())
            .prop_map(|it| it.to_string()),
        "-?[1-9][0-9]{0,40}([.][0-9]{1,5})?([eE][+-]?[0-9]{1,5})?",
        any::<String>().prop_map(|it| json!(it).to_string()),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|it| format!("[{}]", it.join(","))),
            prop::collection::vec(("[a-c]{1,2}", inner), 0..4).prop_map(|it| {
                let members: Vec<_> = it.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}
