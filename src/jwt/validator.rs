//! Policy in, `Verified<C>` out, and from nowhere else.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde::de::DeserializeOwned;

use super::{
    algorithm::Algorithm, claims::RegisteredClaims, error::ValidationError, expected::Expected,
    header::Unverified,
};
use crate::{keys::KeySet, scope::ScopeSet, secret::Secret, token::AccessToken};

/// The rules that a token has to keep. A clone is a reference count.
#[derive(Clone)]
pub struct Validator {
    audience: Expected,
}

impl Validator {
    /// A token of `issuer` for `audience`.
    #[must_use]
    pub fn new(issuer: impl Into<Expected>, audience: impl Into<Expected>) -> Self {
        let _ = issuer.into();
        Self {
            audience: audience.into(),
        }
    }

    /// All that RFC 9068 §4 asks of an access token.
    #[must_use]
    pub fn rfc9068(issuer: impl Into<Expected>, audience: impl Into<Expected>) -> Self {
        Self::new(issuer, audience)
    }

    /// Accepts these algorithms only.
    #[must_use]
    pub fn algorithms(self, allowed: impl IntoIterator<Item = Algorithm>) -> Self {
        let _ = allowed.into_iter();
        self
    }

    /// How far the clocks may be apart.
    #[must_use]
    pub fn leeway(self, leeway: Duration) -> Self {
        let _ = leeway;
        self
    }

    /// Accepts these values of the header's `typ` only.
    #[must_use]
    pub fn token_types<T: Into<String>>(self, types: impl IntoIterator<Item = T>) -> Self {
        let _ = types.into_iter();
        self
    }

    /// Requires a claim to be there.
    #[must_use]
    pub fn require_claim(self, name: impl Into<String>) -> Self {
        let _ = name.into();
        self
    }

    /// Requires a claim to be one of these strings.
    #[must_use]
    pub fn exact_claim<V: Into<String>>(
        self,
        name: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let _ = (name.into(), values.into_iter());
        self
    }

    /// Requires `test` to hold; `what` names it in the log.
    #[must_use]
    pub fn predicate(
        self,
        what: &'static str,
        test: impl Fn(&RegisteredClaims) -> bool + Send + Sync + 'static,
    ) -> Self {
        let _ = (what, test);
        self
    }

    /// Accepts tokens that are bound to their sender.
    #[must_use]
    pub fn confirmation_checked_upstream(self) -> Self {
        self
    }

    /// Refuses longer tokens.
    #[must_use]
    pub fn max_token_size(self, bytes: usize) -> Self {
        let _ = bytes;
        self
    }

    /// The first audience: the default realm.
    pub(crate) fn first_audience(&self) -> Option<&str> {
        self.audience.first()
    }

    /// Checks a token.
    ///
    /// # Errors
    ///
    /// The rule that it broke.
    pub fn validate<C: DeserializeOwned>(
        &self,
        token: &str,
        keys: &KeySet,
        now: SystemTime,
    ) -> Result<Verified<C>, ValidationError> {
        self.verify(&self.read(token)?, keys, now)
    }

    /// What can be judged without a key: size, form, header.
    pub(crate) fn read<'t>(&self, token: &'t str) -> Result<Unverified<'t>, ValidationError> {
        let _ = token;
        todo!()
    }

    /// What can be known of a token before its keys are fetched.
    pub(crate) fn read_before_keys(
        &self,
        token: &Unverified<'_>,
        now: SystemTime,
    ) -> Result<Option<String>, ValidationError> {
        let _ = now;
        token.peek_issuer()
    }

    /// The rest.
    pub(crate) fn verify<C: DeserializeOwned>(
        &self,
        token: &Unverified<'_>,
        keys: &KeySet,
        now: SystemTime,
    ) -> Result<Verified<C>, ValidationError> {
        let _ = (token, keys, now);
        todo!()
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").finish_non_exhaustive()
    }
}

/// A token that has been verified, and its claims.
pub struct Verified<C> {
    inner: Arc<Inner<C>>,
    scopes: Option<Arc<ScopeSet>>,
}

struct Inner<C> {
    claims: C,
    registered: RegisteredClaims,
    scopes: ScopeSet,
    key_id: Option<Arc<str>>,
    token: Secret,
}

impl<C> Verified<C> {
    /// The claims, in the application's own type.
    #[must_use]
    pub fn claims(&self) -> &C {
        &self.inner.claims
    }

    /// The claims with registered names.
    #[must_use]
    pub fn registered(&self) -> &RegisteredClaims {
        &self.inner.registered
    }

    /// What the token allows.
    #[must_use]
    pub fn scopes(&self) -> &ScopeSet {
        self.scopes.as_deref().unwrap_or(&self.inner.scopes)
    }

    /// The `kid` of the key that verified the token, if it has one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.inner.key_id.as_deref()
    }

    /// The token itself. Search for `expose` to find each place that sees one.
    #[must_use]
    pub fn expose_token(&self) -> &str {
        self.inner.token.expose()
    }

    /// The token, ready to be relayed.
    #[must_use]
    pub fn access_token(&self) -> Option<AccessToken> {
        AccessToken::new(self.inner.token.clone()).ok()
    }

    /// The same with other scopes: what a guard's own function made of the claims.
    pub(crate) fn with_scopes(mut self, scopes: impl FnOnce(&C) -> ScopeSet) -> Self {
        self.scopes = Some(Arc::new(scopes(self.claims())));
        self
    }
}

impl<C> Clone for Verified<C> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            scopes: self.scopes.clone(),
        }
    }
}

impl<C> fmt::Debug for Verified<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("registered", self.registered())
            .field("scopes", self.scopes())
            .field("key_id", &self.key_id())
            .finish_non_exhaustive()
    }
}
