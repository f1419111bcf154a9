//! A request to the token endpoint: what is asked, and who asks.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, Method, header, request::Parts};

use super::{
    PresentedBy, ReceivedTokenRequest, RegisteredClient,
    token_endpoint::{INVALID_CLIENT, Refusal, refusal},
};

/// A request to the token endpoint, read.
pub(super) struct Asked {
    parameters: BTreeMap<String, String>,
    client: Presented,
}

enum Presented {
    Nothing(Option<String>),
    Basic { user: String, password: String },
    Post { id: String, secret: String },
}

impl Asked {
    pub(super) fn read(parts: &Parts, body: &[u8]) -> Result<Self, Refusal> {
        if parts.method != Method::POST {
            return Err(refusal("invalid_request", "the token endpoint takes POST"));
        }
        if !is_form(parts) {
            return Err(refusal(
                "invalid_request",
                "the body must be application/x-www-form-urlencoded",
            ));
        }
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            // RFC 6749 §3.2: parameters must not occur twice.
            if parameters.insert(name.into(), value.into()).is_some() {
                return Err(refusal("invalid_request", "a parameter occurs twice"));
            }
        }
        let client = presented(parts, &parameters)?;
        Ok(Self { parameters, client })
    }

    pub(super) fn grant_type(&self) -> Option<&str> {
        self.parameter("grant_type")
    }

    /// RFC 6749 §3.2: a parameter without a value counts as left out.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let value = self.parameters.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    pub(super) fn record(&self) -> ReceivedTokenRequest {
        let (id, by) = match &self.client {
            Presented::Nothing(id) => (id.clone(), PresentedBy::Nothing),
            Presented::Basic { user, .. } => {
                let id = form_decoded(user).unwrap_or_else(|| user.clone());
                (Some(id), PresentedBy::Basic)
            }
            Presented::Post { id, .. } => (Some(id.clone()), PresentedBy::Post),
        };
        ReceivedTokenRequest::new(id, by, &self.parameters)
    }

    /// The client that proved who it is.
    pub(super) fn authenticated<'c>(
        &self,
        clients: &'c [RegisteredClient],
    ) -> Result<&'c RegisteredClient, Refusal> {
        let mut clients = clients.iter();
        clients
            .find(|client| self.client.is(client))
            .ok_or(INVALID_CLIENT)
    }
}

fn is_form(parts: &Parts) -> bool {
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| {
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// RFC 6749 §2.3: one way of proving, not two.
fn presented(parts: &Parts, parameters: &BTreeMap<String, String>) -> Result<Presented, Refusal> {
    let id = parameters.get("client_id").cloned();
    let secret = parameters.get("client_secret").cloned();
    match (parts.headers.get(header::AUTHORIZATION), id, secret) {
        (Some(_), _, Some(_)) => Err(refusal("invalid_request", "two proofs of the client")),
        (Some(value), _, None) => basic(value).ok_or(INVALID_CLIENT),
        (None, Some(id), Some(secret)) => Ok(Presented::Post { id, secret }),
        (None, id, _) => Ok(Presented::Nothing(id)),
    }
}

/// RFC 7617 §2.
fn basic(value: &HeaderValue) -> Option<Presented> {
    let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(credentials.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    scheme
        .eq_ignore_ascii_case("Basic")
        .then(|| Presented::Basic {
            user: user.to_owned(),
            password: password.to_owned(),
        })
}

impl Presented {
    fn is(&self, client: &RegisteredClient) -> bool {
        match (self, &client.secret) {
            (Self::Nothing(Some(id)), None) => *id == client.id,
            (Self::Post { id, secret }, Some(known)) => {
                *id == client.id && secret == known.expose()
            }
            // Both ways: form-encoded as RFC 6749 §2.3.1 asks, and as they are.
            (Self::Basic { user, password }, Some(known)) => {
                let plain = *user == client.id && password == known.expose();
                let encoded = form_decoded(user).is_some_and(|user| user == client.id)
                    && form_decoded(password).is_some_and(|word| word == known.expose());
                plain || encoded
            }
            _ => false,
        }
    }
}

fn form_decoded(text: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    match (pairs.next(), pairs.next()) {
        (Some((name, value)), None) if value.is_empty() && !text.contains('=') => {
            Some(name.into_owned())
        }
        _ => None,
    }
}
