//! What is known of one who has logged in.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Life, SessionKey, life::life};
use crate::{
    AccessToken, ScopeSet,
    login::{Timing, crypto, timing::seconds},
    token::{RefreshToken, Tokens},
};

/// A session. It is written with short names, since it may travel in a cookie.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::login) struct Session {
    /// Made anew at each login, and never taken from a browser.
    #[serde(rename = "i")]
    id: Zeroizing<String>,
    #[serde(rename = "b")]
    pub(in crate::login) began_at: u64,
    #[serde(rename = "s")]
    pub(in crate::login) seen_at: u64,
    /// The `sub` of whoever logged in.
    #[serde(rename = "p")]
    pub(in crate::login) subject: Option<String>,
    #[serde(rename = "k")]
    pub(in crate::login) tokens: SessionTokens,
}

/// The tokens of a session.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::login) struct SessionTokens {
    /// The token whose claims count, if that is the ID token.
    #[serde(rename = "t", skip_serializing_if = "Option::is_none")]
    pub(in crate::login) id_token: Option<Zeroizing<String>>,
    /// When that one came from the provider.
    #[serde(rename = "o")]
    pub(in crate::login) obtained_at: u64,
    #[serde(rename = "a")]
    access_token: Zeroizing<String>,
    #[serde(rename = "c")]
    scope: String,
    /// When the access token is to be renewed, if its end is known.
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    renew_at: Option<u64>,
    #[serde(rename = "r", skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Zeroizing<String>>,
}

impl Session {
    /// None where there are no random numbers.
    pub(in crate::login) fn begin(tokens: SessionTokens, now: u64) -> Option<Self> {
        Some(Self {
            id: crypto::random_text()?,
            began_at: now,
            seen_at: now,
            subject: None,
            tokens,
        })
    }

    /// The same after a renewal.
    pub(in crate::login) fn with(self, renewed: SessionTokens, now: u64) -> Self {
        Self {
            seen_at: now,
            tokens: renewed.following(&self.tokens),
            ..self
        }
    }

    pub(in crate::login) fn id(&self) -> &str {
        &self.id
    }

    pub(in crate::login) fn key(&self) -> SessionKey {
        SessionKey::of(&self.id)
    }

    pub(in crate::login) fn life(&self, now: u64, timing: &Timing) -> Life {
        life(self.began_at, self.seen_at, now, timing)
    }

    /// When it ends if nobody uses it.
    pub(in crate::login) fn ends_at(&self, timing: &Timing) -> u64 {
        let idle = self.seen_at.saturating_add(timing.idle.as_secs());
        idle.min(self.began_at.saturating_add(timing.absolute.as_secs()))
    }
}

impl SessionTokens {
    /// `requested` is what is granted where the answer doesn't say it (RFC 6749 §5.1).
    pub(in crate::login) fn new(
        tokens: &Tokens,
        requested: &ScopeSet,
        now: SystemTime,
        renew_ahead: Duration,
    ) -> Self {
        let access_token = tokens.access_token();
        let scope = access_token.scope().unwrap_or(requested);
        Self {
            id_token: None,
            obtained_at: seconds(now),
            access_token: secret(access_token.expose()),
            scope: scope.as_str().to_owned(),
            renew_at: renew_at(access_token, now, renew_ahead),
            refresh_token: tokens
                .refresh_token()
                .map(|token| secret(token.secret().expose())),
        }
    }

    pub(in crate::login) fn with_id_token(mut self, id_token: &str) -> Self {
        self.id_token = Some(secret(id_token));
        self
    }

    /// The access token with what was granted; None for what can't be one, which no session
    /// of ours has.
    pub(in crate::login) fn access_token(&self) -> Option<AccessToken> {
        let token = AccessToken::new(self.access_token.as_str()).ok()?;
        Some(token.with_scope(self.scope()))
    }

    pub(in crate::login) fn scope(&self) -> ScopeSet {
        ScopeSet::parse(&self.scope)
    }

    pub(in crate::login) fn refresh_token(&self) -> Option<RefreshToken> {
        self.refresh_token
            .as_ref()
            .map(|token| RefreshToken::new(token.as_str()))
    }

    pub(in crate::login) fn forget_refresh_token(&mut self) {
        self.refresh_token = None;
    }

    /// Whether the access token is to be renewed, and can be.
    pub(in crate::login) fn is_due(&self, now: u64) -> bool {
        self.refresh_token.is_some() && self.renew_at.is_some_and(|renew_at| now >= renew_at)
    }

    /// These, which came of a renewal of `before`: what the answer left out stays as it was
    /// (RFC 6749 §6, OpenID Connect Core §12.2).
    fn following(mut self, before: &Self) -> Self {
        if self.refresh_token.is_none() {
            self.refresh_token.clone_from(&before.refresh_token);
        }
        if self.id_token.is_none() {
            self.id_token.clone_from(&before.id_token);
            self.obtained_at = before.obtained_at;
        }
        self
    }
}

fn secret(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

/// Some time before the end, or a fifth of a short life.
fn renew_at(token: &AccessToken, now: SystemTime, ahead: Duration) -> Option<u64> {
    let lifetime = token.expiry()?.lifetime()?;
    let unhurried = lifetime.saturating_sub(ahead.min(lifetime / 5));
    Some(seconds(now).saturating_add(unhurried.as_secs()))
}
