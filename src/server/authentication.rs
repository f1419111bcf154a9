//! The untyped record that a guard leaves for those further in.

use std::{fmt, sync::Arc};

use http::{Extensions, HeaderMap, Method, Request};

use super::{
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
/// Each guard removes what an outer one left and puts this into the request's extensions,
/// next to the [`Verified<C>`] or [`Identity<I>`](super::Identity) that it is about. It names
/// no type of the application's, so that layers
/// such as [`RequireScope`](super::RequireScope) work inside every guard.
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
    forget: fn(&mut Extensions),
}

/// What is asked of a caller whatever the guard that let it through.
pub trait Bearer: Send + Sync + 'static {
    fn scopes(&self) -> &ScopeSet;
    fn issuer(&self) -> Option<&str>;
    fn subject(&self) -> Option<&str>;

    /// The same without its type.
    fn shared(self) -> Arc<dyn Bearer>
    where
        Self: Sized,
    {
        Arc::new(self)
    }
}

impl<C: Send + Sync + 'static> Bearer for Verified<C> {
    fn scopes(&self) -> &ScopeSet {
        self.scopes()
    }

    fn issuer(&self) -> Option<&str> {
        self.registered().issuer()
    }

    fn subject(&self) -> Option<&str> {
        self.registered().subject()
    }

    /// It is shared already.
    fn shared(self) -> Arc<dyn Bearer> {
        self.into_contents()
    }
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

    /// Replaces whatever an outer guard has recorded.
    pub(super) fn record<B, T: Bearer + Clone>(
        request: &mut Request<B>,
        caller: Option<T>,
        challenge: &Arc<Challenge>,
        preflights: Preflights,
    ) {
        let protocol = Protocol::of(request.method(), request.headers());
        let extensions = request.extensions_mut();
        if let Some(outer) = extensions.remove::<Self>() {
            (outer.forget)(extensions);
        }
        forget::<T>(extensions);
        let bearer = caller.map(|caller| {
            extensions.insert(caller.clone());
            caller.shared()
        });
        extensions.insert(Self {
            bearer,
            challenge: Arc::clone(challenge),
            preflights,
            protocol,
            forget: forget::<T>,
        });
    }
}

/// An inner guard can't name what an outer one has put in; the record can.
fn forget<T: Send + Sync + 'static>(extensions: &mut Extensions) {
    extensions.remove::<T>();
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
