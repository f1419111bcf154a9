//! `Refreshing`: when tokens are asked for, who waits, and what survives.
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
    time::Duration,
};

use futures::future::{join_all, poll_immediate};
use tokio::{runtime, sync::Notify, time::sleep};
use tower_bearer::{
    AccessToken, BoxError, BoxFuture, Refreshing,
    client::{
        ErrorKind, TokenStore,
        store::{ExchangeError, MemoryStore, Renewal},
    },
    oauth::{LogInAgain, ObtainError, ObtainErrorKind},
    test_util::ManualClock,
    token::{Expiry, RefreshToken, Tokens},
};

use support::{HOUR, Issuer, SECOND, Stopwatch, outage, pair, settle, token};

fn refreshing(issuer: &Issuer, clock: &ManualClock) -> Refreshing {
    Refreshing::builder(issuer.clone())
        .clock(clock.clone())
        .build()
}

async fn value(tokens: &Refreshing) -> String {
    tokens.token().await.unwrap().expose().to_owned()
}

async fn kind(tokens: &Refreshing) -> ErrorKind {
    tokens.token().await.unwrap_err().kind()
}

// Single flight

#[tokio::test]
async fn a_thousand_cold_callers_make_one_exchange() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let tokens = refreshing(&issuer, &clock);
    let values = join_all((0..1000).map(|_| value(&tokens))).await;
    assert!(values.iter().all(|value| value == "token-1"));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_cold_callers_on_two_threads_make_one_exchange() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let tokens = refreshing(&issuer, &clock);
    let callers = (0..1000).map(|_| {
        let tokens = tokens.clone();
        tokio::spawn(async move { value(&tokens).await })
    });
    for caller in join_all(callers).await {
        assert_eq!(caller.unwrap(), "token-1");
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn an_exchange_outlives_callers_who_leave_and_its_token_is_stored() {
    let clock = ManualClock::new();
    let gate = Arc::new(Notify::new());
    let issuer = Issuer::answering({
        let (gate, clock) = (gate.clone(), clock.clone());
        move |ask| {
            let (gate, clock) = (gate.clone(), clock.clone());
            async move {
                gate.notified().await;
                Ok(pair(ask.number, &clock, HOUR))
            }
        }
    });
    let store = Arc::new(MemoryStore::default());
    let tokens = Refreshing::builder(issuer.clone())
        .clock(clock)
        .store(store.clone())
        .build();
    let mut callers: Vec<_> = (0..1000).map(|_| Box::pin(tokens.token())).collect();
    for caller in &mut callers {
        assert!(poll_immediate(caller).await.is_none());
    }
    let last = callers.pop().unwrap();
    drop(callers);
    settle().await;
    gate.notify_one();
    assert_eq!(last.await.unwrap().expose(), "token-1");
    assert_eq!(issuer.asked(), 1);
    let stored = store.load().await.unwrap().unwrap();
    assert_eq!(
        stored.refresh_token(),
        Some(&RefreshToken::new("refresh-1"))
    );
}

#[tokio::test]
async fn a_dead_endpoint_and_a_thousand_callers_make_one_request_and_equal_errors() {
    let clock = ManualClock::new();
    let issuer = Issuer::answering(|_| async { Err(outage()) });
    let tokens = refreshing(&issuer, &clock);
    let errors = join_all((0..1000).map(|_| async { tokens.token().await.unwrap_err() })).await;
    let first = errors[0].to_string();
    assert!(
        errors.iter().all(|error| error.to_string() == first),
        "{first}"
    );
    assert_eq!(issuer.asked(), 1);
    // And while it is left alone, callers get the last error at once.
    assert!(matches!(
        kind(&tokens).await,
        ErrorKind::Unavailable {
            retry_after: Some(_)
        }
    ));
    assert_eq!(issuer.asked(), 1);
}

#[test]
fn a_source_outlives_a_runtime_that_dies_in_the_middle_of_an_exchange() {
    let clock = ManualClock::new();
    let issuer = Issuer::with_clock(&clock, |ask, clock| async move {
        if ask.number == 1 {
            pending::<()>().await;
        }
        Ok(token(ask.number, &clock, HOUR))
    });
    let tokens = refreshing(&issuer, &clock);
    let first = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let second = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let on_first = first.spawn({
        let tokens = tokens.clone();
        async move { tokens.token().await.map(|_| ()) }
    });
    while issuer.asked() == 0 {
        std::thread::yield_now();
    }
    second.block_on(async {
        let mut waiting = Box::pin(tokens.token());
        assert!(poll_immediate(&mut waiting).await.is_none());
        drop(on_first);
        first.shutdown_background();
        assert_eq!(waiting.await.unwrap().expose(), "token-2");
        assert_eq!(value(&tokens).await, "token-2");
    });
}

#[test]
fn without_a_runtime_or_a_timer_it_is_an_error_that_names_the_fix() {
    let clock = ManualClock::new();
    let tokens = refreshing(&Issuer::new(&clock, HOUR), &clock);
    let error = futures::executor::block_on(tokens.token()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoRuntime);
    assert!(
        error.to_string().contains("RefreshingBuilder::runtime"),
        "{error}"
    );

    let no_timer = runtime::Builder::new_current_thread().build().unwrap();
    let error = no_timer.block_on(tokens.token()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoRuntime);
}

#[test]
fn a_runtime_given_serves_callers_who_have_none_to_spawn_in() {
    let clock = ManualClock::new();
    let background = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let tokens = Refreshing::builder(Issuer::new(&clock, HOUR))
        .clock(clock)
        .runtime(background.handle().clone())
        .build();
    assert_eq!(futures::executor::block_on(value(&tokens)), "token-1");
}

// Renewal ahead

#[tokio::test]
async fn renewal_ahead_happens_in_the_background_and_nobody_waits() {
    let clock = ManualClock::new();
    let gate = Arc::new(Notify::new());
    let issuer = Issuer::answering({
        let (gate, clock) = (gate.clone(), clock.clone());
        move |ask| {
            let (gate, clock) = (gate.clone(), clock.clone());
            async move {
                if ask.number > 1 {
                    gate.notified().await;
                }
                Ok(token(ask.number, &clock, HOUR))
            }
        }
    });
    let tokens = refreshing(&issuer, &clock);
    assert_eq!(value(&tokens).await, "token-1");

    clock.advance(HOUR - Duration::from_secs(301));
    assert_eq!(value(&tokens).await, "token-1");
    settle().await;
    assert_eq!(issuer.asked(), 1, "before the window nothing is asked");

    clock.advance(Duration::from_secs(152));
    for _ in 0..100 {
        let now = poll_immediate(tokens.token()).await;
        assert_eq!(now.unwrap().unwrap().expose(), "token-1", "nobody waits");
    }
    settle().await;
    assert_eq!(issuer.asked(), 2, "one renewal for a hundred callers");

    gate.notify_one();
    settle().await;
    assert_eq!(value(&tokens).await, "token-2");
}

#[tokio::test]
async fn an_idle_process_makes_no_calls() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let tokens = refreshing(&issuer, &clock);
    value(&tokens).await;
    clock.advance(24 * HOUR);
    settle().await;
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_renewal_ahead_that_fails_is_tried_again_after_a_pause_and_kills_no_good_token() {
    let clock = ManualClock::new();
    let issuer = Issuer::with_clock(&clock, |ask, clock| async move {
        match ask.number {
            1 => Ok(token(1, &clock, HOUR)),
            2 | 3 => Err(outage()),
            n => Ok(token(n, &clock, HOUR)),
        }
    });
    let tokens = refreshing(&issuer, &clock);
    value(&tokens).await;
    clock.advance(HOUR - Duration::from_secs(100));
    for (rule, pause, asked) in [
        ("due", 0, 2),
        ("left alone at first", 0, 2),
        ("after 1 s", 1, 3),
        ("after 1 s more the pause is longer", 1, 3),
        ("after 2 s", 1, 4),
    ] {
        clock.advance(Duration::from_secs(pause));
        let at_hand = value(&tokens).await;
        assert_eq!(at_hand, "token-1", "{rule}");
        settle().await;
        assert_eq!(issuer.asked(), asked, "{rule}");
    }
    assert_eq!(value(&tokens).await, "token-4");
}

// Expiry

#[tokio::test]
async fn a_token_is_never_given_out_after_its_end_by_either_clock() {
    type Move = fn(&ManualClock);
    let rows: [(&str, Move); 3] = [
        ("both clocks", |clock| clock.advance(HOUR)),
        ("a suspended laptop: only the wall clock went on", |clock| {
            clock.advance_wall(HOUR)
        }),
        ("a wall clock set back: the monotonic one tells", |clock| {
            clock.advance(HOUR);
            clock.set_wall_back(12 * HOUR);
        }),
    ];
    for (rule, move_clock) in rows {
        let clock = ManualClock::new();
        let issuer = Issuer::new(&clock, HOUR);
        let tokens = refreshing(&issuer, &clock);
        assert_eq!(value(&tokens).await, "token-1");
        move_clock(&clock);
        assert_eq!(value(&tokens).await, "token-2", "{rule}");
    }
}

#[tokio::test]
async fn a_token_without_an_expiry_is_renewed_at_five_minutes_and_used_until_refused() {
    let clock = ManualClock::new();
    let issuer = Issuer::answering(|ask| async move {
        match ask.number {
            1 => Ok(Tokens::new(AccessToken::new("token-1").unwrap())),
            _ => Err(outage()),
        }
    });
    let tokens = refreshing(&issuer, &clock);
    value(&tokens).await;
    clock.advance(Duration::from_secs(299));
    value(&tokens).await;
    settle().await;
    assert_eq!(issuer.asked(), 1);
    clock.advance(SECOND);
    value(&tokens).await;
    settle().await;
    assert_eq!(issuer.asked(), 2);
    clock.advance(24 * HOUR);
    assert_eq!(
        value(&tokens).await,
        "token-1",
        "an outage kills no good token"
    );
}

#[tokio::test]
async fn a_token_that_has_ended_on_arrival_is_an_error_and_no_loop() {
    let clock = ManualClock::new();
    let issuer = Issuer::answering({
        let clock = clock.clone();
        move |_| {
            let end = Expiry::after(Duration::ZERO, &clock);
            let token = AccessToken::new("late").unwrap().with_expiry(end);
            async { Ok(Tokens::new(token)) }
        }
    });
    let tokens = refreshing(&issuer, &clock);
    for _ in 0..10 {
        assert!(matches!(kind(&tokens).await, ErrorKind::Unavailable { .. }));
    }
    assert_eq!(issuer.asked(), 1);
}

// Failures

#[tokio::test]
async fn what_retry_after_says_is_waited_for() {
    let clock = ManualClock::new();
    let issuer = Issuer::answering(|_| async { Err(outage().with_retry_after(20 * SECOND)) });
    let tokens = refreshing(&issuer, &clock);
    for (pause, asked) in [(0, 1), (19, 1), (1, 2)] {
        clock.advance(Duration::from_secs(pause));
        kind(&tokens).await;
        assert_eq!(issuer.asked(), asked);
    }
}

#[tokio::test]
async fn a_refusal_is_given_to_callers_at_once_until_other_credentials_come() {
    let clock = ManualClock::new();
    let refusing =
        Issuer::answering(|_| async { Err(ObtainError::refused("invalid_client", None)) });
    let tokens = refreshing(&refusing, &clock);
    for (pause, asked) in [(0, 1), (59, 1), (1, 2), (119, 2), (1, 3)] {
        clock.advance(Duration::from_secs(pause));
        assert_eq!(kind(&tokens).await, ErrorKind::Refused);
        assert_eq!(refusing.asked(), asked, "after {pause} s more");
    }
    tokens.replace_source(Issuer::new(&clock, HOUR));
    assert_eq!(value(&tokens).await, "token-1");
}

#[tokio::test(start_paused = true)]
async fn callers_stop_waiting_after_ten_seconds_and_the_exchange_goes_on() {
    let clock = ManualClock::new();
    let issuer = Issuer::with_clock(&clock, |ask, clock| async move {
        sleep(20 * SECOND).await;
        Ok(token(ask.number, &clock, HOUR))
    });
    let tokens = refreshing(&issuer, &clock);
    let start = Stopwatch::start();
    assert_eq!(kind(&tokens).await, ErrorKind::Deadline);
    assert_eq!(start.elapsed(), 10 * SECOND);
    sleep(11 * SECOND).await;
    assert_eq!(value(&tokens).await, "token-1");
    assert_eq!(issuer.asked(), 1);
}

// Refresh tokens

fn logged_in(issuer: &Issuer, clock: &ManualClock) -> Refreshing {
    // Stored by another process, and ended meanwhile.
    let ended = AccessToken::new("token-0").unwrap();
    let ended = ended.with_expiry(Expiry::after(Duration::ZERO, clock));
    let tokens = Tokens::new(ended).with_refresh_token(RefreshToken::new("refresh-0"));
    Refreshing::builder(issuer.clone())
        .clock(clock.clone())
        .store(MemoryStore::holding(tokens))
        .build()
}

type Asks = Arc<Mutex<Vec<Option<String>>>>;

/// Answers by the refresh token it is asked with, and writes down what it was asked.
fn recording<F>(answer: F) -> (Issuer, Asks)
where
    F: Fn(u64, Option<&str>) -> Result<Tokens, ObtainError> + Send + Sync + 'static,
{
    let asks = Asks::default();
    let issuer = Issuer::answering({
        let asks = asks.clone();
        move |ask| {
            let answer = answer(ask.number, ask.refresh.as_deref());
            asks.lock().unwrap().push(ask.refresh);
            async { answer }
        }
    });
    (issuer, asks)
}

fn asked(asks: &Asks) -> Vec<String> {
    let asks = asks.lock().unwrap();
    asks.iter()
        .map(|ask| ask.clone().unwrap_or("grant".to_owned()))
        .collect()
}

fn cut_off() -> ObtainError {
    ObtainError::new(ObtainErrorKind::CutOff)
}

fn invalid_grant() -> ObtainError {
    ObtainError::refused("invalid_grant", None)
}

#[tokio::test]
async fn each_refresh_token_is_spent_once_and_one_not_replaced_is_kept() {
    let clock = ManualClock::new();
    let (issuer, asks) = recording({
        let clock = clock.clone();
        move |number, _| match number {
            2 => Ok(token(number, &clock, HOUR)),
            _ => Ok(pair(number, &clock, HOUR)),
        }
    });
    let tokens = logged_in(&issuer, &clock);
    for _ in 0..4 {
        value(&tokens).await;
        clock.advance(HOUR);
    }
    assert_eq!(
        asked(&asks),
        ["refresh-0", "refresh-1", "refresh-1", "refresh-3"]
    );
}

#[tokio::test]
async fn a_dead_refresh_token_falls_back_to_the_grant_if_there_is_one() {
    let clock = ManualClock::new();
    let (issuer, asks) = recording({
        let clock = clock.clone();
        move |number, refresh| match refresh {
            Some(_) => Err(invalid_grant()),
            None => Ok(token(number, &clock, HOUR)),
        }
    });
    let tokens = logged_in(&issuer, &clock);
    assert_eq!(value(&tokens).await, "token-2");
    assert_eq!(asked(&asks), ["refresh-0", "grant"]);
}

#[tokio::test]
async fn without_a_grant_a_dead_refresh_token_means_log_in_again() {
    let clock = ManualClock::new();
    let (issuer, asks) = recording({
        let clock = clock.clone();
        move |number, refresh| match refresh {
            Some("refresh-0") => Err(invalid_grant()),
            Some(_) => Ok(pair(number, &clock, HOUR)),
            None => Err(ObtainError::new(ObtainErrorKind::LogInAgain(
                LogInAgain::NotLoggedIn,
            ))),
        }
    });
    let tokens = logged_in(&issuer, &clock);
    for _ in 0..10 {
        let error = tokens.token().await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::LogInAgain(LogInAgain::RefreshTokenRefused)
        );
    }
    assert_eq!(
        asked(&asks),
        ["refresh-0", "grant"],
        "remembered, not asked again"
    );

    tokens.replace_tokens(pair(7, &clock, HOUR)).await.unwrap();
    assert_eq!(value(&tokens).await, "token-7");
    clock.advance(HOUR);
    value(&tokens).await;
    assert_eq!(asked(&asks).last().unwrap(), "refresh-7");
}

#[tokio::test]
async fn a_refresh_token_past_its_end_is_not_sent() {
    let clock = ManualClock::new();
    let (issuer, asks) = recording(|_, _| {
        Err(ObtainError::new(ObtainErrorKind::LogInAgain(
            LogInAgain::NotLoggedIn,
        )))
    });
    let tokens = logged_in(&issuer, &clock);
    let over = tower_bearer::clock::Clock::wall(&clock);
    let ended = AccessToken::new("token-1")
        .unwrap()
        .with_expiry(Expiry::after(SECOND, &clock));
    let ended = Tokens::new(ended)
        .with_refresh_token(RefreshToken::new("refresh-1").with_expiry(over + SECOND));
    tokens.replace_tokens(ended).await.unwrap();
    clock.advance(SECOND);
    assert_eq!(
        kind(&tokens).await,
        ErrorKind::LogInAgain(LogInAgain::RefreshTokenExpired)
    );
    assert_eq!(asked(&asks), ["grant"]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_tried_again_with_the_same_refresh_token() {
    let clock = ManualClock::new();
    let (issuer, asks) = recording({
        let clock = clock.clone();
        move |number, _| match number {
            1 | 2 => Err(cut_off()),
            _ => Ok(pair(number, &clock, HOUR)),
        }
    });
    let tokens = logged_in(&issuer, &clock);
    let start = Stopwatch::start();
    assert_eq!(value(&tokens).await, "token-3");
    assert_eq!(start.elapsed(), 6 * SECOND, "after 1 s and 5 s");
    assert_eq!(asked(&asks), ["refresh-0"; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_whose_answers_never_came_may_have_been_used() {
    let clock = ManualClock::new();
    let issuer = Issuer::answering(|ask| async move {
        match ask.refresh {
            Some(_) => pending().await,
            None => Err(ObtainError::new(ObtainErrorKind::LogInAgain(
                LogInAgain::NotLoggedIn,
            ))),
        }
    });
    let tokens = logged_in(&issuer, &clock);
    let start = Stopwatch::start();
    assert_eq!(kind(&tokens).await, ErrorKind::Deadline);
    assert_eq!(start.elapsed(), 10 * SECOND);
    tokens.close().await;
    assert_eq!(
        start.elapsed(),
        96 * SECOND,
        "three attempts of 30 s, pauses of 1 s and 5 s"
    );
    assert_eq!(issuer.asked(), 4);
    let error = tokens.state().last_error.unwrap();
    assert_eq!(
        error.kind(),
        ErrorKind::LogInAgain(LogInAgain::MayHaveBeenUsed)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_an_unknown_outcome_says_that_it_may_have_been_used() {
    let clock = ManualClock::new();
    let (issuer, _) = recording(|number, refresh| match (number, refresh) {
        (1, _) => Err(cut_off()),
        (_, Some(_)) => Err(invalid_grant()),
        (_, None) => Err(ObtainError::new(ObtainErrorKind::LogInAgain(
            LogInAgain::NotLoggedIn,
        ))),
    });
    let tokens = logged_in(&issuer, &clock);
    assert_eq!(
        kind(&tokens).await,
        ErrorKind::LogInAgain(LogInAgain::MayHaveBeenUsed)
    );
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_cannot_be_reached_logs_nobody_out() {
    let clock = ManualClock::new();
    let (issuer, asks) = recording(|_, _| Err(outage()));
    let tokens = logged_in(&issuer, &clock);
    for _ in 0..20 {
        assert!(matches!(kind(&tokens).await, ErrorKind::Unavailable { .. }));
    }
    assert_eq!(asked(&asks), ["refresh-0"], "and it is asked once");
}

// The store

/// A store whose writes wait for a gate, or fail.
#[derive(Default)]
struct SlowStore {
    inside: MemoryStore,
    gate: Notify,
    fails: AtomicBool,
    written: Mutex<Vec<String>>,
}

impl TokenStore for SlowStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, BoxError>> {
        self.inside.load()
    }

    fn exchange<'a>(
        &'a self,
        renewal: Renewal<'a>,
    ) -> BoxFuture<'a, Result<Tokens, ExchangeError>> {
        Box::pin(async move {
            let stored = self.inside.load().await.map_err(ExchangeError::Store)?;
            if let Some(tokens) = stored.as_ref().filter(|tokens| !renewal.is_needed(tokens)) {
                return Ok(tokens.clone());
            }
            let renewed = renewal.run(stored).await?;
            if self.fails.load(Ordering::SeqCst) {
                return Err(ExchangeError::Store("disk full".into()));
            }
            self.gate.notified().await;
            let refresh = renewed
                .refresh_token()
                .unwrap()
                .secret()
                .expose()
                .to_owned();
            self.written.lock().unwrap().push(refresh);
            Ok(renewed)
        })
    }
}

#[tokio::test]
async fn a_rotated_token_is_written_down_before_its_access_token_is_handed_out() {
    let clock = ManualClock::new();
    let (issuer, _) = recording({
        let clock = clock.clone();
        move |number, _| Ok(pair(number, &clock, HOUR))
    });
    let store = Arc::new(SlowStore::default());
    let tokens = Refreshing::builder(issuer)
        .clock(clock)
        .store(store.clone())
        .build();
    let mut caller = Box::pin(tokens.token());
    for _ in 0..50 {
        assert!(
            poll_immediate(&mut caller).await.is_none(),
            "not before it is written"
        );
        settle().await;
    }
    assert!(store.written.lock().unwrap().is_empty());
    store.gate.notify_one();
    assert_eq!(caller.await.unwrap().expose(), "token-1");
    assert_eq!(*store.written.lock().unwrap(), ["refresh-1"]);
}

#[tokio::test]
async fn a_rotated_token_that_could_not_be_written_is_written_later_and_not_lost() {
    let clock = ManualClock::new();
    let (issuer, asks) = recording({
        let clock = clock.clone();
        move |number, _| Ok(pair(number, &clock, HOUR))
    });
    let store = Arc::new(SlowStore::default());
    store.fails.store(true, Ordering::SeqCst);
    let tokens = Refreshing::builder(issuer)
        .clock(clock.clone())
        .store(store.clone())
        .build();
    let error = tokens.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(format!("{error:?}").contains("disk full"), "{error:?}");

    store.fails.store(false, Ordering::SeqCst);
    store.gate.notify_one();
    clock.advance(SECOND);
    assert_eq!(value(&tokens).await, "token-1");
    assert_eq!(*store.written.lock().unwrap(), ["refresh-1"]);
    assert_eq!(asked(&asks), ["grant"], "the server was asked once");
}

#[tokio::test]
async fn close_waits_for_the_exchange_and_for_its_write_and_starts_nothing_new() {
    let clock = ManualClock::new();
    let (issuer, asks) = recording({
        let clock = clock.clone();
        move |number, _| Ok(pair(number, &clock, HOUR))
    });
    let store = Arc::new(SlowStore::default());
    let tokens = Refreshing::builder(issuer)
        .clock(clock.clone())
        .store(store.clone())
        .build();
    assert!(poll_immediate(Box::pin(tokens.token())).await.is_none());
    settle().await;
    let mut close = Box::pin(tokens.close());
    assert!(
        poll_immediate(&mut close).await.is_none(),
        "the write is under way"
    );
    store.gate.notify_one();
    close.await;
    assert_eq!(*store.written.lock().unwrap(), ["refresh-1"]);

    assert_eq!(value(&tokens).await, "token-1", "what is good is given out");
    clock.advance(HOUR);
    assert_eq!(kind(&tokens).await, ErrorKind::Closed);
    assert_eq!(asked(&asks).len(), 1);
}

#[tokio::test]
async fn what_another_process_stored_is_used_instead_of_an_exchange() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let store = Arc::new(MemoryStore::default());
    let build = || {
        Refreshing::builder(issuer.clone())
            .clock(clock.clone())
            .store(store.clone())
            .build()
    };
    let (one, other) = (build(), build());
    assert_eq!(value(&one).await, "token-1");
    assert_eq!(value(&other).await, "token-1");
    assert_eq!(issuer.asked(), 1);

    // Both renew ahead; the second finds what the first has stored.
    clock.advance(HOUR - Duration::from_secs(100));
    value(&one).await;
    settle().await;
    value(&other).await;
    settle().await;
    assert_eq!(value(&one).await, "token-2");
    assert_eq!(value(&other).await, "token-2");
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn tokens_put_in_win_over_an_exchange_under_way() {
    let clock = ManualClock::new();
    let (issuer, gate) = Issuer::gated(&clock, HOUR);
    let tokens = refreshing(&issuer, &clock);
    let mut caller = Box::pin(tokens.token());
    assert!(poll_immediate(&mut caller).await.is_none());
    settle().await;
    let mut put = Box::pin(tokens.replace_tokens(token(7, &clock, HOUR)));
    assert!(poll_immediate(&mut put).await.is_none());
    gate.notify_one();
    put.await.unwrap();
    assert_eq!(value(&tokens).await, "token-7");
}

#[tokio::test]
async fn giving_up_a_token_gives_up_that_one_and_never_a_newer_one() {
    let clock = ManualClock::new();
    let issuer = Issuer::new(&clock, HOUR);
    let tokens = refreshing(&issuer, &clock);
    let first = tokens.token().await.unwrap();
    tokens.invalidate(&first);
    assert_eq!(value(&tokens).await, "token-2");
    tokens.invalidate(&first);
    assert_eq!(value(&tokens).await, "token-2");
}

#[tokio::test]
async fn the_state_tells_a_health_check_what_it_wants_to_know() {
    let clock = ManualClock::new();
    let issuer = Issuer::with_clock(&clock, |ask, clock| async move {
        match ask.number {
            1 => Err(outage()),
            n => Ok(token(n, &clock, HOUR)),
        }
    });
    let tokens = refreshing(&issuer, &clock);
    assert!(!tokens.state().ready);
    kind(&tokens).await;
    assert!(tokens.state().last_error.is_some());
    clock.advance(2 * SECOND);
    value(&tokens).await;
    let state = tokens.state();
    assert!(state.ready && state.last_error.is_none());
    assert_eq!((state.remaining, state.exchanges), (Some(HOUR), 2));
}
