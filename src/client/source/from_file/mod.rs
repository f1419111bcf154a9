//! A token in a file that others replace.

mod memory;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;

use self::memory::{Conclusion, Memory, News};
use super::{AfterRefusal, ReadError, RequestContext, TokenSource, read_error::token_in_file};
use crate::{
    BoxError, BoxFuture,
    client::waiting::{self, Outcome},
    clock::{Clock, SystemClock, milliseconds},
    secret_file,
    single_flight::{Decision, SingleFlight},
    token::AccessToken,
};

/// Takes the token that a file holds, and looks at the file again: such as the projected
/// service account tokens of Kubernetes, or what an agent writes down.
///
/// - The file is read when the first request comes, and again in the background when a
///   request comes and the last look is some time ago. An idle process reads nothing.
/// - When a server refuses the token, the file is read again at once, for all the requests
///   that were refused together. With another token in it they are sent once more, else the
///   refusal goes to the callers.
/// - What the file holds is looked at as a whole each time, so that it doesn't matter how it
///   is replaced. Replace it by renaming another over it, or, as Kubernetes does, a symbolic
///   link (`..data`). One that is written in place may be read half-written; such a token
///   is refused, and then the file is read again.
/// - A file that vanishes or holds no token any more leaves the last good token in use. That
///   is logged as a warning, once.
///
/// White space and a byte order mark around the token are left out. A token's end is not
/// looked for in it: it is used until it is replaced or refused.
///
/// # Defaults
///
/// | matter | default |
/// | --- | --- |
/// | between two looks | 10 s at least: [`look_every`](FromFile::look_every) |
/// | a request without a token waits for a look | 10 s |
/// | the largest token | 64 KiB |
/// | where the file is read | in the caller's tokio runtime, by a thread that may block |
///
/// # Errors
///
/// Where there never was a token, requests fail with
/// [`ErrorKind::Unreadable`](crate::client::ErrorKind::Unreadable), whose source is a
/// [`ReadError`](super::ReadError), and each of them looks again.
///
/// # Example
///
/// ```
/// use tower_bearer::{AuthLayer, client::source};
///
/// let tokens = source::from_file("/var/run/secrets/kubernetes.io/serviceaccount/token");
/// let layer = AuthLayer::new(tokens).origin("https://kubernetes.default.svc")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_file(path: impl AsRef<Path>) -> FromFile {
    FromFile {
        path: path.as_ref().into(),
        every: LOOK_EVERY,
        clock: SystemClock::shared(),
        runtime: None,
        state: Arc::default(),
    }
}

const LOOK_EVERY: Duration = Duration::from_secs(10);
const WAIT: Duration = Duration::from_secs(10);

/// Made by [`from_file`]. Clones share what was read.
#[derive(Clone)]
pub struct FromFile {
    path: Arc<Path>,
    every: Duration,
    clock: Arc<dyn Clock>,
    runtime: Option<Handle>,
    state: Arc<State>,
}

struct State {
    /// Changed with the memory locked.
    current: ArcSwapOption<AccessToken>,
    /// Milliseconds of the monotonic clock.
    next_look: AtomicU64,
    memory: Mutex<Memory>,
    flight: SingleFlight<Outcome>,
}

impl FromFile {
    /// How much time lies between two looks at the file, at least; refusals don't wait for
    /// it.
    #[must_use]
    pub fn look_every(mut self, pause: Duration) -> Self {
        self.every = pause;
        self
    }

    /// The clock; the system's unless a test moves its own.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The runtime in which the file is read, for callers who have none.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// True for one caller, when a look is due.
    fn claim_look(&self) -> bool {
        let next = self.state.next_look.load(Ordering::Relaxed);
        if self.now() < next {
            return false;
        }
        let claimed = self.state.next_look.compare_exchange(
            next,
            self.after_pause(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        claimed.is_ok()
    }

    fn now(&self) -> u64 {
        milliseconds(self.clock.monotonic())
    }

    fn after_pause(&self) -> u64 {
        milliseconds(self.clock.monotonic().saturating_add(self.every))
    }

    /// Starts a look that nobody waits for.
    fn look_ahead(&self) {
        let flight = &self.state.flight;
        // Without a runtime the token at hand goes on being used until the next try.
        let _ = flight.join(self.runtime.as_ref(), || Decision::Call(self.look()));
    }

    fn decide(&self) -> Decision<Outcome, impl Future<Output = Outcome> + Send + 'static + use<>> {
        match self.state.current.load_full() {
            Some(token) => Decision::Answer(Outcome::Done(Ok(AccessToken::clone(&token)))),
            None => Decision::Call(self.look()),
        }
    }

    fn look(&self) -> impl Future<Output = Outcome> + Send + 'static + use<> {
        let file = self.clone();
        async move {
            tracing::trace!(source = ?file.path, "looked at the token file");
            file.state.memory().begin_look();
            file.state
                .next_look
                .store(file.after_pause(), Ordering::Relaxed);
            let read = secret_file::read(file.path.clone()).await;
            file.conclude(token_in_file(&file.path, read))
        }
    }

    fn conclude(&self, read: Result<AccessToken, ReadError>) -> Outcome {
        let mut memory = self.state.memory();
        let Conclusion {
            current,
            outcome,
            news,
        } = memory.end_look(read);
        self.state.current.store(current.map(Arc::new));
        drop(memory);
        self.log(&news);
        outcome
    }

    fn log(&self, news: &News) {
        match news {
            News::None => {}
            News::Token => tracing::debug!(source = ?self.path, "read another access token"),
            News::Trouble(error) => {
                let error = error as &dyn std::error::Error;
                tracing::warn!(
                    source = ?self.path,
                    error,
                    "no access token read; the last good one stays in use, if any"
                );
            }
        }
    }
}

impl TokenSource for FromFile {
    fn current(&self, _: &RequestContext<'_>) -> Option<AccessToken> {
        let current = self.state.current.load();
        let token = AccessToken::clone(current.as_ref()?);
        if self.claim_look() {
            self.look_ahead();
        }
        Some(token)
    }

    fn obtain<'a>(&'a self, _: RequestContext<'a>) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        Box::pin(async {
            let (flight, runtime) = (&self.state.flight, self.runtime.as_ref());
            let token = waiting::token(flight, runtime, WAIT, || self.decide()).await;
            token.map_err(Into::into)
        })
    }

    fn refused(&self, token: &AccessToken) -> AfterRefusal {
        let mut memory = self.state.memory();
        let after = memory.refused(token);
        if memory.is_in_doubt() {
            self.state.current.store(None);
        }
        after
    }
}

impl State {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            current: ArcSwapOption::empty(),
            next_look: AtomicU64::new(0),
            memory: Mutex::default(),
            flight: SingleFlight::new(),
        }
    }
}

impl fmt::Debug for FromFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
