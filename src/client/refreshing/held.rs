//! The token at hand, and when it is due for renewal.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::{Timing, schedule};
use crate::{clock::Clock, token::AccessToken};

pub(super) struct Held {
    pub(super) token: AccessToken,
    due: Due,
    /// Milliseconds of the monotonic clock before which no renewal is started;
    /// `u64::MAX` while one is under way.
    not_before: AtomicU64,
}

enum Due {
    WhenLeft(Duration),
    At(Duration),
}

impl Held {
    pub(super) fn new(token: AccessToken, clock: &dyn Clock, timing: &Timing) -> Self {
        let due = match token.expiry() {
            Some(expiry) => {
                let lifetime = expiry.lifetime().unwrap_or_else(|| expiry.remaining(clock));
                Due::WhenLeft(schedule::renew_when_left(lifetime, timing, fastrand::f64()))
            }
            None => Due::At(clock.monotonic().saturating_add(timing.renew_at_age)),
        };
        Self {
            token,
            due,
            not_before: AtomicU64::new(0),
        }
    }

    /// Never after its expiry; without a known expiry, until it is refused.
    pub(super) fn is_usable(&self, clock: &dyn Clock) -> bool {
        !self.token.is_expired(clock)
    }

    pub(super) fn remaining(&self, clock: &dyn Clock) -> Option<Duration> {
        Some(self.token.expiry()?.remaining(clock))
    }

    pub(super) fn is_renewal_due(&self, clock: &dyn Clock) -> bool {
        let due = match self.due {
            Due::WhenLeft(left) => self.remaining(clock).is_some_and(|now| now <= left),
            Due::At(moment) => clock.monotonic() >= moment,
        };
        due && milliseconds(clock.monotonic()) >= self.not_before.load(Ordering::Relaxed)
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

fn milliseconds(moment: Duration) -> u64 {
    u64::try_from(moment.as_millis()).unwrap_or(u64::MAX - 1)
}
