//! Whose tokens a guard accepts: rules and keys of each issuer, and the choice among them.

use std::sync::Arc;

use crate::{
    jwt::{ValidationError, Validator, peek_issuer, unknown_issuer},
    keys::KeySource,
};

/// Rules and keys stay together, so that no issuer's key signs for another.
#[derive(Clone)]
pub(super) struct Trusted {
    pub(super) validator: Validator,
    pub(super) keys: Arc<dyn KeySource>,
}

/// Never empty.
#[derive(Clone)]
pub(super) struct TrustedIssuers {
    first: Trusted,
    others: Vec<Trusted>,
}

/// Whose rules and keys a token is to be judged by.
pub(super) struct Choice<'t> {
    pub(super) trusted: &'t Trusted,
    /// The `iss` that the choice, or the choice of keys, depends on. **Unverified.**
    pub(super) issuer: Option<String>,
}

impl TrustedIssuers {
    pub(super) fn new(first: Trusted) -> Self {
        Self {
            first,
            others: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, trusted: Trusted) {
        self.others.push(trusted);
    }

    /// Where those rules and keys stand, for [`at`](Self::at).
    pub(super) fn place_of(&self, trusted: &Trusted) -> Option<usize> {
        self.all().position(|one| std::ptr::eq(one, trusted))
    }

    pub(super) fn at(&self, place: usize) -> Option<&Trusted> {
        self.all().nth(place)
    }

    fn all(&self) -> impl Iterator<Item = &Trusted> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// With one issuer there is nothing to choose, and no claim is read for it.
    pub(super) fn choose(&self, token: &str) -> Result<Choice<'_>, ValidationError> {
        let is_clear = self.others.is_empty() && !self.first.keys.depends_on_issuer();
        // What is too long for each of them is refused before anybody looks into it.
        if is_clear || self.all().all(|one| one.validator.is_too_large(token)) {
            let (trusted, issuer) = (&self.first, None);
            return Ok(Choice { trusted, issuer });
        }
        let issuer = peek_issuer(token)?;
        let trusted = self.of_issuer(issuer.as_deref())?;
        Ok(Choice { trusted, issuer })
    }

    /// Those who name the issuer, or else those who take any.
    fn of_issuer(&self, issuer: Option<&str>) -> Result<&Trusted, ValidationError> {
        if self.others.is_empty() {
            return Ok(&self.first);
        }
        let names_it = |one: &&Trusted| one.validator.issuer().names(issuer);
        let takes_any = |one: &&Trusted| one.validator.issuer().says_nothing_of_it();
        let found = self.all().find(names_it);
        found.or_else(|| self.all().find(takes_any)).ok_or_else(|| {
            let expected = self.all().map(|one| one.validator.issuer());
            unknown_issuer(expected, issuer)
        })
    }
}
