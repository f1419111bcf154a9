//! What a remembered token costs: `cargo bench --all-features --bench cache`.
//!
//! - `cache`: an empty service, a guard without a cache, and a hit.
//! - `cache-entries`: hits among so many remembered tokens; as flat as the processor's own
//!   caches let it be.
//! - `cache-threads`: hits on so many threads that share the cache, for all of them together.
#![allow(missing_docs, clippy::unwrap_used)] // no input from outside

use std::{convert::Infallible, hint::black_box, thread};

use criterion::{
    BatchSize, Bencher, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use futures::FutureExt as _;
use http::{Request, Response, header::AUTHORIZATION};
use serde::Deserialize;
use serde_json::json;
use tower::{Layer as _, Service, service_fn};
use tower_bearer::{
    Algorithm, KeySet, RequireJwt, Validator,
    clock::{Clock as _, SystemClock},
    jwt::{Minter, SigningKey},
    server::VerifiedCache,
};

const SECRET: [u8; 32] = [7; 32];

#[derive(Deserialize)]
#[allow(dead_code)] // read for what it costs
struct FourStrings {
    iss: String,
    sub: String,
    email: String,
    tenant: String,
}

fn hit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cache");
    let token = token(0);
    group.bench_function("empty service", |bencher| {
        measure(bencher, empty(), || request(&token));
    });
    group.bench_function("no cache", |bencher| {
        measure(bencher, guard().layer(empty()), || request(&token));
    });
    group.bench_function("hit", |bencher| {
        let guard = guard().cache(VerifiedCache::new());
        measure(bencher, guard.layer(empty()), || request(&token));
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
        let mut service = guard().cache(cache.clone()).layer(empty());
        let mut tokens = Vec::new();
        for number in 0..count {
            let token = token(number);
            send(&mut service, request(&token));
            // From all parts of the memory, and not all of them.
            if number % count.div_ceil(4096) == 0 {
                tokens.push(token);
            }
        }
        assert_eq!((cache.len(), cache.hits()), (count, 0));
        let mut tokens = tokens.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            measure(bencher, service.clone(), || request(tokens.next().unwrap()));
        });
    }
    group.finish();
}

fn threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cache-threads");
    group.throughput(Throughput::Elements(1));
    let service = guard().cache(VerifiedCache::new()).layer(empty());
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
                                send(&mut service, request(token));
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
    let keys = KeySet::from_secret(Algorithm::HS256, SECRET).unwrap();
    RequireJwt::new(Validator::new("https://id.example", "orders"), keys)
}

fn token(number: usize) -> String {
    let claims = json!({
        "iss": "https://id.example", "sub": "248289761001", "aud": "orders",
        "exp": 4_000_000_000_u64, "iat": 1_700_000_000, "jti": number.to_string(),
        "scope": "orders:read orders:write", "email": "alice@example.com", "tenant": "t1",
    });
    let key = SigningKey::from_secret(Algorithm::HS256, SECRET).unwrap();
    Minter::new(key).mint(&claims).unwrap().expose().to_owned()
}

fn request(token: &str) -> Request<()> {
    let request = Request::get("/orders").header(AUTHORIZATION, format!("Bearer {token}"));
    request.body(()).unwrap()
}

/// Lets go of the request, and so of what a layer put into it: that too is paid for.
fn empty()
-> impl Service<Request<()>, Response = Response<()>, Error = Infallible, Future: Send> + Clone + Send
{
    service_fn(|request: Request<()>| {
        drop(black_box(request));
        std::future::ready(Ok(Response::new(())))
    })
}

/// Without the making of the request.
fn measure<S>(bencher: &mut Bencher<'_>, mut service: S, request: impl FnMut() -> Request<()>)
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let send = |request| send(&mut service, request);
    bencher.iter_batched(request, send, BatchSize::NumIterations(64));
}

/// The service is always ready, and answers at once.
fn send<S>(service: &mut S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let response = service.call(request).now_or_never().unwrap();
    assert_eq!(response.unwrap().status(), 200);
}

criterion_group!(benches, hit, entries, threads);
criterion_main!(benches);
