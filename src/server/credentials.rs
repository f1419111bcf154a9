//! Where a token stands in a request.

use std::borrow::Cow;

use http::{HeaderMap, header::AUTHORIZATION};

use crate::{challenge::Challenge, token::Scheme};

/// Where a guard looks for a token.
///
/// # Defaults
///
/// `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
///
/// # Example
///
/// ```
/// use tower_bearer::{server::Place, token::Scheme};
///
/// Place::authorization(Scheme::word("Token")?); // Authorization: Token TOKEN
/// Place::authorization(Scheme::bare()); // Authorization: TOKEN
/// # Ok::<(), tower_bearer::token::SchemeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Place {
    scheme: Scheme,
}

impl Place {
    /// The `Authorization` header, with this word before the token. The word is
    /// compared without regard to case (RFC 9110 §11.1).
    #[must_use]
    pub fn authorization(scheme: Scheme) -> Self {
        Self { scheme }
    }

    /// The scheme of the challenge that asks for a token in this place. A token without
    /// a word is asked for as `Bearer`: no scheme of that form is registered.
    pub(super) fn challenge_scheme(&self) -> Cow<'static, str> {
        match self.scheme.as_str() {
            "" => Cow::Borrowed("Bearer"),
            word => Cow::Owned(word.to_owned()),
        }
    }

    /// Looks; decides nothing.
    pub(super) fn find<'r>(&self, headers: &'r HeaderMap) -> Found<'r> {
        let mut lines = headers.get_all(AUTHORIZATION).iter();
        let Some(line) = lines.next() else {
            return Found::Absent(Absence::Nothing);
        };
        if lines.next().is_some() {
            return Found::Several;
        }
        let value = line.as_bytes().trim_ascii();
        match self.scheme.as_str() {
            "" => token(value),
            word => token_after(word, value),
        }
    }

    /// Takes the token out of the request.
    pub(super) fn remove(&self, headers: &mut HeaderMap) {
        headers.remove(AUTHORIZATION);
    }

    /// Keeps the token out of what inner services print, and so the password of a scheme
    /// that was ignored.
    pub(super) fn mark_sensitive(&self, headers: &mut HeaderMap) {
        if let Some(value) = headers.get_mut(AUTHORIZATION) {
            value.set_sensitive(true);
        }
    }
}

/// What stands in the places of a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found<'r> {
    Absent(Absence),
    Token(&'r str),
    /// One credential that can't be a token.
    Unreadable(&'static str),
    /// More than one credential: which one counts would be a guess (RFC 6750 §2).
    Several,
}

/// Why there is no credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// No place holds anything.
    Nothing,
    /// A credential of another scheme, such as `Basic`.
    OtherScheme,
}

fn token_after<'r>(word: &str, value: &'r [u8]) -> Found<'r> {
    let mut parts = value.splitn(2, |byte| byte.is_ascii_whitespace());
    let scheme = parts.next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case(word.as_bytes()) {
        return token(parts.next().unwrap_or_default().trim_ascii_start());
    }
    // `Bearer:abc` and the like are no scheme, so that nobody may ignore them as another's.
    match std::str::from_utf8(scheme).map(Challenge::is_scheme) {
        Ok(true) => Found::Absent(Absence::OtherScheme),
        _ => Found::Unreadable("the header has no scheme (RFC 9110 §11.4)"),
    }
}

fn token(value: &[u8]) -> Found<'_> {
    match std::str::from_utf8(value) {
        Ok("") => Found::Unreadable("there is no token"),
        Ok(token) => Found::Token(token),
        Err(_) => Found::Unreadable("not UTF-8"),
    }
}
