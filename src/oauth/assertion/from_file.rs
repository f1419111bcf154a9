//! Assertions that others put into a file.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use super::AssertionSource;
use crate::{BoxFuture, oauth::ObtainError, secret::Secret, secret_file};

/// Takes the assertion from a file, which is read for each request: whoever writes it may
/// replace it at any time, by renaming another over it, or as Kubernetes does by a symbolic
/// link. White space around the assertion doesn't count.
///
/// # Example
///
/// A workload in Kubernetes, known to Microsoft Entra by its service account:
///
/// ```
/// use tower_bearer::oauth::{ClientAuth, assertion};
///
/// let file = "/var/run/secrets/azure/tokens/azure-identity-token";
/// let auth = ClientAuth::assertion("2d4d…", assertion::from_file(file));
/// ```
///
/// # Errors
///
/// Each request fails, and nothing is sent, while the file can't be read, is empty, holds
/// more than one line or more than 64 KiB. That counts as an outage: a token at hand goes
/// on being used, and the file is read again after a pause.
pub fn from_file(path: impl Into<PathBuf>) -> FromFile {
    FromFile(path.into().into())
}

/// Made by [`from_file`].
#[derive(Clone, Debug)]
pub struct FromFile(Arc<Path>);

impl AssertionSource for FromFile {
    fn assertion(&self, _: SystemTime) -> BoxFuture<'_, Result<Secret, ObtainError>> {
        let reading = secret_file::read(Arc::clone(&self.0));
        Box::pin(async { reading.await.map_err(ObtainError::other) })
    }
}
