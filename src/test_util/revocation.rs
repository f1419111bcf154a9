//! The revocation endpoint (RFC 7009).

use http::{Response, StatusCode};

use super::{
    AuthorizationServer, Body, fault,
    refusal::{Refusal, refusal},
    state::State,
    token_request::Asked,
};

/// A hint (RFC 7009 §2.1) spares a server a search, and there is nothing to be spared here:
/// a wrong one doesn't matter.
pub(super) fn answer(
    server: &AuthorizationServer,
    state: &mut State,
    asked: &Asked,
) -> Result<Response<Body>, Refusal> {
    let client = asked.client(server, state)?;
    let token = asked.form.required("token")?;
    if state.owner(token).is_some_and(|owner| owner != client.id) {
        // RFC 7009 §2.1; the code as in RFC 6749 §5.2.
        return Err(refusal("invalid_grant", "the token of another client"));
    }
    state.revoke(token);
    // RFC 7009 §2.2: also for a token that nobody knows.
    Ok(fault::empty(StatusCode::OK))
}
