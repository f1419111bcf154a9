//! The guards among the middleware of `tower`: in which order, and what comes of the other
//! one. The orders to choose are in `docs/stack.md`.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

mod server_support;

use std::{convert::Infallible, time::Duration};

use futures::future::{pending, poll_immediate};
use http::{Request, Response};
use server_support::{
    Echo, ManualKeys, Seen, authorized, keys, optional, rejection, request, require, require_with,
};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt,
    buffer::BufferLayer,
    limit::ConcurrencyLimitLayer,
    load_shed::{LoadShedLayer, error::Overloaded},
    service_fn,
    timeout::{TimeoutLayer, error::Elapsed},
    util::BoxService,
};
use tower_bearer::{
    RequireScope,
    clock::{Clock, SystemClock},
    server::RejectionReason,
};

type Answer = Response<Option<Seen>>;

/// Nobody knows who sent it.
fn stranger() -> Request<()> {
    request(&[])
}

fn scope() -> RequireScope {
    RequireScope::all(["orders:read"])
}

/// A handler that never comes to an end.
fn stuck() -> impl Service<
    Request<()>,
    Response = Answer,
    Error = Infallible,
    Future: Future<Output = Result<Answer, Infallible>> + Send,
> + Clone
+ Send
+ 'static {
    service_fn(|_| pending())
}

/// Calls for somebody who keeps the service while it works. There has to be a place.
async fn call<S: Service<Request<()>>>(service: &mut S, request: Request<()>) -> S::Future {
    let ready = poll_immediate(service.ready()).await;
    let Some(Ok(service)) = ready else {
        panic!("no place");
    };
    service.call(request)
}

fn is<E: std::error::Error + 'static>(outcome: Result<Answer, BoxError>) -> bool {
    outcome.is_err_and(|error| error.is::<E>())
}

// Timeout

fn one_second() -> TimeoutLayer {
    TimeoutLayer::new(Duration::from_secs(1))
}

/// In whole seconds of tokio's clock, which is paused.
async fn seconds<T>(call: impl Future<Output = T>) -> (u64, T) {
    let clock = SystemClock::new();
    let start = clock.monotonic();
    let outcome = call.await;
    ((clock.monotonic() - start).as_secs(), outcome)
}

#[tokio::test(start_paused = true)]
async fn a_timeout_outside_bounds_the_wait_for_keys_and_one_inside_the_handler_alone() {
    let outside = one_second().layer(require_with(ManualKeys::new()).layer(Echo));
    let (passed, outcome) = seconds(outside.oneshot(authorized())).await;
    assert!(is::<Elapsed>(outcome));
    assert_eq!(passed, 1);

    let inside = require_with(ManualKeys::new()).layer(one_second().layer(Echo));
    let (passed, outcome) = seconds(inside.oneshot(authorized())).await;
    assert_eq!(outcome.unwrap().status(), 503, "the guard's own end of it");
    assert_eq!(passed, 10);

    let inside = require().layer(one_second().layer(stuck()));
    let (passed, outcome) = seconds(inside.oneshot(authorized())).await;
    assert!(is::<Elapsed>(outcome));
    assert_eq!(passed, 1);
}

// ConcurrencyLimit

#[tokio::test]
async fn a_limit_inside_is_not_filled_by_those_who_wait_for_keys() {
    let source = ManualKeys::new();
    let service = ServiceBuilder::new()
        .layer(require_with(source.clone()))
        .concurrency_limit(1)
        .service(Echo);
    let mut callers = [service.clone(), service];
    let [first, second] = &mut callers;
    let mut first = Box::pin(call(first, authorized()).await);
    assert!(poll_immediate(&mut first).await.is_none());
    let mut second = Box::pin(call(second, authorized()).await);
    assert!(poll_immediate(&mut second).await.is_none());
    assert_eq!(source.asked(), 2, "both wait for keys, neither for a place");
    source.arrive(keys());
    assert_eq!(first.await.unwrap().status(), 200);
    assert_eq!(second.await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_wrong_order_a_limit_outside_is_filled_by_those_who_wait_for_keys() {
    let source = ManualKeys::new();
    let service = ServiceBuilder::new()
        .concurrency_limit(1)
        .layer(require_with(source.clone()))
        .service(Echo);
    let mut first = Box::pin(service.clone().oneshot(authorized()));
    assert!(poll_immediate(&mut first).await.is_none());
    let mut stranger = Box::pin(service.oneshot(stranger()));
    assert!(
        poll_immediate(&mut stranger).await.is_none(),
        "it needs no keys, and waits for who does"
    );
    source.arrive(keys());
    assert_eq!(first.await.unwrap().status(), 200);
    assert_eq!(stranger.await.unwrap().status(), 401);
}

#[tokio::test]
async fn who_is_refused_waits_for_a_place_in_a_limit_inside_and_takes_none() {
    let service = ServiceBuilder::new()
        .layer(require())
        .layer(ConcurrencyLimitLayer::new(1))
        .service(stuck());
    let mut callers = [service.clone(), service.clone()];
    for caller in &mut callers {
        let refused = call(caller, stranger()).await.await.unwrap();
        assert_eq!(refused.status(), 401);
    }
    let mut known = Box::pin(service.clone().oneshot(authorized()));
    assert!(poll_immediate(&mut known).await.is_none());
    let mut stranger = Box::pin(service.oneshot(stranger()));
    assert!(poll_immediate(&mut stranger).await.is_none());
    drop(known);
    assert_eq!(stranger.await.unwrap().status(), 401);
}

// LoadShed

#[tokio::test]
async fn with_load_shed_inside_those_who_are_refused_get_their_answer_while_it_is_full() {
    let service = ServiceBuilder::new()
        .layer(require())
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1))
        .service(stuck());
    let mut known = Box::pin(service.clone().oneshot(authorized()));
    assert!(poll_immediate(&mut known).await.is_none());
    let refused = service.clone().oneshot(stranger()).await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(is::<Overloaded>(service.oneshot(authorized()).await));
}

#[tokio::test]
async fn with_load_shed_outside_nobody_is_asked_who_they_are_while_it_is_full() {
    let service = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(require())
        .layer(ConcurrencyLimitLayer::new(1))
        .service(stuck());
    let mut known = Box::pin(service.clone().oneshot(authorized()));
    assert!(poll_immediate(&mut known).await.is_none());
    assert!(is::<Overloaded>(service.clone().oneshot(stranger()).await));
    assert!(is::<Overloaded>(service.oneshot(authorized()).await));
}

// Buffer

/// Anonymous callers of an `OptionalJwt` need no keys, so they overtake who waits for some.
#[tokio::test]
async fn waiting_for_keys_holds_up_nobody_behind_a_buffer() {
    let source = ManualKeys::new();
    let guard = tower_bearer::OptionalJwt::<server_support::MyClaims>::new(
        server_support::validator(),
        source.clone(),
    );
    let guard = guard.clock(server_support::Standing);
    let service = BufferLayer::new(10).layer(guard.layer(Echo));
    let waiting = tokio::spawn(service.clone().oneshot(authorized()));
    let anonymous = service.oneshot(stranger()).await.unwrap();
    assert_eq!(anonymous.status(), 200);
    assert!(!waiting.is_finished());
    source.arrive(keys());
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
}

/// A guard wants to clone what it guards.
#[tokio::test]
async fn a_buffer_inside_makes_of_a_service_that_can_not_be_cloned_one_that_can() {
    let only_one: BoxService<Request<()>, Answer, Infallible> = BoxService::new(Echo);
    let service = ServiceBuilder::new()
        .layer(require())
        .buffer(10)
        .service(only_one);
    let served = service.clone().oneshot(authorized()).await.unwrap();
    assert_eq!(served.status(), 200);
    let refused = service.oneshot(stranger()).await.unwrap();
    assert_eq!(refused.status(), 401);
}

// All of them

/// Two of our layers around it, and all kinds of theirs: the error is still the one that it
/// was.
#[tokio::test(start_paused = true)]
async fn errors_reach_the_outside_as_they_are_and_refusals_are_none() {
    let service = ServiceBuilder::new()
        .buffer::<Request<()>>(10)
        .timeout(Duration::from_secs(60))
        .layer(optional())
        .layer(require())
        .layer(scope())
        .load_shed()
        .concurrency_limit(1)
        .timeout(Duration::from_secs(1))
        .service(stuck());
    assert!(is::<Elapsed>(service.clone().oneshot(authorized()).await));
    let refused = service.oneshot(stranger()).await.unwrap();
    let reason = rejection(&refused).reason().clone();
    assert!(matches!(reason, RejectionReason::CredentialsMissing));
}
