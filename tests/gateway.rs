//! The example `gateway`, over TCP: what goes to the APIs behind it, whose token that carries,
//! and what callers get.
#![cfg(all(feature = "axum", feature = "https", feature = "test-util"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

#[path = "../examples/gateway/main.rs"]
#[allow(dead_code)]
mod gateway;

use std::sync::{Arc, Mutex};

use axum::{Router, body::to_bytes, extract::Request, response::IntoResponse};
use bytes::Bytes;
use clap::Parser;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::json;
use tokio::net::TcpListener;
use tower_bearer::{
    AccessToken,
    test_util::{AuthorizationServer, Endpoint, Fault, Listening},
};

const CHALLENGE: &str = "Bearer realm=\"behind\"";

/// An API that writes down what it gets, and answers the status that the path names.
#[derive(Clone, Default)]
struct Api(Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>);

impl Api {
    async fn listen(&self) -> String {
        let api = self.clone();
        let app = Router::new().fallback(move |request: Request| api.answer(request));
        listen(app).await
    }

    async fn answer(self, request: Request) -> impl IntoResponse {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, 1024).await.unwrap();
        let path = head.uri.path().trim_start_matches('/');
        let status = StatusCode::from_bytes(path.as_bytes()).unwrap();
        let line = format!("{} {}", head.method, head.uri);
        self.0.lock().unwrap().push((line, head.headers, body));
        let challenge = [(header::WWW_AUTHENTICATE, CHALLENGE)];
        (status, challenge, "an answer")
    }

    fn got(&self) -> Vec<(String, HeaderMap, Bytes)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

async fn listen(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    origin
}

struct World {
    provider: Listening,
    stock: Api,
    billing: Api,
    url: String,
}

impl World {
    async fn new() -> Self {
        let (stock, billing) = (Api::default(), Api::default());
        let addresses = [stock.listen().await, billing.listen().await];
        let mut world = Self::before(addresses).await;
        (world.stock, world.billing) = (stock, billing);
        world
    }

    async fn before([stock, billing]: [String; 2]) -> Self {
        let provider = AuthorizationServer::builder().audience("gateway");
        let provider = provider.listen().await.unwrap();
        let flags = [
            ("issuer", provider.url()),
            ("audience", "gateway".to_owned()),
            ("token-url", provider.token_url()),
            ("stock-url", stock),
            ("stock-audience", "stock".to_owned()),
            ("billing-url", billing),
            ("billing-audience", "billing".to_owned()),
            ("client-id", "client".to_owned()),
            ("client-secret", "secret".to_owned()),
        ];
        let flags = flags.map(|(name, value)| format!("--{name}={value}"));
        let options =
            gateway::Options::try_parse_from([vec!["gateway".into()], flags.into()].concat());
        let (app, _) = gateway::gateway(&options.unwrap()).await.unwrap();
        Self {
            provider,
            stock: Api::default(),
            billing: Api::default(),
            url: listen(app).await,
        }
    }

    /// A token for both the gateway and the stock API, with the scope for billing.
    fn alice(&self) -> AccessToken {
        let audience = ["gateway", "stock"];
        let claims = json!({ "sub": "alice", "aud": audience, "scope": "billing" });
        self.provider.server().mint(claims).unwrap()
    }

    /// Such as `GET /stock/200`, with more headers than should go on.
    async fn call(&self, line: &str, token: &AccessToken) -> (u16, HeaderMap, Bytes) {
        let (method, path) = line.split_once(' ').unwrap();
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", token.expose()))
            .header("cookie", "session=1")
            .header("x-api-key", "key")
            .header("x-forwarded-user", "root")
            .header("accept", "text/plain");
        let body = if method == "POST" { "an order" } else { "" };
        let request = request.body(Full::<Bytes>::from(body)).unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (head, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), head.headers, body)
    }
}

/// The one `authorization` that a request has.
fn token(headers: &HeaderMap) -> &str {
    let all: Vec<_> = headers.get_all("authorization").iter().collect();
    assert_eq!(all.len(), 1);
    all[0].to_str().unwrap()
}

#[tokio::test]
async fn what_goes_on_is_a_new_request_with_one_token() {
    let world = World::new().await;
    let alice = world.alice();
    let callers = format!("Bearer {}", alice.expose());
    for (line, api, is_callers) in [
        ("POST /stock/200?a=b", &world.stock, true),
        ("POST /billing/200?a=b", &world.billing, false),
    ] {
        let (status, _, body) = world.call(line, &alice).await;
        assert_eq!((status, &*body), (200, &b"an answer"[..]), "{line}");
        let [(line, headers, body)] = &api.got()[..] else {
            panic!("not sent once: {line}");
        };
        assert_eq!((&**line, &**body), ("POST /200?a=b", &b"an order"[..]));
        assert_eq!(token(headers) == callers, is_callers, "{line}");
        for name in ["cookie", "x-api-key", "x-forwarded-user"] {
            assert!(!headers.contains_key(name), "{name}");
        }
        assert_eq!(headers["accept"], "text/plain");
    }
    assert!(world.stock.got().is_empty() && world.billing.got().is_empty());
}

#[tokio::test]
async fn whose_fault_it_is_decides_what_callers_get_and_how_often_is_tried() {
    let world = World::new().await;
    let (alice, server) = (world.alice(), world.provider.server());
    let bob = server.mint(json!({ "sub": "bob" })).unwrap();
    // The status, how often the API was asked, and whether its challenge came through: only
    // if it is about the caller's token.
    #[rustfmt::skip]
    let rows = [
        ("the API refuses the caller's token", "GET /stock/401", &alice, 401, 1, true),
        ("and what the caller may not do", "GET /stock/403", &alice, 403, 1, true),
        ("it refuses the gateway's own, and the next", "GET /billing/401", &alice, 502, 2, false),
        ("and what the gateway may not do", "GET /billing/403", &alice, 502, 1, false),
        ("the caller's token is not for that API", "GET /stock/200", &bob, 403, 0, false),
        ("the caller lacks the scope", "GET /billing/200", &bob, 403, 0, false),
        ("the API fails", "GET /stock/503", &alice, 503, 3, true),
        ("it fails when it was told to do something", "POST /stock/503", &alice, 503, 1, true),
        ("another failure", "GET /stock/500", &alice, 500, 1, true),
        ("not found", "GET /billing/404", &alice, 404, 1, true),
    ];
    for (rule, line, token, expected, asked, challenged) in rows {
        let (status, headers, _) = world.call(line, token).await;
        assert_eq!(status, expected, "{rule}");
        let got = world.stock.got().len() + world.billing.got().len();
        assert_eq!(got, asked, "{rule}");
        let challenge = headers.get("www-authenticate");
        let is_from_behind = challenge.is_some_and(|value| value == CHALLENGE);
        assert_eq!(is_from_behind, challenged, "{rule}");
    }
}

#[tokio::test]
async fn outages_are_told_apart_from_mistakes_of_the_caller() {
    let dead = || "http://127.0.0.1:9".to_owned();
    let world = World::before([dead(), dead()]).await;
    let alice = world.alice();
    assert_eq!(world.call("GET /stock/200", &alice).await.0, 502);
    let fault = Fault::Status(StatusCode::INTERNAL_SERVER_ERROR);
    world.provider.server().fail_always(Endpoint::Token, fault);
    for _ in 0..3 {
        assert_eq!(world.call("GET /billing/200", &alice).await.0, 503);
    }
    assert_eq!(world.provider.server().requests().token, 1);
}
