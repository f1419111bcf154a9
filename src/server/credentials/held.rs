//! What stands in a place.

use std::borrow::Cow;

/// What stands in a place that is not empty, or in all places of a guard together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Held<'r> {
    Token(Cow<'r, str>),
    /// One credential that can't be a token.
    Unreadable(&'static str),
    /// A credential of another scheme, such as `Basic`.
    OtherScheme,
    /// More than one credential: which one counts would be a guess (RFC 6750 §2).
    Several,
}

impl<'r> Held<'r> {
    /// Whatever stands where a token should stand.
    pub(super) fn token(value: &'r [u8]) -> Self {
        match std::str::from_utf8(value) {
            Ok("") => Self::EMPTY,
            Ok(token) => Self::Token(Cow::Borrowed(token)),
            Err(_) => Self::NO_TEXT,
        }
    }

    pub(super) const EMPTY: Self = Self::Unreadable("there is no token");
    pub(super) const NO_TEXT: Self = Self::Unreadable("not UTF-8");
}
