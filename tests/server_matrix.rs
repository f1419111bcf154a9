//! Each stack that a guard stands in, over TCP: what each kind of request gets, to the last
//! header.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used)] // a test may

mod server_support;

use std::{collections::BTreeMap, convert::Infallible, net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use serde_json::json;
use server_support::{MyClaims, good, keys, require_with, token};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic_web::GrpcWebLayer;
use tower::{Service, ServiceBuilder, service_fn};
use tower_bearer::{
    KeySource, RequireScope, Verified,
    keys::{self, KeysUnavailable},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stack {
    Axum,
    HyperHttp1,
    HyperHttp2,
    Tonic,
    /// grpc-web is turned into gRPC outside the guard.
    TonicWeb,
    /// The guard sees grpc-web as the browser sends it.
    TonicWebInside,
}

use Stack::{Axum, HyperHttp1, HyperHttp2, Tonic, TonicWeb, TonicWebInside};

const STACKS: [Stack; 6] = [
    Axum,
    HyperHttp1,
    HyperHttp2,
    Tonic,
    TonicWeb,
    TonicWebInside,
];

/// More than hyper's 16 KiB for all headers together: over HTTP/2 it would answer 431 by
/// itself.
const HEADERS: u32 = 64 * 1024;

impl Stack {
    fn is_grpc(self) -> bool {
        matches!(self, Tonic | TonicWeb | TonicWebInside)
    }

    fn speaks_http2(self) -> bool {
        matches!(self, HyperHttp2 | Tonic)
    }

    async fn serve(self, keys: impl KeySource + Clone) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        match self {
            Axum => serve_axum(listener, keys),
            HyperHttp1 | HyperHttp2 => serve_hyper(listener, keys, self),
            Tonic | TonicWeb | TonicWebInside => serve_tonic(listener, keys, self),
        }
        address
    }

    fn request(self, address: SocketAddr, tokens: &[String]) -> Request<Full<Bytes>> {
        let mut request = Request::get(format!("http://{address}/"));
        if self.is_grpc() {
            request = Request::post(format!("http://{address}/grpc.health.v1.Health/Check"));
            request = request.header("content-type", self.content_type());
            request = request.header("te", "trailers");
        }
        for token in tokens {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        // One message without a field, in gRPC's frame.
        let body = Bytes::from_static(if self.is_grpc() { &[0; 5] } else { &[] });
        request.body(Full::new(body)).unwrap()
    }

    fn content_type(self) -> &'static str {
        match self {
            TonicWeb | TonicWebInside => "application/grpc-web",
            _ => "application/grpc",
        }
    }
}

fn scope() -> RequireScope {
    RequireScope::all(["orders:read"])
}

fn serve_axum(listener: TcpListener, keys: impl KeySource) {
    async fn name(token: Verified<MyClaims>) -> String {
        token.claims().sub.clone()
    }
    let app: Router = Router::new()
        .route("/", get(name))
        .layer(scope())
        .layer(require_with(keys));
    tokio::spawn(async move { axum::serve(listener, app).await });
}

async fn name(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let token: &Verified<MyClaims> = request.extensions().get().unwrap();
    let name = token.claims().sub.clone();
    Ok(Response::new(Full::from(name)))
}

fn serve_hyper(listener: TcpListener, keys: impl KeySource, stack: Stack) {
    let service = ServiceBuilder::new()
        .layer(require_with(keys))
        .layer(scope())
        .service(service_fn(name));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve_connection(stream, service.clone(), stack);
        }
    });
}

fn serve_connection<S>(stream: TcpStream, service: S, stack: Stack)
where
    S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    use hyper::server::conn::{http1, http2};
    let (stream, service) = (TokioIo::new(stream), TowerToHyperService::new(service));
    if stack.speaks_http2() {
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.max_header_list_size(HEADERS);
        tokio::spawn(http.serve_connection(stream, service));
    } else {
        tokio::spawn(http1::Builder::new().serve_connection(stream, service));
    }
}

fn serve_tonic(listener: TcpListener, keys: impl KeySource, stack: Stack) {
    let (_, health) = tonic_health::server::health_reporter();
    let incoming = TcpListenerStream::new(listener);
    let server = Server::builder()
        .accept_http1(true)
        .http2_max_header_list_size(HEADERS);
    let guard = require_with(keys);
    match stack {
        TonicWeb => {
            let layers = server.layer(GrpcWebLayer::new()).layer(guard);
            let mut layers = layers.layer(scope());
            let routes = layers.add_service(health);
            tokio::spawn(routes.serve_with_incoming(incoming));
        }
        TonicWebInside => {
            let layers = server.layer(guard).layer(scope());
            let mut layers = layers.layer(GrpcWebLayer::new());
            let routes = layers.add_service(health);
            tokio::spawn(routes.serve_with_incoming(incoming));
        }
        _ => {
            let routes = server.layer(guard).layer(scope()).add_service(health);
            tokio::spawn(routes.serve_with_incoming(incoming));
        }
    }
}

/// All that came back, without the date.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Bytes,
    trailers: BTreeMap<String, String>,
}

async fn ask(stack: Stack, request: Request<Full<Bytes>>) -> Answer {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(stack.speaks_http2())
        .build_http();
    let response = client.request(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    Answer {
        status: head.status.as_u16(),
        headers: texts(&head.headers),
        body: body.to_bytes(),
        trailers: texts(&trailers),
    }
}

fn texts(headers: &HeaderMap) -> BTreeMap<String, String> {
    let lines = headers.iter().filter(|(name, _)| *name != "date");
    let texts = lines.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    texts.collect()
}

/// What a request gets over HTTP, and what over gRPC.
struct Refusal {
    rule: &'static str,
    tokens: Vec<String>,
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    grpc_status: &'static str,
    grpc_message: &'static str,
}

impl Refusal {
    fn answer(&self, stack: Stack) -> Answer {
        let mut headers: BTreeMap<&str, &str> = BTreeMap::new();
        if !stack.speaks_http2() {
            headers.insert("content-length", "0");
        }
        if stack.is_grpc() {
            headers.insert("grpc-status", self.grpc_status);
            headers.insert("grpc-message", self.grpc_message);
        } else {
            headers.extend(self.headers.iter().copied());
        }
        match stack {
            Tonic => drop(headers.insert("content-type", "application/grpc")),
            TonicWeb => drop(headers.insert("content-type", "application/grpc-web+proto")),
            TonicWebInside => drop(headers.insert("content-type", "application/grpc-web")),
            Axum | HyperHttp1 | HyperHttp2 => {}
        }
        let headers = headers.into_iter();
        Answer {
            status: if stack.is_grpc() { 200 } else { self.status },
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: Bytes::new(),
            trailers: BTreeMap::new(),
        }
    }
}

const CHALLENGE: &str = "www-authenticate";

fn refusals() -> [Refusal; 6] {
    [
        Refusal {
            rule: "absent",
            tokens: vec![],
            status: 401,
            headers: &[(CHALLENGE, r#"Bearer realm="orders""#)],
            grpc_status: "16",
            grpc_message: "an access token is needed",
        },
        Refusal {
            rule: "expired",
            tokens: vec![token(json!({"exp": 1}))],
            status: 401,
            headers: &[(
                CHALLENGE,
                r#"Bearer realm="orders", error="invalid_token", error_description="the access token expired""#,
            )],
            grpc_status: "16",
            grpc_message: "the access token expired",
        },
        Refusal {
            rule: "wrong audience",
            tokens: vec![token(json!({"aud": "billing"}))],
            status: 401,
            headers: &[(
                CHALLENGE,
                r#"Bearer realm="orders", error="invalid_token", error_description="the access token is invalid""#,
            )],
            grpc_status: "16",
            grpc_message: "the access token is invalid",
        },
        Refusal {
            rule: "missing scope",
            tokens: vec![token(json!({"scope": "orders:list"}))],
            status: 403,
            headers: &[(
                CHALLENGE,
                r#"Bearer realm="orders", error="insufficient_scope", scope="orders:read""#,
            )],
            grpc_status: "7",
            grpc_message: "the access token lacks the scope: orders:read",
        },
        Refusal {
            rule: "too large",
            tokens: vec!["a".repeat(17 * 1024)],
            status: 401,
            headers: &[(
                CHALLENGE,
                r#"Bearer realm="orders", error="invalid_token", error_description="the access token is invalid""#,
            )],
            grpc_status: "16",
            grpc_message: "the access token is invalid",
        },
        Refusal {
            rule: "two credentials",
            tokens: vec![good(), good()],
            status: 400,
            headers: &[(
                CHALLENGE,
                r#"Bearer realm="orders", error="invalid_request""#,
            )],
            grpc_status: "3",
            grpc_message: "more than one credential",
        },
    ]
}

fn unavailable() -> Refusal {
    Refusal {
        rule: "keys unavailable",
        tokens: vec![good()],
        status: 503,
        headers: &[("retry-after", "7")],
        grpc_status: "14",
        grpc_message: "try again later",
    }
}

#[tokio::test]
async fn each_refusal_is_what_it_has_to_be_in_each_stack() {
    for stack in STACKS {
        let address = stack.serve(keys()).await;
        for refusal in refusals() {
            let answer = ask(stack, stack.request(address, &refusal.tokens)).await;
            assert_eq!(answer, refusal.answer(stack), "{stack:?}, {}", refusal.rule);
        }
        let none = |_: &keys::KeyQuery<'_>| Err(KeysUnavailable::new(Duration::from_secs(7)));
        let address = stack.serve(keys::from_fn(none)).await;
        let refusal = unavailable();
        let answer = ask(stack, stack.request(address, &refusal.tokens)).await;
        assert_eq!(answer, refusal.answer(stack), "{stack:?}, {}", refusal.rule);
    }
}

#[tokio::test]
async fn a_good_token_opens_each_stack() {
    for stack in STACKS {
        let address = stack.serve(keys()).await;
        let answer = ask(stack, stack.request(address, &[good()])).await;
        assert_eq!(answer.status, 200, "{stack:?}");
        assert_eq!(answer.headers.get(CHALLENGE), None, "{stack:?}");
        if !stack.is_grpc() {
            assert_eq!(&*answer.body, b"alice", "{stack:?}");
            continue;
        }
        assert_eq!(answer.headers.get("grpc-status"), None, "{stack:?}");
        // One message, whose one field says that the service is up.
        let served = [0, 0, 0, 0, 2, 8, 1];
        assert!(answer.body.starts_with(&served), "{stack:?}: {answer:?}");
        let ending = answer.body.slice(served.len()..);
        match stack {
            Tonic => assert_eq!(answer.trailers["grpc-status"], "0"),
            _ => assert!(ending.ends_with(b"grpc-status:0\r\n"), "{ending:?}"),
        }
    }
}

#[tokio::test]
async fn over_http_2_hyper_by_itself_refuses_more_than_16_kib_of_headers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    serve_axum(listener, keys());
    let large = HyperHttp2.request(address, &["a".repeat(17 * 1024)]);
    let answer = ask(HyperHttp2, large).await;
    assert_eq!(answer.status, 431);
    assert_eq!(answer.headers.get(CHALLENGE), None, "it never came to us");
}
