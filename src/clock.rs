//! The one place that asks what time it is.
//!
//! Everything else is handed a [`Clock`], so that every rule about time can be
//! tested by moving a clock instead of waiting for one.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
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

    /// Both, for what is decided of each request: rather up to 20 milliseconds ahead than
    /// behind, so that an end is seen early and not late.
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
/// A [`glance`](Clock::glance) looks at both once in a few milliseconds, and tells the same
/// again for the rest of them. That somebody has set a clock, or that the machine was suspended,
/// is seen by the next look. With debug assertions, as in most tests, each glance is a look.
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
        match cfg!(debug_assertions) || exact::was_paused() {
            true => (self.wall(), self.monotonic()),
            false => LAST_LOOK.in_tick(tick(), || (self.wall(), self.monotonic())),
        }
    }
}

static LAST_LOOK: LastLook = LastLook::new();

/// Changes when the system moves the clock that it keeps for those who don't want to ask the
/// processor: every 16 milliseconds or more often.
fn tick() -> u64 {
    coarsetime::Instant::now_without_cache_update().as_ticks()
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
        if was_paused() {
            return Instant::now();
        }
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

/// What the clocks told when somebody looked, which is told again for as long as the system's
/// tick lasts.
struct LastLook {
    tick: AtomicU64,
    /// Nanoseconds since 1970.
    wall: AtomicU64,
    /// Nanoseconds.
    monotonic: AtomicU64,
    /// Held while one looks: an earlier look never takes the place of a later one.
    looking: Mutex<()>,
}

impl LastLook {
    /// No tick is longer, so that what is so much ahead is not behind before the next one.
    const AHEAD: Duration = Duration::from_millis(20);

    const fn new() -> Self {
        Self {
            tick: AtomicU64::new(u64::MAX),
            wall: AtomicU64::new(0),
            monotonic: AtomicU64::new(0),
            looking: Mutex::new(()),
        }
    }

    fn in_tick(
        &self,
        tick: u64,
        look: impl FnOnce() -> (SystemTime, Duration),
    ) -> (SystemTime, Duration) {
        if self.tick.load(Ordering::Acquire) == tick {
            let wall = Duration::from_nanos(self.wall.load(Ordering::Relaxed));
            let monotonic = Duration::from_nanos(self.monotonic.load(Ordering::Relaxed));
            let wall = SystemTime::UNIX_EPOCH.checked_add(wall);
            return (wall.unwrap_or(SystemTime::UNIX_EPOCH), monotonic);
        }
        self.look(tick, look)
    }

    #[cold]
    fn look(
        &self,
        tick: u64,
        look: impl FnOnce() -> (SystemTime, Duration),
    ) -> (SystemTime, Duration) {
        let looking = self.looking.try_lock();
        let (wall, monotonic) = look();
        if looking.is_ok() {
            let since_1970 = wall.duration_since(SystemTime::UNIX_EPOCH);
            let since_1970 = since_1970.unwrap_or_default();
            self.wall.store(ahead(since_1970), Ordering::Relaxed);
            self.monotonic.store(ahead(monotonic), Ordering::Relaxed);
            self.tick.store(tick, Ordering::Release);
        }
        (wall, monotonic)
    }
}

/// In nanoseconds, until the year 2554.
fn ahead(time: Duration) -> u64 {
    u64::try_from(time.saturating_add(LastLook::AHEAD).as_nanos()).unwrap_or(u64::MAX)
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

    #[tokio::test]
    async fn a_glance_follows_a_time_that_is_paused_later() {
        let clock = SystemClock::new();
        let (_, before) = clock.glance();
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(clock.glance().1 >= before + Duration::from_secs(3600));
    }

    const LOOK: (SystemTime, Duration) = (SystemTime::UNIX_EPOCH, Duration::from_secs(7));
    const LATER: (SystemTime, Duration) = (SystemTime::UNIX_EPOCH, Duration::from_secs(8));

    #[test]
    fn within_a_tick_the_last_look_is_told_again_and_put_ahead() {
        let last = LastLook::new();
        assert_eq!(last.in_tick(5, || LOOK), LOOK);
        let ahead = (LOOK.0 + LastLook::AHEAD, LOOK.1 + LastLook::AHEAD);
        assert_eq!(last.in_tick(5, || LATER), ahead);
        assert_eq!(last.in_tick(6, || LATER), LATER);
        // Nor is what was told before told again where the system's clock was set back.
        assert_eq!(last.in_tick(5, || LOOK), LOOK);
    }

    #[test]
    fn while_somebody_looks_nobody_elses_look_is_kept() {
        let last = LastLook::new();
        last.in_tick(5, || {
            for _ in 0..2 {
                assert_eq!(last.in_tick(6, || LATER), LATER);
            }
            LOOK
        });
    }

    #[test]
    fn a_calendar_before_1970_is_told_as_it_is_or_as_1970() {
        let early = (SystemTime::UNIX_EPOCH - Duration::from_secs(1), LOOK.1);
        let last = LastLook::new();
        assert_eq!(last.in_tick(5, || early), early);
        assert_eq!(
            last.in_tick(5, || early).0,
            SystemTime::UNIX_EPOCH + LastLook::AHEAD
        );
    }
}
