//! A token request while it is being put together (RFC 6749 §4, §6).

use std::{borrow::Cow, fmt, time::SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use zeroize::Zeroizing;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{address::without_query, oauth::ObtainError, secret::Secret};

/// How parameters stand in the body of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `application/x-www-form-urlencoded`, as RFC 6749 asks.
    #[default]
    Form,
    /// One JSON object.
    Json,
}

/// Parameters and headers of a token request.
///
/// A [`Grant`](super::Grant) and a [`ClientAuthentication`](super::ClientAuthentication)
/// each add their part. Every value is kept as a [`Secret`]: some are.
pub struct TokenRequest {
    endpoint: Uri,
    encoding: Encoding,
    now: SystemTime,
    parameters: Vec<(Cow<'static, str>, Secret)>,
    headers: HeaderMap,
    secrets: Vec<Secret>,
}

impl TokenRequest {
    pub(super) fn new(endpoint: Uri, encoding: Encoding, now: SystemTime) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Self {
            endpoint,
            encoding,
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
    /// as it stands in a form or in JSON.
    pub fn hide(&mut self, secret: Secret) {
        let written = [form_encoded(secret.expose()), json_encoded(secret.expose())];
        for written in written {
            if *written != *secret.expose() {
                self.secrets.push(Secret::from(written));
            }
        }
        self.secrets.push(secret);
    }

    /// What a server's words must not repeat into our error messages.
    pub(crate) fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// The request as it is sent. Without parameters it has no body.
    pub(super) fn to_http(&self) -> Result<Request<Bytes>, ObtainError> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        *request.headers_mut() = self.headers.clone();
        if !self.parameters.is_empty() {
            let (content_type, body) = match self.encoding {
                Encoding::Form => ("application/x-www-form-urlencoded", self.form()),
                Encoding::Json => ("application/json", self.json()?),
            };
            let content_type = HeaderValue::from_static(content_type);
            let headers = request.headers_mut();
            headers.insert(header::CONTENT_TYPE, content_type);
            *request.body_mut() = Bytes::from_owner(body);
        }
        Ok(request)
    }

    fn form(&self) -> Zeroizing<Vec<u8>> {
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(self.room(3)));
        for (name, value) in &self.parameters {
            form.append_pair(name, value.expose());
        }
        Zeroizing::new(form.finish().into_bytes())
    }

    fn json(&self) -> Result<Zeroizing<Vec<u8>>, ObtainError> {
        let mut body = Zeroizing::new(Vec::with_capacity(self.room(LONGEST_IN_JSON)));
        serde_json::to_writer(&mut *body, &Members(&self.parameters))
            .map_err(ObtainError::other)?;
        Ok(body)
    }

    /// Room for all parameters, so that no half-written copy is left behind by growing.
    fn room(&self, longest: usize) -> usize {
        const PUNCTUATION: usize = 8; // `"":["",]`
        let sizes = self.parameters.iter();
        let sizes = sizes.map(|(name, value)| longest * (name.len() + value.expose().len()));
        sizes.map(|size| size + PUNCTUATION).sum::<usize>() + 2
    }
}

/// A byte becomes `\u0000` at worst.
const LONGEST_IN_JSON: usize = 6;

/// Parameters as one JSON object. One that repeats is an array: a member that occurs twice
/// would be read by chance (RFC 8259 §4).
struct Members<'a>(&'a [(Cow<'static, str>, Secret)]);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        for (at, (name, value)) in self.0.iter().enumerate() {
            let same = |(other, _): &&(Cow<'static, str>, Secret)| other == name;
            if self.0.iter().take(at).any(|earlier| same(&earlier)) {
                continue;
            }
            let all = self.0.iter().filter(same);
            let all: Vec<_> = all.map(|(_, value)| value.expose()).collect();
            match all.len() {
                1 => object.serialize_entry(name, value.expose())?,
                _ => object.serialize_entry(name, &all)?,
            }
        }
        object.end()
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field(
                "endpoint",
                &format_args!("{}", without_query(&self.endpoint)),
            )
            .finish_non_exhaustive()
    }
}

/// RFC 6749 §2.3.1 and appendix B.
pub(super) fn form_encoded(text: &str) -> Zeroizing<String> {
    let mut encoded = Zeroizing::new(String::with_capacity(3 * text.len()));
    encoded.extend(form_urlencoded::byte_serialize(text.as_bytes()));
    encoded
}

/// As it stands between the quotes of a JSON string.
fn json_encoded(text: &str) -> Zeroizing<String> {
    let room = LONGEST_IN_JSON * text.len() + 2;
    let mut encoded = Zeroizing::new(Vec::with_capacity(room));
    let written = serde_json::to_writer(&mut *encoded, text);
    let quoted = written
        .ok()
        .and_then(|()| std::str::from_utf8(&encoded).ok());
    let inside = quoted.and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
    Zeroizing::new(inside.unwrap_or(text).to_owned())
}
