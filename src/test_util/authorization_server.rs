//! The server as a test holds it.

use std::{
    error::Error,
    fmt, io,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tokio::net::TcpListener;

use super::{
    AuthorizationServerBuilder, Endpoint, Fault, Listening, ManualClock, ReceivedTokenRequest,
    Requests,
    builder::Settings,
    documents,
    state::{Minting, RefreshGrant, State},
};
use crate::{
    BoxError, BoxFuture,
    clock::Clock,
    jwt::{Validator, Verified},
    keys::{KeyQuery, KeySet, KeySource, KeysUnavailable},
    token::{AccessToken, RefreshToken},
};

/// An OAuth authorization server (RFC 6749 §1.1) that is a value. Clones are the same
/// server.
///
/// It is a Tower service for the requests of a [`TokenEndpoint`], a source of keys for a
/// guard, and with [`listen`](Self::listen) a process's own TCP server.
///
/// # Example
///
/// ```
/// use tower_bearer::{
///     TokenEndpoint,
///     oauth::{ClientAuth, ClientCredentials},
///     test_util::AuthorizationServer,
/// };
///
/// # fn main() -> Result<(), tower_bearer::BoxError> {
/// let server = AuthorizationServer::new()?;
/// let tokens = TokenEndpoint::new(&server.token_url())?
///     .client_auth(ClientAuth::basic("client", "secret"))
///     .grant(ClientCredentials::new().scope("orders:read"))
///     .over(server.clone());
/// # let _ = tokens;
/// assert_eq!(server.requests().token, 0);
/// # Ok(()) }
/// ```
///
/// [`TokenEndpoint`]: crate::oauth::TokenEndpoint
#[derive(Clone)]
pub struct AuthorizationServer(Arc<Inner>);

struct Inner {
    issuer: String,
    clock: ManualClock,
    settings: Settings,
    state: Mutex<State>,
}

impl AuthorizationServer {
    /// A server with all defaults.
    ///
    /// # Errors
    ///
    /// When no signing key can be made.
    pub fn new() -> Result<Self, AuthorizationServerError> {
        Self::builder().build()
    }

    /// A server to be configured.
    pub fn builder() -> AuthorizationServerBuilder {
        AuthorizationServerBuilder::new()
    }

    pub(super) fn from_parts(
        issuer: String,
        clock: ManualClock,
        settings: Settings,
        state: State,
    ) -> Self {
        Self(Arc::new(Inner {
            issuer,
            clock,
            settings,
            state: Mutex::new(state),
        }))
    }

    /// Serves on a loopback port of its own until the result is dropped. The issuer stays
    /// what it is; [`AuthorizationServerBuilder::listen`] makes the address the issuer.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn listen(&self) -> io::Result<Listening> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Listening::new(self.clone(), listener)
    }

    /// The `iss` of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// The `aud` of its tokens.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.0.settings.audience
    }

    /// The clock that dates its tokens. To move it is to move the server's time.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.0.clock
    }

    /// The authorization endpoint, below the issuer.
    #[must_use]
    pub fn authorization_url(&self) -> String {
        documents::below(self.issuer(), documents::AUTHORIZATION)
    }

    /// The logout endpoint, below the issuer.
    #[must_use]
    pub fn end_session_url(&self) -> String {
        documents::below(self.issuer(), documents::END_SESSION)
    }

    /// The token endpoint, below the issuer.
    #[must_use]
    pub fn token_url(&self) -> String {
        documents::below(self.issuer(), documents::TOKEN)
    }

    /// The revocation endpoint, below the issuer.
    #[must_use]
    pub fn revocation_url(&self) -> String {
        documents::below(self.issuer(), documents::REVOCATION)
    }

    /// The JWKS, below the issuer.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        documents::below(self.issuer(), documents::JWKS)
    }

    /// A validator of its tokens: issuer and audience.
    #[must_use]
    pub fn validator(&self) -> Validator {
        Validator::new(self.issuer(), self.audience())
    }

    /// The keys that are published now. The server itself is a [`KeySource`] that follows
    /// the rotation.
    #[must_use]
    pub fn keys(&self) -> KeySet {
        self.state().keys()
    }

    /// Signs with a new key from now on. The old ones stay published until
    /// [`withdraw_old_keys`](Self::withdraw_old_keys).
    ///
    /// # Errors
    ///
    /// When no signing key can be made.
    pub fn rotate_keys(&self) -> Result<(), AuthorizationServerError> {
        self.state().rotate_keys(self.0.settings.algorithm)
    }

    /// Publishes only the key that signs.
    pub fn withdraw_old_keys(&self) {
        self.state().withdraw_old_keys();
    }

    /// How long the access tokens live that are given out from now on.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.state().token_lifetime = lifetime;
    }

    /// A token with these claims, a JSON object. What is not among them is as in the
    /// tokens of the token endpoint: `iss`, `aud`, `iat`, `exp`, `jti`. A claim of `null`
    /// is left out.
    ///
    /// # Errors
    ///
    /// When the claims are not an object.
    pub fn mint(&self, claims: impl Serialize) -> Result<AccessToken, AuthorizationServerError> {
        let claims = serde_json::to_value(claims)
            .map_err(|error| AuthorizationServerError::new("these are no claims", error))?;
        let Value::Object(claims) = claims else {
            return Err(AuthorizationServerError::new(
                "claims are a JSON object",
                "got another JSON type",
            ));
        };
        self.issue(claims, &mut self.state())
    }

    /// What a guard makes of a request with a token of these claims: minted as by
    /// [`mint`](Self::mint), and validated.
    ///
    /// # Errors
    ///
    /// When the token is not valid, or its claims don't fit `C`.
    pub fn verified<C: DeserializeOwned>(
        &self,
        claims: impl Serialize,
    ) -> Result<Verified<C>, AuthorizationServerError> {
        let token = self.mint(claims)?;
        self.validator()
            .validate(token.expose(), &self.keys(), self.now())
            .map_err(|error| AuthorizationServerError::new("the token is not valid", error))
    }

    /// A refresh token, as after a login of `subject` through the client.
    pub fn refresh_token(
        &self,
        client_id: impl Into<String>,
        subject: impl Into<String>,
        scope: &str,
    ) -> RefreshToken {
        let mut state = self.state();
        let grant = RefreshGrant {
            authorization: state.new_authorization(),
            client_id: client_id.into(),
            subject: subject.into(),
            scope: scope.to_owned(),
            has_logged_in: false,
            spent: false,
        };
        RefreshToken::new(state.new_refresh_token(grant))
    }

    /// Revokes every access token that was given out so far. That is known here only: an
    /// API in a test asks [`is_revoked`](Self::is_revoked).
    pub fn revoke_all(&self) {
        self.state().revoke_all();
    }

    /// Revokes one access token.
    pub fn revoke(&self, token: &str) {
        self.state().revoked.insert(token.to_owned());
    }

    /// Whether the access token was revoked.
    #[must_use]
    pub fn is_revoked(&self, token: &str) -> bool {
        self.state().revoked.contains(token)
    }

    /// Revokes every refresh token: `invalid_grant` from now on.
    pub fn revoke_refresh_tokens(&self) {
        self.state().refresh_tokens.clear();
    }

    /// Lets the next request of `endpoint` that has no fault yet fail in this way.
    pub fn fail_next(&self, endpoint: Endpoint, fault: Fault) {
        self.state().faults.push(endpoint, fault);
    }

    /// Lets each request of `endpoint` fail in this way, until [`recover`](Self::recover).
    pub fn fail_always(&self, endpoint: Endpoint, fault: Fault) {
        self.state().faults.set(endpoint, fault);
    }

    /// Forgets all faults.
    pub fn recover(&self) {
        self.state().faults.clear();
    }

    /// How often it was asked what.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.state().requests
    }

    /// The last request to the token endpoint that could be read.
    #[must_use]
    pub fn last_token_request(&self) -> Option<ReceivedTokenRequest> {
        self.state().last_token_request.clone()
    }

    pub(super) fn issue(
        &self,
        claims: Map<String, Value>,
        state: &mut State,
    ) -> Result<AccessToken, AuthorizationServerError> {
        state.mint(Minting {
            issuer: self.issuer(),
            audience: self.audience(),
            defaults: &self.0.settings.claims,
            claims,
            now: self.now(),
        })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(super) fn now(&self) -> SystemTime {
        self.0.clock.wall()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer")
            .field("issuer", &self.0.issuer)
            .finish_non_exhaustive()
    }
}

/// The keys that are published at the time of the question.
impl KeySource for AuthorizationServer {
    fn current(&self, _: &KeyQuery<'_>) -> Option<KeySet> {
        Some(self.keys())
    }

    fn obtain<'a>(&'a self, _: &'a KeyQuery<'a>) -> BoxFuture<'a, Result<KeySet, KeysUnavailable>> {
        Box::pin(std::future::ready(Ok(self.keys())))
    }
}

/// What the authorization server of a test could not do.
#[derive(Debug)]
pub struct AuthorizationServerError {
    what: &'static str,
    source: BoxError,
}

impl AuthorizationServerError {
    pub(super) fn new(what: &'static str, source: impl Into<BoxError>) -> Self {
        Self {
            what,
            source: source.into(),
        }
    }
}

impl fmt::Display for AuthorizationServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.source)
    }
}

impl Error for AuthorizationServerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
