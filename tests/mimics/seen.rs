//! What a system saw.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Tokens given for a name and a secret.
    pub logins: u32,
    /// Names and secrets that were wrong.
    pub wrong_logins: u32,
    /// Pairs given for a refresh token.
    pub refreshes: u32,
    /// Refresh tokens that were used before.
    pub reuses: u32,
    /// Refresh tokens that have ended, or that nobody gave out.
    pub dead_refreshes: u32,
    /// Calls that the guard refused.
    pub refusals: u32,
    /// What was asked in a way that the system does not allow.
    pub complaints: Vec<String>,
    /// All requests, by method and path.
    pub requests: BTreeMap<String, u32>,
}

impl Seen {
    /// The same with these requests.
    pub fn with_requests<'a>(mut self, requests: impl IntoIterator<Item = (&'a str, u32)>) -> Self {
        let requests = requests.into_iter();
        self.requests = requests
            .map(|(name, count)| (name.to_owned(), count))
            .collect();
        self
    }

    /// How often this was asked, such as `GET /users/me`.
    pub fn asked(&self, request: &str) -> u32 {
        self.requests.get(request).copied().unwrap_or_default()
    }
}

/// Where it is written down.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Seen>>);

impl Record {
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
