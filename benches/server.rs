//! What a guarded request costs on the server, beside the signature check that nobody can
//! spare it: `cargo bench --all-features --bench server`.
//!
//! For each algorithm the bare check, the validator and the whole layer get the same token
//! in the same run, so that their ratios can be read even on a machine that is not idle.
//! The layer's own cost is `layer` − `empty service` − `bare check`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)] // no input from outside

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use support::{
    bare_key::BareCheck,
    measure,
    service::{Nothing, guarded},
    tokens::{ALGORITHMS, FourStrings, claims, mint, signing_key, validator},
};
use tower::Layer as _;
use tower_bearer::{
    RequireJwt,
    clock::{Clock as _, SystemClock},
};

fn server(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("server");
    group.bench_function("empty service", |bencher| {
        measure(bencher, Nothing, 200, || guarded("token"));
    });
    for algorithm in ALGORITHMS {
        let key = signing_key(algorithm);
        let keys = key.verification_keys();
        let token = mint(&key, &claims());
        let bare = BareCheck::new(&key, &token);

        group.bench_function(format!("{algorithm}/bare check"), |bencher| {
            bencher.iter(|| assert!(bare.is_signed()));
        });
        group.bench_function(format!("{algorithm}/validator"), |bencher| {
            let (validator, now) = (validator(), SystemClock::new().wall());
            bencher.iter(|| {
                let token = black_box(&*token);
                validator
                    .validate::<FourStrings>(token, &keys, now)
                    .unwrap()
            });
        });
        group.bench_function(format!("{algorithm}/layer"), |bencher| {
            let guard = RequireJwt::<FourStrings>::new(validator(), keys.clone());
            measure(bencher, guard.layer(Nothing), 200, || guarded(&token));
        });
    }
    group.finish();
}

criterion_group!(benches, server);
criterion_main!(benches);
