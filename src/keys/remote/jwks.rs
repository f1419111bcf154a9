//! A JWKS behind an address, over any Tower HTTP service.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};

use super::{
    FetchError, FetchErrorKind, Timing,
    key_use::KeyUse,
    lifetime::lifetime,
    origin::{Origin, Read, Validators},
};
use crate::{
    BoxFuture,
    address::without_query,
    clock::Clock,
    jwt::{Algorithm, jwk, key::Key},
    retry_after::retry_after,
    transport::Transport,
};

/// What is the same for each address.
#[derive(Clone)]
pub(crate) struct Http {
    pub(crate) transport: Transport,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timing: Timing,
    pub(crate) key_use: KeyUse,
}

impl Http {
    /// The answer to a GET, whatever its status.
    pub(crate) async fn get(
        &self,
        uri: &Uri,
        accept: &'static str,
        conditions: HeaderMap,
    ) -> Result<Response<Bytes>, FetchError> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = conditions;
        let accept = HeaderValue::from_static(accept);
        request.headers_mut().insert(header::ACCEPT, accept);
        let answer = self.transport.send(request, self.timing.deadline).await;
        answer.map_err(|error| FetchError::of_transport(error, without_query(uri)))
    }

    /// An answer of another status than the one that is wanted.
    pub(crate) fn status(&self, response: &Response<Bytes>, uri: &Uri) -> FetchError {
        let kind = FetchErrorKind::Status(response.status());
        let told = retry_after(response.headers(), &*self.clock);
        FetchError::new(kind, without_query(uri)).with_retry_after(told)
    }

    pub(crate) async fn jwks(&self, uri: &Uri, before: Validators) -> Result<Read, FetchError> {
        let before = Some(before)
            .filter(|before| before.of == *uri)
            .unwrap_or_default();
        let conditions = before.conditions();
        let is_conditional = !conditions.is_empty();
        let accept = "application/jwk-set+json, application/json";
        let response = self.get(uri, accept, conditions).await?;
        let lifetime = lifetime(response.headers(), &self.timing);
        match response.status() {
            StatusCode::OK => Ok(Read {
                keys: Some(self.keys(&response, uri)?),
                lifetime,
                validators: Validators::of(uri, response.headers()),
            }),
            StatusCode::NOT_MODIFIED if is_conditional => Ok(Read {
                keys: None,
                lifetime,
                validators: before,
            }),
            _ => Err(self.status(&response, uri)),
        }
    }

    fn keys(&self, response: &Response<Bytes>, uri: &Uri) -> Result<Vec<Key>, FetchError> {
        let keys = jwk::published_keys(response.body());
        let keys = keys.and_then(|keys| self.key_use.of(keys));
        keys.map_err(|error| FetchError::new(FetchErrorKind::Keys(error), without_query(uri)))
    }
}

impl Validators {
    fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        Self {
            of: uri.clone(),
            entity_tag: headers.get(header::ETAG).cloned(),
            last_modified: headers.get(header::LAST_MODIFIED).cloned(),
        }
    }

    fn conditions(&self) -> HeaderMap {
        let conditions: [(HeaderName, _); 2] = [
            (header::IF_NONE_MATCH, &self.entity_tag),
            (header::IF_MODIFIED_SINCE, &self.last_modified),
        ];
        let conditions = conditions.into_iter();
        conditions
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect()
    }
}

/// The set at a fixed address.
pub(super) struct Jwks {
    pub(super) http: Http,
    pub(super) uri: Uri,
    pub(super) name: Box<str>,
}

impl Origin for Jwks {
    fn read(&self, before: Validators) -> BoxFuture<'_, Result<Read, FetchError>> {
        Box::pin(self.http.jwks(&self.uri, before))
    }

    fn name(&self) -> &str {
        &self.name
    }

    /// No shared secret is published.
    fn may_hold(&self, algorithm: Algorithm) -> bool {
        !algorithm.is_symmetric()
    }
}
