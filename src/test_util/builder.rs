//! What an authorization server is like before the test begins.

use std::{io, net::Ipv4Addr, time::Duration};

use serde_json::{Map, Value};
use tokio::net::TcpListener;

use super::{
    AuthorizationServer, AuthorizationServerError, Listening, ManualClock, RegisteredClient,
    state::State,
};
use crate::{BoxError, jwt::Algorithm, keys::KeySet, secret::Secret};

/// Settings of an [`AuthorizationServer`].
///
/// # Defaults
///
/// - issuer `https://id.example`, or the server's own URL with [`listen`](Self::listen)
/// - audience `api`
/// - one client `client` with the secret `secret`, which may ask for any scope
/// - no users and no trusted issuers: nobody has a password, and no assertion is good
/// - a login page; ID tokens live 5 min, whatever the access tokens do
/// - ES256
/// - access tokens live 1 h, `expires_in` is a number
/// - no refresh tokens
/// - a clock that stands still at the present time
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use tower_bearer::test_util::{AuthorizationServer, RefreshTokens, RegisteredClient};
///
/// # fn main() -> Result<(), tower_bearer::BoxError> {
/// let server = AuthorizationServer::builder()
///     .audience("orders")
///     .client(RegisteredClient::new("orders-job", "hunter2").scopes(["orders:read"]))
///     .token_lifetime(Duration::from_secs(300))
///     .refresh_tokens(RefreshTokens::Rotated)
///     .build()?;
/// # let _ = server;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct AuthorizationServerBuilder {
    issuer: Option<String>,
    clock: ManualClock,
    settings: Settings,
    token_lifetime: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) audience: String,
    pub(super) clients: Vec<RegisteredClient>,
    pub(super) users: Vec<(String, Secret)>,
    pub(super) logged_in: Option<String>,
    pub(super) trusted_issuers: Vec<(String, KeySet)>,
    pub(super) algorithm: Algorithm,
    pub(super) refresh_tokens: RefreshTokens,
    pub(super) expires_in: ExpiresIn,
    pub(super) claims: Map<String, Value>,
}

/// Whether refresh tokens are given out, and what becomes of a used one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefreshTokens {
    /// None are given out.
    #[default]
    Never,
    /// One comes with the first access token and stays good.
    Kept,
    /// Each is good once and replaced by the next; a used one is refused (RFC 9700 §4.14.2).
    Rotated,
}

/// How `expires_in` is written (RFC 6749 §5.1 says: a number).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum ExpiresIn {
    /// `3600`
    #[default]
    Number,
    /// `"3600"`
    Text,
    /// `3600.0`
    Float,
    /// Not at all.
    Missing,
    /// As this value, whatever the token's lifetime.
    Value(Value),
}

impl AuthorizationServerBuilder {
    pub(super) fn new() -> Self {
        Self {
            issuer: None,
            clock: ManualClock::new(),
            settings: Settings {
                audience: "api".into(),
                clients: Vec::new(),
                users: Vec::new(),
                logged_in: None,
                trusted_issuers: Vec::new(),
                algorithm: Algorithm::ES256,
                refresh_tokens: RefreshTokens::default(),
                expires_in: ExpiresIn::default(),
                claims: Map::new(),
            },
            token_lifetime: Duration::from_secs(3600),
        }
    }

    /// The `iss` of tokens and of the metadata: a URL, which may have a path.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The `aud` of tokens.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.settings.audience = audience.into();
        self
    }

    /// One more client. The first one replaces the default client.
    pub fn client(mut self, client: RegisteredClient) -> Self {
        self.settings.clients.push(client);
        self
    }

    /// One more user, for the login page and for the password grant (RFC 6749 §4.3).
    pub fn user(mut self, username: impl Into<String>, password: impl Into<Secret>) -> Self {
        self.settings.users.push((username.into(), password.into()));
        self
    }

    /// Everybody who comes to the authorization endpoint is this user, who is logged in and
    /// consents at once: no login page.
    pub fn logged_in_as(mut self, username: impl Into<String>) -> Self {
        self.settings.logged_in = Some(username.into());
        self
    }

    /// One more issuer whose assertions are good: for the JWT bearer grant (RFC 7523 §2.1),
    /// and in an exchange as tokens of the type `jwt` (RFC 8693 §3). They need `sub`, `jti`
    /// and, as `aud`, this server's issuer.
    pub fn trusted_issuer(mut self, issuer: impl Into<String>, keys: KeySet) -> Self {
        self.settings.trusted_issuers.push((issuer.into(), keys));
        self
    }

    /// What tokens are signed with.
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.settings.algorithm = algorithm;
        self
    }

    /// How long access tokens live; [`AuthorizationServer::set_token_lifetime`] changes it
    /// later.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Whether refresh tokens come with access tokens, with those of client credentials
    /// too (RFC 6749 §4.4.3 advises against it; some providers do it).
    pub fn refresh_tokens(mut self, policy: RefreshTokens) -> Self {
        self.settings.refresh_tokens = policy;
        self
    }

    /// How `expires_in` is written.
    pub fn expires_in(mut self, form: ExpiresIn) -> Self {
        self.settings.expires_in = form;
        self
    }

    /// A claim of every token, such as a tenant.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.settings.claims.insert(name.into(), value.into());
        self
    }

    /// The clock that dates tokens.
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.clock = clock;
        self
    }

    /// The server, as a value.
    ///
    /// # Errors
    ///
    /// When no signing key can be made.
    pub fn build(self) -> Result<AuthorizationServer, AuthorizationServerError> {
        let issuer = self.issuer.unwrap_or_else(|| "https://id.example".into());
        let mut settings = self.settings;
        if settings.clients.is_empty() {
            let client = RegisteredClient::new("client", "secret");
            settings.clients.push(client);
        }
        let state = State::new(settings.algorithm, self.token_lifetime)?;
        Ok(AuthorizationServer::from_parts(
            issuer, self.clock, settings, state,
        ))
    }

    /// The server, on a loopback port of its own, which is also its issuer unless one was
    /// given.
    ///
    /// # Errors
    ///
    /// When no port can be had or no signing key can be made.
    pub async fn listen(mut self) -> Result<Listening, BoxError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        self.issuer.get_or_insert(url);
        let server = self.build()?;
        let listening: io::Result<_> = Listening::new(server, listener);
        Ok(listening?)
    }
}
