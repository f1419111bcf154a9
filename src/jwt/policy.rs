//! The rules that a token has to keep, one function for each.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{
    algorithm::Algorithm,
    claims::{Claims, is_registered},
    error::{ValidationError, ValidationErrorKind, excerpts},
    expected::Expected,
    json::{Strings, Value},
    known_headers::KnownHeaders,
    numeric_date::NumericDate,
    pattern::Pattern,
    registered::RegisteredClaims,
    token_types::TokenTypes,
};
use crate::excerpt::excerpt;

#[derive(Clone)]
pub(super) struct Policy {
    pub(super) issuer: Expected,
    pub(super) audience: Expected,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) leeway: Duration,
    pub(super) token_types: TokenTypes,
    pub(super) required: Vec<Box<str>>,
    pub(super) exact: Vec<ExactClaim>,
    pub(super) predicates: Vec<(&'static str, Predicate)>,
    pub(super) confirmation_checked_upstream: bool,
    pub(super) max_token_size: usize,
    /// The claims that rules name, apart from the registered ones.
    pub(super) watched: Vec<Box<str>>,
    /// The headers that kept these rules.
    pub(super) known_headers: KnownHeaders,
}

/// A claim that has to be one of these strings.
#[derive(Clone)]
pub(super) struct ExactClaim {
    pub(super) name: Box<str>,
    pub(super) values: Box<[Box<str>]>,
}

pub(super) type Predicate = Arc<dyn Fn(&RegisteredClaims) -> bool + Send + Sync>;

/// By this name `cargo mutants` knows it, and takes out each rule in turn.
type Result<T = ()> = std::result::Result<T, ValidationError>;

impl Policy {
    pub(super) fn watch(&mut self, name: &str) {
        if !is_registered(name) && !self.watched.iter().any(|watched| **watched == *name) {
            self.watched.push(name.into());
        }
    }

    /// The rules that need no key.
    pub(super) fn check_size(&self, token: &str) -> Result {
        if token.len() > self.max_token_size {
            return Err(ValidationErrorKind::TooLarge {
                limit: self.max_token_size,
                length: token.len(),
            }
            .into());
        }
        Ok(())
    }

    pub(super) fn check_header(&self, algorithm: Algorithm, token_type: Option<&str>) -> Result {
        if !self.algorithms.contains(&algorithm) {
            return Err(ValidationErrorKind::AlgorithmNotAllowed {
                expected: excerpts(self.algorithms.iter().map(|allowed| allowed.name())),
                received: algorithm,
            }
            .into());
        }
        self.token_types.check(token_type)
    }

    /// The rules about the claims.
    pub(super) fn check_claims(
        &self,
        claims: &Claims<'_, '_>,
        registered: &RegisteredClaims,
        now: SystemTime,
    ) -> Result {
        self.check_confirmation(claims)?;
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
        self.check_dates(registered, now)?;
        self.check_required(claims)?;
        self.check_exact(claims)?;
        self.check_predicates(registered)
    }

    /// The rules that a token which kept them all may break later.
    pub(super) fn check_again(&self, registered: &RegisteredClaims, now: SystemTime) -> Result {
        self.check_dates(registered, now)?;
        self.check_predicates(registered)
    }

    /// The rules that a token has to keep before anybody asks the network for its keys.
    pub(super) fn check_before_keys(&self, claims: &Claims<'_, '_>, now: SystemTime) -> Result {
        self.check_issuer(claims)?;
        let expires_at = claims.date("exp")?;
        let missing = || ValidationErrorKind::MissingClaim("exp".to_owned());
        self.check_expiry(expires_at.ok_or_else(missing)?, NumericDate::of(now))
    }

    /// RFC 7800 §3.1: whoever holds the token has still to prove that it is his.
    fn check_confirmation(&self, claims: &Claims<'_, '_>) -> Result {
        match claims.get("cnf") {
            Some(_) if !self.confirmation_checked_upstream => {
                Err(ValidationErrorKind::Confirmation.into())
            }
            _ => Ok(()),
        }
    }

    /// RFC 7519 §4.1.1; RFC 9068 §4: an exact match.
    fn check_issuer(&self, claims: &Claims<'_, '_>) -> Result {
        check_expected(&self.issuer, "iss", claims, |received| {
            other_issuer(self.issuer.values(), received)
        })
    }

    /// RFC 7519 §4.1.3: one of the token's audiences has to be us.
    fn check_audience(&self, claims: &Claims<'_, '_>) -> Result {
        check_expected(&self.audience, "aud", claims, |received| {
            ValidationErrorKind::Audience {
                expected: excerpts(self.audience.values()),
                received: excerpts(received.iter()),
            }
        })
    }

    /// RFC 7519 §4.1.4 to §4.1.6.
    fn check_dates(&self, registered: &RegisteredClaims, now: SystemTime) -> Result {
        let leeway = self.leeway.as_secs_f64();
        let (dates, now) = (registered.dates(), NumericDate::of(now));
        self.check_expiry(dates.expires_at, now)?;
        let ahead = |date: Option<NumericDate>| {
            let seconds = date.map_or(0.0, |date| date.seconds_after(now));
            (seconds > leeway).then(|| whole_seconds(seconds))
        };
        if let Some(seconds_ahead) = ahead(dates.not_before) {
            return Err(ValidationErrorKind::NotYetValid { seconds_ahead }.into());
        }
        if let Some(seconds_ahead) = ahead(dates.issued_at) {
            return Err(ValidationErrorKind::IssuedInTheFuture { seconds_ahead }.into());
        }
        Ok(())
    }

    fn check_expiry(&self, expires_at: NumericDate, now: NumericDate) -> Result {
        let until_end = expires_at.seconds_after(now);
        // The end itself is not before the end.
        if until_end + self.leeway.as_secs_f64() <= 0.0 {
            return Err(ValidationErrorKind::Expired {
                seconds_ago: whole_seconds(-until_end),
            }
            .into());
        }
        Ok(())
    }

    fn check_required(&self, claims: &Claims<'_, '_>) -> Result {
        for name in &self.required {
            present(claims, name)?;
        }
        Ok(())
    }

    fn check_exact(&self, claims: &Claims<'_, '_>) -> Result {
        for ExactClaim { name, values } in &self.exact {
            check_exact(claims, name, values)?;
        }
        Ok(())
    }

    fn check_predicates(&self, registered: &RegisteredClaims) -> Result {
        for (what, test) in &self.predicates {
            if !test(registered) {
                return Err(ValidationErrorKind::Predicate(what).into());
            }
        }
        Ok(())
    }
}

/// The claim, which has to be there; `null` is as good as absent.
fn present<'de>(claims: &Claims<'de, '_>, name: &str) -> Result<Value<'de>> {
    claims
        .get(name)
        .filter(|value| !matches!(value, Value::Other("null")))
        .ok_or_else(|| ValidationErrorKind::MissingClaim(excerpt(name)).into())
}

/// Mostly the claim stands where it belongs and is a plain string: it is compared without a
/// copy, and found without a search, as its name is known when this is compiled.
#[inline(always)]
fn check_expected(
    expected: &Expected,
    usual: &'static str,
    claims: &Claims<'_, '_>,
    refusal: impl FnOnce(&Strings<'_>) -> ValidationErrorKind,
) -> Result {
    if expected.is_unchecked() {
        return Ok(());
    }
    if expected.claim().is_none()
        && let Some(Value::Plain(received)) = claims.get(usual)
        && expected.accepts(received)
    {
        return check_bound(expected, received, claims);
    }
    check_in_any_form(expected, usual, claims, refusal)
}

#[inline(never)]
fn check_in_any_form(
    expected: &Expected,
    usual: &'static str,
    claims: &Claims<'_, '_>,
    refusal: impl FnOnce(&Strings<'_>) -> ValidationErrorKind,
) -> Result {
    let name = expected.claim().unwrap_or(usual);
    let received = claims
        .texts(name)?
        .ok_or_else(|| ValidationErrorKind::MissingClaim(excerpt(name)))?;
    let Some(accepted) = received.iter().find(|received| expected.accepts(received)) else {
        return Err(refusal(&received).into());
    };
    check_bound(expected, accepted, claims)
}

#[inline(always)]
fn check_bound(expected: &Expected, accepted: &str, claims: &Claims<'_, '_>) -> Result {
    if !expected.is_pattern() {
        return Ok(());
    }
    for (name, value) in expected.bound_claims(accepted) {
        check_exact(claims, name, &[value])?;
    }
    Ok(())
}

/// A claim that has to be one of these strings.
fn check_exact<V: AsRef<str>>(claims: &Claims<'_, '_>, name: &str, values: &[V]) -> Result {
    let received = present(claims, name)?.string();
    let received = received.ok_or_else(|| ValidationErrorKind::ClaimType {
        name: excerpt(name),
        expected: "a string",
    })?;
    if values.iter().any(|value| *value.as_ref() == *received) {
        return Ok(());
    }
    Err(ValidationErrorKind::ClaimValue {
        name: excerpt(name),
        expected: excerpts(values.iter()),
        received: excerpts([received].iter()),
    }
    .into())
}

/// A key that says whose tokens it signs signs no others.
pub(super) fn check_issuer_of_key(issuer: &Pattern, claims: &Claims<'_, '_>) -> Result {
    let missing = || ValidationErrorKind::MissingClaim("iss".to_owned());
    let received = claims.texts("iss")?.ok_or_else(missing)?;
    match received.iter().any(|received| issuer.matches(received)) {
        true => Ok(()),
        false => Err(other_issuer([issuer.text()].into_iter(), &received).into()),
    }
}

fn other_issuer<'a>(
    expected: impl Iterator<Item = &'a str> + Clone,
    received: &Strings<'_>,
) -> ValidationErrorKind {
    let is_off_by_a_slash = |received: &str| {
        let bare = received.trim_end_matches('/');
        let mut expected = expected.clone();
        expected.any(|one| one.trim_end_matches('/') == bare)
    };
    ValidationErrorKind::Issuer {
        expected: excerpts(expected.clone()),
        received: excerpts(received.iter()),
        is_off_by_a_slash: received.iter().any(|one| is_off_by_a_slash(one)),
    }
}

/// A token of an issuer that none of these names.
pub(crate) fn unknown_issuer<'a>(
    expected: impl Iterator<Item = &'a Expected> + Clone,
    received: Option<&'a str>,
) -> ValidationError {
    let Some(received) = received else {
        return ValidationErrorKind::MissingClaim("iss".to_owned()).into();
    };
    let names = expected.flat_map(Expected::values);
    other_issuer(names, &Strings::One(received.into())).into()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates
fn whole_seconds(seconds: f64) -> u64 {
    seconds as u64
}
