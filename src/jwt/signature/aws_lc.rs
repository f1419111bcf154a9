//! Signatures by AWS-LC.
//!
//! Keys are given to AWS-LC when they are loaded and never again: `ParsedPublicKey` and
//! `hmac::Key` keep what they parsed.

use std::sync::Arc;

use aws_lc_rs::{
    digest,
    encoding::{AsDer, Pkcs8V1Der},
    hmac,
    rand::SystemRandom,
    rsa::{KeyPairComponents, KeySize, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
        ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING,
        ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, Ed25519KeyPair,
        KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
        RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
        RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
        RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair, RsaParameters,
        RsaPublicKeyComponents, RsaSignatureEncoding,
    },
};
use zeroize::Zeroizing;

use super::{Backend, Provider, Sign, Signer, Verify};
use crate::jwt::{
    algorithm::{Algorithm, KeyType},
    der,
    key_material::{Curve, KeyMaterial, PrivateKey, PublicKey, RsaPrivateKey, Wiped},
};

impl Backend {
    /// AWS-LC (feature `aws-lc-rs`).
    pub const AWS_LC: Self = Self(&AwsLc);
}

pub(super) struct AwsLc;

impl Provider for AwsLc {
    fn name(&self) -> &'static str {
        "aws-lc-rs"
    }

    fn verifier(&self, algorithm: Algorithm, key: &KeyMaterial) -> Option<Arc<dyn Verify>> {
        match key {
            KeyMaterial::Secret(secret) => Some(Arc::new(hmac_key(algorithm, secret)?)),
            KeyMaterial::Public(PublicKey::Rsa { modulus, exponent }) => {
                let key = RsaPublicKeyComponents {
                    n: modulus,
                    e: exponent,
                };
                let key = key
                    .to_parsed_public_key(rsa_parameters(algorithm)?.0)
                    .ok()?;
                Some(Arc::new(key))
            }
            KeyMaterial::Public(PublicKey::Ec(curve, point)) => {
                let key = ParsedPublicKey::new(ecdsa(*curve).0, point).ok()?;
                Some(Arc::new(key))
            }
            KeyMaterial::Public(PublicKey::Ed25519(point)) => {
                Some(Arc::new(ParsedPublicKey::new(&ED25519, point).ok()?))
            }
        }
    }

    fn signer(&self, algorithm: Algorithm, key: &PrivateKey) -> Option<Signer> {
        match key {
            PrivateKey::Secret(secret) => Some(Signer {
                sign: Arc::new(hmac_key(algorithm, secret)?),
                public_key: None,
            }),
            PrivateKey::Rsa(key) => rsa_signer(algorithm, key),
            PrivateKey::Ec(curve, scalar) => {
                let der = sec1(*curve, scalar)?;
                let key = EcdsaKeyPair::from_private_key_der(ecdsa(*curve).1, &der).ok()?;
                let public_key = curve.point(key.public_key().as_ref());
                let sign = Arc::new(key);
                Some(Signer { sign, public_key })
            }
            PrivateKey::Ed25519(seed) => {
                let key = Ed25519KeyPair::from_seed_unchecked(&**seed).ok()?;
                let point = key.public_key().as_ref().try_into().ok()?;
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
            KeyType::Rsa => {
                let key = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
                let der: Pkcs8V1Der<'_> = key.as_der().ok()?;
                private_key(der.as_ref())
            }
            KeyType::Ec(curve) => {
                let key = EcdsaKeyPair::generate(ecdsa(curve).1).ok()?;
                private_key(key.to_pkcs8v1().ok()?.as_ref())
            }
            KeyType::Ed25519 => {
                let key = Ed25519KeyPair::generate().ok()?;
                private_key(key.to_pkcs8v1().ok()?.as_ref())
            }
        }
    }

    fn fill_randomly(&self, bytes: &mut [u8]) -> Option<()> {
        aws_lc_rs::rand::fill(bytes).ok()
    }

    fn sha256(&self, message: &[u8]) -> [u8; 32] {
        let mut hash = [0; 32];
        let digest = digest::digest(&digest::SHA256, message);
        hash.copy_from_slice(digest.as_ref());
        hash
    }
}

fn hmac_key(algorithm: Algorithm, secret: &[u8]) -> Option<hmac::Key> {
    let hash = match algorithm {
        Algorithm::HS256 => hmac::HMAC_SHA256,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        _ => return None,
    };
    Some(hmac::Key::new(hash, secret))
}

fn rsa_parameters(
    algorithm: Algorithm,
) -> Option<(&'static RsaParameters, &'static RsaSignatureEncoding)> {
    match algorithm {
        Algorithm::RS256 => Some((&RSA_PKCS1_2048_8192_SHA256, &RSA_PKCS1_SHA256)),
        Algorithm::RS384 => Some((&RSA_PKCS1_2048_8192_SHA384, &RSA_PKCS1_SHA384)),
        Algorithm::RS512 => Some((&RSA_PKCS1_2048_8192_SHA512, &RSA_PKCS1_SHA512)),
        Algorithm::PS256 => Some((&RSA_PSS_2048_8192_SHA256, &RSA_PSS_SHA256)),
        Algorithm::PS384 => Some((&RSA_PSS_2048_8192_SHA384, &RSA_PSS_SHA384)),
        Algorithm::PS512 => Some((&RSA_PSS_2048_8192_SHA512, &RSA_PSS_SHA512)),
        _ => None,
    }
}

fn ecdsa(
    curve: Curve,
) -> (
    &'static EcdsaVerificationAlgorithm,
    &'static EcdsaSigningAlgorithm,
) {
    match curve {
        Curve::P256 => (&ECDSA_P256_SHA256_FIXED, &ECDSA_P256_SHA256_FIXED_SIGNING),
        Curve::P384 => (&ECDSA_P384_SHA384_FIXED, &ECDSA_P384_SHA384_FIXED_SIGNING),
        Curve::P521 => (&ECDSA_P521_SHA512_FIXED, &ECDSA_P521_SHA512_FIXED_SIGNING),
    }
}

fn rsa_signer(algorithm: Algorithm, key: &RsaPrivateKey) -> Option<Signer> {
    let encoding = rsa_parameters(algorithm)?.1;
    let [p, q] = &key.primes;
    let [d_p, d_q] = &key.prime_exponents;
    let pair = RsaKeyPair::from_components(&KeyPairComponents {
        public_key: PublicKeyComponents {
            n: &*key.modulus,
            e: &*key.exponent,
        },
        d: key.private_exponent.as_slice(),
        p: p.as_slice(),
        q: q.as_slice(),
        dP: d_p.as_slice(),
        dQ: d_q.as_slice(),
        qInv: key.coefficient.as_slice(),
    });
    Some(Signer {
        sign: Arc::new(RsaSigner {
            key: pair.ok()?,
            encoding,
        }),
        public_key: Some(key.public_key()),
    })
}

/// The structure of RFC 5915 §3, from which AWS-LC computes the public key.
fn sec1(curve: Curve, scalar: &[u8]) -> Option<Wiped> {
    let name = curve.object_identifier();
    let short = |length: usize| u8::try_from(length).ok().filter(|it| *it < 0x80);
    let mut der = Zeroizing::new(Vec::with_capacity(16 + name.len() + scalar.len()));
    der.extend([0x30, short(9 + scalar.len() + name.len())?]);
    der.extend([0x02, 1, 1]);
    der.extend([0x04, short(scalar.len())?]);
    der.extend(scalar);
    der.extend([0xa0, short(name.len() + 2)?, 0x06, short(name.len())?]);
    der.extend(name);
    Some(der)
}

fn private_key(der: &[u8]) -> Option<PrivateKey> {
    Some(der::private_key(der).ok()?.0)
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

impl Sign for hmac::Key {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(hmac::sign(self, message).as_ref().to_vec())
    }
}

struct RsaSigner {
    key: RsaKeyPair,
    encoding: &'static RsaSignatureEncoding,
}

impl Sign for RsaSigner {
    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key
            .sign(self.encoding, &random, message, &mut signature)
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
