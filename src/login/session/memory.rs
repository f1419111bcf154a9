use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use super::{SessionChange, SessionKey, SessionRecord, SessionStore};
use crate::{
    BoxError, BoxFuture,
    clock::{Clock, SystemClock},
};

/// Keeps sessions as long as the process lives, for sites of one process. A clone is a handle
/// of the same sessions.
///
/// # Example
///
/// ```
/// use tower_bearer::login::MemorySessionStore;
///
/// let sessions = MemorySessionStore::new();
/// assert!(sessions.is_empty());
/// ```
#[derive(Clone)]
pub struct MemorySessionStore(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    sessions: Mutex<HashMap<SessionKey, Entry>>,
}

#[derive(Clone)]
struct Entry {
    record: SessionRecord,
    exclusive: Arc<tokio::sync::Mutex<()>>,
}

impl MemorySessionStore {
    /// No sessions yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(SystemClock::new())
    }

    /// The same with another clock, by which sessions that are over are forgotten.
    #[must_use]
    pub fn with_clock(clock: impl Clock) -> Self {
        Self(Arc::new(Inner {
            clock: Arc::new(clock),
            sessions: Mutex::default(),
        }))
    }

    /// How many sessions it holds, those included that are over and not forgotten yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionKey, Entry>> {
        self.0
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> SystemTime {
        self.0.clock.wall()
    }

    fn get(&self, key: &SessionKey) -> Option<Entry> {
        self.sessions().get(key).cloned()
    }
}

impl Default for MemorySessionStore {
    fn default() -> Self {
        Self::new()
    }
}

impl SessionStore for MemorySessionStore {
    fn insert(
        &self,
        key: SessionKey,
        record: SessionRecord,
    ) -> BoxFuture<'_, Result<(), BoxError>> {
        let now = self.now();
        let mut sessions = self.sessions();
        sessions.retain(|_, entry| entry.record.ends_at() > now);
        let exclusive = Arc::default();
        sessions.insert(key, Entry { record, exclusive });
        Box::pin(std::future::ready(Ok(())))
    }

    fn load<'a>(
        &'a self,
        key: &'a SessionKey,
    ) -> BoxFuture<'a, Result<Option<SessionRecord>, BoxError>> {
        let found = self.get(key).map(|entry| entry.record);
        Box::pin(std::future::ready(Ok(found)))
    }

    fn exchange<'a>(
        &'a self,
        key: &'a SessionKey,
        change: SessionChange<'a>,
    ) -> BoxFuture<'a, Result<Option<SessionRecord>, BoxError>> {
        Box::pin(async move {
            let Some(entry) = self.get(key) else {
                return Ok(None);
            };
            let _exclusive = entry.exclusive.lock().await;
            let Some(Entry { record, .. }) = self.get(key) else {
                return Ok(None);
            };
            let changed = change.run(record).await;
            let mut sessions = self.sessions();
            // Gone meanwhile: it stays gone.
            let stored = sessions.get_mut(key).map(|entry| {
                if let Some(changed) = changed {
                    entry.record = changed;
                }
                entry.record.clone()
            });
            Ok(stored)
        })
    }

    fn remove<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<(), BoxError>> {
        self.sessions().remove(key);
        Box::pin(std::future::ready(Ok(())))
    }
}

impl fmt::Debug for MemorySessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySessionStore")
            .field("sessions", &self.len())
            .finish_non_exhaustive()
    }
}
