//! Client credentials: the client asks in its own name (RFC 6749 §4.4).

use super::Asking;
use crate::{
    BoxFuture,
    oauth::{Grant, ObtainError, TokenRequest},
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
pub type ClientCredentials = Asking<ClientCredentialsGrant>;

/// What [`ClientCredentials`] asks by.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ClientCredentialsGrant;

impl ClientCredentials {
    /// Asks for whatever the server gives this client.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Grant for ClientCredentialsGrant {
    fn add_to<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>> {
        request.parameter("grant_type", "client_credentials");
        Box::pin(std::future::ready(Ok(())))
    }
}
