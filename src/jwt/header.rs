//! The header of a token (RFC 7515 §4), and a token of which only that was read.

use super::{algorithm::Algorithm, error::ValidationError};

/// A token whose form and header are in order, and of which nothing is verified.
pub(crate) struct Unverified<'t> {
    pub(super) token: &'t str,
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<Box<str>>,
}

impl Unverified<'_> {
    /// The header's `alg`.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The header's `kid`.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The issuer that the token names, for the choice of keys. **Unverified.**
    pub(crate) fn peek_issuer(&self) -> Result<Option<String>, ValidationError> {
        todo!()
    }
}
