//! `Auth` as a Tower service: its contract with what stands around and below it.
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::future::poll_immediate;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use tokio::sync::Notify;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt,
    limit::{ConcurrencyLimit, ConcurrencyLimitLayer},
};
use tower_bearer::{
    AccessToken, Auth, AuthLayer, BoxError, Refreshing,
    client::{Error, ErrorKind, PresetCredentials, WithoutToken, replay::NoReplay, source},
    test_util::ManualClock,
    token::{Scheme, TokenHeader},
};
use tower_test::mock;

use support::{HOUR, Issuer, outage, settle};

type Body = Full<Bytes>;

fn fixed(value: &str) -> AccessToken {
    AccessToken::new(value).unwrap()
}

fn layer() -> AuthLayer {
    AuthLayer::new(fixed("t"))
        .origin("https://api.example")
        .unwrap()
}

fn get(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::default()).unwrap()
}

fn api() -> Request<Body> {
    get("https://api.example/orders")
}

fn kind(error: &BoxError) -> Option<ErrorKind> {
    error.downcast_ref::<Error>().map(Error::kind)
}

/// A source whose first token waits for a gate.
fn cold() -> (Refreshing, Arc<Notify>, Issuer) {
    let clock = ManualClock::new();
    let (issuer, gate) = Issuer::gated(&clock, HOUR);
    let tokens = Refreshing::builder(issuer.clone()).clock(clock).build();
    (tokens, gate, issuer)
}

// What is sent

#[tokio::test]
async fn a_request_gets_the_token_marked_sensitive_and_is_otherwise_untouched() {
    let (mut client, mut server) = mock::spawn_layer(layer());
    assert_ready_ok!(client.poll_ready());
    let mut request = api();
    request
        .headers_mut()
        .insert("x-mine", HeaderValue::from_static("1"));
    let response = client.call(request);
    let (request, reply) = server.next_request().await.unwrap();
    let value = &request.headers()[header::AUTHORIZATION];
    assert_eq!(value, "Bearer t");
    assert!(value.is_sensitive());
    assert_eq!(request.uri(), "https://api.example/orders");
    assert_eq!(request.headers().len(), 2);
    reply.send_response(Response::new(Body::default()));
    assert_eq!(response.await.unwrap().status(), StatusCode::OK);
}

async fn sent(layer: AuthLayer, request: Request<Body>) -> Result<Option<String>, BoxError> {
    let echo = tower::service_fn(|request: Request<Body>| async move {
        let value = request.headers().get(header::AUTHORIZATION).cloned();
        let mut response = Response::new(Body::default());
        response.extensions_mut().insert(value);
        Ok::<_, BoxError>(response)
    });
    let response = layer.layer(echo).oneshot(request).await?;
    let value = response
        .extensions()
        .get::<Option<HeaderValue>>()
        .unwrap()
        .clone();
    Ok(value.map(|value| value.to_str().unwrap().to_owned()))
}

#[tokio::test]
async fn each_setting_decides_what_is_sent() {
    let preset = |mut request: Request<Body>| {
        let basic = HeaderValue::from_static("Basic YTpi");
        request.headers_mut().insert(header::AUTHORIZATION, basic);
        request
    };
    let without = |mut request: Request<Body>| {
        request.extensions_mut().insert(WithoutToken);
        request
    };
    let word = Scheme::word("Token").unwrap();
    let ok = |value: &str| Ok(Some(value.to_owned()));
    let rows = [
        ("default", layer(), api(), ok("Bearer t")),
        ("another word", layer().token_in(word), api(), ok("Token t")),
        ("no word", layer().token_in(Scheme::bare()), api(), ok("t")),
        (
            "its own header is kept",
            layer(),
            preset(api()),
            ok("Basic YTpi"),
        ),
        (
            "its own header is replaced",
            layer().preset_credentials(PresetCredentials::Replace),
            preset(api()),
            ok("Bearer t"),
        ),
        (
            "its own header is refused",
            layer().preset_credentials(PresetCredentials::Refuse),
            preset(api()),
            Err(Some(ErrorKind::PresetCredentials)),
        ),
        (
            "opted out",
            layer(),
            without(get("https://other.example/")),
            Ok(None),
        ),
        (
            "foreign origin",
            layer(),
            get("https://other.example/"),
            Err(Some(ErrorKind::ForeignOrigin)),
        ),
        (
            "its own header to a foreign origin",
            layer(),
            preset(get("https://other.example/")),
            Err(Some(ErrorKind::ForeignOrigin)),
        ),
        (
            "relative",
            layer(),
            get("/orders"),
            Err(Some(ErrorKind::RelativeUri)),
        ),
        (
            "relative with a place",
            layer().relative_to("https://grpc.example").unwrap(),
            get("/orders"),
            ok("Bearer t"),
        ),
        (
            "plain http",
            layer().origin("http://mesh.example").unwrap(),
            get("http://mesh.example/"),
            Err(Some(ErrorKind::PlainHttp)),
        ),
        (
            "plain http by say-so",
            layer()
                .origin("http://mesh.example")
                .unwrap()
                .dangerous_plain_http(),
            get("http://mesh.example/"),
            ok("Bearer t"),
        ),
        (
            "any origin by say-so",
            layer().dangerous_any_origin(),
            get("https://other.example/"),
            ok("Bearer t"),
        ),
    ];
    for (rule, layer, request, expected) in rows {
        let outcome = sent(layer, request).await.map_err(|error| kind(&error));
        assert_eq!(outcome, expected, "{rule}");
    }
}

#[tokio::test]
async fn the_token_travels_in_the_header_that_is_named_and_the_callers_own_is_sought_there() {
    let named = || TokenHeader::named("X-Api-Key").unwrap();
    let word = || named().with_scheme(Scheme::word("Key").unwrap());
    let with = |name: &'static str| {
        let mut request = api();
        let own = HeaderValue::from_static("own");
        request.headers_mut().insert(name, own);
        request
    };
    let refuse = PresetCredentials::Refuse;
    type Row<'a> = (&'a str, AuthLayer, Request<Body>, &'a [(&'a str, &'a str)]);
    let rows: [Row<'_>; 6] = [
        (
            "alone",
            layer().token_in(named()),
            api(),
            &[("x-api-key", "t")],
        ),
        (
            "behind a word",
            layer().token_in(word()),
            api(),
            &[("x-api-key", "Key t")],
        ),
        (
            "beside an `Authorization` that is somebody else's",
            layer().token_in(named()).preset_credentials(refuse),
            with("authorization"),
            &[("authorization", "own"), ("x-api-key", "t")],
        ),
        (
            "the caller's own is kept",
            layer().token_in(named()),
            with("x-api-key"),
            &[("x-api-key", "own")],
        ),
        (
            "the caller's own is replaced",
            layer()
                .token_in(named())
                .preset_credentials(PresetCredentials::Replace),
            with("x-api-key"),
            &[("x-api-key", "t")],
        ),
        (
            "the last one said counts",
            layer().token_in(named()).token_in(TokenHeader::default()),
            api(),
            &[("authorization", "Bearer t")],
        ),
    ];
    let echo = tower::service_fn(|request: Request<Body>| async move {
        let mut response = Response::new(Body::default());
        *response.headers_mut() = request.headers().clone();
        Ok::<_, BoxError>(response)
    });
    for (rule, layer, request, expected) in rows {
        let response = layer.layer(echo).oneshot(request).await.unwrap();
        let headers = response.headers();
        assert_eq!(headers.len(), expected.len(), "{rule}");
        for (name, value) in expected {
            assert_eq!(headers[*name], *value, "{rule}");
            assert_eq!(headers[*name].is_sensitive(), *value != "own", "{rule}");
        }
    }
    let refused = layer().token_in(named()).preset_credentials(refuse);
    let error = sent(refused, with("x-api-key")).await.unwrap_err();
    assert_eq!(kind(&error), Some(ErrorKind::PresetCredentials));
    assert!(error.to_string().contains("`x-api-key`"), "{error}");
}

#[tokio::test]
async fn a_layer_without_an_origin_sends_nothing_and_its_error_names_the_fix() {
    let layer = AuthLayer::new(fixed("t"));
    let error = sent(layer, api()).await.unwrap_err();
    assert!(error.to_string().contains("AuthLayer::origin"), "{error}");
}

#[tokio::test]
async fn without_a_token_there_is_an_error_and_never_a_bare_request() {
    let refusing = AuthLayer::new(source::from_fn(|_| None))
        .origin("https://api.example")
        .unwrap();
    let error = sent(refusing, api()).await.unwrap_err();
    assert_eq!(kind(&error), Some(ErrorKind::NoTokenForRequest));

    let dead = Refreshing::new(Issuer::answering(|_| async { Err(outage()) }));
    let dead = AuthLayer::new(dead).origin("https://api.example").unwrap();
    let error = sent(dead, api()).await.unwrap_err();
    assert!(matches!(kind(&error), Some(ErrorKind::Unavailable { .. })));
}

#[tokio::test]
async fn closures_choose_the_token_by_the_request() {
    let by_host = |asynchronous: bool| {
        let layer = match asynchronous {
            false => AuthLayer::new(source::from_fn(|request| {
                AccessToken::new(request.uri().host()?).ok()
            })),
            true => AuthLayer::new(source::from_async_fn(|request| {
                let host = request.uri().host().unwrap_or_default().to_owned();
                async move { AccessToken::new(host) }
            })),
        };
        layer
            .origin("https://a.example")
            .unwrap()
            .origin("https://b.example")
            .unwrap()
    };
    for asynchronous in [false, true] {
        for host in ["a.example", "b.example"] {
            let outcome = sent(by_host(asynchronous), get(&format!("https://{host}/"))).await;
            assert_eq!(outcome.unwrap(), Some(format!("Bearer {host}")));
        }
    }
}

// Readiness

#[tokio::test]
async fn poll_ready_readies_the_inner_service_and_call_uses_that_one() {
    let (mut client, mut server) = mock::spawn_layer::<_, Response<Body>, _>(layer());
    server.allow(0);
    assert_pending!(client.poll_ready());
    server.allow(1);
    assert_ready_ok!(client.poll_ready());
    let _response = client.call(api());
    assert!(server.next_request().await.is_some());
}

/// Panics when it is called without having been readied itself; a clone is not ready.
#[derive(Debug, Default)]
struct Strict {
    ready: bool,
    calls: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            calls: self.calls.clone(),
        }
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without having been readied"
        );
        self.calls.fetch_add(1, Ordering::SeqCst);
        let good = request.headers()[header::AUTHORIZATION] != "Bearer token-1";
        let status = if good {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        };
        let mut response = Response::new(Body::default());
        *response.status_mut() = status;
        std::future::ready(Ok(response))
    }
}

#[tokio::test]
async fn no_instance_is_called_that_was_not_readied_itself() {
    // Cold, warm, refused and sent again: every way through the future.
    let clock = ManualClock::new();
    let tokens = Refreshing::builder(Issuer::new(&clock, HOUR))
        .clock(clock)
        .build();
    let layer = AuthLayer::new(tokens)
        .origin("https://api.example")
        .unwrap();
    let strict = Strict::default();
    let calls = strict.calls.clone();
    let mut client = layer.layer(strict);
    for _ in 0..3 {
        let response = client.ready().await.unwrap().call(api()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn errors_of_the_inner_service_pass_through_as_they_are() {
    #[derive(Debug)]
    struct Mine;
    impl std::fmt::Display for Mine {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("mine")
        }
    }
    impl std::error::Error for Mine {}

    let (mut client, mut server) = mock::spawn_layer::<_, Response<Body>, _>(layer());
    assert_ready_ok!(client.poll_ready());
    let response = client.call(api());
    let (_, reply) = server.next_request().await.unwrap();
    reply.send_error(Mine);
    assert!(response.await.unwrap_err().is::<Mine>());

    server.send_error(Mine);
    assert!(assert_ready_err!(client.poll_ready()).is::<Mine>());
}

/// A service that is ready and answers only as often as it is allowed to.
#[derive(Clone, Default)]
struct Steps {
    ready: Arc<AtomicUsize>,
    answers: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

fn take(steps: &AtomicUsize) -> bool {
    let taken = steps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
        left.checked_sub(1)
    });
    taken.is_ok()
}

impl Service<Request<Body>> for Steps {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = futures::future::BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match take(&self.ready) {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match take(&self.answers) {
            true => Box::pin(async { Ok(Response::builder().status(401).body(Body::default())?) }),
            false => Box::pin(std::future::pending()),
        }
    }
}

#[tokio::test]
async fn a_pending_call_can_be_dropped_in_every_state() {
    // How often the service gets ready and answers 401, how many tokens come, and how
    // many times it was called when the call is dropped.
    let rows = [
        ("acquiring", 1, 0, 0, 0),
        ("readying", 1, 0, 1, 0),
        ("sending", 2, 0, 1, 1),
        ("renewing", 2, 1, 1, 1),
        ("readying again", 2, 1, 2, 1),
        ("resending", 3, 1, 2, 2),
    ];
    for (state, ready, answers, tokens, calls) in rows {
        let (source, gate, issuer) = cold();
        let steps = Steps::default();
        steps.ready.store(ready, Ordering::SeqCst);
        steps.answers.store(answers, Ordering::SeqCst);
        let layer = AuthLayer::new(source.clone())
            .origin("https://api.example")
            .unwrap();
        let mut client = layer.layer(steps.clone());
        let mut call = Box::pin(client.ready().await.unwrap().call(api()));
        for _ in 0..tokens {
            assert!(poll_immediate(&mut call).await.is_none(), "{state}");
            settle().await;
            gate.notify_one();
            settle().await;
        }
        assert!(poll_immediate(&mut call).await.is_none(), "{state}");
        settle().await;
        drop(call);
        assert_eq!(steps.calls.load(Ordering::SeqCst), calls, "{state}");

        // An exchange that was under way is not lost with it.
        gate.notify_one();
        assert!(source.token().await.is_ok(), "{state}");
        assert!(issuer.asked() <= 2, "{state}: {}", issuer.asked());
    }
}

// ConcurrencyLimit

fn slow_api(
    release: Arc<Notify>,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send> + Clone + Send
{
    tower::service_fn(move |_: Request<Body>| {
        let release = release.clone();
        async move {
            release.notified().await;
            Ok(Response::new(Body::default()))
        }
    })
}

#[tokio::test]
async fn a_cold_client_kept_alive_over_a_limit_of_one_completes() {
    let (tokens, gate, _) = cold();
    let release = Arc::new(Notify::new());
    release.notify_one();
    let mut client = ServiceBuilder::new()
        .layer(
            AuthLayer::new(tokens)
                .origin("https://api.example")
                .unwrap(),
        )
        .layer(ConcurrencyLimitLayer::new(1))
        .service(slow_api(release));
    let mut response = Box::pin(client.ready().await.unwrap().call(api()));
    assert!(poll_immediate(&mut response).await.is_none());
    settle().await;
    gate.notify_one();
    let response = tokio::time::timeout(Duration::from_secs(5), response).await;
    assert_eq!(
        response.expect("deadlock").unwrap().status(),
        StatusCode::OK
    );
    drop(client);
}

#[tokio::test]
async fn waiting_for_a_token_holds_no_permit_that_others_need() {
    let (tokens, gate, _) = cold();
    let limited = ConcurrencyLimit::new(slow_api(Arc::new(Notify::new())), 1);
    let mut other = limited.clone();
    let layer = AuthLayer::new(tokens)
        .origin("https://api.example")
        .unwrap();
    let mut client = layer.layer(limited);
    let mut response = Box::pin(client.ready().await.unwrap().call(api()));
    assert!(poll_immediate(&mut response).await.is_none());
    assert!(
        poll_immediate(other.ready()).await.is_some(),
        "the permit was given back"
    );
    drop(gate);
}

#[tokio::test]
async fn a_request_that_is_not_sent_gives_its_permit_back() {
    let limited = ConcurrencyLimit::new(slow_api(Arc::new(Notify::new())), 1);
    let mut other = limited.clone();
    let mut client = layer().layer(limited);
    let refused = client
        .ready()
        .await
        .unwrap()
        .call(get("https://other.example/"))
        .await;
    assert!(refused.is_err());
    assert!(poll_immediate(other.ready()).await.is_some());
}

#[tokio::test]
async fn a_limit_outside_neither_panics_nor_deadlocks() {
    let (tokens, gate, _) = cold();
    let release = Arc::new(Notify::new());
    let client = ServiceBuilder::new()
        .layer(ConcurrencyLimitLayer::new(1))
        .layer(
            AuthLayer::new(tokens)
                .origin("https://api.example")
                .unwrap(),
        )
        .service(slow_api(release.clone()));
    let calls = (0..10)
        .map(|_| tokio::spawn(client.clone().oneshot(api())))
        .collect::<Vec<_>>();
    settle().await;
    gate.notify_one();
    for call in calls {
        settle().await;
        release.notify_one();
        assert_eq!(call.await.unwrap().unwrap().status(), StatusCode::OK);
    }
}

// Types that users write down

struct Api {
    _client: Auth<Strict>,
    _streaming: Auth<Strict, NoReplay>,
}

#[test]
fn the_types_can_be_written_down_and_taken_apart() {
    let client = layer().layer(Strict::default());
    let mut api = Api {
        _client: client.clone(),
        _streaming: layer().replay(NoReplay).layer(Strict::default()),
    };
    api._client.get_mut().ready = true;
    assert!(api._client.get_ref().ready);
    assert!(api._client.into_inner().ready);
    let shown = format!("{client:?} {:?}", layer());
    assert!(!shown.contains("Bearer"), "{shown}");
}

#[tokio::test]
async fn a_future_that_was_not_polled_sends_what_call_was_given() {
    // Tower allows a service to act in `call`; ours does, so the request is under way.
    let sent = Arc::new(AtomicBool::new(false));
    let client = tower::service_fn({
        let sent = sent.clone();
        move |_: Request<Body>| {
            sent.store(true, Ordering::SeqCst);
            async { Ok::<_, BoxError>(Response::new(Body::default())) }
        }
    });
    let _response = layer().layer(client).ready().await.unwrap().call(api());
    assert!(sent.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_client_that_never_replays_takes_any_body() {
    let (mut client, mut server) = mock::spawn_layer(layer().replay(NoReplay));
    assert_ready_ok!(client.poll_ready());
    let response = client.call(api().map(|_| "body"));
    let (request, reply) = server.next_request().await.unwrap();
    assert_eq!(request.into_body(), "body");
    reply.send_response(Response::new(()));
    response.await.unwrap();
}
