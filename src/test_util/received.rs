//! What the server was asked.

use std::collections::BTreeMap;

use super::grants;

/// How often the server was asked what, failures included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requests {
    /// Requests to the authorization endpoint.
    pub authorization: u64,
    /// Requests to the logout endpoint.
    pub end_session: u64,
    /// Requests to the token endpoint.
    pub token: u64,
    /// Of those, for the grant `authorization_code`.
    pub authorization_code: u64,
    /// Of those, for the grant `client_credentials`.
    pub client_credentials: u64,
    /// Of those, for the grant `refresh_token`.
    pub refresh_token: u64,
    /// Of those, for the grant `password`.
    pub password: u64,
    /// Of those, for the JWT bearer grant.
    pub jwt_bearer: u64,
    /// Of those, for an exchange.
    pub token_exchange: u64,
    /// Of those, answered with tokens.
    pub granted: u64,
    /// Of those, with a refresh token that had been spent before.
    pub refresh_token_reused: u64,
    /// Of those, with a code that had been used before.
    pub code_reused: u64,
    /// Assertions that were used before, of clients and of trusted issuers.
    pub assertion_reused: u64,
    /// Requests to the revocation endpoint.
    pub revocation: u64,
    /// Requests for the JWKS.
    pub jwks: u64,
    /// Requests for the metadata document.
    pub metadata: u64,
    /// Requests to anywhere else.
    pub elsewhere: u64,
}

impl Requests {
    pub(super) fn count_grant(&mut self, grant_type: Option<&str>) {
        match grant_type {
            Some(grants::AUTHORIZATION_CODE) => self.authorization_code += 1,
            Some(grants::CLIENT_CREDENTIALS) => self.client_credentials += 1,
            Some(grants::REFRESH_TOKEN) => self.refresh_token += 1,
            Some(grants::PASSWORD) => self.password += 1,
            Some(grants::JWT_BEARER) => self.jwt_bearer += 1,
            Some(grants::TOKEN_EXCHANGE) => self.token_exchange += 1,
            _ => {}
        }
    }
}

/// How a client proved who it is (RFC 6749 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresentedBy {
    /// Not at all: a public client.
    Nothing,
    /// By HTTP Basic.
    Basic,
    /// By `client_id` and `client_secret` in the body.
    Post,
    /// By an assertion (`client_secret_jwt`, `private_key_jwt`).
    Assertion,
}

/// A request to the token endpoint, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedTokenRequest {
    pub(super) client_id: Option<String>,
    pub(super) presented_by: PresentedBy,
    pub(super) parameters: BTreeMap<String, String>,
}

/// Parameters whose values are kept.
const SHOWN: [&str; 11] = [
    "grant_type",
    "scope",
    "client_id",
    "audience",
    "resource",
    "redirect_uri",
    "username",
    "client_assertion_type",
    "subject_token_type",
    "actor_token_type",
    "requested_token_type",
];

impl ReceivedTokenRequest {
    pub(super) fn new<'a>(
        client_id: Option<String>,
        presented_by: PresentedBy,
        parameters: impl Iterator<Item = (&'a str, String)>,
    ) -> Self {
        let shown = |(name, value): (&str, String)| match SHOWN.contains(&name) {
            true => (name.to_owned(), value),
            false => (name.to_owned(), "(redacted)".to_owned()),
        };
        Self {
            client_id,
            presented_by,
            parameters: parameters.map(shown).collect(),
        }
    }

    /// Which client said it was asking.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// How it proved that.
    #[must_use]
    pub fn presented_by(&self) -> PresentedBy {
        self.presented_by
    }

    /// A parameter of the form; one that repeats has a space between its values. What may be
    /// a secret is there as `(redacted)`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}
