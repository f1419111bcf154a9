//! Signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1).

use std::fmt;

use super::key_material::{Curve, PublicKey};

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
    /// HMAC with SHA-384 (RFC 7518 §3.2).
    HS384,
    /// HMAC with SHA-512 (RFC 7518 §3.2).
    HS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384 (RFC 7518 §3.3).
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 7518 §3.3).
    RS512,
    /// RSASSA-PSS with SHA-256, and MGF1 with the same (RFC 7518 §3.5).
    PS256,
    /// RSASSA-PSS with SHA-384, and MGF1 with the same (RFC 7518 §3.5).
    PS384,
    /// RSASSA-PSS with SHA-512, and MGF1 with the same (RFC 7518 §3.5).
    PS512,
    /// ECDSA over P-256 with SHA-256 (RFC 7518 §3.4).
    ES256,
    /// ECDSA over P-384 with SHA-384 (RFC 7518 §3.4).
    ES384,
    /// ECDSA over P-521 with SHA-512 (RFC 7518 §3.4).
    ES512,
    /// EdDSA over Ed25519 (RFC 8037 §3.1; RFC 9864 calls it `Ed25519`).
    EdDSA,
}

/// What kind of key an algorithm takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyType {
    /// A shared secret of at least that many bytes (RFC 7518 §3.2).
    Secret {
        minimum: usize,
    },
    Rsa,
    Ec(Curve),
    Ed25519,
}

impl Algorithm {
    /// Each algorithm there is.
    pub const ALL: &'static [Self] = &[
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
    ];

    /// The algorithm of that `alg` name: case-sensitive, as RFC 7515 §4.1.1 has it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.as_bytes() {
            b"HS256" => Self::HS256,
            b"HS384" => Self::HS384,
            b"HS512" => Self::HS512,
            b"RS256" => Self::RS256,
            b"RS384" => Self::RS384,
            b"RS512" => Self::RS512,
            b"PS256" => Self::PS256,
            b"PS384" => Self::PS384,
            b"PS512" => Self::PS512,
            b"ES256" => Self::ES256,
            b"ES384" => Self::ES384,
            b"ES512" => Self::ES512,
            // RFC 9864 §2.2: the fully specified name of the same thing.
            b"EdDSA" | b"Ed25519" => Self::EdDSA,
            _ => return None,
        })
    }

    /// The `alg` name that is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Whether issuer and API share the key, so that nobody publishes it.
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    pub(crate) fn is_symmetric(self) -> bool {
        matches!(self.key_type(), KeyType::Secret { .. })
    }

    pub(super) fn key_type(self) -> KeyType {
        match self {
            Self::HS256 => KeyType::Secret { minimum: 32 },
            Self::HS384 => KeyType::Secret { minimum: 48 },
            Self::HS512 => KeyType::Secret { minimum: 64 },
            Self::RS256 | Self::RS384 | Self::RS512 => KeyType::Rsa,
            Self::PS256 | Self::PS384 | Self::PS512 => KeyType::Rsa,
            Self::ES256 => KeyType::Ec(Curve::P256),
            Self::ES384 => KeyType::Ec(Curve::P384),
            Self::ES512 => KeyType::Ec(Curve::P521),
            Self::EdDSA => KeyType::Ed25519,
        }
    }

    /// What a public key is for that doesn't say it: only for RSA is there a choice.
    pub(crate) fn of_key(key: &PublicKey) -> Self {
        match key {
            PublicKey::Rsa { .. } => Self::RS256,
            PublicKey::Ec(Curve::P256, _) => Self::ES256,
            PublicKey::Ec(Curve::P384, _) => Self::ES384,
            PublicKey::Ec(Curve::P521, _) => Self::ES512,
            PublicKey::Ed25519(_) => Self::EdDSA,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
