//! What the tests of the server's end share.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::{HeaderName, HeaderValue, Request, Response, header::AUTHORIZATION};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::{Layer, Service, ServiceExt};
use tower_bearer::{
    Algorithm, BoxFuture, Identity, KeySet, KeySource, OptionalJwt, OptionalToken, RequireJwt,
    RequireToken, ScopeSet, StaticToken, StaticTokens, Validator, Verified,
    clock::Clock,
    jwt::{Minter, SigningKey},
    keys::{KeyQuery, KeysUnavailable},
    server::{Authentication, Rejection},
};

pub const NOW: u64 = 1_800_000_000;
pub const SECRET: [u8; 32] = [7; 32];
pub const ISSUER: &str = "https://id.example";

/// Not `Clone` and not `Debug`: guards ask neither of the claims.
#[derive(Deserialize)]
pub struct MyClaims {
    pub sub: String,
    #[serde(default)]
    pub permissions: Vec<String>,
}

#[derive(Deserialize)]
pub struct OtherClaims {
    pub sub: String,
}

#[derive(Debug)]
pub struct Standing;

impl Clock for Standing {
    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

pub fn keys() -> KeySet {
    KeySet::from_secret(Algorithm::HS256, SECRET).unwrap()
}

pub fn validator() -> Validator {
    Validator::new(ISSUER, "orders")
}

pub fn require() -> RequireJwt<MyClaims> {
    require_with(keys())
}

pub fn require_with(keys: impl KeySource) -> RequireJwt<MyClaims> {
    RequireJwt::new(validator(), keys).clock(Standing)
}

pub fn optional() -> OptionalJwt<MyClaims> {
    OptionalJwt::new(validator(), keys()).clock(Standing)
}

/// Not `Clone` and not `Debug`: guards ask neither of an identity.
pub struct Employee {
    pub name: &'static str,
}

/// An opaque token that allows something, and one that allows nothing.
pub const ALICE: &str = "opaque-token-of-alice-9f2c5e7d1a04b863";
pub const BOB: &str = "opaque-token-of-bob-1c88a3b7e05d4f92";

pub fn static_token(token: &str, name: &'static str, scopes: &str) -> StaticToken<Employee> {
    let token = StaticToken::new(token, Employee { name }).unwrap();
    token.with_scopes(ScopeSet::parse(scopes))
}

pub fn static_tokens() -> StaticTokens<Employee> {
    StaticTokens::from_iter([
        static_token(ALICE, "Alice", "orders:read orders:list"),
        static_token(BOB, "Bob", ""),
    ])
}

pub fn require_token() -> RequireToken<Employee> {
    RequireToken::new(static_tokens())
}

pub fn optional_token() -> OptionalToken<Employee> {
    OptionalToken::new(static_tokens())
}

pub fn opaque() -> Request<()> {
    request(&[&bearer(ALICE)])
}

/// A good token with some claims changed; `null` takes one out.
pub fn token(changes: Value) -> String {
    mint(SECRET, changes)
}

pub fn mint(secret: [u8; 32], changes: Value) -> String {
    let mut claims = json!({
        "iss": ISSUER, "aud": "orders", "sub": "alice", "exp": NOW + 600,
        "scope": "orders:read orders:list",
    });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone());
        }
    }
    let key = SigningKey::from_secret(Algorithm::HS256, secret).unwrap();
    Minter::new(key).mint(&claims).unwrap().expose().to_owned()
}

pub fn good() -> String {
    token(json!({}))
}

pub fn bearer(token: &str) -> Vec<u8> {
    format!("Bearer {token}").into_bytes()
}

/// A request with these `Authorization` lines.
pub fn request(lines: &[&[u8]]) -> Request<()> {
    let mut request = Request::new(());
    for line in lines {
        let value = HeaderValue::from_bytes(line).unwrap();
        request.headers_mut().append(AUTHORIZATION, value);
    }
    request
}

pub fn authorized() -> Request<()> {
    request(&[&bearer(&good())])
}

/// What the inner service saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub anonymous: Option<bool>,
    pub subject: Option<String>,
    pub other_subject: Option<String>,
    pub employee: Option<&'static str>,
    pub scopes: Option<String>,
    pub authorization: Option<HeaderValue>,
}

impl Seen {
    pub fn of<B>(request: &Request<B>) -> Self {
        let extensions = request.extensions();
        let record = extensions.get::<Authentication>();
        let mine = Verified::<MyClaims>::of(extensions);
        let other = Verified::<OtherClaims>::of(extensions);
        let employee = Identity::<Employee>::of(extensions);
        Self {
            anonymous: record.map(Authentication::is_anonymous),
            subject: mine.map(|verified| verified.claims().sub.clone()),
            other_subject: other.map(|verified| verified.claims().sub.clone()),
            employee: employee.map(|employee| employee.name),
            scopes: record
                .and_then(Authentication::scopes)
                .map(|scopes| scopes.as_str().to_owned()),
            authorization: request.headers().get(AUTHORIZATION).cloned(),
        }
    }
}

/// Sends one request through `layer` to a service that tells what it saw.
pub async fn send<L>(layer: L, request: Request<()>) -> Response<Option<Seen>>
where
    L: Layer<Echo>,
    L::Service: Service<Request<()>, Response = Response<Option<Seen>>, Error = Infallible>,
{
    layer.layer(Echo).oneshot(request).await.unwrap()
}

#[derive(Clone, Debug)]
pub struct Echo;

impl<B> Service<Request<B>> for Echo {
    type Response = Response<Option<Seen>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        std::future::ready(Ok(Response::new(Some(Seen::of(&request)))))
    }
}

pub fn header<'r, B>(response: &'r Response<B>, name: &'static str) -> Option<&'r str> {
    let name = HeaderName::from_static(name);
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

pub fn challenge<B>(response: &Response<B>) -> Option<&str> {
    header(response, "www-authenticate")
}

pub fn rejection<B>(response: &Response<B>) -> Rejection {
    response.extensions().get::<Rejection>().unwrap().clone()
}

/// Keys that come, or don't, when the test says so.
#[derive(Clone)]
pub struct ManualKeys(Arc<Shared>);

struct Shared {
    current: Mutex<Option<KeySet>>,
    outcome: watch::Sender<Option<Result<KeySet, KeysUnavailable>>>,
    asked: AtomicUsize,
}

impl ManualKeys {
    pub fn new() -> Self {
        Self(Arc::new(Shared {
            current: Mutex::new(None),
            outcome: watch::Sender::new(None),
            asked: AtomicUsize::new(0),
        }))
    }

    /// Those who wait get them, and from now on they are at hand.
    pub fn arrive(&self, keys: KeySet) {
        *self.0.current.lock().unwrap() = Some(keys.clone());
        self.0.outcome.send_replace(Some(Ok(keys)));
    }

    pub fn fail(&self, retry_after: Duration) {
        let error = KeysUnavailable::new(retry_after).with_source("connection refused");
        self.0.outcome.send_replace(Some(Err(error)));
    }

    pub fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }
}

impl KeySource for ManualKeys {
    fn current(&self, _: &KeyQuery<'_>) -> Option<KeySet> {
        self.0.current.lock().unwrap().clone()
    }

    fn obtain<'a>(&'a self, _: &'a KeyQuery<'a>) -> BoxFuture<'a, Result<KeySet, KeysUnavailable>> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        let mut outcome = self.0.outcome.subscribe();
        Box::pin(async move {
            let outcome = outcome.wait_for(Option::is_some).await.unwrap();
            outcome.clone().unwrap()
        })
    }
}
