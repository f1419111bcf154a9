//! A token or a session has to be there.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{RequireLoginService, Site, gate::Gate};
use crate::{RequireJwt, Validator, server::EmptyBody};

/// A layer that lets through requests with a valid bearer token, as [`RequireJwt`] does, and
/// those of people who have logged in; others are sent to the login page if a person has
/// opened a page, and get a 401 if not.
///
/// `C` is the application's own type of claims: handlers find them as
/// [`Verified<C>`](crate::Verified), whichever way the caller came.
/// [`RequireScope`](crate::RequireScope) stands inside.
///
/// It has paths of its own, such as `/login/callback`: in axum, put it around a whole `Router`
/// with `layer`; `route_layer` leaves them out.
///
/// # Defaults
///
/// | request | answer |
/// | --- | --- |
/// | credentials in a place of the guard | what [`RequireJwt`] answers |
/// | a session, and nothing else | the inner service's |
/// | the same, changing something or upgrading, from another site's page | 403 |
/// | nothing, and a browser opens a page | to the login page, by 303 |
/// | nothing, and anything else | 401 with a challenge |
/// | provider or store can't be reached | 503 with a page; no session ends by it |
///
/// [`Site`] has what can be changed about the login, [`guard`](Self::guard) what can be
/// changed about bearer tokens.
///
/// # Example
///
/// ```
/// # use bytes::Bytes; use http_body_util::Full;
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use axum::{Router, routing::get};
/// use tower_bearer::{
///     ClientAuth, Validator, Verified,
///     login::{Provider, RequireLogin, SealingKey, Site},
/// };
///
/// #[derive(serde::Deserialize)]
/// struct MyClaims {
///     sub: String,
/// }
///
/// # fn app() -> Result<Router, tower_bearer::BoxError> {
/// # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// let client = ClientAuth::basic("orders-web", "hunter2");
/// let provider = Provider::discover("https://id.example", client)?.over(transport);
/// let key = SealingKey::from_base64("mqzBkXQ8pWzxNS/EZc0NCtVVJvhNsDShg6zSdQ0VHkQ=")?;
/// let site = Site::new(provider, "https://orders.example", key)?;
///
/// let bearer_tokens = Validator::new("https://id.example", "orders");
/// let app = Router::new()
///     .route("/", get(|token: Verified<MyClaims>| async move { token.claims().sub.clone() }))
///     .layer(RequireLogin::<MyClaims>::new(bearer_tokens, site));
/// # Ok(app) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(async { app().unwrap() });
/// ```
///
/// Customised:
///
/// ```
/// # use bytes::Bytes; use http_body_util::Full;
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// # use tower_bearer::{ClientAuth, Validator, server::ProblemDetails};
/// use std::time::Duration;
/// use tower_bearer::login::{
///     ClaimsFrom, MemorySessionStore, Page, Provider, RequireLogin, SealingKey, Site, Timing,
/// };
///
/// # fn layer() -> Result<RequireLogin<serde_json::Value, ProblemDetails>, tower_bearer::BoxError> {
/// # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// let client = ClientAuth::basic("orders-web", "hunter2");
/// let provider = Provider::discover("https://id.example", client)?
///     .scope("orders:read offline_access")
///     .parameter("audience", "orders")
///     .over(transport);
///
/// let mut timing = Timing::default();
/// timing.idle = Duration::from_secs(15 * 60);
/// let site = Site::new(provider, "https://orders.example", SealingKey::generate()?)?
///     .claims_from(ClaimsFrom::AccessToken)
///     .sessions_in(MemorySessionStore::new())
///     .timing(timing)
///     .log_out_at_provider()
///     .pages(|page: &Page| page.response_with(format!("<h1>{}</h1>", page.status())));
///
/// let bearer_tokens = Validator::rfc9068("https://id.example", "orders");
/// let layer = RequireLogin::new(bearer_tokens, site)
///     .guard(|guard| guard.rejection_response(ProblemDetails));
/// # Ok(layer) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(async { layer().unwrap() });
/// ```
pub struct RequireLogin<C, R = EmptyBody> {
    pub(super) gate: Arc<Gate>,
    pub(super) guard: RequireJwt<C, R>,
}

impl<C> RequireLogin<C> {
    /// Lets in whoever has logged in at `site`, and whoever brings a token of its provider
    /// that keeps the rules of `bearer_tokens`.
    pub fn new(bearer_tokens: Validator, site: Site) -> Self {
        let provider = site.provider();
        let guard = RequireJwt::new(bearer_tokens.clone(), provider.keys().clone())
            .clock(Arc::clone(provider.clock()));
        Self {
            gate: Arc::new(Gate::new(site, bearer_tokens)),
            guard,
        }
    }
}

impl<C, R> RequireLogin<C, R> {
    /// Changes the guard that answers requests with bearer tokens, and those that have to have
    /// one: its challenge, its refusals, the issuers it trusts, the places it looks in.
    ///
    /// What it finds anything in is its own business, session or not: a site behind a proxy
    /// that asks for `Basic` says [`ignore_other_schemes`](crate::server::Guard).
    #[must_use]
    pub fn guard<R2>(
        self,
        change: impl FnOnce(RequireJwt<C, R>) -> RequireJwt<C, R2>,
    ) -> RequireLogin<C, R2> {
        RequireLogin {
            gate: self.gate,
            guard: change(self.guard),
        }
    }
}

impl<S, C, R> Layer<S> for RequireLogin<C, R> {
    type Service = RequireLoginService<S, C, R>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireLoginService::new(inner, self.clone())
    }
}

// By hand: `derive` would ask `C: Clone` and `R: Clone`.
impl<C, R> Clone for RequireLogin<C, R> {
    fn clone(&self) -> Self {
        Self {
            gate: Arc::clone(&self.gate),
            guard: self.guard.clone(),
        }
    }
}

impl<C, R> fmt::Debug for RequireLogin<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLogin")
            .field("site", &self.gate.site)
            .field("guard", &self.guard)
            .finish()
    }
}
