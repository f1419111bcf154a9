//! Signatures by AWS-LC.
//!
//! Keys are given to AWS-LC when they are loaded and never again: `ParsedPublicKey` and
//! `hmac::Key` keep what they parsed.

use std::sync::Arc;

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
    },
};
use zeroize::Zeroizing;

use super::{KeyMaterial, KeyPair, PublicKey, Sign, Verify};
use crate::jwt::{algorithm::Algorithm, der};

/// What verifies `algorithm` with this key; `None` if the key is not one of that
/// algorithm, or is no key at all.
pub(crate) fn verifier(algorithm: Algorithm, key: KeyMaterial<'_>) -> Option<Arc<dyn Verify>> {
    match (algorithm, key) {
        (Algorithm::HS256, KeyMaterial::Secret(secret)) => {
            Some(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
        }
        (Algorithm::RS256, KeyMaterial::Public(PublicKey::Rsa { modulus, exponent })) => {
            let key = RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            };
            let key = key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
            Some(Arc::new(key))
        }
        (Algorithm::ES256, KeyMaterial::Public(PublicKey::P256(point))) => {
            let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()?;
            Some(Arc::new(key))
        }
        (Algorithm::EdDSA, KeyMaterial::Public(PublicKey::Ed25519(point))) => {
            Some(Arc::new(ParsedPublicKey::new(&ED25519, point).ok()?))
        }
        _ => None,
    }
}

impl Verify for hmac::Key {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        hmac::verify(self, message, signature).is_ok()
    }
}

impl Verify for ParsedPublicKey {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verify_sig(message, signature).is_ok()
    }
}

/// What signs with a shared secret.
pub(crate) fn secret_signer(algorithm: Algorithm, secret: &[u8]) -> Option<Arc<dyn Sign>> {
    match algorithm {
        Algorithm::HS256 => Some(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret))),
        _ => None,
    }
}

/// A key pair from PKCS#8.
pub(crate) fn key_pair_from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Option<KeyPair> {
    match algorithm {
        Algorithm::RS256 => rsa(RsaKeyPair::from_pkcs8(der).ok()?),
        Algorithm::ES256 => {
            p256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?)
        }
        Algorithm::EdDSA => ed25519(Ed25519KeyPair::from_pkcs8(der).ok()?),
        Algorithm::HS256 => None,
    }
}

/// A new key pair; RSA with 2048 bits.
pub(crate) fn generate_key_pair(algorithm: Algorithm) -> Option<KeyPair> {
    match algorithm {
        Algorithm::RS256 => rsa(RsaKeyPair::generate(KeySize::Rsa2048).ok()?),
        Algorithm::ES256 => p256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?),
        Algorithm::EdDSA => ed25519(Ed25519KeyPair::generate().ok()?),
        Algorithm::HS256 => None,
    }
}

/// Random bytes, enough for the secret of any algorithm.
pub(crate) fn random_secret() -> Option<Zeroizing<[u8; 32]>> {
    let mut secret = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(&mut *secret).ok()?;
    Some(secret)
}

fn rsa(key: RsaKeyPair) -> Option<KeyPair> {
    let public_key = der::public_key(key.public_key().as_ref())?;
    let signer = Arc::new(key);
    Some(KeyPair { signer, public_key })
}

fn p256(key: EcdsaKeyPair) -> Option<KeyPair> {
    let public_key = PublicKey::P256(key.public_key().as_ref().into());
    let signer = Arc::new(key);
    Some(KeyPair { signer, public_key })
}

fn ed25519(key: Ed25519KeyPair) -> Option<KeyPair> {
    let public_key = PublicKey::Ed25519(key.public_key().as_ref().try_into().ok()?);
    let signer = Arc::new(key);
    Some(KeyPair { signer, public_key })
}

impl Sign for hmac::Key {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(hmac::sign(self, message).as_ref().to_vec())
    }
}

impl Sign for RsaKeyPair {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.public_modulus_len()];
        self.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut signature,
        )
        .ok()?;
        Some(signature)
    }
}

impl Sign for EcdsaKeyPair {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let signature = self.sign(&SystemRandom::new(), message).ok()?;
        Some(signature.as_ref().to_vec())
    }
}

impl Sign for Ed25519KeyPair {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.try_sign(message).ok()?.as_ref().to_vec())
    }
}
