//! The one place that asks what time it is.
//!
//! Everything else is handed a [`Clock`], so that every rule about time can be
//! tested by moving a clock instead of waiting for one.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

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

    /// Both, for what is decided of each request: rather 20 milliseconds ahead than behind, so
    /// that no end is seen late.
    ///
    /// # Defaults
    ///
    /// Exactly what both tell.
    fn glance(&self) -> (SystemTime, Duration) {
        (self.wall(), self.monotonic())
    }
}

/// The operating system's clocks.
///
/// The monotonic part follows `tokio::time`, so that it stands still in a test that
/// paused it. All values of this type count from the same moment: what one dates,
/// another can judge.
///
/// A [`glance`](Clock::glance) looks at both once in a few milliseconds, and for the rest of
/// them tells the same again, which costs an eighth. That somebody has set a clock, or that the
/// machine was suspended, is seen by the next look.
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

    fn monotonic(&self) -> Duration {
        exact::monotonic()
    }

    fn glance(&self) -> (SystemTime, Duration) {
        glance::glance(self)
    }
}

/// `tokio::time`, and whether it is the system's.
#[allow(clippy::disallowed_methods)] // this file is the one exception
mod exact {
    use std::{
        sync::{
            OnceLock,
            atomic::{AtomicBool, Ordering},
        },
        time::{Duration, Instant as SystemInstant},
    };

    use tokio::time::Instant;

    static WAS_PAUSED: AtomicBool = AtomicBool::new(false);

    pub(super) fn monotonic() -> Duration {
        now().saturating_duration_since(start())
    }

    fn now() -> Instant {
        let before = SystemInstant::now();
        let now = Instant::now();
        // Only a time that was paused lies outside two looks at the system's.
        if !(before..=SystemInstant::now()).contains(&now.into_std()) {
            WAS_PAUSED.store(true, Ordering::Relaxed);
        }
        now
    }

    /// Whether anybody has seen a time that was paused: this process is a test.
    pub(super) fn was_paused() -> bool {
        WAS_PAUSED.load(Ordering::Relaxed)
    }

    /// A moment before the first look at the clock: a day before, so that it lies in the past
    /// of every paused runtime too, whose time may have stopped earlier than others look.
    fn start() -> Instant {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        static START: OnceLock<Instant> = OnceLock::new();
        *START.get_or_init(|| {
            let now = Instant::now();
            now.checked_sub(DAY).unwrap_or(now)
        })
    }
}

/// What the clocks told when somebody looked, for as long as the system's tick lasts.
mod glance {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicU64, Ordering},
        },
        time::{Duration, SystemTime},
    };

    use super::{Clock, SystemClock, exact};

    /// No tick is longer, so that what is so much ahead is not behind before the next one.
    const TICK: Duration = Duration::from_millis(20);

    /// The tick in which somebody looked; 0 before the first look.
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    /// Nanoseconds since 1970.
    static WALL: AtomicU64 = AtomicU64::new(0);
    /// Nanoseconds.
    static MONOTONIC: AtomicU64 = AtomicU64::new(0);
    /// Held while one looks: an earlier look never takes the place of a later one.
    static LOOKING: Mutex<()> = Mutex::new(());

    pub(super) fn glance(clock: &SystemClock) -> (SystemTime, Duration) {
        let tick = tick();
        if TAKEN.load(Ordering::Acquire) == tick && !exact::was_paused() {
            return (
                since_1970(WALL.load(Ordering::Relaxed)),
                Duration::from_nanos(MONOTONIC.load(Ordering::Relaxed)),
            );
        }
        look(clock, tick)
    }

    #[cold]
    fn look(clock: &SystemClock, tick: u64) -> (SystemTime, Duration) {
        let looking = LOOKING.try_lock();
        let (wall, monotonic) = (clock.wall(), clock.monotonic());
        if looking.is_ok() && !exact::was_paused() {
            let wall = wall.duration_since(SystemTime::UNIX_EPOCH);
            WALL.store(a_tick_later(wall.unwrap_or_default()), Ordering::Relaxed);
            MONOTONIC.store(a_tick_later(monotonic), Ordering::Relaxed);
            TAKEN.store(tick, Ordering::Release);
        }
        (wall, monotonic)
    }

    /// Which 256th of a second it is by the clock that the system itself moves, every 16
    /// milliseconds or more often: nobody has to ask the processor.
    fn tick() -> u64 {
        coarsetime::Instant::now_without_cache_update().as_ticks() >> 24
    }

    /// In nanoseconds, until the year 2554.
    fn a_tick_later(time: Duration) -> u64 {
        u64::try_from(time.saturating_add(TICK).as_nanos()).unwrap_or(u64::MAX)
    }

    fn since_1970(nanoseconds: u64) -> SystemTime {
        let time = Duration::from_nanos(nanoseconds);
        SystemTime::UNIX_EPOCH
            .checked_add(time)
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }
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

    fn glance(&self) -> (SystemTime, Duration) {
        (**self).glance()
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

    #[tokio::test(start_paused = true)]
    async fn a_glance_follows_a_time_that_is_paused() {
        let clock = SystemClock::new();
        let before = clock.monotonic();
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(clock.glance().1, before + Duration::from_secs(3600));
    }
}
