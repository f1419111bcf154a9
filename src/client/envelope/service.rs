//! The service: passes requests on, and hands their answers to the future.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{EnvelopeBody, EnvelopeFuture, judge::Asked, layer::Settings};
use crate::BoxError;

/// The middleware that [`EnvelopeLayer`](super::EnvelopeLayer) makes.
///
/// # Errors
///
/// Errors of the inner service pass through as they are. Ours is
/// [`ApiFailure`](super::ApiFailure), to be had by downcasting.
#[derive(Clone)]
pub struct Envelope<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> Envelope<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
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

impl<S, B, R> Service<Request<B>> for Envelope<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body,
{
    type Response = Response<EnvelopeBody<R>>;
    type Error = BoxError;
    type Future = EnvelopeFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let asked = Asked::new(request.method(), request.headers());
        EnvelopeFuture::new(self.inner.call(request), asked, self.settings.clone())
    }
}

impl<S: fmt::Debug> fmt::Debug for Envelope<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
