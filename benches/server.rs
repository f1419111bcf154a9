//! What a guarded request costs on the server, beside the signature check that nobody can
//! spare it: `cargo bench --all-features --bench server`.
//!
//! For each algorithm the bare check, the validator and the whole layer get the same token
//! in the same run, so that their ratios can be read even on a machine that is not idle.
//! The layer's own cost is `layer` − `empty service` − `bare check`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)] // no input from outside

mod support;

use std::hint::black_box;

use aws_lc_rs::{
    hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
        RsaPublicKeyComponents,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use criterion::{Criterion, criterion_group, criterion_main};
use http::Request;
use serde::Deserialize;
use serde_json::{Value, json};
use support::{Nothing, measure};
use tower::Layer as _;
use tower_bearer::{
    Algorithm, RequireJwt, Validator,
    clock::{Clock as _, SystemClock},
    jwt::{Minter, SigningKey},
};

const SECRET: [u8; 32] = [7; 32];

#[derive(Deserialize)]
#[allow(dead_code)] // read for what it costs
struct FourStrings {
    iss: String,
    sub: String,
    email: String,
    tenant: String,
}

/// One of each kind of key; the other hashes and paddings cost much the same.
const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::HS256,
    Algorithm::RS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

fn server(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("server");
    let unguarded = "token".to_owned();
    group.bench_function("empty service", |bencher| {
        measure(bencher, Nothing, || request(&unguarded));
    });
    for algorithm in ALGORITHMS {
        let key = signing_key(algorithm);
        let keys = key.verification_keys();
        let bare = BareKey::of(&key);
        let token = token(key);
        let validator = Validator::new("https://id.example", "orders");

        group.bench_function(format!("{algorithm}/bare check"), |bencher| {
            let (signing_input, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            bencher.iter(|| {
                let is_signed = bare.verify(black_box(signing_input.as_bytes()), &signature);
                assert!(is_signed);
            });
        });
        group.bench_function(format!("{algorithm}/validator"), |bencher| {
            let now = SystemClock::new().wall();
            bencher.iter(|| {
                let token = black_box(&*token);
                validator
                    .validate::<FourStrings>(token, &keys, now)
                    .unwrap()
            });
        });
        group.bench_function(format!("{algorithm}/layer"), |bencher| {
            let guard = RequireJwt::<FourStrings>::new(validator.clone(), keys.clone());
            measure(bencher, guard.layer(Nothing), || request(&token));
        });
    }
    group.finish();
}

fn signing_key(algorithm: Algorithm) -> SigningKey {
    let key = match algorithm {
        // The bare check needs the secret, which a generated key keeps to itself.
        Algorithm::HS256 => SigningKey::from_secret(algorithm, SECRET),
        _ => SigningKey::generate(algorithm),
    };
    key.unwrap().with_key_id("2026-01")
}

fn token(key: SigningKey) -> String {
    let claims = json!({
        "iss": "https://id.example", "sub": "248289761001", "aud": "orders",
        "exp": 4_000_000_000_u64, "iat": 1_700_000_000, "jti": "7f1c9a52-6b1d",
        "scope": "orders:read orders:write",
        "email": "alice@example.com", "tenant": "t1",
    });
    Minter::new(key).mint(&claims).unwrap().expose().to_owned()
}

/// A request with a few headers, as a server hands it to its services.
fn request(token: &str) -> Request<()> {
    Request::get("/orders")
        .header("host", "api.example")
        .header("accept", "application/json")
        .header("user-agent", "bench")
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .unwrap()
}

/// A prepared key of the backend, and nothing of ours.
#[allow(clippy::large_enum_variant)] // there is one at a time
enum BareKey {
    Secret(hmac::Key),
    Public(ParsedPublicKey),
}

impl BareKey {
    fn of(key: &SigningKey) -> Self {
        let Some(jwk) = key.public_jwk() else {
            return Self::Secret(hmac::Key::new(hmac::HMAC_SHA256, &SECRET));
        };
        let jwk: Value = serde_json::from_str(&jwk).unwrap();
        let number = |name| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        Self::Public(match jwk["kty"].as_str().unwrap() {
            "RSA" => {
                let (n, e) = (number("n"), number("e"));
                let parsed = RsaPublicKeyComponents { n: &n, e: &e }
                    .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
                parsed.unwrap()
            }
            "EC" => {
                // SEC 1 §2.3.3: 4 stands for a point that is not compressed.
                let point = [vec![4], number("x"), number("y")].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).unwrap()
            }
            _ => ParsedPublicKey::new(&ED25519, number("x")).unwrap(),
        })
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

criterion_group!(benches, server);
criterion_main!(benches);
