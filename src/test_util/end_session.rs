//! Logout (OpenID Connect RP-Initiated Logout §2, §3).

use http::{Response, StatusCode, request::Parts};

use super::{
    AuthorizationServer, Body,
    form::Form,
    page::{page, redirect},
};

pub(super) fn answer(server: &AuthorizationServer, parts: &Parts, body: &[u8]) -> Response<Body> {
    let Ok(form) = Form::read_page(parts, body) else {
        return page(StatusCode::BAD_REQUEST, "Not logged out", "");
    };
    let mut clients = server.settings().clients.iter();
    let client = form
        .get("client_id")
        .and_then(|id| clients.find(|client| client.id == id));
    let Some(back) = form.get("post_logout_redirect_uri") else {
        return page(StatusCode::OK, "Logged out", "");
    };
    let known = client.map(|client| &client.post_logout_redirect_uris);
    match known.is_some_and(|known| known.iter().any(|known| known == back)) {
        true => redirect(back, &[("state", form.get("state"))]),
        false => page(StatusCode::BAD_REQUEST, "An address that is not known", ""),
    }
}
