//! Sessions: how long they last, where they are kept, and how they end.
#![cfg(all(feature = "login", feature = "test-util"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod login_support;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use login_support::{tampering::Tampering, *};
use serde_json::json;
use tower_bearer::{
    BoxError, BoxFuture,
    clock::Clock,
    login::{
        ClaimsFrom, MemorySessionStore, Page, PageKind, SealingKey, SessionChange, SessionKey,
        SessionRecord, SessionStore, Site, Timing,
    },
    test_util::{AuthorizationServer, Endpoint, Fault},
};

/// Each way of keeping sessions.
fn sites(server: &AuthorizationServer) -> [(&'static str, Site); 2] {
    let store = MemorySessionStore::with_clock(server.clock().clone());
    [
        ("in cookies", site(server)),
        ("in a store", site(server).sessions_in(store)),
    ]
}

async fn status(browser: &mut Browser) -> u16 {
    browser.fetch("GET", "/").await.status.as_u16()
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_an_hour_after_it_was_used_last() {
    let server = provider().build().unwrap();
    for (row, site) in sites(&server) {
        let mut browser = logged_in(&server, site).await;
        for _ in 0..5 {
            clock(&server).advance(50 * MINUTE);
            assert_eq!(status(&mut browser).await, 200, "{row}");
        }
        clock(&server).advance(HOUR);
        assert_eq!(status(&mut browser).await, 401, "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_eight_hours_after_the_login_however_much_it_is_used() {
    let server = provider().build().unwrap();
    for (row, site) in sites(&server) {
        let mut browser = logged_in(&server, site).await;
        for minute in (0..480).step_by(30) {
            assert_eq!(status(&mut browser).await, 200, "{row}: minute {minute}");
            clock(&server).advance(30 * MINUTE);
        }
        assert_eq!(status(&mut browser).await, 401, "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn both_can_be_set() {
    let server = provider().build().unwrap();
    for (idle, absolute, expected) in [(30, 300, 30), (300, 40, 40)] {
        let mut timing = Timing::default();
        timing.idle = Duration::from_secs(idle);
        timing.absolute = Duration::from_secs(absolute);
        let mut browser = logged_in(&server, site(&server).timing(timing)).await;
        clock(&server).advance(Duration::from_secs(expected) - SECOND);
        let mut unused = browser.clone();
        assert_eq!(status(&mut browser).await, 200);
        clock(&server).advance(SECOND);
        assert_eq!(status(&mut unused).await, 401, "{idle} {absolute}");
    }
}

/// Each cookie that is set keeps an answer out of caches, so there are few.
#[tokio::test(start_paused = true)]
async fn a_cookie_is_set_again_once_in_a_tenth_of_the_idle_time_and_by_a_store_never() {
    let server = provider().build().unwrap();
    for ((row, site), expected) in sites(&server).into_iter().zip([9, 0]) {
        let mut browser = logged_in(&server, site).await;
        let mut set = 0;
        for _ in 0..60 {
            clock(&server).advance(MINUTE);
            let answer = browser.fetch("GET", "/").await;
            let has_set = !answer.set_cookies().is_empty();
            let cached = answer.header("cache-control").unwrap();
            assert_eq!(cached, if has_set { "no-store" } else { "private" });
            set += u32::from(has_set);
        }
        // The clock stands between two seconds.
        assert!((expected..=expected + 1).contains(&set), "{row}: {set}");
    }
}

/// The ID token lives for five minutes here; whoever has logged in stays so.
#[tokio::test(start_paused = true)]
async fn the_session_outlives_the_id_token_and_not_the_access_token_where_that_one_counts() {
    let server = provider().token_lifetime(10 * MINUTE).build().unwrap();
    for (claims_from, expected) in [(ClaimsFrom::IdToken, 200), (ClaimsFrom::AccessToken, 401)] {
        let mut browser = logged_in(&server, site(&server).claims_from(claims_from)).await;
        clock(&server).advance(10 * MINUTE);
        assert_eq!(status(&mut browser).await, 200, "within the leeway");
        clock(&server).advance(MINUTE);
        assert_eq!(status(&mut browser).await, expected, "{claims_from:?}");
        if expected == 401 {
            assert_eq!(
                browser.open("/").await.status,
                StatusCode::OK,
                "logs in again"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_can_be_replaced_while_people_are_logged_in() {
    let server = provider().build().unwrap();
    let (old, new) = (key(), SealingKey::from_bytes([9; 32]));
    let with =
        |newest: &SealingKey| Site::new(seen_by_site(&server), SITE, newest.clone()).unwrap();
    let mut browser = logged_in(&server, with(&old)).await;
    let sealed_by_old = browser.session();

    browser.app = app(with(&new).older_key(old.clone()));
    assert_eq!(status(&mut browser).await, 200, "older ones open");
    clock(&server).advance(10 * MINUTE);
    assert_eq!(status(&mut browser).await, 200);
    assert_ne!(browser.session(), sealed_by_old, "the newest seals");

    browser.app = app(with(&new));
    assert_eq!(status(&mut browser).await, 200, "the old one can go");
    browser.cookies.extend(sealed_by_old);
    assert_eq!(status(&mut browser).await, 401);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_too_large_for_two_cookies_names_the_way_out() {
    let server = provider().build().unwrap();
    let large = |bytes: usize| {
        let tampering = Tampering::with_claims(&server, move || json!({ "x": "x".repeat(bytes) }));
        Site::new(seen_through(&server, tampering), SITE, key()).unwrap()
    };
    for (bytes, cookies) in [(10, 1), (1500, 2), (2500, 2)] {
        let browser = logged_in(&server, large(bytes)).await;
        assert_eq!(browser.session().len(), cookies, "{bytes}");
    }
    log::take();
    let mut browser = Browser::new(app(large(6000)), &server);
    let answer = browser.open("/").await;
    assert_eq!(
        (answer.status.as_u16(), answer.page),
        (500, Some(PageKind::Misconfigured))
    );
    let logged = log::take();
    assert!(
        logged.contains("SessionStore") && logged.contains("Site::sessions_in"),
        "{logged}"
    );

    let store = MemorySessionStore::with_clock(server.clock().clone());
    let mut browser = logged_in(&server, large(6000).sessions_in(store)).await;
    assert_eq!(status(&mut browser).await, 200);
    assert_eq!(browser.session().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_larger_session_does_no_harm() {
    let server = provider().build().unwrap();
    let tampering = Tampering::with_claims(&server, || json!({ "x": "x".repeat(1500) }));
    let large = Site::new(seen_through(&server, tampering), SITE, key()).unwrap();
    let mut browser = logged_in(&server, large).await;
    let second = browser.cookies["__Host-login-2"].clone();
    browser.log_out().await;
    browser.app = app(site(&server));
    browser.cookies.insert("__Host-login-2".to_owned(), second);
    browser.open("/").await;
    assert_eq!(browser.session().len(), 1, "it was taken away");
    assert_eq!(status(&mut browser).await, 200);
}

mod logout {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_that_was_ended_is_refused_though_its_cookie_is_replayed() {
        let server = provider().build().unwrap();
        for (row, site) in sites(&server) {
            let mut browser = logged_in(&server, site.clone()).await;
            let mut thief = browser.clone();
            let other = logged_in(&server, site).await;
            let answer = browser.log_out().await;
            assert_eq!(
                (answer.status.as_u16(), answer.page),
                (200, Some(PageKind::LoggedOut)),
                "{row}"
            );
            assert_eq!(browser.session().len(), 0, "{row}");
            assert_eq!(status(&mut browser).await, 401, "{row}");
            // A copy, at once and until its end.
            for _ in 0..9 {
                assert_eq!(status(&mut thief).await, 401, "{row}");
                clock(&server).advance(50 * MINUTE);
            }
            // Nobody else is logged out by it.
            let mut other = other;
            clock(&server).set_wall_back(9 * 50 * MINUTE);
            assert_eq!(status(&mut other).await, 200, "{row}");
        }
    }

    /// Documented as the limit of sessions in cookies, and not of those in a store.
    #[tokio::test(start_paused = true)]
    async fn another_process_refuses_it_if_they_share_a_store() {
        let server = provider().build().unwrap();
        let store = MemorySessionStore::with_clock(server.clock().clone());
        let shared = || site(&server).sessions_in(store.clone());
        for (site, elsewhere, expected) in [
            (site(&server), site(&server), 200),
            (shared(), shared(), 401),
        ] {
            let mut browser = logged_in(&server, site).await;
            let mut thief = browser.clone();
            browser.log_out().await;
            thief.app = app(elsewhere);
            assert_eq!(status(&mut thief).await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_post_of_a_page_of_this_site_logs_out() {
        let server = provider().build().unwrap();
        let browser = logged_in(&server, site(&server)).await;
        type Header = Option<(&'static str, &'static str)>;
        type Row = (&'static str, &'static str, Header, u16, Option<PageKind>);
        let rows: [Row; 9] = [
            ("a link", "GET", None, 200, Some(PageKind::LogOut)),
            ("a look", "HEAD", None, 200, Some(PageKind::LogOut)),
            (
                "another site's form",
                "POST",
                Some(("sec-fetch-site", "cross-site")),
                403,
                Some(PageKind::CrossSite),
            ),
            (
                "a sister site's form",
                "POST",
                Some(("sec-fetch-site", "same-site")),
                403,
                Some(PageKind::CrossSite),
            ),
            (
                "an old browser's, of elsewhere",
                "POST",
                Some(("origin", "https://evil.example")),
                403,
                Some(PageKind::CrossSite),
            ),
            ("nobody's", "POST", None, 403, Some(PageKind::CrossSite)),
            (
                "another method",
                "DELETE",
                Some(("sec-fetch-site", "same-origin")),
                405,
                None,
            ),
            (
                "an old browser's",
                "POST",
                Some(("origin", SITE)),
                200,
                Some(PageKind::LoggedOut),
            ),
            (
                "this site's form",
                "POST",
                Some(("sec-fetch-site", "same-origin")),
                200,
                Some(PageKind::LoggedOut),
            ),
        ];
        for (row, method, header, status, page) in rows {
            // A site of its own, which has denied nobody yet.
            let mut browser = browser.clone();
            browser.app = app(site(&server));
            let mut request = Request::builder().method(method).uri("/logout");
            if let Some((name, value)) = header {
                request = request.header(name, value);
            }
            let answer = browser
                .request(request.body(Full::default()).unwrap())
                .await;
            assert_eq!(
                (answer.status.as_u16(), answer.page),
                (status, page),
                "{row}: {answer:?}"
            );
            let is_over = page == Some(PageKind::LoggedOut);
            assert_eq!(browser.session().is_empty(), is_over, "{row}");
            let later = browser.fetch("GET", "/").await.status.as_u16();
            assert_eq!(later, if is_over { 401 } else { 200 }, "{row}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_link_to_it_asks_first_and_tells_others_that_they_are_out() {
        let server = provider().build().unwrap();
        let mut browser = logged_in(&server, site(&server)).await;
        let asked = browser.open("/logout").await;
        assert!(
            asked
                .text
                .contains("<form method=\"post\" action=\"/logout\">"),
            "{asked:?}"
        );
        browser.log_out().await;
        let out = browser.open("/logout").await;
        assert_eq!(out.page, Some(PageKind::LoggedOut));
        assert!(
            out.text.contains("<a href=\"/\">Log in again</a>"),
            "{out:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn by_choice_it_logs_out_at_the_provider_too() {
        let server = provider().build().unwrap();
        let mut browser = logged_in(&server, site(&server).log_out_at_provider()).await;
        let sent = browser.log_out().await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER);
        assert!(
            sent.location()
                .starts_with("https://id.example/oauth2/logout?")
        );
        assert_eq!(sent.sent_with("client_id").as_deref(), Some("orders-web"));
        assert_eq!(
            sent.sent_with("id_token_hint"),
            None,
            "addresses are in logs"
        );
        assert_eq!(browser.session().len(), 0, "here it is over already");
        let out = browser.follow(sent).await;
        assert_eq!(out.page, Some(PageKind::LoggedOut));
        assert_eq!(server.requests().end_session, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_is_down_keeps_nobody_logged_in_here() {
        let server = provider().build().unwrap();
        let mut browser = logged_in(&server, site(&server).log_out_at_provider()).await;
        let mut thief = browser.clone();
        server.fail_always(
            Endpoint::Metadata,
            Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
        );
        server.fail_always(
            Endpoint::Jwks,
            Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
        );
        clock(&server).advance(3 * HOUR);
        let answer = browser.log_out().await;
        assert_eq!(
            (answer.status.as_u16(), answer.page),
            (503, Some(PageKind::LoggedOutHere))
        );
        assert_eq!(browser.session().len(), 0);
        server.recover();
        clock(&server).set_wall_back(3 * HOUR);
        tokio::time::sleep(2 * MINUTE).await;
        clock(&server).advance_monotonic(2 * MINUTE);
        assert_eq!(status(&mut thief).await, 401);
    }

    #[tokio::test(start_paused = true)]
    async fn paths_and_pages_are_the_applications() {
        let server = provider().build().unwrap();
        let own = |page: &Page| page.response_with(format!("{:?} {}", page.kind(), page.link()));
        let site = self::site(&server).log_out_path("/bye").unwrap().pages(own);
        let mut browser = logged_in(&server, site).await;
        let asked = browser.fetch("GET", "/bye").await;
        assert_eq!(asked.text, "LogOut /bye");
        assert_eq!(
            asked.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(
            asked.header("content-security-policy"),
            Some("frame-ancestors 'none'")
        );
        assert_eq!(
            browser.fetch("GET", "/logout").await.json()["sub"],
            "alice",
            "a page like others"
        );
        assert_eq!(browser.fetch("POST", "/bye").await.text, "LoggedOut /");

        // Whatever an application makes of it, no cache keeps it.
        let bare = |_: &Page| http::Response::new(Bytes::from("bare"));
        let mut browser = Browser::new(app(self::site(&server).pages(bare)), &server);
        for path in ["/login/callback", "/logout"] {
            let answer = browser.open_once(path).await;
            assert_eq!(answer.text, "bare", "{path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        }
    }
}

mod stores {
    use super::*;

    /// A store that fails when told, and shows what it holds.
    #[derive(Clone, Default)]
    struct Failing {
        store: MemorySessionStore,
        fails: Arc<std::sync::atomic::AtomicBool>,
    }

    impl Failing {
        fn set(&self, fails: bool) {
            self.fails.store(fails, std::sync::atomic::Ordering::SeqCst);
        }

        fn check(&self) -> Result<(), BoxError> {
            match self.fails.load(std::sync::atomic::Ordering::SeqCst) {
                true => Err("the database is down".into()),
                false => Ok(()),
            }
        }
    }

    impl SessionStore for Failing {
        fn insert(
            &self,
            key: SessionKey,
            record: SessionRecord,
        ) -> BoxFuture<'_, Result<(), BoxError>> {
            Box::pin(async {
                self.check()?;
                self.store.insert(key, record).await
            })
        }

        fn load<'a>(
            &'a self,
            key: &'a SessionKey,
        ) -> BoxFuture<'a, Result<Option<SessionRecord>, BoxError>> {
            Box::pin(async {
                self.check()?;
                self.store.load(key).await
            })
        }

        fn exchange<'a>(
            &'a self,
            key: &'a SessionKey,
            change: SessionChange<'a>,
        ) -> BoxFuture<'a, Result<Option<SessionRecord>, BoxError>> {
            Box::pin(async {
                self.check()?;
                self.store.exchange(key, change).await
            })
        }

        fn remove<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<(), BoxError>> {
            Box::pin(async {
                self.check()?;
                self.store.remove(key).await
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_fails_is_503_and_ends_no_session() {
        let server = provider().build().unwrap();
        let store = Failing::default();
        let mut browser = logged_in(&server, site(&server).sessions_in(store.clone())).await;
        let session = browser.session();
        store.set(true);
        let rows = [("GET", "/"), ("POST", "/"), ("POST", "/logout")];
        for (method, path) in rows {
            let answer = browser.fetch(method, path).await;
            assert_eq!(
                (answer.status.as_u16(), answer.page),
                (503, Some(PageKind::Unavailable)),
                "{method} {path}"
            );
            assert_eq!(browser.session(), session, "{method} {path}");
        }
        let mut other = Browser::new(browser.app.clone(), &server);
        assert_eq!(
            other.open("/").await.page,
            Some(PageKind::Unavailable),
            "no login either"
        );
        store.set(false);
        assert_eq!(status(&mut browser).await, 200);
        assert_eq!(browser.log_out().await.page, Some(PageKind::LoggedOut));
        assert_eq!(status(&mut browser).await, 401);
    }

    /// Whoever reads the store learns nothing, and whoever writes it becomes nobody.
    #[tokio::test(start_paused = true)]
    async fn what_is_stored_is_sealed_and_stays_in_its_place() {
        #[derive(Clone, Default)]
        struct Open(Arc<std::sync::Mutex<Vec<(SessionKey, SessionRecord)>>>);

        impl SessionStore for Open {
            fn insert(
                &self,
                key: SessionKey,
                record: SessionRecord,
            ) -> BoxFuture<'_, Result<(), BoxError>> {
                self.0.lock().unwrap().push((key, record));
                Box::pin(async { Ok(()) })
            }

            fn load<'a>(
                &'a self,
                key: &'a SessionKey,
            ) -> BoxFuture<'a, Result<Option<SessionRecord>, BoxError>> {
                let all = self.0.lock().unwrap();
                let found = all
                    .iter()
                    .find(|(known, _)| known == key)
                    .map(|(_, record)| record.clone());
                Box::pin(async { Ok(found) })
            }

            fn exchange<'a>(
                &'a self,
                key: &'a SessionKey,
                _: SessionChange<'a>,
            ) -> BoxFuture<'a, Result<Option<SessionRecord>, BoxError>> {
                self.load(key)
            }

            fn remove<'a>(&'a self, _: &'a SessionKey) -> BoxFuture<'a, Result<(), BoxError>> {
                Box::pin(async { Ok(()) })
            }
        }

        let server = provider().build().unwrap();
        let store = Open::default();
        let site = site(&server).sessions_in(store.clone());
        let mut alice = logged_in(&server, site.clone()).await;
        let token = alice.fetch("GET", "/").await.json()["token"]
            .as_str()
            .unwrap()
            .to_owned();
        let mallory = logged_in(&server, site).await;
        {
            let all = store.0.lock().unwrap();
            let (key, record) = &all[0];
            let shown = format!("{:?} {record:?} {key:?}", record.sealed());
            for secret in ["alice", &token[..20], &alice.cookies["__Host-login"][2..22]] {
                assert!(!shown.contains(secret), "{shown}");
            }
            assert!(key.as_str().len() == 43, "{key:?}");
            let ends = record
                .ends_at()
                .duration_since(server.clock().wall())
                .unwrap();
            assert!(ends > 59 * MINUTE && ends <= HOUR, "{ends:?}");
        }
        // Alice's record under Mallory's key, and records of somebody's own making.
        let of_alice = store.0.lock().unwrap()[0].1.clone();
        let end = of_alice.ends_at();
        let forged =
            ["", "x", "{}", "\u{ff}"].map(|text| SessionRecord::new(Bytes::from(text), end));
        for record in [vec![of_alice], forged.to_vec()].concat() {
            store.0.lock().unwrap()[1].1 = record.clone();
            let mut mallory = mallory.clone();
            assert_eq!(status(&mut mallory).await, 401, "{record:?}");
        }
        assert_eq!(status(&mut alice).await, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn the_store_in_memory_forgets_what_is_over() {
        let server = provider().build().unwrap();
        let store = MemorySessionStore::with_clock(server.clock().clone());
        let site = site(&server).sessions_in(store.clone());
        for _ in 0..3 {
            logged_in(&server, site.clone()).await;
        }
        assert_eq!(store.len(), 3);
        clock(&server).advance(HOUR);
        let mut last = logged_in(&server, site).await;
        assert_eq!(store.len(), 1);
        last.log_out().await;
        assert!(store.is_empty());
    }
}
