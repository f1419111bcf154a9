//! A fixed set of keys.

use std::{error::Error, fmt};

use crate::jwt::Algorithm;

/// Keys that verify tokens, each parsed once and bound to one algorithm. A clone is a
/// reference count.
#[derive(Clone)]
pub struct KeySet;

impl KeySet {
    /// A shared secret.
    ///
    /// # Errors
    ///
    /// See the error.
    pub fn from_secret(
        algorithm: Algorithm,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, KeySetError> {
        let _ = (algorithm, secret.as_ref());
        todo!()
    }

    /// A shared secret written in base64url.
    ///
    /// # Errors
    ///
    /// See the error.
    pub fn from_secret_base64url(algorithm: Algorithm, secret: &str) -> Result<Self, KeySetError> {
        let _ = (algorithm, secret);
        todo!()
    }

    /// A shared secret that is shorter than RFC 7518 §3.2 allows.
    ///
    /// # Errors
    ///
    /// See the error.
    pub fn dangerous_from_short_secret(
        algorithm: Algorithm,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, KeySetError> {
        let _ = (algorithm, secret.as_ref());
        todo!()
    }

    /// A public key in PEM.
    ///
    /// # Errors
    ///
    /// See the error.
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeySetError> {
        let _ = (algorithm, pem.as_ref());
        todo!()
    }

    /// A public key in DER.
    ///
    /// # Errors
    ///
    /// See the error.
    pub fn from_der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, KeySetError> {
        let _ = (algorithm, der.as_ref());
        todo!()
    }

    /// One JWK (RFC 7517 §4).
    ///
    /// # Errors
    ///
    /// See the error.
    pub fn from_jwk(json: impl AsRef<[u8]>) -> Result<Self, KeySetError> {
        let _ = json.as_ref();
        todo!()
    }

    /// A JWKS (RFC 7517 §5).
    ///
    /// # Errors
    ///
    /// See the error.
    pub fn from_jwks(json: impl AsRef<[u8]>) -> Result<Self, KeySetError> {
        let _ = json.as_ref();
        todo!()
    }

    /// The same, each key with this `kid`.
    #[must_use]
    pub fn with_key_id(self, key_id: impl Into<String>) -> Self {
        let _ = key_id.into();
        self
    }

    /// The keys of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let _ = other;
        todo!()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").finish_non_exhaustive()
    }
}

/// Keys that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetError(String);

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for KeySetError {}
