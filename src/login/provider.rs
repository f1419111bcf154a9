//! Who logs people in.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    authorization_request::{self, OURS},
    page::{PageKind, Problem},
    transaction::Transaction,
};
use crate::{
    BoxError, ClientAuth, RemoteKeySet, ScopeSet, TokenEndpoint,
    clock::{Clock, SystemClock},
    keys::{AddressError, ServerMetadata, remote::RemoteKeySetBuilder},
    oauth::{AuthorizationCode, ObtainError, ObtainErrorKind, ObtainToken},
    token::{RefreshToken, Tokens},
    transport::Transport,
};

/// An OpenID provider, and who this site is to it.
///
/// Endpoints and keys come from the provider's metadata (OpenID Connect Discovery 1.0), which
/// is read when it is first needed, and again from time to time. A clone is a reference count.
///
/// # Example
///
/// ```
/// # use bytes::Bytes; use http_body_util::Full;
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// use tower_bearer::{ClientAuth, login::Provider};
///
/// let provider = Provider::discover("https://id.example", ClientAuth::basic("orders", "hunter2"))?
///     .scope("orders:read")
///     .parameter("ui_locales", "de")
///     .over(transport);
/// # Ok::<(), tower_bearer::keys::AddressError>(())
/// ```
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    issuer: String,
    keys: RemoteKeySet,
    client: ClientAuth,
    scope: ScopeSet,
    parameters: Vec<(Cow<'static, str>, String)>,
    clock: Arc<dyn Clock>,
    transport: Transport,
}

impl Provider {
    /// The provider with this issuer, exactly as its metadata names it, and this site as its
    /// client. The public address of the site followed by `/login/callback` has to be one of
    /// the redirect addresses that are registered for the client.
    ///
    /// # Errors
    ///
    /// As [`RemoteKeySet::discover`]: plain `http` is for loopback only.
    pub fn discover(issuer: &str, client: ClientAuth) -> Result<ProviderBuilder, AddressError> {
        Ok(ProviderBuilder {
            issuer: issuer.to_owned(),
            keys: RemoteKeySet::discover(issuer)?,
            client,
            scope: ScopeSet::from_iter(["openid"]),
            parameters: Vec::new(),
            clock: Arc::new(SystemClock::new()),
        })
    }

    /// The keys that verify its tokens, for guards of other services, and for a health check.
    #[must_use]
    pub fn keys(&self) -> &RemoteKeySet {
        &self.0.keys
    }

    pub(super) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    pub(super) fn client_id(&self) -> &str {
        self.0.client.client_id()
    }

    /// What is asked for.
    pub(super) fn scope(&self) -> &ScopeSet {
        &self.0.scope
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// What it says of itself, once it has said it.
    pub(super) async fn metadata(&self, wait: Duration) -> Result<Arc<ServerMetadata>, Problem> {
        let unavailable = |error| {
            Problem::new(
                PageKind::Unavailable,
                "the provider's metadata or keys can't be had",
            )
            .because(error)
        };
        self.0.keys.ready(wait).await.map_err(|error| {
            let retry_after = error.retry_after();
            unavailable(BoxError::from(error)).retry_after(retry_after)
        })?;
        let metadata = self.0.keys.metadata();
        metadata.ok_or_else(|| unavailable("nothing was read".into()))
    }

    /// Where a browser is sent to log in.
    pub(super) fn login_address(
        &self,
        metadata: &ServerMetadata,
        transaction: &Transaction,
        redirect_uri: &str,
    ) -> Result<String, Problem> {
        let endpoint = metadata.endpoint("authorization_endpoint");
        let endpoint = endpoint.map_err(no_endpoint)?;
        let challenge = transaction.code_challenge();
        let ours = [
            ("response_type", "code"),
            ("response_mode", "query"),
            ("client_id", self.client_id()),
            ("redirect_uri", redirect_uri),
            ("scope", self.0.scope.as_str()),
            ("state", &transaction.state),
            ("nonce", &transaction.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let theirs = self.0.parameters.iter();
        let theirs = theirs.map(|(name, value)| (&**name, value.as_str()));
        Ok(authorization_request::address(
            &endpoint,
            ours.into_iter().chain(theirs),
        ))
    }

    /// Where a browser is sent to log out.
    pub(super) fn logout_address(
        &self,
        metadata: &ServerMetadata,
        back: &str,
    ) -> Result<String, Problem> {
        let endpoint = metadata.endpoint("end_session_endpoint");
        let endpoint = endpoint.map_err(no_endpoint)?;
        let parameters = [
            ("client_id", self.client_id()),
            ("post_logout_redirect_uri", back),
        ];
        Ok(authorization_request::address(&endpoint, parameters))
    }

    /// Buys tokens with a code.
    pub(super) async fn exchange(
        &self,
        metadata: &ServerMetadata,
        grant: AuthorizationCode,
        deadline: Duration,
    ) -> Result<Tokens, Problem> {
        let endpoint = self.token_endpoint(metadata).map_err(no_endpoint)?;
        let endpoint = endpoint.grant(grant).deadline(deadline);
        endpoint.obtain().await.map_err(not_granted)
    }

    /// Buys tokens with a refresh token.
    pub(super) async fn refresh(
        &self,
        metadata: &ServerMetadata,
        token: &RefreshToken,
        deadline: Duration,
    ) -> Result<Tokens, ObtainError> {
        let endpoint = self.token_endpoint(metadata).map_err(ObtainError::other)?;
        endpoint.deadline(deadline).refresh(token).await
    }

    fn token_endpoint(&self, metadata: &ServerMetadata) -> Result<TokenEndpoint, BoxError> {
        let address = metadata.endpoint("token_endpoint")?.to_string();
        let endpoint = TokenEndpoint::new(&address)?
            .client_auth(self.0.client.clone())
            .clock(Arc::clone(&self.0.clock));
        Ok(endpoint.over(self.0.transport.clone()))
    }
}

fn no_endpoint(error: impl Into<BoxError>) -> Problem {
    let reason = "the provider's metadata lack what a login needs";
    Problem::new(PageKind::Misconfigured, reason).because(error)
}

fn not_granted(error: ObtainError) -> Problem {
    let retry_after = error.retry_after();
    let (kind, reason) = match error.kind() {
        ObtainErrorKind::Refused { error, .. } if error == "invalid_grant" => (
            PageKind::UnknownLogin,
            "the provider does not take the code: it was used, is too old, or was given to another client",
        ),
        ObtainErrorKind::Refused { .. } => {
            (PageKind::Misconfigured, "the provider refuses this client")
        }
        ObtainErrorKind::BadAnswer(_) => (
            PageKind::NotAccepted,
            "the provider gave no answer that can be used",
        ),
        _ => (
            PageKind::Unavailable,
            "the provider's token endpoint can't be reached",
        ),
    };
    Problem::new(kind, reason)
        .because(error)
        .retry_after(retry_after)
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("issuer", &self.0.issuer)
            .field("client_id", &self.client_id())
            .finish_non_exhaustive()
    }
}

/// A [`Provider`] that does not know yet how it is reached: [`over`](Self::over) ends it.
///
/// # Defaults
///
/// | matter | default | step |
/// | --- | --- | --- |
/// | scope | `openid` | [`scope`](Self::scope) |
/// | further parameters | none | [`parameter`](Self::parameter) |
/// | place of the metadata | below the issuer | [`metadata_at`](Self::metadata_at) |
/// | clock | the system's | [`clock`](Self::clock) |
#[must_use]
pub struct ProviderBuilder {
    issuer: String,
    keys: RemoteKeySetBuilder,
    client: ClientAuth,
    scope: ScopeSet,
    parameters: Vec<(Cow<'static, str>, String)>,
    clock: Arc<dyn Clock>,
}

impl ProviderBuilder {
    /// Asks for these scopes too: a space-delimited list (RFC 6749 §3.3). `openid` is always
    /// asked for; many providers give a refresh token for `offline_access`.
    pub fn scope(mut self, list: &str) -> Self {
        let more = ScopeSet::parse(list);
        self.scope = self.scope.iter().chain(more.iter()).collect();
        self
    }

    /// Adds a parameter to the address that browsers are sent to, such as `prompt`,
    /// `acr_values`, `ui_locales`, `audience` or `resource`. What the login says itself, such as
    /// `state` or `redirect_uri`, is not taken, and an error event says so.
    pub fn parameter(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        let name = name.into();
        if OURS.contains(&&*name) {
            tracing::error!(
                name = &*name,
                "a parameter of the login's own is not replaced"
            );
            return self;
        }
        self.parameters.push((name, value.into()));
        self
    }

    /// Reads the provider's metadata at this address and nowhere else.
    ///
    /// # Errors
    ///
    /// As [`Provider::discover`].
    pub fn metadata_at(mut self, address: &str) -> Result<Self, AddressError> {
        self.keys = self.keys.metadata_at(address)?;
        Ok(self)
    }

    /// The clock by which everything about the login is judged; the system's unless a test
    /// moves its own.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sends the requests over any cloneable Tower HTTP service whose request body can be
    /// made from bytes. It must not follow redirects by itself.
    #[must_use]
    pub fn over<S, B, R>(self, transport: S) -> Provider
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: From<bytes::Bytes> + Send + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        let transport = Transport::new(transport);
        let keys = self.keys.clock(Arc::clone(&self.clock));
        Provider(Arc::new(Inner {
            issuer: self.issuer,
            keys: keys.over(transport.clone()),
            client: self.client,
            scope: self.scope,
            parameters: self.parameters,
            clock: self.clock,
            transport,
        }))
    }
}

impl fmt::Debug for ProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderBuilder")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client.client_id())
            .finish_non_exhaustive()
    }
}
