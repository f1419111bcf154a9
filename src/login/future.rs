//! What becomes of a request: the states are the whole story.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use serde::de::DeserializeOwned;
use tower_service::Service;

use super::{
    RequireLogin,
    gate::{Gate, Kept, Verdict},
};
use crate::{
    BoxFuture,
    server::{EmptyBody, RejectionResponse, RequireJwtFuture, RequireJwtService},
};

pin_project! {
    /// The future of [`RequireLoginService`](super::RequireLoginService). `B` is the body of
    /// the request.
    pub struct RequireLoginFuture<S, B, C, R = EmptyBody>
    where
        S: Service<Request<B>>,
        C: DeserializeOwned,
        C: Send,
        C: Sync,
        C: 'static,
    {
        #[pin]
        state: State<S, B, C, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[project_replace = StateOwned]
    enum State<S, B, C, R>
    where
        S: Service<Request<B>>,
        C: DeserializeOwned,
        C: Send,
        C: Sync,
        C: 'static,
    {
        /// The provider or the store is asked; no instance of the inner service is held ready.
        Waiting { waiting: Box<Waiting<S, B, C, R>> },
        /// It is decided; another instance of the inner service gets ready.
        Readying { readying: Box<Readying<S, B, C, R>> },
        /// The guard is at work: it finds a bearer token, or refuses.
        Guarded { #[pin] future: RequireJwtFuture<S, B, C, R> },
        /// The inner service is at work for somebody who has logged in.
        Inner { #[pin] future: S::Future, finish: Option<Finish> },
        /// The answer is decided.
        Shown { response: S::Response },
        /// The answer was given.
        Ended,
    }
}

struct Waiting<S, B, C, R> {
    verdict: BoxFuture<'static, Verdict<C>>,
    guarded: RequireJwtService<S, C, R>,
    layer: RequireLogin<C, R>,
    request: Request<B>,
}

struct Readying<S, B, C, R> {
    guarded: RequireJwtService<S, C, R>,
    request: Request<B>,
    /// Of a session; without one the guard answers.
    finish: Option<Finish>,
}

/// What a response says besides.
struct Finish {
    gate: Arc<Gate>,
    kept: Kept,
}

impl<S, B, C, R> RequireLoginFuture<S, B, C, R>
where
    S: Service<Request<B>>,
    C: DeserializeOwned + Send + Sync + 'static,
{
    pub(super) fn guarded(future: RequireJwtFuture<S, B, C, R>) -> Self {
        let state = State::Guarded { future };
        Self { state }
    }

    pub(super) fn inner(future: S::Future, gate: Arc<Gate>, kept: Kept) -> Self {
        let finish = Some(Finish { gate, kept });
        let state = State::Inner { future, finish };
        Self { state }
    }

    pub(super) fn shown(response: S::Response) -> Self {
        let state = State::Shown { response };
        Self { state }
    }

    pub(super) fn waiting(
        verdict: BoxFuture<'static, Verdict<C>>,
        guarded: RequireJwtService<S, C, R>,
        layer: RequireLogin<C, R>,
        request: Request<B>,
    ) -> Self {
        let waiting = Box::new(Waiting {
            verdict,
            guarded,
            layer,
            request,
        });
        let state = State::Waiting { waiting };
        Self { state }
    }
}

impl<S, B, C, R, ResBody> Future for RequireLoginFuture<S, B, C, R>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    C: DeserializeOwned + Send + Sync + 'static,
    R: RejectionResponse<ResBody>,
    ResBody: From<Bytes>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let verdict = match state.as_mut().project() {
                StateProjection::Guarded { future } => return future.poll(cx),
                StateProjection::Inner { future, finish } => {
                    let mut response = ready!(future.poll(cx))?;
                    if let Some(Finish { gate, kept }) = finish.take() {
                        gate.finish(kept, response.headers_mut());
                    }
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Waiting { waiting } => {
                    Some(ready!(waiting.verdict.as_mut().poll(cx)))
                }
                StateProjection::Readying { readying } => {
                    ready!(readying.guarded.poll_ready(cx))?;
                    None
                }
                StateProjection::Shown { .. } | StateProjection::Ended => None,
            };
            let next = match (state.as_mut().project_replace(State::Ended), verdict) {
                (StateOwned::Waiting { waiting }, Some(verdict)) => waiting.decided(verdict),
                (StateOwned::Readying { readying }, _) => readying.call(),
                (StateOwned::Shown { response }, _) => return Poll::Ready(Ok(response)),
                // Polled after the answer was given: there is no other.
                _ => return Poll::Pending,
            };
            state.set(next);
        }
    }
}

impl<S, B, C, R, ResBody> Waiting<S, B, C, R>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    C: DeserializeOwned + Send + Sync + 'static,
    R: RejectionResponse<ResBody>,
    ResBody: From<Bytes>,
{
    fn decided(self, verdict: Verdict<C>) -> State<S, B, C, R> {
        let RequireLogin { gate, guard } = self.layer;
        let mut request = self.request;
        let finish = match verdict {
            Verdict::Show(response) => {
                let response = response.map(ResBody::from);
                return State::Shown { response };
            }
            Verdict::Guard => None,
            Verdict::Serve(served) => {
                guard.record(&mut request, served.verified);
                let (gate, kept) = (Arc::clone(&gate), served.kept);
                Some(Finish { gate, kept })
            }
        };
        gate.take_out_cookies(request.headers_mut());
        let readying = Box::new(Readying {
            guarded: self.guarded,
            request,
            finish,
        });
        State::Readying { readying }
    }
}

impl<S, B, C, R, ResBody> Readying<S, B, C, R>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    C: DeserializeOwned + Send + Sync + 'static,
    R: RejectionResponse<ResBody>,
{
    fn call(mut self) -> State<S, B, C, R> {
        match self.finish {
            None => {
                let future = self.guarded.call(self.request);
                State::Guarded { future }
            }
            finish @ Some(_) => {
                let future = self.guarded.get_mut().call(self.request);
                State::Inner { future, finish }
            }
        }
    }
}

impl<S, B, C, R> fmt::Debug for RequireLoginFuture<S, B, C, R>
where
    S: Service<Request<B>>,
    C: DeserializeOwned + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Waiting { .. } => "Waiting",
            State::Readying { .. } => "Readying",
            State::Guarded { .. } => "Guarded",
            State::Inner { .. } => "Inner",
            State::Shown { .. } => "Shown",
            State::Ended => "Ended",
        })
    }
}
