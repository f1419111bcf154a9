//! Redirect, 401 or serve: each situation that a browser or another client brings about.
#![cfg(all(feature = "login", feature = "test-util"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod login_support;

use http::Request;
use http_body_util::Full;
use login_support::*;
use tower_bearer::{login::PageKind, server::Place, token::Scheme};

const BROWSERS_ACCEPT: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// To the login page.
    LogIn,
    /// 401 with a challenge.
    Refused,
    /// The page itself.
    Served,
    /// 403: another site's page has sent it.
    CrossSite,
}
use Fate::{CrossSite, LogIn, Refused, Served};

struct Row {
    situation: &'static str,
    method: &'static str,
    headers: &'static str,
    /// Without a session, and with one.
    fates: [Fate; 2],
}

const fn row(
    situation: &'static str,
    method: &'static str,
    headers: &'static str,
    fates: [Fate; 2],
) -> Row {
    Row {
        situation,
        method,
        headers,
        fates,
    }
}

/// Headers as `name: value` with `|` between them; `fetch: MODE DEST SITE` is short for what
/// browsers say of a request.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    // A person opens a page.
    row("the address bar", "GET", "fetch: navigate document none", [LogIn, Served]),
    row("a link of this site", "GET", "fetch: navigate document same-origin", [LogIn, Served]),
    row("a link of another site", "GET", "fetch: navigate document cross-site", [LogIn, Served]),
    row("a link of a sister site", "GET", "fetch: navigate document same-site", [LogIn, Served]),
    row("only the head of it", "HEAD", "fetch: navigate document none", [LogIn, Served]),
    row("a browser that says nothing of fetching", "GET", "accept: BROWSER", [LogIn, Served]),
    row("the same that prefers JSON", "GET", "accept: application/json, text/html", [Refused, Served]),
    row("a page, whatever it accepts", "GET", "fetch: navigate document none|accept: application/json", [LogIn, Served]),
    // A page sends a form.
    row("a form of this site", "POST", "fetch: navigate document same-origin|accept: BROWSER", [Refused, Served]),
    row("a form of another site", "POST", "fetch: navigate document cross-site|accept: BROWSER", [Refused, CrossSite]),
    row("a form of a sister site", "POST", "fetch: navigate document same-site", [Refused, CrossSite]),
    row("an old browser's form of this site", "POST", "accept: BROWSER|origin: https://orders.example", [Refused, Served]),
    row("an old browser's form of another site", "POST", "accept: BROWSER|origin: https://evil.example", [Refused, CrossSite]),
    row("a form of a page without an origin", "POST", "accept: BROWSER|origin: null", [Refused, CrossSite]),
    row("a form of nobody knows where", "POST", "accept: BROWSER", [Refused, CrossSite]),
    row("a search form of another site", "GET", "fetch: navigate document cross-site|accept: BROWSER", [LogIn, Served]),
    // A script fetches.
    row("fetch of this site", "GET", "fetch: cors empty same-origin|accept: */*", [Refused, Served]),
    row("fetch of HTML", "GET", "fetch: cors empty same-origin|accept: BROWSER", [Refused, Served]),
    row("fetch of this site, changing", "POST", "fetch: cors empty same-origin", [Refused, Served]),
    row("fetch of this site, deleting", "DELETE", "fetch: same-origin empty same-origin", [Refused, Served]),
    row("fetch of another site", "GET", "fetch: cors empty cross-site|origin: https://evil.example", [Refused, Served]),
    row("fetch of another site, changing", "POST", "fetch: no-cors empty cross-site|origin: https://evil.example", [Refused, CrossSite]),
    row("fetch of a sister site, changing", "PUT", "fetch: cors empty same-site|origin: https://www.orders.example", [Refused, CrossSite]),
    row("an old library's fetch", "GET", "accept: text/html|x-requested-with: XMLHttpRequest", [Refused, Served]),
    row("a preflight", "OPTIONS", "fetch: cors empty cross-site|origin: https://evil.example|access-control-request-method: POST", [Refused, Served]),
    row("a beacon", "POST", "fetch: no-cors empty same-origin", [Refused, Served]),
    row("a service worker's fetch", "GET", "fetch: cors empty same-origin|service-worker-navigation-preload: true", [Refused, Served]),
    row("a service worker passes a page on", "GET", "fetch: navigate document none", [LogIn, Served]),
    row("a service worker's own script", "GET", "fetch: same-origin serviceworker same-origin|service-worker: script", [Refused, Served]),
    row("a stream of events", "GET", "fetch: cors empty same-origin|accept: text/event-stream", [Refused, Served]),
    // A page shows something.
    row("an image", "GET", "fetch: no-cors image same-origin|accept: image/avif,image/webp,*/*", [Refused, Served]),
    row("an image on another site", "GET", "fetch: no-cors image cross-site", [Refused, Served]),
    row("a script", "GET", "fetch: no-cors script same-origin", [Refused, Served]),
    row("a style", "GET", "fetch: no-cors style same-origin", [Refused, Served]),
    row("a frame", "GET", "fetch: navigate iframe same-origin|accept: BROWSER", [Refused, Served]),
    row("a frame on another site", "GET", "fetch: navigate iframe cross-site|accept: BROWSER", [Refused, Served]),
    row("a frame of a frameset", "GET", "fetch: navigate frame same-origin|accept: BROWSER", [Refused, Served]),
    row("an embedded object", "GET", "fetch: navigate object same-origin|accept: BROWSER", [Refused, Served]),
    // A browser is ahead of its person.
    row("a prefetch", "GET", "fetch: no-cors empty same-origin|sec-purpose: prefetch", [Refused, Served]),
    row("a page in advance", "GET", "fetch: navigate document none|sec-purpose: prefetch;prerender", [Refused, Served]),
    row("the same, before it was agreed on", "GET", "fetch: navigate document none|purpose: prefetch", [Refused, Served]),
    row("the same, long ago", "GET", "accept: BROWSER|x-moz: prefetch", [Refused, Served]),
    // A connection becomes another.
    row("a WebSocket of this site", "GET", "fetch: websocket empty same-origin|upgrade: websocket|origin: https://orders.example", [Refused, Served]),
    row("a WebSocket of another site", "GET", "fetch: websocket empty cross-site|upgrade: websocket|origin: https://evil.example", [Refused, CrossSite]),
    row("an old browser's WebSocket of this site", "GET", "upgrade: websocket|origin: https://orders.example", [Refused, Served]),
    row("an old browser's WebSocket of another site", "GET", "upgrade: websocket|origin: https://evil.example", [Refused, CrossSite]),
    row("a WebSocket of nobody knows where", "GET", "upgrade: websocket", [Refused, CrossSite]),
    row("a page that asks for another protocol", "GET", "accept: BROWSER|upgrade: h2c", [Refused, CrossSite]),
    row("a tunnel", "CONNECT", "fetch: websocket empty cross-site", [Refused, CrossSite]),
    // No browser.
    row("curl", "GET", "accept: */*", [Refused, Served]),
    row("curl, changing", "POST", "accept: */*", [Refused, CrossSite]),
    row("a client for JSON", "GET", "accept: application/json", [Refused, Served]),
    row("nothing said at all", "GET", "", [Refused, Served]),
    row("gRPC", "POST", "content-type: application/grpc|te: trailers", [Refused, CrossSite]),
    // What is not clear.
    row("half of what browsers say", "GET", "sec-fetch-mode: navigate|accept: BROWSER", [Refused, Served]),
    row("two modes", "GET", "fetch: navigate document none|sec-fetch-mode: cors", [Refused, Served]),
    row("a method nobody knows", "FROBNICATE", "fetch: navigate document none", [Refused, Served]),
    row("the same from another site", "FROBNICATE", "fetch: navigate document cross-site", [Refused, CrossSite]),
    row("two answers to where it comes from", "POST", "sec-fetch-site: same-origin|sec-fetch-site: cross-site", [Refused, CrossSite]),
];

fn request(row: &Row) -> Request<Full<bytes::Bytes>> {
    let mut request = Request::builder().method(row.method).uri("/orders");
    for line in row.headers.split('|').filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        let values: Vec<_> = value.split(' ').collect();
        request = match name {
            "fetch" => request
                .header("sec-fetch-mode", values[0])
                .header("sec-fetch-dest", values[1])
                .header("sec-fetch-site", values[2]),
            name if value == "BROWSER" => request.header(name, BROWSERS_ACCEPT),
            name => request.header(name, value),
        };
    }
    request.body(Full::default()).unwrap()
}

fn fate(answer: &Answer) -> Fate {
    match (answer.status.as_u16(), answer.page) {
        (303, None) => LogIn,
        (200, None) if answer.headers.contains_key("grpc-status") => Refused,
        (200, None) => Served,
        (401, None) => Refused,
        (403, Some(PageKind::CrossSite)) => CrossSite,
        _ => panic!("{answer:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_situation_without_a_session_and_with_one() {
    let server = provider().build().unwrap();
    let nobody = Browser::new(app(site(&server)), &server);
    let alice = logged_in(&server, site(&server)).await;
    for row in ROWS {
        for (browser, expected) in [&nobody, &alice].into_iter().zip(row.fates) {
            let mut browser = browser.clone();
            let answer = browser.request(request(row)).await;
            assert_eq!(fate(&answer), expected, "{}: {answer:?}", row.situation);
            let challenge = answer.header("www-authenticate").is_some();
            let is_grpc = answer.headers.contains_key("grpc-status");
            assert_eq!(
                challenge || is_grpc,
                expected == Refused,
                "{}",
                row.situation
            );
            if expected == LogIn {
                assert_eq!(answer.header("cache-control"), Some("no-store"));
                assert!(answer.location().starts_with(PROVIDER), "{answer:?}");
            } else {
                assert_eq!(answer.set_cookies(), [""; 0], "{}", row.situation);
            }
        }
    }
}

/// With a bearer token nothing of this matters: no page can make a browser send one.
#[tokio::test(start_paused = true)]
async fn each_situation_with_a_bearer_token() {
    let (server, browser) = world();
    let good = server.mint(serde_json::json!({ "sub": "job" })).unwrap();
    let alice = logged_in(&server, site(&server)).await;
    for row in ROWS {
        for (token, expected) in [(good.expose(), Served), ("bad", Refused)] {
            for browser in [&browser, &alice] {
                let mut request = request(row);
                let value = format!("Bearer {token}").parse().unwrap();
                request.headers_mut().insert("authorization", value);
                let answer = browser.clone().request(request).await;
                assert_eq!(
                    fate(&answer),
                    expected,
                    "{} {token}: {answer:?}",
                    row.situation
                );
                if expected == Served {
                    assert_eq!(answer.json()["sub"], "job", "{}", row.situation);
                }
            }
        }
    }
}

/// What `RequireJwt` refuses is not made good by a session; what it is told to ignore is none
/// of its business.
#[tokio::test(start_paused = true)]
async fn another_scheme_is_the_guards_business_unless_it_is_told_otherwise() {
    let server = provider().build().unwrap();
    let strict = layer(site(&server));
    let lenient = strict.clone().guard(|guard| guard.ignore_other_schemes());
    let mut alice = logged_in(&server, site(&server)).await;
    for (layer, expected) in [(strict, Refused), (lenient, Served)] {
        alice.app = around(&layer);
        let request = Request::get("/").header("authorization", "Basic YTpi");
        let answer = alice.request(request.body(Full::default()).unwrap()).await;
        assert_eq!(fate(&answer), expected);
    }
}

/// A token in a cookie of the application's own is as easily sent by another site's page as ours.
#[tokio::test(start_paused = true)]
async fn each_situation_with_a_token_in_a_cookie_of_the_guard() {
    let server = provider().build().unwrap();
    let places = [
        Place::header(Scheme::bearer()),
        Place::cookie("token").unwrap(),
    ];
    let layer = layer(site(&server)).guard(|guard| guard.credentials_in(places));
    let good = server.mint(serde_json::json!({ "sub": "job" })).unwrap();
    let alice = logged_in(&server, site(&server)).await;
    for row in ROWS {
        // What a session may, it may, and no page is sent to log in for it.
        let expected = row.fates[1];
        for (token, served) in [(good.expose(), Served), ("bad", Refused)] {
            let mut browser = alice.clone();
            browser.app = around(&layer);
            browser.cookies.insert("token".to_owned(), token.to_owned());
            let answer = browser.request(request(row)).await;
            let expected = if expected == Served { served } else { expected };
            assert_eq!(
                fate(&answer),
                expected,
                "{} {token}: {answer:?}",
                row.situation
            );
            if expected == Served {
                assert_eq!(answer.json()["sub"], "job", "{}", row.situation);
            }
        }
    }
}
