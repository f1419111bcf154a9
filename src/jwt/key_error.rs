//! Why a key was refused.

use std::{error::Error, fmt, io, path::PathBuf};

use super::algorithm::Algorithm;

/// A key, or a set of keys, that can't be used. It never shows a key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyError(KeyErrorKind);

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// A key of another kind than the algorithm needs.
    NotForAlgorithm {
        /// The algorithm that was asked for.
        algorithm: Algorithm,
        /// The kind of key that was given.
        key: &'static str,
    },
    /// A shared secret that is shorter than the hash (RFC 7518 §3.2), in bytes.
    SecretTooShort {
        /// The length of the secret.
        bytes: usize,
        /// The least that is accepted.
        minimum: usize,
    },
    /// PEM where a shared secret was asked for.
    SecretIsPem,
    /// An RSA modulus of fewer than 2048 or more than 8192 bits.
    RsaSize {
        /// The bits of the modulus.
        bits: usize,
    },
    /// A number with which anyone could sign.
    Weak,
    /// A private key where a public one was asked for.
    PrivateKey,
    /// A shared secret or a private key in a set that everybody can read.
    Published,
    /// A public key where a private one was asked for.
    PublicKey,
    /// A private key that is encrypted with a passphrase.
    Encrypted,
    /// Not in the form that was asked for.
    Encoding(&'static str),
    /// A key type, curve or algorithm that is not supported. Escaped and cut.
    Unsupported(String),
    /// `use` or `key_ops` forbid verification (RFC 7517 §4.2, §4.3).
    NotForSignatures,
    /// More keys than a set may have.
    TooManyKeys(usize),
    /// No key of the set can be used; why each was skipped.
    NoUsableKey(Vec<String>),
    /// A file or directory that can't be read.
    Unreadable(io::ErrorKind),
    /// A file that holds no usable key.
    File {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<KeyError>,
    },
    /// The cryptographic backend failed.
    Backend,
}

impl KeyError {
    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &KeyErrorKind {
        &self.0
    }
}

impl From<KeyErrorKind> for KeyError {
    fn from(kind: KeyErrorKind) -> Self {
        Self(kind)
    }
}

impl Error for KeyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            KeyErrorKind::File { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyError").field(&self.to_string()).finish()
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use KeyErrorKind as Kind;
        match &self.0 {
            Kind::NotForAlgorithm { algorithm, key } => {
                write!(f, "{algorithm} can't be used with {key}; name the algorithm that belongs to the key")
            }
            Kind::SecretTooShort { bytes, minimum } => write!(
                f,
                "the secret has {bytes} bytes and needs at least {minimum} (RFC 7518 §3.2); \
                 make one with `openssl rand -base64 {minimum}`, or accept the risk with `dangerous_from_short_secret`"
            ),
            Kind::SecretIsPem => f.write_str(
                "the secret is a PEM file; if it is a public key everyone could sign with it: use `from_pem`",
            ),
            Kind::RsaSize { bits } => write!(
                f,
                "the RSA key has {bits} bits; it needs 2048 to 8192"
            ),
            Kind::Weak => f.write_str("the key is degenerate: anyone could sign with it"),
            Kind::PrivateKey => f.write_str(
                "this is a private key, and verification needs the public one: `openssl pkey -in key.pem -pubout`",
            ),
            Kind::Published => f.write_str(
                "it has a part that is to be kept secret, and everybody can read it: replace the key at its issuer",
            ),
            Kind::PublicKey => f.write_str(
                "this is a public key or a certificate, and signing needs the private key that belongs to it",
            ),
            Kind::Encrypted => f.write_str(
                "the key is encrypted with a passphrase; decrypt it: `openssl pkey -in key.pem`",
            ),
            Kind::Encoding(what) => write!(f, "not a usable key: {what}"),
            Kind::Unsupported(what) => write!(f, "{what} is not supported"),
            Kind::NotForSignatures => {
                f.write_str("`use` or `key_ops` say that the key is not for verifying signatures")
            }
            Kind::TooManyKeys(count) => {
                write!(f, "the set has {count} keys; at most 100 are accepted")
            }
            Kind::NoUsableKey(skipped) if skipped.is_empty() => {
                f.write_str("the set has no keys")
            }
            Kind::NoUsableKey(skipped) => {
                write!(f, "none of the set's keys can be used: {}", skipped.join("; "))
            }
            Kind::Unreadable(kind) => write!(f, "it can't be read: {kind}"),
            // The path is escaped; the rest is in `source()`.
            Kind::File { path, .. } => write!(f, "no usable key in {path:?}"),
            Kind::Backend => f.write_str("the cryptographic backend failed"),
        }
    }
}
