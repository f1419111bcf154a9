//! What adds a token to a client's requests, side by side.

#[path = "../../support/mod.rs"]
mod support;

use std::fmt::Debug;

use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use http::{Request, Response};
use peers::{
    Visit,
    headers::{Body, headers},
};
use support::{measure, outgoing::outgoing};
use tower::Service;

fn side_by_side(criterion: &mut Criterion) {
    headers(&mut Measured(criterion.benchmark_group("client")));
}

struct Measured<'a>(BenchmarkGroup<'a, WallTime>);

impl Visit<Body> for Measured<'_> {
    fn visit<S>(&mut self, name: &'static str, service: S)
    where
        S: Service<Request<Body>, Response = Response<()>, Error: Debug> + Clone,
    {
        self.0.bench_function(name, |bencher| {
            measure(bencher, service.clone(), 200, outgoing);
        });
    }
}

criterion_group!(benches, side_by_side);
criterion_main!(benches);
