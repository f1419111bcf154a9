//! What a browser asks before a request of another site's page: whether it may.

use http::{
    HeaderMap, Method,
    header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN},
};

/// What becomes of CORS preflights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preflights {
    /// They are requests like others.
    Guarded,
    LetThrough,
}

impl Preflights {
    pub(super) fn lets_through(self, method: &Method, headers: &HeaderMap) -> bool {
        self == Self::LetThrough && is_preflight(method, headers)
    }
}

/// A CORS-preflight request, as the Fetch standard defines it ("HTTP requests").
fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}
