//! Signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1).

use std::fmt;

/// An algorithm that a token may be signed with.
///
/// There is no `none`: an unsigned token can't be expressed here. Which algorithm
/// checks a token is decided by the key, never by the token.
///
/// # Example
///
/// ```
/// use tower_bearer::Algorithm;
///
/// assert_eq!(Algorithm::from_name("ES256"), Some(Algorithm::ES256));
/// assert_eq!(Algorithm::from_name("none"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256 (RFC 7518 §3.2): issuer and API share one secret.
    HS256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    RS256,
    /// ECDSA over P-256 with SHA-256 (RFC 7518 §3.4).
    ES256,
    /// EdDSA over Ed25519 (RFC 8037 §3.1; RFC 9864 calls it `Ed25519`).
    EdDSA,
}

impl Algorithm {
    /// Each algorithm there is.
    pub const ALL: &'static [Self] = &[Self::HS256, Self::RS256, Self::ES256, Self::EdDSA];

    /// The algorithm of that `alg` name: case-sensitive, as RFC 7515 §4.1.1 has it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::HS256),
            "RS256" => Some(Self::RS256),
            "ES256" => Some(Self::ES256),
            // RFC 9864 §2.2: the fully specified name of the same thing.
            "EdDSA" | "Ed25519" => Some(Self::EdDSA),
            _ => None,
        }
    }

    /// The `alg` name that is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::RS256 => "RS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
