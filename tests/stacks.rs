//! The stacks that people build compile, their types can be written down, and they work
//! over real TCP.
#![cfg(all(feature = "axum", feature = "test-util"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

use std::{net::SocketAddr, time::Duration};

use axum::{Router, routing::get};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code,
    transport::{Channel, Endpoint, Server},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{Layer, ServiceBuilder, ServiceExt, timeout::Timeout};
use tower_bearer::{
    AccessToken, Auth, AuthLayer, OptionalJwt, RequireJwt, RequireScope, Verified,
    test_util::AuthorizationServer,
};

type HyperClient = Client<HttpConnector, Full<Bytes>>;

#[derive(Deserialize)]
struct MyClaims {
    sub: String,
}

/// What an application keeps in its structs.
struct Application {
    guard: RequireJwt<MyClaims>,
    maybe: OptionalJwt<MyClaims>,
    grpc: HealthClient<Auth<Timeout<Channel>>>,
    http: Timeout<Auth<HyperClient>>,
}

fn server() -> AuthorizationServer {
    AuthorizationServer::new().unwrap()
}

fn guard(server: &AuthorizationServer) -> RequireJwt<MyClaims> {
    RequireJwt::new(server.validator(), server.keys()).clock(server.clock().clone())
}

fn token(server: &AuthorizationServer, scope: &str) -> AccessToken {
    server
        .mint(json!({ "sub": "alice", "scope": scope }))
        .unwrap()
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn hyper_client() -> HyperClient {
    Client::builder(TokioExecutor::new()).build_http()
}

fn grpc_client(address: SocketAddr, layer: &AuthLayer) -> HealthClient<Auth<Timeout<Channel>>> {
    let origin = format!("http://{address}");
    let channel = Endpoint::from_shared(origin.clone())
        .unwrap()
        .connect_lazy();
    let channel = Timeout::new(channel, Duration::from_secs(5));
    HealthClient::with_origin(layer.layer(channel), origin.parse().unwrap())
}

fn layer(token: AccessToken, address: SocketAddr) -> AuthLayer {
    AuthLayer::new(token)
        .origin(&format!("http://{address}"))
        .unwrap()
}

#[tokio::test]
async fn a_generated_grpc_client_and_a_guarded_grpc_server() {
    let server = server();
    let (listener, address) = listen().await;
    let (_reporter, health) = tonic_health::server::health_reporter();
    let grpc = Server::builder()
        .layer(guard(&server))
        .add_service(health)
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(grpc);

    let good = layer(token(&server, "orders:read"), address);
    let bad = layer(AccessToken::new("not.a.token").unwrap(), address);
    let mut application = Application {
        guard: guard(&server),
        maybe: OptionalJwt::new(server.validator(), server.keys()),
        grpc: grpc_client(address, &good),
        http: Timeout::new(good.layer(hyper_client()), Duration::from_secs(5)),
    };
    let check = HealthCheckRequest {
        service: String::new(),
    };
    application.grpc.check(check.clone()).await.unwrap();
    let mut stream = application
        .grpc
        .watch(check.clone())
        .await
        .unwrap()
        .into_inner();
    assert!(stream.message().await.unwrap().is_some());

    let refused = grpc_client(address, &bad).check(check).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    drop((application.guard, application.maybe, application.http));
}

#[tokio::test]
async fn a_generated_grpc_client_keeps_our_error_as_the_cause() {
    let (_, address) = listen().await;
    let elsewhere = AuthLayer::new(AccessToken::new("t").unwrap()).origin("https://api.example");
    let mut client = grpc_client(address, &elsewhere.unwrap());
    let check = HealthCheckRequest {
        service: String::new(),
    };
    let status = client.check(check).await.unwrap_err();
    let cause = std::error::Error::source(&status).unwrap();
    assert!(
        cause
            .downcast_ref::<tower_bearer::client::Error>()
            .is_some(),
        "{cause}"
    );
}

async fn name(token: Verified<MyClaims>) -> String {
    token.claims().sub.clone()
}

async fn get_status<S>(client: S, url: String) -> (StatusCode, Bytes)
where
    S: tower::Service<Request<Full<Bytes>>, Response = http::Response<hyper::body::Incoming>>,
    S::Error: std::fmt::Debug,
{
    let request = Request::get(url).body(Full::default()).unwrap();
    let response = client.oneshot(request).await.unwrap();
    let status = response.status();
    (
        status,
        response.into_body().collect().await.unwrap().to_bytes(),
    )
}

#[tokio::test]
async fn each_guard_stands_in_each_place_of_an_axum_router() {
    let server = server();
    let guard = guard(&server);
    let routes = || Router::new().route("/", get(name));
    let scoped = RequireScope::all(["orders:read"]);
    let places = [
        ("Router::layer", routes().layer(guard.clone())),
        ("Router::route_layer", routes().route_layer(guard.clone())),
        (
            "MethodRouter::layer",
            Router::new().route("/", get(name).layer(guard.clone())),
        ),
        (
            "a scope inside",
            routes().route_layer(scoped.clone()).layer(guard.clone()),
        ),
        (
            "ServiceBuilder",
            routes().layer(ServiceBuilder::new().layer(guard.clone()).layer(scoped)),
        ),
    ];
    for (place, router) in places {
        let (listener, address) = listen().await;
        tokio::spawn(async move { axum::serve(listener, router).await });
        let url = format!("http://{address}/");
        let client = Timeout::new(
            layer(token(&server, "orders:read"), address).layer(hyper_client()),
            Duration::from_secs(5),
        );
        let (status, body) = get_status(client, url.clone()).await;
        assert_eq!((status, &*body), (StatusCode::OK, &b"alice"[..]), "{place}");
        let (status, _) = get_status(hyper_client(), url).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{place}");
    }
}

#[tokio::test]
async fn plain_hyper_is_guarded_without_a_framework() {
    let server = server();
    let service = guard(&server).layer(tower::service_fn(
        |request: Request<hyper::body::Incoming>| async move {
            let token = Verified::<MyClaims>::of(request.extensions()).unwrap();
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::from(
                token.claims().sub.clone(),
            ))))
        },
    ));
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    let url = format!("http://{address}/");
    let client = layer(token(&server, ""), address).layer(hyper_client());
    assert_eq!(get_status(client, url.clone()).await.0, StatusCode::OK);
    assert_eq!(
        get_status(hyper_client(), url).await.0,
        StatusCode::UNAUTHORIZED
    );
}
