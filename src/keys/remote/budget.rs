//! What tokens that name unknown keys may cost the source.
//!
//! Anyone can make up such tokens, so all of them together get one fetch in thirty
//! seconds. The memory spares even that one for a token that comes again and again. It
//! remembers tokens and not the names of keys: a name guessed in advance would keep out
//! the real key of that name.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use super::Timing;
use crate::keys::KeyQuery;

/// More tokens than this are not remembered; the oldest is forgotten first.
const MAX_REMEMBERED: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Budget {
    spent_at: Option<Duration>,
    /// Tokens whose key was asked for in vain, and until when that counts. Keyed, so that
    /// nobody can make two of them look alike.
    not_found: VecDeque<(u64, Duration)>,
    hasher: RandomState,
}

impl Budget {
    /// Whether the source may be asked because of this token.
    pub(super) fn allows(&self, wanted: &KeyQuery<'_>, now: Duration, timing: &Timing) -> bool {
        let is_over = |spent: Duration| now >= spent.saturating_add(timing.unknown_key_pause);
        self.spent_at.is_none_or(is_over) && !self.remembers(wanted, now)
    }

    /// Counts from the attempt, whatever comes of it.
    pub(super) fn spend(&mut self, now: Duration) {
        self.spent_at = Some(now);
    }

    /// The source was asked, and has no such key.
    pub(super) fn remember(&mut self, wanted: &KeyQuery<'_>, now: Duration, timing: &Timing) {
        if self.remembers(wanted, now) {
            return; // many may have waited with the same token
        }
        if self.not_found.len() >= MAX_REMEMBERED {
            self.not_found.pop_front();
        }
        let until = now.saturating_add(timing.not_found);
        self.not_found.push_back((self.fingerprint(wanted), until));
    }

    /// Other keys than before: what was not found may be there now.
    pub(super) fn forget(&mut self) {
        self.not_found.clear();
    }

    fn remembers(&self, wanted: &KeyQuery<'_>, now: Duration) -> bool {
        let fingerprint = self.fingerprint(wanted);
        let mut remembered = self.not_found.iter();
        remembered.any(|(known, until)| *known == fingerprint && now < *until)
    }

    fn fingerprint(&self, wanted: &KeyQuery<'_>) -> u64 {
        let token = (wanted.algorithm(), wanted.key_id(), wanted.signature());
        self.hasher.hash_one(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::Algorithm;

    const S: Duration = Duration::from_secs(1);

    fn token<'a>(key_id: &'a str, signature: &'a str) -> KeyQuery<'a> {
        KeyQuery::new(Algorithm::ES256)
            .with_key_id(Some(key_id))
            .with_signature(Some(signature))
    }

    #[test]
    fn all_unknown_keys_together_get_one_fetch_in_thirty_seconds() {
        let (mut budget, timing) = (Budget::default(), Timing::default());
        let allows =
            |budget: &Budget, key_id, now| budget.allows(&token(key_id, "s"), now, &timing);
        assert!(allows(&budget, "a", S));
        budget.spend(S);
        assert!(!allows(&budget, "b", S));
        assert!(!allows(&budget, "c", 31 * S - Duration::from_millis(1)));
        assert!(allows(&budget, "c", 31 * S));
    }

    #[test]
    fn a_token_that_was_asked_for_in_vain_is_not_asked_for_again_for_five_minutes() {
        let (mut budget, timing) = (Budget::default(), Timing::default());
        budget.spend(S);
        budget.remember(&token("a", "s"), S, &timing);
        let rows = [
            ("the same token", "a", "s", 60, false),
            (
                "another that names the key, such as a real one",
                "a",
                "t",
                60,
                true,
            ),
            ("another key", "b", "s", 60, true),
            ("almost five minutes", "a", "s", 300, false),
            ("five minutes", "a", "s", 301, true),
        ];
        for (row, key_id, signature, now, expected) in rows {
            let allowed = budget.allows(&token(key_id, signature), now * S, &timing);
            assert_eq!(allowed, expected, "{row}");
        }
        budget.forget();
        assert!(
            budget.allows(&token("a", "s"), 60 * S, &timing),
            "another set"
        );
    }

    #[test]
    fn the_memory_is_bounded_holds_each_token_once_and_forgets_the_oldest_first() {
        let (mut budget, timing) = (Budget::default(), Timing::default());
        let names: Vec<_> = (0..MAX_REMEMBERED + 1).map(|n| n.to_string()).collect();
        for name in &names {
            for _ in 0..2 {
                budget.remember(&token(name, "s"), S, &timing);
            }
        }
        assert_eq!(budget.not_found.len(), MAX_REMEMBERED);
        assert!(budget.allows(&token("0", "s"), 60 * S, &timing));
        assert!(!budget.allows(&token("1", "s"), 60 * S, &timing));
    }
}
