//! Guards side by side, on the same tokens and the same policy.

#[path = "../../support/mod.rs"]
mod support;

use std::fmt::Debug;

use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use http::{Request, Response};
use peers::{
    Visit,
    guards::{guards, scenes},
};
use support::{measure, service::guarded};
use tower::Service;

fn side_by_side(criterion: &mut Criterion) {
    for scene in scenes() {
        let algorithm = scene.algorithm;
        let mut group = criterion.benchmark_group(algorithm.to_string());
        if peers::BACKEND == "AWS-LC" {
            group.bench_function("bare check", |bencher| {
                bencher.iter(|| assert!((scene.bare_check)()));
            });
        }
        let token = &scene.token;
        guards(algorithm, &mut Measured { group, token });
    }
}

struct Measured<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    token: &'a str,
}

impl Visit<()> for Measured<'_> {
    fn visit<S>(&mut self, name: &'static str, service: S)
    where
        S: Service<Request<()>, Response = Response<()>, Error: Debug> + Clone,
    {
        self.group.bench_function(name, |bencher| {
            measure(bencher, service.clone(), 200, || guarded(self.token));
        });
    }
}

criterion_group!(benches, side_by_side);
criterion_main!(benches);
