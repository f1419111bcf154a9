//! Keys that verify, which algorithm each may be used with, and the choice among them.

use std::{fmt, sync::Arc};

use super::{
    algorithm::Algorithm,
    key_error::{KeyError, KeyErrorKind},
    signature::{self, KeyMaterial, PublicKey, Verify},
};

/// More keys than this are never tried on one token.
const MAX_CANDIDATES: usize = 4;

/// RFC 7518 §3.2: a key of the same size as the hash output, or larger.
const MIN_SECRET_SIZE: usize = 32;

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
    key_id: Option<Arc<str>>,
    verifier: Arc<dyn Verify>,
}

impl Key {
    /// A key for `algorithm`.
    ///
    /// # Errors
    ///
    /// When it is a key of another kind, too weak, or no key at all.
    pub(crate) fn new(algorithm: Algorithm, material: KeyMaterial<'_>) -> Result<Self, KeyError> {
        check_kind(algorithm, material)?;
        match material {
            KeyMaterial::Secret(secret) => {
                check_no_pem(secret)?;
                check_secret_size(secret)?;
            }
            KeyMaterial::Public(key) => check_public_key(key)?,
        }
        Self::parse(algorithm, material)
    }

    /// A shared secret that is shorter than the hash.
    pub(crate) fn dangerous_short(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let material = KeyMaterial::Secret(secret);
        check_kind(algorithm, material)?;
        check_no_pem(secret)?;
        if secret.is_empty() {
            return Err(KeyErrorKind::Encoding("the secret is empty").into());
        }
        Self::parse(algorithm, material)
    }

    fn parse(algorithm: Algorithm, material: KeyMaterial<'_>) -> Result<Self, KeyError> {
        let verifier = signature::verifier(algorithm, material)
            .ok_or(KeyErrorKind::Encoding("the numbers are not those of a key"))?;
        Ok(Self {
            algorithm,
            key_id: None,
            verifier,
        })
    }

    pub(crate) fn with_key_id(mut self, key_id: Option<&str>) -> Self {
        self.key_id = key_id.map(Arc::from);
        self
    }

    pub(super) fn key_id(&self) -> Option<&Arc<str>> {
        self.key_id.as_ref()
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verifier.verify(message, signature)
    }

    fn order(&self) -> (Algorithm, Option<&str>) {
        (self.algorithm, self.key_id.as_deref())
    }
}

/// Which key may be used with which algorithm (RFC 7518 §3, RFC 8037 §3.1).
fn check_kind(algorithm: Algorithm, material: KeyMaterial<'_>) -> Result<(), KeyError> {
    let key = match (algorithm, material) {
        (Algorithm::HS256, KeyMaterial::Secret(_))
        | (Algorithm::RS256, KeyMaterial::Public(PublicKey::Rsa { .. }))
        | (Algorithm::ES256, KeyMaterial::Public(PublicKey::P256(_)))
        | (Algorithm::EdDSA, KeyMaterial::Public(PublicKey::Ed25519(_))) => return Ok(()),
        (_, KeyMaterial::Secret(_)) => "a shared secret",
        (_, KeyMaterial::Public(PublicKey::Rsa { .. })) => "an RSA key",
        (_, KeyMaterial::Public(PublicKey::P256(_))) => "a P-256 key",
        (_, KeyMaterial::Public(PublicKey::Ed25519(_))) => "an Ed25519 key",
    };
    Err(KeyErrorKind::NotForAlgorithm { algorithm, key }.into())
}

fn check_no_pem(secret: &[u8]) -> Result<(), KeyError> {
    // Everyone knows a public key: as a secret it would let everyone sign.
    if secret.trim_ascii_start().starts_with(b"-----BEGIN ") {
        return Err(KeyErrorKind::SecretIsPem.into());
    }
    Ok(())
}

fn check_secret_size(secret: &[u8]) -> Result<(), KeyError> {
    if secret.len() < MIN_SECRET_SIZE {
        return Err(KeyErrorKind::SecretTooShort {
            bytes: secret.len(),
            minimum: MIN_SECRET_SIZE,
        }
        .into());
    }
    Ok(())
}

fn check_public_key(key: &PublicKey) -> Result<(), KeyError> {
    match key {
        PublicKey::Rsa { modulus, exponent } => check_rsa(modulus, exponent),
        PublicKey::P256(_) => Ok(()), // whether the point is on the curve is the backend's to say
        PublicKey::Ed25519(point) if is_of_small_order(point) => Err(KeyErrorKind::Weak.into()),
        PublicKey::Ed25519(_) => Ok(()),
    }
}

fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyError> {
    let bits = bits(modulus);
    if !(2048..=8192).contains(&bits) {
        return Err(KeyErrorKind::RsaSize { bits }.into());
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    // RFC 8017 §3.1: 3 ≤ e, and e has no factor 2; the upper limit is that of AWS-LC,
    // which keeps the verification of one token cheap.
    let exponent_is_usable = is_odd(exponent) && (2..=33).contains(&self::bits(exponent));
    if !is_odd(modulus) || !exponent_is_usable {
        return Err(KeyErrorKind::Weak.into());
    }
    Ok(())
}

fn bits(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// Whether the point is one of the few for which anyone can make signatures that fit any
/// message. AWS-LC verifies by RFC 8032 §5.1.7, which doesn't ask.
fn is_of_small_order(point: &[u8; 32]) -> bool {
    const P: [u8; 32] = little_endian(0xed, 0x7f);
    const SMALL_ORDER: [[u8; 32]; 7] = [
        [0; 32],
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        little_endian(0xec, 0x7f), // p - 1
        P,
        little_endian(0xee, 0x7f), // p + 1
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut y = *point;
    y[31] &= 0x7f; // the sign of x
    SMALL_ORDER.contains(&y)
}

/// `first`, thirty times 0xff, `last`.
const fn little_endian(first: u8, last: u8) -> [u8; 32] {
    let mut number = [0xff; 32];
    number[0] = first;
    number[31] = last;
    number
}

impl KeySet {
    pub(crate) fn new(mut keys: Vec<Key>) -> Self {
        keys.sort_by(|one, other| one.order().cmp(&other.order()));
        Self(keys.into())
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.0
    }

    /// The keys to try; none if there is none to choose.
    pub(super) fn candidates(&self, algorithm: Algorithm, key_id: Option<&str>) -> &[Key] {
        let of_algorithm = range(&self.0, |key| key.algorithm.cmp(&algorithm));
        let with_key_id =
            |wanted: Option<&str>| range(of_algorithm, |key| key.key_id.as_deref().cmp(&wanted));
        let found = match key_id {
            Some(_) => with_key_id(key_id),
            None if of_algorithm.len() == 1 => of_algorithm,
            None => &[],
        };
        let found = if found.is_empty() {
            with_key_id(None)
        } else {
            found
        };
        found.get(..MAX_CANDIDATES).unwrap_or(found)
    }
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
            .entries(self.0.iter().map(Key::order))
            .finish()
    }
}
