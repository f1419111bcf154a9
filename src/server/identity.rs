//! Who brings a token that says nothing by itself.

use std::{fmt, ops::Deref, sync::Arc};

use http::Extensions;

use super::authentication::{Authentication, Bearer, Proof, downcast};
use crate::scope::ScopeSet;

/// The bearer of a token of [`StaticTokens`](super::StaticTokens), in the application's own
/// type: `identity.name` is a field of `I`.
///
/// [`of`](Self::of) finds it in a request that a guard has let through, and with the feature
/// `axum` it is an extractor. As with [`Verified<C>`](crate::Verified), its existence is the proof: it comes
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

impl<I: Send + Sync + 'static> Identity<I> {
    /// Who the nearest guard has found the caller of a request with these extensions to be.
    ///
    /// `None` if that guard has let an anonymous one through, or gives another type, or if
    /// there is no guard: [`Authentication`] tells these apart.
    ///
    /// # Example
    ///
    /// ```
    /// use tower_bearer::server::Identity;
    ///
    /// struct Employee {
    ///     name: String,
    /// }
    ///
    /// fn greeting<B>(request: &http::Request<B>) -> String {
    ///     let employee = Identity::<Employee>::of(request.extensions());
    ///     employee.map_or("who are you?".into(), |known| format!("hello, {}", known.name))
    /// }
    /// # assert!(greeting(&http::Request::new(())).starts_with("who"));
    /// ```
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        Authentication::proof_in(extensions)
    }
}

impl<I: Send + Sync + 'static> Proof for Identity<I> {
    fn into_bearer(self) -> Arc<dyn Bearer> {
        self.0
    }

    fn of_bearer(bearer: &Arc<dyn Bearer>) -> Option<Self> {
        downcast(bearer).map(Self)
    }
}

impl<I: Send + Sync + 'static> Bearer for Inner<I> {
    fn scopes(&self) -> &ScopeSet {
        &self.scopes
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
