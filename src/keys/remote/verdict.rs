//! What a token is told that wants a key: one table.

/// How much the set at hand is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    /// There is none, or it is too long past its lifetime.
    None,
    /// Past its lifetime, and still good for the keys that are in it.
    Stale,
    /// Within its lifetime.
    Fresh,
}

/// Whether the set has a key that the token may have been signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Found,
    Unknown,
}

/// What can be expected of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// It is being asked.
    Fetching,
    /// It may be asked because of this token.
    Askable,
    /// It was asked lately, and answered.
    Healthy,
    /// It was asked lately, and failed.
    Failing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// These are the keys. If the token's is not among them, it is refused (401).
    Keys,
    /// An answer is on its way.
    Wait,
    /// Ask the source, and wait.
    Ask,
    /// Nobody can tell, and the caller is not at fault (503).
    Unavailable,
}

pub(super) fn verdict(set: Set, key: Key, source: Source) -> Verdict {
    match (set, key, source) {
        (Set::Fresh | Set::Stale, Key::Found, _) => Verdict::Keys,
        (_, _, Source::Fetching) => Verdict::Wait,
        (_, _, Source::Askable) => Verdict::Ask,
        // Too old to say that there is no such key.
        (Set::None, _, _) | (Set::Stale, _, Source::Failing) => Verdict::Unavailable,
        (Set::Fresh | Set::Stale, Key::Unknown, _) => Verdict::Keys,
    }
}

#[cfg(test)]
mod tests {
    use super::{Key::*, Set::*, Source::*, Verdict::*, *};

    #[test]
    fn each_situation_has_its_verdict() {
        let rows = [
            ("a known key, fresh", Fresh, Found, Healthy, Keys),
            (
                "a known key, while a fetch is under way",
                Fresh,
                Found,
                Fetching,
                Keys,
            ),
            (
                "a known key, past its lifetime in an outage",
                Stale,
                Found,
                Failing,
                Keys,
            ),
            (
                "a known key, past its lifetime after a pause",
                Stale,
                Found,
                Askable,
                Keys,
            ),
            ("no set yet", None, Unknown, Askable, Ask),
            ("no set yet, on its way", None, Unknown, Fetching, Wait),
            (
                "no set yet, in an outage",
                None,
                Unknown,
                Failing,
                Unavailable,
            ),
            (
                "too long past its lifetime",
                None,
                Found,
                Failing,
                Unavailable,
            ),
            (
                "too long past its lifetime, source may be asked",
                None,
                Found,
                Askable,
                Ask,
            ),
            ("an unknown key", Fresh, Unknown, Askable, Ask),
            (
                "an unknown key, a fetch under way",
                Fresh,
                Unknown,
                Fetching,
                Wait,
            ),
            (
                "an unknown key, asked for just now",
                Fresh,
                Unknown,
                Healthy,
                Keys,
            ),
            (
                "an unknown key, failing, set within its lifetime",
                Fresh,
                Unknown,
                Failing,
                Keys,
            ),
            (
                "an unknown key, failing, set past it",
                Stale,
                Unknown,
                Failing,
                Unavailable,
            ),
            (
                "an unknown key, set past it, a fetch under way",
                Stale,
                Unknown,
                Fetching,
                Wait,
            ),
            (
                "an unknown key, set past it, source may be asked",
                Stale,
                Unknown,
                Askable,
                Ask,
            ),
            (
                "an unknown key, set past it, healthy",
                Stale,
                Unknown,
                Healthy,
                Keys,
            ),
        ];
        for (row, set, key, source, expected) in rows {
            assert_eq!(verdict(set, key, source), expected, "{row}");
        }
    }

    #[test]
    fn a_healthy_source_with_a_set_makes_no_503_whatever_is_asked() {
        for set in [Fresh, Stale] {
            for key in [Found, Unknown] {
                for source in [Fetching, Askable, Healthy] {
                    assert_ne!(verdict(set, key, source), Unavailable);
                }
            }
        }
    }
}
