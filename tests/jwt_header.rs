//! The rules about a token's form and header: one row for each.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod jwt_support;

use jwt_support::*;
use serde_json::json;
use tower_bearer::Algorithm;

#[test]
fn the_header_keeps_these_rules() {
    let rows: &[Row<&str>] = &[
        ("no typ", r#"{"alg":"HS256"}"#, "accepted"),
        ("JWT", r#"{"alg":"HS256","typ":"JWT"}"#, "accepted"),
        ("jwt", r#"{"alg":"HS256","typ":"jwt"}"#, "accepted"),
        ("at+jwt", r#"{"alg":"HS256","typ":"at+jwt"}"#, "accepted"),
        ("AT+JWT", r#"{"alg":"HS256","typ":"AT+JWT"}"#, "accepted"),
        (
            "application/at+jwt",
            r#"{"alg":"HS256","typ":"Application/at+jwt"}"#,
            "accepted",
        ),
        (
            "a logout token",
            r#"{"alg":"HS256","typ":"logout+jwt"}"#,
            "token type",
        ),
        (
            "an ID token's own type",
            r#"{"alg":"HS256","typ":"id+jwt"}"#,
            "token type",
        ),
        (
            "a security event",
            r#"{"alg":"HS256","typ":"secevent+jwt"}"#,
            "token type",
        ),
        ("an empty typ", r#"{"alg":"HS256","typ":""}"#, "token type"),
        ("typ null", r#"{"alg":"HS256","typ":null}"#, "malformed"),
        ("typ a number", r#"{"alg":"HS256","typ":1}"#, "malformed"),
        (
            "crit",
            r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
            "critical header",
        ),
        (
            "crit that is empty",
            r#"{"alg":"HS256","crit":[]}"#,
            "critical header",
        ),
        (
            "crit null",
            r#"{"alg":"HS256","crit":null}"#,
            "critical header",
        ),
        (
            "crit with escapes",
            r#"{"alg":"HS256","\u0063rit":["x"]}"#,
            "critical header",
        ),
        ("alg none", r#"{"alg":"none"}"#, "algorithm"),
        ("alg None", r#"{"alg":"None"}"#, "algorithm"),
        ("alg nOnE", r#"{"alg":"nOnE"}"#, "algorithm"),
        ("alg empty", r#"{"alg":""}"#, "algorithm"),
        ("alg unknown", r#"{"alg":"HS257"}"#, "algorithm"),
        ("alg in lower case", r#"{"alg":"hs256"}"#, "algorithm"),
        ("alg a number", r#"{"alg":256}"#, "malformed"),
        ("alg null", r#"{"alg":null}"#, "malformed"),
        ("no alg", r#"{"typ":"JWT"}"#, "malformed"),
        (
            "another algorithm than the key's",
            r#"{"alg":"RS256"}"#,
            "unknown key",
        ),
        ("kid a number", r#"{"alg":"HS256","kid":7}"#, "malformed"),
        ("kid null", r#"{"alg":"HS256","kid":null}"#, "malformed"),
        (
            "kid an object",
            r#"{"alg":"HS256","kid":{"a":1}}"#,
            "malformed",
        ),
        (
            "a member twice",
            r#"{"alg":"HS256","alg":"HS256"}"#,
            "duplicate member",
        ),
        (
            "none, then HS256",
            r#"{"alg":"none","alg":"HS256"}"#,
            "duplicate member",
        ),
        (
            "twice, once with an escape",
            r#"{"alg":"HS256","\u0061lg":"HS256"}"#,
            "duplicate member",
        ),
        (
            "twice, both with escapes",
            r#"{"alg":"HS256","\u0061":1,"\u0061":1}"#,
            "duplicate member",
        ),
        (
            "an unknown member twice",
            r#"{"alg":"HS256","x":1,"x":2}"#,
            "duplicate member",
        ),
        (
            "twice below the top level",
            r#"{"alg":"HS256","x":{"a":1,"a":1}}"#,
            "accepted",
        ),
        ("not an object", r#"["alg","HS256"]"#, "malformed"),
        ("a string", r#""HS256""#, "malformed"),
        ("two objects", r#"{"alg":"HS256"}{}"#, "malformed"),
        ("cut off", r#"{"alg":"HS256""#, "malformed"),
        ("no JSON", "HS256", "malformed"),
        ("nothing", "", "malformed"),
        (
            "spaces and lines",
            "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}",
            "accepted",
        ),
    ];
    // Twice by one validator: those that were accepted are known the second time.
    let validator = validator();
    for (rule, header, expected) in rows.iter().chain(rows) {
        let token = forge(header, &claims(json!({})));
        let result = validator.validate::<serde_json::Value>(&token, &keys(), now());
        assert_eq!(verdict(&result), *expected, "{rule}: {header}");
    }
}

#[test]
fn a_header_that_was_accepted_before_says_no_more_than_the_first_time() {
    let header = r#"{"alg":"HS256","kid":"2026","typ":"JWT"}"#;
    let good = forge(header, &claims(json!({})));
    let keys = keys().with_key_id("2026");
    let accepted_before = validator();
    let first = accepted_before.validate::<serde_json::Value>(&good, &keys, now());
    assert_eq!(verdict(&first), "accepted");

    let expired = forge(header, &claims(json!({"exp": NOW - 3600})));
    let by_another = forge_with(
        header,
        &claims(json!({})),
        b"another secret of thirty-two byte",
    );
    let another_type = header.replace("JWT", "jwt+");
    let another_type = forge(&another_type, &claims(json!({})));
    let renamed = keys.with_key_id("2027");
    let clone = || accepted_before.clone();
    let rows = [
        ("the same", clone(), &good, &keys, "accepted"),
        ("the key is gone", clone(), &good, &renamed, "unknown key"),
        (
            "another has signed",
            clone(),
            &by_another,
            &keys,
            "signature",
        ),
        ("its token has ended", clone(), &expired, &keys, "expired"),
        (
            "another header",
            clone(),
            &another_type,
            &keys,
            "token type",
        ),
        (
            "a clone's algorithms have changed",
            clone().algorithms([Algorithm::RS256]),
            &good,
            &keys,
            "algorithm",
        ),
        (
            "a clone's types have changed",
            clone().token_types(["at+jwt"]),
            &good,
            &keys,
            "token type",
        ),
    ];
    for (rule, validator, token, keys, expected) in rows {
        let result = validator.validate::<serde_json::Value>(token, keys, now());
        assert_eq!(verdict(&result), expected, "{rule}");
    }
    let changed = accepted_before.algorithms([Algorithm::RS256]);
    let result = changed.validate::<serde_json::Value>(&good, &keys, now());
    assert_eq!(
        verdict(&result),
        "algorithm",
        "its own algorithms have changed"
    );
}

#[test]
fn a_header_has_64_members_at_most() {
    for (count, expected) in [(64, "accepted"), (65, "malformed")] {
        let others = (1..count).map(|number| format!(r#","m{number}":1"#));
        let header = format!(r#"{{"alg":"HS256"{}}}"#, others.collect::<String>());
        let result = validate(&forge(&header, &claims(json!({}))));
        assert_eq!(verdict(&result), expected, "{count}");
    }
}

#[test]
fn a_token_never_brings_its_own_key() {
    // Signed by the attacker's secret, which the header then offers.
    let attackers = b"another secret of thirty-two byte";
    let own_key = json!({
        "alg": "HS256",
        "jwk": {"kty": "oct", "alg": "HS256", "k": encode(attackers)},
        "jku": "http://127.0.0.1:9/keys", "x5u": "http://127.0.0.1:9/cert",
        "x5c": ["AAAA"],
    });
    let token = forge_with(&own_key.to_string(), &claims(json!({})), attackers);
    assert_eq!(verdict(&validate(&token)), "signature");
    // The same header over the right secret: the offers are just not looked at.
    let token = forge(&own_key.to_string(), &claims(json!({})));
    assert_eq!(verdict(&validate(&token)), "accepted");
}

#[test]
fn a_kid_of_any_content_only_compares() {
    let keys = keys().with_key_id("2026");
    let long = "k".repeat(4000);
    let rows: &[Row<&str>] = &[
        ("the key's", "2026", "accepted"),
        ("with escapes", "\\u0032026", "accepted"),
        ("another", "2025", "unknown key"),
        ("empty", "", "unknown key"),
        ("a path", "../../../../dev/null", "unknown key"),
        ("SQL", "' OR 1=1 --", "unknown key"),
        ("a line break", "a\\r\\nb\\u0000", "unknown key"),
        ("half a surrogate pair", "\\ud800", "malformed"),
        ("right-to-left", "\\u202e", "unknown key"),
        ("long", &long, "unknown key"),
    ];
    for (rule, key_id, expected) in rows {
        let header = format!(r#"{{"alg":"HS256","kid":"{key_id}"}}"#);
        let token = forge(&header, &claims(json!({})));
        let result = validator().validate::<serde_json::Value>(&token, &keys, now());
        assert_eq!(verdict(&result), *expected, "{rule}");
    }
}

#[test]
fn the_validator_narrows_algorithms_and_types() {
    let token = forge(HEADER, &claims(json!({})));
    let narrowed = |validator: tower_bearer::Validator, header: &str| {
        let token = forge(header, &claims(json!({})));
        verdict(&validator.validate::<serde_json::Value>(&token, &keys(), now()))
    };
    let only_rs256 = validator().algorithms([Algorithm::RS256]);
    let result = only_rs256.validate::<serde_json::Value>(&token, &keys(), now());
    assert_eq!(verdict(&result), "algorithm");

    let rows: &[Row<&str>] = &[
        (
            "its own type",
            r#"{"alg":"HS256","typ":"at+jwt"}"#,
            "accepted",
        ),
        (
            "the full media type",
            r#"{"alg":"HS256","typ":"application/AT+JWT"}"#,
            "accepted",
        ),
        ("a plain JWT", HEADER, "token type"),
        ("no type", r#"{"alg":"HS256"}"#, "token type"),
        (
            "another slash",
            r#"{"alg":"HS256","typ":"application/application/at+jwt"}"#,
            "token type",
        ),
        (
            "shorter than the prefix",
            r#"{"alg":"HS256","typ":"app"}"#,
            "token type",
        ),
        (
            "not at a character boundary",
            r#"{"alg":"HS256","typ":"applicatioäat+jwt"}"#,
            "token type",
        ),
    ];
    // RFC 7515 §4.1.9: both spellings name the same type, on both sides.
    for spelling in ["at+jwt", "application/at+jwt", "APPLICATION/AT+JWT"] {
        for (rule, header, expected) in rows {
            let only_at_jwt = validator().token_types([spelling]);
            assert_eq!(
                narrowed(only_at_jwt, header),
                *expected,
                "{spelling}: {rule}"
            );
        }
    }
}

#[test]
fn the_three_segments_keep_these_rules() {
    let good = forge(HEADER, &claims(json!({})));
    let [header, payload, signature]: [&str; 3] =
        good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let signed = |input: &str| sign(input, SECRET);
    let rows: &[Row<String>] = &[
        ("as it is", good.clone(), "accepted"),
        ("nothing", String::new(), "malformed"),
        ("one segment", header.to_owned(), "malformed"),
        ("two segments", format!("{header}.{payload}"), "malformed"),
        ("four segments", format!("{good}.{signature}"), "malformed"),
        (
            "five segments",
            format!("{good}.{signature}.{signature}"),
            "malformed",
        ),
        ("only dots", "..".to_owned(), "malformed"),
        ("no signature", format!("{header}.{payload}."), "signature"),
        ("no claims", signed(&format!("{header}.")), "malformed"),
        (
            "a padded header",
            signed(&format!("{}=.{payload}", encode(r#"{"alg":"HS256"}"#))),
            "malformed",
        ),
        ("a padded signature", format!("{good}="), "malformed"),
        (
            "base64 with +",
            format!("{header}.{payload}.+{}", &signature[1..]),
            "malformed",
        ),
        (
            "base64 with /",
            format!("{header}.{payload}./{}", &signature[1..]),
            "malformed",
        ),
        ("a space before", format!(" {good}"), "malformed"),
        ("a space after", format!("{good} "), "malformed"),
        (
            "a line break within",
            format!("{header}.{payload}.\n{signature}"),
            "malformed",
        ),
        (
            "not ASCII",
            format!("{header}.{payload}.ä{signature}"),
            "malformed",
        ),
        (
            "a signature that is cut",
            good[..good.len() - 3].to_owned(),
            "signature",
        ),
        (
            "a signature that is longer",
            format!("{good}AAAA"),
            "signature",
        ),
        (
            "a huge signature",
            format!("{header}.{payload}.{}", "A".repeat(8000)),
            "signature",
        ),
        (
            "as long as the longest signature, and not base64url",
            format!("{header}.{payload}.{}", "!".repeat(1368)),
            "malformed",
        ),
        (
            "another's signature",
            format!("{header}.{payload}.{}", encode([0; 32])),
            "signature",
        ),
        (
            "claims that are not UTF-8",
            signed(&format!("{header}.{}", encode([b'{', 0xff, b'}']))),
            "malformed",
        ),
        (
            "a header that is not UTF-8",
            signed(&format!("{}.{payload}", encode([0xff, 0xfe]))),
            "malformed",
        ),
        (
            "a header in a byte order mark",
            signed(&format!(
                "{}.{payload}",
                encode(format!("\u{feff}{HEADER}"))
            )),
            "malformed",
        ),
    ];
    for (rule, token, expected) in rows {
        assert_eq!(verdict(&validate(token)), *expected, "{rule}");
    }
}

#[test]
fn trailing_bits_are_not_another_spelling_of_the_same_token() {
    // 32 bytes are 43 characters, of which the last has two bits that mean nothing.
    let good = forge(HEADER, &claims(json!({})));
    let last = good.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).unwrap();
    let mut respelled = good.clone();
    respelled.pop();
    respelled.push(alphabet.as_bytes()[place + 1].into());
    assert_eq!(verdict(&validate(&respelled)), "malformed");
}

#[test]
fn a_token_larger_than_the_limit_is_not_looked_at() {
    let padded = |size: usize| forge(HEADER, &claims(json!({"pad": "x".repeat(size)})));
    assert_eq!(verdict(&validate(&padded(11_000))), "accepted");
    assert_eq!(verdict(&validate(&padded(13_000))), "too large");
    assert_eq!(verdict(&validate(&".".repeat(10_000_000))), "too large");
    let token = padded(0);
    let exact = validator().max_token_size(token.len());
    assert!(
        exact
            .validate::<serde_json::Value>(&token, &keys(), now())
            .is_ok()
    );
    let less = validator().max_token_size(token.len() - 1);
    let result = less.validate::<serde_json::Value>(&token, &keys(), now());
    assert_eq!(verdict(&result), "too large");
}
