//! What is asked for with a grant, whichever it is.

use std::{borrow::Cow, num::NonZeroU32};

use super::{Grant, ResourceError, resource};
use crate::{
    BoxFuture,
    oauth::{ObtainError, TokenRequest},
    scope::ScopeSet,
    secret::Secret,
};

/// A grant, and what is asked for with it.
///
/// The grants of this crate are made by their own `new`; [`of`](Self::of) is for one of your
/// own.
///
/// # Example
///
/// ```
/// use tower_bearer::oauth::ClientCredentials;
///
/// let grant = ClientCredentials::new()
///     .scope("orders:read orders:write")
///     .resource("https://api.example/orders")?
///     .parameter("tenant", "acme");
/// # Ok::<(), tower_bearer::oauth::grant::ResourceError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Asking<G> {
    pub(super) grant: G,
    scope: ScopeSet,
    parameters: Vec<(Cow<'static, str>, Secret)>,
    secrets: Vec<(Cow<'static, str>, Secret)>,
}

impl<G> Asking<G> {
    /// Asks by this grant for whatever the server gives.
    pub fn of(grant: G) -> Self {
        Self {
            grant,
            scope: ScopeSet::default(),
            parameters: Vec::new(),
            secrets: Vec::new(),
        }
    }

    /// Asks for these scopes too: a space-delimited list (RFC 6749 §3.3).
    pub fn scope(mut self, list: &str) -> Self {
        let more = ScopeSet::parse(list);
        self.scope = self.scope.iter().chain(more.iter()).collect();
        self
    }

    /// Names an API that the token is for, by the name that the server knows it by
    /// (RFC 8693 §2.1, and a habit of several servers with other grants). May be repeated
    /// where the server allows it.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.parameter("audience", audience.into())
    }

    /// Names an API that the token is for, by its address (RFC 8707 §2). May be repeated.
    ///
    /// # Errors
    ///
    /// When it is no absolute URI, or has a fragment.
    pub fn resource(self, uri: impl Into<String>) -> Result<Self, ResourceError> {
        let uri = uri.into();
        resource::check(&uri)?;
        Ok(self.parameter("resource", uri))
    }

    /// Adds a parameter that the server wants besides. Error messages may show it where a
    /// server repeats it.
    pub fn parameter(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Secret>,
    ) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Adds a parameter that no error message ever shows: a one-time code, for instance.
    pub fn secret(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Secret>) -> Self {
        self.secrets.push((name.into(), value.into()));
        self
    }
}

impl<G: Grant> Grant for Asking<G> {
    fn add_to<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>> {
        Box::pin(async {
            self.grant.add_to(request).await?;
            if !self.scope.is_empty() {
                request.parameter("scope", self.scope.as_str());
            }
            for (name, value) in &self.parameters {
                request.parameter(name.clone(), value.clone());
            }
            for (name, value) in &self.secrets {
                request.secret_parameter(name.clone(), value.clone());
            }
            Ok(())
        })
    }

    fn max_attempts(&self) -> Option<NonZeroU32> {
        self.grant.max_attempts()
    }
}
