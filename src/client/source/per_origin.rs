//! One source for each origin.

use std::{fmt, sync::Arc};

use super::{
    AfterRefusal, RequestContext, TokenSource,
    member::{self, Member},
};
use crate::{
    BoxError, BoxFuture,
    client::Error,
    origin::{Origin, OriginError},
    token::AccessToken,
};

/// Chooses the source by where a request goes, so that no origin sees the token of another.
///
/// The layer still has to name each origin that may see any token.
///
/// # Defaults
///
/// A request elsewhere, or with a relative URI, has no token
/// ([`ErrorKind::NoTokenForRequest`](crate::client::ErrorKind::NoTokenForRequest)), unless
/// [`otherwise`](PerOrigin::otherwise) named a source.
///
/// # Example
///
/// ```
/// use tower_bearer::{AccessToken, AuthLayer, client::source};
///
/// let tokens = source::per_origin()
///     .origin("https://orders.example", AccessToken::new("mF_9.B5f-4.1JqM")?)?
///     .origin("https://stock.example", AccessToken::new("2YotnFZFEjr1zCsicMWpAA")?)?;
/// let layer = AuthLayer::new(tokens)
///     .origin("https://orders.example")?
///     .origin("https://stock.example")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn per_origin() -> PerOrigin {
    PerOrigin {
        named: Vec::new(),
        otherwise: None,
    }
}

/// Made by [`per_origin`].
#[derive(Clone)]
pub struct PerOrigin {
    named: Vec<(Origin, Arc<Member>)>,
    otherwise: Option<Arc<Member>>,
}

impl PerOrigin {
    /// Names the source for an origin. Naming an origin again replaces its source.
    ///
    /// # Errors
    ///
    /// When the text is not `scheme://host[:port]`.
    pub fn origin(mut self, origin: &str, source: impl TokenSource) -> Result<Self, OriginError> {
        let origin: Origin = origin.parse()?;
        self.named.retain(|(named, _)| *named != origin);
        self.named.push((origin, Member::new(source)));
        Ok(self)
    }

    /// Names the source for all other requests.
    #[must_use]
    pub fn otherwise(mut self, source: impl TokenSource) -> Self {
        self.otherwise = Some(Member::new(source));
        self
    }

    fn choose(&self, request: &RequestContext<'_>) -> Option<&Arc<Member>> {
        let named = self
            .named
            .iter()
            .find(|(origin, _)| origin.contains(request.uri()));
        named.map(|(_, member)| member).or(self.otherwise.as_ref())
    }
}

impl TokenSource for PerOrigin {
    fn current(&self, request: &RequestContext<'_>) -> Option<AccessToken> {
        self.choose(request)?.current(request)
    }

    fn obtain<'a>(
        &'a self,
        request: RequestContext<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        Box::pin(async move {
            match self.choose(&request) {
                Some(member) => member.obtain(request).await,
                None => Err(Error::no_token_for(&request).into()),
            }
        })
    }

    fn serves(&self, request: &RequestContext<'_>) -> bool {
        self.choose(request)
            .is_some_and(|member| member.serves(request))
    }

    fn is_usable(&self, token: &AccessToken) -> bool {
        member::is_usable(token)
    }

    fn refused(&self, token: &AccessToken) -> AfterRefusal {
        member::refused(token)
    }
}

impl fmt::Debug for PerOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Vec<_> = self.named.iter().map(|(origin, _)| origin).collect();
        f.debug_struct("PerOrigin")
            .field("origins", &origins)
            .finish_non_exhaustive()
    }
}
