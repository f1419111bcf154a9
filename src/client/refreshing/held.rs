//! The token at hand, and when it is due for renewal.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use super::{Timing, schedule};
use crate::{
    clock::{Clock, milliseconds},
    token::AccessToken,
};

pub(super) struct Held {
    pub(super) token: AccessToken,
    /// When it is time to renew: as soon as either clock says so.
    due: (Option<SystemTime>, Option<Duration>),
    /// Milliseconds of the monotonic clock before which no renewal is started;
    /// `u64::MAX` while one is under way.
    not_before: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It may be sent.
    Fresh,
    /// It may be sent, and it is time to renew it.
    Due,
    /// It has ended.
    Over,
}

impl Held {
    pub(super) fn new(token: AccessToken, clock: &dyn Clock, timing: &Timing) -> Self {
        let due = match token.expiry() {
            Some(expiry) => {
                let lifetime = expiry.lifetime().unwrap_or_else(|| expiry.remaining(clock));
                let left = schedule::renew_when_left(lifetime, timing, fastrand::f64());
                let (wall, monotonic) = expiry.minus(left);
                (Some(wall), monotonic)
            }
            None => {
                let moment = clock.monotonic().saturating_add(timing.renew_at_age);
                (None, Some(moment))
            }
        };
        Self {
            token,
            due,
            not_before: AtomicU64::new(0),
        }
    }

    /// Whether the token may be sent, and whether it is time to renew it. Mostly it is not,
    /// which a glance tells; what follows is judged by the exact time.
    pub(super) fn look(&self, clock: &dyn Clock) -> Freshness {
        let (wall, monotonic) = clock.glance();
        let is_due = self.due.0.is_some_and(|due| wall >= due)
            || self.due.1.is_some_and(|due| monotonic >= due);
        if !is_due {
            return Freshness::Fresh;
        }
        if !self.is_usable(clock) {
            return Freshness::Over;
        }
        match milliseconds(clock.monotonic()) >= self.not_before.load(Ordering::Relaxed) {
            true => Freshness::Due,
            false => Freshness::Fresh,
        }
    }

    /// Never after its expiry; without a known expiry, until it is refused.
    pub(super) fn is_usable(&self, clock: &dyn Clock) -> bool {
        !self.token.is_expired(clock)
    }

    pub(super) fn remaining(&self, clock: &dyn Clock) -> Option<Duration> {
        Some(self.token.expiry()?.remaining(clock))
    }

    /// True for one caller, until [`put_off_renewal`](Self::put_off_renewal).
    pub(super) fn claim_renewal(&self) -> bool {
        self.not_before.swap(u64::MAX, Ordering::Relaxed) != u64::MAX
    }

    pub(super) fn put_off_renewal(&self, until: Duration) {
        self.not_before
            .store(milliseconds(until), Ordering::Relaxed);
    }
}
