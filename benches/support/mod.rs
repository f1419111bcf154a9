//! What benchmarks have in common. `counts/` and `peers/` take files from here too.
#![allow(dead_code)] // each benchmark uses its part

pub(crate) mod attacks;
pub(crate) mod bare_key;
pub(crate) mod outgoing;
pub(crate) mod service;
pub(crate) mod tokens;

use std::fmt::Debug;

use criterion::{BatchSize, Bencher};
use http::{Request, Response};
use service::send;
use tower_service::Service;

/// Measures one request through `service`, without the making of it.
pub(crate) fn measure<S, B>(
    bencher: &mut Bencher<'_>,
    mut service: S,
    expected: u16,
    mut request: impl FnMut() -> Request<B>,
) where
    S: Service<Request<B>, Response = Response<()>, Error: Debug>,
{
    bencher.iter_batched(
        &mut request,
        // A layer that refuses does other work than one that doesn't.
        |request| assert_eq!(send(&mut service, request), expected),
        // Few enough to stay in the processor's cache, as a request does that has just
        // been read; enough that the looks at the clock don't count.
        BatchSize::NumIterations(64),
    );
}
