//! The layer in what people build: Tower's contract, axum's routers, plain hyper, over TCP.
#![cfg(all(
    feature = "axum",
    feature = "https",
    feature = "login",
    feature = "test-util"
))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

#[path = "../examples/mluvii/browser.rs"]
mod browser;
mod login_support;

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use login_support::*;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt,
    limit::{ConcurrencyLimit, ConcurrencyLimitLayer},
    service_fn,
};
use tower_bearer::{
    ClientAuth, RequireScope, Validator, Verified,
    login::{
        MemorySessionStore, Page, Provider, RequireLogin, RequireLoginService, SealingKey, Site,
    },
    test_util::{AuthorizationServer, Endpoint, Fault},
};
use tower_test::mock::{self, Handle, Spawn};

type Body = Full<Bytes>;
type Peer = Handle<Request<Body>, Response<Body>>;

fn bearer(server: &AuthorizationServer) -> Request<Body> {
    let token = server.mint(json!({ "sub": "job" })).unwrap();
    let request = Request::get("/").header("authorization", format!("Bearer {}", token.expose()));
    request.body(Body::default()).unwrap()
}

/// A request of somebody who has logged in.
async fn known(server: &AuthorizationServer, site: Site) -> Request<Body> {
    let browser = logged_in(server, site).await;
    let request = Request::get("/").header(header::COOKIE, browser.cookie_header().unwrap());
    request.body(Body::default()).unwrap()
}

fn page() -> Request<Body> {
    let request = Request::get("/").header("accept", "text/html");
    request.body(Body::default()).unwrap()
}

async fn answer(peer: &mut Peer) {
    let (_, reply) = peer.next_request().await.unwrap();
    reply.send_response(Response::new(Body::default()));
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_when_the_inner_service_is_and_calls_the_one_that_was_readied() {
    let server = provider().build().unwrap();
    let site = site(&server);
    for request in [bearer(&server), known(&server, site.clone()).await] {
        let (mut service, mut peer) = mock::spawn_layer(layer(site.clone()));
        peer.allow(0);
        assert_pending!(service.poll_ready());
        peer.allow(1);
        assert_ready_ok!(service.poll_ready());
        // The mock panics where another instance than the readied one is called.
        let mut call = task::spawn(service.call(request));
        assert_pending!(call.poll());
        answer(&mut peer).await;
        assert_eq!(assert_ready_ok!(call.poll()).status(), StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_inner_service_pass_through() {
    let server = provider().build().unwrap();
    let site = site(&server);
    let request = known(&server, site.clone()).await;
    let (mut service, mut peer) = mock::spawn_layer::<_, Response<Body>, _>(layer(site));
    peer.send_error("not ready");
    let error = assert_ready_err!(service.poll_ready());
    assert_eq!(error.to_string(), "not ready");
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(request));
    assert_pending!(call.poll());
    let (_, reply) = peer.next_request().await.unwrap();
    reply.send_error("no answer");
    assert_eq!(assert_ready_err!(call.poll()).to_string(), "no answer");
}

/// Whoever waits for the provider holds no permit, and gets one afterwards.
#[tokio::test(start_paused = true)]
async fn waiting_holds_no_ready_service() {
    let server = provider().build().unwrap();
    let store = MemorySessionStore::with_clock(server.clock().clone());
    let site = site(&server).sessions_in(store);
    let request = known(&server, site.clone()).await;
    let (inner, mut peer) = mock::pair::<Request<Body>, Response<Body>>();
    let mut service = Spawn::new(layer(site).layer(ConcurrencyLimit::new(inner, 1)));
    assert_ready_ok!(service.poll_ready());
    let mut clone = Spawn::new(service.get_ref().clone());
    assert_pending!(clone.poll_ready(), "the limit is 1");
    let waiting = service.call(request);
    assert_ready_ok!(clone.poll_ready());
    let mut waiting = task::spawn(waiting);
    assert_pending!(waiting.poll(), "the permit is taken");
    drop(clone);
    assert_pending!(waiting.poll(), "the inner service is at work");
    answer(&mut peer).await;
    assert_eq!(assert_ready_ok!(waiting.poll()).status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn what_we_answer_ourselves_gives_back_the_permit_before_it_is_polled() {
    let server = provider().build().unwrap();
    let (inner, _peer) = mock::pair::<Request<Body>, Response<Body>>();
    let mut service = Spawn::new(layer(site(&server)).layer(ConcurrencyLimit::new(inner, 1)));
    assert_ready_ok!(service.poll_ready());
    let mut clone = Spawn::new(service.get_ref().clone());
    assert_pending!(clone.poll_ready());
    let redirect = service.call(page());
    assert_ready_ok!(clone.poll_ready());
    assert_eq!(redirect.await.unwrap().status(), StatusCode::SEE_OTHER);
}

#[tokio::test(start_paused = true)]
async fn a_call_can_be_dropped_in_each_state_and_a_limit_outside_counts_it() {
    let server = provider().build().unwrap();
    let known = known(&server, site(&server)).await;
    server.fail_always(Endpoint::Metadata, Fault::Delay(SECOND));
    let (inner, mut peer) = mock::pair::<Request<Body>, Response<Body>>();
    let service = ServiceBuilder::new()
        .layer(ConcurrencyLimitLayer::new(1))
        .layer(layer(site(&server)))
        .service(inner);
    let mut service = Spawn::new(service);
    // Each waits for the provider's keys.
    for request in [page(), known, bearer(&server)] {
        assert_ready_ok!(service.poll_ready());
        let mut call = task::spawn(service.call(request));
        assert_pending!(call.poll());
        drop(call);
    }
    tokio::time::sleep(2 * SECOND).await;
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(bearer(&server)));
    assert_pending!(call.poll());
    drop(call);
    assert!(
        peer.next_request().await.is_some(),
        "that one came as far as the inner service"
    );
    assert_ready_ok!(service.poll_ready());
}

#[tokio::test(start_paused = true)]
async fn the_service_can_be_reached_and_taken_out_again() {
    #[derive(Clone, Debug)]
    struct Named(&'static str);
    let server = provider().build().unwrap();
    let mut service: RequireLoginService<Named, MyClaims> =
        layer(site(&server)).layer(Named("inner"));
    assert_eq!(service.get_ref().0, "inner");
    service.get_mut().0 = "changed";
    assert!(format!("{service:?}").contains("changed"));
    assert_eq!(service.into_inner().0, "changed");
}

/// A provider and a site on loopback ports of their own.
struct Listening {
    provider: tower_bearer::test_util::Listening,
    address: SocketAddr,
    listener: Option<TcpListener>,
}

impl Listening {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let provider = provider_of(&format!("http://{address}")).logged_in_as("alice");
        let provider = provider.listen().await.unwrap();
        Self {
            provider,
            address,
            listener: Some(listener),
        }
    }

    fn layer(&self) -> RequireLogin<MyClaims> {
        let issuer = self.provider.server().issuer().to_owned();
        let client = ClientAuth::basic("orders-web", "hunter2");
        let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let provider = Provider::discover(&issuer, client)
            .unwrap()
            .scope("orders:read");
        let public = format!("http://{}", self.address);
        let site = Site::new(
            provider.over(transport),
            &public,
            SealingKey::generate().unwrap(),
        );
        RequireLogin::new(Validator::new(issuer, "orders"), site.unwrap())
    }

    async fn open(&self, path: &str) -> browser::Page {
        let mut browser = browser::Browser::new().unwrap();
        let address = format!("http://{}{path}", self.address);
        browser.open(&address).await.unwrap()
    }
}

#[tokio::test]
async fn in_axum_over_tcp() {
    async fn order(
        axum::extract::Path(number): axum::extract::Path<u32>,
        token: Verified<MyClaims>,
    ) -> String {
        format!("order {number} of {}", token.claims().sub)
    }
    let mut listening = Listening::new().await;
    let app = Router::new()
        .route("/orders/{number}", get(order))
        .route(
            "/admin",
            get(|| async { "all" }).layer(RequireScope::all(["admin"])),
        )
        .layer(listening.layer());
    let listener = listening.listener.take().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let rows = [
        ("/orders/17?page=2", 200, "order 17 of alice"),
        ("/admin", 403, ""),
        ("/nowhere", 404, ""),
        ("/logout", 200, "Logged out"),
    ];
    for (path, status, text) in rows {
        let page = listening.open(path).await;
        assert_eq!(page.status.as_u16(), status, "{path}: {page:?}");
        assert!(page.text.contains(text), "{path}: {page:?}");
    }
}

#[tokio::test]
async fn in_plain_hyper_over_tcp() {
    let mut listening = Listening::new().await;
    let inner = service_fn(|request: Request<hyper::body::Incoming>| async move {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(
            seen(&request).to_string(),
        )))
    });
    let service = listening.layer().layer(inner);
    let listener = listening.listener.take().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    let page = listening.open("/deep/page").await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    assert!(
        page.text.contains("\"alice\"") && page.text.contains("/deep/page"),
        "{page:?}"
    );
}

/// Types that people write down, and bodies that our pages have to fit into.
#[tokio::test(start_paused = true)]
async fn each_body_that_can_be_made_from_bytes_will_do() {
    #[derive(Debug, Default)]
    struct Own(usize);
    impl From<Bytes> for Own {
        fn from(bytes: Bytes) -> Self {
            Self(bytes.len())
        }
    }
    let server = provider().build().unwrap();
    let inner = service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(Own(1))) });
    let mut service = layer(site(&server)).layer(inner);
    let request = Request::get("/logout").body(()).unwrap();
    let response = service.ready().await.unwrap().call(request).await.unwrap();
    assert!(response.extensions().get::<Page>().is_some());
    assert!(response.into_body().0 > 100);
    let response = service
        .call(Request::get("/").body(()).unwrap())
        .await
        .unwrap();
    assert_eq!(
        (response.status(), response.into_body().0),
        (StatusCode::UNAUTHORIZED, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn polled_after_its_end_a_future_has_no_second_answer() {
    let server = provider().build().unwrap();
    let mut service = layer(site(&server)).layer(service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(Response::new(Body::default()))
    }));
    let mut call = task::spawn(service.call(page()));
    let answer = loop {
        if let std::task::Poll::Ready(answer) = call.poll() {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert_eq!(answer.unwrap().status(), StatusCode::SEE_OTHER);
    assert_pending!(call.poll());
    assert!(format!("{:?}", service.call(page())).contains("Waiting"));
}
