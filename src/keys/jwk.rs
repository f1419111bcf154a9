//! JWK and JWKS (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::{
    excerpt::excerpt,
    jwt::{
        Algorithm,
        key::Key,
        key_error::{KeyError, KeyErrorKind},
        signature::{KeyMaterial, PublicKey},
    },
};

/// More keys than this are no set of keys but a mistake.
const MAX_KEYS: usize = 100;

/// `x5c`, `x5t` and whatever else is not here is ignored (RFC 7517 §4).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    public_key_use: Option<String>,
    key_ops: Option<Vec<String>>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<Zeroizing<String>>,
    d: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct JwkSet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// The key that a JWK is.
pub(super) fn key(json: &[u8]) -> Result<Key, KeyError> {
    let jwk: Jwk = serde_json::from_slice(json)
        .map_err(|_| KeyErrorKind::Encoding("it is not a JWK: JSON, or the type of a member"))?;
    jwk.key()
}

/// The usable keys of a JWKS.
pub(super) fn keys(json: &[u8]) -> Result<Vec<Key>, KeyError> {
    let set: JwkSet<'_> = serde_json::from_slice(json)
        .map_err(|_| KeyErrorKind::Encoding("it is not a JWKS: an object with an array `keys`"))?;
    if set.keys.len() > MAX_KEYS {
        return Err(KeyErrorKind::TooManyKeys(set.keys.len()).into());
    }
    let (mut usable, mut skipped) = (Vec::new(), Vec::new());
    for (index, jwk) in set.keys.iter().enumerate() {
        match key(jwk.get().as_bytes()) {
            Ok(key) => usable.push(key),
            Err(error) => {
                tracing::warn!(index, %error, "a key of a JWKS was skipped");
                skipped.push(format!("key {index}: {error}"));
            }
        }
    }
    if usable.is_empty() {
        return Err(KeyErrorKind::NoUsableKey(skipped).into());
    }
    Ok(usable)
}

impl Jwk {
    fn key(&self) -> Result<Key, KeyError> {
        self.check_use()?;
        let algorithm = self.algorithm()?;
        let key = if self.kty == "oct" {
            let secret = Zeroizing::new(number(self.k.as_ref().map(|k| k.as_str()))?);
            Key::new(algorithm, KeyMaterial::Secret(&secret))?
        } else {
            if self.d.is_some() {
                tracing::warn!(
                    kid = self.kid.as_deref().map(excerpt),
                    "a private JWK was given where its public members are enough"
                );
            }
            Key::new(algorithm, KeyMaterial::Public(&self.public_key()?))?
        };
        Ok(key.with_key_id(self.kid.as_deref()))
    }

    /// RFC 7517 §4.2 and §4.3.
    fn check_use(&self) -> Result<(), KeyError> {
        let is_for_signatures = self.public_key_use.as_deref().is_none_or(|it| it == "sig");
        let operations = self.key_ops.as_deref();
        let can_verify = operations.is_none_or(|it| it.iter().any(|it| it == "verify"));
        if is_for_signatures && can_verify {
            Ok(())
        } else {
            Err(KeyErrorKind::NotForSignatures.into())
        }
    }

    /// RFC 7517 §4.4: `alg`, or else what the key's type is used for.
    fn algorithm(&self) -> Result<Algorithm, KeyError> {
        let (kty, curve) = (self.kty.as_str(), self.crv.as_deref());
        match (&self.alg, kty, curve) {
            (Some(name), ..) => {
                Algorithm::from_name(name).ok_or_else(|| unsupported("the algorithm", name))
            }
            (None, "RSA", _) => Ok(Algorithm::RS256),
            (None, "EC", Some("P-256")) => Ok(Algorithm::ES256),
            (None, "OKP", Some("Ed25519")) => Ok(Algorithm::EdDSA),
            (None, "oct", _) => Err(KeyErrorKind::Encoding(
                "a shared secret needs `alg`: it could be for any HMAC",
            )
            .into()),
            (None, "EC" | "OKP", Some(curve)) => Err(unsupported("the curve", curve)),
            _ => Err(unsupported("the key type", kty)),
        }
    }

    fn public_key(&self) -> Result<PublicKey, KeyError> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Ok(PublicKey::Rsa {
                modulus: without_leading_zeros(&number(self.n.as_deref())?),
                exponent: without_leading_zeros(&number(self.e.as_deref())?),
            }),
            ("EC", Some("P-256")) => {
                let x = coordinate(self.x.as_deref())?;
                let y = coordinate(self.y.as_deref())?;
                Ok(PublicKey::P256([&[4][..], &x, &y].concat().into()))
            }
            ("OKP", Some("Ed25519")) => Ok(PublicKey::Ed25519(coordinate(self.x.as_deref())?)),
            ("EC" | "OKP", Some(curve)) => Err(unsupported("the curve", curve)),
            ("EC" | "OKP", None) => Err(KeyErrorKind::Encoding("it has no `crv`").into()),
            (kty, _) => Err(unsupported("the key type", kty)),
        }
    }
}

fn unsupported(what: &str, name: &str) -> KeyError {
    KeyErrorKind::Unsupported(format!("{what} `{}`", excerpt(name))).into()
}

fn number(text: Option<&str>) -> Result<Vec<u8>, KeyError> {
    let text = text.ok_or(KeyErrorKind::Encoding(
        "a number of the key is missing (`n`, `e`, `x`, `y` or `k`)",
    ))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| {
        KeyErrorKind::Encoding("a number of the key is not base64url without padding").into()
    })
}

/// RFC 7518 §6.2.1.2, RFC 8037 §2: the full 32 bytes, whatever they begin with.
fn coordinate(text: Option<&str>) -> Result<[u8; 32], KeyError> {
    number(text)?
        .try_into()
        .map_err(|_| KeyErrorKind::Encoding("a coordinate has not 32 bytes").into())
}

/// RFC 7518 §6.3.1.1 warns of those who write one.
fn without_leading_zeros(number: &[u8]) -> Box<[u8]> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default().into()
}
