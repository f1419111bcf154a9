//! Keys that verify, and the choice among them.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use zeroize::Zeroizing;

use super::{
    algorithm::{Algorithm, KeyType},
    key_check::{check, check_kind, check_no_pem, may_be_signature},
    key_choice::KeyChoice,
    key_error::{KeyError, KeyErrorKind},
    key_material::{KeyMaterial, PublicKey},
    pattern::Pattern,
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
/// The choice costs the same among a thousand keys as with one: where which keys stand is
/// noted when they are loaded.
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
pub struct KeySet(Arc<Keys>);

struct Keys {
    keys: Box<[Key]>,
    choice: KeyChoice,
}

/// One key.
#[derive(Clone)]
pub(crate) struct Key {
    algorithm: Algorithm,
    /// Nobody named the algorithm: it is what the key's type is mostly used for.
    is_assumed: bool,
    key_id: Option<Arc<str>>,
    /// Whose tokens it signs, where the key says so.
    issuer: Option<Arc<Pattern>>,
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
            issuer: None,
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
            issuer: self.issuer.clone(),
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

    /// The same key, for tokens of that issuer only; a place such as `{tenantid}` in it
    /// stands for any one tenant.
    pub(super) fn with_issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(Arc::new(Pattern::template(issuer)));
        self
    }

    pub(super) fn issuer(&self) -> Option<&Pattern> {
        self.issuer.as_deref()
    }

    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Whether both are the same key, by the same name and for the same algorithm.
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.order() == other.order()
            && self.issuer == other.issuer
            && *self.material == *other.material
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        may_be_signature(self.algorithm, signature) && self.verifier.verify(message, signature)
    }

    pub(super) fn order(&self) -> (Algorithm, Option<&str>) {
        (self.algorithm, self.key_id.as_deref())
    }
}

impl KeySet {
    pub(crate) fn new(mut keys: Vec<Key>) -> Self {
        let choice = KeyChoice::among(&mut keys);
        let keys = keys.into();
        Self(Arc::new(Keys { keys, choice }))
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.0.keys
    }

    /// What is enough to tell this set from all others that ever were, and keeps no key.
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    pub(crate) fn identity(&self) -> KeySetIdentity {
        KeySetIdentity(Arc::downgrade(&self.0))
    }

    /// Whether both are one and the same, so that nothing was added or withdrawn.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether a key has that `kid` and is of that algorithm.
    pub(crate) fn has_named(&self, algorithm: Algorithm, key_id: Option<&str>) -> bool {
        key_id.is_some_and(|key_id| !self.0.choice.named(algorithm, key_id).is_empty())
    }

    /// Whether there is a key to try.
    pub(crate) fn has_candidates(&self, algorithm: Algorithm, key_id: Option<&str>) -> bool {
        !self.candidates(algorithm, key_id).is_empty()
    }

    /// The keys to try; none if there is none to choose.
    pub(super) fn candidates(&self, algorithm: Algorithm, key_id: Option<&str>) -> &[Key] {
        let places = self.0.choice.candidates(algorithm, key_id);
        let found = self.0.keys.get(places).unwrap_or_default();
        found.get(..MAX_CANDIDATES).unwrap_or(found)
    }
}

/// Which set it was, after its keys may be gone. While this exists, no other set can stand at
/// the same address.
pub(crate) struct KeySetIdentity(Weak<Keys>);

#[cfg_attr(not(feature = "server"), allow(dead_code))]
impl KeySetIdentity {
    pub(crate) fn is_of(&self, keys: &KeySet) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(&keys.0))
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys().iter().map(|key| (key.order(), key.backend)))
            .finish()
    }
}
