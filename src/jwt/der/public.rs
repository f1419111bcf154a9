//! Public keys: SPKI (RFC 5280 §4.1.2.7), PKCS#1 (RFC 8017 A.1.1) and the key of an X.509
//! certificate (RFC 5280 §4.1).

use super::{
    BIT_STRING, CONTEXT_0, DAMAGED, Element, INTEGER, KeyAlgorithm, OCTET_STRING, SEQUENCE, bits,
    elements, key_algorithm, rsa_public_key, sequence,
};
use crate::jwt::{key_error::KeyErrorKind, key_material::PublicKey};

/// The public key that `der` holds.
///
/// # Errors
///
/// When it is damaged, of a kind that is not supported, or a private key.
pub(crate) fn public_key(der: &[u8]) -> Result<PublicKey, KeyErrorKind> {
    const NONE: KeyErrorKind = KeyErrorKind::Encoding(
        "it is not a public key in DER: SPKI, PKCS#1 or an X.509 certificate",
    );
    match sequence(der).ok_or(NONE)?.as_slice() {
        [(SEQUENCE, algorithm), (BIT_STRING, key)] => subject_public_key_info(algorithm, key),
        [(SEQUENCE, to_be_signed), (SEQUENCE, _), (BIT_STRING, _)] => certificate(to_be_signed),
        [(INTEGER, modulus), (INTEGER, exponent)] => {
            rsa_public_key(modulus, exponent).ok_or(DAMAGED)
        }
        [(SEQUENCE, _), (OCTET_STRING, _)]
        | [(INTEGER, _), (SEQUENCE | OCTET_STRING, _), ..]
        | [(INTEGER, _), (INTEGER, _), (INTEGER, _), ..] => Err(KeyErrorKind::PrivateKey),
        _ => Err(NONE),
    }
}

fn subject_public_key_info(algorithm: &[u8], key: &[u8]) -> Result<PublicKey, KeyErrorKind> {
    let algorithm = key_algorithm(algorithm)?;
    let read = || {
        let key = bits(key)?;
        match algorithm {
            KeyAlgorithm::Rsa => match sequence(key)?.as_slice() {
                [(INTEGER, modulus), (INTEGER, exponent)] => rsa_public_key(modulus, exponent),
                _ => None,
            },
            KeyAlgorithm::Ec(curve) => curve.point(key),
            KeyAlgorithm::Ed25519 => Some(PublicKey::Ed25519(key.try_into().ok()?)),
        }
    };
    read().ok_or(DAMAGED)
}

/// Of a certificate the key is read and nothing else.
fn certificate(to_be_signed: &[u8]) -> Result<PublicKey, KeyErrorKind> {
    let fields = elements(to_be_signed).ok_or(DAMAGED)?;
    match without_version(&fields) {
        // serial number, signature algorithm, issuer, validity, subject, key
        [
            (INTEGER, _),
            (SEQUENCE, _),
            (SEQUENCE, _),
            (SEQUENCE, _),
            (SEQUENCE, _),
            (SEQUENCE, info),
            ..,
        ] => match elements(info).ok_or(DAMAGED)?.as_slice() {
            [(SEQUENCE, algorithm), (BIT_STRING, key)] => subject_public_key_info(algorithm, key),
            _ => Err(DAMAGED),
        },
        _ => Err(DAMAGED),
    }
}

fn without_version<'f, 'd>(fields: &'f [Element<'d>]) -> &'f [Element<'d>] {
    match fields {
        [(CONTEXT_0, _), rest @ ..] => rest,
        all => all,
    }
}
