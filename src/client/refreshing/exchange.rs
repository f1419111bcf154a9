//! One exchange, from the store's lock to the token at hand. Runs in a task of its own.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Held, Inner, Trigger, lock};
use crate::{
    BoxError,
    client::{
        Error, ErrorKind,
        store::{ExchangeError, Renewal},
        waiting::Outcome,
    },
    clock::milliseconds,
    deadline::within,
    oauth::{ObtainError, ObtainErrorKind, ObtainToken},
    token::{AccessToken, Tokens},
};

/// Renews what the store holds and makes it the token at hand.
pub(super) async fn run(
    inner: Arc<Inner>,
    trigger: Trigger,
    unwanted: Option<AccessToken>,
) -> Outcome {
    let inner = &*inner;
    let mut end = End {
        inner,
        is_reached: false,
    };
    let exchange = Exchange::of(inner, unwanted);
    let start = inner.clock.monotonic();
    let outcome = within(inner.timing.exchange, exchange.renewed()).await;
    let outcome = outcome.unwrap_or_else(|elapsed| Err(store_error(elapsed)));
    let elapsed = inner.clock.monotonic().saturating_sub(start);
    let outcome = exchange.conclude(outcome.and_then(|tokens| exchange.usable(&tokens)));
    end.is_reached = true;
    exchange.log(trigger, elapsed, &outcome);
    outcome
}

/// Stores tokens that came by other means and makes them the ones at hand.
pub(super) async fn put(inner: Arc<Inner>, tokens: Tokens) -> Outcome {
    let given = tokens.clone();
    let renewal = Renewal::new(
        |_| true, // whatever is stored, these take its place
        |_| Box::pin(std::future::ready(Ok(given))),
    );
    let stored = within(inner.timing.exchange, inner.store.exchange(renewal)).await;
    let stored = match stored {
        Ok(stored) => stored.map_err(Error::from),
        Err(elapsed) => Err(store_error(elapsed)),
    };
    Outcome::Done(match stored {
        Ok(_) => {
            *lock(&inner.unsaved) = None;
            *lock(&inner.dead) = None;
            lock(&inner.source).is_stored = true;
            inner.ledger().forget();
            inner.install(tokens.access_token());
            Ok(tokens.access_token().clone())
        }
        Err(error) => {
            if let Some(held) = &*inner.current.load() {
                inner.put_off(held);
            }
            Err(error)
        }
    })
}

/// Writes down what could not be written before, if there is anything.
pub(super) async fn save(inner: &Inner) {
    let Some(unsaved) = lock(&inner.unsaved).clone() else {
        return;
    };
    let tokens = unsaved.tokens.clone();
    let is_stored = lock(&inner.source).is_stored;
    let renewal = Renewal::new(
        |stored| !is_stored || stored.refresh_token() == unsaved.spent.as_ref(),
        |_| Box::pin(std::future::ready(Ok(tokens))),
    );
    let saved = within(inner.timing.exchange, inner.store.exchange(renewal)).await;
    let error: Error = match saved {
        Ok(Ok(_)) => {
            *lock(&inner.unsaved) = None;
            return;
        }
        Ok(Err(error)) => error.into(),
        Err(elapsed) => store_error(elapsed),
    };
    tracing::error!(
        source = inner.obtain().name(),
        error = &error as &dyn std::error::Error,
        "tokens could not be written down; a refresh token is lost"
    );
}

/// An exchange that goes away before its end was with a runtime that died, or panicked.
struct End<'a> {
    inner: &'a Inner,
    is_reached: bool,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if self.is_reached {
            return;
        }
        if std::thread::panicking() {
            self.inner.note(&Error::of(ErrorKind::Lost));
        } else if let Some(held) = &*self.inner.current.load() {
            self.inner.put_off(held);
        }
    }
}

/// What one exchange knows.
pub(super) struct Exchange<'a> {
    pub(super) inner: &'a Inner,
    pub(super) obtain: Arc<dyn ObtainToken>,
    generation: u64,
    pub(super) is_stored: bool,
    pub(super) unwanted: Option<AccessToken>,
    /// Why there is no access token, although there was something to store.
    pub(super) failure: Mutex<Option<ObtainError>>,
    /// A refusal of credentials that may be refused so often and no more.
    pub(super) refused_log_in: Mutex<Option<ObtainError>>,
}

impl<'a> Exchange<'a> {
    fn of(inner: &'a Inner, unwanted: Option<AccessToken>) -> Self {
        let source = lock(&inner.source);
        Self {
            inner,
            obtain: source.obtain.clone(),
            generation: source.generation,
            is_stored: source.is_stored,
            unwanted,
            failure: Mutex::default(),
            refused_log_in: Mutex::default(),
        }
    }

    fn usable(&self, tokens: &Tokens) -> Result<AccessToken, Error> {
        if self.is_expired(tokens) {
            let late = "a token that had ended on arrival; compare the clocks of both machines";
            return Err(ObtainError::new(ObtainErrorKind::BadAnswer(late.to_owned())).into());
        }
        Ok(tokens.access_token().anchored(&*self.inner.clock))
    }

    /// Takes effect, unless the source was replaced meanwhile.
    fn conclude(&self, outcome: Result<AccessToken, Error>) -> Outcome {
        // Held until the end: no other source comes in between.
        let mut source = lock(&self.inner.source);
        if source.generation != self.generation {
            *lock(&self.inner.unsaved) = None;
            return Outcome::Stale;
        }
        source.is_stored |= outcome.is_ok();
        if let Some(error) = lock(&self.refused_log_in).take() {
            self.inner.ledger().log_in_refused(error);
        }
        match &outcome {
            Ok(token) => self.inner.install(token),
            Err(error) => self.inner.note(error),
        }
        Outcome::Done(outcome)
    }

    fn log(&self, trigger: Trigger, elapsed: Duration, outcome: &Outcome) {
        let source = self.obtain.name();
        let elapsed_ms = milliseconds(elapsed);
        match outcome {
            Outcome::Done(Ok(token)) => {
                let left = token.expiry().map(|end| end.remaining(&*self.inner.clock));
                let remaining_ms = left.map(milliseconds);
                tracing::debug!(
                    source,
                    ?trigger,
                    elapsed_ms,
                    remaining_ms,
                    "access token at hand"
                );
            }
            Outcome::Done(Err(error)) => {
                let retry_after_ms = self.inner.pause_left().map(milliseconds);
                let error = error as &dyn std::error::Error;
                tracing::warn!(
                    source,
                    ?trigger,
                    elapsed_ms,
                    retry_after_ms,
                    error,
                    "no access token"
                );
            }
            Outcome::Stale => {
                tracing::debug!(
                    source,
                    ?trigger,
                    elapsed_ms,
                    "another source took its place"
                );
            }
        }
    }
}

impl Inner {
    fn install(&self, token: &AccessToken) {
        let mut ledger = self.ledger();
        ledger.succeeded();
        let next = Held::new(token.clone(), &*self.clock, &self.timing);
        let before = self.current.load_full();
        let before = before.as_ref().map(|before| &before.token);
        if before.is_some_and(|before| before.was_accepted()) {
            ledger.accepted();
        }
        if before.is_some_and(|before| before.same_value(token)) {
            // The source gives what it gave before; asking it all the time would not help.
            let now = self.clock.monotonic();
            next.put_off_renewal(now.saturating_add(self.timing.backoff_max));
        }
        self.current.store(Some(Arc::new(next)));
        *lock(&self.refused) = None;
    }

    /// Remembers a failure; a token still at hand will be renewed when the pause is over.
    fn note(&self, error: &Error) {
        let now = self.clock.monotonic();
        self.ledger()
            .failed(error, now, &self.timing, fastrand::f64());
        if let Some(held) = &*self.current.load() {
            self.put_off(held);
        }
    }
}

pub(super) fn store_error(error: impl Into<BoxError>) -> Error {
    Error::from(ExchangeError::Store(error.into()))
}
