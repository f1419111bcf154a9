//! What there are pages for.

use http::StatusCode;

/// What a page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageKind {
    /// The provider has let nobody in: the person has said no, or may not. 403
    Denied,
    /// A login that is not known here: it took too long, was finished before, or was begun in
    /// another browser. 400
    UnknownLogin,
    /// Logins follow each other and none lasts: mostly a browser that keeps no cookies. 400
    Loop,
    /// Another site's page has sent the request. 403
    CrossSite,
    /// The provider, or the store of sessions, can't be reached. 503
    Unavailable,
    /// What the provider has answered can't be accepted. 502
    NotAccepted,
    /// Site and provider don't fit together; the log says how. 500
    Misconfigured,
    /// Whether to log out: a form. 200
    LogOut,
    /// Logged out. 200
    LoggedOut,
    /// Logged out here; the provider could not be reached. 503
    LoggedOutHere,
}

impl PageKind {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Denied | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::UnknownLogin | Self::Loop => StatusCode::BAD_REQUEST,
            Self::Unavailable | Self::LoggedOutHere => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotAccepted => StatusCode::BAD_GATEWAY,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
            Self::LogOut | Self::LoggedOut => StatusCode::OK,
        }
    }
}
