//! What those who hold a set are told.

use std::{sync::Arc, time::Duration};

use super::{
    FetchError, FetchErrorKind, State,
    machine::Machine,
    shared::{Shared, moved},
    verdict::{Key, Set, Verdict},
};
use crate::{
    deadline::Elapsed,
    jwt::key::KeySet,
    keys::{KeyQuery, KeysUnavailable},
};

impl Shared {
    /// The warm path: the keys, if the one that is wanted is among them. One atomic load,
    /// one look at the clock.
    pub(super) fn at_hand(self: &Arc<Self>, wanted: &KeyQuery<'_>) -> Option<KeySet> {
        let held = self.held();
        let held = held.as_ref()?;
        let now = self.now();
        if held.worth(now) == Set::None || held.key(wanted) == Key::Unknown {
            return None;
        }
        self.use_at(now);
        Some(held.keys.clone())
    }

    /// The keys, or those that are there instead, where nobody has to be asked for that.
    pub(super) fn without_asking(&self, wanted: &KeyQuery<'_>) -> Option<KeySet> {
        if !self.origin.may_hold(wanted.algorithm()) {
            return Some(self.no_keys.clone());
        }
        let machine = &self.core().machine;
        let verdict = machine.verdict(wanted, machine.ticket(), self.now());
        (verdict == Verdict::Keys).then(|| self.keys(machine))
    }

    /// The same after asking, if that may be.
    pub(super) async fn obtain(
        self: &Arc<Self>,
        wanted: &KeyQuery<'_>,
    ) -> Result<KeySet, KeysUnavailable> {
        if !self.origin.may_hold(wanted.algorithm()) {
            return Ok(self.no_keys.clone());
        }
        self.note_use();
        let mut progress = self.progress();
        let ticket = self.core().machine.ticket();
        loop {
            let answer = self.ask(|machine, now| match machine.ask(wanted, ticket, now) {
                Verdict::Keys => Some(Ok(self.keys(machine))),
                Verdict::Unavailable => Some(Err(self.unavailable(machine, now))),
                Verdict::Wait | Verdict::Ask => None,
            });
            match answer {
                Ok(Some(answer)) => return answer,
                Ok(None) => moved(&mut progress).await,
                Err(error) => return Err(self.retry_soon(error)),
            }
        }
    }

    fn keys(&self, machine: &Machine) -> KeySet {
        let held = machine.held();
        held.map_or_else(|| self.no_keys.clone(), |held| held.keys.clone())
    }

    /// Why somebody waited in vain.
    pub(super) fn late(&self, elapsed: Elapsed) -> FetchError {
        let of = |kind| FetchError::new(kind, self.origin.name());
        match elapsed {
            Elapsed::NoTimer => of(FetchErrorKind::NoRuntime),
            Elapsed::Deadline => {
                let last = self.core().machine.last_error().cloned();
                last.unwrap_or_else(|| of(FetchErrorKind::Deadline))
            }
        }
    }

    fn unavailable(&self, machine: &Machine, now: Duration) -> KeysUnavailable {
        let pause = machine.pause_left(now).max(self.timing.backoff_min);
        let unavailable = KeysUnavailable::new(pause);
        match machine.last_error() {
            Some(error) => unavailable.with_source(error.clone()),
            None => unavailable,
        }
    }

    pub(super) fn retry_soon(&self, error: FetchError) -> KeysUnavailable {
        KeysUnavailable::new(self.timing.backoff_min).with_source(error)
    }

    pub(super) fn state(&self) -> State {
        let core = self.core();
        let (machine, now) = (&core.machine, self.now());
        let held = machine.held();
        State {
            source: self.origin.name().to_owned(),
            is_ready: machine.worth(now) != Set::None,
            key_ids: machine.key_ids(),
            age: held.map(|held| now.saturating_sub(held.read_at)),
            staleness: held.map_or(Duration::ZERO, |held| now.saturating_sub(held.fresh_until)),
            last_error: machine.last_error().cloned(),
            next_attempt: machine.pause_left(now),
            counters: machine.counters(),
        }
    }
}
