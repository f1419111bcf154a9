//! Private keys: PKCS#8 (RFC 5958 §2), PKCS#1 (RFC 8017 A.1.2) and SEC 1 (RFC 5915 §3).

use zeroize::Zeroizing;

use super::{
    BIT_STRING, CONTEXT_0, CONTEXT_1, DAMAGED, Element, INTEGER, KeyAlgorithm, OBJECT_IDENTIFIER,
    OCTET_STRING, PRIMITIVE_1, SEQUENCE, bits, curve, elements, key_algorithm, positive, sequence,
};
use crate::jwt::{
    key_error::KeyErrorKind,
    key_material::{Curve, PrivateKey, PublicKey, RsaPrivateKey, Wiped},
};

/// The private key that `der` holds, and the public key if it says one.
///
/// # Errors
///
/// When it is damaged, encrypted, of a kind that is not supported, or a public key.
pub(in crate::jwt) fn private_key(
    der: &[u8],
) -> Result<(PrivateKey, Option<PublicKey>), KeyErrorKind> {
    const NONE: KeyErrorKind =
        KeyErrorKind::Encoding("it is not a private key in DER: PKCS#8, PKCS#1 or SEC 1");
    match sequence(der).ok_or(NONE)?.as_slice() {
        [
            (INTEGER, [0 | 1]),
            (SEQUENCE, algorithm),
            (OCTET_STRING, key),
            rest @ ..,
        ] => pkcs8(&key_algorithm(algorithm)?, key, rest),
        [(INTEGER, [1]), (OCTET_STRING, scalar), rest @ ..] => {
            let curve = sec1_curve(rest)?.ok_or(KeyErrorKind::Encoding(
                "the SEC 1 key doesn't name its curve; convert it: `openssl pkcs8 -topk8 -nocrypt -in key.pem`",
            ))?;
            sec1(curve, scalar, rest).ok_or(DAMAGED)
        }
        [(INTEGER, [0]), numbers @ ..] if numbers.len() == 8 => pkcs1(numbers).ok_or(DAMAGED),
        [(SEQUENCE, _), (OCTET_STRING, _)] => Err(KeyErrorKind::Encrypted),
        [(SEQUENCE, _), (BIT_STRING, _)]
        | [(SEQUENCE, _), (SEQUENCE, _), (BIT_STRING, _)]
        | [(INTEGER, _), (INTEGER, _)] => Err(KeyErrorKind::PublicKey),
        _ => Err(NONE),
    }
}

fn pkcs8(
    algorithm: &KeyAlgorithm,
    key: &[u8],
    rest: &[Element<'_>],
) -> Result<(PrivateKey, Option<PublicKey>), KeyErrorKind> {
    match algorithm {
        KeyAlgorithm::Rsa => match sequence(key).ok_or(DAMAGED)?.as_slice() {
            [(INTEGER, [0]), numbers @ ..] => pkcs1(numbers).ok_or(DAMAGED),
            _ => Err(DAMAGED),
        },
        KeyAlgorithm::Ec(curve) => match sequence(key).ok_or(DAMAGED)?.as_slice() {
            [(INTEGER, [1]), (OCTET_STRING, scalar), rest @ ..] => {
                if sec1_curve(rest)?.is_some_and(|named| named != *curve) {
                    return Err(DAMAGED);
                }
                sec1(*curve, scalar, rest).ok_or(DAMAGED)
            }
            _ => Err(DAMAGED),
        },
        KeyAlgorithm::Ed25519 => ed25519(key, rest).ok_or(DAMAGED),
    }
}

/// The numbers after the version, which says that there are two primes.
fn pkcs1(numbers: &[Element<'_>]) -> Option<(PrivateKey, Option<PublicKey>)> {
    let [n, e, d, p, q, dp, dq, qi] = numbers else {
        return None;
    };
    let number = |(tag, content): &Element<'_>| {
        let number = positive(content).filter(|_| *tag == INTEGER)?;
        Some(Zeroizing::new(number.to_vec()))
    };
    let key = RsaPrivateKey {
        modulus: number(n)?.as_slice().into(),
        exponent: number(e)?.as_slice().into(),
        private_exponent: number(d)?,
        primes: [number(p)?, number(q)?],
        prime_exponents: [number(dp)?, number(dq)?],
        coefficient: number(qi)?,
    };
    Some((PrivateKey::Rsa(key), None))
}

fn sec1_curve(rest: &[Element<'_>]) -> Result<Option<Curve>, KeyErrorKind> {
    match rest {
        [(CONTEXT_0, parameters), ..] => match elements(parameters).ok_or(DAMAGED)?.as_slice() {
            [(OBJECT_IDENTIFIER, name)] => curve(name).map(Some),
            _ => Err(DAMAGED),
        },
        _ => Ok(None),
    }
}

fn sec1(
    curve: Curve,
    scalar: &[u8],
    rest: &[Element<'_>],
) -> Option<(PrivateKey, Option<PublicKey>)> {
    if scalar.len() != curve.size() {
        return None;
    }
    let public_key = match rest {
        [] | [(CONTEXT_0, _)] => None,
        [(CONTEXT_1, point)] | [(CONTEXT_0, _), (CONTEXT_1, point)] => {
            match elements(point)?.as_slice() {
                [(BIT_STRING, point)] => Some(curve.point(bits(point)?)?),
                _ => return None,
            }
        }
        _ => return None,
    };
    let scalar: Wiped = Zeroizing::new(scalar.to_vec());
    Some((PrivateKey::Ec(curve, scalar), public_key))
}

/// RFC 8410 §7.
fn ed25519(key: &[u8], rest: &[Element<'_>]) -> Option<(PrivateKey, Option<PublicKey>)> {
    let public_key = match rest {
        [] | [(CONTEXT_0, _)] => None,
        [(PRIMITIVE_1, point)] | [(CONTEXT_0, _), (PRIMITIVE_1, point)] => {
            Some(PublicKey::Ed25519(bits(point)?.try_into().ok()?))
        }
        _ => return None,
    };
    match elements(key)?.as_slice() {
        [(OCTET_STRING, seed)] => {
            let seed = Zeroizing::new((*seed).try_into().ok()?);
            Some((PrivateKey::Ed25519(seed), public_key))
        }
        _ => None,
    }
}
