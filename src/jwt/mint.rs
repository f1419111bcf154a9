//! Making tokens: for issuers, for tests, for debugging on one's own machine.
//!
//! A resource server never makes tokens in production. One that holds the means to sign
//! what it is going to accept has nobody to ask whether a token is good.

use std::{error::Error, fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{signature::Backend, signing_key::SigningKey};
use crate::secret::Secret;

/// Makes tokens with one key.
///
/// **Not for the production of a resource server**: for issuers, for tests, and for
/// debugging on one's own machine.
///
/// # Example
///
/// ```
/// use tower_bearer::{Algorithm, jwt::{Minter, SigningKey}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let minter = Minter::new(SigningKey::generate(Algorithm::EdDSA)?).token_type("at+jwt");
/// let token = minter.mint(&serde_json::json!({"sub": "alice", "exp": 2_000_000_000}))?;
/// assert_eq!(token.expose().split('.').count(), 3);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Minter {
    key: SigningKey,
    header: Map<String, Value>,
}

impl Minter {
    /// Tokens of `key`, with its `alg` and `kid` and with `typ: JWT`.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        let mut header = Map::new();
        header.insert("alg".to_owned(), key.algorithm().name().into());
        if let Some(key_id) = key.key_id() {
            header.insert("kid".to_owned(), key_id.into());
        }
        Self { key, header }.token_type("JWT")
    }

    /// Writes another `typ`, such as `at+jwt` (RFC 9068 §2.1).
    #[must_use]
    pub fn token_type(mut self, token_type: impl Into<String>) -> Self {
        self.header
            .insert("typ".to_owned(), Value::String(token_type.into()));
        self
    }

    /// A token with these claims, written as they are: no claim is added.
    ///
    /// # Errors
    ///
    /// When the claims are not a JSON object, or the cryptographic backend fails.
    pub fn mint(&self, claims: &(impl Serialize + ?Sized)) -> Result<Secret, MintError> {
        let claims = serde_json::to_string(claims).map_err(|error| MintError {
            what: "the claims can't be written as JSON",
            source: Some(Arc::new(error)),
        })?;
        if !claims.starts_with('{') {
            return Err(MintError::new("the claims are not a JSON object"));
        }
        let header = Value::Object(self.header.clone()).to_string();
        let mut token = Zeroizing::new(URL_SAFE_NO_PAD.encode(header));
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.key.sign(token.as_bytes());
        let signature =
            signature.ok_or_else(|| MintError::new("the cryptographic backend failed"))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(Secret::from(token))
    }
}

/// A `jti` (RFC 7519 §4.1.7): 128 random bits. None where the backend fails.
pub(crate) fn token_id() -> Option<String> {
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
    fn new(what: &'static str) -> Self {
        Self { what, source: None }
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
