//! What the warm path costs, counted in allocations. Times are for benchmarks; counts can
//! be tested.
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

use std::{
    convert::Infallible,
    future::{Ready, ready},
    path::PathBuf,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::executor::block_on;
use http::{Extensions, HeaderValue, Method, Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt};
use tower_bearer::{
    AccessToken, AuthLayer, BoxError, Refreshing,
    client::{
        RequestContext, TokenSource, WithoutToken, envelope::EnvelopeLayer, replay::NoReplay,
        source,
    },
    oauth::{ObtainError, obtain_with},
    test_util::ManualClock,
    token::{Expiry, Scheme, TokenHeader, Tokens},
};

type Body = Full<Bytes>;

/// Answers at once and allocates nothing.
#[derive(Clone)]
struct Nothing;

impl Service<Request<Body>> for Nothing {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The headers are let go outside of what is counted for the middleware.
        std::mem::forget(request);
        ready(Ok(Response::new(Body::default())))
    }
}

fn warm() -> Refreshing {
    let tokens = Refreshing::new(obtain_with(|| async {
        let clock = tower_bearer::clock::SystemClock::new();
        let end = Expiry::after(Duration::from_secs(3600), &clock);
        let token = AccessToken::new("t".repeat(800))?.with_expiry(end);
        Ok::<_, ObtainError>(Tokens::new(token))
    }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(tokens.token()).unwrap();
    tokens
}

/// A request as frameworks make them: a few headers and room for one more.
fn request(body: Body) -> Request<Body> {
    let mut request = Request::post("https://api.example/orders")
        .body(body)
        .unwrap();
    request.headers_mut().reserve(8);
    for name in ["accept", "user-agent", "x-request-id"] {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static("value"));
    }
    request
}

fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

/// What the second of two equal requests costs; the first builds what is built once.
fn cost<S>(client: &mut S, request: Request<Body>) -> u64
where
    S: Service<Request<Body>, Error: std::fmt::Debug>,
{
    let first = request.clone();
    drop(block_on(client.call(first)).unwrap());
    allocations(|| drop(block_on(client.call(request)).unwrap()))
}

#[test]
fn a_request_that_is_not_replayed_costs_no_allocation() {
    let layer = AuthLayer::new(warm())
        .origin("https://api.example")
        .unwrap();
    let stream_like = || Body::from("body");
    let mut preset = request(stream_like());
    preset
        .headers_mut()
        .insert("authorization", HeaderValue::from_static("Basic YTpi"));
    let mut without = request(stream_like());
    without.extensions_mut().insert(WithoutToken);

    let header = TokenHeader::named("x-api-key").unwrap();
    let mut named = layer
        .clone()
        .token_in(header.with_scheme(Scheme::word("Key").unwrap()))
        .replay(NoReplay)
        .layer(Nothing);
    let mut never = layer.clone().replay(NoReplay).layer(Nothing);
    let mut default = layer.layer(Nothing);
    assert_eq!(cost(&mut never, request(stream_like())), 0, "replay off");
    assert_eq!(
        cost(&mut named, request(stream_like())),
        0,
        "another header"
    );
    assert_eq!(cost(&mut default, preset), 0, "its own header");
    assert_eq!(cost(&mut default, without), 0, "opted out");
}

#[tokio::test]
async fn the_first_request_after_a_renewal_in_the_background_costs_what_every_request_costs() {
    let clock = ManualClock::new();
    let now = clock.clone();
    let obtain = obtain_with(move || {
        let end = Expiry::after(Duration::from_secs(3600), &now);
        let token = AccessToken::new("t".repeat(800)).unwrap().with_expiry(end);
        async { Ok::<_, ObtainError>(Tokens::new(token)) }
    });
    let tokens = Refreshing::builder(obtain).clock(clock.clone()).build();
    let layer = AuthLayer::new(tokens.clone());
    let layer = layer.origin("https://api.example").unwrap();
    let mut client = layer.replay(NoReplay).layer(Nothing);
    let mut send = || {
        let request = request(Body::from("body"));
        allocations(|| drop(block_on(client.call(request)).unwrap()))
    };
    tokens.token().await.unwrap();
    send(); // what is built once for each thread
    assert_eq!(send(), 0, "a token at hand");

    clock.advance(Duration::from_secs(3500));
    assert!(send() > 0, "starts the renewal");
    assert_eq!(send(), 0, "the old token, while the renewal is under way");
    while tokens.state().exchanges < 2 || tokens.state().remaining < Some(Duration::from_secs(3600))
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(send(), 0, "the new token, for the first time");
}

/// Each with a token at hand.
fn sources() -> Vec<(&'static str, Arc<dyn TokenSource>)> {
    let token = AccessToken::new("t".repeat(800)).unwrap();
    let at_hand = token.clone();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("client_allocations");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("token"), "t".repeat(800)).unwrap();
    let tenant = warm();
    let tenants = source::per_tenant(
        |request| request.uri().port_u16().or(Some(443)),
        move |_| Ok::<_, BoxError>(tenant.clone()),
    );
    let first = source::first_of(source::from_fn(|_| None));
    let origins = source::per_origin();
    let origins = origins.origin("https://api.example", warm()).unwrap();
    vec![
        ("a fixed token", Arc::new(token)),
        (
            "a closure",
            Arc::new(source::from_fn(move |_| Some(at_hand.clone()))),
        ),
        ("a file", Arc::new(source::from_file(folder.join("token")))),
        ("a variable", Arc::new(source::from_env("CARGO_PKG_NAME"))),
        ("the second of two", Arc::new(first.or(warm()))),
        ("one for each origin", Arc::new(origins)),
        ("one for each tenant", Arc::new(tenants)),
    ]
}

#[test]
fn no_source_with_a_token_at_hand_allocates() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (uri, extensions) = ("https://api.example/".parse().unwrap(), Extensions::new());
    let request = RequestContext::new(&Method::GET, &uri, &extensions);
    for (row, source) in sources() {
        runtime.block_on(source.obtain(request)).unwrap();
        let cost = allocations(|| drop(source.current(&request).unwrap()));
        assert_eq!(cost, 0, "{row}");
    }
}

#[test]
fn a_request_that_can_be_replayed_costs_the_clone_of_its_head_and_nothing_more() {
    let layer = AuthLayer::new(warm())
        .origin("https://api.example")
        .unwrap();
    let mut client = layer.layer(Nothing);
    let request = request(Body::from("body"));
    let (parts, body) = request.clone().into_parts();
    let head = allocations(|| std::mem::forget((parts.clone(), body.clone())));
    assert!(head > 0);
    assert_eq!(cost(&mut client, request), head);
}

#[test]
fn the_header_value_is_built_once_and_its_clones_allocate_nothing() {
    let token = AccessToken::new("t".repeat(800)).unwrap();
    for scheme in [Scheme::bearer(), Scheme::bare()] {
        let _first = token.header_value(&scheme);
        assert_eq!(
            allocations(|| drop(token.header_value(&scheme))),
            0,
            "{scheme:?}"
        );
    }
}

#[test]
fn an_answer_that_is_not_looked_into_costs_no_allocation_and_one_that_is_two() {
    let envelope = EnvelopeLayer::new()
        .refused_when("/code", [401])
        .unwrap()
        .failed_unless("/code", [0])
        .unwrap();
    let auth = AuthLayer::new(warm())
        .origin("https://api.example")
        .unwrap()
        .replay(NoReplay);
    let rows = [
        ("not JSON", "text/html", "<html>", 0),
        (
            "JSON, with the body's own box and buffer",
            "application/json",
            r#"{"code":0}"#,
            2,
        ),
    ];
    for (row, media_type, body, expected) in rows {
        let api = Nothing.map_response(move |mut response: Response<Body>| {
            *response.body_mut() = Body::from(body);
            let media_type = HeaderValue::from_static(media_type);
            response.headers_mut().insert("content-type", media_type);
            response
        });
        let mut without = auth.layer(api.clone());
        let mut with = auth.layer(envelope.layer(api));
        let before = cost(&mut without, request(Body::default()));
        let after = cost(&mut with, request(Body::default()));
        assert_eq!(after - before, expected, "{row}");
    }
}
