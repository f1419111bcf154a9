//! A verdict that can be remembered, and what it hangs on.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    jwt::{Algorithm, Verified, key::KeySetIdentity},
    keys::KeyQuery,
};

/// A token was accepted, and this is what has to be asked before it counts again. Refusals
/// are never remembered.
pub(super) struct Verdict<C> {
    /// It holds the token, in memory of its own that is wiped.
    pub(super) verified: Verified<C>,
    /// Those that it was verified with: this set, and not one that is equal.
    pub(super) keys: KeySetIdentity,
    /// Whose rules and keys: a place in `TrustedIssuers`.
    pub(super) trusted: usize,
    /// How its keys were asked for.
    pub(super) wanted: Wanted,
}

/// What a [`KeyQuery`] says besides that which the claims say too.
pub(super) struct Wanted {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<Box<str>>,
    /// So many bytes at the end of the token.
    pub(super) signature: usize,
    pub(super) depends_on_issuer: bool,
}

impl<C> Verdict<C> {
    /// The question that was asked of the source of keys.
    pub(super) fn query(&self) -> KeyQuery<'_> {
        let issuer = self.verified.registered().issuer();
        let token = self.verified.expose_token();
        let start = token.len().checked_sub(self.wanted.signature);
        KeyQuery::new(self.wanted.algorithm)
            .with_key_id(self.wanted.key_id.as_deref())
            .with_issuer(issuer.filter(|_| self.wanted.depends_on_issuer))
            .with_signature(start.and_then(|start| token.get(start..)))
    }
}

/// Remembers verdicts.
pub(super) trait Verdicts<C>: Send + Sync {
    /// The verdict on exactly this token by exactly these rules.
    fn find(&self, rules: Generation, token: &[u8]) -> Option<Arc<Verdict<C>>>;

    fn keep(&self, rules: Generation, verdict: Verdict<C>);

    /// It has been found, and holds no more.
    fn forget(&self, rules: Generation, token: &[u8]);

    /// It has been found, and still holds.
    fn count_hit(&self);
}

/// A number for the rules of a guard. When they change, or are another guard's, it is another
/// one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Generation(u64);

impl Generation {
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
