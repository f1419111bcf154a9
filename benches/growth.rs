//! What grows with what, and what doesn't: `cargo bench --all-features --bench growth`.
//!
//! - `keys`: the last of so many keys; flat.
//! - `issuers`: the last of so many trusted issuers, each with a key of its own.
//! - `claims`: bytes of one claim; linear, and most of it is the hash.
//! - `tasks`: requests of so many tasks that share one layer, on a thread for each processor;
//!   flat as soon as the processors are busy.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)] // no input from outside

mod support;

use std::{fmt::Debug, sync::Arc};

use criterion::{Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http::{Request, Response};
use support::{
    measure,
    outgoing::{outgoing, warm},
    service::{Nothing, guarded, send},
    tokens::{
        AUDIENCE, FourStrings, claims, claims_with, many_keys, mint, one_large_member, signing_key,
        validator,
    },
};
use tower::{Layer as _, Service};
use tower_bearer::{
    Algorithm, AuthLayer, KeySet, RequireJwt, Validator,
    client::replay::NoReplay,
    clock::{Clock as _, SystemClock},
};

fn keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("growth-keys");
    for count in [1, 10, 100, 1000] {
        let (keys, last) = many_keys(count);
        let token = mint(&last, &claims());
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            validate(bencher, &keys, &token);
        });
    }
    group.finish();
}

fn issuers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("growth-issuers");
    let key = signing_key(Algorithm::HS256);
    let issuer = |number: u16| format!("https://id{number}.example");
    let validator = |number| Validator::new(issuer(number), AUDIENCE);
    for count in [1, 10, 100, 1000] {
        let keys = key.verification_keys();
        let guard = RequireJwt::<FourStrings>::new(validator(1), keys.clone());
        let guard = (2..=count).fold(guard, |guard, number| {
            guard.also_trust(validator(number), keys.clone())
        });
        let token = mint(&key, &claims_with("iss", issuer(count)));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            measure(bencher, guard.layer(Nothing), 200, || guarded(&token));
        });
    }
    group.finish();
}

fn claims_of_any_size(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("growth-claims");
    let key = signing_key(Algorithm::HS256);
    for bytes in [200, 800, 3200, 11_000] {
        let token = mint(&key, &one_large_member(bytes));
        group.throughput(Throughput::Bytes(u64::try_from(token.len()).unwrap()));
        group.bench_function(BenchmarkId::from_parameter(bytes), |bencher| {
            validate(bencher, &key.verification_keys(), &token);
        });
    }
    group.finish();
}

fn validate(bencher: &mut Bencher<'_>, keys: &KeySet, token: &str) {
    let (validator, now) = (validator(), SystemClock::new().wall());
    bencher.iter(|| validator.validate::<FourStrings>(token, keys, now).unwrap());
}

fn tasks(criterion: &mut Criterion) {
    let key = signing_key(Algorithm::HS256);
    let token = mint(&key, &claims());
    let guard = RequireJwt::<FourStrings>::new(validator(), key.verification_keys());
    let request = move || guarded(&token);
    share(
        criterion,
        "growth-tasks-server",
        &guard.layer(Nothing),
        request,
    );

    let layer = AuthLayer::new(warm("t".repeat(800)));
    let layer = layer.origin("https://api.example").unwrap();
    let client = layer.replay(NoReplay).layer(Nothing);
    share(criterion, "growth-tasks-client", &client, outgoing);
}

/// So many tasks, each with a clone of the service.
fn share<S, B>(
    criterion: &mut Criterion,
    name: &str,
    service: &S,
    request: impl Fn() -> Request<B> + Send + Sync + 'static,
) where
    S: Service<Request<B>, Response = Response<()>, Error: Debug> + Clone + Send + 'static,
{
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let request = Arc::new(request);
    let mut group = criterion.benchmark_group(name);
    for count in [1_u64, 2, 8, 64] {
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_custom(|iterations| {
                let clock = SystemClock::new();
                let start = clock.monotonic();
                let each = iterations.div_ceil(count);
                let tasks = (0..count).map(|_| {
                    let (mut service, request) = (service.clone(), request.clone());
                    runtime.spawn(async move {
                        for number in 0..each {
                            assert_eq!(send(&mut service, request()), 200);
                            // As at a socket: where nobody waits, no thread takes a task over.
                            if number % 64 == 0 {
                                tokio::task::yield_now().await;
                            }
                        }
                    })
                });
                for task in tasks.collect::<Vec<_>>() {
                    runtime.block_on(task).unwrap();
                }
                clock.monotonic() - start
            });
        });
    }
    group.finish();
}

criterion_group!(benches, keys, issuers, claims_of_any_size, tasks);
criterion_main!(benches);
