//! A token in a header.

use http::{HeaderMap, HeaderName};

use super::Held;
use crate::{
    challenge::Challenge,
    token::{Scheme, TokenHeader},
};

/// One header, and the words that may stand before the token in it.
#[derive(Clone, Debug)]
pub(super) struct HeaderPlace {
    pub(super) name: HeaderName,
    schemes: Vec<Scheme>,
}

impl HeaderPlace {
    pub(super) fn new(header: &TokenHeader) -> Self {
        Self {
            name: header.name().clone(),
            schemes: vec![header.scheme().clone()],
        }
    }

    /// One header is one place: a second word for it is another way to write the same
    /// credential.
    pub(super) fn add(&mut self, scheme: &Scheme) {
        self.schemes.push(scheme.clone());
    }

    /// The words, without that of a token which stands alone.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        let words = self.schemes.iter().map(Scheme::as_str);
        words.filter(|word| !word.is_empty())
    }

    fn takes_bare_tokens(&self) -> bool {
        self.schemes.contains(&Scheme::bare())
    }

    pub(super) fn find<'r>(&self, headers: &'r HeaderMap) -> Option<Held<'r>> {
        let mut lines = headers.get_all(&self.name).iter();
        let line = lines.next()?;
        Some(match lines.next() {
            None => self.read(line.as_bytes().trim_ascii()),
            Some(_) => Held::Several,
        })
    }

    fn read<'r>(&self, value: &'r [u8]) -> Held<'r> {
        if let Some(token) = self.words().find_map(|word| behind(word, value)) {
            return Held::token(token);
        }
        if self.takes_bare_tokens() {
            return Held::token(value);
        }
        let word = value.split(u8::is_ascii_whitespace).next();
        let word = word.unwrap_or_default();
        // `Bearer:abc` and the like are no scheme, so that nobody may ignore them as another's.
        match std::str::from_utf8(word).map(Challenge::is_scheme) {
            Ok(true) => Held::OtherScheme,
            _ => Held::Unreadable("the header has no scheme (RFC 9110 §11.4)"),
        }
    }

    /// Leaves what is another scheme's to whoever reads that.
    pub(super) fn remove(&self, headers: &mut HeaderMap) {
        if self.find(headers) != Some(Held::OtherScheme) {
            headers.remove(&self.name);
        }
    }

    /// Keeps the token out of what inner services print, and so the password of a scheme
    /// that was ignored.
    pub(super) fn mark_sensitive(&self, headers: &mut HeaderMap) {
        if let Some(value) = headers.get_mut(&self.name) {
            value.set_sensitive(true);
        }
    }
}

/// What stands behind that word, whatever its case (RFC 9110 §11.1), and blanks.
fn behind<'r>(word: &str, value: &'r [u8]) -> Option<&'r [u8]> {
    let (first, rest) = value.split_at_checked(word.len())?;
    let token = rest.trim_ascii_start();
    let word = word.as_bytes();
    // Mostly in the same letters, which is a quicker question.
    let is_word = first == word || first.eq_ignore_ascii_case(word);
    (is_word && (token.is_empty() || token.len() < rest.len())).then_some(token)
}
