//! Why there is no token, and whose fault that is.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use http::{StatusCode, Uri};

use crate::{
    BoxError,
    address::without_query,
    token::{RefreshToken, TokenValueError},
    transport::TransportError,
};

/// Why an attempt to obtain a token failed. Never holds a secret or a token.
///
/// `Debug` shows the text of `Display`, so that a `main` that returns it says what to do.
#[derive(Clone)]
pub struct ObtainError {
    kind: ObtainErrorKind,
    endpoint: Option<Arc<str>>,
    retry_after: Option<Duration>,
    request_id: Option<Arc<str>>,
    refresh_token: Option<Box<RefreshToken>>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kinds of failure. They differ in what helps: waiting, other credentials, or a
/// log-in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObtainErrorKind {
    /// No answer. Waiting helps.
    Unreachable,
    /// The answer broke off: what the server did is not known. Waiting helps.
    CutOff,
    /// No answer in time: what the server did is not known. Waiting helps.
    Deadline,
    /// The server is overloaded or failing (429, 5xx). Waiting helps.
    Failing(StatusCode),
    /// An answer that is none. Somebody has to look at the address or at the server.
    BadAnswer(String),
    /// The server said no (RFC 6749 §5.2). Only other credentials or settings help.
    Refused {
        /// The `error` of the answer, such as `invalid_client`; where answers come in an
        /// envelope, its code; where there is neither, the status 400, 401 or 403.
        error: String,
        /// The `error_description` or the server's message, if there was one.
        description: Option<String>,
    },
    /// Nothing is left to obtain a token with: a person has to log in again.
    LogInAgain(LogInAgain),
    /// Anything else, from a source of your own. Treated as an outage.
    Other,
}

/// Why a person has to log in again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogInAgain {
    /// There are neither tokens nor a grant that needs nobody.
    NotLoggedIn,
    /// The refresh token was refused: it has ended, was revoked or was used before.
    RefreshTokenRefused,
    /// The refresh token is past the end that was told with it.
    RefreshTokenExpired,
    /// Answers to requests with the refresh token did not come: it may have been used.
    MayHaveBeenUsed,
}

impl ObtainError {
    /// An error of this kind.
    #[must_use]
    pub fn new(kind: ObtainErrorKind) -> Self {
        Self {
            kind,
            endpoint: None,
            retry_after: None,
            request_id: None,
            refresh_token: None,
            source: None,
        }
    }

    /// A failure that may pass, for sources of your own.
    pub fn other(source: impl Into<BoxError>) -> Self {
        Self::new(ObtainErrorKind::Other).with_source(source)
    }

    /// A refusal with one of the codes of RFC 6749 §5.2.
    pub fn refused(error: impl Into<String>, description: Option<String>) -> Self {
        Self::new(ObtainErrorKind::Refused {
            error: error.into(),
            description,
        })
    }

    /// Adds what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// Adds how long the server asked to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    pub(super) fn with_request_id(mut self, id: String) -> Self {
        self.request_id = Some(id.into());
        self
    }

    pub(super) fn at(mut self, endpoint: &Uri) -> Self {
        self.endpoint = Some(without_query(endpoint).into());
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> &ObtainErrorKind {
        &self.kind
    }

    /// How long the server asked to be left alone (`Retry-After`).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the server's operators know the request by, if the answer told
    /// ([`AnswerFormat::request_id_at`](super::AnswerFormat::request_id_at)).
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Keeps a refresh token that came in an answer which is of no use otherwise: the one
    /// it replaces may be spent.
    pub(crate) fn with_refresh_token(mut self, token: Option<RefreshToken>) -> Self {
        self.refresh_token = token.map(Box::new);
        self
    }

    pub(crate) fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_deref()
    }

    /// Whether the request was sent and its outcome is not known.
    pub(crate) fn was_sent(&self) -> bool {
        matches!(
            self.kind,
            ObtainErrorKind::CutOff | ObtainErrorKind::Deadline
        )
    }

    /// Whether the server may have acted on the request all the same.
    pub(crate) fn is_outcome_unknown(&self) -> bool {
        self.was_sent() || self.kind == ObtainErrorKind::Unreachable
    }

    /// Whether it is certain that the refresh token was not used, or is of no use any more.
    #[cfg_attr(not(feature = "file-store"), allow(dead_code))]
    pub(crate) fn is_refusal(&self) -> bool {
        match self.kind {
            ObtainErrorKind::Refused { .. } => true,
            ObtainErrorKind::LogInAgain(cause) => cause != LogInAgain::MayHaveBeenUsed,
            _ => false,
        }
    }
}

impl fmt::Display for ObtainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = self.endpoint.as_deref().unwrap_or("the token source");
        match &self.kind {
            ObtainErrorKind::Unreachable => write!(f, "{endpoint} gave no answer")?,
            ObtainErrorKind::CutOff => write!(f, "{endpoint} broke off its answer")?,
            ObtainErrorKind::Deadline => write!(f, "{endpoint} gave no answer in time")?,
            ObtainErrorKind::Failing(status) => write!(f, "{endpoint} is failing with {status}")?,
            ObtainErrorKind::BadAnswer(what) => {
                write!(f, "{endpoint} gave an answer that can't be used: {what}")?;
            }
            ObtainErrorKind::Refused { error, description } => {
                write!(f, "{endpoint} refused with `{error}`")?;
                if let Some(description) = description {
                    write!(f, " ({description})")?;
                }
                f.write_str(fix_for(error))?;
            }
            ObtainErrorKind::LogInAgain(cause) => write!(f, "log in again: {cause}")?,
            ObtainErrorKind::Other => write!(f, "{endpoint} failed")?,
        }
        match &self.request_id {
            Some(id) => write!(f, " (request id `{id}`)"),
            None => Ok(()),
        }
    }
}

fn fix_for(error: &str) -> &'static str {
    match error {
        "invalid_client" => {
            "; check client id and secret (of an assertion, its audience), and whether the server wants `basic`, `basic_unencoded`, `post` or an assertion"
        }
        "unauthorized_client" | "unsupported_grant_type" => {
            "; allow this grant for the client at the authorization server"
        }
        "invalid_target" => "; check the resources and audiences that are named",
        "invalid_scope" => "; check the scopes that the client may ask for",
        _ => "",
    }
}

impl fmt::Debug for ObtainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObtainError({self}")?;
        if let Some(source) = &self.source {
            write!(f, "; because: {source:?}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for LogInAgain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotLoggedIn => "there are no tokens and no grant to obtain them with",
            Self::RefreshTokenRefused => "the refresh token was refused",
            Self::RefreshTokenExpired => "the refresh token has expired",
            Self::MayHaveBeenUsed => {
                "the refresh token may have been used by a request whose answer never came"
            }
        })
    }
}

impl Error for ObtainError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}

impl From<TransportError> for ObtainError {
    fn from(error: TransportError) -> Self {
        let kind = match &error {
            TransportError::Service(_) => ObtainErrorKind::Unreachable,
            TransportError::Body(_) => ObtainErrorKind::CutOff,
            TransportError::Deadline(_) => ObtainErrorKind::Deadline,
            TransportError::NoTimer => ObtainErrorKind::Other,
            TransportError::TooLarge | TransportError::Redirected(_) => {
                ObtainErrorKind::BadAnswer(error.to_string())
            }
        };
        match kind {
            ObtainErrorKind::BadAnswer(_) => Self::new(kind),
            kind => Self::new(kind).with_source(error),
        }
    }
}

impl From<TokenValueError> for ObtainError {
    fn from(error: TokenValueError) -> Self {
        Self::new(ObtainErrorKind::BadAnswer(error.to_string()))
    }
}

impl From<BoxError> for ObtainError {
    fn from(source: BoxError) -> Self {
        Self::other(source)
    }
}
