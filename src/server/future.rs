//! What becomes of a request: the states are the whole story.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::SystemTime,
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use serde::de::DeserializeOwned;
use tower_service::Service;

use super::{
    authenticator::{Claimed, Decision, KeysNeeded, Refusal},
    guard::JwtGuard,
    presence::Presence,
    privacy::Privacy,
    rejection::RejectionReason,
    rejection_response::{EmptyBody, RejectionResponse},
};
use crate::{
    BoxFuture,
    jwt::Verified,
    keys::{KeySet, KeysUnavailable},
};

pin_project! {
    /// The future of [`JwtGuardService`](super::JwtGuardService).
    pub struct JwtGuardFuture<S, B, C, P, R = EmptyBody>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, C, P, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[project_replace = StateOwned]
    enum State<S, B, C, P, R>
    where
        S: Service<Request<B>>,
    {
        /// Keys are on their way, and no instance of the inner service is held ready.
        Waiting { waiting: Box<Waiting<S, B, C, P, R>> },
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

struct Waiting<S, B, C, P, R> {
    keys: BoxFuture<'static, Result<KeySet, KeysUnavailable>>,
    claimed: Claimed,
    guard: JwtGuard<C, P, R>,
    started: SystemTime,
    inner: S,
    request: Request<B>,
}

struct Readying<S, B> {
    inner: S,
    request: Request<B>,
    privacy: Privacy,
}

impl<S, B, C, P, R> JwtGuardFuture<S, B, C, P, R>
where
    S: Service<Request<B>>,
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
        mut needed: KeysNeeded,
        guard: JwtGuard<C, P, R>,
        inner: S,
        request: Request<B>,
        started: SystemTime,
    ) -> Self {
        let waiting = Box::new(Waiting {
            claimed: std::mem::take(&mut needed.claimed),
            keys: needed.obtain(),
            guard,
            started,
            inner,
            request,
        });
        let state = State::Waiting { waiting };
        Self { state }
    }
}

impl<S, B, C, P, R, ResBody> Future for JwtGuardFuture<S, B, C, P, R>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    C: DeserializeOwned + Send + Sync + 'static,
    P: Presence,
    R: RejectionResponse<ResBody>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let keys = match state.as_mut().project() {
                StateProjection::Inner { future, privacy } => {
                    let mut response = ready!(future.poll(cx))?;
                    privacy.apply(&mut response);
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Waiting { waiting } => {
                    Some(ready!(waiting.keys.as_mut().poll(cx)))
                }
                StateProjection::Readying { readying } => {
                    ready!(readying.inner.poll_ready(cx))?;
                    None
                }
                StateProjection::Refused { .. } | StateProjection::Ended => None,
            };
            let next = match (state.as_mut().project_replace(State::Ended), keys) {
                (StateOwned::Waiting { waiting }, Some(keys)) => waiting.decide(keys),
                (StateOwned::Readying { readying }, _) => readying.call(),
                (StateOwned::Refused { response }, _) => return Poll::Ready(Ok(response)),
                // Polled after the answer was given: there is no other.
                _ => return Poll::Pending,
            };
            state.set(next);
        }
    }
}

impl<S, B, C, P, R, ResBody> Waiting<S, B, C, P, R>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    C: DeserializeOwned + Send + Sync + 'static,
    P: Presence,
    R: RejectionResponse<ResBody>,
{
    fn decide(mut self, keys: Result<KeySet, KeysUnavailable>) -> State<S, B, C, P, R> {
        let decision = match keys {
            Ok(keys) => self.guard.resume(&self.request, &keys),
            Err(error) => Decision::Refused(Refusal {
                reason: RejectionReason::KeysUnavailable(error),
                claimed: std::mem::take(&mut self.claimed),
            }),
        };
        match decision {
            Decision::Authenticated(verified) => self.admitted(Some(verified)),
            Decision::Anonymous => self.admitted(None),
            Decision::Refused(refusal) => self.refused(refusal),
        }
    }

    fn admitted(mut self, verified: Option<Verified<C>>) -> State<S, B, C, P, R> {
        let privacy = self.guard.admit(&mut self.request, verified);
        let readying = Box::new(Readying {
            inner: self.inner,
            request: self.request,
            privacy,
        });
        State::Readying { readying }
    }

    fn refused(self, refusal: Refusal) -> State<S, B, C, P, R> {
        let response = self.guard.refuse(refusal, &self.request, self.started);
        State::Refused { response }
    }
}

impl<S: Service<Request<B>>, B> Readying<S, B> {
    fn call<C, P, R>(mut self) -> State<S, B, C, P, R> {
        let future = self.inner.call(self.request);
        let privacy = self.privacy;
        State::Inner { future, privacy }
    }
}

impl<S, B, C, P, R> fmt::Debug for JwtGuardFuture<S, B, C, P, R>
where
    S: Service<Request<B>>,
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
