//! An API behind the gateway: what goes there, and what of it comes back.

use std::time::Duration;

use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header, uri::PathAndQuery};
use http_body::Body as _;
use tokio::time::Sleep;
use tower::{
    ServiceBuilder, ServiceExt, retry::Policy, timeout::error::Elapsed, util::BoxCloneSyncService,
};
use tower_bearer::{
    AuthLayer, BoxError, HttpsClient, Origin,
    client::{self, ErrorKind, PresetCredentials, TokenSource},
    https::ResponseBody,
    relay::{RelayError, RelayErrorKind},
};

use super::with_causes;

#[derive(Clone)]
pub(crate) struct Upstream {
    origin: Origin,
    client: BoxCloneSyncService<Request, Answer, BoxError>,
}

type Answer = Response<ResponseBody>;

impl Upstream {
    /// Outermost first: docs/stack.md says why each stands where it stands.
    pub(crate) fn new(
        origin: Option<&Origin>,
        tokens: impl TokenSource,
        http: HttpsClient<Body>,
    ) -> Result<Self, BoxError> {
        let origin = origin.ok_or("no address of an API")?.clone();
        let tokens = AuthLayer::new(tokens)
            .origin(&origin.to_string())?
            .preset_credentials(PresetCredentials::Refuse);
        let client = ServiceBuilder::new()
            .timeout(Duration::from_secs(20)) // for all of it
            .retry(Again(2))
            .layer(tokens)
            .timeout(Duration::from_secs(5)) // for one sending
            .service(http);
        let client = BoxCloneSyncService::new(client);
        Ok(Self { origin, client })
    }

    /// A new request: of the one that came in, it has what is named here.
    pub(crate) fn outgoing(&self, request: Request) -> Request {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let uri = format!("{}{path}", self.origin);
        let mut outgoing = Request::new(body);
        *outgoing.method_mut() = head.method;
        *outgoing.headers_mut() = only(&TO_UPSTREAM, &head.headers);
        *outgoing.uri_mut() = uri.parse().unwrap_or_default();
        outgoing
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Answer, BoxError> {
        self.client.clone().oneshot(request).await
    }
}

const TO_UPSTREAM: [HeaderName; 4] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_NONE_MATCH,
];

const TO_CALLER: [HeaderName; 5] = [
    header::CACHE_CONTROL,
    header::CONTENT_TYPE,
    header::ETAG,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
];

fn only(names: &[HeaderName], headers: &HeaderMap) -> HeaderMap {
    let named = headers.iter().filter(|(name, _)| names.contains(name));
    named
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// A 401 or 403 that is about our own token: the caller's is good, and must not look bad.
pub(crate) fn unless_we_are_refused(response: Answer) -> Result<Answer, BoxError> {
    match response.status() {
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(format!("the API answers {status} to this gateway").into())
        }
        _ => Ok(response),
    }
}

/// What the caller gets.
pub(crate) fn answer(answered: Result<Answer, BoxError>) -> Response {
    match answered {
        Ok(response) => {
            let headers = only(&TO_CALLER, response.headers());
            (response.status(), headers, Body::new(response.into_body())).into_response()
        }
        Err(error) => {
            tracing::warn!(error = with_causes(&*error), "no answer of the API");
            failure(&error).into_response()
        }
    }
}

/// Whose fault it is decides what the caller is told.
fn failure(error: &BoxError) -> (StatusCode, &'static str) {
    const OURS: (StatusCode, &str) = (StatusCode::INTERNAL_SERVER_ERROR, "a mistake of ours");
    if let Some(error) = error.downcast_ref::<RelayError>() {
        return match error.kind() {
            RelayErrorKind::OtherAudience => (StatusCode::FORBIDDEN, "not a token for that API"),
            RelayErrorKind::Ended => (StatusCode::UNAUTHORIZED, "the token has ended"),
            _ => OURS,
        };
    }
    if let Some(error) = error.downcast_ref::<client::Error>() {
        return match error.kind() {
            ErrorKind::Unavailable { .. } | ErrorKind::Deadline => {
                (StatusCode::SERVICE_UNAVAILABLE, "try again later")
            }
            _ => OURS,
        };
    }
    match error.is::<Elapsed>() {
        true => (StatusCode::GATEWAY_TIMEOUT, "that API takes too long"),
        false => (StatusCode::BAD_GATEWAY, "that API does not serve"),
    }
}

/// Tries again, so often, what changes nothing and has no body.
#[derive(Clone)]
struct Again(u32);

impl Policy<Request, Answer, BoxError> for Again {
    type Future = Sleep;

    fn retry(&mut self, _: &mut Request, outcome: &mut Result<Answer, BoxError>) -> Option<Sleep> {
        let may_get_better = match outcome {
            Ok(response) => matches!(response.status().as_u16(), 502..=504),
            // Where no token could be had, that was tried as often as it makes sense.
            Err(error) => !error.is::<RelayError>() && !error.is::<client::Error>(),
        };
        self.0 = self.0.checked_sub(1).filter(|_| may_get_better)?;
        Some(tokio::time::sleep(Duration::from_millis(100)))
    }

    fn clone_request(&mut self, request: &Request) -> Option<Request> {
        if !request.method().is_safe() || !request.body().is_end_stream() {
            return None;
        }
        let mut clone = Request::new(Body::empty());
        *clone.method_mut() = request.method().clone();
        *clone.uri_mut() = request.uri().clone();
        *clone.headers_mut() = request.headers().clone();
        *clone.extensions_mut() = request.extensions().clone(); // for whom it is
        Some(clone)
    }
}
