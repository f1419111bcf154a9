//! npm's `jose` and Python's PyJWT: their tokens and keys are accepted by us, and ours by
//! them, for each algorithm and form of key, on each backend.
//!
//! Skipped, and said so, where they aren't installed; `.ci/run` installs them and sets
//! `TOWER_BEARER_INTEROP=required`. By hand:
//!
//! ```sh
//! npm ci --prefix tests/interop
//! python3 -m venv tests/interop/.venv
//! tests/interop/.venv/bin/pip install --requirement tests/interop/requirements.txt
//! ```
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod interop_support;
mod jwt_support;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use interop_support::Other;
use jwt_support::{BACKENDS, NOW, now, validator, verdict};
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm, KeySet,
    jwt::{Minter, SigningKey},
};

fn ask(other: &Other, make: &[&str], verify: &[Value]) -> Value {
    other.ask(&json!({"claims": claims(), "now": NOW, "make": make, "verify": verify}))
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "orders", "sub": "alice", "exp": NOW + 300})
}

#[test]
fn jose_and_we_accept_each_other() {
    let mut names: Vec<&str> = Algorithm::ALL.iter().map(|it| it.name()).collect();
    names.push("Ed25519"); // RFC 9864
    if let Some(jose) = Other::find("node", "jose.mjs", "node_modules/jose") {
        agree(&jose, &names);
    }
}

#[test]
fn pyjwt_and_we_accept_each_other() {
    let names: Vec<&str> = Algorithm::ALL.iter().map(|it| it.name()).collect();
    if let Some(pyjwt) = Other::find(".venv/bin/python", "pyjwt.py", ".venv/bin/python") {
        agree(&pyjwt, &names);
    }
}

fn agree(other: &Other, names: &[&str]) {
    let made = ask(other, names, &[]);
    let made = made["made"].as_array().unwrap();
    assert_eq!(made.len(), names.len());
    let mut ours = Vec::new();
    for one in made {
        let name = one["alg"].as_str().unwrap();
        let algorithm = Algorithm::from_name(name).unwrap();
        let token = one["token"].as_str().unwrap();
        for (form, keys) in public_forms(algorithm, &one["public"]) {
            for backend in BACKENDS {
                let keys = keys.with_backend(*backend).unwrap();
                let result = validator().validate::<Value>(token, &keys, now());
                assert_eq!(verdict(&result), "accepted", "{name} {form} {backend:?}");
                assert_eq!(*result.unwrap().claims(), claims(), "{name} {form}");
            }
        }
        for (form, key) in private_forms(algorithm, &one["private"]) {
            for backend in BACKENDS {
                let key = key.with_backend(*backend).unwrap();
                ours.extend(questions(&key, one, &format!("{form} {backend:?}")));
            }
        }
    }
    let answer = ask(other, &[], &ours);
    let verified = answer["verified"].as_array().unwrap();
    assert_eq!(verified.len(), ours.len());
    for (asked, said) in ours.iter().zip(verified) {
        let spoiled = asked["spoiled"] == true;
        assert_eq!(*said == true, !spoiled, "{asked}: {said}");
    }
}

fn public_forms(algorithm: Algorithm, forms: &Value) -> Vec<(String, KeySet)> {
    let jwk = forms["jwk"].to_string();
    let mut found = vec![
        (
            "JWK".to_owned(),
            KeySet::from_jwk(usable(&jwk, "verify")).unwrap(),
        ),
        (
            "JWKS".to_owned(),
            KeySet::from_jwks(format!(r#"{{"keys":[{}]}}"#, usable(&jwk, "verify"))).unwrap(),
        ),
    ];
    for pem in texts(&forms["pem"]) {
        let keys = KeySet::from_pem(algorithm, pem).unwrap();
        found.push((pem.lines().next().unwrap().to_owned(), keys));
    }
    for der in texts(&forms["der"]) {
        let keys = KeySet::from_der(algorithm, STANDARD.decode(der).unwrap()).unwrap();
        found.push(("DER".to_owned(), keys));
    }
    found
}

fn private_forms(algorithm: Algorithm, forms: &Value) -> Vec<(String, SigningKey)> {
    let jwk = SigningKey::from_jwk(usable(&forms["jwk"].to_string(), "sign")).unwrap();
    let mut found = vec![("JWK".to_owned(), jwk)];
    for pem in texts(&forms["pem"]) {
        let key = SigningKey::from_pem(algorithm, pem).unwrap();
        found.push((pem.lines().next().unwrap().to_owned(), key));
    }
    for der in texts(&forms["der"]) {
        let key = SigningKey::from_der(algorithm, STANDARD.decode(der).unwrap()).unwrap();
        found.push(("DER".to_owned(), key));
    }
    found
}

/// PyJWT writes the one operation that its object does into `key_ops`.
fn usable(jwk: &str, operation: &str) -> String {
    let mut jwk: Value = serde_json::from_str(jwk).unwrap();
    if jwk.get("key_ops").is_some() {
        assert_eq!(jwk["key_ops"], json!([operation]), "the other operation");
    }
    jwk["use"] = "sig".into();
    jwk.to_string()
}

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|text| text.as_str().unwrap()).collect()
}

/// A token of ours with our JWK and with their PEM, and one that has to be refused.
fn questions(key: &SigningKey, one: &Value, form: &str) -> Vec<Value> {
    let alg = key.algorithm().name();
    let token = Minter::new(key.clone()).mint(&claims()).unwrap();
    let jwk = match key.public_jwk() {
        Some(jwk) => serde_json::from_str(&jwk).unwrap(),
        None => one["private"]["jwk"].clone(),
    };
    let place = token.expose().rfind('.').unwrap() + 10;
    let mut spoiled = token.expose().to_owned();
    let other = if &spoiled[place..=place] == "A" {
        "B"
    } else {
        "A"
    };
    spoiled.replace_range(place..=place, other);
    let mut asked = vec![
        json!({"alg": alg, "form": form, "jwk": jwk, "token": token.expose()}),
        json!({"alg": alg, "form": form, "jwk": jwk, "token": spoiled, "spoiled": true}),
    ];
    for pem in texts(&one["public"]["pem"]) {
        if !pem.contains("RSA PUBLIC") {
            asked.push(json!({"alg": alg, "form": form, "pem": pem, "token": token.expose()}));
        }
    }
    asked
}
