//! What a remembered token costs: `cargo bench --all-features --bench cache`.
//!
//! - `cache`: an empty service, a guard without a cache, and a hit.
//! - `cache-entries`: hits among so many remembered tokens; as flat as the processor's own
//!   caches let it be.
//! - `cache-threads`: hits on so many threads that share the cache, for all of them together.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)] // no input from outside

mod support;

use std::thread;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use support::{
    measure,
    service::{Nothing, guarded, send},
    tokens::{FourStrings, claims_with, mint, signing_key, validator},
};
use tower::Layer as _;
use tower_bearer::{
    Algorithm, RequireJwt,
    clock::{Clock as _, SystemClock},
    server::VerifiedCache,
};

fn hit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cache");
    let token = token(0);
    group.bench_function("empty service", |bencher| {
        measure(bencher, Nothing, 200, || guarded(&token));
    });
    group.bench_function("no cache", |bencher| {
        measure(bencher, guard().layer(Nothing), 200, || guarded(&token));
    });
    group.bench_function("hit", |bencher| {
        let guard = guard().cache(VerifiedCache::new());
        measure(bencher, guard.layer(Nothing), 200, || guarded(&token));
    });
    group.finish();
}

fn entries(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cache-entries");
    // Where nothing is optimized, as in a test, it only has to run.
    let most = if cfg!(debug_assertions) { 3 } else { 6 };
    for exponent in 2..=most {
        let count = 10_usize.pow(exponent);
        // With room to spare: its parts don't fill evenly.
        let cache = VerifiedCache::with_capacity(2 * count);
        let mut service = guard().cache(cache.clone()).layer(Nothing);
        let mut tokens = Vec::new();
        for number in 0..count {
            let token = token(number);
            assert_eq!(send(&mut service, guarded(&token)), 200);
            // From all parts of the memory, and not all of them.
            if number % count.div_ceil(4096) == 0 {
                tokens.push(token);
            }
        }
        assert_eq!((cache.len(), cache.hits()), (count, 0));
        let mut tokens = tokens.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            measure(bencher, service.clone(), 200, || {
                guarded(tokens.next().unwrap())
            });
        });
    }
    group.finish();
}

fn threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cache-threads");
    group.throughput(Throughput::Elements(1));
    let service = guard().cache(VerifiedCache::new()).layer(Nothing);
    let tokens: Vec<_> = (0..64).map(token).collect();
    for count in [1_u64, 2] {
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_custom(|iterations| {
                let clock = SystemClock::new();
                let start = clock.monotonic();
                thread::scope(|scope| {
                    for _ in 0..count {
                        let mut service = service.clone();
                        let tokens = tokens.iter().cycle();
                        scope.spawn(move || {
                            for (token, _) in tokens.zip(0..iterations.div_ceil(count)) {
                                assert_eq!(send(&mut service, guarded(token)), 200);
                            }
                        });
                    }
                });
                clock.monotonic() - start
            });
        });
    }
    group.finish();
}

fn guard() -> RequireJwt<FourStrings> {
    let keys = signing_key(Algorithm::HS256).verification_keys();
    RequireJwt::new(validator(), keys)
}

fn token(number: usize) -> String {
    let claims = claims_with("jti", number.to_string());
    mint(&signing_key(Algorithm::HS256), &claims)
}

criterion_group!(benches, hit, entries, threads);
criterion_main!(benches);
