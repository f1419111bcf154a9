//! `Envelope` among other services: inside `AuthLayer`, around a limit, over TCP.
#![cfg(all(feature = "axum", feature = "test-util"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod envelope_support;
mod support;

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Json, Router,
    response::{IntoResponse, Redirect},
    routing::{any, get},
};
use bytes::Bytes;
use futures::{future::poll_immediate, stream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok};
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt,
    limit::{ConcurrencyLimit, ConcurrencyLimitLayer},
};
use tower_bearer::{
    AccessToken, Auth, AuthLayer, BoxError, Refreshing,
    client::{
        Refusal, RefusedInBody,
        envelope::{ApiFailure, Envelope},
        source,
    },
    test_util::ManualClock,
};
use tower_test::mock;

use envelope_support::{declared, envelope, json, mark, with_failures};
use support::{HOUR, Issuer};

const REFUSED: &str = r#"{"code":401,"msg":"token expired"}"#;
const FAILED: &str = r#"{"code":1,"msg":"name is taken"}"#;
const SERVED: &str = r#"{"code":0}"#;

type Answer = Response<Full<Bytes>>;

fn request(method: Method) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method);
    request
        .uri("https://api.example/orders")
        .body(Full::from("order"))
        .unwrap()
}

fn refusal<B>(response: &Response<B>) -> Option<&Refusal> {
    response.extensions().get()
}

async fn text<B>(response: Response<B>) -> String
where
    B: Body,
    B::Error: std::fmt::Debug,
{
    let body = response.into_body().collect().await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

// Inside AuthLayer

/// Answers each token in its own way, and notes what it was sent.
#[derive(Clone)]
struct Api {
    answer: fn(&str) -> Answer,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Api {
    fn new(answer: fn(&str) -> Answer) -> Self {
        Self {
            answer,
            seen: Arc::default(),
        }
    }

    fn service(
        &self,
    ) -> impl Service<Request<Full<Bytes>>, Response = Answer, Error = BoxError, Future: Send>
    + Clone
    + Send
    + use<> {
        let api = self.clone();
        tower::service_fn(move |request: Request<Full<Bytes>>| {
            let api = api.clone();
            async move {
                let token = request.headers()[header::AUTHORIZATION]
                    .to_str()?
                    .to_owned();
                let body = text(Response::new(request.into_body())).await;
                api.seen.lock().unwrap().push(format!("{token}: {body}"));
                Ok((api.answer)(&token))
            }
        })
    }

    fn calls(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

/// Refuses the first token, in the body.
fn first_refused(token: &str) -> Answer {
    json(if token == "Bearer token-1" {
        REFUSED
    } else {
        SERVED
    })
}

fn tokens() -> (Refreshing, Issuer) {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let tokens = Refreshing::builder(issuer.clone()).clock(clock).build();
    (tokens, issuer)
}

fn auth(tokens: &Refreshing) -> AuthLayer {
    AuthLayer::new(tokens.clone())
        .origin("https://api.example")
        .unwrap()
}

#[tokio::test]
async fn a_refusal_in_the_body_is_sent_once_more_and_the_caller_sees_the_second_answer() {
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let (tokens, issuer) = tokens();
        let api = Api::new(first_refused);
        let client = (auth(&tokens), envelope()).layer(api.service());
        let response = client.oneshot(request(method.clone())).await.unwrap();
        assert_eq!(
            (mark(&response), refusal(&response)),
            (None, None),
            "{method}"
        );
        assert_eq!(text(response).await, SERVED, "{method}");
        assert_eq!(issuer.asked(), 2, "{method}");
        assert_eq!(
            *api.seen.lock().unwrap(),
            ["Bearer token-1: order", "Bearer token-2: order"],
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_post_refused_under_200_is_not_sent_again_and_the_next_carries_a_new_token() {
    let (tokens, issuer) = tokens();
    let api = Api::new(first_refused);
    let client = (auth(&tokens), envelope()).layer(api.service());
    let first = client.clone().oneshot(request(Method::POST)).await.unwrap();
    assert_eq!(refusal(&first), Some(&Refusal::NotRepeatable));
    assert_eq!(mark(&first), Some(RefusedInBody::NotRepeatable));
    assert_eq!(
        text(first).await,
        REFUSED,
        "the caller gets the refusal whole"
    );
    assert_eq!(api.calls(), 1);

    let second = client.oneshot(request(Method::POST)).await.unwrap();
    assert_eq!(text(second).await, SERVED);
    assert_eq!((issuer.asked(), api.calls()), (2, 2));
}

#[tokio::test]
async fn a_post_refused_under_200_is_sent_again_by_a_second_choice() {
    let (tokens, issuer) = tokens();
    let api = Api::new(first_refused);
    let client = (auth(&tokens), envelope().replay_every_method()).layer(api.service());
    let response = client.oneshot(request(Method::POST)).await.unwrap();
    assert_eq!(refusal(&response), None);
    assert_eq!(text(response).await, SERVED);
    assert_eq!((issuer.asked(), api.calls()), (2, 2));
}

#[tokio::test]
async fn a_second_refusal_reaches_the_caller_as_a_response_with_and_without_failures() {
    let source = || {
        let count = AtomicUsize::new(0);
        source::from_async_fn(move |_| {
            let number = count.fetch_add(1, Ordering::SeqCst);
            async move { AccessToken::new(format!("token-{number}")) }
        })
    };
    for envelope in [envelope(), with_failures()] {
        let api = Api::new(|_| json(REFUSED));
        let auth = AuthLayer::new(source())
            .origin("https://api.example")
            .unwrap();
        let client = (auth, envelope).layer(api.service());
        let response = client.oneshot(request(Method::GET)).await.unwrap();
        assert_eq!(refusal(&response), Some(&Refusal::RefusedAgain));
        assert_eq!(mark(&response), Some(RefusedInBody::Repeatable));
        let told: &ApiFailure = response.extensions().get().unwrap();
        assert_eq!(told.code(), "401");
        assert_eq!(text(response).await, REFUSED);
        assert_eq!(api.calls(), 2);
    }
}

#[tokio::test]
async fn a_failure_of_the_second_answer_is_the_callers_error() {
    let (tokens, issuer) = tokens();
    let api = Api::new(|token| {
        json(if token == "Bearer token-1" {
            REFUSED
        } else {
            FAILED
        })
    });
    let client = (auth(&tokens), with_failures()).layer(api.service());
    let error = client.oneshot(request(Method::GET)).await.unwrap_err();
    let failure: &ApiFailure = error.downcast_ref().unwrap();
    assert_eq!(failure.message(), Some("name is taken"));
    assert_eq!((issuer.asked(), api.calls()), (2, 2));
}

#[tokio::test]
async fn an_api_that_refuses_everything_in_its_bodies_costs_a_handful_of_exchanges() {
    let (tokens, issuer) = tokens();
    let api = Api::new(|_| json(REFUSED));
    let mut client = (auth(&tokens), envelope()).layer(api.service());
    for _ in 0..1000 {
        let response = client.ready().await.unwrap().call(request(Method::GET));
        assert_eq!(text(response.await.unwrap()).await, REFUSED);
    }
    assert!(issuer.asked() <= 8, "{} exchanges", issuer.asked());
}

#[tokio::test]
async fn a_test_of_the_users_own_sees_the_mark() {
    let own = |reads_mark: bool| {
        let (tokens, _) = tokens();
        let api = Api::new(first_refused);
        let auth = auth(&tokens).refused_when(move |response| {
            reads_mark && response.extensions().get::<RefusedInBody>().is_some()
        });
        let client = (auth, envelope()).layer(api.service());
        async move { text(client.oneshot(request(Method::GET)).await.unwrap()).await }
    };
    assert_eq!(own(true).await, SERVED);
    assert_eq!(own(false).await, REFUSED);
}

#[tokio::test]
async fn a_layer_of_the_users_own_may_set_the_mark() {
    let (tokens, issuer) = tokens();
    let api = Api::new(|token| {
        let mut response = Response::new(Full::from("<error>token</error>"));
        if token == "Bearer token-1" {
            response.extensions_mut().insert(RefusedInBody::Repeatable);
        }
        response
    });
    let client = auth(&tokens).layer(api.service());
    client.oneshot(request(Method::GET)).await.unwrap();
    assert_eq!((issuer.asked(), api.calls()), (2, 2));
}

#[tokio::test]
async fn without_the_layer_no_body_is_polled() {
    struct Untouchable;
    impl Body for Untouchable {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            panic!("polled");
        }
    }
    let (tokens, _) = tokens();
    let api = tower::service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, BoxError>(declared(34, Untouchable))
    });
    let response = auth(&tokens).layer(api).oneshot(request(Method::GET)).await;
    assert_eq!(response.unwrap().status(), StatusCode::OK);
}

// The contract of a Tower service

#[tokio::test]
async fn poll_ready_readies_the_inner_service_and_call_uses_that_one() {
    let (mut client, mut server) = mock::spawn_layer::<Request<Full<Bytes>>, Answer, _>(envelope());
    server.allow(0);
    assert_pending!(client.poll_ready());
    server.allow(1);
    assert_ready_ok!(client.poll_ready());
    // The mock panics where a clone is called that was not readied itself.
    let response = client.call(request(Method::GET));
    let (sent, reply) = server.next_request().await.unwrap();
    assert_eq!(sent.uri(), "https://api.example/orders");
    assert!(sent.headers().is_empty() && sent.extensions().is_empty());
    reply.send_response(json(REFUSED));
    assert!(mark(&response.await.unwrap()).is_some());
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

    let (mut client, mut server) = mock::spawn_layer::<Request<Full<Bytes>>, Answer, _>(envelope());
    assert_ready_ok!(client.poll_ready());
    let response = client.call(request(Method::GET));
    let (_, reply) = server.next_request().await.unwrap();
    reply.send_error(Mine);
    assert!(response.await.unwrap_err().is::<Mine>());
    server.send_error(Mine);
    assert!(assert_ready_err!(client.poll_ready()).is::<Mine>());
}

/// A JSON body that never comes; what it holds tells whether it lives.
struct Hanging(#[allow(dead_code)] Arc<()>);

impl Hanging {
    fn answer(alive: &Arc<()>) -> Response<Self> {
        declared(34, Self(alive.clone()))
    }
}

impl Body for Hanging {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn a_pending_call_can_be_dropped_in_each_state() {
    for (state, answers) in [("asking", false), ("reading", true)] {
        let alive = Arc::new(());
        let held = alive.clone();
        let api = tower::service_fn(move |_: Request<Full<Bytes>>| {
            let alive = held.clone();
            async move {
                if !answers {
                    std::future::pending::<()>().await;
                }
                Ok::<_, BoxError>(Hanging::answer(&alive))
            }
        });
        let mut client = envelope().layer(api);
        let mut call = Box::pin(client.call(request(Method::GET)));
        assert!(poll_immediate(&mut call).await.is_none(), "{state}");
        assert_eq!(Arc::strong_count(&alive), 3, "{state}");
        drop(call);
        assert_eq!(Arc::strong_count(&alive), 2, "{state}");
    }
}

#[tokio::test]
async fn waiting_for_a_body_holds_no_permit_that_others_need() {
    let alive = Arc::new(());
    let api = tower::service_fn(move |_: Request<Full<Bytes>>| {
        std::future::ready(Ok::<_, BoxError>(Hanging::answer(&alive)))
    });
    let limited = ConcurrencyLimit::new(api, 1);
    let mut other = limited.clone();
    let mut client = envelope().layer(limited);
    let call = client.ready().await.unwrap().call(request(Method::GET));
    let mut call = Box::pin(call);
    assert!(poll_immediate(other.ready()).await.is_none(), "it is asked");
    assert!(poll_immediate(&mut call).await.is_none());
    assert!(
        poll_immediate(other.ready()).await.is_some(),
        "the permit was given back"
    );
}

#[tokio::test]
async fn limits_around_and_inside_neither_panic_nor_deadlock() {
    let (tokens, _) = tokens();
    let api = Api::new(first_refused);
    let client = ServiceBuilder::new()
        .layer(ConcurrencyLimitLayer::new(1))
        .layer(auth(&tokens))
        .layer(ConcurrencyLimitLayer::new(1))
        .layer(envelope())
        .layer(ConcurrencyLimitLayer::new(1))
        .service(api.service());
    let calls = (0..10).map(|_| tokio::spawn(client.clone().oneshot(request(Method::GET))));
    for response in futures::future::join_all(calls).await {
        assert_eq!(text(response.unwrap().unwrap()).await, SERVED);
    }
}

#[test]
fn a_future_polled_after_its_end_is_an_error_and_no_panic() {
    let answers: [fn() -> Answer; 2] = [|| json(SERVED), || Response::new(Full::default())];
    for answer in answers {
        let api = tower::service_fn(move |_: Request<Full<Bytes>>| {
            std::future::ready(Ok::<_, BoxError>(answer()))
        });
        let mut call = Box::pin(envelope().layer(api).call(request(Method::GET)));
        let mut cx = Context::from_waker(futures::task::noop_waker_ref());
        assert!(matches!(call.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
        assert!(matches!(call.as_mut().poll(&mut cx), Poll::Ready(Err(_))));
    }
}

// Types that users write down, and TCP

type HyperClient = Client<HttpConnector, Full<Bytes>>;

/// What an application keeps in its structs.
struct Application {
    api: Auth<Envelope<HyperClient>>,
    grpc: HealthClient<Auth<Envelope<Channel>>>,
}

impl Application {
    fn new(address: SocketAddr, tokens: &Refreshing, http2: bool) -> Self {
        let origin = format!("http://{address}");
        let layers = (auth(tokens).origin(&origin).unwrap(), envelope());
        let mut transport = Client::builder(TokioExecutor::new());
        transport.http2_only(http2);
        let channel = Channel::from_shared(origin.clone()).unwrap().connect_lazy();
        Self {
            api: layers.layer(transport.build_http()),
            grpc: HealthClient::with_origin(layers.layer(channel), origin.parse().unwrap()),
        }
    }

    async fn send(&self, request: http::request::Builder) -> (Option<Refusal>, String) {
        let request = request.body(Full::from("order")).unwrap();
        let response = self.api.clone().oneshot(request).await.unwrap();
        (refusal(&response).cloned(), text(response).await)
    }
}

#[test]
fn the_types_can_be_taken_apart_and_show_what_they_look_for() {
    let mut service = envelope().layer(7);
    *service.get_mut() += 1;
    assert_eq!(*service.clone().get_ref(), 8);
    assert!(format!("{service:?}").contains('8'));
    assert_eq!(service.into_inner(), 8);
    let shown = format!("{:?}", envelope());
    assert!(shown.contains("/code") && shown.contains("401"), "{shown}");
}

/// Serves every token but the first; the refusal comes in the way that the path names.
fn api() -> Router {
    async fn small(headers: HeaderMap) -> impl IntoResponse {
        Json(json!({ "code": if is_first(&headers) { 401 } else { 0 } }))
    }
    async fn large(headers: HeaderMap) -> impl IntoResponse {
        let code = if is_first(&headers) { 401 } else { 0 };
        Json(json!({ "code": code, "data": "x".repeat(100_000) }))
    }
    async fn compressed(headers: HeaderMap) -> impl IntoResponse {
        (
            [(header::CONTENT_ENCODING, "identity")],
            small(headers).await,
        )
    }
    async fn streamed(headers: HeaderMap) -> impl IntoResponse {
        let text = if is_first(&headers) { REFUSED } else { SERVED };
        let (first, second) = text.split_at(5);
        let pieces = stream::iter([Ok::<_, BoxError>(first), Ok(second)]);
        let body = axum::body::Body::from_stream(pieces);
        ([(header::CONTENT_TYPE, "application/json")], body)
    }
    async fn page(headers: HeaderMap) -> axum::response::Response {
        match is_first(&headers) {
            true => axum::response::Html("<form>").into_response(),
            false => small(headers).await.into_response(),
        }
    }
    async fn redirect(headers: HeaderMap) -> axum::response::Response {
        match is_first(&headers) {
            true => Redirect::to("/login?next=%2Fredirect").into_response(),
            false => small(headers).await.into_response(),
        }
    }
    Router::new()
        .route("/small", any(small))
        .route("/large", get(large))
        .route("/compressed", get(compressed))
        .route("/streamed", get(streamed))
        .route("/page", get(page))
        .route("/redirect", get(redirect))
}

fn is_first(headers: &HeaderMap) -> bool {
    headers[header::AUTHORIZATION] == HeaderValue::from_static("Bearer token-1")
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn over_tcp_only_a_small_declared_plain_json_refusal_is_seen() {
    let (listener, address) = listen().await;
    tokio::spawn(async move { axum::serve(listener, api()).await });
    let rows = [
        ("/small", Method::GET, true),
        ("/small", Method::PUT, true),
        ("/small", Method::HEAD, false),
        ("/large", Method::GET, false),
        ("/compressed", Method::GET, false),
        ("/streamed", Method::GET, false),
        ("/page", Method::GET, false),
    ];
    for ((path, method, seen), http2) in rows.iter().flat_map(|row| [(row, false), (row, true)]) {
        let case = format!("{method} {path}, HTTP/2: {http2}");
        let (tokens, issuer) = tokens();
        let client = Application::new(address, &tokens, http2);
        let uri = format!("http://{address}{path}");
        let request = Request::builder().method(method).uri(uri);
        let (refusal, body) = client.send(request).await;
        assert_eq!(refusal, None, "{case}");
        assert_eq!(issuer.asked(), if *seen { 2 } else { 1 }, "{case}");
        let refused = body.contains("401") || body.contains("<form>");
        assert_eq!(
            refused,
            !seen && method != Method::HEAD,
            "{case}: {body:.40}"
        );
    }
}

#[tokio::test]
async fn over_tcp_the_head_of_a_redirect_or_a_page_can_refuse_too() {
    let (listener, address) = listen().await;
    tokio::spawn(async move { axum::serve(listener, api()).await });
    for path in ["redirect", "page"] {
        let (tokens, issuer) = tokens();
        let transport: HyperClient = Client::builder(TokioExecutor::new()).build_http();
        let auth = auth(&tokens)
            .origin(&format!("http://{address}"))
            .unwrap()
            .refused_when(|r| r.redirects_to("/login") || r.has_media_type("text/html"));
        let request = Request::get(format!("http://{address}/{path}"));
        let request = request.body(Full::default()).unwrap();
        let response = auth.layer(transport).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(text(response).await, SERVED, "{path}");
        assert_eq!(issuer.asked(), 2, "{path}");
    }
}

#[tokio::test]
async fn over_tcp_a_body_that_is_cut_off_reaches_the_caller_with_its_error() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = [0; 1024];
        assert!(stream.read(&mut sent).await.unwrap() > 0);
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 34\r\n\r\n{\"code\":401";
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let (tokens, issuer) = tokens();
    let client = Application::new(address, &tokens, false);
    let request = Request::get(format!("http://{address}/"));
    let request = request.body(Full::default()).unwrap();
    let response = client.api.oneshot(request).await.unwrap();
    assert_eq!((mark(&response), refusal(&response)), (None, None));
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), r#"{"code":401"#);
    let _: hyper::Error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_generated_grpc_client_stands_over_it() {
    let (tokens, _) = tokens();
    let (listener, address) = listen().await;
    drop(listener);
    let mut client = Application::new(address, &tokens, false);
    let status = client
        .grpc
        .check(HealthCheckRequest::default())
        .await
        .unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
}
