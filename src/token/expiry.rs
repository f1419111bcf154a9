//! When a token ends.

use std::time::{Duration, SystemTime};

use crate::clock::Clock;

/// The end of a token, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    wall: SystemTime,
    monotonic: Option<Duration>,
    lifetime: Option<Duration>,
}

/// A reading of both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    wall: SystemTime,
    monotonic: Duration,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self {
            wall: clock.wall(),
            monotonic: clock.monotonic(),
        }
    }

    pub(crate) fn wall(self) -> SystemTime {
        self.wall
    }

    /// The end of what lives for `lifetime` from this moment.
    pub(crate) fn plus(self, lifetime: Duration) -> Expiry {
        let lifetime = lifetime.min(LONGEST_LIFETIME);
        Expiry {
            wall: self.wall.checked_add(lifetime).unwrap_or(self.wall),
            monotonic: Some(self.monotonic.saturating_add(lifetime)),
            lifetime: Some(lifetime),
        }
    }
}

/// Beyond this a lifetime says nothing: ten years.
const LONGEST_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl Expiry {
    /// The end of a token that lives for `lifetime` from now. Lifetimes of more than
    /// ten years count as ten years.
    #[must_use]
    pub fn after(lifetime: Duration, clock: &dyn Clock) -> Self {
        Moment::now(clock).plus(lifetime)
    }

    /// An end of which only the calendar's part is known, as of a token that was
    /// stored by another process.
    #[must_use]
    pub fn at(wall: SystemTime) -> Self {
        Self {
            wall,
            monotonic: None,
            lifetime: None,
        }
    }

    /// The same with how long the token was to live when it was given out: a store that
    /// writes it down lets the token be renewed ahead in time by the next process too.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// The same end on both clocks from now on: a calendar that is set back later prolongs
    /// nothing, and one that was set back before no more than by the whole lifetime.
    pub(crate) fn anchored(mut self, clock: &dyn Clock) -> Self {
        let left = self.remaining(clock);
        let left = self.lifetime.map_or(left, |whole| whole.min(left));
        let end = clock.monotonic().saturating_add(left);
        self.monotonic.get_or_insert(end);
        self
    }

    /// The end as a time of day: what a store writes down.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        self.wall
    }

    /// How long the token was to live when it was given out, if known.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// Whether either clock has reached the end.
    #[must_use]
    pub fn is_over(&self, clock: &dyn Clock) -> bool {
        self.remaining(clock).is_zero()
    }

    /// The moments by either clock at which `left` is left.
    #[cfg_attr(not(feature = "client"), allow(dead_code))]
    pub(crate) fn minus(&self, left: Duration) -> (SystemTime, Option<Duration>) {
        let wall = self.wall.checked_sub(left);
        let monotonic = self.monotonic.map(|end| end.saturating_sub(left));
        (wall.unwrap_or(SystemTime::UNIX_EPOCH), monotonic)
    }

    /// What is left by the clock that runs out first; zero at the end and after it.
    #[must_use]
    pub fn remaining(&self, clock: &dyn Clock) -> Duration {
        let by_wall = self.wall.duration_since(clock.wall()).unwrap_or_default();
        match self.monotonic {
            Some(end) => by_wall.min(end.saturating_sub(clock.monotonic())),
            None => by_wall,
        }
    }
}
