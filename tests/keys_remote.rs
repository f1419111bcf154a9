//! A remote set through its life: start, use, renewal, rotation, idleness, end.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod remote_support;

use std::time::Duration;

use futures::future::join_all;
use remote_support::{
    Answer, JWKS, MINUTE, Publisher, SECOND, jwks, key, log::Log, rejection, status, token,
    token_with, validator,
};
use serde_json::json;
use tokio::time::{advance, sleep};
use tower_bearer::{
    Algorithm, KeySource, RemoteKeySet,
    clock::{Clock, SystemClock},
    jwt::{Minter, SigningKey},
    keys::{
        KeyQuery,
        remote::{FetchErrorKind, Timing},
    },
};

fn now() -> Duration {
    SystemClock::new().monotonic()
}

/// The moments at which the publisher was asked, in seconds since `start`.
fn moments(publisher: &Publisher, start: Duration) -> Vec<u64> {
    let requests = publisher.requests();
    requests
        .iter()
        .map(|asked| (asked.at - start).as_secs())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_cold_requests_make_one_request() {
    let a = key("a");
    let publisher = Publisher::new(|_| Answer::Never);
    let document = jwks([&a]);
    publisher.answer(move |_| Answer::json(&document).late(SECOND));
    let (keys, token) = (publisher.keys(), token(&a));
    let answers = join_all((0..1000).map(|_| status(&keys, &token))).await;
    assert!(answers.iter().all(|status| *status == 200));
    assert_eq!(publisher.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_tokens_that_can_be_refused_here_make_no_request() {
    let (a, publisher) = (key("a"), Publisher::of([]));
    let keys = publisher.keys();
    let secret = SigningKey::from_secret(Algorithm::HS256, [7; 32]).unwrap();
    let good = token(&a);
    let kinds = [
        token(&secret.with_key_id("b")),
        token_with(&a, json!({ "iss": "https://evil.example" })),
        token_with(&a, json!({ "iss": null })),
        token_with(&a, json!({ "exp": 1_000 })),
        "a.b.c".to_owned(),
        format!("{good}.{good}"),
        "x".repeat(20_000),
        good.replacen('.', "=.", 1),
        Minter::new(a.clone())
            .token_type("logout+jwt")
            .mint(&json!({}))
            .unwrap()
            .expose()
            .to_owned(),
    ];
    for number in 0..10_000 {
        assert_eq!(status(&keys, &kinds[number % kinds.len()]).await, 401);
    }
    assert_eq!(publisher.asked(), 0);
    assert_eq!(keys.state().counters.attempts, 0);
}

#[tokio::test(start_paused = true)]
async fn keys_in_use_are_read_again_at_four_fifths_of_their_life_and_nobody_waits() {
    let a = key("a");
    let document = jwks([&a]);
    let publisher = Publisher::new(move |_| {
        let answer = Answer::json(&document).header("cache-control", "public, max-age=1000");
        answer.header("age", "400").late(SECOND) // leaves 600
    });
    let (keys, token) = (publisher.keys(), token(&a));
    assert_eq!(status(&keys, &token).await, 200);
    let start = now();
    for _ in 0..3600 {
        sleep(SECOND).await;
        let before = now();
        assert_eq!(status(&keys, &token).await, 200);
        assert_eq!(now(), before, "a request waited");
    }
    let moments = moments(&publisher, start - SECOND);
    let pauses: Vec<_> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((6..=8).contains(&pauses.len()), "{moments:?}");
    for pause in pauses {
        assert!((450..=512).contains(&pause), "{moments:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_process_makes_no_calls_and_the_first_request_after_it_does_not_wait() {
    let (a, b) = (key("a"), key("b"));
    let publisher = Publisher::of([&a, &b]);
    let keys = publisher.keys();
    assert_eq!(status(&keys, &token(&a)).await, 200);
    sleep(60 * MINUTE).await;
    assert_eq!(publisher.asked(), 1, "nobody wanted keys");

    publisher.always(Answer::json(&jwks([&b])).late(SECOND));
    let before = now();
    assert_eq!(status(&keys, &token(&b)).await, 200);
    assert_eq!(now(), before, "the first request waited");
    sleep(2 * SECOND).await;
    assert_eq!(publisher.asked(), 2, "and had the set read");
    assert_eq!(status(&keys, &token(&a)).await, 401);

    sleep(90 * MINUTE).await;
    assert!(!keys.state().is_ready, "too long past their lifetime");
    assert_eq!(status(&keys, &token(&b)).await, 200);
    assert_eq!(now() - before, 90 * MINUTE + 4 * SECOND, "this one waited");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_asked_for_once_in_thirty_seconds_and_found_after_a_rotation() {
    let (a, b) = (key("a"), key("b"));
    let publisher = Publisher::of([&a]);
    let keys = publisher.keys();
    assert_eq!(status(&keys, &token(&a)).await, 200);
    assert_eq!(publisher.asked(), 1);

    // A rotation without notice: the first token of the new key waits for it.
    publisher.publish([&a, &b]);
    let (token_a, token_b) = (token(&a), token(&b));
    let answers = join_all((0..50).map(|_| status(&keys, &token_b))).await;
    assert_eq!(answers, [200; 50]);
    assert_eq!(publisher.asked(), 2);

    // Nobody has this key: 401, and others are not asked for until 30 s have passed.
    assert_eq!(status(&keys, &token(&key("c"))).await, 401);
    assert_eq!(publisher.asked(), 2);
    sleep(30 * SECOND).await;
    let dead = token(&key("d"));
    assert_eq!(status(&keys, &dead).await, 401);
    assert_eq!(publisher.asked(), 3);

    // The same token again: it was asked for, for five minutes.
    for minute in 1..=5 {
        sleep(MINUTE).await;
        assert_eq!(status(&keys, &dead).await, 401);
        assert_eq!(
            publisher.asked(),
            if minute < 5 { 3 } else { 4 },
            "minute {minute}"
        );
    }
    assert_eq!(keys.state().counters.for_unknown_keys, 3);
    assert_eq!(status(&keys, &token_a).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_began_before_the_question_is_not_the_last_word() {
    let (a, b) = (key("a"), key("b"));
    let publisher = Publisher::new(|_| Answer::Never);
    publisher.always(Answer::json(&jwks([&a])).late(3 * SECOND));
    let (keys, token_a, token_b) = (publisher.keys(), token(&a), token(&b));
    let early = status(&keys, &token_a);
    let late = async {
        sleep(2 * SECOND).await;
        // The answer under way was made before this key was.
        publisher.publish([&a, &b]);
        status(&keys, &token_b).await
    };
    assert_eq!(tokio::join!(early, late), (200, 200));
    assert_eq!(publisher.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_trusted_no_longer_once_the_set_was_read() {
    let (a, b) = (key("a"), key("b"));
    let publisher = Publisher::of([&a, &b]);
    let keys = publisher.keys();
    let (token_a, token_b) = (token(&a), token(&b));
    assert_eq!(status(&keys, &token_a).await, 200);
    for _ in 0..12 {
        sleep(MINUTE).await; // `a` is no young key any more
        assert_eq!(status(&keys, &token_a).await, 200);
    }
    publisher.publish([&b]);
    keys.refresh().await.unwrap();
    assert_eq!(status(&keys, &token_a).await, 401);
    assert_eq!(status(&keys, &token_b).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_young_key_is_withdrawn_by_the_second_reading_which_comes_by_itself() {
    for is_in_use in [true, false] {
        let (a, b) = (key("a"), key("b"));
        let publisher = Publisher::of([&a, &b]);
        let keys = publisher.keys();
        assert_eq!(status(&keys, &token(&b)).await, 200);
        publisher.publish([&a]);
        keys.refresh().await.unwrap();
        let start = now();
        let trusted = keys.state().key_ids;
        assert_eq!(trusted, ["a", "b"], "one server may not know it yet");
        sleep(4 * SECOND).await;
        if is_in_use {
            assert_eq!(status(&keys, &token(&b)).await, 200);
        }
        sleep(2 * SECOND).await;
        assert_eq!(publisher.asked(), 3);
        assert_eq!((publisher.requests()[2].at - start).as_secs(), 5);
        assert_eq!(status(&keys, &token(&b)).await, 401);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_without_a_key_id_that_no_key_fits_spends_the_same_budget() {
    let signing = |seed: u8| SigningKey::from_secret(Algorithm::HS256, [seed; 32]).unwrap();
    let unnamed = || SigningKey::generate(Algorithm::EdDSA).unwrap();
    let (a, b) = (unnamed(), unnamed());
    let publisher = Publisher::of([&a]);
    let keys = publisher.keys();
    assert_eq!(status(&keys, &token(&a)).await, 200);

    publisher.publish([&a, &b]);
    assert_eq!(
        status(&keys, &token(&b)).await,
        200,
        "newer keys were asked for"
    );
    assert_eq!(publisher.asked(), 2);
    for _ in 0..100 {
        assert_eq!(status(&keys, &token(&unnamed())).await, 401);
    }
    assert_eq!(status(&keys, &token(&key("named"))).await, 401);
    assert_eq!(status(&keys, &token(&signing(1))).await, 401);
    assert_eq!(publisher.asked(), 2, "one budget for both");
    sleep(30 * SECOND).await;
    assert_eq!(status(&keys, &token(&unnamed())).await, 401);
    assert_eq!(publisher.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_set_that_was_read_is_asked_for_by_its_validators() {
    let a = key("a");
    let document = jwks([&a]);
    let publisher = Publisher::new(move |asked| {
        if asked.headers.contains_key("if-none-match") {
            return Answer::status(304).header("cache-control", "max-age=100");
        }
        Answer::json(&document)
            .header("etag", "W/\"1\"")
            .header("last-modified", "Sat, 21 Nov 2026 04:00:00 GMT")
    });
    let keys = publisher.keys();
    assert_eq!(status(&keys, &token(&a)).await, 200);
    keys.refresh().await.unwrap();
    let [first, second] = &publisher.requests()[..] else {
        panic!("two requests");
    };
    assert!(!first.headers.contains_key("if-none-match"));
    assert_eq!(
        first.headers["accept"],
        "application/jwk-set+json, application/json"
    );
    assert_eq!(second.headers["if-none-match"], "W/\"1\"");
    let date = &second.headers["if-modified-since"];
    assert_eq!(date, "Sat, 21 Nov 2026 04:00:00 GMT");
    assert_eq!(keys.state().counters.not_modified, 1);
    assert_eq!(keys.state().counters.changes, 1);
    assert_eq!(status(&keys, &token(&a)).await, 200);
    // The 304 told a lifetime of its own.
    sleep(99 * SECOND).await;
    assert_eq!(publisher.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_waits_to_be_ready_is_told_what_was_tried() {
    let a = key("a");
    let publisher = Publisher::new(|_| Answer::Refused);
    let keys = publisher.keys();
    let start = now();
    let error = keys.ready(10 * SECOND).await.unwrap_err();
    assert_eq!(now() - start, 10 * SECOND);
    assert_eq!(*error.kind(), FetchErrorKind::Unreachable);
    assert_eq!(error.place(), JWKS);
    let shown = format!("{error:?}");
    assert!(
        shown.contains(JWKS) && shown.contains("connection refused"),
        "{shown}"
    );
    assert_eq!(
        publisher.asked(),
        4,
        "at 0, 1, 3 and 7 s, a fifth earlier at most"
    );

    publisher.publish([&a]);
    keys.ready(MINUTE).await.unwrap();
    assert!(keys.state().is_ready);
    let asked = publisher.asked();
    keys.ready(Duration::ZERO).await.unwrap();
    assert_eq!(publisher.asked(), asked, "they are there");
}

#[tokio::test(start_paused = true)]
async fn before_the_first_keys_the_answer_is_503_and_says_when_to_come_again() {
    let publisher = Publisher::new(|_| Answer::status(503).header("retry-after", "120"));
    let keys = publisher.keys();
    let a = token(&key("a"));
    let rejection = rejection(&keys, &a).await;
    assert_eq!(rejection.status(), 503);
    assert_eq!(rejection.retry_after(), Some(120 * SECOND));
    for _ in 0..119 {
        sleep(SECOND).await;
        assert_eq!(status(&keys, &a).await, 503);
    }
    assert_eq!(publisher.asked(), 1);
    sleep(2 * SECOND).await;
    assert_eq!(publisher.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_forced_reading_waits_for_nothing_and_tells_what_came_of_it() {
    let (a, b) = (key("a"), key("b"));
    let publisher = Publisher::of([&a]);
    let keys = publisher.keys();
    keys.refresh().await.unwrap();
    publisher.always(Answer::status(500));
    for attempt in 2..5 {
        let error = keys.refresh().await.unwrap_err();
        assert_eq!(
            *error.kind(),
            FetchErrorKind::Status(http::StatusCode::INTERNAL_SERVER_ERROR)
        );
        assert_eq!(publisher.asked(), attempt, "no backoff holds it up");
    }
    assert_eq!(
        status(&keys, &token(&a)).await,
        200,
        "the last good keys stay"
    );
    publisher.publish([&a, &b]);
    keys.refresh().await.unwrap();
    assert_eq!(status(&keys, &token(&b)).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_to_those_who_wait_for_it() {
    let (a, b) = (key("a"), key("b"));
    let publisher = Publisher::of([&a]);
    let keys = publisher.keys();
    keys.ready(SECOND).await.unwrap();
    let start = now();
    let changed = keys.changed();
    let rotate = async {
        sleep(20 * MINUTE).await;
        publisher.publish([&a, &b]);
    };
    tokio::join!(changed, rotate);
    let waited = now() - start;
    assert!(
        waited > 20 * MINUTE && waited < 30 * MINUTE,
        "kept fresh without requests: {waited:?}"
    );
    assert_eq!(keys.state().key_ids, ["a", "b"]);

    let changed = keys.changed();
    keys.refresh().await.unwrap();
    assert!(
        tokio::time::timeout(SECOND, changed).await.is_err(),
        "they were read, and are the same"
    );
    let changed = keys.changed();
    publisher.publish([&b]);
    keys.refresh().await.unwrap();
    changed.await;
}

#[tokio::test(start_paused = true)]
async fn the_state_tells_what_a_health_check_asks() {
    let a = key("a");
    let publisher = Publisher::of([&a]);
    let keys = RemoteKeySet::new("https://id.example/jwks?key=hunter2")
        .unwrap()
        .over(publisher.clone());
    let cold = keys.state();
    assert_eq!(
        (cold.is_ready, cold.age, cold.key_ids.len()),
        (false, None, 0)
    );
    assert_eq!(cold.source, JWKS, "without its query");
    assert_eq!(publisher.asked(), 0, "to look is not to ask");

    keys.ready(SECOND).await.unwrap();
    sleep(5 * SECOND).await;
    let warm = keys.state();
    assert_eq!((warm.is_ready, warm.age), (true, Some(5 * SECOND)));
    assert_eq!(
        (warm.key_ids, warm.staleness),
        (vec!["a".to_owned()], Duration::ZERO)
    );
    assert!(warm.last_error.is_none());

    publisher.always(Answer::Refused);
    let token = token(&a);
    for _ in 0..20 {
        sleep(MINUTE).await;
        assert_eq!(status(&keys, &token).await, 200);
    }
    let stale = keys.state();
    assert!(stale.is_ready);
    assert_eq!(stale.staleness, 10 * MINUTE + 5 * SECOND);
    assert_eq!(
        *stale.last_error.unwrap().kind(),
        FetchErrorKind::Unreachable
    );
    assert!(stale.next_attempt <= MINUTE);
    assert_eq!(stale.counters.attempts, stale.counters.failures + 1);
    let shown = format!("{keys:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn rsa_keys_are_for_the_algorithm_that_was_said() {
    let key = SigningKey::generate(Algorithm::PS256)
        .unwrap()
        .with_key_id("a");
    let mut document = jwks([&key]);
    document["keys"][0].as_object_mut().unwrap().remove("alg");
    let publisher = Publisher::new(move |_| Answer::json(&document));
    assert_eq!(
        status(&publisher.keys(), &token(&key)).await,
        401,
        "RS256 unless said"
    );
    let keys = RemoteKeySet::new(JWKS)
        .unwrap()
        .rsa_algorithm(Algorithm::PS256);
    assert_eq!(
        status(&keys.over(publisher.clone()), &token(&key)).await,
        200
    );
    let keys = RemoteKeySet::new(JWKS)
        .unwrap()
        .rsa_algorithm(Algorithm::ES256);
    assert_eq!(status(&keys.over(publisher), &token(&key)).await, 503);
}

#[tokio::test(start_paused = true)]
async fn what_must_be_kept_secret_is_no_key_where_everybody_can_read_it() {
    const SECRET: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    let (a, leaked) = (key("a"), key("leaked"));
    let mut document = jwks([&a, &leaked]);
    document["keys"][1]["d"] = json!("CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg");
    let secret = json!({"kty": "oct", "alg": "HS256", "kid": "s", "k": SECRET});
    document["keys"].as_array_mut().unwrap().push(secret);
    let publisher = Publisher::new(move |_| Answer::json(&document));
    let keys = publisher.keys();
    let log = Log::default();
    let logging = log.start();
    assert_eq!(status(&keys, &token(&a)).await, 200, "the rest serve");
    drop(logging);
    assert_eq!(keys.state().key_ids, ["a"]);
    let log = log.text();
    let errors = log.lines().filter(|line| line.contains("ERROR"));
    let errors: Vec<_> = errors.collect();
    assert_eq!(errors.len(), 2, "{log}");
    for (index, error) in ["index=1", "index=2"].iter().zip(errors) {
        assert!(error.contains("a key was published that is to be kept secret"));
        assert!(error.contains(index), "{error}");
    }
    assert!(!log.contains("BwcH") && !log.contains("CAgI"), "{log}");

    // Nor is the set asked for such a key: none could be in it.
    let shared = SigningKey::from_secret(Algorithm::HS256, [7; 32]).unwrap();
    assert_eq!(status(&keys, &token(&shared.with_key_id("s"))).await, 401);
    assert_eq!(publisher.asked(), 1);
    assert_eq!(status(&keys, &token(&leaked)).await, 401);
    assert_eq!(publisher.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_log_tells_what_was_read_what_changed_and_what_failed_and_shows_no_token() {
    let (a, b) = (key("a"), key("b"));
    let (token_a, token_b) = (token(&a), token(&b));
    let publisher = Publisher::new(|_| Answer::Never);
    let keys = publisher.keys();
    let log = Log::default();
    let logging = log.start();
    publisher.always(Answer::json(&jwks([&a])).late(SECOND));
    assert_eq!(status(&keys, &token_a).await, 200);
    publisher.publish([&a, &b]);
    assert_eq!(status(&keys, &token_b).await, 200);
    publisher.publish([&a]);
    keys.refresh().await.unwrap();
    sleep(6 * SECOND).await;
    publisher.always(Answer::Refused);
    let _ = keys.refresh().await;
    drop(logging);
    let log = log.text();
    let ours = log.lines().filter(|line| line.contains("keys::remote"));
    let ours: Vec<_> = ours
        .map(|line| line.split_once("remote").unwrap().1)
        .collect();
    // What an event holds, in order.
    let expected: [&[&str]; 9] = [
        &[
            "keys read",
            "source=",
            JWKS,
            "trigger=Start",
            "elapsed_ms=1000",
            "keys=1",
            r#"["a"]"#,
        ],
        &[
            "the trusted keys changed",
            JWKS,
            r#"added=["a"]"#,
            "withdrawn=[]",
        ],
        &[
            "keys read",
            "trigger=UnknownKey",
            "elapsed_ms=0",
            "keys=2",
            r#"["a", "b"]"#,
        ],
        &["the trusted keys changed", r#"added=["b"]"#],
        &["keys read", "trigger=Forced", "keys=2"],
        &["new keys are absent", JWKS, r#"doubtful=["b"]"#],
        &["keys read", "trigger=SecondReading", "keys=1"],
        &["the trusted keys changed", "added=[]", r#"withdrawn=["b"]"#],
        &[
            "keys could not be read",
            JWKS,
            "trigger=Forced",
            "retry_after_ms=",
            "connection refused",
        ],
    ];
    for (event, expected) in ours.iter().zip(expected) {
        for part in expected {
            assert!(event.contains(part), "{part}: {event}");
        }
    }
    assert_eq!(ours.len(), expected.len(), "{log}");
    for token in [&token_a, &token_b] {
        let mut parts = token.split('.');
        assert!(!parts.any(|part| log.contains(part)), "{log}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_found_is_looked_for_again_once_the_set_has_changed() {
    let (a, b, c) = (key("a"), key("b"), key("c"));
    let publisher = Publisher::of([&a]);
    let keys = publisher.keys();
    let early = token(&c);
    assert_eq!(status(&keys, &token(&a)).await, 200);
    assert_eq!(status(&keys, &early).await, 401);
    publisher.publish([&a, &b]);
    keys.refresh().await.unwrap();
    publisher.publish([&a, &b, &c]);
    sleep(30 * SECOND).await;
    assert_eq!(
        status(&keys, &early).await,
        200,
        "it is not remembered for 5 min"
    );
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_is_due_is_not_at_the_expense_of_unknown_keys() {
    let (a, b) = (key("a"), key("b"));
    let publisher = Publisher::of([&a]);
    let keys = publisher.keys();
    assert_eq!(status(&keys, &token(&a)).await, 200);
    sleep(10 * MINUTE).await; // nobody used it
    assert_eq!(status(&keys, &token(&key("c"))).await, 401);
    assert_eq!(publisher.asked(), 2, "due anyway");
    publisher.publish([&a, &b]);
    assert_eq!(
        status(&keys, &token(&b)).await,
        200,
        "and the budget is whole"
    );
    assert_eq!(keys.state().counters.for_unknown_keys, 1);
}

#[tokio::test(start_paused = true)]
async fn timings_can_be_changed() {
    let a = key("a");
    let publisher = Publisher::of([&a]);
    let mut timing = Timing::default();
    timing.unknown_key_pause = 2 * SECOND;
    timing.young_key = Duration::ZERO;
    let keys = RemoteKeySet::new(JWKS)
        .unwrap()
        .timing(timing)
        .over(publisher.clone());
    assert_eq!(status(&keys, &token(&a)).await, 200);
    publisher.publish([&key("b")]);
    assert_eq!(status(&keys, &token(&key("c"))).await, 401);
    assert_eq!(status(&keys, &token(&a)).await, 401, "withdrawn at once");
    advance(2 * SECOND).await;
    assert_eq!(status(&keys, &token(&key("c"))).await, 401);
    assert_eq!(publisher.asked(), 3);
}

#[test]
fn only_safe_addresses_are_read() {
    for (address, is_safe) in [
        (JWKS, true),
        ("http://127.0.0.1:9000/jwks", true),
        ("http://id.example/jwks", false),
        ("https://user:word@id.example/jwks", false),
        ("/jwks", false),
    ] {
        assert_eq!(RemoteKeySet::new(address).is_ok(), is_safe, "{address}");
    }
    assert!(RemoteKeySet::dangerous_plain_http("http://id.mesh/jwks").is_ok());
    assert!(RemoteKeySet::dangerous_plain_http("http://user@id.mesh/jwks").is_err());
}

#[test]
fn without_a_runtime_it_is_an_error_and_not_a_panic() {
    let keys = Publisher::of([&key("a")]).keys();
    let wanted = KeyQuery::new(Algorithm::EdDSA);
    assert!(keys.current(&wanted).is_none());
    let error = futures::executor::block_on(keys.obtain(&wanted)).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("runtime"), "{source}");
    assert!(futures::executor::block_on(keys.ready(SECOND)).is_err());
    assert!(futures::executor::block_on(keys.refresh()).is_err());
}

#[test]
fn a_runtime_that_dies_takes_its_task_along_and_the_next_one_starts_afresh() {
    let (a, b) = (key("a"), key("b"));
    let publisher = Publisher::new(|_| Answer::Never);
    let keys = publisher.keys();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let in_the_middle_of_a_fetch_for = |token: String| {
        let first = runtime();
        first.block_on(async {
            let asked = status(&keys, &token);
            let _ = tokio::time::timeout(Duration::from_millis(50), asked).await;
        });
        drop(first);
    };
    in_the_middle_of_a_fetch_for(token(&a));
    publisher.publish([&a]);
    runtime().block_on(async {
        assert_eq!(status(&keys, &token(&a)).await, 200);
    });
    publisher.always(Answer::Never);
    in_the_middle_of_a_fetch_for(token(&b));
    publisher.publish([&a, &b]);
    runtime().block_on(async {
        assert_eq!(status(&keys, &token(&b)).await, 200);
    });
    // And between two fetches: the keys go on serving, and a new task reads them again.
    runtime().block_on(async {
        assert_eq!(status(&keys, &token(&a)).await, 200);
        keys.refresh().await.unwrap();
    });
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_panics_is_a_failure_like_others() {
    let a = key("a");
    let publisher = Publisher::new(|_| panic!("planted"));
    let keys = publisher.keys();
    assert_eq!(status(&keys, &token(&a)).await, 503);
    assert_eq!(
        *keys.state().last_error.unwrap().kind(),
        FetchErrorKind::Lost
    );
    publisher.publish([&a]);
    sleep(2 * SECOND).await;
    assert_eq!(status(&keys, &token(&a)).await, 200);
}

/// Tasks other than the test's own.
fn tasks() -> usize {
    tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn the_task_begins_when_keys_are_wanted_and_ends_with_the_last_handle() {
    let a = key("a");
    let publisher = Publisher::of([&a]);
    assert_eq!(tasks(), 0);
    let keys = publisher.keys();
    let clone = keys.clone();
    let guard = tower_bearer::RequireJwt::<serde_json::Value>::new(validator(), keys.clone());
    let _ = keys.state();
    sleep(SECOND).await;
    assert_eq!(tasks(), 0, "nobody wanted keys yet");
    assert_eq!(status(&keys, &token(&a)).await, 200);
    assert_eq!(tasks(), 1);
    drop(keys);
    drop(guard);
    sleep(SECOND).await;
    assert_eq!(tasks(), 1);
    drop(clone);
    sleep(SECOND).await;
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_in_the_middle_of_a_fetch_too_and_when_nobody_wants_keys() {
    let a = key("a");
    let publisher = Publisher::new(|_| Answer::Never);
    let keys = publisher.keys();
    let asked = tokio::time::timeout(SECOND, keys.ready(MINUTE));
    assert!(asked.await.is_err());
    assert_eq!(tasks(), 1);
    drop(keys);
    sleep(SECOND).await;
    assert_eq!(tasks(), 0);

    publisher.publish([&a]);
    let keys = publisher.keys();
    assert_eq!(status(&keys, &token(&a)).await, 200);
    sleep(10 * MINUTE).await;
    assert_eq!(tasks(), 0, "idle");
    assert_eq!(status(&keys, &token(&a)).await, 200);
    assert_eq!(tasks(), 1, "in use again");
}

#[tokio::test(start_paused = true)]
async fn the_warm_path_allocates_nothing() {
    let a = key("a");
    let keys = Publisher::of([&a]).keys();
    keys.ready(SECOND).await.unwrap();
    let wanted = KeyQuery::new(Algorithm::EdDSA).with_key_id(Some("a"));
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            assert!(keys.current(&wanted).is_some());
        }
    });
    assert_eq!(counted.count_total, 0);
}
