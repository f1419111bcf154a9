//! The clients that the server knows.

use crate::{jwt::Algorithm, keys::KeySet, scope::ScopeSet, secret::Secret};

/// A client that the authorization server knows (RFC 6749 §2).
#[derive(Clone, Debug)]
#[must_use]
pub struct RegisteredClient {
    pub(super) id: String,
    pub(super) proof: Proof,
    pub(super) scopes: Option<ScopeSet>,
    pub(super) redirect_uris: Vec<String>,
    pub(super) post_logout_redirect_uris: Vec<String>,
}

/// What proves that a client is who it says.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    Nothing,
    Secret(Secret),
    Keys(KeySet),
}

impl RegisteredClient {
    /// A confidential client, which may ask for any scope. Its secret is taken by HTTP Basic,
    /// in the body, and in the signature of an assertion (`client_secret_jwt`), if it is long
    /// enough to sign.
    pub fn new(id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self::with(id, Proof::Secret(secret.into()))
    }

    /// A confidential client that signs assertions (`private_key_jwt`), and may ask for any
    /// scope. `keys` are its public ones, as
    /// [`SigningKey::verification_keys`](crate::jwt::SigningKey::verification_keys) gives them.
    pub fn with_keys(id: impl Into<String>, keys: KeySet) -> Self {
        Self::with(id, Proof::Keys(keys))
    }

    /// A public client (RFC 6749 §2.1): it has no secret.
    pub fn public(id: impl Into<String>) -> Self {
        Self::with(id, Proof::Nothing)
    }

    fn with(id: impl Into<String>, proof: Proof) -> Self {
        Self {
            id: id.into(),
            proof,
            scopes: None,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
        }
    }

    /// The scopes it may ask for, and gets when it asks for none.
    pub fn scopes<S: AsRef<str>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = Some(scopes.into_iter().collect());
        self
    }

    /// One more address that people are sent back to after they have logged in: compared
    /// exactly (RFC 9700 §4.1.3).
    pub fn redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// One more address that people are sent back to after they have logged out.
    pub fn post_logout_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.post_logout_redirect_uris.push(uri.into());
        self
    }

    pub(super) fn is_public(&self) -> bool {
        matches!(self.proof, Proof::Nothing)
    }

    /// What verifies the client's assertions; None if it makes none.
    pub(super) fn assertion_keys(&self) -> Option<KeySet> {
        let Proof::Secret(secret) = &self.proof else {
            return match &self.proof {
                Proof::Keys(keys) => Some(keys.clone()),
                _ => None,
            };
        };
        let algorithms = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        let keys = algorithms
            .iter()
            .filter_map(|algorithm| KeySet::from_secret(*algorithm, secret.expose()).ok());
        keys.reduce(|keys, more| keys.union(&more))
    }
}
