//! The only file of the login that names a crypto dependency: random numbers, digests, and
//! the cipher of what is handed to browsers.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, Generate, KeyInit, Payload},
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::Algorithm;

pub(super) type Key = [u8; 32];

/// As many random bytes, from the operating system.
pub(super) fn random<const N: usize>() -> Option<[u8; N]> {
    <[u8; N]>::try_generate().ok()
}

/// 256 random bits as text: what nobody guesses.
pub(super) fn random_text() -> Option<Zeroizing<String>> {
    let bits = Zeroizing::new(random::<32>()?);
    Some(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bits)))
}

/// A digest as text, of something that is too secret to be a name itself.
pub(super) fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

/// The left half of a hash as text, by the hash of that algorithm (OpenID Connect Core
/// §3.1.3.6). Ed25519 has SHA-512 inside (RFC 8032 §5.1).
pub(super) fn half_hash(algorithm: Algorithm, text: &str) -> String {
    let name = algorithm.name();
    let hash = if name.ends_with("256") {
        Sha256::digest(text).to_vec()
    } else if name.ends_with("384") {
        Sha384::digest(text).to_vec()
    } else {
        Sha512::digest(text).to_vec()
    };
    URL_SAFE_NO_PAD.encode(hash.get(..hash.len() / 2).unwrap_or_default())
}

/// Encrypts and authenticates, and authenticates the context too, which is not kept. The
/// nonce is random and stands before the rest; 192 bits of it never repeat by chance.
pub(super) fn seal(key: &Key, context: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
    let nonce = XNonce::try_generate().ok()?;
    let payload = Payload {
        msg: plaintext,
        aad: context,
    };
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&nonce, payload)
        .ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

/// The plaintext, if this key sealed it in this context and nobody has touched it.
pub(super) fn open(key: &Key, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_at_checked(size_of::<XNonce>())?;
    let nonce = XNonce::try_from(nonce).ok()?;
    let payload = Payload {
        msg: sealed,
        aad: context,
    };
    let opened = XChaCha20Poly1305::new(key.into()).decrypt(&nonce, payload);
    opened.ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `draft-irtf-cfrg-xchacha-03`, A.3.1.
    #[test]
    fn what_another_implementation_sealed_is_opened() {
        let bytes = |text: &str| -> Vec<u8> {
            let pairs = text.as_bytes().chunks(2);
            let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
            pairs.map(|pair| byte(pair).unwrap()).collect()
        };
        let key = bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
        let context = bytes("50515253c0c1c2c3c4c5c6c7");
        let sealed = bytes(concat!(
            "404142434445464748494a4b4c4d4e4f5051525354555657",
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb",
            "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452",
            "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9",
            "21f9664c97637da9768812f615c68b13b52e",
            "c0875924c1c7987947deafd8780acf49",
        ));
        let opened = open(&key.try_into().unwrap(), &context, &sealed).unwrap();
        assert!(opened.starts_with(b"Ladies and Gentlemen of the class of '99"));
    }

    #[test]
    fn only_the_same_key_and_context_open_what_nobody_has_touched() {
        let (key, context) = ([7; 32], b"session");
        let sealed = seal(&key, context, b"alice").unwrap();
        assert_eq!(**open(&key, context, &sealed).unwrap(), *b"alice");
        assert!(open(&[8; 32], context, &sealed).is_none(), "another key");
        assert!(
            open(&key, b"transaction", &sealed).is_none(),
            "another context"
        );
        for at in 0..sealed.len() {
            let mut touched = sealed.clone();
            touched[at] ^= 1;
            assert!(open(&key, context, &touched).is_none(), "byte {at}");
            assert!(open(&key, context, &sealed[..at]).is_none(), "cut at {at}");
        }
        assert_ne!(
            seal(&key, context, b"alice").unwrap(),
            sealed,
            "another nonce"
        );
    }

    #[test]
    fn the_half_of_a_hash_is_of_the_algorithms_own_size() {
        for algorithm in Algorithm::ALL {
            let expected = match algorithm.name() {
                name if name.ends_with("256") => 22,
                name if name.ends_with("384") => 32,
                _ => 43,
            };
            assert_eq!(half_hash(*algorithm, "x").len(), expected, "{algorithm}");
        }
        // OpenID Connect Core, A.3: the example of `at_hash`.
        let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(
            half_hash(Algorithm::RS256, access_token),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
    }
}
