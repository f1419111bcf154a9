//! Keys in each form that people keep them in: which are read, and what is said of those
//! that are not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod jwt_support;

use std::{error::Error, fs, path::PathBuf};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jwt_support::{BACKENDS, claims, encode, now, validator, verdict};
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm::{self, ES256, ES384, ES512, EdDSA, HS256, HS512, PS256, PS512, RS256, RS384},
    KeySet,
    jwt::{Minter, SigningKey},
    keys::KeyError,
};

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("keys_support/", $name, ".pem"))
    };
}

fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    STANDARD.decode(body).unwrap()
}

/// Whether `keys` verify what the private key signs, on each backend.
fn fits(keys: &KeySet, key: &SigningKey) -> bool {
    let claims: Value = serde_json::from_str(&claims(json!({}))).unwrap();
    BACKENDS.iter().all(|backend| {
        let key = key.with_backend(*backend).unwrap();
        let keys = keys.with_backend(*backend).unwrap();
        let token = Minter::new(key).mint(&claims).unwrap();
        let result = validator().validate::<Value>(token.expose(), &keys, now());
        verdict(&result) == "accepted"
    })
}

/// What is said of it, `source()` included.
fn said<T>(result: Result<T, KeyError>) -> String {
    let Err(error) = result else {
        return "accepted".to_owned();
    };
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    let said = format!("{error}: {cause}");
    assert!(!said.chars().any(char::is_control), "{said:?}");
    said
}

#[test]
fn each_form_of_a_key_pair_is_read() {
    let rows = [
        ("PKCS#8", RS256, pem!("rsa"), pem!("rsa_public")),
        ("PKCS#8", PS512, pem!("rsa"), pem!("rsa_public")),
        ("PKCS#1", RS384, pem!("rsa_pkcs1"), pem!("rsa_pkcs1_public")),
        ("X.509", PS256, pem!("rsa"), pem!("rsa_certificate")),
        ("PKCS#8", ES256, pem!("p256"), pem!("p256_public")),
        (
            "SEC 1",
            ES256,
            pem!("p256_sec1"),
            pem!("p256_compressed_public"),
        ),
        (
            "SEC 1, no point",
            ES256,
            pem!("p256_sec1_no_public"),
            pem!("p256_public"),
        ),
        ("PKCS#8", ES384, pem!("p384"), pem!("p384_public")),
        ("SEC 1", ES384, pem!("p384_sec1"), pem!("p384_public")),
        ("PKCS#8", ES512, pem!("p521"), pem!("p521_public")),
        (
            "SEC 1, X.509",
            ES512,
            pem!("p521_sec1"),
            pem!("p521_certificate"),
        ),
        ("PKCS#8", EdDSA, pem!("ed25519"), pem!("ed25519_public")),
        ("X.509", EdDSA, pem!("ed25519"), pem!("ed25519_certificate")),
        (
            "RFC 8410 10.3 and 10.1",
            EdDSA,
            pem!("ed25519_with_public"),
            pem!("ed25519_with_public_public"),
        ),
    ];
    for (form, algorithm, private, public) in rows {
        let key = SigningKey::from_pem(algorithm, private).unwrap();
        for keys in [
            key.verification_keys(),
            KeySet::from_pem(algorithm, public).unwrap(),
            KeySet::from_pem(algorithm, public.replace('\n', "\r\n")).unwrap(),
            KeySet::from_pem(algorithm, format!("Subject: x\n{public}trailing text")).unwrap(),
            KeySet::from_der(algorithm, der(public)).unwrap(),
            KeySet::from_jwk(key.public_jwk().unwrap()).unwrap(),
        ] {
            assert!(fits(&keys, &key), "{form} {algorithm}");
        }
        let same = SigningKey::from_der(algorithm, der(private)).unwrap();
        assert!(fits(&key.verification_keys(), &same), "{form} {algorithm}");
    }
}

/// OpenSSL writes the curve into a section of its own before the key.
#[test]
fn sections_that_are_no_keys_are_passed_over() {
    let key = SigningKey::from_pem(ES256, pem!("p256_ecparam")).unwrap();
    assert!(fits(&key.verification_keys(), &key));
}

/// Each row: what is given, and what the error has to name: the mistake, or the fix.
#[test]
fn where_a_public_key_is_needed() {
    let cut = &pem!("rsa_public")[..200];
    let rows = [
        ("PKCS#8", RS256, pem!("rsa"), "-pubout"),
        ("PKCS#1", RS256, pem!("rsa_pkcs1"), "-pubout"),
        ("SEC 1", ES256, pem!("p256_sec1"), "-pubout"),
        ("Ed25519", EdDSA, pem!("ed25519"), "-pubout"),
        ("encrypted", ES256, pem!("p256_encrypted"), "openssl pkey"),
        (
            "a certificate of another curve",
            ES256,
            pem!("secp256k1_certificate"),
            "the curve 1.3.132.0.10",
        ),
        (
            "a certificate of another kind",
            ES256,
            pem!("rsa_certificate"),
            "an RSA key",
        ),
        (
            "RSASSA-PSS by its own name",
            PS256,
            pem!("rsa_pss_public"),
            "1.2.840.113549.1.1.10",
        ),
        ("Ed448", EdDSA, pem!("ed448_public"), "1.3.101.113"),
        ("P-384 for ES256", ES256, pem!("p384_public"), "a P-384 key"),
        ("P-521 for ES384", ES384, pem!("p521_public"), "a P-521 key"),
        ("P-256 for ES512", ES512, pem!("p256_public"), "a P-256 key"),
        ("truncated", RS256, cut, "cut off"),
        (
            "parameters only",
            ES256,
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
            "BEGIN PUBLIC KEY",
        ),
    ];
    for (rule, algorithm, pem, expected) in rows {
        let said = said(KeySet::from_pem(algorithm, pem));
        assert!(said.contains(expected), "{rule}: {said}");
    }
    for pem in [
        pem!("rsa"),
        pem!("rsa_pkcs1"),
        pem!("p256_sec1"),
        pem!("ed25519"),
    ] {
        assert!(said(KeySet::from_der(RS256, der(pem))).contains("-pubout"));
    }
}

#[test]
fn where_a_private_key_is_needed() {
    let both = concat!(pem!("p256"), pem!("p256_public"));
    let rows = [
        (
            "SPKI",
            ES256,
            pem!("p256_public"),
            "signing needs the private key",
        ),
        (
            "PKCS#1",
            RS256,
            pem!("rsa_pkcs1_public"),
            "signing needs the private key",
        ),
        (
            "a certificate",
            RS256,
            pem!("rsa_certificate"),
            "signing needs the private key",
        ),
        (
            "encrypted PKCS#8",
            ES256,
            pem!("p256_encrypted"),
            "passphrase",
        ),
        (
            "encrypted PKCS#1",
            RS256,
            pem!("rsa_pkcs1_encrypted"),
            "passphrase",
        ),
        (
            "another curve",
            ES256,
            pem!("secp256k1_sec1"),
            "the curve 1.3.132.0.10",
        ),
        ("P-384 for ES256", ES256, pem!("p384_sec1"), "a P-384 key"),
        ("RSA for ES256", ES256, pem!("rsa"), "an RSA key"),
        (
            "Ed25519 for RS256",
            RS256,
            pem!("ed25519"),
            "an Ed25519 key",
        ),
        ("two", ES256, both, "more than"),
        ("RSA of 1024 bits", RS256, pem!("rsa1024"), "1024 bits"),
        ("none", ES256, "", "BEGIN PRIVATE KEY"),
        ("truncated", ES256, &pem!("p256")[..100], "cut off"),
    ];
    for (rule, algorithm, pem, expected) in rows {
        let said = said(SigningKey::from_pem(algorithm, pem));
        assert!(said.contains(expected), "{rule}: {said}");
    }
    let nothing = said(SigningKey::from_der(RS256, [0x30, 3, 2, 1, 0]));
    assert!(nothing.contains("not a private key"), "{nothing}");
    let encrypted = der(pem!("p256_encrypted"));
    assert!(said(SigningKey::from_der(ES256, encrypted)).contains("passphrase"));
}

#[test]
fn der_that_is_cut_or_longer_is_no_key() {
    for (algorithm, pem) in [
        (RS256, pem!("rsa")),
        (RS256, pem!("rsa_pkcs1")),
        (ES256, pem!("p256_sec1")),
        (ES512, pem!("p521")),
        (EdDSA, pem!("ed25519")),
    ] {
        let good = der(pem);
        for length in 0..good.len() {
            let cut = SigningKey::from_der(algorithm, &good[..length]);
            assert!(cut.is_err(), "{algorithm} {length}");
        }
        for more in [&[0][..], &[5, 0]] {
            let longer = [&good[..], more].concat();
            assert!(SigningKey::from_der(algorithm, longer).is_err());
        }
    }
    for (algorithm, pem) in [
        (RS256, pem!("rsa_certificate")),
        (EdDSA, pem!("ed25519_certificate")),
    ] {
        let good = der(pem);
        for length in 0..good.len() {
            assert!(KeySet::from_der(algorithm, &good[..length]).is_err());
        }
    }
}

/// With a byte changed, a private key is refused or still signs what it verifies: a pair
/// that doesn't belong together never comes of it.
#[test]
fn a_private_key_that_contradicts_itself_is_refused() {
    for (algorithm, pem) in [
        (RS256, pem!("rsa_pkcs1")),
        (ES256, pem!("p256")),
        (EdDSA, pem!("ed25519")),
    ] {
        let good = der(pem);
        let places = (0..good.len()).step_by(if algorithm == RS256 { 29 } else { 1 });
        for place in places {
            let mut changed = good.clone();
            changed[place] ^= 4;
            let Ok(key) = SigningKey::from_der(algorithm, &changed) else {
                continue;
            };
            assert!(fits(&key.verification_keys(), &key), "{algorithm} {place}");
        }
    }
}

/// SEC 1 §2.3.3: of a compressed point the first byte tells which of two is meant.
#[test]
fn a_compressed_point_belongs_to_its_private_key_or_not() {
    let mut der = der(pem!("p256_sec1_compressed"));
    let key = SigningKey::from_der(ES256, &der).unwrap();
    assert!(fits(&key.verification_keys(), &key));
    let first = der.len() - 33;
    assert!(matches!(der[first], 2 | 3));
    der[first] ^= 1;
    assert!(said(SigningKey::from_der(ES256, &der)).contains("belong"));
    der[first] ^= 1;
    *der.last_mut().unwrap() ^= 1;
    assert!(said(SigningKey::from_der(ES256, &der)).contains("belong"));
}

/// RFC 5958 §2 and RFC 5915 §3 both have a place for the curve.
#[test]
fn a_key_that_names_two_curves_is_refused() {
    let element = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap();
        [&[tag, length], content].concat()
    };
    let p256 = [0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let p384 = [0x06, 5, 0x2b, 0x81, 4, 0, 0x22];
    let ec = [0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    let key = |curve: &[u8]| {
        let scalar = element(4, &[7; 32]);
        let sec1 = [&[2, 1, 1], &scalar[..], &element(0xa0, curve)].concat();
        let sec1 = element(4, &element(0x30, &sec1));
        let algorithm = element(0x30, &[&ec[..], &p256].concat());
        element(0x30, &[&[2, 1, 0], &algorithm[..], &sec1].concat())
    };
    assert_eq!(said(SigningKey::from_der(ES256, key(&p256))), "accepted");
    assert!(said(SigningKey::from_der(ES256, key(&p384))).contains("damaged"));
}

/// The default backend reads keys. `.ci/run` has this judged by each alone, so that both agree:
/// RustCrypto computes exponents of an RSA key anew, and what was given has to be compared.
#[test]
fn numbers_that_make_no_private_key_are_refused() {
    let order = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE"; // n of P-256
    let ec = |d: &str| json!({"kty": "EC", "crv": "P-256", "x": encode([1; 32]), "y": encode([1; 32]), "d": d});
    let rows = [
        ("d is zero", ec(&encode([0; 32]))),
        ("d is the order", ec(order)),
        ("d of another point", ec(&encode([7; 32]))),
    ];
    for (rule, jwk) in rows {
        assert!(SigningKey::from_jwk(jwk.to_string()).is_err(), "{rule}");
    }
    // Each number of an RSA key belongs to the others.
    let numbers = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
    let good: Value = serde_json::from_str(BILBO_RSA).unwrap();
    assert!(SigningKey::from_jwk(BILBO_RSA).is_ok());
    for name in numbers {
        for other in ["AQAB", "Aw", "AA", ""] {
            let mut jwk = good.clone();
            jwk[name] = other.into();
            let is_same = good[name] == jwk[name];
            let result = SigningKey::from_jwk(jwk.to_string());
            assert_eq!(result.is_ok(), is_same, "{name} = {other}");
        }
        let mut jwk = good.clone();
        jwk.as_object_mut().unwrap().remove(name);
        assert!(SigningKey::from_jwk(jwk.to_string()).is_err(), "no {name}");
    }
}

/// RFC 7518 §6.2.1.2, §6.2.2.1 and RFC 8037 §2: each number in its full size.
#[test]
fn the_numbers_of_a_private_key_on_a_curve_have_one_size() {
    // RFC 7515 A.3 and RFC 8037 A.1
    let p256 = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    });
    let ed25519 = json!({
        "kty": "OKP", "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    });
    for (good, numbers) in [(p256, &["x", "y", "d"][..]), (ed25519, &["x", "d"])] {
        let key = SigningKey::from_jwk(good.to_string()).unwrap();
        assert!(fits(&key.verification_keys(), &key));
        for name in numbers {
            let bytes = URL_SAFE_NO_PAD
                .decode(good[name].as_str().unwrap())
                .unwrap();
            for other in [&bytes[1..], &[&[0], &bytes[..]].concat(), &[]] {
                let mut jwk = good.clone();
                jwk[name] = encode(other).into();
                let said = said(SigningKey::from_jwk(jwk.to_string()));
                assert!(
                    said.contains("size"),
                    "{name} of {} bytes: {said}",
                    other.len()
                );
            }
        }
    }
}

#[test]
fn a_private_jwk_keeps_these_rules() {
    let public = |name: &str, value: Value| {
        let mut jwk: Value = serde_json::from_str(BILBO_RSA).unwrap();
        jwk[name] = value;
        jwk.to_string()
    };
    let oct =
        |k: &[u8]| json!({"kty": "oct", "alg": "HS512", "kid": "s", "k": encode(k)}).to_string();
    let key = SigningKey::from_jwk(BILBO_RSA).unwrap();
    assert_eq!((key.algorithm(), key.key_id()), (RS256, Some("bilbo")));
    let key = SigningKey::from_jwk(public("alg", "PS256".into())).unwrap();
    assert_eq!(key.algorithm(), PS256);
    let key = SigningKey::from_jwk(oct(&[9; 64])).unwrap();
    assert_eq!((key.algorithm(), key.key_id()), (HS512, Some("s")));
    let own = SigningKey::generate(ES256).unwrap().public_jwk().unwrap();
    let rows = [
        ("a public one", own, "signing needs the private key"),
        ("a secret shorter than the hash", oct(&[9; 63]), "63 bytes"),
        (
            "to verify only",
            public("key_ops", json!(["verify"])),
            "key_ops",
        ),
        ("for encryption", public("use", "enc".into()), "use"),
        ("three primes", public("oth", json!([{}])), "three primes"),
        (
            "another algorithm",
            public("alg", "ES256".into()),
            "an RSA key",
        ),
        ("padded", public("d", "AQAB=".into()), "base64url"),
        ("no JSON", "x".to_owned(), "JWK"),
    ];
    for (rule, jwk, expected) in rows {
        let said = said(SigningKey::from_jwk(jwk));
        assert!(said.contains(expected), "{rule}: {said}");
        assert!(!said.contains("bWUC9B"), "{said}");
    }
    let said = said(KeySet::from_jwk(BILBO_RSA));
    assert!(
        said.contains("private key") && !said.contains("bWUC9B"),
        "{said}"
    );
}

#[test]
fn each_algorithm_has_a_secret_as_long_as_its_hash() {
    for (algorithm, minimum) in [(HS256, 32), (Algorithm::HS384, 48), (HS512, 64)] {
        assert!(KeySet::from_secret(algorithm, vec![1; minimum]).is_ok());
        let short = KeySet::from_secret(algorithm, vec![1; minimum - 1]);
        assert!(said(short).contains(&minimum.to_string()));
        let short = SigningKey::from_secret(algorithm, vec![1; minimum - 1]);
        assert!(said(short).contains(&minimum.to_string()));
    }
}

#[test]
fn rsa_keys_that_dont_say_their_algorithm_take_one() {
    let jwk = |alg: Option<&str>, kid: &str| {
        let bilbo: Value = serde_json::from_str(BILBO_RSA).unwrap();
        json!({"kty": "RSA", "n": bilbo["n"], "e": "AQAB", "kid": kid, "alg": alg})
    };
    let ec = SigningKey::generate(ES256).unwrap().public_jwk().unwrap();
    let ec: Value = serde_json::from_str(&ec).unwrap();
    let set = json!({"keys": [jwk(None, "free"), jwk(Some("RS384"), "bound"), ec]});
    let keys = KeySet::from_jwks(set.to_string()).unwrap();
    let set = keys.with_rsa_algorithm(PS256).unwrap();
    for backend in BACKENDS {
        let set = set.with_backend(*backend).unwrap();
        let key = SigningKey::from_jwk(BILBO_RSA).unwrap();
        assert!(
            !fits(&set, &key.clone().with_key_id("free")),
            "no more RS256"
        );
    }
    let as_ps256 = json!({"alg": "PS256"});
    let mut bilbo: Value = serde_json::from_str(BILBO_RSA).unwrap();
    bilbo["alg"] = as_ps256["alg"].clone();
    let ps256 = SigningKey::from_jwk(bilbo.to_string()).unwrap();
    assert!(fits(&set, &ps256.clone().with_key_id("free")));
    assert!(!fits(&set, &ps256.with_key_id("bound")));
    assert!(!fits(
        &keys,
        &SigningKey::from_jwk(bilbo.to_string())
            .unwrap()
            .with_key_id("free")
    ));
    bilbo["alg"] = "RS384".into();
    let rs384 = SigningKey::from_jwk(bilbo.to_string()).unwrap();
    assert!(fits(&set, &rs384.with_key_id("bound")));
    // It can be changed again, and is not for other kinds.
    let back = set.with_rsa_algorithm(RS256).unwrap();
    assert!(fits(
        &back,
        &SigningKey::from_jwk(BILBO_RSA).unwrap().with_key_id("free")
    ));
    assert!(said(keys.with_rsa_algorithm(ES256)).contains("an RSA key"));
    // Whoever named the algorithm in the call has named it.
    let named = KeySet::from_pem(RS256, pem!("rsa_public")).unwrap();
    let named = named.with_rsa_algorithm(PS256).unwrap();
    assert!(fits(
        &named,
        &SigningKey::from_pem(RS256, pem!("rsa")).unwrap()
    ));
}

// --- files -------------------------------------------------------------------

/// A fresh directory.
fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("keys_formats_{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn a_file_is_read_for_what_is_in_it() {
    let path = directory("file").join("key");
    let p256 = SigningKey::from_pem(ES256, pem!("p256")).unwrap();
    let jwk = p256.public_jwk().unwrap();
    let rows = [
        ("PEM", pem!("p256_public").into()),
        (
            "PEM after text",
            format!("0 is 0\n{}", pem!("p256_public")).into_bytes(),
        ),
        ("DER", der(pem!("p256_public"))),
        ("JWK", jwk.clone().into_bytes()),
        ("JWKS", format!("\n {{\"keys\":[{jwk}]}}\n").into_bytes()),
    ];
    for (form, content) in rows {
        fs::write(&path, content).unwrap();
        let keys = KeySet::from_file(&path).unwrap_or_else(|error| panic!("{form}: {error}"));
        assert!(fits(&keys, &p256), "{form}");
    }
    fs::write(&path, pem!("rsa_certificate")).unwrap();
    let keys = KeySet::from_file(&path)
        .unwrap()
        .with_rsa_algorithm(PS256)
        .unwrap();
    assert!(fits(
        &keys,
        &SigningKey::from_pem(PS256, pem!("rsa")).unwrap()
    ));
    let secret = json!({"kty": "oct", "alg": "HS256", "k": encode([9; 32])});
    fs::write(&path, secret.to_string()).unwrap();
    let secret = SigningKey::from_secret(HS256, [9; 32]).unwrap();
    assert!(
        fits(&KeySet::from_file(&path).unwrap(), &secret),
        "a local file may hold secrets"
    );
}

#[test]
fn a_file_without_a_key_is_named_with_the_reason() {
    let path = directory("bad").join("is\u{1b}sued.pem");
    let large = vec![b' '; 1024 * 1024 + 1];
    let rows: [(&str, &[u8], &str); 10] = [
        ("empty", b"", "empty"),
        ("a newline", b"\n", "empty"),
        ("text", b"hello", "none of"),
        ("too large", &large, "large"),
        ("HTML", b"<html></html>", "none of"),
        ("a private key", pem!("rsa").as_bytes(), "-pubout"),
        (
            "cut in the middle",
            &pem!("rsa_public").as_bytes()[..99],
            "cut off",
        ),
        ("JSON of another kind", b"{}", "JWK"),
        ("a set without keys", br#"{"keys":[]}"#, "no keys"),
        ("JSON that is cut", br#"{"keys":[{"kty":"EC""#, "JWK"),
    ];
    for (rule, content, expected) in rows {
        fs::write(&path, content).unwrap();
        let said = said(KeySet::from_file(&path));
        assert!(
            said.contains("sued.pem") && said.contains(expected),
            "{rule}: {said}"
        );
    }
    fs::remove_file(&path).unwrap();
    assert!(said(KeySet::from_file(&path)).contains("not found"));
    assert!(said(KeySet::from_file(path.parent().unwrap())).contains("read"));
}

#[test]
fn the_keys_of_a_directory_are_named_by_their_files() {
    let path = directory("directory");
    let named = |id: &str| SigningKey::generate(ES256).unwrap().with_key_id(id);
    let (own, set) = (named("own"), named("in-set"));
    fs::write(path.join("2026-01.pem"), pem!("p256_public")).unwrap();
    fs::write(path.join("2026.02.pem"), pem!("p384_public")).unwrap();
    fs::write(path.join("file.jwk"), own.public_jwk().unwrap()).unwrap();
    let jwks = format!(r#"{{"keys":[{}]}}"#, set.public_jwk().unwrap());
    fs::write(path.join("file.json"), jwks).unwrap();
    fs::write(path.join(".hidden"), "not a key").unwrap();
    fs::create_dir_all(path.join("..data")).unwrap();
    fs::create_dir_all(path.join("inner")).unwrap();
    let keys = KeySet::from_directory(&path).unwrap();
    assert_eq!((keys.len(), keys.is_empty()), (4, false));
    let p256 = SigningKey::from_pem(ES256, pem!("p256")).unwrap();
    let p384 = SigningKey::from_pem(ES384, pem!("p384")).unwrap();
    assert!(fits(&keys, &p256.clone().with_key_id("2026-01")));
    assert!(fits(&keys, &p384.with_key_id("2026.02")));
    assert!(fits(&keys, &own) && fits(&keys, &set));
    assert!(
        !fits(&keys, &p256.with_key_id("file")),
        "the file of another key"
    );
}

#[cfg(unix)]
#[test]
fn links_in_a_directory_are_followed_as_kubernetes_makes_them() {
    let path = directory("links");
    fs::create_dir_all(path.join("..2026")).unwrap();
    fs::write(path.join("..2026/a.pem"), pem!("p256_public")).unwrap();
    std::os::unix::fs::symlink("..2026", path.join("..data")).unwrap();
    std::os::unix::fs::symlink("..data/a.pem", path.join("a.pem")).unwrap();
    assert_eq!(KeySet::from_directory(&path).unwrap().len(), 1);
}

#[test]
fn a_directory_is_read_whole_or_not_at_all() {
    let path = directory("whole");
    assert!(said(KeySet::from_directory(&path)).contains("no keys"));
    assert!(said(KeySet::from_directory(path.join("absent"))).contains("not found"));
    fs::write(path.join("a.pem"), pem!("p256_public")).unwrap();
    assert!(KeySet::from_directory(&path).is_ok());
    fs::write(path.join("b.pem"), pem!("p256")).unwrap();
    let said_of_b = said(KeySet::from_directory(&path));
    assert!(
        said_of_b.contains("b.pem") && said_of_b.contains("-pubout"),
        "{said_of_b}"
    );
    fs::write(path.join("b.pem"), pem!("p256_public").repeat(100)).unwrap();
    assert!(said(KeySet::from_directory(&path)).contains("101 keys"));
}

/// RFC 7520 §3.4, under a shorter name.
const BILBO_RSA: &str = r#"{"kty":"RSA","kid":"bilbo","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB","d":"bWUC9B-EFRIo8kpGfh0ZuyGPvMNKvYWNtB_ikiH9k20eT-O1q_I78eiZkpXxXQ0UTEs2LsNRS-8uJbvQ-A1irkwMSMkK1J3XTGgdrhCku9gRldY7sNA_AKZGh-Q661_42rINLRCe8W-nZ34ui_qOfkLnK9QWDDqpaIsA-bMwWWSDFu2MUBYwkHTMEzLYGqOe04noqeq1hExBTHBOBdkMXiuFhUq1BU6l-DqEiWxqg82sXt2h-LMnT3046AOYJoRioz75tSUQfGCshWTBnP5uDjd18kKhyv07lhfSJdrPdM5Plyl21hsFf4L_mHCuoFau7gdsPfHPxxjVOcOpBrQzwQ","p":"3Slxg_DwTXJcb6095RoXygQCAZ5RnAvZlno1yhHtnUex_fp7AZ_9nRaO7HX_-SFfGQeutao2TDjDAWU4Vupk8rw9JR0AzZ0N2fvuIAmr_WCsmGpeNqQnev1T7IyEsnh8UMt-n5CafhkikzhEsrmndH6LxOrvRJlsPp6Zv8bUq0k","q":"uKE2dh-cTf6ERF4k4e_jy78GfPYUIaUyoSSJuBzp3Cubk3OCqs6grT8bR_cu0Dm1MZwWmtdqDyI95HrUeq3MP15vMMON8lHTeZu2lmKvwqW7anV5UzhM1iZ7z4yMkuUwFWoBvyY898EXvRD-hdqRxHlSqAZ192zB3pVFJ0s7pFc","dp":"B8PVvXkvJrj2L-GYQ7v3y9r6Kw5g9SahXBwsWUzp19TVlgI-YV85q1NIb1rxQtD-IsXXR3-TanevuRPRt5OBOdiMGQp8pbt26gljYfKU_E9xn-RULHz0-ed9E9gXLKD4VGngpz-PfQ_q29pk5xWHoJp009Qf1HvChixRX59ehik","dq":"CLDmDGduhylc9o7r84rEUVn7pzQ6PF83Y-iBZx5NT-TpnOZKF1pErAMVeKzFEl41DlHHqqBLSM0W1sOFbwTxYWZDm6sI6og5iTbwQGIC3gnJKbi_7k_vJgGHwHxgPaX2PnvP-zyEkDERuf-ry4c_Z11Cq9AqC2yeL6kdKT1cYF8","qi":"3PiqvXQN0zwMeE-sBvZgi289XP9XCQF3VWqPzMKnIgQp7_Tugo6-NZBKCQsMf3HaEGBjTVJs_jcK8-TRXvaKe-7ZMaQj8VfBdYkssbu0NKDDhjJ-GtiseaDVWt7dcH0cfwxgFUHpQh7FoCrjFJ6h6ZEpMF6xmujs4qMpPz8aaI4"}"#;
