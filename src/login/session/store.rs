//! Where sessions are kept on the server's side.

use std::{fmt, sync::Arc, time::SystemTime};

use bytes::Bytes;

use crate::{BoxError, BoxFuture, login::crypto};

/// Keeps sessions, for sites of several processes, and for sessions that are too large for
/// cookies, that hold refresh tokens, or that have to end everywhere at once.
///
/// What it is given is sealed: whoever reads or changes the store learns nothing, and makes
/// nobody somebody else.
///
/// # Example
///
/// ```
/// use std::collections::HashMap;
/// use tokio::sync::Mutex;
/// use tower_bearer::{BoxError, BoxFuture};
/// use tower_bearer::login::{SessionChange, SessionKey, SessionRecord, SessionStore};
///
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<SessionKey, SessionRecord>>);
///
/// impl SessionStore for InMemory {
///     fn insert(&self, key: SessionKey, record: SessionRecord) -> BoxFuture<'_, Result<(), BoxError>> {
///         Box::pin(async move {
///             self.0.lock().await.insert(key, record);
///             Ok(())
///         })
///     }
///
///     fn load<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<Option<SessionRecord>, BoxError>> {
///         Box::pin(async move { Ok(self.0.lock().await.get(key).cloned()) })
///     }
///
///     fn exchange<'a>(
///         &'a self,
///         key: &'a SessionKey,
///         change: SessionChange<'a>,
///     ) -> BoxFuture<'a, Result<Option<SessionRecord>, BoxError>> {
///         Box::pin(async move {
///             let mut all = self.0.lock().await; // a real one locks this key alone
///             let Some(record) = all.get_mut(key) else {
///                 return Ok(None);
///             };
///             if let Some(changed) = change.run(record.clone()).await {
///                 *record = changed;
///             }
///             Ok(Some(record.clone()))
///         })
///     }
///
///     fn remove<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<(), BoxError>> {
///         Box::pin(async move {
///             self.0.lock().await.remove(key);
///             Ok(())
///         })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not keep sessions",
    note = "`MemorySessionStore::new()` keeps those of one process; for a database, implement `SessionStore`"
)]
pub trait SessionStore: Send + Sync + 'static {
    /// Writes a session that is new.
    ///
    /// # Errors
    ///
    /// When it can't be written.
    fn insert(&self, key: SessionKey, record: SessionRecord)
    -> BoxFuture<'_, Result<(), BoxError>>;

    /// Reads a session, without waiting for a change under way. None for one that was
    /// removed; one that is [over](SessionRecord::ends_at) may be gone, or not.
    ///
    /// # Errors
    ///
    /// When nothing can be read.
    fn load<'a>(
        &'a self,
        key: &'a SessionKey,
    ) -> BoxFuture<'a, Result<Option<SessionRecord>, BoxError>>;

    /// Changes a session, one change at a time: a refresh token that is good once is lost if
    /// two use it, or if its successor is not written down. So a store
    ///
    /// 1. takes a lock for this key, across all who share it;
    /// 2. reads the session afresh, and returns `None` if there is none;
    /// 3. runs [`SessionChange::run`] with it, which may take as long as the provider does;
    /// 4. writes durably what that gives, if anything, and returns what is stored now.
    ///
    /// A session that was removed meanwhile must not come back.
    ///
    /// # Errors
    ///
    /// When the store can't lock, read or write.
    fn exchange<'a>(
        &'a self,
        key: &'a SessionKey,
        change: SessionChange<'a>,
    ) -> BoxFuture<'a, Result<Option<SessionRecord>, BoxError>>;

    /// Ends a session. One that is not there is as good as removed.
    ///
    /// # Errors
    ///
    /// When it may still be there.
    fn remove<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<(), BoxError>>;
}

/// A store may be shared by several sites.
impl<T: SessionStore + ?Sized> SessionStore for Arc<T> {
    fn insert(
        &self,
        key: SessionKey,
        record: SessionRecord,
    ) -> BoxFuture<'_, Result<(), BoxError>> {
        (**self).insert(key, record)
    }

    fn load<'a>(
        &'a self,
        key: &'a SessionKey,
    ) -> BoxFuture<'a, Result<Option<SessionRecord>, BoxError>> {
        (**self).load(key)
    }

    fn exchange<'a>(
        &'a self,
        key: &'a SessionKey,
        change: SessionChange<'a>,
    ) -> BoxFuture<'a, Result<Option<SessionRecord>, BoxError>> {
        (**self).exchange(key, change)
    }

    fn remove<'a>(&'a self, key: &'a SessionKey) -> BoxFuture<'a, Result<(), BoxError>> {
        (**self).remove(key)
    }
}

/// What a session is filed under: a digest of the id that its browser has, 43 letters, digits,
/// `-` and `_`. Who reads it can't make the cookie of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionKey(String);

impl SessionKey {
    pub(in crate::login) fn of(id: &str) -> Self {
        Self(crypto::digest(id))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({})", self.0)
    }
}

/// A session as it is stored: sealed, with the time from which on it is of no use.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionRecord {
    sealed: Bytes,
    ends_at: SystemTime,
}

impl SessionRecord {
    /// A record that was read back.
    #[must_use]
    pub fn new(sealed: impl Into<Bytes>, ends_at: SystemTime) -> Self {
        let sealed = sealed.into();
        Self { sealed, ends_at }
    }

    /// What is to be stored: text of some kilobytes.
    #[must_use]
    pub fn sealed(&self) -> &Bytes {
        &self.sealed
    }

    /// From when on the session may be forgotten, unless it is changed before.
    #[must_use]
    pub fn ends_at(&self) -> SystemTime {
        self.ends_at
    }
}

impl fmt::Debug for SessionRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord")
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

/// A change on its way through a store's exclusive section.
pub struct SessionChange<'a>(Run<'a>);

type Run<'a> = Box<dyn FnOnce(SessionRecord) -> BoxFuture<'a, Option<SessionRecord>> + Send + 'a>;

impl<'a> SessionChange<'a> {
    pub(in crate::login) fn new<F>(run: F) -> Self
    where
        F: FnOnce(SessionRecord) -> BoxFuture<'a, Option<SessionRecord>> + Send + 'a,
    {
        Self(Box::new(run))
    }

    /// What the session that was just read becomes; None if it stays as it is.
    pub async fn run(self, record: SessionRecord) -> Option<SessionRecord> {
        (self.0)(record).await
    }
}

impl fmt::Debug for SessionChange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionChange").finish_non_exhaustive()
    }
}
