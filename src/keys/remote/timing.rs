//! How long things take and how often they happen: every number of `RemoteKeySet` in one
//! place.

use std::time::Duration;

/// The numbers by which a [`RemoteKeySet`](super::RemoteKeySet) acts.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::keys::remote::Timing;
///
/// let mut timing = Timing::default();
/// timing.stale = Duration::from_secs(4 * 60 * 60);
/// ```
///
/// # Defaults
///
/// Each field names its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timing {
    /// A set lives at least this long, whatever its `max-age` says. 30 s.
    pub lifetime_min: Duration,
    /// A set lives at most this long, whatever its `max-age` says. 1 h.
    pub lifetime_max: Duration,
    /// How long a set lives whose answer doesn't say it, or says `no-cache` or `no-store`.
    /// 10 min.
    pub lifetime_unstated: Duration,
    /// A set in use is read again at this share of its life, give or take a twentieth so
    /// that a fleet does not move in step. 0.8.
    pub refresh_share: f64,
    /// One request may take this long, answer included. 5 s.
    pub deadline: Duration,
    /// Who needs keys that have to be asked for waits this long. 8 s.
    pub wait: Duration,
    /// Tokens that name unknown keys lead to one request in this time. 30 s.
    pub unknown_key_pause: Duration,
    /// A token whose key was not found leads to no other request for this long. 5 min.
    pub not_found: Duration,
    /// While the source fails, the last good keys serve this long past their lifetime. 1 h.
    pub stale: Duration,
    /// First pause after a failure; doubles with each failure. 1 s.
    pub backoff_min: Duration,
    /// Longest pause after a failure. 60 s.
    pub backoff_max: Duration,
    /// A `Retry-After` is honoured up to this, and down to `backoff_min`. 5 min.
    pub retry_after_max: Duration,
    /// A key that was first seen less than this ago may be absent once: servers of one
    /// provider don't all learn of it at the same time. 10 min.
    pub young_key: Duration,
    /// When a young key is absent, the set is read again after this; absent again, it is
    /// withdrawn. 5 s.
    pub confirm_after: Duration,
    /// An issuer's metadata is read again when it is older than this. 1 h.
    pub metadata: Duration,
}

impl Timing {
    /// What differs for files, which cost nothing to read: a life of 10 s
    /// (`lifetime_unstated`), 1 s between readings because of unknown keys, no memory of
    /// these, and no patience with young keys.
    #[must_use]
    pub fn of_files() -> Self {
        Self {
            lifetime_unstated: Duration::from_secs(10),
            unknown_key_pause: Duration::from_secs(1),
            not_found: Duration::ZERO,
            young_key: Duration::ZERO,
            ..Self::default()
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            lifetime_min: seconds(30),
            lifetime_max: seconds(60 * 60),
            lifetime_unstated: seconds(10 * 60),
            refresh_share: 0.8,
            deadline: seconds(5),
            wait: seconds(8),
            unknown_key_pause: seconds(30),
            not_found: seconds(5 * 60),
            stale: seconds(60 * 60),
            backoff_min: seconds(1),
            backoff_max: seconds(60),
            retry_after_max: seconds(5 * 60),
            young_key: seconds(10 * 60),
            confirm_after: seconds(5),
            metadata: seconds(60 * 60),
        }
    }
}
