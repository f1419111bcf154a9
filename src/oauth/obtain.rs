//! The trait behind which every way of getting a token stands.

use std::{fmt, future::Future, num::NonZeroU32, sync::Arc};

use crate::{
    BoxFuture,
    oauth::ObtainError,
    token::{RefreshToken, Tokens},
};

/// Asks for tokens: one attempt, no state, no retry.
///
/// Whoever keeps tokens (`Refreshing`) decides when to ask and what an error means;
/// an implementation only asks.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't obtain tokens",
    label = "not an `ObtainToken`",
    note = "a `TokenEndpoint` obtains tokens once it has a transport: end it with `.over(transport)`",
    note = "for a way of your own, wrap an async closure in `tower_bearer::oauth::obtain_with`"
)]
pub trait ObtainToken: Send + Sync + 'static {
    /// Asks for tokens by the original grant.
    ///
    /// # Errors
    ///
    /// The kind of [`ObtainError`] tells an outage from a refusal.
    fn obtain(&self) -> BoxFuture<'_, Result<Tokens, ObtainError>>;

    /// Asks for tokens with a refresh token (RFC 6749 §6).
    ///
    /// # Errors
    ///
    /// As [`obtain`](Self::obtain). By default there is no such way, and the original
    /// grant is used.
    fn refresh<'a>(
        &'a self,
        refresh_token: &'a RefreshToken,
    ) -> BoxFuture<'a, Result<Tokens, ObtainError>> {
        let _ = refresh_token;
        self.obtain()
    }

    /// Who is asked, as a log names it: an address without its query, never a secret. By
    /// default the name of the type.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }

    /// How often in all [`obtain`](Self::obtain) may be refused before only new credentials
    /// help, for credentials that too many wrong attempts lock. `None`, the default: as often
    /// as the pauses in between allow.
    fn max_attempts(&self) -> Option<NonZeroU32> {
        None
    }
}

impl<T: ObtainToken + ?Sized> ObtainToken for Arc<T> {
    fn obtain(&self) -> BoxFuture<'_, Result<Tokens, ObtainError>> {
        (**self).obtain()
    }

    fn refresh<'a>(
        &'a self,
        refresh_token: &'a RefreshToken,
    ) -> BoxFuture<'a, Result<Tokens, ObtainError>> {
        (**self).refresh(refresh_token)
    }

    fn name(&self) -> &str {
        (**self).name()
    }

    fn max_attempts(&self) -> Option<NonZeroU32> {
        (**self).max_attempts()
    }
}

/// Makes an async closure an [`ObtainToken`].
///
/// # Example
///
/// ```
/// use tower_bearer::{AccessToken, oauth::{ObtainError, obtain_with}, token::Tokens};
///
/// let from_metadata_server = obtain_with(|| async {
///     let value = "ya29.c.c0AY"; // ask whoever knows
///     Ok::<_, ObtainError>(Tokens::new(AccessToken::new(value)?))
/// });
/// ```
pub fn obtain_with<F, Fut, E>(ask: F) -> ObtainWith<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Tokens, E>> + Send + 'static,
    E: Into<ObtainError>,
{
    ObtainWith(ask)
}

/// Made by [`obtain_with`].
#[derive(Clone)]
pub struct ObtainWith<F>(F);

impl<F, Fut, E> ObtainToken for ObtainWith<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Tokens, E>> + Send + 'static,
    E: Into<ObtainError>,
{
    fn obtain(&self) -> BoxFuture<'_, Result<Tokens, ObtainError>> {
        let answer = (self.0)();
        Box::pin(async move { answer.await.map_err(Into::into) })
    }

    fn name(&self) -> &str {
        std::any::type_name::<F>()
    }
}

impl<F> fmt::Debug for ObtainWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObtainWith").finish_non_exhaustive()
    }
}
