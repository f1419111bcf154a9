//! What both benchmarks have in common: an empty service, and the way to send through it.

use std::{
    convert::Infallible,
    fmt::Debug,
    future::{Ready, ready},
    hint::black_box,
    task::{Context, Poll},
};

use criterion::{BatchSize, Bencher};
use futures::FutureExt as _;
use http::{Request, Response};
use tower::{Service, ServiceExt as _};

/// Answers at once. It lets go of the request, and so of whatever a layer put into it:
/// that too is paid for each request.
#[derive(Clone)]
pub(crate) struct Nothing;

impl<B> Service<Request<B>> for Nothing {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        drop(black_box(request));
        ready(Ok(Response::new(())))
    }
}

/// Measures one request through `service`, without the making of it.
pub(crate) fn measure<S, B>(
    bencher: &mut Bencher<'_>,
    mut service: S,
    mut request: impl FnMut() -> Request<B>,
) where
    S: Service<Request<B>, Response = Response<()>, Error: Debug>,
{
    bencher.iter_batched(
        &mut request,
        |request| send(&mut service, request),
        // Few enough to stay in the processor's cache, as a request does that has just
        // been read; enough that the looks at the clock don't count.
        BatchSize::NumIterations(64),
    );
}

/// One poll each, because nothing here waits: an executor would add its own cost.
pub(crate) fn send<S, B>(service: &mut S, request: Request<B>) -> Response<()>
where
    S: Service<Request<B>, Response = Response<()>, Error: Debug>,
{
    let ready = service.ready().now_or_never().expect("it is always ready");
    let response = ready.expect("it never fails").call(request).now_or_never();
    let response = response
        .expect("it answers at once")
        .expect("it never fails");
    // A layer that refuses does other work than the one that is measured.
    assert_eq!(response.status(), 200);
    response
}
