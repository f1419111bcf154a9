//! `--login`: a small API with pages for people who have logged in by the log-in page.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    extract::Path,
    response::Html,
    routing::{get, post},
};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_bearer::{
    BoxError, ClientAuth, HttpsClient, Validator, Verified,
    login::{Provider, RequireLogin, SealingKey, Site},
    test_util::{AuthorizationServer, Listening, RefreshTokens, RegisteredClient},
};

use super::{
    Options,
    browser::{Browser, Page},
};

/// What `--login` takes besides.
#[derive(Args, Clone, Debug)]
pub(crate) struct Flags {
    /// Serve an API of one's own, with pages for people who log in at mluvii. Ctrl-C ends it.
    #[arg(long)]
    pub(crate) login: bool,

    /// Where browsers see these pages. `/login/callback` below it is what mluvii has to know.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        requires = "login"
    )]
    pub(crate) site: String,

    /// Where to listen.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080",
        requires = "login"
    )]
    pub(crate) listen: SocketAddr,

    /// Who logs people in: `/login` below `--url` unless given.
    #[arg(long, value_name = "URL", requires = "login")]
    pub(crate) issuer: Option<String>,

    /// What bearer tokens for this API name as their audience.
    #[arg(long, default_value = "sessions", requires = "login")]
    pub(crate) audience: String,

    /// 32 bytes in base64 that seal the cookies: new ones for this process unless given. By the
    /// environment, for others on this machine can read flags.
    #[arg(
        long,
        value_name = "KEY",
        env = "MLUVII_SEALING_KEY",
        hide_env_values = true,
        requires = "login"
    )]
    pub(crate) sealing_key: Option<String>,
}

#[derive(Deserialize)]
struct Person {
    sub: String,
}

pub(crate) fn app(options: &Options) -> Result<Router, BoxError> {
    Ok(Router::new()
        .route("/", get(page))
        .route("/sessions/{id}", get(page))
        .route("/api/v1/me", get(me))
        .route("/api/v1/Sessions/{id}", get(session))
        .route("/api/v1/Sessions/{id}/close", post(close))
        .layer(layer(options)?))
}

fn layer(options: &Options) -> Result<RequireLogin<Person>, BoxError> {
    let flags = &options.site;
    let below = || format!("{}/login", options.url);
    let issuer = flags.issuer.clone().unwrap_or_else(below);
    let id = options.id.as_deref().unwrap_or_default();
    let secret = options.secret.as_deref().unwrap_or_default();
    let provider = Provider::discover(&issuer, ClientAuth::post(id, secret))?
        .scope("offline_access")
        .over(HttpsClient::new()?);
    let key = match &flags.sealing_key {
        Some(key) => SealingKey::from_base64(key)?,
        None => SealingKey::generate()?,
    };
    let site = Site::new(provider, &flags.site, key)?
        // This is one process.
        .renew_in_cookie()
        .log_out_at_provider();
    let bearer_tokens = Validator::new(&*issuer, &*flags.audience);
    Ok(RequireLogin::new(bearer_tokens, site))
}

/// Its script asks the API who is logged in: the cookie is enough for that.
async fn page(_: Verified<Person>) -> Html<&'static str> {
    Html(include_str!("page.html"))
}

async fn me(token: Verified<Person>) -> Json<Value> {
    Json(json!({ "sub": token.claims().sub }))
}

async fn session(Path(id): Path<u32>, token: Verified<Person>) -> Json<Value> {
    Json(json!({ "id": id, "channel": "CHAT", "seen_by": token.claims().sub }))
}

async fn close(Path(id): Path<u32>, token: Verified<Person>) -> Json<Value> {
    Json(json!({ "id": id, "closed_by": token.claims().sub }))
}

pub(crate) async fn run(options: &Options) -> Result<(), BoxError> {
    let app = app(options)?;
    let listener = TcpListener::bind(options.site.listen).await?;
    println!("pages at {}/", options.site.site);
    let ended = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app)
        .with_graceful_shutdown(ended)
        .await?;
    Ok(())
}

/// The same, with a provider in this process and a browser that a person would have.
pub(crate) async fn demo(options: Options) -> Result<(), BoxError> {
    let world = World::start(options).await?;
    visit(&world.site).await?;
    let requests = world.provider.server().requests();
    println!("logouts at the provider: {}", requests.end_session);
    Ok(())
}

/// The pages and a provider, each on a port of its own.
pub(crate) struct World {
    pub(crate) site: String,
    pub(crate) provider: Listening,
}

impl World {
    pub(crate) async fn start(options: Options) -> Result<Self, BoxError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let site = format!("http://{}", listener.local_addr()?);
        let client = RegisteredClient::new("pages", "the secret of the pages")
            .redirect_uri(format!("{site}/login/callback"))
            .post_logout_redirect_uri(format!("{site}/logout"));
        let provider = AuthorizationServer::builder()
            .user("alice", "correct horse")
            .client(client)
            .refresh_tokens(RefreshTokens::Rotated)
            .audience(&*options.site.audience)
            .listen()
            .await?;
        let options = Options {
            id: Some("pages".to_owned()),
            secret: Some("the secret of the pages".to_owned()),
            site: Flags {
                site: site.clone(),
                issuer: Some(provider.url()),
                ..options.site
            },
            ..options
        };
        let app = app(&options)?;
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { site, provider })
    }
}

/// What a person does, and what comes of it.
async fn visit(site: &str) -> Result<(), BoxError> {
    let mut browser = Browser::new()?;
    let api = format!("{site}/api/v1/me");
    let close = format!("{site}/api/v1/Sessions/17/close");
    let wrong = [("username", "alice"), ("password", "guessed")];
    let right = [("username", "alice"), ("password", "correct horse")];

    let script = browser.fetch("GET", &api).await?;
    show("a script, without a session", &script, "401")?;
    let login = browser.open(&format!("{site}/sessions/17")).await?;
    show("a page, without a session", &login, "200 Log in")?;
    let again = browser.submit(&login, &wrong).await?;
    show("a wrong password", &again, "200 Log in")?;
    let page = browser.submit(&login, &right).await?;
    show("the right one", &page, "200 Sessions")?;
    let script = browser.fetch("GET", &api).await?;
    show("a script of that page", &script, "200 {\"sub\":\"alice\"}")?;
    let closed = browser.fetch("POST", &close).await?;
    show(
        "it changes something",
        &closed,
        "200 {\"closed_by\":\"alice\",\"id\":17}",
    )?;
    let out = browser.post(&format!("{site}/logout")).await?;
    show("logs out, here and there", &out, "200 Logged out")?;
    let script = browser.fetch("GET", &api).await?;
    show("a script after that", &script, "401")
}

fn show(what: &str, page: &Page, expected: &str) -> Result<(), BoxError> {
    println!("{what:<28} {:<34} {}", page.said(), page.place());
    match page.said() == expected {
        true => Ok(()),
        false => Err(format!("expected `{expected}` there").into()),
    }
}
