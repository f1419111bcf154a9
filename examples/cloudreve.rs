//! A client of a Cloudreve site: a log-in of its own, tokens in an envelope that end at a time of
//! day, refusals under HTTP 200, and a session that outlives the process.
//!
//! ```sh
//! cargo run --example cloudreve --all-features -- --help
//! cargo run --example cloudreve --all-features -- --demo
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

pub(crate) mod common;
#[path = "../tests/mimics/mod.rs"]
pub(crate) mod mimics;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Args, Parser, Subcommand};
use common::{Call, Http, Log, Plan, base, make_calls, program};
use mimics::{Lifetimes, cloudreve as mimic};
use serde_json::json;
use tower::ServiceBuilder;
use tower_bearer::{
    Algorithm, Auth, AuthLayer, BoxError, Origin, Refreshing, TokenEndpoint,
    client::{
        envelope::{Envelope, EnvelopeLayer},
        store::FileStore,
    },
    clock::{Clock, SystemClock},
    json_pointer::JsonPointerError,
    jwt::{Minter, SigningKey},
    oauth::{AnswerFormat, LogIn, NoTransport, RefreshRequest},
};

/// Calls a Cloudreve site, with a session that is kept alive.
#[derive(Clone, Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) client: ClientOptions,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes an access token with the site's master key. For debugging on one's own machine
    /// and never in production, where only the site itself has that key.
    Mint(MintOptions),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ClientOptions {
    /// The site. Plain http only on this machine.
    #[arg(long, env = "CLOUDREVE_URL", value_parser = base, required_unless_present = "demo")]
    url: Option<String>,

    /// The e-mail address of who logs in. Without it the session in --store has to do.
    #[arg(long, env = "CLOUDREVE_USERNAME", requires = "password")]
    username: Option<String>,

    /// The password. Rather by the environment: others on this machine can read flags.
    #[arg(long, env = "CLOUDREVE_PASSWORD", hide_env_values = true)]
    password: Option<String>,

    /// A file for both tokens, which processes may share. They outlive the process in it.
    #[arg(long, env = "CLOUDREVE_STORE", value_name = "FILE")]
    store: Option<PathBuf>,

    /// What to call: `METHOD PATH`, and JSON behind it for a body.
    #[arg(long, default_value = "GET /api/v4/user/setting")]
    call: Call,

    #[command(flatten)]
    plan: Plan,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct MintOptions {
    /// The site's master key. Rather by the environment: others on this machine can read flags.
    #[arg(long, env = "CLOUDREVE_MASTER_KEY", hide_env_values = true)]
    key: String,

    /// The id of the user whom the token lets in, such as `lpua`.
    #[arg(long)]
    user: String,

    /// For how many seconds it is good.
    #[arg(long, default_value_t = 600)]
    lifetime: u64,
}

/// The client, and a handle of its tokens. `clock` is the system's, unless a test moves one.
pub(crate) fn client(
    options: &ClientOptions,
    http: Http,
    clock: Arc<dyn Clock>,
) -> Result<(Auth<Envelope<Http>>, Refreshing), BoxError> {
    let url = options.url.as_deref().unwrap_or_default();

    let mut endpoint = sessions(url)?.clock(clock.clone());
    if let (Some(email), Some(password)) = (&options.username, &options.password) {
        // Asked by name and password where there is no session, or it has ended.
        let log_in = LogIn::new().parameter("email", email.as_str());
        endpoint = endpoint.grant(log_in.secret("password", password.as_str()));
    }
    let obtain = http.log().watch("logged in", endpoint.over(http.clone()));
    let mut tokens = Refreshing::builder(obtain).clock(clock);
    if let Some(file) = &options.store {
        tokens = tokens.store(FileStore::new(file));
    }
    let tokens = tokens.build();

    let origin = Origin::of(&url.parse()?)?.to_string();
    let client = ServiceBuilder::new()
        .layer(AuthLayer::new(tokens.clone()).origin(&origin)?)
        .layer(refusals()?)
        .service(http);
    Ok((client, tokens))
}

/// How the site opens a session, and how it keeps one alive.
pub(crate) fn sessions(url: &str) -> Result<TokenEndpoint<NoTransport>, BoxError> {
    let log_in = format!("{url}/api/v4/session/token");
    // When the refresh token is refused, whatever the code, somebody has to log in again.
    let refresh = RefreshRequest::json_member("refresh_token")
        .at(format!("{log_in}/refresh"))
        .answer(pair_at("/data")?.invalid_grant_when_failed());
    Ok(TokenEndpoint::new(&log_in)?
        .json()
        .answer(pair_at("/data/token")?)
        .refresh_with(refresh)?)
}

/// `{"code":0,"data":…,"msg":""}` with a pair of tokens in it. Any other code is a failure,
/// also under HTTP 200, and one of five digits that begins with 5 is the site's own trouble.
pub(crate) fn pair_at(pointer: &str) -> Result<AnswerFormat, JsonPointerError> {
    AnswerFormat::under(pointer)?
        .expiry_at(&format!("{pointer}/access_expires"))?
        .refresh_expiry_at(&format!("{pointer}/refresh_expires"))?
        .failed_unless("/code", [0])?
        .temporarily_unavailable_when("/code", 50001..=50010)?
        .message_at("/msg")
}

/// A refused call may be an HTTP 200 that says `"code":401`.
pub(crate) fn refusals() -> Result<EnvelopeLayer, JsonPointerError> {
    Ok(EnvelopeLayer::new()
        .statuses(|_| true)
        .refused_when("/code", [401])?
        .failed_unless("/code", [0])?
        .message_at("/msg")?
        // The site looks at the token before it does anything, so that a `POST` that was
        // refused may be sent again.
        .replay_every_method())
}

/// An access token as the site makes them.
pub(crate) fn mint(options: &MintOptions, clock: &dyn Clock) -> Result<String, BoxError> {
    let key = SigningKey::from_secret(Algorithm::HS256, &options.key)?;
    let claims = json!({ "token_type": "access", "sub": options.user, "iat": null });
    let token = Minter::new(key)
        .lifetime(Duration::from_secs(options.lifetime))
        .not_before_now()
        .mint_at(&claims, clock.wall())?;
    Ok(token.expose().to_owned())
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    program("cloudreve", async {
        match options.command {
            Some(Command::Mint(options)) => {
                println!("{}", mint(&options, &SystemClock::new())?);
                eprintln!("for debugging only: in production the master key is the site's alone");
                Ok(())
            }
            None if options.client.plan.demo => demo(options.client).await,
            None => run(&options.client).await,
        }
    })
    .await
}

pub(crate) async fn run(options: &ClientOptions) -> Result<(), BoxError> {
    let http = Http::new(Log::default())?;
    let log = http.log().clone();
    let (client, tokens) = client(options, http, Arc::new(SystemClock::new()))?;
    let url = options.url.as_deref().unwrap_or_default();
    let outcome = make_calls(client, url, &options.call, &options.plan, &log).await;
    // Waits for a renewal that may be under way: its refresh token would be lost.
    tokens.close().await;
    outcome
}

/// The same, with a strict imitation of a site in this process. Its access tokens are good for
/// two seconds.
async fn demo(options: ClientOptions) -> Result<(), BoxError> {
    let lifetimes = Lifetimes {
        access: Duration::from_secs(2),
        ..Lifetimes::default()
    };
    let site = mimic::Mimic::start(SystemClock::new(), lifetimes).await?;
    let directory = tempfile::tempdir()?;
    let or = |given: Option<String>, default: &str| given.or_else(|| Some(default.to_owned()));
    let options = ClientOptions {
        url: Some(site.url().to_owned()),
        username: or(options.username, mimic::EMAIL),
        password: or(options.password, mimic::PASSWORD),
        store: options
            .store
            .or_else(|| Some(directory.path().join("session.json"))),
        plan: options.plan.of_demo(),
        ..options
    };
    run(&options).await?;
    let seen = site.seen();
    println!("log-ins: {}, refreshes: {}", seen.logins, seen.refreshes);
    Ok(())
}
