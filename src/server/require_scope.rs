//! A token has to allow this.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    authenticate::Claimed,
    authentication::Authentication,
    log,
    rejection::{Protocol, Rejection, RejectionReason},
    rejection_response::{EmptyBody, RejectionResponse, refuse},
};
use crate::scope::{ScopeSet, is_scope_token};

/// A layer that asks what a token allows. It stands inside a guard.
///
/// # Defaults
///
/// | caller | answer |
/// | --- | --- |
/// | anonymous | 401 with a challenge; a CORS preflight passes if [the guard let it through](super::Guard::let_preflight_through) |
/// | token without the scope | 403 `insufficient_scope`, with the scopes that are needed |
/// | no guard outside this layer | 500, and an error event that names the fix |
///
/// # Example
///
/// ```
/// use tower::ServiceBuilder;
/// use tower_bearer::{Algorithm, KeySet, RequireJwt, RequireScope, Validator};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let keys = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
/// # let validator = Validator::new("https://id.example", "orders");
/// let layers = ServiceBuilder::new()
///     .layer(RequireJwt::<serde_json::Value>::new(validator, keys))
///     .layer(RequireScope::all(["orders:read"])); // inside the guard: after it
/// # let _ = layers;
/// # Ok(()) }
/// ```
///
/// Customised:
///
/// ```
/// use tower_bearer::{RequireScope, server::Rejection};
///
/// let layer = RequireScope::any(["orders:write", "orders:admin"]).rejection_response(
///     |rejection: &Rejection| rejection.response_with("ask your administrator"),
/// );
/// # let _ = layer;
/// ```
pub struct RequireScope<R = EmptyBody> {
    rule: Arc<Rule>,
    responder: Arc<R>,
}

/// Names stay as they were given: a [`ScopeSet`] leaves out what can't be a scope, and
/// what can't be granted must not count as nothing asked.
#[derive(Debug)]
enum Rule {
    All(Box<[Box<str>]>),
    Any(Box<[Box<str>]>),
}

impl RequireScope {
    /// Asks for each of `scopes`. None at all asks for a token, whatever it allows.
    pub fn all<N: Into<String>>(scopes: impl IntoIterator<Item = N>) -> Self {
        Self::new(Rule::All(names(scopes)))
    }

    /// Asks for at least one of `scopes`. None at all lets nobody through.
    pub fn any<N: Into<String>>(scopes: impl IntoIterator<Item = N>) -> Self {
        Self::new(Rule::Any(names(scopes)))
    }

    fn new(rule: Rule) -> Self {
        Self {
            rule: Arc::new(rule),
            responder: Arc::new(EmptyBody),
        }
    }
}

impl<R> RequireScope<R> {
    /// Makes the application's own responses of refusals.
    #[must_use]
    pub fn rejection_response<R2>(self, responder: R2) -> RequireScope<R2> {
        RequireScope {
            rule: self.rule,
            responder: Arc::new(responder),
        }
    }

    /// The same question in a handler, for those that learn only from the body what is asked
    /// of them, as in GraphQL and the Model Context Protocol.
    ///
    /// A refusal is logged, and its response is for the handler to give: in axum it is one by
    /// itself, elsewhere there is [`Rejection::response_with`].
    ///
    /// # Errors
    ///
    /// When the caller is anonymous, or the token does not allow this.
    ///
    /// # Example
    ///
    /// ```
    /// # #[cfg(feature = "axum")] {
    /// use axum::{Extension, Json};
    /// use tower_bearer::{RequireScope, server::{Authentication, Rejection}};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Order { express: bool }
    ///
    /// async fn place(caller: Extension<Authentication>, order: Json<Order>) -> Result<(), Rejection> {
    ///     if order.express {
    ///         RequireScope::all(["orders:express"]).check(&caller)?;
    ///     }
    ///     Ok(())
    /// }
    /// # let _: axum::routing::MethodRouter = axum::routing::post(place);
    /// # }
    /// ```
    pub fn check(&self, caller: &Authentication) -> Result<(), Rejection> {
        self.rule
            .ask(caller, caller.protocol())
            .inspect_err(|rejection| {
                log::refusal(rejection, &Claimed::default(), None);
            })
    }
}

fn names<N: Into<String>>(scopes: impl IntoIterator<Item = N>) -> Box<[Box<str>]> {
    let names: Box<[Box<str>]> = scopes.into_iter().map(|name| name.into().into()).collect();
    for name in names.iter().filter(|name| !is_scope_token(name)) {
        tracing::error!(
            scope = ?name,
            "no token can have this scope: give each scope as a name of its own, without spaces (RFC 6749 §3.3)"
        );
    }
    names
}

impl Rule {
    fn judge<B>(&self, request: &Request<B>) -> Result<(), Rejection> {
        let (method, headers) = (request.method(), request.headers());
        let protocol = Protocol::of(method, headers);
        let Some(caller) = request.extensions().get::<Authentication>() else {
            return Err(Rejection::misconfigured(
                "`RequireScope` stands inside no guard: add `RequireJwt` or another guard outside it (in axum: with `.layer` after it)",
                protocol,
            ));
        };
        if caller.is_anonymous() && caller.lets_through(method, headers) {
            return Ok(());
        }
        self.ask(caller, protocol)
    }

    fn ask(&self, caller: &Authentication, protocol: Protocol) -> Result<(), Rejection> {
        match caller.scopes() {
            None => Err(caller.token_needed(protocol)),
            Some(granted) if self.is_met(granted) => Ok(()),
            Some(_) => {
                let needed = self.names().iter().collect();
                let reason = RejectionReason::InsufficientScope { needed };
                Err(caller.rejection(reason, protocol))
            }
        }
    }

    fn is_met(&self, granted: &ScopeSet) -> bool {
        match self {
            Self::All(names) => names.iter().all(|name| granted.contains(name)),
            Self::Any(names) => names.iter().any(|name| granted.contains(name)),
        }
    }

    fn names(&self) -> &[Box<str>] {
        match self {
            Self::All(names) | Self::Any(names) => names,
        }
    }
}

impl<S, R> Layer<S> for RequireScope<R> {
    type Service = RequireScopeService<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireScopeService {
            inner,
            layer: self.clone(),
        }
    }
}

impl<R> Clone for RequireScope<R> {
    fn clone(&self) -> Self {
        Self {
            rule: Arc::clone(&self.rule),
            responder: Arc::clone(&self.responder),
        }
    }
}

impl<R> fmt::Debug for RequireScope<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireScope")
            .field("rule", &self.rule)
            .finish_non_exhaustive()
    }
}

/// The service that [`RequireScope`] makes of another.
#[derive(Debug)]
pub struct RequireScopeService<S, R = EmptyBody> {
    inner: S,
    layer: RequireScope<R>,
}

impl<S, R> RequireScopeService<S, R> {
    /// The service behind the layer.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service behind the layer.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service behind the layer, without the layer.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone, R> Clone for RequireScopeService<S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<S, R, B, ResBody> Service<Request<B>> for RequireScopeService<S, R>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    R: RejectionResponse<ResBody>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RequireScopeFuture<S::Future, S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.layer.rule.judge(&request) {
            Ok(()) => {
                let future = self.inner.call(request);
                RequireScopeFuture {
                    state: State::Inner { future },
                }
            }
            Err(rejection) => {
                // Gives back what the readied instance holds: it won't be called.
                self.inner = self.inner.clone();
                log::refusal(&rejection, &Claimed::default(), None);
                let response = Some(refuse(&*self.layer.responder, rejection));
                RequireScopeFuture {
                    state: State::Refused { response },
                }
            }
        }
    }
}

pin_project! {
    /// The future of [`RequireScopeService`].
    #[derive(Debug)]
    pub struct RequireScopeFuture<F, Res> {
        #[pin]
        state: State<F, Res>,
    }
}

pin_project! {
    #[project = Projection]
    #[derive(Debug)]
    enum State<F, Res> {
        /// The inner service is at work.
        Inner { #[pin] future: F },
        /// The answer is decided.
        Refused { response: Option<Res> },
    }
}

impl<F, Res, E> Future for RequireScopeFuture<F, Res>
where
    F: Future<Output = Result<Res, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projection::Inner { future } => future.poll(cx),
            Projection::Refused { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                // Polled after the answer was given: there is no other.
                None => Poll::Pending,
            },
        }
    }
}
