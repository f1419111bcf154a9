//! The tokens of an answer that grants them (RFC 6749 §5.1).

use super::{answer::Answer, unusable};
use crate::{
    oauth::ObtainError,
    scope::ScopeSet,
    token::{AccessToken, Moment, RefreshToken, Tokens},
};

pub(super) fn read(answer: &Answer<'_>, asked: Moment) -> Result<Tokens, ObtainError> {
    let refresh = answer.text(&answer.format.refresh_token);
    let refresh = refresh
        .filter(|value| !value.is_empty())
        .map(RefreshToken::new);
    let tokens = access_token(answer, asked).and_then(|access| {
        let mut tokens = Tokens::new(access);
        let id_token = answer.text(&answer.format.id_token);
        if let Some(id_token) = id_token.filter(|value| !value.is_empty()) {
            tokens = tokens.with_id_token(id_token);
        }
        Ok(match refresh.clone() {
            Some(token) => tokens.with_refresh_token(with_end(token, answer, asked)?),
            None => tokens,
        })
    });
    // Of an answer that is of no use, the refresh token is: the one it replaces may be spent.
    tokens.map_err(|error| error.with_refresh_token(refresh))
}

fn access_token(answer: &Answer<'_>, asked: Moment) -> Result<AccessToken, ObtainError> {
    let format = answer.format;
    can_be_sent(answer)?;
    is_bearer(answer)?;
    let pointer = &format.access_token;
    let value = match (answer.text(pointer), answer.member(pointer)) {
        (Some(value), _) => value,
        (None, Some(_)) => return Err(unusable(format!("`{pointer}` is not a string"))),
        (None, None) => return Err(unusable(format!("no access_token: nothing at `{pointer}`"))),
    };
    let mut access = AccessToken::new(value)?;
    if let Some(lifetime) = format.end.lifetime(answer, asked)? {
        if lifetime.is_zero() {
            return Err(unusable(format.end.is_over()));
        }
        access = access.with_expiry(asked.plus(lifetime));
    }
    if let Some(scope) = answer.text(&format.scope) {
        access = access.with_scope(ScopeSet::parse(scope.expose()));
    }
    Ok(access)
}

fn with_end(
    token: RefreshToken,
    answer: &Answer<'_>,
    asked: Moment,
) -> Result<RefreshToken, ObtainError> {
    let Some(end) = &answer.format.refresh_end else {
        return Ok(token);
    };
    Ok(match end.lifetime(answer, asked)? {
        Some(lifetime) if !(lifetime.is_zero() && end.is_relative()) => {
            token.with_expiry(asked.plus(lifetime).wall())
        }
        _ => token,
    })
}

fn is_bearer(answer: &Answer<'_>) -> Result<(), ObtainError> {
    let pointer = &answer.format.token_type;
    let Some(kind) = answer.text(pointer) else {
        return match answer.member(pointer) {
            // Required by RFC 6749 §5.1, and left out by servers that know no other.
            None => Ok(()),
            Some(_) => Err(unusable(format!("`{pointer}` is not a string"))),
        };
    };
    match kind.expose() {
        kind if kind.eq_ignore_ascii_case("bearer") => Ok(()),
        // RFC 8693 §2.2.1
        kind if kind.eq_ignore_ascii_case("n_a") => Err(unusable(
            "token_type `N_A`: what was issued is no access token; ask for one by `requested_token_type`".to_owned(),
        )),
        kind => {
            let kind = answer.quoted(kind);
            Err(unusable(format!(
                "token_type `{kind}`, and only `Bearer` can be sent"
            )))
        }
    }
}

/// RFC 8693 §2.2.1: a token exchange may issue a token of any type under the name of
/// `access_token`. An API must never see a refresh token.
fn can_be_sent(answer: &Answer<'_>) -> Result<(), ObtainError> {
    const REFRESH_TOKEN: &str = "urn:ietf:params:oauth:token-type:refresh_token";
    let pointer = &answer.format.issued_token_type;
    match (answer.text(pointer), answer.member(pointer)) {
        (Some(kind), _) if kind.expose() == REFRESH_TOKEN => Err(unusable(format!(
            "issued_token_type `{REFRESH_TOKEN}`, and only an access token can be sent"
        ))),
        (None, Some(_)) => Err(unusable(format!("`{pointer}` is not a string"))),
        _ => Ok(()),
    }
}
