//! The clock of users' tests moves when told, and only then.
#![cfg(feature = "test-util")]

use std::time::{Duration, SystemTime};

use tower_bearer::{clock::Clock, test_util::ManualClock};

const MINUTE: Duration = Duration::from_secs(60);

fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

#[test]
fn it_stands_still_until_it_is_moved() {
    let clock = ManualClock::at(noon());
    std::thread::yield_now();
    assert_eq!(clock.wall(), noon());
    assert_eq!(clock.monotonic(), Duration::ZERO);
}

#[test]
fn each_way_of_moving_it_moves_the_right_parts() {
    type Move = fn(&ManualClock);
    let rows: [(&str, Move, SystemTime, Duration); 4] = [
        (
            "time passes",
            |c| c.advance(MINUTE),
            noon() + MINUTE,
            MINUTE,
        ),
        (
            "suspended",
            |c| c.advance_wall(MINUTE),
            noon() + MINUTE,
            Duration::ZERO,
        ),
        (
            "wall clock stopped",
            |c| c.advance_monotonic(MINUTE),
            noon(),
            MINUTE,
        ),
        (
            "set back",
            |c| c.set_wall_back(MINUTE),
            noon() - MINUTE,
            Duration::ZERO,
        ),
    ];
    for (row, moves, wall, monotonic) in rows {
        let clock = ManualClock::at(noon());
        moves(&clock);
        assert_eq!(
            (clock.wall(), clock.monotonic()),
            (wall, monotonic),
            "{row}"
        );
    }
}

#[test]
fn clones_are_the_same_clock() {
    let clock = ManualClock::new();
    let before = clock.wall();
    clock.clone().advance(MINUTE);
    assert_eq!(clock.wall(), before + MINUTE);
}

#[test]
fn no_distance_is_too_far() {
    let clock = ManualClock::new();
    clock.advance(Duration::MAX);
    clock.set_wall_back(Duration::MAX);
    clock.advance(Duration::MAX);
    assert_eq!(clock.monotonic(), Duration::MAX);
}
