//! How a client proves who it is (RFC 6749 §2.3, RFC 7521 §4.2), and whether that holds.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, header, request::Parts};

use super::{
    AuthorizationServer, PresentedBy, RegisteredClient,
    assertion::{self, Asserted},
    client::Proof,
    form::Form,
    refusal::{INVALID_CLIENT, Refusal, refusal},
    state::State,
};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The types of a client assertion: what RFC 7523 calls it, and the one of its own that
/// `draft-ietf-oauth-rfc7523bis` gives it. An access token is none.
const TOKEN_TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// The proof of a request.
pub(super) enum Presented {
    Nothing(Option<String>),
    Basic {
        user: String,
        password: String,
    },
    Post {
        id: String,
        secret: String,
    },
    Assertion {
        id: Option<String>,
        assertion: String,
    },
}

impl Presented {
    /// RFC 6749 §2.3: one way of proving, not two.
    pub(super) fn read(parts: &Parts, form: &Form) -> Result<Self, Refusal> {
        let owned = |name| form.get(name).map(str::to_owned);
        let id = owned("client_id");
        let header = parts.headers.get(header::AUTHORIZATION);
        match (header, owned("client_secret"), owned("client_assertion")) {
            (Some(value), None, None) => basic(value).ok_or(INVALID_CLIENT),
            (None, Some(secret), None) => match id {
                Some(id) => Ok(Self::Post { id, secret }),
                None => Ok(Self::Nothing(None)),
            },
            (None, None, Some(assertion)) => match form.get("client_assertion_type") {
                Some(ASSERTION_TYPE) => Ok(Self::Assertion { id, assertion }),
                _ => Err(refusal("invalid_request", "the `client_assertion_type`")),
            },
            (None, None, None) => Ok(Self::Nothing(id)),
            _ => Err(refusal("invalid_request", "two proofs of the client")),
        }
    }

    /// Which client it says it is, and by what.
    pub(super) fn record(&self) -> (Option<String>, PresentedBy) {
        match self {
            Self::Nothing(id) => (id.clone(), PresentedBy::Nothing),
            Self::Basic { user, .. } => {
                let id = form_decoded(user).unwrap_or_else(|| user.clone());
                (Some(id), PresentedBy::Basic)
            }
            Self::Post { id, .. } => (Some(id.clone()), PresentedBy::Post),
            Self::Assertion { id, .. } => (id.clone(), PresentedBy::Assertion),
        }
    }

    /// The client that proved who it is.
    pub(super) fn proven<'s>(
        &self,
        server: &'s AuthorizationServer,
        state: &mut State,
    ) -> Result<&'s RegisteredClient, Refusal> {
        let mut clients = server.settings().clients.iter();
        let proven = match self {
            Self::Assertion { id, assertion } => {
                let named =
                    |client: &&RegisteredClient| id.as_ref().is_none_or(|id| *id == client.id);
                clients.filter(named).find_map(|client| {
                    let asserted = asserted(server, client, assertion)?;
                    Some((client, Some(asserted)))
                })
            }
            _ => clients
                .find(|client| self.is(client))
                .map(|client| (client, None)),
        };
        match proven {
            None => Err(INVALID_CLIENT),
            Some((_, Some(asserted))) if !state.is_first_use(&asserted) => Err(INVALID_CLIENT),
            Some((client, _)) => Ok(client),
        }
    }

    fn is(&self, client: &RegisteredClient) -> bool {
        match (self, &client.proof) {
            (Self::Nothing(Some(id)), Proof::Nothing) => *id == client.id,
            (Self::Post { id, secret }, Proof::Secret(known)) => {
                *id == client.id && secret == known.expose()
            }
            // Both ways: form-encoded as RFC 6749 §2.3.1 asks, and as they are.
            (Self::Basic { user, password }, Proof::Secret(known)) => {
                let plain = *user == client.id && password == known.expose();
                let encoded = form_decoded(user).is_some_and(|user| user == client.id)
                    && form_decoded(password).is_some_and(|word| word == known.expose());
                plain || encoded
            }
            _ => false,
        }
    }
}

/// RFC 7523 §3: issuer and subject are the client.
fn asserted(
    server: &AuthorizationServer,
    client: &RegisteredClient,
    assertion: &str,
) -> Option<Asserted> {
    let keys = client.assertion_keys()?;
    let validator = assertion::validator(&client.id, server).token_types(TOKEN_TYPES);
    let asserted = assertion::check(&validator, assertion, &keys, server.now())?;
    (asserted.subject == client.id).then_some(asserted)
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

fn form_decoded(text: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    match (pairs.next(), pairs.next()) {
        (Some((name, value)), None) if value.is_empty() && !text.contains('=') => {
            Some(name.into_owned())
        }
        _ => None,
    }
}
