//! The question that every source answers.

use std::sync::Arc;

use super::RequestContext;
use crate::{BoxError, BoxFuture, token::AccessToken};

/// Answers which token a request carries.
///
/// [`current`](Self::current) is asked for each request and must not wait. Only when it
/// has nothing does the request wait for [`obtain`](Self::obtain). A server's refusal of
/// a token is told through [`refused`](Self::refused).
///
/// An [`AccessToken`] is itself a source: a token that never changes. The module
/// [`source`](super) lists the others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source of tokens for requests",
    note = "what obtains tokens becomes a source in `Refreshing::new(…)`",
    note = "a token that never changes is an `AccessToken`; closures: `client::source::from_fn`"
)]
pub trait TokenSource: Send + Sync + 'static {
    /// The token at hand, without waiting; `None` if there is none to be sent.
    fn current(&self, request: &RequestContext<'_>) -> Option<AccessToken>;

    /// Gets a token, waiting as long as need be.
    ///
    /// # Errors
    ///
    /// The request then fails with this error; it is never sent without a token. A source
    /// that is there for other requests says so with [`Error::no_token_for`]: in a
    /// [`first_of`](super::first_of) the next one is asked then, and after no other error.
    ///
    /// [`Error::no_token_for`]: crate::client::Error::no_token_for
    fn obtain<'a>(
        &'a self,
        request: RequestContext<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, BoxError>>;

    /// Whether this source is there for such a request, as far as it can tell without
    /// waiting. Asked when [`current`](Self::current) gave nothing and others could be
    /// asked instead. By default it is.
    fn serves(&self, request: &RequestContext<'_>) -> bool {
        let _ = request;
        true
    }

    /// Whether a token that this source gave may still be sent. Asked when a request had
    /// to wait after it got its token. By default it may.
    fn is_usable(&self, token: &AccessToken) -> bool {
        let _ = token;
        true
    }

    /// Takes note that a server refused this token.
    ///
    /// The answer says whether asking again makes sense. By default it does not.
    fn refused(&self, token: &AccessToken) -> AfterRefusal {
        let _ = token;
        AfterRefusal::Final
    }
}

/// What follows from a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AfterRefusal {
    /// [`TokenSource::obtain`] will give another token.
    Obtain,
    /// There will be no other token.
    Final,
    /// There will be none for now: too many were refused in a row.
    HeldBack {
        /// How long until the next one.
        retry_after: std::time::Duration,
    },
}

impl<T: TokenSource + ?Sized> TokenSource for Arc<T> {
    fn current(&self, request: &RequestContext<'_>) -> Option<AccessToken> {
        (**self).current(request)
    }

    fn obtain<'a>(
        &'a self,
        request: RequestContext<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        (**self).obtain(request)
    }

    fn serves(&self, request: &RequestContext<'_>) -> bool {
        (**self).serves(request)
    }

    fn is_usable(&self, token: &AccessToken) -> bool {
        (**self).is_usable(token)
    }

    fn refused(&self, token: &AccessToken) -> AfterRefusal {
        (**self).refused(token)
    }
}

/// A token that never changes. It is sent until it is refused, and after that too:
/// there is no other.
impl TokenSource for AccessToken {
    fn current(&self, _: &RequestContext<'_>) -> Option<AccessToken> {
        Some(self.clone())
    }

    fn obtain<'a>(&'a self, _: RequestContext<'a>) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }
}
