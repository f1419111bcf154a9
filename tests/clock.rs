//! The system's clocks, which no test here pauses.
#![allow(missing_docs)]

use std::time::Duration;

use tower_bearer::clock::{Clock, SystemClock};

const AHEAD: Duration = Duration::from_millis(20);

/// One in a thousand may be behind: where the machine under this one was busy elsewhere, the
/// system has moved its own clock late. (Without debug assertions a glance may be a former one.)
#[test]
fn a_glance_is_ahead_by_twenty_milliseconds_at_most_and_not_behind() {
    let clock = SystemClock::new();
    let end = clock.monotonic() + 20 * AHEAD;
    let (mut glances, mut behind) = (0, 0);
    while clock.monotonic() < end {
        let (earliest_wall, earliest) = (clock.wall(), clock.monotonic());
        for _ in 0..100 {
            let (wall, monotonic) = clock.glance();
            assert!(wall <= clock.wall() + AHEAD, "{wall:?}");
            assert!(monotonic <= clock.monotonic() + AHEAD, "{monotonic:?}");
            glances += 1;
            behind += i32::from(wall < earliest_wall || monotonic < earliest);
        }
    }
    assert!(behind * 1000 <= glances, "{behind} of {glances}");
}

#[cfg(all(target_os = "linux", not(debug_assertions)))]
#[test]
fn most_glances_tell_what_the_one_before_told() {
    let clock = SystemClock::new();
    let glances: Vec<_> = (0..1000).map(|_| clock.glance()).collect();
    let changes = glances.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes < 100, "{changes}");
}
