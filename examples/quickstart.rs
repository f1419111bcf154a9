//! Bearer tokens at both ends, over TCP on 127.0.0.1, in one process:
//!
//! ```sh
//! cargo run --example quickstart --features axum,test-util
//! ```
//!
//! An authorization server, an API that checks tokens and a client that brings them go
//! through a day in the life of a token. Ends with exit status 0 only if all went as the
//! table says.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::{
    future::Future,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use tokio::{net::TcpListener, task::JoinSet, time::sleep};
use tower::{Layer, Service, ServiceExt};
use tower_bearer::{
    Auth, AuthLayer, BoxError, KeySet, Refreshing, RequireJwt, RequireScope, TokenEndpoint,
    Verified,
    oauth::{ClientAuth, ClientCredentials},
    test_util::{AuthorizationServer, Endpoint, Fault, Listening, ManualClock, RegisteredClient},
};

type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// Late enough in the life of a token of one hour for it to be renewed ahead.
const NEARLY_OVER: Duration = Duration::from_secs(58 * 60);

#[tokio::main]
async fn main() -> ExitCode {
    let table = match a_day_in_the_life_of_a_token().await {
        Ok(table) => table,
        Err(error) => {
            eprintln!("quickstart could not run: {error}");
            let causes = std::iter::successors(error.source(), |cause| cause.source());
            causes.for_each(|cause| eprintln!("  because: {cause}"));
            return ExitCode::FAILURE;
        }
    };
    println!("\n{:<28}{:<7}what was seen", "what should happen", "");
    for Row { should, seen, ok } in &table {
        let mark = if *ok { "ok" } else { "FAILED" };
        println!("{should:<28}{mark:<7}{seen}");
    }
    println!();
    ExitCode::from(u8::from(!table.iter().all(|row| row.ok)))
}

struct Row {
    should: &'static str,
    seen: String,
    ok: bool,
}

async fn a_day_in_the_life_of_a_token() -> Result<Vec<Row>, BoxError> {
    let mut world = World::start().await?;
    println!("authorization server at {}", world.provider.url());
    println!("API                  at {}", world.api.url);
    Ok(vec![
        world.fetched_once().await?,
        world.served().await?,
        world.renewed_ahead().await?,
        world.revoked().await?,
        world.wrong_scope().await?,
        world.no_token().await?,
        world.tampered().await?,
        world.provider_down().await?,
    ])
}

/// Three parties, and a clock that moves when told.
struct World {
    clock: ManualClock,
    provider: Listening,
    api: Api,
    tokens: Refreshing,
    client: Auth<HttpClient>,
    without_tokens: HttpClient,
}

impl World {
    async fn start() -> Result<Self, BoxError> {
        let clock = ManualClock::new();
        let provider = AuthorizationServer::builder()
            .audience("orders")
            .client(RegisteredClient::new("orders-job", "hunter2").scopes(["orders:read"]))
            .clock(clock.clone())
            .listen()
            .await?;
        let http: HttpClient = Client::builder(TokioExecutor::new()).build_http();
        let api = Api::start(&provider, &http, &clock).await?;

        // The client's side of tower-bearer:
        let endpoint = TokenEndpoint::new(&provider.token_url())?
            .client_auth(ClientAuth::basic("orders-job", "hunter2"))
            .grant(ClientCredentials::new().scope("orders:read"))
            .clock(clock.clone())
            .over(http.clone());
        let tokens = Refreshing::builder(endpoint).clock(clock.clone()).build();
        let client = AuthLayer::new(tokens.clone())
            .origin(&api.url)?
            .layer(http.clone());

        Ok(Self {
            clock,
            provider,
            api,
            tokens,
            client,
            without_tokens: http,
        })
    }

    async fn fetched_once(&mut self) -> Result<Row, BoxError> {
        let slow = Fault::Delay(Duration::from_millis(100));
        self.provider.server().fail_next(Endpoint::Token, slow);
        let answers = self.calls(200).await?;
        let served = answers.iter().filter(|answer| answer.status.is_success());
        let (served, exchanges) = (served.count(), self.exchanges());
        Ok(Row {
            should: "token fetched once",
            seen: format!("200 concurrent callers, {served} served, {exchanges} exchange"),
            ok: served == 200 && exchanges == 1,
        })
    }

    async fn served(&mut self) -> Result<Row, BoxError> {
        let answer = self.call("/orders").await?;
        Ok(Row {
            should: "request served",
            seen: format!("{} {:?}", answer.status, answer.text),
            ok: answer.status == StatusCode::OK && answer.text.contains("orders-job"),
        })
    }

    async fn renewed_ahead(&mut self) -> Result<Row, BoxError> {
        let before = self.call("/orders").await?.text;
        let slow = Fault::Delay(Duration::from_secs(1));
        self.provider.server().fail_next(Endpoint::Token, slow);
        self.clock.advance(NEARLY_OVER);
        let answers = self.calls(50).await?;
        let unhindered = answers
            .iter()
            .filter(|answer| answer.text == before)
            .count();
        let replaced = soon(async || Ok(self.clone_call().await?.text != before)).await?;
        let exchanges = self.exchanges();
        Ok(Row {
            should: "renewed ahead",
            seen: format!(
                "{unhindered} of 50 callers served with the old token meanwhile, \
                 then a new one: {exchanges} exchanges"
            ),
            ok: unhindered == 50 && replaced && exchanges == 2,
        })
    }

    async fn revoked(&mut self) -> Result<Row, BoxError> {
        self.provider.server().revoke_all();
        let (calls, exchanges) = (self.api.requests(), self.exchanges());
        let answer = self.call("/orders").await?;
        let (calls, exchanges) = (self.api.requests() - calls, self.exchanges() - exchanges);
        Ok(Row {
            should: "revoked: renewed, replayed",
            seen: format!(
                "{} after {calls} sendings and {exchanges} exchange",
                answer.status
            ),
            ok: answer.status == StatusCode::OK && calls == 2 && exchanges == 1,
        })
    }

    async fn wrong_scope(&mut self) -> Result<Row, BoxError> {
        let answer = self.call("/invoices").await?;
        Ok(Row {
            should: "wrong scope: 403",
            ok: answer.status == StatusCode::FORBIDDEN
                && answer.challenge().contains("insufficient_scope"),
            seen: answer.refusal(),
        })
    }

    async fn no_token(&mut self) -> Result<Row, BoxError> {
        let request = self.api.request("/orders")?;
        let answer = Answer::of(&mut self.without_tokens, request).await?;
        Ok(Row {
            should: "no token: 401",
            // RFC 6750 §3.1: no error code where there were no credentials.
            ok: answer.status == StatusCode::UNAUTHORIZED
                && answer.challenge().starts_with("Bearer ")
                && !answer.challenge().contains("error"),
            seen: answer.refusal(),
        })
    }

    async fn tampered(&mut self) -> Result<Row, BoxError> {
        let token = self.tokens.token().await?;
        let (signed, signature) = token.expose().rsplit_once('.').unwrap_or_default();
        let other = if signature.starts_with('A') { 'B' } else { 'A' };
        let forged = format!(
            "Bearer {signed}.{other}{}",
            signature.get(1..).unwrap_or("")
        );
        let mut request = self.api.request("/orders")?;
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, forged.parse()?);
        let answer = Answer::of(&mut self.without_tokens, request).await?;
        Ok(Row {
            should: "tampered: 401",
            ok: answer.status == StatusCode::UNAUTHORIZED
                && answer.challenge().contains("invalid_token"),
            seen: answer.refusal(),
        })
    }

    async fn provider_down(mut self) -> Result<Row, BoxError> {
        self.clock.advance(NEARLY_OVER);
        self.provider.stop().await;
        let request = self.api.request("/orders")?;
        let answer = Answer::of(&mut self.client, request).await?;
        self.tokens.close().await;
        Ok(Row {
            should: "provider down: still served",
            seen: format!("{} although no token can be fetched", answer.status),
            ok: answer.status == StatusCode::OK,
        })
    }

    /// How often a token was asked for.
    fn exchanges(&self) -> u64 {
        self.provider.server().requests().token
    }

    async fn call(&mut self, path: &str) -> Result<Answer, BoxError> {
        Answer::of(&mut self.client, self.api.request(path)?).await
    }

    async fn clone_call(&self) -> Result<Answer, BoxError> {
        Answer::of(&mut self.client.clone(), self.api.request("/orders")?).await
    }

    async fn calls(&self, count: usize) -> Result<Vec<Answer>, BoxError> {
        let mut calls = JoinSet::new();
        for _ in 0..count {
            let (mut client, request) = (self.client.clone(), self.api.request("/orders")?);
            calls.spawn(async move { Answer::of(&mut client, request).await });
        }
        calls.join_all().await.into_iter().collect()
    }
}

/// The API: an axum router with the server's side of tower-bearer around it.
struct Api {
    url: String,
    requests: Arc<AtomicU64>,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    jti: String,
}

async fn orders(token: Verified<Claims>) -> String {
    let Claims { sub, jti } = token.claims();
    format!("orders of {sub}, by {jti}")
}

impl Api {
    async fn start(
        provider: &Listening,
        http: &HttpClient,
        clock: &ManualClock,
    ) -> Result<Self, BoxError> {
        let jwks = http.get(provider.jwks_url().parse()?).await?;
        let keys = KeySet::from_jwks(jwks.into_body().collect().await?.to_bytes())?;
        let validator = provider.server().validator();
        let requests = Arc::new(AtomicU64::new(0));

        let app = Router::new()
            .route(
                "/orders",
                get(orders).layer(RequireScope::all(["orders:read"])),
            )
            .route(
                "/invoices",
                get(orders).layer(RequireScope::all(["invoices:read"])),
            )
            .layer(middleware::from_fn_with_state(
                provider.server().clone(),
                not_revoked,
            ))
            .layer(RequireJwt::<Claims>::new(validator, keys).clock(clock.clone()))
            .layer(middleware::from_fn_with_state(requests.clone(), count));

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, requests })
    }

    fn request(&self, path: &str) -> Result<http::Request<Full<Bytes>>, http::Error> {
        http::Request::get(format!("{}{path}", self.url)).body(Full::default())
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

async fn count(State(requests): State<Arc<AtomicU64>>, request: Request, next: Next) -> Response {
    requests.fetch_add(1, Ordering::Relaxed);
    next.run(request).await
}

/// Stands for whatever tells an API that a token was revoked.
async fn not_revoked(
    State(provider): State<AuthorizationServer>,
    token: Verified<Claims>,
    request: Request,
    next: Next,
) -> Response {
    if provider.is_revoked(token.expose_token()) {
        let challenge = [(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    next.run(request).await
}

/// What came back, read whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    async fn of<S, B>(client: &mut S, request: http::Request<Full<Bytes>>) -> Result<Self, BoxError>
    where
        S: Service<http::Request<Full<Bytes>>, Response = http::Response<B>>,
        S::Error: Into<BoxError>,
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        let ready = client.ready().await.map_err(Into::into)?;
        let (parts, body) = ready.call(request).await.map_err(Into::into)?.into_parts();
        let bytes = body.collect().await.map_err(Into::into)?.to_bytes();
        Ok(Self {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    fn challenge(&self) -> &str {
        let value = self.headers.get(header::WWW_AUTHENTICATE);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    fn refusal(&self) -> String {
        format!("{}, WWW-Authenticate: {}", self.status, self.challenge())
    }
}

/// Whether it comes true within 5 s.
async fn soon<F>(mut test: impl FnMut() -> F) -> Result<bool, BoxError>
where
    F: Future<Output = Result<bool, BoxError>>,
{
    for _ in 0..250 {
        if test().await? {
            return Ok(true);
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(false)
}
