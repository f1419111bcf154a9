//! The pipeline that every guard shares: extract, choose the issuer's rules and keys,
//! validate.
//!
//! All of it is synchronous. Where keys are not at hand it says so, and runs again from
//! the start once they are.

use std::{sync::Arc, time::SystemTime};

use http::HeaderMap;
use serde::de::DeserializeOwned;

use super::{
    credentials::{Absence, Found, Place},
    presence::Presence,
    rejection::RejectionReason,
};
use crate::{
    excerpt::excerpt,
    jwt::{Algorithm, Unverified, ValidationError, ValidationErrorKind, Validator, Verified},
    keys::{KeyQuery, KeySet, KeySource},
    scope::ScopeSet,
};

pub(super) struct Authenticator<C> {
    pub(super) place: Place,
    /// Rules and keys stay together, so that no issuer's key signs for another.
    trusted: Vec<Trusted>,
    pub(super) scopes: Option<Arc<ScopesOf<C>>>,
}

pub(super) type ScopesOf<C> = dyn Fn(&C) -> ScopeSet + Send + Sync;

#[derive(Clone)]
struct Trusted {
    validator: Validator,
    keys: Arc<dyn KeySource>,
}

/// What is to be done with a request.
pub(super) enum Decision<C> {
    Authenticated(Verified<C>),
    Anonymous,
    Refused(Refusal),
}

/// Why not, and what the token claims to be: unverified, for the log alone.
pub(super) struct Refusal {
    pub(super) reason: RejectionReason,
    pub(super) claimed: Claimed,
}

#[derive(Default)]
pub(super) struct Claimed {
    pub(super) issuer: Option<String>,
    pub(super) key_id: Option<String>,
}

/// Which keys to wait for.
pub(super) struct KeysNeeded {
    pub(super) keys: Arc<dyn KeySource>,
    pub(super) claimed: Claimed,
    algorithm: Algorithm,
    key_id: Option<Box<str>>,
}

impl KeysNeeded {
    pub(super) fn query(&self) -> KeyQuery<'_> {
        KeyQuery::new(self.algorithm).with_key_id(self.key_id.as_deref())
    }
}

impl<C> Authenticator<C> {
    pub(super) fn new(validator: Validator, keys: Arc<dyn KeySource>) -> Self {
        Self {
            place: Place::default(),
            trusted: vec![Trusted { validator, keys }],
            scopes: None,
        }
    }
}

/// A token whose form is in order, and whose keys may be asked for.
struct Candidate<'r> {
    trusted: &'r Trusted,
    token: Unverified<'r>,
}

impl<C: DeserializeOwned> Authenticator<C> {
    /// Decides with the keys that are at hand.
    pub(super) fn decide(
        &self,
        presence: &impl Presence,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Result<Decision<C>, KeysNeeded> {
        let candidate = match self.candidate(presence, headers) {
            Ok(candidate) => candidate,
            Err(decision) => return Ok(decision),
        };
        match candidate.trusted.keys.current(&candidate.query()) {
            Some(keys) => Ok(self.verify(&candidate, &keys, now)),
            None => candidate.ask(now),
        }
    }

    /// Decides with the keys that [`decide`](Self::decide) asked for.
    pub(super) fn resume(
        &self,
        presence: &impl Presence,
        headers: &HeaderMap,
        keys: &KeySet,
        now: SystemTime,
    ) -> Decision<C> {
        match self.candidate(presence, headers) {
            Ok(candidate) => self.verify(&candidate, keys, now),
            Err(decision) => decision,
        }
    }

    fn candidate<'r>(
        &'r self,
        presence: &impl Presence,
        headers: &'r HeaderMap,
    ) -> Result<Candidate<'r>, Decision<C>> {
        let token = match self.place.find(headers) {
            Found::Token(token) => token,
            Found::Absent(absence) => return Err(absent(presence, absence)),
            Found::Several => return Err(refused(RejectionReason::SeveralCredentials)),
            Found::Unreadable(why) => {
                let error = ValidationError::new(ValidationErrorKind::Malformed(why));
                return Err(refused(RejectionReason::InvalidToken(error)));
            }
        };
        let trusted = self.choose()?;
        match trusted.validator.read(token) {
            Ok(token) => Ok(Candidate { trusted, token }),
            Err(error) => Err(refused(RejectionReason::InvalidToken(error))),
        }
    }

    /// With one issuer there is nothing to choose, and no claim is read for it.
    fn choose(&self) -> Result<&Trusted, Decision<C>> {
        let only = self.trusted.first();
        only.ok_or_else(|| refused(RejectionReason::Misconfigured("the guard trusts no issuer")))
    }

    fn verify(&self, candidate: &Candidate<'_>, keys: &KeySet, now: SystemTime) -> Decision<C> {
        let Candidate { trusted, token } = candidate;
        match trusted.validator.verify(token, keys, now) {
            Ok(verified) => Decision::Authenticated(match &self.scopes {
                Some(scopes) => verified.with_scopes(|claims| scopes(claims)),
                None => verified,
            }),
            Err(error) => candidate.refused(error),
        }
    }
}

impl Candidate<'_> {
    fn query(&self) -> KeyQuery<'_> {
        KeyQuery::new(self.token.algorithm()).with_key_id(self.token.key_id())
    }

    /// A call over the network is made for no token that could not pass anyway.
    fn ask<C>(&self, now: SystemTime) -> Result<Decision<C>, KeysNeeded> {
        match self.trusted.validator.check_before_keys(&self.token, now) {
            Ok(()) => Err(KeysNeeded {
                keys: Arc::clone(&self.trusted.keys),
                claimed: self.claimed(),
                algorithm: self.token.algorithm(),
                key_id: self.token.key_id().map(Box::from),
            }),
            Err(error) => Ok(self.refused(error)),
        }
    }

    fn refused<C>(&self, error: ValidationError) -> Decision<C> {
        Decision::Refused(Refusal {
            reason: RejectionReason::InvalidToken(error),
            claimed: self.claimed(),
        })
    }

    /// Claims that nobody verified are read for a log only where there is one.
    fn claimed(&self) -> Claimed {
        if !tracing::enabled!(tracing::Level::INFO) {
            return Claimed::default();
        }
        let issuer = self.token.peek_issuer().ok().flatten();
        Claimed {
            issuer: issuer.as_deref().map(excerpt),
            key_id: self.token.key_id().map(excerpt),
        }
    }
}

fn absent<C>(presence: &impl Presence, absence: Absence) -> Decision<C> {
    if presence.admits(absence) {
        return Decision::Anonymous;
    }
    refused(RejectionReason::CredentialsMissing)
}

fn refused<C>(reason: RejectionReason) -> Decision<C> {
    Decision::Refused(Refusal {
        reason,
        claimed: Claimed::default(),
    })
}

// By hand: `derive` would ask `C: Clone`.
impl<C> Clone for Authenticator<C> {
    fn clone(&self) -> Self {
        Self {
            place: self.place.clone(),
            trusted: self.trusted.clone(),
            scopes: self.scopes.clone(),
        }
    }
}
