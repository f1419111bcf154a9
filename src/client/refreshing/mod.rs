//! A token source that keeps its tokens fresh.

mod assertion;
mod builder;
mod exchange;
mod held;
mod ledger;
mod log_in;
mod renew;
mod revoke;
mod schedule;
mod source;
mod timing;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;

use self::{
    held::{Freshness, Held},
    ledger::Ledger,
};
use crate::{
    client::{
        Error, ErrorKind, TokenStore,
        waiting::{self, Outcome},
    },
    clock::Clock,
    oauth::{LogInAgain, ObtainToken},
    single_flight::{Decision, Joined, Lost, SingleFlight},
    token::{AccessToken, RefreshToken, Tokens},
};

pub use builder::RefreshingBuilder;
pub use log_in::EndedSession;
pub use timing::Timing;

/// Keeps tokens fresh: the [`TokenSource`](crate::client::TokenSource) for most clients, and a handle to use the
/// tokens outside HTTP.
///
/// A clone is a reference count, and all clones share the tokens.
///
/// - While a token is good nobody waits: it is renewed ahead of its expiry, in the
///   background, started by a request. An idle process makes no calls.
/// - Callers without a token share one exchange, its success or its failure alike. One
///   who goes away neither kills nor loses it.
/// - A failing server is left alone for longer and longer, a refusal is remembered, and
///   a token that is still good goes on being used.
/// - Where the session has ended, whoever was named for it
///   [logs in again](RefreshingBuilder::log_in_again), a few times and not for ever.
/// - A rotated refresh token is stored before the access token that came with it is
///   handed out.
///
/// # Defaults
///
/// Those of [`Timing`], a [`MemoryStore`](crate::client::store::MemoryStore), the caller's tokio runtime.
///
/// # Example
///
/// ```
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use tower_bearer::{AccessToken, client::Refreshing, oauth::{ObtainError, obtain_with}, token::Tokens};
///
/// let tokens = Refreshing::new(obtain_with(|| async {
///     Ok::<_, ObtainError>(Tokens::new(AccessToken::new("mF_9.B5f-4.1JqM")?))
/// }));
/// let token = tokens.token().await?;
/// assert_eq!(token.expose(), "mF_9.B5f-4.1JqM");
/// tokens.close().await;
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Refreshing(Arc<Inner>);

struct Inner {
    source: Mutex<Source>,
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    timing: Timing,
    runtime: Option<Handle>,
    current: ArcSwapOption<Held>,
    flight: SingleFlight<Outcome>,
    ledger: Mutex<Ledger>,
    /// The token that a server refused, until there is another.
    refused: Mutex<Option<AccessToken>>,
    /// Tokens that the store could not write down yet.
    unsaved: Mutex<Option<Unsaved>>,
    /// The refresh token of which it is not known whether it was used.
    doubtful: Mutex<Option<RefreshToken>>,
    /// The refresh token that was refused last: it is not sent again.
    dead: Mutex<Option<Dead>>,
    log_in: Option<log_in::Hook>,
    closed: AtomicBool,
    exchanges: AtomicU64,
}

/// Where tokens come from at present.
struct Source {
    obtain: Arc<dyn ObtainToken>,
    /// Counts the sources: what came of an earlier one's exchange is nobody's business now.
    generation: u64,
    /// Whether what the store holds came from this source.
    is_stored: bool,
}

/// Tokens whose write failed, and what the store held then.
#[derive(Clone)]
struct Unsaved {
    tokens: Tokens,
    spent: Option<RefreshToken>,
}

/// Why tokens are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trigger {
    /// There is none yet.
    Start,
    /// It is time, by the end of the one at hand.
    Schedule,
    /// The last one has ended.
    Expired,
    /// The last one was refused.
    Refused,
}

/// A refresh token that was refused, and what that meant.
#[derive(Clone)]
struct Dead {
    token: RefreshToken,
    cause: LogInAgain,
}

impl Refreshing {
    /// A token that is good now, waiting for one if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::kind`] tells what helps: waiting, other credentials, or a log-in.
    pub async fn token(&self) -> Result<AccessToken, Error> {
        match self.at_hand() {
            Some(token) => Ok(token),
            None => self.wait_for_token().await,
        }
    }

    /// Gives up a token, as when a server refused it outside HTTP. Only that token: a
    /// newer one stays.
    pub fn invalidate(&self, token: &AccessToken) {
        let _ledger = self.0.ledger();
        self.give_up(token);
    }

    /// Puts in tokens that were obtained by other means, such as a log-in. What was held
    /// against the old ones is forgotten.
    ///
    /// # Errors
    ///
    /// When the store can't write them down, or there is no runtime.
    pub async fn replace_tokens(&self, tokens: Tokens) -> Result<(), Error> {
        loop {
            let mut ours = false;
            let joined = self.0.flight.join(self.0.runtime.as_ref(), || {
                ours = true;
                Decision::Call(exchange::put(self.0.clone(), tokens.clone()))
            });
            let waiter = match joined {
                Ok(Joined::Waiter(waiter)) => waiter,
                Ok(Joined::Answer(_)) => continue,
                Err(_) => return Err(Error::of(ErrorKind::NoRuntime)),
            };
            match waiter.outcome().await {
                Ok(Outcome::Done(stored)) if ours => return stored.map(|_| ()),
                Err(Lost) if ours => return Err(Error::of(ErrorKind::Lost)),
                // Somebody else's exchange: what it brought is older than these tokens.
                _ => {}
            }
        }
    }

    /// Obtains by other credentials from now on, and forgets what was held against the
    /// old ones. The new source is not shown the refresh token of the old one: it may be
    /// another server's. The token at hand is used until it ends.
    pub fn replace_source(&self, obtain: impl ObtainToken) {
        // An exchange of the old source has either taken effect, and what it left is
        // forgotten here, or finds that it is out of date.
        let mut source = lock(&self.0.source);
        *source = Source {
            obtain: Arc::new(obtain),
            generation: source.generation.wrapping_add(1),
            is_stored: false,
        };
        *lock(&self.0.unsaved) = None;
        self.0.ledger().forget();
    }

    /// Starts no exchange any more, and waits for the one under way **and** for its
    /// tokens to be written down. Call it before the process ends, or a rotated refresh
    /// token may be lost. A token that is still good goes on being given out;
    /// [`close_and_revoke`](Self::close_and_revoke) ends the log-in too.
    ///
    /// Takes no longer than [`Timing::exchange`].
    pub async fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        while let Some(call) = self.0.flight.under_way() {
            let _ = call.outcome().await;
        }
        exchange::save(&self.0).await;
    }

    /// What a health check wants to know.
    #[must_use]
    pub fn state(&self) -> State {
        let ledger = self.0.ledger();
        let current = self.0.current.load();
        let usable = current
            .as_ref()
            .filter(|held| held.is_usable(&*self.0.clock));
        State {
            ready: usable.is_some(),
            remaining: usable.and_then(|held| held.remaining(&*self.0.clock)),
            last_error: ledger.last_error().cloned(),
            exchanges: self.0.exchanges.load(Ordering::Relaxed),
        }
    }

    /// The warm path: one atomic load and one look at the clock.
    fn at_hand(&self) -> Option<AccessToken> {
        let current = self.0.current.load();
        let held = current.as_ref()?;
        match held.look(&*self.0.clock) {
            Freshness::Over => return None,
            Freshness::Due => self.renew_ahead(held),
            Freshness::Fresh => {}
        }
        Some(held.token.clone())
    }

    async fn wait_for_token(&self) -> Result<AccessToken, Error> {
        let inner = &*self.0;
        let (runtime, wait) = (inner.runtime.as_ref(), inner.timing.wait);
        waiting::token(&inner.flight, runtime, wait, || self.decide()).await
    }

    /// What a caller without a token finds with the door closed.
    fn decide(&self) -> Decision<Outcome, impl Future<Output = Outcome> + Send + 'static + use<>> {
        let current = self.0.current.load();
        let usable = |held: &&Arc<Held>| held.is_usable(&*self.0.clock);
        if let Some(held) = current.as_ref().filter(usable) {
            return Decision::Answer(Outcome::Done(Ok(held.token.clone())));
        }
        if let Err(error) = self.0.may_ask() {
            return Decision::Answer(Outcome::Done(Err(error)));
        }
        let refused = lock(&self.0.refused).clone();
        let (trigger, unwanted) = match (refused, current.as_ref()) {
            (Some(refused), _) => (Trigger::Refused, Some(refused)),
            // By our clocks; of no use, whatever a store says of its end.
            (None, Some(ended)) => (Trigger::Expired, Some(ended.token.clone())),
            (None, None) => (Trigger::Start, None),
        };
        Decision::Call(exchange::run(self.0.clone(), trigger, unwanted))
    }

    /// Starts a renewal that nobody waits for.
    fn renew_ahead(&self, held: &Arc<Held>) {
        if !held.claim_renewal() {
            return;
        }
        let joined = self.0.flight.join(self.0.runtime.as_ref(), || {
            let latest = self.0.current.load();
            let is_latest = latest
                .as_ref()
                .is_some_and(|latest| Arc::ptr_eq(latest, held));
            if is_latest && self.0.may_ask().is_ok() {
                let unwanted = Some(held.token.clone());
                let (inner, trigger) = (self.0.clone(), Trigger::Schedule);
                return Decision::Call(exchange::run(inner, trigger, unwanted));
            }
            Decision::Answer(Outcome::Done(Ok(held.token.clone())))
        });
        if !matches!(joined, Ok(Joined::Waiter(_))) {
            self.0.put_off(held);
        }
    }

    /// Forgets the current token if it is this one. The caller holds the ledger.
    fn give_up(&self, token: &AccessToken) {
        let current = self.0.current.load();
        let is_current = current
            .as_ref()
            .is_some_and(|held| held.token.same_value(token));
        if is_current {
            *lock(&self.0.refused) = Some(token.clone());
            self.0.current.store(None);
        }
    }
}

impl Inner {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// Who is asked at present.
    fn obtain(&self) -> Arc<dyn ObtainToken> {
        lock(&self.source).obtain.clone()
    }

    fn may_ask(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::of(ErrorKind::Closed));
        }
        self.ledger().may_ask(self.clock.monotonic())
    }

    /// For how long the source is left alone still.
    fn pause_left(&self) -> Option<Duration> {
        let next = self.ledger().next_attempt()?;
        Some(next.saturating_sub(self.clock.monotonic()))
    }

    /// Renewal ahead did not come about: try again when the source may be asked.
    fn put_off(&self, held: &Held) {
        let now = self.clock.monotonic();
        let next = self.ledger().next_attempt().filter(|next| *next > now);
        held.put_off_renewal(next.unwrap_or(now.saturating_add(self.timing.backoff_min)));
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What [`Refreshing::state`] tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct State {
    /// Whether a request would find a token without waiting.
    pub ready: bool,
    /// How long that token is good for, if it is known.
    pub remaining: Option<Duration>,
    /// Why the last exchange failed; `None` after one that did not.
    pub last_error: Option<Error>,
    /// How many times tokens were asked for.
    pub exchanges: u64,
}

impl fmt::Debug for Refreshing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refreshing").finish_non_exhaustive()
    }
}
