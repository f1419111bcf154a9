//! What happens between reading the store and writing it: which token is spent, and what
//! an error means for it.

use std::sync::atomic::Ordering;

use super::{
    Dead, Unsaved,
    exchange::{Exchange, store_error},
    lock,
};
use crate::{
    BoxFuture,
    client::{
        Error,
        store::{Renewal, Stored},
    },
    deadline::{Elapsed, within},
    oauth::{LogInAgain, ObtainError, ObtainErrorKind},
    token::{RefreshToken, Tokens},
};

impl Exchange<'_> {
    pub(super) async fn renewed(&self) -> Result<Tokens, Error> {
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

    pub(super) fn is_expired(&self, tokens: &Tokens) -> bool {
        tokens.access_token().is_expired(&*self.inner.clock)
    }

    /// Inside the store's exclusive section.
    async fn renew(&self, stored: Stored) -> Result<Tokens, ObtainError> {
        let is_in_doubt = stored.is_in_doubt;
        let stored = stored.tokens.filter(|_| self.is_stored);
        let unsaved = self.unsaved(stored.as_ref());
        if let Some(tokens) = unsaved.as_ref().filter(|tokens| !self.is_expired(tokens)) {
            return Ok(tokens.clone());
        }
        self.inner.exchanges.fetch_add(1, Ordering::Relaxed);
        let spent = stored.as_ref().and_then(Tokens::refresh_token).cloned();
        if is_in_doubt {
            *lock(&self.inner.doubtful) = spent.clone();
        }
        let known = unsaved.or(stored);
        let renewed = match known.as_ref().and_then(Tokens::refresh_token) {
            Some(token) => self.refresh_or_obtain(token).await,
            None => self.obtain().await,
        };
        let renewed = match renewed {
            Err(error) => self.or_log_in(known.as_ref(), error).await,
            renewed => renewed,
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
        match self.obtain().await {
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
        let dead = lock(&self.inner.dead).clone();
        if let Some(dead) = dead.filter(|dead| dead.token == *token) {
            return Err(log_in_again(dead.cause, None));
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
        *lock(&self.inner.dead) = Some(Dead {
            token: token.clone(),
            cause,
        });
        log_in_again(cause, Some(error))
    }

    pub(super) async fn attempt(
        &self,
        ask: BoxFuture<'_, Result<Tokens, ObtainError>>,
    ) -> Result<Tokens, ObtainError> {
        match within(self.inner.timing.attempt, ask).await {
            Ok(outcome) => outcome,
            Err(Elapsed::Deadline) => Err(ObtainError::new(ObtainErrorKind::Deadline)),
            Err(no_timer) => Err(ObtainError::other(no_timer)),
        }
    }
}

pub(super) fn is_log_in_again(error: &ObtainError) -> bool {
    matches!(error.kind(), ObtainErrorKind::LogInAgain(_))
}

pub(super) fn log_in_again(cause: LogInAgain, source: Option<ObtainError>) -> ObtainError {
    let error = ObtainError::new(ObtainErrorKind::LogInAgain(cause));
    match source {
        Some(source) => error.with_source(source),
        None => error,
    }
}
