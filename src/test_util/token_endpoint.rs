//! The token endpoint (RFC 6749 §3.2): what was asked, who asks, what is granted.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use serde_json::{Map, Value, json};

use super::{
    AuthorizationServer, Body, ExpiresIn, PresentedBy, ReceivedTokenRequest, RefreshTokens,
    RegisteredClient, fault,
    state::{RefreshGrant, State},
};
use crate::scope::ScopeSet;

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

/// An error answer (RFC 6749 §5.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
}

const fn refusal(error: &'static str, description: &'static str) -> Refusal {
    Refusal {
        status: StatusCode::BAD_REQUEST,
        error,
        description,
    }
}

const INVALID_CLIENT: Refusal = Refusal {
    status: StatusCode::UNAUTHORIZED,
    error: "invalid_client",
    description: "unknown client, or wrong secret",
};

impl Refusal {
    pub(super) fn into_response(self) -> Response<Body> {
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut response = fault::json(self.status, body.to_string());
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6749 §5.2: a 401 has a challenge (RFC 9110 §11.6.1).
            let basic = HeaderValue::from_static("Basic realm=\"token endpoint\"");
            headers.insert(header::WWW_AUTHENTICATE, basic);
        }
        response
    }
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
    fn parameter(&self, name: &str) -> Option<&str> {
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
    fn authenticated<'c>(
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

/// What a request earns.
struct Granted {
    client_id: String,
    subject: String,
    scope: String,
    refresh_token: Option<String>,
}

/// Carries out a request.
pub(super) fn answer(
    server: &AuthorizationServer,
    state: &mut State,
    asked: &Asked,
) -> Result<Response<Body>, Refusal> {
    let settings = server.settings();
    let client = asked.authenticated(&settings.clients)?;
    let granted = match asked.grant_type() {
        Some("client_credentials") => {
            client_credentials(asked, client, settings.refresh_tokens, state)?
        }
        Some("refresh_token") => refresh(asked, client, settings.refresh_tokens, state)?,
        Some(_) => return Err(refusal("unsupported_grant_type", "not one of ours")),
        None => return Err(refusal("invalid_request", "`grant_type` is missing")),
    };
    let claims = claims(&granted);
    let token = server.issue(claims, state).map_err(|_| Refusal {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        error: "server_error",
        description: "the token could not be signed",
    })?;
    state.requests.granted += 1;
    let lifetime = state.token_lifetime.as_secs();
    let body = body(token.expose(), &granted, &settings.expires_in, lifetime);
    let mut response = fault::json(StatusCode::OK, body.to_string());
    // RFC 6749 §5.1.
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

/// RFC 6749 §4.4.
fn client_credentials(
    asked: &Asked,
    client: &RegisteredClient,
    policy: RefreshTokens,
    state: &mut State,
) -> Result<Granted, Refusal> {
    if client.secret.is_none() {
        return Err(refusal(
            "unauthorized_client",
            "public clients have no credentials",
        ));
    }
    let scope = scope(asked, client.scopes.as_ref())?;
    let (id, subject) = (client.id.clone(), client.id.clone());
    let refresh_token = (policy != RefreshTokens::Never)
        .then(|| state.new_refresh_token(id.clone(), subject.clone(), scope.clone()));
    Ok(Granted {
        client_id: id,
        subject,
        scope,
        refresh_token,
    })
}

/// RFC 6749 §6.
fn refresh(
    asked: &Asked,
    client: &RegisteredClient,
    policy: RefreshTokens,
    state: &mut State,
) -> Result<Granted, Refusal> {
    let Some(token) = asked.parameter("refresh_token") else {
        return Err(refusal("invalid_request", "`refresh_token` is missing"));
    };
    let known = state.refresh_tokens.get(token).cloned();
    let Some(grant) = known.filter(|grant| grant.client_id == client.id) else {
        return Err(refusal("invalid_grant", "unknown refresh token"));
    };
    if grant.spent {
        state.requests.refresh_token_reused += 1;
        return Err(refusal(
            "invalid_grant",
            "this refresh token was used before",
        ));
    }
    let scope = scope(asked, Some(&ScopeSet::parse(&grant.scope)))?;
    let RefreshGrant {
        client_id,
        subject,
        scope: whole,
        ..
    } = grant;
    let refresh_token = (policy == RefreshTokens::Rotated).then(|| {
        if let Some(old) = state.refresh_tokens.get_mut(token) {
            old.spent = true;
        }
        // RFC 6749 §6: the new one has the scope of the old one.
        state.new_refresh_token(client_id.clone(), subject.clone(), whole)
    });
    Ok(Granted {
        client_id,
        subject,
        scope,
        refresh_token,
    })
}

/// RFC 6749 §3.3: what was asked for if it is allowed; all that is allowed if nothing was.
fn scope(asked: &Asked, allowed: Option<&ScopeSet>) -> Result<String, Refusal> {
    let wanted = asked.parameter("scope");
    let Some(allowed) = allowed else {
        return Ok(wanted.unwrap_or_default().to_owned());
    };
    match wanted {
        None => Ok(allowed.as_str().to_owned()),
        Some(wanted) if ScopeSet::parse(wanted).is_subset(allowed) => Ok(wanted.to_owned()),
        Some(_) => Err(refusal(
            "invalid_scope",
            "more than this client may ask for",
        )),
    }
}

/// RFC 9068 §2.2.
fn claims(granted: &Granted) -> Map<String, Value> {
    let scope = Some(&granted.scope).filter(|scope| !scope.is_empty());
    Map::from_iter([
        ("sub".to_owned(), json!(granted.subject)),
        ("client_id".to_owned(), json!(granted.client_id)),
        ("scope".to_owned(), json!(scope)),
    ])
}

/// RFC 6749 §5.1.
fn body(token: &str, granted: &Granted, form: &ExpiresIn, lifetime: u64) -> Value {
    let expires_in = match form {
        ExpiresIn::Number => json!(lifetime),
        ExpiresIn::Text => json!(lifetime.to_string()),
        ExpiresIn::Float => json!(lifetime as f64),
        ExpiresIn::Missing => Value::Null,
        ExpiresIn::Value(value) => value.clone(),
    };
    let members = [
        ("access_token", json!(token)),
        ("token_type", json!("Bearer")),
        ("expires_in", expires_in),
        ("scope", json!(granted.scope)),
        ("refresh_token", json!(granted.refresh_token)),
    ];
    members
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}
