//! Making tokens: for issuers, for tests, for debugging on one's own machine.
//!
//! A resource server never makes tokens in production. One that holds the means to sign
//! what it is going to accept has nobody to ask whether a token is good.

use std::{error::Error, fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls_pki_types::pem::{PemObject, SectionKind};
use serde::Serialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{
    algorithm::Algorithm,
    key::{Key, KeySet},
    key_error::{KeyError, KeyErrorKind},
    signature::{self, KeyMaterial, KeyPair, PublicKey, Sign},
};
use crate::secret::Secret;

/// A key that signs tokens. A clone is a reference count; `Debug` shows no key.
///
/// # Example
///
/// ```
/// use tower_bearer::{Algorithm, jwt::SigningKey};
///
/// let key = SigningKey::generate(Algorithm::ES256)?.with_key_id("2026-01");
/// assert_eq!(key.verification_keys().len(), 1); // what an API verifies its tokens with
/// # Ok::<(), tower_bearer::keys::KeyError>(())
/// ```
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    key_id: Option<Box<str>>,
    signer: Arc<dyn Sign>,
    verifier: Key,
    /// None for a shared secret.
    public_key: Option<PublicKey>,
}

impl SigningKey {
    /// A shared secret.
    ///
    /// # Errors
    ///
    /// When `algorithm` is not one of shared secrets, or the secret is shorter than
    /// RFC 7518 §3.2 asks: 32 bytes for HS256.
    pub fn from_secret(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let secret = secret.as_ref();
        let verifier = Key::new(algorithm, KeyMaterial::Secret(secret))?;
        let signer = signature::secret_signer(algorithm, secret).ok_or(KeyErrorKind::Backend)?;
        Ok(Self {
            algorithm,
            key_id: None,
            signer,
            verifier,
            public_key: None,
        })
    }

    /// A private key in PKCS#8 PEM: `-----BEGIN PRIVATE KEY-----`.
    ///
    /// # Errors
    ///
    /// When there is none, or it is not one of `algorithm`.
    pub fn from_pkcs8_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_ref());
        let (kind, der) = sections
            .next()
            .and_then(Result::ok)
            .ok_or(KeyErrorKind::Encoding("there is no PEM section in it"))?;
        let der = Zeroizing::new(der);
        if kind != SectionKind::PrivateKey {
            return Err(KeyErrorKind::Encoding(
                "the PEM section is not a `PRIVATE KEY`; convert it: `openssl pkcs8 -topk8 -nocrypt -in key.pem`",
            )
            .into());
        }
        Self::from_pkcs8_der(algorithm, &*der)
    }

    /// A private key in PKCS#8 DER.
    ///
    /// # Errors
    ///
    /// When it is none, or not one of `algorithm`.
    pub fn from_pkcs8_der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let pair = signature::key_pair_from_pkcs8(algorithm, der.as_ref()).ok_or(
            KeyErrorKind::Encoding("it is not a private key of this algorithm in PKCS#8"),
        )?;
        Self::from_pair(algorithm, pair)
    }

    /// A new key; RSA with 2048 bits. It lasts as long as the process: good for tests.
    ///
    /// # Errors
    ///
    /// When the cryptographic backend fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        if algorithm == Algorithm::HS256 {
            let secret = signature::random_secret().ok_or(KeyErrorKind::Backend)?;
            return Self::from_secret(algorithm, secret.as_slice());
        }
        let pair = signature::generate_key_pair(algorithm).ok_or(KeyErrorKind::Backend)?;
        Self::from_pair(algorithm, pair)
    }

    fn from_pair(algorithm: Algorithm, pair: KeyPair) -> Result<Self, KeyError> {
        Ok(Self {
            algorithm,
            key_id: None,
            verifier: Key::new(algorithm, KeyMaterial::Public(&pair.public_key))?,
            signer: pair.signer,
            public_key: Some(pair.public_key),
        })
    }

    /// The same with a `kid`: tokens name it, and the public key carries it.
    #[must_use]
    pub fn with_key_id(mut self, key_id: impl Into<String>) -> Self {
        let key_id = key_id.into();
        self.verifier = self.verifier.with_key_id(Some(&key_id));
        self.key_id = Some(key_id.into());
        self
    }

    /// The algorithm it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its `kid`.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What verifies its tokens. **Of a shared secret that is the secret itself**: whoever
    /// has it can sign.
    #[must_use]
    pub fn verification_keys(&self) -> KeySet {
        KeySet::new(vec![self.verifier.clone()])
    }

    /// The public JWK (RFC 7517 §4) as JSON text, for a JWKS: `{"keys":[…]}`. `None` for a
    /// shared secret, which has no public part.
    #[must_use]
    pub fn public_jwk(&self) -> Option<String> {
        let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        let mut jwk = match self.public_key.as_ref()? {
            PublicKey::Rsa { modulus, exponent } => {
                json!({"kty": "RSA", "n": encode(modulus), "e": encode(exponent)})
            }
            PublicKey::P256(point) => {
                let (x, y) = point.get(1..)?.split_at_checked(32)?;
                json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
            PublicKey::Ed25519(point) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(point)})
            }
        };
        let members = jwk.as_object_mut()?;
        members.insert("use".to_owned(), "sig".into());
        members.insert("alg".to_owned(), self.algorithm.name().into());
        if let Some(key_id) = &self.key_id {
            members.insert("kid".to_owned(), (&**key_id).into());
        }
        Some(jwk.to_string())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Makes tokens with one key.
///
/// **Not for the production of a resource server**: for issuers, for tests, and for
/// debugging on one's own machine.
///
/// # Example
///
/// ```
/// use tower_bearer::{Algorithm, jwt::{Minter, SigningKey}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let minter = Minter::new(SigningKey::generate(Algorithm::EdDSA)?).token_type("at+jwt");
/// let token = minter.mint(&serde_json::json!({"sub": "alice", "exp": 2_000_000_000}))?;
/// assert_eq!(token.expose().split('.').count(), 3);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Minter {
    key: SigningKey,
    header: Map<String, Value>,
}

impl Minter {
    /// Tokens of `key`, with its `alg` and `kid` and with `typ: JWT`.
    #[must_use]
    pub fn new(key: SigningKey) -> Self {
        let mut header = Map::new();
        header.insert("alg".to_owned(), key.algorithm.name().into());
        if let Some(key_id) = key.key_id() {
            header.insert("kid".to_owned(), key_id.into());
        }
        Self { key, header }.token_type("JWT")
    }

    /// Writes another `typ`, such as `at+jwt` (RFC 9068 §2.1).
    #[must_use]
    pub fn token_type(mut self, token_type: impl Into<String>) -> Self {
        self.header
            .insert("typ".to_owned(), Value::String(token_type.into()));
        self
    }

    /// A token with these claims, written as they are: no claim is added.
    ///
    /// # Errors
    ///
    /// When the claims are not a JSON object, or the cryptographic backend fails.
    pub fn mint(&self, claims: &(impl Serialize + ?Sized)) -> Result<Secret, MintError> {
        let claims = serde_json::to_string(claims).map_err(|error| MintError {
            what: "the claims can't be written as JSON",
            source: Some(Arc::new(error)),
        })?;
        if !claims.starts_with('{') {
            return Err(MintError::new("the claims are not a JSON object"));
        }
        let header = Value::Object(self.header.clone()).to_string();
        let mut token = Zeroizing::new(URL_SAFE_NO_PAD.encode(header));
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.key.signer.sign(token.as_bytes());
        let signature =
            signature.ok_or_else(|| MintError::new("the cryptographic backend failed"))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(Secret::from(token))
    }
}

/// A token that could not be made.
#[derive(Clone)]
pub struct MintError {
    what: &'static str,
    source: Option<Arc<serde_json::Error>>,
}

impl MintError {
    fn new(what: &'static str) -> Self {
        Self { what, source: None }
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says, and why.
impl fmt::Debug for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("MintError");
        shown.field(&self.to_string());
        if let Some(source) = &self.source {
            shown.field(source);
        }
        shown.finish()
    }
}

impl fmt::Display for MintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no token was made: {}", self.what)
    }
}

impl Error for MintError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}
