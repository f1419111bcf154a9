//! The token endpoint of an authorization server (RFC 6749 §3.2), over any transport.

use std::{error::Error, fmt, num::NonZeroU32, sync::Arc, time::Duration};

use http::{Request, Response, Uri};
use http_body::Body;
use tower_service::Service;

use crate::{
    BoxError, BoxFuture,
    clock::{Clock, SystemClock},
    oauth::{
        ClientAuthentication, Grant, LogInAgain, ObtainError, ObtainErrorKind, ObtainToken,
        TokenRequest, grant::refresh_token, token_response,
    },
    origin::Origin,
    token::{Moment, RefreshToken, Tokens},
    transport::Transport,
};

/// Asks an authorization server for tokens.
///
/// The defaults make a client that has no name and no grant: it can spend refresh
/// tokens and nothing else. Say who asks with [`client_auth`](Self::client_auth), by
/// what right with [`grant`](Self::grant), and end with [`over`](TokenEndpoint::over).
///
/// # Defaults
///
/// | matter | default |
/// | --- | --- |
/// | encoding | form (RFC 6749 §4) |
/// | one attempt | 30 s, 1 MiB, no redirects |
/// | plain `http` | loopback only |
///
/// # Example
///
/// ```
/// # use bytes::Bytes; use http_body_util::Full;
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// use tower_bearer::oauth::{ClientAuth, ClientCredentials, TokenEndpoint};
///
/// let tokens = TokenEndpoint::new("https://id.example/oauth2/token")?
///     .client_auth(ClientAuth::basic("orders-job", "hunter2"))
///     .grant(ClientCredentials::new().scope("orders:read"))
///     .over(transport);
/// # Ok::<(), tower_bearer::oauth::EndpointError>(())
/// ```
#[derive(Clone)]
pub struct TokenEndpoint<T = Transport> {
    uri: Uri,
    client_auth: Option<Arc<dyn ClientAuthentication>>,
    grant: Option<Arc<dyn Grant>>,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    transport: T,
}

/// In place of a transport that is still to be named.
#[derive(Clone, Copy, Debug)]
pub struct NoTransport;

impl TokenEndpoint<NoTransport> {
    /// The token endpoint at this address, as the server's documentation or metadata
    /// gives it.
    ///
    /// # Errors
    ///
    /// When the address is no absolute URI, holds user information or a fragment (RFC
    /// 6749 §3.2), or is plain `http` to another machine: client secrets would be
    /// readable on the way.
    pub fn new(address: &str) -> Result<Self, EndpointError> {
        let endpoint = Self::dangerous_plain_http(address)?;
        let origin = origin(&endpoint.uri)?;
        if !origin.is_https() && !origin.is_loopback() {
            return Err(EndpointError::PlainHttp(origin));
        }
        Ok(endpoint)
    }

    /// As [`new`](Self::new), but plain `http` may go to any machine: for a mesh that
    /// encrypts below.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), without the last.
    pub fn dangerous_plain_http(address: &str) -> Result<Self, EndpointError> {
        let malformed = |why| EndpointError::Malformed { why };
        if address.contains('#') {
            return Err(malformed("it holds a fragment"));
        }
        let uri: Uri = address.parse().map_err(|_| malformed("it is not a URI"))?;
        if uri
            .authority()
            .is_some_and(|host| host.as_str().contains('@'))
        {
            return Err(malformed("it holds user information"));
        }
        origin(&uri)?;
        Ok(Self {
            uri,
            client_auth: None,
            grant: None,
            clock: SystemClock::shared(),
            deadline: Duration::from_secs(30),
            transport: NoTransport,
        })
    }

    /// Sends the requests over any cloneable Tower HTTP service whose request body can
    /// be made from bytes. It must not follow redirects by itself.
    pub fn over<S, B, R>(self, transport: S) -> TokenEndpoint
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: From<bytes::Bytes> + Send + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        TokenEndpoint {
            uri: self.uri,
            client_auth: self.client_auth,
            grant: self.grant,
            clock: self.clock,
            deadline: self.deadline,
            transport: Transport::new(transport),
        }
    }
}

fn origin(uri: &Uri) -> Result<Origin, EndpointError> {
    let why = "it has no host, or is neither https nor http";
    Origin::of(uri).map_err(|_| EndpointError::Malformed { why })
}

impl<T> TokenEndpoint<T> {
    /// How the client proves who it is.
    #[must_use]
    pub fn client_auth(mut self, client_auth: impl ClientAuthentication) -> Self {
        self.client_auth = Some(Arc::new(client_auth));
        self
    }

    /// By what right it asks.
    #[must_use]
    pub fn grant(mut self, grant: impl Grant) -> Self {
        self.grant = Some(Arc::new(grant));
        self
    }

    /// How long one attempt may take, answer included.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The clock by which expiries are reckoned; the system's unless a test moves its own.
    /// Give [`Refreshing`](crate::Refreshing) the same one.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl TokenEndpoint {
    async fn ask(&self, mut request: TokenRequest) -> Result<Tokens, ObtainError> {
        if let Some(client_auth) = &self.client_auth {
            client_auth.authenticate(&mut request).await?;
        }
        // A lifetime counts from here at the latest (RFC 6749 §5.1).
        let asked = Moment::now(&*self.clock);
        let response = self
            .transport
            .send(request.to_form(), self.deadline)
            .await?;
        token_response::read(&response, request.secrets(), asked, &*self.clock)
    }
}

impl ObtainToken for TokenEndpoint {
    fn obtain(&self) -> BoxFuture<'_, Result<Tokens, ObtainError>> {
        Box::pin(async move {
            let Some(grant) = &self.grant else {
                let nobody = ObtainErrorKind::LogInAgain(LogInAgain::NotLoggedIn);
                return Err(ObtainError::new(nobody));
            };
            let mut request = TokenRequest::new(self.uri.clone(), self.clock.wall());
            grant.add_to(&mut request).await?;
            self.ask(request).await.map_err(|error| error.at(&self.uri))
        })
    }

    fn refresh<'a>(
        &'a self,
        token: &'a RefreshToken,
    ) -> BoxFuture<'a, Result<Tokens, ObtainError>> {
        Box::pin(async move {
            let mut request = TokenRequest::new(self.uri.clone(), self.clock.wall());
            refresh_token::add_to(token, &mut request);
            self.ask(request).await.map_err(|error| error.at(&self.uri))
        })
    }

    fn max_attempts(&self) -> Option<NonZeroU32> {
        self.grant.as_ref()?.max_attempts()
    }
}

impl<T> fmt::Debug for TokenEndpoint<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint")
            .field("address", &format_args!("{}", shown(&self.uri)))
            .finish_non_exhaustive()
    }
}

/// An address that can't be a token endpoint.
#[derive(Clone)]
#[non_exhaustive]
pub enum EndpointError {
    /// No address of a server. It is not shown, since it may hold a password.
    Malformed {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Plain `http` to another machine.
    PlainHttp(Origin),
}

/// An address without its query: some hold a key there.
pub(super) fn shown(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}{}", uri.path())
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { why } => write!(
                f,
                "not the address of a token endpoint: {why}; write it as `https://id.example/oauth2/token`"
            ),
            Self::PlainHttp(origin) => write!(
                f,
                "client secrets don't go over plain http to `{origin}`; use https, a loopback address, or `TokenEndpoint::dangerous_plain_http`"
            ),
        }
    }
}

impl fmt::Debug for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointError({self})")
    }
}

impl Error for EndpointError {}
