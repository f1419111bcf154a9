//! Assertions (RFC 7521 §4) and security tokens (RFC 8693 §2.1): what somebody else says of a
//! client or a user, and where it comes from.
//!
//! - a [`Secret`] or an [`AccessToken`]: what is there already;
//! - [`from_file`]: what others put into a file, such as a projected Kubernetes token;
//! - [`from_async_fn`]: whatever a function gets, such as a metadata server's token;
//! - `SignedAssertion` (feature `jwt`): what the client signs itself;
//! - [`Refreshing`](crate::Refreshing): what is kept fresh.

mod from_async_fn;
mod from_file;
#[cfg(feature = "jwt")]
mod signed;

pub use from_async_fn::{FromAsyncFn, from_async_fn};
pub use from_file::{FromFile, from_file};
#[cfg(feature = "jwt")]
pub use signed::SignedAssertion;

use std::{fmt, future::ready, sync::Arc, time::SystemTime};

use crate::{BoxFuture, oauth::ObtainError, secret::Secret, token::AccessToken};

/// Gives an assertion. It is asked anew for each request, because assertions are short-lived
/// and good once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` gives no assertion",
    note = "one that is there already is a `Secret`; others come from `oauth::assertion::from_file` or `from_async_fn`"
)]
pub trait AssertionSource: Send + Sync + 'static {
    /// An assertion that is good at `now`, by the clock of the endpoint.
    ///
    /// # Errors
    ///
    /// When there is none to be had; the request is then not sent.
    fn assertion(&self, now: SystemTime) -> BoxFuture<'_, Result<Secret, ObtainError>>;
}

/// The same each time.
impl AssertionSource for Secret {
    fn assertion(&self, _: SystemTime) -> BoxFuture<'_, Result<Secret, ObtainError>> {
        Box::pin(ready(Ok(self.clone())))
    }
}

/// The same each time.
impl AssertionSource for AccessToken {
    fn assertion(&self, _: SystemTime) -> BoxFuture<'_, Result<Secret, ObtainError>> {
        Box::pin(ready(Ok(Secret::from(self.expose()))))
    }
}

/// A source, whichever it is, in what can be cloned and printed.
#[derive(Clone)]
pub(super) struct AnySource(Arc<dyn AssertionSource>);

impl AnySource {
    pub(super) fn new(source: impl AssertionSource) -> Self {
        Self(Arc::new(source))
    }

    pub(super) async fn assertion(&self, now: SystemTime) -> Result<Secret, ObtainError> {
        self.0.assertion(now).await
    }
}

impl fmt::Debug for AnySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AssertionSource")
    }
}
