//! Which token a call used, and how it was got.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use tower_bearer::{
    BoxFuture,
    oauth::{ObtainError, ObtainToken},
    token::{RefreshToken, Tokens},
};

#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    /// Of the last request that had one; never shown.
    token: Option<HeaderValue>,
    generation: u32,
    events: Vec<&'static str>,
}

impl Log {
    /// Notes each success of `obtain`: a refresh as such, all else by the word `first`.
    pub fn watch<O>(&self, first: &'static str, obtain: O) -> Watched<O> {
        Watched {
            obtain,
            first,
            log: self.clone(),
        }
    }

    /// Counts the tokens that are sent.
    pub fn sent(&self, headers: &HeaderMap) {
        let Some(token) = headers.get(AUTHORIZATION) else {
            return;
        };
        let mut noted = self.noted();
        if noted.token.as_ref() != Some(token) {
            noted.token = Some(token.clone());
            noted.generation += 1;
        }
    }

    /// What to say of a call that has just been made.
    pub fn take(&self) -> String {
        let mut noted = self.noted();
        let events = std::mem::take(&mut noted.events);
        let events = match events.is_empty() {
            true => "as before".to_owned(),
            false => events.join(", "),
        };
        match noted.generation {
            0 => "no token".to_owned(),
            generation => format!("token {generation}, {events}"),
        }
    }

    fn note(&self, event: &'static str) {
        self.noted().events.push(event);
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Made by [`Log::watch`].
#[derive(Clone)]
pub struct Watched<O> {
    obtain: O,
    first: &'static str,
    log: Log,
}

impl<O: ObtainToken> ObtainToken for Watched<O> {
    fn obtain(&self) -> BoxFuture<'_, Result<Tokens, ObtainError>> {
        Box::pin(async {
            let tokens = self.obtain.obtain().await?;
            self.log.note(self.first);
            Ok(tokens)
        })
    }

    fn refresh<'a>(
        &'a self,
        token: &'a RefreshToken,
    ) -> BoxFuture<'a, Result<Tokens, ObtainError>> {
        Box::pin(async {
            let tokens = self.obtain.refresh(token).await?;
            self.log.note("refreshed");
            Ok(tokens)
        })
    }

    fn name(&self) -> &str {
        self.obtain.name()
    }

    fn max_attempts(&self) -> Option<NonZeroU32> {
        self.obtain.max_attempts()
    }
}
