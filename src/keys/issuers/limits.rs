//! How many issuers, and how fast: every number of `RemoteIssuers` in one place.

use std::time::Duration;

/// The numbers by which [`RemoteIssuers`](super::RemoteIssuers) acts.
///
/// # Example
///
/// ```
/// use tower_bearer::keys::issuers::Limits;
///
/// let mut limits = Limits::default();
/// limits.proven = 10_000;
/// ```
///
/// # Defaults
///
/// Each field names its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// So many issuers may be looked for the first time at once. 4.
    pub under_way: usize,
    /// So many issuers may be looked for the first time in a minute. 20.
    pub per_minute: usize,
    /// An issuer that was not found is not looked for again for this long. 5 min.
    pub failed: Duration,
    /// So many issuers are remembered of which a token was verified. 1000.
    pub proven: usize,
    /// So many issuers are remembered of which none was. 100.
    pub unproven: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            under_way: 4,
            per_minute: 20,
            failed: Duration::from_secs(5 * 60),
            proven: 1000,
            unproven: 100,
        }
    }
}
