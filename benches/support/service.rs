//! An empty service, a request to it, and the way to send one through.

use std::{
    convert::Infallible,
    fmt::Debug,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use tower_service::Service;

/// Lets go of the request, and so of what a layer put into it: that too is paid for.
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

/// The status with which `service` answers, which it does at once.
pub(crate) fn send<S, B>(service: &mut S, request: Request<B>) -> u16
where
    S: Service<Request<B>, Response = Response<()>, Error: Debug>,
{
    let mut context = Context::from_waker(Waker::noop());
    let is_ready = service.poll_ready(&mut context);
    assert!(matches!(is_ready, Poll::Ready(Ok(()))), "always ready");
    match pin!(service.call(request)).poll(&mut context) {
        Poll::Ready(Ok(response)) => response.status().as_u16(),
        _ => 0,
    }
}

/// A request with a few headers, as a server hands it to its services.
pub(crate) fn guarded(token: &str) -> Request<()> {
    Request::get("/orders")
        .header("host", "api.example")
        .header("accept", "application/json")
        .header("user-agent", "bench")
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .unwrap()
}
