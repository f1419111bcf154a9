//! The fault table: for each way in which a provider fails, what a request gets, how many
//! requests the provider sees, what the handle says, and how it recovers.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod remote_support;

use std::{error::Error, ops::RangeInclusive, time::Duration};

use remote_support::{
    Answer, Asked, ISSUER, JWKS, MINUTE, Publisher, SECOND, answer, jwks, key, log::Log, status,
    token,
};
use serde_json::{Value, json};
use tokio::time::sleep;
use tower_bearer::{
    RemoteKeySet,
    clock::{Clock, SystemClock},
    jwt::SigningKey,
    keys::remote::{FetchError, Timing},
};

/// A fault, and what becomes of it.
struct Row {
    fault: &'static str,
    answer: Answer,
    /// What the handle and the log say of it.
    says: &'static str,
    /// The longest that a request waits because of it.
    waits: Duration,
    /// How often the provider is asked in ten minutes.
    attempts: RangeInclusive<usize>,
    /// The longest that the provider is left alone, in seconds.
    pause: u64,
}

fn row(fault: &'static str, answer: Answer, says: &'static str) -> Row {
    Row {
        fault,
        answer,
        says,
        waits: Duration::ZERO,
        attempts: 12..=20, // after 1 s, 2 s, 4 s, … 60 s, up to a fifth of which is left off
        pause: 60,
    }
}

/// What may stand where a JWKS or an issuer's metadata should; `not` is what it is not.
fn faults(document: &Value, not: &'static str) -> Vec<Row> {
    let whole = document.to_string();
    let page = "<!doctype html><title>Sign in</title>";
    vec![
        row("connection refused", Answer::Refused, "connection refused"),
        Row {
            waits: 5 * SECOND,
            ..row("timeout", Answer::Never, "did not answer in time")
        },
        Row {
            waits: 5 * SECOND,
            ..row(
                "one byte a second",
                Answer::Slowly(whole.clone().into()),
                "did not answer in time",
            )
        },
        row(
            "cut off",
            Answer::CutOff(whole.clone().into()),
            "connection reset",
        ),
        row("500", Answer::status(500), "500 Internal Server Error"),
        row("429", Answer::status(429), "429 Too Many Requests"),
        Row {
            attempts: 6..=7, // `warm` has one more at its beginning
            pause: 90,
            ..row(
                "429 with a pause",
                Answer::status(429).header("retry-after", "90"),
                "429 Too Many Requests",
            )
        },
        row("404", Answer::status(404), "404 Not Found"),
        row("401", Answer::status(401), "401 Unauthorized"),
        row(
            "304 that nobody asked for",
            Answer::status(304),
            "304 Not Modified",
        ),
        row(
            "206",
            Answer::Status(206, Default::default(), whole.into()),
            "206 Partial Content",
        ),
        row(
            "redirected",
            Answer::status(307).header("location", "https://id.example/elsewhere"),
            "never followed",
        ),
        row(
            "HTML",
            Answer::body(page).header("content-type", "text/html"),
            not,
        ),
        row("empty", Answer::body(""), not),
        row(
            "an error page in JSON",
            Answer::json(&json!({"error": "maintenance"})),
            not,
        ),
        row("5 MiB", Answer::body(vec![b' '; 5 << 20]), "too much"),
    ]
}

/// What may stand where a JWKS should, besides.
fn faults_of_a_set(keys: &[SigningKey]) -> Vec<Row> {
    let set = |keys: Vec<Value>| Answer::json(&json!({ "keys": keys }));
    let jwk: Value = serde_json::from_str(&keys[0].public_jwk().unwrap()).unwrap();
    let with = |member: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[member] = value;
        jwk
    };
    vec![
        row("no keys", set(vec![]), "the set has no keys"),
        row("10,000 keys", set(vec![json!({}); 10_000]), "10000 keys"),
        row(
            "only a private key",
            set(vec![with("d", json!("AAAA"))]),
            "kept secret",
        ),
        row(
            "only a shared secret",
            set(vec![json!({"kty": "oct", "alg": "HS256", "k": "c2VjcmV0"})]),
            "kept secret",
        ),
        row(
            "only a broken key",
            set(vec![with("x", json!("!"))]),
            "not base64url",
        ),
        row(
            "only an encryption key",
            set(vec![with("use", json!("enc"))]),
            "`use`",
        ),
        row(
            "keys that are no array",
            Answer::json(&json!({"keys": jwk})),
            "not a JWKS",
        ),
    ]
}

/// What may stand where an issuer's metadata should, besides.
fn faults_of_metadata() -> Vec<Row> {
    let document = |issuer: &str, jwks_uri: &str| {
        Answer::json(&json!({ "issuer": issuer, "jwks_uri": jwks_uri }))
    };
    vec![
        row(
            "another issuer",
            document("https://evil.example", JWKS),
            "its issuer is `https://evil.example`",
        ),
        row(
            "a slash too much",
            document("https://id.example/", JWKS),
            "its issuer is",
        ),
        row(
            "plain http",
            document(ISSUER, "http://id.example/jwks"),
            "plain http",
        ),
        row(
            "this machine",
            document(ISSUER, "https://127.0.0.1/jwks"),
            "is this machine",
        ),
        row(
            "no jwks_uri",
            Answer::json(&json!({ "issuer": ISSUER })),
            "`jwks_uri`",
        ),
    ]
}

fn explained(error: &FetchError) -> String {
    let mut shown = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        shown = format!("{shown}: {cause}");
        source = cause.source();
    }
    shown
}

fn now() -> Duration {
    SystemClock::new().monotonic()
}

/// One request a second for ten minutes; each has to get one of `expected`, and not wait
/// longer than the row says.
async fn ten_minutes(row: &Row, keys: &RemoteKeySet, token: &str, expected: &[u16]) {
    let start = now();
    while now() - start < 10 * MINUTE {
        let before = now();
        let got = status(keys, token).await;
        let fault = row.fault;
        assert!(
            expected.contains(&got),
            "{fault}: {got} after {:?}",
            before - start
        );
        assert!(
            now() - before <= row.waits,
            "{fault}: waited {:?}",
            now() - before
        );
        sleep(SECOND).await;
    }
}

/// From the start: no keys, and 503 until they come.
async fn cold(
    row: &Row,
    publisher: &Publisher,
    keys: &RemoteKeySet,
    a: &SigningKey,
    per_attempt: usize,
) {
    let fault = row.fault;
    let token = token(a);
    ten_minutes(row, keys, &token, &[503]).await;
    let asked = publisher.asked();
    assert_eq!(asked % per_attempt, 0, "{fault}: {asked} requests");
    assert!(
        row.attempts.contains(&(asked / per_attempt)),
        "{fault}: {asked} requests"
    );
    let state = keys.state();
    assert!(!state.is_ready, "{fault}");
    let said = explained(&state.last_error.unwrap());
    assert!(said.contains(row.says), "{fault}: {said}");
    let refused = answer(keys, &token).await;
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=row.pause).contains(&wait), "{fault}: {wait}");
}

/// With good keys from before: they go on serving, and what is unknown is 401 within their
/// lifetime and 503 past it.
async fn warm(
    row: &Row,
    publisher: &Publisher,
    keys: &RemoteKeySet,
    a: &SigningKey,
    per_attempt: usize,
) {
    let fault = row.fault;
    let before = publisher.asked();
    let (known, unknown) = (token(a), token(&key("unknown")));
    let start = now();
    let mut refusals = Vec::new();
    while now() - start < 10 * MINUTE {
        assert_eq!(status(keys, &known).await, 200, "{fault}");
        if (now() - start).as_secs() % 10 == 9 {
            let asked = now();
            refusals.push((now() - start, status(keys, &unknown).await));
            assert!(
                now() - asked <= row.waits,
                "{fault}: waited {:?}",
                now() - asked
            );
        }
        sleep(SECOND).await;
    }
    // The set lives for a minute.
    for (at, got) in refusals {
        let expected: &[u16] = match at.as_secs() {
            ..=50 => &[401],
            51..=70 => &[401, 503],
            _ => &[503],
        };
        assert!(expected.contains(&got), "{fault}: {got} after {at:?}");
    }
    let asked = publisher.asked() - before;
    assert!(
        asked / per_attempt <= *row.attempts.end(),
        "{fault}: {asked} requests"
    );
    let state = keys.state();
    assert!(state.is_ready, "{fault}");
    assert_eq!(state.key_ids, ["a"], "{fault}");
    assert!(state.staleness > 8 * MINUTE, "{fault}");
    let said = explained(&state.last_error.unwrap());
    assert!(said.contains(row.says), "{fault}: {said}");
}

/// The provider is well again: so are we, when the pause is over.
async fn recovered(row: &Row, keys: &RemoteKeySet, a: &SigningKey) {
    let token = token(a);
    for _ in 0..=row.pause {
        let _ = status(keys, &token).await;
        sleep(SECOND).await;
    }
    assert_eq!(status(keys, &token).await, 200, "{}", row.fault);
    assert!(keys.state().last_error.is_none(), "{}", row.fault);
    assert_eq!(keys.state().staleness, Duration::ZERO, "{}", row.fault);
}

fn good(document: &Value) -> Answer {
    Answer::json(document).header("cache-control", "max-age=60")
}

/// A provider that fails from the start, gets well, fails again and gets well again.
/// `publish` sets what it answers; `per_attempt` requests end in the fault.
async fn twice(
    row: &Row,
    publisher: &Publisher,
    keys: &RemoteKeySet,
    a: &SigningKey,
    publish: impl Fn(Option<Answer>),
    per_attempt: usize,
) {
    let log = Log::default();
    let logging = log.start();
    publish(Some(row.answer.clone()));
    cold(row, publisher, keys, a, per_attempt).await;
    publish(None);
    recovered(row, keys, a).await;
    keys.refresh().await.unwrap();
    publish(Some(row.answer.clone()));
    warm(row, publisher, keys, a, per_attempt).await;
    publish(None);
    recovered(row, keys, a).await;
    drop(logging);
    let (failures, fault) = (keys.state().counters.failures, row.fault);
    let log = log.text();
    let warnings = log.lines().filter(|line| line.contains("WARN"));
    let warnings = warnings.filter(|line| line.contains("keys could not be read"));
    let warnings: Vec<_> = warnings.collect();
    assert_eq!(warnings.len() as u64, failures, "{fault}");
    for warning in warnings {
        assert!(warning.contains(row.says), "{fault}: {warning}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_fault_of_a_jwks() {
    let a = key("a");
    let document = jwks([&a]);
    let rows = faults(&document, "not a JWKS").into_iter();
    for row in rows.chain(faults_of_a_set(std::slice::from_ref(&a))) {
        let publisher = Publisher::new(|_| Answer::Never);
        let publish = |fault: Option<Answer>| {
            publisher.always(fault.unwrap_or_else(|| good(&document)));
        };
        twice(&row, &publisher, &publisher.keys(), &a, publish, 1).await;
    }
}

fn is_metadata(asked: &Asked) -> bool {
    asked.uri.path().contains("/.well-known/")
}

#[tokio::test(start_paused = true)]
async fn each_fault_of_metadata() {
    let a = key("a");
    let (metadata, document) = (json!({ "issuer": ISSUER, "jwks_uri": JWKS }), jwks([&a]));
    let rows = faults(&metadata, "is no metadata").into_iter();
    for row in rows.chain(faults_of_metadata()) {
        let publisher = Publisher::new(|_| Answer::Never);
        let publish = |fault: Option<Answer>| {
            let metadata = fault.unwrap_or_else(|| Answer::json(&metadata));
            let document = good(&document);
            publisher.answer(move |asked| match is_metadata(asked) {
                true => metadata.clone(),
                false => document.clone(),
            });
        };
        let mut timing = Timing::default();
        timing.metadata = Duration::ZERO; // read again each time
        let keys = RemoteKeySet::discover(ISSUER).unwrap().timing(timing);
        let keys = keys.over(publisher.clone());
        // Where this address has no metadata, the other one is asked as well.
        let is_elsewhere = matches!(row.fault, "404" | "401" | "HTML" | "empty" | "no jwks_uri")
            || row.says.starts_with("its issuer")
            || row.fault == "an error page in JSON";
        let per_attempt = 1 + usize::from(is_elsewhere);
        twice(&row, &publisher, &keys, &a, publish, per_attempt).await;
        assert_eq!(keys.state().source, ISSUER, "{}", row.fault);
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_that_fails_later_leaves_the_keys_that_it_gave() {
    let a = key("a");
    let document = good(&jwks([&a]));
    let publisher = Publisher::new(move |asked| match is_metadata(asked) {
        true => Answer::json(&json!({ "issuer": ISSUER, "jwks_uri": JWKS })),
        false => document.clone(),
    });
    let keys = RemoteKeySet::discover(ISSUER)
        .unwrap()
        .over(publisher.clone());
    let token = token(&a);
    for minute in 0..110 {
        if minute == 30 {
            // For an hour it is not read again, and then it is.
            let document = good(&jwks([&a]));
            publisher.answer(move |asked| match is_metadata(asked) {
                true => {
                    Answer::json(&json!({ "issuer": "https://evil.example", "jwks_uri": JWKS }))
                }
                false => document.clone(),
            });
        }
        assert_eq!(status(&keys, &token).await, 200, "minute {minute}");
        sleep(MINUTE).await;
    }
    let said = explained(&keys.state().last_error.unwrap());
    assert!(
        said.contains("its issuer is `https://evil.example`"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_serve_an_hour_past_their_lifetime_and_then_it_is_503() {
    let a = key("a");
    let publisher = Publisher::new(|_| Answer::Never);
    publisher.always(good(&jwks([&a])));
    let keys = publisher.keys();
    let token = token(&a);
    assert_eq!(status(&keys, &token).await, 200);
    publisher.always(Answer::Refused);
    for minute in 0..61 {
        assert_eq!(status(&keys, &token).await, 200, "minute {minute}");
        sleep(MINUTE).await;
    }
    assert_eq!(status(&keys, &token).await, 503);
    assert!(!keys.state().is_ready);
    publisher.publish([&a]);
    sleep(MINUTE).await;
    assert_eq!(status(&keys, &token).await, 200);
}

#[tokio::test(start_paused = true)]
async fn what_is_odd_in_a_set_does_not_spoil_it() {
    let (a, b) = (key("a"), key("b"));
    let set = |extra: Vec<Value>| {
        let mut document = jwks([&a, &b]);
        document["keys"].as_array_mut().unwrap().extend(extra);
        document
    };
    let jwk: Value = serde_json::from_str(&key("c").public_jwk().unwrap()).unwrap();
    let with = |member: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[member] = value;
        jwk
    };
    let twin: Value = serde_json::from_str(&key("a").public_jwk().unwrap()).unwrap();
    let same: Value = serde_json::from_str(&a.public_jwk().unwrap()).unwrap();
    let rows = [
        ("two keys of one kid", set(vec![twin]), vec!["a", "b", "a"]),
        ("the same key twice", set(vec![same]), vec!["a", "b"]),
        (
            "a broken key",
            set(vec![with("x", json!("!"))]),
            vec!["a", "b"],
        ),
        (
            "a private key",
            set(vec![with("d", json!("AAAA"))]),
            vec!["a", "b"],
        ),
        (
            "a shared secret",
            set(vec![json!({"kty": "oct", "alg": "HS256", "k": "c2VjcmV0"})]),
            vec!["a", "b"],
        ),
        (
            "an encryption key",
            set(vec![with("use", json!("enc"))]),
            vec!["a", "b"],
        ),
        (
            "a type of the future",
            set(vec![json!({"kty": "AKP", "alg": "ML-DSA-44"})]),
            vec!["a", "b"],
        ),
        ("no object", set(vec![json!(7)]), vec!["a", "b"]),
    ];
    for (row, document, expected) in rows {
        let publisher = Publisher::new(move |_| Answer::json(&document));
        let keys = publisher.keys();
        for key in [&a, &b] {
            assert_eq!(status(&keys, &token(key)).await, 200, "{row}");
        }
        assert_eq!(keys.state().key_ids, expected, "{row}");
        assert_eq!(publisher.asked(), 1, "{row}");
    }
}
