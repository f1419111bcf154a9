//! A secret in a file, as Kubernetes, Vault and systemd put it there.

use std::{
    error::Error,
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::runtime::Handle;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// A larger file holds something else.
const MAX_BYTES: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the one line that the file holds now, without the white space around it, and
/// without holding up others in a tokio runtime.
pub(crate) async fn read(path: Arc<Path>) -> Result<Secret, SecretFileError> {
    let Ok(runtime) = Handle::try_current() else {
        return read_now(&path);
    };
    let reading = runtime.spawn_blocking({
        let path = Arc::clone(&path);
        move || read_now(&path)
    });
    let cancelled = Problem::Unreadable(io::ErrorKind::Interrupted);
    reading.await.map_err(|_| failed(&path, cancelled))?
}

fn read_now(path: &Path) -> Result<Secret, SecretFileError> {
    let content = content(path).map_err(|problem| failed(path, problem))?;
    let line = line(&content).map_err(|problem| failed(path, problem))?;
    Ok(Secret::from(line))
}

fn content(path: &Path) -> Result<Zeroizing<Vec<u8>>, Problem> {
    // To open a pipe or a device may block for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(Problem::NotAFile);
    }
    // With room for all, so that no copy is left behind by growing.
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    fs::File::open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut content)?;
    Ok(content)
}

/// The one line in a text, without the white space around it and the byte order mark that
/// some editors leave there.
pub(crate) fn line(content: &[u8]) -> Result<&str, Problem> {
    if content.len() > MAX_BYTES {
        return Err(Problem::TooLarge);
    }
    let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
    let text = std::str::from_utf8(content).map_err(|_| Problem::NotText)?;
    match text.trim() {
        "" => Err(Problem::Empty),
        lines if lines.contains(['\n', '\r']) => Err(Problem::ManyLines),
        line => Ok(line),
    }
}

fn failed(path: &Path, problem: Problem) -> SecretFileError {
    SecretFileError {
        path: path.into(),
        problem,
    }
}

/// A file that holds no secret. It never shows what the file holds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretFileError {
    path: PathBuf,
    problem: Problem,
}

impl SecretFileError {
    pub(crate) fn problem(&self) -> Problem {
        self.problem
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    Unreadable(io::ErrorKind),
    NotAFile,
    Empty,
    ManyLines,
    NotText,
    TooLarge,
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.kind())
    }
}

impl fmt::Display for SecretFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The path is escaped.
        write!(f, "the file {:?} {}", self.path, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(kind) => write!(f, "can't be read: {kind}"),
            Self::NotAFile => f.write_str("is not a regular file"),
            Self::Empty => f.write_str("is empty"),
            Self::ManyLines => f.write_str("holds more than one line"),
            Self::NotText => f.write_str("is not UTF-8 text"),
            Self::TooLarge => write!(f, "holds more than {MAX_BYTES} bytes"),
        }
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for SecretFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretFileError({self})")
    }
}

impl Error for SecretFileError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_one_line_of_text() {
        let large = [b'x'; MAX_BYTES + 1];
        let rows: [(&str, &[u8], &str); 12] = [
            ("one word", b"eyJ.x.y", "eyJ.x.y"),
            ("with a line break, as editors write it", b"eyJ\r\n", "eyJ"),
            ("white space around it", b"  a b\t\n\n", "a b"),
            ("as large as may be", &large[1..], "x"),
            ("nothing", b"", "Empty"),
            ("nothing but white space", b" \n", "Empty"),
            ("two lines", b"a\nb", "ManyLines"),
            ("a byte order mark", b"\xef\xbb\xbfeyJ\r\n", "eyJ"),
            ("nothing but that", b"\xef\xbb\xbf", "Empty"),
            ("no text", b"\xff", "NotText"),
            ("UTF-16", b"\xff\xfee\0y\0", "NotText"),
            ("larger", &large, "TooLarge"),
        ];
        for (row, content, expected) in rows {
            match line(content) {
                Ok(line) => assert!(line.starts_with(expected), "{row}"),
                Err(problem) => assert_eq!(format!("{problem:?}"), expected, "{row}"),
            }
        }
    }

    #[test]
    fn without_a_runtime_it_is_read_all_the_same() {
        let missing = Arc::from(Path::new("/nowhere/\u{1b}[31m"));
        let error = tokio_test::block_on(read(Arc::clone(&missing))).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"the file "/nowhere/\u{1b}[31m" can't be read: entity not found"#
        );
        let without = futures::executor::block_on(read(missing)).unwrap_err();
        assert_eq!(without.to_string(), error.to_string());
    }
}
