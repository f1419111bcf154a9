//! One exchange, from the store's lock to the token at hand. Runs in a task of its own.

use std::sync::{Arc, Mutex, atomic::Ordering};

use super::{Held, Inner, Outcome, Unsaved, lock};
use crate::{
    BoxError, BoxFuture,
    client::{
        Error, ErrorKind,
        store::{ExchangeError, Renewal},
    },
    deadline::{Elapsed, within},
    oauth::{LogInAgain, ObtainError, ObtainErrorKind, ObtainToken},
    token::{AccessToken, RefreshToken, Tokens},
};

/// Renews what the store holds and makes it the token at hand.
pub(super) async fn run(
    inner: Arc<Inner>,
    unwanted: Option<AccessToken>,
    reason: &'static str,
) -> Outcome {
    let unfinished = Unfinished(Some(inner));
    let Some(inner) = unfinished.0.as_deref() else {
        return Outcome::Stale;
    };
    let exchange = Exchange::of(inner, unwanted);
    let start = inner.clock.monotonic();
    let outcome = within(inner.timing.exchange, exchange.renewed()).await;
    let outcome = outcome.unwrap_or_else(|elapsed| Err(store_error(elapsed)));
    let took = inner.clock.monotonic().saturating_sub(start);
    let outcome = outcome.and_then(|tokens| exchange.usable(&tokens));
    match &outcome {
        Ok(token) => {
            let remaining = token.expiry().map(|end| end.remaining(&*inner.clock));
            tracing::debug!(reason, ?took, ?remaining, "access token at hand");
        }
        Err(error) => {
            let error = error as &dyn std::error::Error;
            tracing::warn!(reason, ?took, error, "no access token");
        }
    }
    let outcome = exchange.conclude(outcome);
    unfinished.done();
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
    let renewal = Renewal::new(
        |stored| stored.refresh_token() == unsaved.spent.as_ref(),
        |_| Box::pin(std::future::ready(Ok(tokens))),
    );
    match within(inner.timing.exchange, inner.store.exchange(renewal)).await {
        Ok(Ok(_)) => *lock(&inner.unsaved) = None,
        _ => tracing::error!("tokens could not be written down; a refresh token is lost"),
    }
}

/// An exchange that goes away before its end was with a runtime that died, or panicked.
struct Unfinished(Option<Arc<Inner>>);

impl Unfinished {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Some(inner) = &self.0 else { return };
        if std::thread::panicking() {
            inner.note(&Error::of(ErrorKind::Lost));
        } else if let Some(held) = &*inner.current.load() {
            inner.put_off(held);
        }
    }
}

/// What one exchange knows.
struct Exchange<'a> {
    inner: &'a Inner,
    obtain: Arc<dyn ObtainToken>,
    generation: u64,
    is_stored: bool,
    unwanted: Option<AccessToken>,
    /// Why there is no access token, although there was something to store.
    failure: Mutex<Option<ObtainError>>,
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
        }
    }

    async fn renewed(&self) -> Result<Tokens, Error> {
        let store = &self.inner.store;
        if self.unwanted.is_none() && self.is_stored && lock(&self.inner.unsaved).is_none() {
            let stored = store.load().await.map_err(store_error)?;
            if let Some(tokens) = stored.filter(|tokens| !self.is_expired(tokens)) {
                return Ok(tokens);
            }
        }
        let renewal = Renewal::new(
            |stored| self.must_renew(stored),
            |stored| -> BoxFuture<'_, _> { Box::pin(self.renew(stored)) },
        );
        let tokens = store.exchange(renewal).await?;
        *lock(&self.inner.unsaved) = None;
        match lock(&self.failure).take() {
            Some(error) => Err(error.into()),
            None => Ok(tokens),
        }
    }

    /// Whether what the store holds is not what we want: it is another source's, it is
    /// what we want to be rid of, it has ended, or we have its successor.
    fn must_renew(&self, stored: &Tokens) -> bool {
        let token = stored.access_token();
        let unwanted = self.unwanted.as_ref();
        !self.is_stored
            || unwanted.is_some_and(|unwanted| unwanted.same_value(token))
            || self.is_expired(stored)
            || self.unsaved(Some(stored)).is_some()
    }

    /// Tokens that could not be written, unless somebody has stored others since.
    fn unsaved(&self, stored: Option<&Tokens>) -> Option<Tokens> {
        let unsaved = lock(&self.inner.unsaved).clone()?;
        let stored = stored.and_then(Tokens::refresh_token);
        (stored == unsaved.spent.as_ref()).then_some(unsaved.tokens)
    }

    fn is_expired(&self, tokens: &Tokens) -> bool {
        tokens.access_token().is_expired(&*self.inner.clock)
    }

    /// Inside the store's exclusive section.
    async fn renew(&self, stored: Option<Tokens>) -> Result<Tokens, ObtainError> {
        let stored = stored.filter(|_| self.is_stored);
        let unsaved = self.unsaved(stored.as_ref());
        if let Some(tokens) = unsaved.as_ref().filter(|tokens| !self.is_expired(tokens)) {
            return Ok(tokens.clone());
        }
        self.inner.exchanges.fetch_add(1, Ordering::Relaxed);
        let spent = stored.as_ref().and_then(Tokens::refresh_token).cloned();
        let known = unsaved.or(stored);
        let renewed = match known.as_ref().and_then(Tokens::refresh_token) {
            Some(token) => self.refresh_or_obtain(token).await,
            None => self.attempt(self.obtain.obtain()).await,
        };
        let tokens = renewed.or_else(|error| self.salvaged(known, error))?;
        *lock(&self.inner.unsaved) = Some(Unsaved {
            tokens: tokens.clone(),
            spent,
        });
        Ok(tokens)
    }

    /// A new refresh token is stored even if the access token beside it is of no use.
    fn salvaged(&self, known: Option<Tokens>, error: ObtainError) -> Result<Tokens, ObtainError> {
        match known.zip(error.refresh_token().cloned()) {
            Some((known, refresh)) => {
                *lock(&self.failure) = Some(error);
                Ok(known.with_refresh_token(refresh))
            }
            None => Err(error),
        }
    }

    /// A dead refresh token falls back to the original grant, if there is one.
    async fn refresh_or_obtain(&self, token: &RefreshToken) -> Result<Tokens, ObtainError> {
        let dead = match self.refresh(token).await {
            Err(error) if is_log_in_again(&error) => error,
            outcome => return outcome,
        };
        match self.attempt(self.obtain.obtain()).await {
            Err(error) if is_log_in_again(&error) => Err(dead),
            outcome => outcome,
        }
    }

    /// Spends a refresh token; an unknown outcome is tried again with the same one.
    async fn refresh(&self, token: &RefreshToken) -> Result<Tokens, ObtainError> {
        let is_over = |end| end <= self.inner.clock.wall();
        if token.expiry().is_some_and(is_over) {
            return Err(log_in_again(LogInAgain::RefreshTokenExpired, None));
        }
        let mut pauses = self.inner.timing.retry_unknown.iter();
        loop {
            let error = match self.attempt(self.obtain.refresh(token)).await {
                Ok(tokens) => {
                    *lock(&self.inner.doubtful) = None;
                    return Ok(match tokens.refresh_token() {
                        Some(_) => tokens,
                        None => tokens.with_refresh_token(token.clone()),
                    });
                }
                Err(error) => error,
            };
            if error.is_outcome_unknown() {
                *lock(&self.inner.doubtful) = Some(token.clone());
            }
            // What was not sent for sure is an outage, tried again after its pause.
            if !error.was_sent() {
                return Err(self.judged(token, error));
            }
            match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None if *error.kind() == ObtainErrorKind::Deadline => {
                    return Err(log_in_again(LogInAgain::MayHaveBeenUsed, Some(error)));
                }
                None => return Err(error),
            }
        }
    }

    /// RFC 6749 §5.2: `invalid_grant` is what a refresh token is that has ended, was
    /// revoked or was used before.
    fn judged(&self, token: &RefreshToken, error: ObtainError) -> ObtainError {
        let code = match error.kind() {
            ObtainErrorKind::Refused { error, .. } => error,
            _ => return error,
        };
        if code != "invalid_grant" {
            return error;
        }
        let cause = match lock(&self.inner.doubtful).as_ref() == Some(token) {
            true => LogInAgain::MayHaveBeenUsed,
            false => LogInAgain::RefreshTokenRefused,
        };
        log_in_again(cause, Some(error))
    }

    async fn attempt(
        &self,
        ask: BoxFuture<'_, Result<Tokens, ObtainError>>,
    ) -> Result<Tokens, ObtainError> {
        match within(self.inner.timing.attempt, ask).await {
            Ok(outcome) => outcome,
            Err(Elapsed::Deadline) => Err(ObtainError::new(ObtainErrorKind::Deadline)),
            Err(no_timer) => Err(ObtainError::other(no_timer)),
        }
    }

    fn usable(&self, tokens: &Tokens) -> Result<AccessToken, Error> {
        if self.is_expired(tokens) {
            let late = "a token that had ended on arrival; compare the clocks of both machines";
            return Err(ObtainError::new(ObtainErrorKind::BadAnswer(late.to_owned())).into());
        }
        Ok(tokens.access_token().clone())
    }

    /// Takes effect, unless the source was replaced meanwhile.
    fn conclude(&self, outcome: Result<AccessToken, Error>) -> Outcome {
        {
            let mut source = lock(&self.inner.source);
            if source.generation != self.generation {
                return Outcome::Stale;
            }
            source.is_stored |= outcome.is_ok();
        }
        match &outcome {
            Ok(token) => self.inner.install(token),
            Err(error) => self.inner.note(error),
        }
        Outcome::Done(outcome)
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

fn is_log_in_again(error: &ObtainError) -> bool {
    matches!(error.kind(), ObtainErrorKind::LogInAgain(_))
}

fn log_in_again(cause: LogInAgain, source: Option<ObtainError>) -> ObtainError {
    let error = ObtainError::new(ObtainErrorKind::LogInAgain(cause));
    match source {
        Some(source) => error.with_source(source),
        None => error,
    }
}

fn store_error(error: impl Into<BoxError>) -> Error {
    Error::from(ExchangeError::Store(error.into()))
}
