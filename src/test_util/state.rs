//! What changes while the server runs.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value, json};

use super::{AuthorizationServerError, ReceivedTokenRequest, Requests, fault::Faults};
use crate::{
    jwt::{Algorithm, Minter, SigningKey, seconds},
    keys::KeySet,
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
    pub(super) revoked: HashSet<String>,
    pub(super) refresh_tokens: HashMap<String, RefreshGrant>,
    pub(super) faults: Faults,
    pub(super) requests: Requests,
    pub(super) last_token_request: Option<ReceivedTokenRequest>,
}

/// What a refresh token stands for.
#[derive(Clone, Debug)]
pub(super) struct RefreshGrant {
    pub(super) client_id: String,
    pub(super) subject: String,
    pub(super) scope: String,
    pub(super) spent: bool,
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
            revoked: HashSet::new(),
            refresh_tokens: HashMap::new(),
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
        let claims = self.claims(minting);
        let failed = |error| AuthorizationServerError::new("no token could be signed", error);
        let secret = Minter::new(self.signing.clone())
            .token_type("at+jwt")
            .mint(&claims)
            .map_err(failed)?;
        let token = AccessToken::new(secret)
            .map_err(|error| AuthorizationServerError::new("this is no token", error))?;
        self.issued.push(token.clone());
        Ok(token)
    }

    fn claims(&mut self, minting: Minting<'_>) -> Map<String, Value> {
        self.serial += 1;
        let now = seconds(minting.now);
        let mut claims = Map::from_iter([
            ("iss".to_owned(), json!(minting.issuer)),
            ("aud".to_owned(), json!(minting.audience)),
            ("iat".to_owned(), json!(now)),
            (
                "exp".to_owned(),
                json!(now.saturating_add(self.token_lifetime.as_secs())),
            ),
            ("jti".to_owned(), json!(format!("token-{}", self.serial))),
        ]);
        claims.extend(minting.defaults.clone());
        claims.extend(minting.claims);
        claims.retain(|_, value| !value.is_null());
        claims
    }

    pub(super) fn new_refresh_token(
        &mut self,
        client_id: String,
        subject: String,
        scope: String,
    ) -> String {
        self.serial += 1;
        let token = format!("refresh-token-{}", self.serial);
        let grant = RefreshGrant {
            client_id,
            subject,
            scope,
            spent: false,
        };
        self.refresh_tokens.insert(token.clone(), grant);
        token
    }
}

fn signing_key(algorithm: Algorithm, number: u64) -> Result<SigningKey, AuthorizationServerError> {
    let key = SigningKey::generate(algorithm)
        .map_err(|error| AuthorizationServerError::new("no signing key could be made", error))?;
    Ok(key.with_key_id(format!("key-{number}")))
}
