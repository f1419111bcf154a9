//! An API to start from: axum, tokens checked by tower-bearer.
//!
//! ```sh
//! cargo run --example axum_api --all-features -- --help
//! cargo run --example axum_api --all-features -- --demo
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode};

use axum::{Router, routing::get};
use bytes::Bytes;
use clap::{Args, Parser};
use http::{StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tower_bearer::{
    Algorithm, BoxError, KeySet, RequireJwt, RequireScope, Validator, Verified,
    test_util::AuthorizationServer,
};

/// An API that asks for bearer tokens.
///
///   GET /health   anybody
///   GET /me       any valid token
///   GET /orders   a token with the scope `orders:read`
#[derive(Parser)]
#[command(verbatim_doc_comment)]
struct Options {
    /// Where to listen.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// Who makes the tokens: their `iss`, exactly.
    #[arg(long, env = "ISSUER", required_unless_present = "demo")]
    issuer: Option<String>,

    /// For whom the tokens are: their `aud`.
    #[arg(long, env = "AUDIENCE", required_unless_present = "demo")]
    audience: Option<String>,

    #[command(flatten)]
    key: Key,

    /// What the tokens are signed with, for --public-key: RS256, ES256 or EdDSA.
    #[arg(long, env = "ALGORITHM", default_value = "RS256", value_parser = algorithm)]
    algorithm: Algorithm,

    /// Run against an authorization server in this process, make some calls, and end.
    #[arg(long)]
    demo: bool,
}

/// What verifies the tokens: one of these.
#[derive(Args)]
#[group(multiple = false)]
struct Key {
    /// A file with a JWKS (RFC 7517 §5).
    #[arg(long, env = "JWKS", value_name = "FILE")]
    jwks: Option<PathBuf>,

    /// A file with a public key in PEM.
    #[arg(long, env = "PUBLIC_KEY", value_name = "FILE")]
    public_key: Option<PathBuf>,

    /// The secret shared with the issuer (HS256). Rather by the environment: others on
    /// this machine can read flags.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    secret: Option<String>,
}

/// The claims that this API reads, besides the ones that are always checked.
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
        serve(options).await
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("axum_api: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

/// The API. What stands below the layer needs a token; what is merged does not.
fn api(validator: Validator, keys: KeySet) -> Router {
    let guarded = Router::new()
        .route("/me", get(me))
        .route(
            "/orders",
            get(orders).layer(RequireScope::all(["orders:read"])),
        )
        .route_layer(RequireJwt::<Claims>::new(validator, keys));
    Router::new()
        .route("/health", get(|| async { "well" }))
        .merge(guarded)
}

async fn me(token: Verified<Claims>) -> String {
    token.claims().sub.clone()
}

async fn orders(token: Verified<Claims>) -> String {
    format!("the orders of {}", token.claims().sub)
}

async fn serve(options: Options) -> Result<(), BoxError> {
    let issuer = options.issuer.unwrap_or_default();
    let audience = options.audience.unwrap_or_default();
    let app = api(
        Validator::new(issuer, audience),
        options.key.load(options.algorithm)?,
    );
    let listener = bind(options.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app)
        .with_graceful_shutdown(interrupted)
        .await?;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, BoxError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| format!("can't listen on {address}: {error}; see --listen").into())
}

impl Key {
    fn load(self, algorithm: Algorithm) -> Result<KeySet, BoxError> {
        if let Some(file) = self.jwks {
            return usable(&file.display().to_string(), KeySet::from_jwks(read(&file)?));
        }
        if let Some(file) = self.public_key {
            let keys = KeySet::from_pem(algorithm, read(&file)?);
            return usable(&file.display().to_string(), keys);
        }
        if let Some(secret) = self.secret {
            return usable("the secret", KeySet::from_secret(Algorithm::HS256, secret));
        }
        Err("no key: give --jwks, --public-key or --secret".into())
    }
}

fn read(file: &PathBuf) -> Result<Vec<u8>, BoxError> {
    fs::read(file).map_err(|error| format!("can't read {}: {error}", file.display()).into())
}

fn usable<E: std::fmt::Display>(what: &str, keys: Result<KeySet, E>) -> Result<KeySet, BoxError> {
    keys.map_err(|error| format!("{what} is no key for tokens: {error}").into())
}

/// Of a public key: what `HS…` signs with is known to those who verify, so it has none.
fn algorithm(name: &str) -> Result<Algorithm, String> {
    let is_public = |name: &str| !name.starts_with("HS");
    let found = Algorithm::from_name(name).filter(|found| is_public(found.name()));
    found.ok_or_else(|| {
        let names = Algorithm::ALL.iter().map(|known| known.name());
        let known: Vec<_> = names.filter(|known| is_public(known)).collect();
        format!(
            "a public key is for one of {}; for HS256 give --secret",
            known.join(", ")
        )
    })
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// The same API, with tokens of an authorization server in this process.
async fn demo() -> Result<(), BoxError> {
    let provider = AuthorizationServer::builder().audience("orders").build()?;
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let app = api(provider.validator(), provider.keys());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let reader = provider.mint(json!({ "sub": "alice", "scope": "orders:read" }))?;
    let other = provider.mint(json!({ "sub": "bob" }))?;
    let expired = provider.mint(json!({ "sub": "alice", "exp": 1_000_000_000 }))?;
    let calls = [
        ("/health", "no token", None, StatusCode::OK),
        ("/me", "no token", None, StatusCode::UNAUTHORIZED),
        ("/me", "bob", Some(&other), StatusCode::OK),
        ("/orders", "bob", Some(&other), StatusCode::FORBIDDEN),
        ("/orders", "alice", Some(&reader), StatusCode::OK),
        (
            "/orders",
            "expired",
            Some(&expired),
            StatusCode::UNAUTHORIZED,
        ),
        ("/nowhere", "no token", None, StatusCode::NOT_FOUND),
    ];
    for (path, who, token, expected) in calls {
        let token = token.map(|token| token.expose());
        let (status, seen) = call(&format!("http://{address}{path}"), token).await?;
        println!("GET {path:<9} {who:<9} {status}  {seen}");
        if status != expected {
            return Err(format!("{path} with {who}: expected {expected}").into());
        }
    }
    Ok(())
}

/// Status, and challenge or text.
async fn call(url: &str, token: Option<&str>) -> Result<(StatusCode, String), BoxError> {
    let client: Client<HttpConnector, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let mut request = http::Request::get(url);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let response = client.request(request.body(Empty::new())?).await?;
    let status = response.status();
    if let Some(challenge) = response.headers().get(header::WWW_AUTHENTICATE) {
        return Ok((status, challenge.to_str()?.to_owned()));
    }
    let text = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&text).into_owned()))
}
