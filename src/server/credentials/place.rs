//! One place, as it is configured.

use super::{
    cookie::{CookieNameError, CookiePlace},
    query::QueryPlace,
};
use crate::token::{Scheme, TokenHeader};

/// Where a guard looks for a token.
///
/// # Defaults
///
/// `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
///
/// # Example
///
/// ```
/// use tower_bearer::{server::Place, token::{Scheme, TokenHeader}};
///
/// Place::header(Scheme::bearer()); // Authorization: Bearer TOKEN
/// Place::header(Scheme::bare()); // Authorization: TOKEN
/// Place::header(TokenHeader::named("x-api-key")?); // X-Api-Key: TOKEN
/// Place::cookie("__Host-session")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Place(pub(super) Kind);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Header(TokenHeader),
    Query(QueryPlace),
    Cookie(CookiePlace),
}

impl Place {
    /// A header, with the word before the token that its [`TokenHeader`] names; a [`Scheme`]
    /// is that word in `Authorization`. The word is compared without regard to case
    /// (RFC 9110 §11.1).
    #[must_use]
    pub fn header(header: impl Into<TokenHeader>) -> Self {
        Self(Kind::Header(header.into()))
    }

    /// A cookie. It is read only where no header and no parameter of the guard holds
    /// anything.
    ///
    /// # Cross-site request forgery
    ///
    /// A browser adds its cookies to requests that other sites make it send, so **a guard
    /// that reads a cookie does not know that its own page has asked** (RFC 6750 §5.3).
    /// Set the cookie with `SameSite=Lax` or `Strict`, let no `GET` change anything, and
    /// let a layer outside the guard refuse what is cross-site: one that compares `Origin`
    /// or reads `Sec-Fetch-Site`, such as `tower_http::csrf`.
    ///
    /// A name that begins with `__Host-` keeps other hosts of the same domain from setting
    /// a cookie of this name (RFC 6265bis §4.1.3.2). Where two cookies have it, the request
    /// is refused.
    ///
    /// # Errors
    ///
    /// When no cookie can have that name.
    pub fn cookie(name: impl AsRef<str>) -> Result<Self, CookieNameError> {
        CookiePlace::new(name.as_ref()).map(|cookie| Self(Kind::Cookie(cookie)))
    }

    /// A parameter of the query, as in `?access_token=TOKEN` (RFC 6750 §2.3).
    ///
    /// **A token in a URI is seen by many**: it stands in the logs of each server and proxy
    /// on the way, in the browser's history and in `Referer` headers. RFC 9700 §4.3.2
    /// forbids it. It is for those who can set no header: `EventSource`, a WebSocket of a
    /// browser, a link to a download; give those a token that is good for a minute and for
    /// nothing else.
    ///
    /// Layers outside the guard have seen the URI, `remove_credentials` or not, and so has
    /// what keeps a copy of it, such as axum's `OriginalUri`. Responses of success get
    /// `Cache-Control: private`, as RFC 6750 §2.3 asks.
    ///
    /// # Example
    ///
    /// ```
    /// use tower_bearer::{server::Place, token::Scheme};
    ///
    /// let places = [Place::header(Scheme::bearer()), Place::dangerous_query("access_token")];
    /// # let _ = places;
    /// ```
    #[must_use]
    pub fn dangerous_query(parameter: impl Into<String>) -> Self {
        Self(Kind::Query(QueryPlace::new(parameter.into())))
    }
}

impl From<TokenHeader> for Place {
    fn from(header: TokenHeader) -> Self {
        Self::header(header)
    }
}

impl From<Scheme> for Place {
    fn from(scheme: Scheme) -> Self {
        Self::header(scheme)
    }
}
