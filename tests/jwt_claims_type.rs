//! The application's own type: read once, after the signature holds, and no way around
//! any rule.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod jwt_support;

use std::{
    collections::{BTreeMap, HashMap},
    marker::PhantomData,
};

use jwt_support::*;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Value, json, value::RawValue};
use tower_bearer::{
    Verified,
    jwt::{RegisteredClaims, ValidationError},
};

fn read<C: DeserializeOwned>(claims: &str) -> Result<Verified<C>, ValidationError> {
    validator().validate(&forge(HEADER, claims), &keys(), now())
}

#[derive(Debug, Deserialize, PartialEq)]
struct Own {
    sub: String,
    exp: u64,
    #[serde(default)]
    admin: bool,
    aud: String,
}

#[derive(Debug, Deserialize)]
struct Flattened {
    sub: String,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
struct Newtype(Own);

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Untagged {
    User {
        sub: String,
    },
    #[allow(dead_code)]
    Machine {
        machine: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    User { sub: String },
}

/// Looks at nothing.
#[derive(Debug)]
struct Blind;

impl<'de> Deserialize<'de> for Blind {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

/// Looks at the first name only, and leaves its value.
#[derive(Debug)]
struct Hasty(String);

impl<'de> Deserialize<'de> for Hasty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First;
        impl<'de> Visitor<'de> for First {
            type Value = Hasty;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("anything")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Hasty, A::Error> {
                Ok(Hasty(map.next_key()?.unwrap_or_default()))
            }
        }
        deserializer.deserialize_map(First)
    }
}

#[test]
fn each_shape_of_type_gets_its_claims() {
    let good = claims(json!({"admin": true, "n": {"a": [1, 2.5, null]}}));
    let own = Own {
        sub: "alice".to_owned(),
        exp: NOW + 300,
        admin: true,
        aud: "orders".to_owned(),
    };
    assert_eq!(*read::<Own>(&good).unwrap().claims(), own);
    assert_eq!(read::<Newtype>(&good).unwrap().claims().0, own);
    assert_eq!(
        read::<Option<Own>>(&good).unwrap().claims().as_ref(),
        Some(&own)
    );
    assert_eq!(read::<Box<Own>>(&good).unwrap().claims().sub, "alice");
    assert_eq!(
        *read::<Value>(&good).unwrap().claims(),
        serde_json::from_str::<Value>(&good).unwrap()
    );
    assert_eq!(
        read::<HashMap<String, Value>>(&good).unwrap().claims()["aud"],
        "orders"
    );
    assert_eq!(read::<Box<RawValue>>(&good).unwrap().claims().get(), good);
    assert_eq!(
        read::<HashMap<String, Box<RawValue>>>(&good)
            .unwrap()
            .claims()["n"]
            .get(),
        r#"{"a":[1,2.5,null]}"#
    );
    let flattened = read::<Flattened>(&good).unwrap();
    assert_eq!(
        (&*flattened.claims().sub, flattened.claims().rest.len()),
        ("alice", 6)
    );
    assert!(
        matches!(read::<Untagged>(&good).unwrap().claims(), Untagged::User { sub } if sub == "alice")
    );
    let tagged = claims(json!({"kind": "User"}));
    assert!(
        matches!(read::<Tagged>(&tagged).unwrap().claims(), Tagged::User { sub } if sub == "alice")
    );
    assert!(read::<IgnoredAny>(&good).is_ok());
}

/// What a type does not look at is judged all the same.
fn rules_hold_for<C: DeserializeOwned>(name: &str) {
    let rows: &[Row<String>] = &[
        ("good", claims(json!({})), "accepted"),
        ("expired", claims(json!({"exp": 1})), "expired"),
        ("no exp", claims(json!({"exp": null})), "missing claim"),
        ("another audience", claims(json!({"aud": "x"})), "audience"),
        ("a wrong type", claims(json!({"nbf": "x"})), "claim type"),
        (
            "sender-constrained",
            claims(json!({"cnf": {}})),
            "confirmation",
        ),
        (
            "a member twice",
            claims_and(r#""exp":9999999999"#),
            "duplicate member",
        ),
        (
            "twice with an escape",
            claims_and(r#""\u0065xp":9999999999"#),
            "duplicate member",
        ),
        (
            "first with an escape",
            claims_and(r#""\u0078":1,"x":1"#),
            "duplicate member",
        ),
        (
            "an unknown member twice",
            claims_and(r#""x":1,"y":2,"x":1"#),
            "duplicate member",
        ),
        (
            "something behind it",
            format!("{}x", claims(json!({}))),
            "malformed",
        ),
        (
            "cut off",
            claims(json!({})).trim_end_matches('}').to_owned(),
            "malformed",
        ),
    ];
    for (rule, claims, expected) in rows {
        assert_eq!(verdict(&read::<C>(claims)), *expected, "{name}: {rule}");
    }
}

#[test]
fn no_type_is_a_way_around_the_rules() {
    rules_hold_for::<Value>("Value");
    rules_hold_for::<IgnoredAny>("IgnoredAny");
    rules_hold_for::<HashMap<String, IgnoredAny>>("HashMap");
    rules_hold_for::<Flattened>("flatten");
    rules_hold_for::<Untagged>("untagged");
    rules_hold_for::<Box<RawValue>>("RawValue");
    rules_hold_for::<Blind>("a type that looks at nothing");
    rules_hold_for::<Hasty>("a type that looks at the first name only");
}

#[test]
fn a_type_that_left_a_value_unread_has_not_taken_it_from_the_rules() {
    let hasty = read::<Hasty>(&claims(json!({}))).unwrap();
    assert_eq!(hasty.claims().0, "aud");
    assert_eq!(
        hasty.registered().audience().collect::<Vec<_>>(),
        ["orders"]
    );
    assert_eq!(hasty.registered().subject(), Some("alice"));
}

/// What a type does with what it can't read: nothing.
trait Lenience {
    /// Reads one member; `false` ends the reading.
    fn member<'de, A: MapAccess<'de>>(map: &mut A) -> Result<bool, A::Error>;
}

#[derive(Debug)]
struct Lenient<L>(PhantomData<L>);

impl<'de, L: Lenience> Deserialize<'de> for Lenient<L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<L>(PhantomData<L>);
        impl<'de, L: Lenience> Visitor<'de> for Members<L> {
            type Value = Lenient<L>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lenient<L>, A::Error> {
                while L::member(&mut map)? {}
                Ok(Lenient(PhantomData))
            }
        }
        deserializer.deserialize_map(Members(PhantomData))
    }
}

#[derive(Debug, Deserialize)]
struct Nick {
    #[allow(dead_code)]
    nick: String,
}

#[derive(Debug)]
struct OfValues;
impl Lenience for OfValues {
    fn member<'de, A: MapAccess<'de>>(map: &mut A) -> Result<bool, A::Error> {
        let name = map.next_key::<String>()?;
        if name.as_deref() == Some("profile") {
            let _ = map.next_value::<Nick>();
        } else if name.is_some() {
            let _ = map.next_value::<Value>();
        }
        Ok(name.is_some())
    }
}

/// Reads values that are lenient themselves.
#[derive(Debug)]
struct OfNestedValues;
impl Lenience for OfNestedValues {
    fn member<'de, A: MapAccess<'de>>(map: &mut A) -> Result<bool, A::Error> {
        let name = map.next_key::<String>()?;
        if name.as_deref() == Some("outer") {
            let _ = map.next_value::<Lenient<OfValues>>();
        } else if name.is_some() {
            let _ = map.next_value::<Value>();
        }
        Ok(name.is_some())
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KnownName {
    Sub,
}

#[derive(Debug)]
struct OfNames;
impl Lenience for OfNames {
    fn member<'de, A: MapAccess<'de>>(map: &mut A) -> Result<bool, A::Error> {
        match map.next_key::<KnownName>() {
            Ok(None) => Ok(false),
            Ok(Some(KnownName::Sub)) | Err(_) => Ok(map.next_value::<Value>().is_ok()),
        }
    }
}

/// As serde derives it of a struct with one field and no name for it.
#[derive(Debug, Deserialize)]
struct Wrapped<T>(#[allow(dead_code)] T);

#[derive(Debug)]
struct OfEnds;
impl Lenience for OfEnds {
    fn member<'de, A: MapAccess<'de>>(map: &mut A) -> Result<bool, A::Error> {
        Ok(matches!(map.next_entry::<KnownName, Value>(), Ok(Some(_))))
    }
}

/// Whatever the type makes of errors, the rules see what is written at the top level, and
/// all of it.
#[test]
fn a_type_that_swallows_errors_is_no_way_around_the_rules() {
    let profile = r#""profile":{"nick":1,"token_type":"access","sub":"root"}"#;
    let rows = [
        ("an unreadable value", claims_and(profile)),
        (
            "a value unreadable within",
            claims_and(&format!(r#""outer":{{{profile},"token_type":"access"}}"#)),
        ),
        ("a good token", claims_and(r#""token_type":"access""#)),
        (
            "bound to its sender",
            claims_and(r#""token_type":"access","cnf":{}"#),
        ),
        (
            "another type of token",
            claims_and(r#""token_type":"refresh""#),
        ),
        (
            "a member twice",
            claims_and(r#""token_type":"access","token_type":"access""#),
        ),
        (
            "a claim twice",
            claims_and(r#""token_type":"access","sub":"root""#),
        ),
        (
            "more than an object",
            claims_and(r#""token_type":"access""#) + "}",
        ),
    ];
    fn check<C: DeserializeOwned>(row: &str, claims: &str) {
        let validator = validator().exact_claim("token_type", ["access"]);
        let token = forge(HEADER, claims);
        let strict = validator.validate::<HashMap<String, Value>>(&token, &keys(), now());
        let lenient = validator.validate::<C>(&token, &keys(), now());
        let name = std::any::type_name::<C>();
        assert_eq!(verdict(&lenient), verdict(&strict), "{row}: {name}");
        let subject = |it: &RegisteredClaims| it.subject().map(str::to_owned);
        assert_eq!(
            lenient.ok().map(|it| subject(it.registered())),
            strict.ok().map(|it| subject(it.registered())),
            "{row}: {name}"
        );
    }
    for (row, claims) in rows {
        check::<Lenient<OfValues>>(row, &claims);
        check::<Lenient<OfNestedValues>>(row, &claims);
        check::<Lenient<OfNames>>(row, &claims);
        check::<Lenient<OfEnds>>(row, &claims);
        check::<Wrapped<Lenient<OfValues>>>(row, &claims);
    }
}

/// Keeps each `sub` that it is shown, whatever can't be read before it.
#[derive(Debug)]
struct Subjects(Vec<String>);

impl<'de> Deserialize<'de> for Subjects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Subjects;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Subjects, A::Error> {
                let mut seen = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    match &*name {
                        "sub" => seen.push(map.next_value()?),
                        "profile" => drop(map.next_value::<Nick>()),
                        _ => drop(map.next_value::<Value>()),
                    }
                }
                Ok(Subjects(seen))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A reader that went on behind an unreadable value would be within it.
#[test]
fn what_stands_within_an_unreadable_value_is_no_member_of_the_claims() {
    let claims = claims_and(r#""profile":{"nick":1,"sub":"root"}"#);
    let plain = read::<Subjects>(&claims).unwrap();
    assert_eq!(plain.claims().0, ["alice"]);
    let wrapped = read::<Wrapped<Subjects>>(&claims).unwrap();
    assert_eq!(wrapped.claims().0.0, ["alice"]);
}

#[test]
fn a_broken_rule_is_named_before_a_type_that_does_not_fit() {
    let rows: &[Row<Value>] = &[
        (
            "a type that doesn't fit",
            json!({"sub": null}),
            "claims type",
        ),
        (
            "a member of another type",
            json!({"admin": "yes"}),
            "claims type",
        ),
        ("and expired", json!({"admin": "yes", "exp": 1}), "expired"),
        (
            "and another audience",
            json!({"admin": [[[]]], "aud": "x"}),
            "audience",
        ),
        (
            "several audiences where one was thought of",
            json!({"aud": ["orders"]}),
            "claims type",
        ),
        (
            "a fraction where none was thought of",
            json!({"exp": NOW as f64 + 0.5}),
            "claims type",
        ),
    ];
    for (rule, changes, expected) in rows {
        assert_eq!(
            verdict(&read::<Own>(&claims(changes.clone()))),
            *expected,
            "{rule}"
        );
    }
    for result in [
        read::<PhantomData<()>>(&claims(json!({}))).map(drop),
        read::<()>(&claims(json!({}))).map(drop),
        read::<Vec<u8>>(&claims(json!({}))).map(drop),
        read::<String>(&claims(json!({}))).map(drop),
    ] {
        assert!(
            result
                .unwrap_err()
                .to_string()
                .starts_with("the claims don't fit")
        );
    }
    assert_eq!(verdict(&read::<Own>("[1,2]")), "malformed");
    assert_eq!(verdict(&read::<Vec<u8>>("[1,2]")), "malformed");
    assert_eq!(verdict(&read::<String>("\"x\"")), "malformed");
    assert_eq!(verdict(&read::<Option<Own>>("null")), "malformed");
}

#[test]
fn what_serde_says_of_a_claim_is_escaped_and_cut() {
    let long = format!("\n\u{1b}[0m{}", "s".repeat(5000));
    let error = read::<Own>(&claims(json!({"admin": long})))
        .unwrap_err()
        .to_string();
    assert!(error.len() < 400, "{error}");
    assert!(error.contains("invalid type: string"), "{error}");
    assert!(
        !error.contains('\n') && !error.contains('\u{1b}'),
        "{error}"
    );
}

#[test]
fn nesting_of_any_depth_is_a_refusal_at_most() {
    let deep = |depth: usize| {
        claims_and(&format!(
            r#""x":{}1{}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        ))
    };
    assert_eq!(verdict(&read::<IgnoredAny>(&deep(5000))), "accepted");
    assert_eq!(verdict(&read::<Own>(&deep(5000))), "accepted");
    assert_eq!(verdict(&read::<Value>(&deep(5000))), "claims type");
    assert_eq!(verdict(&read::<Value>(&deep(100))), "accepted");
    let deep_in_scope = claims_and(&format!(
        r#""scope":{}{}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    ));
    assert_eq!(verdict(&read::<Own>(&deep_in_scope)), "claim type");
    let unclosed = claims_and(&format!(r#""x":{}"#, "{\"a\":".repeat(1500)));
    assert_eq!(verdict(&read::<Own>(&unclosed)), "malformed");
    let header = format!(
        r#"{{"alg":"HS256","x":{}{}}}"#,
        "[".repeat(2000),
        "]".repeat(2000)
    );
    assert_eq!(
        verdict(&validate(&forge(&header, &claims(json!({}))))),
        "accepted"
    );
}

#[test]
fn a_crowd_of_members_is_still_compared() {
    let crowd: Vec<String> = (0..900).map(|number| format!(r#""m{number}":1"#)).collect();
    assert_eq!(
        verdict(&read::<Value>(&claims_and(&crowd.join(",")))),
        "accepted"
    );
    for twice in ["m0", "m17", "m25", "m899", "\\u006d0", "\\u006d899"] {
        let members = format!(r#"{},"{twice}":1"#, crowd.join(","));
        assert_eq!(
            verdict(&read::<Value>(&claims_and(&members))),
            "duplicate member",
            "{twice}"
        );
    }
    // A registered claim behind few or many, and behind one that is written with an escape.
    let others = (1..40).map(|count| crowd[..count].join(","));
    for others in others.chain([r#""\u0078":1"#.to_owned()]) {
        for twice in ["jti", "\\u006ati"] {
            let members = format!(r#"{others},"jti":"a","{twice}":"b""#);
            let verdict = verdict(&read::<Value>(&claims_and(&members)));
            assert_eq!(verdict, "duplicate member", "{twice}");
        }
    }
}

#[test]
fn registered_claims_are_as_the_token_has_them() {
    let token = claims(json!({
        "aud": ["orders", "b\u{fc}cher"], "jti": "one", "client_id": "app", "nbf": NOW as f64 - 0.5,
    }));
    let token = token.replace("alice", r"\u0061lice \ud83d\ude00");
    let verified = read::<IgnoredAny>(&token).unwrap();
    let registered = verified.registered();
    assert_eq!(registered.issuer(), Some("https://id.example"));
    assert_eq!(registered.subject(), Some("alice 😀"));
    assert_eq!(
        registered.audience().collect::<Vec<_>>(),
        ["orders", "bücher"]
    );
    assert_eq!(registered.token_id(), Some("one"));
    assert_eq!(registered.client_id(), Some("app"));
    assert_eq!(
        registered.expires_at(),
        now() + std::time::Duration::from_secs(300)
    );
    assert_eq!(
        registered.not_before(),
        Some(now() - std::time::Duration::from_millis(500))
    );
    assert_eq!(
        registered.issued_at(),
        Some(now() - std::time::Duration::from_secs(300))
    );
    let without = read::<IgnoredAny>(&claims(json!({"sub": null, "iat": null}))).unwrap();
    assert_eq!(without.registered().subject(), None);
    assert_eq!(without.registered().issued_at(), None);
}

#[test]
fn scopes_come_in_these_forms() {
    let rows: &[(&str, Value, &str)] = &[
        ("none", json!({}), ""),
        ("a string", json!({"scope": "a b"}), "a b"),
        ("an array", json!({"scope": ["a", "b"]}), "a b"),
        ("scp as a string", json!({"scp": "a b"}), "a b"),
        ("scp as an array", json!({"scp": ["a", "b"]}), "a b"),
        (
            "scope goes before scp",
            json!({"scope": "a", "scp": "b"}),
            "a",
        ),
        ("an empty one", json!({"scope": ""}), ""),
        (
            "a member with a space is no scope",
            json!({"scope": ["a b", "c"]}),
            "c",
        ),
    ];
    for (rule, changes, expected) in rows {
        let verified = read::<IgnoredAny>(&claims(changes.clone())).unwrap();
        assert_eq!(verified.scopes().as_str(), *expected, "{rule}");
    }
    for (rule, changes) in [
        ("a number", json!({"scope": 1})),
        ("an object", json!({"scope": {"a": true}})),
        ("an array that is not all strings", json!({"scp": ["a", 1]})),
        (
            "scp, though scope is in order",
            json!({"scope": "a", "scp": 1}),
        ),
    ] {
        assert_eq!(
            verdict(&read::<IgnoredAny>(&claims(changes))),
            "claim type",
            "{rule}"
        );
    }
}

#[test]
fn a_verified_token_never_shows_the_token() {
    struct NotClone;
    impl<'de> Deserialize<'de> for NotClone {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            IgnoredAny::deserialize(deserializer).map(|_| Self)
        }
    }
    let token = forge(HEADER, &claims(json!({})));
    let verified: Verified<NotClone> = validator().validate(&token, &keys(), now()).unwrap();
    let clone = verified.clone(); // asks nothing of the claims
    assert_eq!(clone.expose_token(), token);
    let shown = format!("{clone:?}");
    assert!(shown.contains("alice"), "{shown}");
    for segment in token.split('.') {
        assert!(!shown.contains(segment), "{shown}");
    }
}
