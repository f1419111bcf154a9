//! A token is read where one should be, or why not.

use std::{error::Error, fmt, io, path::Path};

use crate::{
    secret::Secret,
    secret_file::{self, Problem, SecretFileError},
    token::{AccessToken, TokenValueError},
};

/// Why a file or an environment variable gave no token. It names the place and never shows
/// what stands there.
#[derive(Clone, PartialEq, Eq)]
pub struct ReadError {
    place: String,
    why: Why,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Unset,
    Text(Problem),
    Value(TokenValueError),
}

/// What is wrong with the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// There is no such environment variable.
    Unset,
    /// The file can't be read: it is missing, or not ours to read.
    Unreadable(io::ErrorKind),
    /// Something else stands there, or nothing; `Display` tells what.
    NotAToken,
}

impl ReadError {
    /// What is wrong with the place.
    #[must_use]
    pub fn kind(&self) -> ReadErrorKind {
        match self.why {
            Why::Unset => ReadErrorKind::Unset,
            Why::Text(Problem::Unreadable(kind)) => ReadErrorKind::Unreadable(kind),
            Why::Text(_) | Why::Value(_) => ReadErrorKind::NotAToken,
        }
    }
}

/// The token that a file holds, or held when it was read.
pub(super) fn token_in_file(
    path: &Path,
    read: Result<Secret, SecretFileError>,
) -> Result<AccessToken, ReadError> {
    let token = read
        .map_err(|error| Why::Text(error.problem()))
        .and_then(|secret| AccessToken::new(secret).map_err(Why::Value));
    token.map_err(|why| ReadError {
        place: format!("the file {path:?}"),
        why,
    })
}

/// The token that a variable holds.
pub(super) fn token_in_variable(name: &str) -> Result<AccessToken, ReadError> {
    let token = match std::env::var_os(name) {
        Some(value) => secret_file::line(value.as_encoded_bytes())
            .map_err(Why::Text)
            .and_then(|line| AccessToken::new(line).map_err(Why::Value)),
        None => Err(Why::Unset),
    };
    token.map_err(|why| ReadError {
        place: format!("the environment variable {name:?}"),
        why,
    })
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.place)?;
        match self.why {
            Why::Unset => f.write_str("is not set"),
            Why::Text(problem) => problem.fmt(f),
            Why::Value(error) => write!(f, "holds no token that can be sent: {error}"),
        }
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadError({self})")
    }
}

impl Error for ReadError {}
