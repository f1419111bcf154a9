//! The token endpoint of an authorization server (RFC 6749 §3.2), over any transport.

use std::{fmt, num::NonZeroU32, sync::Arc, time::Duration};

use http::{Request, Response, Uri};
use http_body::Body;
use tower_service::Service;

use crate::{
    BoxError, BoxFuture,
    address::without_query,
    clock::{Clock, SystemClock},
    oauth::{
        AnswerFormat, ClientAuthentication, EndpointError, Grant, LogInAgain, ObtainError,
        ObtainErrorKind, ObtainToken, RefreshRequest, TokenRequest, address,
        token_request::Encoding, token_response,
    },
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
/// | request | a form (RFC 6749 §4) |
/// | refresh | to the same address, as RFC 6749 §6 says; see [`RefreshRequest`] |
/// | answer | as RFC 6749 §5 says; see [`AnswerFormat`] |
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
///
/// # Servers that want it otherwise
///
/// Client credentials as JSON, and answers in an envelope, whose `code` tells failures also
/// under status 200:
///
/// ```
/// use tower_bearer::oauth::{AnswerFormat, ClientAuth, ClientCredentials, TokenEndpoint};
///
/// let endpoint = TokenEndpoint::new("https://api.example/oauth2/token")?
///     .json()
///     .client_auth(ClientAuth::post("api-id", "hunter2"))
///     .grant(ClientCredentials::new().parameter("response_type", "token"))
///     .answer(
///         AnswerFormat::under("/data")?
///             .failed_unless("/code", [0])?
///             .message_at("/msg")?
///             .request_id_at("/requestId")?,
///     );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A refresh token in a header, to an address of its own, which refuses it by status alone:
///
/// ```
/// use http::{HeaderName, StatusCode};
/// use tower_bearer::oauth::{AnswerFormat, RefreshRequest, TokenEndpoint};
///
/// let endpoint = TokenEndpoint::new("https://api.example/auth/login")?.refresh_with(
///     RefreshRequest::header(HeaderName::from_static("refresh-token"))
///         .at("https://api.example/auth/refresh")
///         .answer(
///             AnswerFormat::new()
///                 .invalid_grant_when_status(StatusCode::UNAUTHORIZED)
///                 .message_at("/detail")?,
///         ),
/// )?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A log-in of the server's own, whose tokens lie deeper than those of a refresh, and end at
/// a time of day:
///
/// ```
/// use tower_bearer::{
///     json_pointer::JsonPointerError,
///     oauth::{AnswerFormat, LogIn, RefreshRequest, TokenEndpoint},
/// };
///
/// fn tokens_under(pointer: &str) -> Result<AnswerFormat, JsonPointerError> {
///     AnswerFormat::under(pointer)?
///         .expiry_at(&format!("{pointer}/access_expires"))?
///         .refresh_expiry_at(&format!("{pointer}/refresh_expires"))?
///         .failed_unless("/code", [0])?
///         .message_at("/msg")
/// }
///
/// let refresh = RefreshRequest::json_member("refresh_token")
///     .at("https://drive.example/api/session/refresh")
///     .answer(tokens_under("/data")?.invalid_grant_when("/code", [401, 40020])?);
/// let endpoint = TokenEndpoint::new("https://drive.example/api/session")?
///     .json()
///     .grant(LogIn::new().parameter("email", "alice@drive.example").secret("password", "hunter2"))
///     .answer(tokens_under("/data/token")?.invalid_grant_when("/code", [40020])?)
///     .refresh_with(refresh)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TokenEndpoint<T = Transport> {
    uri: Uri,
    name: Arc<str>,
    encoding: Encoding,
    answer: Arc<AnswerFormat>,
    refresh: Refresh,
    pub(super) client_auth: Option<Arc<dyn ClientAuthentication>>,
    grant: Option<Arc<dyn Grant>>,
    pub(super) clock: Arc<dyn Clock>,
    deadline: Duration,
    pub(super) transport: T,
}

/// How refresh tokens are spent, and where if not at the endpoint itself.
#[derive(Clone, Default)]
struct Refresh {
    request: RefreshRequest,
    uri: Option<Uri>,
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
        Ok(Self::at(address::protected(address)?))
    }

    /// As [`new`](Self::new), but plain `http` may go to any machine: for a mesh that
    /// encrypts below.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), without the last.
    pub fn dangerous_plain_http(address: &str) -> Result<Self, EndpointError> {
        Ok(Self::at(address::any(address)?))
    }

    fn at(uri: Uri) -> Self {
        Self {
            name: without_query(&uri).into(),
            uri,
            encoding: Encoding::Form,
            answer: Arc::default(),
            refresh: Refresh::default(),
            client_auth: None,
            grant: None,
            clock: SystemClock::shared(),
            deadline: Duration::from_secs(30),
            transport: NoTransport,
        }
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
            name: self.name,
            encoding: self.encoding,
            answer: self.answer,
            refresh: self.refresh,
            client_auth: self.client_auth,
            grant: self.grant,
            clock: self.clock,
            deadline: self.deadline,
            transport: Transport::new(transport),
        }
    }
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

    /// Sends parameters as the members of one JSON object, all of them strings; a parameter
    /// that repeats becomes an array.
    #[must_use]
    pub fn json(mut self) -> Self {
        self.encoding = Encoding::Json;
        self
    }

    /// What answers look like, where they are not as RFC 6749 §5 says.
    #[must_use]
    pub fn answer(mut self, format: AnswerFormat) -> Self {
        self.answer = Arc::new(format);
        self
    }

    /// How refresh tokens are spent, where that is not as RFC 6749 §6 says it.
    ///
    /// # Errors
    ///
    /// When the request goes to [an address](RefreshRequest::at) of its own, and that is none
    /// or is less protected than the endpoint's.
    pub fn refresh_with(mut self, request: RefreshRequest) -> Result<Self, EndpointError> {
        let own = request.address();
        let uri = own.map(|own| address::beside(&self.uri, own)).transpose()?;
        self.refresh = Refresh { request, uri };
        Ok(self)
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
    async fn first(&self) -> Result<Tokens, ObtainError> {
        let Some(grant) = &self.grant else {
            let nobody = ObtainErrorKind::LogInAgain(LogInAgain::NotLoggedIn);
            return Err(ObtainError::new(nobody));
        };
        let mut request = TokenRequest::new(self.uri.clone(), self.encoding, self.clock.wall());
        grant.add_to(&mut request).await?;
        if let Some(client_auth) = &self.client_auth {
            client_auth.authenticate(&mut request).await?;
        }
        self.ask(&request, &self.answer).await
    }

    async fn spend(&self, token: &RefreshToken) -> Result<Tokens, ObtainError> {
        let Refresh { request: how, uri } = &self.refresh;
        let uri = uri.as_ref().unwrap_or(&self.uri).clone();
        let encoding = how.encoding().unwrap_or(self.encoding);
        let mut request = TokenRequest::new(uri, encoding, self.clock.wall());
        how.add_to(token, &mut request)?;
        if let Some(client_auth) = how.client_authentication(self.client_auth.as_ref()) {
            client_auth.authenticate(&mut request).await?;
        }
        self.ask(&request, how.answer_format().unwrap_or(&self.answer))
            .await
    }

    async fn ask(
        &self,
        request: &TokenRequest,
        format: &AnswerFormat,
    ) -> Result<Tokens, ObtainError> {
        // A lifetime counts from here at the latest (RFC 6749 §5.1).
        let asked = Moment::now(&*self.clock);
        let sent = self.transport.send(request.to_http()?, self.deadline);
        let answer = sent.await.map_err(ObtainError::from);
        answer
            .and_then(|answer| {
                token_response::read(&answer, format, request.secrets(), asked, &*self.clock)
            })
            .map_err(|error| error.at(request.endpoint()))
    }
}

impl ObtainToken for TokenEndpoint {
    fn obtain(&self) -> BoxFuture<'_, Result<Tokens, ObtainError>> {
        Box::pin(self.first())
    }

    fn refresh<'a>(
        &'a self,
        token: &'a RefreshToken,
    ) -> BoxFuture<'a, Result<Tokens, ObtainError>> {
        Box::pin(self.spend(token))
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn max_attempts(&self) -> Option<NonZeroU32> {
        self.grant.as_ref()?.max_attempts()
    }
}

impl<T> fmt::Debug for TokenEndpoint<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenEndpoint")
            .field("address", &self.name)
            .finish_non_exhaustive()
    }
}
