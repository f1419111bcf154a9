//! What `RemoteIssuers` are built from.

use std::{error::Error, fmt, sync::Arc};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{Limits, RemoteIssuers, handle::Inner, tenants::Tenants};
use crate::{
    BoxError,
    address::absolute,
    clock::{Clock, SystemClock},
    jwt::{Expected, key::KeySet},
    keys::{address::Allowed, remote::RemoteKeySetBuilder},
    transport::Transport,
};

/// [`RemoteIssuers`] that don't know yet how requests travel: [`over`](Self::over) ends it.
///
/// # Defaults
///
/// | matter | default | step |
/// | --- | --- | --- |
/// | numbers | those of [`Limits`] | [`limits`](Self::limits) |
/// | each key set | as [`RemoteKeySet`](crate::RemoteKeySet) by discovery | [`each`](Self::each) |
/// | clock | the system's | [`clock`](Self::clock) |
#[must_use]
pub struct RemoteIssuersBuilder {
    issuers: Expected,
    limits: Limits,
    clock: Arc<dyn Clock>,
    each: Arc<Each>,
}

pub(super) type Each = dyn Fn(RemoteKeySetBuilder) -> RemoteKeySetBuilder + Send + Sync;

/// Issuers that can't be looked for: any at all, or those of another claim than `iss`.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuersError(());

impl RemoteIssuers {
    /// The issuers that are expected, each looked for by discovery when its first token
    /// comes. Give the validator the same expectation.
    ///
    /// # Errors
    ///
    /// When any issuer is expected ([`Expected::unchecked`]): tokens could make this process
    /// ask any server. When another claim is looked at in place of `iss`.
    #[allow(clippy::new_ret_no_self)] // the way over which they are looked for comes last
    pub fn new(issuers: impl Into<Expected>) -> Result<RemoteIssuersBuilder, IssuersError> {
        let issuers = issuers.into();
        if issuers.says_nothing_of_it() {
            return Err(IssuersError(()));
        }
        Ok(RemoteIssuersBuilder {
            issuers,
            limits: Limits::default(),
            clock: SystemClock::shared(),
            each: Arc::new(|set| set),
        })
    }
}

impl RemoteIssuersBuilder {
    /// The numbers.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Changes each issuer's key set when it is made: its timing, its algorithm for RSA, its
    /// runtime.
    ///
    /// ```
    /// use tower_bearer::{Algorithm, Expected, keys::issuers::RemoteIssuers};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tenants = Expected::pattern("https://*.id.example")?;
    /// let issuers = RemoteIssuers::new(tenants)?.each(|set| set.rsa_algorithm(Algorithm::PS256));
    /// # drop(issuers);
    /// # Ok(()) }
    /// ```
    pub fn each(
        mut self,
        change: impl Fn(RemoteKeySetBuilder) -> RemoteKeySetBuilder + Send + Sync + 'static,
    ) -> Self {
        self.each = Arc::new(change);
        self
    }

    /// The clock, of each key set too; the system's unless a test moves its own.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sends the requests over any cloneable Tower HTTP service whose request body can be
    /// made from bytes. It must not follow redirects by itself.
    #[must_use]
    pub fn over<S, B, R>(self, transport: S) -> RemoteIssuers
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: From<bytes::Bytes> + Send + 'static,
        R: Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError>,
    {
        RemoteIssuers::of(Inner {
            allowed: allowed(&self.issuers),
            issuers: self.issuers,
            clock: self.clock,
            each: self.each,
            transport: Transport::new(transport),
            tenants: Tenants::new(self.limits),
            no_keys: KeySet::new(Vec::new()),
        })
    }
}

/// This machine is asked only where each issuer that is named is on it.
fn allowed(issuers: &Expected) -> Allowed {
    let mut origins = issuers.values().map(absolute).peekable();
    let is_here = origins.peek().is_some()
        && origins.all(|origin| origin.is_ok_and(|(_, origin)| origin.is_loopback()));
    match is_here {
        true => Allowed::Loopback,
        false => Allowed::Elsewhere,
    }
}

impl fmt::Debug for RemoteIssuersBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteIssuersBuilder")
            .field("issuers", &self.issuers)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for IssuersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "whose keys are to be looked for has to be said of `iss`: values, `Expected::pattern` or `Expected::matching`; tokens could make this process ask any server otherwise",
        )
    }
}

/// `main` prints errors with `Debug`: so it says what `Display` says.
impl fmt::Debug for IssuersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuersError({self})")
    }
}

impl Error for IssuersError {}
