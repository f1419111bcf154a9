//! Why a token was refused.
//!
//! The text is for the operator's log. What a peer sent appears in it escaped and cut;
//! the caller of an API is never shown it.

use std::{error::Error, fmt};

use super::algorithm::Algorithm;
use crate::excerpt::{excerpt_of, push_excerpt};

/// A token that was refused.
///
/// `Display` is written for the log of the API's operator: it says what was expected and
/// what was received, the latter escaped and cut.
#[derive(Clone, PartialEq, Eq)]
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
    /// The `alg` is none that exists here, as `none` is.
    UnknownAlgorithm(String),
    /// The `alg` is not one that the validator accepts.
    AlgorithmNotAllowed {
        /// The algorithms that are accepted.
        expected: String,
        /// The header's `alg`.
        received: Algorithm,
    },
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
        /// Whether they differ only by a slash at the end.
        is_off_by_a_slash: bool,
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

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ValidationError")
            .field(&self.to_string())
            .finish()
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&*self.0, f)
    }
}

impl fmt::Display for ValidationErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit, length } => write!(
                f,
                "the token has {length} bytes, at most {limit} are accepted (`max_token_size`)"
            ),
            Self::Malformed(what) => write!(f, "not a JWT: {what}"),
            Self::DuplicateMember(name) => write!(f, "not a JWT: it has the member `{name}` twice"),
            Self::UnknownAlgorithm(name) => write!(
                f,
                "the token's algorithm `{name}` does not exist here: there are HS, RS, PS and ES with 256, 384 and 512, and EdDSA"
            ),
            Self::AlgorithmNotAllowed { expected, received } => write!(
                f,
                "the token's algorithm is `{received}`, this API expects {expected} (`Validator::algorithms`)"
            ),
            Self::UnknownKey { key_id, algorithm } => unknown_key(f, key_id.as_deref(), *algorithm),
            Self::Signature => f.write_str("no key that the token may be signed with fits its signature: is it changed, or of another issuer or environment?"),
            Self::Expired { seconds_ago } => write!(
                f,
                "the token expired {seconds_ago} s ago; its bearer needs a new one, unless the clocks of issuer and API differ"
            ),
            Self::NotYetValid { seconds_ahead } => write!(
                f,
                "the token is not valid for another {seconds_ahead} s (`nbf`); compare the clocks of issuer and API"
            ),
            Self::IssuedInTheFuture { seconds_ahead } => write!(
                f,
                "the token will be made in {seconds_ahead} s (`iat`); compare the clocks of issuer and API"
            ),
            Self::Issuer {
                expected,
                received,
                is_off_by_a_slash,
            } => issuer(f, expected, received, *is_off_by_a_slash),
            Self::Audience { expected, received } => write!(
                f,
                "the token's audience is {received}, this API expects {expected}"
            ),
            Self::TokenType { expected, received } => token_type(f, expected, received.as_deref()),
            Self::CriticalHeader => f.write_str(
                "the token's header has `crit`, whose extensions nobody here understands; the issuer has to leave it out",
            ),
            Self::MissingClaim(name) => missing_claim(f, name),
            Self::ClaimValue { name, expected, received } => write!(
                f,
                "the token's claim `{name}` is {received}, this API expects {expected}"
            ),
            Self::ClaimType { name, expected } => {
                write!(f, "the token's claim `{name}` is not {expected}")
            }
            Self::Confirmation => f.write_str(
                "the token is bound to its sender (`cnf`) and nothing here checks that; \
                 if a proxy does, say `confirmation_checked_upstream()`",
            ),
            Self::Predicate(what) => write!(f, "refused by the API's own rule `{what}`"),
            Self::ClaimsType(what) => write!(
                f,
                "the claims don't fit the API's own type: {what}; let the type take what the issuer writes"
            ),
        }
    }
}

fn unknown_key(
    f: &mut fmt::Formatter<'_>,
    key_id: Option<&str>,
    algorithm: Algorithm,
) -> fmt::Result {
    match key_id {
        Some(key_id) => write!(
            f,
            "there is no key `{key_id}` for {algorithm}: is the token of another issuer or environment, or newer than the keys?"
        ),
        None => write!(
            f,
            "the token names no key, and there is none or more than one for {algorithm}; the issuer has to write a `kid`, or the API to hold one key of that algorithm"
        ),
    }
}

fn missing_claim(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    write!(f, "the token has no claim `{name}`")?;
    match name {
        "iss" | "aud" => write!(
            f,
            "; if its issuer writes that elsewhere, say `Expected::in_claim`"
        ),
        "exp" => write!(f, "; one that never ends is not accepted"),
        _ => write!(f, ", which this API requires; its issuer has to write it"),
    }
}

fn issuer(
    f: &mut fmt::Formatter<'_>,
    expected: &str,
    received: &str,
    is_off_by_a_slash: bool,
) -> fmt::Result {
    write!(
        f,
        "the token's issuer is {received}, this API expects {expected}"
    )?;
    if is_off_by_a_slash {
        f.write_str("; they differ by the slash at the end: write it exactly as the issuer does")?;
    }
    Ok(())
}

fn token_type(f: &mut fmt::Formatter<'_>, expected: &str, received: Option<&str>) -> fmt::Result {
    match received {
        Some(received) => write!(f, "the token's `typ` is `{received}`")?,
        None => f.write_str("the token has no `typ`")?,
    }
    write!(
        f,
        ", this API expects {expected}; is it another kind of token?"
    )
}

/// What serde says of a claim: it quotes the value, so it is escaped and cut as well.
pub(super) fn message(error: &serde_json::Error) -> String {
    excerpt_of(&error.to_string(), 160)
}

/// Values for a log: each escaped and cut, and no more than four of them.
pub(super) fn excerpts<V: AsRef<str>>(values: impl Iterator<Item = V>) -> String {
    const SHOWN: usize = 4;
    let mut list = String::with_capacity(32); // most lists
    for (index, value) in values.take(SHOWN + 1).enumerate() {
        if index > 0 {
            list.push_str(", ");
        }
        if index == SHOWN {
            list.push('…');
        } else {
            list.push('`');
            push_excerpt(&mut list, value.as_ref());
            list.push('`');
        }
    }
    if list.is_empty() {
        list.push_str("none");
    }
    list
}
