//! A fixed set of keys: what it can be made of.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls_pki_types::pem::{PemObject, SectionKind};
use zeroize::Zeroizing;

use super::jwk;
use crate::jwt::{
    Algorithm, der,
    key::{Key, KeySet},
    key_error::{KeyError, KeyErrorKind},
    signature::KeyMaterial,
};

impl KeySet {
    /// A shared secret: the bytes as they are. See
    /// [`from_secret_base64url`](Self::from_secret_base64url) for a secret that is written
    /// in base64url.
    ///
    /// # Errors
    ///
    /// When `algorithm` is not one of shared secrets; when the secret is shorter than
    /// RFC 7518 §3.2 asks (32 bytes for HS256); when it is a PEM file.
    pub fn from_secret(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let key = Key::new(algorithm, KeyMaterial::Secret(secret.as_ref()))?;
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

    /// Public keys in PEM: `PUBLIC KEY` (SPKI) or `RSA PUBLIC KEY` (PKCS#1); one or
    /// several, all for `algorithm`.
    ///
    /// # Errors
    ///
    /// When there is none; when one is not of `algorithm` or too weak; when a section is
    /// a private key or a certificate.
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        const NO_SECTION: KeyErrorKind =
            KeyErrorKind::Encoding("there is no `-----BEGIN PUBLIC KEY-----` in it");
        // `der` tells the two forms apart by themselves, and the reader knows one label.
        let pem = std::str::from_utf8(pem.as_ref())
            .map_err(|_| NO_SECTION)?
            .replace("RSA PUBLIC KEY", "PUBLIC KEY");
        let mut keys = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_bytes()) {
            let (kind, der) = section.map_err(|_| KeyErrorKind::Encoding("the PEM is damaged"))?;
            keys.push(from_section(algorithm, kind, &Zeroizing::new(der))?);
        }
        if keys.is_empty() {
            return Err(NO_SECTION.into());
        }
        Ok(Self::new(keys))
    }

    /// A public key in DER: SPKI (RFC 5280 §4.1.2.7), or PKCS#1 (RFC 8017 A.1.1) for RSA.
    ///
    /// # Errors
    ///
    /// When it is none, not one of `algorithm`, or too weak.
    pub fn from_der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Ok(Self::new(vec![from_der(algorithm, der.as_ref())?]))
    }

    /// One JWK (RFC 7517 §4), with its `kid`.
    ///
    /// The algorithm is that of `alg`, or that of the key's type: RS256 for RSA, ES256 for
    /// P-256, EdDSA for Ed25519. `oct` needs `alg`. Of a private JWK the public members
    /// are used; `x5c` and `x5t` are ignored.
    ///
    /// # Errors
    ///
    /// When it is malformed, of a type, curve or algorithm that is not supported, not for
    /// signatures (`use`, `key_ops`), or too weak.
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

fn from_section(algorithm: Algorithm, kind: SectionKind, der: &[u8]) -> Result<Key, KeyError> {
    match kind {
        SectionKind::PublicKey => from_der(algorithm, der),
        SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey => {
            Err(KeyErrorKind::PrivateKey.into())
        }
        SectionKind::Certificate => Err(KeyErrorKind::Certificate.into()),
        _ => Err(KeyErrorKind::Encoding("the PEM section is not a `PUBLIC KEY`").into()),
    }
}

fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Key, KeyError> {
    let key = der::public_key(der).ok_or(KeyErrorKind::Encoding(
        "it is not a public key (SPKI or PKCS#1) of RSA, P-256 or Ed25519",
    ))?;
    Key::new(algorithm, KeyMaterial::Public(&key))
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
