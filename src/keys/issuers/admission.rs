//! Which issuer may be looked for the first time, and which has to make room: pure
//! decisions. All moments are readings of the monotonic clock.

use std::{collections::VecDeque, time::Duration};

use super::Limits;
use crate::keys::remote::FirstKeys;

/// The budget that all new issuers share.
#[derive(Debug, Default)]
pub(super) struct Admission {
    /// When issuers were let in, in the last minute.
    admitted: VecDeque<Duration>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Admission {
    /// Lets one in, or says how long until it is worth asking again.
    pub(super) fn admit(
        &mut self,
        under_way: impl FnOnce() -> usize,
        now: Duration,
        limits: &Limits,
    ) -> Result<(), Duration> {
        while self
            .admitted
            .front()
            .is_some_and(|at| now >= at.saturating_add(MINUTE))
        {
            self.admitted.pop_front();
        }
        if self.admitted.len() >= limits.per_minute {
            let next = self.admitted.front().map(|at| at.saturating_add(MINUTE));
            return Err(next.map_or(MINUTE, |next| next.saturating_sub(now)));
        }
        if under_way() >= limits.under_way {
            return Err(Duration::from_secs(1));
        }
        self.admitted.push_back(now);
        Ok(())
    }
}

/// What is known of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) is_proven: bool,
    pub(super) keys: FirstKeys,
}

/// What becomes of a question about an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Its keys are on their way, and answer as they come.
    Await,
    /// Its keys answer, and may ask for newer ones.
    Ask,
    /// The same, if the budget allows it; else those at hand answer.
    Spend,
    /// It was not found, and nobody looks again for this long.
    Failed(Duration),
    /// It is to be looked for, if the budget allows it.
    Admit,
}

/// Whoever has proved himself has budgets of his own.
pub(super) fn treatment(known: Option<Known>, now: Duration, limits: &Limits) -> Treatment {
    let Some(Known { is_proven, keys }) = known else {
        return Treatment::Admit;
    };
    match keys {
        FirstKeys::Awaited => Treatment::Await,
        _ if is_proven => Treatment::Ask,
        FirstKeys::Fresh => Treatment::Spend,
        FirstKeys::Failed(at) if now < at.saturating_add(limits.failed) => {
            Treatment::Failed(at.saturating_add(limits.failed).saturating_sub(now))
        }
        FirstKeys::Failed(_) | FirstKeys::Old => Treatment::Admit,
    }
}

/// One of those who may have to make room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<T> {
    pub(super) who: T,
    /// Since somebody had to go.
    pub(super) is_used: bool,
    /// Newcomers are numbered.
    pub(super) number: u64,
}

/// Who has to go for a newcomer, if there is no room: the oldest of those who were not
/// used, or else the oldest.
pub(super) fn evicted<T>(places: Vec<Place<T>>, capacity: usize) -> Option<T> {
    if places.len() < capacity {
        return None;
    }
    let oldest = places
        .into_iter()
        .min_by_key(|place| (place.is_used, place.number));
    oldest.map(|place| place.who)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn twenty_newcomers_a_minute_and_four_at_a_time() {
        let (mut admission, limits) = (Admission::default(), Limits::default());
        for newcomer in 0..20 {
            assert_eq!(admission.admit(|| 0, newcomer * S, &limits), Ok(()));
        }
        assert_eq!(
            admission.admit(|| 0, 20 * S, &limits),
            Err(40 * S),
            "the 21st"
        );
        assert_eq!(
            admission.admit(|| 0, 60 * S, &limits),
            Ok(()),
            "the first is a minute ago"
        );
        assert_eq!(admission.admit(|| 0, 60 * S, &limits), Err(S));
        assert_eq!(admission.admit(|| 3, 61 * S, &limits), Ok(()));
        assert_eq!(
            admission.admit(|| 4, 62 * S, &limits),
            Err(S),
            "four are under way"
        );
        assert_eq!(
            admission.admit(|| 3, 62 * S, &limits),
            Ok(()),
            "that cost nothing"
        );
    }

    #[test]
    fn nobody_at_all_may_be_let_in_without_a_panic() {
        let limits = Limits {
            per_minute: 0,
            ..Limits::default()
        };
        assert_eq!(Admission::default().admit(|| 0, S, &limits), Err(MINUTE));
    }

    #[test]
    fn whoever_proved_himself_asks_freely_and_others_at_the_expense_of_the_budget() {
        use FirstKeys::{Awaited, Failed, Fresh, Old};
        let limits = Limits::default();
        let known = |is_proven, keys| Some(Known { is_proven, keys });
        let rows = [
            ("unknown", None, Treatment::Admit),
            ("being looked for", known(false, Awaited), Treatment::Await),
            ("found", known(false, Fresh), Treatment::Spend),
            ("found long ago", known(false, Old), Treatment::Admit),
            ("proven", known(true, Fresh), Treatment::Ask),
            ("proven long ago", known(true, Old), Treatment::Ask),
            (
                "failed just now",
                known(false, Failed(1000 * S)),
                Treatment::Failed(300 * S),
            ),
            (
                "almost 5 min ago",
                known(false, Failed(701 * S)),
                Treatment::Failed(S),
            ),
            ("5 min ago", known(false, Failed(700 * S)), Treatment::Admit),
        ];
        for (row, known, expected) in rows {
            assert_eq!(treatment(known, 1000 * S, &limits), expected, "{row}");
        }
    }

    #[test]
    fn the_oldest_that_is_not_used_makes_room() {
        let place = |who, is_used, number| Place {
            who,
            is_used,
            number,
        };
        let places = vec![
            place("a", true, 1),
            place("b", false, 3),
            place("c", false, 2),
        ];
        assert_eq!(evicted(places.clone(), 3), Some("c"));
        assert_eq!(evicted(places[..1].to_vec(), 1), Some("a"), "all are used");
        assert_eq!(evicted(places, 4), None, "there is room");
        assert_eq!(evicted(Vec::<Place<()>>::new(), 0), None);
    }
}
