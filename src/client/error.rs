//! The one error of the client's side. Errors of the inner service pass through as they are.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use crate::{
    client::{
        RequestContext,
        source::{ReadError, ReadErrorKind},
        store::ExchangeError,
    },
    oauth::{LogInAgain, ObtainError, ObtainErrorKind},
};

/// Why a request was not sent, or why there is no token.
///
/// A middleware's error is a [`BoxError`](crate::BoxError): downcast to this type to
/// tell our failures from those of the inner service, then look at [`kind`](Self::kind).
/// A clone is a reference count: all who waited for one exchange get the same error.
/// `Debug` shows the text of `Display` and of its causes, so that a `main` that returns it
/// says what to do.
///
/// # Example
///
/// ```
/// use tower_bearer::{BoxError, client::{Error, ErrorKind}};
///
/// fn must_log_in(error: &BoxError) -> bool {
///     matches!(
///         error.downcast_ref::<Error>().map(Error::kind),
///         Some(ErrorKind::LogInAgain(_))
///     )
/// }
/// # let _ = must_log_in;
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    subject: Option<String>,
    source: Option<Source>,
}

#[derive(Clone)]
enum Source {
    Obtain(ObtainError),
    Other(Arc<dyn StdError + Send + Sync>),
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request goes to an origin that was not named on the layer.
    ForeignOrigin,
    /// The request's URI is relative, and nothing said where it goes.
    RelativeUri,
    /// The request goes over plain `http` to another machine.
    PlainHttp,
    /// The request came with credentials of its own, and the layer refuses that.
    PresetCredentials,
    /// The source has no token for this request.
    NoTokenForRequest,
    /// Where a token should be read, in a file or an environment variable, there is none that
    /// can be used. Whoever provides it has to mend it; a file is looked at again.
    Unreadable,
    /// No token could be had for now: an outage, or an answer that is none. Waiting helps.
    Unavailable {
        /// How long until the next attempt, if one is waited for.
        retry_after: Option<Duration>,
    },
    /// The authorization server said no. Only other credentials or settings help.
    Refused,
    /// A person has to log in again.
    LogInAgain(LogInAgain),
    /// The token did not come in time; the exchange itself goes on.
    Deadline,
    /// There is no tokio runtime (with a timer) to ask in.
    NoRuntime,
    /// The exchange's task ended without an outcome: its runtime was shut down.
    Lost,
    /// The store could not read or keep the tokens.
    Store,
    /// The source was closed.
    Closed,
}

impl Error {
    /// What a source of your own says that has no token for this request, because the request
    /// is none of those that it is there for.
    #[must_use]
    pub fn no_token_for(request: &RequestContext<'_>) -> Self {
        Self::new(ErrorKind::NoTokenForRequest, request.uri().host())
    }

    pub(crate) fn new(kind: ErrorKind, subject: Option<impl Into<String>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            subject: subject.map(Into::into),
            source: None,
        }))
    }

    pub(crate) fn of(kind: ErrorKind) -> Self {
        Self::new(kind, None::<String>)
    }

    /// What to do about it depends on this.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The answer or failure of the authorization server behind it.
    #[must_use]
    pub fn obtain_error(&self) -> Option<&ObtainError> {
        match self.0.source.as_ref()? {
            Source::Obtain(error) => Some(error),
            Source::Other(_) => None,
        }
    }

    /// The same failure, told to one who comes while the next attempt is waited for.
    pub(crate) fn waiting(&self, retry_after: Duration) -> Self {
        let kind = match self.0.kind {
            ErrorKind::Unavailable { .. } => ErrorKind::Unavailable {
                retry_after: Some(retry_after),
            },
            kind => kind,
        };
        Self(Arc::new(Inner {
            kind,
            subject: self.0.subject.clone(),
            source: self.0.source.clone(),
        }))
    }
}

impl From<ObtainError> for Error {
    fn from(source: ObtainError) -> Self {
        let kind = match source.kind() {
            ObtainErrorKind::Refused { .. } => ErrorKind::Refused,
            ObtainErrorKind::LogInAgain(cause) => ErrorKind::LogInAgain(*cause),
            _ => ErrorKind::Unavailable {
                retry_after: source.retry_after(),
            },
        };
        Self(Arc::new(Inner {
            kind,
            subject: None,
            source: Some(Source::Obtain(source)),
        }))
    }
}

impl From<ExchangeError> for Error {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Obtain(error) => error.into(),
            ExchangeError::Store(error) => Self(Arc::new(Inner {
                kind: ErrorKind::Store,
                subject: None,
                source: Some(Source::Other(error.into())),
            })),
        }
    }
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        let kind = match error.kind() {
            ReadErrorKind::Unset => ErrorKind::NoTokenForRequest,
            _ => ErrorKind::Unreadable,
        };
        Self(Arc::new(Inner {
            kind,
            subject: None,
            source: Some(Source::Other(Arc::new(error))),
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.0.subject.as_deref().unwrap_or("this request");
        match self.0.kind {
            ErrorKind::ForeignOrigin => write!(
                f,
                "no token goes to {subject}: name it with `AuthLayer::origin` if it may see tokens"
            ),
            ErrorKind::RelativeUri => write!(
                f,
                "`{subject}` does not say where it goes: use an absolute URI, or `AuthLayer::relative_to`"
            ),
            ErrorKind::PlainHttp => write!(
                f,
                "no token goes over plain http to `{subject}`: use https, or `AuthLayer::dangerous_plain_http`"
            ),
            ErrorKind::PresetCredentials => write!(
                f,
                "the request has the header `{subject}` already: remove it, or choose `PresetCredentials::Keep` or `Replace`",
            ),
            ErrorKind::NoTokenForRequest => write!(f, "the token source has no token for {subject}"),
            ErrorKind::Unreadable => f.write_str("no token could be read"),
            ErrorKind::Unavailable { retry_after: None } => f.write_str("no token could be obtained"),
            ErrorKind::Unavailable { retry_after: Some(wait) } => write!(
                f,
                "no token could be obtained; the next attempt is in {} s",
                wait.as_secs_f32().ceil()
            ),
            ErrorKind::Refused => f.write_str("the authorization server gives us no token"),
            ErrorKind::LogInAgain(_) => f.write_str("the session has ended"),
            ErrorKind::Deadline => f.write_str(
                "no token came in time; the exchange goes on, and a later request may find its token",
            ),
            ErrorKind::NoRuntime => f.write_str(
                "no tokio runtime with a timer to obtain a token in: call from one, or give one with `RefreshingBuilder::runtime`",
            ),
            ErrorKind::Lost => f.write_str(
                "the exchange ended without an outcome: its runtime was shut down, or it panicked",
            ),
            ErrorKind::Store => f.write_str("the token store could not read or keep the tokens"),
            ErrorKind::Closed => f.write_str("the token source was closed and obtains nothing more"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client::Error({self}")?;
        match self.source() {
            Some(source) => write!(f, "; because: {source:?})"),
            None => f.write_str(")"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(match self.0.source.as_ref()? {
            Source::Obtain(source) => source,
            Source::Other(source) => &**source,
        })
    }
}
