//! What becomes of a JWT: choose the issuer's rules and keys, validate.
//!
//! All of it is synchronous. Where keys are not at hand it says so, and runs again from
//! the start once they are.

use std::{fmt, sync::Arc, time::SystemTime};

use serde::de::DeserializeOwned;

use super::{
    authenticate::{Authenticate, Claimed, Decision, Refusal, text},
    key_wait::KeysAwaited,
    rejection::RejectionReason,
    trusted::{Choice, Trusted, TrustedIssuers},
    verdict::{Generation, Verdict, Verdicts, Wanted},
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
    scopes: Option<Arc<ScopesOf<C>>>,
    generation: Generation,
    memory: Option<Arc<dyn Verdicts<C>>>,
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
            generation: Generation::next(),
            memory: None,
        }
    }

    pub(super) fn also_trust(&mut self, validator: Validator, keys: Arc<dyn KeySource>) {
        self.trusted.push(Trusted { validator, keys });
        self.generation = Generation::next();
    }

    pub(super) fn scopes_from(&mut self, scopes: Arc<ScopesOf<C>>) {
        self.scopes = Some(scopes);
        self.generation = Generation::next();
    }

    #[cfg_attr(not(feature = "cache"), allow(dead_code))]
    pub(super) fn remember_in(&mut self, memory: Arc<dyn Verdicts<C>>) {
        self.memory = Some(memory);
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
        token: &[u8],
        now: SystemTime,
    ) -> Result<Decision<Verified<C>>, BoxFuture<'static, KeysAwaited>> {
        self.decide_at_once(token, now)
            .map_err(|needed| needed.obtain())
    }

    fn resume(&self, token: &[u8], awaited: KeysAwaited, now: SystemTime) -> Decision<Verified<C>> {
        let keys = match awaited.keys {
            Ok(keys) => keys,
            Err(error) => {
                return Decision::Refused(Refusal {
                    reason: RejectionReason::KeysUnavailable(error),
                    claimed: awaited.claimed,
                });
            }
        };
        match text(token).and_then(|token| self.candidate(token)) {
            Ok(candidate) => self.conclude(&candidate, &keys, now),
            Err(decision) => decision,
        }
    }
}

impl<C: DeserializeOwned> JwtAuthenticator<C> {
    /// Decides with the keys that are at hand.
    fn decide_at_once(
        &self,
        token: &[u8],
        now: SystemTime,
    ) -> Result<Decision<Verified<C>>, Box<KeysNeeded>> {
        if let Some(decision) = self.recall(token, now) {
            return Ok(decision);
        }
        let candidate = match text(token).and_then(|token| self.candidate(token)) {
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

    /// What comes of a verdict that was remembered, unless it has to be come to anew.
    fn recall(&self, token: &[u8], now: SystemTime) -> Option<Decision<Verified<C>>> {
        let memory = self.memory.as_ref()?;
        let verdict = memory.find(self.generation, token)?;
        let Some(trusted) = self.still_trusted(&verdict) else {
            memory.forget(self.generation, token);
            return None;
        };
        // Each predicate runs once, as without a memory: what it says now is the decision.
        let Err(error) = trusted.validator.check_again(&verdict.verified, now) else {
            memory.count_hit();
            return Some(Decision::Authenticated(verdict.verified.clone()));
        };
        memory.forget(self.generation, token);
        Some(match self.candidate(verdict.verified.expose_token()) {
            Ok(candidate) => candidate.refused(error),
            Err(decision) => decision,
        })
    }

    /// The rules of a verdict, if the keys it was come to with are the keys of this moment,
    /// and the claims still allow the same.
    fn still_trusted(&self, verdict: &Verdict<C>) -> Option<&Trusted> {
        let trusted = self.trusted.at(verdict.trusted)?;
        let keys = trusted.keys.current(&verdict.query())?;
        let verified = &verdict.verified;
        let is_same_scopes =
            |scopes: &Arc<ScopesOf<C>>| scopes(verified.claims()) == *verified.scopes();
        let is_unchanged =
            verdict.keys.is_of(&keys) && self.scopes.as_ref().is_none_or(is_same_scopes);
        is_unchanged.then_some(trusted)
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
        let verified = match &self.scopes {
            Some(scopes) => verified.with_scopes(|claims| scopes(claims)),
            None => verified,
        };
        self.remember(candidate, keys, &verified);
        Ok(verified)
    }

    fn remember(&self, candidate: &Candidate<'_>, keys: &KeySet, verified: &Verified<C>) {
        let Some(memory) = &self.memory else { return };
        let Some(trusted) = self.trusted.place_of(candidate.trusted) else {
            return;
        };
        let verdict = Verdict {
            verified: verified.clone(),
            keys: keys.identity(),
            trusted,
            wanted: Wanted {
                algorithm: candidate.token.algorithm(),
                key_id: candidate.token.key_id().map(Box::from),
                signature: candidate.token.signature_text().len(),
                depends_on_issuer: candidate.issuer.is_some(),
            },
        };
        memory.keep(self.generation, verdict);
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
            generation: self.generation,
            memory: self.memory.clone(),
        }
    }
}

impl<C> fmt::Debug for JwtAuthenticator<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAuthenticator").finish_non_exhaustive()
    }
}
