//! Keys in a file or a directory that others change, such as a mounted secret.

use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

use super::{
    FetchError, FetchErrorKind,
    key_use::KeyUse,
    origin::{Origin, Read, Validators},
};
use crate::{
    BoxFuture,
    deadline::within,
    jwt::{
        Algorithm,
        key::KeySet,
        key_error::{KeyError, KeyErrorKind},
    },
};

pub(super) struct Files {
    pub(super) path: Arc<PathBuf>,
    pub(super) read: fn(&PathBuf) -> Result<KeySet, KeyError>,
    pub(super) name: Arc<str>,
    pub(super) key_use: KeyUse,
    pub(super) lifetime: Duration,
    pub(super) deadline: Duration,
}

impl Files {
    /// Where others have to wait for nothing that a file system does.
    async fn read_aside(&self) -> Result<KeySet, FetchErrorKind> {
        let (path, read) = (Arc::clone(&self.path), self.read);
        let reading = tokio::task::spawn_blocking(move || read(&path));
        match within(self.deadline, reading).await {
            Ok(Ok(read)) => read.map_err(|error| FetchErrorKind::Keys(bare(error))),
            Ok(Err(_)) => Err(FetchErrorKind::Lost),
            Err(_) => Err(FetchErrorKind::Deadline),
        }
    }
}

/// To open a pipe or a device may block for ever, and a thread with it each time.
pub(super) fn keys_of_file(path: &PathBuf) -> Result<KeySet, KeyError> {
    let is_readable = fs::metadata(path).map(|metadata| metadata.is_file());
    match is_readable {
        Ok(false) => Err(KeyErrorKind::Unreadable(io::ErrorKind::InvalidInput).into()),
        _ => KeySet::from_file(path),
    }
}

/// The path is told anyway.
fn bare(error: KeyError) -> KeyError {
    match error.kind() {
        KeyErrorKind::File { error, .. } => KeyError::clone(error),
        _ => error,
    }
}

impl Origin for Files {
    fn read(&self, validators: Validators) -> BoxFuture<'_, Result<Read, FetchError>> {
        Box::pin(async move {
            let keys = self.read_aside().await.and_then(|keys| {
                let keys = self.key_use.of(keys.keys().to_vec());
                keys.map_err(FetchErrorKind::Keys)
            });
            let keys = keys.map_err(|kind| FetchError::new(kind, Arc::clone(&self.name)))?;
            Ok(Read {
                keys: Some(keys),
                lifetime: self.lifetime,
                validators,
            })
        })
    }

    fn name(&self) -> &str {
        &self.name
    }

    /// Nobody publishes it, so it may hold shared secrets.
    fn may_hold(&self, _: Algorithm) -> bool {
        true
    }
}
