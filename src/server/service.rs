//! The service that a guard makes of another.

use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{
    authenticate::{Authenticate, Decision},
    future::GuardFuture,
    guard::Guard,
    presence::Presence,
    rejection_response::{EmptyBody, RejectionResponse},
};

/// The service behind [`RequireJwtService`](super::RequireJwtService),
/// [`OptionalJwtService`](super::OptionalJwtService) and their like: write those, not this.
///
/// It never fails by itself: a refusal is a response, and errors are those of the inner
/// service.
pub struct GuardService<S, A, P, R = EmptyBody> {
    inner: S,
    guard: Guard<A, P, R>,
}

impl<S, A, P, R> GuardService<S, A, P, R> {
    pub(super) fn new(inner: S, guard: Guard<A, P, R>) -> Self {
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

impl<S, A, P, R, B, ResBody> Service<Request<B>> for GuardService<S, A, P, R>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    A: Authenticate,
    P: Presence,
    R: RejectionResponse<ResBody>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = GuardFuture<S, B, A, P, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.guard.decide(&request) {
            Ok(Decision::Authenticated(caller)) => {
                let privacy = self.guard.admit(&mut request, Some(caller));
                GuardFuture::inner(self.inner.call(request), privacy)
            }
            Ok(Decision::Anonymous) => {
                let privacy = self.guard.admit(&mut request, None);
                GuardFuture::inner(self.inner.call(request), privacy)
            }
            Ok(Decision::Refused(refusal)) => {
                self.release();
                let response = self.guard.refuse(refusal, &request, None);
                GuardFuture::refused(response)
            }
            Err(awaited) => {
                self.release();
                let (guard, inner) = (self.guard.clone(), self.inner.clone());
                GuardFuture::waiting(awaited, guard, inner, request)
            }
        }
    }
}

impl<S: Clone, A, P, R> GuardService<S, A, P, R> {
    /// Gives back what the readied instance holds, such as a permit: it won't be called.
    fn release(&mut self) {
        self.inner = self.inner.clone();
    }
}

impl<S: Clone, A, P: Clone, R> Clone for GuardService<S, A, P, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            guard: self.guard.clone(),
        }
    }
}

impl<S: fmt::Debug, A, P: fmt::Debug, R> fmt::Debug for GuardService<S, A, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardService")
            .field("inner", &self.inner)
            .field("guard", &self.guard)
            .finish()
    }
}
