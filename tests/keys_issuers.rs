//! Key sets of many issuers: found when their tokens come, and no tool to attack with.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod remote_support;

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use futures::future::join_all;
use http::{Request, Response};
use remote_support::{Answer, Asked, MINUTE, Publisher, SECOND, jwks, key, request, token_with};
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::{Layer, ServiceExt};
use tower_bearer::{
    Expected, RemoteKeySet, RequireJwt, Validator,
    jwt::SigningKey,
    keys::issuers::{Limits, RemoteIssuers},
};

type Guard = RequireJwt<Value>;

fn tenants() -> Expected {
    Expected::pattern("https://id.example/*").unwrap()
}

fn issuer(tenant: &str) -> String {
    format!("https://id.example/{tenant}")
}

fn keys_at(publisher: &Publisher, limits: Limits) -> RemoteIssuers {
    let issuers = RemoteIssuers::new(tenants()).unwrap();
    issuers.limits(limits).over(publisher.clone())
}

fn guard(keys: &RemoteIssuers) -> Guard {
    RequireJwt::new(Validator::new(tenants(), "orders"), keys.clone())
}

async fn status(guard: &Guard, token: &str) -> u16 {
    let inner = tower::service_fn(|_: Request<()>| async {
        Ok::<_, std::convert::Infallible>(Response::new(()))
    });
    let answer = guard.clone().layer(inner).oneshot(request(token)).await;
    answer.unwrap().status().as_u16()
}

/// A token of a tenant, signed with this key.
fn token(tenant: &str, key: &SigningKey) -> String {
    token_with(key, json!({ "iss": issuer(tenant) }))
}

/// The tenant that a request is about, and whether it is for the metadata.
fn asked_for(asked: &Asked) -> (String, bool) {
    let segments: Vec<_> = asked
        .uri
        .path()
        .split('/')
        .filter(|it| !it.is_empty())
        .collect();
    match segments[..] {
        [tenant, ".well-known", _] | [".well-known", _, tenant] => (tenant.to_owned(), true),
        [tenant, "jwks"] => (tenant.to_owned(), false),
        _ => panic!("{}", asked.uri),
    }
}

/// Publishes metadata and keys of each of these tenants, and 404 for all others.
fn provider(tenants: &[(&str, &SigningKey)]) -> Publisher {
    let known: BTreeMap<String, Value> = tenants
        .iter()
        .map(|(tenant, key)| ((*tenant).to_owned(), jwks([*key])))
        .collect();
    Publisher::new(move |asked| {
        let (tenant, is_metadata) = asked_for(asked);
        match known.get(&tenant) {
            None => Answer::status(404),
            Some(_) if is_metadata => metadata(&tenant),
            Some(keys) => Answer::json(keys),
        }
    })
}

fn metadata(tenant: &str) -> Answer {
    let issuer = issuer(tenant);
    Answer::json(&json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") }))
}

#[tokio::test(start_paused = true)]
async fn each_tenants_tokens_are_verified_with_its_own_keys() {
    let (a, b) = (key("1"), key("1"));
    let publisher = provider(&[("a", &a), ("b", &b)]);
    let keys = keys_at(&publisher, Limits::default());
    let guard = guard(&keys);
    for _ in 0..2 {
        assert_eq!(status(&guard, &token("a", &a)).await, 200);
        assert_eq!(status(&guard, &token("b", &b)).await, 200);
        assert_eq!(
            status(&guard, &token("a", &b)).await,
            401,
            "the keys of another"
        );
        assert_eq!(
            status(&guard, &token("b", &a)).await,
            401,
            "the keys of another"
        );
    }
    assert_eq!(publisher.asked(), 4, "metadata and keys of both");
    let state = keys.state();
    assert_eq!((state.proven, state.unproven, state.admitted), (2, 0, 2));
    let mut issuers = keys.issuers();
    issuers.sort();
    assert_eq!(issuers, [issuer("a"), issuer("b")]);
    assert!(keys.key_set(&issuer("a")).unwrap().state().is_ready);
    assert!(keys.key_set(&issuer("c")).is_none());
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_not_expected_causes_no_request() {
    let a = key("1");
    let publisher = provider(&[("a", &a)]);
    let strict = guard(&keys_at(&publisher, Limits::default()));
    // The sets look for their own issuers only, whatever the validator lets through.
    let any = Validator::new(Expected::unchecked(), "orders");
    let lenient = RequireJwt::new(any.clone(), keys_at(&publisher, Limits::default()));
    // Nor does a function have to think of how long a name may be.
    let long = issuer(&"a".repeat(600));
    let named = |issuer: &str| issuer.starts_with("https://id.example/aa");
    let by_function = RemoteIssuers::new(Expected::matching(named)).unwrap();
    let by_function = RequireJwt::new(any, by_function.over(publisher.clone()));
    let names = [
        json!("https://evil.example/a"),
        json!("https://id.example"),
        json!("https://id.example/a/b"),
        json!("https://id.example/a?b"),
        json!("https://user@id.example/a"),
        json!("http://id.example/a"),
        json!(long),
        json!(7),
        Value::Null,
    ];
    for name in names {
        let token = token_with(&a, json!({ "iss": name }));
        for guard in [&strict, &lenient, &by_function] {
            assert_eq!(status(guard, &token).await, 401, "{name}");
        }
    }
    assert_eq!(publisher.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_first_tokens_of_one_tenant_make_one_search() {
    let a = key("1");
    let (document, publisher) = (jwks([&a]), Publisher::new(|_| Answer::Never));
    publisher.answer(move |asked| {
        let (tenant, is_metadata) = asked_for(asked);
        match is_metadata {
            true => metadata(&tenant).late(SECOND),
            false => Answer::json(&document).late(SECOND),
        }
    });
    let keys = keys_at(&publisher, Limits::default());
    let (guard, token) = (guard(&keys), token("a", &a));
    let answers = join_all((0..1000).map(|_| status(&guard, &token))).await;
    assert!(answers.iter().all(|status| *status == 200));
    assert_eq!(publisher.asked(), 2);
    assert_eq!(keys.state().admitted, 1);
}

/// Tasks other than the test's own.
fn tasks() -> usize {
    let runtime = tokio::runtime::Handle::current();
    runtime.metrics().num_alive_tasks()
}

/// Sends 10,000 tokens of made-up tenants in ten minutes while two tenants go on working.
async fn flood(publisher: Publisher, good: [(&str, &SigningKey); 2]) {
    let keys = keys_at(&publisher, Limits::default());
    let guard = guard(&keys);
    let stranger = key("stranger");
    let tokens = good.map(|(tenant, key)| token(tenant, key));
    for token in &tokens {
        assert_eq!(status(&guard, token).await, 200);
    }
    let before = publisher.asked();
    for round in 0..600 {
        let made_up: Vec<_> = (0..17)
            .map(|number| token(&format!("{round}-{number}"), &stranger))
            .collect();
        let refused = join_all(made_up.iter().map(|token| status(&guard, token))).await;
        assert!(refused.iter().all(|status| [401, 503].contains(status)));
        // And again, by those who were found or not: no second search.
        assert!([401, 503].contains(&status(&guard, &made_up[0]).await));
        for token in &tokens {
            assert_eq!(status(&guard, token).await, 200, "round {round}");
        }
        let state = keys.state();
        assert_eq!(state.proven, 2);
        assert!(state.unproven <= 100, "{state:?}");
        assert!(tasks() <= 2 + 100, "{}", tasks());
        sleep(SECOND).await;
    }
    let good: HashSet<_> = good
        .iter()
        .map(|(tenant, _)| (*tenant).to_owned())
        .collect();
    let searches: Vec<(Duration, String)> = publisher.requests()[before..]
        .iter()
        .map(|asked| (asked.at, asked_for(asked)))
        .filter(|(_, (tenant, is_metadata))| *is_metadata && !good.contains(tenant))
        .map(|(at, (tenant, _))| (at, tenant))
        .collect();
    for (index, (start, _)) in searches.iter().enumerate() {
        let minute = searches[index..]
            .iter()
            .take_while(|(at, _)| *at - *start < MINUTE);
        let tenants: HashSet<_> = minute.map(|(_, tenant)| tenant).collect();
        assert!(tenants.len() <= 20, "{} in a minute", tenants.len());
    }
    let different: HashSet<_> = searches.iter().map(|(_, tenant)| tenant).collect();
    assert!(searches.len() <= 2 * different.len(), "one search each");
    assert!(
        (100..=220).contains(&different.len()),
        "{}",
        different.len()
    );
    assert!(keys.state().held_back > 9000);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_made_up_tenants_cost_twenty_searches_a_minute() {
    let (a, b) = (key("1"), key("1"));
    flood(provider(&[("a", &a), ("b", &b)]), [("a", &a), ("b", &b)]).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_where_the_provider_knows_everybody() {
    let (a, b) = (key("1"), key("1"));
    let sets = [jwks([&a]), jwks([&b]), jwks([&key("other")])];
    let publisher = Publisher::new(move |asked| match asked_for(asked) {
        (tenant, true) => metadata(&tenant),
        (tenant, false) => {
            let index = ["a", "b"].iter().position(|known| *known == tenant);
            Answer::json(&sets[index.unwrap_or(2)]).header("cache-control", "max-age=0")
        }
    });
    flood(publisher.clone(), [("a", &a), ("b", &b)]).await;
    // Two requests a search: nobody keeps the keys of strangers fresh.
    let requests = publisher.requests();
    let of_strangers = requests.iter().filter(|asked| {
        let (tenant, _) = asked_for(asked);
        tenant != "a" && tenant != "b"
    });
    assert!(of_strangers.count() <= 2 * 220);
}

#[tokio::test(start_paused = true)]
async fn what_the_keys_of_a_stranger_cost_comes_out_of_the_budget() {
    let (a, forged) = (key("1"), key("1"));
    let set = jwks([&a]);
    let publisher = Publisher::new(move |asked| match asked_for(asked) {
        (tenant, true) => metadata(&tenant),
        _ => Answer::json(&set).header("cache-control", "max-age=0"), // 30 s
    });
    let keys = keys_at(&publisher, Limits::default());
    let (guard, forged) = (guard(&keys), token("a", &forged));
    // It names a published key, and the key did not sign it.
    for _ in 0..60 {
        assert_eq!(status(&guard, &forged).await, 401);
        sleep(5 * SECOND).await;
    }
    // Nobody keeps them fresh: each half minute they are looked for like those of a newcomer.
    assert_eq!((keys.state().admitted, publisher.asked()), (10, 20));
    assert_eq!(status(&guard, &token("a", &a)).await, 200);
    assert_eq!(keys.state().proven, 1);
}

#[tokio::test(start_paused = true)]
async fn four_new_issuers_are_looked_for_at_once() {
    let publisher = Publisher::new(|_| Answer::status(404).late(2 * SECOND));
    let keys = keys_at(&publisher, Limits::default());
    let (guard, stranger) = (guard(&keys), key("stranger"));
    let tokens: Vec<_> = (0..10)
        .map(|number| token(&format!("t{number}"), &stranger))
        .collect();
    let all = join_all(tokens.iter().map(|token| status(&guard, token)));
    let watch = async {
        sleep(SECOND).await;
        keys.state()
    };
    let (answers, state) = tokio::join!(all, watch);
    assert_eq!(answers, [401, 401, 401, 401, 503, 503, 503, 503, 503, 503]);
    assert_eq!((state.under_way, state.held_back), (4, 6));
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_was_not_found_is_left_alone_for_five_minutes() {
    let a = key("1");
    // What its tokens get meanwhile: who is not there is the caller's fault, who can't be
    // reached is not.
    let rows = [
        ("not there", Answer::status(404), 401),
        ("no metadata", Answer::body("<!doctype html>"), 401),
        ("another issuer's metadata", metadata("b"), 401),
        ("failing", Answer::status(500), 503),
        ("not reached", Answer::Refused, 503),
        ("too many requests", Answer::status(429), 503),
    ];
    for (row, answer, expected) in rows {
        let publisher = Publisher::new(|_| Answer::Never);
        publisher.always(answer);
        let keys = keys_at(&publisher, Limits::default());
        let (guard, token) = (guard(&keys), token("a", &a));
        assert_eq!(status(&guard, &token).await, expected, "{row}");
        let asked = publisher.asked();
        let good = provider(&[("a", &a)]);
        publisher.answer(move |asked| good.answer_to(asked));
        for minute in 0..5 {
            assert_eq!(
                status(&guard, &token).await,
                expected,
                "{row}, minute {minute}"
            );
            sleep(MINUTE).await;
        }
        assert_eq!(publisher.asked(), asked, "{row}");
        assert_eq!(
            status(&guard, &token).await,
            200,
            "{row}: five minutes later"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_unproven_push_out_the_unproven() {
    let (a, b, c) = (key("1"), key("1"), key("1"));
    let publisher = provider(&[("a", &a), ("b", &b), ("c", &c)]);
    let mut limits = Limits::default();
    (limits.proven, limits.unproven) = (2, 3);
    let keys = keys_at(&publisher, limits);
    let (guard, stranger) = (guard(&keys), key("stranger"));
    assert_eq!(status(&guard, &token("a", &a)).await, 200);
    assert_eq!(status(&guard, &token("b", &b)).await, 200);
    for number in 0..10 {
        let _ = status(&guard, &token(&format!("t{number}"), &stranger)).await;
    }
    let state = keys.state();
    assert_eq!((state.proven, state.unproven), (2, 3));
    assert!(keys.key_set(&issuer("a")).is_some());
    assert!(keys.key_set(&issuer("t9")).is_some() && keys.key_set(&issuer("t6")).is_none());
    // A third one that proves itself pushes out the one of them that was not used.
    assert_eq!(status(&guard, &token("b", &b)).await, 200);
    assert_eq!(status(&guard, &token("c", &c)).await, 200);
    assert!(keys.key_set(&issuer("a")).is_none());
    assert_eq!(keys.state().proven, 2);
    assert_eq!(status(&guard, &token("a", &a)).await, 200, "found again");
}

#[tokio::test(start_paused = true)]
async fn a_proven_tenant_rotates_its_keys_like_any_issuer() {
    let (old, new) = (key("1"), key("2"));
    let publisher = provider(&[("a", &old)]);
    let keys = keys_at(&publisher, Limits::default());
    let guard = guard(&keys);
    assert_eq!(status(&guard, &token("a", &old)).await, 200);
    let rotated = provider(&[("a", &new)]);
    publisher.answer(move |asked| rotated.answer_to(asked));
    assert_eq!(status(&guard, &token("a", &new)).await, 200);
    sleep(10 * SECOND).await;
    assert_eq!(status(&guard, &token("a", &old)).await, 401);
}

#[tokio::test(start_paused = true)]
async fn tasks_end_with_the_last_handle() {
    let a = key("1");
    let keys = keys_at(&provider(&[("a", &a)]), Limits::default());
    let guard = guard(&keys);
    assert_eq!(status(&guard, &token("a", &a)).await, 200);
    assert_eq!(tasks(), 1);
    drop((guard, keys));
    sleep(SECOND).await;
    assert_eq!(tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn this_machine_is_asked_only_if_the_pattern_is_on_it() {
    let a = key("1");
    let rows = [
        (
            "a pattern on this machine",
            Expected::pattern("http://127.0.0.1:9000/*").unwrap(),
            2,
        ),
        ("a function", Expected::matching(|_| true), 0),
        (
            "values, one elsewhere",
            Expected::any_of(["http://127.0.0.1:9000/a", "https://id.example"]),
            0,
        ),
    ];
    for (row, issuers, expected) in rows {
        let publisher = Publisher::new(|_| Answer::status(404));
        let keys = RemoteIssuers::new(issuers.clone())
            .unwrap()
            .over(publisher.clone());
        let guard = RequireJwt::new(Validator::new(issuers, "orders"), keys);
        let token = token_with(&a, json!({ "iss": "http://127.0.0.1:9000/a" }));
        assert_eq!(status(&guard, &token).await, 401, "{row}");
        assert_eq!(publisher.asked(), expected, "{row}");
    }
}

#[test]
fn any_issuer_at_all_is_a_mistake_when_built() {
    for issuers in [Expected::unchecked(), Expected::in_claim("azp", "a")] {
        let error = RemoteIssuers::new(issuers).unwrap_err().to_string();
        assert!(error.contains("`iss`"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fixed_set_of_issuers_keeps_each_ones_keys_apart() {
    let (a, b) = (key("1"), key("1"));
    let publisher = provider(&[("a", &a), ("b", &b)]);
    let set = |tenant: &str| {
        RemoteKeySet::discover(&issuer(tenant))
            .unwrap()
            .over(publisher.clone())
    };
    let rules = |tenant: &str, audience: &str| Validator::new(issuer(tenant), audience.to_owned());
    let guard: Guard = RequireJwt::new(rules("a", "orders"), set("a"))
        .also_trust(rules("b", "partner-orders"), set("b"));
    let of_b = |key: &SigningKey, audience: &str| {
        token_with(key, json!({ "iss": issuer("b"), "aud": audience }))
    };
    let rows = [
        ("the first", token("a", &a), 200),
        ("the second", of_b(&b, "partner-orders"), 200),
        ("the audience of the other", of_b(&b, "orders"), 401),
        ("the key of the other", of_b(&a, "partner-orders"), 401),
        ("a stranger", token("c", &a), 401),
    ];
    for (row, token, expected) in rows {
        assert_eq!(status(&guard, &token).await, expected, "{row}");
    }
    assert!(
        publisher
            .requests()
            .iter()
            .all(|asked| asked_for(asked).0 != "c")
    );
}
