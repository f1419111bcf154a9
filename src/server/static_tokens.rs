//! Tokens that say nothing by themselves, and whose they are.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    hash::{Hash, Hasher},
    hint::black_box,
    sync::Arc,
    time::SystemTime,
};

use arc_swap::ArcSwap;

use super::{
    authenticate::{Authenticate, Decision, text},
    identity::Identity,
    rejection::RejectionReason,
};
use crate::{
    BoxFuture,
    jwt::signature::sha256,
    scope::ScopeSet,
    secret::Secret,
    token::{TokenValueError, check_value},
};

/// Opaque tokens that the application has given out, each with an identity and scopes of its
/// own. [`RequireToken`](super::RequireToken) and [`OptionalToken`](super::OptionalToken)
/// let their bearers in.
///
/// Only digests of the tokens are kept (SHA-256), and they are compared in constant time. A
/// clone is a handle of the same tokens: what is added or removed through one holds for the
/// next request of each guard. Where the tokens come from, a file, a table, the environment,
/// is the application's business.
///
/// **Make tokens at random, of 128 bits or more** (`openssl rand -hex 32`): whoever guesses
/// one is let in.
///
/// # Example
///
/// ```
/// use tower_bearer::{ScopeSet, server::{StaticToken, StaticTokens}};
///
/// struct Employee {
///     name: &'static str,
/// }
///
/// let tokens = StaticTokens::new();
/// let alice = StaticToken::new("9f2c5e7d1a04b863", Employee { name: "Alice" })?;
/// tokens.add(alice.with_scopes(ScopeSet::parse("orders:read")));
///
/// let identity = tokens.authenticate("9f2c5e7d1a04b863").ok_or("unknown")?;
/// assert_eq!(identity.name, "Alice");
/// assert!(tokens.remove("9f2c5e7d1a04b863"));
/// assert!(tokens.authenticate("9f2c5e7d1a04b863").is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StaticTokens<I>(Arc<ArcSwap<Known<I>>>);

type Known<I> = HashMap<Digest, Identity<I>>;

impl<I> StaticTokens<I> {
    /// No tokens yet: everybody is refused.
    #[must_use]
    pub fn new() -> Self {
        Self::from_iter([])
    }

    /// Lets the bearer of one more token in. A token that was known belongs to its new
    /// identity from now on.
    ///
    /// Each call copies what is known: for many, use [`replace_all`](Self::replace_all).
    pub fn add(&self, token: StaticToken<I>) {
        let (digest, identity) = token.entry();
        self.0.rcu(|known| {
            let mut known = Known::clone(known);
            known.insert(digest, identity.clone());
            known
        });
    }

    /// Lets the bearer of this token in no longer, and says whether it was known. Requests
    /// that have passed the guard already are not called back.
    pub fn remove(&self, token: &str) -> bool {
        let digest = Digest::of(token);
        let before = self.0.rcu(|known| {
            let mut known = Known::clone(known);
            known.remove(&digest);
            known
        });
        before.contains_key(&digest)
    }

    /// Takes these tokens in place of all that were known, at one moment. Of a token that is
    /// given twice the last counts.
    pub fn replace_all(&self, tokens: impl IntoIterator<Item = StaticToken<I>>) {
        let known = tokens.into_iter().map(StaticToken::entry).collect();
        self.0.store(Arc::new(known));
    }

    /// How many tokens are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.load().len()
    }

    /// Whether no token is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.load().is_empty()
    }

    /// Whose token this is: for tokens that don't come in a request, and for the
    /// application's own unit tests. `None` for one that is not known.
    #[must_use]
    pub fn authenticate(&self, token: &str) -> Option<Identity<I>> {
        self.0.load().get(&Digest::of(token)).cloned()
    }
}

/// Of a token that is given twice the last counts.
impl<I> FromIterator<StaticToken<I>> for StaticTokens<I> {
    fn from_iter<T: IntoIterator<Item = StaticToken<I>>>(tokens: T) -> Self {
        let known = tokens.into_iter().map(StaticToken::entry).collect();
        Self(Arc::new(ArcSwap::from_pointee(known)))
    }
}

impl<I> Default for StaticTokens<I> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I> Clone for StaticTokens<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I> fmt::Debug for StaticTokens<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticTokens")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Nothing has ever to be waited for.
impl<I: Send + Sync + 'static> Authenticate for StaticTokens<I> {
    type Caller = Identity<I>;
    type Awaited = Infallible;

    fn decide(
        &self,
        token: &[u8],
        _: SystemTime,
    ) -> Result<Decision<Identity<I>>, BoxFuture<'static, Infallible>> {
        Ok(match text(token).map(|token| self.authenticate(token)) {
            Ok(Some(identity)) => Decision::Authenticated(identity),
            Ok(None) => RejectionReason::UnknownToken.into(),
            Err(decision) => decision,
        })
    }

    fn resume(&self, _: &[u8], awaited: Infallible, _: SystemTime) -> Decision<Identity<I>> {
        match awaited {}
    }
}

/// One token, whose it is and what it allows. The token itself is not kept.
pub struct StaticToken<I> {
    digest: Digest,
    identity: I,
    scopes: ScopeSet,
}

impl<I> StaticToken<I> {
    /// A token that allows no scope.
    ///
    /// # Errors
    ///
    /// When the token is empty or can't stand in a header: only visible ASCII can. A line
    /// break at the end of a file is such a character.
    pub fn new(token: impl Into<Secret>, identity: I) -> Result<Self, TokenValueError> {
        let token = token.into();
        check_value(token.expose())?;
        Ok(Self {
            digest: Digest::of(token.expose()),
            identity,
            scopes: ScopeSet::default(),
        })
    }

    /// The same with what it allows: what [`RequireScope`](super::RequireScope) looks at.
    #[must_use]
    pub fn with_scopes(mut self, scopes: ScopeSet) -> Self {
        self.scopes = scopes;
        self
    }

    fn entry(self) -> (Digest, Identity<I>) {
        (self.digest, Identity::new(self.identity, self.scopes))
    }
}

impl<I> fmt::Debug for StaticToken<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticToken")
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// What is kept of a token. It is found through the standard library's keyed hash, so that
/// neither the place of an entry nor the time it takes to find it tells of its digest.
#[derive(Clone, Copy)]
struct Digest([u8; 32]);

impl Digest {
    fn of(token: &str) -> Self {
        Self(sha256(token.as_bytes()))
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// In constant time.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        let difference = pairs.fold(0, |difference, (one, other)| difference | (one ^ other));
        black_box(difference) == 0
    }
}

impl Eq for Digest {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_equal_only_where_every_byte_is() {
        let mut rows = vec![([0; 32], true)];
        for at in 0..32 {
            let mut other = [0; 32];
            other[at] = 1;
            rows.push((other, false));
            // Differences must not cancel each other out.
            other[(at + 1) % 32] = 1;
            rows.push((other, false));
        }
        for (other, expected) in rows {
            assert_eq!(Digest([0; 32]) == Digest(other), expected, "{other:?}");
        }
    }
}
