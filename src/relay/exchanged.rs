//! The caller's token buys another one.

use std::{fmt, sync::Arc};

use super::{Caller, RelayError};
use crate::{
    BoxError, BoxFuture, Refreshing,
    client::{
        AfterRefusal, RequestContext, Timing, TokenSource,
        source::{PerTenant, per_tenant},
    },
    clock::{Clock, SystemClock},
    oauth::ObtainToken,
    secret::Secret,
    token::AccessToken,
};

/// A source that buys a token with the caller's (RFC 8693, or whatever the authorization
/// server calls it), and keeps it for that caller.
///
/// `ask` says how: it is given the caller's token and gives what obtains another with it. The
/// audience that is asked for belongs in there, and who this service is.
///
/// Each caller has a [`Refreshing`]: one exchange, however many of the caller's requests wait,
/// and another when what was bought is about to end or is refused. What was bought is used no
/// longer than the caller's own token is good.
///
/// # Defaults
///
/// | matter | default |
/// | --- | --- |
/// | callers | the 1000 that were used last; those whose token has ended leave first |
/// | exchanges | those of [`Timing`] |
///
/// # Example
///
/// ```
/// # use bytes::Bytes; use http_body_util::Full;
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// use tower_bearer::{AuthLayer, ClientAuth, TokenEndpoint, relay};
/// use tower_bearer::oauth::{TokenExchange, grant::TokenType};
///
/// let endpoint = TokenEndpoint::new("https://id.example/oauth2/token")?
///     .client_auth(ClientAuth::basic("orders", "hunter2"))
///     .over(transport);
/// let tokens = relay::exchanged(move |caller| {
///     let grant = TokenExchange::new(caller, TokenType::ACCESS_TOKEN)
///         .audience("stock")
///         .scope("stock:read");
///     endpoint.clone().grant(grant)
/// });
/// let layer = AuthLayer::new(tokens).origin("https://stock.example")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A server that calls it "on behalf of" has the grant of RFC 7523 for it:
///
/// ```
/// use tower_bearer::{oauth::JwtBearer, secret::Secret};
///
/// fn on_behalf_of(caller: Secret) -> JwtBearer {
///     JwtBearer::new(caller)
///         .scope("api://stock/.default")
///         .parameter("requested_token_use", "on_behalf_of")
/// }
/// ```
pub fn exchanged<O: ObtainToken>(ask: impl Fn(Secret) -> O + Send + Sync + 'static) -> Exchanged {
    Exchanged::new(Settings {
        ask: Arc::new(move |caller| Arc::new(ask(caller))),
        clock: Arc::new(SystemClock::new()),
        timing: Timing::default(),
        callers: MOST_CALLERS,
    })
}

const MOST_CALLERS: usize = 1000;

/// Made by [`exchanged`].
pub struct Exchanged {
    settings: Settings,
    per_caller: PerTenant<Caller>,
}

#[derive(Clone)]
struct Settings {
    ask: Arc<dyn Fn(Secret) -> Arc<dyn ObtainToken> + Send + Sync>,
    clock: Arc<dyn Clock>,
    timing: Timing,
    callers: usize,
}

impl Exchanged {
    fn new(settings: Settings) -> Self {
        let making = settings.clone();
        let per_caller = per_tenant(
            |request| Caller::named_in(request).ok().cloned(),
            move |caller| making.source(caller),
        );
        Self {
            per_caller: per_caller.at_most(settings.callers),
            settings,
        }
    }

    /// How many callers have a token at the same time, at least one. Whose last request is
    /// the longest ago leaves first.
    #[must_use]
    pub fn at_most(self, callers: usize) -> Self {
        Self::new(Settings {
            callers,
            ..self.settings
        })
    }

    /// The numbers of each caller's exchanges.
    #[must_use]
    pub fn timing(self, timing: Timing) -> Self {
        Self::new(Settings {
            timing,
            ..self.settings
        })
    }

    /// The clock; the system's unless a test moves its own. Give
    /// [`TokenEndpoint`](crate::TokenEndpoint) the same one.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        let clock = Arc::new(clock);
        Self::new(Settings {
            clock,
            ..self.settings
        })
    }

    /// Whether a request names a caller whose token is good still.
    fn check(&self, request: &RequestContext<'_>) -> Result<(), RelayError> {
        let caller = Caller::named_in(request)?;
        caller.token(&*self.settings.clock).map(|_| ())
    }
}

impl Settings {
    fn source(&self, caller: &Caller) -> Result<Refreshing, RelayError> {
        let token = Secret::from(caller.token(&*self.clock)?.expose());
        let refreshing = Refreshing::builder((self.ask)(token))
            .clock(self.clock.clone())
            .timing(self.timing.clone());
        Ok(refreshing.build())
    }
}

impl TokenSource for Exchanged {
    fn current(&self, request: &RequestContext<'_>) -> Option<AccessToken> {
        self.check(request).ok()?;
        self.per_caller.current(request)
    }

    fn obtain<'a>(
        &'a self,
        request: RequestContext<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        Box::pin(async move {
            let is_good = |caller: &Caller| caller.token(&*self.settings.clock).is_ok();
            self.per_caller.retain(is_good);
            self.check(&request)?;
            self.per_caller.obtain(request).await
        })
    }

    fn is_usable(&self, token: &AccessToken) -> bool {
        self.per_caller.is_usable(token)
    }

    fn refused(&self, token: &AccessToken) -> AfterRefusal {
        self.per_caller.refused(token)
    }
}

impl fmt::Debug for Exchanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchanged")
            .field("callers", &self.per_caller)
            .finish_non_exhaustive()
    }
}
