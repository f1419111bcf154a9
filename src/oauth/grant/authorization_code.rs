//! Authorization code: what a browser brought back from the login page (RFC 6749 §4.1).

use super::Asking;
use crate::{
    BoxFuture,
    oauth::{Grant, ObtainError, TokenRequest},
    secret::Secret,
};

/// The authorization code grant: a person has logged in, and the code that came back buys
/// the tokens, once.
///
/// # Example
///
/// ```
/// use tower_bearer::oauth::AuthorizationCode;
///
/// let grant = AuthorizationCode::new("SplxlOBeZQQYbYS6WxSbIA", "https://orders.example/callback")
///     .code_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
/// ```
pub type AuthorizationCode = Asking<AuthorizationCodeGrant>;

/// What [`AuthorizationCode`] asks by.
#[derive(Clone, Debug)]
pub struct AuthorizationCodeGrant {
    code: Secret,
    redirect_uri: String,
    code_verifier: Option<Secret>,
}

impl AuthorizationCode {
    /// Asks by this code. `redirect_uri` is the one of the authorization request (RFC 6749
    /// §4.1.3).
    pub fn new(code: impl Into<Secret>, redirect_uri: impl Into<String>) -> Self {
        Self::of(AuthorizationCodeGrant {
            code: code.into(),
            redirect_uri: redirect_uri.into(),
            code_verifier: None,
        })
    }

    /// Proves that it was this client that sent the authorization request (RFC 7636 §4.5).
    pub fn code_verifier(mut self, code_verifier: impl Into<Secret>) -> Self {
        self.grant.code_verifier = Some(code_verifier.into());
        self
    }
}

impl Grant for AuthorizationCodeGrant {
    fn add_to<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>> {
        request.parameter("grant_type", "authorization_code");
        request.secret_parameter("code", self.code.clone());
        request.parameter("redirect_uri", self.redirect_uri.as_str());
        if let Some(code_verifier) = &self.code_verifier {
            request.secret_parameter("code_verifier", code_verifier.clone());
        }
        Box::pin(std::future::ready(Ok(())))
    }
}
