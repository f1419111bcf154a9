//! What a health check and a dashboard want to know.

use std::time::Duration;

use super::FetchError;

/// What [`RemoteKeySet::state`](super::RemoteKeySet::state) tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct State {
    /// Where the keys come from: the issuer, the address without its query, or the path.
    pub source: String,
    /// Whether tokens can be verified now.
    pub is_ready: bool,
    /// The `kid` of each key that is trusted, escaped and cut; `(no kid)` for one that has
    /// none. There are as many as there are keys.
    pub key_ids: Vec<String>,
    /// How long ago the set was read, or said to be unchanged.
    pub age: Option<Duration>,
    /// How long the set has been past its lifetime; zero within it. The keys serve for
    /// [`Timing::stale`](super::Timing::stale) of it.
    pub staleness: Duration,
    /// Why the last attempt failed; `None` after one that did not.
    pub last_error: Option<FetchError>,
    /// How long the source is left alone because of that.
    pub next_attempt: Duration,
    /// What was counted since the start.
    pub counters: Counters,
}

/// Numbers that only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Attempts to read the set. With discovery, one may be several requests.
    pub attempts: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Attempts that found the set unchanged (304).
    pub not_modified: u64,
    /// Attempts because a token named a key that was not in the set.
    pub for_unknown_keys: u64,
    /// Times that the trusted keys changed.
    pub changes: u64,
}
