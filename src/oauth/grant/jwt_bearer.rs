//! JWT bearer: an assertion of somebody whom the server trusts buys a token (RFC 7523 §2.1).

use super::Asking;
use crate::{
    BoxFuture,
    oauth::{
        Grant, ObtainError, TokenRequest,
        assertion::{AnySource, AssertionSource},
    },
};

/// The JWT bearer grant: an assertion, which the client has signed itself or got from
/// somebody whom the server trusts.
///
/// # Example
///
/// ```
/// use tower_bearer::oauth::{JwtBearer, assertion};
///
/// let grant = JwtBearer::new(assertion::from_file("/run/tokens/assertion.jwt"));
/// ```
pub type JwtBearer = Asking<JwtBearerGrant>;

/// What [`JwtBearer`] asks by.
#[derive(Clone, Debug)]
pub struct JwtBearerGrant(AnySource);

impl JwtBearer {
    /// Asks by an assertion of this source, a new one for each attempt.
    pub fn new(assertions: impl AssertionSource) -> Self {
        Self::of(JwtBearerGrant(AnySource::new(assertions)))
    }
}

impl Grant for JwtBearerGrant {
    fn add_to<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>> {
        Box::pin(async {
            let assertion = self.0.assertion(request.now()).await?;
            let name = "urn:ietf:params:oauth:grant-type:jwt-bearer";
            request.parameter("grant_type", name);
            request.secret_parameter("assertion", assertion);
            Ok(())
        })
    }
}
