//! NumericDate (RFC 7519 §2): seconds since 1970, possibly with a fraction.

use std::time::{Duration, SystemTime};

/// The moment in whole seconds, as a token of ours writes it.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// The last one that a token can name.
pub(super) const LAST_SECOND: u64 = 253_402_300_799;

/// A moment as a token writes it. Finite, and before the year 10000.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct NumericDate(f64);

/// 10000-01-01T00:00:00Z
const YEAR_10000: f64 = 253_402_300_800.0;

impl NumericDate {
    /// The number that this JSON value is, if it is one that can be a date.
    pub(super) fn read(json: &str) -> Option<Self> {
        // Of all JSON only numbers are read: `inf` and `NaN` are none.
        // A double is exact to the microsecond until long after the year 10000.
        let seconds: f64 = json.parse().ok()?;
        (seconds.abs() < YEAR_10000).then_some(Self(seconds))
    }

    /// What a clock tells.
    pub(super) fn of(time: SystemTime) -> Self {
        Self(match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => after.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        })
    }

    /// How many seconds `self` is after `other`; negative if it is before.
    pub(super) fn seconds_after(self, other: Self) -> f64 {
        self.0 - other.0
    }

    /// The moment as the system tells time; 1970 for what it can't tell.
    pub(super) fn system_time(self) -> SystemTime {
        let distance = Duration::try_from_secs_f64(self.0.abs()).unwrap_or_default();
        let epoch = SystemTime::UNIX_EPOCH;
        let moment = if self.0 < 0.0 {
            epoch.checked_sub(distance)
        } else {
            epoch.checked_add(distance)
        };
        moment.unwrap_or(epoch)
    }
}

/// So many seconds since 1970.
impl From<u32> for NumericDate {
    fn from(seconds: u32) -> Self {
        Self(seconds.into())
    }
}
