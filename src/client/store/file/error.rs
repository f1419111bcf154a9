//! Why tokens could not be read from their file or written to it.

use std::{error::Error, fmt, io, path::Path, time::Duration};

use super::format::Unreadable;
use crate::client::store::ExchangeError;

/// Why a [`FileStore`](super::FileStore) failed. The file is never half written.
///
/// `Debug` shows the text of `Display`. In a [`client::Error`](crate::client::Error) it is
/// the `source()`.
pub struct FileStoreError {
    kind: FileStoreErrorKind,
    text: String,
    source: Option<io::Error>,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileStoreErrorKind {
    /// Other users can read or change the tokens. The text names the command that mends it.
    Exposed,
    /// The file is torn, damaged, or not a token file. It is left alone until
    /// [`FileStore::reset`](super::FileStore::reset).
    Damaged,
    /// The file was written by a newer version of this crate, in a format of this version.
    NewerVersion(u64),
    /// Another process has held the lock for this long.
    Locked(Duration),
    /// The operating system failed: a full disk, a missing directory, no permission.
    Io,
    /// There is no tokio runtime (with a timer), or it was shut down.
    NoRuntime,
}

impl FileStoreError {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> FileStoreErrorKind {
        self.kind
    }

    pub(super) fn exposed(text: String) -> Self {
        Self::new(FileStoreErrorKind::Exposed, text)
    }

    pub(super) fn link(path: &Path) -> Self {
        let (shown, word) = (path.display(), shell_word(path));
        Self::exposed(format!(
            "`{shown}` is a symbolic link, and somebody else may have put it there; name the file that it points to: readlink -f {word}"
        ))
    }

    pub(super) fn not_a_file(path: &Path) -> Self {
        Self::new(
            FileStoreErrorKind::Damaged,
            format!("`{}` is not a file; name another", path.display()),
        )
    }

    pub(super) fn directory(path: &Path, source: io::Error) -> Self {
        if source.kind() != io::ErrorKind::NotFound {
            return Self::io("look at", path, source);
        }
        let (shown, word) = (path.display(), shell_word(path));
        Self {
            source: Some(source),
            ..Self::new(
                FileStoreErrorKind::Io,
                format!(
                    "the directory `{shown}` is not there; make it with: mkdir -m 700 -p {word}"
                ),
            )
        }
    }

    pub(super) fn unreadable(path: &Path, reason: Unreadable) -> Self {
        let path = path.display();
        match reason {
            Unreadable::Damaged => Self::new(
                FileStoreErrorKind::Damaged,
                format!(
                    "`{path}` is damaged, or is no token file; it is left as it is: restore it, name another file, or delete it with `FileStore::reset` and log in again"
                ),
            ),
            Unreadable::NewerVersion(version) => Self::new(
                FileStoreErrorKind::NewerVersion(version),
                format!(
                    "`{path}` is of version {version}, which is newer than this program; it is left as it is: update this program, or name another file"
                ),
            ),
        }
    }

    pub(super) fn locked(path: &Path, waited: Duration) -> Self {
        Self::new(
            FileStoreErrorKind::Locked(waited),
            format!(
                "another process has held the lock `{}` for {waited:?}; look for one that hangs, but don't delete the file",
                path.display()
            ),
        )
    }

    /// `what` could not be done to the file at `path`.
    pub(super) fn io(what: &str, path: &Path, source: io::Error) -> Self {
        Self {
            source: Some(source),
            ..Self::new(
                FileStoreErrorKind::Io,
                format!("can't {what} `{}`", path.display()),
            )
        }
    }

    pub(super) fn no_runtime(why: impl fmt::Display) -> Self {
        let text = format!("the token file was not touched: {why}");
        Self::new(FileStoreErrorKind::NoRuntime, text)
    }

    fn new(kind: FileStoreErrorKind, text: String) -> Self {
        Self {
            kind,
            text,
            source: None,
        }
    }
}

/// A path as a shell takes it.
pub(super) fn shell_word(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

impl fmt::Display for FileStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for FileStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileStoreError({self}")?;
        if let Some(source) = &self.source {
            write!(f, "; because: {source}")?;
        }
        f.write_str(")")
    }
}

impl Error for FileStoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_ref()?;
        Some(source)
    }
}

impl From<FileStoreError> for ExchangeError {
    fn from(error: FileStoreError) -> Self {
        Self::Store(error.into())
    }
}
