//! The one place that asks what time it is.
//!
//! Everything else is handed a [`Clock`], so that every rule about time can be
//! tested by moving a clock instead of waiting for one.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

/// Tells the time, twice: what a calendar says and how long something took.
///
/// A token's expiry is judged by whichever of the two runs out first. The wall
/// clock notices a laptop that was suspended; the monotonic clock notices a wall
/// clock that was set back.
///
/// # Example
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_bearer::clock::Clock;
///
/// /// A clock that stands still.
/// #[derive(Debug)]
/// struct Noon;
///
/// impl Clock for Noon {
///     fn wall(&self) -> SystemTime {
///         SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
///     }
///     fn monotonic(&self) -> Duration {
///         Duration::ZERO
///     }
/// }
/// # let _: &dyn Clock = &Noon;
/// ```
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time of day, as other machines would tell it.
    fn wall(&self) -> SystemTime;

    /// The time since a fixed moment of this process; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clocks.
///
/// The monotonic part follows `tokio::time`, so that it stands still in a test that
/// paused it. All values of this type count from the same moment: what one dates,
/// another can judge.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SystemClock;

impl SystemClock {
    /// The clock of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    pub(crate) fn shared() -> Arc<dyn Clock> {
        Arc::new(Self::new())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // this file is the one exception
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    #[allow(clippy::disallowed_methods)] // this file is the one exception
    fn monotonic(&self) -> Duration {
        Instant::now().saturating_duration_since(start())
    }
}

/// A moment before the first look at the clock: a day before, so that it lies in the past
/// of every paused runtime too, whose time may have stopped earlier than others look.
#[allow(clippy::disallowed_methods)] // this file is the one exception
fn start() -> Instant {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(|| {
        let now = Instant::now();
        now.checked_sub(DAY).unwrap_or(now)
    })
}

/// In whole milliseconds, as atomics, files and logs hold it.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn wall(&self) -> SystemTime {
        (**self).wall()
    }

    fn monotonic(&self) -> Duration {
        (**self).monotonic()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn clocks_made_at_different_times_tell_the_same_time() {
        let early = SystemClock::new();
        let _ = early.monotonic();
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(SystemClock::new().monotonic(), early.monotonic());
    }
}
