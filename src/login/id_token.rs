//! What an ID token has to keep besides what each token has to (OpenID Connect Core §3.1.3.7).

use serde::Deserialize;

use super::{crypto, jose::JoseHeader};
use crate::{Validator, Verified};

/// The claims that tie an ID token to a login, to a client and to an access token.
#[derive(Debug, Deserialize)]
pub(super) struct OpenIdClaims {
    nonce: Option<String>,
    azp: Option<String>,
    at_hash: Option<String>,
}

/// What an ID token has to fit to.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) client_id: &'a str,
    pub(super) access_token: &'a str,
    /// None after a renewal, where there need not be any (Core §12.2).
    pub(super) nonce: Option<&'a str>,
}

/// Of this issuer, for this client. That it was issued just now, it has to say.
pub(super) fn validator(issuer: &str, client_id: &str) -> Validator {
    Validator::new(issuer, client_id)
        .require_claim("sub")
        .require_claim("iat")
}

/// The rule that the token breaks, if any.
pub(super) fn broken_rule(
    token: &Verified<OpenIdClaims>,
    header: &JoseHeader,
    expected: Expected<'_>,
) -> Option<&'static str> {
    let claims = token.claims();
    let hash = || crypto::half_hash(header.algorithm(), expected.access_token);
    let has_other_audiences = token.registered().audience().count() > 1;
    if expected
        .nonce
        .is_some_and(|nonce| claims.nonce.as_deref() != Some(nonce))
    {
        return Some("its `nonce` is not that of this login");
    }
    match claims.azp.as_deref() {
        Some(party) if party != expected.client_id => {
            return Some("it was issued to another client (`azp`)");
        }
        None if has_other_audiences => {
            return Some("it has several audiences, and doesn't say to whom it was issued (`azp`)");
        }
        _ => {}
    }
    if claims
        .at_hash
        .as_ref()
        .is_some_and(|found| *found != hash())
    {
        return Some("its `at_hash` is not that of the access token");
    }
    None
}
