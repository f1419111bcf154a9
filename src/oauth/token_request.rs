//! A token request while it is being put together (RFC 6749 §4, §6).

use std::{borrow::Cow, fmt, time::SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use zeroize::Zeroizing;

use super::token_endpoint::shown;
use crate::secret::Secret;

/// Parameters and headers of a token request.
///
/// A [`Grant`](super::Grant) and a [`ClientAuthentication`](super::ClientAuthentication)
/// each add their part. Every value is kept as a [`Secret`]: some are.
pub struct TokenRequest {
    endpoint: Uri,
    now: SystemTime,
    parameters: Vec<(Cow<'static, str>, Secret)>,
    headers: HeaderMap,
    secrets: Vec<Secret>,
}

impl TokenRequest {
    pub(crate) fn new(endpoint: Uri, now: SystemTime) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Self {
            endpoint,
            now,
            parameters: Vec::new(),
            headers,
            secrets: Vec::new(),
        }
    }

    /// Where the request will go.
    #[must_use]
    pub fn endpoint(&self) -> &Uri {
        &self.endpoint
    }

    /// What time it is by the endpoint's clock, for what is dated and signed.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.now
    }

    /// Adds a parameter; one that may repeat (`resource`) is added again.
    pub fn parameter(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Secret>) {
        self.parameters.push((name.into(), value.into()));
    }

    /// Adds a parameter that no error message may ever show.
    pub fn secret_parameter(&mut self, name: impl Into<Cow<'static, str>>, value: Secret) {
        self.hide(value.clone());
        self.parameter(name, value);
    }

    /// Sets a header, marked sensitive. What it holds of secrets is to be
    /// [hidden](Self::hide) besides.
    pub fn secret_header(&mut self, name: HeaderName, mut value: HeaderValue) {
        value.set_sensitive(true);
        self.headers.insert(name, value);
    }

    /// Keeps a value out of error messages, also where a server repeats it: as it is, and
    /// as it stands in a form.
    pub fn hide(&mut self, secret: Secret) {
        let encoded = form_encoded(secret.expose());
        if *encoded != *secret.expose() {
            self.secrets.push(Secret::from(encoded));
        }
        self.secrets.push(secret);
    }

    /// What a server's words must not repeat into our error messages.
    pub(crate) fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// The request as RFC 6749 asks for it: POST, `application/x-www-form-urlencoded`.
    pub(crate) fn to_form(&self) -> Request<Bytes> {
        // With room for all, so that no half-written copy is left behind by growing.
        let sizes = self.parameters.iter();
        let room = sizes.map(|(name, value)| 3 * (name.len() + value.expose().len()) + 2);
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(room.sum()));
        for (name, value) in &self.parameters {
            form.append_pair(name, value.expose());
        }
        let body = Zeroizing::new(form.finish().into_bytes());
        let mut request = Request::new(Bytes::from_owner(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        request
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("endpoint", &format_args!("{}", shown(&self.endpoint)))
            .finish_non_exhaustive()
    }
}

/// RFC 6749 §2.3.1 and appendix B.
pub(super) fn form_encoded(text: &str) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::with_capacity(3 * text.len()));
    encoded.extend(form_urlencoded::byte_serialize(text.as_bytes()));
    encoded
}
