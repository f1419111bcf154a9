//! The access token of a session is renewed on the way: once, and nobody is logged out by it.
#![cfg(all(feature = "login", feature = "test-util"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod login_support;

use std::{convert::Infallible, time::Duration};

use futures::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use login_support::{tampering::Tampering, *};
use serde_json::json;
use tokio_test::{assert_pending, task};
use tower::{Layer, service_fn, util::BoxCloneSyncService};
use tower_bearer::{
    clock::{Clock, SystemClock},
    login::{ClaimsFrom, MemorySessionStore, PageKind, Site, Timing},
    test_util::{AuthorizationServer, Endpoint, Fault},
};

/// Access tokens live for an hour; they are renewed a minute before.
const DUE: Duration = Duration::from_secs(59 * 60);

/// As long as a session is used at least once in an hour.
fn unhurried() -> Timing {
    let mut timing = Timing::default();
    timing.idle = 4 * HOUR;
    timing
}

fn in_cookie(server: &AuthorizationServer) -> Site {
    site(server).renew_in_cookie().timing(unhurried())
}

fn in_store(server: &AuthorizationServer) -> Site {
    let store = MemorySessionStore::with_clock(server.clock().clone());
    site(server).sessions_in(store).timing(unhurried())
}

fn both(server: &AuthorizationServer) -> [(&'static str, Site); 2] {
    [("cookie", in_cookie(server)), ("store", in_store(server))]
}

fn refreshes(server: &AuthorizationServer) -> (u64, u64) {
    let requests = server.requests();
    (requests.refresh_token, requests.refresh_token_reused)
}

async fn relayed(browser: &mut Browser) -> String {
    let said = browser.fetch("GET", "/").await.json();
    said["token"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_requests_at_the_end_of_the_token_are_one_refresh() {
    for way in 0..2 {
        let server = rotating();
        let (row, site) = both(&server).into_iter().nth(way).unwrap();
        let mut browser = logged_in(&server, site).await;
        let before = relayed(&mut browser).await;
        clock(&server).advance(HOUR);
        server.fail_always(Endpoint::Token, Fault::Delay(SECOND));
        let answers = join_all((0..100).map(|_| browser.requesting("/"))).await;
        for answer in &answers {
            assert_eq!(answer.status, StatusCode::OK, "{row}: {answer:?}");
            assert_ne!(answer.json()["token"], before, "{row}: it is the new one");
            let sets = !answer.set_cookies().is_empty();
            assert_eq!(sets, row == "cookie", "{row}: {answer:?}");
        }
        assert_eq!(refreshes(&server), (1, 0), "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_later_with_the_old_cookie_gets_what_came_of_it() {
    let server = rotating();
    let mut browser = logged_in(&server, in_cookie(&server)).await;
    let mut late = browser.clone();
    clock(&server).advance(DUE);
    let renewed = relayed(&mut browser).await;
    clock(&server).advance(5 * SECOND);
    assert_eq!(relayed(&mut late).await, renewed);
    assert_eq!(refreshes(&server), (1, 0));
    let after = late.fetch("GET", "/").await;
    assert_eq!(after.set_cookies(), [""; 0], "it has the new cookie by now");
    // And once more from the newest, after an hour.
    clock(&server).advance(DUE);
    assert_ne!(relayed(&mut late).await, renewed);
    assert_eq!(refreshes(&server), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn two_processes_over_one_store_make_one_refresh() {
    let server = rotating();
    let store = MemorySessionStore::with_clock(server.clock().clone());
    let process = || app(site(&server).sessions_in(store.clone()).timing(unhurried()));
    let (one, other) = (process(), process());
    let mut browser = Browser::new(one.clone(), &server);
    browser.open("/").await;
    clock(&server).advance(HOUR);
    server.fail_always(Endpoint::Token, Fault::Delay(SECOND));
    let requests = (0..100).map(|number| {
        browser.app = if number % 2 == 0 {
            one.clone()
        } else {
            other.clone()
        };
        browser.requesting("/")
    });
    let answers = join_all(requests.collect::<Vec<_>>()).await;
    let tokens: Vec<_> = answers
        .iter()
        .map(|answer| answer.json()["token"].clone())
        .collect();
    assert!(
        tokens.iter().all(|token| *token == tokens[0]),
        "the same for all"
    );
    assert_eq!(refreshes(&server), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_a_minute_before_its_end_or_a_fifth_of_a_short_life() {
    for (lifetime, unhurried) in [(3600, 3540), (100, 80), (5, 4)] {
        let server = rotating();
        server.set_token_lifetime(Duration::from_secs(lifetime));
        let mut browser = logged_in(&server, in_cookie(&server)).await;
        clock(&server).advance(Duration::from_secs(unhurried - 1));
        relayed(&mut browser).await;
        assert_eq!(refreshes(&server), (0, 0), "{lifetime}");
        clock(&server).advance(SECOND);
        relayed(&mut browser).await;
        assert_eq!(refreshes(&server), (1, 0), "{lifetime}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_cookie_nothing_is_renewed_unless_it_was_chosen() {
    let server = rotating();
    let mut browser = logged_in(&server, site(&server).timing(unhurried())).await;
    let before = relayed(&mut browser).await;
    clock(&server).advance(2 * HOUR);
    assert_eq!(relayed(&mut browser).await, before);
    assert_eq!(refreshes(&server), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn where_the_access_token_counts_renewal_keeps_the_session() {
    for way in 0..2 {
        let server = rotating();
        let (row, site) = both(&server).into_iter().nth(way).unwrap();
        let mut browser = logged_in(&server, site.claims_from(ClaimsFrom::AccessToken)).await;
        for hour in 0..7 {
            clock(&server).advance(HOUR);
            let answer = browser.fetch("GET", "/").await;
            assert_eq!(answer.status, StatusCode::OK, "{row}: hour {hour}");
        }
        assert_eq!(refreshes(&server), (7, 0), "{row}");
    }
}

/// Without a new one, what was there is kept (RFC 6749 §6).
#[tokio::test(start_paused = true)]
async fn what_an_answer_leaves_out_stays_as_it_was() {
    let server = provider()
        .refresh_tokens(tower_bearer::test_util::RefreshTokens::Kept)
        .build()
        .unwrap();
    let silent = Tampering::new(&server, |answer| {
        let members = answer.as_object_mut().unwrap();
        if !members.contains_key("refresh_token") {
            members.remove("scope");
            members.remove("id_token");
        }
    });
    let site = Site::new(seen_through(&server, silent), SITE, key()).unwrap();
    let mut browser = logged_in(&server, site.renew_in_cookie().timing(unhurried())).await;
    for _ in 0..3 {
        clock(&server).advance(HOUR);
        let said = browser.fetch("GET", "/").await.json();
        assert_eq!(
            (&said["sub"], &said["scopes"]),
            (&json!("alice"), &json!("openid orders:read"))
        );
    }
    assert_eq!(refreshes(&server), (3, 0));
}

/// The ID token that comes along is signed with a newer key.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_renewed_outlasts_the_keys_of_its_login() {
    let server = rotating();
    let provider = seen_by_site(&server);
    let keys = provider.keys().clone();
    let site = Site::new(provider, SITE, key()).unwrap();
    let mut browser = logged_in(&server, site.renew_in_cookie().timing(unhurried())).await;
    server.rotate_keys().unwrap();
    clock(&server).advance(DUE);
    assert_eq!(browser.fetch("GET", "/").await.status, StatusCode::OK);
    server.withdraw_old_keys();
    for _ in 0..2 {
        clock(&server).advance(20 * MINUTE);
        keys.refresh().await.unwrap();
        assert_eq!(browser.fetch("GET", "/").await.status, StatusCode::OK);
    }
}

mod failures {
    use super::*;

    /// Outage or refusal, whose claims count, what a page and a script get after the token's
    /// end.
    #[tokio::test(start_paused = true)]
    async fn a_failed_renewal_clears_no_cookie_and_is_not_tried_again_for_a_minute() {
        let outage = Fault::Status(StatusCode::BAD_GATEWAY);
        let refusal = Fault::Refuse(StatusCode::BAD_REQUEST, "invalid_grant");
        let rows = [
            ("outage", &outage, ClaimsFrom::IdToken, 200),
            ("refusal", &refusal, ClaimsFrom::IdToken, 200),
            ("outage", &outage, ClaimsFrom::AccessToken, 503),
            ("refusal", &refusal, ClaimsFrom::AccessToken, 401),
        ];
        for (fault, failure, claims_from, expected) in rows {
            for way in 0..2 {
                let server = rotating();
                let (kept, site) = both(&server).into_iter().nth(way).unwrap();
                let row = format!("{fault}, {claims_from:?}, {kept}");
                let mut browser = logged_in(&server, site.claims_from(claims_from)).await;
                server.fail_always(Endpoint::Token, failure.clone());
                clock(&server).advance(DUE);
                // Due, and still good: it is served whatever comes of the renewal.
                assert_eq!(
                    browser.fetch("GET", "/").await.status,
                    StatusCode::OK,
                    "{row}"
                );
                let session = browser.session();
                clock(&server).advance(2 * MINUTE);
                log::take();
                for _ in 0..10 {
                    let answer = browser.fetch("GET", "/").await;
                    assert_eq!(answer.status.as_u16(), expected, "{row}: {answer:?}");
                    if expected == 503 {
                        assert_eq!(answer.page, Some(PageKind::Unavailable), "{row}");
                    }
                }
                assert_eq!(browser.session().is_empty(), session.is_empty(), "{row}");
                assert_eq!(
                    refreshes(&server).0,
                    2,
                    "{row}: one, and one after the minute"
                );
                let logged = log::take();
                let count = logged.matches("session not renewed").count();
                assert_eq!(count, 1, "{row}: {logged}");
                assert!(!logged.contains("refresh-token-"), "{row}: {logged}");

                server.recover();
                clock(&server).advance(MINUTE);
                let answer = browser.fetch("GET", "/").await;
                assert_eq!(answer.status, StatusCode::OK, "{row}: {answer:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_cannot_be_renewed_is_used_all_the_same() {
        let server = rotating();
        for (row, site) in both(&server) {
            let mut timing = Timing::default();
            timing.idle = HOUR;
            let mut browser = logged_in(&server, site.timing(timing)).await;
            server.revoke_refresh_tokens();
            for _ in 0..9 {
                clock(&server).advance(50 * MINUTE);
                let answer = browser.fetch("GET", "/").await;
                assert_eq!(answer.status, StatusCode::OK, "{row}: {answer:?}");
            }
        }
    }

    /// The answer is lost with its caller only for the caller.
    #[tokio::test(start_paused = true)]
    async fn a_browser_that_goes_away_takes_no_refresh_token_along() {
        for way in 0..2 {
            let server = rotating();
            let (row, site) = both(&server).into_iter().nth(way).unwrap();
            let mut browser = logged_in(&server, site).await;
            clock(&server).advance(DUE);
            server.fail_next(Endpoint::Token, Fault::Delay(5 * SECOND));
            let mut gone = task::spawn(browser.requesting("/"));
            assert_pending!(gone.poll());
            tokio::task::yield_now().await;
            drop(gone);
            tokio::time::sleep(10 * SECOND).await;
            assert_eq!(
                browser.fetch("GET", "/").await.status,
                StatusCode::OK,
                "{row}"
            );
            assert_eq!(refreshes(&server), (1, 0), "{row}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_too_late_is_an_outage_for_those_who_wait() {
        let server = rotating();
        let mut browser = logged_in(&server, in_cookie(&server)).await;
        clock(&server).advance(DUE);
        server.fail_next(Endpoint::Token, Fault::Delay(HOUR));
        let started = SystemClock::new().monotonic();
        assert_eq!(browser.fetch("GET", "/").await.status, StatusCode::OK);
        let elapsed = SystemClock::new().monotonic() - started;
        assert_eq!(elapsed, 10 * SECOND);
    }

    /// Somebody else's token, by a mistake of the provider or worse.
    #[tokio::test(start_paused = true)]
    async fn a_renewal_makes_nobody_another_person() {
        for (claims_from, expected) in [(ClaimsFrom::IdToken, 200), (ClaimsFrom::AccessToken, 401)]
        {
            let server = rotating();
            let switched = {
                let signer = server.clone();
                Tampering::new(&server, move |answer| {
                    if signer.requests().refresh_token == 0 {
                        return;
                    }
                    let bob = |mut claims: serde_json::Map<_, _>| {
                        claims.insert("sub".into(), "bob".into());
                        claims.remove("at_hash");
                        signer.mint(&claims).unwrap().expose().to_owned()
                    };
                    for member in ["access_token", "id_token"] {
                        let claims = tampering::claims(answer[member].as_str().unwrap());
                        answer[member] = bob(claims).into();
                    }
                })
            };
            let site = Site::new(seen_through(&server, switched), SITE, key()).unwrap();
            let site = site
                .renew_in_cookie()
                .timing(unhurried())
                .claims_from(claims_from);
            let mut browser = logged_in(&server, site).await;
            clock(&server).advance(DUE);
            log::take();
            let answer = browser.fetch("GET", "/").await;
            assert_eq!(
                answer.status.as_u16(),
                expected,
                "{claims_from:?}: {answer:?}"
            );
            assert!(
                !answer.text.contains("\"bob\""),
                "{claims_from:?}: {answer:?}"
            );
            assert!(log::take().contains("another person"), "{claims_from:?}");
        }
    }
}

mod races {
    use super::*;

    /// An application that answers when told, `/slow` in a hundred seconds.
    fn slow(site: Site) -> App {
        let inner = service_fn(|request: Request<Full<bytes::Bytes>>| async move {
            let answer = seen(&request).to_string();
            if let Some(seconds) = request.uri().path().strip_prefix("/slow/") {
                tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap())).await;
            }
            Ok::<_, Infallible>(Response::new(Full::from(answer)))
        });
        BoxCloneSyncService::new(layer(site).layer(inner))
    }

    /// Its cookie would bring back a refresh token that is spent.
    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_does_not_put_an_old_session_over_a_new_one() {
        for (seconds, minutes) in [(20, 0), (100, 2)] {
            let server = rotating();
            let mut timing = unhurried();
            // So that the slow request notes its use.
            timing.idle = HOUR;
            let process = || site(&server).renew_in_cookie().timing(timing.clone());
            let (site, afterwards) = (process(), process());
            let mut browser = logged_in(&server, site.clone()).await;
            browser.app = slow(site);
            clock(&server).advance(DUE - 10 * SECOND);
            let slow = tokio::spawn(browser.requesting(&format!("/slow/{seconds}")));
            tokio::task::yield_now().await;
            clock(&server).advance(20 * SECOND);
            let renewed = relayed(&mut browser).await;
            assert_eq!(refreshes(&server), (1, 0));
            clock(&server).advance(minutes * MINUTE);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let slow = slow.await.unwrap();
            assert_ne!(slow.json()["token"], renewed, "{seconds}: it came before");
            // Beyond the memory nobody knows the newest session, and none is better than an old one.
            assert_eq!(slow.set_cookies().is_empty(), minutes > 0, "{seconds}");
            browser.keep(&slow);
            // One that remembers nothing has to make do with the cookie.
            browser.app = app(afterwards);
            clock(&server).advance(2 * MINUTE);
            assert_eq!(relayed(&mut browser).await, renewed, "{seconds}");
            assert_eq!(refreshes(&server), (1, 0), "{seconds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_logout_while_tokens_are_renewed_is_a_logout() {
        for way in 0..2 {
            let server = rotating();
            let (row, site) = both(&server).into_iter().nth(way).unwrap();
            let mut browser = logged_in(&server, site).await;
            clock(&server).advance(DUE);
            server.fail_next(Endpoint::Token, Fault::Delay(5 * SECOND));
            let renewing = tokio::spawn(browser.requesting("/"));
            tokio::time::sleep(SECOND).await;
            let mut before = browser.clone();
            assert_eq!(
                browser.log_out().await.page,
                Some(PageKind::LoggedOut),
                "{row}"
            );
            let late = renewing.await.unwrap();
            // Who was asked before the logout may still be told, and keeps nothing of it:
            // another process would take the cookie.
            browser.keep(&late);
            assert_eq!(browser.session().len(), 0, "{row}: {late:?}");
            for browser in [&mut browser, &mut before] {
                let answer = browser.fetch("GET", "/").await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{row}: {answer:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_of_moments_are_renewed_one_after_the_other() {
        let server = rotating();
        server.set_token_lifetime(Duration::from_secs(5));
        let mut browser = logged_in(&server, in_cookie(&server)).await;
        let first = browser.clone();
        for round in 1..=8 {
            clock(&server).advance(4 * SECOND);
            let newest = relayed(&mut browser).await;
            // Whoever has missed them all is led to the last.
            assert_eq!(relayed(&mut first.clone()).await, newest, "round {round}");
            assert_eq!(refreshes(&server), (round, 0));
        }
    }
}
