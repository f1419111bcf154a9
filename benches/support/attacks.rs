//! What an attacker may send, and the good token of the same size.

use tower_bearer::Algorithm;

use super::tokens::{
    claims, claims_with, forged, many_members, mint, nested, one_large_member, signing_key,
    unsigned,
};

pub(crate) const GARBAGE: &str = "garbage";
pub(crate) const HS256: &str = "HS256";
pub(crate) const RS256: &str = "RS256";
const LARGE: &str = "16 KiB, one member";
const CROWDED: &str = "16 KiB, many members";
const NESTED: &str = "16 KiB, nested";

pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) token: String,
    /// The name of a good token.
    pub(crate) good: &'static str,
}

/// Each by its name.
pub(crate) fn good_tokens() -> Vec<(&'static str, String)> {
    let key = signing_key(Algorithm::HS256);
    vec![
        (HS256, mint(&key, &claims())),
        (RS256, mint(&signing_key(Algorithm::RS256), &claims())),
        (LARGE, mint(&key, &one_large_member(11 * 1024))),
        (CROWDED, mint(&key, &many_members(700))),
        (NESTED, mint(&key, &nested(5700))),
    ]
}

pub(crate) fn attacks() -> Vec<Attack> {
    let key = signing_key(Algorithm::HS256);
    let with_header = |members: &str| forged(&format!(r#"{{"alg":"HS256",{members}}}"#), "{}");
    let numbered = |name: &str, count: usize| {
        let members = (0..count).map(|number| format!(r#""{name}{number:03}":1"#));
        with_header(&members.collect::<Vec<_>>().join(","))
    };
    let arrays = format!(r#""x":{}{}"#, "[".repeat(5900), "]".repeat(5900));
    let known_key = r#"{"alg":"HS256","kid":"2026-01"}"#;
    let unknown_key = r#"{"alg":"HS256","kid":"2026-02"}"#;
    let rs256 = mint(&signing_key(Algorithm::RS256), &claims());
    let signed = |claims| mint(&key, &claims);
    let forged_large = |claims| unsigned(&mint(&key, &claims));
    let rows = [
        (GARBAGE, "x".repeat(551), HS256),
        ("expired", signed(claims_with("exp", 1)), HS256),
        (
            "another audience",
            signed(claims_with("aud", "other")),
            HS256,
        ),
        (
            "a wrong signature, HS256",
            unsigned(&signed(claims())),
            HS256,
        ),
        ("a wrong signature, RS256", unsigned(&rs256), RS256),
        (
            "a key that nobody knows",
            forged(unknown_key, &claims().to_string()),
            HS256,
        ),
        ("dots", ".".repeat(16_000), LARGE),
        (
            "one symbol too many",
            format!("{}=", "A".repeat(16_000)),
            LARGE,
        ),
        (
            "a long kid",
            with_header(&format!(r#""kid":"{}""#, "k".repeat(11_800))),
            LARGE,
        ),
        ("a header of nested arrays", with_header(&arrays), NESTED),
        ("a header of many members", numbered("m", 1000), LARGE),
        ("a header of escaped names", numbered(r"\u006d", 800), LARGE),
        (
            "16 KiB with a wrong signature",
            forged_large(one_large_member(11 * 1024)),
            LARGE,
        ),
        (
            "many members with a wrong signature",
            forged_large(many_members(700)),
            CROWDED,
        ),
        (
            "nested claims with a wrong signature",
            forged(known_key, &format!("{{{arrays}}}")),
            LARGE,
        ),
    ];
    let attack = |(name, token, good)| Attack { name, token, good };
    rows.into_iter().map(attack).collect()
}
