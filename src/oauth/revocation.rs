//! Revocation (RFC 7009): telling the server that tokens are not needed any more.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, Uri, header};
use serde::Deserialize;
use serde_json::Value;

use super::{
    AnswerFormat, ClientAuthentication, EndpointError, ObtainError, ObtainErrorKind, TokenEndpoint,
    TokenRequest, address as protection, token_request::Encoding, token_response,
};
use crate::{
    address,
    clock::Clock,
    deadline::{Elapsed, within},
    secret::Secret,
    token::{Moment, Tokens},
    transport::Transport,
};

/// Revokes tokens (RFC 7009), by the client authentication and the transport of the token
/// endpoint that it was made from.
///
/// # Defaults
///
/// One attempt of at most 10 s, client authentication included.
///
/// # Example
///
/// ```
/// # use bytes::Bytes; use http_body_util::Full;
/// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// # let transport = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// use tower_bearer::{ClientAuth, ClientCredentials, Refreshing, TokenEndpoint};
///
/// let endpoint = TokenEndpoint::new("https://id.example/oauth2/token")?
///     .client_auth(ClientAuth::basic("orders-job", "hunter2"))
///     .grant(ClientCredentials::new())
///     .over(transport);
/// let revocation = endpoint.revocation("https://id.example/oauth2/revoke")?;
/// let tokens = Refreshing::new(endpoint);
/// # async fn end(tokens: Refreshing, revocation: tower_bearer::oauth::RevocationEndpoint) {
/// // …
/// if let Err(error) = tokens.close_and_revoke(&revocation).await {
///     tracing::warn!(?error);
/// }
/// # }
/// # Ok::<(), tower_bearer::oauth::EndpointError>(())
/// ```
#[derive(Clone)]
pub struct RevocationEndpoint {
    uri: Uri,
    client_auth: Option<Arc<dyn ClientAuthentication>>,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    transport: Transport,
}

impl TokenEndpoint {
    /// The revocation endpoint at this address (RFC 7009 §2), as the server's documentation or
    /// metadata gives it.
    ///
    /// # Errors
    ///
    /// When the address is none, or is plain `http` to another machine, also where the token
    /// endpoint is: anybody on the way could read the token.
    pub fn revocation(&self, address: &str) -> Result<RevocationEndpoint, EndpointError> {
        Ok(RevocationEndpoint {
            uri: protection::protected(address)?,
            client_auth: self.client_auth.clone(),
            clock: Arc::clone(&self.clock),
            deadline: Duration::from_secs(10),
            transport: self.transport.clone(),
        })
    }
}

impl RevocationEndpoint {
    /// How long it may take in all.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Revokes the refresh token, and with it all that came of the same grant, as far as the
    /// server can (RFC 7009 §2.1); where there is none, the access token. An access token that
    /// APIs validate by themselves, as a JWT, is good until it ends all the same.
    ///
    /// A token that the server doesn't know, or no longer, counts as revoked (§2.2).
    ///
    /// # Errors
    ///
    /// When the server said no, or it is not known whether the token is revoked.
    pub async fn revoke(&self, tokens: &Tokens) -> Result<(), RevocationError> {
        let (token, hint) = match tokens.refresh_token() {
            Some(token) => (token.secret().clone(), "refresh_token"),
            None => (Secret::from(tokens.access_token().expose()), "access_token"),
        };
        let outcome = match within(self.deadline, self.ask(token, hint)).await {
            Ok(outcome) => outcome,
            Err(Elapsed::Deadline) => {
                Err(ObtainError::new(ObtainErrorKind::Deadline).at(&self.uri))
            }
            Err(no_timer) => Err(ObtainError::other(no_timer)),
        };
        outcome.map_err(RevocationError::from)
    }

    async fn ask(&self, token: Secret, hint: &'static str) -> Result<(), ObtainError> {
        let mut request = TokenRequest::new(self.uri.clone(), Encoding::Form, self.clock.wall());
        request.secret_parameter("token", token);
        request.parameter("token_type_hint", hint);
        if let Some(client_auth) = &self.client_auth {
            client_auth.authenticate(&mut request).await?;
        }
        let sent = self.transport.send(request.to_http()?, self.deadline).await;
        sent.map_err(ObtainError::from)
            .and_then(|response| judge(&response, request.secrets(), &*self.clock))
            .map_err(|error| error.at(&self.uri))
    }
}

/// RFC 7009 §2.2: with status 200 the body says nothing; what is no success is as at the token
/// endpoint (§2.2.1). A page for people under 200 is some other address.
fn judge(
    response: &Response<Bytes>,
    secrets: &[Secret],
    clock: &dyn Clock,
) -> Result<(), ObtainError> {
    match response.status().is_success() {
        true if is_page(response) => {
            let what = "a page for people; is this the revocation endpoint?".to_owned();
            Err(ObtainError::new(ObtainErrorKind::BadAnswer(what)))
        }
        true if !has_error(response.body()) => Ok(()),
        _ => {
            let format = AnswerFormat::default();
            token_response::read(response, &format, secrets, Moment::now(clock), clock).map(drop)
        }
    }
}

fn is_page(response: &Response<Bytes>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    content_type.is_some_and(|name| name.to_ascii_lowercase().starts_with("text/html"))
}

fn has_error(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        error: Option<Value>,
    }
    serde_json::from_slice::<Answer>(body).is_ok_and(|answer| answer.error.is_some())
}

impl fmt::Debug for RevocationEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationEndpoint")
            .field(
                "address",
                &format_args!("{}", address::without_query(&self.uri)),
            )
            .finish_non_exhaustive()
    }
}

/// Why it is not certain that tokens were revoked. It never shows a token.
///
/// `Debug` shows the text of `Display` and of the cause.
#[derive(Clone)]
pub struct RevocationError(ObtainError);

impl RevocationError {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> &ObtainErrorKind {
        self.0.kind()
    }

    /// How long the server asked to be left alone (RFC 7009 §2.2.1).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after()
    }
}

impl From<ObtainError> for RevocationError {
    fn from(cause: ObtainError) -> Self {
        Self(cause)
    }
}

impl fmt::Display for RevocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "it is not certain that the tokens were revoked; if not, they are good until they end",
        )
    }
}

impl fmt::Debug for RevocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationError({self}; because: {:?})", self.0)
    }
}

impl Error for RevocationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
