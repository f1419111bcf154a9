//! Did the server refuse our token? A pure look at a response's head.

use std::time::Duration;

use http::{Extensions, HeaderMap, Response, StatusCode, Version};

use crate::{challenge::Challenge, scope::ScopeSet};

/// A response without its body: all that decides whether a token was refused.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    status: StatusCode,
    version: Version,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> ResponseHead<'a> {
    /// The head of `response`.
    #[must_use]
    pub fn of<B>(response: &'a Response<B>) -> Self {
        Self {
            status: response.status(),
            version: response.version(),
            headers: response.headers(),
            extensions: response.extensions(),
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// What inner layers attached to the response.
    #[must_use]
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// The default test: whether this response refuses the token that was sent.
    ///
    /// It does when the status is 401 and there is no challenge at all, or a `Bearer`
    /// challenge that says nothing else than `invalid_token` (RFC 6750 §3.1). It does
    /// too when a gRPC call ended before its first message with `UNAUTHENTICATED`.
    #[must_use]
    pub fn refuses_token(&self) -> bool {
        match self.status {
            StatusCode::UNAUTHORIZED => challenges_refuse(&Challenge::parse_all(self.headers)),
            // gRPC needs HTTP/2, so that HTTP/1 answers are spared the look.
            StatusCode::OK if self.version == Version::HTTP_2 => self
                .headers
                .get("grpc-status")
                .is_some_and(|code| code == "16"),
            _ => false,
        }
    }

    /// Whether this response shows that the server took the token.
    pub(super) fn accepts_token(&self) -> bool {
        self.status.is_success() || self.status == StatusCode::NOT_MODIFIED
    }

    /// The scopes that the server misses in the token, if that is what it says.
    pub(super) fn insufficient_scope(&self) -> Option<ScopeSet> {
        if !matches!(
            self.status,
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED
        ) {
            return None;
        }
        let challenges = Challenge::parse_all(self.headers);
        let told = challenges.iter().find(|challenge| {
            challenge.is_bearer() && challenge.parameter("error") == Some("insufficient_scope")
        })?;
        Some(ScopeSet::parse(told.parameter("scope").unwrap_or_default()))
    }
}

fn challenges_refuse(challenges: &[Challenge]) -> bool {
    let mut bearer = challenges
        .iter()
        .filter(|challenge| challenge.is_bearer())
        .peekable();
    if bearer.peek().is_none() {
        return challenges.is_empty();
    }
    bearer.any(|challenge| matches!(challenge.parameter("error"), None | Some("invalid_token")))
}

/// Why a refusal reaches the caller: in the response's extensions.
///
/// # Example
///
/// ```
/// use tower_bearer::client::Refusal;
///
/// fn explain<B>(response: &http::Response<B>) -> Option<String> {
///     match response.extensions().get::<Refusal>()? {
///         Refusal::InsufficientScope { missing } => Some(format!("ask for `{missing}`")),
///         other => Some(format!("{other:?}")),
///     }
/// }
/// # assert_eq!(explain(&http::Response::new(())), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The token is good and does not allow this (RFC 6750 §3.1).
    InsufficientScope {
        /// The scopes that the server named; empty if it named none.
        missing: ScopeSet,
    },
    /// The request could not be sent again; the next one will carry a new token.
    NotRepeatable,
    /// The source has no other token.
    NoOtherToken,
    /// Renewal gave the token that was refused.
    SameToken,
    /// New tokens were refused before any was accepted, so that none is asked for now.
    HeldBack {
        /// How long until a refusal leads to a renewal again.
        retry_after: Duration,
    },
    /// The new token was refused too.
    RefusedAgain,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: u16, headers: &[(&'static str, &'static str)]) -> Response<()> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(()).unwrap()
    }

    const CHALLENGE: &str = "www-authenticate";

    #[test]
    fn what_counts_as_a_refusal_of_our_token() {
        let rows = [
            ("401 without a challenge", head(401, &[]), true),
            (
                "401 with a bare Bearer challenge",
                head(401, &[(CHALLENGE, "Bearer")]),
                true,
            ),
            (
                "401 with a realm",
                head(401, &[(CHALLENGE, "Bearer realm=\"a\"")]),
                true,
            ),
            (
                "401 invalid_token",
                head(401, &[(CHALLENGE, "bearer error=\"invalid_token\"")]),
                true,
            ),
            (
                "401 insufficient_scope",
                head(401, &[(CHALLENGE, "Bearer error=\"insufficient_scope\"")]),
                false,
            ),
            (
                "401 invalid_request",
                head(401, &[(CHALLENGE, "Bearer error=\"invalid_request\"")]),
                false,
            ),
            (
                "401 of another scheme",
                head(401, &[(CHALLENGE, "Basic realm=\"a\"")]),
                false,
            ),
            (
                "401 of two schemes",
                head(401, &[(CHALLENGE, "Basic realm=\"a\", Bearer realm=\"b\"")]),
                true,
            ),
            (
                "401 on two lines",
                head(
                    401,
                    &[(CHALLENGE, "Basic realm=\"a\""), (CHALLENGE, "Bearer")],
                ),
                true,
            ),
            ("403", head(403, &[]), false),
            ("407 is another's", head(407, &[]), false),
            ("200", head(200, &[]), false),
            ("500", head(500, &[]), false),
        ];
        for (rule, response, expected) in rows {
            assert_eq!(
                ResponseHead::of(&response).refuses_token(),
                expected,
                "{rule}"
            );
        }
    }

    #[test]
    fn grpc_says_it_in_a_header_of_a_200() {
        let rows = [
            ("UNAUTHENTICATED", "16", true),
            ("PERMISSION_DENIED", "7", false),
            ("OK", "0", false),
        ];
        for (rule, code, expected) in rows {
            let mut response = head(
                200,
                &[("content-type", "application/grpc"), ("grpc-status", code)],
            );
            *response.version_mut() = Version::HTTP_2;
            assert_eq!(
                ResponseHead::of(&response).refuses_token(),
                expected,
                "{rule}"
            );
        }
    }

    #[test]
    fn only_a_bearer_challenge_tells_of_a_missing_scope() {
        let rows = [
            (
                403,
                "Bearer error=\"insufficient_scope\", scope=\"a b\"",
                Some("a b"),
            ),
            (401, "Bearer error=\"insufficient_scope\"", Some("")),
            (403, "Bearer error=\"invalid_token\", scope=\"a\"", None),
            (403, "Basic realm=\"x\"", None),
            (
                200,
                "Bearer error=\"insufficient_scope\", scope=\"a\"",
                None,
            ),
        ];
        for (status, challenge, expected) in rows {
            let response = head(status, &[(CHALLENGE, challenge)]);
            let missing = ResponseHead::of(&response).insufficient_scope();
            assert_eq!(
                missing,
                expected.map(ScopeSet::parse),
                "{status} {challenge}"
            );
        }
    }
}
