//! Why a set of keys could not be read.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use http::StatusCode;

use crate::{BoxError, jwt::key_error::KeyError, keys::AddressError, transport::TransportError};

/// Why an attempt to read keys failed. A clone is a reference count.
///
/// `Debug` shows the text of `Display` with its causes, so that a `main` that returns it
/// says what happened.
#[derive(Clone)]
pub struct FetchError(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: FetchErrorKind,
    place: Arc<str>,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kinds of failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// No answer: connection refused, name not found, connection cut.
    Unreachable,
    /// No answer in time.
    Deadline,
    /// An answer of more than 1 MiB.
    TooLarge,
    /// A redirect, which is never followed.
    Redirected(StatusCode),
    /// Another status than 200; also a 304 that nobody asked for.
    Status(StatusCode),
    /// An answer that is no usable set of keys.
    Keys(KeyError),
    /// An answer that is no metadata of this issuer.
    Metadata(String),
    /// The metadata names an address that must not be asked.
    Address(AddressError),
    /// There is no tokio runtime to ask in, or it has no timer.
    NoRuntime,
    /// The attempt ended without an outcome: the transport panicked.
    Lost,
}

impl FetchError {
    pub(crate) fn new(kind: FetchErrorKind, place: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            place: place.into(),
            retry_after: None,
            source: None,
        }))
    }

    pub(crate) fn of_transport(error: TransportError, place: impl Into<Arc<str>>) -> Self {
        let kind = match &error {
            TransportError::Service(_) | TransportError::Body(_) => FetchErrorKind::Unreachable,
            TransportError::TooLarge => FetchErrorKind::TooLarge,
            TransportError::Redirected(status) => FetchErrorKind::Redirected(*status),
            TransportError::Deadline(_) => FetchErrorKind::Deadline,
            TransportError::NoTimer => FetchErrorKind::NoRuntime,
        };
        Self::new(kind, place).with_source(error)
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::from(source.into()));
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        Arc::make_mut(&mut self.0).retry_after = wait;
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> &FetchErrorKind {
        &self.0.kind
    }

    /// What was asked: the address, without its query, or the path.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// How long the server asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        match self.kind() {
            FetchErrorKind::Unreachable => write!(f, "`{place}` can't be reached"),
            FetchErrorKind::Deadline => write!(f, "`{place}` did not answer in time"),
            FetchErrorKind::TooLarge => write!(f, "`{place}` sent too much for a set of keys"),
            FetchErrorKind::Redirected(status) => write!(
                f,
                "`{place}` answered with the redirect {status}, which is never followed; configure the final address"
            ),
            FetchErrorKind::Status(status) => write!(f, "`{place}` answered {status}"),
            FetchErrorKind::Keys(_) => write!(f, "`{place}` holds no usable keys"),
            FetchErrorKind::Metadata(why) => {
                write!(f, "`{place}` is no metadata of this issuer: {why}")
            }
            FetchErrorKind::Address(_) => {
                write!(f, "`{place}` names an address that must not be asked")
            }
            FetchErrorKind::NoRuntime => f.write_str(
                "keys are read in a tokio runtime with a timer, and here is none; give one to the builder",
            ),
            FetchErrorKind::Lost => {
                write!(f, "reading `{place}` ended in a panic of the transport")
            }
        }
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says, and why.
impl fmt::Debug for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FetchError({self}")?;
        match self.source() {
            Some(source) => write!(f, "; because: {source:?})"),
            None => f.write_str(")"),
        }
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.kind() {
            FetchErrorKind::Keys(error) => Some(error),
            FetchErrorKind::Address(error) => Some(error),
            _ => self.0.source.as_ref().map(|source| &**source as _),
        }
    }
}
