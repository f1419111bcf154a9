//! How processes take turns, and how file work stays off the async threads.

use std::{fs::File, sync::Arc, time::Duration};

use tokio::runtime::Handle;

use super::{disk::Disk, error::FileStoreError, format::Record};
use crate::deadline::{Elapsed, within};

/// The pauses between looks at a lock that somebody holds. Looking again and again, rather
/// than waiting in a thread, leaves no thread behind when the waiter goes away.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);

/// The file under its lock.
///
/// Work that has begun keeps the lock until it is done, also when its caller went away.
pub(super) struct Locked(Arc<Held>);

struct Held {
    disk: Disk,
    /// Closing it frees the lock.
    _lock: File,
}

/// Waits for the lock, no longer than that.
pub(super) async fn wait(disk: &Disk, longest: Duration) -> Result<Locked, FileStoreError> {
    let taken = async {
        let mut pause = FIRST_PAUSE;
        loop {
            let look = disk.clone();
            if let Some(lock) = off_thread(move || look.try_lock()).await? {
                return Ok(lock);
            }
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    };
    let lock = match within(longest, taken).await {
        Ok(taken) => taken?,
        Err(Elapsed::Deadline) => return Err(FileStoreError::locked(&disk.lock_path(), longest)),
        Err(no_timer) => return Err(FileStoreError::no_runtime(no_timer)),
    };
    Ok(Locked(Arc::new(Held {
        disk: disk.clone(),
        _lock: lock,
    })))
}

impl Locked {
    pub(super) async fn read(&self) -> Result<Option<Record>, FileStoreError> {
        let held = self.0.clone();
        off_thread(move || held.disk.read()).await
    }

    pub(super) async fn write(&self, record: Record) -> Result<(), FileStoreError> {
        let held = self.0.clone();
        off_thread(move || held.disk.write(&record)).await
    }

    pub(super) async fn remove(&self) -> Result<(), FileStoreError> {
        let held = self.0.clone();
        off_thread(move || held.disk.remove()).await
    }
}

/// Runs `work` where it may block.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileStoreError> + Send + 'static,
) -> Result<T, FileStoreError> {
    let runtime = Handle::try_current().map_err(FileStoreError::no_runtime)?;
    match runtime.spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(lost) => Err(FileStoreError::no_runtime(lost)),
    }
}
