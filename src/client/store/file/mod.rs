//! Tokens in a file that outlives the process, shared by all processes of one log-in.
//!
//! `file_store` is the store, `format` what stands in the file, `disk` how it is read and
//! written, `lock` how processes take turns, `private` who else may touch it.

mod disk;
mod error;
mod file_store;
mod format;
mod lock;
#[cfg(unix)]
mod private;
#[cfg(not(unix))]
#[path = "private_elsewhere.rs"]
mod private;

pub use error::{FileStoreError, FileStoreErrorKind};
pub use file_store::FileStore;
