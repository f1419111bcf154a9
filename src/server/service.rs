//! The service that a guard makes of another.

use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response};
use serde::de::DeserializeOwned;
use tower_service::Service;

use super::{
    authenticator::Decision,
    future::JwtGuardFuture,
    guard::JwtGuard,
    presence::Presence,
    rejection_response::{EmptyBody, RejectionResponse},
};

/// The service behind [`RequireJwtService`](super::RequireJwtService) and
/// [`OptionalJwtService`](super::OptionalJwtService): write those, not this.
///
/// It never fails by itself: a refusal is a response, and errors are those of the inner
/// service.
pub struct JwtGuardService<S, C, P, R = EmptyBody> {
    inner: S,
    guard: JwtGuard<C, P, R>,
}

impl<S, C, P, R> JwtGuardService<S, C, P, R> {
    pub(super) fn new(inner: S, guard: JwtGuard<C, P, R>) -> Self {
        Self { inner, guard }
    }

    /// The service behind the guard.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service behind the guard.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service behind the guard, without the guard.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, C, P, R, B, ResBody> Service<Request<B>> for JwtGuardService<S, C, P, R>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    C: DeserializeOwned + Send + Sync + 'static,
    P: Presence + Clone,
    R: RejectionResponse<ResBody>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = JwtGuardFuture<S, B, C, P, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let started = self.guard.now();
        match self.guard.decide(&request, started) {
            Ok(Decision::Authenticated(verified)) => {
                let privacy = self.guard.admit(&mut request, Some(verified));
                JwtGuardFuture::inner(self.inner.call(request), privacy)
            }
            Ok(Decision::Anonymous) => {
                let privacy = self.guard.admit(&mut request, None);
                JwtGuardFuture::inner(self.inner.call(request), privacy)
            }
            Ok(Decision::Refused(refusal)) => {
                self.release();
                let response = self.guard.refuse(refusal, &request, started);
                JwtGuardFuture::refused(response)
            }
            Err(needed) => {
                self.release();
                let (guard, inner) = (self.guard.clone(), self.inner.clone());
                JwtGuardFuture::waiting(*needed, guard, inner, request, started)
            }
        }
    }
}

impl<S: Clone, C, P, R> JwtGuardService<S, C, P, R> {
    /// Gives back what the readied instance holds, such as a permit: it won't be called.
    fn release(&mut self) {
        self.inner = self.inner.clone();
    }
}

impl<S: Clone, C, P: Clone, R> Clone for JwtGuardService<S, C, P, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            guard: self.guard.clone(),
        }
    }
}

impl<S: fmt::Debug, C, P: fmt::Debug, R> fmt::Debug for JwtGuardService<S, C, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtGuardService")
            .field("inner", &self.inner)
            .field("guard", &self.guard)
            .finish()
    }
}
