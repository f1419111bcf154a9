//! A set of keys that is read again and again, as its users hold it.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use super::{
    FetchError, State,
    answers::FirstKeys,
    machine::Machine,
    shared::{Progress, Shared, moved},
};
use crate::{
    BoxFuture,
    deadline::within_on,
    jwt::key::KeySet,
    keys::{KeyQuery, KeySource, KeysUnavailable, ServerMetadata},
};

/// Keys that are published elsewhere and rotate there: behind the address of a JWKS, behind
/// an issuer by discovery, or in files that others change. A [`KeySource`] for guards, and a
/// handle to watch it by.
///
/// A clone is a reference count, and all clones share the keys.
///
/// - Keys in use are read again ahead of their end, in the background: no request waits for
///   that. A set that nobody has used for its whole life is left alone until the next
///   request, so an idle process makes no calls.
/// - A token that names an unknown key makes the set be read at once and waits for it; all
///   such tokens together do so once in thirty seconds, since anyone can make them up.
/// - A failing source is left alone for longer and longer, and the last good keys go on
///   serving for an hour past their lifetime. Then the answer is 503: an outage is not the
///   caller's fault.
/// - A key that left the set is trusted no longer.
///
/// One task does all of this. It is started when keys are first wanted and ends when the last
/// clone is dropped, or when nobody wants keys. It runs in the tokio runtime of whoever
/// wanted them, or in [one that was given](super::RemoteKeySetBuilder::runtime).
///
/// # Defaults
///
/// Those of [`Timing`](super::Timing); `https` only, or plain `http` to loopback; RSA keys
/// without `alg` are for RS256.
///
/// # Events
///
/// By `tracing`; none shows a token. Keys are read in a task of its own, for all requests, so
/// that these events are in no request's span.
///
/// | level | event | fields |
/// | --- | --- | --- |
/// | `DEBUG` | keys read | `source`, `trigger`, `elapsed_ms`, `keys`, `key_ids` |
/// | `INFO` | the trusted keys changed | `source`, `added`, `withdrawn` |
/// | `INFO` | new keys are absent; the set is read again | `source`, `doubtful` |
/// | `WARN` | keys could not be read | `source`, `trigger`, `elapsed_ms`, `retry_after_ms`, `error` |
/// | `WARN` | a key of a JWKS was skipped | `index`, `error` |
/// | `ERROR` | a key was published that is to be kept secret | `index`, `error` |
///
/// # Example
///
/// ```
/// use tower_bearer::{RemoteKeySet, RequireJwt, Validator};
///
/// # struct MyClaims;
/// # use bytes::Bytes; use http_body_util::Full;
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// let keys = RemoteKeySet::new("https://id.example/jwks")?.over(transport);
/// let validator = Validator::new("https://id.example", "orders");
/// let guard = RequireJwt::<MyClaims>::new(validator, keys.clone());
/// // for a health check
/// assert!(!keys.state().is_ready);
/// # let _ = guard;
/// # Ok::<(), tower_bearer::keys::AddressError>(())
/// ```
///
/// Waiting for keys before the first request comes, and no longer than that:
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn start(keys: tower_bearer::RemoteKeySet) -> Result<(), tower_bearer::keys::remote::FetchError> {
/// keys.ready(Duration::from_secs(20)).await?;
/// # Ok(()) }
/// ```
///
/// An endpoint that says whether requests can be served. It is for readiness: to restart the
/// process mends no issuer. To look at the state asks nobody for keys, so that a process which
/// is to be ready before its first request waits for them as above.
///
/// ```
/// use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
/// use serde_json::{Value, json};
/// use tower_bearer::RemoteKeySet;
///
/// async fn health(State(keys): State<RemoteKeySet>) -> (StatusCode, Json<Value>) {
///     let state = keys.state();
///     let status = match state.is_ready {
///         true => StatusCode::OK,
///         false => StatusCode::SERVICE_UNAVAILABLE,
///     };
///     let report = json!({
///         "source": state.source,
///         "keys": state.key_ids,
///         "age_seconds": state.age.map(|age| age.as_secs()),
///         "stale_seconds": state.staleness.as_secs(),
///         "last_error": state.last_error.map(|error| error.to_string()),
///         "failures": state.counters.failures,
///     });
///     (status, Json(report))
/// }
///
/// # let keys = RemoteKeySet::file("jwks.json").watch();
/// let app: Router = Router::new().route("/health", get(health)).with_state(keys);
/// # let _ = app;
/// ```
#[derive(Clone)]
pub struct RemoteKeySet(Arc<Owner>);

/// Dropped with the last handle; the worker holds only what is shared.
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl RemoteKeySet {
    pub(super) fn of(shared: Shared) -> Self {
        Self(Arc::new(Owner(Arc::new(shared))))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }

    /// Waits until there are keys: at once if there are, and no longer than `deadline`. A
    /// source that fails is asked again meanwhile.
    ///
    /// # Errors
    ///
    /// When the deadline has passed: why the last attempt failed.
    pub async fn ready(&self, deadline: Duration) -> Result<(), FetchError> {
        let shared = self.shared();
        let mut progress = shared.progress();
        let ready = async {
            while !shared.ask(Machine::want_keys)? {
                moved(&mut progress).await;
            }
            Ok(())
        };
        let waited = within_on(shared.runtime.as_ref(), deadline, ready).await;
        waited.unwrap_or_else(|elapsed| Err(shared.late(elapsed)))
    }

    /// Reads the set now, whatever is scheduled and whatever failed before, and waits for
    /// it. For an administrator who knows that a key was withdrawn.
    ///
    /// # Errors
    ///
    /// Why it could not be read. The last good keys stay.
    pub async fn refresh(&self) -> Result<(), FetchError> {
        let shared = self.shared();
        let mut progress = shared.progress();
        let ticket = shared.core().machine.force();
        let read = async {
            loop {
                let outcome = shared.ask(|machine, _| machine.outcome_since(ticket))?;
                match outcome {
                    Some(outcome) => return outcome,
                    None => moved(&mut progress).await,
                }
            }
        };
        let waited = within_on(shared.runtime.as_ref(), shared.timing.wait, read).await;
        waited.unwrap_or_else(|elapsed| Err(shared.late(elapsed)))
    }

    /// Waits until other keys are trusted than at the time of the call. Meanwhile the keys
    /// count as used, and are kept fresh.
    pub fn changed(&self) -> impl Future<Output = ()> + Send + '_ {
        let shared = self.shared();
        let mut progress = shared.progress();
        let before = progress.borrow_and_update().changes;
        async move {
            // Where no task can be started, somebody else may start one.
            let _ = shared.ask(Machine::want_keys);
            let has_changed = |progress: &Progress| progress.changes != before;
            // The sender lives as long as the handle that is borrowed.
            let _ = progress.wait_for(has_changed).await;
        }
    }

    /// What the issuer says of itself, as it was read last: together with the keys, and again
    /// when that is older than [`Timing::metadata`](super::Timing::metadata). `None` before
    /// that ([`ready`](Self::ready) waits for it), and for keys that no issuer was asked for.
    #[must_use]
    pub fn metadata(&self) -> Option<Arc<ServerMetadata>> {
        self.shared().origin.metadata()
    }

    pub(in crate::keys) fn first_keys(&self) -> FirstKeys {
        self.shared().first_keys()
    }

    pub(in crate::keys) async fn first(&self) -> Result<KeySet, KeysUnavailable> {
        let shared = self.shared();
        shared.in_time(shared.first()).await
    }

    pub(in crate::keys) fn glance(&self, wanted: &KeyQuery<'_>) -> Option<KeySet> {
        self.shared().glance(wanted)
    }

    pub(in crate::keys) fn as_they_are(&self) -> KeySet {
        self.shared().as_they_are()
    }

    /// What a health check wants to know.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared().state()
    }
}

impl KeySource for RemoteKeySet {
    fn current(&self, wanted: &KeyQuery<'_>) -> Option<KeySet> {
        let shared = self.shared();
        shared
            .at_hand(wanted)
            .or_else(|| shared.without_asking(wanted))
    }

    fn obtain<'a>(
        &'a self,
        wanted: &'a KeyQuery<'a>,
    ) -> BoxFuture<'a, Result<KeySet, KeysUnavailable>> {
        Box::pin(async move {
            let shared = self.shared();
            shared.in_time(shared.obtain(wanted)).await
        })
    }
}

impl fmt::Debug for RemoteKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeySet")
            .field("source", &self.shared().origin.name())
            .finish_non_exhaustive()
    }
}
