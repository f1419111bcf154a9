//! Keys that come and go, under guards that remember verified tokens.
#![cfg(feature = "cache")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod remote_support;

use std::fs;

use http::{Request, Response};
use remote_support::*;
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::{Layer, ServiceExt};
use tower_bearer::{
    Expected, KeySource, RemoteKeySet, RequireJwt, Validator, keys::issuers::RemoteIssuers,
    server::VerifiedCache,
};

/// A guard that remembers.
struct Remembering {
    guard: RequireJwt<Value>,
    cache: VerifiedCache<Value>,
}

impl Remembering {
    fn new(validator: Validator, keys: impl KeySource) -> Self {
        let cache = VerifiedCache::new();
        let guard = RequireJwt::new(validator, keys).cache(cache.clone());
        Self { guard, cache }
    }

    /// The status, and whether it was a hit.
    async fn send(&self, token: &str) -> (u16, bool) {
        let hits = self.cache.hits();
        let inner = tower::service_fn(|_: Request<()>| async {
            Ok::<_, std::convert::Infallible>(Response::new(()))
        });
        let service = self.guard.clone().layer(inner);
        let answer = service.oneshot(request(token)).await.unwrap();
        (answer.status().as_u16(), self.cache.hits() > hits)
    }
}

#[tokio::test(start_paused = true)]
async fn hits_ask_nobody_and_keep_a_set_fresh_all_the_same() {
    let a = key("a");
    let publisher = Publisher::of([&a]);
    let guard = Remembering::new(validator(), publisher.keys());
    let token = token(&a);
    assert_eq!(guard.send(&token).await, (200, false));
    for _ in 0..400 {
        assert_eq!(guard.send(&token).await, (200, true));
        sleep(SECOND).await;
    }
    assert_eq!(publisher.asked(), 1, "within 80 % of ten minutes");
    for _ in 0..24 {
        assert_eq!(guard.send(&token).await, (200, true));
        sleep(MINUTE).await;
    }
    assert!(
        (3..=5).contains(&publisher.asked()),
        "{}",
        publisher.asked()
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_that_leaves_a_set_takes_its_verdicts_along() {
    let (a, b) = (key("a"), key("b"));
    let publisher = Publisher::of([&a]);
    let keys = publisher.keys();
    let guard = Remembering::new(validator(), keys.clone());
    let (of_a, of_b) = (token(&a), token(&b));
    assert_eq!(guard.send(&of_a).await, (200, false));
    sleep(11 * MINUTE).await; // it is not young any more

    publisher.publish([&a, &b]);
    keys.refresh().await.unwrap();
    assert_eq!(guard.send(&of_a).await, (200, false), "another set");
    assert_eq!(guard.send(&of_b).await, (200, false));
    assert_eq!(guard.send(&of_a).await, (200, true));

    publisher.publish([&b]);
    assert_eq!(guard.send(&of_a).await, (200, true), "nobody knows yet");
    keys.refresh().await.unwrap();
    assert_eq!(guard.send(&of_a).await, (401, false));
    assert_eq!(guard.send(&of_b).await, (200, false));
    assert_eq!(guard.send(&of_b).await, (200, true));
}

#[tokio::test(start_paused = true)]
async fn a_young_key_that_is_absent_once_keeps_its_verdicts() {
    let (a, b) = (key("a"), key("b"));
    let publisher = Publisher::of([&a, &b]);
    let keys = publisher.keys();
    let guard = Remembering::new(validator(), keys.clone());
    let token = token(&a);
    assert_eq!(guard.send(&token).await, (200, false));
    publisher.publish([&b]);
    keys.refresh().await.unwrap();
    assert_eq!(guard.send(&token).await, (200, true));
    sleep(6 * SECOND).await; // a second reading lacks it too
    assert_eq!(guard.send(&token).await, (401, false));
}

#[tokio::test(start_paused = true)]
async fn a_verdict_outlives_an_outage_no_longer_than_the_keys() {
    let a = key("a");
    let publisher = Publisher::of([&a]);
    let guard = Remembering::new(validator(), publisher.keys());
    let token = token(&a);
    assert_eq!(guard.send(&token).await, (200, false));
    publisher.always(Answer::status(500));
    // Ten minutes of lifetime, and the hour for which the last good keys go on serving.
    for minute in 0..70 {
        assert_eq!(guard.send(&token).await, (200, true), "minute {minute}");
        sleep(MINUTE).await;
    }
    assert_eq!(guard.send(&token).await, (503, false));
    publisher.publish([&a]);
    sleep(MINUTE).await;
    assert_eq!(guard.send(&token).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_replaced_ends_the_verdicts_of_the_old_one() {
    let name = format!("tower-bearer-{}-cached.json", std::process::id());
    let path = std::env::temp_dir().join(name);
    let (a, b) = (key("a"), key("b"));
    fs::write(&path, jwks([&a]).to_string()).unwrap();
    let keys = RemoteKeySet::file(&path).watch();
    let guard = Remembering::new(validator(), keys.clone());
    let of_a = token(&a);
    assert_eq!(guard.send(&of_a).await, (200, false));
    assert_eq!(guard.send(&of_a).await, (200, true));
    fs::write(&path, jwks([&b]).to_string()).unwrap();
    keys.refresh().await.unwrap();
    assert_eq!(guard.send(&of_a).await, (401, false));
    fs::remove_file(&path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_tenants_verdicts_end_with_its_own_keys() {
    let tenants = || Expected::pattern("https://id.example/*").unwrap();
    let (a, b, new) = (key("a"), key("b"), key("new"));
    let publish = |publisher: &Publisher, of_a: &_, of_b: &_| {
        let (of_a, of_b) = (jwks([of_a]), jwks([of_b]));
        publisher.answer(move |asked| {
            let path = asked.uri.path().to_owned();
            let tenant = if path.contains("/a") { "a" } else { "b" };
            match path.ends_with("/jwks") {
                true => Answer::json(if tenant == "a" { &of_a } else { &of_b }),
                false => Answer::json(&json!({
                    "issuer": format!("https://id.example/{tenant}"),
                    "jwks_uri": format!("https://id.example/{tenant}/jwks"),
                })),
            }
        });
    };
    let publisher = Publisher::new(|_| Answer::Never);
    publish(&publisher, &a, &b);
    let keys = RemoteIssuers::new(tenants()).unwrap();
    let keys = keys.over(publisher.clone());
    let guard = Remembering::new(Validator::new(tenants(), "orders"), keys.clone());
    let token = |tenant: &str, key| {
        token_with(
            key,
            json!({ "iss": format!("https://id.example/{tenant}") }),
        )
    };
    let (of_a, of_b) = (token("a", &a), token("b", &b));
    for is_hit in [false, true, true] {
        assert_eq!(guard.send(&of_a).await, (200, is_hit));
        assert_eq!(guard.send(&of_b).await, (200, is_hit));
    }
    sleep(11 * MINUTE).await;
    publish(&publisher, &new, &b);
    let set_of_a = keys.key_set("https://id.example/a").unwrap();
    set_of_a.refresh().await.unwrap();
    assert_eq!(guard.send(&of_a).await, (401, false));
    assert_eq!(guard.send(&of_b).await, (200, true));
    assert_eq!(guard.send(&token("a", &new)).await, (200, false));
    assert_eq!(guard.send(&token("a", &b)).await, (401, false), "another's");
}
