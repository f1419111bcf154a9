//! Forged, stolen, mixed, broken and late: nobody is let in, nothing panics, and the log says
//! what was wrong and no secret.
#![cfg(all(feature = "login", feature = "test-util"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod login_support;

use std::{collections::BTreeMap, time::Duration};

use http::{Request, StatusCode, header};
use http_body_util::Full;
use login_support::{
    log,
    tampering::{Tampering, claims, seconds, unsigned},
    *,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower_bearer::{
    Algorithm, ClientAuth, TokenEndpoint,
    jwt::{Minter, SigningKey},
    login::{ClaimsFrom, PageKind, Provider, SealingKey, Site},
    oauth::{AuthorizationCode, ObtainToken},
    test_util::{AuthorizationServer, Endpoint, Fault},
};

/// All that a log must not show of what a browser and a provider have sent each other.
fn assert_hides(log: &str, browser: &Browser, answers: &[&Answer]) {
    let cookies = browser.cookies.values().map(String::as_str);
    let sent = answers.iter().flat_map(|answer| {
        let location = answer.location().split(['?', '&']);
        location.filter_map(|pair| pair.split_once('=').map(|(_, value)| value))
    });
    let long = |secret: &&str| secret.len() > 20 && !secret.contains("%2F");
    for secret in cookies.chain(sent).filter(long) {
        assert!(!log.contains(&secret[..20]), "{secret} shows in {log}");
    }
    assert!(!log.contains("hunter2") && !log.contains("code-"), "{log}");
}

mod cookies {
    use super::*;

    type Cookies = BTreeMap<String, String>;

    /// What a thief, or chance, makes of the cookies of Alice and Bob.
    struct Row {
        what: &'static str,
        cookies: fn(&Cookies, &Cookies) -> String,
        said: &'static str,
    }

    const BROKEN: &str = "don't belong together";

    fn first(cookies: &Cookies) -> &str {
        &cookies["__Host-login"]
    }

    fn second(cookies: &Cookies) -> &str {
        &cookies["__Host-login-2"]
    }

    /// Sessions of two parts each.
    fn rows() -> Vec<Row> {
        let row = |what, cookies, said| Row {
            what,
            cookies,
            said,
        };
        vec![
            row("none", |_, _| "x=1".into(), ""),
            row("empty", |_, _| "__Host-login=".into(), BROKEN),
            row(
                "of somebody's own making",
                |_, _| "__Host-login=1.eyJzdWIiOiJib2IifQ".into(),
                BROKEN,
            ),
            row("no base64", |_, _| "__Host-login=1.!!!".into(), BROKEN),
            row(
                "its second part is missing",
                |a, _| format!("__Host-login={}", first(a)),
                BROKEN,
            ),
            row(
                "its first part is missing",
                |a, _| format!("__Host-login-2={}", second(a)),
                "",
            ),
            row(
                "truncated",
                |a, _| {
                    format!(
                        "__Host-login={}; __Host-login-2={}",
                        first(a),
                        &second(a)[..40]
                    )
                },
                BROKEN,
            ),
            row(
                "parts exchanged",
                |a, _| {
                    format!(
                        "__Host-login=2.{}; __Host-login-2={}",
                        second(a),
                        &first(a)[2..]
                    )
                },
                BROKEN,
            ),
            row(
                "parts of two sessions",
                |a, b| format!("__Host-login={}; __Host-login-2={}", first(a), second(b)),
                BROKEN,
            ),
            row(
                "cookies of two users",
                |a, b| {
                    format!(
                        "__Host-login={}; __Host-login-2={}; __Host-login={}; __Host-login-2={}",
                        first(a),
                        second(a),
                        first(b),
                        second(b)
                    )
                },
                BROKEN,
            ),
            row(
                "said to be of one part",
                |a, _| {
                    format!(
                        "__Host-login=1.{}; __Host-login-2={}",
                        &first(a)[2..],
                        second(a)
                    )
                },
                BROKEN,
            ),
            row(
                "oversized",
                |a, _| {
                    format!(
                        "__Host-login={}{}; __Host-login-2={}",
                        first(a),
                        "A".repeat(60_000),
                        second(a)
                    )
                },
                BROKEN,
            ),
            row(
                "under the loopback's name",
                |a, _| {
                    format!(
                        "login-loopback={}; login-loopback-2={}",
                        first(a),
                        second(a)
                    )
                },
                "",
            ),
        ]
    }

    /// A session that is too large for one cookie.
    async fn large(server: &AuthorizationServer, user: &'static str) -> Browser {
        let tampering = Tampering::with_claims(
            server,
            move || json!({ "sub": user, "padding": "x".repeat(1500) }),
        );
        let site = Site::new(seen_through(server, tampering), SITE, key()).unwrap();
        let browser = logged_in(server, site).await;
        assert_eq!(browser.session().len(), 2, "{:?}", browser.cookies);
        browser
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_is_not_whole_and_ours_is_nobodys() {
        let server = provider().build().unwrap();
        let (mut alice, bob) = (large(&server, "alice").await, large(&server, "bob").await);
        let (of_alice, of_bob) = (alice.session(), bob.session());
        assert_eq!(alice.fetch("GET", "/").await.json()["sub"], "alice");
        for row in rows() {
            log::take();
            let cookies = (row.cookies)(&of_alice, &of_bob);
            let request = || Request::get("/").header(header::COOKIE, &cookies);
            let script = request().body(Full::default()).unwrap();
            let answer = send(&alice.app, script).await;
            assert_eq!(
                answer.status,
                StatusCode::UNAUTHORIZED,
                "{}: {answer:?}",
                row.what
            );
            let said = log::take();
            assert!(said.contains(row.said), "{}: {said}", row.what);
            assert_hides(&said, &alice, &[]);
            // A person simply logs in again.
            let page = request()
                .header("accept", "text/html")
                .body(Full::default())
                .unwrap();
            let answer = send(&alice.app, page).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", row.what);
        }
    }

    /// Browsers send all cookies of a host in one line, and any script may set one.
    #[tokio::test(start_paused = true)]
    async fn a_cookie_of_somebody_elses_that_is_no_text_logs_nobody_out() {
        let (_, mut browser) = world();
        browser.open("/").await;
        let line = format!("a=b; {}; theme=gr", browser.cookie_header().unwrap());
        let line = [line.as_bytes(), b"\xfcn\xff"].concat();
        let line = http::HeaderValue::from_bytes(&line).unwrap();
        let inner = tower::service_fn(|request: Request<Full<bytes::Bytes>>| async move {
            let cookies = request.headers()[header::COOKIE].as_bytes().to_vec();
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::<bytes::Bytes>::from(
                cookies,
            )))
        });
        let inner = tower::Layer::layer(&layer(site(&browser.server)), inner);
        let request = Request::get("/").header(header::COOKIE, line);
        let request = request.body(Full::default()).unwrap();
        let answer = tower::ServiceExt::oneshot(inner, request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let seen = http_body_util::BodyExt::collect(answer.into_body()).await;
        assert_eq!(seen.unwrap().to_bytes(), b"a=b; theme=gr\xfcn\xff"[..]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sealed_for_one_purpose_serves_no_other() {
        let (_, mut browser) = world();
        browser.open_once("/").await;
        let transaction = browser.names("__Host-login-t-")[0].to_owned();
        let of_transaction = browser.cookies[&transaction].clone();
        browser.open("/").await;
        let logins = browser.cookies["__Host-login-n"].clone();
        for value in [of_transaction, logins] {
            browser
                .cookies
                .insert("__Host-login".to_owned(), format!("1.{value}"));
            assert_eq!(
                browser.fetch("GET", "/").await.status,
                StatusCode::UNAUTHORIZED
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_of_another_key_another_name_or_another_way_of_keeping_is_nobodys() {
        let server = provider().build().unwrap();
        let mut browser = logged_in(&server, site(&server)).await;
        let session = browser.cookies["__Host-login"].clone();
        let other = SealingKey::from_bytes([8; 32]);
        let new = |key| Site::new(seen_by_site(&server), SITE, key).unwrap();
        let renamed = site(&server).cookie_name("other").unwrap();
        let rows = [
            ("the same", site(&server), 200),
            ("an older key", new(other.clone()).older_key(key()), 200),
            ("another key", new(other.clone()), 401),
            ("another name", renamed, 401),
            (
                "in a store",
                site(&server).sessions_in(tower_bearer::login::MemorySessionStore::new()),
                401,
            ),
        ];
        for (row, site, expected) in rows {
            browser.app = app(site);
            for name in ["__Host-login", "__Host-other"] {
                browser.cookies.insert(name.to_owned(), session.clone());
            }
            let answer = browser.fetch("GET", "/").await;
            assert_eq!(answer.status.as_u16(), expected, "{row}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_cookie_line_panics_or_lets_anybody_in(
            line in "(__Host-login(-2|-n|-t-[a-z]{8})?=?[12]?[.]?[ -~]{0,40}; ?){0,6}",
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build();
            runtime.unwrap().block_on(async {
                let (_, browser) = world();
                for path in ["/", "/logout", "/login/callback?state=x&code=y"] {
                    let request = Request::get(path).header(header::COOKIE, &line);
                    let answer = send(&browser.app, request.body(Full::default()).unwrap()).await;
                    assert!(!answer.text.contains("\"sub\""), "{line}: {answer:?}");
                }
            });
        }
    }
}

mod callback {
    use super::*;

    /// A login that has come as far as the provider's answer, and the path of that answer.
    async fn answered(browser: &mut Browser) -> (String, Vec<Answer>) {
        let sent = browser.open_once("/orders").await;
        let answer = browser.step(sent.location(), "cross-site").await;
        let path = answer.location().strip_prefix(SITE).unwrap().to_owned();
        (path, vec![sent, answer])
    }

    fn without(path: &str, name: &str) -> String {
        let (path, query) = path.split_once('?').unwrap();
        let kept = query
            .split('&')
            .filter(|pair| !pair.starts_with(&format!("{name}=")));
        format!("{path}?{}", kept.collect::<Vec<_>>().join("&"))
    }

    type Row = (
        &'static str,
        fn(&str) -> String,
        u16,
        PageKind,
        &'static str,
    );

    #[rustfmt::skip]
    const ROWS: [Row; 13] = [
        ("nothing at all", |_| "/login/callback".into(), 400, PageKind::UnknownLogin, "has no `state`"),
        ("no state", |path| without(path, "state"), 400, PageKind::UnknownLogin, "has no `state`"),
        ("two states", |path| format!("{path}&state=x"), 400, PageKind::UnknownLogin, "`state` occurs twice"),
        ("a foreign state", |path| format!("{}&state={}", without(path, "state"), "x".repeat(43)), 400, PageKind::UnknownLogin, "has begun no login"),
        ("a state that is none", |path| format!("{}&state=%00;%0d%0a", without(path, "state")), 400, PageKind::UnknownLogin, "has begun no login"),
        ("no code", |path| without(path, "code"), 400, PageKind::UnknownLogin, "neither a `code` nor an `error`"),
        ("two codes", |path| format!("{path}&code=x"), 400, PageKind::UnknownLogin, "`code` occurs twice"),
        ("a code and an error", |path| format!("{path}&error=x"), 400, PageKind::UnknownLogin, "a `code` and an `error`"),
        ("a made-up code", |path| format!("{}&code=x", without(path, "code")), 400, PageKind::UnknownLogin, "does not take the code"),
        ("the person has said no", |path| format!("{}&error=access_denied", without(path, "code")), 403, PageKind::Denied, "answers `access_denied`"),
        ("the provider can't", |path| format!("{}&error=server_error", without(path, "code")), 503, PageKind::Unavailable, "answers `server_error`"),
        ("the site may not", |path| format!("{}&error=invalid_scope&error_description=%1b[31m", without(path, "code")), 500, PageKind::Misconfigured, r"answers `invalid_scope` (\u{1b}[31m)"),
        ("nobody says whose answer it is", |path| without(path, "iss"), 502, PageKind::NotAccepted, "RFC 9207"),
    ];

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_whole_and_ours_lets_nobody_in() {
        for (row, change, status, kind, said) in ROWS {
            let (_, mut browser) = world();
            let (path, seen) = answered(&mut browser).await;
            log::take();
            let answer = browser.open_once(&change(&path)).await;
            assert_eq!(
                (answer.status.as_u16(), answer.page),
                (status, Some(kind)),
                "{row}: {answer:?}"
            );
            let logged = log::take();
            assert!(logged.contains(said), "{row}: {logged}");
            assert_hides(&logged, &browser, &[&seen[0], &seen[1]]);
            assert!(
                answer.text.contains("</html>") && answer.text.contains("href=\"/"),
                "{row}: {answer:?}"
            );
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{row}");
            assert_eq!(
                answer.header("referrer-policy"),
                Some("no-referrer"),
                "{row}"
            );
            assert_eq!(browser.session().len(), 0, "{row}");
            // And there is a way to begin again.
            let again = browser.open("/orders").await;
            assert_eq!(again.status, StatusCode::OK, "{row}: {again:?}");
        }
    }

    /// RFC 9700 §4.11: a link to this site leads to no other one.
    #[tokio::test(start_paused = true)]
    async fn nobody_is_sent_to_another_site_after_the_login() {
        #[rustfmt::skip]
        let rows = [
            ("/orders?to=https://evil.example", "/orders?to=https://evil.example"),
            ("//evil.example", "/"),
            ("//evil.example/orders", "/"),
            ("///evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\\/evil.example", "/"),
            ("https:evil.example", "/"),
            ("https://evil.example/orders", "/orders"),
            ("https://evil.example//orders", "/"),
            ("/%09/evil.example", "/%09/evil.example"),
            ("/%0d%0aSet-Cookie:x=y", "/%0d%0aSet-Cookie:x=y"),
            ("/%5cevil.example", "/%5cevil.example"),
            ("/gr\u{fc}n", "/"),
        ];
        for (wanted, expected) in rows {
            let (_, mut browser) = world();
            let request = Request::get(wanted).header("accept", "text/html");
            let sent = browser
                .request(request.body(Full::default()).unwrap())
                .await;
            let answer = browser.step(sent.location(), "cross-site").await;
            let path = answer.location().strip_prefix(SITE).unwrap();
            // Nor does the answer's address say where.
            let path = format!("{path}&return_to=https://evil.example&redirect=//evil.example");
            let landed = browser.open_once(&path).await;
            assert_eq!(landed.status, StatusCode::SEE_OTHER, "{wanted}");
            assert_eq!(landed.location(), expected, "{wanted}");
        }
        for none in ["https:/evil.example", "/\t/evil.example", "/\r\nx"] {
            assert!(
                none.parse::<http::Uri>().is_err(),
                "no request has it: {none:?}"
            );
        }
    }

    /// Nobody can tell which of them this site has set.
    #[tokio::test(start_paused = true)]
    async fn a_login_with_two_cookies_is_none() {
        let (_, mut browser) = world();
        let (path, _) = answered(&mut browser).await;
        let cookie = browser.cookie_header().unwrap();
        let twice = Request::get(&path).header(header::COOKIE, format!("{cookie}; {cookie}"));
        let answer = send(&browser.app, twice.body(Full::default()).unwrap()).await;
        assert_eq!(answer.page, Some(PageKind::UnknownLogin), "{answer:?}");
        assert_eq!(browser.open_once(&path).await.status, StatusCode::SEE_OTHER);
    }

    /// The cookie is found by the first letters of the state; all of them count.
    #[tokio::test(start_paused = true)]
    async fn a_state_that_begins_like_ours_is_a_foreign_one() {
        let (_, mut browser) = world();
        let (path, seen) = answered(&mut browser).await;
        let state = seen[0].sent_with("state").unwrap();
        let alike = format!("{}{}", &state[..8], "x".repeat(35));
        let answer = browser.open_once(&path.replace(&state, &alike)).await;
        assert_eq!(answer.page, Some(PageKind::UnknownLogin));
        assert_eq!(browser.server.requests().token, 0, "no code goes anywhere");
        assert_eq!(browser.open_once(&path).await.status, StatusCode::SEE_OTHER);
    }

    #[tokio::test(start_paused = true)]
    async fn another_issuers_answer_is_refused() {
        let (_, mut browser) = world();
        let (path, _) = answered(&mut browser).await;
        let path = format!("{}&iss=https%3A%2F%2Fevil.example", without(&path, "iss"));
        let answer = browser.open_once(&path).await;
        assert_eq!(answer.page, Some(PageKind::NotAccepted));
        assert_eq!(browser.server.requests().token, 0, "no code goes anywhere");
    }

    #[tokio::test(start_paused = true)]
    async fn by_another_method_than_get_it_is_no_answer() {
        for method in ["POST", "HEAD", "PUT"] {
            let (_, mut browser) = world();
            let (path, _) = answered(&mut browser).await;
            let answer = browser.fetch(method, &path).await;
            assert_eq!(answer.page, Some(PageKind::UnknownLogin), "{method}");
            assert_eq!(browser.server.requests().token, 0, "{method}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_good_once_in_time_and_in_the_browser_that_asked() {
        let (server, mut browser) = world();
        let (path, _) = answered(&mut browser).await;
        let mut thief = Browser::new(browser.app.clone(), &server);
        assert_eq!(
            thief.open_once(&path).await.page,
            Some(PageKind::UnknownLogin)
        );
        let before = browser.clone();
        assert_eq!(browser.open_once(&path).await.status, StatusCode::SEE_OTHER);
        assert_eq!(
            browser.open_once(&path).await.page,
            Some(PageKind::UnknownLogin),
            "used"
        );
        assert_eq!(
            browser.fetch("GET", "/").await.status,
            StatusCode::OK,
            "and still logged in"
        );
        // A copy of the cookies from before doesn't make the code good again.
        let mut copy = before;
        assert_eq!(
            copy.open_once(&path).await.page,
            Some(PageKind::UnknownLogin)
        );
        assert_eq!(server.requests().code_reused, 1);

        let (_, mut late) = world();
        let (path, _) = answered(&mut late).await;
        clock(&late.server).advance(10 * MINUTE - SECOND);
        let mut in_time = late.clone();
        let answer = in_time.open_once(&path).await;
        assert_eq!(
            answer.page,
            Some(PageKind::UnknownLogin),
            "the code lives for a minute"
        );
        assert_eq!(in_time.server.requests().token, 1);
        clock(&late.server).advance(SECOND);
        assert_eq!(
            late.open_once(&path).await.page,
            Some(PageKind::UnknownLogin)
        );
        assert_eq!(late.server.requests().token, 1, "it was not even tried");
    }

    #[tokio::test(start_paused = true)]
    async fn a_code_that_was_given_to_another_client_buys_nothing() {
        let server = provider().build().unwrap();
        let client = ClientAuth::basic("another", "hunter2");
        let another = Provider::discover(PROVIDER, client).unwrap();
        let another = another.clock(server.clock().clone()).over(server.clone());
        let site = Site::new(another, SITE, key()).unwrap();
        let mut browser = Browser::new(app(site), &server);
        let sent = browser.open_once("/").await;
        // The attacker's own login at the other client, with this browser's state.
        let address = sent
            .location()
            .replace("client_id=another", "client_id=orders-web");
        let answer = browser.step(&address, "cross-site").await;
        let path = answer.location().strip_prefix(SITE).unwrap().to_owned();
        let answer = browser.open_once(&path).await;
        assert_eq!(answer.page, Some(PageKind::UnknownLogin), "{answer:?}");
        assert_eq!(browser.session().len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_code_is_of_no_use_without_what_the_browser_keeps() {
        let (server, mut browser) = world();
        let (path, seen) = answered(&mut browser).await;
        let code = seen[1].sent_with("code").unwrap();
        let thief = TokenEndpoint::new(&server.token_url())
            .unwrap()
            .client_auth(ClientAuth::basic("orders-web", "hunter2"))
            .grant(
                AuthorizationCode::new(code, format!("{SITE}/login/callback"))
                    .code_verifier("x".repeat(43)),
            )
            .over(server.clone());
        assert!(thief.obtain().await.is_err(), "PKCE");
        assert_eq!(browser.open_once(&path).await.status, StatusCode::SEE_OTHER);
    }

    /// Whatever happened before, the session in the browser stays.
    #[tokio::test(start_paused = true)]
    async fn a_login_that_fails_ends_no_session() {
        let server = provider().build().unwrap();
        let mut alice = logged_in(&server, site(&server)).await;
        let session = alice.session();
        for path in ["/login/callback?state=x&code=y", "/login/callback"] {
            assert_eq!(alice.open_once(path).await.status, StatusCode::BAD_REQUEST);
        }
        assert_eq!(alice.session(), session);
        assert_eq!(alice.fetch("GET", "/").await.status, StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn logins_that_do_not_last_are_a_loop_and_end() {
        let (_, mut browser) = world();
        for login in 1..=4 {
            let answer = browser.open("/").await;
            assert_eq!(answer.status, StatusCode::OK, "{login}");
            // A browser, or something in between, that loses the session.
            browser.cookies.retain(|name, _| name == "__Host-login-n");
        }
        let answer = browser.open("/").await;
        assert_eq!(
            (answer.status.as_u16(), answer.page),
            (400, Some(PageKind::Loop))
        );
        assert_eq!(browser.seen.len(), 1);
        // By the link on the page it begins anew.
        assert_eq!(browser.open("/").await.status, StatusCode::OK);

        browser.cookies.retain(|name, _| name == "__Host-login-n");
        for _ in 0..3 {
            browser.open("/").await;
            browser.cookies.retain(|name, _| name == "__Host-login-n");
        }
        clock(&browser.server).advance(MINUTE);
        assert_eq!(
            browser.open("/").await.status,
            StatusCode::OK,
            "one a minute is none"
        );
    }
}

mod id_tokens {
    use super::*;

    fn stranger() -> SigningKey {
        SigningKey::generate(Algorithm::ES256)
            .unwrap()
            .with_key_id("key-1")
    }

    type Change = Box<dyn Fn(&mut Value) + Send + Sync>;

    /// What is done to the answer, and what the log says of it.
    fn rows(server: &AuthorizationServer) -> Vec<(&'static str, Change, &'static str)> {
        let resigned = |changes: Value| -> Change {
            let server = server.clone();
            Box::new(move |answer| {
                let mut claims = claims(answer["id_token"].as_str().unwrap());
                claims.extend(changes.as_object().unwrap().clone());
                let by_stranger = Minter::new(stranger()).mint(&claims).unwrap();
                answer["id_token"] = match changes.get("signed by a stranger") {
                    Some(_) => by_stranger.expose().into(),
                    // It leaves out what is `null`.
                    None => server.mint(&claims).unwrap().expose().into(),
                };
            })
        };
        let replaced = |text: &'static str| -> Change {
            Box::new(move |answer| answer["id_token"] = text.into())
        };
        let now = seconds(server);
        vec![
            (
                "none",
                Box::new(|answer| drop(answer.as_object_mut().unwrap().remove("id_token"))),
                "no ID token",
            ),
            (
                "no string",
                Box::new(|answer| answer["id_token"] = json!({ "sub": "alice" })),
                "no ID token",
            ),
            ("no token", replaced("x"), "is no JWT"),
            ("an opaque one", replaced("aaaa.bbbb.cccc"), "is no JWT"),
            (
                "alg none",
                Box::new(|answer| {
                    let claims = claims(answer["id_token"].as_str().unwrap());
                    answer["id_token"] = unsigned(&claims).into();
                }),
                "is no JWT",
            ),
            (
                "a key that is not in the set",
                resigned(json!({ "signed by a stranger": true })),
                "signature",
            ),
            (
                "another audience",
                resigned(json!({ "aud": "another" })),
                "audience",
            ),
            (
                "the API's audience",
                resigned(json!({ "aud": "orders" })),
                "audience",
            ),
            ("no audience", resigned(json!({ "aud": null })), "aud"),
            (
                "another issuer",
                resigned(json!({ "iss": "https://evil.example" })),
                "issuer",
            ),
            (
                "an old nonce",
                resigned(json!({ "nonce": "of-an-earlier-login" })),
                "`nonce`",
            ),
            ("no nonce", resigned(json!({ "nonce": null })), "`nonce`"),
            (
                "a nonce that is none",
                resigned(json!({ "nonce": 7 })),
                "claims",
            ),
            (
                "several audiences",
                resigned(json!({ "aud": ["orders-web", "another"] })),
                "`azp`",
            ),
            (
                "issued to another",
                resigned(json!({ "azp": "another" })),
                "`azp`",
            ),
            (
                "another access token's",
                resigned(json!({ "at_hash": "77QmUPtjPfzWtF2AnpK9RQ" })),
                "`at_hash`",
            ),
            ("expired", resigned(json!({ "exp": now - 61 })), "expired"),
            (
                "of tomorrow",
                resigned(json!({ "iat": now + 86_400 })),
                "`iat`",
            ),
            (
                "it doesn't say when it ends",
                resigned(json!({ "exp": null })),
                "`exp`",
            ),
            (
                "it doesn't say when it was made",
                resigned(json!({ "iat": null })),
                "`iat`",
            ),
            ("of nobody", resigned(json!({ "sub": null })), "sub"),
            ("not for us to read", resigned(json!({ "sub": 7 })), "sub"),
        ]
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_token_that_is_not_of_this_login_lets_nobody_in() {
        let server = provider().build().unwrap();
        for (row, change, said) in rows(&server) {
            let tampering = Tampering::new(&server, change);
            let site = Site::new(seen_through(&server, tampering), SITE, key()).unwrap();
            let mut browser = Browser::new(app(site), &server);
            log::take();
            let answer = browser.open("/orders").await;
            assert_eq!(
                (answer.status.as_u16(), answer.page),
                (502, Some(PageKind::NotAccepted)),
                "{row}: {answer:?}"
            );
            assert_eq!(browser.cookies.len(), 0, "{row}: nothing stays");
            let logged = log::take();
            assert!(logged.contains(said), "{row}: {logged}");
            assert_hides(&logged, &browser, &browser.seen.iter().collect::<Vec<_>>());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_it_may_say_besides_is_accepted() {
        let server = provider().build().unwrap();
        for changes in [
            json!({ "azp": "orders-web" }),
            json!({ "aud": ["orders-web"], "azp": null }),
            json!({ "aud": ["orders-web", "another"], "azp": "orders-web" }),
            json!({ "at_hash": null }),
        ] {
            let tampering = Tampering::with_claims(&server, {
                let changes = changes.clone();
                move || changes.clone()
            });
            let site = Site::new(seen_through(&server, tampering), SITE, key()).unwrap();
            let mut browser = Browser::new(app(site), &server);
            let answer = browser.open("/").await;
            assert_eq!(answer.status, StatusCode::OK, "{changes}: {answer:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_access_token_whose_claims_are_to_count_has_to_be_one_of_the_apis() {
        let server = provider().build().unwrap();
        let opaque: Change = Box::new(|answer| {
            answer["access_token"] = "an-opaque-token".into();
        });
        let elsewhere: Change = {
            let server = server.clone();
            Box::new(move |answer| {
                let token = server.mint(json!({ "sub": "alice", "aud": "billing" }));
                answer["access_token"] = token.unwrap().expose().into();
            })
        };
        let rows = [
            ("opaque", opaque, "is no JWT"),
            ("for another API", elsewhere, "audience"),
        ];
        for (row, change, said) in rows {
            let tampering = Tampering::new(&server, move |answer| {
                change(answer);
                // It fits: that is not what is wrong.
                let mut claims = claims(answer["id_token"].as_str().unwrap());
                claims.remove("at_hash");
                answer["id_token"] = unsigned(&claims).into();
            });
            let resigning = server.clone();
            let tampering = Tampering::new(&server, {
                let inner = tampering.clone();
                move |answer| {
                    inner.apply(answer);
                    let claims = claims(answer["id_token"].as_str().unwrap());
                    let signed = resigning.mint(&claims).unwrap();
                    answer["id_token"] = signed.expose().into();
                }
            });
            let site = |claims_from| {
                let site = Site::new(seen_through(&server, tampering.clone()), SITE, key());
                Browser::new(app(site.unwrap().claims_from(claims_from)), &server)
            };
            log::take();
            let answer = site(ClaimsFrom::AccessToken).open("/").await;
            assert_eq!(answer.page, Some(PageKind::NotAccepted), "{row}");
            let logged = log::take();
            assert!(
                logged.contains(said) && logged.contains("ClaimsFrom::AccessToken"),
                "{row}: {logged}"
            );
            // There is no falling back, and none is needed where the ID token counts.
            let answer = site(ClaimsFrom::IdToken).open("/").await;
            assert_eq!(answer.status, StatusCode::OK, "{row}: {answer:?}");
        }
    }
}

mod outages {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_is_down_at_any_step_is_503_and_no_session_ends() {
        let faults = [
            Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
            Fault::Html,
            Fault::CutOff,
            Fault::Delay(Duration::from_secs(60)),
        ];
        for (endpoint, step) in [
            (Endpoint::Metadata, "metadata"),
            (Endpoint::Jwks, "jwks"),
            (Endpoint::Token, "token"),
        ] {
            for fault in &faults {
                let server = provider().build().unwrap();
                server.fail_always(endpoint, fault.clone());
                let mut browser = Browser::new(app(site(&server)), &server);
                let row = format!("{step} {fault:?}");
                log::take();
                let answer = browser.open("/orders").await;
                let logged = log::take();
                // A page for humans is no outage of a token endpoint, but not to be used.
                let expected = match (endpoint, fault) {
                    (Endpoint::Token, Fault::Html) => (502, PageKind::NotAccepted),
                    _ => (503, PageKind::Unavailable),
                };
                assert_eq!(
                    (answer.status.as_u16(), answer.page),
                    (expected.0, Some(expected.1)),
                    "{row}: {answer:?}"
                );
                assert!(logged.contains("login not finished"), "{row}: {logged}");
                assert_eq!(
                    answer.headers.contains_key("retry-after"),
                    expected.0 == 503,
                    "{row}"
                );
                assert!(
                    answer.text.contains("href=\"/orders\""),
                    "{row}: a way to try again"
                );

                server.recover();
                clock(&server).advance(2 * MINUTE);
                tokio::time::sleep(2 * MINUTE).await;
                let answer = browser.open("/orders").await;
                assert_eq!(answer.status, StatusCode::OK, "{row}: {answer:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_outage_of_the_token_endpoint_the_same_answer_may_be_tried_again() {
        let (server, mut browser) = world();
        let sent = browser.open_once("/orders").await;
        let answer = browser.step(sent.location(), "cross-site").await;
        let path = answer.location().strip_prefix(SITE).unwrap().to_owned();
        server.fail_next(Endpoint::Token, Fault::Status(StatusCode::BAD_GATEWAY));
        assert_eq!(
            browser.open_once(&path).await.page,
            Some(PageKind::Unavailable)
        );
        let landed = browser.open_once(&path).await;
        assert_eq!(
            (landed.status.as_u16(), landed.location()),
            (303, "/orders")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_the_provider_refuses_is_a_mistake_of_the_site() {
        let server = provider().build().unwrap();
        let client = ClientAuth::basic("orders-web", "wrong");
        let provider = Provider::discover(PROVIDER, client).unwrap();
        let provider = provider.clock(server.clock().clone()).over(server.clone());
        let mut browser = Browser::new(app(Site::new(provider, SITE, key()).unwrap()), &server);
        let answer = browser.open("/").await;
        assert_eq!(
            (answer.status.as_u16(), answer.page),
            (500, Some(PageKind::Misconfigured))
        );
    }

    /// Who has logged in stays so while the last good keys serve: an hour past their life.
    #[tokio::test(start_paused = true)]
    async fn sessions_outlast_an_outage_as_long_as_the_keys_do() {
        let server = provider().build().unwrap();
        let mut alice = logged_in(&server, site(&server)).await;
        for endpoint in [Endpoint::Metadata, Endpoint::Jwks, Endpoint::Token] {
            server.fail_always(endpoint, Fault::Status(StatusCode::INTERNAL_SERVER_ERROR));
        }
        for _ in 0..6 {
            clock(&server).advance(10 * MINUTE);
            tokio::time::sleep(10 * MINUTE).await;
            assert_eq!(alice.fetch("GET", "/").await.status, StatusCode::OK);
        }
        clock(&server).advance(30 * MINUTE);
        let session = alice.session();
        let answer = alice.fetch("GET", "/").await;
        assert_eq!(
            (answer.status.as_u16(), answer.page),
            (503, Some(PageKind::Unavailable))
        );
        assert_eq!(alice.session(), session);
        server.recover();
        clock(&server).advance(2 * MINUTE);
        tokio::time::sleep(2 * MINUTE).await;
        assert_eq!(alice.fetch("GET", "/").await.status, StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_was_withdrawn_takes_its_sessions_along() {
        let server = provider().build().unwrap();
        let provider = seen_by_site(&server);
        let keys = provider.keys().clone();
        let mut alice = logged_in(&server, Site::new(provider, SITE, key()).unwrap()).await;
        server.rotate_keys().unwrap();
        keys.refresh().await.unwrap();
        assert_eq!(
            alice.fetch("GET", "/").await.status,
            StatusCode::OK,
            "still published"
        );
        server.withdraw_old_keys();
        clock(&server).advance(20 * MINUTE);
        keys.refresh().await.unwrap();
        clock(&server).advance(MINUTE);
        tokio::time::sleep(MINUTE).await;
        assert_eq!(
            alice.fetch("GET", "/").await.status,
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(
            alice.open("/").await.status,
            StatusCode::OK,
            "and comes back by herself"
        );
    }
}
