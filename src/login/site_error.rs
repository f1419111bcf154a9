//! Why a site can't be what it was described to be.

use std::{error::Error, fmt};

/// A site that was described wrongly.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SiteError {
    /// No public address. It is not shown, since it may hold a password.
    PublicAddress {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A text that is no path of this site.
    Path(String),
    /// A name that our cookies can't have.
    CookieName(String),
}

impl fmt::Display for SiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PublicAddress { why } => write!(
                f,
                "not the public address of a site: {why}; write it as `https://orders.example` or, in development, `http://127.0.0.1:8080`"
            ),
            Self::Path(path) => write!(
                f,
                "`{path}` is not a path of this site; write it as `/login/callback`"
            ),
            Self::CookieName(name) => write!(
                f,
                "`{name}` can't name our cookies: letters, digits, `-`, `_` and `.`, and no `__` to begin with"
            ),
        }
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for SiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SiteError({self})")
    }
}

impl Error for SiteError {}
