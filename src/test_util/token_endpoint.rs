//! The token endpoint (RFC 6749 §3.2).

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    AuthorizationServer, Body, ExpiresIn, fault,
    grants::{Claimed, Granted},
    id_token,
    refusal::{Refusal, SERVER_ERROR},
    state::State,
    token_request::Asked,
};
use crate::oauth::grant::TokenType;

/// Carries out a request.
pub(super) fn answer(
    server: &AuthorizationServer,
    state: &mut State,
    asked: &Asked,
) -> Result<Response<Body>, Refusal> {
    let client = asked.client(server, state)?;
    let granted = Claimed {
        server,
        state,
        asked,
        client,
    };
    let granted = granted.grant()?;
    let token = server
        .issue(claims(&granted), state)
        .map_err(|_| SERVER_ERROR)?;
    state.belongs(&token, &granted);
    state.requests.granted += 1;
    let lifetime = state.token_lifetime.as_secs();
    let form = &server.settings().expires_in;
    let id_token = id_token::of(server, state, &granted, &token).map_err(|_| SERVER_ERROR)?;
    let mut body = body(token.expose(), &granted, form, lifetime);
    if let (Some(id_token), Some(members)) = (id_token, body.as_object_mut()) {
        members.insert("id_token".to_owned(), id_token.expose().into());
    }
    let mut response = fault::json(StatusCode::OK, body.to_string());
    // RFC 6749 §5.1.
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

/// RFC 9068 §2.2, RFC 8693 §4.1.
fn claims(granted: &Granted) -> Map<String, Value> {
    let scope = Some(&granted.scope).filter(|scope| !scope.is_empty());
    let actor = granted.actor.as_ref().map(|actor| json!({ "sub": actor }));
    let mut claims = Map::from_iter([
        ("sub".to_owned(), json!(granted.subject)),
        ("client_id".to_owned(), json!(granted.client_id)),
        ("scope".to_owned(), json!(scope)),
        ("act".to_owned(), json!(actor)),
    ]);
    match granted.audience.as_slice() {
        [] => {} // the server's own default
        [one] => drop(claims.insert("aud".to_owned(), json!(one))),
        many => drop(claims.insert("aud".to_owned(), json!(many))),
    }
    claims
}

/// RFC 6749 §5.1, RFC 8693 §2.2.1.
fn body(token: &str, granted: &Granted, form: &ExpiresIn, lifetime: u64) -> Value {
    let expires_in = match form {
        ExpiresIn::Number => json!(lifetime),
        ExpiresIn::Text => json!(lifetime.to_string()),
        ExpiresIn::Float => json!(lifetime as f64),
        ExpiresIn::Missing => Value::Null,
        ExpiresIn::Value(value) => value.clone(),
    };
    let issued = granted.issued_token_type.as_ref().map(TokenType::as_str);
    let members = [
        ("access_token", json!(token)),
        ("issued_token_type", json!(issued)),
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
