//! Assertions that a function gets.

use std::{fmt, future::Future, time::SystemTime};

use super::AssertionSource;
use crate::{BoxFuture, oauth::ObtainError, secret::Secret};

/// Makes an async closure a source of assertions.
///
/// # Example
///
/// ```
/// use tower_bearer::{oauth::{ClientAuth, ObtainError, assertion}, secret::Secret};
///
/// let auth = ClientAuth::assertion("orders-job", assertion::from_async_fn(|| async {
///     Ok::<_, ObtainError>(Secret::from("eyJhbGciOiJ…")) // ask whoever knows
/// }));
/// ```
pub fn from_async_fn<F, Fut, E>(ask: F) -> FromAsyncFn<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Secret, E>> + Send + 'static,
    E: Into<ObtainError>,
{
    FromAsyncFn(ask)
}

/// Made by [`from_async_fn`].
#[derive(Clone)]
pub struct FromAsyncFn<F>(F);

impl<F, Fut, E> AssertionSource for FromAsyncFn<F>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Secret, E>> + Send + 'static,
    E: Into<ObtainError>,
{
    fn assertion(&self, _: SystemTime) -> BoxFuture<'_, Result<Secret, ObtainError>> {
        let answer = (self.0)();
        Box::pin(async move { answer.await.map_err(Into::into) })
    }
}

impl<F> fmt::Debug for FromAsyncFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromAsyncFn").finish_non_exhaustive()
    }
}
