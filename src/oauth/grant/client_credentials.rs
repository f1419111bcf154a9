//! Client credentials: the client asks in its own name (RFC 6749 §4.4).

use std::borrow::Cow;

use crate::{
    BoxFuture,
    oauth::{Grant, ObtainError, TokenRequest},
    scope::ScopeSet,
    secret::Secret,
};

/// The client credentials grant: a service that asks in its own name.
///
/// # Example
///
/// ```
/// use tower_bearer::oauth::ClientCredentials;
///
/// let grant = ClientCredentials::new().scope("orders:read orders:write");
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientCredentials {
    scope: ScopeSet,
    more: Vec<(Cow<'static, str>, Secret)>,
}

impl ClientCredentials {
    /// Asks for whatever the server gives this client.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for these scopes too: a space-delimited list (RFC 6749 §3.3).
    #[must_use]
    pub fn scope(mut self, list: &str) -> Self {
        let more = ScopeSet::parse(list);
        self.scope = self.scope.iter().chain(more.iter()).collect();
        self
    }

    /// Adds a parameter that the server wants besides, such as `audience`.
    #[must_use]
    pub fn parameter(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Secret>,
    ) -> Self {
        self.more.push((name.into(), value.into()));
        self
    }
}

impl Grant for ClientCredentials {
    fn add_to<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>> {
        request.parameter("grant_type", "client_credentials");
        if !self.scope.is_empty() {
            request.parameter("scope", self.scope.as_str());
        }
        for (name, value) in &self.more {
            request.parameter(name.clone(), value.clone());
        }
        Box::pin(std::future::ready(Ok(())))
    }
}
