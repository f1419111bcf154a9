//! Challenges: what stands in `WWW-Authenticate` (RFC 9110 §11.6.1, RFC 6750 §3).
//!
//! The server writes them, the client reads them, and both use this one type.

mod parse;

use std::{
    borrow::Cow,
    error::Error,
    fmt::{self, Write as _},
};

use http::{HeaderMap, HeaderValue, Uri, header::WWW_AUTHENTICATE};

use crate::scope::{ScopeSet, is_scope_token};

/// One challenge of a `WWW-Authenticate` header: a scheme and its parameters.
///
/// # Example
///
/// Written by a server:
///
/// ```
/// use tower_bearer::{ScopeSet, challenge::Challenge};
///
/// let challenge = Challenge::bearer()
///     .realm("orders")?
///     .error("insufficient_scope")?
///     .scope(&ScopeSet::parse("orders:read"));
/// assert_eq!(
///     challenge.to_header_value(),
///     r#"Bearer realm="orders", error="insufficient_scope", scope="orders:read""#,
/// );
/// # Ok::<(), tower_bearer::challenge::ChallengeError>(())
/// ```
///
/// Read by a client:
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::WWW_AUTHENTICATE};
/// use tower_bearer::challenge::Challenge;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(
///     WWW_AUTHENTICATE,
///     HeaderValue::from_static(r#"Basic realm="a, b", Bearer error="invalid_token""#),
/// );
/// let challenges = Challenge::parse_all(&headers);
/// let bearer = challenges.iter().find(|challenge| challenge.is_bearer());
/// assert_eq!(bearer.and_then(|bearer| bearer.parameter("error")), Some("invalid_token"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: Cow<'static, str>,
    details: Details,
}

/// RFC 9110 §11.3 allows one or the other, never both.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Details {
    Token68(String),
    Parameters(Vec<(Cow<'static, str>, Cow<'static, str>)>),
}

impl Challenge {
    /// A challenge of the scheme `Bearer`, as yet without parameters.
    ///
    /// RFC 6750 §3 asks for at least one: give it a [`realm`](Self::realm).
    #[must_use]
    pub const fn bearer() -> Self {
        Self {
            scheme: Cow::Borrowed("Bearer"),
            details: Details::Parameters(Vec::new()),
        }
    }

    /// A challenge of another scheme.
    ///
    /// # Errors
    ///
    /// When `scheme` is not one word of the characters of RFC 9110 §5.6.2.
    pub fn new(scheme: impl Into<Cow<'static, str>>) -> Result<Self, ChallengeError> {
        let scheme = scheme.into();
        if !Self::is_scheme(&scheme) {
            return Err(ChallengeError::new(
                "the scheme",
                "has to be one word of letters, digits and hyphens",
            ));
        }
        Ok(Self {
            scheme,
            details: Details::Parameters(Vec::new()),
        })
    }

    /// Whether `word` can name a scheme (RFC 9110 §11.1).
    pub(crate) fn is_scheme(word: &str) -> bool {
        is_token(word)
    }

    /// The scheme, as it was written.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether the scheme is `Bearer`, in any case (RFC 9110 §11.1).
    #[must_use]
    pub fn is_bearer(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Bearer")
    }

    /// The value of a parameter; its name in any case. A parameter that is given
    /// twice, which RFC 6750 §3 forbids, has its first value.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters()
            .find(|(mine, _)| mine.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All parameters with their values, in the order in which they stand.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let parameters = match &self.details {
            Details::Parameters(parameters) => parameters.as_slice(),
            Details::Token68(_) => &[],
        };
        parameters.iter().map(|(name, value)| (&**name, &**value))
    }

    /// What stands in place of parameters with schemes like `Negotiate`.
    #[must_use]
    pub fn token68(&self) -> Option<&str> {
        match &self.details {
            Details::Token68(value) => Some(value),
            Details::Parameters(_) => None,
        }
    }
}

/// Writing. Each step replaces what an earlier one set.
impl Challenge {
    /// Sets `realm`, the name of what is protected (RFC 9110 §11.5).
    ///
    /// # Errors
    ///
    /// When the value holds other characters than visible ASCII and spaces.
    pub fn realm(self, realm: impl Into<String>) -> Result<Self, ChallengeError> {
        self.with("realm", realm)
    }

    /// Sets `error`, a code of RFC 6750 §3.1.
    ///
    /// # Errors
    ///
    /// When the value holds characters that RFC 6750 §3 forbids.
    pub fn error(self, code: impl Into<String>) -> Result<Self, ChallengeError> {
        self.with("error", code)
    }

    /// Sets `error_description`, for developers and not for users (RFC 6750 §3).
    ///
    /// # Errors
    ///
    /// When the value holds characters that RFC 6750 §3 forbids.
    pub fn error_description(self, text: impl Into<String>) -> Result<Self, ChallengeError> {
        self.with("error_description", text)
    }

    /// Sets `error_uri`, a page that explains the error (RFC 6750 §3).
    ///
    /// # Errors
    ///
    /// When the value is not an absolute URI.
    pub fn error_uri(self, uri: impl Into<String>) -> Result<Self, ChallengeError> {
        self.with("error_uri", uri)
    }

    /// Sets `resource_metadata`, where RFC 9728 §5.1 lets clients learn which
    /// authorization server to ask.
    ///
    /// # Errors
    ///
    /// When the value is not an absolute URI.
    pub fn resource_metadata(self, uri: impl Into<String>) -> Result<Self, ChallengeError> {
        self.with("resource_metadata", uri)
    }

    /// Sets `scope`, which says what a token would have to allow (RFC 6750 §3).
    /// An empty set leaves the parameter out.
    #[must_use]
    pub fn scope(self, scope: &ScopeSet) -> Self {
        if scope.is_empty() {
            return self;
        }
        self.replaced(Cow::Borrowed("scope"), scope.as_str().to_owned())
    }

    /// Sets any parameter. Those that RFC 6750 §3 and RFC 9728 name keep their rules.
    ///
    /// # Errors
    ///
    /// When the name is not one word, or the value holds characters that are
    /// forbidden for it.
    pub fn with(
        self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Result<Self, ChallengeError> {
        let (name, value) = (name.into(), value.into());
        if !is_token(&name) {
            return Err(ChallengeError::new(
                name,
                "can't name a parameter: it has to be one word of letters, digits, hyphens and underscores",
            ));
        }
        match objection(&name, &value) {
            Some(problem) => Err(ChallengeError::new(name, problem)),
            None => Ok(self.replaced(name, value)),
        }
    }

    /// For values that keep the rules of their parameter by construction.
    pub(crate) fn replaced(
        mut self,
        name: Cow<'static, str>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self = self.without(&name);
        let value = value.into();
        match &mut self.details {
            Details::Parameters(parameters) => parameters.push((name, value)),
            Details::Token68(_) => self.details = Details::Parameters(vec![(name, value)]),
        }
        self
    }

    pub(crate) fn with_scheme(mut self, scheme: impl Into<Cow<'static, str>>) -> Self {
        self.scheme = scheme.into();
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        if let Details::Parameters(parameters) = &mut self.details {
            parameters.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        }
        self
    }

    /// The challenge as one value of `WWW-Authenticate`.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        // Neither what was checked here nor what was read from a header can fail.
        let mut text = String::with_capacity(128);
        let _ = write!(text, "{self}");
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheme)?;
        if let Some(value) = self.token68() {
            return write!(f, " {value}");
        }
        for (position, (name, value)) in self.parameters().enumerate() {
            f.write_str(if position == 0 { " " } else { ", " })?;
            write_quoted(f, name, value)?;
        }
        Ok(())
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    f.write_str(name)?;
    f.write_str("=\"")?;
    if value.bytes().all(|byte| byte != b'"' && byte != b'\\') {
        f.write_str(value)?;
    } else {
        for character in value.chars() {
            if matches!(character, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(character)?;
        }
    }
    f.write_str("\"")
}

/// Why `value` can't be the value of `name`, with the rule that says so.
fn objection(name: &str, value: &str) -> Option<&'static str> {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("scope") {
        let names = || value.split(' ');
        return (!names().all(is_scope_token)).then_some(
            "has to be scopes with one space between them, without `\"` and `\\` (RFC 6750 §3)",
        );
    }
    if is("error") || is("error_description") {
        return (!value.bytes().all(is_error_text) || value.is_empty())
            .then_some("has to be visible ASCII and spaces, without `\"` and `\\` (RFC 6750 §3)");
    }
    if is("error_uri") || is("resource_metadata") {
        return (!is_absolute_uri(value))
            .then_some("has to be an absolute URI such as https://api.example/page (RFC 6750 §3, RFC 9728 §5.1)");
    }
    (!value.bytes().all(|byte| matches!(byte, b' '..=b'~')))
        .then_some("has to be visible ASCII and spaces: leave out other characters, or encode them")
}

/// RFC 6750 §3: `%x20-21 / %x23-5B / %x5D-7E`.
fn is_error_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn is_absolute_uri(value: &str) -> bool {
    let uri = value.parse::<Uri>();
    is_scope_token(value) && uri.is_ok_and(|uri| uri.scheme().is_some() && uri.host().is_some())
}

/// RFC 9110 §5.6.2.
fn is_token(word: &str) -> bool {
    !word.is_empty() && word.chars().all(is_token_character)
}

fn is_token_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

/// A challenge can't be written with such a value.
#[derive(Clone, PartialEq, Eq)]
pub struct ChallengeError {
    parameter: Cow<'static, str>,
    problem: &'static str,
}

impl ChallengeError {
    fn new(parameter: impl Into<Cow<'static, str>>, problem: &'static str) -> Self {
        Self {
            parameter: parameter.into(),
            problem,
        }
    }

    /// The parameter that was refused.
    #[must_use]
    pub fn parameter(&self) -> &str {
        &self.parameter
    }
}

impl fmt::Display for ChallengeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameter = self.parameter.escape_debug();
        write!(f, "challenge: {parameter} {}", self.problem)
    }
}

impl Error for ChallengeError {}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for ChallengeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChallengeError")
            .field(&self.to_string())
            .finish()
    }
}
