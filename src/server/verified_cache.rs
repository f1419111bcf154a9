//! Remembers tokens that were verified: found by a keyed hash, accepted by comparing all of
//! them.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use constant_time_eq::constant_time_eq;
use foldhash::quality::RandomState;
use quick_cache::{Equivalent, UnitWeighter, sync};

use super::{
    guard::Guard,
    jwt_authenticator::JwtAuthenticator,
    verdict::{Generation, Verdict, Verdicts},
};

/// Remembers the verdicts on tokens that were accepted, so that the next request with the
/// same token costs a comparison and no signature check.
///
/// A clone is a handle of the same memory: give one to [`Guard::cache`], and keep one for a
/// dashboard. Guards with rules of their own may share one; no verdict of one counts for
/// another.
///
/// # What a hit means
///
/// That the caller is told the same as without the cache, by the same rules at the same
/// moment. What is spared is what can't have changed. Asked anew for each request:
///
/// - whether the token is the same in every byte. A hash finds it and never decides;
/// - whether the [`KeySource`](crate::KeySource) answers with the very set of keys that
///   verified it. A key that was withdrawn, or any other change of the set, ends each verdict
///   that was come to before. No request waits for the network because of this;
/// - `exp`, `nbf` and `iat`, by the guard's clock, with the validator's leeway;
/// - each [`predicate`](crate::Validator::predicate) of the validator, such as a list of
///   revoked tokens, and the function of [`Guard::scopes_from`].
///
/// Refusals are not remembered. The rules belong to the guard: one with other rules starts
/// with nothing.
///
/// **What is not asked anew**: the application's `Deserialize`. A claims type that looks
/// elsewhere while it is read, as into a database, has seen what was there the first time.
///
/// # What is in memory
///
/// The claims, and the token as [`Verified::expose_token`](crate::Verified::expose_token) gives
/// it: in a buffer of its own that is wiped when the last clone is gone. A token that has
/// ended, or was revoked, stays until it comes again, is pushed out by others, or
/// [`clear`](Self::clear) is called; it lets nobody in meanwhile.
///
/// # Defaults
///
/// | matter | default | changed by |
/// | --- | --- | --- |
/// | verdicts | 10,000 | [`with_capacity`](Self::with_capacity) |
///
/// Beside the claims and the token's text, one takes about 200 bytes. When there are too many,
/// those go that were used least and longest ago (a kind of S3-FIFO).
///
/// # When it is worth it
///
/// When the same token comes again before it ends: a page's calls, another service's. It is
/// not where each token comes once, nor for keys of
/// [`keys::from_async_fn`](crate::keys::from_async_fn), which have to be waited for each time
/// and so leave nothing to be found.
///
/// # Example
///
/// ```
/// use tower_bearer::{Algorithm, KeySet, RequireJwt, Validator, server::VerifiedCache};
///
/// #[derive(serde::Deserialize)]
/// struct MyClaims {
///     sub: String,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let keys = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
/// # let validator = Validator::new("https://id.example", "orders");
/// let cache = VerifiedCache::new();
/// let guard = RequireJwt::<MyClaims>::new(validator, keys).cache(cache.clone());
/// # let _ = guard;
///
/// println!("{} of {} spared", cache.hits(), cache.hits() + cache.misses());
/// # Ok(()) }
/// ```
pub struct VerifiedCache<C>(Arc<Inner<C>>);

struct Inner<C> {
    verdicts: sync::Cache<Slot<C>, Arc<Verdict<C>>, UnitWeighter, RandomState>,
    hits: Counter,
    misses: Counter,
}

/// Apart from what is only read: each hit writes here.
#[derive(Default)]
#[repr(align(128))]
struct Counter(AtomicU64);

impl<C> VerifiedCache<C> {
    /// How many verdicts are remembered unless another number is given.
    pub const DEFAULT_CAPACITY: usize = 10_000;

    /// Remembers [`DEFAULT_CAPACITY`](Self::DEFAULT_CAPACITY) verdicts.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(Self::DEFAULT_CAPACITY)
    }

    /// Remembers so many verdicts. The memory has parts of one size with a lock each, so that it
    /// may be a few more, and less when one of them is full before the others.
    #[must_use]
    pub fn with_capacity(verdicts: usize) -> Self {
        let weight = u64::try_from(verdicts).unwrap_or(u64::MAX);
        let drop_at_once = sync::DefaultLifecycle::default();
        Self(Arc::new(Inner {
            verdicts: sync::Cache::with(
                verdicts,
                weight,
                UnitWeighter,
                RandomState::default(),
                drop_at_once,
            ),
            hits: Counter::default(),
            misses: Counter::default(),
        }))
    }

    /// How many tokens were let in without their signature being checked once more.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.0.hits.0.load(Ordering::Relaxed)
    }

    /// How many were not: unknown ones, and those whose verdict did not hold any more.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.0.misses.0.load(Ordering::Relaxed)
    }

    /// How many verdicts are remembered, those included that hold no more.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.verdicts.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.verdicts.is_empty()
    }

    /// Forgets all verdicts. The counters stay as they are.
    pub fn clear(&self) {
        self.0.verdicts.clear();
    }
}

impl<C> Verdicts<C> for Inner<C>
where
    C: Send + Sync,
{
    fn find(&self, rules: Generation, token: &[u8]) -> Option<Arc<Verdict<C>>> {
        let found = self.verdicts.get(&Looked { rules, token });
        if found.is_none() {
            self.misses.add_one();
        }
        found
    }

    fn keep(&self, rules: Generation, verdict: Verdict<C>) {
        let verdict = Arc::new(verdict);
        let slot = Slot {
            rules,
            verdict: Arc::clone(&verdict),
        };
        self.verdicts.insert(slot, verdict);
    }

    fn forget(&self, rules: Generation, token: &[u8]) {
        self.misses.add_one();
        self.verdicts.remove(&Looked { rules, token });
    }

    fn count_hit(&self) {
        self.hits.add_one();
    }
}

impl Counter {
    fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a verdict is kept under.
struct Slot<C> {
    rules: Generation,
    verdict: Arc<Verdict<C>>,
}

/// What is looked for.
struct Looked<'t> {
    rules: Generation,
    token: &'t [u8],
}

impl<C> Slot<C> {
    fn looked(&self) -> Looked<'_> {
        Looked {
            rules: self.rules,
            token: self.verdict.verified.expose_token().as_bytes(),
        }
    }
}

/// As many bytes at the end of a token are hashed: the end of its signature, 192 bits that
/// nobody can choose who can't sign. Whoever makes up tokens of one end finds one verdict, and
/// it is none of theirs.
const TAIL: usize = 32;

/// By a hash with a seed, which needs to be no stronger: only verified tokens are put in.
impl Hash for Looked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let token = self.token;
        self.rules.hash(state);
        state.write(token.last_chunk::<TAIL>().map_or(token, |tail| tail));
    }
}

/// All of the token, in constant time.
impl PartialEq for Looked<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules && constant_time_eq(self.token, other.token)
    }
}

impl<C> Hash for Slot<C> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.looked().hash(state);
    }
}

impl<C> PartialEq for Slot<C> {
    fn eq(&self, other: &Self) -> bool {
        self.looked() == other.looked()
    }
}

impl<C> Eq for Slot<C> {}

impl<C> Equivalent<Slot<C>> for Looked<'_> {
    fn equivalent(&self, slot: &Slot<C>) -> bool {
        *self == slot.looked()
    }
}

impl<C: Send + Sync + 'static, P, R> Guard<JwtAuthenticator<C>, P, R> {
    /// Remembers accepted tokens, so that a token that comes again costs a comparison. The
    /// rules are kept for each request all the same: [`VerifiedCache`] says how.
    #[must_use]
    pub fn cache(self, cache: VerifiedCache<C>) -> Self {
        self.with_authenticator(|jwts| jwts.remember_in(cache.0))
    }
}

impl<C> Default for VerifiedCache<C> {
    fn default() -> Self {
        Self::new()
    }
}

// By hand: `derive` would ask `C: Clone`.
impl<C> Clone for VerifiedCache<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C> fmt::Debug for VerifiedCache<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedCache")
            .field("len", &self.len())
            .field("hits", &self.hits())
            .field("misses", &self.misses())
            .finish_non_exhaustive()
    }
}
