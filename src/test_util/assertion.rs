//! Assertions (RFC 7523 §3): of a client about itself, of a trusted issuer about a user.

use std::time::SystemTime;

use serde_json::Value;

use super::AuthorizationServer;
use crate::{jwt::Validator, keys::KeySet};

/// What a good assertion says; one that doesn't say all of it is none.
pub(super) struct Asserted {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) id: String,
}

/// Assertions of `issuer` for this server, by its issuer identifier alone
/// (`draft-ietf-oauth-rfc7523bis`).
pub(super) fn validator(issuer: &str, server: &AuthorizationServer) -> Validator {
    Validator::new(issuer, server.issuer())
}

pub(super) fn check(
    validator: &Validator,
    assertion: &str,
    keys: &KeySet,
    now: SystemTime,
) -> Option<Asserted> {
    let verified = validator.validate::<Value>(assertion, keys, now).ok()?;
    let claims = verified.registered();
    Some(Asserted {
        issuer: claims.issuer()?.to_owned(),
        subject: claims.subject()?.to_owned(),
        id: claims.token_id()?.to_owned(),
    })
}
