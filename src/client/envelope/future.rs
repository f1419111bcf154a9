//! What becomes of a response, step by step. The private enum is the sequence diagram.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Response, response::Parts};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{
    ApiFailure, EnvelopeBody,
    body::ReadAhead,
    judge::{Asked, Verdict, judge},
    layer::Settings,
    look::length_to_read,
};
use crate::{BoxError, deadline::Timer};

pin_project! {
    /// The future of [`Envelope`](super::Envelope).
    pub struct EnvelopeFuture<F, B>
    where
        B: Body,
    {
        #[pin]
        state: State<F, B>,
        asked: Asked,
        settings: Arc<Settings>,
    }
}

pin_project! {
    #[project = StateProj]
    #[project_replace = StateOwned]
    enum State<F, B>
    where
        B: Body,
    {
        /// The inner service was asked.
        Asking { #[pin] response: F },
        /// It answered, and its body may say more than its head.
        Reading { reading: Reading<B> },
        /// The outcome was given.
        Done,
    }
}

impl<F, B: Body> EnvelopeFuture<F, B> {
    pub(super) fn new(response: F, asked: Asked, settings: Arc<Settings>) -> Self {
        Self {
            state: State::Asking { response },
            asked,
            settings,
        }
    }
}

/// A response whose body is being read.
struct Reading<B: Body> {
    parts: Parts,
    body: Pin<Box<ReadAhead<B>>>,
    length: usize,
    timer: Timer,
}

impl<B: Body> Reading<B> {
    fn new(response: Response<B>, length: usize, deadline: Duration) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            parts,
            body: Box::pin(ReadAhead::new(body)),
            length,
            timer: Timer::new(deadline),
        }
    }

    /// Reads all of it, or says why that can't be done.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        match self.body.as_mut().poll_whole(cx, self.length) {
            Poll::Pending => self.timer.poll(cx).map(|()| Err("it took too long")),
            read => read,
        }
    }

    /// What comes of it when all was read.
    fn judged(mut self, settings: &Settings, asked: &Asked) -> Result<Self, ApiFailure> {
        match judge(settings, asked, self.parts.status, self.body.data()) {
            Verdict::Passes => {}
            Verdict::Failed(failure) => return Err(failure),
            Verdict::Explained(failure) => {
                self.parts.extensions.insert(failure);
            }
            Verdict::Refused(mark, failure) => {
                self.parts.extensions.insert(mark);
                self.parts.extensions.insert(failure);
            }
        }
        Ok(self)
    }

    fn into_response(self) -> Response<EnvelopeBody<B>> {
        Response::from_parts(self.parts, EnvelopeBody::read(self.body))
    }
}

impl<F, B, E> Future for EnvelopeFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body,
{
    type Output = Result<Response<EnvelopeBody<B>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut state, asked, settings) = (this.state, this.asked, this.settings);
        loop {
            match state.as_mut().project() {
                StateProj::Asking { response } => {
                    let response = ready!(response.poll(cx));
                    // The permit or slot it may hold goes back before the body is waited for.
                    state.set(State::Done);
                    let response = response.map_err(Into::into)?;
                    let Some(length) = length_to_read(settings, asked, &response) else {
                        return Poll::Ready(Ok(response.map(EnvelopeBody::untouched)));
                    };
                    let reading = Reading::new(response, length, settings.deadline);
                    state.set(State::Reading { reading });
                }
                StateProj::Reading { reading } => {
                    let read = ready!(reading.poll(cx));
                    let StateOwned::Reading { mut reading } =
                        state.as_mut().project_replace(State::Done)
                    else {
                        continue;
                    };
                    match read {
                        Ok(()) => reading = reading.judged(settings, asked)?,
                        Err(reason) => tracing::debug!(reason, "a body passes unjudged"),
                    }
                    return Poll::Ready(Ok(reading.into_response()));
                }
                StateProj::Done => return Poll::Ready(Err("polled after completion".into())),
            }
        }
    }
}

impl<F, B: Body> fmt::Debug for EnvelopeFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeFuture").finish_non_exhaustive()
    }
}
