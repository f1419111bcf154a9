//! Token exchange: one token buys another (RFC 8693).

use std::borrow::Cow;

use super::Asking;
use crate::{
    BoxFuture,
    oauth::{
        Grant, ObtainError, TokenRequest,
        assertion::{AnySource, AssertionSource},
    },
};

/// The token exchange grant: on behalf of a caller, whose token buys one for another API; or
/// from the token of one system to that of another.
///
/// What is answered has to be a bearer token, since nothing else can be sent: a
/// `token_type` of `N_A` is an error.
///
/// # Example
///
/// An API that calls another one on behalf of its caller:
///
/// ```
/// use tower_bearer::oauth::{ObtainError, ObtainToken, TokenEndpoint, TokenExchange, grant::TokenType};
/// use tower_bearer::{AccessToken, secret::Secret};
///
/// async fn for_billing(endpoint: &TokenEndpoint, caller: &str) -> Result<AccessToken, ObtainError> {
///     let grant = TokenExchange::new(Secret::from(caller), TokenType::ACCESS_TOKEN)
///         .audience("billing")
///         .scope("invoices:read");
///     let tokens = endpoint.clone().grant(grant).obtain().await?;
///     Ok(tokens.access_token().clone())
/// }
/// ```
pub type TokenExchange = Asking<TokenExchangeGrant>;

/// What [`TokenExchange`] asks by.
#[derive(Clone, Debug)]
pub struct TokenExchangeGrant {
    subject: SecurityToken,
    actor: Option<SecurityToken>,
    requested: Option<TokenType>,
}

impl TokenExchange {
    /// Asks in the name of whom this token speaks of: that of a caller, or one that the source
    /// gets anew for each attempt.
    pub fn new(subject_token: impl AssertionSource, subject_token_type: TokenType) -> Self {
        Self::of(TokenExchangeGrant {
            subject: SecurityToken::new(subject_token, subject_token_type),
            actor: None,
            requested: None,
        })
    }

    /// Who acts for the subject (RFC 8693 §1.1, delegation).
    pub fn actor_token(
        mut self,
        actor_token: impl AssertionSource,
        actor_token_type: TokenType,
    ) -> Self {
        self.grant.actor = Some(SecurityToken::new(actor_token, actor_token_type));
        self
    }

    /// The type of token that is wanted; the server chooses where nothing is said.
    pub fn requested_token_type(mut self, token_type: TokenType) -> Self {
        self.grant.requested = Some(token_type);
        self
    }
}

impl Grant for TokenExchangeGrant {
    fn add_to<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>> {
        Box::pin(async {
            let name = "urn:ietf:params:oauth:grant-type:token-exchange";
            request.parameter("grant_type", name);
            let names = ("subject_token", "subject_token_type");
            self.subject.add_to(request, names).await?;
            if let Some(actor) = &self.actor {
                let names = ("actor_token", "actor_token_type");
                actor.add_to(request, names).await?;
            }
            if let Some(requested) = &self.requested {
                request.parameter("requested_token_type", requested.as_str());
            }
            Ok(())
        })
    }
}

/// A token, wherever it comes from, and its type.
#[derive(Clone, Debug)]
struct SecurityToken {
    source: AnySource,
    token_type: TokenType,
}

impl SecurityToken {
    fn new(source: impl AssertionSource, token_type: TokenType) -> Self {
        Self {
            source: AnySource::new(source),
            token_type,
        }
    }

    async fn add_to(
        &self,
        request: &mut TokenRequest,
        (token, token_type): (&'static str, &'static str),
    ) -> Result<(), ObtainError> {
        let value = self.source.assertion(request.now()).await?;
        request.secret_parameter(token, value);
        request.parameter(token_type, self.token_type.as_str());
        Ok(())
    }
}

/// What kind of token it is (RFC 8693 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenType(Cow<'static, str>);

impl TokenType {
    /// An access token of the server that is asked.
    pub const ACCESS_TOKEN: Self = Self::known("urn:ietf:params:oauth:token-type:access_token");
    /// A refresh token of the server that is asked.
    pub const REFRESH_TOKEN: Self = Self::known("urn:ietf:params:oauth:token-type:refresh_token");
    /// An ID token (OpenID Connect Core §2).
    pub const ID_TOKEN: Self = Self::known("urn:ietf:params:oauth:token-type:id_token");
    /// A JWT (RFC 7519), whoever made it.
    pub const JWT: Self = Self::known("urn:ietf:params:oauth:token-type:jwt");
    /// A SAML 1.1 assertion, base64url-encoded.
    pub const SAML1: Self = Self::known("urn:ietf:params:oauth:token-type:saml1");
    /// A SAML 2.0 assertion, base64url-encoded.
    pub const SAML2: Self = Self::known("urn:ietf:params:oauth:token-type:saml2");

    const fn known(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A type of the server's own: a URI.
    pub fn other(uri: impl Into<Cow<'static, str>>) -> Self {
        Self(uri.into())
    }

    /// The URI that names it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
