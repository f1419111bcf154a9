//! Assertions that the client signs itself (RFC 7523 §3).

use std::{
    future::ready,
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value};

use super::AssertionSource;
use crate::{
    BoxFuture,
    jwt::{Minter, SigningKey},
    oauth::ObtainError,
    secret::Secret,
};

/// Signs an assertion for each request: a JWT that is good for a short time, and once.
///
/// # Defaults
///
/// | claim | value |
/// | --- | --- |
/// | `iss`, `aud` | as given |
/// | `sub` | the issuer: it speaks of itself |
/// | `iat`, `nbf` | now, by the clock of the endpoint |
/// | `exp` | 60 s later |
/// | `jti` | 128 random bits |
/// | `typ`, `kid` of the header | `JWT`, that of the key |
///
/// # Example
///
/// A service account that asks in the name of a user (RFC 7523 §2.1):
///
/// ```
/// use tower_bearer::{Algorithm, jwt::SigningKey, oauth::{JwtBearer, assertion::SignedAssertion}};
///
/// # fn main() -> Result<(), tower_bearer::keys::KeyError> {
/// # let key = SigningKey::generate(Algorithm::ES256)?;
/// let assertions = SignedAssertion::new("orders-job@acme.example", "https://id.example", key)
///     .subject("alice@acme.example")
///     .claim("scope", "orders:read");
/// let grant = JwtBearer::new(assertions);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SignedAssertion {
    minter: Minter,
    claims: Map<String, Value>,
}

impl SignedAssertion {
    /// Assertions of `issuer`, signed with its key, for `audience`: the authorization server,
    /// by its issuer identifier.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>, key: SigningKey) -> Self {
        let issuer = issuer.into();
        let claims = [
            ("iss", issuer.clone()),
            ("sub", issuer),
            ("aud", audience.into()),
        ];
        let claims = claims.map(|(name, value)| (name.to_owned(), Value::String(value)));
        Self {
            minter: Minter::new(key)
                .lifetime(Duration::from_secs(60))
                .not_before_now()
                .unique_token_ids(),
            claims: Map::from_iter(claims),
        }
    }

    /// Whom it speaks of.
    pub fn subject(self, subject: impl Into<String>) -> Self {
        self.claim("sub", subject.into())
    }

    /// Adds a claim that the server wants besides, or puts another value in place of one;
    /// `null` leaves the claim out.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// How long each is good for. Servers have an upper bound, often of a few minutes.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.minter = self.minter.lifetime(lifetime);
        self
    }

    /// Writes another `typ`.
    pub fn token_type(mut self, token_type: impl Into<String>) -> Self {
        self.minter = self.minter.token_type(token_type);
        self
    }
}

impl AssertionSource for SignedAssertion {
    fn assertion(&self, now: SystemTime) -> BoxFuture<'_, Result<Secret, ObtainError>> {
        let assertion = self.minter.mint_at(&self.claims, now);
        Box::pin(ready(assertion.map_err(ObtainError::other)))
    }
}
