//! Keys that sign.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{
    algorithm::{Algorithm, KeyType},
    der,
    jwk::Jwk,
    key::{Key, KeySet},
    key_check::{check, check_kind},
    key_error::{KeyError, KeyErrorKind},
    key_material::{KeyMaterial, PrivateKey, PublicKey},
    pem,
    signature::{Backend, Sign},
};

/// A key that signs tokens. A clone is a reference count; `Debug` shows no key.
///
/// Of the backend RustCrypto, RSA signatures are not computed in constant time
/// ([`Backend`] says what follows).
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
    private_key: Arc<PrivateKey>,
    sign: Arc<dyn Sign>,
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
    /// RFC 7518 §3.2 asks: 32, 48 and 64 bytes for HS256, HS384 and HS512.
    pub fn from_secret(algorithm: Algorithm, secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let secret = Zeroizing::new(secret.as_ref().to_vec());
        Self::new(algorithm, PrivateKey::Secret(secret), None)
    }

    /// A private key in PEM: `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) or
    /// `EC PRIVATE KEY` (SEC 1).
    ///
    /// # Errors
    ///
    /// When there is none or more than one; when it is encrypted, a public key, or not one
    /// of `algorithm`.
    pub fn from_pem(algorithm: Algorithm, pem: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        match pem::sections(pem.as_ref())?.as_slice() {
            [der] => Self::from_der(algorithm, der),
            [] => Err(
                KeyErrorKind::Encoding("there is no `-----BEGIN PRIVATE KEY-----` in it").into(),
            ),
            _ => Err(KeyErrorKind::Encoding("there is more than the private key in it").into()),
        }
    }

    /// A private key in DER: PKCS#8 (RFC 5958), PKCS#1 (RFC 8017 A.1.2) or SEC 1
    /// (RFC 5915).
    ///
    /// # Errors
    ///
    /// When it is none, encrypted, a public key, or not one of `algorithm`.
    pub fn from_der(algorithm: Algorithm, der: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let (private_key, public_key) = der::private_key(der.as_ref())?;
        Self::new(algorithm, private_key, public_key)
    }

    /// A private JWK (RFC 7517 §4), with its `kid`. The algorithm is that of `alg`, or that
    /// of the key's type, as for [`KeySet::from_jwk`].
    ///
    /// # Errors
    ///
    /// When it is malformed, without its private members, or not for signing (`use`,
    /// `key_ops`); when private and public members don't belong together.
    pub fn from_jwk(json: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let jwk = Jwk::read(json.as_ref())?;
        let (algorithm, private_key, public_key) = jwk.private_key()?;
        let key = Self::new(algorithm, private_key, public_key)?;
        Ok(match jwk.kid {
            Some(key_id) => key.with_key_id(key_id),
            None => key,
        })
    }

    /// A key of `jsonwebtoken`, converted at once.
    ///
    /// # Errors
    ///
    /// When it is not one of `algorithm`.
    pub fn from_encoding_key(
        algorithm: Algorithm,
        key: &jsonwebtoken::EncodingKey,
    ) -> Result<Self, KeyError> {
        match key.family() {
            jsonwebtoken::AlgorithmFamily::Hmac => Self::from_secret(algorithm, key.as_bytes()),
            _ => Self::from_der(algorithm, key.as_bytes()),
        }
    }

    /// A new key; RSA with 2048 bits. It lasts as long as the process: good for tests.
    ///
    /// # Errors
    ///
    /// When the cryptographic backend fails.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let provider = Backend::default().provider();
        let private_key = match algorithm.key_type() {
            KeyType::Secret { minimum } => {
                let mut secret = Zeroizing::new(vec![0; minimum]);
                provider
                    .fill_randomly(&mut secret)
                    .map(|()| PrivateKey::Secret(secret))
            }
            _ => provider.generate_key_pair(algorithm),
        };
        Self::new(algorithm, private_key.ok_or(KeyErrorKind::Backend)?, None)
    }

    fn new(
        algorithm: Algorithm,
        private_key: PrivateKey,
        stated: Option<PublicKey>,
    ) -> Result<Self, KeyError> {
        let this = Self::parse(algorithm, Arc::new(private_key), Backend::default())?;
        let belongs = |stated| {
            this.public_key
                .as_ref()
                .is_some_and(|own| is_same(own, stated))
        };
        if stated.as_ref().is_some_and(|stated| !belongs(stated)) {
            return Err(KeyErrorKind::Encoding(
                "the public key in it doesn't belong to the private key",
            )
            .into());
        }
        Ok(this)
    }

    fn parse(
        algorithm: Algorithm,
        private_key: Arc<PrivateKey>,
        backend: Backend,
    ) -> Result<Self, KeyError> {
        check_kind(algorithm, private_key.kind())?;
        if let PrivateKey::Rsa(key) = &*private_key {
            // Before the backend computes with numbers of any size.
            check(algorithm, &KeyMaterial::Public(key.public_key()))?;
        }
        let signer = backend.provider().signer(algorithm, &private_key);
        let signer = signer.ok_or(KeyErrorKind::Encoding(
            "the numbers are not those of a private key",
        ))?;
        let material = match (&*private_key, &signer.public_key) {
            (PrivateKey::Secret(secret), _) => KeyMaterial::Secret(secret.clone()),
            (_, Some(public_key)) => KeyMaterial::Public(public_key.clone()),
            (_, None) => return Err(KeyErrorKind::Backend.into()),
        };
        Ok(Self {
            algorithm,
            key_id: None,
            verifier: Key::new(algorithm, material)?.with_backend(backend)?,
            private_key,
            sign: signer.sign,
            public_key: signer.public_key,
        })
    }

    /// The same key, used by this backend.
    ///
    /// # Errors
    ///
    /// When the backend refuses the key.
    pub fn with_backend(&self, backend: Backend) -> Result<Self, KeyError> {
        let same = Self::parse(self.algorithm, Arc::clone(&self.private_key), backend)?;
        Ok(match self.key_id() {
            Some(key_id) => same.with_key_id(key_id),
            None => same,
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
        let mut jwk = public_members(self.public_key.as_ref()?)?;
        let members = jwk.as_object_mut()?;
        members.insert("use".to_owned(), "sig".into());
        members.insert("alg".to_owned(), self.algorithm.name().into());
        if let Some(key_id) = &self.key_id {
            members.insert("kid".to_owned(), (&**key_id).into());
        }
        Some(jwk.to_string())
    }

    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.sign.sign(message)
    }
}

fn public_members(key: &PublicKey) -> Option<Value> {
    let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
    Some(match key {
        PublicKey::Rsa { modulus, exponent } => {
            json!({"kty": "RSA", "n": encode(modulus), "e": encode(exponent)})
        }
        PublicKey::Ec(curve, point) => {
            let (x, y) = point.get(1..)?.split_at_checked(curve.size())?;
            json!({"kty": "EC", "crv": curve.name(), "x": encode(x), "y": encode(y)})
        }
        PublicKey::Ed25519(point) => {
            json!({"kty": "OKP", "crv": "Ed25519", "x": encode(point)})
        }
    })
}

/// Whether the key that was stated is the key's own; a point may be stated compressed.
fn is_same(own: &PublicKey, stated_key: &PublicKey) -> bool {
    match (own, stated_key) {
        (PublicKey::Ec(curve, point), PublicKey::Ec(other, stated)) => match &**stated {
            [parity @ (2 | 3), x @ ..] => {
                curve == other
                    && point.get(1..=curve.size()) == Some(x)
                    && point.last().is_some_and(|last| last & 1 == parity & 1)
            }
            _ => own == stated_key,
        },
        _ => own == stated_key,
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
