//! JWK and JWKS (RFC 7517, RFC 7518 §6, RFC 8037 §2).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{
    algorithm::Algorithm,
    key::Key,
    key_error::{KeyError, KeyErrorKind},
    key_material::{Curve, KeyMaterial, PrivateKey, PublicKey, RsaPrivateKey, Wiped},
};
use crate::excerpt::excerpt;

/// More keys than this are no set of keys but a mistake.
pub(crate) const MAX_KEYS: usize = 100;

/// `x5c`, `x5t` and whatever else is not here is ignored (RFC 7517 §4).
#[derive(Deserialize)]
pub(super) struct Jwk {
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    public_key_use: Option<String>,
    key_ops: Option<Vec<String>>,
    pub(super) kid: Option<String>,
    /// Not registered: a provider that shares one set among its tenants says here whose
    /// tokens the key signs (Entra ID).
    issuer: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<Zeroizing<String>>,
    d: Option<Zeroizing<String>>,
    p: Option<Zeroizing<String>>,
    q: Option<Zeroizing<String>>,
    dp: Option<Zeroizing<String>>,
    dq: Option<Zeroizing<String>>,
    qi: Option<Zeroizing<String>>,
    /// More than two primes (RFC 7518 §6.3.2.7).
    oth: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct JwkSet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// The key that a JWK is.
pub(crate) fn key(json: &[u8]) -> Result<Key, KeyError> {
    Jwk::read(json)?.key()
}

/// The usable keys of a JWKS that is ours.
pub(crate) fn keys(json: &[u8]) -> Result<Vec<Key>, KeyError> {
    usable_keys(json, key, |index, error| {
        tracing::warn!(index, %error, "a key of a JWKS was skipped");
    })
}

/// The usable keys of a JWKS that everybody can read: what is to be kept secret is none.
#[cfg_attr(not(feature = "server"), allow(dead_code))]
pub(crate) fn published_keys(json: &[u8]) -> Result<Vec<Key>, KeyError> {
    usable_keys(json, published_key, |index, error| match error.kind() {
        KeyErrorKind::Published => {
            tracing::error!(index, %error, "a key was published that is to be kept secret");
        }
        _ => tracing::warn!(index, %error, "a key of a JWKS was skipped"),
    })
}

fn published_key(json: &[u8]) -> Result<Key, KeyError> {
    let jwk = Jwk::read(json)?;
    match jwk.is_secret() {
        true => Err(KeyErrorKind::Published.into()),
        false => jwk.key(),
    }
}

fn usable_keys(
    json: &[u8],
    key: impl Fn(&[u8]) -> Result<Key, KeyError>,
    log: impl Fn(usize, &KeyError),
) -> Result<Vec<Key>, KeyError> {
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
                log(index, &error);
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
    pub(super) fn read(json: &[u8]) -> Result<Self, KeyError> {
        serde_json::from_slice(json).map_err(|_| {
            KeyErrorKind::Encoding("it is not a JWK: JSON, or the type of a member").into()
        })
    }

    /// Whether it has a member that nobody but its owner may see (RFC 7518 §6).
    fn is_secret(&self) -> bool {
        let members = [
            &self.k, &self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi,
        ];
        self.kty == "oct" || self.oth.is_some() || members.into_iter().any(Option::is_some)
    }

    /// What verifies.
    fn key(&self) -> Result<Key, KeyError> {
        self.check_use("verify")?;
        let algorithm = self.stated_algorithm()?;
        let key = if self.kty == "oct" {
            Key::new(required(algorithm)?, KeyMaterial::Secret(self.secret()?))?
        } else if self.d.is_some() {
            return Err(KeyErrorKind::PrivateKey.into());
        } else {
            Key::public(algorithm, self.public_key()?)?
        };
        let key = key.with_key_id(self.kid.as_deref());
        Ok(match &self.issuer {
            Some(issuer) => key.with_issuer(issuer),
            None => key,
        })
    }

    /// What signs, with what, and the public key that is said to go with it.
    pub(super) fn private_key(
        &self,
    ) -> Result<(Algorithm, PrivateKey, Option<PublicKey>), KeyError> {
        self.check_use("sign")?;
        let algorithm = self.stated_algorithm()?;
        if self.kty == "oct" {
            let secret = PrivateKey::Secret(self.secret()?);
            return Ok((required(algorithm)?, secret, None));
        }
        let public_key = self.public_key()?;
        let d = self.d.as_ref().ok_or(KeyErrorKind::PublicKey)?;
        let d = Zeroizing::new(number(Some(d))?);
        let private_key = match &public_key {
            PublicKey::Rsa { modulus, exponent } => {
                PrivateKey::Rsa(self.rsa_private_key(modulus, exponent, d)?)
            }
            PublicKey::Ec(curve, _) if d.len() == curve.size() => PrivateKey::Ec(*curve, d),
            PublicKey::Ed25519(_) if d.len() == 32 => {
                let mut seed = Zeroizing::new([0; 32]);
                seed.copy_from_slice(&d);
                PrivateKey::Ed25519(seed)
            }
            _ => return Err(WRONG_SIZE.into()),
        };
        let algorithm = algorithm.unwrap_or_else(|| Algorithm::of_key(&public_key));
        Ok((algorithm, private_key, Some(public_key)))
    }

    /// RFC 7517 §4.2 and §4.3.
    fn check_use(&self, operation: &'static str) -> Result<(), KeyError> {
        let is_for_signatures = self.public_key_use.as_deref().is_none_or(|it| it == "sig");
        let operations = self.key_ops.as_deref();
        let allows_it = operations.is_none_or(|it| it.iter().any(|it| it == operation));
        if is_for_signatures && allows_it {
            Ok(())
        } else {
            Err(KeyErrorKind::NotForSignatures.into())
        }
    }

    /// RFC 7517 §4.4.
    fn stated_algorithm(&self) -> Result<Option<Algorithm>, KeyError> {
        let read =
            |name| Algorithm::from_name(name).ok_or_else(|| unsupported("the algorithm", name));
        self.alg.as_deref().map(read).transpose()
    }

    fn secret(&self) -> Result<Wiped, KeyError> {
        number(self.k.as_ref().map(|k| k.as_str())).map(Zeroizing::new)
    }

    fn public_key(&self) -> Result<PublicKey, KeyError> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Ok(PublicKey::Rsa {
                modulus: without_leading_zeros(&number(self.n.as_deref())?).into(),
                exponent: without_leading_zeros(&number(self.e.as_deref())?).into(),
            }),
            ("EC", Some(name)) => {
                let curve = Curve::from_name(name).ok_or_else(|| unsupported("the curve", name))?;
                let (x, y) = (number(self.x.as_deref())?, number(self.y.as_deref())?);
                // RFC 7518 §6.2.1.2: the full size, whatever they begin with.
                if x.len() != curve.size() || y.len() != curve.size() {
                    return Err(WRONG_SIZE.into());
                }
                Ok(PublicKey::Ec(curve, [&[4][..], &x, &y].concat().into()))
            }
            ("OKP", Some("Ed25519")) => {
                let point = number(self.x.as_deref())?;
                let point = point.try_into().map_err(|_| WRONG_SIZE)?;
                Ok(PublicKey::Ed25519(point))
            }
            ("OKP", Some(curve)) => Err(unsupported("the curve", curve)),
            ("EC" | "OKP", None) => Err(KeyErrorKind::Encoding("it has no `crv`").into()),
            (kty, _) => Err(unsupported("the key type", kty)),
        }
    }

    /// RFC 7518 §6.3.2 lets a private key do without its primes; backends don't.
    fn rsa_private_key(
        &self,
        modulus: &[u8],
        exponent: &[u8],
        d: Wiped,
    ) -> Result<RsaPrivateKey, KeyError> {
        if self.oth.is_some() {
            return Err(KeyErrorKind::Unsupported("an RSA key of three primes".into()).into());
        }
        let wiped = |member: &Option<Zeroizing<String>>| {
            let member = member.as_ref().ok_or(KeyErrorKind::Encoding(
                "an RSA private key needs `p`, `q`, `dp`, `dq` and `qi` beside `d`",
            ))?;
            let number = Zeroizing::new(number(Some(member))?);
            Ok::<Wiped, KeyError>(Zeroizing::new(without_leading_zeros(&number).into()))
        };
        Ok(RsaPrivateKey {
            modulus: modulus.into(),
            exponent: exponent.into(),
            private_exponent: Zeroizing::new(without_leading_zeros(&d).into()),
            primes: [wiped(&self.p)?, wiped(&self.q)?],
            prime_exponents: [wiped(&self.dp)?, wiped(&self.dq)?],
            coefficient: wiped(&self.qi)?,
        })
    }
}

const WRONG_SIZE: KeyErrorKind =
    KeyErrorKind::Encoding("a coordinate or private number has not the size that its curve asks");

fn required(algorithm: Option<Algorithm>) -> Result<Algorithm, KeyError> {
    algorithm.ok_or_else(|| {
        KeyErrorKind::Encoding("a shared secret needs `alg`: it could be for any HMAC").into()
    })
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

/// RFC 7518 §6.3.1.1 warns of those who write one.
pub(crate) fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}
