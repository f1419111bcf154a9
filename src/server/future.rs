//! What becomes of a request: the states are the whole story.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    authenticate::{Authenticate, Decision, Refusal},
    guard::Guard,
    presence::Presence,
    privacy::Privacy,
    rejection_response::{EmptyBody, RejectionResponse},
};
use crate::BoxFuture;

pin_project! {
    /// The future of [`GuardService`](super::GuardService).
    pub struct GuardFuture<S, B, A, P, R = EmptyBody>
    where
        S: Service<Request<B>>,
        A: Authenticate,
    {
        #[pin]
        state: State<S, B, A, P, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[project_replace = StateOwned]
    enum State<S, B, A, P, R>
    where
        S: Service<Request<B>>,
        A: Authenticate,
    {
        /// Keys are on their way, or their like; no instance of the inner service is held ready.
        Waiting { waiting: Box<Waiting<S, B, A, P, R>> },
        /// The token is good; another instance of the inner service gets ready.
        Readying { readying: Box<Readying<S, B>> },
        /// The inner service is at work.
        Inner { #[pin] future: S::Future, privacy: Privacy },
        /// The answer is decided.
        Refused { response: S::Response },
        /// The answer was given.
        Ended,
    }
}

struct Waiting<S, B, A: Authenticate, P, R> {
    awaited: BoxFuture<'static, A::Awaited>,
    guard: Guard<A, P, R>,
    since: Duration,
    inner: S,
    request: Request<B>,
}

struct Readying<S, B> {
    inner: S,
    request: Request<B>,
    privacy: Privacy,
}

impl<S, B, A, P, R> GuardFuture<S, B, A, P, R>
where
    S: Service<Request<B>>,
    A: Authenticate,
{
    pub(super) fn inner(future: S::Future, privacy: Privacy) -> Self {
        let state = State::Inner { future, privacy };
        Self { state }
    }

    pub(super) fn refused(response: S::Response) -> Self {
        let state = State::Refused { response };
        Self { state }
    }

    pub(super) fn waiting(
        awaited: BoxFuture<'static, A::Awaited>,
        guard: Guard<A, P, R>,
        inner: S,
        request: Request<B>,
    ) -> Self {
        let waiting = Box::new(Waiting {
            awaited,
            since: guard.monotonic(),
            guard,
            inner,
            request,
        });
        let state = State::Waiting { waiting };
        Self { state }
    }
}

impl<S, B, A, P, R, ResBody> Future for GuardFuture<S, B, A, P, R>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    A: Authenticate,
    P: Presence,
    R: RejectionResponse<ResBody>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let awaited = match state.as_mut().project() {
                StateProjection::Inner { future, privacy } => {
                    let mut response = ready!(future.poll(cx))?;
                    privacy.apply(&mut response);
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Waiting { waiting } => {
                    Some(ready!(waiting.awaited.as_mut().poll(cx)))
                }
                StateProjection::Readying { readying } => {
                    ready!(readying.inner.poll_ready(cx))?;
                    None
                }
                StateProjection::Refused { .. } | StateProjection::Ended => None,
            };
            let next = match (state.as_mut().project_replace(State::Ended), awaited) {
                (StateOwned::Waiting { waiting }, Some(awaited)) => waiting.decide(awaited),
                (StateOwned::Readying { readying }, _) => readying.call(),
                (StateOwned::Refused { response }, _) => return Poll::Ready(Ok(response)),
                // Polled after the answer was given: there is no other.
                _ => return Poll::Pending,
            };
            state.set(next);
        }
    }
}

impl<S, B, A, P, R, ResBody> Waiting<S, B, A, P, R>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    A: Authenticate,
    P: Presence,
    R: RejectionResponse<ResBody>,
{
    fn decide(self, awaited: A::Awaited) -> State<S, B, A, P, R> {
        match self.guard.resume(&self.request, awaited) {
            Decision::Authenticated(caller) => self.admitted(Some(caller)),
            Decision::Anonymous => self.admitted(None),
            Decision::Refused(refusal) => self.refused(refusal),
        }
    }

    fn admitted(mut self, caller: Option<A::Caller>) -> State<S, B, A, P, R> {
        let privacy = self.guard.admit(&mut self.request, caller);
        let readying = Box::new(Readying {
            inner: self.inner,
            request: self.request,
            privacy,
        });
        State::Readying { readying }
    }

    fn refused(self, refusal: Refusal) -> State<S, B, A, P, R> {
        let waited = self.guard.monotonic().saturating_sub(self.since);
        let response = self.guard.refuse(refusal, &self.request, Some(waited));
        State::Refused { response }
    }
}

impl<S: Service<Request<B>>, B> Readying<S, B> {
    fn call<A: Authenticate, P, R>(mut self) -> State<S, B, A, P, R> {
        let future = self.inner.call(self.request);
        let privacy = self.privacy;
        State::Inner { future, privacy }
    }
}

impl<S, B, A, P, R> fmt::Debug for GuardFuture<S, B, A, P, R>
where
    S: Service<Request<B>>,
    A: Authenticate,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Waiting { .. } => "Waiting",
            State::Readying { .. } => "Readying",
            State::Inner { .. } => "Inner",
            State::Refused { .. } => "Refused",
            State::Ended => "Ended",
        })
    }
}
