//! A token from the environment.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwapOption;

use super::{
    AfterRefusal, ReadError, ReadErrorKind, RequestContext, TokenSource,
    read_error::token_in_variable,
};
use crate::{BoxError, BoxFuture, client::Error, token::AccessToken};

/// Takes the token that an environment variable holds. White space around it is left out.
///
/// The variable is read when the first request comes, and once more when a server refuses
/// the token. Nobody can change a process's environment from outside, so that this second
/// look finds another token only where the program itself sets the variable; a token that
/// others replace belongs into a [file](super::from_file).
///
/// # Errors
///
/// Each request fails while the variable is not set
/// ([`ErrorKind::NoTokenForRequest`](crate::client::ErrorKind::NoTokenForRequest), which lets
/// a [`first_of`](super::first_of) go on to the next source), is empty, is not Unicode, or
/// holds what can't stand in a header
/// ([`ErrorKind::Unreadable`](crate::client::ErrorKind::Unreadable)).
///
/// # Example
///
/// ```
/// use tower_bearer::{AuthLayer, client::source, token::Scheme};
///
/// let layer = AuthLayer::new(source::from_env("API_TOKEN"))
///     .origin("http://127.0.0.1:40000")?
///     .token_in(Scheme::bare());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_env(name: impl Into<String>) -> FromEnv {
    FromEnv {
        name: name.into(),
        read: ArcSwapOption::empty(),
    }
}

/// Made by [`from_env`].
pub struct FromEnv {
    name: String,
    /// What the last look found; nothing before the first.
    read: ArcSwapOption<Result<AccessToken, ReadError>>,
}

impl FromEnv {
    fn token(&self) -> Result<AccessToken, ReadError> {
        match &*self.read.load() {
            Some(read) => (**read).clone(),
            None => self.look(),
        }
    }

    fn look(&self) -> Result<AccessToken, ReadError> {
        let read = token_in_variable(&self.name);
        self.read.store(Some(Arc::new(read.clone())));
        read
    }
}

impl TokenSource for FromEnv {
    fn current(&self, _: &RequestContext<'_>) -> Option<AccessToken> {
        self.token().ok()
    }

    fn obtain<'a>(&'a self, _: RequestContext<'a>) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        let token = self.token().map_err(|error| Error::from(error).into());
        Box::pin(std::future::ready(token))
    }

    fn serves(&self, _: &RequestContext<'_>) -> bool {
        !matches!(self.token(), Err(error) if error.kind() == ReadErrorKind::Unset)
    }

    fn refused(&self, token: &AccessToken) -> AfterRefusal {
        match self.look() {
            Ok(read) if !read.same_value(token) => AfterRefusal::Obtain,
            _ => AfterRefusal::Final,
        }
    }
}

impl fmt::Debug for FromEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromEnv")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
