//! When a token is renewed, and how long to wait after a failure: pure arithmetic.
//!
//! `chance` is a number of [0, 1) that the caller draws.

use std::time::Duration;

use super::Timing;
use crate::backoff::{Limits, doubled, pause, scaled};

/// How much of a token's life is left when renewal ahead starts: a random point in the
/// first half of the window, so that a fleet does not move in step.
pub(super) fn renew_when_left(lifetime: Duration, timing: &Timing, chance: f64) -> Duration {
    let share = scaled(lifetime, timing.renew_share);
    let window = timing.renew_window.min(share);
    window.saturating_sub(scaled(window, chance / 2.0))
}

/// The pause after the `failures`-th failure in a row.
pub(super) fn backoff(
    failures: u32,
    retry_after: Option<Duration>,
    timing: &Timing,
    chance: f64,
) -> Duration {
    let limits = Limits {
        min: timing.backoff_min,
        max: timing.backoff_max,
        told_max: timing.retry_after_max,
    };
    pause(failures, retry_after, &limits, chance)
}

/// The pause after the `refusals`-th refusal of the credentials in a row.
pub(super) fn refused(refusals: u32, timing: &Timing) -> Duration {
    doubled(timing.refused_min, timing.refused_max, refusals)
}

/// The pause after the `strikes`-th renewal in a row of which no server accepted the token.
pub(super) fn brake(strikes: u32, timing: &Timing) -> Duration {
    doubled(timing.brake_min, timing.brake_max, strikes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(duration: Duration) -> f64 {
        (duration.as_secs_f64() * 10.0).round() / 10.0
    }

    #[test]
    fn renewal_starts_within_the_first_half_of_the_window() {
        let rows = [
            ("an hour: 5 min before the end", 3600, 0.0, 300.0),
            ("an hour: latest", 3600, 1.0, 150.0),
            ("ten minutes: a fifth", 600, 0.0, 120.0),
            ("ten minutes: latest", 600, 1.0, 60.0),
            ("two seconds", 2, 0.0, 0.4),
            ("a day: still 5 min", 86_400, 0.5, 225.0),
        ];
        for (rule, lifetime, chance, expected) in rows {
            let left = renew_when_left(Duration::from_secs(lifetime), &Timing::default(), chance);
            assert_eq!(seconds(left), expected, "{rule}");
        }
    }

    #[test]
    fn a_failing_endpoint_is_left_alone_for_longer_and_longer() {
        let after = |seconds| Some(Duration::from_secs(seconds));
        let rows = [
            ("first", 1, None, 0.0, 1.0),
            ("second", 2, None, 0.0, 2.0),
            ("sixth", 6, None, 0.0, 32.0),
            ("at most a minute", 7, None, 0.0, 60.0),
            ("for ever a minute", u32::MAX, None, 0.0, 60.0),
            ("with jitter", 3, None, 1.0, 3.2),
            ("Retry-After wins", 1, after(17), 0.5, 17.0),
            ("Retry-After of nothing", 5, after(0), 0.5, 1.0),
            ("Retry-After of a day", 1, after(86_400), 0.5, 300.0),
        ];
        for (rule, failures, retry_after, chance, expected) in rows {
            let pause = backoff(failures, retry_after, &Timing::default(), chance);
            assert_eq!(seconds(pause), expected, "{rule}");
        }
    }

    #[test]
    fn refused_credentials_wait_from_one_to_ten_minutes() {
        let pauses: Vec<_> = (1..7)
            .map(|n| seconds(refused(n, &Timing::default())))
            .collect();
        assert_eq!(pauses, [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]);
    }

    #[test]
    fn the_brake_waits_from_thirty_seconds_to_five_minutes() {
        let pauses: Vec<_> = (1..7)
            .map(|n| seconds(brake(n, &Timing::default())))
            .collect();
        assert_eq!(pauses, [30.0, 60.0, 120.0, 240.0, 300.0, 300.0]);
    }

    #[test]
    fn nonsense_in_the_settings_panics_nowhere() {
        let with_share = |renew_share| Timing {
            renew_share,
            retry_after_max: Duration::ZERO,
            ..Timing::default()
        };
        let timing = with_share(f64::NAN);
        assert_eq!(renew_when_left(Duration::MAX, &timing, 0.5), Duration::ZERO);
        let timing = with_share(f64::INFINITY);
        let _ = renew_when_left(Duration::MAX, &timing, f64::NAN);
        let _ = backoff(0, Some(Duration::MAX), &timing, 2.0);
    }
}
