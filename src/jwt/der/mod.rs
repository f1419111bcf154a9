//! Keys in DER. Read here and not by the backend, so that a key is judged by the same
//! rules whichever backend uses it.
//!
//! A form is told from the others by the tags of its outermost elements, which is why no
//! function asks for the form's name.

mod private;
mod public;

pub(super) use private::private_key;
pub(crate) use public::public_key;

use super::{
    key_error::KeyErrorKind,
    key_material::{Curve, PublicKey},
};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// Context-specific tags, constructed (X.690 §8.1.2).
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_1: u8 = 0xa1;
/// The same, primitive.
const PRIMITIVE_1: u8 = 0x81;

/// 1.2.840.113549.1.1.1 (RFC 8017 A.1)
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1 (RFC 5480 §2.1.1)
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.3.101.112 (RFC 8410 §3)
const ED_25519: &[u8] = &[0x2b, 0x65, 0x70];

/// More elements than any structure here has at one level.
const MAX_ELEMENTS: usize = 16;

/// An element's tag and content.
type Element<'a> = (u8, &'a [u8]);

/// What an AlgorithmIdentifier names (RFC 5280 §4.1.1.2).
enum KeyAlgorithm {
    Rsa,
    Ec(Curve),
    Ed25519,
}

fn key_algorithm(identifier: &[u8]) -> Result<KeyAlgorithm, KeyErrorKind> {
    match elements(identifier).ok_or(DAMAGED)?.as_slice() {
        [(OBJECT_IDENTIFIER, RSA_ENCRYPTION)]
        | [(OBJECT_IDENTIFIER, RSA_ENCRYPTION), (NULL, [])] => Ok(KeyAlgorithm::Rsa),
        [
            (OBJECT_IDENTIFIER, EC_PUBLIC_KEY),
            (OBJECT_IDENTIFIER, name),
        ] => Ok(KeyAlgorithm::Ec(curve(name)?)),
        [(OBJECT_IDENTIFIER, ED_25519)] => Ok(KeyAlgorithm::Ed25519),
        [(OBJECT_IDENTIFIER, other), ..] => Err(unsupported("the key type", other)),
        _ => Err(DAMAGED),
    }
}

fn curve(name: &[u8]) -> Result<Curve, KeyErrorKind> {
    Curve::ALL
        .into_iter()
        .find(|curve| curve.object_identifier() == name)
        .ok_or_else(|| unsupported("the curve", name))
}

const DAMAGED: KeyErrorKind = KeyErrorKind::Encoding("the DER is damaged, or cut off");

fn unsupported(what: &str, identifier: &[u8]) -> KeyErrorKind {
    KeyErrorKind::Unsupported(format!("{what} {}", dotted(identifier)))
}

/// An OBJECT IDENTIFIER as people write it (X.690 §8.19), as far as it is one.
fn dotted(identifier: &[u8]) -> String {
    let mut numbers = Vec::new();
    let mut number = 0_u64;
    for byte in identifier.iter().take(32) {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            let top = (number / 40).min(2);
            match numbers.is_empty() {
                true => numbers.extend([top, number - top * 40]),
                false => numbers.push(number),
            }
            number = 0;
        }
    }
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    numbers.join(".")
}

/// The elements that `content` consists of.
fn elements(mut content: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    while let Some((&tag, rest)) = content.split_first() {
        let (length, rest) = length(rest)?;
        let (element, rest) = rest.split_at_checked(length)?;
        found.push((tag, element));
        content = rest;
        if found.len() > MAX_ELEMENTS {
            return None;
        }
    }
    Some(found)
}

/// The elements of the SEQUENCE that is all of `der`.
fn sequence(der: &[u8]) -> Option<Vec<Element<'_>>> {
    match elements(der)?.as_slice() {
        [(SEQUENCE, content)] => elements(content),
        _ => None,
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

/// The content of an INTEGER that is positive, without its leading zero.
fn positive(content: &[u8]) -> Option<&[u8]> {
    match content {
        [0, rest @ ..] if rest.first().is_some_and(|byte| byte & 0x80 != 0) => Some(rest),
        [first, ..] if *first == 0 || first & 0x80 != 0 => None,
        [] => None,
        number => Some(number),
    }
}

/// The bytes of a BIT STRING, whose first byte counts its unused bits: a key has none.
fn bits(content: &[u8]) -> Option<&[u8]> {
    match content {
        [0, bits @ ..] => Some(bits),
        _ => None,
    }
}

fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Option<PublicKey> {
    Some(PublicKey::Rsa {
        modulus: positive(modulus)?.into(),
        exponent: positive(exponent)?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::{MAX_ELEMENTS, elements, positive};

    const NULL: [u8; 2] = [5, 0];

    #[test]
    fn more_elements_than_a_key_has_are_none() {
        let most = NULL.repeat(MAX_ELEMENTS);
        assert_eq!(elements(&most).map(|found| found.len()), Some(MAX_ELEMENTS));
        assert_eq!(elements(&NULL.repeat(MAX_ELEMENTS + 1)), None);
    }

    #[test]
    fn an_integer_is_positive_and_as_short_as_it_can_be() {
        let rows: [(&[u8], Option<&[u8]>); 8] = [
            (&[], None),
            (&[0], None),
            (&[1], Some(&[1])),
            (&[0x7f, 0x80], Some(&[0x7f, 0x80])),
            (&[0x80], None),
            (&[0, 0x80], Some(&[0x80])),
            (&[0, 0x7f], None),
            (&[0, 0, 0x80], None),
        ];
        for (content, expected) in rows {
            assert_eq!(positive(content), expected, "{content:x?}");
        }
    }
}
