//! What a resource server tells of itself: protected resource metadata (RFC 9728).

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ALLOW, CONTENT_TYPE},
};
use http_body_util::Full;
use serde_json::{Map, Value};
use tower_service::Service;

use crate::origin::Origin;

/// Where RFC 9728 §3 puts the document: between host and path.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The metadata of a protected resource (RFC 9728), and the service that publishes it.
///
/// A client that is refused finds the address in the challenge, and in the document which
/// authorization server to ask. MCP clients need both.
///
/// Mount it outside the guards: who has no token yet has to read it.
///
/// # Defaults
///
/// The document says that tokens come in the `Authorization` header
/// (`bearer_methods_supported`), and nothing else but what was given.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_bearer::{
///     Algorithm, KeySet, RequireJwt, Validator,
///     challenge::Challenge,
///     server::ResourceMetadata,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let metadata = ResourceMetadata::new("https://api.example/orders")?
///     .authorization_server("https://id.example")
///     .scopes_supported(["orders:read", "orders:write"]);
/// assert_eq!(metadata.path(), "/.well-known/oauth-protected-resource/orders");
///
/// # let keys = KeySet::from_secret(Algorithm::HS256, [7; 32])?;
/// let validator = Validator::new("https://id.example", "https://api.example/orders");
/// let guard = RequireJwt::<serde_json::Value>::new(validator, keys)
///     .challenge(Challenge::bearer().resource_metadata(metadata.url())?);
/// let app: Router = Router::new()
///     .route("/orders", get(|| async { "all the orders" }))
///     .layer(guard)
///     .route_service(&metadata.path().to_owned(), metadata);
/// # let _ = app;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ResourceMetadata {
    url: Uri,
    members: Map<String, Value>,
}

impl ResourceMetadata {
    /// The metadata of the resource with this identifier: the address under which clients
    /// know the API (RFC 9728 §1.2), and what its tokens have for an audience.
    ///
    /// # Errors
    ///
    /// When it is not an absolute `https` address without a fragment. Plain `http` is
    /// accepted to loopback only.
    pub fn new(resource: &str) -> Result<Self, ResourceError> {
        let refused = |why| ResourceError { why };
        if resource.contains('#') {
            return Err(refused("it holds a fragment"));
        }
        let uri: Uri = resource.parse().map_err(|_| refused("it is not a URI"))?;
        let origin = Origin::of(&uri).map_err(|_| refused("it has no host, or another scheme"))?;
        if !origin.is_https() && !origin.is_loopback() {
            return Err(refused("it is plain http to another machine"));
        }
        let url = well_known(&uri).ok_or_else(|| refused("it is not a URI"))?;
        let members = Map::from_iter([
            ("resource".to_owned(), Value::from(resource)),
            (
                "bearer_methods_supported".to_owned(),
                Value::from(vec!["header"]),
            ),
        ]);
        Ok(Self { url, members })
    }

    /// Adds an authorization server that gives out tokens for this resource: its issuer
    /// (`authorization_servers`).
    #[must_use]
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        let servers = self.members.entry("authorization_servers");
        if let Value::Array(servers) = servers.or_insert_with(|| Value::Array(Vec::new())) {
            servers.push(Value::String(issuer.into()));
        }
        self
    }

    /// The scopes that a token can have here.
    #[must_use]
    pub fn scopes_supported<S: Into<String>>(self, scopes: impl IntoIterator<Item = S>) -> Self {
        let scopes: Vec<String> = scopes.into_iter().map(Into::into).collect();
        self.member("scopes_supported", scopes)
    }

    /// Sets any member: `resource_name`, `resource_documentation`, and the others that
    /// RFC 9728 §2 registers, or one of your own. It replaces what it had.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }

    /// Where clients find the document: what the challenge's `resource_metadata` says.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// The path of [`url`](Self::url): where to mount the service.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The document (RFC 9728 §2), as JSON.
    #[must_use]
    pub fn document(&self) -> String {
        Value::Object(self.members.clone()).to_string()
    }

    fn answer(&self, method: &Method) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            return response;
        }
        let mut response = Response::new(Full::from(self.document()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

/// RFC 9728 §3.1: the well-known path comes before the identifier's own path and query; a
/// slash at the end of the host is no path.
fn well_known(resource: &Uri) -> Option<Uri> {
    let mut path = String::from(WELL_KNOWN);
    if resource.path() != "/" {
        path.push_str(resource.path());
    }
    if let Some(query) = resource.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = resource.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

impl<B> Service<Request<B>> for ResourceMetadata {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(request.method())))
    }
}

/// A text that can't identify a resource.
#[derive(Clone, PartialEq, Eq)]
pub struct ResourceError {
    why: &'static str,
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not the identifier of a resource: {}; write it as `https://api.example` (RFC 9728 §1.2)",
            self.why
        )
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceError({self})")
    }
}

impl Error for ResourceError {}
