//! Why a request was refused, and how that is said on the wire.

use std::{borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{
    challenge::Challenge,
    grpc::{self, Dialect},
    jwt::ValidationError,
    keys::KeysUnavailable,
    scope::ScopeSet,
};

/// A request that was refused.
///
/// It stands in the extensions of each refusal's response, whatever its body is, and it
/// never holds the token. `Display` is for the operator's log: it says which rule was
/// broken, which the caller is not told.
///
/// # Defaults
///
/// | reason | HTTP | challenge | gRPC |
/// | --- | --- | --- | --- |
/// | [`CredentialsMissing`](RejectionReason::CredentialsMissing), [`OtherScheme`](RejectionReason::OtherScheme) | 401 | without an error code | 16 |
/// | [`UnreadableCredentials`](RejectionReason::UnreadableCredentials), [`InvalidToken`](RejectionReason::InvalidToken), [`UnknownToken`](RejectionReason::UnknownToken) | 401 | `invalid_token` | 16 |
/// | [`SeveralCredentials`](RejectionReason::SeveralCredentials) | 400 | `invalid_request` | 3 |
/// | [`InsufficientScope`](RejectionReason::InsufficientScope) | 403 | `insufficient_scope`, `scope` | 7 |
/// | [`KeysUnavailable`](RejectionReason::KeysUnavailable) | 503 with `Retry-After` | | 14 |
/// | [`Misconfigured`](RejectionReason::Misconfigured) | 500 | | 13 |
///
/// # Example
///
/// An access log outside the guard:
///
/// ```
/// use tower_bearer::server::Rejection;
///
/// fn log<B>(response: &http::Response<B>) {
///     if let Some(rejection) = response.extensions().get::<Rejection>() {
///         eprintln!("{} because {rejection}", rejection.status());
///     }
/// }
/// # log(&http::Response::new(()));
/// ```
#[derive(Clone)]
pub struct Rejection(Arc<Inner>);

struct Inner {
    reason: RejectionReason,
    challenge: Option<Challenge>,
    protocol: Protocol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Grpc(Dialect),
}

impl Protocol {
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        Dialect::of(method, headers).map_or(Self::Http, Self::Grpc)
    }
}

/// Why a request was refused.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RejectionReason {
    /// No credentials in any place of the guard.
    CredentialsMissing,
    /// Credentials of another scheme, such as `Basic`, which RFC 6750 §3.1 counts as none.
    OtherScheme,
    /// Two lines of one header, a token in two places, or two cookies of one name
    /// (RFC 6750 §2).
    SeveralCredentials,
    /// What stands where the token should stand can't be one, and why.
    UnreadableCredentials(&'static str),
    /// The JWT was not accepted.
    InvalidToken(ValidationError),
    /// The token is none of those that are known ([`StaticTokens`](super::StaticTokens)).
    UnknownToken,
    /// The token is good, and does not allow this.
    InsufficientScope {
        /// The scopes that are asked for.
        needed: ScopeSet,
    },
    /// The keys can't be had. Not the caller's fault.
    KeysUnavailable(KeysUnavailable),
    /// The layers of this server don't fit together. Not the caller's fault.
    Misconfigured(&'static str),
}

impl Rejection {
    /// `settings` is what all challenges of the guard have in common.
    pub(crate) fn new(reason: RejectionReason, settings: &Challenge, protocol: Protocol) -> Self {
        let challenge = challenge(&reason, settings);
        Self(Arc::new(Inner {
            reason,
            challenge,
            protocol,
        }))
    }

    pub(crate) fn misconfigured(fix: &'static str, protocol: Protocol) -> Self {
        let reason = RejectionReason::Misconfigured(fix);
        Self::new(reason, &Challenge::bearer(), protocol)
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &RejectionReason {
        &self.0.reason
    }

    /// The status of the answer over HTTP. A gRPC answer says it in `grpc-status`.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.reason() {
            RejectionReason::CredentialsMissing
            | RejectionReason::OtherScheme
            | RejectionReason::UnreadableCredentials(_)
            | RejectionReason::InvalidToken(_)
            | RejectionReason::UnknownToken => StatusCode::UNAUTHORIZED,
            RejectionReason::SeveralCredentials => StatusCode::BAD_REQUEST,
            RejectionReason::InsufficientScope { .. } => StatusCode::FORBIDDEN,
            RejectionReason::KeysUnavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            RejectionReason::Misconfigured(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What `WWW-Authenticate` says (RFC 6750 §3). None where the caller is not at fault.
    #[must_use]
    pub fn challenge(&self) -> Option<&Challenge> {
        self.0.challenge.as_ref()
    }

    /// When it is worth asking again: the `Retry-After` of a 503. At least one second.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.reason() {
            RejectionReason::KeysUnavailable(error) => {
                let delay = error.retry_after();
                let round_up = u64::from(delay.subsec_nanos() > 0);
                let seconds = delay.as_secs().saturating_add(round_up).max(1);
                Some(Duration::from_secs(seconds))
            }
            _ => None,
        }
    }

    /// Whether the request was gRPC or grpc-web, so that the answer has to be: HTTP 200, and the
    /// status in the headers.
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        matches!(self.0.protocol, Protocol::Grpc(_))
    }

    /// The answer with all headers it has to have, and a body of one's own.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{HeaderValue, Response, header::CONTENT_TYPE};
    /// use tower_bearer::server::Rejection;
    ///
    /// fn as_json(rejection: &Rejection) -> Response<String> {
    ///     let body = format!(r#"{{"status":{}}}"#, rejection.status().as_u16());
    ///     let mut response = rejection.response_with(body);
    ///     if !rejection.is_grpc() {
    ///         response
    ///             .headers_mut()
    ///             .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ///     }
    ///     response
    /// }
    /// # let _ = as_json;
    /// ```
    pub fn response_with<B>(&self, body: B) -> Response<B> {
        if let Protocol::Grpc(dialect) = self.0.protocol {
            let (status, message) = (self.grpc_status(), self.public_message());
            return grpc::trailers_only(dialect, status, &message, body);
        }
        let mut response = Response::new(body);
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, challenge.to_header_value());
        }
        if let Some(delay) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(delay.as_secs()));
        }
        response
    }

    fn grpc_status(&self) -> grpc::Status {
        match self.reason() {
            RejectionReason::CredentialsMissing
            | RejectionReason::OtherScheme
            | RejectionReason::UnreadableCredentials(_)
            | RejectionReason::InvalidToken(_)
            | RejectionReason::UnknownToken => grpc::Status::Unauthenticated,
            RejectionReason::SeveralCredentials => grpc::Status::InvalidArgument,
            RejectionReason::InsufficientScope { .. } => grpc::Status::PermissionDenied,
            RejectionReason::KeysUnavailable(_) => grpc::Status::Unavailable,
            RejectionReason::Misconfigured(_) => grpc::Status::Internal,
        }
    }

    /// What the caller may know: which error it is, and no more than the challenge tells.
    #[must_use]
    pub fn public_message(&self) -> Cow<'static, str> {
        match self.reason() {
            RejectionReason::CredentialsMissing | RejectionReason::OtherScheme => {
                "an access token is needed".into()
            }
            RejectionReason::SeveralCredentials => "more than one credential".into(),
            RejectionReason::UnreadableCredentials(_) | RejectionReason::UnknownToken => {
                INVALID.into()
            }
            RejectionReason::InvalidToken(error) => description(error).into(),
            RejectionReason::InsufficientScope { needed } => {
                format!("the access token lacks the scope: {needed}").into()
            }
            RejectionReason::KeysUnavailable(_) => "try again later".into(),
            RejectionReason::Misconfigured(_) => "internal error".into(),
        }
    }
}

/// RFC 6750 §3 and §3.1: which codes and texts go with which reason.
fn challenge(reason: &RejectionReason, settings: &Challenge) -> Option<Challenge> {
    let with = |code: &'static str| settings.clone().replaced("error".into(), code);
    let invalid = |description: &'static str| {
        with("invalid_token").replaced("error_description".into(), description)
    };
    match reason {
        // §3.1: no "error code or other error information" for who sent no token.
        RejectionReason::CredentialsMissing | RejectionReason::OtherScheme => {
            Some(settings.clone().without("error_uri"))
        }
        RejectionReason::SeveralCredentials => Some(with("invalid_request")),
        RejectionReason::UnreadableCredentials(_) | RejectionReason::UnknownToken => {
            Some(invalid(INVALID))
        }
        RejectionReason::InvalidToken(error) => Some(invalid(description(error))),
        RejectionReason::InsufficientScope { needed } => {
            Some(with("insufficient_scope").scope(needed))
        }
        RejectionReason::KeysUnavailable(_) | RejectionReason::Misconfigured(_) => None,
    }
}

/// More than this would tell an attacker which check to work on.
fn description(error: &ValidationError) -> &'static str {
    if error.is_expired() {
        "the access token expired"
    } else {
        INVALID
    }
}

const INVALID: &str = "the access token is invalid";

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            RejectionReason::CredentialsMissing => f.write_str("the request brought no token"),
            RejectionReason::OtherScheme => {
                let scheme = self.challenge().map_or("Bearer", Challenge::scheme);
                write!(
                    f,
                    "the request brought credentials of another scheme than `{scheme}`, or a token without that word before it; if somebody else checks other schemes, say `ignore_other_schemes()`"
                )
            }
            RejectionReason::SeveralCredentials => f.write_str(
                "the request brought more than one credential: one header line, parameter or cookie has to be left out",
            ),
            RejectionReason::UnreadableCredentials(why) => {
                write!(f, "the request brought credentials that can't be a token: {why}")
            }
            RejectionReason::InvalidToken(error) => write!(f, "the token was refused: {error}"),
            RejectionReason::UnknownToken => f.write_str(
                "the token is none of those that this API knows: is it mistyped, removed, or of another environment?",
            ),
            RejectionReason::InsufficientScope { needed } => {
                write!(
                    f,
                    "the token does not have the scope that is needed: {needed}"
                )
            }
            RejectionReason::KeysUnavailable(error) => error.fmt(f),
            RejectionReason::Misconfigured(fix) => f.write_str(fix),
        }
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("reason", self.reason())
            .field("challenge", &self.challenge())
            .field("protocol", &self.0.protocol)
            .finish()
    }
}

/// `Display` says what [`reason`](Rejection::reason) holds, so the source is what is
/// behind that: a reporter of errors says nothing twice.
impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.reason() {
            RejectionReason::InvalidToken(error) => error.source(),
            RejectionReason::KeysUnavailable(error) => error.source(),
            _ => None,
        }
    }
}
