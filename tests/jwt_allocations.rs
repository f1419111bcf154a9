//! What a validation allocates: a number that may fall and must not rise unnoticed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod jwt_support;

use jwt_support::{claims, now, validator};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm,
    jwt::{Minter, SigningKey},
};

#[derive(Deserialize)]
#[allow(dead_code)] // read for what it costs
struct FourStrings {
    iss: String,
    sub: String,
    email: String,
    tenant: String,
}

/// Four strings of the application's, and of ours: one text for the token and its claims,
/// and what is shared of it.
#[test]
fn a_token_costs_six_allocations_with_the_four_strings_of_its_claims() {
    let claims = claims(json!({
        "email": "alice@example.com", "tenant": "t1", "scope": "orders:read", "jti": "1",
    }));
    let claims: Value = serde_json::from_str(&claims).unwrap();
    // A rule about a claim that is kept anyway keeps it no second time.
    let validators = [validator(), validator().require_claim("sub")];
    for (algorithm, validator) in Algorithm::ALL
        .iter()
        .flat_map(|algorithm| validators.iter().map(move |it| (algorithm, it)))
    {
        let key = SigningKey::generate(*algorithm)
            .unwrap()
            .with_key_id("2026-01");
        let keys = key.verification_keys();
        let token = Minter::new(key).mint(&claims).unwrap();
        let validate = || validator.validate::<FourStrings>(token.expose(), &keys, now());
        drop(validate().unwrap()); // the backend's own first use
        let mut verified = None;
        let counted = allocation_counter::measure(|| verified = Some(validate()));
        assert!(verified.unwrap().is_ok());
        println!(
            "{algorithm}: {} allocations, {} bytes",
            counted.count_total, counted.bytes_total
        );
        // RustCrypto computes RSA with numbers on the heap.
        let is_rsa = algorithm.name().starts_with(['R', 'P']);
        if is_rsa && !cfg!(feature = "aws-lc-rs") {
            continue;
        }
        assert!(
            counted.count_total <= 6,
            "{algorithm}: {}",
            counted.count_total
        );
    }
}
