//! ID tokens (OpenID Connect Core §2).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, json};

use super::{AuthorizationServer, AuthorizationServerError, grants::Granted, state::State};
use crate::{
    jwt::{Algorithm, signature::sha256},
    scope::ScopeSet,
    secret::Secret,
    token::AccessToken,
};

/// The ID token of a person who has logged in, if the scope asks for one.
pub(super) fn of(
    server: &AuthorizationServer,
    state: &State,
    granted: &Granted,
    access_token: &AccessToken,
) -> Result<Option<Secret>, AuthorizationServerError> {
    if !granted.has_logged_in || !ScopeSet::parse(&granted.scope).contains("openid") {
        return Ok(None);
    }
    let claims = json!({
        "iss": server.issuer(),
        "aud": granted.client_id,
        "sub": granted.subject,
        "nonce": granted.nonce,
        "at_hash": at_hash(server.settings().algorithm, access_token),
    });
    let mut all = server.settings().claims.clone();
    all.extend(claims.as_object().cloned().unwrap_or_else(Map::new));
    all.retain(|_, value| !value.is_null());
    state.mint_id_token(&all, server.now()).map(Some)
}

/// OpenID Connect Core §3.1.3.6, for the algorithms of SHA-256; others may leave it out.
fn at_hash(algorithm: Algorithm, access_token: &AccessToken) -> Option<String> {
    let hash = sha256(access_token.expose().as_bytes());
    let half = hash.get(..hash.len() / 2)?;
    algorithm
        .name()
        .ends_with("256")
        .then(|| URL_SAFE_NO_PAD.encode(half))
}
