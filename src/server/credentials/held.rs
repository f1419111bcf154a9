//! What stands in a place.

use std::borrow::Cow;

/// What stands in a place that is not empty, or in all places of a guard together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Held<'r> {
    /// Whether it is text is for those to find out who read it.
    Token(Cow<'r, [u8]>),
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
        match value {
            [] => Self::EMPTY,
            token => Self::Token(Cow::Borrowed(token)),
        }
    }

    pub(super) const EMPTY: Self = Self::Unreadable("there is no token");
}
