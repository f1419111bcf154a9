//! The first source that has a token.

use std::{fmt, sync::Arc};

use super::{
    AfterRefusal, RequestContext, TokenSource,
    member::{self, Member},
};
use crate::{
    BoxError, BoxFuture,
    client::{Error, ErrorKind},
    token::AccessToken,
};

/// Asks one source after the other, and the request carries the token of the first that is
/// there for it.
///
/// A source is passed over only if it says that it has no token **for this request**: it
/// does not [serve](TokenSource::serves) it, or its error is
/// [`ErrorKind::NoTokenForRequest`]. A source that fails is not passed over: who a request is
/// sent as does not depend on an outage. Nor does a refusal lead to the next source: the one
/// that gave the token is told, and asked again.
///
/// | says that it has none | fails |
/// | --- | --- |
/// | [`from_env`](super::from_env): the variable is not set | it is set to what is no token |
/// | | [`from_file`](super::from_file): the file is missing, or holds no token |
/// | [`from_fn`](super::from_fn): `None` | |
/// | [`from_async_fn`](super::from_async_fn): [`Error::no_token_for`] | any other error |
/// | [`per_origin`](super::per_origin): an origin that was not named | what its source says |
/// | [`per_tenant`](super::per_tenant): a request of no tenant | what its source says |
/// | | [`Refreshing`](crate::client::Refreshing): any error |
///
/// # Example
///
/// ```
/// use tower_bearer::client::source;
///
/// let tokens = source::first_of(source::from_env("API_TOKEN"))
///     .or(source::from_file("/var/run/secrets/tokens/api"));
/// # let _: &dyn tower_bearer::client::TokenSource = &tokens;
/// ```
pub fn first_of(source: impl TokenSource) -> FirstOf {
    FirstOf(vec![Member::new(source)])
}

/// Made by [`first_of`].
#[derive(Clone)]
pub struct FirstOf(Vec<Arc<Member>>);

impl FirstOf {
    /// Asks this source where those before it have no token for a request.
    #[must_use]
    pub fn or(mut self, source: impl TokenSource) -> Self {
        self.0.push(Member::new(source));
        self
    }
}

impl TokenSource for FirstOf {
    fn current(&self, request: &RequestContext<'_>) -> Option<AccessToken> {
        for member in &self.0 {
            match member.current(request) {
                None if !member.serves(request) => {}
                // Where it serves the request and has nothing at hand, it is waited for.
                current => return current,
            }
        }
        None
    }

    fn obtain<'a>(
        &'a self,
        request: RequestContext<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        Box::pin(async move {
            let mut none = Error::no_token_for(&request).into();
            for member in &self.0 {
                match member.obtain(request).await {
                    Err(error) if says_none(&error) => none = error,
                    outcome => return outcome,
                }
            }
            Err(none)
        })
    }

    fn serves(&self, request: &RequestContext<'_>) -> bool {
        self.0.iter().any(|member| member.serves(request))
    }

    fn is_usable(&self, token: &AccessToken) -> bool {
        member::is_usable(token)
    }

    fn refused(&self, token: &AccessToken) -> AfterRefusal {
        member::refused(token)
    }
}

fn says_none(error: &BoxError) -> bool {
    error
        .downcast_ref::<Error>()
        .is_some_and(|error| error.kind() == ErrorKind::NoTokenForRequest)
}

impl fmt::Debug for FirstOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstOf")
            .field("sources", &self.0.len())
            .finish_non_exhaustive()
    }
}
