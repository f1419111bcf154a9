//! Where tokens are remembered, and the exclusive section in which they are renewed.

#[cfg(feature = "file-store")]
mod file;
mod memory;

#[cfg(feature = "file-store")]
pub use file::{FileStore, FileStoreError, FileStoreErrorKind};
pub use memory::MemoryStore;

use std::{error::Error, fmt, sync::Arc};

use crate::{BoxError, BoxFuture, oauth::ObtainError, token::Tokens};

/// Remembers tokens, and lets one renewal at a time happen to them.
///
/// A refresh token that can be used once is lost for good if two processes use it, or
/// if its successor is not written down. So a store does not merely save: it
///
/// 1. takes its own lock, across all who share it;
/// 2. reads the tokens afresh: somebody else may have renewed them meanwhile;
/// 3. asks [`Renewal::is_needed`], and if not, returns what it has read;
/// 4. otherwise runs [`Renewal::run`], writes the outcome down durably, and returns it.
///
/// One that outlives the process also writes down before step 4 that it is about to begin,
/// and tells a later renewal what it finds: [`Renewal::after_unknown_outcome`].
///
/// # Example
///
/// ```
/// use tokio::sync::Mutex;
/// use tower_bearer::{BoxError, BoxFuture, token::Tokens};
/// use tower_bearer::client::{TokenStore, store::{ExchangeError, Renewal}};
///
/// #[derive(Default)]
/// struct InMemory(Mutex<Option<Tokens>>);
///
/// impl TokenStore for InMemory {
///     fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, BoxError>> {
///         Box::pin(async { Ok(self.0.lock().await.clone()) })
///     }
///
///     fn exchange<'a>(&'a self, renewal: Renewal<'a>) -> BoxFuture<'a, Result<Tokens, ExchangeError>> {
///         Box::pin(async move {
///             let mut stored = self.0.lock().await;
///             match &*stored {
///                 Some(tokens) if !renewal.is_needed(tokens) => Ok(tokens.clone()),
///                 _ => {
///                     let renewed = renewal.run(stored.clone()).await?;
///                     Ok(stored.insert(renewed).clone())
///                 }
///             }
///         })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not keep tokens",
    note = "`MemoryStore`, the default, keeps them while the process lives; `FileStore::new(path)`, with the feature `file-store`, in a file"
)]
pub trait TokenStore: Send + Sync + 'static {
    /// Reads the tokens without waiting for a renewal under way.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, BoxError>>;

    /// The exclusive section, as described above.
    ///
    /// # Errors
    ///
    /// When the renewal fails, or the store can't read or write. After an error the
    /// store holds what it held before.
    fn exchange<'a>(&'a self, renewal: Renewal<'a>)
    -> BoxFuture<'a, Result<Tokens, ExchangeError>>;
}

/// A store may be shared by several sources.
impl<T: TokenStore + ?Sized> TokenStore for Arc<T> {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, BoxError>> {
        (**self).load()
    }

    fn exchange<'a>(
        &'a self,
        renewal: Renewal<'a>,
    ) -> BoxFuture<'a, Result<Tokens, ExchangeError>> {
        (**self).exchange(renewal)
    }
}

/// A renewal on its way through a store's exclusive section.
pub struct Renewal<'a> {
    is_needed: Box<dyn Fn(&Tokens) -> bool + Send + Sync + 'a>,
    is_in_doubt: bool,
    run: Run<'a>,
}

type Run<'a> = Box<dyn FnOnce(Stored) -> BoxFuture<'a, Result<Tokens, ObtainError>> + Send + 'a>;

/// What a renewal starts from.
pub(super) struct Stored {
    pub(super) tokens: Option<Tokens>,
    /// Whether their refresh token may have been used already.
    pub(super) is_in_doubt: bool,
}

impl<'a> Renewal<'a> {
    pub(super) fn new<F>(is_needed: impl Fn(&Tokens) -> bool + Send + Sync + 'a, run: F) -> Self
    where
        F: FnOnce(Stored) -> BoxFuture<'a, Result<Tokens, ObtainError>> + Send + 'a,
    {
        Self {
            is_needed: Box::new(is_needed),
            is_in_doubt: false,
            run: Box::new(run),
        }
    }

    /// Whether the tokens just read have to be renewed. They need not if another
    /// process was faster: what it stored is not what we want to be rid of.
    #[must_use]
    pub fn is_needed(&self, stored: &Tokens) -> bool {
        (self.is_needed)(stored)
    }

    /// Tells that a renewal of the tokens just read was begun and never came to an end, as
    /// when its process was killed. Their refresh token is tried all the same; if it is
    /// refused, the cause is [`LogInAgain::MayHaveBeenUsed`](crate::oauth::LogInAgain).
    #[must_use]
    pub fn after_unknown_outcome(mut self) -> Self {
        self.is_in_doubt = true;
        self
    }

    /// Asks for new tokens, with the refresh token of those just read if there is one.
    ///
    /// # Errors
    ///
    /// When none could be had.
    pub async fn run(self, stored: Option<Tokens>) -> Result<Tokens, ObtainError> {
        let stored = Stored {
            tokens: stored,
            is_in_doubt: self.is_in_doubt,
        };
        (self.run)(stored).await
    }
}

impl fmt::Debug for Renewal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal").finish_non_exhaustive()
    }
}

/// Why the exclusive section gave no tokens.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The renewal failed.
    Obtain(ObtainError),
    /// The store failed.
    Store(BoxError),
}

impl From<ObtainError> for ExchangeError {
    fn from(error: ObtainError) -> Self {
        Self::Obtain(error)
    }
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Obtain(_) => "no token could be obtained",
            Self::Store(_) => "the token store failed",
        })
    }
}

impl Error for ExchangeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Obtain(source) => Some(source),
            Self::Store(source) => Some(&**source),
        }
    }
}
