//! Which tokens are access tokens by what their headers say of them.

use std::fmt;

use super::error::{ValidationError, ValidationErrorKind, excerpts};
use crate::excerpt::excerpt;

/// Which values of `typ` are accepted (RFC 7515 §4.1.9, RFC 8725 §3.11).
#[derive(Clone)]
pub(super) enum TokenTypes {
    /// None, `JWT`, `at+jwt` or `application/at+jwt`.
    AccessToken,
    /// One of these, each also as a full media type.
    Only(Box<[Box<str>]>),
}

impl TokenTypes {
    pub(super) fn check(&self, received: Option<&str>) -> Result<(), ValidationError> {
        if self.allows(received) {
            return Ok(());
        }
        Err(ValidationErrorKind::TokenType {
            expected: self.to_string(),
            received: received.map(excerpt),
        }
        .into())
    }

    fn allows(&self, received: Option<&str>) -> bool {
        match (self, received) {
            (Self::AccessToken, None) => true,
            (Self::AccessToken, Some(received)) => {
                received.eq_ignore_ascii_case("JWT") || is_type(received, "at+jwt")
            }
            (Self::Only(_), None) => false,
            (Self::Only(types), Some(received)) => {
                types.iter().any(|allowed| is_type(received, allowed))
            }
        }
    }
}

/// Media types are compared whatever their case, and `application/` may be left out.
fn is_type(received: &str, allowed: &str) -> bool {
    short(received).eq_ignore_ascii_case(short(allowed))
}

fn short(token_type: &str) -> &str {
    const PREFIX: &str = "application/";
    match token_type.split_at_checked(PREFIX.len()) {
        // RFC 7515 §4.1.9: only where no other slash is in it.
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => token_type,
    }
}

impl fmt::Display for TokenTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessToken => f.write_str("`JWT`, `at+jwt` or none"),
            Self::Only(types) => f.write_str(&excerpts(types.iter())),
        }
    }
}
