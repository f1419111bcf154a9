//! How a refresh token is spent (RFC 6749 §6), and how else some servers want it.

use std::{borrow::Cow, fmt, sync::Arc};

use http::HeaderName;

use crate::{
    oauth::{
        AnswerFormat, ClientAuthentication, LogInAgain, ObtainError, ObtainErrorKind, TokenRequest,
        token_request::Encoding,
    },
    secret::{self, Secret},
    token::RefreshToken,
};

/// The request that spends a refresh token, for
/// [`TokenEndpoint::refresh_with`](super::TokenEndpoint::refresh_with).
///
/// # Defaults
///
/// Without one the request is that of RFC 6749 §6: `grant_type=refresh_token` and
/// `refresh_token`, encoded as the first request, at the endpoint's address, with its client
/// authentication.
///
/// # Example
///
/// A server that takes the refresh token in a header, at an address of its own, and nothing
/// else:
///
/// ```
/// use http::HeaderName;
/// use tower_bearer::oauth::{RefreshRequest, TokenEndpoint};
///
/// let endpoint = TokenEndpoint::new("https://id.example/auth/login")?.refresh_with(
///     RefreshRequest::header(HeaderName::from_static("refresh-token"))
///         .at("https://id.example/auth/refresh"),
/// )?;
/// # Ok::<(), tower_bearer::oauth::EndpointError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct RefreshRequest {
    token: Place,
    encoding: Option<Encoding>,
    parameters: Vec<(Cow<'static, str>, Secret)>,
    proof: Proof,
    address: Option<String>,
    answer: Option<AnswerFormat>,
}

/// Where the refresh token stands.
#[derive(Clone)]
enum Place {
    Parameter(Cow<'static, str>),
    Header(HeaderName),
}

/// What proves who the client is.
#[derive(Clone)]
enum Proof {
    AsAtFirst,
    None,
    Own(Arc<dyn ClientAuthentication>),
}

impl Default for RefreshRequest {
    fn default() -> Self {
        Self {
            token: Place::Parameter("refresh_token".into()),
            encoding: None,
            parameters: Vec::from([("grant_type".into(), Secret::from("refresh_token"))]),
            proof: Proof::AsAtFirst,
            address: None,
            answer: None,
        }
    }
}

impl RefreshRequest {
    /// `grant_type=refresh_token&refresh_token=…`, as RFC 6749 §6 says it.
    pub fn form() -> Self {
        Self {
            encoding: Some(Encoding::Form),
            ..Self::default()
        }
    }

    /// `NAME=…`: a form that holds the refresh token alone.
    pub fn form_field(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            token: Place::Parameter(name.into()),
            parameters: Vec::new(),
            ..Self::form()
        }
    }

    /// `{"grant_type":"refresh_token","refresh_token":…}`.
    pub fn json() -> Self {
        Self {
            encoding: Some(Encoding::Json),
            ..Self::default()
        }
    }

    /// `{"NAME":…}`: an object that holds the refresh token alone.
    pub fn json_member(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            encoding: Some(Encoding::Json),
            ..Self::form_field(name)
        }
    }

    /// A header that holds the refresh token, without a body and without client
    /// authentication, unless [one](Self::client_auth) is given.
    pub fn header(name: HeaderName) -> Self {
        Self {
            token: Place::Header(name),
            encoding: Some(Encoding::Form),
            parameters: Vec::new(),
            proof: Proof::None,
            address: None,
            answer: None,
        }
    }

    /// Goes to this address instead of the endpoint's. As to plain `http`, what holds for the
    /// endpoint's address holds for this one.
    pub fn at(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Adds a parameter that the server wants besides.
    pub fn parameter(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Secret>,
    ) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Proves in this way who the client is, whatever the first request does.
    pub fn client_auth(mut self, client_auth: impl ClientAuthentication) -> Self {
        self.proof = Proof::Own(Arc::new(client_auth));
        self
    }

    /// Proves nothing, whatever the first request does.
    pub fn without_client_auth(mut self) -> Self {
        self.proof = Proof::None;
        self
    }

    /// What its answers look like, where they differ from those to the first request.
    pub fn answer(mut self, format: AnswerFormat) -> Self {
        self.answer = Some(format);
        self
    }

    pub(super) fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// `None`: as the first request.
    pub(super) fn encoding(&self) -> Option<Encoding> {
        self.encoding
    }

    /// `None`: as that to the first request.
    pub(super) fn answer_format(&self) -> Option<&AnswerFormat> {
        self.answer.as_ref()
    }

    pub(super) fn client_authentication<'a>(
        &'a self,
        at_first: Option<&'a Arc<dyn ClientAuthentication>>,
    ) -> Option<&'a Arc<dyn ClientAuthentication>> {
        match &self.proof {
            Proof::AsAtFirst => at_first,
            Proof::None => None,
            Proof::Own(own) => Some(own),
        }
    }

    pub(super) fn add_to(
        &self,
        token: &RefreshToken,
        request: &mut TokenRequest,
    ) -> Result<(), ObtainError> {
        for (name, value) in &self.parameters {
            request.parameter(name.clone(), value.clone());
        }
        let token = token.secret();
        match &self.token {
            Place::Parameter(name) => request.secret_parameter(name.clone(), token.clone()),
            Place::Header(name) => {
                let value = secret::header_value("", token.expose()).map_err(|error| {
                    // It never can be sent, so it is as good as refused.
                    let dead = ObtainErrorKind::LogInAgain(LogInAgain::RefreshTokenRefused);
                    ObtainError::new(dead).with_source(error)
                })?;
                request.secret_header(name.clone(), value);
                request.hide(token.clone());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RefreshRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshRequest").finish_non_exhaustive()
    }
}
