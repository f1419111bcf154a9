//! What the compiler says to those who make a mistake with this crate: it names the fix.
//!
//! Each file in `tests/mistakes` has one. It is compiled as part of the test target
//! `mistakes`, with the dependencies that are there already. Of what the compiler says, only
//! the words that help are asked for: the rest is another one with each of its versions.
#![cfg(all(feature = "axum", feature = "client", feature = "test-util"))]
#![allow(clippy::unwrap_used)] // a test may

mod sources;

use std::process::Command;

/// The mistake, and what has to stand in the error.
const MISTAKES: [(&str, &[&str]); 13] = [
    (
        "claims_that_can_not_be_read",
        &["`MyClaims`", "#[derive(serde::Deserialize)]"],
    ),
    (
        "body_without_default",
        &[
            "does not turn a `Rejection` into a response with the body `hyper::body::Incoming`",
            "give a closure `|rejection: &Rejection| rejection.response_with(body)`",
            "MapResponseBodyLayer",
        ],
    ),
    (
        "refusal_with_another_body",
        &[
            "Response<Body>",
            "Response<String>",
            "rejection.response_with",
        ],
    ),
    ("service_that_can_not_be_cloned", &["BoxService", "Clone"]),
    (
        "file_name_for_keys",
        &["`&str` is not a source of keys", "give a `KeySet`"],
    ),
    (
        "text_for_a_token",
        &[
            "`&str` is not a source of tokens for requests",
            "a token that never changes is an `AccessToken`",
        ],
    ),
    (
        "token_endpoint_without_a_transport",
        &["can't obtain tokens", "end it with `.over(transport)`"],
    ),
    (
        "pair_for_client_auth",
        &[
            "`(&str, &str)` does not authenticate a client",
            "`ClientAuth::basic(id, secret)`",
        ],
    ),
    (
        "text_for_a_grant",
        &["`&str` is not a grant", "`ClientCredentials::new()` is one"],
    ),
    (
        "file_name_for_an_assertion",
        &["`&str` gives no assertion", "`oauth::assertion::from_file`"],
    ),
    (
        "file_name_for_a_store",
        &["`&str` does not keep tokens", "`FileStore::new(path)`"],
    ),
    (
        "address_for_sessions",
        &["`&str` does not keep sessions", "implement `SessionStore`"],
    ),
    (
        "body_that_can_not_be_repeated",
        &[
            "`WholeBodies` can't repeat bodies of type `hyper::body::Incoming`",
            "choose `ClonedBodies`, `BufferedBodies` or `NoReplay`",
        ],
    ),
];

#[test]
fn the_compiler_names_the_fix() {
    for (mistake, words) in MISTAKES {
        let said = compile(mistake);
        for word in words {
            assert!(said.contains(word), "{mistake}: no {word:?} in\n{said}");
        }
    }
}

#[test]
fn each_mistake_has_its_row() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mistakes"));
    let names = files.unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name != "main.rs");
    names.sort();
    let mut rows = MISTAKES.map(|(mistake, _)| format!("{mistake}.rs"));
    rows.sort();
    assert_eq!(names, rows);
}

#[test]
fn each_trait_that_names_a_fix_has_its_row() {
    let rows = MISTAKES.iter().flat_map(|(_, words)| *words);
    for (file, source) in sources::all() {
        for attribute in source.split("diagnostic::on_unimplemented(").skip(1) {
            let message = attribute.split('"').nth(1).unwrap();
            let fixed = message.split('`').nth(2).unwrap().trim();
            assert!(
                rows.clone().any(|words| words.contains(fixed)),
                "{file}: {message}"
            );
        }
    }
}

/// What the compiler says, which has to be an error.
fn compile(mistake: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["rustc", "--locked", "--offline", "--quiet"])
        .args(["--all-features", "--test", "mistakes", "--"])
        .args(["--cfg", &format!("mistake={mistake:?}")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{mistake} compiles");
    said
}
