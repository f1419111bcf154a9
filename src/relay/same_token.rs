//! The caller's own token goes on.

use std::{future::ready, sync::Arc};

use super::{Caller, RelayError, RelayErrorKind};
use crate::{
    BoxError, BoxFuture,
    client::{RequestContext, TokenSource},
    clock::{Clock, SystemClock},
    jwt::Expected,
    token::AccessToken,
};

/// A source that sends the caller's own token on to an API of this audience: one name,
/// several, or, where tokens name none, [`Expected::unchecked`].
///
/// The token is one that was issued for that API too: a token for another audience is an
/// error that names the fix, and so is one of which the audience is not known
/// ([`Validator::validate_granted`](crate::Validator::validate_granted)). An API that may see
/// such a token could use it wherever it is meant for. Only `aud` is looked at: with
/// [`Expected::in_claim`], and with a pattern that has a `{claim}`, every request is an error
/// that says so ([`RelayErrorKind::AudienceUnseen`]).
///
/// A refusal goes to the caller: there is no other token. It is not sent past its end.
///
/// # Example
///
/// ```
/// use tower_bearer::{AuthLayer, Expected, relay};
///
/// AuthLayer::new(relay::same_token("stock"));
/// AuthLayer::new(relay::same_token(["stock", "https://stock.example"]));
/// AuthLayer::new(relay::same_token(Expected::unchecked()));
/// ```
pub fn same_token(audience: impl Into<Expected>) -> SameToken {
    SameToken {
        audience: audience.into(),
        clock: Arc::new(SystemClock::new()),
    }
}

/// Made by [`same_token`].
#[derive(Clone, Debug)]
pub struct SameToken {
    audience: Expected,
    clock: Arc<dyn Clock>,
}

impl SameToken {
    /// The clock; the system's unless a test moves its own.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn token(&self, request: &RequestContext<'_>) -> Result<AccessToken, RelayError> {
        let caller = Caller::named_in(request)?;
        if self.audience.depends_on_other_claims() {
            return Err(RelayError::of(RelayErrorKind::AudienceUnseen));
        }
        if !self.audience.is_met_by(caller.audience()) {
            return Err(RelayError::other_audience(
                caller.audience(),
                &self.audience,
            ));
        }
        caller.token(&*self.clock).cloned()
    }
}

impl TokenSource for SameToken {
    fn current(&self, request: &RequestContext<'_>) -> Option<AccessToken> {
        self.token(request).ok()
    }

    fn obtain<'a>(
        &'a self,
        request: RequestContext<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        Box::pin(ready(self.token(&request).map_err(Into::into)))
    }

    fn is_usable(&self, token: &AccessToken) -> bool {
        !token.is_expired(&*self.clock)
    }
}
