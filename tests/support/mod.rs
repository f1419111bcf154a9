//! What several tests of the client's side share.
#![allow(dead_code, unreachable_pub, unused_imports)] // each test binary uses its own part
#![allow(clippy::unwrap_used)]

mod log;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub use log::Log;

use tokio::sync::Notify;
use tower_bearer::{
    AccessToken, BoxFuture,
    clock::{Clock, SystemClock},
    oauth::{ObtainError, ObtainErrorKind, ObtainToken},
    test_util::ManualClock,
    token::{Expiry, RefreshToken, Tokens},
};
use tower_http::{
    classify::{ServerErrorsAsFailures, SharedClassifier},
    trace::{DefaultMakeSpan, DefaultOnRequest, TraceLayer},
};
use tracing::Level;

pub const SECOND: Duration = Duration::from_secs(1);
pub const HOUR: Duration = Duration::from_secs(3600);

type Answer = Arc<dyn Fn(Ask) -> BoxFuture<'static, Result<Tokens, ObtainError>> + Send + Sync>;

/// What an [`Issuer`] is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Counts from 1.
    pub number: u64,
    /// The refresh token, if it is a refresh.
    pub refresh: Option<String>,
}

/// An authorization server without HTTP: `token-1`, `token-2`, … or what a test says.
#[derive(Clone)]
pub struct Issuer {
    asked: Arc<AtomicU64>,
    answer: Answer,
}

impl Issuer {
    /// Answers each time with the next token, good for `lifetime`.
    pub fn new(clock: &ManualClock, lifetime: Duration) -> Self {
        let clock = clock.clone();
        Self::answering(move |ask| {
            let token = token(ask.number, &clock, lifetime);
            async move { Ok(token) }
        })
    }

    /// The same, each token after the gate was opened once more.
    pub fn gated(clock: &ManualClock, lifetime: Duration) -> (Self, Arc<Notify>) {
        let gate = Arc::new(Notify::new());
        let issuer = Self::with_clock(clock, {
            let gate = gate.clone();
            move |ask, clock| {
                let gate = gate.clone();
                async move {
                    gate.notified().await;
                    Ok(token(ask.number, &clock, lifetime))
                }
            }
        });
        (issuer, gate)
    }

    /// Answers as told, and hands out the clock for it.
    pub fn with_clock<F, Fut>(clock: &ManualClock, answer: F) -> Self
    where
        F: Fn(Ask, ManualClock) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Tokens, ObtainError>> + Send + 'static,
    {
        let clock = clock.clone();
        Self::answering(move |ask| answer(ask, clock.clone()))
    }

    pub fn answering<F, Fut>(answer: F) -> Self
    where
        F: Fn(Ask) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Tokens, ObtainError>> + Send + 'static,
    {
        Self {
            asked: Arc::default(),
            answer: Arc::new(move |ask| Box::pin(answer(ask))),
        }
    }

    /// How often it was asked.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    fn ask(&self, refresh: Option<String>) -> BoxFuture<'static, Result<Tokens, ObtainError>> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        (self.answer)(Ask { number, refresh })
    }
}

impl ObtainToken for Issuer {
    fn obtain(&self) -> BoxFuture<'_, Result<Tokens, ObtainError>> {
        self.ask(None)
    }

    fn refresh<'a>(
        &'a self,
        token: &'a RefreshToken,
    ) -> BoxFuture<'a, Result<Tokens, ObtainError>> {
        self.ask(Some(token.secret().expose().to_owned()))
    }
}

/// `token-N`, good for `lifetime`.
pub fn token(number: u64, clock: &ManualClock, lifetime: Duration) -> Tokens {
    let token = AccessToken::new(format!("token-{number}")).unwrap();
    Tokens::new(token.with_expiry(Expiry::after(lifetime, clock)))
}

/// The same with `refresh-N`.
pub fn pair(number: u64, clock: &ManualClock, lifetime: Duration) -> Tokens {
    token(number, clock, lifetime)
        .with_refresh_token(RefreshToken::new(format!("refresh-{number}")))
}

pub fn outage() -> ObtainError {
    ObtainError::new(ObtainErrorKind::Unreachable)
}

/// Lets every task that can go on do so.
pub async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// What tokio's clock, which tests pause, has counted since.
pub struct Stopwatch(Duration);

impl Stopwatch {
    pub fn start() -> Self {
        Self(SystemClock::new().monotonic())
    }

    /// In whole milliseconds.
    pub fn elapsed(&self) -> Duration {
        let elapsed = SystemClock::new().monotonic() - self.0;
        Duration::from_millis(u64::try_from(elapsed.as_millis()).unwrap())
    }
}

/// Shows all that it is asked to show, at `INFO`.
pub fn traced() -> TraceLayer<SharedClassifier<ServerErrorsAsFailures>> {
    let span = DefaultMakeSpan::new()
        .level(Level::INFO)
        .include_headers(true);
    TraceLayer::new_for_http()
        .make_span_with(span)
        .on_request(DefaultOnRequest::new().level(Level::INFO))
}
