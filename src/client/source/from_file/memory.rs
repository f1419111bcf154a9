//! What is known of the file, and what follows from a look at it or from a refusal: pure
//! decisions.

use super::super::{AfterRefusal, ReadError};
use crate::{
    client::{Error, waiting::Outcome},
    token::AccessToken,
};

/// What earlier looks found.
#[derive(Debug, Default)]
pub(super) struct Memory {
    last_good: Option<AccessToken>,
    doubt: Doubt,
    /// What was wrong with the file at the last look.
    trouble: Option<ReadError>,
}

/// Whether the last good token is the one to send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Doubt {
    #[default]
    None,
    /// A server refused it, and no look has begun since.
    Raised,
    /// A look that began after the refusal is under way.
    BeingLookedInto,
    /// That look found no other token. Until the next one, which is due soon anyway, further
    /// refusals lead to none: an API that refuses everything costs no storm of them.
    Settled,
}

/// What a look changed.
#[derive(Debug)]
pub(super) struct Conclusion {
    /// The token for requests from now on.
    pub(super) current: Option<AccessToken>,
    pub(super) outcome: Outcome,
    pub(super) news: News,
}

/// What is worth a line in the log.
#[derive(Debug)]
pub(super) enum News {
    None,
    Token,
    Trouble(ReadError),
}

impl Memory {
    pub(super) fn refused(&mut self, token: &AccessToken) -> AfterRefusal {
        if !self.is_last_good(token) {
            return AfterRefusal::Obtain;
        }
        match self.doubt {
            Doubt::Settled => return AfterRefusal::Final,
            Doubt::BeingLookedInto => {}
            Doubt::None | Doubt::Raised => self.doubt = Doubt::Raised,
        }
        AfterRefusal::Obtain
    }

    pub(super) fn begin_look(&mut self) {
        self.doubt = match self.doubt {
            Doubt::None | Doubt::Settled => Doubt::None,
            Doubt::Raised | Doubt::BeingLookedInto => Doubt::BeingLookedInto,
        };
    }

    pub(super) fn end_look(&mut self, read: Result<AccessToken, ReadError>) -> Conclusion {
        let news = match read {
            Ok(token) => self.good(token),
            Err(error) => self.bad(error),
        };
        if self.doubt == Doubt::BeingLookedInto {
            self.doubt = Doubt::Settled;
        }
        let current = self.last_good.clone().filter(|_| !self.is_in_doubt());
        let outcome = match (&current, &self.trouble) {
            (Some(token), _) => Outcome::Done(Ok(token.clone())),
            (None, Some(error)) if self.last_good.is_none() => {
                Outcome::Done(Err(Error::from(error.clone())))
            }
            // Refused while the file was being read, perhaps before it was replaced.
            _ => Outcome::Stale,
        };
        Conclusion {
            current,
            outcome,
            news,
        }
    }

    /// Whether the last good token has to wait for a look.
    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(self.doubt, Doubt::Raised | Doubt::BeingLookedInto)
    }

    fn good(&mut self, token: AccessToken) -> News {
        self.trouble = None;
        if self.is_last_good(&token) {
            return News::None;
        }
        self.last_good = Some(token);
        self.doubt = Doubt::None;
        News::Token
    }

    fn bad(&mut self, error: ReadError) -> News {
        if self.trouble.as_ref() == Some(&error) {
            return News::None;
        }
        self.trouble = Some(error.clone());
        News::Trouble(error)
    }

    fn is_last_good(&self, token: &AccessToken) -> bool {
        let last = self.last_good.as_ref();
        last.is_some_and(|last| last.same_value(token))
    }
}
