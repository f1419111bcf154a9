//! What an ID token has to keep besides what each token has to (OpenID Connect Core §3.1.3.7).

use serde::Deserialize;

use super::granted::{Granted, JoseHeader, NotVerified};
use crate::{
    Validator, Verified,
    login::{crypto, gate::Gate, pages::Problem},
    token::Tokens,
};

/// The claims that tie an ID token to a login, to a client and to an access token.
#[derive(Debug, Deserialize)]
pub(in crate::login) struct OpenIdClaims {
    nonce: Option<String>,
    azp: Option<String>,
    at_hash: Option<String>,
}

/// Of this issuer, for this client. That it was issued just now, it has to say.
pub(in crate::login) fn validator(issuer: &str, client_id: &str) -> Validator {
    Validator::new(issuer, client_id)
        .require_claim("sub")
        .require_claim("iat")
}

impl Gate {
    /// Checks an ID token that has just come.
    pub(in crate::login) async fn open_id_token(
        &self,
        tokens: &Tokens,
        id_token: &str,
        nonce: Option<&str>,
    ) -> Result<Verified<OpenIdClaims>, Problem> {
        let refused = |error: NotVerified| error.problem("the ID token");
        let header = JoseHeader::read(id_token).ok_or_else(|| refused(NotVerified::NoToken))?;
        let provider = &self.settings().provider;
        let granted = Granted {
            validator: &self.id_tokens,
            token: id_token,
            access_token: tokens.access_token(),
            at: self.time(),
        };
        let verified = granted.verify::<OpenIdClaims>(provider.keys()).await;
        let verified = verified.map_err(refused)?;
        let expected = Expected {
            client_id: provider.client_id(),
            access_token: tokens.access_token().expose(),
            nonce,
        };
        match broken_rule(&verified, &header, expected) {
            None => Ok(verified),
            Some(rule) => Err(Problem::not_accepted(format!("the ID token: {rule}"))),
        }
    }
}

/// What an ID token has to fit to.
#[derive(Clone, Copy)]
struct Expected<'a> {
    client_id: &'a str,
    access_token: &'a str,
    /// None after a renewal, where there need not be any (Core §12.2).
    nonce: Option<&'a str>,
}

/// The rule that the token breaks, if any.
fn broken_rule(
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
