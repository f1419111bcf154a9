//! Key sets of many issuers, as their users hold them.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    State,
    builder::Each,
    tenants::{Answering, Tenant, Tenants},
};
use crate::{
    BoxFuture,
    clock::Clock,
    jwt::{Expected, key::KeySet},
    keys::{
        KeyQuery, KeySource, KeysUnavailable, RemoteKeySet,
        address::Allowed,
        remote::{FetchErrorKind, RemoteKeySetBuilder},
    },
    transport::Transport,
};

/// Keys of many issuers, each looked for by discovery when its first token comes: for
/// providers with a host or a path for each tenant.
///
/// - An issuer that is not expected causes no request at all, nor does a token that breaks
///   another rule that can be judged without its keys.
/// - All new issuers share one budget, since tokens can name as many as anybody likes.
///   Beyond it the answer is 503.
/// - An issuer that was not found is not looked for again for five minutes. Meanwhile its
///   tokens are refused, or answered with 503 if it could not be reached.
/// - The memory is bounded. An issuer of which a token was verified stands in a part of its
///   own: those that nobody has verified push out only each other.
///
/// A clone is a reference count, and all clones share the key sets.
///
/// # Defaults
///
/// Those of [`Limits`](super::Limits), and for each set those of
/// [`RemoteKeySet`](crate::RemoteKeySet).
///
/// # Example
///
/// ```
/// use tower_bearer::{Expected, RequireJwt, Validator, keys::issuers::RemoteIssuers};
///
/// # struct MyClaims;
/// # use bytes::Bytes; use http_body_util::Full;
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// let tenants = Expected::pattern("https://*.id.example/")?;
/// let keys = RemoteIssuers::new(tenants.clone())?.over(transport);
/// let guard = RequireJwt::<MyClaims>::new(Validator::new(tenants, "orders"), keys);
/// # let _ = guard;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RemoteIssuers(Arc<Inner>);

pub(super) struct Inner {
    pub(super) issuers: Expected,
    /// Where discovery may lead.
    pub(super) allowed: Allowed,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) each: Arc<Each>,
    pub(super) transport: Transport,
    pub(super) tenants: Tenants,
    /// What an answer is that holds no key.
    pub(super) no_keys: KeySet,
}

/// Longer names of issuers are none.
const MAX_ISSUER: usize = 512;

impl RemoteIssuers {
    pub(super) fn of(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The key set of an issuer, if it is known.
    #[must_use]
    pub fn key_set(&self, issuer: &str) -> Option<RemoteKeySet> {
        Some(self.0.tenants.get(issuer)?.keys.clone())
    }

    /// The issuers that are known, in no order.
    #[must_use]
    pub fn issuers(&self) -> Vec<String> {
        let issuers = self.0.tenants.issuers();
        issuers.iter().map(|issuer| issuer.to_string()).collect()
    }

    /// What a health check wants to know.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.tenants.state(self.0.clock.monotonic())
    }
}

impl Inner {
    /// `None` if the issuer is not one of ours.
    fn answering(&self, issuer: &str, now: Duration) -> Option<Answering> {
        if issuer.len() > MAX_ISSUER || !self.issuers.names(Some(issuer)) {
            return None;
        }
        let set = RemoteKeySetBuilder::discover(issuer, self.allowed).ok()?;
        let new = || {
            tracing::debug!(issuer, "a new issuer is looked for");
            (self.each)(set.clock(Arc::clone(&self.clock))).connect(self.transport.clone())
        };
        Some(self.tenants.answering(issuer, now, new))
    }

    async fn obtain(&self, wanted: &KeyQuery<'_>) -> Result<KeySet, KeysUnavailable> {
        let now = self.clock.monotonic();
        let issuer = wanted.issuer().unwrap_or_default();
        match self.answering(issuer, now) {
            None => Ok(self.no_keys.clone()),
            Some(Answering::Keys(tenant)) => tenant.keys.obtain(wanted).await,
            Some(Answering::FirstKeys(tenant)) => {
                let keys = tenant.keys.first().await;
                keys.or_else(|error| self.without_keys(&tenant, error))
            }
            Some(Answering::AsTheyAre(keys)) => Ok(keys),
            Some(Answering::Failed(tenant, wait)) => {
                let error = KeysUnavailable::new(wait);
                let error = match tenant.keys.state().last_error {
                    Some(why) => error.with_source(why),
                    None => error,
                };
                self.without_keys(&tenant, error)
            }
            Some(Answering::HeldBack(wait)) => {
                let why = "too many issuers are looked for, for the first time";
                Err(KeysUnavailable::new(wait).with_source(why))
            }
        }
    }

    /// Who is not there has no keys, which is the caller's fault. Who can't be reached may
    /// have some, which is not.
    fn without_keys(
        &self,
        tenant: &Tenant,
        error: KeysUnavailable,
    ) -> Result<KeySet, KeysUnavailable> {
        let state = tenant.keys.state();
        let is_nobody = match state.last_error.as_ref().map(|error| error.kind()) {
            Some(FetchErrorKind::Metadata(_) | FetchErrorKind::Address(_)) => true,
            Some(FetchErrorKind::Status(status)) => {
                matches!(status.as_u16(), 400..=428 | 430..=499)
            }
            _ => false,
        };
        match is_nobody && state.age.is_none() {
            true => Ok(self.no_keys.clone()),
            false => Err(error),
        }
    }
}

impl KeySource for RemoteIssuers {
    fn current(&self, wanted: &KeyQuery<'_>) -> Option<KeySet> {
        let tenant = self.0.tenants.get(wanted.issuer()?)?;
        tenant.current(wanted)
    }

    fn obtain<'a>(
        &'a self,
        wanted: &'a KeyQuery<'a>,
    ) -> BoxFuture<'a, Result<KeySet, KeysUnavailable>> {
        Box::pin(self.0.obtain(wanted))
    }

    fn depends_on_issuer(&self) -> bool {
        true
    }

    fn verified(&self, wanted: &KeyQuery<'_>) {
        if let Some(issuer) = wanted.issuer() {
            self.0.tenants.prove(issuer);
        }
    }
}

impl fmt::Debug for RemoteIssuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteIssuers")
            .field("issuers", &self.0.issuers)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
