//! Who brings a token that says nothing by itself.

use std::{fmt, ops::Deref, sync::Arc};

use super::authentication::Bearer;
use crate::scope::ScopeSet;

/// The bearer of a token of [`StaticTokens`](super::StaticTokens), in the application's own
/// type: `identity.name` is a field of `I`.
///
/// Guards put it into the request's extensions, and with the feature `axum` it is an
/// extractor. As with [`Verified<C>`](crate::Verified), its existence is the proof: it comes
/// from a guard, or from [`StaticTokens::authenticate`](super::StaticTokens::authenticate).
/// A clone is a reference count and asks nothing of `I`. `Debug` shows the scopes alone.
pub struct Identity<I>(Arc<Inner<I>>);

struct Inner<I> {
    identity: I,
    scopes: ScopeSet,
}

impl<I> Identity<I> {
    pub(super) fn new(identity: I, scopes: ScopeSet) -> Self {
        Self(Arc::new(Inner { identity, scopes }))
    }

    /// What the token allows.
    #[must_use]
    pub fn scopes(&self) -> &ScopeSet {
        &self.0.scopes
    }
}

impl<I> Deref for Identity<I> {
    type Target = I;

    fn deref(&self) -> &I {
        &self.0.identity
    }
}

impl<I: Send + Sync + 'static> Bearer for Identity<I> {
    fn scopes(&self) -> &ScopeSet {
        self.scopes()
    }

    fn issuer(&self) -> Option<&str> {
        None
    }

    fn subject(&self) -> Option<&str> {
        None
    }
}

impl<I> Clone for Identity<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I> fmt::Debug for Identity<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("scopes", self.scopes())
            .finish_non_exhaustive()
    }
}
