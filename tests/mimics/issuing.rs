//! How a system makes its tokens.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use serde_json::Value;
use tower_bearer::{
    Algorithm, BoxError, Validator,
    clock::Clock,
    jwt::{Minter, SigningKey},
};

use super::seen::Seen;

/// For how long tokens are good.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    pub access: Duration,
    pub refresh: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access: Duration::from_secs(3600),
            refresh: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

pub struct Issuer {
    pub clock: Arc<dyn Clock>,
    pub lifetimes: Lifetimes,
    key: SigningKey,
    revoked: Arc<Mutex<SystemTime>>,
}

impl Issuer {
    pub fn new(
        secret: &str,
        clock: Arc<dyn Clock>,
        lifetimes: Lifetimes,
    ) -> Result<Self, BoxError> {
        Ok(Self {
            clock,
            lifetimes,
            key: SigningKey::from_secret(Algorithm::HS256, secret)?,
            revoked: Arc::new(Mutex::new(SystemTime::UNIX_EPOCH)),
        })
    }

    pub fn keys(&self) -> tower_bearer::KeySet {
        self.key.verification_keys()
    }

    /// The end of what begins now, in whole seconds, and not earlier.
    pub fn end(&self, lifetime: Duration) -> u64 {
        since_1970(self.clock.wall() + lifetime)
            .as_secs_f64()
            .ceil() as u64
    }

    /// Now, in whole seconds.
    pub fn now(&self) -> u64 {
        since_1970(self.clock.wall()).as_secs()
    }

    pub fn mint(&self, claims: &Value) -> Result<String, BoxError> {
        let token = Minter::new(self.key.clone()).mint(claims)?;
        Ok(token.expose().to_owned())
    }

    /// Refuses all access tokens that were given out before this second.
    pub fn revoke(&self) {
        let end = Duration::from_secs(self.end(self.lifetimes.access));
        *lock(&self.revoked) = SystemTime::UNIX_EPOCH + end;
    }

    /// To the second, unless they are revoked.
    pub fn strict(&self, validator: Validator) -> Validator {
        let revoked = self.revoked.clone();
        validator
            .leeway(Duration::ZERO)
            .predicate("not revoked", move |claims| {
                claims.expires_at() > *lock(&revoked)
            })
    }
}

/// Refresh tokens, each good once.
#[derive(Default)]
pub struct RefreshTokens(Mutex<HashMap<String, State>>);

enum State {
    GoodUntil(SystemTime),
    Spent,
}

impl RefreshTokens {
    pub fn give(&self, token: &str, end: SystemTime) {
        lock(&self.0).insert(token.to_owned(), State::GoodUntil(end));
    }

    /// Whether it buys a new pair.
    pub fn spend(&self, token: &str, now: SystemTime, seen: &mut Seen) -> bool {
        match lock(&self.0).get_mut(token) {
            Some(state @ State::GoodUntil(_)) => {
                let is_good = matches!(state, State::GoodUntil(end) if now < *end);
                *state = State::Spent;
                seen.refreshes += u32::from(is_good);
                seen.dead_refreshes += u32::from(!is_good);
                is_good
            }
            Some(State::Spent) => {
                seen.reuses += 1;
                false
            }
            None => {
                seen.dead_refreshes += 1;
                false
            }
        }
    }

    /// Ends all sessions.
    pub fn forget(&self) {
        lock(&self.0).clear();
    }
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
