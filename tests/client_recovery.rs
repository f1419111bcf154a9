//! `Refreshing` when something breaks under it: sources that panic or are replaced,
//! runtimes that die, stores that fail.
#![cfg(feature = "test-util")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test may

mod support;

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures::future::poll_immediate;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::{runtime, sync::Notify};
use tower::{Layer, Service, ServiceExt};
use tower_bearer::{
    AccessToken, AuthLayer, BoxError, BoxFuture, ClientCredentials, Refreshing, TokenEndpoint,
    client::{
        ErrorKind, TokenStore,
        store::{ExchangeError, Renewal},
    },
    oauth::ObtainError,
    test_util::ManualClock,
    token::Tokens,
};

use support::{HOUR, Issuer, SECOND, Stopwatch, outage, pair, settle, token};

fn refreshing(issuer: &Issuer, clock: &ManualClock) -> Refreshing {
    Refreshing::builder(issuer.clone())
        .clock(clock.clone())
        .build()
}

// Sources

#[tokio::test]
async fn a_source_that_panics_is_left_alone_like_one_that_fails() {
    let clock = ManualClock::new();
    let issuer = Issuer::answering(|ask| async move {
        tokio::task::yield_now().await;
        assert!(ask.number == 0, "planted");
        Err(outage())
    });
    let tokens = refreshing(&issuer, &clock);
    for _ in 0..20 {
        assert_eq!(tokens.token().await.unwrap_err().kind(), ErrorKind::Lost);
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_source_that_gives_the_same_token_is_not_asked_for_each_request() {
    let clock = ManualClock::new();
    let same = token(1, &clock, HOUR);
    let issuer = Issuer::answering(move |_| {
        let same = same.clone();
        async { Ok(same) }
    });
    let tokens = refreshing(&issuer, &clock);
    tokens.token().await.unwrap();
    clock.advance(HOUR - 2 * 60 * SECOND);
    for _ in 0..100 {
        tokens.token().await.unwrap();
        settle().await;
    }
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn a_new_source_is_never_shown_the_refresh_token_of_the_old_one() {
    let clock = ManualClock::new();
    let issuing = |asks: &Arc<Mutex<Vec<Option<String>>>>| {
        let (asks, clock) = (asks.clone(), clock.clone());
        Issuer::answering(move |ask| {
            let tokens = pair(ask.number, &clock, HOUR);
            asks.lock().unwrap().push(ask.refresh);
            async { Ok(tokens) }
        })
    };
    let (old, new) = (Arc::default(), Arc::default());
    let tokens = refreshing(&issuing(&old), &clock);
    tokens.token().await.unwrap();
    tokens.replace_source(issuing(&new));
    for _ in 0..2 {
        clock.advance(HOUR);
        tokens.token().await.unwrap();
    }
    assert_eq!(*old.lock().unwrap(), [None]);
    let own = Some("refresh-1".to_owned());
    assert_eq!(
        *new.lock().unwrap(),
        [None, own],
        "its own refresh token it is shown"
    );
}

#[tokio::test]
async fn what_comes_late_of_a_replaced_source_counts_for_nothing() {
    for late in [Err(ObtainError::refused("invalid_client", None)), Ok(())] {
        let clock = ManualClock::new();
        let gate = Arc::new(Notify::new());
        let old = Issuer::answering({
            let (gate, clock) = (gate.clone(), clock.clone());
            move |_| {
                let (gate, late) = (gate.clone(), late.clone());
                let tokens = token(99, &clock, HOUR);
                async move {
                    gate.notified().await;
                    late.map(|()| tokens)
                }
            }
        });
        let tokens = refreshing(&old, &clock);
        let mut waiting = Box::pin(tokens.token());
        assert!(poll_immediate(&mut waiting).await.is_none());
        settle().await;
        tokens.replace_source(Issuer::new(&clock, HOUR));
        gate.notify_one();
        assert_eq!(waiting.await.unwrap().expose(), "token-1");
        assert_eq!(tokens.token().await.unwrap().expose(), "token-1");
    }
}

// Runtimes

#[test]
fn a_renewal_ahead_that_died_with_its_runtime_is_tried_again() {
    let clock = ManualClock::new();
    let issuer = Issuer::answering(|ask| async move {
        if ask.number == 2 {
            pending::<()>().await;
        }
        let token = AccessToken::new(format!("token-{}", ask.number))?;
        Ok(Tokens::new(token))
    });
    let tokens = refreshing(&issuer, &clock);
    let build = || {
        runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let first = build();
    first.block_on(async {
        tokens.token().await.unwrap();
        clock.advance(5 * 60 * SECOND);
        tokens.token().await.unwrap();
        settle().await;
    });
    assert_eq!(issuer.asked(), 2);
    drop(first);
    build().block_on(async {
        clock.advance(SECOND);
        tokens.token().await.unwrap();
        settle().await;
        assert_eq!(tokens.token().await.unwrap().expose(), "token-3");
    });
}

// Readiness

/// Ready when told.
#[derive(Clone)]
struct Gated {
    open: Arc<AtomicBool>,
    waiting: Arc<Mutex<Vec<Waker>>>,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Service<Request<Full<Bytes>>> for Gated {
    type Response = Response<()>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Response<()>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.open.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        self.waiting.lock().unwrap().push(cx.waker().clone());
        Poll::Pending
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let value = request.headers()["authorization"].to_str().unwrap();
        self.sent.lock().unwrap().push(value.to_owned());
        let refused = value == "Bearer token-1";
        let response = Response::builder().status(if refused { 401 } else { 200 });
        std::future::ready(Ok(response.body(()).unwrap()))
    }
}

#[tokio::test]
async fn a_token_that_ended_while_the_service_got_ready_is_not_sent() {
    for (rule, opened_first, expected) in [
        ("before the first sending", false, vec!["Bearer token-2"]),
        (
            "before the second sending",
            true,
            vec!["Bearer token-1", "Bearer token-3"],
        ),
    ] {
        let clock = ManualClock::new();
        let tokens = refreshing(&Issuer::new(&clock, 60 * SECOND), &clock);
        if opened_first {
            tokens.token().await.unwrap();
        }
        let gated = Gated {
            open: Arc::new(AtomicBool::new(true)),
            waiting: Arc::default(),
            sent: Arc::default(),
        };
        let layer = AuthLayer::new(tokens)
            .origin("https://api.example")
            .unwrap();
        let mut client = layer.layer(gated.clone());
        let request = Request::get("https://api.example/")
            .body(Full::default())
            .unwrap();
        let response = client.ready().await.unwrap().call(request);
        gated.open.store(false, Ordering::SeqCst);
        let response = tokio::spawn(response);
        settle().await;
        clock.advance(HOUR);
        gated.open.store(true, Ordering::SeqCst);
        gated
            .waiting
            .lock()
            .unwrap()
            .drain(..)
            .for_each(Waker::wake);
        response.await.unwrap().unwrap();
        assert_eq!(*gated.sent.lock().unwrap(), expected, "{rule}");
    }
}

// Stores

#[derive(Default)]
struct Flaky {
    tokens: Mutex<Option<Tokens>>,
    fails: AtomicBool,
}

impl Flaky {
    fn refresh_token(&self) -> Option<String> {
        let tokens = self.tokens.lock().unwrap();
        let token = tokens.as_ref()?.refresh_token()?;
        Some(token.secret().expose().to_owned())
    }
}

impl TokenStore for Flaky {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, BoxError>> {
        let tokens = self.tokens.lock().unwrap().clone();
        Box::pin(async { Ok(tokens) })
    }

    fn exchange<'a>(
        &'a self,
        renewal: Renewal<'a>,
    ) -> BoxFuture<'a, Result<Tokens, ExchangeError>> {
        Box::pin(async move {
            let stored = self.tokens.lock().unwrap().clone();
            if let Some(tokens) = stored.as_ref().filter(|tokens| !renewal.is_needed(tokens)) {
                return Ok(tokens.clone());
            }
            let renewed = renewal.run(stored).await?;
            if self.fails.load(Ordering::SeqCst) {
                return Err(ExchangeError::Store("disk full".into()));
            }
            *self.tokens.lock().unwrap() = Some(renewed.clone());
            Ok(renewed)
        })
    }
}

fn rotating(clock: &ManualClock, store: &Arc<Flaky>) -> Refreshing {
    let issuer = Issuer::answering({
        let clock = clock.clone();
        move |ask| {
            let tokens = pair(ask.number, &clock, HOUR);
            async { Ok(tokens) }
        }
    });
    Refreshing::builder(issuer)
        .clock(clock.clone())
        .store(store.clone())
        .build()
}

#[tokio::test]
async fn close_writes_down_what_could_not_be_written_before() {
    let clock = ManualClock::new();
    let store = Arc::new(Flaky::default());
    let tokens = rotating(&clock, &store);
    tokens.token().await.unwrap();
    store.fails.store(true, Ordering::SeqCst);
    clock.advance(HOUR);
    tokens.token().await.unwrap_err();
    store.fails.store(false, Ordering::SeqCst);
    tokens.close().await;
    assert_eq!(store.refresh_token().as_deref(), Some("refresh-2"));
}

#[tokio::test]
async fn tokens_that_could_not_be_written_give_way_to_newer_ones_of_another_process() {
    let clock = ManualClock::new();
    let store = Arc::new(Flaky::default());
    let tokens = rotating(&clock, &store);
    store.fails.store(true, Ordering::SeqCst);
    tokens.token().await.unwrap_err();
    store.fails.store(false, Ordering::SeqCst);
    *store.tokens.lock().unwrap() = Some(pair(99, &clock, HOUR)); // somebody logged in anew
    clock.advance(SECOND);
    assert_eq!(tokens.token().await.unwrap().expose(), "token-99");
    tokens.close().await;
    assert_eq!(store.refresh_token().as_deref(), Some("refresh-99"));
}

#[tokio::test]
async fn a_new_source_is_not_given_what_the_old_one_could_not_write() {
    let clock = ManualClock::new();
    let store = Arc::new(Flaky::default());
    let tokens = rotating(&clock, &store);
    store.fails.store(true, Ordering::SeqCst);
    tokens.token().await.unwrap_err();
    let new = Issuer::with_clock(&clock, |ask, clock| async move {
        assert_eq!(ask.refresh, None);
        Ok(pair(70 + ask.number, &clock, HOUR))
    });
    tokens.replace_source(new);
    tokens.token().await.unwrap_err();
    store.fails.store(false, Ordering::SeqCst);
    tokens.close().await;
    assert_eq!(store.refresh_token().as_deref(), Some("refresh-71"));
}

struct Hanging;

impl TokenStore for Hanging {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, BoxError>> {
        Box::pin(pending())
    }

    fn exchange<'a>(&'a self, _: Renewal<'a>) -> BoxFuture<'a, Result<Tokens, ExchangeError>> {
        Box::pin(pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_given_up_and_close_returns() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let tokens = Refreshing::builder(issuer)
        .clock(clock)
        .store(Hanging)
        .build();
    let stopwatch = Stopwatch::start();
    assert_eq!(
        tokens.token().await.unwrap_err().kind(),
        ErrorKind::Deadline
    );
    tokens.close().await;
    assert_eq!(stopwatch.elapsed(), 5 * 60 * SECOND);
    assert_eq!(tokens.state().last_error.unwrap().kind(), ErrorKind::Store);
}

#[tokio::test]
async fn a_new_refresh_token_is_kept_even_if_the_access_token_beside_it_is_of_no_use() {
    let clock = ManualClock::new();
    let forms = Arc::new(Mutex::new(Vec::new()));
    let server = tower::service_fn({
        let forms = forms.clone();
        move |request: Request<Full<Bytes>>| {
            let forms = forms.clone();
            async move {
                let form = request.into_body().collect().await?.to_bytes();
                let form = String::from_utf8(form.to_vec())?;
                forms.lock().unwrap().push(form);
                let number = forms.lock().unwrap().len();
                let lifetime = if number == 2 { 0 } else { 3600 };
                let answer = format!(
                    r#"{{"access_token":"a{number}","expires_in":{lifetime},"refresh_token":"r{number}"}}"#
                );
                Ok::<_, BoxError>(Response::new(Full::new(Bytes::from(answer))))
            }
        }
    });
    let endpoint = TokenEndpoint::new("https://id.example/token").unwrap();
    let endpoint = endpoint
        .grant(ClientCredentials::new())
        .clock(clock.clone())
        .over(server);
    let tokens = Refreshing::builder(endpoint).clock(clock.clone()).build();
    tokens.token().await.unwrap();
    clock.advance(HOUR);
    let error = tokens.token().await.unwrap_err();
    assert!(format!("{error:?}").contains("expires_in"), "{error:?}");
    clock.advance(SECOND);
    assert_eq!(tokens.token().await.unwrap().expose(), "a3");
    assert!(forms.lock().unwrap()[2].contains("refresh_token=r2"));
}
