//! What the server was asked.

use std::collections::BTreeMap;

/// How often the server was asked what, failures included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requests {
    /// Requests to the token endpoint.
    pub token: u64,
    /// Of those, for the grant `client_credentials`.
    pub client_credentials: u64,
    /// Of those, for the grant `refresh_token`.
    pub refresh_token: u64,
    /// Of those, answered with tokens.
    pub granted: u64,
    /// Of those, with a refresh token that had been spent before.
    pub refresh_token_reused: u64,
    /// Requests for the JWKS.
    pub jwks: u64,
    /// Requests for the metadata document.
    pub metadata: u64,
    /// Requests to anywhere else.
    pub elsewhere: u64,
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
}

/// A request to the token endpoint, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedTokenRequest {
    pub(super) client_id: Option<String>,
    pub(super) presented_by: PresentedBy,
    pub(super) parameters: BTreeMap<String, String>,
}

/// Parameters whose values are kept.
const SHOWN: [&str; 7] = [
    "grant_type",
    "scope",
    "client_id",
    "audience",
    "resource",
    "redirect_uri",
    "username",
];

impl ReceivedTokenRequest {
    pub(super) fn new(
        client_id: Option<String>,
        presented_by: PresentedBy,
        parameters: &BTreeMap<String, String>,
    ) -> Self {
        let shown = |(name, value): (&String, &String)| {
            let hidden = !SHOWN.contains(&name.as_str());
            let value = if hidden { "(redacted)" } else { value.as_str() };
            (name.clone(), value.to_owned())
        };
        Self {
            client_id,
            presented_by,
            parameters: parameters.iter().map(shown).collect(),
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

    /// A parameter of the form. What may be a secret is there as `(redacted)`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}
