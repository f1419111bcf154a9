//! Which keys are trusted after a set was read.
//!
//! A key that left the set is trusted no longer. But the servers of one provider don't all
//! learn of a new key at the same time: one that was first seen lately is withdrawn only
//! when a second reading, some seconds later, lacks it too.

use std::time::Duration;

use super::Timing;
use crate::{
    excerpt::excerpt,
    jwt::key::{Key, KeySet},
};

/// The keys that are trusted, those of doubt included.
#[derive(Default)]
pub(super) struct KnownKeys(Vec<Known>);

struct Known {
    key: Key,
    first_seen: Duration,
    /// Since when it is not in the set, if it was young then.
    absent_since: Option<Duration>,
}

/// What a reading changed: the names of keys, as a log may show them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) added: Vec<String>,
    pub(super) withdrawn: Vec<String>,
    /// Absent, and still trusted until a second reading.
    pub(super) doubtful: Vec<String>,
}

impl Change {
    /// Whether other keys are trusted than before.
    pub(super) fn is_one(&self) -> bool {
        !self.added.is_empty() || !self.withdrawn.is_empty()
    }
}

impl KnownKeys {
    /// The set was read, and it holds these.
    pub(super) fn read(&mut self, read: Vec<Key>, now: Duration, timing: &Timing) -> Change {
        let mut change = Change::default();
        self.0.retain_mut(|known| {
            if read.iter().any(|key| key.is_same(&known.key)) {
                known.absent_since = None;
                return true;
            }
            let is_trusted = known.outlives_absence(now, timing);
            let list = match is_trusted {
                true => &mut change.doubtful,
                false => &mut change.withdrawn,
            };
            list.push(name(&known.key));
            is_trusted
        });
        for key in read {
            if !self.0.iter().any(|known| known.key.is_same(&key)) {
                change.added.push(name(&key));
                self.0.push(Known {
                    key,
                    first_seen: now,
                    absent_since: None,
                });
            }
        }
        change
    }

    /// The set was read, and it is as it was.
    pub(super) fn read_again(&mut self, now: Duration, timing: &Timing) -> Change {
        let present = self.0.iter().filter(|known| known.absent_since.is_none());
        let present = present.map(|known| known.key.clone()).collect();
        self.read(present, now, timing)
    }

    /// When a second reading has to decide about keys of doubt.
    pub(super) fn second_reading_at(&self, timing: &Timing) -> Option<Duration> {
        let since = self.0.iter().filter_map(|known| known.absent_since).min();
        since.map(|since| since.saturating_add(timing.confirm_after))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|known| name(&known.key))
    }

    pub(super) fn key_set(&self) -> KeySet {
        KeySet::new(self.0.iter().map(|known| known.key.clone()).collect())
    }
}

impl Known {
    fn outlives_absence(&mut self, now: Duration, timing: &Timing) -> bool {
        match self.absent_since {
            Some(since) => now < since.saturating_add(timing.confirm_after),
            None => {
                let is_young = now < self.first_seen.saturating_add(timing.young_key);
                self.absent_since = is_young.then_some(now);
                is_young
            }
        }
    }
}

fn name(key: &Key) -> String {
    key.key_id().map_or("(no kid)".to_owned(), excerpt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::{Algorithm, SigningKey};

    /// Keys of these names.
    struct Keys(Vec<Key>);

    impl Keys {
        fn new(names: &[&str]) -> Self {
            let key = |name: &&str| {
                let key = SigningKey::generate(Algorithm::EdDSA).unwrap();
                key.with_key_id(*name).verification_keys().keys()[0].clone()
            };
            Self(names.iter().map(key).collect())
        }

        fn of(&self, names: &str) -> Vec<Key> {
            let is_wanted = |key: &&Key| names.contains(key.key_id().unwrap());
            self.0.iter().filter(is_wanted).cloned().collect()
        }
    }

    #[test]
    fn a_key_that_left_is_withdrawn_at_once_unless_it_is_young() {
        // (at which second, which keys were read, which are trusted then)
        type Readings = &'static [(u64, &'static str, &'static str)];
        let rows: &[(&str, Readings)] = &[
            ("an old key", &[(0, "ab", "ab"), (600, "b", "b")]),
            (
                "a young key, absent once",
                &[(0, "ab", "ab"), (599, "b", "ab")],
            ),
            (
                "absent again after 5 s",
                &[(0, "ab", "ab"), (599, "b", "ab"), (604, "b", "b")],
            ),
            (
                "absent again too soon",
                &[
                    (0, "ab", "ab"),
                    (599, "b", "ab"),
                    (603, "b", "ab"),
                    (604, "b", "b"),
                ],
            ),
            (
                "there again",
                &[
                    (0, "ab", "ab"),
                    (10, "b", "ab"),
                    (15, "ab", "ab"),
                    (20, "b", "ab"),
                ],
            ),
            (
                "seen by one server and not yet by another",
                &[
                    (0, "a", "a"),
                    (700, "ab", "ab"),
                    (701, "a", "ab"),
                    (706, "ab", "ab"),
                ],
            ),
            (
                "the old one goes while the new one is in doubt",
                &[
                    (0, "a", "a"),
                    (700, "ab", "ab"),
                    (701, "c", "bc"),
                    (706, "c", "c"),
                ],
            ),
            ("a name twice", &[(0, "a", "a"), (1, "aa", "a")]),
        ];
        let keys = Keys::new(&["a", "b", "c"]);
        for (row, readings) in rows {
            let mut known = KnownKeys::default();
            for (second, read, trusted) in *readings {
                known.read(
                    keys.of(read),
                    Duration::from_secs(*second),
                    &Timing::default(),
                );
                let mut names: Vec<_> = known.names().collect();
                names.sort();
                assert_eq!(names.concat(), *trusted, "{row}, second {second}");
                assert_eq!(
                    known.key_set().len(),
                    trusted.len(),
                    "{row}, second {second}"
                );
            }
        }
    }

    #[test]
    fn an_unchanged_set_lacks_what_it_lacked() {
        let (keys, timing) = (Keys::new(&["a", "b"]), Timing::default());
        let second = Duration::from_secs;
        let mut known = KnownKeys::default();
        known.read(keys.of("ab"), second(0), &timing);
        assert_eq!(known.second_reading_at(&timing), None);
        let change = known.read(keys.of("a"), second(1), &timing);
        assert_eq!(
            (change.is_one(), change.doubtful),
            (false, vec!["b".to_owned()])
        );
        assert_eq!(known.second_reading_at(&timing), Some(second(6)));
        let change = known.read_again(second(6), &timing);
        assert_eq!(change.withdrawn, ["b"]);
        assert_eq!(known.names().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn the_same_key_by_another_name_is_found_by_that_name() {
        let signing = SigningKey::generate(Algorithm::EdDSA).unwrap();
        let named = |name: &str| {
            let keys = signing.clone().with_key_id(name).verification_keys();
            keys.keys().to_vec()
        };
        let mut known = KnownKeys::default();
        known.read(named("a"), Duration::ZERO, &Timing::default());
        let late = Duration::from_secs(3600);
        let change = known.read(named("b"), late, &Timing::default());
        assert_eq!(
            (change.added, change.withdrawn),
            (vec!["b".to_owned()], vec!["a".to_owned()])
        );
    }

    #[test]
    fn the_same_name_on_another_key_is_another_key() {
        let (before, after) = (Keys::new(&["a"]), Keys::new(&["a"]));
        let mut known = KnownKeys::default();
        known.read(before.of("a"), Duration::ZERO, &Timing::default());
        let late = Duration::from_secs(3600);
        let change = known.read(after.of("a"), late, &Timing::default());
        assert_eq!(
            (change.added, change.withdrawn),
            (vec!["a".to_owned()], vec!["a".to_owned()])
        );
    }
}
