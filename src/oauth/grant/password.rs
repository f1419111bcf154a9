//! Password: a user's name and password buy a token (RFC 6749 §4.3).

use std::num::NonZeroU32;

use super::Asking;
use crate::{
    BoxFuture,
    oauth::{Grant, ObtainError, TokenRequest},
    secret::Secret,
};

/// The resource owner password credentials grant: for servers that know no other way.
///
/// **RFC 9700 §2.4: it must not be used.** It shows a user's password to the client, so that
/// it may leak in more places and users learn to type it elsewhere than at their log-in page;
/// and it can't be had together with a second factor. Ask whoever runs the server for
/// [`ClientCredentials`](super::ClientCredentials) where no user takes part, and for the
/// authorization code grant where one does.
///
/// Too many wrong passwords lock an account, so a refused one is tried 3 times in all, and
/// then not before it is replaced
/// ([`Refreshing::replace_source`](crate::Refreshing::replace_source)).
///
/// # Example
///
/// ```
/// use tower_bearer::oauth::Password;
///
/// let grant = Password::new("alice", "correct horse battery staple").scope("orders:read");
/// ```
pub type Password = Asking<PasswordGrant>;

/// What [`Password`] asks by.
#[derive(Clone, Debug)]
pub struct PasswordGrant {
    username: String,
    password: Secret,
}

impl Password {
    /// Asks in the name of this user.
    pub fn new(username: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self::of(PasswordGrant {
            username: username.into(),
            password: password.into(),
        })
    }
}

impl Grant for PasswordGrant {
    fn add_to<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>> {
        request.parameter("grant_type", "password");
        request.parameter("username", self.username.as_str());
        request.secret_parameter("password", self.password.clone());
        Box::pin(std::future::ready(Ok(())))
    }

    fn max_attempts(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(3)
    }
}
