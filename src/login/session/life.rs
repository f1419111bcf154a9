//! Whether a session goes on.

use std::time::Duration;

use crate::login::Timing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::login) enum Life {
    Alive,
    /// It goes on, and that it was used is to be noted.
    ToBeNoted,
    /// Nobody has used it for too long.
    Idle,
    /// It has lasted for as long as a session may.
    TooOld,
}

/// All times in seconds since 1970. A clock that was set back, or that of another machine,
/// makes nobody older.
pub(in crate::login) fn life(began_at: u64, seen_at: u64, now: u64, timing: &Timing) -> Life {
    let since = |moment: u64| Duration::from_secs(now.saturating_sub(moment));
    let unused = since(seen_at);
    if since(began_at) >= timing.absolute {
        Life::TooOld
    } else if unused >= timing.idle {
        Life::Idle
    } else if unused >= timing.idle / 10 {
        Life::ToBeNoted
    } else {
        Life::Alive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_when_nobody_uses_it_and_when_it_is_too_old() {
        let (hour, minute) = (3_600, 60);
        let rows = [
            ("just begun", 0, 0, 0, Life::Alive),
            ("used a moment ago", 0, hour, hour + 5 * minute, Life::Alive),
            (
                "a tenth of the idle time",
                0,
                hour,
                hour + 6 * minute,
                Life::ToBeNoted,
            ),
            ("nearly idle", 0, hour, 2 * hour - 1, Life::ToBeNoted),
            ("idle", 0, hour, 2 * hour, Life::Idle),
            ("idle for days", 0, hour, 90 * hour, Life::TooOld),
            (
                "used, and nearly too old",
                0,
                8 * hour - 1,
                8 * hour - 1,
                Life::Alive,
            ),
            ("used, and too old", 0, 8 * hour, 8 * hour, Life::TooOld),
            ("of a clock that is ahead", hour, hour, 0, Life::Alive),
        ];
        for (row, began_at, seen_at, now, expected) in rows {
            let found = life(began_at, seen_at, now, &Timing::default());
            assert_eq!(found, expected, "{row}");
        }
    }
}
