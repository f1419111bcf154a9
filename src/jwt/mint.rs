//! Making tokens: for issuers, for tests, for debugging on one's own machine.

use std::{error::Error, fmt};

use serde::Serialize;

use super::algorithm::Algorithm;
use crate::{keys::KeySet, secret::Secret};

/// A key that signs tokens. A clone is a reference count.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
}

impl SigningKey {
    /// A shared secret.
    ///
    /// # Errors
    ///
    /// See the error.
    pub fn from_secret(
        algorithm: Algorithm,
        secret: impl AsRef<[u8]>,
    ) -> Result<Self, SigningKeyError> {
        let _ = (algorithm, secret.as_ref());
        todo!()
    }

    /// A private key in PKCS#8 PEM.
    ///
    /// # Errors
    ///
    /// See the error.
    pub fn from_pkcs8_pem(
        algorithm: Algorithm,
        pem: impl AsRef<[u8]>,
    ) -> Result<Self, SigningKeyError> {
        let _ = (algorithm, pem.as_ref());
        todo!()
    }

    /// A private key in PKCS#8 DER.
    ///
    /// # Errors
    ///
    /// See the error.
    pub fn from_pkcs8_der(
        algorithm: Algorithm,
        der: impl AsRef<[u8]>,
    ) -> Result<Self, SigningKeyError> {
        let _ = (algorithm, der.as_ref());
        todo!()
    }

    /// A new key.
    ///
    /// # Errors
    ///
    /// See the error.
    pub fn generate(algorithm: Algorithm) -> Result<Self, SigningKeyError> {
        let _ = algorithm;
        todo!()
    }

    /// The same with a `kid`.
    #[must_use]
    pub fn with_key_id(self, key_id: impl Into<String>) -> Self {
        let _ = key_id.into();
        self
    }

    /// The algorithm it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        todo!()
    }

    /// What verifies its tokens.
    #[must_use]
    pub fn public_key_set(&self) -> KeySet {
        todo!()
    }

    /// The public JWK as JSON text; `None` for a shared secret.
    #[must_use]
    pub fn public_jwk(&self) -> Option<String> {
        todo!()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Makes tokens with one key. Not for the production of a resource server.
#[derive(Clone, Debug)]
pub struct Minter {
    key: SigningKey,
}

impl Minter {
    /// A minter with `typ: JWT` and the key's `kid`.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        Self { key }
    }

    /// Writes another `typ`.
    #[must_use]
    pub fn token_type(self, token_type: impl Into<String>) -> Self {
        let _ = token_type.into();
        self
    }

    /// A token with these claims.
    ///
    /// # Errors
    ///
    /// See the error.
    pub fn mint(&self, claims: &(impl Serialize + ?Sized)) -> Result<Secret, MintError> {
        let _ = (claims, &self.key);
        todo!()
    }
}

/// A key that can't sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyError(String);

impl fmt::Display for SigningKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for SigningKeyError {}

/// A token that could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintError(String);

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for MintError {}
