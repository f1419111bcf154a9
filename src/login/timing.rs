//! How long things last: every number of the login in one place.

use std::time::{Duration, SystemTime};

/// The numbers by which a [`Site`](super::Site) acts.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::login::Timing;
///
/// let mut timing = Timing::default();
/// timing.idle = Duration::from_secs(15 * 60);
/// ```
///
/// # Defaults
///
/// Each field names its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timing {
    /// A session that nobody uses ends after this. It is noted to within a tenth, so that not
    /// each answer sets a cookie. 1 h.
    pub idle: Duration,
    /// A session ends after this, however much it is used. 8 h.
    pub absolute: Duration,
    /// How long a person has for the login page. 10 min.
    pub login: Duration,
    /// An access token is renewed when it has less than this to live, or less than a fifth of
    /// its life. 60 s.
    pub renew_ahead: Duration,
    /// What came of a renewal is remembered for this long: requests that still come with the
    /// old cookie get it, and a failed renewal is not tried again. 60 s.
    pub renewal_memory: Duration,
    /// A request waits for an answer of the provider for this long. 10 s.
    pub provider: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            idle: seconds(60 * 60),
            absolute: seconds(8 * 60 * 60),
            login: seconds(10 * 60),
            renew_ahead: seconds(60),
            renewal_memory: seconds(60),
            provider: seconds(10),
        }
    }
}

/// Seconds since 1970, which is how what is sealed tells the time.
pub(super) fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

pub(super) fn moment(seconds: u64) -> SystemTime {
    let since = Duration::from_secs(seconds);
    SystemTime::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
