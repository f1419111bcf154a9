//! A client to start from: reqwest, tokens brought by tower-bearer.
//!
//! `Reqwest` and `with_tokens` are what to copy. The tests run them as they are here.
//!
//! ```sh
//! cargo run --example reqwest_client --all-features -- --help
//! cargo run --example reqwest_client --all-features -- --demo
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{
    process::ExitCode,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Json, Router, routing::post};
use clap::Parser;
use http::header;
use reqwest::{Body, ClientBuilder, redirect};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_bearer::{
    Auth, AuthLayer, BoxError, BoxFuture, Origin, Refreshing, RequireJwt, TokenEndpoint,
    client::replay::{BufferedBodies, BufferedBody},
    oauth::{ClientAuth, ClientCredentials},
    test_util::AuthorizationServer,
};
use tower_http::map_request_body::{MapRequestBody, MapRequestBodyLayer};

/// `reqwest::Client` as a Tower service for `http` requests: what `AuthLayer` stands around,
/// and the way to the token endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Reqwest(reqwest::Client);

impl Reqwest {
    /// The client, which follows no redirects, whatever else was said. reqwest does by
    /// default, and below `AuthLayer`: a token endpoint that answers 307 would have the client
    /// secret sent to wherever it points.
    pub(crate) fn new(client: ClientBuilder) -> reqwest::Result<Self> {
        let client = client.redirect(redirect::Policy::none()).build()?;
        Ok(Self(client))
    }
}

impl Service<http::Request<Body>> for Reqwest {
    type Response = http::Response<Body>;
    type Error = reqwest::Error;
    type Future = BoxFuture<'static, Result<Self::Response, reqwest::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), reqwest::Error>> {
        Poll::Ready(Ok(())) // a connection is sought when there is a request for it
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let response = client.execute(request.try_into()?).await?;
            Ok(response.into())
        })
    }
}

/// reqwest's body can't be cloned, so what is to be sent again after a refusal is kept while
/// it is sent, up to 64 KiB; and reqwest wants its own body back.
pub(crate) type Client =
    Auth<MapRequestBody<Reqwest, fn(BufferedBody<Body>) -> Body>, BufferedBodies>;

pub(crate) fn with_tokens(http: Reqwest, tokens: AuthLayer) -> Client {
    ServiceBuilder::new()
        .layer(tokens.replay(BufferedBodies::default()))
        .layer(MapRequestBodyLayer::new(Body::wrap as fn(_) -> _))
        .service(http)
}

/// Posts JSON with a bearer token of an OAuth authorization server (client credentials).
#[derive(Debug, Parser)]
struct Options {
    /// Where to. Plain http only on this machine: a token is worth what it opens.
    #[arg(required_unless_present = "demo")]
    url: Option<http::Uri>,

    /// What to post.
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = json)]
    data: Value,

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

    /// Run against an authorization server and an API in this process, and end.
    #[arg(long)]
    demo: bool,
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))
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
            eprintln!("reqwest_client: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), BoxError> {
    let url = options.url.clone().unwrap_or_default();
    let http = Reqwest::new(ClientBuilder::new().timeout(Duration::from_secs(30)))?;
    let tokens = tokens(&options, http.clone())?;
    let layer = AuthLayer::new(tokens.clone()).origin(&Origin::of(&url)?.to_string())?;
    let mut client = with_tokens(http, layer);

    let answer = post_json(&mut client, &url.to_string(), &options.data).await?;
    println!("{answer}");
    // Waits for a renewal that may be under way, so that its token is not lost.
    tokens.close().await;
    Ok(())
}

fn tokens(options: &Options, http: Reqwest) -> Result<Refreshing, BoxError> {
    let id = options.client_id.clone().unwrap_or_default();
    let secret = options.client_secret.clone().unwrap_or_default();
    let endpoint = TokenEndpoint::new(options.token_url.as_deref().unwrap_or_default())?
        .client_auth(ClientAuth::basic(id, secret))
        .grant(ClientCredentials::new().scope(&options.scope.join(" ")))
        .over(http);
    Ok(Refreshing::new(endpoint))
}

/// What reqwest's own builder makes can be sent too: `http::Request::try_from` takes it.
async fn post_json(client: &mut Client, url: &str, data: &Value) -> Result<Value, BoxError> {
    let request = http::Request::post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(serde_json::to_vec(data)?))?;
    let response = client.ready().await?.call(request).await?;
    let response = reqwest::Response::from(response);
    Ok(response.error_for_status()?.json().await?)
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
    let builder = AuthorizationServer::builder().audience("orders");
    let provider = builder.listen().await?;
    let server = provider.server();
    let guard = RequireJwt::<Value>::new(server.validator(), server.clone());
    let echo = post(|Json(order): Json<Value>| async move { Json(json!({ "ordered": order })) });
    let app = Router::new().route("/orders", echo).layer(guard);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });

    let options = Options {
        url: None,
        data: Value::Null,
        token_url: Some(provider.token_url()),
        client_id: Some("client".into()),
        client_secret: Some("secret".into()),
        scope: vec!["orders:write".into()],
        demo: true,
    };
    let http = Reqwest::new(ClientBuilder::new().no_proxy())?;
    let tokens = tokens(&options, http.clone())?;
    let mut client = with_tokens(http, AuthLayer::new(tokens).origin(&origin)?);
    let url = format!("{origin}/orders");
    for (number, exchanges) in [(1, 1), (2, 1), (3, 2)] {
        if number == 3 {
            println!("the provider withdraws its key, and all tokens with it");
            server.rotate_keys()?;
            server.withdraw_old_keys();
        }
        let answer = post_json(&mut client, &url, &json!({ "item": number })).await?;
        let asked = server.requests().token;
        println!("{answer}, after {asked} exchange(s) with the authorization server");
        if asked != exchanges {
            return Err(format!("expected {exchanges}").into());
        }
    }
    let elsewhere = post_json(&mut client, "http://127.0.0.1:9/", &json!({})).await;
    let error = elsewhere.err().ok_or("a token went to a stranger")?;
    println!("elsewhere: {}", with_causes(&*error));
    Ok(())
}
