//! The claims of a token that the rules are about (RFC 7519 §4).

use std::borrow::Cow;

use super::{
    error::{ValidationError, ValidationErrorKind},
    json::{Members, Strings, Value},
    numeric_date::NumericDate,
};
use crate::{excerpt::excerpt, scope::ScopeSet};

/// The claims that are always kept: RFC 7519 §4.1, RFC 8693 §4.2 and §4.3, RFC 7800
/// §3.1, and `scp`, which is what several providers call their scopes.
const REGISTERED: usize = 11;

#[inline(always)]
fn position(name: &str) -> Option<usize> {
    // Of bytes, the compiler makes one decision by length instead of eleven comparisons.
    Some(match name.as_bytes() {
        b"iss" => 0,
        b"sub" => 1,
        b"aud" => 2,
        b"exp" => 3,
        b"nbf" => 4,
        b"iat" => 5,
        b"jti" => 6,
        b"client_id" => 7,
        b"scope" => 8,
        b"scp" => 9,
        b"cnf" => 10,
        _ => return None,
    })
}

/// Whether the claim is kept without being asked for.
pub(super) fn is_registered(name: &str) -> bool {
    position(name).is_some()
}

/// The claims as they were written: the registered ones, and those that a rule names.
pub(super) struct Claims<'de, 'w> {
    registered: [Option<Value<'de>>; REGISTERED],
    watched: &'w [Box<str>],
    others: Vec<Option<Value<'de>>>,
}

impl<'de, 'w> Claims<'de, 'w> {
    /// No claims yet. `watched` are the names that rules ask for, apart from the registered
    /// ones.
    pub(super) fn new(watched: &'w [Box<str>]) -> Self {
        Self {
            registered: [None; REGISTERED],
            watched,
            others: vec![None; watched.len()],
        }
    }

    /// Reads the text of the claims into `members`, and keeps those that rules ask for.
    ///
    /// # Errors
    ///
    /// When it is no JSON object, or has a member twice.
    pub(super) fn read(
        &mut self,
        json: &'de str,
        members: &mut Members<'de>,
    ) -> Result<(), ValidationError> {
        let see = |name: &str, value| Some(self.slot(name)?.replace(value).is_none());
        members.read(json, usize::MAX, "the claims are not a JSON object", see)
    }

    #[inline(always)]
    fn slot(&mut self, name: &str) -> Option<&mut Option<Value<'de>>> {
        match position(name) {
            Some(index) => self.registered.get_mut(index),
            None => {
                let index = self.watched_position(name)?;
                self.others.get_mut(index)
            }
        }
    }

    /// The claim of that name, if the token has it and it was asked for.
    #[inline(always)]
    pub(super) fn get(&self, name: &str) -> Option<Value<'de>> {
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
    #[inline(always)]
    pub(super) fn text(
        &self,
        name: &'static str,
    ) -> Result<Option<Cow<'de, str>>, ValidationError> {
        let text = |value: Value<'de>| value.string().ok_or_else(|| wrong_type(name, "a string"));
        self.get(name).map(text).transpose()
    }

    /// The claim of that name that is a string or an array of strings.
    pub(super) fn texts(&self, name: &str) -> Result<Option<Strings<'de>>, ValidationError> {
        let wrong = || wrong_type(name, "a string or an array of strings");
        let texts = |value: Value<'de>| value.strings().ok_or_else(wrong);
        self.get(name).map(texts).transpose()
    }

    /// The NumericDate of that name.
    #[inline(always)]
    pub(super) fn date(&self, name: &'static str) -> Result<Option<NumericDate>, ValidationError> {
        const DATE: &str = "a number of seconds since 1970, before the year 10000";
        let date = |value| {
            let date = match value {
                Value::Whole(_, seconds) => Some(NumericDate::from(seconds)),
                Value::Other(json) => NumericDate::read(json),
                Value::Plain(_) => None,
            };
            date.ok_or_else(|| wrong_type(name, DATE))
        };
        self.get(name).map(date).transpose()
    }

    /// The scopes: `scope` (RFC 8693 §4.2), or else `scp`; each as one space-delimited
    /// string or as an array with one scope a member.
    #[inline(always)]
    pub(super) fn scopes(&self) -> Result<ScopeSet, ValidationError> {
        match (self.get("scope"), self.get("scp")) {
            (Some(Value::Plain(list)), None) => Ok(ScopeSet::parse(list)),
            _ => self.scopes_in_any_form(),
        }
    }

    #[inline(never)]
    fn scopes_in_any_form(&self) -> Result<ScopeSet, ValidationError> {
        let (scope, scp) = (self.texts("scope")?, self.texts("scp")?);
        Ok(match scope.or(scp) {
            None => ScopeSet::default(),
            Some(Strings::One(list)) => ScopeSet::parse(&list),
            Some(many @ Strings::Many(_)) => many.iter().collect(),
        })
    }
}

fn wrong_type(name: &str, expected: &'static str) -> ValidationError {
    let name = excerpt(name);
    ValidationErrorKind::ClaimType { name, expected }.into()
}
