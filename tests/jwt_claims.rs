//! The rules about claims: one row for each.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod jwt_support;

use std::time::{Duration, SystemTime};

use jwt_support::*;
use serde_json::{Value, json};
use tower_bearer::{Algorithm, Expected, Validator, jwt::SigningKey};

fn check(validator: &Validator, claims: &str) -> &'static str {
    verdict(&validator.validate::<Value>(&forge(HEADER, claims), &keys(), now()))
}

#[test]
fn issuer_and_audience_keep_these_rules() {
    let rows: &[Row<Value>] = &[
        ("both as expected", json!({}), "accepted"),
        ("no issuer", json!({"iss": null}), "missing claim"),
        (
            "another issuer",
            json!({"iss": "https://evil.example"}),
            "issuer",
        ),
        (
            "a slash too much",
            json!({"iss": "https://id.example/"}),
            "issuer",
        ),
        (
            "another case",
            json!({"iss": "https://ID.example"}),
            "issuer",
        ),
        (
            "a prefix of it",
            json!({"iss": "https://id.exampl"}),
            "issuer",
        ),
        ("an empty issuer", json!({"iss": ""}), "issuer"),
        (
            "an issuer in an array",
            json!({"iss": ["https://id.example"]}),
            "claim type",
        ),
        (
            "an issuer that is a number",
            json!({"iss": 1}),
            "claim type",
        ),
        ("no audience", json!({"aud": null}), "missing claim"),
        ("another audience", json!({"aud": "billing"}), "audience"),
        (
            "one of several audiences",
            json!({"aud": ["billing", "orders"]}),
            "accepted",
        ),
        (
            "none of several",
            json!({"aud": ["billing", "users"]}),
            "audience",
        ),
        ("no audience of none", json!({"aud": []}), "audience"),
        (
            "several in one string",
            json!({"aud": "billing orders"}),
            "audience",
        ),
        (
            "an audience that is a number",
            json!({"aud": 1}),
            "claim type",
        ),
        (
            "an array that is not all strings",
            json!({"aud": ["orders", 1]}),
            "claim type",
        ),
        (
            "an array in an array",
            json!({"aud": [["orders"]]}),
            "claim type",
        ),
        (
            "an audience that is an object",
            json!({"aud": {"orders": true}}),
            "claim type",
        ),
    ];
    for (rule, changes, expected) in rows {
        assert_eq!(
            check(&validator(), &claims(changes.clone())),
            *expected,
            "{rule}"
        );
    }
    assert_eq!(
        check(&validator(), &claims_and(r#""iss":"https://id.example""#)),
        "duplicate member"
    );
}

#[test]
fn null_is_not_a_value_of_a_registered_claim() {
    for name in ["nbf", "jti", "client_id", "scope", "scp"] {
        assert_eq!(
            check(&validator(), &claims_and(&format!(r#""{name}":null"#))),
            "claim type",
            "{name}"
        );
    }
    for name in ["iss", "aud", "exp", "sub", "iat"] {
        let without = claims(json!({ name: null }));
        let with_null = format!("{},\"{name}\":null}}", without.strip_suffix('}').unwrap());
        assert_eq!(check(&validator(), &with_null), "claim type", "{name}");
    }
}

#[test]
fn expected_values_come_in_these_forms() {
    let audience = |audience: Expected| Validator::new("https://id.example", audience);
    let cognito = json!({"aud": null, "client_id": "app"});
    let groups = json!({"groups": ["a", "orders"]});
    let rows: &[(&str, Validator, Value, &str)] = &[
        (
            "several aliases of an issuer",
            Validator::new(["accounts.example", "https://id.example"], "orders"),
            json!({}),
            "accepted",
        ),
        (
            "a vector of audiences",
            audience(vec!["x".to_owned(), "orders".to_owned()].into()),
            json!({}),
            "accepted",
        ),
        (
            "a slice of audiences",
            audience((&["x", "orders"][..]).into()),
            json!({}),
            "accepted",
        ),
        (
            "a string",
            audience(String::from("orders").into()),
            json!({}),
            "accepted",
        ),
        (
            "none of no values",
            audience(Expected::any_of::<&str>([])),
            json!({}),
            "audience",
        ),
        (
            "in another claim",
            audience(Expected::in_claim("client_id", "app")),
            cognito.clone(),
            "accepted",
        ),
        (
            "another value there",
            audience(Expected::in_claim("client_id", "other")),
            cognito.clone(),
            "audience",
        ),
        (
            "nothing there",
            audience(Expected::in_claim("client_id", "app")),
            json!({}),
            "missing claim",
        ),
        (
            "in a claim that is not registered",
            audience(Expected::in_claim("groups", "orders")),
            groups.clone(),
            "accepted",
        ),
        (
            "another value in it",
            audience(Expected::in_claim("groups", "users")),
            groups,
            "audience",
        ),
        (
            "a claim of the wrong type",
            audience(Expected::in_claim("groups", "users")),
            json!({"groups": 1}),
            "claim type",
        ),
        (
            "an issuer in another claim",
            Validator::new(Expected::in_claim("tenant", "t1"), "orders"),
            json!({"tenant": "t1", "iss": null}),
            "accepted",
        ),
        (
            "unchecked and absent",
            audience(Expected::unchecked()),
            json!({"aud": null}),
            "accepted",
        ),
        (
            "unchecked and any",
            audience(Expected::unchecked()),
            json!({"aud": "x"}),
            "accepted",
        ),
        (
            "unchecked, yet of the wrong type",
            audience(Expected::unchecked()),
            json!({"aud": 1}),
            "claim type",
        ),
        (
            "an unchecked issuer",
            Validator::new(Expected::unchecked(), "orders"),
            json!({"iss": null}),
            "accepted",
        ),
        (
            "unchecked, wherever",
            audience(Expected::in_claim("x", Expected::unchecked())),
            json!({"aud": null}),
            "accepted",
        ),
    ];
    for (rule, validator, changes, expected) in rows {
        assert_eq!(
            check(validator, &claims(changes.clone())),
            *expected,
            "{rule}"
        );
    }
}

#[test]
fn dates_keep_these_rules() {
    let rows: &[Row<Value>] = &[
        ("exp absent", json!({"exp": null}), "missing claim"),
        ("exp ahead", json!({"exp": NOW + 1}), "accepted"),
        (
            "exp within the leeway",
            json!({"exp": NOW - 59}),
            "accepted",
        ),
        (
            "exp at the end of the leeway",
            json!({"exp": NOW - 60}),
            "expired",
        ),
        (
            "exp a fraction before that",
            json!({"exp": NOW as f64 - 59.5}),
            "accepted",
        ),
        (
            "exp a fraction after that",
            json!({"exp": NOW as f64 - 60.5}),
            "expired",
        ),
        ("exp long ago", json!({"exp": 0}), "expired"),
        ("exp before 1970", json!({"exp": -1}), "expired"),
        ("exp a string", json!({"exp": "2000000000"}), "claim type"),
        ("exp a boolean", json!({"exp": true}), "claim type"),
        ("exp an array", json!({"exp": [NOW + 1]}), "claim type"),
        ("exp an object", json!({"exp": {}}), "claim type"),
        (
            "exp in the year 9999",
            json!({"exp": 253_402_300_799_u64}),
            "accepted",
        ),
        (
            "exp in the year 10000",
            json!({"exp": 253_402_300_800_u64}),
            "claim type",
        ),
        (
            "exp in milliseconds",
            json!({"exp": (NOW + 300) * 1000}),
            "claim type",
        ),
        ("nbf passed", json!({"nbf": NOW - 1}), "accepted"),
        (
            "nbf within the leeway",
            json!({"nbf": NOW + 60}),
            "accepted",
        ),
        (
            "nbf beyond the leeway",
            json!({"nbf": NOW + 61}),
            "not yet valid",
        ),
        ("nbf a string", json!({"nbf": "0"}), "claim type"),
        ("iat absent", json!({"iat": null}), "accepted"),
        (
            "iat within the leeway",
            json!({"iat": NOW + 60}),
            "accepted",
        ),
        (
            "iat beyond the leeway",
            json!({"iat": NOW + 61}),
            "issued in the future",
        ),
        ("iat a string", json!({"iat": "0"}), "claim type"),
    ];
    for (rule, changes, expected) in rows {
        assert_eq!(
            check(&validator(), &claims(changes.clone())),
            *expected,
            "{rule}"
        );
    }
}

#[test]
fn numbers_that_fit_nothing_are_refused_and_nothing_else() {
    let rows: &[Row<&str>] = &[
        ("in exponent form", "18e8", "accepted"),
        ("in exponent form, with a sign", "1.9E+9", "accepted"),
        (
            "with a long fraction",
            "1900000000.000000000000000000000000000000001",
            "accepted",
        ),
        ("the largest i64", "9223372036854775807", "claim type"),
        ("beyond i64", "9223372036854775808", "claim type"),
        ("beyond u64", "18446744073709551616", "claim type"),
        ("beyond f64", "1e400", "claim type"),
        ("far beyond f64", "-1e999999999999", "claim type"),
        ("a thousand digits", &"9".repeat(1000), "claim type"),
        ("smaller than anything", "1e-400", "expired"),
        ("minus zero", "-0", "expired"),
        ("far in the past", "-253402300801", "claim type"),
        ("NaN", "NaN", "malformed"),
        ("infinity", "Infinity", "malformed"),
        ("inf", "inf", "malformed"),
        ("a plus sign", "+1900000000", "malformed"),
        ("a leading zero", "01900000000", "malformed"),
        ("hexadecimal", "0x7fffffff", "malformed"),
        ("no fraction after the dot", "1900000000.", "malformed"),
    ];
    let without = claims(json!({"exp": null}));
    for (rule, number, expected) in rows {
        let claims = format!("{},\"exp\":{number}}}", without.strip_suffix('}').unwrap());
        // `IgnoredAny` and a map of text: what C makes of numbers is not the question.
        let result =
            validator().validate::<serde::de::IgnoredAny>(&forge(HEADER, &claims), &keys(), now());
        assert_eq!(verdict(&result), *expected, "{rule}");
        // `Value` can't hold some of them; the verdict is the same, or stricter.
        let as_value = check(&validator(), &claims);
        assert!(
            as_value == *expected || *expected == "accepted",
            "{rule}: {as_value}"
        );
    }
    // The same in a claim that nobody looks at.
    let claims = claims_and(r#""other":1e400"#);
    let result =
        validator().validate::<serde::de::IgnoredAny>(&forge(HEADER, &claims), &keys(), now());
    assert_eq!(verdict(&result), "accepted");
    assert_eq!(check(&validator(), &claims), "claims type");
}

/// As a clock that was never set may tell, and dates of which no system is sure.
#[test]
fn moments_before_1970_are_moments() {
    let before = |seconds| SystemTime::UNIX_EPOCH - Duration::from_secs(seconds);
    let token = forge(
        HEADER,
        &claims(json!({"exp": -500, "nbf": -2000, "iat": -2000})),
    );
    let verified = validator()
        .validate::<Value>(&token, &keys(), before(1000))
        .unwrap();
    assert_eq!(verified.registered().expires_at(), before(500));
    let late = validator().validate::<Value>(&token, &keys(), before(300));
    assert_eq!(verdict(&late), "expired");
}

#[test]
fn no_setting_and_no_clock_makes_dates_panic() {
    let token = forge(
        HEADER,
        &claims(json!({"exp": NOW + 300, "nbf": 0, "iat": -1})),
    );
    for leeway in [Duration::ZERO, Duration::MAX] {
        for now in [
            SystemTime::UNIX_EPOCH,
            SystemTime::UNIX_EPOCH - Duration::from_secs(u32::MAX.into()),
            SystemTime::UNIX_EPOCH + Duration::from_secs(u64::MAX / 4),
        ] {
            let _ = validator()
                .leeway(leeway)
                .validate::<Value>(&token, &keys(), now);
        }
    }
}

#[test]
fn spaces_between_members_change_nothing() {
    let spaced = format!(
        "\r\n{{ \"iss\" :\t\"https://id.example\" , \"aud\" : [ \"orders\" ] , \"exp\" : \n{} }} ",
        NOW + 300
    );
    assert_eq!(check(&validator(), &spaced), "accepted");
}

#[test]
fn the_leeway_is_as_it_was_set() {
    let strict = validator().leeway(Duration::ZERO);
    assert_eq!(check(&strict, &claims(json!({"exp": NOW}))), "expired");
    assert_eq!(check(&strict, &claims(json!({"exp": NOW + 1}))), "accepted");
    assert_eq!(check(&strict, &claims(json!({"nbf": NOW}))), "accepted");
    assert_eq!(
        check(&strict, &claims(json!({"nbf": NOW + 1}))),
        "not yet valid"
    );
    assert_eq!(Validator::DEFAULT_LEEWAY, Duration::from_secs(60));
}

#[test]
fn a_sender_constrained_token_is_refused_unless_something_checks_the_sender() {
    let bound = claims(json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}));
    assert_eq!(check(&validator(), &bound), "confirmation");
    assert_eq!(
        check(&validator(), &claims_and(r#""cnf":null"#)),
        "confirmation"
    );
    assert_eq!(
        check(&validator().confirmation_checked_upstream(), &bound),
        "accepted"
    );
}

#[test]
fn configured_claims_keep_these_rules() {
    let access = || validator().exact_claim("token_type", ["access"]);
    let several = || validator().exact_claim("token_use", ["access", "id"]);
    let rows: &[(&str, Validator, Value, &str)] = &[
        (
            "required and there",
            validator().require_claim("sub"),
            json!({}),
            "accepted",
        ),
        (
            "required and missing",
            validator().require_claim("sub"),
            json!({"sub": null}),
            "missing claim",
        ),
        (
            "an unregistered one",
            validator().require_claim("tenant"),
            json!({"tenant": 1}),
            "accepted",
        ),
        (
            "an unregistered one, missing",
            validator().require_claim("tenant"),
            json!({}),
            "missing claim",
        ),
        (
            "two unregistered ones",
            access().require_claim("tenant"),
            json!({"token_type": "access", "tenant": 1}),
            "accepted",
        ),
        (
            "two unregistered ones, the second missing",
            access().require_claim("tenant"),
            json!({"token_type": "access"}),
            "missing claim",
        ),
        (
            "an exact value",
            access(),
            json!({"token_type": "access"}),
            "accepted",
        ),
        (
            "a refresh token",
            access(),
            json!({"token_type": "refresh"}),
            "claim value",
        ),
        ("no value", access(), json!({}), "missing claim"),
        (
            "a value in an array",
            access(),
            json!({"token_type": ["access"]}),
            "claim type",
        ),
        (
            "a value of another case",
            access(),
            json!({"token_type": "Access"}),
            "claim value",
        ),
        (
            "one of several values",
            several(),
            json!({"token_use": "id"}),
            "accepted",
        ),
        (
            "none of several values",
            several(),
            json!({"token_use": "refresh"}),
            "claim value",
        ),
        (
            "one of no values",
            validator().exact_claim::<&str>("a", []),
            json!({"a": "b"}),
            "claim value",
        ),
        (
            "an exact registered claim",
            validator().exact_claim("sub", ["bob"]),
            json!({}),
            "claim value",
        ),
        (
            "a predicate that holds",
            validator().predicate("is alice", |claims| claims.subject() == Some("alice")),
            json!({}),
            "accepted",
        ),
        (
            "a predicate that doesn't",
            validator().predicate("is bob", |claims| claims.subject() == Some("bob")),
            json!({}),
            "predicate",
        ),
    ];
    for (rule, validator, changes, expected) in rows {
        assert_eq!(
            check(validator, &claims(changes.clone())),
            *expected,
            "{rule}"
        );
    }
    assert_eq!(
        check(
            &validator().require_claim("tenant"),
            &claims_and(r#""tenant":null"#)
        ),
        "missing claim"
    );
}

#[test]
fn all_that_rfc_9068_asks_for() {
    let validator = Validator::rfc9068("https://id.example", "orders");
    let header = r#"{"alg":"HS256","typ":"at+jwt"}"#;
    let complete = json!({"client_id": "app", "jti": "1"});
    let check = |header: &str, changes: &Value| {
        let token = forge(header, &claims(changes.clone()));
        verdict(&validator.validate::<Value>(&token, &keys(), now()))
    };
    assert_eq!(check(header, &complete), "accepted");
    assert_eq!(check(HEADER, &complete), "token type");
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        let mut changes = complete.clone();
        changes[name] = Value::Null;
        assert_eq!(check(header, &changes), "missing claim", "{name}");
    }
    // Also where the issuer's value is of no interest.
    let unchecked = Validator::rfc9068(Expected::unchecked(), Expected::unchecked());
    let token = forge(
        header,
        &claims(json!({"client_id": "app", "jti": "1", "iss": null})),
    );
    assert_eq!(
        verdict(&unchecked.validate::<Value>(&token, &keys(), now())),
        "missing claim"
    );
}

#[test]
fn the_order_is_cheap_first_and_the_signature_before_the_claims() {
    let expired = claims(json!({"exp": 1, "aud": "x"}));
    let forged = forge_with(HEADER, &expired, b"another secret of thirty-two byte");
    assert_eq!(verdict(&validate(&forged)), "signature");
    let forged = forge_with(
        r#"{"alg":"HS256","typ":"x"}"#,
        &expired,
        b"another secret of thirty-two byte",
    );
    assert_eq!(verdict(&validate(&forged)), "token type");
    // A token for someone else tells nobody that it has expired.
    assert_eq!(verdict(&validate(&forge(HEADER, &expired))), "audience");
}

#[test]
fn the_log_says_what_was_expected_and_what_came() {
    let error = |changes: Value| {
        validate(&forge(HEADER, &claims(changes)))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(json!({"aud": "billing"})),
        "the token's audience is `billing`, this API expects `orders`"
    );
    assert_eq!(
        error(json!({"iss": "https://id.example/"})),
        "the token's issuer is `https://id.example/`, this API expects `https://id.example`; \
         they differ by the slash at the end: write it exactly as the issuer does"
    );
    // Several issuers, longer than what is shown of them.
    let long = format!("https://id.example/{}", "x".repeat(100));
    let slash = |received: String| {
        let validator = Validator::new(["https://other.example", &*long], "orders");
        let token = forge(HEADER, &claims(json!({"iss": received})));
        let result = validator.validate::<Value>(&token, &keys(), now());
        result.unwrap_err().to_string().contains("slash")
    };
    assert!(slash(format!("{long}/")));
    assert!(!slash(format!("{long}y")));
    assert_eq!(
        error(json!({"exp": NOW - 100})),
        "the token expired 100 s ago; its bearer needs a new one, unless the clocks of issuer \
         and API differ"
    );
    // Escaped and cut.
    assert_eq!(
        error(json!({"aud": "a\n\u{1b}[31m"})),
        r"the token's audience is `a\n\u{1b}[31m`, this API expects `orders`"
    );
    // Four values are shown.
    assert_eq!(
        error(json!({"aud": ["a", "b", "c", "d"]})),
        "the token's audience is `a`, `b`, `c`, `d`, this API expects `orders`"
    );
    assert_eq!(
        error(json!({"aud": ["a", "b", "c", "d", "e"]})),
        "the token's audience is `a`, `b`, `c`, `d`, …, this API expects `orders`"
    );
    let long = error(json!({"aud": vec!["x".repeat(500); 20]}));
    assert!(long.len() < 400 && long.contains('…'), "{long}");
}

#[test]
fn what_is_printed_for_people_says_the_same_to_developers() {
    let error = validate(&forge(HEADER, &claims(json!({"aud": "billing"})))).unwrap_err();
    assert_eq!(
        format!("{error:?}"),
        "ValidationError(\"the token's audience is `billing`, this API expects `orders`\")"
    );
    let error = Expected::pattern("https://{tid").unwrap_err();
    assert_eq!(format!("{error:?}"), format!("PatternError({error})"));
    let validator = format!("{:?}", validator());
    assert!(validator.contains("https://id.example"), "{validator}");
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let key = format!("{:?}", key.with_key_id("2026-01"));
    assert!(key.contains("ES256") && key.contains("2026-01"), "{key}");
    let debug = |expected: Expected| format!("{expected:?}");
    assert!(debug("orders".into()).contains(r#"["orders"]"#));
    assert!(debug(Expected::unchecked()).contains("unchecked"));
    assert!(debug(Expected::pattern("https://id.example/{tid}").unwrap()).contains("{tid}"));
    assert!(debug(Expected::matching(|_| true)).contains("a function"));
}

#[test]
fn each_refusal_says_what_would_mend_it() {
    let plain = validator;
    let token = |changes: Value| forge(HEADER, &claims(changes));
    let headed = |header: &str| forge(header, &claims(json!({})));
    let rows: Vec<(Validator, String, &str)> = vec![
        (
            plain().max_token_size(9),
            token(json!({})),
            "`max_token_size`",
        ),
        (plain(), "opaque".to_owned(), "`RequireToken`"),
        (
            plain(),
            headed(r#"{"alg":"none"}"#),
            "there are HS, RS, PS and ES",
        ),
        (
            plain().algorithms([Algorithm::RS256, Algorithm::ES256]),
            token(json!({})),
            "is `HS256`, this API expects `RS256`, `ES256` (`Validator::algorithms`)",
        ),
        (
            plain(),
            headed(r#"{"alg":"HS384","kid":"elsewhere"}"#),
            "no key `elsewhere` for HS384: is the token of another issuer or environment",
        ),
        (
            plain(),
            headed(r#"{"alg":"HS384"}"#),
            "the issuer has to write a `kid`",
        ),
        (
            plain(),
            headed(r#"{"alg":"HS256","crit":["b64"]}"#),
            "the issuer has to leave it out",
        ),
        (
            plain(),
            headed(r#"{"alg":"HS256","typ":"logout+jwt"}"#),
            "another kind of token",
        ),
        (
            plain(),
            headed(r#"{"alg":"HS256","typ":"logout+jwt"}"#),
            "this API expects `JWT`, `at+jwt` or none",
        ),
        (
            plain().token_types(["at+jwt", "x"]),
            headed(HEADER),
            "this API expects `at+jwt`, `x`",
        ),
        (
            plain(),
            token(json!({"nbf": NOW + 99})),
            "compare the clocks",
        ),
        (
            plain(),
            token(json!({"iat": NOW + 99})),
            "compare the clocks",
        ),
        (plain(), token(json!({"aud": null})), "`Expected::in_claim`"),
        (plain(), token(json!({"iss": null})), "`Expected::in_claim`"),
        (
            plain(),
            token(json!({"exp": null})),
            "one that never ends is not accepted",
        ),
        (
            plain().require_claim("user_id"),
            token(json!({})),
            "no claim `user_id`, which this API requires; its issuer has to write it",
        ),
        (
            plain().exact_claim("token_type", ["access"]),
            token(json!({"token_type": "refresh"})),
            "`token_type` is `refresh`, this API expects `access`",
        ),
        (
            plain(),
            token(json!({"cnf": {"jkt": "x"}})),
            "`confirmation_checked_upstream()`",
        ),
        (
            plain().predicate("not revoked", |_| false),
            token(json!({})),
            "the API's own rule `not revoked`",
        ),
    ];
    for (validator, token, fix) in rows {
        let error = validator.validate::<Value>(&token, &keys(), now());
        let said = error.unwrap_err().to_string();
        assert!(said.contains(fix), "{fix}: {said}");
    }
    let error = validator().validate::<Vec<u8>>(&token(json!({})), &keys(), now());
    let said = error.unwrap_err().to_string();
    assert!(
        said.contains("let the type take what the issuer writes"),
        "{said}"
    );
}

#[test]
fn only_expiry_is_told_apart() {
    let error = |changes: Value| validate(&forge(HEADER, &claims(changes))).unwrap_err();
    assert!(error(json!({"exp": 1})).is_expired());
    assert!(!error(json!({"aud": "x"})).is_expired());
    assert!(!error(json!({"nbf": NOW + 1000})).is_expired());
}
