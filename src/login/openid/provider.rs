//! Who logs people in.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use super::ProviderBuilder;
use crate::{
    BoxError, ClientAuth, RemoteKeySet, ScopeSet, TokenEndpoint,
    clock::Clock,
    keys::{AddressError, ServerMetadata},
    login::{
        PageKind,
        authorization::{Transaction, request},
        pages::Problem,
    },
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
/// let provider = Provider::discover("https://id.example", ClientAuth::basic("orders-web", "hunter2"))?
///     .scope("orders:read")
///     .parameter("ui_locales", "de")
///     .over(transport);
/// # Ok::<(), tower_bearer::keys::AddressError>(())
/// ```
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

pub(super) struct Inner {
    pub(super) issuer: String,
    pub(super) keys: RemoteKeySet,
    pub(super) client: ClientAuth,
    pub(super) scope: ScopeSet,
    pub(super) parameters: Vec<(Cow<'static, str>, String)>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) transport: Transport,
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
        ProviderBuilder::new(issuer, client)
    }

    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The keys that verify its tokens, for guards of other services, and for a health check.
    #[must_use]
    pub fn keys(&self) -> &RemoteKeySet {
        &self.0.keys
    }

    pub(in crate::login) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    pub(in crate::login) fn client_id(&self) -> &str {
        self.0.client.client_id()
    }

    /// What is asked for.
    pub(in crate::login) fn scope(&self) -> &ScopeSet {
        &self.0.scope
    }

    pub(in crate::login) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// What it says of itself, once it has said it.
    pub(in crate::login) async fn metadata(
        &self,
        wait: Duration,
    ) -> Result<Arc<ServerMetadata>, Problem> {
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
    pub(in crate::login) fn login_address(
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
        Ok(request::address(&endpoint, ours.into_iter().chain(theirs)))
    }

    /// Where a browser is sent to log out.
    pub(in crate::login) fn logout_address(
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
        Ok(request::address(&endpoint, parameters))
    }

    /// Buys tokens with a code.
    pub(in crate::login) async fn exchange(
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
    pub(in crate::login) async fn refresh(
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
