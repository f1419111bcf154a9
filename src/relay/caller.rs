//! For whom a request is made: from the handler to the source.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use http::{Request, header::AUTHORIZATION};

use super::{RelayError, RelayErrorKind};
use crate::{
    client::RequestContext,
    clock::Clock,
    jwt::Verified,
    token::{AccessToken, Expiry},
};

/// Says that a request is made for the caller whose token this is.
///
/// The request has no credentials yet: an `Authorization` that it has is taken out, since it
/// was copied from the request that came in. A caller that was named before is replaced.
///
/// # Example
///
/// See [the module](super).
pub fn on_behalf_of<B, C>(request: &mut Request<B>, token: &Verified<C>) {
    request.headers_mut().remove(AUTHORIZATION);
    request.extensions_mut().insert(Caller::of(token));
}

/// For whom a request is made: an extension of requests, where [`on_behalf_of`] does not fit.
/// A clone is a reference count. `Debug` shows no token.
///
/// # Example
///
/// ```
/// use tower_bearer::{Verified, relay::Caller};
///
/// fn request<C>(token: &Verified<C>) -> http::Result<http::Request<()>> {
///     http::Request::get("https://stock.example/items")
///         .extension(Caller::of(token))
///         .body(())
/// }
///
/// fn grpc<C, M>(token: &Verified<C>, message: M) -> tonic::Request<M> {
///     let mut request = tonic::Request::new(message);
///     request.extensions_mut().insert(Caller::of(token));
///     request
/// }
/// # let _ = (request::<()>, grpc::<(), ()>);
/// ```
#[derive(Clone)]
pub struct Caller(Arc<Inner>);

struct Inner {
    /// There always is one: what was verified can stand in a header.
    token: Option<AccessToken>,
    /// Nothing is known of a token that was not itself verified.
    audience: Vec<String>,
}

impl Caller {
    /// The caller whose token this is.
    #[must_use]
    pub fn of<C>(token: &Verified<C>) -> Self {
        let sent = AccessToken::new(token.expose_token()).ok();
        if token.exposes_another_token() {
            return Self(Arc::new(Inner {
                token: sent,
                audience: Vec::new(),
            }));
        }
        let claims = token.registered();
        let end = Expiry::at(claims.expires_at());
        Self(Arc::new(Inner {
            token: sent.map(|token| token.with_expiry(end)),
            audience: claims.audience().map(str::to_owned).collect(),
        }))
    }

    /// Whom a request names.
    pub(super) fn named_in<'a>(request: &RequestContext<'a>) -> Result<&'a Self, RelayError> {
        let caller = request.extensions().get::<Self>();
        caller.ok_or_else(|| RelayError::no_caller(request.uri()))
    }

    /// The token, while it is good.
    pub(super) fn token(&self, clock: &dyn Clock) -> Result<&AccessToken, RelayError> {
        let token = self.0.token.as_ref();
        let token = token.filter(|token| !token.is_expired(clock));
        token.ok_or_else(|| RelayError::of(RelayErrorKind::Ended))
    }

    pub(super) fn audience(&self) -> impl Iterator<Item = &str> {
        self.0.audience.iter().map(String::as_str)
    }

    fn value(&self) -> Option<&str> {
        self.0.token.as_ref().map(AccessToken::expose)
    }
}

/// The same token, whatever its claims were read into.
impl PartialEq for Caller {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.value() == other.value()
    }
}

impl Eq for Caller {}

impl Hash for Caller {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value().hash(state);
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("audience", &self.0.audience)
            .finish_non_exhaustive()
    }
}
