//! The registered claims as the application sees them.

use std::{fmt, time::SystemTime};

use zeroize::Zeroizing;

use super::{
    claims::Claims,
    error::{ValidationError, ValidationErrorKind},
    json::Strings,
    numeric_date::NumericDate,
};

/// The claims that have a registered name (RFC 7519 §4.1, RFC 8693 §4.3), each of the
/// type that the registration gives it.
pub struct RegisteredClaims {
    /// The token, the key's id and all strings, one after the other: one allocation for all
    /// of them, apart from the request's buffers, and wiped.
    text: Zeroizing<Box<str>>,
    token: Span,
    key_id: Option<Span>,
    issuer: Option<Span>,
    subject: Option<Span>,
    audience: Audience,
    token_id: Option<Span>,
    client_id: Option<Span>,
    expires_at: NumericDate,
    not_before: Option<NumericDate>,
    issued_at: Option<NumericDate>,
}

#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
}

enum Audience {
    None,
    One(Span),
    Many(Box<[Span]>),
}

impl RegisteredClaims {
    /// # Errors
    ///
    /// When one of them has the wrong JSON type, or `exp` is missing.
    pub(super) fn read(
        exposed_token: &str,
        key_id: Option<&str>,
        claims: &Claims<'_, '_>,
    ) -> Result<Self, ValidationError> {
        let (issuer, subject) = (claims.text("iss")?, claims.text("sub")?);
        let (token_id, client_id) = (claims.text("jti")?, claims.text("client_id")?);
        let audience = claims.texts("aud")?;
        let strings = [&issuer, &subject, &token_id, &client_id];
        let strings = strings.into_iter().flatten().map(|text| text.len());
        let key_id_size = key_id.map_or(0, str::len);
        let audiences = audience
            .iter()
            .flat_map(Strings::iter)
            .map(|text| text.len());
        let expires_at = claims
            .date("exp")?
            .ok_or_else(|| ValidationErrorKind::MissingClaim("exp".to_owned()))?;
        let (not_before, issued_at) = (claims.date("nbf")?, claims.date("iat")?);
        // All of it, so that no growing leaves a copy of the token behind.
        let size =
            exposed_token.len() + key_id_size + strings.sum::<usize>() + audiences.sum::<usize>();
        let mut text = String::with_capacity(size);
        let mut add = |value: &str| push(&mut text, value);
        Ok(Self {
            token: add(exposed_token),
            key_id: key_id.map(&mut add),
            issuer: issuer.map(|it| add(&it)),
            subject: subject.map(|it| add(&it)),
            token_id: token_id.map(|it| add(&it)),
            client_id: client_id.map(|it| add(&it)),
            audience: match audience {
                None => Audience::None,
                Some(Strings::One(one)) => Audience::One(add(&one)),
                Some(many @ Strings::Many(_)) => {
                    Audience::Many(many.iter().map(|it| add(it)).collect())
                }
            },
            expires_at,
            not_before,
            issued_at,
            text: Zeroizing::new(text.into_boxed_str()),
        })
    }

    fn get(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// `iss`: who made the token (RFC 7519 §4.1.1).
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.map(|span| self.get(span))
    }

    /// `sub`: whom the token is about (RFC 7519 §4.1.2).
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.map(|span| self.get(span))
    }

    /// `aud`: for whom the token is (RFC 7519 §4.1.3).
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        let spans = match &self.audience {
            Audience::None => &[],
            Audience::One(one) => std::slice::from_ref(one),
            Audience::Many(many) => &**many,
        };
        spans.iter().map(|span| self.get(*span))
    }

    /// `exp`: when the token ends (RFC 7519 §4.1.4). Each token that is accepted has it.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at.system_time()
    }

    /// `nbf`: when the token begins (RFC 7519 §4.1.5).
    #[must_use]
    pub fn not_before(&self) -> Option<SystemTime> {
        self.not_before.map(NumericDate::system_time)
    }

    /// `iat`: when the token was made (RFC 7519 §4.1.6).
    #[must_use]
    pub fn issued_at(&self) -> Option<SystemTime> {
        self.issued_at.map(NumericDate::system_time)
    }

    /// `jti`: the token's own name (RFC 7519 §4.1.7).
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.map(|span| self.get(span))
    }

    /// `client_id`: the client that asked for the token (RFC 8693 §4.3).
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.map(|span| self.get(span))
    }

    pub(super) fn token(&self) -> &str {
        self.get(self.token)
    }

    pub(super) fn key_id(&self) -> Option<&str> {
        self.key_id.map(|span| self.get(span))
    }

    pub(super) fn dates(&self) -> Dates {
        Dates {
            expires_at: self.expires_at,
            not_before: self.not_before,
            issued_at: self.issued_at,
        }
    }
}

/// The dates, as the rules about time compare them.
pub(super) struct Dates {
    pub(super) expires_at: NumericDate,
    pub(super) not_before: Option<NumericDate>,
    pub(super) issued_at: Option<NumericDate>,
}

fn push(text: &mut String, value: &str) -> Span {
    let start = text.len();
    text.push_str(value);
    Span {
        start,
        end: text.len(),
    }
}

impl fmt::Debug for RegisteredClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisteredClaims")
            .field("issuer", &self.issuer())
            .field("subject", &self.subject())
            .field("audience", &self.audience().collect::<Vec<_>>())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
