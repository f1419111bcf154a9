//! A closure that gets a token for each request.

use std::{fmt, future::Future};

use super::{AfterRefusal, RequestContext, TokenSource};
use crate::{BoxError, BoxFuture, token::AccessToken};

/// Makes an async closure a source. It is asked for **each** request, and once more after a
/// refusal: with another token the request is sent again, with the same one the refusal goes
/// to the caller. To remember tokens, put [`obtain_with`](crate::oauth::obtain_with) into a
/// [`Refreshing`](crate::client::Refreshing) instead.
///
/// # Example
///
/// ```
/// use tower_bearer::{AccessToken, BoxError, client::source};
///
/// let tokens = source::from_async_fn(|request| {
///     let host = request.uri().host().unwrap_or_default().to_owned();
///     async move { Ok::<_, BoxError>(AccessToken::new(format!("for-{host}"))?) }
/// });
/// ```
pub fn from_async_fn<F, Fut, E>(ask: F) -> FromAsyncFn<F>
where
    F: Fn(RequestContext<'_>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<AccessToken, E>> + Send + 'static,
    E: Into<BoxError>,
{
    FromAsyncFn(ask)
}

/// Made by [`from_async_fn`].
#[derive(Clone)]
pub struct FromAsyncFn<F>(F);

impl<F, Fut, E> TokenSource for FromAsyncFn<F>
where
    F: Fn(RequestContext<'_>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<AccessToken, E>> + Send + 'static,
    E: Into<BoxError>,
{
    fn current(&self, _: &RequestContext<'_>) -> Option<AccessToken> {
        None
    }

    fn obtain<'a>(
        &'a self,
        request: RequestContext<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        let answer = (self.0)(request);
        Box::pin(async move { answer.await.map_err(Into::into) })
    }

    fn refused(&self, _: &AccessToken) -> AfterRefusal {
        AfterRefusal::Obtain
    }
}

impl<F> fmt::Debug for FromAsyncFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromAsyncFn").finish_non_exhaustive()
    }
}
