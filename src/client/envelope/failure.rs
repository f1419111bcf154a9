//! The error that an answer in an envelope is.

use std::{error::Error, fmt, sync::Arc};

use http::StatusCode;

use crate::excerpt::{excerpt, excerpt_of};

/// What an API said in its envelope in place of success.
///
/// It comes as the error of the service, to be had by downcasting, or, where the token was
/// refused or the status tells of the failure too, in the extensions of the response. A clone is a reference count. The texts are
/// the server's; a text that repeats the request's credentials is not kept.
///
/// # Example
///
/// ```
/// use tower_bearer::{BoxError, client::envelope::ApiFailure};
///
/// fn is_name_taken(error: &BoxError) -> bool {
///     error.downcast_ref::<ApiFailure>().is_some_and(|failure| failure.code() == "40032")
/// }
/// # let _ = is_name_taken;
/// ```
#[derive(Clone)]
pub struct ApiFailure(Arc<Told>);

pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: Option<String>,
    pub(super) request_id: Option<String>,
}

impl ApiFailure {
    pub(super) fn new(told: Told) -> Self {
        Self(Arc::new(told))
    }

    /// The member that told: a string as it reads, anything else as it is written in JSON.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The server's words, if there were any where
    /// [`EnvelopeLayer::message_at`](super::EnvelopeLayer::message_at) says.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// What the server's operators know the request by, if it was where
    /// [`EnvelopeLayer::request_id_at`](super::EnvelopeLayer::request_id_at) says.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The HTTP status that it came with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }
}

/// The longest part of a server's message that is shown, in characters.
const MAX_QUOTED: usize = 200;

impl fmt::Display for ApiFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = excerpt(self.code());
        write!(f, "the API answered {} with code `{code}`", self.status())?;
        if let Some(message) = self.message() {
            write!(f, ": {}", excerpt_of(message, MAX_QUOTED))?;
        }
        if let Some(id) = self.request_id() {
            write!(f, " (request id `{}`)", excerpt(id))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ApiFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiFailure({self})")
    }
}

impl Error for ApiFailure {}
