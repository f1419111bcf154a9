//! `jsonwebtoken` as an independent oracle: its tokens to us, ours to it, on each backend.
//! It has no ES512: there the vectors of RFC 7515 A.4 and RFC 7520 §4.3 stand alone.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod jwt_support;

use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, jwk::Jwk};
use jwt_support::{BACKENDS, NOW, now, validator, verdict};
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm, KeySet,
    jwt::{Minter, SigningKey},
};

const SECRET: [u8; 64] = [9; 64];

/// Ours, its, and keys in PEM: private and public.
fn pairs() -> impl Iterator<
    Item = (
        Algorithm,
        jsonwebtoken::Algorithm,
        &'static [u8],
        &'static [u8],
    ),
> {
    let known = |algorithm: &Algorithm| Some((*algorithm, algorithm.name().parse().ok()?));
    Algorithm::ALL.iter().filter_map(known).map(|(ours, its)| {
        let (private, public): (&[u8], &[u8]) = match ours.name() {
            name if name.starts_with("HS") => (&SECRET, &SECRET),
            "ES256" => (
                include_bytes!("keys_support/p256.pem"),
                include_bytes!("keys_support/p256_public.pem"),
            ),
            "ES384" => (
                include_bytes!("keys_support/p384.pem"),
                include_bytes!("keys_support/p384_public.pem"),
            ),
            "EdDSA" => (
                include_bytes!("keys_support/ed25519.pem"),
                include_bytes!("keys_support/ed25519_public.pem"),
            ),
            _ => (
                include_bytes!("keys_support/rsa.pem"),
                include_bytes!("keys_support/rsa_public.pem"),
            ),
        };
        (ours, its, private, public)
    })
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "orders", "sub": "alice", "exp": NOW + 300})
}

fn signing_key(algorithm: Algorithm, private: &[u8]) -> SigningKey {
    match algorithm.name().starts_with("HS") {
        true => SigningKey::from_secret(algorithm, private),
        false => SigningKey::from_pem(algorithm, private),
    }
    .unwrap()
}

fn encoding_key(algorithm: Algorithm, private: &[u8]) -> EncodingKey {
    match &algorithm.name()[..2] {
        "HS" => Ok(EncodingKey::from_secret(private)),
        "ES" => EncodingKey::from_ec_pem(private),
        "Ed" => EncodingKey::from_ed_pem(private),
        _ => EncodingKey::from_rsa_pem(private),
    }
    .unwrap()
}

fn decoding_key(algorithm: Algorithm, public: &[u8]) -> DecodingKey {
    match &algorithm.name()[..2] {
        "HS" => Ok(DecodingKey::from_secret(public)),
        "ES" => DecodingKey::from_ec_pem(public),
        "Ed" => DecodingKey::from_ed_pem(public),
        _ => DecodingKey::from_rsa_pem(public),
    }
    .unwrap()
}

#[test]
fn it_knows_each_of_our_algorithms_but_one() {
    assert_eq!(pairs().count(), Algorithm::ALL.len() - 1);
}

#[test]
fn its_tokens_are_accepted_by_us() {
    for backend in BACKENDS {
        for (ours, its, private, _) in pairs() {
            let keys = signing_key(ours, private).verification_keys();
            let keys = keys.with_backend(*backend).unwrap();
            let key = encoding_key(ours, private);
            let token = jsonwebtoken::encode(&Header::new(its), &claims(), &key).unwrap();
            let result = validator().validate::<Value>(&token, &keys, now());
            assert_eq!(verdict(&result), "accepted", "{ours} {backend:?}");
            assert_eq!(*result.unwrap().claims(), claims());

            let other = SigningKey::generate(ours).unwrap().verification_keys();
            let result = validator().validate::<Value>(&token, &other, now());
            assert_eq!(verdict(&result), "signature", "{ours} {backend:?}");
        }
    }
}

#[test]
fn our_tokens_are_accepted_by_it() {
    let mut validation = Validation::default();
    validation.set_audience(&["orders"]);
    validation.validate_exp = false; // it knows no other time than the real one
    for backend in BACKENDS {
        for (ours, its, private, public) in pairs() {
            let signing = signing_key(ours, private).with_key_id("one");
            let signing = signing.with_backend(*backend).unwrap();
            let token = Minter::new(signing.clone()).mint(&claims()).unwrap();
            let jwk = signing.public_jwk();
            let key = match &jwk {
                Some(jwk) => {
                    DecodingKey::from_jwk(&serde_json::from_str::<Jwk>(jwk).unwrap()).unwrap()
                }
                None => decoding_key(ours, public),
            };
            assert_eq!(
                jwk.is_none(),
                ours.name().starts_with("HS"),
                "secrets have none"
            );
            validation.algorithms = vec![its];
            let decoded = jsonwebtoken::decode::<Value>(token.expose(), &key, &validation).unwrap();
            assert_eq!(decoded.claims, claims(), "{ours} {backend:?}");
            assert_eq!(decoded.header.kid.as_deref(), Some("one"));
            assert_eq!(decoded.header.typ.as_deref(), Some("JWT"));
        }
    }
}

#[test]
fn its_keys_are_accepted_as_input() {
    for (ours, its, private, public) in pairs() {
        let encoding = encoding_key(ours, private);
        let signing = SigningKey::from_encoding_key(ours, &encoding).unwrap();
        let token = Minter::new(signing).mint(&claims()).unwrap();
        let jwk = Jwk::from_encoding_key(&encoding, its).unwrap();
        let set = jsonwebtoken::jwk::JwkSet {
            keys: vec![jwk.clone()],
        };
        for keys in [
            KeySet::try_from(&jwk),
            KeySet::try_from(&set),
            KeySet::from_decoding_key(ours, &decoding_key(ours, public)),
            KeySet::from_decoding_key(ours, &DecodingKey::from_jwk(&jwk).unwrap()),
        ] {
            let result = validator().validate::<Value>(token.expose(), &keys.unwrap(), now());
            assert_eq!(verdict(&result), "accepted", "{ours}");
        }
    }
}

/// That crate looks at a key only when it is used; here it is judged at once.
#[test]
fn its_keys_are_judged_anew() {
    use Algorithm::{ES256, EdDSA, HS256, RS256};
    let refused = |algorithm, key: &DecodingKey| {
        let error = KeySet::from_decoding_key(algorithm, key).unwrap_err();
        error.to_string()
    };
    let secret = DecodingKey::from_secret(b"short");
    assert!(refused(HS256, &secret).contains("5 bytes"));
    assert!(refused(ES256, &secret).contains("a shared secret"));
    let nonsense = DecodingKey::from_rsa_der(b"nonsense");
    assert!(refused(RS256, &nonsense).contains("DER"));
    let small = DecodingKey::from_rsa_raw_components(&[0xff; 128], &[1, 0, 1]);
    assert!(refused(RS256, &small).contains("1024 bits"));
    assert!(refused(ES256, &DecodingKey::from_ec_der(&[4; 64])).contains("DER"));
    assert!(refused(ES256, &DecodingKey::from_ec_der(&[4; 65])).contains("numbers"));
    assert!(refused(EdDSA, &DecodingKey::from_ed_der(&[0; 32])).contains("degenerate"));
    let rsa = include_bytes!("keys_support/rsa_public.pem");
    let rsa = DecodingKey::from_rsa_pem(rsa).unwrap();
    assert!(refused(HS256, &rsa).contains("an RSA key"));
    let error = SigningKey::from_encoding_key(HS256, &EncodingKey::from_secret(b"x"));
    assert!(error.unwrap_err().to_string().contains("1 bytes"));
    let error = SigningKey::from_encoding_key(RS256, &EncodingKey::from_rsa_der(b"x"));
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("private key in DER")
    );
}
