//! A clock that moves when told.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use crate::clock::{Clock, SystemClock};

/// A [`Clock`] that stands still until it is moved. Clones are the same clock.
///
/// Its two parts can be moved apart, which is what happens to real ones: a suspended
/// laptop moves only the wall clock, an administrator sets it back.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::{clock::Clock, test_util::ManualClock, token::Expiry};
///
/// let clock = ManualClock::new();
/// let expiry = Expiry::after(Duration::from_secs(60), &clock);
///
/// clock.advance(Duration::from_secs(59));
/// assert!(!expiry.is_over(&clock));
/// clock.set_wall_back(Duration::from_secs(3600));
/// assert!(!expiry.is_over(&clock));
/// clock.advance(Duration::from_secs(1)); // the monotonic part was not set back
/// assert!(expiry.is_over(&clock));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Times>>);

#[derive(Debug)]
struct Times {
    wall: SystemTime,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock that shows the present time, so that what it dates is also good for
    /// others who look at a real one.
    #[must_use]
    pub fn new() -> Self {
        Self::at(SystemClock::new().wall())
    }

    /// A clock that shows `wall`.
    #[must_use]
    pub fn at(wall: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Times {
            wall,
            monotonic: Duration::ZERO,
        })))
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        self.advance_wall(by);
        self.advance_monotonic(by);
    }

    /// Moves the wall clock only: the machine was suspended.
    pub fn advance_wall(&self, by: Duration) {
        let mut times = self.times();
        times.wall = times.wall.checked_add(by).unwrap_or(times.wall);
    }

    /// Moves the monotonic clock only: the wall clock stands still.
    pub fn advance_monotonic(&self, by: Duration) {
        let mut times = self.times();
        times.monotonic = times.monotonic.saturating_add(by);
    }

    /// Sets the wall clock back; the monotonic clock never goes back.
    pub fn set_wall_back(&self, by: Duration) {
        let mut times = self.times();
        times.wall = times.wall.checked_sub(by).unwrap_or(times.wall);
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> SystemTime {
        self.times().wall
    }

    fn monotonic(&self) -> Duration {
        self.times().monotonic
    }
}
