//! Whose session a request brings.

use std::sync::Arc;

use http::HeaderMap;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::{Life, Session, SessionKey, SessionRecord, SessionStore, renewal::RenewalError};
use crate::login::{
    PageKind,
    cookie::{Jar, Parts, SetCookie, join, split},
    gate::Gate,
    log,
    pages::Problem,
    site::Keeping,
    timing::moment,
};

/// What the cookies of a request hold, opened.
pub(in crate::login) enum Presented {
    Nothing,
    Session(Box<Session>),
    /// The id of a session that is in the store.
    Id(Zeroizing<String>),
}

/// A session that goes on.
pub(in crate::login) struct Known {
    pub(in crate::login) session: Session,
    /// Whether the browser has an older one in its cookie.
    pub(in crate::login) is_new: bool,
    /// Why its tokens could not be renewed, where that may pass.
    pub(in crate::login) outage: Option<RenewalError>,
}

/// What is in the cookie of a session that is in the store.
#[derive(Serialize, Deserialize)]
struct Pointer {
    i: Zeroizing<String>,
}

const BROKEN: &str = "its cookies don't belong together, or were changed, or are sealed with a key that is not known here";

impl Gate {
    pub(in crate::login) fn presented(&self, headers: &HeaderMap) -> Presented {
        let opened = match join(&self.settings().cookies, Jar::new(headers)) {
            Parts::None => return Presented::Nothing,
            Parts::Broken => None,
            Parts::Whole(sealed) => match self.settings().keeping {
                Keeping::InCookie { .. } => self
                    .open(&self.context("session"), &sealed)
                    .map(|session| Presented::Session(Box::new(session))),
                Keeping::InStore(_) => self
                    .open(&self.context("id"), &sealed)
                    .map(|pointer: Pointer| Presented::Id(pointer.i)),
            },
        };
        opened.unwrap_or_else(|| {
            log::no_session(BROKEN, None);
            Presented::Nothing
        })
    }

    /// The session, if it goes on.
    pub(in crate::login) async fn known(
        self: &Arc<Self>,
        presented: Presented,
    ) -> Result<Option<Known>, Problem> {
        let (session, is_renewed) = match presented {
            Presented::Nothing => return Ok(None),
            Presented::Session(session) => {
                let has_followed = self.site.state.renewals.has_followed(&session);
                (self.site.state.renewals.latest(*session), has_followed)
            }
            Presented::Id(id) => match self.stored(&SessionKey::of(&id)).await? {
                Some(session) => (session, false),
                None => {
                    log::no_session("it is not in the store", None);
                    return Ok(None);
                }
            },
        };
        if let Some(reason) = self.over(&session) {
            log::no_session(reason, None);
            return Ok(None);
        }
        let kept = self.kept_up(session).await;
        Ok(kept.map(|known| Known {
            is_new: known.is_new || is_renewed,
            ..known
        }))
    }

    /// Why it doesn't go on.
    pub(in crate::login) fn over(&self, session: &Session) -> Option<&'static str> {
        match session.life(self.now(), &self.settings().timing) {
            Life::Idle => Some("nobody has used it for too long"),
            Life::TooOld => Some("it has lasted for as long as a session may"),
            Life::Alive | Life::ToBeNoted => {
                let is_denied = self.site.state.denied.contains(&session.key());
                is_denied.then_some("it was ended by a logout")
            }
        }
    }

    async fn stored(&self, key: &SessionKey) -> Result<Option<Session>, Problem> {
        let Keeping::InStore(store) = &self.settings().keeping else {
            return Ok(None);
        };
        let record = store.load(key).await.map_err(store_failed)?;
        Ok(record.and_then(|record| self.opened(key, &record)))
    }

    pub(in crate::login) fn opened(
        &self,
        key: &SessionKey,
        record: &SessionRecord,
    ) -> Option<Session> {
        let sealed = std::str::from_utf8(record.sealed()).ok()?;
        self.open(&record_context(key), sealed)
    }

    pub(in crate::login) fn record(&self, session: &Session) -> Option<SessionRecord> {
        let sealed = self.seal(&record_context(&session.key()), session)?;
        let ends_at = moment(session.ends_at(&self.settings().timing));
        Some(SessionRecord::new(sealed, ends_at))
    }

    /// Keeps a session that is new, and gives what its browser has to keep.
    pub(in crate::login) async fn keep(
        &self,
        session: &Session,
    ) -> Result<Vec<SetCookie>, Problem> {
        let sealed = match &self.settings().keeping {
            Keeping::InCookie { .. } => return self.in_cookies(session),
            Keeping::InStore(store) => {
                let record = self.record(session).ok_or_else(not_sealed)?;
                let inserted = store.insert(session.key(), record).await;
                inserted.map_err(store_failed)?;
                let pointer = Pointer {
                    i: Zeroizing::new(session.id().to_owned()),
                };
                self.seal(&self.context("id"), &pointer)
                    .ok_or_else(not_sealed)?
            }
        };
        self.split(&sealed)
    }

    /// The cookies of a session that is kept in them.
    pub(in crate::login) fn in_cookies(
        &self,
        session: &Session,
    ) -> Result<Vec<SetCookie>, Problem> {
        let sealed = self.seal(&self.context("session"), session);
        self.split(&sealed.ok_or_else(not_sealed)?)
    }

    fn split(&self, sealed: &str) -> Result<Vec<SetCookie>, Problem> {
        split(&self.settings().cookies, sealed).map_err(|too_large| {
            let reason = format!(
                "the session has {} bytes, and two cookies hold no more than 7600: keep sessions in a `SessionStore` (`Site::sessions_in`)",
                too_large.0
            );
            Problem::new(PageKind::Misconfigured, reason)
        })
    }

    /// What is sealed for one cookie is opened in no other.
    pub(in crate::login) fn context(&self, kind: &str) -> String {
        format!("{kind} {}", self.settings().cookies.session())
    }

    pub(in crate::login) fn seal(&self, context: &str, value: &impl Serialize) -> Option<String> {
        let json = Zeroizing::new(serde_json::to_vec(value).ok()?);
        self.settings().keys.seal(context, &json)
    }

    pub(in crate::login) fn open<T: DeserializeOwned>(
        &self,
        context: &str,
        sealed: &str,
    ) -> Option<T> {
        let json = self.settings().keys.open(context, sealed)?;
        serde_json::from_slice(&json).ok()
    }
}

/// What is stored under one key is opened under no other.
fn record_context(key: &SessionKey) -> String {
    format!("record {}", key.as_str())
}

pub(in crate::login) fn not_sealed() -> Problem {
    Problem::new(
        PageKind::Unavailable,
        "the operating system has no random numbers",
    )
}

pub(in crate::login) fn store_failed(error: crate::BoxError) -> Problem {
    Problem::new(PageKind::Unavailable, "the store of sessions failed").because(error)
}
