//! Which key may be used with which algorithm, which is too weak, and which signature
//! isn't worth a look: decided before any backend sees them, so that backends agree.

use super::{
    algorithm::{Algorithm, KeyType},
    key_error::{KeyError, KeyErrorKind},
    key_material::{KeyKind, KeyMaterial, PublicKey},
};

/// Kind and strength.
pub(super) fn check(algorithm: Algorithm, key: &KeyMaterial) -> Result<(), KeyError> {
    check_kind(algorithm, key.kind())?;
    match (algorithm.key_type(), key) {
        (KeyType::Secret { minimum }, KeyMaterial::Secret(secret)) => check_secret(secret, minimum),
        (_, KeyMaterial::Public(PublicKey::Rsa { modulus, exponent })) => {
            check_rsa(modulus, exponent)
        }
        (_, KeyMaterial::Public(PublicKey::Ed25519(point))) => check_ed25519(point),
        // Whether the point is on the curve is the backend's to say.
        _ => Ok(()),
    }
}

/// Which key may be used with which algorithm (RFC 7518 §3, RFC 8037 §3.1).
pub(super) fn check_kind(algorithm: Algorithm, key: KeyKind) -> Result<(), KeyError> {
    let fits = match (algorithm.key_type(), key) {
        (KeyType::Secret { .. }, KeyKind::Secret)
        | (KeyType::Rsa, KeyKind::Rsa)
        | (KeyType::Ed25519, KeyKind::Ed25519) => true,
        (KeyType::Ec(wanted), KeyKind::Ec(curve)) => wanted == curve,
        _ => false,
    };
    let key = key.name();
    match fits {
        true => Ok(()),
        false => Err(KeyErrorKind::NotForAlgorithm { algorithm, key }.into()),
    }
}

/// Whether a backend has to look at it. RFC 8032 §5.1.7 lets the signer choose an `R` of
/// small order, and some libraries refuse it where others don't; nobody makes one by
/// chance.
pub(super) fn may_be_signature(algorithm: Algorithm, signature: &[u8]) -> bool {
    match (algorithm.key_type(), signature.first_chunk()) {
        (KeyType::Ed25519, Some(point)) => !is_of_small_order(point),
        _ => true,
    }
}

/// Everyone knows a public key: as a secret it would let everyone sign.
pub(super) fn check_no_pem(secret: &[u8]) -> Result<(), KeyError> {
    if secret.trim_ascii_start().starts_with(b"-----BEGIN ") {
        return Err(KeyErrorKind::SecretIsPem.into());
    }
    Ok(())
}

fn check_secret(secret: &[u8], minimum: usize) -> Result<(), KeyError> {
    check_no_pem(secret)?;
    if secret.len() < minimum {
        let bytes = secret.len();
        return Err(KeyErrorKind::SecretTooShort { bytes, minimum }.into());
    }
    Ok(())
}

fn check_ed25519(point: &[u8; 32]) -> Result<(), KeyError> {
    if is_of_small_order(point) {
        return Err(KeyErrorKind::Weak.into());
    }
    if !is_reduced(point) {
        return Err(
            KeyErrorKind::Encoding("the point's number is not below p (RFC 8032 §5.1.3)").into(),
        );
    }
    Ok(())
}

/// RFC 8032 §5.1.3: y is below p = 2^255 - 19, so that a key has one spelling.
fn is_reduced(point: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = point;
    last & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff) || *first < 0xed
}

fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyError> {
    let bits = bits(modulus);
    if !(2048..=8192).contains(&bits) {
        return Err(KeyErrorKind::RsaSize { bits }.into());
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    // RFC 8017 §3.1: 3 ≤ e, and e has no factor 2; the upper limit is that of AWS-LC,
    // which keeps the verification of one token cheap.
    let exponent_is_usable = is_odd(exponent) && (2..=33).contains(&self::bits(exponent));
    if !is_odd(modulus) || !exponent_is_usable {
        return Err(KeyErrorKind::Weak.into());
    }
    Ok(())
}

fn bits(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// Whether the point is one of the few for which anyone can make signatures that fit any
/// message. AWS-LC verifies by RFC 8032 §5.1.7, which doesn't ask.
fn is_of_small_order(point: &[u8; 32]) -> bool {
    const P: [u8; 32] = little_endian(0xed, 0x7f);
    const SMALL_ORDER: [[u8; 32]; 7] = [
        [0; 32],
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        little_endian(0xec, 0x7f), // p - 1
        P,
        little_endian(0xee, 0x7f), // p + 1
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut y = *point;
    y[31] &= 0x7f; // the sign of x
    SMALL_ORDER.contains(&y)
}

/// `first`, thirty times 0xff, `last`.
const fn little_endian(first: u8, last: u8) -> [u8; 32] {
    let mut number = [0xff; 32];
    number[0] = first;
    number[31] = last;
    number
}

#[cfg(test)]
mod tests {
    use super::is_reduced;

    #[test]
    fn a_number_below_p_is_reduced_whatever_the_sign() {
        let rows = [
            (0x00, 0xff, true),
            (0xec, 0xff, true),
            (0xed, 0xff, false), // p
            (0xee, 0xff, false),
            (0xff, 0xff, false),
            (0xff, 0xfe, true),
        ];
        for (first, second, expected) in rows {
            for last in [0x7f, 0xff] {
                let mut point = [0xff; 32];
                [point[0], point[1], point[31]] = [first, second, last];
                assert_eq!(
                    is_reduced(&point),
                    expected,
                    "{first:x} {second:x} {last:x}"
                );
            }
        }
    }
}
