//! Who else may touch the file: owners and modes, judged as ssh judges those of its keys.

use std::{
    fs::{File, Metadata, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};

use super::error::{FileStoreError, shell_word};

const ROOT: u32 = 0;
const STICKY: u32 = 0o1000;
const FILE_TYPE: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;
/// More parts than any path has, and an end to symbolic links that change under our eyes.
const MAX_PARTS: usize = 4096;

/// What is wrong with a file or with a directory on the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It belongs to this user.
    Owner(u32),
    /// The mode allows it to others.
    Mode(u32),
}

/// Of a file that only its owner reads and writes; never of what a symbolic link points to,
/// and without waiting for the other end of a pipe.
pub(super) fn options() -> OpenOptions {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(flags.cast_signed());
    options
}

pub(super) fn check_file(metadata: &Metadata, path: &Path) -> Result<(), FileStoreError> {
    let fault = of_file(metadata.uid(), metadata.mode(), geteuid().as_raw());
    fault.map_or(Ok(()), |fault| Err(fault.of(path, "600")))
}

/// Follows the path part by part, as the operating system does, and judges each directory
/// and symbolic link that it comes through.
pub(super) fn check_way(directory: &Path) -> Result<(), FileStoreError> {
    let me = geteuid().as_raw();
    let (mut at, mut ahead) = (PathBuf::new(), directory.to_path_buf());
    for _ in 0..MAX_PARTS {
        let mut parts = ahead.components();
        let Some(part) = parts.next() else {
            return Ok(());
        };
        at.push(part);
        let failed = |error| FileStoreError::directory(&at, error);
        let metadata = at.symlink_metadata().map_err(failed)?;
        if let Some(fault) = of_way(metadata.uid(), metadata.mode(), me) {
            return Err(fault.of(&at, "go-w"));
        }
        let rest = parts.as_path();
        ahead = match metadata.is_symlink() {
            true => {
                let target = at.read_link().map_err(failed)?;
                at.pop();
                target.join(rest)
            }
            false => rest.to_path_buf(),
        };
    }
    let too_long = io::Error::other("too many symbolic links");
    Err(FileStoreError::directory(directory, too_long))
}

pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // A file system that has no such thing says that the argument is invalid.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

impl Fault {
    /// What to say of it; `mode` is what `chmod` has to make of a mode.
    fn of(self, path: &Path, mode: &str) -> FileStoreError {
        let (shown, word) = (path.display(), shell_word(path));
        FileStoreError::exposed(match self {
            Self::Owner(owner) => format!(
                "another user can change the tokens, because `{shown}` belongs to user {owner}; put the file elsewhere, or mend it with: sudo chown \"$(id -u)\" {word}"
            ),
            Self::Mode(found) => format!(
                "other users can read or change the tokens, because `{shown}` has mode {found:o}; mend it with: chmod {mode} {word}"
            ),
        })
    }
}

fn of_file(owner: u32, mode: u32, me: u32) -> Option<Fault> {
    if owner != me {
        return Some(Fault::Owner(owner));
    }
    (mode & 0o077 != 0).then_some(Fault::Mode(mode & 0o7777))
}

/// Whether somebody else could put another file there: root could anyway. In a sticky
/// directory such as /tmp nobody moves what is another's.
fn of_way(owner: u32, mode: u32, me: u32) -> Option<Fault> {
    if owner != me && owner != ROOT {
        return Some(Fault::Owner(owner));
    }
    let is_directory = mode & FILE_TYPE == DIRECTORY;
    let is_open = is_directory && mode & 0o022 != 0 && mode & STICKY == 0;
    is_open.then_some(Fault::Mode(mode & 0o7777))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: u32 = 1000;
    const OTHER: u32 = 1001;

    #[test]
    fn the_file_is_its_owners_alone() {
        let rows = [
            ("ours alone", ME, 0o100_600, None),
            ("ours, read-only", ME, 0o100_400, None),
            ("the group reads", ME, 0o100_640, Some(Fault::Mode(0o640))),
            ("others write", ME, 0o100_602, Some(Fault::Mode(0o602))),
            ("another's", OTHER, 0o100_600, Some(Fault::Owner(OTHER))),
            ("root's", ROOT, 0o100_600, Some(Fault::Owner(ROOT))),
        ];
        for (row, owner, mode, expected) in rows {
            assert_eq!(of_file(owner, mode, ME), expected, "{row}");
        }
    }

    #[test]
    fn nobody_else_can_put_another_file_there() {
        let rows = [
            ("ours, others look", ME, 0o040_755, None),
            ("root's", ROOT, 0o040_755, None),
            ("/tmp", ROOT, 0o041_777, None),
            ("another's", OTHER, 0o040_755, Some(Fault::Owner(OTHER))),
            (
                "another's /tmp",
                OTHER,
                0o041_777,
                Some(Fault::Owner(OTHER)),
            ),
            ("the group writes", ME, 0o040_775, Some(Fault::Mode(0o775))),
            ("others write", ROOT, 0o040_757, Some(Fault::Mode(0o757))),
            ("a link, whose mode is nothing", ME, 0o120_777, None),
            (
                "another's link",
                OTHER,
                0o120_777,
                Some(Fault::Owner(OTHER)),
            ),
        ];
        for (row, owner, mode, expected) in rows {
            assert_eq!(of_way(owner, mode, ME), expected, "{row}");
        }
    }
}
