//! Grants: by what right a client asks for a token (RFC 6749 §1.3). One file each.
//!
//! | grant | for |
//! | --- | --- |
//! | [`AuthorizationCode`] | a person who has logged in by the login page |
//! | [`ClientCredentials`] | a service that asks in its own name |
//! | [`JwtBearer`] | who has an assertion of somebody whom the server trusts |
//! | [`TokenExchange`] | who calls on behalf of a caller, or has another system's token |
//! | [`Password`] | a server that knows no other way |
//! | [`LogIn`] | a log-in of the server's own, without any grant |
//!
//! A refresh token (RFC 6749 §6) needs no setting: it is used when there is one. With each
//! grant, and with one of your own, [`Asking`] says what is asked for: scope, audience,
//! resource and parameters of the server's own.

mod asking;
mod authorization_code;
mod client_credentials;
mod jwt_bearer;
mod log_in;
mod password;
mod resource;
mod token_exchange;

pub use asking::Asking;
pub use authorization_code::{AuthorizationCode, AuthorizationCodeGrant};
pub use client_credentials::{ClientCredentials, ClientCredentialsGrant};
pub use jwt_bearer::{JwtBearer, JwtBearerGrant};
pub use log_in::{LogIn, LogInGrant};
pub use password::{Password, PasswordGrant};
pub use resource::ResourceError;
pub use token_exchange::{TokenExchange, TokenExchangeGrant, TokenType};

use std::{num::NonZeroU32, sync::Arc};

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

/// A grant that is chosen at run time.
impl<T: Grant + ?Sized> Grant for Arc<T> {
    fn add_to<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>> {
        (**self).add_to(request)
    }

    fn max_attempts(&self) -> Option<NonZeroU32> {
        (**self).max_attempts()
    }
}
