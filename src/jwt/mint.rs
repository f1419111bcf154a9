//! Making tokens: for issuers, for tests, for debugging on one's own machine.
//!
//! A resource server never makes tokens in production. One that holds the means to sign
//! what it is going to accept has nobody to ask whether a token is good.

use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{
    numeric_date::{LAST_SECOND, seconds},
    signature::Backend,
    signing_key::SigningKey,
};
use crate::secret::Secret;

/// Makes tokens with one key.
///
/// **Not for the production of a resource server**: for issuers, for tests, and for
/// debugging on one's own machine.
///
/// # Defaults
///
/// | matter | default | changed by |
/// | --- | --- | --- |
/// | `alg`, `kid` of the header | those of the key | - |
/// | `typ` of the header | `JWT` | [`token_type`](Self::token_type) |
/// | `iat` | now | - |
/// | `exp` | 5 minutes from now | [`lifetime`](Self::lifetime) |
/// | `nbf` | none | [`not_before_now`](Self::not_before_now) |
/// | `jti` | none | [`unique_token_ids`](Self::unique_token_ids) |
///
/// Claims are added by [`mint_at`](Self::mint_at) alone, which is told what time it is.
/// [`mint`](Self::mint) writes what it is given.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::{Algorithm, clock::{Clock, SystemClock}, jwt::{Minter, SigningKey}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let minter = Minter::new(SigningKey::generate(Algorithm::EdDSA)?)
///     .token_type("at+jwt")
///     .lifetime(Duration::from_secs(600))
///     .unique_token_ids();
/// let claims = serde_json::json!({"iss": "https://id.example", "sub": "alice"});
/// let token = minter.mint_at(&claims, SystemClock::new().wall())?;
/// assert_eq!(token.expose().split('.').count(), 3);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Minter {
    key: SigningKey,
    header: Map<String, Value>,
    added: Added,
}

/// What is added to the claims.
#[derive(Clone, Copy, Debug)]
struct Added {
    lifetime: Duration,
    not_before: bool,
    token_id: bool,
}

impl Minter {
    /// How long tokens live that [`mint_at`](Self::mint_at) makes.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(5 * 60);

    /// Tokens of `key`, with its `alg` and `kid` and with `typ: JWT`.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        let mut header = Map::new();
        header.insert("alg".to_owned(), key.algorithm().name().into());
        if let Some(key_id) = key.key_id() {
            header.insert("kid".to_owned(), key_id.into());
        }
        let added = Added {
            lifetime: Self::DEFAULT_LIFETIME,
            not_before: false,
            token_id: false,
        };
        Self { key, header, added }.token_type("JWT")
    }

    /// Writes another `typ`, such as `at+jwt` (RFC 9068 §2.1).
    #[must_use]
    pub fn token_type(mut self, token_type: impl Into<String>) -> Self {
        self.header
            .insert("typ".to_owned(), Value::String(token_type.into()));
        self
    }

    /// How long tokens live, in whole seconds, and never beyond the year 9999.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.added.lifetime = lifetime;
        self
    }

    /// Writes `nbf` too: tokens don't count before they were made.
    #[must_use]
    pub fn not_before_now(mut self) -> Self {
        self.added.not_before = true;
        self
    }

    /// Writes a `jti` of 128 random bits into each token.
    #[must_use]
    pub fn unique_token_ids(mut self) -> Self {
        self.added.token_id = true;
        self
    }

    /// A token that begins `now`, with these claims and those of the table above. A claim
    /// that is given is written as it is given; `null` leaves it out.
    ///
    /// # Errors
    ///
    /// When the claims are not a JSON object, or the cryptographic backend fails.
    pub fn mint_at(
        &self,
        claims: &(impl Serialize + ?Sized),
        now: SystemTime,
    ) -> Result<Secret, MintError> {
        let Value::Object(given) = serde_json::to_value(claims).map_err(MintError::json)? else {
            return Err(MintError::NO_OBJECT);
        };
        let mut claims = self.added.claims(now).ok_or(MintError::BACKEND)?;
        claims.extend(given);
        claims.retain(|_, value| !value.is_null());
        self.mint(&claims)
    }

    /// A token with these claims, written as they are: no claim is added.
    ///
    /// # Errors
    ///
    /// When the claims are not a JSON object, or the cryptographic backend fails.
    pub fn mint(&self, claims: &(impl Serialize + ?Sized)) -> Result<Secret, MintError> {
        let claims = serde_json::to_string(claims).map_err(MintError::json)?;
        if !claims.starts_with('{') {
            return Err(MintError::NO_OBJECT);
        }
        let header = Value::Object(self.header.clone()).to_string();
        let mut token = Zeroizing::new(URL_SAFE_NO_PAD.encode(header));
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.key.sign(token.as_bytes()).ok_or(MintError::BACKEND)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(Secret::from(token))
    }
}

impl Added {
    /// None where the backend fails.
    fn claims(self, now: SystemTime) -> Option<Map<String, Value>> {
        let now = seconds(now);
        let end = now.saturating_add(self.lifetime.as_secs());
        let mut claims = Map::new();
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), end.min(LAST_SECOND).into());
        if self.not_before {
            claims.insert("nbf".to_owned(), now.into());
        }
        if self.token_id {
            claims.insert("jti".to_owned(), token_id()?.into());
        }
        Some(claims)
    }
}

/// A `jti` (RFC 7519 §4.1.7): 128 random bits. None where the backend fails.
fn token_id() -> Option<String> {
    let mut bits = [0; 16];
    Backend::default().provider().fill_randomly(&mut bits)?;
    Some(URL_SAFE_NO_PAD.encode(bits))
}

/// A token that could not be made.
#[derive(Clone)]
pub struct MintError {
    what: &'static str,
    source: Option<Arc<serde_json::Error>>,
}

impl MintError {
    const NO_OBJECT: Self = Self::new("the claims are not a JSON object");
    const BACKEND: Self = Self::new("the cryptographic backend failed");

    const fn new(what: &'static str) -> Self {
        Self { what, source: None }
    }

    fn json(error: serde_json::Error) -> Self {
        Self {
            what: "the claims can't be written as JSON",
            source: Some(Arc::new(error)),
        }
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says, and why.
impl fmt::Debug for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("MintError");
        shown.field(&self.to_string());
        if let Some(source) = &self.source {
            shown.field(source);
        }
        shown.finish()
    }
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no token was made: {}", self.what)
    }
}

impl Error for MintError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
