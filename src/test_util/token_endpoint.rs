//! The token endpoint (RFC 6749 §3.2): what is granted, and what is refused.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    AuthorizationServer, Body, ExpiresIn, RefreshTokens, RegisteredClient, fault,
    state::{RefreshGrant, State},
    token_request::Asked,
};
use crate::scope::ScopeSet;

/// An error answer (RFC 6749 §5.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
}

pub(super) const fn refusal(error: &'static str, description: &'static str) -> Refusal {
    Refusal {
        status: StatusCode::BAD_REQUEST,
        error,
        description,
    }
}

pub(super) const INVALID_CLIENT: Refusal = Refusal {
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
