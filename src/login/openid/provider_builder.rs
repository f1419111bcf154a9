//! A provider that is being described.

use std::{borrow::Cow, fmt, sync::Arc};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::provider::{Inner, Provider};
use crate::{
    BoxError, ClientAuth, RemoteKeySet, ScopeSet,
    clock::{Clock, SystemClock},
    keys::{AddressError, remote::RemoteKeySetBuilder},
    login::authorization::request::OURS,
    transport::Transport,
};

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
    pub(super) fn new(issuer: &str, client: ClientAuth) -> Result<Self, AddressError> {
        Ok(Self {
            issuer: issuer.to_owned(),
            keys: RemoteKeySet::discover(issuer)?,
            client,
            scope: ScopeSet::from_iter(["openid"]),
            parameters: Vec::new(),
            clock: Arc::new(SystemClock::new()),
        })
    }

    /// Asks for these scopes too: a space-delimited list (RFC 6749 §3.3). `openid` is always
    /// asked for; many providers give a refresh token for `offline_access`.
    pub fn scope(mut self, list: &str) -> Self {
        let more = ScopeSet::parse(list);
        self.scope = self.scope.iter().chain(more.iter()).collect();
        self
    }

    /// Adds a parameter to the address that browsers are sent to, such as `prompt`,
    /// `acr_values`, `ui_locales`, `audience` or `resource`. What the login says itself, such as
    /// `state` or `redirect_uri`, is not taken, and an error event says so. What comes of
    /// `acr_values` or `max_age` stands in the ID token (`acr`, `auth_time`), for handlers to
    /// look at.
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
        Provider::new(Inner {
            issuer: self.issuer,
            keys: keys.over(transport.clone()),
            client: self.client,
            scope: self.scope,
            parameters: self.parameters,
            clock: self.clock,
            transport,
        })
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
