//! Which keys may verify this token: the one question that a validating guard asks.

use std::{error::Error, fmt, future::Future, sync::Arc, time::Duration};

use crate::{
    BoxError, BoxFuture,
    jwt::{Algorithm, key::KeySet},
};

/// Where keys come from.
///
/// The warm path is synchronous: [`current`](Self::current) is one virtual call and
/// allocates nothing. Only where it has no answer is [`obtain`](Self::obtain) asked,
/// which may wait.
///
/// A set that lacks the wanted key is an answer: the token is refused. `None`, and the
/// error of `obtain`, are for a source that can't tell.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source of keys",
    note = "give a `KeySet`, or make one of a closure with `keys::from_fn` or `keys::from_async_fn`"
)]
pub trait KeySource: Send + Sync + 'static {
    /// The keys, if they are at hand.
    ///
    /// As long as they are the same, give a clone of the same set: a cache of verified tokens
    /// takes any other one for a change, and verifies each token once more. It asks for each
    /// request.
    fn current(&self, wanted: &KeyQuery<'_>) -> Option<KeySet>;

    /// The keys, after waiting for them.
    fn obtain<'a>(
        &'a self,
        wanted: &'a KeyQuery<'a>,
    ) -> BoxFuture<'a, Result<KeySet, KeysUnavailable>>;

    /// Whether the answer depends on [`KeyQuery::issuer`]. To read it costs a look into
    /// the claims before the signature is verified, so guards do it only for those who
    /// need it. By default it does not.
    fn depends_on_issuer(&self) -> bool {
        false
    }

    /// A token was verified with a key of this source, and all its claims are in order.
    /// For sources that treat issuers better who have proved themselves. By default
    /// nobody listens. A token that a cache knows is not verified again.
    fn verified(&self, wanted: &KeyQuery<'_>) {
        let _ = wanted;
    }
}

/// What is known of the key that is wanted. All of it is what an **unverified** token
/// says.
#[derive(Clone, Copy, Debug)]
pub struct KeyQuery<'a> {
    algorithm: Algorithm,
    key_id: Option<&'a str>,
    issuer: Option<&'a str>,
    signature: Option<&'a str>,
    tried: Option<&'a KeySet>,
}

impl<'a> KeyQuery<'a> {
    /// A question for a key of this algorithm.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            key_id: None,
            issuer: None,
            signature: None,
            tried: None,
        }
    }

    /// The same for the key of that `kid`.
    #[must_use]
    pub fn with_key_id(mut self, key_id: Option<&'a str>) -> Self {
        self.key_id = key_id;
        self
    }

    /// The same for a key of that issuer.
    #[must_use]
    pub fn with_issuer(mut self, issuer: Option<&'a str>) -> Self {
        self.issuer = issuer;
        self
    }

    /// The same for the token of that signature, in base64url.
    #[must_use]
    pub fn with_signature(mut self, signature: Option<&'a str>) -> Self {
        self.signature = signature;
        self
    }

    /// The same for a token that these keys did not verify, and that named none of them.
    #[must_use]
    pub fn with_tried(mut self, tried: Option<&'a KeySet>) -> Self {
        self.tried = tried;
        self
    }

    /// The header's `alg`.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The header's `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&'a str> {
        self.key_id
    }

    /// The claim `iss`, where [`KeySource::depends_on_issuer`] says that it matters.
    #[must_use]
    pub fn issuer(&self) -> Option<&'a str> {
        self.issuer
    }

    /// The token's signature, in base64url: it tells this token from others that want the
    /// same key.
    #[must_use]
    pub fn signature(&self) -> Option<&'a str> {
        self.signature
    }

    /// Keys that the token was tried with in vain. Whether to ask for newer ones is the
    /// source's decision; to answer with these again is to refuse the token.
    #[must_use]
    pub fn tried(&self) -> Option<&'a KeySet> {
        self.tried
    }
}

/// No keys can be had at present. Not the caller's fault: the answer is 503.
#[derive(Clone)]
pub struct KeysUnavailable {
    retry_after: Duration,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl KeysUnavailable {
    /// No keys, and when to ask again.
    #[must_use]
    pub fn new(retry_after: Duration) -> Self {
        Self {
            retry_after,
            source: None,
        }
    }

    /// The same with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// When to ask again: what `Retry-After` says.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

impl fmt::Display for KeysUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the keys that verify tokens can't be had at present; next attempt in {} s",
            self.retry_after.as_secs()
        )
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says, and why.
impl fmt::Debug for KeysUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("KeysUnavailable");
        shown.field(&self.to_string());
        if let Some(source) = &self.source {
            shown.field(source);
        }
        shown.finish()
    }
}

impl Error for KeysUnavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// A set of keys always has its answer at hand.
impl KeySource for KeySet {
    fn current(&self, _: &KeyQuery<'_>) -> Option<KeySet> {
        Some(self.clone())
    }

    fn obtain<'a>(&'a self, _: &'a KeyQuery<'a>) -> BoxFuture<'a, Result<KeySet, KeysUnavailable>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }
}

impl<T: KeySource + ?Sized> KeySource for Arc<T> {
    fn current(&self, wanted: &KeyQuery<'_>) -> Option<KeySet> {
        (**self).current(wanted)
    }

    fn obtain<'a>(
        &'a self,
        wanted: &'a KeyQuery<'a>,
    ) -> BoxFuture<'a, Result<KeySet, KeysUnavailable>> {
        (**self).obtain(wanted)
    }

    fn depends_on_issuer(&self) -> bool {
        (**self).depends_on_issuer()
    }

    fn verified(&self, wanted: &KeyQuery<'_>) {
        (**self).verified(wanted);
    }
}

/// Keys from a closure that has them at hand. It runs for each token.
///
/// # Example
///
/// ```
/// use tower_bearer::{Algorithm, KeySet, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let current = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
/// let source = keys::from_fn(move |_wanted| Ok(current.clone()));
/// # let _: &dyn keys::KeySource = &source;
/// # Ok(()) }
/// ```
pub fn from_fn<F>(keys: F) -> FromFn<F>
where
    F: Fn(&KeyQuery<'_>) -> Result<KeySet, KeysUnavailable> + Send + Sync + 'static,
{
    FromFn(keys)
}

/// Made by [`from_fn`].
#[derive(Clone)]
pub struct FromFn<F>(F);

impl<F> KeySource for FromFn<F>
where
    F: Fn(&KeyQuery<'_>) -> Result<KeySet, KeysUnavailable> + Send + Sync + 'static,
{
    fn current(&self, wanted: &KeyQuery<'_>) -> Option<KeySet> {
        // The closure was asked about this token a moment ago.
        if let Some(tried) = wanted.tried() {
            return Some(tried.clone());
        }
        (self.0)(wanted).ok()
    }

    fn obtain<'a>(
        &'a self,
        wanted: &'a KeyQuery<'a>,
    ) -> BoxFuture<'a, Result<KeySet, KeysUnavailable>> {
        Box::pin(std::future::ready((self.0)(wanted)))
    }

    /// Only the closure knows.
    fn depends_on_issuer(&self) -> bool {
        true
    }
}

/// Keys from a closure that waits for them. It runs, and its future is boxed, for each
/// token: remembering is the closure's business.
///
/// # Example
///
/// ```
/// use tower_bearer::{Algorithm, KeySet, keys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let current = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
/// let source = keys::from_async_fn(move |_wanted| {
///     let current = current.clone();
///     async move { Ok(current) }
/// });
/// # let _: &dyn keys::KeySource = &source;
/// # Ok(()) }
/// ```
pub fn from_async_fn<F, Fut>(keys: F) -> FromAsyncFn<F>
where
    F: Fn(&KeyQuery<'_>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<KeySet, KeysUnavailable>> + Send + 'static,
{
    FromAsyncFn(keys)
}

/// Made by [`from_async_fn`].
#[derive(Clone)]
pub struct FromAsyncFn<F>(F);

impl<F, Fut> KeySource for FromAsyncFn<F>
where
    F: Fn(&KeyQuery<'_>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<KeySet, KeysUnavailable>> + Send + 'static,
{
    fn current(&self, _: &KeyQuery<'_>) -> Option<KeySet> {
        None
    }

    fn obtain<'a>(
        &'a self,
        wanted: &'a KeyQuery<'a>,
    ) -> BoxFuture<'a, Result<KeySet, KeysUnavailable>> {
        Box::pin((self.0)(wanted))
    }

    /// Only the closure knows.
    fn depends_on_issuer(&self) -> bool {
        true
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for FromAsyncFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromAsyncFn").finish_non_exhaustive()
    }
}
