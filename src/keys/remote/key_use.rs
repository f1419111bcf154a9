//! What is said about all keys of a set, wherever they come from.

use crate::jwt::{Algorithm, key::Key, key_error::KeyError, signature::Backend};

#[derive(Clone, Copy, Default)]
pub(crate) struct KeyUse {
    /// What RSA keys are for that don't say it.
    pub(super) rsa_algorithm: Option<Algorithm>,
    pub(super) backend: Option<Backend>,
}

impl KeyUse {
    pub(super) fn of(self, keys: Vec<Key>) -> Result<Vec<Key>, KeyError> {
        keys.into_iter().map(|key| self.of_key(key)).collect()
    }

    fn of_key(self, mut key: Key) -> Result<Key, KeyError> {
        if let Some(algorithm) = self.rsa_algorithm {
            key = key.with_rsa_algorithm(algorithm)?;
        }
        match self.backend {
            Some(backend) => key.with_backend(backend),
            None => Ok(key),
        }
    }
}
