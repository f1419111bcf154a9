//! A real browser logs in through a real provider: Debian's Chromium, and npm's
//! `oidc-provider` with a login page of its own, on two sites of this machine.
//!
//! Skipped, and said so, where either isn't installed; `.ci/run` installs both. It leaves
//! pictures of each step in `target/tmp/screenshots`, or where `TOWER_BEARER_SCREENSHOTS` says.
#![cfg(all(feature = "login", feature = "axum"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod interop_support;
mod webdriver_support;

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    response::Html,
    routing::{get, post},
};
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use interop_support::Script;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_bearer::{
    ClientAuth, Validator, Verified,
    login::{Provider, RequireLogin, SealingKey, Site},
};
use webdriver_support::WebDriver;

const PASSWORD: &str = "correct horse battery staple";
const ACCESS_TOKEN_SECONDS: u64 = 4;

#[derive(serde::Deserialize)]
struct MyClaims {
    sub: String,
}

/// How many orders were placed.
type Placed = Arc<AtomicU32>;

/// A site with a page, and what the page's scripts call.
fn site(layer: RequireLogin<MyClaims>, placed: Placed) -> Router {
    Router::new()
        .route("/orders/{number}", get(order))
        .route("/api/me", get(me))
        .route("/api/orders", post(place))
        .with_state(placed)
        .layer(layer)
}

async fn order(Path(number): Path<u32>, token: Verified<MyClaims>) -> Html<String> {
    let name = &token.claims().sub;
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Order {number}</title>
         <h1>Order {number} of <span id=name>{name}</span></h1>
         <button id=ask>Who am I?</button> <button id=place>Place an order</button>
         <pre id=said></pre>
         <form method=post action=/logout><button id=log-out>Log out</button></form>
         <script>
           const call = async (method, path) => {{
             const answer = await fetch(path, {{ method }})
             document.querySelector('#said').textContent = answer.status + ' ' + await answer.text()
             document.body.dataset.said = method
           }}
           document.querySelector('#ask').onclick = () => call('GET', '/api/me')
           document.querySelector('#place').onclick = () => call('POST', '/api/orders')
         </script>"
    ))
}

/// The access token is opaque here; a script of a test looks at when it changes.
async fn me(token: Verified<MyClaims>) -> Json<Value> {
    Json(json!({ "sub": token.claims().sub, "access_token": token.expose_token() }))
}

async fn place(State(placed): State<Placed>, token: Verified<MyClaims>) -> String {
    let number = placed.fetch_add(1, Ordering::SeqCst) + 1;
    format!("order {number} of {}", token.claims().sub)
}

/// The site and the provider, on two sites as browsers count them.
struct World {
    origin: String,
    issuer: String,
    placed: Placed,
    _provider: Script,
}

impl World {
    async fn start(place: &std::path::Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let config = json!({
            "client": {
                "client_id": "orders-web",
                "client_secret": "hunter2",
                "redirect_uris": [format!("{origin}/login/callback")],
                "post_logout_redirect_uris": [format!("{origin}/logout")],
                "grant_types": ["authorization_code", "refresh_token"],
            },
            "users": { "alice": PASSWORD },
            "access_token_seconds": ACCESS_TOKEN_SECONDS,
        });
        let provider = Script::start(place, "login_provider.mjs", &config);
        let issuer = provider.said["issuer"].as_str().unwrap().to_owned();
        let placed = Placed::default();
        let site = site(layer(&issuer, &origin), placed.clone());
        tokio::spawn(async move { axum::serve(listener, site).await });
        Self {
            origin,
            issuer,
            placed,
            _provider: provider,
        }
    }
}

fn layer(issuer: &str, origin: &str) -> RequireLogin<MyClaims> {
    let client = ClientAuth::basic("orders-web", "hunter2");
    let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let provider = Provider::discover(issuer, client).unwrap();
    let provider = provider
        .scope("offline_access")
        .parameter("prompt", "consent")
        .over(transport);
    let site = Site::new(provider, origin, SealingKey::generate().unwrap()).unwrap();
    let site = site.renew_in_cookie().log_out_at_provider();
    RequireLogin::new(Validator::new(issuer, "orders"), site)
}

#[tokio::test]
async fn a_person_logs_in_works_and_logs_out() {
    let Some(place) = interop_support::installed("node_modules/oidc-provider") else {
        return;
    };
    let Some(mut browser) = WebDriver::start("login").await else {
        interop_support::missing("chromium and chromedriver", "on the PATH");
        return;
    };
    let world = World::start(&place).await;
    let deep = format!("{}/orders/17?page=2", world.origin);

    // A deep page leads to the provider's login page.
    browser.open(&deep).await;
    browser.sees("Log in").await;
    assert!(browser.address().await.starts_with(&world.issuer));
    browser.screenshot("login-page").await;

    browser.type_into("[name=name]", "alice").await;
    browser.type_into("[name=password]", "wrong").await;
    browser.click("#log-in").await;
    assert_eq!(
        browser.text("#wrong").await,
        "Unknown user, or wrong password."
    );
    browser.screenshot("wrong-password").await;

    // With the right one, back to that page.
    browser.type_into("[name=name]", "alice").await;
    browser.type_into("[name=password]", PASSWORD).await;
    browser.click("#log-in").await;
    assert_eq!(browser.text("#name").await, "alice");
    assert_eq!(browser.address().await, deep);
    browser.screenshot("back-at-the-deep-page").await;

    // What its scripts call knows her.
    browser.click("#ask").await;
    let said = browser.text("[data-said=GET] #said").await;
    assert!(
        said.starts_with("200") && said.contains("\"sub\":\"alice\""),
        "{said}"
    );
    browser.screenshot("the-api-knows-her").await;
    browser.click("#place").await;
    let said = browser.text("[data-said=POST] #said").await;
    assert_eq!(said, "200 order 1 of alice");
    assert_eq!(world.placed.load(Ordering::SeqCst), 1);

    // The access token ends, is renewed, and she stays.
    let renewed = browser.run(WAIT_FOR_ANOTHER_TOKEN).await;
    assert_eq!(renewed["renewals"], 2, "{renewed}");
    assert_eq!(renewed["answers"], json!([200]), "{renewed}");
    browser.open(&deep).await;
    assert_eq!(browser.text("#name").await, "alice");
    browser
        .screenshot("still-logged-in-after-two-renewals")
        .await;

    // A page of another site can't act in her name.
    browser
        .open(&format!(
            "{}/.well-known/openid-configuration",
            world.issuer
        ))
        .await;
    let script = format!(
        "fetch('{}/api/orders', {{ method: 'POST', mode: 'no-cors', credentials: 'include' }})
           .then(() => arguments[0]('sent'), arguments[0])",
        world.origin
    );
    assert_eq!(browser.run(&script).await, "sent");
    assert_eq!(world.placed.load(Ordering::SeqCst), 1);

    // She logs out, here and there.
    browser.open(&deep).await;
    browser.click("#log-out").await;
    browser.sees("Log out of the provider?").await;
    browser.screenshot("log-out-at-the-provider").await;
    browser.click("#confirm").await;
    browser.sees("Logged out").await;
    assert_eq!(browser.address().await, format!("{}/logout", world.origin));
    browser.screenshot("logged-out").await;

    // Who wants the page is asked again.
    browser.open(&deep).await;
    browser.sees("Log in").await;
    assert!(browser.address().await.starts_with(&world.issuer));
    browser.screenshot("asked-again").await;
    browser.close().await;
}

/// Asks until the access token was another one twice, and says what was answered meanwhile.
const WAIT_FOR_ANOTHER_TOKEN: &str = "
    const done = arguments[0], seen = new Set(), answers = new Set()
    const ask = async () => {
      const answer = await fetch('/api/me')
      answers.add(answer.status)
      if (answer.status === 200) seen.add((await answer.json()).access_token)
      if (seen.size > 2 || answer.status !== 200) return done({ renewals: seen.size - 1, answers: [...answers] })
      setTimeout(ask, 100)
    }
    ask()
";
