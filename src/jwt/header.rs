//! The header of a token (RFC 7515 §4), and a token of which only that was read.

use std::borrow::Cow;

use super::{
    algorithm::Algorithm,
    base64url::{decode, decode_into},
    claims::Claims,
    error::{ValidationError, ValidationErrorKind},
    json::{Members, Value},
    known_headers::{Found, KnownHeaders},
    signature::MAX_SIGNATURE_SIZE,
};
use crate::{excerpt::excerpt, short_text::ShortText};

/// A token whose form and header are in order, and of which nothing is verified.
pub(crate) struct Unverified<'t> {
    token: &'t str,
    signing_input: &'t str,
    claims: &'t str,
    signature: &'t str,
    header: ReadOrKnown<'t>,
}

enum ReadOrKnown<'t> {
    Read {
        segment: &'t str,
        algorithm: Algorithm,
        key_id: Option<ShortText>,
    },
    Known(Found),
}

impl<'t> Unverified<'t> {
    /// Takes a token apart: JWS Compact Serialization (RFC 7515 §7.1). `check` judges the
    /// header's `alg` and `typ`. It has accepted all that are `known`.
    pub(super) fn read(
        token: &'t str,
        known: &KnownHeaders,
        check: impl FnOnce(Algorithm, Option<&str>) -> Result<(), ValidationError>,
    ) -> Result<Self, ValidationError> {
        let (signing_input, signature, header, claims) =
            segments(token).ok_or_else(not_three_segments)?;
        Ok(Self {
            token,
            signing_input,
            claims,
            signature,
            header: match known.find(header) {
                Some(found) => ReadOrKnown::Known(found),
                None => ReadOrKnown::read(header, check)?,
            },
        })
    }

    /// The header's `alg`.
    pub(crate) fn algorithm(&self) -> Algorithm {
        match &self.header {
            ReadOrKnown::Read { algorithm, .. } => *algorithm,
            ReadOrKnown::Known(found) => found.algorithm,
        }
    }

    /// The header's `kid`.
    pub(crate) fn key_id(&self) -> Option<&str> {
        match &self.header {
            ReadOrKnown::Read { key_id, .. } => key_id.as_ref().map(ShortText::as_str),
            ReadOrKnown::Known(found) => found.key_id(),
        }
    }

    /// To be called of a token whose signature holds.
    pub(super) fn remember_header(&self, known: &KnownHeaders) {
        if let ReadOrKnown::Read {
            segment, algorithm, ..
        } = &self.header
        {
            known.remember(segment, *algorithm, self.key_id());
        }
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
    ) -> Result<&'b [u8], ValidationError> {
        // Longer than any signature there is.
        if self.signature.len() > MAX_SIGNATURE_SIZE.div_ceil(3) * 4 {
            return Err(ValidationErrorKind::Signature.into());
        }
        decode_into(buffer, self.signature).ok_or_else(|| {
            malformed("the signature is not base64url (no padding, no trailing bits)")
        })
    }

    /// The claims, decoded into `stack` if it is large enough, else into `heap`: for
    /// [`claims_text`].
    pub(super) fn claims_bytes<'b>(
        &self,
        stack: &'b mut [u8],
        heap: &'b mut Vec<u8>,
    ) -> Option<&'b [u8]> {
        decode(self.claims, stack, heap)
    }

    /// The issuer that the token names, for a log. **Unverified.**
    pub(crate) fn peek_issuer(&self) -> Result<Option<String>, ValidationError> {
        issuer(self.claims)
    }
}

impl<'t> ReadOrKnown<'t> {
    #[inline(never)]
    fn read(
        segment: &'t str,
        check: impl FnOnce(Algorithm, Option<&str>) -> Result<(), ValidationError>,
    ) -> Result<Self, ValidationError> {
        let (mut stack, mut heap) = ([0; 512], Vec::new());
        let header = decode_text(segment, &mut stack, &mut heap).ok_or_else(|| {
            malformed("the header is not base64url (no padding, no trailing bits)")
        })?;
        let header = Header::read(header)?;
        let algorithm = header.algorithm()?;
        check(algorithm, header.token_type()?.as_deref())?;
        Ok(Self::Read {
            segment,
            algorithm,
            key_id: header.key_id()?.map(|key_id| ShortText::from(&*key_id)),
        })
    }
}

/// The issuer that a token names, for the choice of rules and keys. **Unverified.**
pub(crate) fn peek_issuer(token: &str) -> Result<Option<String>, ValidationError> {
    let claims = token.split('.').nth(1).ok_or_else(not_three_segments)?;
    issuer(claims)
}

fn issuer(claims: &str) -> Result<Option<String>, ValidationError> {
    let (mut stack, mut heap, mut members) = ([0; CLAIMS], Vec::new(), Members::new());
    let text = claims_text(decode(claims, &mut stack, &mut heap))?;
    let mut claims = Claims::new(&[]);
    claims.read(text, &mut members)?;
    Ok(claims.text("iss")?.map(Cow::into_owned))
}

/// As many bytes of claims are decoded without allocating.
pub(super) const CLAIMS: usize = 1024;

/// The text of claims that were decoded, or not.
pub(super) fn claims_text(decoded: Option<&[u8]>) -> Result<&str, ValidationError> {
    let bytes = decoded
        .ok_or_else(|| malformed("the claims are not base64url (no padding, no trailing bits)"))?;
    std::str::from_utf8(bytes).map_err(|_| malformed("the claims are not UTF-8"))
}

fn not_three_segments() -> ValidationError {
    malformed(
        "it has not three segments (five would be an encrypted token; one without any is opaque, and for `RequireToken` or the issuer to check)",
    )
}

#[cold]
fn malformed(what: &'static str) -> ValidationError {
    ValidationErrorKind::Malformed(what).into()
}

/// Signing input and signature; header and claims, of which the former is made.
fn segments(token: &str) -> Option<(&str, &str, &str, &str)> {
    let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
    let (first, second, none) = (dots.next()?, dots.next()?, dots.next());
    if none.is_some() {
        return None;
    }
    let (signing_input, signature) = token.split_at_checked(second)?;
    let (header, claims) = signing_input.split_at_checked(first)?;
    Some((signing_input, signature.get(1..)?, header, claims.get(1..)?))
}

fn decode_text<'b>(segment: &str, stack: &'b mut [u8], heap: &'b mut Vec<u8>) -> Option<&'b str> {
    std::str::from_utf8(decode(segment, stack, heap)?).ok()
}

/// There are a dozen names for members (RFC 7515 §4.1). Nobody has signed a header yet when it
/// is read: it may not cost more than what follows.
const MOST_MEMBERS: usize = 64;

/// The members of the header that decide something. `jwk`, `jku`, `x5u` and `x5c` are
/// not among them: a token never brings its own key.
#[derive(Default)]
struct Header<'h> {
    algorithm: Option<Value<'h>>,
    key_id: Option<Value<'h>>,
    token_type: Option<Value<'h>>,
}

impl<'h> Header<'h> {
    fn read(json: &'h str) -> Result<Self, ValidationError> {
        let mut header = Self::default();
        let mut is_critical = false;
        let see = |name: &str, value| {
            match name {
                "alg" => header.algorithm = Some(value),
                "kid" => header.key_id = Some(value),
                "typ" => header.token_type = Some(value),
                "crit" => is_critical = true,
                _ => {}
            }
            None
        };
        let what = "the header is not a JSON object with 64 members at most";
        Members::<'_, 4>::new().read(json, MOST_MEMBERS, what, see)?;
        // RFC 7515 §4.1.11: not understood, so not accepted.
        if is_critical {
            return Err(ValidationErrorKind::CriticalHeader.into());
        }
        Ok(header)
    }

    fn algorithm(&self) -> Result<Algorithm, ValidationError> {
        let value = self
            .algorithm
            .ok_or_else(|| malformed("the header has no `alg`"))?;
        let name = value
            .string()
            .ok_or_else(|| malformed("`alg` is not a string"))?;
        Algorithm::from_name(&name)
            .ok_or_else(|| ValidationErrorKind::UnknownAlgorithm(excerpt(&name)).into())
    }

    fn key_id(&self) -> Result<Option<Cow<'h, str>>, ValidationError> {
        let text = |value: Value<'h>| {
            value
                .string()
                .ok_or_else(|| malformed("`kid` is not a string"))
        };
        self.key_id.map(text).transpose()
    }

    fn token_type(&self) -> Result<Option<Cow<'h, str>>, ValidationError> {
        let text = |value: Value<'h>| {
            value
                .string()
                .ok_or_else(|| malformed("`typ` is not a string"))
        };
        self.token_type.map(text).transpose()
    }
}
