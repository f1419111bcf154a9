//! Signatures. The files of this folder are the only ones that name a crypto dependency;
//! another backend is another file with the same functions.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc::{
    generate_key_pair, key_pair_from_pkcs8, random_secret, secret_signer, verifier,
};

/// What checks signatures: one key, parsed once, bound to one algorithm.
pub(crate) trait Verify: Send + Sync {
    /// Whether `signature` is this key's signature of `message`.
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// What makes signatures.
pub(crate) trait Sign: Send + Sync {
    /// The signature of `message` as JWS writes it (RFC 7518 §3), or `None` where the
    /// backend failed.
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>>;
}

/// The part of a key that verifies, as bytes.
#[derive(Clone, Copy)]
pub(crate) enum KeyMaterial<'a> {
    /// A shared secret.
    Secret(&'a [u8]),
    /// A public key.
    Public(&'a PublicKey),
}

/// A public key as its numbers: what DER, JWK and key pairs all come down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa {
        modulus: Box<[u8]>,
        exponent: Box<[u8]>,
    },
    /// A point in the encoding of SEC 1 §2.3.3, compressed or not.
    P256(Box<[u8]>),
    /// A point in the encoding of RFC 8032 §5.1.2.
    Ed25519([u8; 32]),
}

/// A key pair: what signs, and the public key that goes with it.
pub(crate) struct KeyPair {
    pub(crate) signer: std::sync::Arc<dyn Sign>,
    pub(crate) public_key: PublicKey,
}

/// The longest signature there is: RSA with 8192 bits.
pub(crate) const MAX_SIGNATURE_SIZE: usize = 1024;
