//! Where an issuer's metadata is looked for, when it is read again, and how long anybody waits.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod remote_support;

use remote_support::{
    Answer, Asked, ISSUER, JWKS, MINUTE, Publisher, SECOND, answer, jwks, key, status, token,
    token_with,
};
use serde_json::{Value, json};
use tokio::time::sleep;
use tower_bearer::{
    RemoteKeySet,
    clock::{Clock, SystemClock},
    keys::AddressError,
};

const OPENID: &str = "https://id.example/.well-known/openid-configuration";
const OAUTH: &str = "https://id.example/.well-known/oauth-authorization-server";

fn metadata(jwks_uri: &str) -> Value {
    json!({ "issuer": ISSUER, "jwks_uri": jwks_uri })
}

fn discovered(publisher: &Publisher) -> RemoteKeySet {
    let keys = RemoteKeySet::discover(ISSUER).unwrap();
    keys.over(publisher.clone())
}

/// Answers by address, and 404 elsewhere.
fn at(documents: impl IntoIterator<Item = (&'static str, Answer)>) -> impl Fn(&Asked) -> Answer {
    let documents: Vec<_> = documents.into_iter().collect();
    move |asked| {
        let address = asked.uri.to_string();
        let found = documents.iter().find(|(known, _)| *known == address);
        found.map_or(Answer::status(404), |(_, answer)| answer.clone())
    }
}

fn addresses(publisher: &Publisher) -> Vec<String> {
    let requests = publisher.requests();
    requests.iter().map(|asked| asked.uri.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_place_is_asked_in_turn_and_next_time_the_one_that_had_it_first() {
    let a = key("a");
    let (document, keys_of_a) = (Answer::json(&metadata(JWKS)), Answer::json(&jwks([&a])));
    let publisher = Publisher::new(at([(OAUTH, document), (JWKS, keys_of_a)]));
    let keys = discovered(&publisher);
    assert_eq!(status(&keys, &token(&a)).await, 200);
    assert_eq!(addresses(&publisher), [OPENID, OAUTH, JWKS]);

    keys.refresh().await.unwrap();
    assert_eq!(addresses(&publisher)[3..], [JWKS], "it is good for an hour");

    sleep(60 * MINUTE).await;
    keys.refresh().await.unwrap();
    assert_eq!(addresses(&publisher)[4..], [OAUTH, JWKS]);
}

#[tokio::test(start_paused = true)]
async fn a_search_in_vain_names_each_place_that_was_tried() {
    let publisher = Publisher::new(|_| Answer::status(404));
    let error = discovered(&publisher).ready(SECOND / 2).await.unwrap_err();
    let said = error.to_string();
    for part in [OPENID, OAUTH, "404"] {
        assert!(said.contains(part), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_fails_ends_the_search() {
    for failing in [Answer::status(500), Answer::status(429), Answer::Refused] {
        let document = Answer::json(&metadata(JWKS));
        let publisher = Publisher::new(at([(OPENID, failing.clone()), (OAUTH, document)]));
        assert!(discovered(&publisher).refresh().await.is_err());
        assert_eq!(addresses(&publisher), [OPENID], "{failing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_at_another_address_is_this_issuers_or_nobodys() {
    const ELSEWHERE: &str = "https://inner.example/metadata";
    let a = key("a");
    let rows = [
        ("this issuer's", metadata(JWKS), 200),
        (
            "the address's",
            json!({ "issuer": "https://inner.example", "jwks_uri": JWKS }),
            503,
        ),
    ];
    for (row, document, expected) in rows {
        let keys_of_a = Answer::json(&jwks([&a]));
        let publisher = Publisher::new(at([
            (ELSEWHERE, Answer::json(&document)),
            (JWKS, keys_of_a),
        ]));
        let keys = RemoteKeySet::discover(ISSUER).unwrap();
        let keys = keys.metadata_at(ELSEWHERE).unwrap().over(publisher.clone());
        assert_eq!(status(&keys, &token(&a)).await, expected, "{row}");
        let addresses = addresses(&publisher);
        assert_eq!(addresses[0], ELSEWHERE, "{row}");
        assert!(
            addresses
                .iter()
                .all(|address| !address.contains("well-known"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_move_are_found_where_the_metadata_says_then() {
    const MOVED: &str = "https://id.example/keys/2";
    let (a, b) = (key("a"), key("b"));
    let (first, second) = (
        Answer::json(&metadata(JWKS)),
        Answer::json(&metadata(MOVED)),
    );
    let publisher = Publisher::new(at([(OPENID, first), (JWKS, Answer::json(&jwks([&a])))]));
    let keys = discovered(&publisher);
    assert_eq!(status(&keys, &token(&a)).await, 200);
    publisher.answer(at([
        (OPENID, second),
        (MOVED, Answer::json(&jwks([&a, &b]))),
    ]));
    keys.refresh().await.unwrap_err();
    assert_eq!(status(&keys, &token(&a)).await, 200, "meanwhile");
    keys.refresh().await.unwrap();
    assert_eq!(status(&keys, &token(&b)).await, 200);
    assert_eq!(addresses(&publisher)[2..], [JWKS, OPENID, MOVED]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_asked_for_anew_by_the_validators_of_its_own_address_only() {
    const MOVED: &str = "https://id.example/keys/2";
    let a = key("a");
    let tagged = Answer::json(&jwks([&a])).header("etag", "\"1\"");
    let publisher = Publisher::new(at([
        (OPENID, Answer::json(&metadata(JWKS))),
        (JWKS, tagged.clone()),
    ]));
    let keys = discovered(&publisher);
    keys.refresh().await.unwrap();
    publisher.answer(at([
        (OPENID, Answer::json(&metadata(MOVED))),
        (MOVED, tagged),
    ]));
    sleep(60 * MINUTE).await;
    keys.refresh().await.unwrap();
    let last = publisher.requests().pop().unwrap();
    assert_eq!(last.uri, MOVED);
    assert!(!last.headers.contains_key("if-none-match"));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_eight_seconds_whatever_the_search_takes() {
    let a = key("a");
    let slow = |answer: Answer| answer.late(SECOND * 9 / 2);
    let publisher = Publisher::new(at([
        (OPENID, slow(Answer::json(&metadata(JWKS)))),
        (JWKS, slow(Answer::json(&jwks([&a])))),
    ]));
    let keys = discovered(&publisher);
    let clock = SystemClock::new();
    let start = clock.monotonic();
    let refused = answer(&keys, &token(&a)).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(clock.monotonic() - start, 8 * SECOND);
    sleep(SECOND).await;
    assert_eq!(status(&keys, &token(&a)).await, 200, "the search went on");
    assert_eq!(publisher.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_the_greppable_word_lets_plain_http_in() {
    const MESH: &str = "http://id.mesh";
    let refused = RemoteKeySet::discover(MESH).err();
    assert!(matches!(refused, Some(AddressError::PlainHttp(_))));
    let a = key("a");
    let document = json!({ "issuer": MESH, "jwks_uri": "http://keys.mesh/jwks" });
    let publisher = Publisher::new(at([
        (
            "http://id.mesh/.well-known/openid-configuration",
            Answer::json(&document),
        ),
        ("http://keys.mesh/jwks", Answer::json(&jwks([&a]))),
    ]));
    let keys = RemoteKeySet::dangerous_discover_plain_http(MESH).unwrap();
    let keys = keys.over(publisher.clone());
    keys.ready(SECOND).await.unwrap();
    let foreign = token_with(&a, json!({ "iss": MESH }));
    assert_eq!(
        status(&keys, &foreign).await,
        401,
        "of an issuer that the rules don't name"
    );
    assert_eq!(publisher.asked(), 2);
}
