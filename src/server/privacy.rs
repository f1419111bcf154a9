//! Whom a response is for.

use http::{HeaderValue, Response, header::CACHE_CONTROL};

/// Whether caches may keep the response for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Privacy {
    /// As the inner service says.
    Unchanged,
    /// The URI holds the caller's token: nobody else's request is the same.
    Private,
}

impl Privacy {
    pub(super) fn of(is_token_in_uri: bool) -> Self {
        if is_token_in_uri {
            Self::Private
        } else {
            Self::Unchanged
        }
    }

    /// RFC 6750 §2.3: `private` for responses of success. Where the service has said more,
    /// caches keep to the strictest of it (RFC 9111 §4.2.1).
    pub(super) fn apply<B>(self, response: &mut Response<B>) {
        if self == Self::Private && response.status().is_success() {
            let private = HeaderValue::from_static("private");
            response.headers_mut().append(CACHE_CONTROL, private);
        }
    }
}
