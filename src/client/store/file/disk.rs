//! How the file is read and written. All of this blocks.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use fs4::{FileExt, TryLockError};
use zeroize::Zeroizing;

use super::{error::FileStoreError, format::Record, private};

/// More than any tokens take: what is larger is somebody else's file.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The random part of the name of a temporary file, in bytes, and what ends it.
const RANDOM: usize = 8;
const SUFFIX: &str = ".tmp";

/// The place of the file, and whether it is taken as it is, whoever else may touch it.
#[derive(Clone)]
pub(super) struct Disk {
    path: Arc<Path>,
    is_trusting: bool,
}

impl Disk {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path: path.into(),
            is_trusting: false,
        }
    }

    pub(super) fn trusting(self) -> Self {
        Self {
            is_trusting: true,
            ..self
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn lock_path(&self) -> PathBuf {
        let mut path = self.path.as_os_str().to_owned();
        path.push(".lock");
        path.into()
    }

    /// The lock, unless somebody has it.
    pub(super) fn try_lock(&self) -> Result<Option<File>, FileStoreError> {
        self.check_place()?;
        let path = self.lock_path();
        let mut options = private::options();
        options.read(true).write(true).create(true).truncate(false);
        let lock = self.checked(options.open(&path), &path)?;
        match FileExt::try_lock(&lock) {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(FileStoreError::io("lock", &path, error)),
        }
    }

    pub(super) fn read(&self) -> Result<Option<Record>, FileStoreError> {
        self.check_place()?;
        let file = match private::options().read(true).open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => self.checked(opened, &self.path)?,
        };
        let bytes = contents(&file).map_err(|error| self.failed("read", error))?;
        let record = Record::decode(&bytes);
        let record = record.map_err(|reason| FileStoreError::unreadable(&self.path, reason))?;
        Ok(Some(record))
    }

    /// Whole or not at all. The caller holds the lock.
    pub(super) fn write(&self, record: &Record) -> Result<(), FileStoreError> {
        let write = || {
            let bytes = record.encode()?;
            self.sweep();
            let mut file = tempfile::Builder::new()
                .prefix(&self.temporary_prefix())
                .rand_bytes(RANDOM)
                .suffix(SUFFIX)
                .tempfile_in(self.directory())?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            private::sync_directory(self.directory())
        };
        write().map_err(|error| self.failed("write", error))
    }

    /// The caller holds the lock.
    pub(super) fn remove(&self) -> Result<(), FileStoreError> {
        self.sweep();
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => private::sync_directory(self.directory()),
        }
        .map_err(|error| self.failed("delete", error))
    }

    /// What processes left that were killed while they wrote: it holds tokens.
    fn sweep(&self) {
        let prefix = self.temporary_prefix();
        let is_left = |name: &OsString| {
            let (name, prefix) = (name.as_encoded_bytes(), prefix.as_encoded_bytes());
            name.starts_with(prefix)
                && name.ends_with(SUFFIX.as_bytes())
                && name.len() == prefix.len() + RANDOM + SUFFIX.len()
        };
        for entry in fs::read_dir(self.directory())
            .into_iter()
            .flatten()
            .flatten()
        {
            if is_left(&entry.file_name()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn temporary_prefix(&self) -> OsString {
        let mut prefix = OsString::from(".");
        prefix.push(self.path.file_name().unwrap_or_default());
        prefix.push(".");
        prefix
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    fn check_place(&self) -> Result<(), FileStoreError> {
        let directory = self.directory();
        if self.path.file_name().is_none() {
            return Err(FileStoreError::not_a_file(&self.path));
        }
        fs::metadata(directory).map_err(|error| FileStoreError::directory(directory, error))?;
        match self.is_trusting {
            true => Ok(()),
            false => private::check_way(directory),
        }
    }

    /// A file that was opened, if it is one and nobody else may touch it.
    fn checked(&self, opened: io::Result<File>, path: &Path) -> Result<File, FileStoreError> {
        let file = match opened {
            Ok(file) => file,
            Err(_) if path.is_symlink() => return Err(FileStoreError::link(path)),
            Err(error) => return Err(FileStoreError::io("open", path, error)),
        };
        let metadata = file.metadata();
        let metadata = metadata.map_err(|error| FileStoreError::io("look at", path, error))?;
        if !metadata.is_file() {
            return Err(FileStoreError::not_a_file(path));
        }
        if !self.is_trusting {
            private::check_file(&metadata, path)?;
        }
        Ok(file)
    }

    fn failed(&self, what: &str, error: io::Error) -> FileStoreError {
        FileStoreError::io(what, &self.path, error)
    }
}

/// In a buffer that does not grow: the memory that it would leave behind is not wiped.
fn contents(file: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    const SPARE: usize = 64;
    let length = file.metadata()?.len().min(MAX_BYTES);
    let length = usize::try_from(length).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + SPARE));
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
