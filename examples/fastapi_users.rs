//! A client of a service in the style of FastAPI-Users: a log-in by password, and refresh
//! tokens that travel in a header of their own and can be used once.
//!
//! ```sh
//! cargo run --example fastapi_users --all-features -- --help
//! cargo run --example fastapi_users --all-features -- --demo
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

pub(crate) mod common;
#[path = "../tests/mimics/mod.rs"]
pub(crate) mod mimics;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use common::{Call, Http, Log, Plan, base, make_calls, program};
use http::{HeaderName, StatusCode};
use mimics::{Lifetimes, fastapi_users as mimic};
use tower::ServiceBuilder;
use tower_bearer::{
    Auth, AuthLayer, BoxError, ClientAuth, Origin, Refreshing, TokenEndpoint,
    client::store::FileStore,
    clock::{Clock, SystemClock},
    oauth::{AnswerFormat, Password, RefreshRequest},
};

/// Calls a service in the style of FastAPI-Users, with an access token that is kept fresh.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    /// The service. Plain http only on this machine.
    #[arg(long, env = "FASTAPI_USERS_URL", value_parser = base, required_unless_present = "demo")]
    url: Option<String>,

    /// Who logs in. Without it the tokens in --store have to do.
    #[arg(long, env = "FASTAPI_USERS_USERNAME", requires = "password")]
    username: Option<String>,

    /// The password. Rather by the environment: others on this machine can read flags.
    #[arg(long, env = "FASTAPI_USERS_PASSWORD", hide_env_values = true)]
    password: Option<String>,

    /// The `client_id`, if the service asks for one.
    #[arg(long, env = "FASTAPI_USERS_ID")]
    id: Option<String>,

    /// The `client_secret`, if it asks for that too. Rather by the environment.
    #[arg(
        long,
        env = "FASTAPI_USERS_SECRET",
        hide_env_values = true,
        requires = "id"
    )]
    secret: Option<String>,

    /// Where refresh tokens are spent; `/auth/jwt/postman-refresh` is the other place.
    #[arg(
        long,
        env = "FASTAPI_USERS_REFRESH_PATH",
        default_value = "/auth/jwt/refresh"
    )]
    refresh_path: String,

    /// A file for the tokens, which processes may share. They outlive the process in it.
    #[arg(long, env = "FASTAPI_USERS_STORE", value_name = "FILE")]
    store: Option<PathBuf>,

    /// What to call: `METHOD PATH`, and JSON behind it for a body.
    #[arg(long, default_value = "GET /users/me")]
    call: Call,

    #[command(flatten)]
    plan: Plan,
}

/// The client, and a handle of its tokens. `clock` is the system's, unless a test moves one.
pub(crate) fn client(
    options: &Options,
    http: Http,
    clock: Arc<dyn Clock>,
) -> Result<(Auth<Http>, Refreshing), BoxError> {
    let url = options.url.as_deref().unwrap_or_default();

    // Errors are `{"detail": …}`, without the `error` of RFC 6749.
    let answers = AnswerFormat::new().message_at("/detail")?;
    // The refresh token travels in a header, without a body. It buys a new pair once; the
    // second time it is a 401, and then only a log-in helps.
    let refresh = RefreshRequest::header(HeaderName::from_static("refresh-token"))
        .at(format!("{url}{}", options.refresh_path))
        .answer(
            answers
                .clone()
                .invalid_grant_when_status(StatusCode::UNAUTHORIZED),
        );
    let mut endpoint = TokenEndpoint::new(&format!("{url}/auth/jwt/login"))?
        .answer(answers)
        .refresh_with(refresh)?
        .clock(clock.clone());
    if let (Some(username), Some(password)) = (&options.username, &options.password) {
        endpoint = endpoint.grant(Password::new(username, password.as_str()));
    }
    endpoint = match (&options.id, &options.secret) {
        (Some(id), Some(secret)) => endpoint.client_auth(ClientAuth::post(id, secret.as_str())),
        (Some(id), None) => endpoint.client_auth(ClientAuth::none(id)),
        _ => endpoint,
    };

    let obtain = http.log().watch("logged in", endpoint.over(http.clone()));
    let mut tokens = Refreshing::builder(obtain).clock(clock);
    if let Some(file) = &options.store {
        // Of all processes that share the file, one refreshes each generation.
        tokens = tokens.store(FileStore::new(file));
    }
    let tokens = tokens.build();

    let origin = Origin::of(&url.parse()?)?;
    let layer = AuthLayer::new(tokens.clone()).origin(&origin.to_string())?;
    Ok((ServiceBuilder::new().layer(layer).service(http), tokens))
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    program("fastapi_users", async {
        match options.plan.demo {
            true => demo(options).await,
            false => run(&options).await,
        }
    })
    .await
}

pub(crate) async fn run(options: &Options) -> Result<(), BoxError> {
    let http = Http::new(Log::default())?;
    let log = http.log().clone();
    let (client, tokens) = client(options, http, Arc::new(SystemClock::new()))?;
    let url = options.url.as_deref().unwrap_or_default();
    let outcome = make_calls(client, url, &options.call, &options.plan, &log).await;
    // Waits for a renewal that may be under way: its refresh token would be lost.
    tokens.close().await;
    outcome
}

/// The same, with a strict imitation of the service in this process. Its access tokens are
/// good for two seconds.
pub(crate) async fn demo(options: Options) -> Result<(), BoxError> {
    let lifetimes = Lifetimes {
        access: Duration::from_secs(2),
        ..Lifetimes::default()
    };
    let service = mimic::Mimic::start(SystemClock::new(), lifetimes).await?;
    let directory = tempfile::tempdir()?;
    let or = |given: Option<String>, default: &str| given.or_else(|| Some(default.to_owned()));
    let options = Options {
        url: Some(service.url().to_owned()),
        username: or(options.username, mimic::USERNAME),
        password: or(options.password, mimic::PASSWORD),
        store: options
            .store
            .or_else(|| Some(directory.path().join("tokens.json"))),
        plan: options.plan.of_demo(),
        ..options
    };
    run(&options).await?;
    let seen = service.seen();
    println!("log-ins: {}, refreshes: {}", seen.logins, seen.refreshes);
    Ok(())
}
