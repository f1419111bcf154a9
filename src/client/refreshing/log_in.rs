//! Logging in again: by the grant, or by whoever was named for it. Never without end.

use std::{sync::Arc, time::SystemTime};

use super::{
    exchange::Exchange,
    lock,
    renew::{is_log_in_again, log_in_again},
};
use crate::{
    BoxFuture,
    deadline::within,
    oauth::{LogInAgain, ObtainError, ObtainErrorKind},
    scope::ScopeSet,
    token::Tokens,
};

/// What is known of a session that has ended, for
/// [`RefreshingBuilder::log_in_again`](super::RefreshingBuilder::log_in_again).
#[derive(Clone, Debug)]
pub struct EndedSession {
    cause: LogInAgain,
    scope: Option<ScopeSet>,
    refresh_token_expiry: Option<SystemTime>,
}

impl EndedSession {
    fn new(cause: LogInAgain, tokens: Option<&Tokens>) -> Self {
        let refresh = tokens.and_then(Tokens::refresh_token);
        Self {
            cause,
            scope: tokens.and_then(|tokens| tokens.access_token().scope().cloned()),
            refresh_token_expiry: refresh.and_then(|token| token.expiry()),
        }
    }

    /// Why it has ended; [`NotLoggedIn`](LogInAgain::NotLoggedIn) if there was none.
    #[must_use]
    pub fn cause(&self) -> LogInAgain {
        self.cause
    }

    /// The scopes that were granted last, if the answer named them.
    #[must_use]
    pub fn scope(&self) -> Option<&ScopeSet> {
        self.scope.as_ref()
    }

    /// When the refresh token was to end, if that was told.
    #[must_use]
    pub fn refresh_token_expiry(&self) -> Option<SystemTime> {
        self.refresh_token_expiry
    }
}

/// Logs in again.
pub(super) type Hook =
    Arc<dyn Fn(EndedSession) -> BoxFuture<'static, Result<Tokens, ObtainError>> + Send + Sync>;

impl Exchange<'_> {
    /// Asks by the original grant.
    pub(super) async fn obtain(&self) -> Result<Tokens, ObtainError> {
        let Some(most) = self.obtain.max_attempts() else {
            return self.attempt(self.obtain.obtain()).await;
        };
        self.inner.ledger().may_log_in(most)?;
        let outcome = self.attempt(self.obtain.obtain()).await;
        self.counted(outcome, is_refused)
    }

    /// Asks the hook, if there is one and the session has ended.
    pub(super) async fn or_log_in(
        &self,
        known: Option<&Tokens>,
        error: ObtainError,
    ) -> Result<Tokens, ObtainError> {
        let (cause, hook) = match (error.kind(), &self.inner.log_in) {
            (ObtainErrorKind::LogInAgain(cause), Some(hook)) => (*cause, hook),
            _ => return Err(error),
        };
        match self.by_hook(hook, EndedSession::new(cause, known)).await {
            Err(error) if is_final(&error) => Err(log_in_again(cause, Some(error))),
            outcome => outcome,
        }
    }

    async fn by_hook(&self, hook: &Hook, session: EndedSession) -> Result<Tokens, ObtainError> {
        let timing = &self.inner.timing;
        self.inner.ledger().may_log_in(timing.log_in_attempts)?;
        let outcome = within(timing.log_in, hook(session)).await;
        let outcome = outcome.unwrap_or_else(|elapsed| Err(ObtainError::other(elapsed)));
        let outcome = outcome.and_then(|tokens| match self.is_expired(&tokens) {
            true => Err(ObtainError::other("the log-in gave a token that had ended")),
            false => Ok(tokens),
        });
        self.counted(outcome, is_final)
    }

    /// Remembers a failure that counts, for the end of the exchange.
    fn counted(
        &self,
        outcome: Result<Tokens, ObtainError>,
        counts: fn(&ObtainError) -> bool,
    ) -> Result<Tokens, ObtainError> {
        let failure = outcome.as_ref().err().filter(|error| counts(error));
        if let Some(error) = failure {
            *lock(&self.refused_log_in) = Some(error.clone());
        }
        outcome
    }
}

fn is_refused(error: &ObtainError) -> bool {
    matches!(error.kind(), ObtainErrorKind::Refused { .. })
}

/// Of a hook's errors, one of no kind is a refusal too: it is not known to be an outage.
fn is_final(error: &ObtainError) -> bool {
    is_refused(error) || is_log_in_again(error) || *error.kind() == ObtainErrorKind::Other
}
