//! The state of a set, and each of its decisions: state and event and now give a new state
//! and what to do.
//!
//! Nothing here waits or looks at a clock. All moments are readings of the monotonic clock;
//! `chance` is a number of [0, 1) that the caller draws.

use std::{sync::Arc, time::Duration};

use super::{
    Counters, FetchError, Timing,
    budget::Budget,
    held::Held,
    origin::{Read, Validators},
    schedule,
    verdict::{self, Source, Verdict, verdict},
    withdrawal::{Change, KnownKeys},
};
use crate::keys::KeyQuery;

pub(super) struct Machine {
    timing: Timing,
    held: Option<Arc<Held>>,
    known: KnownKeys,
    validators: Validators,
    /// Why the source is being asked.
    attempt: Option<Trigger>,
    /// Why the source has to be asked at once.
    demand: Option<Trigger>,
    outage: Option<Outage>,
    budget: Budget,
    attempts: Attempts,
    counters: Counters,
}

/// Why a set is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// There are no keys.
    Start,
    /// It is time.
    Schedule,
    /// A token names a key that is not in the set.
    UnknownKey,
    /// A young key was absent.
    SecondReading,
    /// The application asked for it.
    Forced,
}

struct Outage {
    failures: u32,
    error: FetchError,
    /// When the last attempt failed.
    at: Duration,
    not_before: Duration,
}

/// What an attempt ended in, and how long the source is left alone after it.
pub(super) struct Failure {
    pub(super) error: FetchError,
    pub(super) pause: Duration,
}

/// How many attempts were begun, and which is the latest that ended.
#[derive(Default)]
struct Attempts {
    begun: u64,
    ended: u64,
}

/// When a question was asked: attempts begun later answer it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket(u64);

/// What the worker has to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Fetch(Trigger),
    /// Nothing until then.
    Sleep(Duration),
    /// Nothing until somebody wants keys again.
    Stop,
}

impl Machine {
    pub(super) fn new(timing: Timing) -> Self {
        Self {
            timing,
            held: None,
            known: KnownKeys::default(),
            validators: Validators::default(),
            attempt: None,
            demand: None,
            outage: None,
            budget: Budget::default(),
            attempts: Attempts::default(),
            counters: Counters::default(),
        }
    }

    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.attempts.begun)
    }

    /// Whether an attempt that was begun after the question has ended.
    fn has_answered(&self, ticket: Ticket) -> bool {
        self.attempts.ended > ticket.0
    }

    /// What a token is told, without asking the source because of it.
    pub(super) fn verdict(&self, wanted: &KeyQuery<'_>, ticket: Ticket, now: Duration) -> Verdict {
        let set = self.worth(now);
        verdict(set, self.key(wanted), self.source(set, wanted, ticket, now))
    }

    fn key(&self, wanted: &KeyQuery<'_>) -> verdict::Key {
        let held = self.held.as_ref();
        held.map_or(verdict::Key::Unknown, |held| held.key(wanted))
    }

    /// The same; if the source has to be asked, the next attempt is for this token.
    pub(super) fn ask(&mut self, wanted: &KeyQuery<'_>, ticket: Ticket, now: Duration) -> Verdict {
        let verdict = self.verdict(wanted, ticket, now);
        match verdict {
            Verdict::Ask => self.demand(now),
            Verdict::Keys
                if self.has_answered(ticket) && self.key(wanted) == verdict::Key::Unknown =>
            {
                self.budget.remember(wanted, now, &self.timing);
            }
            _ => {}
        }
        verdict
    }

    /// Only what is not due anyway is at the expense of the budget.
    fn demand(&mut self, now: Duration) {
        self.demand = Some(match &self.held {
            None => Trigger::Start,
            Some(held) if now >= held.due_at => Trigger::Schedule,
            Some(_) => {
                self.budget.spend(now);
                Trigger::UnknownKey
            }
        });
    }

    fn source(
        &self,
        set: verdict::Set,
        wanted: &KeyQuery<'_>,
        ticket: Ticket,
        now: Duration,
    ) -> Source {
        if self.attempt.is_some() || self.demand.is_some() {
            return Source::Fetching;
        }
        let is_worth_it = || {
            let is_due = set == verdict::Set::None
                || self.held.as_ref().is_some_and(|held| now >= held.due_at);
            is_due || self.budget.allows(wanted, now, &self.timing)
        };
        let may_ask = now >= self.not_before() && !self.has_answered(ticket) && is_worth_it();
        match (may_ask, &self.outage) {
            (true, _) => Source::Askable,
            (false, None) => Source::Healthy,
            (false, Some(_)) => Source::Failing,
        }
    }

    /// Whether there are keys. If not, they are asked for as soon as the source may be.
    pub(super) fn want_keys(&mut self, now: Duration) -> bool {
        let is_ready = self.worth(now) != verdict::Set::None;
        if !is_ready && self.attempt.is_none() && now >= self.not_before() {
            self.demand.get_or_insert(Trigger::Start);
        }
        is_ready
    }

    /// Asks for an attempt at once, whatever failed before.
    pub(super) fn force(&mut self) -> Ticket {
        self.demand = Some(Trigger::Forced);
        self.ticket()
    }

    /// What came of the attempts that were begun since.
    pub(super) fn outcome_since(&self, ticket: Ticket) -> Option<Result<(), FetchError>> {
        let outcome = || self.last_error().map_or(Ok(()), |error| Err(error.clone()));
        self.has_answered(ticket).then(outcome)
    }

    pub(super) fn worth(&self, now: Duration) -> verdict::Set {
        self.held
            .as_ref()
            .map_or(verdict::Set::None, |held| held.worth(now))
    }

    /// What the worker has to do. `is_in_use`: somebody wanted keys since the last attempt.
    pub(super) fn next(&mut self, now: Duration, is_in_use: bool) -> Next {
        if let Some(trigger) = self.demand.take() {
            return Next::Fetch(trigger);
        }
        let (due_at, trigger) = self.due();
        let at = due_at.max(self.not_before());
        if now < at {
            Next::Sleep(at)
        } else if is_in_use || trigger == Trigger::SecondReading {
            Next::Fetch(trigger)
        } else {
            Next::Stop
        }
    }

    fn due(&self) -> (Duration, Trigger) {
        let Some(held) = &self.held else {
            return (Duration::ZERO, Trigger::Start);
        };
        match self.known.second_reading_at(&self.timing) {
            Some(second) if second <= held.due_at => (second, Trigger::SecondReading),
            _ => (held.due_at, Trigger::Schedule),
        }
    }

    fn not_before(&self) -> Duration {
        self.outage
            .as_ref()
            .map_or(Duration::ZERO, |outage| outage.not_before)
    }

    /// An attempt begins; it asks whether the set is still the one of these validators.
    pub(super) fn begin(&mut self, trigger: Trigger) -> Validators {
        self.attempt = Some(trigger);
        self.attempts.begun += 1;
        self.counters.attempts += 1;
        if trigger == Trigger::UnknownKey {
            self.counters.for_unknown_keys += 1;
        }
        self.validators.clone()
    }

    /// An attempt ended.
    pub(super) fn end(
        &mut self,
        outcome: Result<Read, FetchError>,
        now: Duration,
        chance: f64,
    ) -> Result<Change, Failure> {
        self.attempt = None;
        self.attempts.ended = self.attempts.begun;
        match outcome {
            Ok(read) => Ok(self.succeeded(read, now, chance)),
            Err(error) => Err(self.failed(error, now, chance)),
        }
    }

    fn succeeded(&mut self, read: Read, now: Duration, chance: f64) -> Change {
        self.outage = None;
        self.validators = read.validators;
        let change = match read.keys {
            Some(keys) => self.known.read(keys, now, &self.timing),
            None => {
                self.counters.not_modified += 1;
                self.known.read_again(now, &self.timing)
            }
        };
        let same = self.held.as_ref().filter(|_| !change.is_one());
        let keys = same.map_or_else(|| self.known.key_set(), |held| held.keys.clone());
        if change.is_one() {
            self.counters.changes += 1;
            self.budget.forget();
        }
        let held = Held::new(keys, read.lifetime, now, &self.timing, chance);
        self.held = Some(Arc::new(held));
        change
    }

    fn failed(&mut self, error: FetchError, now: Duration, chance: f64) -> Failure {
        self.counters.failures += 1;
        let before = self.outage.as_ref().map_or(0, |outage| outage.failures);
        let failures = before.saturating_add(1);
        let pause = schedule::pause(failures, error.retry_after(), &self.timing, chance);
        self.outage = Some(Outage {
            failures,
            error: error.clone(),
            at: now,
            not_before: now.saturating_add(pause),
        });
        Failure { error, pause }
    }

    /// The runtime went away in the middle of an attempt: the next one makes up for it.
    pub(super) fn abandon(&mut self) {
        self.demand = self.demand.or(self.attempt.take());
    }

    pub(super) fn held(&self) -> Option<&Arc<Held>> {
        self.held.as_ref()
    }

    pub(super) fn last_error(&self) -> Option<&FetchError> {
        self.outage.as_ref().map(|outage| &outage.error)
    }

    /// When the first keys were looked for in vain, if nobody looks for them now.
    pub(super) fn failed_at(&self) -> Option<Duration> {
        let is_first = self.held.is_none() && self.attempt.is_none() && self.demand.is_none();
        let outage = self.outage.as_ref().filter(|_| is_first)?;
        Some(outage.at)
    }

    /// How long the source is left alone after a failure.
    pub(super) fn pause_left(&self, now: Duration) -> Duration {
        self.not_before().saturating_sub(now)
    }

    pub(super) fn key_ids(&self) -> Vec<String> {
        self.known.names().collect()
    }

    pub(super) fn counters(&self) -> Counters {
        self.counters
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use proptest::prelude::*;

    use super::{verdict::Set, *};
    use crate::{
        jwt::{Algorithm, SigningKey, key::Key},
        keys::remote::FetchErrorKind,
    };

    /// What happens to a set in the course of its life.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Passes(Duration),
        Asked { key: usize },
        Read { keys: usize, lifetime: u64 },
        Failed { retry_after: Option<u64> },
        Forced,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            4 => (1_u64..600_000).prop_map(|ms| Event::Passes(Duration::from_millis(ms))),
            2 => (1_u64..2_000).prop_map(|ms| Event::Passes(Duration::from_millis(ms))),
            4 => (0_usize..4).prop_map(|key| Event::Asked { key }),
            4 => (1_usize..4, 30_u64..3600)
                .prop_map(|(keys, lifetime)| Event::Read { keys, lifetime }),
            3 => proptest::option::of(0_u64..600)
                .prop_map(|retry_after| Event::Failed { retry_after }),
            1 => Just(Event::Forced),
        ]
    }

    fn keys() -> Vec<Key> {
        let key = |number: usize| {
            let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
            let key = key.with_key_id(number.to_string());
            key.verification_keys().keys()[0].clone()
        };
        (0..4).map(key).collect()
    }

    /// A machine, and a worker that does what it says.
    struct World {
        machine: Machine,
        keys: Vec<Key>,
        now: Duration,
        asked_for_unknown: Option<Duration>,
    }

    impl World {
        fn happens(&mut self, event: Event) {
            match event {
                Event::Passes(time) => self.now += time,
                Event::Asked { key } => self.asked(&key.to_string()),
                Event::Read { keys, lifetime } => self.ended(Ok(Read {
                    keys: Some(self.keys[..keys].to_vec()),
                    lifetime: Duration::from_secs(lifetime),
                    validators: Validators::default(),
                })),
                Event::Failed { retry_after } => {
                    let kind = FetchErrorKind::Status(StatusCode::SERVICE_UNAVAILABLE);
                    let told = retry_after.map(Duration::from_secs);
                    let error = FetchError::new(kind, "a test").with_retry_after(told);
                    self.ended(Err(error));
                }
                Event::Forced => drop(self.machine.force()),
            }
            self.work();
        }

        fn asked(&mut self, key_id: &str) {
            let wanted = KeyQuery::new(Algorithm::EdDSA).with_key_id(Some(key_id));
            let ticket = self.machine.ticket();
            let set = self.machine.worth(self.now);
            let is_failing = self.machine.last_error().is_some();
            match self.machine.ask(&wanted, ticket, self.now) {
                Verdict::Keys => assert_ne!(set, Set::None, "keys past their usefulness"),
                Verdict::Unavailable => assert!(is_failing, "503 by a healthy source"),
                Verdict::Wait | Verdict::Ask => assert!(
                    self.machine.attempt.is_some() || self.machine.demand.is_some(),
                    "a wait for nothing"
                ),
            }
        }

        fn ended(&mut self, outcome: Result<Read, FetchError>) {
            if self.machine.attempt.is_some() {
                let _ = self.machine.end(outcome, self.now, 0.5);
            }
        }

        fn work(&mut self) {
            if self.machine.attempt.is_some() {
                return;
            }
            let (not_before, now) = (self.machine.not_before(), self.now);
            match self.machine.next(now, true) {
                Next::Fetch(trigger) => {
                    assert!(
                        now >= not_before || trigger == Trigger::Forced,
                        "no pause: {trigger:?}"
                    );
                    if trigger == Trigger::UnknownKey {
                        let since = self.asked_for_unknown.replace(now);
                        let is_late = |since| now >= since + Duration::from_secs(30);
                        assert!(since.is_none_or(is_late), "the budget was overdrawn");
                    }
                    drop(self.machine.begin(trigger));
                }
                Next::Sleep(until) => assert!(until > now, "a worker that spins"),
                Next::Stop => panic!("somebody wants keys"),
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_happens_the_promises_hold(events in prop::collection::vec(event(), 1..200)) {
            let mut world = World {
                machine: Machine::new(Timing::default()),
                keys: keys(),
                now: Duration::from_secs(1),
                asked_for_unknown: None,
            };
            for event in events {
                world.happens(event);
            }
        }
    }

    #[test]
    fn a_runtime_that_goes_away_leaves_its_attempt_to_the_next() {
        let mut machine = Machine::new(Timing::default());
        let wanted = KeyQuery::new(Algorithm::EdDSA);
        let now = Duration::from_secs(1);
        assert_eq!(machine.ask(&wanted, machine.ticket(), now), Verdict::Ask);
        assert_eq!(machine.next(now, true), Next::Fetch(Trigger::Start));
        machine.begin(Trigger::Start);
        machine.abandon();
        assert_eq!(machine.next(now, false), Next::Fetch(Trigger::Start));
    }
}
