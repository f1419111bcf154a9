//! Both ways into mluvii. A client with credentials of its own: the token request has a
//! parameter more than the standard, and who has no token is sent to a log-in page. And, with
//! `--login`, an API with pages for people who log in by that page (`mluvii/login.rs`).
//!
//! ```sh
//! cargo run --example mluvii --all-features -- --help
//! cargo run --example mluvii --all-features -- --demo
//! cargo run --example mluvii --all-features -- --login --demo
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "mluvii/browser.rs"]
pub(crate) mod browser;
pub(crate) mod common;
#[path = "mluvii/login.rs"]
pub(crate) mod login;
#[path = "../tests/mimics/mod.rs"]
pub(crate) mod mimics;

use std::{process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use common::{Call, Http, Log, Plan, base, make_calls, program};
use http::StatusCode;
use mimics::{Lifetimes, mluvii as mimic};
use tower::ServiceBuilder;
use tower_bearer::{
    Auth, AuthLayer, BoxError, ClientAuth, ClientCredentials, Origin, Refreshing, TokenEndpoint,
    clock::{Clock, SystemClock},
};

/// Calls mluvii, with a token that is got by client credentials and kept fresh; or logs people in
/// by its log-in page.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    /// The cloud, or a server of one's own. Plain http only on this machine.
    #[arg(long, env = "MLUVII_URL", default_value = "https://app.mluvii.com", value_parser = base)]
    pub(crate) url: String,

    /// The `client_id`.
    #[arg(long, env = "MLUVII_ID", required_unless_present = "demo")]
    id: Option<String>,

    /// The `client_secret`. Rather by the environment: others on this machine can read flags.
    #[arg(
        long,
        env = "MLUVII_SECRET",
        hide_env_values = true,
        required_unless_present = "demo"
    )]
    secret: Option<String>,

    /// What to call: `METHOD PATH`, and JSON behind it for a body.
    #[arg(long, default_value = "GET /api/v1/Sessions/1")]
    call: Call,

    #[command(flatten)]
    plan: Plan,

    #[command(flatten)]
    pub(crate) site: login::Flags,
}

/// The client, and a handle of its tokens. `clock` is the system's, unless a test moves one.
pub(crate) fn client(
    options: &Options,
    http: Http,
    clock: Arc<dyn Clock>,
) -> Result<(Auth<Http>, Refreshing), BoxError> {
    let url = &options.url;
    let id = options.id.as_deref().unwrap_or_default();
    let secret = options.secret.as_deref().unwrap_or_default();

    let endpoint = TokenEndpoint::new(&format!("{url}/login/connect/token"))?
        .client_auth(ClientAuth::post(id, secret))
        // Not part of this grant, and asked for all the same.
        .grant(ClientCredentials::new().parameter("response_type", "token"))
        .clock(clock.clone());
    let obtain = http.log().watch("fetched", endpoint.over(http.clone()));
    let tokens = Refreshing::builder(obtain).clock(clock).build();

    let origin = Origin::of(&url.parse()?)?;
    let layer = AuthLayer::new(tokens.clone())
        .origin(&origin.to_string())?
        // No answer to a call is a page or leads elsewhere: that is the way to the log-in page.
        .refused_when(|response| {
            let leads_elsewhere =
                response.status().is_redirection() && response.status() != StatusCode::NOT_MODIFIED;
            response.refuses_token() || leads_elsewhere || response.has_media_type("text/html")
        });
    Ok((ServiceBuilder::new().layer(layer).service(http), tokens))
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    program("mluvii", async {
        match (options.site.login, options.plan.demo) {
            (false, false) => run(&options).await,
            (false, true) => demo(options).await,
            (true, false) => login::run(&options).await,
            (true, true) => login::demo(options).await,
        }
    })
    .await
}

pub(crate) async fn run(options: &Options) -> Result<(), BoxError> {
    let http = Http::new(Log::default())?;
    let log = http.log().clone();
    let (client, tokens) = client(options, http, Arc::new(SystemClock::new()))?;
    let outcome = make_calls(client, &options.url, &options.call, &options.plan, &log).await;
    tokens.close().await;
    outcome
}

/// The same, with a strict imitation of mluvii in this process. Its tokens are good for two
/// seconds.
async fn demo(options: Options) -> Result<(), BoxError> {
    let lifetimes = Lifetimes {
        access: Duration::from_secs(2),
        ..Lifetimes::default()
    };
    let cloud = mimic::Mimic::start(SystemClock::new(), lifetimes).await?;
    let or = |given: Option<String>, default: &str| given.or_else(|| Some(default.to_owned()));
    let options = Options {
        url: cloud.url().to_owned(),
        id: or(options.id, mimic::CLIENT_ID),
        secret: or(options.secret, mimic::CLIENT_SECRET),
        plan: options.plan.of_demo(),
        ..options
    };
    run(&options).await?;
    println!("tokens fetched: {}", cloud.seen().logins);
    Ok(())
}
