//! A server to start from: hyper without a framework, tokens checked by tower-bearer.
//!
//! ```sh
//! cargo run --example hyper_server --all-features -- --help
//! cargo run --example hyper_server --all-features -- --demo
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{convert::Infallible, net::SocketAddr, process::ExitCode, time::Duration};

use bytes::Bytes;
use clap::Parser;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};
use tower_bearer::{
    BoxError, HttpsClient, RemoteKeySet, RequireJwt, RequireScope, Validator, Verified,
    server::ProblemDetails, test_util::AuthorizationServer,
};

/// A server, over HTTP/1.1 and HTTP/2, whose every path asks for a bearer token with the
/// scope `orders:read`.
#[derive(Parser)]
struct Options {
    /// Where to listen.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
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
            eprintln!("hyper_server: {}", with_causes(&*error));
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
    // Without this it would start all the same, and answer 503 until there are keys.
    keys.ready(Duration::from_secs(10)).await?;
    Ok(RequireJwt::new(Validator::new(issuer, audience), keys))
}

/// One service for all connections. A layer stands outside those that come after it.
async fn serve(listener: TcpListener, guard: RequireJwt<Claims>) -> Result<(), BoxError> {
    let service = ServiceBuilder::new()
        .layer(guard.rejection_response(ProblemDetails))
        .layer(RequireScope::all(["orders:read"]).rejection_response(ProblemDetails))
        .service(service_fn(orders));
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let http = auto::Builder::new(TokioExecutor::new());
            let served = http.serve_connection_with_upgrades(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                eprintln!("a connection broke off: {error}");
            }
        });
    }
}

/// Comes only with a good token, whose claims `Verified::of` finds in the request's extensions.
async fn orders(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let Some(token) = Verified::<Claims>::of(request.extensions()) else {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return Ok(response);
    };
    let text = format!("the orders of {}", token.claims().sub);
    Ok(Response::new(Full::from(text)))
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
    let builder = AuthorizationServer::builder().audience("orders");
    let provider = builder.listen().await?;
    let server = provider.server();
    let guard = guard(server.issuer(), "orders").await?;
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let url = format!("http://{}/orders", listener.local_addr()?);
    tokio::spawn(serve(listener, guard));

    let reader = server.mint(json!({ "sub": "alice", "scope": "orders:read" }))?;
    let other = server.mint(json!({ "sub": "bob" }))?;
    let foreign = server.mint(json!({ "sub": "alice", "aud": "billing" }))?;
    let calls = [
        ("no token", None, StatusCode::UNAUTHORIZED),
        ("of another API", Some(&foreign), StatusCode::UNAUTHORIZED),
        ("without the scope", Some(&other), StatusCode::FORBIDDEN),
        ("alice", Some(&reader), StatusCode::OK),
    ];
    for is_http2 in [false, true] {
        for (who, token, expected) in calls {
            let token = token.map(|token| token.expose());
            let (status, seen) = call(&url, token, is_http2).await?;
            let version = if is_http2 { "HTTP/2" } else { "HTTP/1.1" };
            println!("{version:<9} {who:<18} {status}  {seen}");
            if status != expected {
                return Err(format!("{who}: expected {expected}").into());
            }
        }
    }
    Ok(())
}

/// Status, and challenge or text.
async fn call(
    url: &str,
    token: Option<&str>,
    is_http2: bool,
) -> Result<(StatusCode, String), BoxError> {
    let mut client = Client::builder(TokioExecutor::new());
    let client = client.http2_only(is_http2).build_http();
    let mut request = Request::get(url);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Full::<Bytes>::default())?;
    let response = client.request(request).await?;
    let status = response.status();
    if let Some(challenge) = response.headers().get(header::WWW_AUTHENTICATE) {
        return Ok((status, challenge.to_str()?.to_owned()));
    }
    let text = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}
