//! Keys as their numbers: what PEM, DER, JWK and key pairs all come down to, so that a
//! key is judged by the same rules whatever it was written in and whichever backend uses
//! it.

use zeroize::Zeroizing;

/// Bytes that are wiped when they are dropped.
pub(crate) type Wiped = Zeroizing<Vec<u8>>;

/// What verifies. Equality is that of two keys held by this process.
#[derive(PartialEq, Eq)]
pub(crate) enum KeyMaterial {
    /// A shared secret.
    Secret(Wiped),
    /// A public key.
    Public(PublicKey),
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa {
        modulus: Box<[u8]>,
        exponent: Box<[u8]>,
    },
    /// A point in the encoding of SEC 1 §2.3.3, compressed or not.
    Ec(Curve, Box<[u8]>),
    /// A point in the encoding of RFC 8032 §5.1.2.
    Ed25519([u8; 32]),
}

/// What signs.
pub(crate) enum PrivateKey {
    /// A shared secret.
    Secret(Wiped),
    Rsa(RsaPrivateKey),
    /// The scalar, as long as the curve's coordinates (RFC 5915 §3).
    Ec(Curve, Wiped),
    /// The seed (RFC 8032 §5.1.5).
    Ed25519(Zeroizing<[u8; 32]>),
}

/// The numbers of RFC 8017 A.1.2, of two primes: big-endian without leading zeros.
pub(crate) struct RsaPrivateKey {
    pub(crate) modulus: Box<[u8]>,
    pub(crate) exponent: Box<[u8]>,
    pub(crate) private_exponent: Wiped,
    pub(crate) primes: [Wiped; 2],
    pub(crate) prime_exponents: [Wiped; 2],
    pub(crate) coefficient: Wiped,
}

/// What a key is a key of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Secret,
    Rsa,
    Ec(Curve),
    Ed25519,
}

impl KeyKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Secret => "a shared secret",
            Self::Rsa => "an RSA key",
            Self::Ec(Curve::P256) => "a P-256 key",
            Self::Ec(Curve::P384) => "a P-384 key",
            Self::Ec(Curve::P521) => "a P-521 key",
            Self::Ed25519 => "an Ed25519 key",
        }
    }
}

impl KeyMaterial {
    pub(crate) fn kind(&self) -> KeyKind {
        match self {
            Self::Secret(_) => KeyKind::Secret,
            Self::Public(PublicKey::Rsa { .. }) => KeyKind::Rsa,
            Self::Public(PublicKey::Ec(curve, _)) => KeyKind::Ec(*curve),
            Self::Public(PublicKey::Ed25519(_)) => KeyKind::Ed25519,
        }
    }
}

impl PrivateKey {
    pub(crate) fn kind(&self) -> KeyKind {
        match self {
            Self::Secret(_) => KeyKind::Secret,
            Self::Rsa(_) => KeyKind::Rsa,
            Self::Ec(curve, _) => KeyKind::Ec(*curve),
            Self::Ed25519(_) => KeyKind::Ed25519,
        }
    }
}

impl RsaPrivateKey {
    pub(crate) fn public_key(&self) -> PublicKey {
        PublicKey::Rsa {
            modulus: self.modulus.clone(),
            exponent: self.exponent.clone(),
        }
    }
}

/// A curve of RFC 7518 §6.2.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    pub(crate) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.name() == name)
    }

    /// The bytes of a coordinate (RFC 7518 §6.2.1.2) and of a scalar.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The content of its OBJECT IDENTIFIER (RFC 5480 §2.1.1.1).
    pub(crate) fn object_identifier(self) -> &'static [u8] {
        match self {
            Self::P256 => &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
            Self::P384 => &[0x2b, 0x81, 0x04, 0x00, 0x22],
            Self::P521 => &[0x2b, 0x81, 0x04, 0x00, 0x23],
        }
    }

    /// A key from a point's encoding. SEC 1 §2.3.3 has two forms; the hybrid one of X9.62
    /// is not a third.
    pub(crate) fn point(self, encoded: &[u8]) -> Option<PublicKey> {
        let (first, length) = (encoded.first()?, encoded.len());
        let is_point = match first {
            4 => length == 1 + 2 * self.size(),
            2 | 3 => length == 1 + self.size(),
            _ => false,
        };
        is_point.then(|| PublicKey::Ec(self, encoded.into()))
    }
}
