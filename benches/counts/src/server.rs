//! A good token: the signature check alone, the validator, the whole layer.

use std::{
    hint::black_box,
    time::{Duration, SystemTime},
};

use serde::de::DeserializeOwned;
use serde_json::Value;
use tower_bearer::{Algorithm, KeySet, RequireJwt, jwt::SigningKey, server::VerifiedCache};
use tower_layer::Layer;

use crate::{
    Scenario,
    bare_key::BareCheck,
    sent,
    service::{self, Nothing},
    tokens::{
        ALGORITHMS, FourStrings, claims, many_keys, many_members, mint, one_large_member,
        signing_key, validator,
    },
};

pub fn scenarios() -> Vec<Scenario> {
    let mut all = vec![sent("empty service", Nothing, 200, || {
        service::guarded("token")
    })];
    for algorithm in ALGORITHMS {
        let key = signing_key(algorithm);
        let token = mint(&key, &claims());
        let bare = format!("{algorithm}/bare check");
        all.push(bare_check(&bare, &key, &token));
        let name = format!("{algorithm}/validator");
        all.push(validated::<FourStrings>(name, &key, &token).without(&[&bare]));
        let name = format!("{algorithm}/layer");
        all.push(guarded(name, 200, token).without(&[&bare, "empty service"]));
    }
    all.extend(remembered());
    all.extend(shapes());
    all.extend((0..4).map(|exponent| among_keys(10_u16.pow(exponent))));
    all
}

/// The same token again and again, through a guard that remembers it: by any algorithm the
/// same, but for the length.
fn remembered() -> [Scenario; 2] {
    [Algorithm::HS256, Algorithm::RS256].map(|algorithm| {
        let token = mint(&signing_key(algorithm), &claims());
        let guard = guard().cache(VerifiedCache::new()).layer(Nothing);
        let name = format!("{algorithm}/cache hit");
        sent(name, guard, 200, move || service::guarded(&token)).without(&["empty service"])
    })
}

/// Claims of other types and sizes, all with HS256.
fn shapes() -> Vec<Scenario> {
    let key = signing_key(Algorithm::HS256);
    let usual = mint(&key, &claims());
    let mut all =
        vec![validated::<Value>("claims: Value", &key, &usual).without(&["HS256/bare check"])];
    for (name, claims) in [
        ("claims: one member of 11 KiB", one_large_member(11 * 1024)),
        ("claims: 100 members", many_members(100)),
        ("claims: 200 members", many_members(200)),
        ("claims: 400 members", many_members(400)),
    ] {
        let token = mint(&key, &claims);
        let bare = format!("{name}, bare check");
        all.push(bare_check(&bare, &key, &token));
        all.push(validated::<FourStrings>(name, &key, &token).without(&[&bare]));
    }
    all
}

/// The last of so many keys.
fn among_keys(count: u16) -> Scenario {
    let (keys, last) = many_keys(count);
    let token = mint(&last, &claims());
    validated_by::<FourStrings>(format!("keys: {count}"), keys, &token)
        .without(&["HS256/bare check"])
}

fn bare_check(name: &str, key: &SigningKey, token: &str) -> Scenario {
    let bare = BareCheck::new(key, token);
    Scenario::new(name, || (), move |()| assert!(bare.is_signed()))
}

fn validated<C: DeserializeOwned>(
    name: impl Into<String>,
    key: &SigningKey,
    token: &str,
) -> Scenario {
    validated_by::<C>(name, key.verification_keys(), token)
}

fn validated_by<C: DeserializeOwned>(
    name: impl Into<String>,
    keys: KeySet,
    token: &str,
) -> Scenario {
    let (validator, token) = (validator(), token.to_owned());
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    Scenario::new(
        name,
        || (),
        move |()| {
            drop(
                validator
                    .validate::<C>(black_box(&*token), &keys, now)
                    .unwrap(),
            );
        },
    )
}

pub fn guarded(name: impl Into<String>, status: u16, token: String) -> Scenario {
    let guard = guard().layer(Nothing);
    sent(name, guard, status, move || service::guarded(&token))
}

/// One that has a key of each algorithm.
fn guard() -> RequireJwt<FourStrings> {
    let keys = ALGORITHMS.map(|algorithm| signing_key(algorithm).verification_keys());
    let keys = keys.into_iter().reduce(|all, keys| all.union(&keys));
    RequireJwt::new(validator(), keys.unwrap())
}
