//! The signature check that nobody can spare a guard.

use aws_lc_rs::{
    hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
        RsaPublicKeyComponents,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use tower_bearer::jwt::SigningKey;

use super::tokens::SECRET;

/// A prepared key of the backend and a token taken apart: nothing of ours.
pub(crate) struct BareCheck {
    key: BareKey,
    signing_input: String,
    signature: Vec<u8>,
}

impl BareCheck {
    pub(crate) fn new(key: &SigningKey, token: &str) -> Self {
        let (signing_input, signature) = token.rsplit_once('.').unwrap();
        Self {
            key: BareKey::of(key),
            signing_input: signing_input.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).unwrap(),
        }
    }

    pub(crate) fn is_signed(&self) -> bool {
        let message = std::hint::black_box(self.signing_input.as_bytes());
        match &self.key {
            BareKey::Secret(key) => hmac::verify(key, message, &self.signature).is_ok(),
            BareKey::Public(key) => key.verify_sig(message, &self.signature).is_ok(),
        }
    }
}

#[allow(clippy::large_enum_variant)] // there is one at a time
enum BareKey {
    Secret(hmac::Key),
    Public(ParsedPublicKey),
}

impl BareKey {
    fn of(key: &SigningKey) -> Self {
        let Some(jwk) = key.public_jwk() else {
            return Self::Secret(hmac::Key::new(hmac::HMAC_SHA256, &SECRET));
        };
        let jwk: Value = serde_json::from_str(&jwk).unwrap();
        let number = |name| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        Self::Public(match jwk["kty"].as_str().unwrap() {
            "RSA" => {
                let (n, e) = (number("n"), number("e"));
                let parsed = RsaPublicKeyComponents { n: &n, e: &e }
                    .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
                parsed.unwrap()
            }
            "EC" => {
                // SEC 1 §2.3.3: 4 stands for a point that is not compressed.
                let point = [vec![4], number("x"), number("y")].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).unwrap()
            }
            _ => ParsedPublicKey::new(&ED25519, number("x")).unwrap(),
        })
    }
}
