//! The untyped record that a guard leaves for those further in.

use std::{any::Any, fmt, sync::Arc};

use http::{Extensions, HeaderMap, Method, Request};

use super::{
    identity::Identity,
    preflight::Preflights,
    rejection::{Protocol, Rejection, RejectionReason},
};
use crate::{
    challenge::Challenge,
    jwt::{Contents, Verified},
    scope::ScopeSet,
};

/// Who a guard found out the caller to be: nobody in particular, or the bearer of a token.
///
/// Each guard puts this into the request's extensions, in place of what an outer one left. It
/// names no type of the application's, so that layers such as
/// [`RequireScope`](super::RequireScope) work inside every guard; [`Verified::of`] and
/// [`Identity::of`](super::Identity::of) give what it holds in the application's own type.
///
/// # Example
///
/// ```
/// use tower_bearer::server::Authentication;
///
/// fn greeting<B>(request: &http::Request<B>) -> String {
///     match request.extensions().get::<Authentication>() {
///         None => "no guard stands before this service".into(),
///         Some(caller) if caller.is_anonymous() => "hello, whoever you are".into(),
///         Some(caller) => format!("hello, {}", caller.subject().unwrap_or("nameless")),
///     }
/// }
/// # assert!(greeting(&http::Request::new(())).starts_with("no guard"));
/// ```
#[derive(Clone)]
pub struct Authentication {
    bearer: Option<Arc<dyn Bearer>>,
    challenge: Arc<Challenge>,
    preflights: Preflights,
    protocol: Protocol,
}

/// What is asked of a caller whatever the guard that let it through.
pub trait Bearer: Any + Send + Sync {
    fn scopes(&self) -> &ScopeSet;
    fn issuer(&self) -> Option<&str>;
    fn subject(&self) -> Option<&str>;
}

/// Says who a caller is by being there at all: guards alone make one.
pub trait Proof: Sized {
    /// What is shared of it, which names no type of the application's.
    fn into_bearer(self) -> Arc<dyn Bearer>;

    /// The same with its type again, if it is of this one.
    fn of_bearer(bearer: &Arc<dyn Bearer>) -> Option<Self>;
}

impl<C: Send + Sync + 'static> Proof for Verified<C> {
    fn into_bearer(self) -> Arc<dyn Bearer> {
        self.into_contents()
    }

    fn of_bearer(bearer: &Arc<dyn Bearer>) -> Option<Self> {
        downcast(bearer).map(Self::from_contents)
    }
}

impl<C: Send + Sync + 'static> Verified<C> {
    /// What the nearest guard has found out of the caller of a request with these extensions.
    ///
    /// `None` if that guard has let an anonymous one through, or has another claims type, or
    /// if there is no guard: [`Authentication`] tells these apart. With the feature `axum`
    /// it is an extractor, which answers 500 where guard and handler don't fit together.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{Request, StatusCode};
    /// use tower_bearer::Verified;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct MyClaims {
    ///     sub: String,
    /// }
    ///
    /// fn orders<B>(request: &Request<B>) -> Result<String, StatusCode> {
    ///     let token = Verified::<MyClaims>::of(request.extensions());
    ///     let token = token.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    ///     Ok(format!("the orders of {}", token.claims().sub))
    /// }
    /// # assert!(orders(&Request::new(())).is_err());
    /// ```
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        Authentication::proof_in(extensions)
    }
}

/// Counts as another owner only if it is of that type.
pub(super) fn downcast<T: Any + Send + Sync>(bearer: &Arc<dyn Bearer>) -> Option<Arc<T>> {
    let is_one = (&**bearer as &dyn Any).is::<T>();
    let bearer: Arc<dyn Any + Send + Sync> = is_one.then(|| Arc::clone(bearer))?;
    bearer.downcast().ok()
}

impl<C: Send + Sync + 'static> Bearer for Contents<C> {
    fn scopes(&self) -> &ScopeSet {
        self.scopes()
    }

    fn issuer(&self) -> Option<&str> {
        self.registered().issuer()
    }

    fn subject(&self) -> Option<&str> {
        self.registered().subject()
    }
}

impl Authentication {
    /// Whether the caller brought no token.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.bearer.is_none()
    }

    /// What the token allows; `None` for an anonymous caller.
    #[must_use]
    pub fn scopes(&self) -> Option<&ScopeSet> {
        self.bearer.as_ref().map(|bearer| bearer.scopes())
    }

    /// The `iss` of the token, if it is a JWT that has one.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.bearer.as_ref().and_then(|bearer| bearer.issuer())
    }

    /// The `sub` of the token, if it is a JWT that has one.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.bearer.as_ref().and_then(|bearer| bearer.subject())
    }

    /// What the request was in when the guard saw it.
    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether the guard was told to let such a request through without a token.
    pub(super) fn lets_through(&self, method: &Method, headers: &HeaderMap) -> bool {
        self.preflights.lets_through(method, headers)
    }

    /// A refusal with what the guard's challenges have in common.
    pub(super) fn rejection(&self, reason: RejectionReason, protocol: Protocol) -> Rejection {
        Rejection::new(reason, &self.challenge, protocol)
    }

    /// The refusal of an anonymous caller.
    pub(crate) fn token_needed(&self, protocol: Protocol) -> Rejection {
        self.rejection(RejectionReason::CredentialsMissing, protocol)
    }

    /// The token of the caller, if it is a JWT whose claims a guard has read into a `C`.
    #[must_use]
    pub fn verified<C: Send + Sync + 'static>(&self) -> Option<Verified<C>> {
        self.proof()
    }

    /// The caller whom a guard of [`StaticTokens`](super::StaticTokens) knows, if it is an `I`.
    #[must_use]
    pub fn identity<I: Send + Sync + 'static>(&self) -> Option<Identity<I>> {
        self.proof()
    }

    /// Who the caller is, in a type of guards' own.
    pub(crate) fn proof<T: Proof>(&self) -> Option<T> {
        self.bearer.as_ref().and_then(T::of_bearer)
    }

    pub(super) fn proof_in<T: Proof>(extensions: &Extensions) -> Option<T> {
        extensions.get::<Self>()?.proof()
    }

    /// Replaces whatever an outer guard has recorded.
    pub(super) fn record<B, T: Proof>(
        request: &mut Request<B>,
        caller: Option<T>,
        challenge: &Arc<Challenge>,
        preflights: Preflights,
    ) {
        let protocol = Protocol::of(request.method(), request.headers());
        request.extensions_mut().insert(Self {
            bearer: caller.map(T::into_bearer),
            challenge: Arc::clone(challenge),
            preflights,
            protocol,
        });
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bearer {
            None => f.write_str("Anonymous"),
            Some(bearer) => f
                .debug_struct("Authenticated")
                .field("issuer", &bearer.issuer())
                .field("subject", &bearer.subject())
                .field("scopes", bearer.scopes())
                .finish_non_exhaustive(),
        }
    }
}
