//! What a request costs that is refused, beside a good one of the same size:
//! `cargo bench --all-features --bench refusals`. That none costs more than a good one is
//! asserted by counts (`benches/counts`).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)] // no input from outside

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use support::{
    attacks::{attacks, good_tokens},
    measure,
    service::{Nothing, guarded},
    tokens::{ALGORITHMS, FourStrings, signing_key, validator},
};
use tower::Layer as _;
use tower_bearer::RequireJwt;

fn refusals(criterion: &mut Criterion) {
    let keys = ALGORITHMS.map(|algorithm| signing_key(algorithm).verification_keys());
    let keys = keys
        .into_iter()
        .reduce(|all, keys| all.union(&keys))
        .unwrap();
    let guard = RequireJwt::<FourStrings>::new(validator(), keys);
    let good = good_tokens().into_iter();
    let good = good.map(|(name, token)| (format!("good: {name}"), token, 200));
    let bad = attacks().into_iter();
    let bad = bad.map(|attack| (attack.name.to_owned(), attack.token, 401));

    let mut group = criterion.benchmark_group("refusals");
    for (name, token, status) in good.chain(bad) {
        group.bench_function(name, |bencher| {
            measure(bencher, guard.layer(Nothing), status, || guarded(&token));
        });
    }
    group.finish();
}

criterion_group!(benches, refusals);
criterion_main!(benches);
