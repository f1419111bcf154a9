//! What is remembered of verified tokens never changes what a caller is told.
#![cfg(all(feature = "cache", feature = "test-util"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod server_support;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures::{FutureExt as _, executor::block_on};
use http::{HeaderValue, Request, Response, header::AUTHORIZATION};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use server_support::*;
use tower::{Layer, ServiceExt as _, service_fn};
use tower_bearer::{
    Algorithm, BoxFuture, KeySet, KeySource, OptionalJwt, RequireJwt, RequireScope, ScopeSet,
    Validator, Verified,
    jwt::{Minter, SigningKey},
    keys::{self, KeyQuery, KeysUnavailable},
    server::VerifiedCache,
    test_util::ManualClock,
};

const SECOND: Duration = Duration::from_secs(1);

/// Keys that the test exchanges; `None` while they can't be had.
#[derive(Clone)]
struct Held(Arc<Mutex<Option<KeySet>>>);

impl Held {
    fn new(keys: KeySet) -> Self {
        Self(Arc::new(Mutex::new(Some(keys))))
    }

    fn set(&self, keys: Option<KeySet>) {
        *self.0.lock().unwrap() = keys;
    }

    fn source(&self) -> impl KeySource + use<> {
        let held = Arc::clone(&self.0);
        keys::from_fn(move |_| {
            let keys = held.lock().unwrap().clone();
            keys.ok_or_else(|| KeysUnavailable::new(SECOND))
        })
    }
}

/// All that a verdict hangs on, and guards with and without a cache over it.
struct World {
    clock: ManualClock,
    keys: Held,
    is_revoked: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    cache: VerifiedCache<MyClaims>,
}

impl World {
    fn new() -> Self {
        Self {
            clock: ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)),
            keys: Held::new(keys()),
            is_revoked: Arc::default(),
            asked: Arc::default(),
            cache: VerifiedCache::new(),
        }
    }

    fn validator(&self) -> Validator {
        let (is_revoked, asked) = (Arc::clone(&self.is_revoked), Arc::clone(&self.asked));
        validator().predicate("not revoked", move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            !is_revoked.load(Ordering::SeqCst)
        })
    }

    fn uncached(&self) -> RequireJwt<MyClaims> {
        RequireJwt::new(self.validator(), self.keys.source()).clock(self.clock.clone())
    }

    fn cached(&self) -> RequireJwt<MyClaims> {
        self.uncached().cache(self.cache.clone())
    }

    fn counts(&self) -> (u64, u64) {
        (self.cache.hits(), self.cache.misses())
    }
}

/// What a caller is told, and what stands inside is told of the caller.
fn told(guard: &RequireJwt<MyClaims>, token: &str) -> Told {
    let response = send(guard.clone(), request(&[&bearer(token)]));
    let response = response.now_or_never().unwrap();
    let status = response.status().as_u16();
    match response.body() {
        Some(seen) => Told(status, seen.subject.clone(), seen.scopes.clone()),
        None => Told(status, Some(rejection(&response).to_string()), None),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Told(u16, Option<String>, Option<String>);

fn status(guard: &RequireJwt<MyClaims>, token: &str) -> u16 {
    told(guard, token).0
}

/// The claims that a handler finds.
fn verified(guard: &RequireJwt<MyClaims>, token: &str) -> Verified<MyClaims> {
    let inner = service_fn(|request: Request<()>| async move {
        let verified = Verified::<MyClaims>::of(request.extensions());
        Ok::<_, std::convert::Infallible>(Response::new(verified))
    });
    let answer = guard.clone().layer(inner);
    let answer = answer.oneshot(request(&[&bearer(token)]));
    block_on(answer).unwrap().into_body().unwrap()
}

fn signed(secret: [u8; 32], key_id: &str) -> KeySet {
    let keys = KeySet::from_secret(Algorithm::HS256, secret).unwrap();
    keys.with_key_id(key_id)
}

#[test]
fn a_token_that_comes_again_is_not_read_again() {
    let world = World::new();
    let guard = world.cached();
    let first = verified(&guard, &good());
    let second = verified(&guard.clone(), &good());
    assert!(std::ptr::eq(first.claims(), second.claims()));
    assert_eq!(second.expose_token(), good());
    assert_eq!((world.counts(), world.cache.len()), ((1, 1), 1));
    // Whoever said nothing of a cache has none.
    let third = verified(&world.uncached(), &good());
    assert!(!std::ptr::eq(first.claims(), third.claims()));
}

#[test]
fn all_that_a_verdict_hangs_on_is_asked_for_each_request() {
    type Change = fn(&World);
    // (what happens after the token was accepted, what, the status, whether it is a hit)
    let rows: &[(&str, Change, u16, bool)] = &[
        ("nothing", |_| {}, 200, true),
        (
            "the key was exchanged",
            |world| world.keys.set(Some(signed([8; 32], "new"))),
            401,
            false,
        ),
        (
            "there is no key any more",
            |world| world.keys.set(Some(KeySet::from_jwks(OTHER_KEY).unwrap())),
            401,
            false,
        ),
        (
            "another key came: the set is not the one that it was",
            |world| world.keys.set(Some(keys().union(&signed([8; 32], "new")))),
            200,
            false,
        ),
        (
            "the same key was read anew: nobody compares keys",
            |world| world.keys.set(Some(keys())),
            200,
            false,
        ),
        (
            "the keys can't be had",
            |world| world.keys.set(None),
            503,
            false,
        ),
        (
            "the last moment, with leeway",
            |world| world.clock.advance(659 * SECOND),
            200,
            true,
        ),
        (
            "the end, with leeway",
            |world| world.clock.advance(660 * SECOND),
            401,
            false,
        ),
        (
            "a clock set back before `nbf`, within leeway",
            |world| world.clock.set_wall_back(60 * SECOND),
            200,
            true,
        ),
        (
            "a clock set back before `nbf`",
            |world| world.clock.set_wall_back(61 * SECOND),
            401,
            false,
        ),
        (
            "the application says no",
            |world| world.is_revoked.store(true, Ordering::SeqCst),
            401,
            false,
        ),
        ("all is forgotten", |world| world.cache.clear(), 200, false),
    ];
    for (row, change, expected, is_hit) in rows {
        let world = World::new();
        let (guard, token) = (world.cached(), token(json!({ "nbf": NOW })));
        assert_eq!(status(&guard, &token), 200);
        change(&world);
        let without = told(&world.uncached(), &token);
        assert_eq!(told(&guard, &token), without, "{row}");
        assert_eq!(without.0, *expected, "{row}");
        let expected = if *is_hit { (1, 1) } else { (0, 2) };
        assert_eq!(world.counts(), expected, "{row}");
    }
}

const OTHER_KEY: &str = r#"{"keys": [{"kty": "oct", "alg": "HS512", "kid": "other",
    "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}]}"#;

#[test]
fn a_clock_that_moves_back_makes_a_token_young_again() {
    let world = World::new();
    let (guard, token) = (world.cached(), token(json!({ "iat": NOW })));
    let mut moved = vec![];
    for back in [0, 60, 61, 0] {
        world.clock.set_wall_back(back * SECOND);
        moved.push(status(&guard, &token));
        world.clock.advance_wall(back * SECOND);
    }
    assert_eq!(moved, [200, 200, 401, 200]);
    world.clock.advance(660 * SECOND);
    assert_eq!(status(&guard, &token), 401, "ended");
    world.clock.set_wall_back(660 * SECOND);
    assert_eq!(status(&guard, &token), 200, "not any more");
}

#[test]
fn refusals_are_not_remembered() {
    let world = World::new();
    let guard = world.cached();
    let rows = [
        ("another key", mint([8; 32], json!({}))),
        ("another audience", token(json!({ "aud": "billing" }))),
        ("expired", token(json!({ "exp": NOW - 60 }))),
        ("claims of another type", token(json!({ "sub": 7 }))),
        ("no token", "x".to_owned()),
        ("no segments", "..".to_owned()),
    ];
    for (row, token) in &rows {
        assert_eq!(status(&guard, token), 401, "{row}");
        assert_eq!(status(&guard, token), 401, "{row}, again");
        assert!(world.cache.is_empty(), "{row}");
    }
    assert_eq!(world.counts(), (0, 12));
}

#[test]
fn a_verdict_that_does_not_hold_any_more_is_forgotten() {
    let changes: [fn(&World); 3] = [
        |world| world.clock.advance(660 * SECOND),
        |world| world.is_revoked.store(true, Ordering::SeqCst),
        |world| world.keys.set(Some(signed([8; 32], "new"))),
    ];
    for change in changes {
        let world = World::new();
        let guard = world.cached();
        assert_eq!(status(&guard, &good()), 200);
        change(&world);
        assert_eq!(status(&guard, &good()), 401);
        assert!(world.cache.is_empty());
    }
}

#[test]
fn a_token_that_differs_in_one_byte_is_another() {
    let world = World::new();
    let guard = world.cached();
    let good = good();
    assert_eq!(status(&guard, &good), 200);
    for at in 0..good.len() {
        for other in [b'A', b'B', b'.'] {
            let mut token = good.clone().into_bytes();
            token[at] = if token[at] == other { b'C' } else { other };
            let token = String::from_utf8(token).unwrap();
            assert_eq!(status(&guard, &token), 401, "byte {at}");
        }
    }
    // The same end, which is all that the hash sees.
    for other in ["A", "eyJhbGciOiJub25lIn0.", "."] {
        assert_eq!(status(&guard, &format!("{other}{good}")), 401, "{other}");
    }
    for from in 1..good.len() {
        assert_eq!(status(&guard, &good[from..]), 401, "from byte {from}");
        assert_eq!(status(&guard, &good[..from]), 401, "to byte {from}");
    }
    assert_eq!(world.cache.hits(), 0);
    assert_eq!(status(&guard, &good), 200);
    assert_eq!(world.cache.hits(), 1);
}

#[test]
fn what_one_guard_accepts_counts_for_no_guard_of_other_rules() {
    let world = World::new();
    let orders = world.cached();
    assert_eq!(status(&orders, &good()), 200);

    let other_rules = |validator: Validator| {
        let guard = RequireJwt::new(validator, world.keys.source()).clock(world.clock.clone());
        guard.cache(world.cache.clone())
    };
    let billing = other_rules(Validator::new(ISSUER, "billing"));
    assert_eq!(status(&billing, &good()), 401, "another audience");
    let strict = other_rules(validator().require_claim("jti"));
    assert_eq!(status(&strict, &good()), 401, "a claim more");
    let tight = other_rules(validator().leeway(Duration::ZERO));
    let late = token(json!({ "exp": NOW - 1 }));
    assert_eq!(status(&orders, &late), 200);
    assert_eq!(status(&tight, &late), 401, "less leeway");
    let own_keys = RequireJwt::new(validator(), signed([8; 32], "new"))
        .clock(world.clock.clone())
        .cache(world.cache.clone());
    assert_eq!(status(&own_keys, &good()), 401, "other keys");
    assert_eq!(world.cache.hits(), 0);

    // Side by side: what one has found out does not push out what the other has.
    let same = other_rules(validator());
    assert_eq!(status(&same, &good()), 200);
    assert_eq!(
        (status(&same, &good()), status(&orders, &good())),
        (200, 200)
    );
    assert_eq!(world.cache.hits(), 2);
    // And a refusal of one leaves the other's verdict alone.
    assert_eq!(
        (status(&billing, &good()), status(&orders, &good())),
        (401, 200)
    );
    assert_eq!(world.cache.hits(), 3);
}

#[test]
fn a_step_that_changes_the_rules_starts_with_nothing() {
    let world = World::new();
    let guard = world.cached();
    assert_eq!(status(&guard, &good()), 200);

    let partner = Validator::new("https://partner.example", "orders");
    let with_partner = guard
        .clone()
        .also_trust(partner, signed([9; 32], "partner"));
    assert_eq!(status(&with_partner, &good()), 200);
    assert_eq!(world.cache.hits(), 0, "an issuer more");

    let nobody = guard.clone().scopes_from(|_| ScopeSet::default());
    assert_eq!(
        told(&nobody, &good()).2.unwrap(),
        "",
        "scopes from elsewhere"
    );
    let all = Some("orders:read orders:list".to_owned());
    assert_eq!(told(&guard, &good()).2, all, "and not from there");
    assert_eq!(world.cache.hits(), 1);

    // What is no rule about tokens changes nothing.
    let same = guard.clone().remove_credentials().ignore_other_schemes();
    assert_eq!(status(&same, &good()), 200);
    assert_eq!(world.cache.hits(), 2);
}

#[test]
fn the_predicate_runs_once_for_each_request() {
    let world = World::new();
    let guard = world.cached();
    let mut requests = 0;
    for is_revoked in [false, false, true, true, false, false] {
        world.is_revoked.store(is_revoked, Ordering::SeqCst);
        let expected = if is_revoked { 401 } else { 200 };
        assert_eq!(status(&guard, &good()), expected);
        requests += 1;
        assert_eq!(world.asked.load(Ordering::SeqCst), requests);
    }
}

#[test]
fn a_function_that_reads_scopes_is_asked_each_time() {
    let world = World::new();
    let roles = Arc::new(Mutex::new("orders:read"));
    let now = Arc::clone(&roles);
    let guard = world
        .cached()
        .scopes_from(move |_| ScopeSet::parse(*now.lock().unwrap()));
    let scopes = || told(&guard, &good()).2.unwrap();
    assert_eq!(
        (scopes(), scopes()),
        ("orders:read".into(), "orders:read".into())
    );
    assert_eq!(world.counts(), (1, 1));
    *roles.lock().unwrap() = "orders:write";
    assert_eq!(
        (scopes(), scopes()),
        ("orders:write".into(), "orders:write".into())
    );
    assert_eq!(world.counts(), (2, 2));
}

/// Notes what it is asked.
struct Asked {
    keys: KeySet,
    depends_on_issuer: bool,
    questions: Arc<Mutex<Vec<String>>>,
}

impl KeySource for Asked {
    fn current(&self, wanted: &KeyQuery<'_>) -> Option<KeySet> {
        self.questions.lock().unwrap().push(format!("{wanted:?}"));
        Some(self.keys.clone())
    }

    fn obtain<'a>(&'a self, _: &'a KeyQuery<'a>) -> BoxFuture<'a, Result<KeySet, KeysUnavailable>> {
        panic!("the keys are at hand")
    }

    fn depends_on_issuer(&self) -> bool {
        self.depends_on_issuer
    }
}

#[test]
fn a_source_is_asked_the_same_whether_a_token_is_known_or_not() {
    let key = SigningKey::from_secret(Algorithm::HS256, SECRET).unwrap();
    let claims = json!({ "iss": ISSUER, "aud": "orders", "sub": "alice", "exp": NOW + 600 });
    let named = Minter::new(key.with_key_id("another name"));
    let named = named.mint(&claims).unwrap();
    for (token, name) in [(named.expose(), "another name"), (&good(), "key_id: None")] {
        for depends_on_issuer in [false, true] {
            let (cache, questions) = (VerifiedCache::new(), Arc::default());
            let source = Asked {
                keys: keys(),
                depends_on_issuer,
                questions: Arc::clone(&questions),
            };
            let guard = require_with(source).cache(cache.clone());
            assert_eq!((status(&guard, token), status(&guard, token)), (200, 200));
            assert_eq!(cache.hits(), 1);
            let questions = questions.lock().unwrap();
            assert_eq!((questions.len(), &questions[0]), (2, &questions[1]));
            assert!(questions[0].contains(name), "{questions:?}");
            assert_eq!(questions[0].contains(ISSUER), depends_on_issuer);
        }
    }
}

#[test]
fn each_issuers_verdicts_end_with_its_own_keys() {
    let (clock, cache) = (World::new().clock, VerifiedCache::new());
    let (staff, partner) = (Held::new(keys()), Held::new(signed([9; 32], "p")));
    let guard = RequireJwt::<MyClaims>::new(validator(), staff.source())
        .also_trust(
            Validator::new("https://partner.example", "orders"),
            partner.source(),
        )
        .clock(clock)
        .cache(cache.clone());
    let of_staff = good();
    let of_partner = mint([9; 32], json!({ "iss": "https://partner.example" }));
    let both = || (status(&guard, &of_staff), status(&guard, &of_partner));
    assert_eq!((both(), both(), cache.hits()), ((200, 200), (200, 200), 2));
    partner.set(Some(signed([8; 32], "new")));
    assert_eq!((both(), cache.hits()), ((200, 401), 3));
    partner.set(Some(keys()));
    assert_eq!((both(), cache.hits()), ((200, 401), 4), "another issuer's");
    staff.set(Some(signed([9; 32], "p")));
    assert_eq!((both(), cache.hits()), ((401, 401), 4), "exchanged");
}

#[test]
fn optional_guards_and_scopes_work_as_without_it() {
    let world = World::new();
    let guard = OptionalJwt::<MyClaims>::new(validator(), keys())
        .clock(Standing)
        .cache(world.cache.clone());
    let layers = |scope: &str| {
        tower::ServiceBuilder::new()
            .layer(guard.clone())
            .layer(RequireScope::all([scope]))
    };
    for _ in 0..3 {
        let ask = |scope: &str, request| block_on(send(layers(scope), request)).status();
        assert_eq!(ask("orders:read", authorized()), 200);
        assert_eq!(ask("orders:write", authorized()), 403);
        assert_eq!(ask("orders:read", Request::new(())), 401);
    }
    assert_eq!(world.counts(), (5, 1), "no token, no question");
}

#[tokio::test]
async fn a_verdict_after_a_wait_for_keys_is_remembered_and_hits_wait_for_nobody() {
    let (source, cache) = (ManualKeys::new(), VerifiedCache::new());
    let guard = require_with(source.clone()).cache(cache.clone());
    let first = tokio::spawn(send(guard.clone(), authorized()));
    while source.asked() == 0 {
        tokio::task::yield_now().await;
    }
    source.arrive(keys());
    assert_eq!(first.await.unwrap().status(), 200);
    assert_eq!((cache.hits(), cache.misses(), cache.len()), (0, 1, 1));
    assert_eq!((status(&guard, &good()), source.asked()), (200, 1));
    assert_eq!((cache.hits(), cache.misses()), (1, 1));
}

#[test]
fn the_memory_is_bounded_whatever_comes() {
    /// Claims that are counted.
    struct Counted;
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    impl<'de> Deserialize<'de> for Counted {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Value::deserialize(deserializer)?;
            ALIVE.fetch_add(1, Ordering::SeqCst);
            Ok(Self)
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, Ordering::SeqCst);
        }
    }

    let minter = Minter::new(SigningKey::from_secret(Algorithm::HS256, SECRET).unwrap());
    let token = |number: usize| {
        let claims = json!({
            "iss": ISSUER, "aud": "orders", "exp": NOW + 600, "jti": number.to_string(),
        });
        minter.mint(&claims).unwrap().expose().to_owned()
    };
    for capacity in [0, 1, 256, usize::MAX] {
        let cache = VerifiedCache::with_capacity(capacity);
        let guard = RequireJwt::<Counted>::new(validator(), keys())
            .clock(Standing)
            .cache(cache.clone());
        let send = |token: &str| {
            let answer = send(guard.clone(), request(&[&bearer(token)]));
            block_on(answer).status()
        };
        for number in 0..3_000 {
            assert_eq!(send(&token(number)), 200);
            // One that comes again and again stays through a flood of those that come once.
            if capacity > 1 {
                assert_eq!(send(&token(0)), 200);
            }
        }
        assert!(cache.len() <= capacity, "{} of {capacity}", cache.len());
        assert_eq!(ALIVE.load(Ordering::SeqCst), cache.len(), "of {capacity}");
        if capacity > 1 {
            assert!(cache.hits() >= 2_990, "{} with {capacity}", cache.hits());
        }
        drop((guard, cache));
        assert_eq!(ALIVE.load(Ordering::SeqCst), 0, "{capacity}");
    }
}

#[test]
fn the_buffers_of_a_request_are_not_kept() {
    struct Buffer(Vec<u8>, Arc<AtomicBool>);
    impl AsRef<[u8]> for Buffer {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Buffer {
        fn drop(&mut self) {
            self.1.store(true, Ordering::SeqCst);
        }
    }

    let world = World::new();
    let is_gone = Arc::new(AtomicBool::new(false));
    let buffer = Buffer(bearer(&good()), Arc::clone(&is_gone));
    let value = HeaderValue::from_maybe_shared(Bytes::from_owner(buffer)).unwrap();
    let request = Request::builder().header(AUTHORIZATION, value);
    let response = block_on(send(world.cached(), request.body(()).unwrap()));
    assert_eq!((response.status().as_u16(), world.cache.len()), (200, 1));
    assert!(
        !is_gone.load(Ordering::SeqCst),
        "the response tells what was seen"
    );
    drop(response);
    assert!(is_gone.load(Ordering::SeqCst));
}

#[test]
fn nothing_that_is_printed_holds_a_token() {
    let world = World::new();
    let guard = world.cached();
    assert_eq!(
        (status(&guard, &good()), status(&guard, &good())),
        (200, 200)
    );
    let printed = format!("{:?} {guard:?}", world.cache);
    assert!(
        printed.starts_with("VerifiedCache { len: 1, hits: 1, misses: 1, .. }"),
        "{printed}"
    );
    for part in good().split('.') {
        assert!(!printed.contains(&part[..8]), "{printed}");
    }
}

#[test]
fn whoever_comes_after_a_withdrawal_is_refused_whatever_others_remember_meanwhile() {
    let world = World::new();
    let guard = world.cached();
    let tokens: Vec<_> = (0..16)
        .map(|number| token(json!({ "jti": number.to_string() })))
        .collect();
    let is_withdrawn = RwLock::new(false);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Requests that begin before a withdrawal and end after it.
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    for token in &tokens {
                        status(&guard, token);
                    }
                }
            });
        }
        let judges: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for number in 0..4_000 {
                        let is_withdrawn = is_withdrawn.read().unwrap();
                        let expected = if *is_withdrawn { 401 } else { 200 };
                        assert_eq!(status(&guard, &tokens[number % 16]), expected);
                    }
                })
            })
            .collect();
        let old = keys();
        while judges.iter().any(|judge| !judge.is_finished()) {
            let mut is_withdrawn = is_withdrawn.write().unwrap();
            *is_withdrawn = !*is_withdrawn;
            world.keys.set(Some(match *is_withdrawn {
                true => signed([8; 32], "new"),
                false => old.clone(),
            }));
            drop(is_withdrawn);
            std::thread::yield_now();
        }
        is_done.store(true, Ordering::SeqCst);
    });
    assert!(world.cache.hits() > 0);
    assert!(world.cache.len() <= tokens.len());
}

/// What happens to a guard in the course of its life.
#[derive(Clone, Copy, Debug)]
enum Event {
    Request { token: usize, guard: usize },
    Later(u32),
    Earlier(u32),
    Keys(usize),
    Revoked(bool),
    Roles(usize),
    Forgotten,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (0..TOKENS, 0..GUARDS).prop_map(|(token, guard)| Event::Request { token, guard }),
        2 => (0_u32..200).prop_map(Event::Later),
        2 => (0_u32..200).prop_map(Event::Earlier),
        2 => (0..SETS).prop_map(Event::Keys),
        1 => any::<bool>().prop_map(Event::Revoked),
        1 => (0_usize..2).prop_map(Event::Roles),
        1 => Just(Event::Forgotten),
    ]
}

const TOKENS: usize = 8;
const GUARDS: usize = 5;
const SETS: usize = 5;

fn tokens() -> [String; TOKENS] {
    [
        good(),
        mint([8; 32], json!({})),
        token(json!({ "nbf": NOW + 50, "exp": NOW + 150 })),
        token(json!({ "iat": NOW, "sub": "bob" })),
        token(json!({ "aud": ["orders", "billing"], "exp": NOW + 30 })),
        mint([9; 32], json!({ "iss": "https://partner.example" })),
        token(json!({ "sub": "carol", "exp": NOW + 61 })),
        "no token".to_owned(),
    ]
}

/// Guards of different rules, with one cache for all of them or with none.
fn guards(
    world: &World,
    roles: &Arc<AtomicUsize>,
    is_cached: bool,
) -> [RequireJwt<MyClaims>; GUARDS] {
    let of = |validator: Validator| {
        let guard = RequireJwt::new(validator, world.keys.source()).clock(world.clock.clone());
        match is_cached {
            true => guard.cache(world.cache.clone()),
            false => guard,
        }
    };
    let partner = Validator::new("https://partner.example", "orders");
    let roles = Arc::clone(roles);
    let revocable = world.validator();
    [
        of(revocable.clone()),
        of(validator().leeway(Duration::ZERO)),
        of(Validator::new(ISSUER, "billing")),
        of(revocable.clone()).also_trust(partner, signed([9; 32], "partner")),
        of(revocable).scopes_from(move |claims| {
            let roles = ["orders:read", "orders:write"][roles.load(Ordering::SeqCst)];
            ScopeSet::from_iter([roles, &claims.sub])
        }),
    ]
}

#[test]
fn whatever_happens_the_cache_changes_no_verdict() {
    let sets = [
        Some(keys()),
        Some(keys()),
        Some(keys().union(&signed([8; 32], "b"))),
        Some(KeySet::from_secret(Algorithm::HS256, [8; 32]).unwrap()),
        None,
    ];
    let (hits, statuses) = (AtomicU64::new(0), Mutex::new(HashSet::new()));
    let lives = prop::collection::vec(event(), 1..120);
    proptest!(|(events in lives)| {
        let mut world = World::new();
        world.cache = VerifiedCache::with_capacity(6);
        let roles = Arc::default();
        let (cached, uncached) = (guards(&world, &roles, true), guards(&world, &roles, false));
        let tokens = tokens();
        for event in events {
            match event {
                Event::Request { token, guard } => {
                    let expected = told(&uncached[guard], &tokens[token]);
                    let told = told(&cached[guard], &tokens[token]);
                    statuses.lock().unwrap().insert(told.0);
                    prop_assert_eq!(told, expected);
                }
                Event::Later(seconds) => world.clock.advance_wall(seconds * SECOND),
                Event::Earlier(seconds) => world.clock.set_wall_back(seconds * SECOND),
                Event::Keys(set) => world.keys.set(sets[set].clone()),
                Event::Revoked(is_revoked) => world.is_revoked.store(is_revoked, Ordering::SeqCst),
                Event::Roles(now) => roles.store(now, Ordering::SeqCst),
                Event::Forgotten => world.cache.clear(),
            }
        }
        hits.fetch_add(world.cache.hits(), Ordering::SeqCst);
    });
    // Otherwise nothing was shown.
    assert!(hits.load(Ordering::SeqCst) > 100, "{hits:?}");
    assert_eq!(*statuses.lock().unwrap(), HashSet::from([200, 401, 503]));
}
