//! What those who hold a set are told.

use std::{sync::Arc, time::Duration};

use super::{
    FetchError, FetchErrorKind, State,
    machine::Machine,
    shared::{Shared, moved},
    verdict::{Key, Set, Verdict},
};
use crate::{
    deadline::{Elapsed, within_on},
    jwt::key::KeySet,
    keys::{KeyQuery, KeysUnavailable},
};

/// How the search for the first keys stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::keys) enum FirstKeys {
    /// They are being looked for, or nobody has asked for them.
    Awaited,
    /// They were not found, at this moment.
    Failed(Duration),
    /// They were found, and are within their lifetime.
    Fresh,
    /// They were found, and are past it.
    Old,
}

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
        let ticket = self.core().machine.ticket();
        self.answer(|machine, now| match machine.ask(wanted, ticket, now) {
            Verdict::Keys => Some(Ok(self.keys(machine))),
            Verdict::Unavailable => Some(Err(self.unavailable(machine, now))),
            Verdict::Wait | Verdict::Ask => None,
        })
        .await
    }

    /// The first keys, or why the attempt that looked for them failed. Whoever waits for
    /// them is not taken for somebody who will go on using them.
    pub(super) async fn first(self: &Arc<Self>) -> Result<KeySet, KeysUnavailable> {
        self.answer(|machine, now| match machine.want_keys(now) {
            true => Some(Ok(self.keys(machine))),
            false if machine.last_error().is_some() => Some(Err(self.unavailable(machine, now))),
            false => None,
        })
        .await
    }

    /// Asks at the end of each attempt, until there is an answer.
    async fn answer(
        self: &Arc<Self>,
        question: impl Fn(&mut Machine, Duration) -> Option<Result<KeySet, KeysUnavailable>>,
    ) -> Result<KeySet, KeysUnavailable> {
        let mut progress = self.progress();
        loop {
            match self.ask(&question) {
                Ok(Some(answer)) => return answer,
                Ok(None) => moved(&mut progress).await,
                Err(error) => return Err(self.retry_soon(error)),
            }
        }
    }

    /// The same, and nobody waits too long.
    pub(super) async fn in_time(
        &self,
        answer: impl Future<Output = Result<KeySet, KeysUnavailable>>,
    ) -> Result<KeySet, KeysUnavailable> {
        let waited = within_on(self.runtime.as_ref(), self.timing.wait, answer).await;
        waited.unwrap_or_else(|elapsed| Err(self.retry_soon(self.late(elapsed))))
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

    /// How the search for the first keys stands.
    pub(super) fn first_keys(&self) -> FirstKeys {
        let core = self.core();
        let machine = &core.machine;
        match (
            machine.worth(self.now()),
            machine.held(),
            machine.failed_at(),
        ) {
            (Set::Fresh, ..) => FirstKeys::Fresh,
            (_, Some(_), _) => FirstKeys::Old,
            (_, None, Some(at)) => FirstKeys::Failed(at),
            (_, None, None) => FirstKeys::Awaited,
        }
    }

    /// The keys within their lifetime, for somebody who is not to keep them fresh.
    pub(super) fn glance(&self, wanted: &KeyQuery<'_>) -> Option<KeySet> {
        let held = self.held();
        let held = held.as_ref()?;
        let is_fresh = held.worth(self.now()) == Set::Fresh;
        (is_fresh && held.key(wanted) == Key::Found).then(|| held.keys.clone())
    }

    /// Whatever is at hand, without asking.
    pub(super) fn as_they_are(&self) -> KeySet {
        self.keys(&self.core().machine)
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
