//! Each stack that a guard stands in, served over TCP, and what a guard has to answer in it.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part
#![allow(clippy::unwrap_used)]

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic_web::GrpcWebLayer;
use tower::{Service, ServiceBuilder, service_fn};
use tower_bearer::{
    KeySource, RequireScope, Verified,
    keys::{self, KeysUnavailable},
};

use crate::grpc_support::Echo;
use crate::server_support::{MyClaims, good, require_with, token};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    Axum,
    HyperHttp1,
    HyperHttp2,
    Tonic,
    /// grpc-web is turned into gRPC outside the guard.
    TonicWeb,
    /// The guard sees grpc-web as the browser sends it.
    TonicWebInside,
}

pub use Stack::{Axum, HyperHttp1, HyperHttp2, Tonic, TonicWeb, TonicWebInside};

pub const STACKS: [Stack; 6] = [
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
    pub fn is_grpc(self) -> bool {
        matches!(self, Tonic | TonicWeb | TonicWebInside)
    }

    pub fn speaks_http2(self) -> bool {
        matches!(self, HyperHttp2 | Tonic)
    }

    pub async fn serve(self, keys: impl KeySource + Clone) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        match self {
            Axum => serve_axum(listener, keys),
            HyperHttp1 | HyperHttp2 => serve_hyper(listener, keys, self),
            Tonic | TonicWeb | TonicWebInside => serve_tonic(listener, keys, self),
        }
        address
    }

    pub fn content_type(self) -> &'static str {
        match self {
            TonicWeb | TonicWebInside => "application/grpc-web",
            _ => "application/grpc",
        }
    }
}

pub fn scope() -> RequireScope {
    RequireScope::all(["orders:read"])
}

pub fn serve_axum(listener: TcpListener, keys: impl KeySource) {
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
    let token = Verified::<MyClaims>::of(request.extensions()).unwrap();
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
    let incoming = TcpListenerStream::new(listener);
    let server = Server::builder()
        .accept_http1(true)
        .http2_max_header_list_size(HEADERS);
    let guard = require_with(keys);
    match stack {
        TonicWeb => {
            let layers = server.layer(GrpcWebLayer::new()).layer(guard);
            let mut layers = layers.layer(scope());
            let routes = layers.add_service(Echo::default());
            tokio::spawn(routes.serve_with_incoming(incoming));
        }
        TonicWebInside => {
            let layers = server.layer(guard).layer(scope());
            let mut layers = layers.layer(GrpcWebLayer::new());
            let routes = layers.add_service(Echo::default());
            tokio::spawn(routes.serve_with_incoming(incoming));
        }
        _ => {
            let routes = server
                .layer(guard)
                .layer(scope())
                .add_service(Echo::default());
            tokio::spawn(routes.serve_with_incoming(incoming));
        }
    }
}

/// What a request gets over HTTP, and what over gRPC.
pub struct Refusal {
    pub rule: &'static str,
    pub tokens: Vec<String>,
    pub status: u16,
    pub headers: &'static [(&'static str, &'static str)],
    pub grpc_status: &'static str,
    pub grpc_message: &'static str,
}

pub const CHALLENGE: &str = "www-authenticate";

pub fn refusals() -> [Refusal; 6] {
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

/// What a good token gets where [`no_keys`] are.
pub fn unavailable() -> Refusal {
    Refusal {
        rule: "keys unavailable",
        tokens: vec![good()],
        status: 503,
        headers: &[("retry-after", "7")],
        grpc_status: "14",
        grpc_message: "try again later",
    }
}

pub fn no_keys() -> impl KeySource + Clone {
    let none = |_: &keys::KeyQuery<'_>| Err(KeysUnavailable::new(Duration::from_secs(7)));
    keys::from_fn(none)
}
