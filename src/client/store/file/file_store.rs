//! The store: who renews, what is written down before and after.

use std::{fmt, path::PathBuf, time::Duration};

use super::{
    disk::Disk,
    error::FileStoreError,
    format::Record,
    lock::{self, Locked},
};
use crate::{
    BoxError, BoxFuture,
    client::store::{ExchangeError, Renewal, TokenStore},
    token::Tokens,
};

/// Remembers tokens in a file: they outlive the process, and any number of processes may
/// share them.
///
/// Of processes that share the file, one renews and the others pick up what it got. They
/// take turns by a lock on a second file beside it, `NAME.lock`, which is never deleted; the
/// operating system frees it when its holder dies. Before a refresh token is spent, the file
/// says so: whoever comes after a crash tries that token once more, and if it is refused,
/// the cause is [`MayHaveBeenUsed`](crate::oauth::LogInAgain::MayHaveBeenUsed). Writing that
/// down is also the rehearsal: on a full or read-only disk no refresh token is spent.
///
/// The file is replaced whole or not at all, and flushed before its tokens are handed out.
/// A file that is torn, damaged, somebody else's or of a newer version is an error and stays
/// as it is until [`reset`](Self::reset).
///
/// The directory has to exist. File and lock are created for the owner alone (mode 0600). As
/// ssh does, the store refuses a file that others can read, and a directory, or one above
/// it, in which others can replace files; the error names the command that mends it.
/// Symbolic links are followed on the way to the file only where nobody else could have put
/// them, and never in place of the file itself.
///
/// # What an operating system can't promise
///
/// - A process that is killed between the server's answer and the write loses the answer.
///   Where refresh tokens can be used once, somebody has to log in again.
/// - A lock on a network file system is as good as that file system's; where it isn't kept
///   across machines, two of them may spend the same refresh token.
/// - A disk that hangs holds up a thread of the runtime's pool; callers stop waiting.
/// - A disk may say that it has written what it has not.
/// - Only owner and mode are looked at, not access control lists. On Windows nothing is: the
///   file is as private as its directory, so put it below the user's profile. The flush of
///   the directory does not exist there.
/// - A program that forks without `exec` shares its lock with its child.
///
/// # Defaults
///
/// 2 min for [`lock_wait`](Self::lock_wait): longer than any refresh of another process
/// takes with the defaults of [`Timing`](crate::client::Timing).
///
/// # Example
///
/// ```
/// # use tower_bearer::{oauth::{ObtainError, obtain_with}, token::Tokens};
/// # let obtain = obtain_with(|| async { Err::<Tokens, _>(ObtainError::other("never asked")) });
/// use tower_bearer::client::{Refreshing, store::FileStore};
///
/// let store = FileStore::new("/var/lib/orders/tokens.json");
/// let tokens = Refreshing::builder(obtain).store(store.clone()).build();
/// ```
#[derive(Clone)]
pub struct FileStore {
    disk: Disk,
    lock_wait: Duration,
}

impl FileStore {
    /// A store in the file at `path`. Nothing is read or written yet; a relative path counts
    /// from the present working directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            disk: Disk::new(std::path::absolute(&path).unwrap_or(path)),
            lock_wait: Duration::from_secs(120),
        }
    }

    /// How long to wait for another process that holds the lock.
    #[must_use]
    pub fn lock_wait(mut self, longest: Duration) -> Self {
        self.lock_wait = longest;
        self
    }

    /// Takes the file and its directories as they are, whoever else may read, change or
    /// replace them: for file systems without owners and modes, and containers that show
    /// strange ones. Whoever can write there can log this program in as somebody else.
    #[must_use]
    pub fn dangerous_any_permissions(mut self) -> Self {
        self.disk = self.disk.trusting();
        self
    }

    /// Forgets the tokens: a log-out, or the say without which a file that can't be read is
    /// not replaced. Deletes the file, whatever it holds; the lock file stays.
    ///
    /// A [`Refreshing`](crate::client::Refreshing) goes on with the token that it has at
    /// hand; after a new log-in, give it the tokens by
    /// [`replace_tokens`](crate::client::Refreshing::replace_tokens).
    ///
    /// # Errors
    ///
    /// When the lock can't be had or the file can't be deleted.
    pub async fn reset(&self) -> Result<(), FileStoreError> {
        let locked = lock::wait(&self.disk, self.lock_wait).await?;
        locked.remove().await
    }

    async fn exchanged(&self, renewal: Renewal<'_>) -> Result<Tokens, ExchangeError> {
        let locked = lock::wait(&self.disk, self.lock_wait).await?;
        match locked.read().await? {
            None => {
                let tokens = renewal.run(None).await?;
                write(&locked, Record::first(tokens)).await
            }
            Some(stored) if renewal.is_needed(&stored.tokens) => {
                renewed(&locked, stored, renewal).await
            }
            Some(stored) => Ok(stored.tokens),
        }
    }
}

async fn renewed(
    locked: &Locked,
    stored: Record,
    renewal: Renewal<'_>,
) -> Result<Tokens, ExchangeError> {
    // Also where the mark is there already: what can't be written can't be kept afterwards.
    locked.write(stored.with_refresh_begun(true)).await?;
    let renewal = match stored.refresh_begun {
        true => renewal.after_unknown_outcome(),
        false => renewal,
    };
    match renewal.run(Some(stored.tokens.clone())).await {
        Ok(tokens) => write(locked, stored.next(tokens)).await,
        Err(error) => {
            if error.is_refusal() {
                // A mark that stays costs a later refusal its exact cause, and no more.
                let _ = locked.write(stored).await;
            }
            Err(error.into())
        }
    }
}

async fn write(locked: &Locked, record: Record) -> Result<Tokens, ExchangeError> {
    let tokens = record.tokens.clone();
    locked.write(record).await?;
    Ok(tokens)
}

impl TokenStore for FileStore {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, BoxError>> {
        Box::pin(async {
            let disk = self.disk.clone();
            let record = lock::off_thread(move || disk.read()).await?;
            Ok(record.map(|record| record.tokens))
        })
    }

    fn exchange<'a>(
        &'a self,
        renewal: Renewal<'a>,
    ) -> BoxFuture<'a, Result<Tokens, ExchangeError>> {
        Box::pin(self.exchanged(renewal))
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("path", &self.disk.path())
            .finish_non_exhaustive()
    }
}
