//! What becomes of a request, step by step. The private enum is the sequence diagram.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response, header};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    AfterRefusal, Refusal, RequestContext, ResponseHead, layer::Settings, replay::ReplayPolicy,
};
use crate::{BoxError, BoxFuture, token::AccessToken};

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
        Readying { service: S, prepared: Prepared<P::Body, P::Kept>, settings: Arc<Settings<P>> },
        /// Sent with a token.
        Sending { #[pin] response: S::Future, sent: Sent<S, P::Kept, P> },
        /// The token was refused: waits for another, the refusal in hand.
        Renewing { token: Acquiring, refused: Box<Refused<S, S::Response, P::Body, P>> },
        /// Has another token and waits for the service, for the second sending.
        ReadyingAgain { service: S, request: Request<P::Body>, token: AccessToken, settings: Arc<Settings<P>> },
        /// Sent again; what comes now goes to the caller.
        Resending { #[pin] response: S::Future, token: AccessToken, settings: Arc<Settings<P>> },
        /// The outcome was given.
        Done,
    }
}

type Acquiring = BoxFuture<'static, Result<AccessToken, BoxError>>;

/// A request with its token, and what is kept to send it again.
pub(super) struct Prepared<Body, Kept> {
    request: Request<Body>,
    token: AccessToken,
    kept: Option<Request<Kept>>,
}

struct Sent<S, Kept, P> {
    token: AccessToken,
    again: Option<(S, Request<Kept>)>,
    settings: Arc<Settings<P>>,
}

struct Refused<S, Response, Body, P> {
    response: Response,
    token: AccessToken,
    service: S,
    request: Request<Body>,
    settings: Arc<Settings<P>>,
}

impl<Body, Kept> Prepared<Body, Kept> {
    pub(super) fn new<B, P>(request: Request<B>, token: AccessToken, settings: &Settings<P>) -> Self
    where
        P: ReplayPolicy<B, Body = Body, Kept = Kept>,
    {
        let (parts, body) = request.into_parts();
        let (body, kept) = settings.replay.split(body);
        let kept = kept.map(|kept| Request::from_parts(parts.clone(), kept));
        let mut request = Request::from_parts(parts, body);
        add_token(&mut request, &token, settings);
        Self {
            request,
            token,
            kept,
        }
    }
}

fn add_token<B, P>(request: &mut Request<B>, token: &AccessToken, settings: &Settings<P>) {
    let value = token.header_value(&settings.scheme);
    request.headers_mut().insert(header::AUTHORIZATION, value);
}

/// Asks the source in a future of its own, with what it may see of the request.
fn acquire<B, P>(settings: &Settings<P>, request: &Request<B>) -> Acquiring {
    let source = settings.source.clone();
    let method = request.method().clone();
    let uri = request.uri().clone();
    let extensions = request.extensions().clone();
    Box::pin(async move {
        let context = RequestContext::new(&method, &uri, &extensions);
        source.obtain(context).await
    })
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
        let token = acquire(&settings, &request);
        Self {
            state: State::Acquiring {
                token,
                request,
                service,
                settings,
            },
        }
    }

    pub(super) fn sending(
        service: &mut S,
        prepared: Prepared<P::Body, P::Kept>,
        settings: Arc<Settings<P>>,
    ) -> Self {
        Self {
            state: State::send(service, prepared, settings),
        }
    }
}

impl<S, B, P, R> State<S, B, P>
where
    S: Service<Request<P::Body>, Response = Response<R>> + Clone,
    P: ReplayPolicy<B>,
{
    /// Calls the service, which is ready. A clone is kept where there may be a second time.
    fn send(
        service: &mut S,
        prepared: Prepared<P::Body, P::Kept>,
        settings: Arc<Settings<P>>,
    ) -> Self {
        let again = prepared.kept.map(|kept| (service.clone(), kept));
        State::Sending {
            response: service.call(prepared.request),
            sent: Sent {
                token: prepared.token,
                again,
                settings,
            },
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
        match (self, token) {
            (
                Self::Acquiring {
                    request,
                    service,
                    settings,
                    ..
                },
                Ok(token),
            ) => Step::Next(State::Readying {
                service,
                prepared: Prepared::new(request, token, &settings),
                settings,
            }),
            (Self::Renewing { refused, .. }, Ok(token)) => (*refused).renewed(token),
            (_, Err(error)) => Step::Give(Err(error)),
            _ => Step::Next(State::Done),
        }
    }

    /// The service is ready, or failed.
    fn readied(self, ready: Result<(), S::Error>) -> Step<S, B, P, R> {
        if let Err(error) = ready {
            return Step::Give(Err(error.into()));
        }
        Step::Next(match self {
            Self::Readying {
                mut service,
                prepared,
                settings,
            } => State::send(&mut service, prepared, settings),
            Self::ReadyingAgain {
                mut service,
                request,
                token,
                settings,
            } => State::Resending {
                response: service.call(request),
                token,
                settings,
            },
            _ => State::Done,
        })
    }

    /// The first response came.
    fn answered(self, response: Result<Response<R>, S::Error>) -> Step<S, B, P, R> {
        match (self, response) {
            (Self::Sending { sent, .. }, Ok(response)) => sent.judge(response),
            (
                Self::Resending {
                    token, settings, ..
                },
                Ok(mut response),
            ) => {
                if let Some(refusal) = refusal(&mut response, &token, &settings) {
                    let why = refusal.unwrap_or(Refusal::RefusedAgain);
                    response.extensions_mut().insert(why);
                }
                Step::Give(Ok(response))
            }
            (_, Err(error)) => Step::Give(Err(error.into())),
            _ => Step::Next(State::Done),
        }
    }
}

impl<S, Kept, P> Sent<S, Kept, P> {
    fn judge<B, R>(self, mut response: Response<R>) -> Step<S, B, P, R>
    where
        S: Service<Request<P::Body>, Response = Response<R>>,
        P: ReplayPolicy<B, Kept = Kept>,
    {
        let why = match refusal(&mut response, &self.token, &self.settings) {
            None => return Step::Give(Ok(response)),
            Some(Some(why)) => why,
            Some(None) => match repeatable(self.again, &self.settings) {
                None => Refusal::NotRepeatable,
                Some((service, request)) => {
                    let token = acquire(&self.settings, &request);
                    let refused = Box::new(Refused {
                        response,
                        token: self.token,
                        service,
                        request,
                        settings: self.settings,
                    });
                    return Step::Next(State::Renewing { token, refused });
                }
            },
        };
        response.extensions_mut().insert(why);
        Step::Give(Ok(response))
    }
}

impl<S, R, Body, P> Refused<S, Response<R>, Body, P> {
    /// The refusal is let go of, body and all, before the service is asked again.
    fn renewed<B>(mut self, token: AccessToken) -> Step<S, B, P, R>
    where
        S: Service<Request<Body>, Response = Response<R>>,
        P: ReplayPolicy<B, Body = Body>,
    {
        if token.same_value(&self.token) {
            self.response.extensions_mut().insert(Refusal::SameToken);
            return Step::Give(Ok(self.response));
        }
        add_token(&mut self.request, &token, &self.settings);
        Step::Next(State::ReadyingAgain {
            service: self.service,
            request: self.request,
            token,
            settings: self.settings,
        })
    }
}

fn repeatable<S, B, P: ReplayPolicy<B>>(
    again: Option<(S, Request<P::Kept>)>,
    settings: &Settings<P>,
) -> Option<(S, Request<P::Body>)> {
    let (service, kept) = again?;
    let (parts, kept) = kept.into_parts();
    let body = settings.replay.again(kept)?;
    Some((service, Request::from_parts(parts, body)))
}

/// Whether the response refuses the token, and if there will be no other, why.
/// Notes on the way what else the response says about the token.
fn refusal<R, P>(
    response: &mut Response<R>,
    token: &AccessToken,
    settings: &Settings<P>,
) -> Option<Option<Refusal>> {
    let head = ResponseHead::of(response);
    let refused = match &settings.refuses {
        Some(test) => test(&head),
        None => head.refuses_token(),
    };
    if refused {
        return Some(match settings.source.refused(token) {
            AfterRefusal::Obtain => None,
            AfterRefusal::Final => Some(Refusal::NoOtherToken),
            AfterRefusal::HeldBack { retry_after } => Some(Refusal::HeldBack { retry_after }),
        });
    }
    if head.accepts_token() {
        token.mark_accepted();
    }
    if let Some(missing) = head.insufficient_scope() {
        let why = Refusal::InsufficientScope { missing };
        response.extensions_mut().insert(why);
    }
    None
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
                StateProj::Readying { service, .. } | StateProj::ReadyingAgain { service, .. } => {
                    let ready = ready!(service.poll_ready(cx));
                    state.as_mut().project_replace(State::Done).readied(ready)
                }
                StateProj::Sending { response, .. } | StateProj::Resending { response, .. } => {
                    let response = ready!(response.poll(cx));
                    state
                        .as_mut()
                        .project_replace(State::Done)
                        .answered(response)
                }
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
