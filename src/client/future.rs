//! What becomes of a request, step by step. The private enum is the sequence diagram.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    attempt::{Acquiring, Judged, Refused, Sent, acquire, add_token, judge_again, prepare},
    layer::Settings,
    replay::ReplayPolicy,
};
use crate::{BoxError, token::AccessToken};

pin_project! {
    /// The future of [`Auth`](super::Auth).
    #[project = FutureProj]
    pub struct AuthFuture<S, B, P>
    where
        S: Service<Request<P::Body>>,
        P: ReplayPolicy<B>,
    {
        #[pin]
        state: State<S, B, P>,
    }
}

pin_project! {
    #[project = StateProj]
    #[project_replace = StateOwned]
    enum State<S, B, P>
    where
        S: Service<Request<P::Body>>,
        P: ReplayPolicy<B>,
    {
        /// It was not sent.
        Failed { error: Option<BoxError> },
        /// It goes without a token of ours; nothing is looked at.
        Passing { #[pin] response: S::Future },
        /// Waits for a token; no ready service is held.
        Acquiring { token: Acquiring, request: Request<B>, service: S, settings: Arc<Settings<P>> },
        /// Has a token and waits for the service, for the first sending.
        Readying { service: S, request: Request<B>, token: AccessToken, settings: Arc<Settings<P>> },
        /// Sent with a token.
        Sending { #[pin] response: S::Future, sent: Sent<S, P::Kept, P> },
        /// The token was refused: waits for another.
        Renewing { token: Acquiring, refused: Box<Refused<S, S::Response, P::Body, P>> },
        /// Has another token and waits for the service, for the second sending.
        ReadyingAgain { refused: Box<Refused<S, S::Response, P::Body, P>> },
        /// Sent again; what comes now goes to the caller.
        Resending { #[pin] response: S::Future, token: AccessToken, settings: Arc<Settings<P>> },
        /// The outcome was given.
        Done,
    }
}

impl<S, B, P, R> AuthFuture<S, B, P>
where
    S: Service<Request<P::Body>, Response = Response<R>> + Clone,
    P: ReplayPolicy<B>,
{
    pub(super) fn failed(error: BoxError) -> Self {
        Self {
            state: State::Failed { error: Some(error) },
        }
    }

    pub(super) fn passing(response: S::Future) -> Self {
        Self {
            state: State::Passing { response },
        }
    }

    pub(super) fn acquiring(service: S, request: Request<B>, settings: Arc<Settings<P>>) -> Self {
        Self {
            state: State::acquire(service, request, settings),
        }
    }

    /// Calls the service, which is ready.
    pub(super) fn sending(
        service: &mut S,
        request: Request<B>,
        token: AccessToken,
        settings: Arc<Settings<P>>,
    ) -> Self {
        Self {
            state: State::send(service, request, token, settings),
        }
    }
}

impl<S, B, P, R> State<S, B, P>
where
    S: Service<Request<P::Body>, Response = Response<R>> + Clone,
    P: ReplayPolicy<B>,
{
    fn acquire(service: S, request: Request<B>, settings: Arc<Settings<P>>) -> Self {
        State::Acquiring {
            token: acquire(&settings, &request),
            request,
            service,
            settings,
        }
    }

    /// A clone of the service is kept where there may be a second time.
    fn send(
        service: &mut S,
        request: Request<B>,
        token: AccessToken,
        settings: Arc<Settings<P>>,
    ) -> Self {
        let (request, kept) = prepare(request, &token, &settings);
        let again = kept.map(|kept| (service.clone(), kept));
        State::Sending {
            response: service.call(request),
            sent: Sent {
                token,
                again,
                settings,
            },
        }
    }

    fn renew(refused: Box<Refused<S, Response<R>, P::Body, P>>) -> Self {
        State::Renewing {
            token: acquire(&refused.settings, &refused.request),
            refused,
        }
    }

    fn send_again(refused: Refused<S, Response<R>, P::Body, P>) -> Self {
        let Refused {
            mut service,
            mut request,
            token,
            settings,
            ..
        } = refused;
        add_token(request.headers_mut(), &token, &settings);
        tracing::debug!("request sent again with another access token");
        State::Resending {
            response: service.call(request),
            token,
            settings,
        }
    }
}

/// The next state, or the outcome for the caller.
#[allow(clippy::large_enum_variant)] // lives on the stack, for the time of one step
enum Step<S, B, P, R>
where
    S: Service<Request<P::Body>>,
    P: ReplayPolicy<B>,
{
    Next(State<S, B, P>),
    Give(Result<Response<R>, BoxError>),
}

/// A state that is left, and what comes of it.
impl<S, B, P, R> StateOwned<S, B, P>
where
    S: Service<Request<P::Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    P: ReplayPolicy<B>,
{
    /// A token came, or none.
    fn acquired(self, token: Result<AccessToken, BoxError>) -> Step<S, B, P, R> {
        let token = match token {
            Ok(token) => token,
            Err(error) => return Step::Give(Err(error)),
        };
        match self {
            Self::Acquiring {
                request,
                service,
                settings,
                ..
            } => Step::Next(State::Readying {
                service,
                request,
                token,
                settings,
            }),
            Self::Renewing { mut refused, .. } => match refused.renew(token) {
                Some(refusal) => Step::Give(Ok(refusal)),
                None => Step::Next(State::ReadyingAgain { refused }),
            },
            _ => Step::Next(State::Done),
        }
    }

    /// The service is ready, or failed. A token that ended while it got ready is not sent:
    /// the ready service is given up, and another token waited for.
    fn readied(self, ready: Result<(), S::Error>) -> Step<S, B, P, R> {
        if let Err(error) = ready {
            return Step::Give(Err(error.into()));
        }
        Step::Next(match self {
            Self::Readying {
                mut service,
                request,
                token,
                settings,
            } => match settings.source.is_usable(&token) {
                true => State::send(&mut service, request, token, settings),
                false => State::acquire(service.clone(), request, settings),
            },
            Self::ReadyingAgain { mut refused } => {
                match refused.settings.source.is_usable(&refused.token) {
                    true => State::send_again(*refused),
                    false => {
                        refused.service = refused.service.clone();
                        State::renew(refused)
                    }
                }
            }
            _ => State::Done,
        })
    }
}

impl<S, B, P, R> Future for AuthFuture<S, B, P>
where
    S: Service<Request<P::Body>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    P: ReplayPolicy<B>,
{
    type Output = Result<Response<R>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let step = match state.as_mut().project() {
                StateProj::Failed { error } => {
                    let error = error.take();
                    Step::Give(Err(
                        error.unwrap_or_else(|| "polled after completion".into())
                    ))
                }
                StateProj::Passing { response } => {
                    Step::Give(ready!(response.poll(cx)).map_err(Into::into))
                }
                StateProj::Acquiring { token, .. } | StateProj::Renewing { token, .. } => {
                    let token = ready!(token.as_mut().poll(cx));
                    state.as_mut().project_replace(State::Done).acquired(token)
                }
                StateProj::Readying { service, .. } => {
                    let ready = ready!(service.poll_ready(cx));
                    state.as_mut().project_replace(State::Done).readied(ready)
                }
                StateProj::ReadyingAgain { refused } => {
                    let ready = ready!(refused.service.poll_ready(cx));
                    state.as_mut().project_replace(State::Done).readied(ready)
                }
                StateProj::Sending { response, sent } => match ready!(response.poll(cx)) {
                    Err(error) => Step::Give(Err(error.into())),
                    Ok(response) => match sent.judge(response) {
                        Judged::Give(response) => Step::Give(Ok(response)),
                        Judged::Renew(refused) => Step::Next(State::renew(refused)),
                    },
                },
                StateProj::Resending {
                    response,
                    token,
                    settings,
                } => Step::Give(match ready!(response.poll(cx)) {
                    Err(error) => Err(error.into()),
                    Ok(mut response) => {
                        judge_again(&mut response, token, settings);
                        Ok(response)
                    }
                }),
                StateProj::Done => Step::Next(State::Failed { error: None }),
            };
            match step {
                Step::Next(next) => state.set(next),
                Step::Give(outcome) => {
                    state.set(State::Done);
                    return Poll::Ready(outcome);
                }
            }
        }
    }
}

impl<S, B, P> fmt::Debug for AuthFuture<S, B, P>
where
    S: Service<Request<P::Body>>,
    P: ReplayPolicy<B>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthFuture").finish_non_exhaustive()
    }
}
