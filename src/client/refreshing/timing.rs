//! How long things take and how often they happen: every number of `Refreshing` in one place.

use std::{num::NonZeroU32, time::Duration};

/// The numbers by which [`Refreshing`](super::Refreshing) acts.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::client::Timing;
///
/// let mut timing = Timing::default();
/// timing.wait = Duration::from_secs(3);
/// ```
///
/// # Defaults
///
/// Each field names its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timing {
    /// Renewal ahead starts at most this long before expiry. 5 min.
    pub renew_window: Duration,
    /// Renewal ahead starts at most this share of the lifetime before expiry. 0.2.
    pub renew_share: f64,
    /// A token without a known expiry is renewed at this age, and used until refused. 5 min.
    pub renew_at_age: Duration,
    /// A caller without a token waits this long for an exchange. 10 s.
    pub wait: Duration,
    /// One attempt of an exchange may take this long, also when the source has no
    /// deadline of its own. 30 s.
    pub attempt: Duration,
    /// A whole exchange may take this long: all attempts, and the store's lock and write.
    /// A store that hangs is given up then. 5 min.
    pub exchange: Duration,
    /// When the outcome of a refresh is not known it is tried again with the same
    /// refresh token after each of these pauses. 1 s, 5 s.
    pub retry_unknown: Vec<Duration>,
    /// First pause after a failed exchange; doubles with each failure. 1 s.
    pub backoff_min: Duration,
    /// Longest pause after a failed exchange. 60 s.
    pub backoff_max: Duration,
    /// A `Retry-After` is honoured up to this, and down to `backoff_min`. 5 min.
    pub retry_after_max: Duration,
    /// First pause after credentials were refused; doubles with each refusal. 60 s.
    pub refused_min: Duration,
    /// Longest pause after credentials were refused. 10 min.
    pub refused_max: Duration,
    /// How often in all a log-in by
    /// [`RefreshingBuilder::log_in_again`](super::RefreshingBuilder::log_in_again) may be
    /// refused before only other credentials help: accounts get locked. 3.
    pub log_in_attempts: NonZeroU32,
    /// One such log-in may take this long. 3 min.
    pub log_in: Duration,
    /// Refusals by API servers lead to at most this many renewals a minute, also where some
    /// requests are accepted in between. 5.
    pub refusals_per_minute: u32,
    /// First pause of the brake: between renewals whose tokens no server accepts. 30 s.
    pub brake_min: Duration,
    /// Longest pause of the brake. 5 min.
    pub brake_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            renew_window: seconds(5 * 60),
            renew_share: 0.2,
            renew_at_age: seconds(5 * 60),
            wait: seconds(10),
            attempt: seconds(30),
            exchange: seconds(5 * 60),
            retry_unknown: vec![seconds(1), seconds(5)],
            backoff_min: seconds(1),
            backoff_max: seconds(60),
            retry_after_max: seconds(5 * 60),
            refused_min: seconds(60),
            refused_max: seconds(10 * 60),
            log_in_attempts: NonZeroU32::MIN.saturating_add(2),
            log_in: seconds(3 * 60),
            refusals_per_minute: 5,
            brake_min: seconds(30),
            brake_max: seconds(5 * 60),
        }
    }
}
