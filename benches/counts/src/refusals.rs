//! What an attacker's request costs: whatever he sends, no more than a good token of the
//! same size does.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use tower_bearer::Algorithm;

use crate::{
    Limit, Scenario, limit,
    server::{claims, guarded, many_members, nested, one_large_member, signing_key, token},
};

const GARBAGE: &str = "refused: garbage";
const USUAL: &str = "HS256/layer";
const LARGE: &str = "16 KiB, one member";
const CROWDED: &str = "16 KiB, many members";
const NESTED: &str = "16 KiB, nested";

pub fn scenarios() -> Vec<Scenario> {
    let key = signing_key(Algorithm::HS256);
    let good = [
        (LARGE, token(&key, &one_large_member(11))),
        (CROWDED, token(&key, &many_members(700))),
        (NESTED, token(&key, &nested(5700))),
    ];
    let good = good.into_iter().map(|(name, token)| {
        assert!(
            (15_000..16_384).contains(&token.len()),
            "{name}: {}",
            token.len()
        );
        guarded(name, 200, token)
    });
    let bad = attacks()
        .into_iter()
        .map(|(name, token, _)| guarded(name, 401, token));
    good.chain(bad).collect()
}

pub fn limits() -> Vec<Limit> {
    let same_size = attacks()
        .into_iter()
        .map(|(name, _, good)| limit(name, 1.1, good));
    let others = [
        limit(GARBAGE, 0.1, "RS256/layer"),
        limit("claims: 400 members", 2.2, "claims: 200 members"),
        limit("claims: 200 members", 2.2, "claims: 100 members"),
        limit("keys: 1000", 1.02, "keys: 1"),
    ];
    same_size.chain(others).collect()
}

/// The name, the token, and the good one of that size.
fn attacks() -> Vec<(&'static str, String, &'static str)> {
    let key = signing_key(Algorithm::HS256);
    let changed = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        token(&key, &claims)
    };
    let header = |members: String| forged(&format!(r#"{{"alg":"HS256",{members}}}"#), "{}");
    let numbered = |name: &str, count: usize| {
        let members = (0..count).map(|number| format!(r#""{name}{number:03}":1"#));
        members.collect::<Vec<_>>().join(",")
    };
    let arrays = format!(r#""x":{}{}"#, "[".repeat(5900), "]".repeat(5900));
    vec![
        (GARBAGE, "x".repeat(551), USUAL),
        ("refused: expired", changed("exp", 1.into()), USUAL),
        (
            "refused: another audience",
            changed("aud", "other".into()),
            USUAL,
        ),
        (
            "refused: a wrong signature, HS256",
            unsigned(&token(&key, &claims())),
            USUAL,
        ),
        (
            "refused: a wrong signature, RS256",
            unsigned(&token(&signing_key(Algorithm::RS256), &claims())),
            "RS256/layer",
        ),
        (
            "refused: a key that nobody knows",
            forged(r#"{"alg":"HS256","kid":"2026-02"}"#, &claims().to_string()),
            USUAL,
        ),
        ("refused: dots", ".".repeat(16_000), LARGE),
        (
            "refused: one symbol too many",
            format!("{}=", "A".repeat(16_000)),
            LARGE,
        ),
        (
            "refused: a long kid",
            header(format!(r#""kid":"{}""#, "k".repeat(11_800))),
            LARGE,
        ),
        (
            "refused: a header of nested arrays",
            header(arrays.clone()),
            NESTED,
        ),
        (
            "refused: a header of many members",
            header(numbered("m", 1000)),
            LARGE,
        ),
        (
            "refused: a header of escaped names",
            header(numbered(r"\u006d", 800)),
            LARGE,
        ),
        (
            "refused: 16 KiB with a wrong signature",
            unsigned(&token(&key, &one_large_member(11))),
            LARGE,
        ),
        (
            "refused: many members with a wrong signature",
            unsigned(&token(&key, &many_members(700))),
            CROWDED,
        ),
        (
            "refused: nested claims with a wrong signature",
            forged(
                r#"{"alg":"HS256","kid":"2026-01"}"#,
                &format!("{{{arrays}}}"),
            ),
            LARGE,
        ),
    ]
}

fn forged(header: &str, claims: &str) -> String {
    let [header, claims] = [header, claims].map(|text| URL_SAFE_NO_PAD.encode(text));
    let token = format!("{header}.{claims}.{}", "A".repeat(43));
    assert!(token.len() < 16_384, "{}", token.len());
    token
}

/// With another signature of the same length.
fn unsigned(token: &str) -> String {
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    format!("{signing_input}.{}", "A".repeat(signature.len()))
}
