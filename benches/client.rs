//! What an outgoing request costs while a token is at hand:
//! `cargo bench --all-features --bench client`.
//!
//! tower-http's `AddAuthorization` adds a fixed header and does nothing else: no service
//! that adds one can cost less.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)] // no input from outside

mod support;

use std::{
    fmt::Debug,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use http::{Request, Response};
use support::{
    measure,
    outgoing::{Body, outgoing, warm},
    service::{Nothing, send},
};
use tower::{Layer as _, Service};
use tower_bearer::{AccessToken, AuthLayer, client::replay::NoReplay};
use tower_http::auth::AddAuthorizationLayer;

fn client(criterion: &mut Criterion) {
    let token = "t".repeat(800);
    let header = AddAuthorizationLayer::bearer(&token);
    let fixed = AuthLayer::new(AccessToken::new(token.clone()).unwrap());
    let fixed = fixed.origin("https://api.example").unwrap();
    let replayable = AuthLayer::new(warm(token))
        .origin("https://api.example")
        .unwrap();
    let not_replayable = replayable.clone().replay(NoReplay);

    let mut group = criterion.benchmark_group("client");
    compare(&mut group, "empty service", &Nothing);
    compare(&mut group, "AddAuthorization", &header.layer(Nothing));
    let fixed = fixed.replay(NoReplay).layer(Nothing);
    compare(&mut group, "a fixed token, not replayable", &fixed);
    compare(&mut group, "not replayable", &not_replayable.layer(Nothing));
    compare(&mut group, "replayable", &replayable.layer(Nothing));
    group.finish();
}

/// One task, and then the same while another sends through a clone without a pause: what
/// clones share, processors have to pass to and fro.
fn compare<S>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, service: &S)
where
    S: Service<Request<Body>, Response = Response<()>, Error: Debug> + Clone + Send,
{
    group.bench_function(format!("{name}/1 task"), |bencher| {
        measure(bencher, service.clone(), 200, outgoing);
    });
    group.bench_function(format!("{name}/2 tasks"), |bencher| {
        let (is_over, mut other) = (AtomicBool::new(false), service.clone());
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    send(&mut other, outgoing());
                }
            });
            measure(bencher, service.clone(), 200, outgoing);
            is_over.store(true, Ordering::Relaxed);
        });
    });
}

criterion_group!(benches, client);
criterion_main!(benches);
