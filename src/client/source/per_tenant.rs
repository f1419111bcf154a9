//! One source for each tenant.

use std::{fmt, hash::Hash, sync::Arc};

use super::{
    AfterRefusal, RequestContext, TokenSource,
    member::{self, Member},
    recent::Recent,
};
use crate::{BoxError, BoxFuture, client::Error, token::AccessToken};

/// Chooses the source by whose request it is. A tenant's source is made when its first
/// request comes: one, however many requests come together.
///
/// `tenant` is asked for each request; `None` means that the request has no token here
/// ([`ErrorKind::NoTokenForRequest`](crate::client::ErrorKind::NoTokenForRequest)). `make`
/// makes the source of a tenant and must not wait. If it fails, the request fails with that
/// error, and the next one of the tenant tries again.
///
/// # Defaults
///
/// The 1000 tenants that were used last have a source; [`at_most`](PerTenant::at_most) sets
/// another number.
///
/// # Example
///
/// ```
/// # use bytes::Bytes; use http_body_util::Full;
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// use std::sync::Arc;
/// use tower_bearer::{
///     BoxError, ClientAuth, ClientCredentials, Refreshing, TokenEndpoint, client::source,
/// };
///
/// /// Attached to each request by whoever knows.
/// #[derive(Clone, PartialEq, Eq, Hash)]
/// struct Tenant(Arc<str>);
///
/// let tokens = source::per_tenant(
///     |request| request.extensions().get::<Tenant>().cloned(),
///     move |Tenant(name)| {
///         let endpoint = TokenEndpoint::new(&format!("https://id.example/{name}/token"))?
///             .client_auth(ClientAuth::basic("orders-job", "hunter2"))
///             .grant(ClientCredentials::new())
///             .over(transport.clone());
///         Ok::<_, BoxError>(Refreshing::new(endpoint))
///     },
/// );
/// # let _: &dyn tower_bearer::client::TokenSource = &tokens;
/// ```
pub fn per_tenant<K, S, E>(
    tenant: impl Fn(&RequestContext<'_>) -> Option<K> + Send + Sync + 'static,
    make: impl Fn(&K) -> Result<S, E> + Send + Sync + 'static,
) -> PerTenant<K>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    S: TokenSource,
    E: Into<BoxError>,
{
    PerTenant {
        tenant: Box::new(tenant),
        make: Box::new(move |tenant| Ok(Member::new(make(tenant).map_err(Into::into)?))),
        members: Recent::new(MOST_TENANTS),
    }
}

const MOST_TENANTS: usize = 1000;

/// Made by [`per_tenant`].
pub struct PerTenant<K> {
    tenant: Box<Tenant<K>>,
    make: Box<Make<K>>,
    members: Recent<K, Arc<Member>>,
}

type Tenant<K> = dyn Fn(&RequestContext<'_>) -> Option<K> + Send + Sync;
type Make<K> = dyn Fn(&K) -> Result<Arc<Member>, BoxError> + Send + Sync;

impl<K> PerTenant<K>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
{
    /// How many tenants have a source at the same time, at least one. Whose last request is
    /// the longest ago leaves first: requests of that tenant that wait for a token still get
    /// it, and the next one makes a new source. The bound should be above the number of
    /// tenants that are active together, or each newcomer costs another an exchange.
    #[must_use]
    pub fn at_most(mut self, tenants: usize) -> Self {
        self.members = Recent::new(tenants);
        self
    }

    /// Lets go of the sources of those tenants of whom `keep` says no: whose contract has
    /// ended, for instance. What waits for a token of theirs still gets it.
    pub fn retain(&self, keep: impl Fn(&K) -> bool) {
        self.members.retain(keep);
    }
}

impl<K> TokenSource for PerTenant<K>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
{
    fn current(&self, request: &RequestContext<'_>) -> Option<AccessToken> {
        let tenant = (self.tenant)(request)?;
        self.members.get(&tenant)?.current(request)
    }

    fn obtain<'a>(
        &'a self,
        request: RequestContext<'a>,
    ) -> BoxFuture<'a, Result<AccessToken, BoxError>> {
        Box::pin(async move {
            let Some(tenant) = (self.tenant)(&request) else {
                return Err(Error::no_token_for(&request).into());
            };
            let make = || (self.make)(&tenant);
            let member = self.members.get_or_make(&tenant, make)?;
            member.obtain(request).await
        })
    }

    fn serves(&self, request: &RequestContext<'_>) -> bool {
        (self.tenant)(request).is_some()
    }

    fn is_usable(&self, token: &AccessToken) -> bool {
        member::is_usable(token)
    }

    fn refused(&self, token: &AccessToken) -> AfterRefusal {
        member::refused(token)
    }
}

impl<K> fmt::Debug for PerTenant<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerTenant")
            .field("tenants", &self.members.len())
            .finish_non_exhaustive()
    }
}
