//! What requests ask of it, and what becomes of a token that a server refused.

use std::{sync::Arc, time::Duration};

use super::{Held, Refreshing};
use crate::{
    BoxError, BoxFuture,
    client::{AfterRefusal, RequestContext, TokenSource},
    clock::milliseconds,
    token::AccessToken,
};

impl TokenSource for Refreshing {
    fn current(&self, _: &RequestContext<'_>) -> Option<AccessToken> {
        self.at_hand()
    }

    fn obtain<'a>(&'a self, _: RequestContext<'a>) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        Box::pin(async { self.token().await.map_err(Into::into) })
    }

    fn is_usable(&self, token: &AccessToken) -> bool {
        !token.is_expired(&*self.0.clock)
    }

    fn refused(&self, token: &AccessToken) -> AfterRefusal {
        let Some(verdict) = self.strike(token) else {
            return AfterRefusal::Obtain;
        };
        let source = self.0.obtain();
        let source = source.name();
        match verdict {
            Ok(()) => {
                tracing::info!(
                    source,
                    "the server refused the access token; it will be renewed"
                );
                AfterRefusal::Obtain
            }
            Err(retry_after) => {
                let retry_after_ms = milliseconds(retry_after);
                tracing::warn!(
                    source,
                    retry_after_ms,
                    "the server refuses every new access token; renewal is held back"
                );
                AfterRefusal::HeldBack { retry_after }
            }
        }
    }
}

impl Refreshing {
    /// Gives up the token at hand because a server refused it, or says how long it has to
    /// serve on; `None` for another one: of many refusals of one token only the first counts.
    fn strike(&self, token: &AccessToken) -> Option<Result<(), Duration>> {
        let mut ledger = self.0.ledger();
        let current = self.0.current.load();
        let is_current = |held: &&Arc<Held>| held.token.same_value(token);
        current.as_ref().filter(is_current)?;
        let now = self.0.clock.monotonic();
        let verdict = ledger.refused(token.was_accepted(), now, &self.0.timing);
        if verdict.is_ok() {
            self.give_up(token);
        }
        Some(verdict)
    }
}
