//! Which token does this request carry?

use std::{fmt, future::Future, sync::Arc};

use http::{Extensions, Method, Uri};

use crate::{
    BoxError, BoxFuture,
    client::{Error, ErrorKind},
    token::AccessToken,
};

/// What a token source sees of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    method: &'a Method,
    uri: &'a Uri,
    extensions: &'a Extensions,
}

impl<'a> RequestContext<'a> {
    /// The context of a request with these parts.
    #[must_use]
    pub fn new(method: &'a Method, uri: &'a Uri, extensions: &'a Extensions) -> Self {
        Self {
            method,
            uri,
            extensions,
        }
    }

    /// The request's method.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The request's URI; its origin has been accepted already.
    #[must_use]
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// What outer layers and the caller attached to the request.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }
}

/// Answers which token a request carries.
///
/// [`current`](Self::current) is asked for each request and must not wait. Only when it
/// has nothing does the request wait for [`obtain`](Self::obtain). A server's refusal of
/// a token is told through [`refused`](Self::refused).
///
/// An [`AccessToken`] is itself a source: a token that never changes. Closures become
/// one through [`from_fn`] and [`from_async_fn`]; [`Refreshing`](crate::client::Refreshing)
/// renews what it holds.
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
    /// The request then fails with this error; it is never sent without a token.
    fn obtain<'a>(
        &'a self,
        request: RequestContext<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, BoxError>>;

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

/// Makes a closure a source. It is asked for each request and must not wait.
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
        let token = (self.0)(&request)
            .ok_or_else(|| Error::new(ErrorKind::NoTokenForRequest, request.uri().host()).into());
        Box::pin(std::future::ready(token))
    }
}

/// Makes an async closure a source. It is asked for **each** request: to remember
/// tokens, put [`obtain_with`](crate::oauth::obtain_with) into a
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

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for FromAsyncFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromAsyncFn").finish_non_exhaustive()
    }
}
