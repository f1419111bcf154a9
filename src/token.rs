//! Tokens as a client holds them: access token, refresh token, and when they end.

mod expiry;
mod header;
mod scheme;

pub use expiry::Expiry;
#[cfg(feature = "client")]
pub(crate) use expiry::Moment;
pub use header::{TokenHeader, TokenHeaderError};
pub use scheme::{Scheme, SchemeError};

use std::{
    any::Any,
    error::Error,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use http::HeaderValue;

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
pub struct AccessToken {
    inner: Arc<Inner>,
    giver: Option<Giver>,
}

/// The source that gave a token, where it comes through others: it is told of refusals.
type Giver = Arc<dyn Any + Send + Sync>;

struct Inner {
    expiry: Option<Expiry>,
    scope: Option<ScopeSet>,
    bearer: HeaderValue,
    other: OnceLock<(Scheme, HeaderValue)>,
    accepted: AtomicBool,
}

const BEARER: &str = "Bearer ";

impl AccessToken {
    /// A token of which no expiry is known: it is used until it is refused.
    ///
    /// # Errors
    ///
    /// When the value is empty or can't stand in a header: only visible ASCII can.
    pub fn new(value: impl Into<Secret>) -> Result<Self, TokenValueError> {
        let value = value.into();
        check_value(value.expose())?;
        let bearer =
            secret::header_value(BEARER, value.expose()).map_err(|_| TokenValueError::Illegal)?;
        Ok(Self {
            inner: Arc::new(Inner {
                expiry: None,
                scope: None,
                bearer,
                other: OnceLock::new(),
                accepted: AtomicBool::new(false),
            }),
            giver: None,
        })
    }

    /// The same token with a known end.
    #[must_use]
    pub fn with_expiry(self, expiry: Expiry) -> Self {
        self.rebuilt(Some(expiry), self.inner.scope.clone())
    }

    /// The same token with the scopes that were granted with it.
    #[must_use]
    pub fn with_scope(self, scope: ScopeSet) -> Self {
        self.rebuilt(self.inner.expiry, Some(scope))
    }

    fn rebuilt(&self, expiry: Option<Expiry>, scope: Option<ScopeSet>) -> Self {
        Self {
            inner: Arc::new(Inner {
                expiry,
                scope,
                bearer: self.inner.bearer.clone(),
                other: OnceLock::new(),
                accepted: AtomicBool::new(false),
            }),
            giver: self.giver.clone(),
        }
    }

    /// The token itself, without a scheme word.
    #[must_use]
    pub fn expose(&self) -> &str {
        let bytes = self.inner.bearer.as_bytes();
        // Both are so by construction: the value is ASCII and stands behind `Bearer `.
        let value = bytes.get(BEARER.len()..).unwrap_or_default();
        std::str::from_utf8(value).unwrap_or_default()
    }

    /// When the token ends, if that is known.
    #[must_use]
    pub fn expiry(&self) -> Option<Expiry> {
        self.inner.expiry
    }

    /// The scopes that the answer named, if it did (RFC 6749 §5.1).
    #[must_use]
    pub fn scope(&self) -> Option<&ScopeSet> {
        self.inner.scope.as_ref()
    }

    /// Whether `clock` has passed the token's end.
    #[must_use]
    pub fn is_expired(&self, clock: &dyn Clock) -> bool {
        self.inner
            .expiry
            .is_some_and(|expiry| expiry.is_over(clock))
    }

    /// The same token, whose end is known on both clocks.
    #[cfg_attr(not(feature = "client"), allow(dead_code))]
    pub(crate) fn anchored(&self, clock: &dyn Clock) -> Self {
        let expiry = self.expiry();
        match expiry.map(|expiry| expiry.anchored(clock)) {
            Some(anchored) if expiry != Some(anchored) => self.clone().with_expiry(anchored),
            _ => self.clone(),
        }
    }

    /// The header value, marked sensitive. Built once for `Bearer` and once for the
    /// first other scheme asked for; a clone of it never allocates.
    #[must_use]
    pub fn header_value(&self, scheme: &Scheme) -> HeaderValue {
        if Some(scheme.as_str()) == BEARER.strip_suffix(' ') {
            return self.inner.bearer.clone();
        }
        let (kept, value) = self
            .inner
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
            .unwrap_or_else(|_| self.inner.bearer.clone())
    }

    /// Notes that a server has accepted the token.
    pub(crate) fn mark_accepted(&self) {
        if !self.inner.accepted.load(Ordering::Relaxed) {
            self.inner.accepted.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a server has accepted the token through this process.
    pub(crate) fn was_accepted(&self) -> bool {
        self.inner.accepted.load(Ordering::Relaxed)
    }

    /// The same token, which knows who gave it. Who said so first stays.
    pub(crate) fn given_by(mut self, giver: &Arc<impl Any + Send + Sync>) -> Self {
        self.giver.get_or_insert_with(|| giver.clone());
        self
    }

    /// Who gave it, if that was said.
    pub(crate) fn giver<T: 'static>(&self) -> Option<&T> {
        self.giver.as_ref()?.downcast_ref()
    }

    /// Whether both are the same value, whatever is known about them besides.
    #[must_use]
    pub fn same_value(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner) || self.inner.bearer == other.inner.bearer
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("expiry", &self.inner.expiry)
            .finish_non_exhaustive()
    }
}

/// What an authorization server hands out together (RFC 6749 §5.1).
#[derive(Clone, Debug)]
pub struct Tokens {
    access: AccessToken,
    refresh: Option<RefreshToken>,
    id: Option<Secret>,
}

impl Tokens {
    /// An access token that comes alone.
    #[must_use]
    pub fn new(access: AccessToken) -> Self {
        Self {
            access,
            refresh: None,
            id: None,
        }
    }

    /// The same with a refresh token.
    #[must_use]
    pub fn with_refresh_token(mut self, refresh: RefreshToken) -> Self {
        self.refresh = Some(refresh);
        self
    }

    /// The same with an ID token.
    #[must_use]
    pub fn with_id_token(mut self, id_token: impl Into<Secret>) -> Self {
        self.id = Some(id_token.into());
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

    /// What the server told this client about the person who has logged in, if there is one
    /// (OpenID Connect Core §3.1.3.3). It is for this client alone and is never sent to an
    /// API; stores of tokens need not keep it.
    #[must_use]
    pub fn id_token(&self) -> Option<&Secret> {
        self.id.as_ref()
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

/// Whether a value can be an access token.
pub(crate) fn check_value(value: &str) -> Result<(), TokenValueError> {
    if value.is_empty() {
        return Err(TokenValueError::Empty);
    }
    match value.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(()),
        false => Err(TokenValueError::Illegal),
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
