//! What a `KeySet` can be made of, and what it refuses to be made of.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod jwt_support;

use jwt_support::{claims, encode, now, validator, verdict};
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm::{self, ES256, ES384, EdDSA, HS256, RS256},
    KeySet,
    jwt::{Minter, SigningKey},
    keys::{KeyError, KeyErrorKind},
};

const RSA: &str = include_str!("keys_support/rsa_public.pem");
const RSA_PKCS1: &str = include_str!("keys_support/rsa_pkcs1_public.pem");
const RSA_PRIVATE: &str = include_str!("keys_support/rsa.pem");
const RSA_1024: &str = include_str!("keys_support/rsa1024_public.pem");
const RSA_8192: &str = include_str!("keys_support/rsa8192.pem");
const P256: &str = include_str!("keys_support/p256_public.pem");
const P256_COMPRESSED: &str = include_str!("keys_support/p256_compressed_public.pem");
const P256_PRIVATE: &str = include_str!("keys_support/p256.pem");
const P256_SEC1: &str = include_str!("keys_support/p256_sec1.pem");
const P384: &str = include_str!("keys_support/p384_public.pem");
const ED25519: &str = include_str!("keys_support/ed25519_public.pem");
const ED25519_PRIVATE: &str = include_str!("keys_support/ed25519.pem");
const ED448: &str = include_str!("keys_support/ed448_public.pem");
const CERTIFICATE: &str = include_str!("keys_support/certificate.pem");

fn named(result: Result<KeySet, KeyError>) -> &'static str {
    let Err(error) = result else {
        return "accepted";
    };
    match error.kind() {
        KeyErrorKind::NotForAlgorithm { .. } => "not for this algorithm",
        KeyErrorKind::SecretTooShort { .. } => "too short",
        KeyErrorKind::SecretIsPem => "PEM",
        KeyErrorKind::RsaSize { .. } => "RSA size",
        KeyErrorKind::Weak => "weak",
        KeyErrorKind::PrivateKey => "private key",
        KeyErrorKind::PublicKey => "public key",
        KeyErrorKind::Encrypted => "encrypted",
        KeyErrorKind::Encoding(_) => "encoding",
        KeyErrorKind::Unsupported(_) => "unsupported",
        KeyErrorKind::NotForSignatures => "not for signatures",
        KeyErrorKind::TooManyKeys(_) => "too many",
        KeyErrorKind::NoUsableKey(_) => "no usable key",
        other => panic!("a kind without a name: {other:?}"),
    }
}

fn der(pem: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).unwrap()
}

/// Whether `keys` verify what the private key signs.
fn fits(keys: &KeySet, algorithm: Algorithm, private: &str) -> bool {
    let key = SigningKey::from_pem(algorithm, private).unwrap();
    let claims: Value = serde_json::from_str(&claims(json!({}))).unwrap();
    let token = Minter::new(key).mint(&claims).unwrap();
    let result = validator().validate::<Value>(token.expose(), keys, now());
    verdict(&result) == "accepted"
}

#[test]
fn pem_keeps_these_rules() {
    let both = format!("{P256}{P256}");
    let rows = [
        ("RSA in SPKI", RS256, RSA, "accepted"),
        ("RSA in PKCS#1", RS256, RSA_PKCS1, "accepted"),
        ("P-256", ES256, P256, "accepted"),
        ("P-256, compressed", ES256, P256_COMPRESSED, "accepted"),
        ("Ed25519", EdDSA, ED25519, "accepted"),
        ("several", ES256, &both, "accepted"),
        ("RSA for ES256", ES256, RSA, "not for this algorithm"),
        ("P-256 for RS256", RS256, P256, "not for this algorithm"),
        ("P-256 for EdDSA", EdDSA, P256, "not for this algorithm"),
        (
            "Ed25519 for HS256",
            HS256,
            ED25519,
            "not for this algorithm",
        ),
        ("RSA for HS256", HS256, RSA, "not for this algorithm"),
        ("RSA with 1024 bits", RS256, RSA_1024, "RSA size"),
        ("the wrong curve", ES256, P384, "not for this algorithm"),
        ("the wrong Edwards curve", EdDSA, ED448, "unsupported"),
        ("a private key", RS256, RSA_PRIVATE, "private key"),
        ("a private key in SEC 1", ES256, P256_SEC1, "private key"),
        ("a certificate", ES256, CERTIFICATE, "accepted"),
        ("no PEM", RS256, "hello", "encoding"),
        ("nothing", RS256, "", "encoding"),
        (
            "a damaged one",
            RS256,
            "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n",
            "encoding",
        ),
        (
            "one that doesn't end",
            RS256,
            "-----BEGIN PUBLIC KEY-----\nAAAA\n",
            "encoding",
        ),
    ];
    for (rule, algorithm, pem, expected) in rows {
        assert_eq!(named(KeySet::from_pem(algorithm, pem)), expected, "{rule}");
    }
    assert!(fits(
        &KeySet::from_pem(RS256, RSA).unwrap(),
        RS256,
        RSA_PRIVATE
    ));
    assert!(fits(
        &KeySet::from_pem(RS256, RSA_PKCS1).unwrap(),
        RS256,
        RSA_PRIVATE
    ));
    assert!(fits(
        &KeySet::from_pem(ES256, P256).unwrap(),
        ES256,
        P256_PRIVATE
    ));
    assert!(fits(
        &KeySet::from_pem(ES256, P256_COMPRESSED).unwrap(),
        ES256,
        P256_PRIVATE
    ));
    assert!(fits(
        &KeySet::from_pem(EdDSA, ED25519).unwrap(),
        EdDSA,
        ED25519_PRIVATE
    ));
}

#[test]
fn the_largest_rsa_key_verifies() {
    let key = SigningKey::from_pem(RS256, RSA_8192).unwrap();
    assert!(fits(&key.verification_keys(), RS256, RSA_8192));
}

#[test]
fn der_is_read_strictly() {
    assert_eq!(named(KeySet::from_der(RS256, der(RSA))), "accepted");
    assert_eq!(named(KeySet::from_der(RS256, der(RSA_PKCS1))), "accepted");
    assert_eq!(named(KeySet::from_der(ES256, der(P256))), "accepted");
    assert_eq!(named(KeySet::from_der(EdDSA, der(ED25519))), "accepted");
    assert_eq!(
        named(KeySet::from_der(RS256, der(RSA_PRIVATE))),
        "private key"
    );
    for pem in [RSA, RSA_PKCS1, P256, ED25519] {
        let good = der(pem);
        for length in 0..good.len() {
            assert_ne!(
                named(KeySet::from_der(algorithm_of(pem), &good[..length])),
                "accepted"
            );
        }
        let longer = [&good[..], &[5, 0]].concat();
        assert_eq!(
            named(KeySet::from_der(algorithm_of(pem), longer)),
            "encoding"
        );
    }
    // A point that is not on the curve.
    let mut off_curve = der(P256);
    *off_curve.last_mut().unwrap() ^= 1;
    assert_eq!(named(KeySet::from_der(ES256, off_curve)), "encoding");
}

fn algorithm_of(pem: &str) -> Algorithm {
    match pem {
        P256 => ES256,
        ED25519 => EdDSA,
        _ => RS256,
    }
}

#[test]
fn an_error_that_main_returns_names_the_fix() {
    let error = KeySet::from_secret(HS256, "hunter2").unwrap_err();
    let shown = format!("{error:?}");
    assert!(
        shown.starts_with("KeyError(\"the secret has 7 bytes"),
        "{shown}"
    );
    assert!(shown.contains("openssl rand -base64 32"), "{shown}");
}

#[test]
fn shared_secrets_keep_these_rules() {
    let secret = |length| vec![b'x'; length];
    assert_eq!(named(KeySet::from_secret(HS256, secret(32))), "accepted");
    assert_eq!(named(KeySet::from_secret(HS256, secret(1000))), "accepted");
    assert_eq!(named(KeySet::from_secret(HS256, secret(31))), "too short");
    assert_eq!(named(KeySet::from_secret(HS256, "")), "too short");
    assert_eq!(named(KeySet::from_secret(HS256, RSA)), "PEM");
    assert_eq!(
        named(KeySet::from_secret(RS256, secret(32))),
        "not for this algorithm"
    );
    assert_eq!(
        named(KeySet::from_secret_base64url(HS256, &encode([9; 32]))),
        "accepted"
    );
    assert_eq!(
        named(KeySet::from_secret_base64url(HS256, &encode([9; 31]))),
        "too short"
    );
    assert_eq!(
        named(KeySet::from_secret_base64url(HS256, "a+b/")),
        "encoding"
    );
    assert_eq!(
        named(KeySet::dangerous_from_short_secret(HS256, "hunter2")),
        "accepted"
    );
    assert_eq!(
        named(KeySet::dangerous_from_short_secret(HS256, "")),
        "encoding"
    );
    assert_eq!(
        named(KeySet::dangerous_from_short_secret(
            HS256,
            "-----BEGIN PUBLIC KEY-----\n"
        )),
        "PEM",
        "only the length may be waived"
    );
    assert_eq!(
        named(KeySet::dangerous_from_short_secret(EdDSA, "hunter2")),
        "not for this algorithm"
    );
}

fn rsa(bits: usize, exponent: &[u8]) -> Value {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    modulus[0] >>= (8 - bits % 8) % 8;
    json!({"kty": "RSA", "n": encode(modulus), "e": encode(exponent)})
}

#[test]
fn a_jwk_keeps_these_rules() {
    let signing = |algorithm| SigningKey::generate(algorithm).unwrap();
    let public = |algorithm| {
        serde_json::from_str::<Value>(&signing(algorithm).public_jwk().unwrap()).unwrap()
    };
    let (ec, ed, rs) = (public(ES256), public(EdDSA), rsa(2048, &[1, 0, 1]));
    let with = |jwk: &Value, name: &str, value: Value| {
        let mut jwk = jwk.clone();
        if value.is_null() {
            jwk.as_object_mut().unwrap().remove(name);
        } else {
            jwk[name] = value;
        }
        jwk
    };
    let oct = json!({"kty": "oct", "alg": "HS256", "k": encode([9; 32])});
    let small_order = |y: [u8; 32]| json!({"kty": "OKP", "crv": "Ed25519", "x": encode(y)});
    let mut minus_zero = [0; 32];
    minus_zero[31] = 0x80;
    let rows = [
        ("RSA without alg", rs.clone(), "accepted"),
        (
            "RSA for RS256",
            with(&rs, "alg", "RS256".into()),
            "accepted",
        ),
        (
            "RSA for encryption",
            with(&rs, "alg", "RSA-OAEP".into()),
            "unsupported",
        ),
        (
            "RSA for ES256",
            with(&rs, "alg", "ES256".into()),
            "not for this algorithm",
        ),
        (
            "RSA for HS256",
            with(&rs, "alg", "HS256".into()),
            "not for this algorithm",
        ),
        ("RSA with 2047 bits", rsa(2047, &[1, 0, 1]), "RSA size"),
        ("RSA with 8192 bits", rsa(8192, &[1, 0, 1]), "accepted"),
        ("RSA with 8193 bits", rsa(8193, &[1, 0, 1]), "RSA size"),
        ("RSA with e = 3", rsa(2048, &[3]), "accepted"),
        ("RSA with e = 1", rsa(2048, &[1]), "weak"),
        ("RSA with e = 2", rsa(2048, &[2]), "weak"),
        ("RSA with a huge e", rsa(2048, &[0xff; 200]), "weak"),
        (
            "RSA with an even n",
            with(&rs, "n", encode([0xfe; 256]).into()),
            "weak",
        ),
        (
            "RSA with a leading zero",
            with(&rs, "n", encode([&[0][..], &[0xff; 256]].concat()).into()),
            "accepted",
        ),
        ("RSA without n", with(&rs, "n", Value::Null), "encoding"),
        (
            "RSA with padded n",
            with(&rs, "n", "AQAB=".into()),
            "encoding",
        ),
        ("P-256", ec.clone(), "accepted"),
        (
            "a private key",
            with(&ec, "d", encode([1; 32]).into()),
            "private key",
        ),
        (
            "P-256 without alg",
            with(&ec, "alg", Value::Null),
            "accepted",
        ),
        (
            "another curve",
            with(&with(&ec, "alg", Value::Null), "crv", "secp256k1".into()),
            "unsupported",
        ),
        (
            "P-384 with the coordinates of P-256",
            with(&ec, "crv", "P-384".into()),
            "encoding",
        ),
        (
            "P-384 that says ES256",
            with(&public(ES384), "alg", "ES256".into()),
            "not for this algorithm",
        ),
        ("EC without crv", with(&ec, "crv", Value::Null), "encoding"),
        (
            "a short coordinate",
            with(&ec, "x", encode([1; 31]).into()),
            "encoding",
        ),
        (
            "a point off the curve",
            with(&ec, "x", encode([1; 32]).into()),
            "encoding",
        ),
        ("Ed25519 for EdDSA", ed.clone(), "accepted"),
        (
            "Ed25519 for Ed25519 (RFC 9864)",
            with(&ed, "alg", "Ed25519".into()),
            "accepted",
        ),
        (
            "Ed25519 without alg",
            with(&ed, "alg", Value::Null),
            "accepted",
        ),
        (
            "X25519",
            with(&with(&ed, "alg", Value::Null), "crv", "X25519".into()),
            "unsupported",
        ),
        ("a point of small order", small_order([0; 32]), "weak"),
        ("the same with a sign", small_order(minus_zero), "weak"),
        ("a shared secret", oct.clone(), "accepted"),
        (
            "a shared secret without alg",
            with(&oct, "alg", Value::Null),
            "encoding",
        ),
        (
            "a short secret",
            with(&oct, "k", encode([9; 31]).into()),
            "too short",
        ),
        ("for signatures", with(&ec, "use", "sig".into()), "accepted"),
        (
            "for encryption",
            with(&ec, "use", "enc".into()),
            "not for signatures",
        ),
        (
            "to verify",
            with(&ec, "key_ops", json!(["verify"])),
            "accepted",
        ),
        (
            "to sign only",
            with(&ec, "key_ops", json!(["sign"])),
            "not for signatures",
        ),
        (
            "an unknown type",
            json!({"kty": "AKP", "pub": "x"}),
            "unsupported",
        ),
        ("no type", json!({"n": "x"}), "encoding"),
        (
            "a kid that is a number",
            with(&ec, "kid", 1.into()),
            "encoding",
        ),
        (
            "certificates that are none",
            with(&ec, "x5c", json!([1, {}])),
            "accepted",
        ),
        ("not an object", json!([1]), "encoding"),
    ];
    for (rule, jwk, expected) in rows {
        assert_eq!(
            named(KeySet::from_jwk(jwk.to_string())),
            expected,
            "{rule}: {jwk}"
        );
    }
    let twice = ec.to_string().replacen('{', r#"{"kty":"EC","#, 1);
    assert_eq!(named(KeySet::from_jwk(twice)), "encoding", "a member twice");
}

#[test]
fn all_points_of_small_order_are_refused() {
    for y in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        let bytes: Vec<u8> = (0..64)
            .step_by(2)
            .map(|place| u8::from_str_radix(&y[place..place + 2], 16).unwrap())
            .collect();
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(bytes)});
        assert_eq!(named(KeySet::from_jwk(jwk.to_string())), "weak", "{y}");
    }
}

#[test]
fn one_odd_key_does_not_spoil_a_set() {
    let good = SigningKey::generate(ES256)
        .unwrap()
        .with_key_id("good")
        .public_jwk()
        .unwrap();
    let odd = [
        r#"{"kty":"AKP"}"#,
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
        r#"{"kty":"EC","crv":"P-256","x":1}"#,
        r#"{"kty":"EC","use":"enc"}"#,
        r#""key""#,
        "null",
        "[]",
    ];
    let set = format!(r#"{{"keys":[{},{good}]}}"#, odd.join(","));
    assert_eq!(KeySet::from_jwks(&set).unwrap().len(), 1);

    let rows = [
        (
            "only odd keys",
            format!(r#"{{"keys":[{}]}}"#, odd.join(",")),
            "no usable key",
        ),
        ("no keys", r#"{"keys":[]}"#.to_owned(), "no usable key"),
        ("no array", r#"{"keys":{}}"#.to_owned(), "encoding"),
        ("not a set", good.clone(), "encoding"),
        ("HTML", "<html>".to_owned(), "encoding"),
        (
            "100 keys",
            format!(r#"{{"keys":[{}]}}"#, vec![&*good; 100].join(",")),
            "accepted",
        ),
        (
            "101 keys",
            format!(r#"{{"keys":[{}]}}"#, vec![&*good; 101].join(",")),
            "too many",
        ),
    ];
    for (rule, set, expected) in rows {
        assert_eq!(named(KeySet::from_jwks(set)), expected, "{rule}");
    }
}

#[test]
fn an_error_tells_the_fix_and_no_key() {
    let error = |result: Result<KeySet, KeyError>| result.unwrap_err().to_string();
    assert!(error(KeySet::from_secret(HS256, "hunter2")).contains("openssl rand"));
    assert!(error(KeySet::from_pem(RS256, RSA_PRIVATE)).contains("-pubout"));
    let jwk = r#"{"kty":"oct","alg":"HS256","k":"aHVudGVyMg"}"#;
    let shown = format!("{:?}", KeySet::from_jwk(jwk)) + &error(KeySet::from_jwk(jwk));
    assert!(!shown.contains("aHVudGVyMg") && !shown.contains("hunter2"));
}

#[test]
fn no_key_is_ever_shown() {
    let secret = "a secret that must not be seen at all";
    let keys = KeySet::from_secret(HS256, secret)
        .unwrap()
        .with_key_id("2026");
    let key = SigningKey::from_secret(HS256, secret).unwrap();
    let shown = format!("{keys:?} {key:?} {:?}", Minter::new(key.clone()));
    assert!(shown.contains("2026"), "{shown}");
    assert!(!shown.contains("must not"), "{shown}");
    let bytes = format!("{:?}", secret.as_bytes());
    assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
}

#[test]
fn a_signing_key_keeps_these_rules() {
    let error = |result: Result<SigningKey, KeyError>| result.unwrap_err().to_string();
    assert!(SigningKey::from_pem(RS256, RSA_PRIVATE).is_ok());
    assert!(SigningKey::from_der(ES256, der(P256_PRIVATE)).is_ok());
    assert!(SigningKey::from_pem(ES256, P256_SEC1).is_ok());
    assert!(error(SigningKey::from_pem(ES256, RSA_PRIVATE)).contains("an RSA key"));
    assert!(error(SigningKey::from_pem(HS256, RSA_PRIVATE)).contains("an RSA key"));
    assert!(error(SigningKey::from_pem(ES256, P256)).contains("private key that belongs"));
    assert!(error(SigningKey::from_pem(ES256, "x")).contains("BEGIN PRIVATE KEY"));
    assert!(error(SigningKey::from_secret(HS256, "short")).contains("32"));
    assert!(error(SigningKey::from_secret(ES256, [9; 32])).contains("ES256"));
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(*algorithm).unwrap().with_key_id("k");
        assert_eq!((key.algorithm(), key.key_id()), (*algorithm, Some("k")));
    }
}
