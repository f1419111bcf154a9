//! A request on its way: with its token, sent, refused, sent again.

use std::sync::Arc;

use http::{HeaderMap, Request, Response};

use super::{
    AfterRefusal, Refusal, RefusedInBody, RequestContext, ResponseHead, layer::Settings,
    replay::ReplayPolicy,
};
use crate::{BoxError, BoxFuture, token::AccessToken};

/// A token on its way.
pub(super) type Acquiring = BoxFuture<'static, Result<AccessToken, BoxError>>;

/// Asks the source in a future of its own, with what it may see of the request.
pub(super) fn acquire<B, P>(settings: &Settings<P>, request: &Request<B>) -> Acquiring {
    let source = settings.source.clone();
    let method = request.method().clone();
    let uri = request.uri().clone();
    let extensions = request.extensions().clone();
    Box::pin(async move {
        let context = RequestContext::new(&method, &uri, &extensions);
        source.obtain(context).await
    })
}

pub(super) fn add_token<P>(headers: &mut HeaderMap, token: &AccessToken, settings: &Settings<P>) {
    let value = token.header_value(settings.header.scheme());
    headers.insert(settings.header.name().clone(), value);
}

/// The request with its token, and what is kept to send it again.
#[inline]
pub(super) fn prepare<B, P: ReplayPolicy<B>>(
    request: Request<B>,
    token: &AccessToken,
    settings: &Settings<P>,
) -> (Request<P::Body>, Option<Request<P::Kept>>) {
    let (mut parts, body) = request.into_parts();
    let (body, kept) = settings.replay.split(body);
    let kept = kept.map(|kept| Request::from_parts(parts.clone(), kept));
    add_token(&mut parts.headers, token, settings);
    (Request::from_parts(parts, body), kept)
}

/// What is known of a request that was sent.
pub(super) struct Sent<S, Kept, P> {
    pub(super) token: AccessToken,
    pub(super) again: Option<(S, Request<Kept>)>,
    pub(super) settings: Arc<Settings<P>>,
}

/// A request whose token was refused, ready to be sent again.
pub(super) struct Refused<S, Response, Body, P> {
    /// The refusal, until another token takes its place.
    pub(super) response: Option<Response>,
    pub(super) token: AccessToken,
    pub(super) service: S,
    pub(super) request: Request<Body>,
    pub(super) settings: Arc<Settings<P>>,
}

/// What follows from the first response.
pub(super) enum Judged<S, R, Body, P> {
    Give(Response<R>),
    Renew(Box<Refused<S, Response<R>, Body, P>>),
}

impl<S, Kept, P> Sent<S, Kept, P> {
    /// By reference: most responses are given on, and nothing is moved for them.
    pub(super) fn judge<B, R>(&mut self, mut response: Response<R>) -> Judged<S, R, P::Body, P>
    where
        P: ReplayPolicy<B, Kept = Kept>,
    {
        let why = match refusal(&mut response, &self.token, &self.settings) {
            None => return Judged::Give(response),
            Some(Some(why)) => why,
            Some(None) => match repeatable(self.again.take(), &response, &self.settings) {
                None => Refusal::NotRepeatable,
                Some((service, request)) => {
                    return Judged::Renew(Box::new(Refused {
                        response: Some(response),
                        token: self.token.clone(),
                        service,
                        request,
                        settings: self.settings.clone(),
                    }));
                }
            },
        };
        keep(&mut response, why);
        Judged::Give(response)
    }
}

/// What is to be sent again, if the request can be and may be.
fn repeatable<S, B, R, P: ReplayPolicy<B>>(
    again: Option<(S, Request<P::Kept>)>,
    refusal: &Response<R>,
    settings: &Settings<P>,
) -> Option<(S, Request<P::Body>)> {
    if ResponseHead::of(refusal).refused_in_body() == Some(RefusedInBody::NotRepeatable) {
        return None;
    }
    let (service, kept) = again?;
    let (parts, kept) = kept.into_parts();
    let body = settings.replay.again(kept)?;
    Some((service, Request::from_parts(parts, body)))
}

impl<S, R, Body, P> Refused<S, Response<R>, Body, P> {
    /// Takes the new token; the refusal, if it is the one that was refused. Otherwise the
    /// refusal is let go of, body and all, before the service is asked again.
    pub(super) fn renew(&mut self, token: AccessToken) -> Option<Response<R>> {
        let refusal = self.response.take();
        if let Some(mut response) = refusal.filter(|_| token.same_value(&self.token)) {
            keep(&mut response, Refusal::SameToken);
            return Some(response);
        }
        self.token = token;
        None
    }
}

/// Notes what the second response says, and why it goes to the caller as it is.
pub(super) fn judge_again<R, P>(
    response: &mut Response<R>,
    token: &AccessToken,
    settings: &Settings<P>,
) {
    if let Some(why) = refusal(response, token, settings) {
        keep(response, why.unwrap_or(Refusal::RefusedAgain));
    }
}

/// Says why a refusal goes to the caller.
fn keep<R>(response: &mut Response<R>, why: Refusal) {
    tracing::debug!(reason = %why, "request not sent again");
    response.extensions_mut().insert(why);
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
    } else if let Some(missing) = head.insufficient_scope() {
        let why = Refusal::InsufficientScope { missing };
        response.extensions_mut().insert(why);
    }
    None
}
