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

use super::{EndedSession, Inner, Refreshing, Source, Timing, log_in::Hook};
use crate::{
    client::{TokenStore, store::MemoryStore},
    clock::{Clock, SystemClock},
    oauth::{ObtainError, ObtainToken},
    single_flight::SingleFlight,
    token::Tokens,
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
    log_in: Option<Hook>,
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

    /// Who logs in again when the session has ended
    /// ([`LogInAgain`](crate::oauth::LogInAgain)), or in the first place, and the source can't
    /// do it by itself: `log_in` asks a person, or another server.
    ///
    /// It is called like any exchange: once for all who wait, with the store's lock held, so
    /// that of several processes one logs in. Its tokens are stored before they are handed
    /// out. It may take [`Timing::log_in`]; callers stop waiting before that.
    ///
    /// After [`Timing::log_in_attempts`] failures without a success it is not called again
    /// before there are other credentials ([`Refreshing::replace_tokens`],
    /// [`Refreshing::replace_source`], or tokens that another process stored). An error of
    /// one of the kinds `Unreachable`, `CutOff`, `Deadline`, `Failing` and `BadAnswer` is an
    /// outage and does not count; every other is told to callers as the source of
    /// [`ErrorKind::LogInAgain`](crate::client::ErrorKind::LogInAgain).
    ///
    /// # Example
    ///
    /// ```
    /// # use bytes::Bytes; use http_body_util::Full;
    /// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    /// # async fn ask_for_password() -> String { "hunter2".to_owned() }
    /// use tower_bearer::client::Refreshing;
    /// use tower_bearer::oauth::{LogIn, ObtainToken, TokenEndpoint};
    ///
    /// let endpoint = TokenEndpoint::new("https://drive.example/api/session")?.json();
    /// let tokens = Refreshing::builder(endpoint.clone().over(transport.clone()))
    ///     .log_in_again(move |session| {
    ///         eprintln!("{}", session.cause());
    ///         let (endpoint, transport) = (endpoint.clone(), transport.clone());
    ///         async move {
    ///             let log_in = LogIn::new()
    ///                 .parameter("email", "alice@drive.example")
    ///                 .secret("password", ask_for_password().await);
    ///             endpoint.grant(log_in).over(transport).obtain().await
    ///         }
    ///     })
    ///     .build();
    /// # Ok::<(), tower_bearer::oauth::EndpointError>(())
    /// ```
    #[must_use]
    pub fn log_in_again<F, Fut, E>(mut self, log_in: F) -> Self
    where
        F: Fn(EndedSession) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Tokens, E>> + Send + 'static,
        E: Into<ObtainError>,
    {
        self.log_in = Some(Arc::new(move |session| {
            let asked = log_in(session);
            Box::pin(async { asked.await.map_err(Into::into) })
        }));
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
            dead: Mutex::default(),
            log_in: self.log_in,
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
            log_in: None,
        }
    }
}

impl fmt::Debug for RefreshingBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshingBuilder").finish_non_exhaustive()
    }
}
