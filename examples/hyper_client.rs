//! A client to start from: hyper, tokens brought by tower-bearer.
//!
//! ```sh
//! cargo run --example hyper_client --all-features -- --help
//! cargo run --example hyper_client --all-features -- --demo
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use axum::{Router, routing::get};
use bytes::Bytes;
use clap::{Parser, ValueEnum};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_bearer::{
    AuthLayer, BoxError, Origin, Refreshing, RequireJwt, RequireScope, TokenEndpoint,
    oauth::{ClientAuth, ClientCredentials},
    test_util::AuthorizationServer,
};

/// Gets a URL with a bearer token of an OAuth authorization server (client credentials).
#[derive(Clone, Debug, Parser)]
struct Options {
    /// What to get. Plain http only on this machine: a token is worth what it opens.
    #[arg(required_unless_present = "demo")]
    url: Option<Uri>,

    /// The token endpoint of the authorization server.
    #[arg(long, env = "TOKEN_URL", required_unless_present = "demo")]
    token_url: Option<String>,

    /// The client's name there.
    #[arg(long, env = "CLIENT_ID", required_unless_present = "demo")]
    client_id: Option<String>,

    /// Its secret. Rather by the environment: others on this machine can read flags.
    #[arg(
        long,
        env = "CLIENT_SECRET",
        hide_env_values = true,
        required_unless_present = "demo"
    )]
    client_secret: Option<String>,

    /// How the client proves who it is (RFC 6749 §2.3.1).
    #[arg(long, env = "CLIENT_AUTH", default_value = "basic")]
    client_auth: Proof,

    /// A scope to ask for; may be given several times.
    #[arg(long, env = "SCOPE", value_delimiter = ' ')]
    scope: Vec<String>,

    /// How often to get it, one after the other: one token serves them all.
    #[arg(long, default_value_t = 1)]
    times: u32,

    /// Run against an authorization server and an API in this process, and end.
    #[arg(long)]
    demo: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Proof {
    /// HTTP Basic, form-encoded first: what the standard says.
    Basic,
    /// HTTP Basic, not encoded: what many servers want.
    BasicUnencoded,
    /// In the body.
    Post,
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

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
        get_url(options).await
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hyper_client: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn get_url(options: Options) -> Result<(), BoxError> {
    let url = options.url.unwrap_or_default();
    let origin = Origin::of(&url)?;
    let id = options.client_id.unwrap_or_default();
    let secret = options.client_secret.unwrap_or_default();
    let proof = match options.client_auth {
        Proof::Basic => ClientAuth::basic(id, secret),
        Proof::BasicUnencoded => ClientAuth::basic_unencoded(id, secret),
        Proof::Post => ClientAuth::post(id, secret),
    };
    let grant = ClientCredentials::new().scope(&options.scope.join(" "));

    let http = http_client()?;
    let endpoint = TokenEndpoint::new(&options.token_url.unwrap_or_default())?
        .client_auth(proof)
        .grant(grant)
        .over(http.clone());
    let tokens = Refreshing::new(endpoint);
    let layer = AuthLayer::new(tokens.clone()).origin(&origin.to_string())?;
    let mut client = ServiceBuilder::new().layer(layer).service(http);

    let mut refused = false;
    for _ in 0..options.times {
        let request = Request::get(url.clone()).body(Full::default())?;
        let response = client.ready().await?.call(request).await?;
        let (head, body) = response.into_parts();
        let text = body.collect().await?.to_bytes();
        println!("{} {}", head.status, String::from_utf8_lossy(&text));
        refused |= !head.status.is_success();
    }
    // Waits for a renewal that may be under way, so that its token is not lost.
    tokens.close().await;
    if refused {
        return Err("not every request was served".into());
    }
    Ok(())
}

/// A client for `https`, and for `http` where that is allowed. The TLS provider is named:
/// the constructors that guess panic where two are in the dependency tree.
fn http_client() -> Result<HttpClient, BoxError> {
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())?
        .https_or_http()
        .enable_http1()
        .build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
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

/// The same client, with an authorization server and an API in this process.
async fn demo() -> Result<(), BoxError> {
    let provider = AuthorizationServer::builder()
        .audience("orders")
        .listen()
        .await?;
    let server = provider.server();
    let app = Router::new()
        .route("/orders", get(|| async { "all the orders" }))
        .layer(RequireScope::all(["orders:read", "orders:list"]))
        .layer(RequireJwt::<serde_json::Value>::new(
            server.validator(),
            server.keys(),
        ));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/orders", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let options = Options {
        url: Some(url.parse()?),
        token_url: Some(provider.token_url()),
        client_id: Some("client".into()),
        client_secret: Some("secret".into()),
        client_auth: Proof::Basic,
        scope: vec!["orders:read".into(), "orders:list".into()],
        times: 3,
        demo: false,
    };
    get_url(options).await?;
    let exchanges = server.requests().token;
    println!("3 requests, {exchanges} exchange with the authorization server");
    if exchanges == 1 {
        Ok(())
    } else {
        Err("one token should have served all requests".into())
    }
}
