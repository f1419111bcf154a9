//! `AuthLayer` and `EnvelopeLayer` among the middleware of `tower`: in which order, and what
//! comes of the other one. The orders to choose are in `docs/stack.md`.
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod stack_support;
mod support;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::{join_all, poll_immediate};
use http::{Request, Response};
use tokio::sync::Notify;
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt,
    balance::p2c::Balance,
    buffer::Buffer,
    discover::ServiceList,
    limit::ConcurrencyLimitLayer,
    load::Constant,
    load_shed::error::Overloaded,
    retry::{Policy, RetryLayer},
    timeout::{TimeoutLayer, error::Elapsed},
};
use tower_bearer::{
    AuthLayer, BoxError,
    client::{ErrorKind, Refusal, RefusedInBody, envelope::EnvelopeLayer},
    test_util::ManualClock,
};

use stack_support::{API, Body, Tokens, World, answer, api, get, kind};
use support::{HOUR, Issuer, SECOND, outage, settle};

// Retry

/// Tries again after an error or one of these statuses, this many times.
#[derive(Clone)]
struct Again(u32, &'static [u16]);

impl<R, E> Policy<Request<Body>, Response<R>, E> for Again {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Body>,
        outcome: &mut Result<Response<R>, E>,
    ) -> Option<Self::Future> {
        let failed = match outcome {
            Ok(response) => self.1.contains(&response.status().as_u16()),
            Err(_) => true,
        };
        self.0 = self.0.checked_sub(1).filter(|_| failed)?;
        Some(std::future::ready(()))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        Some(request.clone())
    }
}

fn again(statuses: &'static [u16]) -> RetryLayer<Again> {
    RetryLayer::new(Again(3, statuses))
}

#[tokio::test]
async fn retries_outside_make_one_exchange_with_a_dead_endpoint() {
    let clock = ManualClock::new();
    let tokens = Tokens::of(Issuer::answering(|_| async { Err(outage()) }), clock);
    let world = World::open();
    let client = again(&[]).layer(tokens.layer().layer(world.clone()));
    let error = client.oneshot(api()).await.unwrap_err();
    assert!(matches!(kind(&error), Some(ErrorKind::Unavailable { .. })));
    assert_eq!((tokens.exchanges(), world.sent().len()), (1, 0));
}

#[tokio::test]
async fn retries_outside_of_an_api_that_refuses_every_token_cost_two_exchanges() {
    let (tokens, world) = (Tokens::new(), World::closed());
    let client = again(&[401]).layer(tokens.layer().layer(world.clone()));
    let response = client.oneshot(api()).await.unwrap();
    assert!(matches!(
        response.extensions().get(),
        Some(Refusal::HeldBack { .. })
    ));
    assert_eq!(tokens.exchanges(), 2, "not one for each of 4 attempts");
    assert_eq!(
        world.sent().len(),
        5,
        "2 of the first attempt, 1 of each other"
    );
}

#[tokio::test]
async fn retries_of_a_failing_api_cost_no_exchange_on_either_side() {
    let failing = || World::new(|_, number| answer(if number < 3 { 503 } else { 200 }));

    let (tokens, world) = (Tokens::new(), failing());
    let outside = again(&[503]).layer(tokens.layer().layer(world.clone()));
    assert_eq!(outside.oneshot(api()).await.unwrap().status(), 200);
    assert_eq!(tokens.exchanges(), 1);
    assert_eq!(world.tokens(), ["Bearer token-1"; 4]);

    let (tokens, world) = (Tokens::new(), failing());
    let inside = tokens.layer().layer(again(&[503]).layer(world.clone()));
    assert_eq!(inside.oneshot(api()).await.unwrap().status(), 200);
    assert_eq!(tokens.exchanges(), 1);
    assert_eq!(world.tokens(), ["Bearer token-1"; 4]);
}

/// Each attempt outside asks for the token anew. Those inside carry the one of the first.
#[tokio::test]
async fn a_token_that_ends_between_two_attempts_is_renewed_outside_and_sent_stale_inside() {
    let ending = |tokens: &Tokens| {
        let clock = tokens.clock.clone();
        World::new(move |_, number| {
            clock.advance(HOUR);
            answer(if number == 0 { 503 } else { 200 })
        })
    };
    let tokens = Tokens::new();
    let world = ending(&tokens);
    let outside = again(&[503]).layer(tokens.layer().layer(world.clone()));
    outside.oneshot(api()).await.unwrap();
    assert_eq!(world.tokens(), ["Bearer token-1", "Bearer token-2"]);

    let tokens = Tokens::new();
    let world = ending(&tokens);
    let inside = tokens.layer().layer(again(&[503]).layer(world.clone()));
    inside.oneshot(api()).await.unwrap();
    assert_eq!(world.tokens(), ["Bearer token-1"; 2]);
}

#[tokio::test]
async fn the_wrong_order_retries_inside_that_look_at_401_repeat_the_refused_token() {
    let (tokens, world) = (Tokens::new(), World::refusing("Bearer token-1"));
    let client = tokens.layer().layer(again(&[401]).layer(world.clone()));
    assert_eq!(client.oneshot(api()).await.unwrap().status(), 200);
    assert_eq!(tokens.exchanges(), 2);
    let [stale @ .., last] = &world.tokens()[..] else {
        panic!("nothing was sent");
    };
    assert_eq!(stale, ["Bearer token-1"; 4], "all of them for nothing");
    assert_eq!(last, "Bearer token-2");
}

// Timeout

#[tokio::test(start_paused = true)]
async fn a_deadline_outside_covers_the_wait_for_a_token_and_loses_no_exchange() {
    let clock = ManualClock::new();
    let (issuer, gate) = Issuer::gated(&clock, HOUR);
    let (tokens, world) = (Tokens::of(issuer, clock), World::open());
    let client = TimeoutLayer::new(SECOND).layer(tokens.layer().layer(world.clone()));
    let error = client.clone().oneshot(api()).await.unwrap_err();
    assert!(error.is::<Elapsed>(), "{error}");
    assert_eq!((tokens.exchanges(), world.sent().len()), (1, 0));

    gate.notify_one();
    assert_eq!(client.oneshot(api()).await.unwrap().status(), 200);
    assert_eq!((tokens.exchanges(), world.sent().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_inside_covers_each_sending_and_not_the_wait_for_a_token() {
    let clock = ManualClock::new();
    let slow = Issuer::with_clock(&clock, |ask, clock| async move {
        tokio::time::sleep(5 * SECOND).await;
        Ok(support::token(ask.number, &clock, HOUR))
    });
    let tokens = Tokens::of(slow, clock);
    let within = |answers_after: Duration| {
        World::slow(move |sent, _| {
            let status = match sent.token() {
                Some("Bearer token-1") => 401,
                _ => 200,
            };
            Box::pin(async move {
                tokio::time::sleep(answers_after).await;
                Ok(answer(status))
            })
        })
    };
    let limited = |world| tokens.layer().layer(TimeoutLayer::new(SECOND).layer(world));
    let world = within(SECOND / 2);
    let response = limited(world.clone()).oneshot(api()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!((tokens.exchanges(), world.sent().len()), (2, 2));

    let error = limited(within(2 * SECOND))
        .oneshot(api())
        .await
        .unwrap_err();
    assert!(error.is::<Elapsed>(), "{error}");
    assert_eq!(
        tokens.exchanges(),
        2,
        "a slow API says nothing of the token"
    );
}

// ConcurrencyLimit, LoadShed, Buffer, Balance

/// Answers when it is told to.
fn on_command() -> (World, Arc<Notify>) {
    let release = Arc::new(Notify::new());
    let world = World::slow({
        let release = release.clone();
        move |_, _| {
            let release = release.clone();
            Box::pin(async move {
                release.notified().await;
                Ok(answer(200))
            })
        }
    });
    (world, release)
}

#[tokio::test]
async fn load_is_shed_on_either_side_as_an_error_of_its_own() {
    let limit = || ServiceBuilder::new().load_shed().concurrency_limit(1);

    let (tokens, (world, release)) = (Tokens::new(), on_command());
    let outside = limit().layer(tokens.layer()).service(world.clone());
    let first = tokio::spawn(outside.clone().oneshot(api()));
    settle().await;
    let error = outside.clone().oneshot(api()).await.unwrap_err();
    assert!(error.is::<Overloaded>(), "{error}");
    release.notify_one();
    first.await.unwrap().unwrap();
    assert_eq!((tokens.exchanges(), world.sent().len()), (1, 1));

    let (tokens, (world, release)) = (Tokens::new(), on_command());
    let inside = tokens.layer().layer(limit().service(world.clone()));
    let first = tokio::spawn(inside.clone().oneshot(api()));
    settle().await;
    let error = inside.clone().oneshot(api()).await.unwrap_err();
    assert!(error.is::<Overloaded>(), "{error}");
    release.notify_one();
    first.await.unwrap().unwrap();
    assert_eq!((tokens.exchanges(), world.sent().len()), (1, 1));
}

#[tokio::test]
async fn a_buffer_outside_is_not_held_up_by_who_waits_for_a_token() {
    let clock = ManualClock::new();
    let (issuer, gate) = Issuer::gated(&clock, HOUR);
    let (tokens, world) = (Tokens::of(issuer, clock), World::open());
    let client = Buffer::new(tokens.layer().layer(world.clone()), 1);
    let waiting: Vec<_> = (0..10)
        .map(|_| tokio::spawn(client.clone().oneshot(api())))
        .collect();
    settle().await;
    let elsewhere = client.clone().oneshot(get("https://evil.example/")).await;
    assert_eq!(
        kind(&elsewhere.unwrap_err()),
        Some(ErrorKind::ForeignOrigin),
        "served at once, and the error is still ours"
    );
    gate.notify_one();
    for response in join_all(waiting).await {
        assert_eq!(response.unwrap().unwrap().status(), 200);
    }
    assert_eq!((tokens.exchanges(), world.sent().len()), (1, 10));
}

#[tokio::test]
async fn a_buffer_inside_lends_no_place_to_who_waits_for_a_token() {
    let clock = ManualClock::new();
    let (issuer, gate) = Issuer::gated(&clock, HOUR);
    let (tokens, world) = (Tokens::of(issuer, clock), World::open());
    let buffer = Buffer::new(world.clone(), 1);
    let mut client = tokens.layer().layer(buffer.clone());
    let mut waiting = Box::pin(client.ready().await.unwrap().call(api()));
    assert!(poll_immediate(&mut waiting).await.is_none());
    buffer.oneshot(api()).await.expect("its one place is free");
    settle().await;
    gate.notify_one();
    assert_eq!(waiting.await.unwrap().status(), 200);
    assert_eq!((tokens.exchanges(), world.sent().len()), (1, 2));
    drop(client);
}

#[tokio::test]
async fn one_token_serves_all_that_a_balancer_chooses_among() {
    let (tokens, worlds) = (Tokens::new(), [World::open(), World::open()]);
    let total = |worlds: &[World; 2]| worlds[0].sent().len() + worlds[1].sent().len();

    let endpoints = worlds
        .clone()
        .map(|world| Constant::new(tokens.layer().layer(world), 1));
    let mut balance = Balance::new(ServiceList::new::<Request<Body>>(endpoints));
    for _ in 0..20 {
        let response = balance.ready().await.unwrap().call(api()).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    assert_eq!((tokens.exchanges(), total(&worlds)), (1, 20));

    // The other way round it has to be shared, since `AuthLayer` keeps a clone.
    let endpoints = worlds.clone().map(|world| Constant::new(world, 1));
    let balance = Balance::new(ServiceList::new::<Request<Body>>(endpoints));
    let client = tokens.layer().layer(Buffer::new(balance, 4));
    for _ in 0..20 {
        assert_eq!(client.clone().oneshot(api()).await.unwrap().status(), 200);
    }
    assert_eq!((tokens.exchanges(), total(&worlds)), (1, 40));
}

#[tokio::test]
async fn a_refusal_of_one_endpoint_is_mended_at_whichever_is_chosen_then() {
    let tokens = Tokens::new();
    let worlds = [(); 2].map(|()| World::refusing("Bearer token-1"));
    let endpoints = worlds.clone().map(|world| Constant::new(world, 1));
    let balance = Balance::new(ServiceList::new::<Request<Body>>(endpoints));
    let client = tokens.layer().layer(Buffer::new(balance, 4));
    for _ in 0..10 {
        assert_eq!(client.clone().oneshot(api()).await.unwrap().status(), 200);
    }
    assert_eq!(tokens.exchanges(), 2);
}

// EnvelopeLayer

/// Says under status 200 that the first token is refused.
fn enveloped() -> World {
    World::new(|sent, _| {
        let refused = sent.token() == Some("Bearer token-1");
        let text = if refused {
            r#"{"code":401}"#
        } else {
            r#"{"code":0}"#
        };
        let mut response = Response::new(Body::new(Bytes::from(text)));
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert("content-type", json);
        response
    })
}

fn envelope() -> EnvelopeLayer {
    EnvelopeLayer::new().refused_when("/code", [401]).unwrap()
}

#[tokio::test]
async fn an_envelope_stands_inside_and_a_limit_of_one_below_it_is_enough() {
    let (tokens, world) = (Tokens::new(), enveloped());
    let mut client = ServiceBuilder::new()
        .layer(tokens.layer())
        .layer(envelope())
        .layer(ConcurrencyLimitLayer::new(1))
        .service(world.clone());
    let call = client.ready().await.unwrap().call(api());
    let response = tokio::time::timeout(5 * SECOND, call)
        .await
        .expect("deadlock");
    assert!(response.unwrap().extensions().get::<Refusal>().is_none());
    assert_eq!((tokens.exchanges(), world.sent().len()), (2, 2));
    drop(client);
}

#[tokio::test]
async fn the_wrong_order_an_envelope_outside_marks_a_refusal_that_nobody_mends() {
    let (tokens, world) = (Tokens::new(), enveloped());
    let client = envelope().layer(tokens.layer().layer(world.clone()));
    let response = client.oneshot(api()).await.unwrap();
    assert!(response.extensions().get::<RefusedInBody>().is_some());
    assert_eq!((tokens.exchanges(), world.sent().len()), (1, 1));
}

#[tokio::test]
async fn an_error_of_the_envelope_is_what_retries_and_callers_outside_see() {
    let failing = World::new(|_, _| {
        let mut response = Response::new(Body::new(Bytes::from(r#"{"code":5}"#)));
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert("content-type", json);
        response
    });
    let tokens = Tokens::new();
    let client = ServiceBuilder::new()
        .layer(again(&[]))
        .layer(tokens.layer())
        .layer(EnvelopeLayer::new().failed_unless("/code", [0]).unwrap())
        .service(failing.clone());
    let error: BoxError = client.oneshot(api()).await.unwrap_err();
    assert!(error.is::<tower_bearer::client::envelope::ApiFailure>());
    assert_eq!((tokens.exchanges(), failing.sent().len()), (1, 4));
}

// Two of them

#[tokio::test]
async fn of_two_auth_layers_the_outer_one_adds_the_token_and_the_inner_one_nothing() {
    let (outer, inner, world) = (Tokens::new(), Tokens::new(), World::closed());
    let layers = |outer: AuthLayer, inner: AuthLayer| outer.layer(inner.layer(world.clone()));
    let client = layers(outer.layer(), inner.layer());
    assert_eq!(client.oneshot(api()).await.unwrap().status(), 401);
    assert_eq!(inner.exchanges(), 0, "never two of them");
    assert_eq!((outer.exchanges(), world.sent().len()), (2, 2));
    assert!(world.sent().iter().all(|sent| sent.uri.starts_with(API)));
}
