//! The claims of a token (RFC 7519 §4).

use std::{fmt, time::SystemTime};

/// The claims that have a registered name (RFC 7519 §4.1, RFC 8693 §4.3), as checked.
pub struct RegisteredClaims {
    _todo: (),
}

impl RegisteredClaims {
    /// `iss`: who made the token.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        todo!()
    }

    /// `sub`: whom the token is about.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        todo!()
    }

    /// `aud`: for whom the token is.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    /// `exp`: when the token ends.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        todo!()
    }

    /// `nbf`: when the token begins.
    #[must_use]
    pub fn not_before(&self) -> Option<SystemTime> {
        todo!()
    }

    /// `iat`: when the token was made.
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        todo!()
    }

    /// `jti`: the token's own name.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        todo!()
    }

    /// `client_id`: the client that asked for the token (RFC 8693 §4.3).
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        todo!()
    }
}

impl fmt::Debug for RegisteredClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredClaims").finish_non_exhaustive()
    }
}
