//! The header that a token travels in.

use std::{error::Error, fmt};

use http::{HeaderName, header};

use super::Scheme;
use crate::excerpt::excerpt;

/// The header that a token travels in, and the word before it: said once, in the same
/// way, by the client that sends it and the server that looks for it.
///
/// # Defaults
///
/// `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
///
/// # Example
///
/// ```
/// use tower_bearer::token::{Scheme, TokenHeader};
///
/// let usual = TokenHeader::default(); // Authorization: Bearer TOKEN
/// let bare = TokenHeader::from(Scheme::bare()); // Authorization: TOKEN
/// let named = TokenHeader::named("x-api-key")?; // X-Api-Key: TOKEN
/// let both = TokenHeader::named("x-auth")?.with_scheme(Scheme::word("Token")?);
/// assert_eq!(both.to_string(), "x-auth: Token");
/// # drop((usual, bare, named));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenHeader {
    name: HeaderName,
    scheme: Scheme,
}

/// A token in one of these would change how the message is read, where it goes or what
/// becomes of the connection (RFC 9110 §7.2, §7.6, §8.3, §8.4, §8.6, §10.1; RFC 9112 §6.1;
/// RFC 9113 §8.2.2), or stand among other cookies.
const RESERVED: [HeaderName; 13] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

impl TokenHeader {
    /// The token alone in a header of that name.
    ///
    /// # Errors
    ///
    /// When that is no name of a header, or one that means something else to HTTP: `Host`,
    /// `Content-Length`, `Transfer-Encoding`, `Connection`, `Cookie` and their like.
    pub fn named(name: impl AsRef<str>) -> Result<Self, TokenHeaderError> {
        let name = name.as_ref();
        let parsed = HeaderName::try_from(name)
            .map_err(|_| TokenHeaderError::new(name, Problem::NoHeaderName))?;
        if RESERVED.contains(&parsed) {
            return Err(TokenHeaderError::new(name, Problem::Reserved));
        }
        Ok(Self {
            name: parsed,
            scheme: Scheme::bare(),
        })
    }

    /// The same with this word before the token.
    #[must_use]
    pub fn with_scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// The header.
    #[must_use]
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    /// The word before the token.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }
}

impl Default for TokenHeader {
    fn default() -> Self {
        Self::from(Scheme::default())
    }
}

/// The `Authorization` header with that word before the token.
impl From<Scheme> for TokenHeader {
    fn from(scheme: Scheme) -> Self {
        Self {
            name: header::AUTHORIZATION,
            scheme,
        }
    }
}

/// As an operator reads it, without a token: `authorization: Bearer`, `x-api-key`.
impl fmt::Display for TokenHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_str())?;
        match self.scheme.as_str() {
            "" => Ok(()),
            word => write!(f, ": {word}"),
        }
    }
}

/// A header that no token can travel in.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHeaderError {
    name: String,
    problem: Problem,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Problem {
    NoHeaderName,
    Reserved,
}

impl TokenHeaderError {
    fn new(name: &str, problem: Problem) -> Self {
        Self {
            name: excerpt(name),
            problem,
        }
    }
}

impl fmt::Display for TokenHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.problem {
            Problem::NoHeaderName => write!(
                f,
                "`{name}` is not the name of a header: letters, digits and `!#$%&'*+-.^_`|~` (RFC 9110 §5.1)"
            ),
            Problem::Reserved => write!(
                f,
                "no token can travel in `{name}`, which means something else to HTTP: use `Authorization`, or a name of the API's own such as `x-api-key`"
            ),
        }
    }
}

impl fmt::Debug for TokenHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHeaderError({self})")
    }
}

impl Error for TokenHeaderError {}
