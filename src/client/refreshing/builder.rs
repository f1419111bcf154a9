//! What a `Refreshing` is built from.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64},
    },
};

use arc_swap::ArcSwapOption;
use tokio::runtime::Handle;

use super::{Inner, Refreshing, Source, Timing};
use crate::{
    client::{TokenStore, store::MemoryStore},
    clock::{Clock, SystemClock},
    oauth::ObtainToken,
    single_flight::SingleFlight,
};

/// Builds a [`Refreshing`] that differs from the defaults.
///
/// # Example
///
/// ```
/// # use tower_bearer::{oauth::{ObtainError, obtain_with}, token::Tokens};
/// # let obtain = obtain_with(|| async { Err::<Tokens, _>(ObtainError::other("never asked")) });
/// use tower_bearer::client::{Refreshing, Timing};
///
/// let mut timing = Timing::default();
/// timing.wait = std::time::Duration::from_secs(3);
/// let tokens = Refreshing::builder(obtain).timing(timing).build();
/// ```
pub struct RefreshingBuilder {
    obtain: Arc<dyn ObtainToken>,
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    timing: Timing,
    runtime: Option<Handle>,
}

impl RefreshingBuilder {
    /// Where tokens are remembered.
    #[must_use]
    pub fn store(mut self, store: impl TokenStore) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// The clock; the system's unless a test moves its own. Give
    /// [`TokenEndpoint`](crate::TokenEndpoint) the same one.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The numbers.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// The runtime in which tokens are obtained, for callers who have none, and for those
    /// whose own runtime is not always driven: an exchange makes no progress while the
    /// runtime that it runs in stands still.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Builds it. Nothing is asked until a token is wanted.
    #[must_use]
    pub fn build(self) -> Refreshing {
        Refreshing(Arc::new(Inner {
            source: Mutex::new(Source {
                obtain: self.obtain,
                generation: 0,
                is_stored: true,
            }),
            store: self.store,
            clock: self.clock,
            timing: self.timing,
            runtime: self.runtime,
            current: ArcSwapOption::empty(),
            flight: SingleFlight::new(),
            ledger: Mutex::default(),
            refused: Mutex::default(),
            unsaved: Mutex::default(),
            doubtful: Mutex::default(),
            closed: AtomicBool::new(false),
            exchanges: AtomicU64::new(0),
        }))
    }
}

impl Refreshing {
    /// Keeps fresh what `obtain` obtains.
    pub fn new(obtain: impl ObtainToken) -> Self {
        Self::builder(obtain).build()
    }

    /// For everything that differs from the defaults.
    pub fn builder(obtain: impl ObtainToken) -> RefreshingBuilder {
        RefreshingBuilder {
            obtain: Arc::new(obtain),
            store: Arc::new(MemoryStore::default()),
            clock: SystemClock::shared(),
            timing: Timing::default(),
            runtime: None,
        }
    }
}

impl fmt::Debug for RefreshingBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshingBuilder").finish_non_exhaustive()
    }
}
