//! Who a session speaks of: its token is verified again for each request.

use serde::de::DeserializeOwned;

use super::Session;
use crate::{
    AccessToken, Verified,
    login::{
        ClaimsFrom, PageKind,
        gate::Gate,
        log,
        openid::{Granted, NotVerified},
        pages::Problem,
        timing::moment,
    },
};

impl Gate {
    /// With the keys that are at hand; None where others have to be asked for.
    pub(in crate::login) fn verified_now<C: DeserializeOwned>(
        &self,
        session: &Session,
    ) -> Option<Result<Verified<C>, NotVerified>> {
        let Some(access_token) = session.tokens.access_token() else {
            return Some(Err(NotVerified::NoToken));
        };
        let granted = self.granted(session, &access_token);
        let verified = granted.verify_now(self.settings().provider.keys())?;
        Some(verified.and_then(|verified| of_the_same(session, verified)))
    }

    pub(in crate::login) async fn verified<C: DeserializeOwned>(
        &self,
        session: &Session,
    ) -> Result<Verified<C>, NotVerified> {
        let verified = self.verified_of_anybody(session).await?;
        of_the_same(session, verified)
    }

    /// The same for a session that is about to begin.
    pub(in crate::login) async fn verified_of_anybody<C: DeserializeOwned>(
        &self,
        session: &Session,
    ) -> Result<Verified<C>, NotVerified> {
        let access_token = session.tokens.access_token();
        let access_token = access_token.ok_or(NotVerified::NoToken)?;
        let granted = self.granted(session, &access_token);
        granted.verify(self.settings().provider.keys()).await
    }

    /// An ID token ends within minutes, and says who has logged in all the same: it is judged
    /// as of the moment when it came, and the session has an end of its own. An access token
    /// is judged as of now, like one that comes in a header.
    fn granted<'a>(&'a self, session: &'a Session, access_token: &'a AccessToken) -> Granted<'a> {
        let tokens = &session.tokens;
        match self.settings().claims_from {
            ClaimsFrom::IdToken => Granted {
                validator: &self.id_tokens,
                token: tokens.id_token.as_ref().map_or("", |token| token.as_str()),
                access_token,
                at: moment(tokens.obtained_at),
            },
            ClaimsFrom::AccessToken => Granted {
                validator: &self.access_tokens,
                token: access_token.expose(),
                access_token,
                at: self.time(),
            },
        }
    }
}

/// A renewal makes nobody another person.
fn of_the_same<C>(session: &Session, verified: Verified<C>) -> Result<Verified<C>, NotVerified> {
    match verified.registered().subject() == session.subject.as_deref() {
        true => Ok(verified),
        false => Err(NotVerified::AnotherPerson),
    }
}

impl NotVerified {
    /// Why a login comes to nothing.
    pub(in crate::login) fn problem(self, what: &str) -> Problem {
        match self {
            Self::NoToken => Problem::not_accepted(format!("{what} is no JWT")),
            Self::AnotherPerson => Problem::not_accepted(format!("{what} is another person's")),
            Self::Refused(error) => {
                Problem::not_accepted(format!("{what} is refused")).because(error)
            }
            Self::KeysUnavailable(error) => {
                let retry_after = error.retry_after();
                Problem::new(PageKind::Unavailable, "the provider's keys can't be had")
                    .because(error)
                    .retry_after(Some(retry_after))
            }
        }
    }

    /// Why a session names nobody any more.
    pub(in crate::login) fn log(&self) {
        match self {
            Self::NoToken => log::no_session("its token is none", None),
            Self::AnotherPerson => log::no_session("its token is another person's", None),
            Self::Refused(error) => log::no_session("its token is refused", Some(error)),
            Self::KeysUnavailable(error) => log::no_session("there are no keys", Some(error)),
        }
    }
}
