//! What an outgoing request costs while a token is at hand:
//! `cargo bench --all-features --bench client`.
//!
//! tower-http's `AddAuthorization` adds a fixed header and does nothing else: no service
//! that adds one can cost less.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)] // no input from outside

mod support;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use bytes::Bytes;
use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use http::{Request, Response};
use http_body_util::Full;
use support::{Nothing, measure, send};
use tower::{Layer as _, Service};
use tower_bearer::{
    AccessToken, AuthLayer, Refreshing,
    client::replay::NoReplay,
    clock::SystemClock,
    oauth::{ObtainError, obtain_with},
    token::{Expiry, Tokens},
};
use tower_http::auth::AddAuthorizationLayer;

type Body = Full<Bytes>;

fn client(criterion: &mut Criterion) {
    let token = "t".repeat(800);
    let header = AddAuthorizationLayer::bearer(&token);
    let replayable = AuthLayer::new(warm(token))
        .origin("https://api.example")
        .unwrap();
    let not_replayable = replayable.clone().replay(NoReplay);

    let mut group = criterion.benchmark_group("client");
    compare(&mut group, "empty service", &Nothing);
    compare(&mut group, "AddAuthorization", &header.layer(Nothing));
    compare(&mut group, "not replayable", &not_replayable.layer(Nothing));
    compare(&mut group, "replayable", &replayable.layer(Nothing));
    group.finish();
}

/// One task, and then the same while another sends through a clone without a pause: what
/// clones share, processors have to pass to and fro.
fn compare<S>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, service: &S)
where
    S: Service<Request<Body>, Response = Response<()>, Error: std::fmt::Debug>,
    S: Clone + Send,
{
    group.bench_function(format!("{name}/1 task"), |bencher| {
        measure(bencher, service.clone(), request);
    });
    group.bench_function(format!("{name}/2 tasks"), |bencher| {
        let (is_over, mut other) = (AtomicBool::new(false), service.clone());
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    send(&mut other, request());
                }
            });
            measure(bencher, service.clone(), request);
            is_over.store(true, Ordering::Relaxed);
        });
    });
}

/// A source that has its token, and an hour until the next.
fn warm(token: String) -> Refreshing {
    let tokens = Refreshing::new(obtain_with(move || {
        let end = Expiry::after(Duration::from_secs(3600), &SystemClock::new());
        let token = AccessToken::new(token.clone()).unwrap().with_expiry(end);
        async { Ok::<_, ObtainError>(Tokens::new(token)) }
    }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(tokens.token()).unwrap();
    tokens
}

/// Made anew each time: a clone's header map has no room for one more, and growing it
/// would be measured.
fn request() -> Request<Body> {
    Request::post("https://api.example/orders")
        .header("accept", "application/json")
        .header("user-agent", "bench")
        .header("x-request-id", "7f1c9a52")
        .body(Body::from("body"))
        .unwrap()
}

criterion_group!(benches, client);
criterion_main!(benches);
