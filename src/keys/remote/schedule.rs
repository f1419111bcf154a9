//! When a set is read again: pure arithmetic. `chance` is a number of [0, 1) that the
//! caller draws.

use std::time::Duration;

use super::Timing;
use crate::backoff::{self, scaled};

/// How long after its reading a set is read again.
pub(super) fn refresh_after(lifetime: Duration, timing: &Timing, chance: f64) -> Duration {
    const JITTER: f64 = 0.05;
    scaled(
        lifetime,
        timing.refresh_share + JITTER * (2.0 * chance - 1.0),
    )
}

/// The pause after the `failures`-th failure in a row.
pub(super) fn pause(
    failures: u32,
    retry_after: Option<Duration>,
    timing: &Timing,
    chance: f64,
) -> Duration {
    let limits = backoff::Limits {
        min: timing.backoff_min,
        max: timing.backoff_max,
        told_max: timing.retry_after_max,
    };
    backoff::pause(failures, retry_after, &limits, chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_again_at_four_fifths_of_its_life_give_or_take_a_twentieth() {
        let rows = [
            ("earliest", 600, 0.0, 450.0),
            ("in the middle", 600, 0.5, 480.0),
            ("latest", 600, 1.0, 510.0),
            ("the shortest life", 30, 0.5, 24.0),
        ];
        for (row, lifetime, chance, expected) in rows {
            let lifetime = Duration::from_secs(lifetime);
            let after = refresh_after(lifetime, &Timing::default(), chance);
            assert!(
                (after.as_secs_f64() - expected).abs() < 0.001,
                "{row}: {after:?}"
            );
        }
    }

    #[test]
    fn a_failing_source_is_left_alone_for_longer_and_longer() {
        let told = |seconds| Some(Duration::from_secs(seconds));
        let rows = [
            ("first", 1, None, 1),
            ("second", 2, None, 2),
            ("at most a minute", 7, None, 60),
            ("for ever a minute", u32::MAX, None, 60),
            ("as it asked", 1, told(90), 90),
            ("at most five minutes", 1, told(86_400), 300),
            ("at least a second", 9, told(0), 1),
        ];
        for (row, failures, retry_after, expected) in rows {
            let pause = pause(failures, retry_after, &Timing::default(), 0.0);
            assert_eq!(pause, Duration::from_secs(expected), "{row}");
        }
    }

    #[test]
    fn nonsense_in_the_settings_panics_nowhere() {
        for share in [f64::NAN, f64::INFINITY, -1.0] {
            let timing = Timing {
                refresh_share: share,
                retry_after_max: Duration::ZERO,
                ..Timing::default()
            };
            assert!(refresh_after(Duration::MAX, &timing, f64::NAN) <= Duration::MAX);
            let _ = pause(0, Some(Duration::MAX), &timing, 2.0);
        }
    }
}
