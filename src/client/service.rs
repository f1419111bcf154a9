//! The service: the first decision about a request, on the caller's thread.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{
    AuthFuture, RequestContext,
    authorize::{self, Decision},
    layer::Settings,
    replay::{ReplayPolicy, WholeBodies},
};
use crate::BoxError;

/// The middleware that [`AuthLayer`](crate::AuthLayer) makes: adds a token to each request.
///
/// # Errors
///
/// Errors of the inner service pass through as they are. Ours are
/// [`client::Error`](crate::client::Error), to be had by downcasting.
pub struct Auth<S, P = WholeBodies> {
    inner: S,
    settings: Arc<Settings<P>>,
}

impl<S, P> Auth<S, P> {
    pub(super) fn new(inner: S, settings: Arc<Settings<P>>) -> Self {
        Self { inner, settings }
    }

    /// The service below.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service below, mutably.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Gives back the service below.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, P> Auth<S, P> {
    /// Gives up the readied service, and with it the permit or slot it may hold: nothing
    /// that others wait for is held while a token is waited for.
    fn release(&mut self) -> S {
        let fresh = self.inner.clone();
        drop(mem::replace(&mut self.inner, fresh));
        self.inner.clone()
    }
}

impl<S, P, B, R> Service<Request<B>> for Auth<S, P>
where
    S: Service<Request<P::Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    P: ReplayPolicy<B>,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = AuthFuture<S, B, P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let settings = &self.settings;
        let header = settings.header.name();
        match authorize::decide(&request, &settings.origins, header, settings.preset) {
            Decision::AsItIs => {
                let request = request.map(|body| settings.replay.pass(body));
                AuthFuture::passing(self.inner.call(request))
            }
            Decision::Refuse(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "request not sent");
                self.release();
                AuthFuture::failed(error.into())
            }
            Decision::AddToken => {
                let context =
                    RequestContext::new(request.method(), request.uri(), request.extensions());
                let Some(token) = settings.source.current(&context) else {
                    let settings = settings.clone();
                    return AuthFuture::acquiring(self.release(), request, settings);
                };
                AuthFuture::sending(&mut self.inner, request, token, settings.clone())
            }
        }
    }
}

impl<S: Clone, P> Clone for Auth<S, P> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            settings: self.settings.clone(),
        }
    }
}

impl<S: fmt::Debug, P> fmt::Debug for Auth<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
