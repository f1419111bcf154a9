//! A log-in of the server's own, made of whatever parameters it wants.

use std::{borrow::Cow, num::NonZeroU32};

use crate::{
    BoxFuture,
    oauth::{Grant, ObtainError, TokenRequest},
    secret::Secret,
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
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct LogIn {
    parameters: Vec<(Cow<'static, str>, Secret)>,
    secrets: Vec<(Cow<'static, str>, Secret)>,
}

impl LogIn {
    /// A log-in without parameters so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter that error messages may show where a server repeats it.
    pub fn parameter(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Secret>,
    ) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Adds a parameter that no error message ever shows: a password, a one-time code.
    pub fn secret(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Secret>) -> Self {
        self.secrets.push((name.into(), value.into()));
        self
    }
}

impl Grant for LogIn {
    fn add_to<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>> {
        for (name, value) in &self.parameters {
            request.parameter(name.clone(), value.clone());
        }
        for (name, value) in &self.secrets {
            request.secret_parameter(name.clone(), value.clone());
        }
        Box::pin(std::future::ready(Ok(())))
    }
    fn max_attempts(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(3)
    }
}
