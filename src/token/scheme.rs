//! The word before a token.

use std::{borrow::Cow, error::Error, fmt};

use http::HeaderName;

/// The word that stands before a token in its header.
///
/// # Example
///
/// ```
/// use tower_bearer::token::Scheme;
///
/// assert_eq!(Scheme::default(), Scheme::bearer());
/// assert!(Scheme::word("Token").is_ok());
/// assert!(Scheme::word("two words").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme(Cow<'static, str>);

impl Scheme {
    /// `Bearer TOKEN` (RFC 6750 §2.1): the default.
    #[must_use]
    pub fn bearer() -> Self {
        Self(Cow::Borrowed("Bearer"))
    }

    /// `WORD TOKEN`, for servers with a word of their own.
    ///
    /// # Errors
    ///
    /// When the word is no token of RFC 9110 §5.6.2.
    pub fn word(word: impl Into<Cow<'static, str>>) -> Result<Self, SchemeError> {
        let word = word.into();
        // RFC 9110 allows the same characters in a field name.
        match HeaderName::from_bytes(word.as_bytes()) {
            Ok(_) => Ok(Self(word)),
            Err(_) => Err(SchemeError(word)),
        }
    }

    /// The token alone, without a word.
    #[must_use]
    pub fn bare() -> Self {
        Self(Cow::Borrowed(""))
    }

    /// The word; empty where the token stands alone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn prefix(&self) -> String {
        match &*self.0 {
            "" => String::new(),
            word => format!("{word} "),
        }
    }
}

impl Default for Scheme {
    fn default() -> Self {
        Self::bearer()
    }
}

/// A word that can't stand before a token.
#[derive(Clone, PartialEq, Eq)]
pub struct SchemeError(Cow<'static, str>);

impl fmt::Display for SchemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a scheme: one word of letters, digits and `!#$%&'*+-.^_`|~` (RFC 9110 §5.6.2), without a space",
            self.0.escape_debug()
        )
    }
}

impl fmt::Debug for SchemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SchemeError({self})")
    }
}

impl Error for SchemeError {}
