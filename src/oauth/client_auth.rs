//! How a client proves to the token endpoint who it is (RFC 6749 §2.3).

#[cfg(feature = "jwt")]
mod jwt;

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::header;
use zeroize::Zeroizing;

use super::{
    ObtainError, TokenRequest,
    assertion::{AnySource, AssertionSource},
    token_request::form_encoded,
};
use crate::{
    BoxFuture,
    secret::{self, Secret},
};

/// Adds to a token request what proves who the client is.
///
/// Asynchronous, because some proofs have to be fetched first. [`ClientAuth`] holds
/// the common ones.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not authenticate a client",
    note = "use one of the constructors of `ClientAuth`, such as `ClientAuth::basic(id, secret)`"
)]
pub trait ClientAuthentication: Send + Sync + 'static {
    /// Adds the proof.
    ///
    /// # Errors
    ///
    /// When there is none to be had; the request is then not sent.
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>>;
}

/// An authentication that is chosen at run time.
impl<T: ClientAuthentication + ?Sized> ClientAuthentication for Arc<T> {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>> {
        (**self).authenticate(request)
    }
}

/// The common client authentications.
///
/// | constructor | `token_endpoint_auth_method` (RFC 7591 §2) |
/// | --- | --- |
/// | [`none`](Self::none) | `none`; `tls_client_auth`, where the transport shows a certificate |
/// | [`basic`](Self::basic), [`basic_unencoded`](Self::basic_unencoded) | `client_secret_basic` |
/// | [`post`](Self::post) | `client_secret_post` |
/// | `private_key_jwt` (feature `jwt`) | `private_key_jwt` |
/// | `client_secret_jwt` (feature `jwt`) | `client_secret_jwt` |
/// | [`assertion`](Self::assertion) | `private_key_jwt`, signed by somebody else |
///
/// # Example
///
/// ```
/// use tower_bearer::oauth::ClientAuth;
///
/// let auth = ClientAuth::basic("orders-job", "hunter2");
/// assert!(!format!("{auth:?}").contains("hunter2"));
/// ```
#[derive(Clone, Debug)]
pub struct ClientAuth {
    client_id: String,
    method: Method,
}

#[derive(Clone, Debug)]
enum Method {
    None,
    Basic(Secret),
    BasicUnencoded(Secret),
    Post(Secret),
    Assertion(AnySource),
}

/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl ClientAuth {
    /// No proof: a public client that only says its name (`client_id`), or one whose proof is
    /// the certificate that the transport shows (RFC 8705 §2).
    pub fn none(client_id: impl Into<String>) -> Self {
        Self::with(client_id, Method::None)
    }

    /// `client_secret_basic`: HTTP Basic, id and secret form-encoded first, as RFC 6749
    /// §2.3.1 asks. Servers that skip this decoding want
    /// [`basic_unencoded`](Self::basic_unencoded); it makes a difference only when id or
    /// secret hold other characters than letters, digits and `*-._`.
    pub fn basic(client_id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self::with(client_id, Method::Basic(secret.into()))
    }

    /// HTTP Basic without the form encoding: against RFC 6749, but what many servers want.
    /// An id with a colon can't be told from the secret then.
    pub fn basic_unencoded(client_id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self::with(client_id, Method::BasicUnencoded(secret.into()))
    }

    /// `client_secret_post`: id and secret as parameters of the request.
    pub fn post(client_id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self::with(client_id, Method::Post(secret.into()))
    }

    /// An assertion of somebody whom the server trusts to say who the client is (RFC 7523
    /// §2.2), got anew for each request: a projected Kubernetes token, for instance.
    pub fn assertion(client_id: impl Into<String>, assertions: impl AssertionSource) -> Self {
        Self::with(client_id, Method::Assertion(AnySource::new(assertions)))
    }

    fn with(client_id: impl Into<String>, method: Method) -> Self {
        Self {
            client_id: client_id.into(),
            method,
        }
    }

    /// Who the client is.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    async fn add_to(&self, request: &mut TokenRequest) -> Result<(), ObtainError> {
        match &self.method {
            Method::None => request.parameter("client_id", self.client_id.as_str()),
            Method::Post(secret) => {
                request.parameter("client_id", self.client_id.as_str());
                request.secret_parameter("client_secret", secret.clone());
            }
            Method::Assertion(assertions) => {
                let assertion = assertions.assertion(request.now()).await?;
                request.parameter("client_id", self.client_id.as_str());
                request.parameter("client_assertion_type", ASSERTION_TYPE);
                request.secret_parameter("client_assertion", assertion);
            }
            Method::Basic(secret) => {
                let id = form_encoded(&self.client_id);
                return basic(request, &id, &form_encoded(secret.expose()), secret);
            }
            Method::BasicUnencoded(secret) => {
                return basic(request, &self.client_id, secret.expose(), secret);
            }
        }
        Ok(())
    }
}

impl ClientAuthentication for ClientAuth {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
    ) -> BoxFuture<'a, Result<(), ObtainError>> {
        Box::pin(self.add_to(request))
    }
}

fn basic(
    request: &mut TokenRequest,
    id: &str,
    written: &str,
    secret: &Secret,
) -> Result<(), ObtainError> {
    let mut pair = Zeroizing::new(String::with_capacity(id.len() + 1 + written.len()));
    for part in [id, ":", written] {
        pair.push_str(part);
    }
    let credentials = Secret::from(BASE64_STANDARD.encode(pair.as_bytes()));
    let value = secret::header_value("Basic ", credentials.expose()).map_err(ObtainError::other)?;
    request.secret_header(header::AUTHORIZATION, value);
    request.hide(credentials);
    request.hide(secret.clone());
    Ok(())
}
