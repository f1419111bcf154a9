//! A log-in of the server's own, made of whatever parameters it wants.

use std::num::NonZeroU32;

use super::Asking;
use crate::{
    BoxFuture,
    oauth::{Grant, ObtainError, TokenRequest},
};

/// A log-in of the server's own: the parameters given here and no others, so no
/// `grant_type`.
///
/// # Defaults
///
/// After 3 refusals only new credentials help: accounts get locked.
///
/// # Example
///
/// `{"email":"alice@drive.example","password":"…"}`:
///
/// ```
/// use tower_bearer::oauth::{LogIn, TokenEndpoint};
///
/// let endpoint = TokenEndpoint::new("https://drive.example/api/session")?.json().grant(
///     LogIn::new()
///         .parameter("email", "alice@drive.example")
///         .secret("password", "hunter2"),
/// );
/// # Ok::<(), tower_bearer::oauth::EndpointError>(())
/// ```
pub type LogIn = Asking<LogInGrant>;

/// What [`LogIn`] asks by: nothing.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LogInGrant;

impl LogIn {
    /// A log-in without parameters so far.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Grant for LogInGrant {
    fn add_to<'a>(&'a self, _: &'a mut TokenRequest) -> BoxFuture<'a, Result<(), ObtainError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn max_attempts(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(3)
    }
}
