//! Keys that verify, and the choice among them.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

use super::{
    algorithm::{Algorithm, KeyType},
    key_check::{check, check_kind, check_no_pem, may_be_signature},
    key_error::{KeyError, KeyErrorKind},
    key_material::{KeyMaterial, PublicKey},
    signature::{Backend, Verify},
};

/// More keys than this are never tried on one token.
const MAX_CANDIDATES: usize = 4;

/// Keys that verify tokens, each parsed once and bound to one algorithm. A clone is a
/// reference count.
///
/// Which key verifies a token is decided by its `kid` and its algorithm:
///
/// - with a `kid`: the keys that have it and are of the token's algorithm; if there is
///   none, the keys of that algorithm that have no `kid`;
/// - without a `kid`: the only key of that algorithm; if there are several, those that
///   have no `kid`;
/// - never more than four, and never a key of another algorithm.
///
/// The keys are sorted when they are loaded, so that the choice among a hundred keys is
/// a binary search that allocates nothing.
///
/// # Example
///
/// ```
/// use tower_bearer::{Algorithm, KeySet};
///
/// let secret = [7; 32]; // a real one is random
/// let keys = KeySet::from_secret(Algorithm::HS256, secret)?;
/// assert_eq!(keys.len(), 1);
/// # Ok::<(), tower_bearer::keys::KeyError>(())
/// ```
#[derive(Clone)]
pub struct KeySet(Arc<[Key]>);

/// One key.
#[derive(Clone)]
pub(crate) struct Key {
    algorithm: Algorithm,
    /// Nobody named the algorithm: it is what the key's type is mostly used for.
    is_assumed: bool,
    key_id: Option<Arc<str>>,
    backend: Backend,
    material: Arc<KeyMaterial>,
    verifier: Arc<dyn Verify>,
}

impl Key {
    /// A key for `algorithm`.
    ///
    /// # Errors
    ///
    /// When it is a key of another kind, too weak, or no key at all.
    pub(crate) fn new(algorithm: Algorithm, material: KeyMaterial) -> Result<Self, KeyError> {
        check(algorithm, &material)?;
        Self::parse(algorithm, Arc::new(material), Backend::default())
    }

    /// A public key for `algorithm`, or for that which such keys are mostly used for.
    pub(crate) fn public(algorithm: Option<Algorithm>, key: PublicKey) -> Result<Self, KeyError> {
        let assumed = Algorithm::of_key(&key);
        let mut this = Self::new(algorithm.unwrap_or(assumed), KeyMaterial::Public(key))?;
        this.is_assumed = algorithm.is_none();
        Ok(this)
    }

    /// A shared secret that is shorter than the hash.
    pub(crate) fn dangerous_short(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let material = KeyMaterial::Secret(Zeroizing::new(secret.to_vec()));
        check_kind(algorithm, material.kind())?;
        check_no_pem(secret)?;
        if secret.is_empty() {
            return Err(KeyErrorKind::Encoding("the secret is empty").into());
        }
        Self::parse(algorithm, Arc::new(material), Backend::default())
    }

    fn parse(
        algorithm: Algorithm,
        material: Arc<KeyMaterial>,
        backend: Backend,
    ) -> Result<Self, KeyError> {
        let verifier = backend
            .provider()
            .verifier(algorithm, &material)
            .ok_or(KeyErrorKind::Encoding("the numbers are not those of a key"))?;
        Ok(Self {
            algorithm,
            is_assumed: false,
            key_id: None,
            backend,
            material,
            verifier,
        })
    }

    /// The same key, used by `backend` and with `algorithm`.
    fn again(&self, algorithm: Algorithm, backend: Backend) -> Result<Self, KeyError> {
        check_kind(algorithm, self.material.kind())?;
        let again = Self::parse(algorithm, Arc::clone(&self.material), backend)?;
        Ok(Self {
            is_assumed: self.is_assumed,
            key_id: self.key_id.clone(),
            ..again
        })
    }

    pub(crate) fn with_backend(&self, backend: Backend) -> Result<Self, KeyError> {
        self.again(self.algorithm, backend)
    }

    /// The same key, for `algorithm` if it is of RSA and nobody named its algorithm.
    pub(crate) fn with_rsa_algorithm(&self, algorithm: Algorithm) -> Result<Self, KeyError> {
        if self.is_assumed && self.algorithm.key_type() == KeyType::Rsa {
            return self.again(algorithm, self.backend);
        }
        Ok(self.clone())
    }

    pub(crate) fn with_key_id(mut self, key_id: Option<&str>) -> Self {
        self.key_id = key_id.map(Arc::from);
        self
    }

    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Whether both are the same key, by the same name and for the same algorithm.
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.order() == other.order() && *self.material == *other.material
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        may_be_signature(self.algorithm, signature) && self.verifier.verify(message, signature)
    }

    fn order(&self) -> (Algorithm, Option<&str>) {
        (self.algorithm, self.key_id.as_deref())
    }
}

impl KeySet {
    pub(crate) fn new(mut keys: Vec<Key>) -> Self {
        keys.sort_by(|one, other| one.order().cmp(&other.order()));
        Self(keys.into())
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.0
    }

    /// Whether both are one and the same, so that nothing was added or withdrawn.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether a key has that `kid` and is of that algorithm.
    pub(crate) fn has_named(&self, algorithm: Algorithm, key_id: Option<&str>) -> bool {
        key_id.is_some() && !with_key_id(self.of(algorithm), key_id).is_empty()
    }

    /// Whether there is a key to try.
    pub(crate) fn has_candidates(&self, algorithm: Algorithm, key_id: Option<&str>) -> bool {
        !self.candidates(algorithm, key_id).is_empty()
    }

    /// The keys to try; none if there is none to choose.
    pub(super) fn candidates(&self, algorithm: Algorithm, key_id: Option<&str>) -> &[Key] {
        let of_algorithm = self.of(algorithm);
        let found = match key_id {
            Some(_) => with_key_id(of_algorithm, key_id),
            None if of_algorithm.len() == 1 => of_algorithm,
            None => &[],
        };
        let found = if found.is_empty() {
            with_key_id(of_algorithm, None)
        } else {
            found
        };
        found.get(..MAX_CANDIDATES).unwrap_or(found)
    }

    fn of(&self, algorithm: Algorithm) -> &[Key] {
        range(&self.0, |key| key.algorithm.cmp(&algorithm))
    }
}

fn with_key_id<'k>(of_algorithm: &'k [Key], wanted: Option<&str>) -> &'k [Key] {
    range(of_algorithm, |key| key.key_id.as_deref().cmp(&wanted))
}

/// The part of a sorted slice for which `compare` says equal.
fn range(keys: &[Key], compare: impl Fn(&Key) -> std::cmp::Ordering) -> &[Key] {
    let start = keys.partition_point(|key| compare(key).is_lt());
    let end = keys.partition_point(|key| compare(key).is_le());
    keys.get(start..end).unwrap_or_default()
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|key| (key.order(), key.backend)))
            .finish()
    }
}
