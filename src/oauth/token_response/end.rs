//! How long a token lives, by what its answer says.

use std::time::{Duration, SystemTime};

use jiff::{
    SignedDuration,
    civil::{Date, Time},
    fmt::temporal::Pieces,
};
use serde_json::{Value, value::RawValue};

use super::{answer::Answer, unusable};
use crate::{
    oauth::{ObtainError, answer_format::End},
    token::Moment,
};

impl End {
    /// What is left of the token's life when the answer is given; zero if it is over, `None`
    /// if nothing is known.
    pub(super) fn lifetime(
        &self,
        answer: &Answer<'_>,
        asked: Moment,
    ) -> Result<Option<Duration>, ObtainError> {
        let (Self::After(pointer) | Self::At(pointer)) = self;
        let Some(raw) = answer.member(pointer) else {
            return Ok(None);
        };
        let (lifetime, expected) = match self {
            Self::After(_) => (seconds(raw), "a number of seconds"),
            Self::At(_) => (
                until(raw, moment_of(answer, asked)),
                "a date and time of RFC 3339",
            ),
        };
        let wrong = || unusable(format!("`{pointer}` is not {expected}"));
        lifetime.map(Some).ok_or_else(wrong)
    }

    pub(super) fn is_relative(&self) -> bool {
        matches!(self, Self::After(_))
    }

    /// What to say of a token whose life is over before it began.
    pub(super) fn is_over(&self) -> String {
        match self {
            Self::After(pointer) => format!("`{pointer}` is not greater than 0"),
            Self::At(pointer) => {
                format!("`{pointer}` lies in the past; compare the clocks of both machines")
            }
        }
    }
}

/// `expires_in`: a number by RFC 6749 §5.1, a string or a float at some servers.
fn seconds(raw: &RawValue) -> Option<Duration> {
    let seconds: f64 = match serde_json::from_str(raw.get()).ok()? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    Some(match seconds > 0.0 {
        true => Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
        false => Duration::ZERO,
    })
}

/// When the answer was given, by the server's clock. Its `Date` names the second, and within
/// that our own clock is the better guess: the start of the second would prolong each token.
fn moment_of(answer: &Answer<'_>, asked: Moment) -> SystemTime {
    const SECOND: Duration = Duration::from_secs(1);
    let ours = asked.wall();
    match answer.date() {
        Some(date) => ours.min(date.checked_add(SECOND).unwrap_or(date)).max(date),
        None => ours,
    }
}

fn until(raw: &RawValue, now: SystemTime) -> Option<Duration> {
    let text: String = serde_json::from_str(raw.get()).ok()?;
    let end = SystemTime::UNIX_EPOCH.checked_add(since_1970(&text)?)?;
    Some(end.duration_since(now).unwrap_or_default())
}

/// What lies before 1970 is as much over as 1970.
fn since_1970(text: &str) -> Option<Duration> {
    // Not `jiff::Timestamp`, which ends a day before the year 9999 does: some servers write
    // the last second of that year for an end that never comes.
    let pieces = Pieces::parse(text).ok()?;
    let local = pieces.date().to_datetime(pieces.time()?);
    let offset = SignedDuration::from_secs(pieces.to_numeric_offset()?.seconds().into());
    let since = local.duration_since(Date::constant(1970, 1, 1).to_datetime(Time::midnight()));
    Some(Duration::try_from(since.checked_sub(offset)?).unwrap_or_default())
}
