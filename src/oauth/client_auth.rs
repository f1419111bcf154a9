//! How a client proves to the token endpoint who it is (RFC 6749 §2.3).

use base64::{Engine, prelude::BASE64_STANDARD};
use http::header;
use zeroize::Zeroizing;

use crate::{
    BoxFuture,
    oauth::{ObtainError, TokenRequest, token_request::form_encoded},
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

/// The client authentications of RFC 6749 §2.3.1.
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
}

impl ClientAuth {
    /// No proof: a public client that only says its name (`client_id`).
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

    fn with(client_id: impl Into<String>, method: Method) -> Self {
        Self {
            client_id: client_id.into(),
            method,
        }
    }

    fn add_to(&self, request: &mut TokenRequest) -> Result<(), ObtainError> {
        match &self.method {
            Method::None => request.parameter("client_id", self.client_id.as_str()),
            Method::Post(secret) => {
                request.parameter("client_id", self.client_id.as_str());
                request.secret_parameter("client_secret", secret.clone());
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
        Box::pin(std::future::ready(self.add_to(request)))
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
