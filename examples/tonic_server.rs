//! A gRPC server to start from: tonic, tokens checked by tower-bearer.
//!
//! ```sh
//! cargo run --example tonic_server --all-features -- --help
//! cargo run --example tonic_server --all-features -- --demo
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{net::SocketAddr, pin::Pin, process::ExitCode, time::Duration};

use clap::Parser;
use futures::{Stream, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code, Request, Response, Status,
    service::LayerExt,
    transport::{Channel, Server},
};
// Stands for the code that is generated from your own `.proto`.
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_client::HealthClient,
    health_server::{Health, HealthServer},
};
use tonic_web::GrpcWebLayer;
use tower_bearer::{
    BoxError, HttpsClient, RemoteKeySet, RequireJwt, RequireScope, Validator, Verified,
    test_util::AuthorizationServer,
};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

/// A gRPC server that asks for bearer tokens, in the metadata `authorization`.
///
/// It serves `grpc.health.v1.Health`, to tokens with the scope `health:read`, and speaks
/// gRPC over HTTP/2 and grpc-web over HTTP/1.1 as well.
#[derive(Parser)]
struct Options {
    /// Where to listen.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,

    /// Who makes the tokens: their `iss`, exactly. Its keys are found by discovery, and kept
    /// fresh.
    #[arg(long, env = "ISSUER", required_unless_present = "demo")]
    issuer: Option<String>,

    /// For whom the tokens are: their `aud`.
    #[arg(long, env = "AUDIENCE", required_unless_present = "demo")]
    audience: Option<String>,

    /// Run against an authorization server in this process, make some calls, and end.
    #[arg(long)]
    demo: bool,
}

/// The claims that this server reads, besides the ones that are always checked.
#[derive(Deserialize)]
struct Claims {
    sub: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    // Why a token was refused is logged at INFO; RUST_LOG asks for something else.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "tower_bearer=info".into()))
        .with_writer(std::io::stderr)
        .init();
    let options = Options::parse();
    let outcome = if options.demo {
        demo().await
    } else {
        run(options).await
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tonic_server: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), BoxError> {
    let issuer = options.issuer.unwrap_or_default();
    let audience = options.audience.unwrap_or_default();
    let listener = bind(options.listen).await?;
    let guard = guard(&issuer, &audience).await?;
    println!("listening on http://{}", listener.local_addr()?);
    tokio::select! {
        ended = serve(listener, guard) => ended,
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

async fn guard(issuer: &str, audience: &str) -> Result<RequireJwt<Claims>, BoxError> {
    let keys = RemoteKeySet::discover(issuer)?.over(HttpsClient::new()?);
    // Without this it would start all the same, and answer UNAVAILABLE until there are keys.
    keys.ready(Duration::from_secs(10)).await?;
    Ok(RequireJwt::new(Validator::new(issuer, audience), keys))
}

/// The first layer is the outermost. CORS comes before the guard: a browser's preflight
/// brings no token.
async fn serve(listener: TcpListener, guard: RequireJwt<Claims>) -> Result<(), BoxError> {
    let told = ["grpc-status", "grpc-message"].map(http::HeaderName::from_static);
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_headers(AllowHeaders::mirror_request()) // `*` would not mean `authorization`
        .expose_headers(told);
    let health = RequireScope::all(["health:read"]).named_layer(HealthServer::new(MyHealth));
    Server::builder()
        .accept_http1(true) // for grpc-web
        .layer(cors)
        .layer(guard)
        .layer(GrpcWebLayer::new())
        .add_service(health)
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}

struct MyHealth;

impl MyHealth {
    /// `Verified::of` finds the claims in the request's extensions.
    fn caller<T>(request: &Request<T>) -> Result<Verified<Claims>, Status> {
        let token = Verified::of(request.extensions());
        token.ok_or_else(|| Status::internal("no guard stands before this service"))
    }
}

#[tonic::async_trait]
impl Health for MyHealth {
    type WatchStream =
        Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send + 'static>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        println!("          served {}", Self::caller(&request)?.claims().sub);
        Ok(Response::new(HealthCheckResponse { status: 1 }))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let first = self.check(request).await?.into_inner();
        let statuses = stream::iter([Ok(first)]);
        Ok(Response::new(Box::pin(statuses)))
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, BoxError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| format!("can't listen on {address}: {error}; see --listen").into())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

/// The same server, with tokens of an authorization server in this process.
async fn demo() -> Result<(), BoxError> {
    let builder = AuthorizationServer::builder().audience("health");
    let provider = builder.listen().await?;
    let server = provider.server();
    let guard = guard(server.issuer(), "health").await?;
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve(listener, guard));

    let reader = server.mint(json!({ "sub": "alice", "scope": "health:read" }))?;
    let other = server.mint(json!({ "sub": "bob" }))?;
    let expired = server.mint(json!({ "sub": "alice", "exp": 1_000_000_000 }))?;
    let calls = [
        ("no token", None, Code::Unauthenticated),
        ("expired", Some(&expired), Code::Unauthenticated),
        ("bob", Some(&other), Code::PermissionDenied),
        ("alice", Some(&reader), Code::Ok),
    ];
    let mut client = HealthClient::new(Channel::from_shared(url)?.connect().await?);
    for (who, token, expected) in calls {
        let token = token.map(|token| token.expose());
        let checked = client.check(question(token)?).await.map(drop);
        show("Check", who, checked, expected)?;
        let watched = client.watch(question(token)?).await.map(drop);
        show("Watch", who, watched, expected)?;
    }
    Ok(())
}

fn question(token: Option<&str>) -> Result<Request<HealthCheckRequest>, BoxError> {
    let service = String::new();
    let mut request = Request::new(HealthCheckRequest { service });
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse()?;
        request.metadata_mut().insert("authorization", value);
    }
    Ok(request)
}

fn show(
    method: &str,
    who: &str,
    outcome: Result<(), Status>,
    expected: Code,
) -> Result<(), BoxError> {
    let status = outcome.err().unwrap_or_else(|| Status::ok(""));
    let (code, message) = (status.code(), status.message());
    println!("{method:<9} {who:<9} {code:?}  {message}");
    if code == expected {
        Ok(())
    } else {
        Err(format!("{method} with {who}: expected {expected:?}").into())
    }
}
