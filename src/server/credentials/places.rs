//! All places of a guard, and what they hold together.

use std::borrow::Cow;

use http::{HeaderMap, Request, Uri, header::AUTHORIZATION};

use super::{
    Found, Held, Place, cookie::CookiePlace, header::HeaderPlace, place::Kind, query::QueryPlace,
    websocket::WebSocketPlace,
};
use crate::token::{Scheme, TokenHeader};

/// The places where a guard looks for a token: one [`Place`], or an array or vector of
/// them.
///
/// All headers and parameters are looked at, and together they may hold one credential. A
/// second one is a malformed request, which is answered with 400 (RFC 6750 §2, §3.1):
/// which of the two counts would be a guess. Cookies come along whether the caller wants
/// it or not, so they don't count there: they are read, in the order in which they are
/// given here, only where nothing else is.
#[derive(Clone, Debug)]
pub struct Places {
    headers: Vec<HeaderPlace>,
    websockets: Vec<WebSocketPlace>,
    queries: Vec<QueryPlace>,
    cookies: Vec<CookiePlace>,
}

/// What becomes of credentials of another scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherSchemes {
    /// Somebody wanted to be known: an anonymous answer would surprise them.
    Refused,
    Ignored,
}

/// Where an accepted token is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Where the inner service may send it back to the caller.
    OfEchoes,
    /// Wherever it stands.
    OfAll,
}

impl Places {
    fn new(places: impl IntoIterator<Item = Place>) -> Self {
        let mut this = Self {
            headers: Vec::new(),
            websockets: Vec::new(),
            queries: Vec::new(),
            cookies: Vec::new(),
        };
        for Place(kind) in places {
            match kind {
                Kind::Header(header) => this.add_header(&header),
                Kind::WebSocket(place) => push_once(&mut this.websockets, place),
                Kind::Query(query) => push_once(&mut this.queries, query),
                Kind::Cookie(cookie) => this.cookies.push(cookie),
            }
        }
        this
    }

    fn add_header(&mut self, header: &TokenHeader) {
        let mut known = self.headers.iter_mut();
        match known.find(|known| known.name == *header.name()) {
            Some(known) => known.add(header.scheme()),
            None => self.headers.push(HeaderPlace::new(header)),
        }
    }

    /// The scheme of the challenge that asks for a token here: the first word for
    /// `Authorization`, which is the header that a challenge is about. Otherwise `Bearer`:
    /// no scheme is registered for a token that stands alone, or elsewhere.
    pub(crate) fn challenge_scheme(&self) -> Cow<'static, str> {
        let mut headers = self.headers.iter();
        let authorization = headers.find(|place| place.name == AUTHORIZATION);
        match authorization.and_then(|place| place.words().next()) {
            Some(word) => Cow::Owned(word.to_owned()),
            None => Cow::Borrowed("Bearer"),
        }
    }

    /// Whether there is no place at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.headers.is_empty()
            && self.websockets.is_empty()
            && self.queries.is_empty()
            && self.cookies.is_empty()
    }

    /// Looks; `None` where nothing is.
    pub(crate) fn find<'r>(
        &self,
        headers: &'r HeaderMap,
        uri: &'r Uri,
        others: OtherSchemes,
    ) -> Option<Held<'r>> {
        let explicit = self.explicit(headers, uri, others);
        explicit.or_else(|| self.in_cookie(headers))
    }

    /// Where something is.
    pub(crate) fn found(&self, headers: &HeaderMap, uri: &Uri, others: OtherSchemes) -> Found {
        if self.explicit(headers, uri, others).is_some() {
            Found::Explicit
        } else if self.in_cookie(headers).is_some() {
            Found::Cookie
        } else {
            Found::Nowhere
        }
    }

    fn explicit<'r>(
        &self,
        headers: &'r HeaderMap,
        uri: &'r Uri,
        others: OtherSchemes,
    ) -> Option<Held<'r>> {
        let counts =
            |held: &Held<'_>| *held != Held::OtherScheme || others == OtherSchemes::Refused;
        let in_headers = self.headers.iter().filter_map(|place| place.find(headers));
        let in_websockets = self
            .websockets
            .iter()
            .filter_map(|place| place.find(headers));
        let in_query = self.queries.iter().filter_map(|place| place.find(uri));
        let in_headers = in_headers.filter(counts);
        let explicit = in_headers.chain(in_websockets).chain(in_query);
        explicit.fold(None, |first, held| match first {
            None => Some(held),
            Some(_) => Some(Held::Several),
        })
    }

    fn in_cookie<'r>(&self, headers: &'r HeaderMap) -> Option<Held<'r>> {
        self.cookies.iter().find_map(|place| place.find(headers))
    }

    /// Whether the query of the URI holds a token.
    pub(crate) fn are_in_query(&self, uri: &Uri) -> bool {
        self.queries.iter().any(|place| place.is_in(uri))
    }

    /// Takes the token out of the request.
    pub(crate) fn remove_from<B>(&self, request: &mut Request<B>, removal: Removal) {
        for place in &self.websockets {
            place.remove(request.headers_mut());
        }
        if removal == Removal::OfEchoes {
            return;
        }
        for place in &self.headers {
            place.remove(request.headers_mut());
        }
        for place in &self.queries {
            place.remove(request.uri_mut());
        }
        for place in &self.cookies {
            place.remove(request.headers_mut());
        }
    }

    /// Keeps the token out of what inner services print. The URI can't be marked.
    pub(crate) fn mark_sensitive(&self, headers: &mut HeaderMap) {
        for place in &self.headers {
            place.mark_sensitive(headers);
        }
        if !self.cookies.is_empty() {
            CookiePlace::mark_sensitive(headers);
        }
    }
}

/// A place that was named twice would hold two credentials.
fn push_once<T: PartialEq>(places: &mut Vec<T>, place: T) {
    if !places.contains(&place) {
        places.push(place);
    }
}

impl Default for Places {
    fn default() -> Self {
        Self::from(TokenHeader::default())
    }
}

impl From<Place> for Places {
    fn from(place: Place) -> Self {
        Self::new([place])
    }
}

impl From<TokenHeader> for Places {
    fn from(header: TokenHeader) -> Self {
        Self::new([Place::header(header)])
    }
}

impl From<Scheme> for Places {
    fn from(scheme: Scheme) -> Self {
        Self::new([Place::header(scheme)])
    }
}

impl<const N: usize> From<[Place; N]> for Places {
    fn from(places: [Place; N]) -> Self {
        Self::new(places)
    }
}

impl From<Vec<Place>> for Places {
    fn from(places: Vec<Place>) -> Self {
        Self::new(places)
    }
}
