//! Pauses that grow with each failure: pure arithmetic. `chance` is a number of [0, 1)
//! that the caller draws.

use std::time::Duration;

/// Between which bounds a pause lies.
pub(crate) struct Limits {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
    /// What a server asks for is honoured up to this.
    pub(crate) told_max: Duration,
}

/// The pause after the `failures`-th failure in a row, of a server that may have asked for
/// one.
pub(crate) fn pause(
    failures: u32,
    told: Option<Duration>,
    limits: &Limits,
    chance: f64,
) -> Duration {
    if let Some(told) = told {
        // Nonsense in the settings panics nowhere: `clamp` would.
        return told.min(limits.told_max).max(limits.min);
    }
    let step = doubled(limits.min, limits.max, failures);
    // Up to a fifth shorter, never longer: the longest pause stays the longest.
    step.saturating_sub(scaled(step, chance / 5.0))
}

/// The `times`-th of a series that begins with `first` and doubles up to `longest`.
pub(crate) fn doubled(first: Duration, longest: Duration, times: u32) -> Duration {
    let factor = 2_u32.saturating_pow(times.saturating_sub(1));
    first.saturating_mul(factor).min(longest)
}

/// That share of it; what is no share counts as none or all.
pub(crate) fn scaled(duration: Duration, share: f64) -> Duration {
    let share = if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        0.0
    };
    Duration::try_from_secs_f64(duration.as_secs_f64() * share).unwrap_or(duration)
}
