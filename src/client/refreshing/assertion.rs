//! What is kept fresh buys other tokens.

use std::time::SystemTime;

use super::Refreshing;
use crate::{
    BoxFuture,
    oauth::{ObtainError, assertion::AssertionSource},
    secret::Secret,
};

/// The access token, kept fresh, as the proof or the grant of another token request.
///
/// # Example
///
/// A token of the platform buys one of the company's own server (RFC 8693):
///
/// ```
/// use tower_bearer::{Refreshing, oauth::{TokenExchange, grant::TokenType}};
///
/// fn grant(platform: Refreshing) -> TokenExchange {
///     TokenExchange::new(platform, TokenType::JWT).audience("orders")
/// }
/// ```
impl AssertionSource for Refreshing {
    fn assertion(&self, _: SystemTime) -> BoxFuture<'_, Result<Secret, ObtainError>> {
        Box::pin(async {
            let token = self.token().await.map_err(ObtainError::other)?;
            Ok(Secret::from(token.expose()))
        })
    }
}
