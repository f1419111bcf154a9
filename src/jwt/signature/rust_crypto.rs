//! Signatures by RustCrypto.
//!
//! Keys are parsed when they are loaded and never again; an HMAC keeps the state that its
//! key leads to.

use std::{marker::PhantomData, sync::Arc};

use hmac::{Hmac, Mac, digest::KeyInit};
use p521::ecdsa as p521_ecdsa;
use rand_core::{OsRng, RngCore};
use rsa::{
    BigUint, RsaPrivateKey as RsaKey, RsaPublicKey, pkcs1v15, pss,
    signature::{RandomizedSigner, SignatureEncoding, Verifier},
    traits::{PrivateKeyParts, PublicKeyParts},
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use super::{Backend, Provider, Sign, Signer, Verify};
use crate::jwt::{
    algorithm::{Algorithm, KeyType},
    key_material::{Curve, KeyMaterial, PrivateKey, PublicKey, RsaPrivateKey},
};

impl Backend {
    /// RustCrypto: pure Rust (feature `rust-crypto`).
    pub const RUST_CRYPTO: Self = Self(&RustCrypto);
}

pub(super) struct RustCrypto;

impl Provider for RustCrypto {
    fn name(&self) -> &'static str {
        "rust-crypto"
    }

    fn verifier(&self, algorithm: Algorithm, key: &KeyMaterial) -> Option<Arc<dyn Verify>> {
        match key {
            KeyMaterial::Secret(secret) => match algorithm {
                Algorithm::HS256 => Some(shared::<Hmac<Sha256>>(secret)?),
                Algorithm::HS384 => Some(shared::<Hmac<Sha384>>(secret)?),
                Algorithm::HS512 => Some(shared::<Hmac<Sha512>>(secret)?),
                _ => None,
            },
            KeyMaterial::Public(PublicKey::Rsa { modulus, exponent }) => {
                rsa_verifier(algorithm, rsa_public_key(modulus, exponent)?)
            }
            KeyMaterial::Public(PublicKey::Ec(curve, point)) => ecdsa_verifier(*curve, point),
            KeyMaterial::Public(PublicKey::Ed25519(point)) => {
                let key = ed25519_dalek::VerifyingKey::from_bytes(point).ok()?;
                Some(Verifying::<_, ed25519_dalek::Signature>::new(key))
            }
        }
    }

    fn signer(&self, algorithm: Algorithm, key: &PrivateKey) -> Option<Signer> {
        match key {
            PrivateKey::Secret(secret) => {
                let sign: Arc<dyn Sign> = match algorithm {
                    Algorithm::HS256 => shared::<Hmac<Sha256>>(secret)?,
                    Algorithm::HS384 => shared::<Hmac<Sha384>>(secret)?,
                    Algorithm::HS512 => shared::<Hmac<Sha512>>(secret)?,
                    _ => return None,
                };
                let public_key = None;
                Some(Signer { sign, public_key })
            }
            PrivateKey::Rsa(key) => Some(Signer {
                sign: rsa_signer(algorithm, rsa_private_key(key)?)?,
                public_key: Some(key.public_key()),
            }),
            PrivateKey::Ec(curve, scalar) => ecdsa_signer(*curve, scalar),
            PrivateKey::Ed25519(seed) => {
                let key = ed25519_dalek::SigningKey::from_bytes(seed);
                let point = key.verifying_key().to_bytes();
                Some(Signer {
                    sign: Arc::new(key),
                    public_key: Some(PublicKey::Ed25519(point)),
                })
            }
        }
    }

    fn generate_key_pair(&self, algorithm: Algorithm) -> Option<PrivateKey> {
        match algorithm.key_type() {
            KeyType::Secret { .. } => None,
            KeyType::Rsa => numbers(&RsaKey::new(&mut OsRng, 2048).ok()?),
            KeyType::Ec(curve) => {
                let scalar = match curve {
                    Curve::P256 => p256::SecretKey::random(&mut OsRng).to_bytes().to_vec(),
                    Curve::P384 => p384::SecretKey::random(&mut OsRng).to_bytes().to_vec(),
                    Curve::P521 => p521::SecretKey::random(&mut OsRng).to_bytes().to_vec(),
                };
                Some(PrivateKey::Ec(curve, Zeroizing::new(scalar)))
            }
            KeyType::Ed25519 => {
                let mut seed = Zeroizing::new([0; 32]);
                self.fill_randomly(&mut *seed)?;
                Some(PrivateKey::Ed25519(seed))
            }
        }
    }

    fn fill_randomly(&self, bytes: &mut [u8]) -> Option<()> {
        OsRng.try_fill_bytes(bytes).ok()
    }

    fn sha256(&self, message: &[u8]) -> [u8; 32] {
        Sha256::digest(message).into()
    }
}

/// The limit is the crate's own of RSA keys, `key_check.rs`, and not that of `rsa`.
fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Option<RsaPublicKey> {
    let (n, e) = (
        BigUint::from_bytes_be(modulus),
        BigUint::from_bytes_be(exponent),
    );
    RsaPublicKey::new_with_max_size(n, e, 8192).ok()
}

fn rsa_verifier(algorithm: Algorithm, key: RsaPublicKey) -> Option<Arc<dyn Verify>> {
    use pkcs1v15::{Signature as Pkcs1Signature, VerifyingKey as Pkcs1};
    use pss::{Signature as PssSignature, VerifyingKey as Pss};
    match algorithm {
        Algorithm::RS256 => Some(Verifying::<_, Pkcs1Signature>::new(Pkcs1::<Sha256>::new(
            key,
        ))),
        Algorithm::RS384 => Some(Verifying::<_, Pkcs1Signature>::new(Pkcs1::<Sha384>::new(
            key,
        ))),
        Algorithm::RS512 => Some(Verifying::<_, Pkcs1Signature>::new(Pkcs1::<Sha512>::new(
            key,
        ))),
        Algorithm::PS256 => Some(Verifying::<_, PssSignature>::new(Pss::<Sha256>::new(key))),
        Algorithm::PS384 => Some(Verifying::<_, PssSignature>::new(Pss::<Sha384>::new(key))),
        Algorithm::PS512 => Some(Verifying::<_, PssSignature>::new(Pss::<Sha512>::new(key))),
        _ => None,
    }
}

fn rsa_signer(algorithm: Algorithm, key: RsaKey) -> Option<Arc<dyn Sign>> {
    use pkcs1v15::{Signature as Pkcs1Signature, SigningKey as Pkcs1};
    use pss::{BlindedSigningKey as Pss, Signature as PssSignature};
    match algorithm {
        Algorithm::RS256 => Some(Signing::<_, Pkcs1Signature>::new(Pkcs1::<Sha256>::new(key))),
        Algorithm::RS384 => Some(Signing::<_, Pkcs1Signature>::new(Pkcs1::<Sha384>::new(key))),
        Algorithm::RS512 => Some(Signing::<_, Pkcs1Signature>::new(Pkcs1::<Sha512>::new(key))),
        Algorithm::PS256 => Some(Signing::<_, PssSignature>::new(Pss::<Sha256>::new(key))),
        Algorithm::PS384 => Some(Signing::<_, PssSignature>::new(Pss::<Sha384>::new(key))),
        Algorithm::PS512 => Some(Signing::<_, PssSignature>::new(Pss::<Sha512>::new(key))),
        _ => None,
    }
}

/// `rsa` computes the exponents of the primes anew: those that were given have to agree,
/// as AWS-LC asks.
fn rsa_private_key(key: &RsaPrivateKey) -> Option<RsaKey> {
    let number = |bytes: &[u8]| BigUint::from_bytes_be(bytes);
    let [p, q] = &key.primes;
    let mut pair = RsaKey::from_components(
        number(&key.modulus),
        number(&key.exponent),
        number(&key.private_exponent),
        vec![number(p), number(q)],
    )
    .ok()?;
    pair.validate().ok()?;
    pair.precompute().ok()?;
    let [d_p, d_q] = &key.prime_exponents;
    let agrees = pair.dp() == Some(&number(d_p))
        && pair.dq() == Some(&number(d_q))
        && pair.crt_coefficient() == Some(number(&key.coefficient));
    agrees.then_some(pair)
}

fn numbers(key: &RsaKey) -> Option<PrivateKey> {
    let wiped = |number: &BigUint| Zeroizing::new(number.to_bytes_be());
    let [p, q] = key.primes() else { return None };
    Some(PrivateKey::Rsa(RsaPrivateKey {
        modulus: key.n().to_bytes_be().into(),
        exponent: key.e().to_bytes_be().into(),
        private_exponent: wiped(key.d()),
        primes: [wiped(p), wiped(q)],
        prime_exponents: [wiped(key.dp()?), wiped(key.dq()?)],
        coefficient: wiped(&key.crt_coefficient()?),
    }))
}

fn ecdsa_verifier(curve: Curve, point: &[u8]) -> Option<Arc<dyn Verify>> {
    use p256::ecdsa as p256_ecdsa;
    use p384::ecdsa as p384_ecdsa;
    match curve {
        Curve::P256 => {
            let key = p256_ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
            Some(Verifying::<_, p256_ecdsa::Signature>::new(key))
        }
        Curve::P384 => {
            let key = p384_ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
            Some(Verifying::<_, p384_ecdsa::Signature>::new(key))
        }
        Curve::P521 => {
            let key = p521_ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
            Some(Verifying::<_, p521_ecdsa::Signature>::new(key))
        }
    }
}

fn ecdsa_signer(curve: Curve, scalar: &[u8]) -> Option<Signer> {
    let (sign, point): (Arc<dyn Sign>, _) = match curve {
        Curve::P256 => {
            let key = p256::ecdsa::SigningKey::from_slice(scalar).ok()?;
            let point = key.verifying_key().to_encoded_point(false);
            (
                Signing::<_, p256::ecdsa::Signature>::new(key),
                curve.point(point.as_bytes()),
            )
        }
        Curve::P384 => {
            let key = p384::ecdsa::SigningKey::from_slice(scalar).ok()?;
            let point = key.verifying_key().to_encoded_point(false);
            (
                Signing::<_, p384::ecdsa::Signature>::new(key),
                curve.point(point.as_bytes()),
            )
        }
        Curve::P521 => {
            let key = p521_ecdsa::SigningKey::from_slice(scalar).ok()?;
            let point = p521_ecdsa::VerifyingKey::from(&key).to_encoded_point(false);
            (
                Signing::<_, p521_ecdsa::Signature>::new(key),
                curve.point(point.as_bytes()),
            )
        }
    };
    Some(Signer {
        sign,
        public_key: Some(point?),
    })
}

/// An HMAC that has taken in its key.
struct Shared<M>(M);

fn shared<M: Mac + KeyInit>(secret: &[u8]) -> Option<Arc<Shared<M>>> {
    let mac = <M as Mac>::new_from_slice(secret).ok()?;
    Some(Arc::new(Shared(mac)))
}

impl<M: Mac + Clone + Send + Sync> Verify for Shared<M> {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let mac = self.0.clone().chain_update(message);
        mac.verify_slice(signature).is_ok()
    }
}

impl<M: Mac + Clone + Send + Sync> Sign for Shared<M> {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mac = self.0.clone().chain_update(message);
        Some(mac.finalize().into_bytes().to_vec())
    }
}

/// A public key, and the type of its signatures.
struct Verifying<K, S>(K, PhantomData<fn() -> S>);

impl<K, S> Verifying<K, S> {
    fn new(key: K) -> Arc<Self> {
        Arc::new(Self(key, PhantomData))
    }
}

impl<K, S> Verify for Verifying<K, S>
where
    K: Verifier<S> + Send + Sync,
    S: for<'a> TryFrom<&'a [u8]>,
{
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        S::try_from(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

/// A private key, and the type of its signatures.
struct Signing<K, S>(K, PhantomData<fn() -> S>);

impl<K, S> Signing<K, S> {
    fn new(key: K) -> Arc<Self> {
        Arc::new(Self(key, PhantomData))
    }
}

impl<K, S> Sign for Signing<K, S>
where
    K: RandomizedSigner<S> + Send + Sync,
    S: SignatureEncoding,
{
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let signature = self.0.try_sign_with_rng(&mut OsRng, message).ok()?;
        Some(signature.to_vec())
    }
}

impl Sign for ed25519_dalek::SigningKey {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        use ed25519_dalek::Signer as _;
        Some(self.try_sign(message).ok()?.to_bytes().to_vec())
    }
}
