//! Why a token was refused.
//!
//! The text is for the operator's log. What a peer sent appears in it escaped and cut;
//! the caller of an API is never shown it.

use std::{error::Error, fmt};

use super::algorithm::Algorithm;

/// A token that was refused.
///
/// `Display` is written for the log of the API's operator: it says what was expected and
/// what was received, the latter escaped and cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError(Box<ValidationErrorKind>);

/// Which rule a token broke. Values of the token are escaped and cut.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValidationErrorKind {
    /// Longer than the limit, in bytes.
    TooLarge {
        /// The limit.
        limit: usize,
        /// The token's length.
        length: usize,
    },
    /// Not a JWT: segments, base64url or JSON.
    Malformed(&'static str),
    /// A member occurs twice in the header or in the claims.
    DuplicateMember(String),
    /// The `alg` is unknown, or not one that the validator accepts.
    AlgorithmNotAllowed(String),
    /// No key for this `kid` and algorithm, or no `kid` and several keys.
    UnknownKey {
        /// The header's `kid`.
        key_id: Option<String>,
        /// The header's `alg`.
        algorithm: Algorithm,
    },
    /// The signature is not that of any of the keys.
    Signature,
    /// `exp` has passed.
    Expired {
        /// Seconds since `exp`.
        seconds_ago: u64,
    },
    /// `nbf` has not come.
    NotYetValid {
        /// Seconds until `nbf`.
        seconds_ahead: u64,
    },
    /// `iat` is in the future.
    IssuedInTheFuture {
        /// Seconds until `iat`.
        seconds_ahead: u64,
    },
    /// Another issuer.
    Issuer {
        /// The issuers that are accepted.
        expected: String,
        /// The token's issuer.
        received: String,
    },
    /// For another audience.
    Audience {
        /// The audiences that are accepted.
        expected: String,
        /// The token's audiences.
        received: String,
    },
    /// The header's `typ` is that of another kind of token.
    TokenType {
        /// The types that are accepted.
        expected: String,
        /// The header's `typ`.
        received: Option<String>,
    },
    /// The header has `crit` (RFC 7515 §4.1.11): none of its extensions is understood.
    CriticalHeader,
    /// A claim that is required is absent.
    MissingClaim(String),
    /// A claim has another value than the one required.
    ClaimValue {
        /// The claim.
        name: String,
        /// The values that are accepted.
        expected: String,
        /// The claim's value.
        received: String,
    },
    /// A claim has the wrong JSON type.
    ClaimType {
        /// The claim.
        name: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// The token is bound to its sender (`cnf`, RFC 7800), and nobody checks that.
    Confirmation,
    /// A predicate of the application refused.
    Predicate(&'static str),
    /// The claims don't fit the application's own type.
    ClaimsType(String),
}

impl ValidationError {
    pub(crate) fn new(kind: ValidationErrorKind) -> Self {
        Self(Box::new(kind))
    }

    /// Which rule the token broke.
    #[must_use]
    pub fn kind(&self) -> &ValidationErrorKind {
        &self.0
    }

    /// Whether the token was good, but is not any more. The one distinction that the
    /// peer is told.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        matches!(*self.0, ValidationErrorKind::Expired { .. })
    }
}

impl From<ValidationErrorKind> for ValidationError {
    fn from(kind: ValidationErrorKind) -> Self {
        Self::new(kind)
    }
}

impl Error for ValidationError {}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
