//! What the application gets of a token that holds.

use std::{fmt, sync::Arc};

use super::registered::RegisteredClaims;
use crate::scope::ScopeSet;

/// A token that has been verified, and its claims.
///
/// There is one way to get one: [`Validator::validate`](super::Validator::validate) and
/// [`validate_granted`](super::Validator::validate_granted), or a guard, which uses the same
/// functions. [`Verified::of`] finds what a guard has left; it does not lie among a request's
/// extensions by its own type. A clone is a reference count and asks nothing of `C`. `Debug`
/// shows no token.
pub struct Verified<C> {
    contents: Arc<Contents<C>>,
}

/// What is shared of a verified token.
pub(crate) struct Contents<C> {
    pub(super) claims: C,
    pub(super) registered: RegisteredClaims,
    pub(super) scopes: ScopeSet,
    pub(super) exposes_another: bool,
}

impl<C> Contents<C> {
    pub(crate) fn registered(&self) -> &RegisteredClaims {
        &self.registered
    }

    pub(crate) fn scopes(&self) -> &ScopeSet {
        &self.scopes
    }
}

impl<C> Verified<C> {
    pub(super) fn new(contents: Contents<C>) -> Self {
        Self {
            contents: Arc::new(contents),
        }
    }

    /// The claims, in the application's own type.
    #[must_use]
    pub fn claims(&self) -> &C {
        &self.contents.claims
    }

    /// The claims with registered names.
    #[must_use]
    pub fn registered(&self) -> &RegisteredClaims {
        &self.contents.registered
    }

    /// What the token allows: `scope` or `scp`, as a string or an array, unless the guard
    /// has a function of its own for it.
    #[must_use]
    pub fn scopes(&self) -> &ScopeSet {
        &self.contents.scopes
    }

    /// The `kid` of the key that verified the token, if it has one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.contents.registered.key_id()
    }

    /// The token itself, for a call on behalf of its owner; where another token's claims were
    /// verified beside it ([`validate_granted`](super::Validator::validate_granted)), the
    /// access token. Search for `expose` to find each place that sees one.
    #[must_use]
    pub fn expose_token(&self) -> &str {
        self.contents.registered.token()
    }

    /// Whether the claims are those of another token than the one that is exposed: of an ID
    /// token that came with it ([`validate_granted`](super::Validator::validate_granted)). Of
    /// the exposed one nothing is known then, neither its audience nor its end.
    #[must_use]
    pub fn exposes_another_token(&self) -> bool {
        self.contents.exposes_another
    }

    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    pub(crate) fn from_contents(contents: Arc<Contents<C>>) -> Self {
        Self { contents }
    }

    pub(crate) fn into_contents(self) -> Arc<Contents<C>> {
        self.contents
    }

    /// The same with the scopes that a guard's own function makes of the claims; only
    /// before there is a clone.
    pub(crate) fn with_scopes(mut self, scopes: impl FnOnce(&C) -> ScopeSet) -> Self {
        if let Some(contents) = Arc::get_mut(&mut self.contents) {
            contents.scopes = scopes(&contents.claims);
        }
        self
    }
}

impl<C> Clone for Verified<C> {
    fn clone(&self) -> Self {
        Self {
            contents: Arc::clone(&self.contents),
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
