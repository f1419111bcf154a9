//! What went wrong lately, and what may be asked therefore: pure decisions about time.
//!
//! All moments are readings of the monotonic clock.

use std::{num::NonZeroU32, time::Duration};

use super::{Timing, schedule};
use crate::{
    client::{Error, ErrorKind},
    oauth::ObtainError,
};

/// The memory of failures and of refused tokens.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    failure: Option<Failure>,
    log_ins: RefusedLogIns,
    brake: Brake,
    minute: Minute,
}

/// Renewals because of a refusal in the minute that began at `start`.
#[derive(Debug, Default)]
struct Minute {
    start: Duration,
    renewals: u32,
}

const MINUTE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Failure {
    error: Error,
    outages: u32,
    refusals: u32,
    next_attempt: Duration,
}

/// Of credentials that too many refusals lock, since the last success.
#[derive(Debug, Default)]
struct RefusedLogIns {
    times: u32,
    last: Option<ObtainError>,
}

/// Renewals because of a refusal, none of whose tokens was accepted since.
#[derive(Debug, Default)]
struct Brake {
    strikes: u32,
    next_renewal: Duration,
}

impl Ledger {
    /// Whether the source may be asked now; the last error, if it is to be left alone.
    pub(super) fn may_ask(&self, now: Duration) -> Result<(), Error> {
        match &self.failure {
            Some(failure) if now < failure.next_attempt => {
                Err(failure.error.waiting(failure.next_attempt - now))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn failed(&mut self, error: &Error, now: Duration, timing: &Timing, chance: f64) {
        let (mut outages, mut refusals) = match &self.failure {
            Some(before) => (before.outages, before.refusals),
            None => (0, 0),
        };
        let pause = match error.kind() {
            ErrorKind::Refused | ErrorKind::LogInAgain(_) => {
                refusals = refusals.saturating_add(1);
                schedule::refused(refusals, timing)
            }
            _ => {
                outages = outages.saturating_add(1);
                let told = error.obtain_error().and_then(|error| error.retry_after());
                schedule::backoff(outages, told, timing, chance)
            }
        };
        self.failure = Some(Failure {
            error: error.clone(),
            outages,
            refusals,
            next_attempt: now.saturating_add(pause),
        });
    }

    pub(super) fn succeeded(&mut self) {
        self.failure = None;
        self.log_ins = RefusedLogIns::default();
    }

    /// Whether credentials that may be refused `most` times in all are to be tried; the last
    /// refusal, if not.
    pub(super) fn may_log_in(&self, most: NonZeroU32) -> Result<(), ObtainError> {
        match &self.log_ins.last {
            Some(refusal) if self.log_ins.times >= most.get() => Err(refusal.clone()),
            _ => Ok(()),
        }
    }

    pub(super) fn log_in_refused(&mut self, refusal: ObtainError) {
        self.log_ins.times = self.log_ins.times.saturating_add(1);
        self.log_ins.last = Some(refusal);
    }

    /// New credentials: what was held against the old ones is forgotten.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn last_error(&self) -> Option<&Error> {
        self.failure.as_ref().map(|failure| &failure.error)
    }

    /// When the source may be asked again, if it is being left alone.
    pub(super) fn next_attempt(&self) -> Option<Duration> {
        self.failure.as_ref().map(|failure| failure.next_attempt)
    }

    /// A server accepted a token since the last refusal.
    pub(super) fn accepted(&mut self) {
        self.brake = Brake::default();
    }

    /// A server refused the current token. Allows a renewal, or says how long until one.
    pub(super) fn refused(
        &mut self,
        was_accepted: bool,
        now: Duration,
        timing: &Timing,
    ) -> Result<(), Duration> {
        if was_accepted {
            self.accepted();
        }
        if now < self.brake.next_renewal {
            return Err(self.brake.next_renewal - now);
        }
        // One route that refuses every token beside one that accepts them would let go of
        // the brake each time.
        let minute_ends = self.minute.start.saturating_add(MINUTE);
        if now >= minute_ends {
            self.minute = Minute {
                start: now,
                renewals: 0,
            };
        } else if self.minute.renewals >= timing.refusals_per_minute {
            return Err(minute_ends - now);
        }
        self.minute.renewals = self.minute.renewals.saturating_add(1);
        self.brake.strikes = self.brake.strikes.saturating_add(1);
        let pause = schedule::brake(self.brake.strikes, timing);
        self.brake.next_renewal = now.saturating_add(pause);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::ObtainErrorKind;

    const S: Duration = Duration::from_secs(1);

    fn outage() -> Error {
        ObtainError::new(ObtainErrorKind::Unreachable).into()
    }

    fn refusal() -> Error {
        ObtainError::refused("invalid_client", None).into()
    }

    fn fail(ledger: &mut Ledger, error: &Error, now: Duration) {
        ledger.failed(error, now, &Timing::default(), 0.0);
    }

    #[test]
    fn after_an_outage_nobody_asks_until_the_pause_is_over() {
        let mut ledger = Ledger::default();
        assert!(ledger.may_ask(S).is_ok());
        fail(&mut ledger, &outage(), S);
        let told = ledger.may_ask(S).unwrap_err().kind();
        assert_eq!(
            told,
            ErrorKind::Unavailable {
                retry_after: Some(S)
            }
        );
        assert!(ledger.may_ask(2 * S).is_ok());
        fail(&mut ledger, &outage(), 2 * S);
        assert!(ledger.may_ask(3 * S).is_err(), "the second pause is longer");
        assert!(ledger.may_ask(4 * S).is_ok());
        ledger.succeeded();
        fail(&mut ledger, &outage(), 10 * S);
        assert!(ledger.may_ask(11 * S).is_ok(), "a success starts it anew");
    }

    #[test]
    fn a_refusal_is_remembered_for_a_minute_and_then_longer() {
        let mut ledger = Ledger::default();
        fail(&mut ledger, &refusal(), S);
        assert_eq!(
            ledger.may_ask(60 * S).unwrap_err().kind(),
            ErrorKind::Refused
        );
        assert!(ledger.may_ask(61 * S).is_ok());
        fail(&mut ledger, &refusal(), 61 * S);
        assert!(ledger.may_ask(180 * S).is_err());
        assert!(ledger.may_ask(181 * S).is_ok());
        fail(&mut ledger, &refusal(), 181 * S);
        ledger.forget();
        assert!(
            ledger.may_ask(181 * S).is_ok(),
            "new credentials are tried at once"
        );
    }

    #[test]
    fn credentials_that_lock_an_account_are_refused_so_often_and_no_more() {
        let most = |times| NonZeroU32::new(times).unwrap();
        let wrong = |n: u32| ObtainError::refused(format!("wrong-{n}"), None);
        let mut ledger = Ledger::default();
        for n in 1..=3 {
            assert!(ledger.may_log_in(most(3)).is_ok(), "{n}");
            ledger.log_in_refused(wrong(n));
            fail(&mut ledger, &outage(), S); // in between
        }
        let last = ledger.may_log_in(most(3)).unwrap_err();
        assert_eq!(last.kind(), wrong(3).kind(), "the last refusal is told");
        assert!(ledger.may_log_in(most(4)).is_ok());
        type Event = fn(&mut Ledger);
        let events: [(&str, Event); 2] = [
            ("a success", Ledger::succeeded),
            ("new credentials", Ledger::forget),
        ];
        for (event, happen) in events {
            happen(&mut ledger);
            assert!(ledger.may_log_in(most(1)).is_ok(), "{event}");
            ledger.log_in_refused(wrong(1));
            assert!(ledger.may_log_in(most(1)).is_err(), "{event}");
        }
        ledger.accepted();
        assert!(ledger.may_log_in(most(1)).is_err(), "an old token accepted");
    }

    #[test]
    fn what_the_server_asked_for_is_honoured() {
        let mut ledger = Ledger::default();
        let told = ObtainError::new(ObtainErrorKind::Unreachable).with_retry_after(7 * S);
        fail(&mut ledger, &told.into(), S);
        assert!(ledger.may_ask(7 * S).is_err());
        assert!(ledger.may_ask(8 * S).is_ok());
    }

    #[test]
    fn acceptances_in_between_allow_five_renewals_a_minute() {
        let timing = Timing::default();
        let mut ledger = Ledger::default();
        for _ in 0..5 {
            assert_eq!(ledger.refused(true, 100 * S, &timing), Ok(()));
        }
        assert_eq!(ledger.refused(true, 101 * S, &timing), Err(59 * S));
        assert_eq!(ledger.refused(true, 160 * S, &timing), Ok(()));
    }

    #[test]
    fn the_brake_holds_until_a_token_is_accepted() {
        let timing = Timing::default();
        let mut ledger = Ledger::default();
        assert_eq!(
            ledger.refused(true, S, &timing),
            Ok(()),
            "a good token was revoked"
        );
        assert_eq!(
            ledger.refused(false, S, &timing),
            Err(30 * S),
            "its successor never worked"
        );
        assert_eq!(ledger.refused(false, 31 * S, &timing), Ok(()));
        assert_eq!(
            ledger.refused(false, 32 * S, &timing),
            Err(59 * S),
            "and now for longer"
        );
        assert_eq!(
            ledger.refused(true, 32 * S, &timing),
            Ok(()),
            "accepted in between"
        );
        ledger.accepted();
        assert_eq!(ledger.refused(false, 33 * S, &timing), Ok(()));
    }
}
