//! A site with a login, its provider, and a browser: all in one process and by one clock.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod browser;
pub mod log;
pub mod tampering;

pub use browser::{Answer, Browser};

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};
use tower_bearer::{
    BoxError, ClientAuth, Validator, Verified,
    login::{Provider, RequireLogin, SealingKey, Site},
    server::Authentication,
    test_util::{
        AuthorizationServer, AuthorizationServerBuilder, Body, ManualClock, RefreshTokens,
        RegisteredClient,
    },
};

pub const SITE: &str = "https://orders.example";
pub const PROVIDER: &str = "https://id.example";
pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);

pub type App = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, Infallible>;

/// What the pages of the site show.
#[derive(Debug, Deserialize)]
pub struct MyClaims {
    pub sub: String,
}

/// A provider where everybody is Alice, with a client for the site.
pub fn provider() -> AuthorizationServerBuilder {
    provider_of(SITE).logged_in_as("alice")
}

/// A provider with a login page, for a site at that address.
pub fn provider_of(site: &str) -> AuthorizationServerBuilder {
    log::begin();
    let client = RegisteredClient::new("orders-web", "hunter2")
        .redirect_uri(format!("{site}/login/callback"))
        .post_logout_redirect_uri(format!("{site}/logout"));
    AuthorizationServer::builder()
        .audience("orders")
        .user("alice", "correct horse")
        .user("bob", "battery staple")
        .client(client)
        .client(RegisteredClient::new("another", "hunter2"))
}

/// The same with refresh tokens that are good once.
pub fn rotating() -> AuthorizationServer {
    provider()
        .refresh_tokens(RefreshTokens::Rotated)
        .build()
        .unwrap()
}

pub fn key() -> SealingKey {
    SealingKey::from_bytes([7; 32])
}

/// The site's own view of the provider, by the provider's clock.
pub fn seen_by_site(server: &AuthorizationServer) -> Provider {
    seen_through(server, server.clone())
}

/// The same through something that stands in between.
pub fn seen_through<S>(server: &AuthorizationServer, transport: S) -> Provider
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    let client = ClientAuth::basic("orders-web", "hunter2");
    Provider::discover(PROVIDER, client)
        .unwrap()
        .scope("orders:read")
        .clock(server.clock().clone())
        .over(transport)
}

pub fn site(server: &AuthorizationServer) -> Site {
    Site::new(seen_by_site(server), SITE, key()).unwrap()
}

pub fn bearer_tokens() -> Validator {
    Validator::new(PROVIDER, "orders")
}

pub fn layer(site: Site) -> RequireLogin<MyClaims> {
    RequireLogin::new(bearer_tokens(), site)
}

pub fn app(site: Site) -> App {
    around(&layer(site))
}

/// An application behind the layer that says who has called, and with what.
pub fn around(layer: &RequireLogin<MyClaims>) -> App {
    let inner = service_fn(|request: Request<Full<Bytes>>| async move {
        Ok::<_, Infallible>(Response::new(Full::from(seen(&request).to_string())))
    });
    BoxCloneSyncService::new(layer.layer(inner))
}

/// What an inner service finds in a request.
pub fn seen<B>(request: &Request<B>) -> Value {
    let extensions = request.extensions();
    let verified = Verified::<MyClaims>::of(extensions);
    let record = extensions.get::<Authentication>();
    let cookies = request.headers().get_all(header::COOKIE).iter();
    let cookies: Vec<_> = cookies.map(|line| line.to_str().unwrap()).collect();
    json!({
        "method": request.method().as_str(),
        "path": request.uri().to_string(),
        "sub": verified.as_ref().map(|verified| &verified.claims().sub),
        "scopes": record.and_then(Authentication::scopes).map(|scopes| scopes.as_str()),
        "recorded_subject": record.and_then(Authentication::subject),
        "token": verified.as_ref().map(Verified::expose_token),
        "cookies": cookies,
    })
}

/// A server, its site and a browser of Alice's who has opened nothing yet.
pub fn world() -> (AuthorizationServer, Browser) {
    let server = provider().build().unwrap();
    let browser = Browser::new(app(site(&server)), &server);
    (server, browser)
}

/// The same, and she has logged in.
pub async fn logged_in(server: &AuthorizationServer, site: Site) -> Browser {
    let mut browser = Browser::new(app(site), server);
    let answer = browser.open("/").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    browser
}

/// Sends one request to a service as it is.
pub async fn send(app: &App, request: Request<Full<Bytes>>) -> Answer {
    Answer::read(app.clone().oneshot(request).await.unwrap()).await
}

pub async fn send_to_provider(server: &AuthorizationServer, request: Request<Body>) -> Answer {
    Answer::read(server.clone().oneshot(request).await.unwrap()).await
}

pub fn clock(server: &AuthorizationServer) -> &ManualClock {
    server.clock()
}

/// The same for a test that keeps nothing of it.
pub fn send_owned(
    app: &App,
    request: Request<Full<Bytes>>,
) -> impl Future<Output = Answer> + use<> {
    let app = app.clone();
    async move { send(&app, request).await }
}
