//! Whose rules and keys judge a token, and what a source of keys is told.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod server_support;

use std::sync::{Arc, Mutex};

use http::StatusCode;
use serde_json::{Value, json};
use server_support::{
    ISSUER, MyClaims, NOW, SECRET, Standing, bearer, keys, mint, rejection, request, send, token,
};
use tower_bearer::{
    Algorithm, BoxFuture, Expected, KeySet, KeySource, RequireJwt, Validator,
    jwt::{Minter, SigningKey},
    keys::{KeyQuery, KeysUnavailable},
    server::RejectionReason,
};

const PARTNER: &str = "https://partner.example";
const PARTNER_SECRET: [u8; 32] = [8; 32];
const OWN_SECRET: [u8; 32] = [9; 32];

fn set(secret: [u8; 32]) -> KeySet {
    KeySet::from_secret(Algorithm::HS256, secret).unwrap()
}

fn guard() -> RequireJwt<MyClaims> {
    RequireJwt::new(Validator::new(ISSUER, "orders"), keys())
        .also_trust(
            Validator::new([PARTNER, "https://old.partner.example"], "partner-orders"),
            set(PARTNER_SECRET),
        )
        .clock(Standing)
}

fn guard_with_own() -> RequireJwt<MyClaims> {
    let own = Validator::new(Expected::unchecked(), Expected::unchecked());
    guard().also_trust(own, set(OWN_SECRET))
}

async fn status(guard: RequireJwt<MyClaims>, token: &str) -> StatusCode {
    send(guard, request(&[&bearer(token)])).await.status()
}

#[tokio::test]
async fn each_issuers_tokens_are_judged_by_its_own_rules_and_keys() {
    let partner = |secret, changes: Value| {
        let mut all = json!({ "iss": PARTNER, "aud": "partner-orders" });
        all.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        mint(secret, all)
    };
    let rows = [
        ("the first issuer", token(json!({})), 200),
        ("the second", partner(PARTNER_SECRET, json!({})), 200),
        (
            "its alias",
            partner(
                PARTNER_SECRET,
                json!({"iss": "https://old.partner.example"}),
            ),
            200,
        ),
        (
            "signed with the keys of another",
            partner(SECRET, json!({})),
            401,
        ),
        (
            "the same the other way round",
            mint(PARTNER_SECRET, json!({})),
            401,
        ),
        (
            "for the audience of another",
            partner(PARTNER_SECRET, json!({"aud": "orders"})),
            401,
        ),
        (
            "an issuer that nobody named",
            mint(OWN_SECRET, json!({"iss": "https://evil.example"})),
            401,
        ),
        ("no issuer", mint(OWN_SECRET, json!({ "iss": null })), 401),
        (
            "an issuer that is no string",
            mint(OWN_SECRET, json!({ "iss": [ISSUER] })),
            401,
        ),
        ("no token at all", "a.b.c".to_owned(), 401),
    ];
    for (row, token, expected) in rows {
        assert_eq!(status(guard(), &token).await, expected, "{row}");
    }
}

#[tokio::test]
async fn who_leaves_the_issuer_unchecked_gets_what_nobody_names() {
    let rows = [
        ("no issuer", mint(OWN_SECRET, json!({ "iss": null })), 200),
        (
            "an issuer that nobody named",
            mint(OWN_SECRET, json!({"iss": "https://other.example"})),
            200,
        ),
        (
            "an issuer that somebody named, signed with other keys",
            mint(OWN_SECRET, json!({})),
            401,
        ),
        ("an issuer that somebody named", token(json!({})), 200),
    ];
    for (row, token, expected) in rows {
        assert_eq!(status(guard_with_own(), &token).await, expected, "{row}");
    }
}

#[tokio::test]
async fn the_log_names_the_issuers_that_would_do() {
    let token = token(json!({"iss": "https://id.example/"}));
    let refused = send(guard(), request(&[&bearer(&token)])).await;
    let reason = rejection(&refused).to_string();
    for part in [ISSUER, PARTNER, "`https://id.example/`", "slash at the end"] {
        assert!(reason.contains(part), "{reason}");
    }
}

#[tokio::test]
async fn the_longest_limit_of_all_bounds_what_is_looked_into() {
    let narrow = |bytes| Validator::new(ISSUER, "orders").max_token_size(bytes);
    let guard = RequireJwt::<MyClaims>::new(narrow(64), keys())
        .also_trust(narrow(100), set(PARTNER_SECRET))
        .clock(Standing);
    let stranger = token(json!({"iss": "https://stranger.example"}));
    let refused = send(guard, request(&[&bearer(&stranger)])).await;
    let reason = rejection(&refused).to_string();
    assert!(reason.contains("at most 64 are accepted"), "{reason}");
}

/// Writes down what it is asked and told, and has another set after it was asked for one.
#[derive(Clone)]
struct Witness(Arc<Inner>);

struct Inner {
    first: KeySet,
    second: KeySet,
    /// Whether a token that failed with the first set is worth asking for the second.
    asks: bool,
    seen: Mutex<Vec<String>>,
}

impl Witness {
    fn new(first: KeySet, second: KeySet, asks: bool) -> Self {
        Self(Arc::new(Inner {
            first,
            second,
            asks,
            seen: Mutex::default(),
        }))
    }

    fn note(&self, what: &str, wanted: &KeyQuery<'_>) {
        let tried = wanted.tried().map_or("", |_| " tried");
        let issuer = wanted.issuer().unwrap_or("-");
        let line = format!("{what} {issuer}{tried}");
        self.0.seen.lock().unwrap().push(line);
    }

    fn seen(&self) -> Vec<String> {
        self.0.seen.lock().unwrap().clone()
    }
}

impl KeySource for Witness {
    fn current(&self, wanted: &KeyQuery<'_>) -> Option<KeySet> {
        self.note("current", wanted);
        assert!(!wanted.signature().unwrap().is_empty());
        let is_open = wanted.tried().is_some() && self.0.asks;
        (!is_open).then(|| self.0.first.clone())
    }

    fn obtain<'a>(
        &'a self,
        wanted: &'a KeyQuery<'a>,
    ) -> BoxFuture<'a, Result<KeySet, KeysUnavailable>> {
        self.note("obtain", wanted);
        Box::pin(std::future::ready(Ok(self.0.second.clone())))
    }

    fn depends_on_issuer(&self) -> bool {
        true
    }

    fn verified(&self, wanted: &KeyQuery<'_>) {
        self.note("verified", wanted);
    }
}

/// A good token with this `kid`, signed with `secret`.
fn with_key_id(secret: [u8; 32], key_id: Option<&str>) -> String {
    let key = SigningKey::from_secret(Algorithm::HS256, secret).unwrap();
    let key = match key_id {
        Some(key_id) => key.with_key_id(key_id),
        None => key,
    };
    let claims = json!({ "iss": ISSUER, "aud": "orders", "sub": "alice", "exp": NOW + 600 });
    Minter::new(key).mint(&claims).unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_source_hears_of_verified_tokens_and_of_those_that_no_key_fits() {
    let current = "current https://id.example";
    let tried = "current https://id.example tried";
    let obtain = "obtain https://id.example tried";
    let verified = "verified https://id.example";
    let named = || set(SECRET).with_key_id("a");
    let unnamed = || set(SECRET);
    let rows: Vec<(&str, Witness, String, u16, Vec<&str>)> = vec![
        (
            "a good token",
            Witness::new(named(), named(), true),
            with_key_id(SECRET, Some("a")),
            200,
            vec![current, verified],
        ),
        (
            "the key that it names does not fit: newer keys would not help",
            Witness::new(named(), named(), true),
            with_key_id(PARTNER_SECRET, Some("a")),
            401,
            vec![current],
        ),
        (
            "it names no key, and there is a newer one",
            Witness::new(unnamed(), set(PARTNER_SECRET), true),
            with_key_id(PARTNER_SECRET, None),
            200,
            vec![current, tried, obtain, verified],
        ),
        (
            "it names a key, and was tried with those that have no name",
            Witness::new(unnamed(), set(PARTNER_SECRET), true),
            with_key_id(PARTNER_SECRET, Some("b")),
            200,
            vec![current, tried, obtain, verified],
        ),
        (
            "no newer key fits either",
            Witness::new(unnamed(), unnamed(), true),
            with_key_id(PARTNER_SECRET, None),
            401,
            vec![current, tried, obtain],
        ),
        (
            "the source does not want to ask",
            Witness::new(unnamed(), unnamed(), false),
            with_key_id(PARTNER_SECRET, None),
            401,
            vec![current, tried],
        ),
    ];
    for (row, source, token, expected, seen) in rows {
        let guard = RequireJwt::<MyClaims>::new(Validator::new(ISSUER, "orders"), source.clone());
        let answer = send(guard.clock(Standing), request(&[&bearer(&token)])).await;
        assert_eq!(answer.status(), expected, "{row}");
        assert_eq!(source.seen(), seen, "{row}");
    }
}

#[tokio::test]
async fn a_source_that_changed_meanwhile_is_tried_once_more() {
    /// Another set each time.
    struct Turning(Mutex<Vec<KeySet>>);
    impl KeySource for Turning {
        fn current(&self, _: &KeyQuery<'_>) -> Option<KeySet> {
            self.0.lock().unwrap().pop()
        }
        fn obtain<'a>(
            &'a self,
            _: &'a KeyQuery<'a>,
        ) -> BoxFuture<'a, Result<KeySet, KeysUnavailable>> {
            panic!("they are at hand");
        }
    }
    for (left, expected) in [(SECRET, 200), (OWN_SECRET, 401)] {
        let source = Turning(Mutex::new(vec![
            set(SECRET),
            set(left),
            set(PARTNER_SECRET),
        ]));
        let guard = RequireJwt::<MyClaims>::new(Validator::new(ISSUER, "orders"), source);
        let token = with_key_id(SECRET, None);
        assert_eq!(status(guard.clock(Standing), &token).await, expected);
    }
}

#[tokio::test]
async fn a_token_that_can_not_pass_asks_for_no_keys_whoever_it_names() {
    let empty = || tower_bearer::keys::from_async_fn(|_| async { panic!("nobody is to be asked") });
    let guard = RequireJwt::<MyClaims>::new(Validator::new(ISSUER, "orders"), empty())
        .also_trust(Validator::new(PARTNER, "orders"), empty())
        .clock(Standing);
    for changes in [
        json!({"iss": "https://evil.example"}),
        json!({"exp": NOW - 600}),
        json!({"iss": PARTNER, "exp": NOW - 600}),
    ] {
        let answer = send(guard.clone(), request(&[&bearer(&token(changes))])).await;
        let rejection = rejection(&answer);
        assert!(
            matches!(rejection.reason(), RejectionReason::InvalidToken(_)),
            "{rejection}"
        );
    }
}
