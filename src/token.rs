//! Tokens as a client holds them: access token, refresh token, and when they end.

use std::{
    borrow::Cow,
    error::Error,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::{HeaderName, HeaderValue};

use crate::{
    clock::Clock,
    scope::ScopeSet,
    secret::{self, Secret},
};

/// An access token (RFC 6749 §1.4), ready to travel.
///
/// A clone is a reference count: the header value is built once, in memory that is
/// wiped when the last clone is gone. `Debug` shows no part of the value.
///
/// # Example
///
/// ```
/// use tower_bearer::AccessToken;
///
/// let token = AccessToken::new("mF_9.B5f-4.1JqM")?;
/// assert_eq!(format!("{token:?}"), "AccessToken { expiry: None, .. }");
/// # Ok::<(), tower_bearer::token::TokenValueError>(())
/// ```
#[derive(Clone)]
pub struct AccessToken(Arc<Inner>);

struct Inner {
    expiry: Option<Expiry>,
    scope: Option<ScopeSet>,
    bearer: HeaderValue,
    other: OnceLock<(Scheme, HeaderValue)>,
    accepted: AtomicBool,
}

const BEARER: &str = "Bearer ";

/// The word that stands before a token in the `Authorization` header.
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

    fn prefix(&self) -> String {
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

impl AccessToken {
    /// A token of which no expiry is known: it is used until it is refused.
    ///
    /// # Errors
    ///
    /// When the value is empty or can't stand in a header: only visible ASCII can.
    pub fn new(value: impl Into<Secret>) -> Result<Self, TokenValueError> {
        let value = value.into();
        if value.is_empty() {
            return Err(TokenValueError::Empty);
        }
        if !value.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenValueError::Illegal);
        }
        let bearer =
            secret::header_value(BEARER, value.expose()).map_err(|_| TokenValueError::Illegal)?;
        Ok(Self(Arc::new(Inner {
            expiry: None,
            scope: None,
            bearer,
            other: OnceLock::new(),
            accepted: AtomicBool::new(false),
        })))
    }

    /// The same token with a known end.
    #[must_use]
    pub fn with_expiry(self, expiry: Expiry) -> Self {
        self.rebuilt(Some(expiry), self.0.scope.clone())
    }

    /// The same token with the scopes that were granted with it.
    #[must_use]
    pub fn with_scope(self, scope: ScopeSet) -> Self {
        self.rebuilt(self.0.expiry, Some(scope))
    }

    fn rebuilt(&self, expiry: Option<Expiry>, scope: Option<ScopeSet>) -> Self {
        Self(Arc::new(Inner {
            expiry,
            scope,
            bearer: self.0.bearer.clone(),
            other: OnceLock::new(),
            accepted: AtomicBool::new(false),
        }))
    }

    /// The token itself, without a scheme word.
    #[must_use]
    pub fn expose(&self) -> &str {
        let bytes = self.0.bearer.as_bytes();
        // Both are so by construction: the value is ASCII and stands behind `Bearer `.
        let value = bytes.get(BEARER.len()..).unwrap_or_default();
        std::str::from_utf8(value).unwrap_or_default()
    }

    /// When the token ends, if that is known.
    #[must_use]
    pub fn expiry(&self) -> Option<Expiry> {
        self.0.expiry
    }

    /// The scopes that the answer named, if it did (RFC 6749 §5.1).
    #[must_use]
    pub fn scope(&self) -> Option<&ScopeSet> {
        self.0.scope.as_ref()
    }

    /// Whether `clock` has passed the token's end.
    #[must_use]
    pub fn is_expired(&self, clock: &dyn Clock) -> bool {
        self.0.expiry.is_some_and(|expiry| expiry.is_over(clock))
    }

    /// The header value, marked sensitive. Built once for `Bearer` and once for the
    /// first other scheme asked for; a clone of it never allocates.
    #[must_use]
    pub fn header_value(&self, scheme: &Scheme) -> HeaderValue {
        if scheme.0 == BEARER.trim_end() {
            return self.0.bearer.clone();
        }
        let (kept, value) = self
            .0
            .other
            .get_or_init(|| (scheme.clone(), self.build(scheme)));
        if kept == scheme {
            value.clone()
        } else {
            self.build(scheme)
        }
    }

    fn build(&self, scheme: &Scheme) -> HeaderValue {
        // Word and token were checked when they were made, so the first never fails.
        secret::header_value(&scheme.prefix(), self.expose())
            .unwrap_or_else(|_| self.0.bearer.clone())
    }

    /// Notes that a server has accepted the token.
    pub(crate) fn mark_accepted(&self) {
        if !self.0.accepted.load(Ordering::Relaxed) {
            self.0.accepted.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a server has accepted the token through this process.
    pub(crate) fn was_accepted(&self) -> bool {
        self.0.accepted.load(Ordering::Relaxed)
    }

    /// Whether both are the same value, whatever is known about them besides.
    #[must_use]
    pub fn same_value(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.bearer == other.0.bearer
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("expiry", &self.0.expiry)
            .finish_non_exhaustive()
    }
}

/// The end of a token, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    wall: SystemTime,
    monotonic: Option<Duration>,
    lifetime: Option<Duration>,
}

/// A reading of both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    wall: SystemTime,
    monotonic: Duration,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self {
            wall: clock.wall(),
            monotonic: clock.monotonic(),
        }
    }

    /// The end of what lives for `lifetime` from this moment.
    pub(crate) fn plus(self, lifetime: Duration) -> Expiry {
        let lifetime = lifetime.min(LONGEST_LIFETIME);
        Expiry {
            wall: self.wall.checked_add(lifetime).unwrap_or(self.wall),
            monotonic: Some(self.monotonic.saturating_add(lifetime)),
            lifetime: Some(lifetime),
        }
    }
}

/// Beyond this a lifetime says nothing: ten years.
const LONGEST_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl Expiry {
    /// The end of a token that lives for `lifetime` from now. Lifetimes of more than
    /// ten years count as ten years.
    #[must_use]
    pub fn after(lifetime: Duration, clock: &dyn Clock) -> Self {
        Moment::now(clock).plus(lifetime)
    }

    /// An end of which only the calendar's part is known, as of a token that was
    /// stored by another process.
    #[must_use]
    pub fn at(wall: SystemTime) -> Self {
        Self {
            wall,
            monotonic: None,
            lifetime: None,
        }
    }

    /// The end as a time of day: what a store writes down.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        self.wall
    }

    /// How long the token was to live when it was given out, if known.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// Whether either clock has reached the end.
    #[must_use]
    pub fn is_over(&self, clock: &dyn Clock) -> bool {
        self.remaining(clock).is_zero()
    }

    /// What is left by the clock that runs out first; zero at the end and after it.
    #[must_use]
    pub fn remaining(&self, clock: &dyn Clock) -> Duration {
        let by_wall = self.wall.duration_since(clock.wall()).unwrap_or_default();
        match self.monotonic {
            Some(end) => by_wall.min(end.saturating_sub(clock.monotonic())),
            None => by_wall,
        }
    }
}

/// What an authorization server hands out together (RFC 6749 §5.1).
#[derive(Clone, Debug)]
pub struct Tokens {
    access: AccessToken,
    refresh: Option<RefreshToken>,
}

impl Tokens {
    /// An access token that comes alone.
    #[must_use]
    pub fn new(access: AccessToken) -> Self {
        Self {
            access,
            refresh: None,
        }
    }

    /// The same with a refresh token.
    #[must_use]
    pub fn with_refresh_token(mut self, refresh: RefreshToken) -> Self {
        self.refresh = Some(refresh);
        self
    }

    /// The token for requests.
    #[must_use]
    pub fn access_token(&self) -> &AccessToken {
        &self.access
    }

    /// The token that buys the next access token, if there is one.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh.as_ref()
    }
}

/// A refresh token (RFC 6749 §1.5): goes to the authorization server and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    value: Secret,
    expires_at: Option<SystemTime>,
}

impl RefreshToken {
    /// A refresh token of which no expiry is known.
    #[must_use]
    pub fn new(value: impl Into<Secret>) -> Self {
        Self {
            value: value.into(),
            expires_at: None,
        }
    }

    /// The same with a known end.
    #[must_use]
    pub fn with_expiry(mut self, end: SystemTime) -> Self {
        self.expires_at = Some(end);
        self
    }

    /// When it ends, if that is known.
    #[must_use]
    pub fn expiry(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// The value, for the request that spends it.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.value
    }
}

/// A value that can't be an access token. It never shows the value.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenValueError {
    /// There is nothing in it.
    Empty,
    /// It holds a character that can't stand in a header.
    Illegal,
}

impl fmt::Display for TokenValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the access token is empty; check where it is read from",
            Self::Illegal => {
                "the access token holds a character that can't stand in a header; look for a line break, a space or quotes around it"
            }
        })
    }
}

impl fmt::Debug for TokenValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenValueError({self})")
    }
}

impl Error for TokenValueError {}

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
