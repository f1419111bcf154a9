//! Public keys in DER: SPKI (RFC 5280 §4.1.2.7) and PKCS#1 (RFC 8017 A.1.1).
//!
//! Read here and not by the backend, so that a key is judged by the same rules whichever
//! backend verifies with it.

use super::signature::PublicKey;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;

/// 1.2.840.113549.1.1.1 (RFC 8017 A.1)
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1 (RFC 5480 §2.1.1)
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7 (RFC 5480 §2.1.1.1)
const PRIME_256_V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.101.112 (RFC 8410 §3)
const ED_25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The public key that `der` holds, if it is of a kind that is supported.
pub(crate) fn public_key(der: &[u8]) -> Option<PublicKey> {
    let key = whole(der, |reader| reader.element(SEQUENCE))?;
    subject_public_key_info(key).or_else(|| rsa_public_key(key))
}

fn subject_public_key_info(key: &[u8]) -> Option<PublicKey> {
    let (algorithm, bits) = whole(key, |reader| {
        Some((reader.element(SEQUENCE)?, reader.element(BIT_STRING)?))
    })?;
    // The first byte of a BIT STRING counts its unused bits: a key has none.
    let (&0, bits) = bits.split_first()? else {
        return None;
    };
    let mut algorithm = Reader(algorithm);
    match (algorithm.element(OBJECT_IDENTIFIER)?, algorithm.0) {
        (RSA_ENCRYPTION, [] | [NULL, 0]) => {
            rsa_public_key(whole(bits, |reader| reader.element(SEQUENCE))?)
        }
        (EC_PUBLIC_KEY, curve)
            if whole(curve, |reader| reader.element(OBJECT_IDENTIFIER))? == PRIME_256_V1 =>
        {
            p256_point(bits)
        }
        (ED_25519, []) => Some(PublicKey::Ed25519(bits.try_into().ok()?)),
        _ => None,
    }
}

fn rsa_public_key(key: &[u8]) -> Option<PublicKey> {
    let (modulus, exponent) = whole(key, |reader| Some((reader.positive()?, reader.positive()?)))?;
    Some(PublicKey::Rsa {
        modulus: modulus.into(),
        exponent: exponent.into(),
    })
}

/// SEC 1 §2.3.3 has two forms; the hybrid one of X9.62 is not a third.
fn p256_point(bits: &[u8]) -> Option<PublicKey> {
    match (bits.first()?, bits.len()) {
        (4, 65) | (2 | 3, 33) => Some(PublicKey::P256(bits.into())),
        _ => None,
    }
}

/// What `read` makes of `der`, if it uses all of it.
fn whole<'a, T>(der: &'a [u8], read: impl FnOnce(&mut Reader<'a>) -> Option<T>) -> Option<T> {
    let mut reader = Reader(der);
    let value = read(&mut reader)?;
    reader.0.is_empty().then_some(value)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The content of the next element, which has to have that tag.
    fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (found == tag).then_some(content)
    }

    /// The next INTEGER, which has to be positive, without its leading zero.
    fn positive(&mut self) -> Option<&'a [u8]> {
        match self.element(INTEGER)? {
            [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => Some(rest),
            [first, ..] if *first == 0 || first & 0x80 != 0 => None,
            [] => None,
            number => Some(number),
        }
    }
}

/// A length in the shortest form, as DER asks; keys are shorter than 64 KiB.
fn length(der: &[u8]) -> Option<(usize, &[u8])> {
    match der {
        [short @ ..=0x7f, rest @ ..] => Some((usize::from(*short), rest)),
        [0x81, long @ 0x80..=0xff, rest @ ..] => Some((usize::from(*long), rest)),
        [0x82, high @ 1..=0xff, low, rest @ ..] => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => None,
    }
}
