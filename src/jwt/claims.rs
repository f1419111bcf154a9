//! The claims of a token that the rules are about (RFC 7519 §4).

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    error::ValidationErrorKind,
    json::{Strings, string, strings},
    numeric_date::NumericDate,
    tap::Keep,
};
use crate::{excerpt::excerpt, scope::ScopeSet};

/// The claims that are always kept: RFC 7519 §4.1, RFC 8693 §4.2 and §4.3, RFC 7800
/// §3.1, and `scp`, which is what several providers call their scopes.
const REGISTERED: [&str; 11] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "scope",
    "scp",
    "cnf",
];

/// The claims as they were written: the registered ones, and those that a rule names.
pub(super) struct Claims<'de, 'w> {
    registered: [Option<&'de RawValue>; REGISTERED.len()],
    watched: &'w [Box<str>],
    others: Vec<Option<&'de RawValue>>,
}

impl<'de, 'w> Claims<'de, 'w> {
    /// No claims yet. `watched` are the names that rules ask for.
    pub(super) fn new(watched: &'w [Box<str>]) -> Self {
        Self {
            registered: [None; REGISTERED.len()],
            watched,
            others: vec![None; watched.len()],
        }
    }

    /// The claim of that name, if the token has it and it was asked for.
    pub(super) fn get(&self, name: &str) -> Option<&'de RawValue> {
        let found = match position(name) {
            Some(index) => self.registered.get(index),
            None => self.others.get(self.watched_position(name)?),
        };
        found.copied().flatten()
    }

    fn watched_position(&self, name: &str) -> Option<usize> {
        self.watched.iter().position(|watched| **watched == *name)
    }

    /// The string claim of that name.
    pub(super) fn text(
        &self,
        name: &'static str,
    ) -> Result<Option<Cow<'de, str>>, ValidationErrorKind> {
        let text = |raw| string(raw).ok_or_else(|| wrong_type(name, "a string"));
        self.get(name).map(text).transpose()
    }

    /// The claim of that name that is a string or an array of strings.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Strings<'de>>, ValidationErrorKind> {
        let texts =
            |raw| strings(raw).ok_or_else(|| wrong_type(name, "a string or an array of strings"));
        self.get(name).map(texts).transpose()
    }

    /// The NumericDate of that name.
    pub(super) fn date(
        &self,
        name: &'static str,
    ) -> Result<Option<NumericDate>, ValidationErrorKind> {
        const DATE: &str = "a number of seconds since 1970, before the year 10000";
        let date = |raw| NumericDate::read(raw).ok_or_else(|| wrong_type(name, DATE));
        self.get(name).map(date).transpose()
    }

    /// The scopes: `scope` (RFC 8693 §4.2), or else `scp`; each as one space-delimited
    /// string or as an array with one scope a member.
    pub(super) fn scopes(&self) -> Result<ScopeSet, ValidationErrorKind> {
        let (scope, scp) = (self.texts("scope")?, self.texts("scp")?);
        Ok(match scope.or(scp) {
            None => ScopeSet::default(),
            Some(Strings::One(list)) => ScopeSet::parse(&list),
            Some(many @ Strings::Many(_)) => many.iter().collect(),
        })
    }
}

fn wrong_type(name: &str, expected: &'static str) -> ValidationErrorKind {
    ValidationErrorKind::ClaimType {
        name: excerpt(name),
        expected,
    }
}

fn position(name: &str) -> Option<usize> {
    REGISTERED.iter().position(|registered| *registered == name)
}

/// Whether the claim is kept without being asked for.
pub(super) fn is_registered(name: &str) -> bool {
    position(name).is_some()
}

impl<'de> Keep<'de> for Claims<'de, '_> {
    fn clear(&mut self) {
        self.registered.fill(None);
        self.others.fill(None);
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<&'de RawValue>> {
        match position(name) {
            Some(index) => self.registered.get_mut(index),
            None => {
                let index = self.watched_position(name)?;
                self.others.get_mut(index)
            }
        }
    }
}
