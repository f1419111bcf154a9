//! A closure that has tokens at hand.

use std::fmt;

use super::{RequestContext, TokenSource};
use crate::{BoxError, BoxFuture, client::Error, token::AccessToken};

/// Makes a closure a source. It is asked for each request and must not wait; `None` says
/// that there is no token for such a request. After a refusal it is not asked again:
/// [`from_async_fn`](super::from_async_fn) is.
///
/// # Example
///
/// One token for each tenant, chosen by what the caller attached to the request:
///
/// ```
/// use tower_bearer::{AccessToken, client::source};
///
/// #[derive(Clone)]
/// struct Tenant(&'static str);
///
/// let acme = AccessToken::new("eyJhbGciOi.acme")?;
/// let tokens = source::from_fn(move |request| match request.extensions().get::<Tenant>() {
///     Some(Tenant("acme")) => Some(acme.clone()),
///     _ => None,
/// });
/// # Ok::<(), tower_bearer::token::TokenValueError>(())
/// ```
pub fn from_fn<F>(choose: F) -> FromFn<F>
where
    F: Fn(&RequestContext<'_>) -> Option<AccessToken> + Send + Sync + 'static,
{
    FromFn(choose)
}

/// Made by [`from_fn`].
#[derive(Clone)]
pub struct FromFn<F>(F);

impl<F> TokenSource for FromFn<F>
where
    F: Fn(&RequestContext<'_>) -> Option<AccessToken> + Send + Sync + 'static,
{
    fn current(&self, request: &RequestContext<'_>) -> Option<AccessToken> {
        (self.0)(request)
    }

    fn obtain<'a>(
        &'a self,
        request: RequestContext<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        let token = (self.0)(&request).ok_or_else(|| Error::no_token_for(&request).into());
        Box::pin(std::future::ready(token))
    }

    fn serves(&self, request: &RequestContext<'_>) -> bool {
        (self.0)(request).is_some()
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}
