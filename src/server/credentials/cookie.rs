//! A token in a cookie (RFC 6265).

use http::{HeaderMap, HeaderValue, header::COOKIE};

use super::{Held, place_error::PlaceError};
use crate::challenge::Challenge;

/// One cookie, in however many `Cookie` lines (RFC 9113 §8.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CookiePlace(Box<str>);

impl CookiePlace {
    pub(super) fn new(name: &str) -> Result<Self, PlaceError> {
        // RFC 6265 §4.1.1: a token, as an authentication scheme is.
        match Challenge::is_scheme(name) {
            true => Ok(Self(name.into())),
            false => Err(PlaceError::cookie(name)),
        }
    }

    pub(super) fn find<'r>(&self, headers: &'r HeaderMap) -> Option<Held<'r>> {
        let lines = headers.get_all(COOKIE).iter();
        let pairs = lines.flat_map(|line| pairs(line.as_bytes()));
        let mut values = pairs.filter_map(|pair| self.value(pair));
        let value = values.next()?;
        Some(match values.next() {
            None => Held::token(unquoted(value)),
            Some(_) => Held::Several,
        })
    }

    fn value<'r>(&self, pair: &'r [u8]) -> Option<&'r [u8]> {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next()?, parts.next()?);
        (name.trim_ascii() == self.0.as_bytes()).then_some(value.trim_ascii())
    }

    /// Leaves the other cookies, and the lines without this one, as they are written.
    pub(super) fn remove(&self, headers: &mut HeaderMap) {
        let lines: Vec<_> = headers.get_all(COOKIE).iter().cloned().collect();
        headers.remove(COOKIE);
        for line in lines.iter().filter_map(|line| self.without(line)) {
            headers.append(COOKIE, line);
        }
    }

    fn without(&self, line: &HeaderValue) -> Option<HeaderValue> {
        let is_another = |pair: &&[u8]| self.value(pair).is_none();
        if pairs(line.as_bytes()).all(|pair| is_another(&pair)) {
            return Some(line.clone());
        }
        let others: Vec<_> = pairs(line.as_bytes()).filter(is_another).collect();
        let others = others.join(&b';');
        let rest = others.trim_ascii();
        // A part of a valid line is one.
        let mut rest = HeaderValue::from_bytes(rest)
            .ok()
            .filter(|_| !rest.is_empty())?;
        rest.set_sensitive(line.is_sensitive());
        Some(rest)
    }

    /// Keeps the token out of what inner services print, and the other cookies with it.
    pub(super) fn mark_sensitive(headers: &mut HeaderMap) {
        for (_, line) in headers.iter_mut().filter(|(name, _)| *name == COOKIE) {
            line.set_sensitive(true);
        }
    }
}

fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b';')
}

/// RFC 6265 §4.1.1 allows one pair of quotes around a value.
fn unquoted(value: &[u8]) -> &[u8] {
    let inner = value.strip_prefix(b"\"");
    inner
        .and_then(|inner| inner.strip_suffix(b"\""))
        .unwrap_or(value)
}
