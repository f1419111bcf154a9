//! Keeping a session going: noting that it was used, and renewing its access token.

use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderValue, header};

use super::{
    Life, Session, SessionChange, SessionKey, SessionRecord, SessionStore, SessionTokens,
    known::Known,
    renewal::{Outcome, RenewalError},
};
use crate::{
    login::{
        ClaimsFrom,
        gate::{Gate, Kept},
        log,
        site::Keeping,
        timing::seconds,
    },
    token::{RefreshToken, Tokens},
};

impl Gate {
    /// The session as it goes on; None if it was ended meanwhile.
    pub(in crate::login) async fn kept_up(self: &Arc<Self>, session: Session) -> Option<Known> {
        let mut known = Known {
            session,
            is_new: false,
            outage: None,
        };
        if known.session.tokens.is_due(self.now()) {
            match self.renewal(&known.session).await {
                Ok(session) => {
                    let is_new = true;
                    return Some(Known {
                        session,
                        is_new,
                        ..known
                    });
                }
                Err(RenewalError::Ended) => return None,
                Err(RenewalError::Refused(_)) => {}
                Err(outage @ RenewalError::Outage(_)) => known.outage = Some(outage),
            }
        }
        self.noted(known).await
    }

    /// One for all who need it.
    async fn renewal(self: &Arc<Self>, session: &Session) -> Outcome {
        let settings = self.settings();
        let times = (settings.provider.clock(), settings.timing.renewal_memory);
        let renewals = &self.site.state.renewals;
        let start = || {
            let (gate, session) = (Arc::clone(self), session.clone());
            async move {
                let outcome = gate.renewed(session).await;
                if let Err(error) = &outcome {
                    log::not_renewed(error, gate.settings().timing.renewal_memory);
                }
                outcome
            }
        };
        renewals.renew(session, times, start).await
    }

    async fn renewed(&self, session: Session) -> Outcome {
        match &self.settings().keeping {
            Keeping::InCookie { .. } => self.refreshed(session).await,
            Keeping::InStore(store) => self.exchanged(&**store, session.key()).await,
        }
    }

    /// In the store's exclusive section: another process may have been faster.
    async fn exchanged(&self, store: &dyn SessionStore, key: SessionKey) -> Outcome {
        let failure = Mutex::new(None);
        let change = SessionChange::new(|record| {
            let (key, failure) = (&key, &failure);
            Box::pin(async move {
                let session = self.due(key, &record)?;
                let renewed = self.refreshed(session).await;
                let renewed = renewed.and_then(|session| {
                    let sealed = self.record(&session);
                    sealed.ok_or_else(|| RenewalError::outage("there are no random numbers"))
                });
                let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                renewed.map_err(|error| *failure = Some(error)).ok()
            })
        });
        let stored = store.exchange(&key, change).await;
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (failure, stored) {
            (Some(error), _) => Err(error),
            (None, Err(error)) => Err(RenewalError::outage(error)),
            (None, Ok(None)) => Err(RenewalError::Ended),
            (None, Ok(Some(record))) => self.opened(&key, &record).ok_or(RenewalError::Ended),
        }
    }

    /// The session, if it still has to be renewed.
    fn due(&self, key: &SessionKey, record: &SessionRecord) -> Option<Session> {
        let session = self.opened(key, record)?;
        session.tokens.is_due(self.now()).then_some(session)
    }

    async fn refreshed(&self, session: Session) -> Outcome {
        let settings = self.settings();
        let token = session.tokens.refresh_token();
        let token = token.ok_or_else(|| RenewalError::refused("there is no refresh token"))?;
        let now = self.time();
        let tokens = self.ask(&token).await?;
        let scope = session.tokens.scope();
        let mut renewed = SessionTokens::new(&tokens, &scope, now, settings.timing.renew_ahead);
        if settings.claims_from == ClaimsFrom::IdToken
            && let Some(id_token) = self.newer_id_token(&tokens, &session).await
        {
            renewed = renewed.with_id_token(id_token);
        }
        Ok(session.with(renewed, seconds(now)))
    }

    async fn ask(&self, token: &RefreshToken) -> Result<Tokens, RenewalError> {
        let (provider, wait) = (&self.settings().provider, self.settings().timing.provider);
        let metadata = provider.metadata(wait).await;
        let metadata = metadata.map_err(|problem| RenewalError::outage(problem.into_error()))?;
        let tokens = provider.refresh(&metadata, token, wait).await;
        tokens.map_err(RenewalError::of)
    }

    /// The ID token that came with a renewal, if it speaks of the same person in the same way
    /// (OpenID Connect Core §12.2). If not, the one of the login stays.
    async fn newer_id_token<'t>(&self, tokens: &'t Tokens, session: &Session) -> Option<&'t str> {
        let id_token = tokens.id_token()?.expose();
        let reason = match self.open_id_token(tokens, id_token, None).await {
            Err(problem) => problem.page(String::new()).to_string(),
            Ok(newer) if newer.registered().subject() == session.subject.as_deref() => {
                return Some(id_token);
            }
            Ok(_) => "it speaks of another person".to_owned(),
        };
        log::id_token_ignored(&reason);
        None
    }

    /// Notes that the session was used, if it is time.
    async fn noted(&self, mut known: Known) -> Option<Known> {
        let now = self.now();
        if known.session.life(now, &self.settings().timing) != Life::ToBeNoted {
            return Some(known);
        }
        let Keeping::InStore(store) = &self.settings().keeping else {
            known.session.seen_at = now;
            known.is_new = true;
            return Some(known);
        };
        let key = known.session.key();
        let change = SessionChange::new(|record| {
            let noted = self.opened(&key, &record).and_then(|mut session| {
                session.seen_at = now.max(session.seen_at);
                self.record(&session)
            });
            Box::pin(std::future::ready(noted))
        });
        match store.exchange(&key, change).await {
            Ok(Some(_)) => Some(known),
            Ok(None) => None,
            Err(error) => {
                log::not_noted(&*error);
                Some(known)
            }
        }
    }

    /// What a response of the inner service says besides.
    pub(in crate::login) fn finish(&self, kept: Kept, headers: &mut HeaderMap) {
        // A cookie is no `Authorization` header, so that caches would keep the answer for
        // others (RFC 9111 §3.5).
        if !headers.contains_key(header::CACHE_CONTROL) {
            let private = HeaderValue::from_static("private");
            headers.insert(header::CACHE_CONTROL, private);
        }
        let Some(newer) = kept.newer else { return };
        if matches!(self.settings().keeping, Keeping::InStore(_)) {
            return;
        }
        // A session that was renewed again by the time must not come back; beyond the memory
        // nobody knows.
        let elapsed = self.monotonic().saturating_sub(kept.since);
        let is_late = elapsed >= self.settings().timing.renewal_memory;
        if is_late && newer.tokens.refresh_token().is_some() {
            return;
        }
        let session = self.site.state.renewals.latest(*newer);
        // Logged out meanwhile: other processes would take the cookie.
        if self.site.state.denied.contains(&session.key()) {
            return;
        }
        match self.in_cookies(&session) {
            Ok(cookies) => self.set_cookies(headers, &cookies),
            Err(problem) => log::page(&problem.page(String::new())),
        }
    }
}
