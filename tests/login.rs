//! The login from end to end: from the page that was wanted to the page that was wanted.
#![cfg(all(feature = "login", feature = "test-util"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod login_support;

use http::{Request, StatusCode};
use http_body_util::Full;
use login_support::{tampering::Tampering, *};
use serde_json::json;
use tower_bearer::{
    ClientAuth, RequireScope,
    clock::Clock,
    login::{ClaimsFrom, PageKind, Provider, RequireLogin, Site},
    test_util::{AuthorizationServer, RegisteredClient},
};

#[tokio::test(start_paused = true)]
async fn who_opens_a_deep_page_comes_back_to_it_and_stays_known() {
    let (server, mut browser) = world();
    let answer = browser.open("/orders/17?page=2").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let steps: Vec<_> = browser
        .seen
        .iter()
        .map(|seen| seen.status.as_u16())
        .collect();
    assert_eq!(steps, [303, 303, 303, 200], "login page, callback, page");
    let said = answer.json();
    assert_eq!(said["path"], "/orders/17?page=2");
    assert_eq!(
        (&said["sub"], &said["recorded_subject"]),
        (&json!("alice"), &json!("alice"))
    );
    assert_eq!(
        said["cookies"],
        json!([]),
        "nobody further in sees our cookies"
    );
    assert_eq!(
        answer.header("cache-control"),
        Some("private"),
        "for nobody else"
    );

    let called = browser.fetch("POST", "/orders").await;
    assert_eq!(
        (called.status, &called.json()["sub"]),
        (StatusCode::OK, &json!("alice"))
    );
    assert_eq!(called.set_cookies(), [""; 0], "nothing has changed");
    let counts = server.requests();
    assert_eq!((counts.authorization, counts.token), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_browser_is_sent_with_all_that_the_standards_ask_for() {
    let (_, mut browser) = world();
    let sent = browser.open_once("/orders").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    assert!(
        sent.location()
            .starts_with("https://id.example/oauth2/authorize?")
    );
    let expected = [
        ("response_type", "code"),
        ("response_mode", "query"),
        ("client_id", "orders-web"),
        ("redirect_uri", "https://orders.example/login/callback"),
        ("scope", "openid orders:read"),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in expected {
        assert_eq!(sent.sent_with(name).as_deref(), Some(value), "{name}");
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(sent.sent_with(name).unwrap().len(), 43, "{name}: 256 bits");
    }
    let cookies = sent.set_cookies();
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    assert!(cookies[0].starts_with("__Host-login-t-"), "{cookies:?}");
    assert!(cookies[0].ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"));
}

/// RFC 6749 §5.1; OpenID Connect Core §2: an ID token is for this site alone.
#[tokio::test(start_paused = true)]
async fn an_id_token_cannot_be_had_for_relaying_and_scopes_are_what_was_granted() {
    let server = provider().build().unwrap();
    let silent = Tampering::new(&server, |answer| {
        answer.as_object_mut().unwrap().remove("scope");
    });
    let less = Tampering::new(&server, |answer| answer["scope"] = "openid".into());
    let rows = [
        (
            "as it was asked",
            seen_by_site(&server),
            "openid orders:read",
        ),
        (
            "the answer doesn't say it",
            seen_through(&server, silent),
            "openid orders:read",
        ),
        ("less was granted", seen_through(&server, less), "openid"),
    ];
    for (row, provider, expected) in rows {
        for claims_from in [ClaimsFrom::IdToken, ClaimsFrom::AccessToken] {
            let site = Site::new(provider.clone(), SITE, key()).unwrap();
            let mut browser = Browser::new(app(site.claims_from(claims_from)), &server);
            let said = browser.open("/").await.json();
            let token = said["token"].as_str().unwrap();
            let now = server.clock().wall();
            let relayed = bearer_tokens().validate::<MyClaims>(token, &server.keys(), now);
            let relayed = relayed.expect("it is an access token for the API");
            assert_eq!(relayed.registered().subject(), Some("alice"), "{row}");
            assert_eq!(said["scopes"], expected, "{row}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_tabs_may_both_finish_and_the_oldest_of_five_leaves() {
    let (_, mut browser) = world();
    let mut tabs = Vec::new();
    for page in 0..5 {
        let sent = browser.open_once(&format!("/tab/{page}")).await;
        tabs.push(sent);
        login_support::clock(&browser.server).advance(SECOND);
    }
    assert_eq!(browser.names("__Host-login-t-").len(), 4);
    let mut arrived = Vec::new();
    for tab in tabs {
        arrived.push(browser.follow(tab).await);
    }
    let first = arrived.remove(0);
    assert_eq!(
        (first.status.as_u16(), first.page),
        (400, Some(PageKind::UnknownLogin))
    );
    for (number, answer) in arrived.iter().enumerate() {
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json()["path"], format!("/tab/{}", number + 1));
    }
    assert_eq!(browser.names("__Host-login-t-"), [""; 0], "none is left");
}

#[tokio::test(start_paused = true)]
async fn each_login_is_a_session_of_its_own() {
    let (server, mut browser) = world();
    browser.open("/").await;
    let first = browser.session();
    // Whoever planted this session gets nothing of the next one.
    let again = browser.open_once("/login/callback").await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    browser.log_out().await;
    browser.cookies.extend(first.clone());
    browser.open("/").await;
    let second = browser.session();
    assert_ne!(first, second);
    let mut thief = Browser::new(browser.app.clone(), &server);
    thief.cookies = first;
    assert_eq!(
        thief.fetch("GET", "/").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(start_paused = true)]
async fn a_bearer_token_is_served_as_require_jwt_would_and_needs_no_cookie() {
    let (server, browser) = world();
    let send = |header: String| {
        let request = Request::post("/orders").header("authorization", header);
        send_owned(&browser.app, request.body(Full::default()).unwrap())
    };
    let token = server
        .mint(json!({ "sub": "job", "scope": "orders:write" }))
        .unwrap();
    let good = send(format!("Bearer {}", token.expose())).await;
    let said = good.json();
    assert_eq!(
        (&said["sub"], &said["scopes"]),
        (&json!("job"), &json!("orders:write"))
    );
    assert_eq!(good.header("cache-control"), None, "as without the layer");

    let bad = send("Bearer x.y.z".to_owned()).await;
    assert_eq!(bad.status, StatusCode::UNAUTHORIZED);
    let challenge = bad.header("www-authenticate").unwrap();
    assert!(challenge.starts_with(r#"Bearer realm="orders", error="invalid_token""#));
}

#[tokio::test(start_paused = true)]
async fn scopes_are_asked_for_inside_as_inside_every_guard() {
    use tower::{Layer, ServiceBuilder, service_fn, util::BoxCloneSyncService};
    let server = provider().build().unwrap();
    for (scope, expected) in [("orders:read", 200), ("orders:write", 403)] {
        let inner = service_fn(|_| async { Ok(http::Response::new(Full::default())) });
        let inner = ServiceBuilder::new()
            .layer(RequireScope::all([scope]))
            .service(inner);
        let app = BoxCloneSyncService::new(layer(site(&server)).layer(inner));
        let mut browser = Browser::new(app, &server);
        let answer = browser.open("/").await;
        assert_eq!(answer.status.as_u16(), expected, "{scope}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge.is_some(), expected == 403);
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_proxy_the_public_address_is_what_was_configured() {
    let public = "https://shop.example:8443/orders";
    let server = provider_of(public).logged_in_as("alice").build().unwrap();
    let client = ClientAuth::basic("orders-web", "hunter2");
    let provider = Provider::discover(PROVIDER, client).unwrap();
    let provider = provider.clock(server.clock().clone()).over(server.clone());
    let site = Site::new(provider, public, key()).unwrap();
    let mut browser = Browser::new(app(site), &server);
    // What the proxy sends on has lost `/orders`, and whatever it says of itself counts for
    // nothing.
    let request = Request::get("/17?page=2")
        .header("host", "10.0.0.7:3000")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "http")
        .header("forwarded", "host=evil.example;proto=http")
        .header("accept", "text/html");
    let sent = browser
        .request(request.body(Full::default()).unwrap())
        .await;
    let back = sent.sent_with("redirect_uri").unwrap();
    assert_eq!(back, "https://shop.example:8443/orders/login/callback");
    let from_provider = browser.step(sent.location(), "cross-site").await;
    let callback = from_provider
        .location()
        .strip_prefix(public)
        .unwrap()
        .to_owned();
    let landed = browser.open_once(&callback).await;
    assert_eq!(
        (landed.status.as_u16(), landed.location()),
        (303, "/orders/17?page=2")
    );
    assert_eq!(browser.open_once("/17").await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn on_loopback_over_plain_http_the_cookies_have_other_names() {
    let local = "http://127.0.0.1:8080";
    let server = provider_of(local).logged_in_as("alice").build().unwrap();
    let provider = || {
        let client = ClientAuth::basic("orders-web", "hunter2");
        let provider = Provider::discover(PROVIDER, client).unwrap();
        provider.clock(server.clock().clone()).over(server.clone())
    };
    let at = |address| app(Site::new(provider(), address, key()).unwrap());
    let mut browser = Browser::new(at(local), &server);
    let sent = browser.open_once("/").await;
    let from_provider = browser.step(sent.location(), "cross-site").await;
    let callback = from_provider
        .location()
        .strip_prefix(local)
        .unwrap()
        .to_owned();
    browser.open_once(&callback).await;
    assert_eq!(
        browser.names("login-loopback").len(),
        2,
        "{:?}",
        browser.cookies
    );
    assert_eq!(browser.names("__Host-"), [""; 0]);
    assert_eq!(browser.fetch("GET", "/").await.status, StatusCode::OK);

    // The same session over https, under its own name and under the other one.
    browser.app = at("https://127.0.0.1:8080");
    assert_eq!(
        browser.fetch("GET", "/").await.status,
        StatusCode::UNAUTHORIZED
    );
    let session = browser.cookies.remove("login-loopback").unwrap();
    browser.cookies.insert("__Host-login".to_owned(), session);
    assert_eq!(
        browser.fetch("GET", "/").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(start_paused = true)]
async fn the_callback_and_the_cookies_have_the_names_that_were_chosen() {
    let client = RegisteredClient::new("orders-web", "hunter2");
    let server = AuthorizationServer::builder()
        .audience("orders")
        .client(client.redirect_uri(format!("{SITE}/back")))
        .logged_in_as("alice")
        .build()
        .unwrap();
    let site = site(&server).callback_path("/back").unwrap();
    let site = site.cookie_name("orders").unwrap();
    let mut browser = logged_in(&server, site).await;
    assert_eq!(browser.names(""), ["__Host-orders", "__Host-orders-n"]);
    let page = browser.fetch("GET", "/login/callback").await;
    assert_eq!(page.json()["sub"], "alice", "a page like others");
}

/// The parameters that tie an answer to its login are the layer's own.
#[tokio::test(start_paused = true)]
async fn a_parameter_more_is_sent_and_none_of_the_logins_own_is_replaced() {
    let server = provider().build().unwrap();
    let client = ClientAuth::basic("orders-web", "hunter2");
    let provider = Provider::discover(PROVIDER, client).unwrap();
    let own = [
        "state",
        "nonce",
        "redirect_uri",
        "code_challenge",
        "response_mode",
    ];
    let provider = own
        .iter()
        .fold(provider, |it, name| it.parameter(*name, "x"));
    let provider = provider.parameter("ui_locales", "de");
    let provider = provider.clock(server.clock().clone()).over(server.clone());
    let site = Site::new(provider, SITE, key()).unwrap();
    let mut browser = Browser::new(app(site), &server);
    let sent = browser.open_once("/").await;
    assert_eq!(sent.sent_with("ui_locales").as_deref(), Some("de"));
    for name in own {
        let (_, query) = sent.location().split_once('?').unwrap();
        let pairs = form_urlencoded::parse(query.as_bytes());
        let values: Vec<_> = pairs.filter(|(found, _)| found == name).collect();
        assert!(
            values.len() == 1 && values[0].1 != "x",
            "{name}: {values:?}"
        );
    }
}

#[test]
fn a_site_that_is_described_wrongly_is_an_error_when_it_is_built() {
    let server = provider().build().unwrap();
    let new = |address| Site::new(seen_by_site(&server), address, key());
    for address in [
        "http://orders.example",
        "orders.example",
        "https://user:hunter2@x.example",
    ] {
        let error = new(address).unwrap_err();
        assert!(error.to_string().contains("write it as"), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let site = || site(&server);
    for path in ["", "callback", "//evil.example", "/a?b", "/a#b", "/a b"] {
        assert!(site().callback_path(path).is_err(), "{path}");
        assert!(site().log_out_path(path).is_err(), "{path}");
    }
    for name in ["", "a b", "__Host-x", "a;b"] {
        assert!(site().cookie_name(name).is_err(), "{name}");
    }
}

#[test]
fn types_can_be_written_down_and_show_no_secrets() {
    struct Application {
        login: RequireLogin<MyClaims>,
    }
    let server = provider().build().unwrap();
    let application = Application {
        login: layer(site(&server).older_key(key())),
    };
    let shown = format!(
        "{:?} {:?} {:?}",
        application.login,
        seen_by_site(&server),
        key()
    );
    assert!(shown.contains("orders.example"), "{shown}");
    assert!(
        !shown.contains("hunter2") && !shown.contains("7, 7"),
        "{shown}"
    );
    let _ = application.login.clone();
}
