//! Did the server refuse our token? A pure look at a response's head.

use std::{fmt, time::Duration};

use http::{Extensions, HeaderMap, Response, StatusCode, Version, header};

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

    /// Whether the body is declared to be of this media type, such as `text/html`, whatever
    /// its parameters (RFC 9110 §8.3.1).
    #[must_use]
    pub fn has_media_type(&self, media_type: &str) -> bool {
        self.media_type()
            .is_some_and(|declared| declared.eq_ignore_ascii_case(media_type))
    }

    /// Whether this is a redirect to a path, such as `/login`, or to what lies below it, on
    /// whatever host. A path is compared as it is written, capitals included.
    #[must_use]
    pub fn redirects_to(&self, path: &str) -> bool {
        let location = self.headers.get(header::LOCATION);
        let location = location.filter(|_| self.status.is_redirection());
        location
            .and_then(|location| location.to_str().ok())
            .and_then(|location| path_of(location).strip_prefix(path))
            .is_some_and(|below| below.is_empty() || below.starts_with('/') || path.ends_with('/'))
    }

    /// The declared media type, without parameters; `None` where there are several.
    pub(super) fn media_type(&self) -> Option<&'a str> {
        let mut declared = self.headers.get_all(header::CONTENT_TYPE).iter();
        let one = declared.next().filter(|_| declared.next().is_none())?;
        one.to_str().ok()?.split(';').next().map(str::trim)
    }

    /// What a layer that looked into the body found there.
    pub(super) fn refused_in_body(&self) -> Option<RefusedInBody> {
        self.extensions.get().copied()
    }

    /// The default test: whether this response refuses the token that was sent.
    ///
    /// It does when the status is 401 and there is no challenge at all, or a `Bearer`
    /// challenge that says nothing else than `invalid_token` (RFC 6750 §3.1). It does
    /// too when a gRPC call ended before its first message with `UNAUTHENTICATED`, and
    /// when an inner layer marked it with [`RefusedInBody`].
    #[must_use]
    pub fn refuses_token(&self) -> bool {
        if self.refused_in_body().is_some() {
            return true;
        }
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
        let accepts = self.status.is_success() || self.status == StatusCode::NOT_MODIFIED;
        accepts && self.refused_in_body().is_none()
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

/// The path of a `Location` (RFC 3986 §4.1), as it is written.
fn path_of(location: &str) -> &str {
    let location = location.split(['?', '#']).next().unwrap_or_default();
    let behind_scheme = match location.strip_prefix("//") {
        Some(rest) => Some(rest),
        None if location.starts_with('/') => None,
        None => location.split_once("://").map(|(_, rest)| rest),
    };
    match behind_scheme {
        Some(rest) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => location,
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

/// Put into a response's extensions by a layer inside [`AuthLayer`](crate::AuthLayer), this
/// says that the body refuses the token that was sent, whatever the status.
///
/// [`EnvelopeLayer`](crate::client::envelope::EnvelopeLayer) does so for JSON; a layer of
/// your own may for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedInBody {
    /// Nothing was done: the request may be sent again with another token.
    Repeatable,
    /// The request may have been carried out all the same, so that it is not sent again.
    /// The token is renewed, and the caller finds [`Refusal::NotRepeatable`].
    NotRepeatable,
}

/// Why a refusal reaches the caller: in the response's extensions.
///
/// # Example
///
/// ```
/// use tower_bearer::client::Refusal;
///
/// fn explain<B>(response: &http::Response<B>) -> Option<String> {
///     let refusal = response.extensions().get::<Refusal>()?;
///     Some(format!("{}: {refusal}", response.status()))
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
    /// The request could not be sent again, or must not be; the next one will carry a new
    /// token.
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

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InsufficientScope { missing } if !missing.is_empty() => {
                return write!(f, "the token does not allow this: ask for the scope `{missing}`");
            }
            Self::InsufficientScope { .. } => "the token does not allow this",
            Self::NotRepeatable => {
                "the token was refused, and the request is not one that can be sent again; the next one will carry a new token"
            }
            Self::NoOtherToken => "the token was refused, and its source has no other",
            Self::SameToken => "the token was refused, and renewal gave the same one",
            Self::HeldBack { retry_after } => {
                let seconds = retry_after.as_secs_f32().ceil();
                return write!(f, "new tokens are refused too; the next one is asked for in {seconds} s");
            }
            Self::RefusedAgain => "the token was refused, and the new one too",
        })
    }
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
    fn a_mark_of_an_inner_layer_refuses_and_is_no_acceptance() {
        for mark in [RefusedInBody::Repeatable, RefusedInBody::NotRepeatable] {
            let mut response = head(200, &[]);
            assert!(ResponseHead::of(&response).accepts_token());
            response.extensions_mut().insert(mark);
            let head = ResponseHead::of(&response);
            assert!(head.refuses_token() && !head.accepts_token(), "{mark:?}");
        }
    }

    #[test]
    fn a_redirect_is_told_by_its_path() {
        #[rustfmt::skip]
        let rows = [
            ("the path", 302, "/login", "/login", true),
            ("below it", 302, "/login/form", "/login", true),
            ("below it, by a slash", 302, "/login/form", "/login/", true),
            ("with a query", 303, "/login?return=%2Fapi", "/login", true),
            ("with a fragment", 307, "/login#form", "/login", true),
            ("on a host", 302, "https://app.example/login?a", "/login", true),
            ("on a host without a scheme", 302, "//app.example/login", "/login", true),
            ("a host alone", 302, "https://app.example", "/", true),
            ("a longer name", 302, "/logins", "/login", false),
            ("elsewhere", 302, "/orders/login", "/login", false),
            ("in the query only", 302, "/orders?next=/login", "/login", false),
            ("an address in the query", 302, "/orders?next=https://app.example/login", "/login", false),
            ("an address in the path", 302, "/orders/https://app.example/login", "/login", false),
            ("a host of that name", 302, "https://login/", "/login", false),
            ("no redirect", 201, "/login", "/login", false),
        ];
        for (rule, status, location, path, expected) in rows {
            let response = head(status, &[("location", location)]);
            let redirects = ResponseHead::of(&response).redirects_to(path);
            assert_eq!(redirects, expected, "{rule}: {location}");
        }
        assert!(!ResponseHead::of(&head(302, &[])).redirects_to("/login"));
    }

    #[test]
    fn a_media_type_is_told_without_its_parameters() {
        const TYPE: &str = "content-type";
        let rows = [
            ("plain", vec![(TYPE, "text/html")], true),
            (
                "with parameters",
                vec![(TYPE, "text/html; charset=utf-8")],
                true,
            ),
            ("in capitals", vec![(TYPE, "Text/HTML ;a=b")], true),
            ("another", vec![(TYPE, "application/json")], false),
            ("a longer one", vec![(TYPE, "text/html+x")], false),
            ("none", vec![], false),
            (
                "two",
                vec![(TYPE, "text/html"), (TYPE, "application/json")],
                false,
            ),
        ];
        for (rule, headers, expected) in rows {
            let response = head(200, &headers);
            let has = ResponseHead::of(&response).has_media_type("text/html");
            assert_eq!(has, expected, "{rule}");
        }
    }

    #[test]
    fn a_refusal_says_why_it_reached_the_caller() {
        let missing = |list| Refusal::InsufficientScope {
            missing: ScopeSet::parse(list),
        };
        let retry_after = Duration::from_millis(29_100);
        let rows = [
            (missing("a b"), "ask for the scope `a b`"),
            (missing(""), "does not allow this"),
            (Refusal::NotRepeatable, "not one that can be sent again"),
            (Refusal::NoOtherToken, "has no other"),
            (Refusal::SameToken, "gave the same one"),
            (Refusal::HeldBack { retry_after }, "in 30 s"),
            (Refusal::RefusedAgain, "the new one too"),
        ];
        for (refusal, expected) in rows {
            let said = refusal.to_string();
            assert!(said.contains(expected), "{said}");
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
