//! A gRPC client to start from: tonic, tokens brought by tower-bearer.
//!
//! `with_tokens` is what to copy, with your own generated client in place of `HealthClient`.
//! The tests run it as it is here.
//!
//! ```sh
//! cargo run --example tonic_client --all-features -- --help
//! cargo run --example tonic_client --all-features -- --demo
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Status,
    body::Body,
    transport::{Channel, ClientTlsConfig, Endpoint, Server},
};
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, health_client::HealthClient},
};
use tower::ServiceBuilder;
use tower_bearer::{
    Auth, AuthLayer, BoxError, HttpsClient, Origin, Refreshing, RequireJwt, TokenEndpoint,
    client::replay::{BufferedBodies, BufferedBody},
    oauth::{ClientAuth, ClientCredentials},
    test_util::AuthorizationServer,
};
use tower_http::map_request_body::{MapRequestBody, MapRequestBodyLayer};

/// tonic's body can't be cloned, so the messages of a call that may have to be sent again
/// are kept while they are sent, up to 64 KiB; and the channel wants its own body back.
pub(crate) type WithTokens =
    Auth<MapRequestBody<Channel, fn(BufferedBody<Body>) -> Body>, BufferedBodies>;

pub(crate) fn with_tokens(channel: Channel, tokens: AuthLayer) -> WithTokens {
    ServiceBuilder::new()
        .layer(tokens.replay(BufferedBodies::default()))
        .layer(MapRequestBodyLayer::new(Body::new as fn(_) -> _))
        .service(channel)
}

/// Asks a gRPC server for its health, with a bearer token of an OAuth authorization server
/// (client credentials).
#[derive(Debug, Parser)]
struct Options {
    /// Where the server is, such as https://grpc.example. Plain http only on this machine: a
    /// token is worth what it opens.
    #[arg(required_unless_present = "demo")]
    url: Option<String>,

    /// The service to ask for; the server as a whole unless given.
    #[arg(long, default_value = "")]
    service: String,

    /// Go on listening for changes.
    #[arg(long)]
    watch: bool,

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

    /// A scope to ask for; may be given several times.
    #[arg(long, env = "SCOPE", value_delimiter = ' ')]
    scope: Vec<String>,

    /// Run against an authorization server and a gRPC server in this process, and end.
    #[arg(long)]
    demo: bool,
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
            eprintln!("tonic_client: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), BoxError> {
    let (mut client, tokens) = client(&options)?;
    let served = match options.watch {
        true => watch(&mut client, &options.service).await,
        false => check(&mut client, &options.service).await,
    };
    // Waits for a renewal that may be under way, so that its token is not lost.
    tokens.close().await;
    served
}

/// The generated client, and a handle of its tokens. By its origin its requests say where
/// they go, which is where tokens may go.
fn client(options: &Options) -> Result<(HealthClient<WithTokens>, Refreshing), BoxError> {
    let url = options.url.as_deref().unwrap_or_default();
    let origin = Origin::of(&url.parse()?)?.to_string();
    let tokens = tokens(options)?;
    let layer = AuthLayer::new(tokens.clone()).origin(&origin)?;
    let channel = with_tokens(channel(&origin)?, layer);
    Ok((HealthClient::with_origin(channel, origin.parse()?), tokens))
}

fn channel(origin: &str) -> Result<Channel, BoxError> {
    let mut endpoint =
        Endpoint::from_shared(origin.to_owned())?.connect_timeout(Duration::from_secs(10));
    if origin.starts_with("https:") {
        endpoint = endpoint.tls_config(ClientTlsConfig::new().with_enabled_roots())?;
    }
    Ok(endpoint.connect_lazy())
}

fn tokens(options: &Options) -> Result<Refreshing, BoxError> {
    let id = options.client_id.clone().unwrap_or_default();
    let secret = options.client_secret.clone().unwrap_or_default();
    let endpoint = TokenEndpoint::new(options.token_url.as_deref().unwrap_or_default())?
        .client_auth(ClientAuth::basic(id, secret))
        .grant(ClientCredentials::new().scope(&options.scope.join(" ")))
        .over(HttpsClient::new()?);
    Ok(Refreshing::new(endpoint))
}

async fn check(client: &mut HealthClient<WithTokens>, service: &str) -> Result<(), BoxError> {
    let answer = client.check(of(service)).await?.into_inner();
    println!("Check  {}", answer.status().as_str_name());
    Ok(())
}

/// A refusal comes before the first message, or not at all: the stream goes on after its
/// token has ended.
async fn watch(client: &mut HealthClient<WithTokens>, service: &str) -> Result<(), BoxError> {
    let mut answers = client.watch(of(service)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        println!("Watch  {}", answer.status().as_str_name());
    }
    Ok(())
}

fn of(service: &str) -> HealthCheckRequest {
    let service = service.to_owned();
    HealthCheckRequest { service }
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = match error.downcast_ref::<Status>() {
        Some(status) => format!("{:?}: {}", status.code(), status.message()),
        None => error.to_string(),
    };
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

/// The same client, with an authorization server and a gRPC server in this process.
async fn demo() -> Result<(), BoxError> {
    let builder = AuthorizationServer::builder().audience("health");
    let provider = builder.listen().await?;
    let server = provider.server();
    let guard = RequireJwt::<serde_json::Value>::new(server.validator(), server.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (reporter, health) = tonic_health::server::health_reporter();
    let grpc = Server::builder().layer(guard).add_service(health);
    tokio::spawn(grpc.serve_with_incoming(TcpListenerStream::new(listener)));

    let options = Options {
        url: Some(url),
        service: String::new(),
        watch: false,
        token_url: Some(provider.token_url()),
        client_id: Some("client".into()),
        client_secret: Some("secret".into()),
        scope: Vec::new(),
        demo: true,
    };
    let (mut client, _tokens) = client(&options)?;
    check(&mut client, "").await?;
    said(server, 1)?;

    let mut answers = client.watch(of("")).await?.into_inner();
    for status in [ServingStatus::NotServing, ServingStatus::Serving] {
        let answer = answers.message().await?.ok_or("the stream has ended")?;
        println!("Watch  {}", answer.status().as_str_name());
        reporter.set_service_status("", status).await;
    }
    drop(answers);
    said(server, 1)?;

    println!("       the provider withdraws its key, and all tokens with it");
    server.rotate_keys()?;
    server.withdraw_old_keys();
    check(&mut client, "").await?;
    said(server, 2)
}

fn said(server: &AuthorizationServer, expected: u64) -> Result<(), BoxError> {
    let exchanges = server.requests().token;
    println!("       {exchanges} exchange(s) with the authorization server so far");
    match exchanges == expected {
        true => Ok(()),
        false => Err(format!("expected {expected}").into()),
    }
}
