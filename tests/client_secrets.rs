//! What the client's end logs: each event with its level and fields, and never a secret.
#![cfg(feature = "test-util")]
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use tower::{Layer, ServiceExt, service_fn};
use tower_bearer::{
    AccessToken, AuthLayer, BoxError, BoxFuture, Refreshing, TokenEndpoint,
    client::{
        TokenSource, TokenStore,
        envelope::EnvelopeLayer,
        replay::BufferedBodies,
        source,
        store::{ExchangeError, MemoryStore, Renewal},
    },
    oauth::{ClientAuth, ClientCredentials, ObtainError, ObtainToken},
    test_util::{AuthorizationServer, Endpoint, Fault, RefreshTokens, RegisteredClient},
    token::{RefreshToken, Tokens},
};

use support::{HOUR, Log, SECOND, settle};

const SECRET: &str = "hunter2";
const API: &str = "https://api.example/orders?api_key=hunter2";

/// An authorization server, a source over it, and an API that knows what was revoked.
#[derive(Clone)]
struct World {
    server: AuthorizationServer,
    tokens: Refreshing,
    seen: Seen,
    /// Refuses every token.
    is_closed: Arc<AtomicBool>,
}

/// Every secret that was on its way.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, secret: &str) {
        self.0.lock().unwrap().push(secret.to_owned());
    }

    #[track_caller]
    fn assert_hidden(&self, printed: &str, row: &str) {
        for secret in self.0.lock().unwrap().iter() {
            // Of a JWT, each part: the beginning of one is enough to be recognised.
            for part in secret.split('.') {
                let part = part.get(..20).unwrap_or(part);
                assert!(!printed.contains(part), "{row}: {part} shows in\n{printed}");
            }
        }
    }
}

/// Sees what comes of a source.
struct Spy(TokenEndpoint, Seen);

impl Spy {
    fn note(&self, outcome: Result<Tokens, ObtainError>) -> Result<Tokens, ObtainError> {
        if let Ok(tokens) = &outcome {
            self.1.note(tokens.access_token().expose());
            self.1
                .note(tokens.refresh_token().unwrap().secret().expose());
        }
        outcome
    }
}

impl ObtainToken for Spy {
    fn obtain(&self) -> BoxFuture<'_, Result<Tokens, ObtainError>> {
        Box::pin(async { self.note(self.0.obtain().await) })
    }

    fn refresh<'a>(
        &'a self,
        token: &'a RefreshToken,
    ) -> BoxFuture<'a, Result<Tokens, ObtainError>> {
        Box::pin(async { self.note(self.0.refresh(token).await) })
    }

    fn name(&self) -> &str {
        self.0.name()
    }
}

type Body = BoxBody<Bytes, Infallible>;

impl World {
    fn new(store: impl TokenStore) -> Self {
        let server = AuthorizationServer::builder()
            .client(RegisteredClient::new("orders-job", SECRET))
            .refresh_tokens(RefreshTokens::Rotated)
            .build()
            .unwrap();
        let seen = Seen::default();
        seen.note(SECRET);
        let endpoint = TokenEndpoint::new(&format!("{}?key={SECRET}", server.token_url()))
            .unwrap()
            .client_auth(ClientAuth::post("orders-job", SECRET))
            .grant(ClientCredentials::new())
            .clock(server.clock().clone())
            .over(server.clone());
        let tokens = Refreshing::builder(Spy(endpoint, seen.clone()))
            .store(store)
            .clock(server.clock().clone())
            .build();
        Self {
            server,
            seen,
            tokens,
            is_closed: Arc::default(),
        }
    }

    async fn get(&self) -> Result<StatusCode, BoxError> {
        let request = Request::get(API).body(Full::default().boxed()).unwrap();
        self.send(self.tokens.clone(), request).await
    }

    async fn send(
        &self,
        tokens: impl TokenSource,
        request: Request<Body>,
    ) -> Result<StatusCode, BoxError> {
        let world = self.clone();
        let api = service_fn(move |request: Request<_>| {
            let response = world.answer(&request);
            async { Ok::<_, Infallible>(response) }
        });
        let layer = AuthLayer::new(tokens)
            .origin("https://api.example")
            .unwrap()
            .replay(BufferedBodies::up_to(10));
        let envelope = EnvelopeLayer::new().failed_unless("/code", [0]).unwrap();
        let client = layer.layer(envelope.layer(api));
        Ok(client.oneshot(request).await?.status())
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        let value = request.headers()[header::AUTHORIZATION].to_str().unwrap();
        let token = value.strip_prefix("Bearer ").unwrap();
        let is_refused = self.is_closed.load(Ordering::SeqCst) || self.server.is_revoked(token);
        let frame = Ok(Frame::data(Bytes::from("shorter")));
        let body = StreamBody::new(futures::stream::iter([frame]));
        let mut response = Response::new(body.boxed());
        if is_refused {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        let longer = HeaderValue::from_static("10");
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, longer);
        response
    }
}

/// A store whose disk is full.
struct NoSpace;

impl TokenStore for NoSpace {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, BoxError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn exchange<'a>(
        &'a self,
        renewal: Renewal<'a>,
    ) -> BoxFuture<'a, Result<Tokens, ExchangeError>> {
        Box::pin(async {
            renewal.run(None).await?;
            Err(ExchangeError::Store("the disk is full".into()))
        })
    }
}

async fn start(world: World) {
    world.get().await.unwrap();
}

async fn ahead(world: World) {
    world.get().await.unwrap();
    world.server.clock().advance(HOUR - 60 * SECOND);
    world.get().await.unwrap();
    settle().await;
}

async fn expired(world: World) {
    world.get().await.unwrap();
    world.server.clock().advance(HOUR);
    world.get().await.unwrap();
}

async fn refused(world: World) {
    world.get().await.unwrap();
    world.server.revoke_all();
    assert_eq!(world.get().await.unwrap(), 200);
}

async fn refused_and_too_large(world: World) {
    world.get().await.unwrap();
    world.server.revoke_all();
    let body = Full::new(Bytes::from("a body of more than ten bytes"));
    let request = Request::post(API).body(body.boxed()).unwrap();
    let status = world.send(world.tokens.clone(), request).await.unwrap();
    assert_eq!(status, 401);
}

async fn refused_without_end(world: World) {
    world.is_closed.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(world.get().await.unwrap(), 401);
    }
}

async fn the_same_token(world: World) {
    world.is_closed.store(true, Ordering::SeqCst);
    world.seen.note("the-token-of-a-closure");
    let tokens = source::from_async_fn(|_| async {
        Ok::<_, BoxError>(AccessToken::new("the-token-of-a-closure")?)
    });
    let request = Request::get(API).body(Full::default().boxed()).unwrap();
    assert_eq!(world.send(tokens, request).await.unwrap(), 401);
}

async fn the_only_token(world: World) {
    world.is_closed.store(true, Ordering::SeqCst);
    world.seen.note("the-one-and-only-token");
    let token = AccessToken::new("the-one-and-only-token").unwrap();
    let request = Request::get(API).body(Full::default().boxed()).unwrap();
    assert_eq!(world.send(token, request).await.unwrap(), 401);
}

async fn failing(world: World) {
    let unavailable = Fault::RetryAfter(StatusCode::SERVICE_UNAVAILABLE, "30");
    world.server.fail_always(Endpoint::Token, unavailable);
    world.get().await.unwrap_err();
}

async fn wrong_secret(world: World) {
    let endpoint = TokenEndpoint::new(&world.server.token_url())
        .unwrap()
        .client_auth(ClientAuth::basic("orders-job", "hunter22"))
        .grant(ClientCredentials::new())
        .over(world.server.clone());
    world.tokens.replace_source(endpoint);
    world.get().await.unwrap_err();
}

async fn replaced(world: World) {
    let delay = Fault::Delay(SECOND);
    world.server.fail_next(Endpoint::Token, delay);
    let waiting = tokio::spawn({
        let world = world.clone();
        async move { world.get().await }
    });
    settle().await;
    let (Spy(endpoint, _), seen) = (spy_of(&world), world.seen.clone());
    world.tokens.replace_source(Spy(endpoint, seen));
    waiting.await.unwrap().unwrap();
}

fn spy_of(world: &World) -> Spy {
    let endpoint = TokenEndpoint::new(&world.server.token_url())
        .unwrap()
        .client_auth(ClientAuth::post("orders-job", SECRET))
        .grant(ClientCredentials::new())
        .clock(world.server.clock().clone())
        .over(world.server.clone());
    Spy(endpoint, world.seen.clone())
}

async fn full_disk(world: World) {
    world.get().await.unwrap_err();
    world.tokens.close().await;
}

async fn elsewhere(world: World) {
    let elsewhere = "https://user:hunter2@evil.example/?api_key=hunter2";
    let request = Request::get(elsewhere).body(Full::default().boxed());
    let sent = world.send(world.tokens.clone(), request.unwrap()).await;
    sent.unwrap_err();
}

async fn relative(world: World) {
    let request = Request::get("/orders?api_key=hunter2").body(Full::default().boxed());
    let sent = world.send(world.tokens.clone(), request.unwrap()).await;
    sent.unwrap_err();
}

type Scenario = fn(World) -> BoxFuture<'static, ()>;
/// Level, event and fields.
type Line = (&'static str, &'static str, &'static [&'static str]);

macro_rules! scenario {
    ($name:ident) => {
        (stringify!($name), |world| Box::pin($name(world)))
    };
}

const ENDPOINT: &str = "source=\"https://id.example/oauth2/token\"";

#[rustfmt::skip]
const ROWS: &[((&str, Scenario), &[Line])] = &[
    (scenario!(start), &[
        ("DEBUG", "access token at hand", &[ENDPOINT, "trigger=Start", "elapsed_ms=0", "remaining_ms=3600000"]),
        ("DEBUG", "a body passes unjudged", &["reason="]),
    ]),
    (scenario!(ahead), &[("DEBUG", "access token at hand", &[ENDPOINT, "trigger=Schedule"])]),
    (scenario!(expired), &[("DEBUG", "access token at hand", &[ENDPOINT, "trigger=Expired"])]),
    (scenario!(refused), &[
        ("INFO", "the server refused the access token; it will be renewed", &[ENDPOINT]),
        ("DEBUG", "access token at hand", &[ENDPOINT, "trigger=Refused"]),
        ("DEBUG", "request sent again with another access token", &[]),
    ]),
    (scenario!(refused_and_too_large), &[
        ("DEBUG", "request not sent again", &["is not one that can be sent again"]),
    ]),
    (scenario!(refused_without_end), &[
        ("DEBUG", "request not sent again", &["reason=new tokens are refused too"]),
        ("WARN", "renewal is held back", &[ENDPOINT, "retry_after_ms=30000"]),
    ]),
    (scenario!(the_same_token), &[("DEBUG", "request not sent again", &["gave the same one"])]),
    (scenario!(the_only_token), &[("DEBUG", "request not sent again", &["has no other"])]),
    (scenario!(failing), &[
        ("WARN", "no access token", &[ENDPOINT, "trigger=Start", "elapsed_ms=0", "retry_after_ms=30000", "error=no token could be obtained", "503"]),
    ]),
    (scenario!(wrong_secret), &[
        ("WARN", "no access token", &[ENDPOINT, "retry_after_ms=60000", "invalid_client"]),
    ]),
    (scenario!(replaced), &[("DEBUG", "another source took its place", &[ENDPOINT, "elapsed_ms="])]),
    (scenario!(elsewhere), &[("WARN", "request not sent", &["https://evil.example", "https://api.example"])]),
    (scenario!(relative), &[("WARN", "request not sent", &["`/orders`", "AuthLayer::relative_to"])]),
];

/// Runs a scenario and returns what was logged, at every level.
async fn logged(scenario: Scenario, world: World) -> String {
    let log = Log::default();
    let _guard = log.start();
    scenario(world).await;
    settle().await;
    log.text()
}

#[track_caller]
fn assert_logged(text: &str, (level, event, fields): Line, row: &str) {
    let found = text.lines().any(|line| {
        line.contains(&format!(" {level} tower_bearer"))
            && line.contains(event)
            && fields.iter().all(|field| line.contains(field))
    });
    assert!(found, "{row}: {level} {event} {fields:?} is not in\n{text}");
}

#[tokio::test(start_paused = true)]
async fn each_event_has_its_level_and_its_fields_and_shows_no_secret() {
    for ((row, scenario), lines) in ROWS {
        let world = World::new(MemoryStore::default());
        let seen = world.seen.clone();
        let text = logged(*scenario, world).await;
        for line in *lines {
            assert_logged(&text, *line, row);
        }
        seen.assert_hidden(&text, row);
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_lost_are_an_error_with_its_cause() {
    let world = World::new(NoSpace);
    let seen = world.seen.clone();
    let text = logged(|world| Box::pin(full_disk(world)), world).await;
    let line = (
        "ERROR",
        "a refresh token is lost",
        &[ENDPOINT, "the disk is full"] as _,
    );
    assert_logged(&text, line, "full_disk");
    seen.assert_hidden(&text, "full_disk");
}
