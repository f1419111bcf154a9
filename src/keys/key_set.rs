//! A fixed set of keys: what it can be made of.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, DecodingKeyKind};
use zeroize::Zeroizing;

use crate::jwt::{
    Algorithm, der, jwk,
    key::{Key, KeySet},
    key_error::{KeyError, KeyErrorKind},
    key_material::{Curve, KeyMaterial, PublicKey},
    pem,
    signature::Backend,
};

impl KeySet {
    /// A shared secret: the bytes as they are. See
    /// [`from_secret_base64url`](Self::from_secret_base64url) for a secret that is written
    /// in base64url.
    ///
    /// # Errors
    ///
    /// When `algorithm` is not one of shared secrets; when the secret is shorter than
    /// RFC 7518 §3.2 asks (32, 48 and 64 bytes for HS256, HS384 and HS512); when it is a PEM file.
    pub fn from_secret(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let secret = Zeroizing::new(secret.as_ref().to_vec());
        let key = Key::new(algorithm, KeyMaterial::Secret(secret))?;
        Ok(Self::new(vec![key]))
    }

    /// A shared secret that is written in base64url without padding, as the `k` of a JWK.
    ///
    /// # Errors
    ///
    /// As [`from_secret`](Self::from_secret), and when it is not base64url.
    pub fn from_secret_base64url(algorithm: Algorithm, secret: &str) -> Result<Self, KeyError> {
        let decoded = URL_SAFE_NO_PAD.decode(secret).map_err(|_| {
            KeyErrorKind::Encoding(
                "the secret is not base64url without padding; `+`, `/` and `=` are not in it",
            )
        })?;
        Self::from_secret(algorithm, &*Zeroizing::new(decoded))
    }

    /// A shared secret of any length but zero. Whoever has one token can try secrets
    /// against it as fast as his machines allow; a short one, or one that is a word, is
    /// found, and then he can sign.
    ///
    /// # Errors
    ///
    /// When `algorithm` is not one of shared secrets, or the secret is empty.
    pub fn dangerous_from_short_secret(
        algorithm: Algorithm,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, KeyError> {
        let key = Key::dangerous_short(algorithm, secret.as_ref())?;
        Ok(Self::new(vec![key]))
    }

    /// Public keys in PEM: `PUBLIC KEY` (SPKI), `RSA PUBLIC KEY` (PKCS#1) or `CERTIFICATE`
    /// (X.509); one or several, all for `algorithm`.
    ///
    /// Of a certificate its key is used and nothing else: who issued it and until when it
    /// is valid is not asked. Of a chain give the first one only, since every key in here
    /// verifies tokens.
    ///
    /// # Errors
    ///
    /// When there is none; when one is not of `algorithm`, too weak, or a private key.
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        keys_in_pem(Some(algorithm), pem.as_ref()).map(Self::new)
    }

    /// A public key in DER: SPKI (RFC 5280 §4.1.2.7), PKCS#1 (RFC 8017 A.1.1) for RSA, or
    /// that of an X.509 certificate, of which [`from_pem`](Self::from_pem) says more.
    ///
    /// # Errors
    ///
    /// When it is none, not one of `algorithm`, too weak, or a private key.
    pub fn from_der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let key = key_in_der(Some(algorithm), der.as_ref())?;
        Ok(Self::new(vec![key]))
    }

    /// One JWK (RFC 7517 §4), with its `kid`.
    ///
    /// The algorithm is that of `alg`, or else that which such keys are mostly used for:
    /// ES256, ES384, ES512 or EdDSA by the curve, and RS256 for RSA
    /// ([`with_rsa_algorithm`](Self::with_rsa_algorithm) says another). `oct` needs `alg`.
    /// `x5c` and `x5t` are ignored. A key with the member `issuer`, as Entra ID's have it,
    /// verifies tokens of that issuer only.
    ///
    /// # Errors
    ///
    /// When it is malformed, of a type, curve or algorithm that is not supported, not for
    /// signatures (`use`, `key_ops`), too weak, or a private key (`d`).
    pub fn from_jwk(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Ok(Self::new(vec![jwk::key(json.as_ref())?]))
    }

    /// A JWKS (RFC 7517 §5): each key that [`from_jwk`](Self::from_jwk) would take. One
    /// odd key does not spoil the set: it is skipped, and a warning is logged.
    ///
    /// # Errors
    ///
    /// When it is malformed, has no key that can be used, or more than 100 keys.
    pub fn from_jwks(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        jwk::keys(json.as_ref()).map(Self::new)
    }

    /// The same keys, each with this `kid`.
    #[must_use]
    pub fn with_key_id(&self, key_id: impl AsRef<str>) -> Self {
        let keys = self.keys().iter().cloned();
        Self::new(
            keys.map(|key| key.with_key_id(Some(key_id.as_ref())))
                .collect(),
        )
    }

    /// The same keys, of which those of RSA are for this algorithm if nobody named theirs:
    /// neither `alg` of a JWK nor the call that made the set.
    ///
    /// ```
    /// use tower_bearer::{Algorithm, KeySet};
    ///
    /// # fn keys(jwks: &str) -> Result<KeySet, tower_bearer::keys::KeyError> {
    /// let keys = KeySet::from_jwks(jwks)?.with_rsa_algorithm(Algorithm::PS256)?;
    /// # Ok(keys) }
    /// ```
    ///
    /// # Errors
    ///
    /// When there is such a key and `algorithm` is not one of RSA.
    pub fn with_rsa_algorithm(&self, algorithm: Algorithm) -> Result<Self, KeyError> {
        let keys = self.keys().iter();
        let keys: Result<_, _> = keys.map(|key| key.with_rsa_algorithm(algorithm)).collect();
        Ok(Self::new(keys?))
    }

    /// The same keys, used by this backend.
    ///
    /// # Errors
    ///
    /// When the backend refuses a key.
    pub fn with_backend(&self, backend: Backend) -> Result<Self, KeyError> {
        let keys = self.keys().iter();
        let keys: Result<_, _> = keys.map(|key| key.with_backend(backend)).collect();
        Ok(Self::new(keys?))
    }

    /// A key of `jsonwebtoken`, converted at once. What it holds is judged anew: that crate
    /// looks at a key only when it is used.
    ///
    /// # Errors
    ///
    /// When it is not one of `algorithm`, too weak, or no key at all.
    pub fn from_decoding_key(algorithm: Algorithm, key: &DecodingKey) -> Result<Self, KeyError> {
        let key = match (key.family(), key.kind()) {
            (AlgorithmFamily::Hmac, DecodingKeyKind::SecretOrDer(secret)) => {
                return Self::from_secret(algorithm, secret);
            }
            (_, DecodingKeyKind::RsaModulusExponent { n, e }) => PublicKey::Rsa {
                modulus: jwk::without_leading_zeros(n).into(),
                exponent: jwk::without_leading_zeros(e).into(),
            },
            (AlgorithmFamily::Rsa, DecodingKeyKind::SecretOrDer(der)) => der::public_key(der)?,
            (_, DecodingKeyKind::SecretOrDer(key)) => bare_point(key)?,
        };
        Ok(Self::new(vec![Key::public(Some(algorithm), key)?]))
    }

    /// The keys of both, as while one is replaced by the other.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::new([self.keys(), other.keys()].concat())
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys().len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys().is_empty()
    }
}

/// The keys of each section: for `algorithm`, or for what such keys are mostly used for.
pub(super) fn keys_in_pem(algorithm: Option<Algorithm>, pem: &[u8]) -> Result<Vec<Key>, KeyError> {
    let sections = pem::sections(pem)?;
    if sections.is_empty() {
        return Err(
            KeyErrorKind::Encoding("there is no `-----BEGIN PUBLIC KEY-----` in it").into(),
        );
    }
    let keys = sections.iter().map(|der| key_in_der(algorithm, der));
    keys.collect()
}

pub(super) fn key_in_der(algorithm: Option<Algorithm>, der: &[u8]) -> Result<Key, KeyError> {
    Key::public(algorithm, der::public_key(der)?)
}

/// What `jsonwebtoken` keeps of a key on a curve: mostly the point alone. Its length tells
/// the curve.
fn bare_point(key: &[u8]) -> Result<PublicKey, KeyError> {
    if let Ok(point) = key.try_into() {
        return Ok(PublicKey::Ed25519(point));
    }
    match Curve::ALL.iter().find_map(|curve| curve.point(key)) {
        Some(key) => Ok(key),
        None => Ok(der::public_key(key)?),
    }
}

/// Converted at once: what that crate's types leave out (`crv` of another kind, `use`) is
/// judged by the same rules as JSON is.
impl TryFrom<&jsonwebtoken::jwk::Jwk> for KeySet {
    type Error = KeyError;

    fn try_from(jwk: &jsonwebtoken::jwk::Jwk) -> Result<Self, KeyError> {
        Self::from_jwk(as_json(jwk)?)
    }
}

/// Converted at once, as a JWKS is.
impl TryFrom<&jsonwebtoken::jwk::JwkSet> for KeySet {
    type Error = KeyError;

    fn try_from(jwks: &jsonwebtoken::jwk::JwkSet) -> Result<Self, KeyError> {
        Self::from_jwks(as_json(jwks)?)
    }
}

fn as_json(value: &impl serde::Serialize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    serde_json::to_vec(value)
        .map(Zeroizing::new)
        .map_err(|_| KeyErrorKind::Encoding("it can't be written as JSON").into())
}
