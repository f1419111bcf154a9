//! What becomes of a JWT: choose the issuer's rules and keys, validate.
//!
//! All of it is synchronous. Where keys are not at hand it says so, and runs again from
//! the start once they are.

use std::{fmt, sync::Arc, time::SystemTime};

use serde::de::DeserializeOwned;

use super::{
    authenticate::{Authenticate, Claimed, Decision, Refusal},
    key_wait::KeysAwaited,
    rejection::RejectionReason,
    trusted::{Choice, Trusted, TrustedIssuers},
};
use crate::{
    BoxFuture,
    excerpt::excerpt,
    jwt::{Algorithm, Unverified, ValidationError, ValidationErrorKind, Validator, Verified},
    keys::{KeyQuery, KeySet, KeySource},
    scope::ScopeSet,
};

/// What guards of JWTs check tokens with, behind [`RequireJwt`](super::RequireJwt) and
/// [`OptionalJwt`](super::OptionalJwt): write those, not this.
pub struct JwtAuthenticator<C> {
    trusted: TrustedIssuers,
    pub(super) scopes: Option<Arc<ScopesOf<C>>>,
}

pub(super) type ScopesOf<C> = dyn Fn(&C) -> ScopeSet + Send + Sync;

/// Which keys to wait for.
pub(super) struct KeysNeeded {
    pub(super) keys: Arc<dyn KeySource>,
    pub(super) claimed: Claimed,
    algorithm: Algorithm,
    key_id: Option<Box<str>>,
    issuer: Option<String>,
    signature: Box<str>,
    tried: Option<KeySet>,
}

impl KeysNeeded {
    pub(super) fn query(&self) -> KeyQuery<'_> {
        KeyQuery::new(self.algorithm)
            .with_key_id(self.key_id.as_deref())
            .with_issuer(self.issuer.as_deref())
            .with_signature(Some(&self.signature))
            .with_tried(self.tried.as_ref())
    }
}

impl<C> JwtAuthenticator<C> {
    pub(super) fn new(validator: Validator, keys: Arc<dyn KeySource>) -> Self {
        Self {
            trusted: TrustedIssuers::new(Trusted { validator, keys }),
            scopes: None,
        }
    }

    pub(super) fn also_trust(&mut self, validator: Validator, keys: Arc<dyn KeySource>) {
        self.trusted.push(Trusted { validator, keys });
    }
}

/// A token whose form is in order, and whose keys may be asked for.
struct Candidate<'r> {
    trusted: &'r Trusted,
    token: Unverified<'r>,
    issuer: Option<String>,
}

impl<C> Authenticate for JwtAuthenticator<C>
where
    C: DeserializeOwned + Send + Sync + 'static,
{
    type Caller = Verified<C>;
    type Awaited = KeysAwaited;

    fn decide(
        &self,
        token: &str,
        now: SystemTime,
    ) -> Result<Decision<Verified<C>>, BoxFuture<'static, KeysAwaited>> {
        self.decide_at_once(token, now)
            .map_err(|needed| needed.obtain())
    }

    fn resume(&self, token: &str, awaited: KeysAwaited, now: SystemTime) -> Decision<Verified<C>> {
        let keys = match awaited.keys {
            Ok(keys) => keys,
            Err(error) => {
                return Decision::Refused(Refusal {
                    reason: RejectionReason::KeysUnavailable(error),
                    claimed: awaited.claimed,
                });
            }
        };
        match self.candidate(token) {
            Ok(candidate) => self.conclude(&candidate, &keys, now),
            Err(decision) => decision,
        }
    }
}

impl<C: DeserializeOwned> JwtAuthenticator<C> {
    /// Decides with the keys that are at hand.
    fn decide_at_once(
        &self,
        token: &str,
        now: SystemTime,
    ) -> Result<Decision<Verified<C>>, Box<KeysNeeded>> {
        let candidate = match self.candidate(token) {
            Ok(candidate) => candidate,
            Err(decision) => return Ok(decision),
        };
        let query = candidate.query();
        let source = &candidate.trusted.keys;
        let Some(keys) = source.current(&query) else {
            return candidate.ask(None, now);
        };
        let error = match self.verify(&candidate, &keys, now) {
            Ok(verified) => return Ok(Decision::Authenticated(verified)),
            Err(error) => error,
        };
        if !candidate.may_want_another_key(&keys, &error) {
            return Ok(candidate.refused(error));
        }
        match source.current(&query.with_tried(Some(&keys))) {
            Some(again) if again.is_same(&keys) => Ok(candidate.refused(error)),
            Some(newer) => Ok(self.conclude(&candidate, &newer, now)),
            None => candidate.ask(Some(keys), now),
        }
    }

    fn candidate<'r>(&'r self, token: &'r str) -> Result<Candidate<'r>, Decision<Verified<C>>> {
        let invalid = |error| Decision::from(RejectionReason::InvalidToken(error));
        let Choice { trusted, issuer } = self.trusted.choose(token).map_err(invalid)?;
        let token = trusted.validator.read(token).map_err(invalid)?;
        Ok(Candidate {
            trusted,
            token,
            issuer,
        })
    }

    fn conclude(
        &self,
        candidate: &Candidate<'_>,
        keys: &KeySet,
        now: SystemTime,
    ) -> Decision<Verified<C>> {
        match self.verify(candidate, keys, now) {
            Ok(verified) => Decision::Authenticated(verified),
            Err(error) => candidate.refused(error),
        }
    }

    fn verify(
        &self,
        candidate: &Candidate<'_>,
        keys: &KeySet,
        now: SystemTime,
    ) -> Result<Verified<C>, ValidationError> {
        let Candidate { trusted, token, .. } = candidate;
        let verified = trusted.validator.verify(token, keys, now)?;
        trusted.keys.verified(&candidate.query());
        Ok(match &self.scopes {
            Some(scopes) => verified.with_scopes(|claims| scopes(claims)),
            None => verified,
        })
    }
}

impl Candidate<'_> {
    fn query(&self) -> KeyQuery<'_> {
        KeyQuery::new(self.token.algorithm())
            .with_key_id(self.token.key_id())
            .with_issuer(self.issuer.as_deref())
            .with_signature(Some(self.token.signature_text()))
    }

    /// Whether it was tried with keys that it didn't name, and another may be the one.
    fn may_want_another_key(&self, tried: &KeySet, error: &ValidationError) -> bool {
        matches!(error.kind(), ValidationErrorKind::Signature)
            && !tried.has_named(self.token.algorithm(), self.token.key_id())
    }

    /// A call over the network is made for no token that could not pass anyway.
    fn ask<T>(
        &self,
        tried: Option<KeySet>,
        now: SystemTime,
    ) -> Result<Decision<T>, Box<KeysNeeded>> {
        match self.trusted.validator.check_before_keys(&self.token, now) {
            Ok(()) => Err(Box::new(KeysNeeded {
                keys: Arc::clone(&self.trusted.keys),
                claimed: self.claimed(),
                algorithm: self.token.algorithm(),
                key_id: self.token.key_id().map(Box::from),
                issuer: self.issuer.clone(),
                signature: self.token.signature_text().into(),
                tried,
            })),
            Err(error) => Ok(self.refused(error)),
        }
    }

    fn refused<T>(&self, error: ValidationError) -> Decision<T> {
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
        let issuer = self.issuer.clone();
        let issuer = issuer.or_else(|| self.token.peek_issuer().ok().flatten());
        Claimed {
            issuer: issuer.as_deref().map(excerpt),
            key_id: self.token.key_id().map(excerpt),
        }
    }
}

// By hand: `derive` would ask `C: Clone`.
impl<C> Clone for JwtAuthenticator<C> {
    fn clone(&self) -> Self {
        Self {
            trusted: self.trusted.clone(),
            scopes: self.scopes.clone(),
        }
    }
}

impl<C> fmt::Debug for JwtAuthenticator<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAuthenticator").finish_non_exhaustive()
    }
}
