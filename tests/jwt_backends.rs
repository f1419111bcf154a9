//! Verdicts on signatures, good and malicious, are the same on each backend.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod jwt_support;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_support::{BACKENDS, claims, encode, now, validator, verdict};
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm, KeySet,
    jwt::{Minter, SigningKey},
};

const RSA: &str = include_str!("keys_support/rsa.pem");
const ED25519: &str = include_str!("keys_support/ed25519.pem");

fn key(algorithm: Algorithm) -> SigningKey {
    let pem = match algorithm.name() {
        "ES256" => include_str!("keys_support/p256.pem"),
        "ES384" => include_str!("keys_support/p384.pem"),
        "ES512" => include_str!("keys_support/p521.pem"),
        "EdDSA" => ED25519,
        name if name.starts_with("HS") => {
            return SigningKey::from_secret(algorithm, [9; 64]).unwrap();
        }
        _ => RSA,
    };
    SigningKey::from_pem(algorithm, pem).unwrap()
}

fn minted(key: &SigningKey) -> String {
    let claims: Value = serde_json::from_str(&claims(json!({}))).unwrap();
    let token = Minter::new(key.clone()).mint(&claims).unwrap();
    token.expose().to_owned()
}

/// The verdict, which has to be the same on each backend.
fn on_each_backend(keys: &KeySet, token: &str) -> &'static str {
    let mut verdicts = BACKENDS.iter().map(|backend| {
        let keys = keys.with_backend(*backend).unwrap();
        verdict(&validator().validate::<Value>(token, &keys, now()))
    });
    let first = verdicts.next().unwrap();
    for (backend, other) in BACKENDS[1..].iter().zip(verdicts) {
        assert_eq!(first, other, "{backend:?}");
    }
    first
}

/// The verdict on `token` with the signature that `change` makes of its own.
fn with_signature(
    key: &SigningKey,
    token: &str,
    change: impl FnOnce(&mut Vec<u8>),
) -> &'static str {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    change(&mut signature);
    on_each_backend(
        &key.verification_keys(),
        &format!("{input}.{}", encode(signature)),
    )
}

#[test]
fn each_backend_that_is_on_is_tested() {
    let on = usize::from(cfg!(feature = "aws-lc-rs")) + usize::from(cfg!(feature = "rust-crypto"));
    assert_eq!(BACKENDS.len(), on);
    let names: Vec<String> = BACKENDS.iter().map(|it| format!("{it:?}")).collect();
    assert!(
        names
            .iter()
            .all(|name| { ["Backend(aws-lc-rs)", "Backend(rust-crypto)"].contains(&&**name) })
    );
    assert_ne!(names.first(), names.get(1), "{names:?}");
}

#[test]
fn what_one_backend_signs_each_verifies() {
    for algorithm in Algorithm::ALL {
        let mut keys = vec![key(*algorithm), SigningKey::generate(*algorithm).unwrap()];
        for backend in BACKENDS {
            let made = keys.iter().map(|key| key.with_backend(*backend).unwrap());
            keys = made.collect();
            for key in &keys {
                let token = minted(key);
                let public = key.verification_keys();
                assert_eq!(on_each_backend(&public, &token), "accepted", "{algorithm}");
                let other = SigningKey::generate(*algorithm)
                    .unwrap()
                    .verification_keys();
                assert_eq!(on_each_backend(&other, &token), "signature", "{algorithm}");
            }
        }
    }
}

#[test]
fn a_backend_that_is_chosen_stays_chosen() {
    let key = key(Algorithm::RS256).with_key_id("a");
    let default = format!("{:?}", BACKENDS[0]);
    assert!(format!("{:?}", key.verification_keys()).contains(&default));
    for backend in BACKENDS {
        let name = format!("{backend:?}");
        let chosen = key.with_backend(*backend).unwrap();
        assert_eq!(chosen.key_id(), Some("a"));
        assert!(format!("{:?}", chosen.verification_keys()).contains(&name));
        let jwk = key.public_jwk().unwrap().replace(r#""alg":"RS256","#, "");
        let keys = KeySet::from_jwk(jwk).unwrap().with_backend(*backend);
        let keys = keys.unwrap().with_rsa_algorithm(Algorithm::PS256).unwrap();
        let shown = format!("{:?}", keys.with_key_id("b"));
        assert!(shown.contains(&name) && shown.contains("PS256"), "{shown}");
    }
}

type Change = fn(&mut Vec<u8>);

#[test]
fn no_signature_is_longer_shorter_or_empty() {
    for algorithm in Algorithm::ALL {
        let key = key(*algorithm);
        let token = minted(&key);
        let rows: [(&str, Change); 8] = [
            ("empty", Vec::clear),
            ("cut at its end", |it| it.truncate(it.len() - 1)),
            ("cut at its start", |it| *it = it.split_off(1)),
            ("half", |it| it.truncate(it.len() / 2)),
            ("with a zero behind", |it| it.push(0)),
            ("with a zero before", |it| it.insert(0, 0)),
            ("all zero", |it| it.fill(0)),
            ("all ones", |it| it.fill(0xff)),
        ];
        for (rule, change) in rows {
            let verdict = with_signature(&key, &token, change);
            assert_eq!(verdict, "signature", "{algorithm}: {rule}");
        }
    }
}

#[test]
fn no_algorithm_passes_for_another_with_the_same_key() {
    let rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    let hmac = ["HS256", "HS384", "HS512"];
    for family in [&rsa[..], &hmac] {
        for signed in family {
            for said in family.iter().filter(|said| *said != signed) {
                let (signed, said) = (algorithm(signed), algorithm(said));
                let token = minted(&key(signed)).replacen(
                    &encode(format!(r#"{{"alg":"{signed}","typ":"JWT"}}"#)),
                    &encode(format!(r#"{{"alg":"{said}","typ":"JWT"}}"#)),
                    1,
                );
                let keys = key(said).verification_keys();
                assert_eq!(
                    on_each_backend(&keys, &token),
                    "signature",
                    "{signed} as {said}"
                );
            }
        }
    }
}

fn algorithm(name: &str) -> Algorithm {
    Algorithm::from_name(name).unwrap()
}

// --- ECDSA -------------------------------------------------------------------

/// The order of the curve's group (SEC 2 §2.4.2, §2.5.1, §2.6.1), as long as a coordinate.
fn order(algorithm: Algorithm) -> Vec<u8> {
    let hex = match algorithm {
        Algorithm::ES256 => "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
        Algorithm::ES384 => {
            "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973"
        }
        _ => {
            "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409"
        }
    };
    let digits = (0..hex.len()).step_by(2);
    digits
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// `a - b`, big-endian.
fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let (mut difference, mut borrow) = (a.to_vec(), 0);
    for (digit, other) in difference.iter_mut().zip(b).rev() {
        let value = i16::from(*digit) - i16::from(*other) - borrow;
        borrow = i16::from(value < 0);
        *digit = u8::try_from(value + 256 * borrow).unwrap();
    }
    difference
}

/// `a + b`, big-endian, if it is no longer than they are.
fn plus(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    let (mut sum, mut carry) = (a.to_vec(), 0);
    for (digit, other) in sum.iter_mut().zip(b).rev() {
        let value = u16::from(*digit) + u16::from(*other) + carry;
        *digit = value.to_be_bytes()[1];
        carry = value >> 8;
    }
    (carry == 0).then_some(sum)
}

/// Two INTEGERs in a SEQUENCE, as X.509 and OpenSSL write ECDSA signatures.
fn in_der(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let integer = |number: &[u8]| {
        let number = &number[number.iter().take_while(|byte| **byte == 0).count()..];
        let sign: &[u8] = if number[0] >= 0x80 { &[0] } else { &[] };
        let length = u8::try_from(sign.len() + number.len()).unwrap();
        [&[2, length], sign, number].concat()
    };
    let numbers = [integer(r), integer(s)].concat();
    match u8::try_from(numbers.len()).unwrap() {
        short @ ..0x80 => [&[0x30, short][..], &numbers].concat(),
        long => [&[0x30, 0x81, long][..], &numbers].concat(),
    }
}

#[test]
fn ecdsa_numbers_are_between_zero_and_the_order() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::ES512] {
        let key = key(algorithm);
        let token = minted(&key);
        let order = order(algorithm);
        let half = order.len();
        let check = |rule: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let verdict = with_signature(&key, &token, |it| change(it));
            assert_eq!(verdict, "signature", "{algorithm}: {rule}");
        };
        check("r is zero", &|it| it[..half].fill(0));
        check("s is zero", &|it| it[half..].fill(0));
        check("r is the order", &|it| it[..half].copy_from_slice(&order));
        check("s is the order", &|it| it[half..].copy_from_slice(&order));
        check("r and s change places", &|it| it.rotate_left(half));
        check("r and s are one", &|it| {
            it.fill(0);
            it[half - 1] = 1;
            it[2 * half - 1] = 1;
        });
        check("DER", &|it| *it = in_der(it));
        check("half of it twice", &|it| it.copy_within(..half, half));
        for place in [0, half] {
            check("a number and the order", &|it| {
                // Too large for the curve's size, it is refused for another reason.
                if let Some(sum) = plus(&it[place..place + half], &order) {
                    it[place..place + half].copy_from_slice(&sum);
                } else {
                    it.clear();
                }
            });
        }
    }
}

/// RFC 7518 §3.4 doesn't ask for the lower of the two, and most signers produce either.
#[test]
fn either_s_of_ecdsa_is_accepted() {
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::ES512] {
        let key = key(algorithm);
        let verdict = with_signature(&key, &minted(&key), |it| {
            let half = it.len() / 2;
            let other = minus(&order(algorithm), &it[half..]);
            it[half..].copy_from_slice(&other);
        });
        assert_eq!(verdict, "accepted", "{algorithm}");
    }
}

// --- EdDSA -------------------------------------------------------------------

/// Made with the private key: `R` is the neutral point, `S` is k·a.
const SMALL_ORDER_R: &str = "eyJhbGciOiJFZERTQSJ9.eyJhdWQiOiJvcmRlcnMiLCJleHAiOjE4MDAwMDAzMDAsImlhdCI6MTc5OTk5OTcwMCwiaXNzIjoiaHR0cHM6Ly9pZC5leGFtcGxlIiwic3ViIjoiYWxpY2UifQ.AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACk8G4sHbdm4oTmpYVQDnaxdRksRagajA6sP7YdLUsSBA";

#[test]
fn an_r_of_small_order_is_refused() {
    let keys = key(Algorithm::EdDSA).verification_keys();
    assert_eq!(on_each_backend(&keys, SMALL_ORDER_R), "signature");
}

#[test]
fn an_s_that_is_not_reduced_is_refused() {
    // RFC 8032 §5.1: L, little-endian.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let key = key(Algorithm::EdDSA);
    let verdict = with_signature(&key, &minted(&key), |it| {
        it[32..].reverse();
        let mut order = L;
        order.reverse();
        let respelled = plus(&it[32..], &order).unwrap();
        it[32..].copy_from_slice(&respelled);
        it[32..].reverse();
    });
    assert_eq!(verdict, "signature");
}

/// y + p for the smallest y of points on the curve: a second spelling of the same key.
#[test]
fn a_key_whose_y_is_not_reduced_is_refused() {
    for x in [
        "8P_______________________________________38",
        "8f_______________________________________38",
        "_________________________________________38",
    ] {
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#);
        let error = KeySet::from_jwk(jwk).unwrap_err().to_string();
        assert!(error.contains("RFC 8032"), "{x}: {error}");
    }
}

// --- RSA ---------------------------------------------------------------------

/// By OpenSSL over this header and the claims of `claims({})`.
const PS256_INPUT: &str = "eyJhbGciOiJQUzI1NiJ9.eyJhdWQiOiJvcmRlcnMiLCJleHAiOjE4MDAwMDAzMDAsImlhdCI6MTc5OTk5OTcwMCwiaXNzIjoiaHR0cHM6Ly9pZC5leGFtcGxlIiwic3ViIjoiYWxpY2UifQ";
const PSS: [(&str, &str, &str); 5] = [
    (
        "32 bytes of salt",
        "Z2VeZM57tLIaT8dkxscvLPD0pGzyR3zIwhwOqGF9GPh_EiWk9KzCyA3uf1LDyOdXMkHGiD_K3mujvwfnmOZ5PCfsZ66IyU3WJedP18JHRp8t8CR286Xvjgk9tpvT72NebqueaRkWJ6ruNWg7i94BKFU4HItD_0b-5s7Z8ND4Pgh1ZRffFvVgti0EhE1GBbzcWhPzk73cYDhJP9AOOfdPOYLXuyTUiiYlnyjXj2sRjSL8DG9bXplLiyt56M5JyH6i0MnFAWC4IVu-N8mzrV7wapD8A8jl5dTNrDy9ciwscCXzh1I1OlyjIkTkR2J2HqKmqtNSB6rECHSSw2GticsSkQ",
        "accepted",
    ),
    (
        "no salt",
        "Ae5zHYZQmLnYGMvrY84xW6z3hESHMFBQwPC2CQR6bmaf82QFtzeo9Rb0T8uAUbQQxC5XefiXZQ6OvGzB7RImXPyhWq_nt7NTcfL2YwsqpO06Au4DWo6v_DxGruE_JSUHhFHGLDK_hovY2PqV1WY5WSTaJ0wBrYdjiIv7hImLSMfcBGa4Y02neOMs-6qCircyrH0eO8Mzmnk1azapXPm0UQ5BPtzlf0-bmsDwTTPH7WdjoPIMJJa9ETvHX232mgVodmh2WufNCG8_r4DvXIoV3Gv9sFmqlqHnzsbusMkvrXOlQryUEvcJCvCBwCGwCm4Q_ihpdcCLavac4eCmyAGHNg",
        "signature",
    ),
    (
        "as much salt as fits",
        "jgSgXYGH7IEy7ZenCyFTkL_6_zYUkYs8on1af6_woAc4ZRqdQk_m7BU2O-Du5KmBhV-z553XaQvQajpL3UO8rukWngt8vAuXn9Y7krMA-f0P4ukH_UTRYct2epZOgQ37oR7xFLQzs-FDurwZQjz5tqEqcy2aQUv17XtxcjmcsnND87Sf112D_ocf-vN4Ler9jetsjrZyzz6bKopiulVwFL2daYhst46oCvY4aKobQG3Cn378LPUtA2fVANPlNQ4r66J6mHA_SyAj76gxOGKE-8ZIHr9Y-LUaM-scOykTQ8M3lrb4YC9SxFp8sZeJZjeyi1i3pA60q5ycfdX4RGT8-A",
        "signature",
    ),
    (
        "20 bytes of salt",
        "iwFK547GCmj8p0CuauiJAQ_cfv-154mQeKw3l6ROJ6uXsbpbHjgFI_F-xuzXQ7aWoNb8ao0xVc6FLcq8Ea6ql-Q8tB9r7JSPLzJYiEytxMae3pajDxPNofl5kMqh_WGQl1PN9L_G77MRyty4ux9_RTbKymks21pGynLv0bQ1_KHelZclni7avqJGl3dmcbAGtP2KJ3H7KmcTYmqdCq0etePLRzTuvVQfgplTx4c4qdgfJl47LGrIojvBQ3sUJcniLoYmoOn5kl7UUHLF4tyqH9jQuTLPWVIL4zAi7wnZLRbVtbm9mJRa5yl65SlfL0-qLPz8PmLna6iDn06sI-KFXw",
        "signature",
    ),
    (
        "MGF1 with SHA-1",
        "L5Buwxcnv3i_uASWUyzJWljGzasUC6S3roL1zOkjbZzLuwqmcfng84Wb3t5_65gXpwo_yWB9z9znzfu4nrwrWlaUNWLpL1iMmhnUHHOhppo0XLvTxfShjdskQLkXo5OnX6Ym68fr0IK8ciSzkszJC6UdsQarR28wQnL6es22OXPcDpKKSieUQRlD4KYoAXh-vvk4sCdTKVn-mX7QjWYyykfboRGESNlbskOh0knmlWH3CAUxRCM6zOpsK6AOmVpuqusQhYCK4mICT4sBAS1w_brcTBFdNZnZON9Zogi_RRgeUSfQuOj2DCdboJ_aIldkqSSh_AzxvaX-R9__MxJ0GA",
        "signature",
    ),
];

/// RFC 7518 §3.5: the salt is as long as the hash, and MGF1 uses the same hash.
#[test]
fn pss_has_one_salt_length_and_one_hash() {
    let keys = key(Algorithm::PS256).verification_keys();
    for (rule, signature, expected) in PSS {
        let token = format!("{PS256_INPUT}.{signature}");
        assert_eq!(on_each_backend(&keys, &token), expected, "{rule}");
    }
}

/// RFC 8017 §5.2.2: the representative is below n, so that a signature has one spelling.
#[test]
fn an_rsa_number_is_below_the_modulus() {
    for algorithm in [Algorithm::RS256, Algorithm::PS256] {
        let key = key(algorithm);
        let jwk: Value = serde_json::from_str(&key.public_jwk().unwrap()).unwrap();
        let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
        let respelled = (0..200).find_map(|number| {
            let claims: Value = serde_json::from_str(&claims(json!({"n": number}))).unwrap();
            let token = Minter::new(key.clone()).mint(&claims).unwrap();
            let (input, signature) = token.expose().rsplit_once('.').unwrap();
            let larger = plus(&URL_SAFE_NO_PAD.decode(signature).unwrap(), &modulus)?;
            Some(format!("{input}.{}", encode(larger)))
        });
        let verdict = on_each_backend(&key.verification_keys(), &respelled.unwrap());
        assert_eq!(verdict, "signature", "{algorithm}");
    }
}
