//! What changes while the server runs.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value, json};

use super::{
    AuthorizationServerError, ReceivedTokenRequest, Requests, assertion::Asserted, code::CodeGrant,
    fault::Faults, grants::Granted,
};
use crate::{
    jwt::{Algorithm, Minter, SigningKey},
    keys::KeySet,
    secret::Secret,
    token::AccessToken,
};

#[derive(Debug)]
pub(super) struct State {
    signing: SigningKey,
    old_keys: Vec<SigningKey>,
    key_number: u64,
    serial: u64,
    pub(super) token_lifetime: Duration,
    issued: Vec<AccessToken>,
    /// Whose the access tokens of the token endpoint are, and of which grant.
    owners: HashMap<String, Owner>,
    /// The issuer and the `jti` of each assertion that was good.
    used_assertions: HashSet<(String, String)>,
    pub(super) revoked: HashSet<String>,
    pub(super) refresh_tokens: HashMap<String, RefreshGrant>,
    pub(super) codes: HashMap<String, CodeGrant>,
    pub(super) faults: Faults,
    pub(super) requests: Requests,
    pub(super) last_token_request: Option<ReceivedTokenRequest>,
}

/// What a refresh token stands for.
#[derive(Clone, Debug)]
pub(super) struct RefreshGrant {
    pub(super) authorization: u64,
    pub(super) client_id: String,
    pub(super) subject: String,
    pub(super) scope: String,
    /// Whether a person has logged in for it, so that an ID token comes with each refresh.
    pub(super) has_logged_in: bool,
    pub(super) spent: bool,
}

#[derive(Debug)]
struct Owner {
    client_id: String,
    authorization: u64,
}

/// What goes into a token.
pub(super) struct Minting<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    pub(super) defaults: &'a Map<String, Value>,
    pub(super) claims: Map<String, Value>,
    pub(super) now: SystemTime,
}

impl State {
    pub(super) fn new(
        algorithm: Algorithm,
        token_lifetime: Duration,
    ) -> Result<Self, AuthorizationServerError> {
        Ok(Self {
            signing: signing_key(algorithm, 1)?,
            old_keys: Vec::new(),
            key_number: 1,
            serial: 0,
            token_lifetime,
            issued: Vec::new(),
            owners: HashMap::new(),
            used_assertions: HashSet::new(),
            revoked: HashSet::new(),
            refresh_tokens: HashMap::new(),
            codes: HashMap::new(),
            faults: Faults::default(),
            requests: Requests::default(),
            last_token_request: None,
        })
    }

    pub(super) fn keys(&self) -> KeySet {
        let published = self.old_keys.iter().map(SigningKey::verification_keys);
        published.fold(self.signing.verification_keys(), |keys, old| {
            keys.union(&old)
        })
    }

    /// RFC 7517 §5. A shared secret is not published.
    pub(super) fn jwks(&self) -> Value {
        let keys = std::iter::once(&self.signing).chain(&self.old_keys);
        let jwks: Vec<Value> = keys
            .filter_map(SigningKey::public_jwk)
            .filter_map(|jwk| serde_json::from_str(&jwk).ok())
            .collect();
        json!({ "keys": jwks })
    }

    pub(super) fn rotate_keys(
        &mut self,
        algorithm: Algorithm,
    ) -> Result<(), AuthorizationServerError> {
        self.key_number += 1;
        let new = signing_key(algorithm, self.key_number)?;
        let old = std::mem::replace(&mut self.signing, new);
        self.old_keys.push(old);
        Ok(())
    }

    pub(super) fn withdraw_old_keys(&mut self) {
        self.old_keys.clear();
    }

    pub(super) fn revoke_all(&mut self) {
        let issued = self.issued.drain(..);
        self.revoked
            .extend(issued.map(|token| token.expose().to_owned()));
    }

    pub(super) fn mint(
        &mut self,
        minting: Minting<'_>,
    ) -> Result<AccessToken, AuthorizationServerError> {
        let now = minting.now;
        let claims = self.claims(minting);
        let failed = |error| AuthorizationServerError::new("no token could be signed", error);
        let secret = Minter::new(self.signing.clone())
            .token_type("at+jwt")
            .lifetime(self.token_lifetime)
            .mint_at(&claims, now)
            .map_err(failed)?;
        let token = AccessToken::new(secret)
            .map_err(|error| AuthorizationServerError::new("this is no token", error))?;
        self.issued.push(token.clone());
        Ok(token)
    }

    /// A token for the client, not for the API (OpenID Connect Core §2). It lives shorter than
    /// any session.
    pub(super) fn mint_id_token(
        &self,
        claims: &Map<String, Value>,
        now: SystemTime,
    ) -> Result<Secret, AuthorizationServerError> {
        let failed = |error| AuthorizationServerError::new("no token could be signed", error);
        Minter::new(self.signing.clone())
            .mint_at(claims, now)
            .map_err(failed)
    }

    fn claims(&mut self, minting: Minting<'_>) -> Map<String, Value> {
        self.serial += 1;
        let mut claims = Map::from_iter([
            ("iss".to_owned(), json!(minting.issuer)),
            ("aud".to_owned(), json!(minting.audience)),
            ("jti".to_owned(), json!(format!("token-{}", self.serial))),
        ]);
        claims.extend(minting.defaults.clone());
        claims.extend(minting.claims);
        claims
    }

    pub(super) fn new_authorization(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub(super) fn new_refresh_token(&mut self, grant: RefreshGrant) -> String {
        self.serial += 1;
        let token = format!("refresh-token-{}", self.serial);
        self.refresh_tokens.insert(token.clone(), grant);
        token
    }

    pub(super) fn new_code(&mut self, grant: CodeGrant) -> String {
        self.serial += 1;
        let code = format!("code-{}", self.serial);
        self.codes.insert(code.clone(), grant);
        code
    }

    /// Notes whose the access token is.
    pub(super) fn belongs(&mut self, token: &AccessToken, granted: &Granted) {
        let owner = Owner {
            client_id: granted.client_id.clone(),
            authorization: granted.authorization,
        };
        self.owners.insert(token.expose().to_owned(), owner);
    }

    /// The client that a token was given to.
    pub(super) fn owner(&self, token: &str) -> Option<&str> {
        let access = self.owners.get(token).map(|owner| &owner.client_id);
        let refresh = || Some(&self.refresh_tokens.get(token)?.client_id);
        access.or_else(refresh).map(String::as_str)
    }

    /// With a refresh token, all tokens of the same grant (RFC 7009 §2.1).
    pub(super) fn revoke(&mut self, token: &str) {
        match self.refresh_tokens.get(token) {
            Some(grant) => self.revoke_authorization(grant.authorization),
            None => drop(self.revoked.insert(token.to_owned())),
        }
    }

    /// All tokens of one grant.
    pub(super) fn revoke_authorization(&mut self, authorization: u64) {
        self.refresh_tokens
            .retain(|_, grant| grant.authorization != authorization);
        let owners = self.owners.iter();
        let same = owners.filter(|(_, owner)| owner.authorization == authorization);
        self.revoked.extend(same.map(|(token, _)| token.clone()));
    }

    /// RFC 7523 §3: an assertion is good once.
    pub(super) fn is_first_use(&mut self, asserted: &Asserted) -> bool {
        let (issuer, id) = (asserted.issuer.clone(), asserted.id.clone());
        let is_first = self.used_assertions.insert((issuer, id));
        self.requests.assertion_reused += u64::from(!is_first);
        is_first
    }
}

fn signing_key(algorithm: Algorithm, number: u64) -> Result<SigningKey, AuthorizationServerError> {
    let key = SigningKey::generate(algorithm)
        .map_err(|error| AuthorizationServerError::new("no signing key could be made", error))?;
    Ok(key.with_key_id(format!("key-{number}")))
}
