//! One renewal for all who need it, and a while in which late-comers find what came of it.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{runtime::Handle, sync::watch};

use super::Session;
use crate::{
    BoxError,
    clock::Clock,
    login::crypto,
    oauth::{ObtainError, ObtainErrorKind},
};

/// The renewals of one process, each under a digest of the refresh token that it spends.
#[derive(Default)]
pub(in crate::login) struct Renewals(Mutex<HashMap<String, Flight>>);

type Flight = watch::Receiver<Option<Ended>>;

/// What came of a renewal, and when, by the monotonic clock.
#[derive(Clone)]
struct Ended {
    outcome: Outcome,
    at: Duration,
}

pub(in crate::login) type Outcome = Result<Session, RenewalError>;

/// Why tokens were not renewed.
#[derive(Clone, Debug)]
pub(in crate::login) enum RenewalError {
    /// The provider has said no. The session may go on without.
    Refused(Cause),
    /// It may come to something later.
    Outage(Cause),
    /// The session was ended meanwhile.
    Ended,
}

type Cause = Arc<dyn Error + Send + Sync>;

impl RenewalError {
    pub(in crate::login) fn refused(error: impl Into<BoxError>) -> Self {
        Self::Refused(Arc::from(error.into()))
    }

    pub(in crate::login) fn outage(error: impl Into<BoxError>) -> Self {
        Self::Outage(Arc::from(error.into()))
    }

    pub(in crate::login) fn of(error: ObtainError) -> Self {
        match error.kind() {
            ObtainErrorKind::Refused { .. } | ObtainErrorKind::LogInAgain(_) => {
                Self::refused(error)
            }
            _ => Self::outage(error),
        }
    }
}

impl fmt::Display for RenewalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused(_) => "the provider does not renew the access token",
            Self::Outage(_) => "the access token can't be renewed at present",
            Self::Ended => "the session was ended",
        })
    }
}

impl Error for RenewalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(cause) | Self::Outage(cause) => Some(&**cause),
            Self::Ended => None,
        }
    }
}

/// Renewals of one session that follow each other while the first is remembered: beyond
/// that, tokens live for moments only.
const LONGEST_CHAIN: usize = 16;

impl Renewals {
    /// What a session has become meanwhile.
    pub(in crate::login) fn latest(&self, session: Session) -> Session {
        let flights = self.flights();
        let mut latest = session;
        for _ in 0..LONGEST_CHAIN {
            let flight = name(&latest).and_then(|name| flights.get(&name));
            let ended = flight.and_then(|flight| flight.borrow().clone());
            match ended {
                Some(Ended {
                    outcome: Ok(next), ..
                }) => latest = next,
                _ => break,
            }
        }
        latest
    }

    /// Whether it has become something else meanwhile.
    pub(in crate::login) fn has_followed(&self, session: &Session) -> bool {
        let flights = self.flights();
        let flight = name(session).and_then(|name| flights.get(&name));
        flight.is_some_and(|flight| matches!(&*flight.borrow(), Some(Ended { outcome: Ok(_), .. })))
    }

    /// What comes of the renewal under way or of the one that is remembered; without either,
    /// of `run`. It runs in a task of its own, so that a browser that goes away takes no
    /// refresh token along.
    pub(in crate::login) async fn renew<F>(
        &self,
        session: &Session,
        (clock, memory): (&Arc<dyn Clock>, Duration),
        run: impl FnOnce() -> F,
    ) -> Outcome
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let Some(name) = name(session) else {
            return Err(RenewalError::refused("there is no refresh token"));
        };
        let mut flight = self.join(name, (clock, memory), run)?;
        let lost = |_| RenewalError::outage("the task that renews it came to no end");
        let ended = flight.wait_for(Option::is_some).await.map_err(lost)?;
        ended.clone().map_or_else(
            || Err(RenewalError::outage("it came to no end")),
            |ended| ended.outcome,
        )
    }

    fn join<F>(
        &self,
        name: String,
        (clock, memory): (&Arc<dyn Clock>, Duration),
        run: impl FnOnce() -> F,
    ) -> Result<Flight, RenewalError>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut flights = self.flights();
        let now = clock.monotonic();
        flights.retain(|_, flight| match &*flight.borrow() {
            Some(ended) => now.saturating_sub(ended.at) < memory,
            // Without a sender nothing will come of it.
            None => flight.has_changed().is_ok(),
        });
        if let Some(flight) = flights.get(&name) {
            return Ok(flight.clone());
        }
        let runtime = Handle::try_current().map_err(RenewalError::outage)?;
        let (sender, flight) = watch::channel(None);
        flights.insert(name, flight.clone());
        drop(flights);
        let (renewal, clock) = (run(), Arc::clone(clock));
        runtime.spawn(async move {
            let outcome = renewal.await;
            let at = clock.monotonic();
            sender.send_replace(Some(Ended { outcome, at }));
        });
        Ok(flight)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<String, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The digest of what the renewal of a session spends.
fn name(session: &Session) -> Option<String> {
    let token = session.tokens.refresh_token()?;
    Some(crypto::digest(token.secret().expose()))
}
