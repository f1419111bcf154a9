//! A gateway to start from: axum in front, two APIs behind it, tokens checked and brought by
//! tower-bearer.
//!
//! ```sh
//! cargo run --example gateway --all-features -- --help
//! cargo run --example gateway --all-features -- --demo
//! ```
//!
//! What comes in ends here, its token first of all. What goes out is a request of the
//! gateway's own, with the headers that are named in `upstream.rs` and exactly one token.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod demo;
mod upstream;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use clap::Parser;
use serde::Deserialize;
use tokio::net::TcpListener;
use tower_bearer::{
    BoxError, HttpsClient, Origin, Refreshing, RemoteKeySet, RequireJwt, RequireScope,
    TokenEndpoint, Validator, Verified,
    oauth::{ClientAuth, ClientCredentials},
    relay,
    server::ProblemDetails,
};
use upstream::Upstream;

/// A gateway that asks for bearer tokens.
///
///   /stock/…     goes on with the caller's own token, if that is for the stock API as well
///   /billing/…   goes on with a token of the gateway's own, if the caller's has the scope
///                `billing`
#[derive(Clone, Debug, Parser)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Where to listen.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Who makes the tokens: their `iss`, exactly. Its keys are found by discovery, and kept
    /// fresh.
    #[arg(long, env = "ISSUER", required_unless_present = "demo")]
    issuer: Option<String>,

    /// For whom the callers' tokens are: their `aud`.
    #[arg(long, env = "AUDIENCE", default_value = "gateway")]
    audience: String,

    /// Where the stock API is, such as https://stock.example. Plain http only on this machine.
    #[arg(long, env = "STOCK_URL", required_unless_present = "demo")]
    stock_url: Option<Origin>,

    /// What the callers' tokens call it, in their `aud`.
    #[arg(long, env = "STOCK_AUDIENCE", default_value = "stock")]
    stock_audience: String,

    /// Where the billing API is.
    #[arg(long, env = "BILLING_URL", required_unless_present = "demo")]
    billing_url: Option<Origin>,

    /// For whom the gateway's own tokens are asked.
    #[arg(long, env = "BILLING_AUDIENCE", default_value = "billing")]
    billing_audience: String,

    /// The token endpoint, for the gateway's own tokens (client credentials).
    #[arg(long, env = "TOKEN_URL", required_unless_present = "demo")]
    token_url: Option<String>,

    /// The gateway's name there.
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

    /// Run against an authorization server and two APIs in this process, make some calls, and
    /// end.
    #[arg(long)]
    demo: bool,
}

/// The claims that this gateway reads, besides the ones that are always checked: none.
#[derive(Deserialize)]
struct Claims {}

#[tokio::main]
async fn main() -> ExitCode {
    // Why a token was refused is logged at INFO; RUST_LOG asks for something else.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "tower_bearer=info,gateway=info".into()))
        .with_writer(std::io::stderr)
        .init();
    let options = Options::parse();
    let outcome = if options.demo {
        demo::demo().await
    } else {
        run(options).await
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), BoxError> {
    let (app, tokens) = gateway(&options).await?;
    let listener = bind(options.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app)
        .with_graceful_shutdown(interrupted)
        .await?;
    // Waits for a renewal that may be under way, so that its token is not lost.
    tokens.close().await;
    Ok(())
}

/// The gateway, and a handle of its own tokens.
pub(crate) async fn gateway(options: &Options) -> Result<(Router, Refreshing), BoxError> {
    let http = HttpsClient::builder().build_for::<Body>()?;
    let issuer = options.issuer.as_deref().unwrap_or_default();
    let keys = RemoteKeySet::discover(issuer)?.over(http.clone());
    // Without this it would start all the same, and answer 503 until there are keys.
    keys.ready(Duration::from_secs(10)).await?;
    let guard = RequireJwt::<Claims>::new(Validator::new(issuer, &*options.audience), keys)
        .rejection_response(ProblemDetails)
        .remove_credentials(); // no token goes on by accident

    let callers = relay::same_token(&*options.stock_audience);
    let stock = Upstream::new(options.stock_url.as_ref(), callers, http.clone())?;
    let stock = Router::new().fallback(for_the_caller).with_state(stock);

    let own = tokens(options, http.clone())?;
    let billing = Upstream::new(options.billing_url.as_ref(), own.clone(), http)?;
    let billing = Router::new()
        .fallback(in_our_own_name)
        .with_state(billing)
        .layer(RequireScope::all(["billing"]).rejection_response(ProblemDetails));

    let app = Router::new()
        .nest("/stock", stock)
        .nest("/billing", billing)
        .layer(guard);
    Ok((app, own))
}

fn tokens(options: &Options, http: HttpsClient<Body>) -> Result<Refreshing, BoxError> {
    let id = options.client_id.clone().unwrap_or_default();
    let secret = options.client_secret.clone().unwrap_or_default();
    let endpoint = TokenEndpoint::new(options.token_url.as_deref().unwrap_or_default())?
        .client_auth(ClientAuth::basic(id, secret))
        .grant(ClientCredentials::new().audience(&*options.billing_audience))
        .over(http);
    Ok(Refreshing::new(endpoint))
}

/// The API decides what the caller may do. The path is the rest of what came in: `nest` has
/// taken the prefix away.
async fn for_the_caller(
    State(stock): State<Upstream>,
    token: Verified<Claims>,
    request: Request,
) -> Response {
    let mut outgoing = stock.outgoing(request);
    relay::on_behalf_of(&mut outgoing, &token);
    upstream::answer(stock.send(outgoing).await)
}

/// The API sees the gateway, so what callers may do is decided here: by the scope.
async fn in_our_own_name(State(billing): State<Upstream>, request: Request) -> Response {
    let outgoing = billing.outgoing(request);
    let answered = billing.send(outgoing).await;
    upstream::answer(answered.and_then(upstream::unless_we_are_refused))
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
