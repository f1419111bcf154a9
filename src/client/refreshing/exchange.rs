//! One exchange, from the store's lock to the token at hand. Runs in a task of its own.

use std::sync::{Arc, atomic::Ordering};

use super::{Held, Inner, lock};
use crate::{
    BoxFuture,
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
) -> Result<AccessToken, Error> {
    let start = inner.clock.monotonic();
    let outcome = inner.renewed(unwanted).await;
    let took = inner.clock.monotonic().saturating_sub(start);
    match outcome.and_then(|tokens| inner.usable(tokens)) {
        Ok(token) => {
            tracing::debug!(reason, ?took, expiry = ?token.expiry().map(|e| e.remaining(&*inner.clock)), "access token at hand");
            inner.install(&token);
            Ok(token)
        }
        Err(error) => {
            tracing::warn!(
                reason,
                ?took,
                error = &error as &dyn std::error::Error,
                "no access token"
            );
            inner.note(&error);
            Err(error)
        }
    }
}

/// Stores tokens that came by other means and makes them the ones at hand.
pub(super) async fn put(inner: Arc<Inner>, tokens: Tokens) -> Result<AccessToken, Error> {
    let given = tokens.clone();
    let renewal = Renewal::new(None, |_| true, |_| Box::pin(std::future::ready(Ok(given))));
    // What is stored counts as expired above, so that these tokens replace it in any case.
    inner
        .store
        .exchange(renewal)
        .await
        .map_err(store_or_obtain)?;
    *lock(&inner.unsaved) = None;
    inner.ledger().forget();
    inner.install(tokens.access_token());
    Ok(tokens.access_token().clone())
}

impl Inner {
    async fn renewed(&self, unwanted: Option<AccessToken>) -> Result<Tokens, Error> {
        if unwanted.is_none() && lock(&self.unsaved).is_none() {
            let stored = self.store.load().await.map_err(store_error)?;
            if let Some(tokens) = stored.filter(|it| !it.access_token().is_expired(&*self.clock)) {
                return Ok(tokens);
            }
        }
        let renewal = Renewal::new(
            unwanted,
            |token| token.is_expired(&*self.clock) || lock(&self.unsaved).is_some(),
            |stored| -> BoxFuture<'_, _> { Box::pin(self.renew(stored)) },
        );
        let tokens = self
            .store
            .exchange(renewal)
            .await
            .map_err(store_or_obtain)?;
        *lock(&self.unsaved) = None;
        Ok(tokens)
    }

    /// Inside the store's exclusive section.
    async fn renew(&self, stored: Option<Tokens>) -> Result<Tokens, ObtainError> {
        let unsaved = lock(&self.unsaved).clone();
        let fresh = |tokens: &Tokens| !tokens.access_token().is_expired(&*self.clock);
        if let Some(tokens) = unsaved.as_ref().filter(|tokens| fresh(tokens)) {
            return Ok(tokens.clone());
        }
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        let known = unsaved.or(stored);
        let refresh_token = known.as_ref().and_then(Tokens::refresh_token);
        let obtain = lock(&self.obtain).clone();
        let renewed = match refresh_token {
            Some(token) => self.refresh_or_obtain(&*obtain, token).await?,
            None => self.attempt(obtain.obtain()).await?,
        };
        *lock(&self.unsaved) = Some(renewed.clone());
        Ok(renewed)
    }

    /// A dead refresh token falls back to the original grant, if there is one.
    async fn refresh_or_obtain(
        &self,
        obtain: &dyn ObtainToken,
        token: &RefreshToken,
    ) -> Result<Tokens, ObtainError> {
        let dead = match self.refresh(obtain, token).await {
            Ok(tokens) => return Ok(tokens),
            Err(error) => match error.kind() {
                ObtainErrorKind::LogInAgain(_) => error,
                _ => return Err(error),
            },
        };
        match self.attempt(obtain.obtain()).await {
            Err(error) if matches!(error.kind(), ObtainErrorKind::LogInAgain(_)) => Err(dead),
            outcome => outcome,
        }
    }

    /// Spends a refresh token; an unknown outcome is tried again with the same one.
    async fn refresh(
        &self,
        obtain: &dyn ObtainToken,
        token: &RefreshToken,
    ) -> Result<Tokens, ObtainError> {
        if token.expiry().is_some_and(|end| end <= self.clock.wall()) {
            return Err(log_in_again(LogInAgain::RefreshTokenExpired, None));
        }
        let mut pauses = self.timing.retry_unknown.iter();
        let mut may_have_been_used = false;
        loop {
            let error = match self.attempt(obtain.refresh(token)).await {
                Ok(tokens) if tokens.refresh_token().is_none() => {
                    return Ok(tokens.with_refresh_token(token.clone()));
                }
                Ok(tokens) => return Ok(tokens),
                Err(error) => error,
            };
            if is_dead(&error) {
                let cause = match may_have_been_used {
                    true => LogInAgain::MayHaveBeenUsed,
                    false => LogInAgain::RefreshTokenRefused,
                };
                return Err(log_in_again(cause, Some(error)));
            }
            if !error.is_outcome_unknown() {
                return Err(error);
            }
            may_have_been_used = true;
            match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                // An endpoint that can't be reached is an outage, and logs nobody out.
                None if *error.kind() == ObtainErrorKind::Deadline => {
                    return Err(log_in_again(LogInAgain::MayHaveBeenUsed, Some(error)));
                }
                None => return Err(error),
            }
        }
    }

    async fn attempt(
        &self,
        ask: BoxFuture<'_, Result<Tokens, ObtainError>>,
    ) -> Result<Tokens, ObtainError> {
        match within(self.timing.attempt, ask).await {
            Ok(outcome) => outcome,
            Err(Elapsed::Deadline) => Err(ObtainError::new(ObtainErrorKind::Deadline)),
            Err(no_timer) => Err(ObtainError::other(no_timer)),
        }
    }

    fn usable(&self, tokens: Tokens) -> Result<AccessToken, Error> {
        let token = tokens.access_token();
        if token.is_expired(&*self.clock) {
            let late = "a token that had ended on arrival; compare the clocks of both machines";
            return Err(ObtainError::new(ObtainErrorKind::BadAnswer(late.to_owned())).into());
        }
        Ok(token.clone())
    }

    fn install(&self, token: &AccessToken) {
        let mut ledger = self.ledger();
        ledger.succeeded();
        let next = Held::new(token.clone(), &*self.clock, &self.timing);
        let before = self.current.swap(Some(Arc::new(next)));
        if before.is_some_and(|before| before.token.was_accepted()) {
            ledger.accepted();
        }
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

/// RFC 6749 §5.2: `invalid_grant` is what a refresh token is that has ended, was revoked
/// or was used before.
fn is_dead(error: &ObtainError) -> bool {
    matches!(error.kind(), ObtainErrorKind::Refused { error, .. } if error == "invalid_grant")
}

fn log_in_again(cause: LogInAgain, source: Option<ObtainError>) -> ObtainError {
    let error = ObtainError::new(ObtainErrorKind::LogInAgain(cause));
    match source {
        Some(source) => error.with_source(source),
        None => error,
    }
}

fn store_error(error: crate::BoxError) -> Error {
    Error::new(ErrorKind::Store, Some(error.to_string()))
}

fn store_or_obtain(error: ExchangeError) -> Error {
    match error {
        ExchangeError::Obtain(error) => error.into(),
        ExchangeError::Store(error) => store_error(error),
    }
}
