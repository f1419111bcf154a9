//! Grants: by what right a client asks for a token (RFC 6749 §1.3). One file each.

mod client_credentials;
mod log_in;

pub use client_credentials::ClientCredentials;
pub use log_in::LogIn;

use std::num::NonZeroU32;

use crate::{
    BoxFuture,
    oauth::{ObtainError, TokenRequest},
};

/// Adds a grant to a token request: `grant_type` and the parameters that belong to it.
///
/// # Example
///
/// A grant of one's own (RFC 6749 §4.5):
///
/// ```
/// use tower_bearer::{BoxFuture, oauth::{Grant, ObtainError, TokenRequest}};
///
/// struct Voucher(String);
///
/// impl Grant for Voucher {
///     fn add_to<'a>(&'a self, request: &'a mut TokenRequest) -> BoxFuture<'a, Result<(), ObtainError>> {
///         request.parameter("grant_type", "https://id.example/voucher");
///         request.parameter("voucher", self.0.as_str());
///         Box::pin(async { Ok(()) })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a grant",
    note = "`ClientCredentials::new()` is one; a refresh token needs none"
)]
pub trait Grant: Send + Sync + 'static {
    /// Adds the parameters.
    ///
    /// # Errors
    ///
    /// When what the grant consists of can't be had; the request is then not sent.
    fn add_to<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>>;

    /// How often in all the grant may be refused before only new credentials help
    /// ([`ObtainToken::max_attempts`](super::ObtainToken::max_attempts)). `None` by default.
    fn max_attempts(&self) -> Option<NonZeroU32> {
        None
    }
}
