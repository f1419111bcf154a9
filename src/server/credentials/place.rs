//! One place, as it is configured.

use super::{
    cookie::CookiePlace,
    place_error::PlaceError,
    query::QueryPlace,
    websocket::{Form, WebSocketPlace},
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
/// Place::websocket_protocol("bearer")?; // Sec-WebSocket-Protocol: bearer, TOKEN
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Place(pub(super) Kind);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Header(TokenHeader),
    WebSocket(WebSocketPlace),
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
    /// or reads `Sec-Fetch-Site`, such as `tower_http::csrf`. `RequireLogin` (feature `login`)
    /// does that by itself.
    ///
    /// A name that begins with `__Host-` keeps other hosts of the same domain from setting
    /// a cookie of this name (RFC 6265bis §4.1.3.2). Where two cookies have it, the request
    /// is refused.
    ///
    /// # Errors
    ///
    /// When no cookie can have that name.
    pub fn cookie(name: impl AsRef<str>) -> Result<Self, PlaceError> {
        CookiePlace::new(name.as_ref()).map(|cookie| Self(Kind::Cookie(cookie)))
    }

    /// The subprotocol of a WebSocket that stands behind the one of this name, as in
    /// `Sec-WebSocket-Protocol: bearer, TOKEN`.
    ///
    /// It is for pages in a browser, which can set no header of a WebSocket and name its
    /// subprotocols: `new WebSocket(url, ["bearer", token])`. Other clients use
    /// `Authorization`, which is there in the handshake as in each request, over HTTP/1.1
    /// and HTTP/2 alike.
    ///
    /// **An accepted token is always taken out**, [`remove_credentials`] or not: the service
    /// behind the guard chooses one of the list and sends it back (RFC 6455 §4.2.2). The
    /// name stays, so that there is one to choose: a browser gives up a connection for which
    /// none was chosen. In axum that is `upgrade.protocols(["bearer"])`, or the name of the
    /// application's own protocol if the page has named one besides.
    ///
    /// What stands in a list can have no `/`, `=` or `@`. A JWT is fine;
    /// [`websocket_protocol_base64url`](Self::websocket_protocol_base64url) is for tokens
    /// that are not.
    ///
    /// Layers outside the guard have seen the header: where one logs headers, mark it
    /// sensitive (`tower_http::sensitive_headers`).
    ///
    /// # Errors
    ///
    /// When no subprotocol can have that name.
    ///
    /// # Example
    ///
    /// ```
    /// use tower_bearer::{server::Place, token::Scheme};
    ///
    /// let places = [Place::header(Scheme::bearer()), Place::websocket_protocol("bearer")?];
    /// # let _ = places;
    /// # Ok::<(), tower_bearer::server::PlaceError>(())
    /// ```
    ///
    /// [`remove_credentials`]: crate::server::Guard::remove_credentials
    pub fn websocket_protocol(name: impl AsRef<str>) -> Result<Self, PlaceError> {
        Self::websocket(name.as_ref(), Form::Next)
    }

    /// The subprotocol of a WebSocket that begins like this, as in
    /// `Sec-WebSocket-Protocol: orders.v1, bearer.TOKEN`.
    ///
    /// Like [`websocket_protocol`](Self::websocket_protocol), but nothing of it stays: the
    /// page names another one for the service to choose.
    ///
    /// # Errors
    ///
    /// When no subprotocol can begin like that.
    ///
    /// # Example
    ///
    /// ```
    /// use tower_bearer::server::Place;
    ///
    /// let place = Place::websocket_protocol_prefix("bearer.")?;
    /// # let _ = place;
    /// # Ok::<(), tower_bearer::server::PlaceError>(())
    /// ```
    pub fn websocket_protocol_prefix(prefix: impl AsRef<str>) -> Result<Self, PlaceError> {
        Self::websocket(prefix.as_ref(), Form::Rest)
    }

    /// The same with the token in base64url without padding, so that any token fits in.
    ///
    /// # Errors
    ///
    /// When no subprotocol can begin like that.
    ///
    /// # Example
    ///
    /// As Kubernetes has it:
    ///
    /// ```
    /// use tower_bearer::server::Place;
    ///
    /// let place = Place::websocket_protocol_base64url("base64url.bearer.authorization.k8s.io.")?;
    /// # let _ = place;
    /// # Ok::<(), tower_bearer::server::PlaceError>(())
    /// ```
    pub fn websocket_protocol_base64url(prefix: impl AsRef<str>) -> Result<Self, PlaceError> {
        Self::websocket(prefix.as_ref(), Form::EncodedRest)
    }

    fn websocket(name: &str, form: Form) -> Result<Self, PlaceError> {
        WebSocketPlace::new(name, form).map(|place| Self(Kind::WebSocket(place)))
    }

    /// A parameter of the query, as in `?access_token=TOKEN` (RFC 6750 §2.3).
    ///
    /// **A token in a URI is seen by many**: it stands in the logs of each server and proxy
    /// on the way, in the browser's history and in `Referer` headers. RFC 9700 §4.3.2
    /// forbids it. It is for those who can set no header: `EventSource`, a
    /// link to a download; give those a token that is good for a minute and for nothing
    /// else.
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
