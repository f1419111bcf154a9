//! Guards in a tonic server over TCP, with generated clients and services: before all
//! services or before one, unary and streaming, gRPC and grpc-web.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used)] // a test may

mod server_support;

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, channel::mpsc, stream};
use http::{Request, Uri};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::json;
use server_support::{MyClaims, good, require, require_with, token};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code, Response, Status,
    service::LayerExt,
    transport::{Channel, Server},
};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_client::HealthClient,
    health_server::{Health, HealthServer},
};
use tonic_web::{GrpcWebClientLayer, GrpcWebLayer};
use tower::{Layer, ServiceBuilder};
use tower_bearer::{
    RequireScope, Verified,
    keys::{self, KeysUnavailable},
};

/// A service whose handlers ask who calls.
struct Mine;

type Statuses = stream::BoxStream<'static, Result<HealthCheckResponse, Status>>;

#[tonic::async_trait]
impl Health for Mine {
    type WatchStream = Statuses;

    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let token = Verified::<MyClaims>::of(request.extensions());
        let name = token.as_ref().map(|token| token.claims().sub.as_str());
        let status = if name == Some("alice") { 1 } else { 2 };
        Ok(Response::new(HealthCheckResponse { status }))
    }

    async fn watch(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<Response<Statuses>, Status> {
        let first = self.check(request).await?.into_inner();
        let later = stream::once(async { Ok(HealthCheckResponse { status: 3 }) });
        let statuses = stream::once(async move { Ok(first) }).chain(later);
        Ok(Response::new(statuses.boxed()))
    }
}

fn mine() -> HealthServer<Mine> {
    HealthServer::new(Mine)
}

/// Where a server listens that is run on these connections.
async fn serve<F>(run: impl FnOnce(TcpListenerStream) -> F) -> Uri
where
    F: Future<Output = Result<(), tonic::transport::Error>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(run(TcpListenerStream::new(listener)));
    format!("http://{address}").parse().unwrap()
}

fn client(server: &Uri) -> HealthClient<Channel> {
    HealthClient::new(Channel::builder(server.clone()).connect_lazy())
}

fn check(token: Option<&str>) -> tonic::Request<HealthCheckRequest> {
    let service = String::new();
    let mut request = tonic::Request::new(HealthCheckRequest { service });
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

async fn over_http_2<B>(request: Request<B>) -> http::Response<Incoming>
where
    B: Body<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let mut client = Client::builder(TokioExecutor::new());
    let client = client.http2_only(true).build_http();
    client.request(request).await.unwrap()
}

/// What is refused, and what the caller is told.
fn refusals() -> [(&'static str, Option<String>, Code, &'static str); 4] {
    [
        (
            "absent",
            None,
            Code::Unauthenticated,
            "an access token is needed",
        ),
        (
            "expired",
            Some(token(json!({"exp": 1}))),
            Code::Unauthenticated,
            "the access token expired",
        ),
        (
            "no JWT",
            Some("x".into()),
            Code::Unauthenticated,
            "the access token is invalid",
        ),
        (
            "scope",
            Some(token(json!({"scope": ""}))),
            Code::PermissionDenied,
            "the access token lacks the scope: orders:read",
        ),
    ]
}

fn scope() -> RequireScope {
    RequireScope::all(["orders:read"])
}

#[tokio::test]
async fn a_guard_before_all_services_gives_handlers_the_claims_and_callers_a_status() {
    let server = serve(|incoming| {
        let mut layers = Server::builder().layer(require()).layer(scope());
        layers.add_service(mine()).serve_with_incoming(incoming)
    });
    let mut client = client(&server.await);
    let answer = client.check(check(Some(&good()))).await.unwrap();
    assert_eq!(answer.into_inner().status, 1, "the handler knows alice");
    let answer = client.watch(check(Some(&good()))).await.unwrap();
    let mut statuses = answer.into_inner();
    let mut seen = Vec::new();
    while let Some(answer) = statuses.message().await.unwrap() {
        seen.push(answer.status);
    }
    assert_eq!(seen, [1, 3]);

    for (rule, token, code, message) in refusals() {
        let unary = client.check(check(token.as_deref())).await.unwrap_err();
        assert_eq!((unary.code(), unary.message()), (code, message), "{rule}");
        // Before the first message: whoever opens a stream need not read to know.
        let stream = client.watch(check(token.as_deref())).await.unwrap_err();
        assert_eq!((stream.code(), stream.message()), (code, message), "{rule}");
    }
}

#[tokio::test]
async fn a_guard_before_one_service_leaves_the_others_alone() {
    let guards = ServiceBuilder::new().layer(require()).layer(scope());
    let server = serve(|incoming| {
        let guarded = guards.named_layer(tonic_health::server::health_reporter().1);
        Server::builder()
            .add_service(guarded)
            .serve_with_incoming(incoming)
    });
    let server = server.await;
    let refused = client(&server).check(check(None)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    client(&server).check(check(Some(&good()))).await.unwrap();

    let request = Request::post(format!("{server}other.Service/Call"))
        .header("content-type", "application/grpc")
        .body(http_body_util::Empty::<Bytes>::new())
        .unwrap();
    let response = over_http_2(request).await;
    assert_eq!(response.headers()["grpc-status"], "12", "not ours: unknown");
}

#[tokio::test]
async fn keys_that_can_not_be_had_are_nobodys_fault_over_grpc_too() {
    let none = keys::from_fn(|_| Err(KeysUnavailable::new(Duration::from_secs(1))));
    let server = serve(|incoming| {
        let mut layers = Server::builder().layer(require_with(none));
        layers.add_service(mine()).serve_with_incoming(incoming)
    });
    let mut client = client(&server.await);
    let refused = client.check(check(Some(&good()))).await.unwrap_err();
    let told = (refused.code(), refused.message());
    assert_eq!(told, (Code::Unavailable, "try again later"));
}

#[tokio::test]
async fn a_refused_stream_is_over_while_the_caller_still_sends() {
    let server = serve(|incoming| {
        let mut layers = Server::builder().layer(require());
        layers.add_service(mine()).serve_with_incoming(incoming)
    });
    let server = server.await;
    // It never ends: the sender lives as long as the test.
    let (_sender, sent) = mpsc::unbounded::<Result<Frame<Bytes>, Infallible>>();
    let request = Request::post(format!("{server}grpc.health.v1.Health/Talk"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(StreamBody::new(sent))
        .unwrap();
    let response = over_http_2(request).await;
    assert_eq!(response.headers()["grpc-status"], "16");
    assert!(response.body().is_end_stream(), "trailers only");
    assert!(response.into_body().frame().await.is_none());
}

#[tokio::test]
async fn over_grpc_web_it_is_the_same_whichever_of_the_two_layers_is_outside() {
    let translated_first = serve(|incoming| {
        let server = Server::builder().accept_http1(true);
        let layers = server.layer(GrpcWebLayer::new()).layer(require());
        let mut layers = layers.layer(scope());
        layers.add_service(mine()).serve_with_incoming(incoming)
    });
    let guarded_first = serve(|incoming| {
        let server = Server::builder().accept_http1(true);
        let layers = server.layer(require()).layer(scope());
        let mut layers = layers.layer(GrpcWebLayer::new());
        layers.add_service(mine()).serve_with_incoming(incoming)
    });
    for server in [translated_first.await, guarded_first.await] {
        let http = Client::builder(TokioExecutor::new()).build_http();
        let web = GrpcWebClientLayer::new().layer(http);
        let mut client = HealthClient::with_origin(web, server);
        let answer = client.check(check(Some(&good()))).await.unwrap();
        assert_eq!(answer.into_inner().status, 1);
        for (rule, token, code, message) in refusals() {
            let refused = client.check(check(token.as_deref())).await.unwrap_err();
            let told = (refused.code(), refused.message());
            assert_eq!(told, (code, message), "{rule}");
            let refused = client.watch(check(token.as_deref())).await.unwrap_err();
            assert_eq!(refused.code(), code, "{rule}, a stream");
        }
    }
}
