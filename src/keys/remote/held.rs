//! The keys at hand, and until when they are good.

use std::time::Duration;

use super::{Timing, schedule, verdict};
use crate::{jwt::key::KeySet, keys::KeyQuery};

/// All moments are readings of the monotonic clock.
pub(super) struct Held {
    pub(super) keys: KeySet,
    pub(super) read_at: Duration,
    /// When to read the set again.
    pub(super) due_at: Duration,
    /// The end of its lifetime.
    pub(super) fresh_until: Duration,
    /// The end of its usefulness in an outage.
    pub(super) serve_until: Duration,
}

impl Held {
    pub(super) fn new(
        keys: KeySet,
        lifetime: Duration,
        now: Duration,
        timing: &Timing,
        chance: f64,
    ) -> Self {
        let fresh_until = now.saturating_add(lifetime);
        Self {
            keys,
            read_at: now,
            due_at: now.saturating_add(schedule::refresh_after(lifetime, timing, chance)),
            fresh_until,
            serve_until: fresh_until.saturating_add(timing.stale),
        }
    }

    pub(super) fn worth(&self, now: Duration) -> verdict::Set {
        if now >= self.serve_until {
            verdict::Set::None
        } else if now >= self.fresh_until {
            verdict::Set::Stale
        } else {
            verdict::Set::Fresh
        }
    }

    /// Whether a key is there that has not been tried yet.
    pub(super) fn key(&self, wanted: &KeyQuery<'_>) -> verdict::Key {
        let was_tried = wanted
            .tried()
            .is_some_and(|tried| tried.is_same(&self.keys));
        let has_candidates = self
            .keys
            .has_candidates(wanted.algorithm(), wanted.key_id());
        if has_candidates && !was_tried {
            verdict::Key::Found
        } else {
            verdict::Key::Unknown
        }
    }
}
