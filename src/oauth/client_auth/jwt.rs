//! Client authentication by an assertion that the client signs itself (RFC 7523 §2.2).

use super::ClientAuth;
use crate::{
    jwt::{Algorithm, SigningKey},
    keys::KeyError,
    oauth::assertion::SignedAssertion,
    secret::Secret,
};

/// `draft-ietf-oauth-rfc7523bis`: the assertion says what it is, so that it passes for nothing
/// else (RFC 8725 §3.11).
const TOKEN_TYPE: &str = "client-authentication+jwt";

impl ClientAuth {
    /// `private_key_jwt` (RFC 7523 §2.2, OpenID Connect Core §9): an assertion signed with the
    /// client's private key, whose public half the server knows
    /// ([`SigningKey::public_jwk`]).
    ///
    /// `audience` is the issuer identifier of the authorization server, as its metadata names
    /// it. RFC 7523 also allows the address of the token endpoint, and servers of before 2025
    /// may know nothing else; but a malicious server can claim another one's address for its
    /// own, get an assertion for it, and use that there (`draft-ietf-oauth-rfc7523bis` §1).
    ///
    /// # Defaults
    ///
    /// Those of [`SignedAssertion`], and the `typ` `client-authentication+jwt`. For other
    /// ones, give such an assertion to [`assertion`](Self::assertion).
    ///
    /// # Example
    ///
    /// ```no_run
    /// use tower_bearer::{Algorithm, ClientAuth, jwt::SigningKey};
    ///
    /// # fn main() -> Result<(), tower_bearer::BoxError> {
    /// let key = SigningKey::from_pem(Algorithm::ES256, std::fs::read("orders-job.pem")?)?;
    /// let auth = ClientAuth::private_key_jwt("orders-job", "https://id.example", key);
    /// # Ok(()) }
    /// ```
    pub fn private_key_jwt(
        client_id: impl Into<String>,
        audience: impl Into<String>,
        key: SigningKey,
    ) -> Self {
        let client_id = client_id.into();
        let assertions = SignedAssertion::new(client_id.clone(), audience, key);
        Self::assertion(client_id, assertions.token_type(TOKEN_TYPE))
    }

    /// `client_secret_jwt` (OpenID Connect Core §9): the same, signed with the client's secret,
    /// which is not sent.
    ///
    /// # Errors
    ///
    /// When `algorithm` is not one of shared secrets, or the secret is too short for it
    /// (RFC 7518 §3.2).
    pub fn client_secret_jwt(
        client_id: impl Into<String>,
        audience: impl Into<String>,
        algorithm: Algorithm,
        secret: impl Into<Secret>,
    ) -> Result<Self, KeyError> {
        let secret = secret.into();
        let key = SigningKey::from_secret(algorithm, secret.expose())?;
        Ok(Self::private_key_jwt(client_id, audience, key))
    }
}
