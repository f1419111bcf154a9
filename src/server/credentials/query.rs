//! A token in the query of the URI (RFC 6750 §2.3).

use http::{Uri, uri::PathAndQuery};
use percent_encoding::percent_decode_str;

use super::Held;

/// One parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueryPlace(Box<str>);

impl QueryPlace {
    pub(super) fn new(parameter: String) -> Self {
        Self(parameter.into())
    }

    pub(super) fn find<'r>(&self, uri: &'r Uri) -> Option<Held<'r>> {
        let mut values = uri.query()?.split('&').filter_map(|pair| self.value(pair));
        let value = values.next()?;
        Some(match values.next() {
            None => decode(value),
            Some(_) => Held::Several,
        })
    }

    pub(super) fn is_in(&self, uri: &Uri) -> bool {
        uri.query().is_some_and(|query| self.stands_in(query))
    }

    fn stands_in(&self, query: &str) -> bool {
        query.split('&').any(|pair| self.value(pair).is_some())
    }

    /// The value, as it is written, if the pair is of this parameter. Its name may be
    /// percent-encoded: those who read the query after us decode it too.
    fn value<'q>(&self, pair: &'q str) -> Option<&'q str> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_ours = name == &*self.0 || percent_decode_str(name).eq(self.0.bytes());
        is_ours.then_some(value)
    }

    /// Leaves the rest of the query as it is written.
    pub(super) fn remove(&self, uri: &mut Uri) {
        let Some(query) = uri.query().filter(|query| self.stands_in(query)) else {
            return;
        };
        let mut rest = uri.path().to_owned();
        let others = query.split('&').filter(|pair| self.value(pair).is_none());
        for (position, pair) in others.enumerate() {
            rest.push(if position == 0 { '?' } else { '&' });
            rest.push_str(pair);
        }
        let mut parts = std::mem::take(uri).into_parts();
        parts.path_and_query = PathAndQuery::try_from(rest).ok();
        // A part of a valid URI is one.
        *uri = Uri::from_parts(parts).unwrap_or_default();
    }
}

/// Strictly: a `%` without two digits is no token. A `+` stands for itself, as in RFC 3986:
/// it may be part of a token (RFC 6750 §2.1), and a space may not.
fn decode(value: &str) -> Held<'_> {
    if value.is_empty() {
        return Held::EMPTY;
    }
    let has_digits = |after: &str| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !value.split('%').skip(1).all(has_digits) {
        return Held::Unreadable("the percent-encoding is broken (RFC 3986 §2.1)");
    }
    Held::Token(percent_decode_str(value).into())
}
