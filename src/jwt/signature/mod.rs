//! Signatures. The files of this folder are the only ones that name a crypto dependency;
//! another backend is another file with a `Provider`.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(feature = "rust-crypto")]
mod rust_crypto;

use std::{fmt, sync::Arc};

#[cfg(feature = "aws-lc-rs")]
use aws_lc::AwsLc as DefaultProvider;
#[cfg(not(feature = "aws-lc-rs"))]
use rust_crypto::RustCrypto as DefaultProvider;

use super::{
    algorithm::Algorithm,
    key_material::{KeyMaterial, PrivateKey, PublicKey},
};

/// The library that computes signatures: `Backend::AWS_LC` with the feature `aws-lc-rs`,
/// `Backend::RUST_CRYPTO` with the feature `rust-crypto`. Verdicts are the same.
///
/// # Defaults
///
/// AWS-LC where its feature is on, else RustCrypto. A key that shall use the other one
/// says so: [`KeySet::with_backend`](crate::KeySet::with_backend),
/// [`SigningKey::with_backend`](crate::jwt::SigningKey::with_backend).
///
/// # Side channels
///
/// `rsa`, which RustCrypto's RSA comes from, doesn't compute **private-key** operations in
/// constant time (RUSTSEC-2023-0071, "Marvin"): who can time many RSA signatures over a
/// network may find the key. Sign with AWS-LC, or with ECDSA or EdDSA. Verification has no
/// private key and is not concerned.
#[derive(Clone, Copy)]
pub struct Backend(&'static dyn Provider);

impl Default for Backend {
    fn default() -> Self {
        Self(&DefaultProvider)
    }
}

impl Backend {
    pub(super) fn provider(self) -> &'static dyn Provider {
        self.0
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backend({})", self.0.name())
    }
}

/// What a backend does. Kinds and strengths of keys are judged before (`key_check.rs`).
pub(super) trait Provider: Sync {
    fn name(&self) -> &'static str;

    /// What verifies `algorithm` with this key; `None` if it is no key of that algorithm.
    fn verifier(&self, algorithm: Algorithm, key: &KeyMaterial) -> Option<Arc<dyn Verify>>;

    /// What signs `algorithm` with this key; `None` if it is no key of that algorithm.
    fn signer(&self, algorithm: Algorithm, key: &PrivateKey) -> Option<Signer>;

    /// A new key pair; RSA with 2048 bits.
    fn generate_key_pair(&self, algorithm: Algorithm) -> Option<PrivateKey>;

    /// Fills it with random bytes.
    fn fill_randomly(&self, bytes: &mut [u8]) -> Option<()>;

    fn sha256(&self, message: &[u8]) -> [u8; 32];
}

/// For what is not signed but has to be known again.
pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    Backend::default().provider().sha256(message)
}

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

/// What signs, and the public key that goes with it: none for a shared secret.
pub(super) struct Signer {
    pub(super) sign: Arc<dyn Sign>,
    pub(super) public_key: Option<PublicKey>,
}

/// The longest signature there is: RSA with 8192 bits.
pub(crate) const MAX_SIGNATURE_SIZE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::key_material::{RsaPrivateKey, Wiped};

    const BACKENDS: &[Backend] = &[
        #[cfg(feature = "aws-lc-rs")]
        Backend::AWS_LC,
        #[cfg(feature = "rust-crypto")]
        Backend::RUST_CRYPTO,
    ];

    #[test]
    fn each_backend_computes_the_same_sha_256() {
        // FIPS 180-2, B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for backend in BACKENDS {
            let hash = backend.provider().sha256(b"abc");
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hash, expected, "{backend:?}");
        }
    }

    #[test]
    fn each_backend_makes_another_key_each_time_and_signs_with_it() {
        use Algorithm::{ES256, ES384, ES512, EdDSA, RS256};
        for backend in BACKENDS {
            let provider = backend.provider();
            for algorithm in [RS256, ES256, ES384, ES512, EdDSA] {
                let [one, other] = [(); 2].map(|()| {
                    let key = provider.generate_key_pair(algorithm).unwrap();
                    let signer = provider.signer(algorithm, &key).unwrap();
                    (signer.sign, KeyMaterial::Public(signer.public_key.unwrap()))
                });
                let signature = one.0.sign(b"message").unwrap();
                let verifies = |key| {
                    let verifier = provider.verifier(algorithm, key).unwrap();
                    verifier.verify(b"message", &signature)
                };
                assert!(verifies(&one.1), "{backend:?} {algorithm}");
                assert!(!verifies(&other.1), "{backend:?} {algorithm}");
            }
        }
    }

    #[test]
    fn each_backend_fills_all_of_it_randomly() {
        for backend in BACKENDS {
            let [mut one, mut other] = [[0; 64]; 2];
            backend.provider().fill_randomly(&mut one).unwrap();
            backend.provider().fill_randomly(&mut other).unwrap();
            for (place, (one, other)) in one.chunks(16).zip(other.chunks(16)).enumerate() {
                assert_ne!(one, [0; 16], "{backend:?} {place}");
                assert_ne!(one, other, "{backend:?} {place}");
            }
        }
    }

    /// RFC 8017 §3.2: what a key may do without follows from its other numbers.
    #[test]
    fn each_backend_refuses_an_rsa_key_whose_numbers_contradict_each_other() {
        type Pick = fn(&mut RsaPrivateKey) -> &mut Wiped;
        let rows: [(&str, Pick); 4] = [
            ("d", |key| &mut key.private_exponent),
            ("dP", |key| &mut key.prime_exponents[0]),
            ("dQ", |key| &mut key.prime_exponents[1]),
            ("qInv", |key| &mut key.coefficient),
        ];
        let default = Backend::default().provider();
        let mut key = default.generate_key_pair(Algorithm::RS256).unwrap();
        for backend in BACKENDS {
            let is_key =
                |key: &PrivateKey| backend.provider().signer(Algorithm::RS256, key).is_some();
            assert!(is_key(&key), "{backend:?}");
            for (name, number) in rows {
                let flip = |key: &mut PrivateKey| match key {
                    PrivateKey::Rsa(key) => *number(key).last_mut().unwrap() ^= 2,
                    _ => panic!("no RSA key"),
                };
                flip(&mut key);
                assert!(!is_key(&key), "{backend:?} {name}");
                flip(&mut key);
            }
        }
    }
}
