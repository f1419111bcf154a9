//! The header of a token (RFC 7515 §4), and a token of which only that was read.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::value::RawValue;

use super::{
    algorithm::Algorithm,
    claims::Claims,
    error::{
        ValidationError,
        ValidationErrorKind::{self, Malformed},
    },
    json::{members, string},
    signature::MAX_SIGNATURE_SIZE,
    tap,
};
use crate::excerpt::excerpt;

/// A token whose form and header are in order, and of which nothing is verified.
pub(crate) struct Unverified<'t> {
    token: &'t str,
    signing_input: &'t str,
    claims: &'t str,
    signature: &'t str,
    algorithm: Algorithm,
    key_id: Option<Box<str>>,
}

impl<'t> Unverified<'t> {
    /// Takes a token apart: JWS Compact Serialization (RFC 7515 §7.1). `check` judges the
    /// header's `alg` and `typ`.
    pub(super) fn read(
        token: &'t str,
        check: impl FnOnce(Algorithm, Option<&str>) -> Result<(), ValidationErrorKind>,
    ) -> Result<Self, ValidationErrorKind> {
        let (signing_input, signature) = token.rsplit_once('.').ok_or(NOT_THREE_SEGMENTS)?;
        let (header, claims) = signing_input.split_once('.').ok_or(NOT_THREE_SEGMENTS)?;
        if claims.contains('.') {
            return Err(NOT_THREE_SEGMENTS);
        }
        let (mut stack, mut heap) = ([0; 512], Vec::new());
        let header = decode(header, &mut stack, &mut heap).ok_or(Malformed(
            "the header is not base64url (no padding, no trailing bits)",
        ))?;
        let header = Header::read(header)?;
        let algorithm = header.algorithm()?;
        check(algorithm, header.token_type()?.as_deref())?;
        Ok(Self {
            token,
            signing_input,
            claims,
            signature,
            algorithm,
            key_id: header.key_id()?.map(Into::into),
        })
    }

    /// The header's `alg`.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The header's `kid`.
    pub(crate) fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The signature as it is written.
    pub(crate) fn signature_text(&self) -> &'t str {
        self.signature
    }

    pub(super) fn token(&self) -> &'t str {
        self.token
    }

    /// What is signed (RFC 7515 §5.1, step 5).
    pub(super) fn signing_input(&self) -> &'t [u8] {
        self.signing_input.as_bytes()
    }

    /// The signature, decoded into `buffer`.
    pub(super) fn signature<'b>(
        &self,
        buffer: &'b mut [u8; MAX_SIGNATURE_SIZE + 8],
    ) -> Result<&'b [u8], ValidationErrorKind> {
        // Longer than any signature there is.
        if self.signature.len() > MAX_SIGNATURE_SIZE.div_ceil(3) * 4 {
            return Err(ValidationErrorKind::Signature);
        }
        let length = URL_SAFE_NO_PAD
            .decode_slice(self.signature, buffer)
            .map_err(|_| {
                Malformed("the signature is not base64url (no padding, no trailing bits)")
            })?;
        buffer.get(..length).ok_or(ValidationErrorKind::Signature)
    }

    /// The text of the claims.
    pub(super) fn claims(&self) -> Result<String, ValidationErrorKind> {
        text(self.claims)
    }

    /// The issuer that the token names, for a log. **Unverified.**
    pub(crate) fn peek_issuer(&self) -> Result<Option<String>, ValidationError> {
        Ok(issuer(self.claims)?)
    }
}

/// The issuer that a token names, for the choice of rules and keys. **Unverified.**
pub(crate) fn peek_issuer(token: &str) -> Result<Option<String>, ValidationError> {
    let claims = token.split('.').nth(1).ok_or(NOT_THREE_SEGMENTS)?;
    Ok(issuer(claims)?)
}

fn issuer(claims: &str) -> Result<Option<String>, ValidationErrorKind> {
    let text = text(claims)?;
    let mut claims = Claims::new(&[]);
    tap::keep(&text, &mut claims)?;
    Ok(claims.text("iss")?.map(Cow::into_owned))
}

fn text(claims: &str) -> Result<String, ValidationErrorKind> {
    let bytes = URL_SAFE_NO_PAD
        .decode(claims)
        .map_err(|_| Malformed("the claims are not base64url (no padding, no trailing bits)"))?;
    String::from_utf8(bytes).map_err(|_| Malformed("the claims are not UTF-8"))
}

const NOT_THREE_SEGMENTS: ValidationErrorKind =
    Malformed("it has not three segments (five would be an encrypted token, none an opaque one)");

/// Decodes into `stack` if it is large enough for it.
fn decode<'b>(segment: &str, stack: &'b mut [u8], heap: &'b mut Vec<u8>) -> Option<&'b str> {
    let bytes = if segment.len() <= stack.len() {
        let length = URL_SAFE_NO_PAD.decode_slice(segment, stack).ok()?;
        stack.get(..length)?
    } else {
        URL_SAFE_NO_PAD.decode_vec(segment, heap).ok()?;
        heap
    };
    std::str::from_utf8(bytes).ok()
}

/// The members of the header that decide something. `jwk`, `jku`, `x5u` and `x5c` are
/// not among them: a token never brings its own key.
#[derive(Default)]
struct Header<'h> {
    algorithm: Option<&'h RawValue>,
    key_id: Option<&'h RawValue>,
    token_type: Option<&'h RawValue>,
}

impl<'h> Header<'h> {
    fn read(json: &'h str) -> Result<Self, ValidationErrorKind> {
        let mut header = Self::default();
        let mut is_critical = false;
        members(
            json,
            "the header is not a JSON object",
            |name, value| match name {
                "alg" => header.algorithm = Some(value),
                "kid" => header.key_id = Some(value),
                "typ" => header.token_type = Some(value),
                "crit" => is_critical = true,
                _ => {}
            },
        )?;
        // RFC 7515 §4.1.11: not understood, so not accepted.
        if is_critical {
            return Err(ValidationErrorKind::CriticalHeader);
        }
        Ok(header)
    }

    fn algorithm(&self) -> Result<Algorithm, ValidationErrorKind> {
        let raw = self.algorithm.ok_or(Malformed("the header has no `alg`"))?;
        let name = string(raw).ok_or(Malformed("`alg` is not a string"))?;
        Algorithm::from_name(&name)
            .ok_or_else(|| ValidationErrorKind::AlgorithmNotAllowed(excerpt(&name)))
    }

    fn key_id(&self) -> Result<Option<Cow<'h, str>>, ValidationErrorKind> {
        let text = |raw| string(raw).ok_or(Malformed("`kid` is not a string"));
        self.key_id.map(text).transpose()
    }

    fn token_type(&self) -> Result<Option<Cow<'h, str>>, ValidationErrorKind> {
        let text = |raw| string(raw).ok_or(Malformed("`typ` is not a string"));
        self.token_type.map(text).transpose()
    }
}
