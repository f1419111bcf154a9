//! What each grant earns, and what is refused.

use serde_json::Value;

use super::{
    AuthorizationServer, RefreshTokens, RegisteredClient,
    assertion::{self, Asserted},
    refusal::{Refusal, refusal},
    state::{RefreshGrant, State},
    token_request::Asked,
};
use crate::{
    Expected,
    jwt::Validator,
    oauth::grant::{Asking, TokenType},
    scope::ScopeSet,
};

pub(super) const AUTHORIZATION_CODE: &str = "authorization_code";
pub(super) const CLIENT_CREDENTIALS: &str = "client_credentials";
pub(super) const REFRESH_TOKEN: &str = "refresh_token";
pub(super) const PASSWORD: &str = "password";
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub(super) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// What a request earns.
pub(super) struct Granted {
    /// What tokens of one grant, and of its refreshes, have in common.
    pub(super) authorization: u64,
    pub(super) client_id: String,
    pub(super) subject: String,
    /// Who acts for the subject (RFC 8693 §4.1).
    pub(super) actor: Option<String>,
    pub(super) scope: String,
    /// What the token is for, if that was asked.
    pub(super) audience: Vec<String>,
    pub(super) refresh_token: Option<String>,
    /// Said after an exchange only (RFC 8693 §2.2.1).
    pub(super) issued_token_type: Option<TokenType>,
    /// Whether a person has logged in for it.
    pub(super) has_logged_in: bool,
    /// What the authorization request wants to find in the ID token.
    pub(super) nonce: Option<String>,
}

/// A request of a client that proved who it is.
pub(super) struct Claimed<'a> {
    pub(super) server: &'a AuthorizationServer,
    pub(super) state: &'a mut State,
    pub(super) asked: &'a Asked,
    pub(super) client: &'a RegisteredClient,
}

impl Claimed<'_> {
    pub(super) fn grant(mut self) -> Result<Granted, Refusal> {
        match self.asked.grant_type() {
            Some(AUTHORIZATION_CODE) => self.authorization_code(),
            Some(CLIENT_CREDENTIALS) => self.client_credentials(),
            Some(REFRESH_TOKEN) => self.refresh(),
            Some(PASSWORD) => self.password(),
            Some(JWT_BEARER) => self.jwt_bearer(),
            Some(TOKEN_EXCHANGE) => self.token_exchange(),
            Some(_) => Err(refusal("unsupported_grant_type", "not one of ours")),
            None => Err(refusal("invalid_request", "`grant_type` is missing")),
        }
    }

    /// RFC 6749 §4.1.3, RFC 7636 §4.6.
    fn authorization_code(&mut self) -> Result<Granted, Refusal> {
        let code = self.asked.form.required("code")?;
        let known = self.state.codes.get(code).cloned();
        let known = known.filter(|grant| grant.client_id == self.client.id);
        let grant = known.ok_or_else(|| refusal("invalid_grant", "unknown code"))?;
        if let Some(authorization) = grant.used_for {
            self.state.requests.code_reused += 1;
            // §4.1.2
            self.state.revoke_authorization(authorization);
            return Err(refusal("invalid_grant", "this code was used before"));
        }
        grant.check(&self.asked.form, self.server.now())?;
        let whole = ScopeSet::parse(&grant.scope);
        let mut granted = self.granted(grant.subject, Some(&whole))?;
        granted.has_logged_in = true;
        granted.nonce = grant.nonce;
        if let Some(grant) = self.state.codes.get_mut(code) {
            grant.used_for = Some(granted.authorization);
        }
        Ok(self.with_refresh_token(granted))
    }

    /// RFC 6749 §4.4.
    fn client_credentials(&mut self) -> Result<Granted, Refusal> {
        if self.client.is_public() {
            return Err(refusal(
                "unauthorized_client",
                "public clients have no credentials",
            ));
        }
        let granted = self.granted(self.client.id.clone(), self.client.scopes.as_ref())?;
        Ok(self.with_refresh_token(granted))
    }

    /// RFC 6749 §4.3.
    fn password(&mut self) -> Result<Granted, Refusal> {
        let username = self.asked.form.required("username")?;
        let password = self.asked.form.required("password")?;
        let mut users = self.server.settings().users.iter();
        if !users.any(|(name, known)| name == username && known.expose() == password) {
            return Err(refusal("invalid_grant", "unknown user, or wrong password"));
        }
        let granted = self.granted(username.to_owned(), self.client.scopes.as_ref())?;
        Ok(self.with_refresh_token(granted))
    }

    /// RFC 7523 §2.1. A refresh token would outlive the assertion (RFC 7521 §4.1).
    fn jwt_bearer(&mut self) -> Result<Granted, Refusal> {
        let assertion = self.asked.form.required("assertion")?;
        let asserted = self.trusted(assertion);
        let asserted =
            asserted.ok_or_else(|| refusal("invalid_grant", "an assertion that doesn't hold"))?;
        if !self.state.is_first_use(&asserted) {
            return Err(refusal("invalid_grant", "this assertion was used before"));
        }
        self.granted(asserted.subject, self.client.scopes.as_ref())
    }

    /// RFC 8693.
    fn token_exchange(&mut self) -> Result<Granted, Refusal> {
        let form = &self.asked.form;
        let token = form.required("subject_token")?;
        let subject = self.party(token, form.get("subject_token_type"))?;
        let actor = self.actor()?;
        let ours = [TokenType::ACCESS_TOKEN, TokenType::JWT];
        let wanted = form.get("requested_token_type");
        if wanted.is_some_and(|wanted| ours.iter().all(|it| it.as_str() != wanted)) {
            return Err(refusal(
                "invalid_request",
                "a `requested_token_type` not of ours",
            ));
        }
        let allowed = subject.scope.as_ref().or(self.client.scopes.as_ref());
        let mut granted = self.granted(subject.name, allowed)?;
        granted.actor = actor.map(|actor| actor.name);
        granted.issued_token_type = Some(TokenType::ACCESS_TOKEN);
        Ok(granted)
    }

    /// RFC 8693 §2.1: token and type come together, or neither.
    fn actor(&self) -> Result<Option<Party>, Refusal> {
        let form = &self.asked.form;
        match (form.get("actor_token"), form.get("actor_token_type")) {
            (Some(token), token_type) => self.party(token, token_type).map(Some),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(refusal(
                "invalid_request",
                "a type without its `actor_token`",
            )),
        }
    }

    /// RFC 6749 §6.
    fn refresh(&mut self) -> Result<Granted, Refusal> {
        let token = self.asked.form.required("refresh_token")?;
        let known = self.state.refresh_tokens.get(token).cloned();
        let Some(grant) = known.filter(|grant| grant.client_id == self.client.id) else {
            return Err(refusal("invalid_grant", "unknown refresh token"));
        };
        if grant.spent {
            self.state.requests.refresh_token_reused += 1;
            return Err(refusal(
                "invalid_grant",
                "this refresh token was used before",
            ));
        }
        let whole = ScopeSet::parse(&grant.scope);
        let mut granted = self.granted(grant.subject.clone(), Some(&whole))?;
        granted.authorization = grant.authorization;
        granted.has_logged_in = grant.has_logged_in;
        if self.server.settings().refresh_tokens == RefreshTokens::Rotated {
            if let Some(old) = self.state.refresh_tokens.get_mut(token) {
                old.spent = true;
            }
            // RFC 6749 §6: the new one has the scope of the old one.
            granted.refresh_token = Some(self.state.new_refresh_token(grant));
        }
        Ok(granted)
    }

    fn granted(&mut self, subject: String, allowed: Option<&ScopeSet>) -> Result<Granted, Refusal> {
        Ok(Granted {
            authorization: self.state.new_authorization(),
            client_id: self.client.id.clone(),
            subject,
            actor: None,
            scope: scope(self.asked, allowed)?,
            audience: audience(self.asked)?,
            refresh_token: None,
            issued_token_type: None,
            has_logged_in: false,
            nonce: None,
        })
    }

    fn with_refresh_token(&mut self, mut granted: Granted) -> Granted {
        if self.server.settings().refresh_tokens != RefreshTokens::Never {
            let grant = RefreshGrant {
                authorization: granted.authorization,
                client_id: granted.client_id.clone(),
                subject: granted.subject.clone(),
                scope: granted.scope.clone(),
                has_logged_in: granted.has_logged_in,
                spent: false,
            };
            granted.refresh_token = Some(self.state.new_refresh_token(grant));
        }
        granted
    }

    /// An assertion of an issuer that this server trusts.
    fn trusted(&self, assertion: &str) -> Option<Asserted> {
        let mut issuers = self.server.settings().trusted_issuers.iter();
        issuers.find_map(|(issuer, keys)| {
            let validator = assertion::validator(issuer, self.server);
            assertion::check(&validator, assertion, keys, self.server.now())
        })
    }

    /// Whom a token of an exchange speaks of (RFC 8693 §2.1, §3).
    fn party(&self, token: &str, token_type: Option<&str>) -> Result<Party, Refusal> {
        let is = |known: TokenType| token_type == Some(known.as_str());
        let party = if is(TokenType::ACCESS_TOKEN) {
            self.own(token)
        } else if is(TokenType::JWT) {
            self.trusted(token).map(|asserted| Party {
                name: asserted.subject,
                scope: None,
            })
        } else {
            return Err(refusal("invalid_request", "a token type not of ours"));
        };
        // RFC 8693 §2.2.2
        party.ok_or_else(|| refusal("invalid_request", "a token that doesn't hold"))
    }

    /// An access token of this server: for whichever API, good now, and not revoked.
    fn own(&self, token: &str) -> Option<Party> {
        let validator = Validator::new(self.server.issuer(), Expected::unchecked());
        let keys = self.state.keys();
        let verified = validator.validate::<Value>(token, &keys, self.server.now());
        let verified = verified.ok()?;
        let is_revoked = self.state.revoked.contains(token);
        let name = verified.registered().subject()?.to_owned();
        let scope = Some(verified.scopes().clone());
        (!is_revoked).then_some(Party { name, scope })
    }
}

struct Party {
    name: String,
    scope: Option<ScopeSet>,
}

/// RFC 6749 §3.3: what was asked for if it is allowed; all that is allowed if nothing was.
fn scope(asked: &Asked, allowed: Option<&ScopeSet>) -> Result<String, Refusal> {
    let wanted = asked.form.get("scope");
    let Some(allowed) = allowed else {
        return Ok(wanted.unwrap_or_default().to_owned());
    };
    match wanted {
        None => Ok(allowed.as_str().to_owned()),
        Some(wanted) if ScopeSet::parse(wanted).is_subset(allowed) => Ok(wanted.to_owned()),
        Some(_) => Err(refusal(
            "invalid_scope",
            "more than this client may ask for",
        )),
    }
}

/// RFC 8707 §2: what the token is for, by address and by name.
fn audience(asked: &Asked) -> Result<Vec<String>, Refusal> {
    let is_good = |uri: &str| Asking::of(()).resource(uri).is_ok();
    if !asked.form.all("resource").all(is_good) {
        return Err(refusal("invalid_target", "a `resource` that is none"));
    }
    let named = asked.form.all("audience").chain(asked.form.all("resource"));
    Ok(named.map(str::to_owned).collect())
}
