//! The authorization endpoint (RFC 6749 §3.1, §4.1.1; RFC 7636 §4.3; RFC 9207).

use http::{Response, StatusCode, request::Parts};

use super::{
    AuthorizationServer, Body, RegisteredClient,
    code::{self, CodeGrant},
    form::Form,
    page::{login_page, page, redirect},
    state::State,
};
use crate::scope::ScopeSet;

pub(super) fn answer(
    server: &AuthorizationServer,
    state: &mut State,
    parts: &Parts,
    body: &[u8],
) -> Response<Body> {
    let Ok(form) = Form::read_page(parts, body) else {
        return page(StatusCode::BAD_REQUEST, "A parameter occurs twice", "");
    };
    // RFC 6749 §4.1.2.1: whoever is not known is sent nowhere.
    let Some((client, redirect_uri)) = known(server, &form) else {
        let title = "An application or an address that is not known";
        return page(StatusCode::BAD_REQUEST, title, "");
    };
    let back = |name, value: &str| {
        let parameters = [
            (name, Some(value)),
            ("state", form.get("state")),
            ("iss", Some(server.issuer())),
        ];
        redirect(redirect_uri, &parameters)
    };
    if let Some(error) = error(client, &form) {
        return back("error", error);
    }
    match who(server, &form) {
        Who::Nobody => login_page(false),
        Who::Wrong => login_page(true),
        Who::Denied => back("error", "access_denied"),
        Who::User(subject) => {
            let grant = grant(server, client, &form, subject);
            back("code", &state.new_code(grant))
        }
    }
}

fn known<'a>(
    server: &'a AuthorizationServer,
    form: &Form,
) -> Option<(&'a RegisteredClient, &'a str)> {
    let id = form.get("client_id")?;
    let mut clients = server.settings().clients.iter();
    let client = clients.find(|client| client.id == id)?;
    let wanted = form.get("redirect_uri")?;
    let mut known = client.redirect_uris.iter();
    let redirect_uri = known.find(|known| *known == wanted)?;
    Some((client, redirect_uri))
}

/// RFC 6749 §4.1.2.1.
fn error(client: &RegisteredClient, form: &Form) -> Option<&'static str> {
    let scopes = ScopeSet::parse(form.get("scope").unwrap_or_default());
    let allowed = client.scopes.as_ref();
    let has_challenge = form.get("code_challenge").map(str::len) == Some(43)
        && form.get("code_challenge_method") == Some("S256");
    if form.get("response_type") != Some("code") {
        Some("unsupported_response_type")
    } else if form
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
        || !has_challenge
    {
        Some("invalid_request")
    } else if allowed.is_some_and(|allowed| !scopes.is_subset(allowed)) {
        Some("invalid_scope")
    } else {
        None
    }
}

enum Who<'a> {
    Nobody,
    Wrong,
    Denied,
    User(&'a str),
}

fn who<'a>(server: &'a AuthorizationServer, form: &'a Form) -> Who<'a> {
    if let Some(user) = &server.settings().logged_in {
        return Who::User(user);
    }
    if form.get("answer") == Some("deny") {
        return Who::Denied;
    }
    let Some(username) = form.get("username") else {
        return Who::Nobody;
    };
    let password = form.get("password").unwrap_or_default();
    let mut users = server.settings().users.iter();
    match users.find(|(name, known)| name == username && known.expose() == password) {
        Some((name, _)) => Who::User(name),
        None => Who::Wrong,
    }
}

fn grant(
    server: &AuthorizationServer,
    client: &RegisteredClient,
    form: &Form,
    subject: &str,
) -> CodeGrant {
    let owned = |name| form.get(name).unwrap_or_default().to_owned();
    let now = server.now();
    CodeGrant {
        client_id: client.id.clone(),
        redirect_uri: owned("redirect_uri"),
        code_challenge: owned("code_challenge"),
        subject: subject.to_owned(),
        scope: owned("scope"),
        nonce: form.get("nonce").map(str::to_owned),
        expires_at: now.checked_add(code::LIFETIME).unwrap_or(now),
        used_for: None,
    }
}
