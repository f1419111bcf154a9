//! Sessions that were ended, whose cookies may still be about.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::SessionKey;

/// What this process knows of: another one, or this one after a restart, takes a copy of the
/// cookie until its end.
#[derive(Debug, Default)]
pub(in crate::login) struct Denied(Mutex<HashMap<SessionKey, u64>>);

impl Denied {
    /// Denies a session until the end that it would have had.
    pub(in crate::login) fn add(&self, key: SessionKey, until: u64, now: u64) {
        let mut denied = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        denied.retain(|_, until| *until > now);
        denied.insert(key, until);
    }

    pub(in crate::login) fn contains(&self, key: &SessionKey) -> bool {
        let denied = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        denied.contains_key(key)
    }
}
