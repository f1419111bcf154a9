//! A client of MoreLogin's two APIs: that of the desktop client on this machine, with a token
//! that stands alone in its header, or with none; and that of the cloud, where everything comes
//! in an envelope.
//!
//! ```sh
//! cargo run --example morelogin --all-features -- --help
//! cargo run --example morelogin --all-features -- --demo
//! cargo run --example morelogin --all-features -- --demo --api open
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

pub(crate) mod common;
#[path = "../tests/mimics/mod.rs"]
pub(crate) mod mimics;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Parser, ValueEnum};
use common::{Call, Http, Log, Plan, base, make_calls, program};
use mimics::{Lifetimes, morelogin as mimic};
use tower::{ServiceBuilder, util::Either};
use tower_bearer::{
    AccessToken, Auth, AuthLayer, BoxError, ClientAuth, ClientCredentials, Origin, Refreshing,
    TokenEndpoint,
    client::{
        TokenSource,
        envelope::{Envelope, EnvelopeLayer},
        source,
    },
    clock::{Clock, SystemClock},
    json_pointer::JsonPointerError,
    oauth::AnswerFormat,
    token::Scheme,
};

/// Calls MoreLogin.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    /// Which of its APIs.
    #[arg(long, env = "MORELOGIN_API", default_value = "local")]
    pub(crate) api: Api,

    /// Where it is: http://127.0.0.1:40000 or https://api.morelogin.com unless given.
    #[arg(long, env = "MORELOGIN_URL", value_parser = base)]
    url: Option<String>,

    /// For the local API: its token, if authentication is switched on there. Rather in the
    /// environment, as MORELOGIN_TOKEN: others on this machine can read flags.
    #[arg(long)]
    token: Option<String>,

    /// The same in a file, which is read again once when the token was regenerated.
    #[arg(
        long,
        env = "MORELOGIN_TOKEN_FILE",
        value_name = "FILE",
        conflicts_with = "token"
    )]
    token_file: Option<PathBuf>,

    /// For the open API: the API ID.
    #[arg(long, env = "MORELOGIN_ID")]
    id: Option<String>,

    /// For the open API: the API key. Rather by the environment.
    #[arg(
        long,
        env = "MORELOGIN_SECRET",
        hide_env_values = true,
        requires = "id"
    )]
    secret: Option<String>,

    /// What to call: `METHOD PATH`, and JSON behind it for a body. A list unless given:
    /// `POST /api/env/page` or `POST /cloudphone/app/page`.
    #[arg(long)]
    call: Option<Call>,

    #[command(flatten)]
    plan: Plan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Api {
    /// Of the desktop client, on this machine.
    Local,
    /// Of the cloud.
    Open,
}

const VARIABLE: &str = "MORELOGIN_TOKEN";

/// A client of the local API. Authentication is one switch: the layer is there or not. `clock`
/// is the system's, unless a test moves one.
pub(crate) fn local(
    options: &Options,
    http: Http,
    clock: Arc<dyn Clock>,
) -> Result<Either<Auth<Envelope<Http>>, Envelope<Http>>, BoxError> {
    // A token may be regenerated: where one is refused, its file or variable is read again,
    // once, and then it is an error.
    let token: Option<Arc<dyn TokenSource>> = match (&options.token, &options.token_file) {
        (Some(token), _) => Some(Arc::new(AccessToken::new(token.as_str())?)),
        (None, Some(file)) => Some(Arc::new(source::from_file(file).clock(clock))),
        (None, None) if std::env::var_os(VARIABLE).is_some() => {
            Some(Arc::new(source::from_env(VARIABLE)))
        }
        (None, None) => None,
    };
    let origin = Origin::of(&options.url().parse()?)?.to_string();
    let auth = token.map(|token| {
        AuthLayer::new(token)
            .token_in(Scheme::bare())
            .origin(&origin)
    });
    Ok(ServiceBuilder::new()
        .option_layer(auth.transpose()?)
        .layer(envelope()?)
        .service(http))
}

/// A client of the open API, and a handle of its tokens.
pub(crate) fn open(
    options: &Options,
    http: Http,
    clock: Arc<dyn Clock>,
) -> Result<(Auth<Envelope<Http>>, Refreshing), BoxError> {
    let url = options.url();
    let (Some(id), Some(secret)) = (&options.id, &options.secret) else {
        return Err("the open API needs --id and --secret".into());
    };

    let endpoint = TokenEndpoint::new(&format!("{url}/oauth2/token"))?
        .json()
        .client_auth(ClientAuth::post(id, secret.as_str()))
        .grant(ClientCredentials::new())
        // A `code` other than 0 is a failure, also under HTTP 200.
        .answer(
            AnswerFormat::under("/data")?
                .failed_unless("/code", [0])?
                .message_at("/msg")?
                .request_id_at("/requestId")?,
        )
        .clock(clock.clone());
    let obtain = http.log().watch("fetched", endpoint.over(http.clone()));
    let tokens = Refreshing::builder(obtain).clock(clock).build();

    let origin = Origin::of(&url.parse()?)?.to_string();
    let client = ServiceBuilder::new()
        .layer(AuthLayer::new(tokens.clone()).origin(&origin)?)
        .layer(envelope()?)
        .service(http);
    Ok((client, tokens))
}

/// The same of the answers to calls, so that a failure under 200 is an error of the client.
fn envelope() -> Result<EnvelopeLayer, JsonPointerError> {
    EnvelopeLayer::new()
        .statuses(|_| true)
        .failed_unless("/code", [0])?
        .message_at("/msg")?
        .request_id_at("/requestId")
}

impl Options {
    pub(crate) fn url(&self) -> &str {
        let default = match self.api {
            Api::Local => "http://127.0.0.1:40000",
            Api::Open => "https://api.morelogin.com",
        };
        self.url.as_deref().unwrap_or(default)
    }

    pub(crate) fn call(&self) -> Result<Call, String> {
        let call = match (&self.call, self.api) {
            (Some(call), _) => Ok(call.clone()),
            (None, Api::Local) => "POST /api/env/page".parse(),
            (None, Api::Open) => "POST /cloudphone/app/page".parse(),
        };
        call.map(|call: Call| call.or_json(r#"{"pageNo":1,"pageSize":10}"#))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    program("morelogin", async {
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
    let clock = Arc::new(SystemClock::new());
    let (url, call, plan) = (options.url(), options.call()?, &options.plan);
    match options.api {
        Api::Local => {
            let client = local(options, http, clock)?;
            make_calls(client, url, &call, plan, &log).await
        }
        Api::Open => {
            let (client, tokens) = open(options, http, clock)?;
            let outcome = make_calls(client, url, &call, plan, &log).await;
            tokens.close().await;
            outcome
        }
    }
}

/// The same, with a strict imitation of the API in this process. The cloud's tokens are good
/// for two seconds.
async fn demo(options: Options) -> Result<(), BoxError> {
    let plan = options.plan.clone().of_demo();
    let options = Options { plan, ..options };
    let or = |given: Option<String>, default: &str| given.or_else(|| Some(default.to_owned()));
    match options.api {
        Api::Local => {
            let desktop = mimic::Local::start(SystemClock::new()).await?;
            let url = Some(desktop.url().to_owned());
            println!("without authentication:");
            let token = None;
            run(&Options {
                url: url.clone(),
                token,
                ..options.clone()
            })
            .await?;
            println!("switched on:");
            desktop.switch_on();
            let token = or(options.token.clone(), mimic::TOKEN);
            run(&Options {
                url,
                token,
                ..options
            })
            .await
        }
        Api::Open => {
            let lifetimes = Lifetimes {
                access: Duration::from_secs(2),
                ..Lifetimes::default()
            };
            let cloud = mimic::Open::start(SystemClock::new(), lifetimes).await?;
            let options = Options {
                url: Some(cloud.url().to_owned()),
                id: or(options.id, mimic::API_ID),
                secret: or(options.secret, mimic::API_KEY),
                ..options
            };
            run(&options).await?;
            println!("tokens fetched: {}", cloud.seen().logins);
            Ok(())
        }
    }
}
