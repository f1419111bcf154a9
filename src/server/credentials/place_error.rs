//! A place where no token can stand.

use std::{error::Error, fmt};

use crate::excerpt::excerpt;

/// A name that no cookie, or no subprotocol of a WebSocket, can have.
#[derive(Clone, PartialEq, Eq)]
pub struct PlaceError {
    name: String,
    kind: &'static str,
    rule: &'static str,
}

impl PlaceError {
    pub(super) fn cookie(name: &str) -> Self {
        Self {
            name: excerpt(name),
            kind: "cookie",
            rule: "RFC 6265 §4.1.1",
        }
    }

    pub(super) fn subprotocol(name: &str) -> Self {
        Self {
            name: excerpt(name),
            kind: "subprotocol",
            rule: "RFC 6455 §4.1",
        }
    }
}

impl fmt::Display for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kind, rule } = self;
        write!(
            f,
            "`{name}` can't name a {kind}: one word of letters, digits and `!#$%&'*+-.^_`|~` ({rule})"
        )
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for PlaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlaceError({self})")
    }
}

impl Error for PlaceError {}
