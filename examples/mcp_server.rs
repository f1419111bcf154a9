//! An MCP server to start from: tools over Streamable HTTP, for those who bring a token.
//!
//! ```sh
//! cargo run --example mcp_server --all-features -- --help
//! cargo run --example mcp_server --all-features -- --demo
//! ```
//!
//! What is said in JSON-RPC is as little as can be. What the protocol's authorization asks
//! for is all here: the metadata of the resource (RFC 9728), its address and the scope in
//! each challenge, tokens for this resource alone, and 403 where a tool needs more.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use axum::{
    Extension, Json, Router,
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use clap::Parser;
use http::{StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_bearer::{
    BoxError, HttpsClient, RemoteKeySet, RequireJwt, RequireScope, ScopeSet, Validator, Verified,
    challenge::Challenge,
    server::{Authentication, ResourceMetadata},
    test_util::{AuthorizationServer, Listening},
};

/// An MCP server with two tools: `list_orders` for tokens with the scope `orders:read`, and
/// `cancel_order` for those with `orders:write` as well.
#[derive(Parser)]
struct Options {
    /// Where to listen.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// The address under which clients know this server, with its path. Tokens have it for
    /// an audience.
    #[arg(long, env = "RESOURCE", default_value = "http://127.0.0.1:8080/mcp")]
    resource: String,

    /// Who makes the tokens: their `iss`, exactly. Its keys are found by discovery, and kept
    /// fresh.
    #[arg(long, env = "ISSUER", required_unless_present = "demo")]
    issuer: Option<String>,

    /// Run against an authorization server in this process, make some calls, and end.
    #[arg(long)]
    demo: bool,
}

/// The claims that this server reads, besides the ones that are always checked.
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
        run(options).await
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mcp_server: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), BoxError> {
    let listener = bind(options.listen).await?;
    let app = app(&options.resource, &options.issuer.unwrap_or_default()).await?;
    println!("listening on http://{}", listener.local_addr()?);
    println!("clients know it as {}", options.resource);
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app)
        .with_graceful_shutdown(interrupted)
        .await?;
    Ok(())
}

async fn app(resource: &str, issuer: &str) -> Result<Router, BoxError> {
    let metadata = ResourceMetadata::new(resource)?
        .authorization_server(issuer)
        .scopes_supported(["orders:read", "orders:write"]);
    let challenge = Challenge::bearer()
        .resource_metadata(metadata.url())?
        .scope(&ScopeSet::parse("orders:read"));

    let keys = RemoteKeySet::discover(issuer)?.over(HttpsClient::new()?);
    // Without this it would start all the same, and answer 503 until there are keys.
    keys.ready(Duration::from_secs(10)).await?;
    let guard = RequireJwt::<Claims>::new(Validator::new(issuer, resource), keys)
        .challenge(challenge)
        .remove_credentials(); // a server must not pass on the token that it was given

    let path = resource.parse::<http::Uri>()?.path().to_owned();
    let well_known = metadata.path().to_owned();
    Ok(Router::new()
        .route(&path, post(answer)) // GET is 405: this server starts no streams
        .layer(RequireScope::all(["orders:read"]))
        .layer(guard)
        .layer(middleware::from_fn(refuse_pages_of_others))
        .route_service(&well_known, metadata)) // outside the guard
}

/// A page of another site may have been given a name that leads here ("DNS rebinding").
async fn refuse_pages_of_others(request: Request, next: Next) -> Response {
    let is_page = request.headers().contains_key(header::ORIGIN);
    if is_page {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

/// A message of JSON-RPC.
#[derive(Deserialize)]
struct Message {
    id: Option<Value>,
    method: String,
    #[serde(default)]
    params: Value,
}

async fn answer(
    token: Verified<Claims>,
    caller: Extension<Authentication>,
    Json(message): Json<Message>,
) -> Response {
    let Some(id) = message.id else {
        return StatusCode::ACCEPTED.into_response(); // a notification
    };
    let outcome = match message.method.as_str() {
        "initialize" => Ok(json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "orders", "version": env!("CARGO_PKG_VERSION") },
        })),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({ "tools": [tool("list_orders"), tool("cancel_order")] })),
        "tools/call" => match name(&message.params) {
            Some("list_orders") => Ok(text(format!("the orders of {}", token.claims().sub))),
            // Only the body says which tool is called, so that a layer can't ask for this.
            Some("cancel_order") => match RequireScope::all(["orders:write"]).check(&caller) {
                Ok(()) => Ok(text("cancelled".to_owned())),
                Err(refusal) => return refusal.into_response(),
            },
            _ => Err(json!({ "code": -32602, "message": "no such tool" })),
        },
        _ => Err(json!({ "code": -32601, "message": "no such method" })),
    };
    let (member, value) = match outcome {
        Ok(result) => ("result", result),
        Err(error) => ("error", error),
    };
    Json(json!({ "jsonrpc": "2.0", "id": id, member: value })).into_response()
}

/// Of the tool that is called.
fn name(params: &Value) -> Option<&str> {
    params.get("name")?.as_str()
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "inputSchema": { "type": "object" } })
}

fn text(text: String) -> Value {
    json!({ "content": [{ "type": "text", "text": text }] })
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

/// The same server, with what an MCP client does who has never been here.
async fn demo() -> Result<(), BoxError> {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let resource = format!("http://{}/mcp", listener.local_addr()?);
    let builder = AuthorizationServer::builder().audience(&*resource);
    let provider = builder.listen().await?;
    let app = app(&resource, provider.server().issuer()).await?;
    tokio::spawn(async move { axum::serve(listener, app).await });

    let mut client = McpClient::new(&resource, &provider);
    client
        .call("initialize", json!({}), StatusCode::UNAUTHORIZED)
        .await?;
    client.read_metadata().await?;
    client.ask_for_token("orders:read")?;
    client.call("initialize", json!({}), StatusCode::OK).await?;
    client.call("tools/list", json!({}), StatusCode::OK).await?;
    let list = json!({ "name": "list_orders" });
    client.call("tools/call", list, StatusCode::OK).await?;
    let cancel = json!({ "name": "cancel_order" });
    client
        .call("tools/call", cancel.clone(), StatusCode::FORBIDDEN)
        .await?;
    client.ask_for_token("orders:read orders:write")?;
    client.call("tools/call", cancel, StatusCode::OK).await
}

struct McpClient<'a> {
    http: Client<HttpConnector, Full<Bytes>>,
    resource: &'a str,
    /// Where the challenge said that the metadata is.
    metadata: Option<String>,
    provider: &'a Listening,
    token: Option<String>,
}

impl<'a> McpClient<'a> {
    fn new(resource: &'a str, provider: &'a Listening) -> Self {
        Self {
            http: Client::builder(TokioExecutor::new()).build_http(),
            resource,
            metadata: None,
            provider,
            token: None,
        }
    }

    async fn call(
        &mut self,
        method: &str,
        params: Value,
        expected: StatusCode,
    ) -> Result<(), BoxError> {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut request = http::Request::post(self.resource)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::from(message.to_string()))?;
        let response = self.http.request(request).await?;
        let status = response.status();
        let named = name(&params).unwrap_or_default();
        println!("{method:<11}{named:<13}{status}");
        for challenge in Challenge::parse_all(response.headers()) {
            println!("                        {challenge}");
            let address = challenge.parameter("resource_metadata");
            self.metadata = address.map(str::to_owned).or(self.metadata.take());
        }
        let body = response.into_body().collect().await?.to_bytes();
        if status.is_success() {
            let answer: Value = serde_json::from_slice(&body)?;
            println!(
                "                        {}",
                answer.get("result").unwrap_or(&answer)
            );
        }
        if status == expected {
            Ok(())
        } else {
            Err(format!("{method}: expected {expected}").into())
        }
    }

    async fn read_metadata(&self) -> Result<(), BoxError> {
        let address = self.metadata.as_deref().ok_or("no metadata was named")?;
        let request = http::Request::get(address).body(Full::default())?;
        let response = self.http.request(request).await?;
        let body = response.into_body().collect().await?.to_bytes();
        println!("metadata                {}", String::from_utf8_lossy(&body));
        Ok(())
    }

    /// Stands for the log-in in a browser, at the authorization server of the metadata.
    fn ask_for_token(&mut self, scope: &str) -> Result<(), BoxError> {
        let claims = json!({ "sub": "alice", "scope": scope });
        let token = self.provider.server().mint(claims)?;
        println!("token                   for alice, with the scope {scope}");
        self.token = Some(token.expose().to_owned());
        Ok(())
    }
}
