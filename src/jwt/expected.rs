//! What an issuer or an audience has to be.

use std::{fmt, sync::Arc};

use super::pattern::{Pattern, PatternError};

/// The value, or the several, that a claim has to have.
///
/// # Example
///
/// ```
/// use tower_bearer::{Expected, Validator};
///
/// // one value; several aliases of one provider
/// Validator::new("https://id.example", "orders");
/// Validator::new(["https://accounts.google.com", "accounts.google.com"], "orders");
/// // the audience stands in another claim (AWS Cognito)
/// Validator::new("https://id.example", Expected::in_claim("client_id", "orders-app"));
/// // nobody leaves it unchecked without writing the word
/// Validator::new(Expected::unchecked(), "orders");
/// ```
#[derive(Clone, Debug)]
pub struct Expected {
    /// Where the value stands, if not where it belongs.
    claim: Option<Box<str>>,
    rule: Rule,
}

#[derive(Clone)]
enum Rule {
    Unchecked,
    AnyOf(Box<[Box<str>]>),
    Pattern(Arc<Pattern>),
    Test(Arc<Test>),
}

type Test = dyn Fn(&str) -> bool + Send + Sync;

impl Expected {
    fn new(rule: Rule) -> Self {
        Self { claim: None, rule }
    }

    /// Any one of `values`, compared exactly. An empty list matches nothing.
    pub fn any_of<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Self {
        Self::new(Rule::AnyOf(boxed(values)))
    }

    /// The issuers of a provider with many tenants: `*` stands for one segment of the path
    /// or one label of the host, and `{claim}` for one that has to be the value of that
    /// claim too.
    ///
    /// A segment holds ASCII letters, digits, `-` and `_`, in a path `.` and `~` as well,
    /// and is 128 characters long at most. Whatever else the token's `iss` holds doesn't
    /// fit.
    ///
    /// ```
    /// use tower_bearer::{Expected, Validator};
    ///
    /// // Entra ID: the tenant in `iss` is the claim `tid`
    /// let tenants = Expected::pattern("https://login.microsoftonline.com/{tid}/v2.0")?;
    /// let validator = Validator::new(tenants, "api://orders");
    /// # drop(validator);
    /// # Ok::<(), tower_bearer::jwt::PatternError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When a brace is not closed; when a place is not the end of its segment; when one in
    /// the host is not followed by two labels, since it would take anybody's domain.
    pub fn pattern(text: impl AsRef<str>) -> Result<Self, PatternError> {
        let pattern = Pattern::parse(text.as_ref())?;
        Ok(Self::new(Rule::Pattern(Arc::new(pattern))))
    }

    /// Each value that `test` accepts, such as the tenants in a list that changes. It sees
    /// what nobody has verified yet, and is asked before the signature is.
    pub fn matching(test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::new(Rule::Test(Arc::new(test)))
    }

    /// As `value` says, but looked for in the claim `claim`, which has to be there and
    /// be a string or an array of strings.
    pub fn in_claim(claim: impl Into<String>, value: impl Into<Self>) -> Self {
        let Self { rule, .. } = value.into();
        Self {
            claim: Some(claim.into().into()),
            rule,
        }
    }

    /// Anything, and nothing: the claim may be absent. A token of **any** issuer, or
    /// for any audience, that one of the keys has signed is then accepted.
    #[must_use]
    pub fn unchecked() -> Self {
        Self::new(Rule::Unchecked)
    }

    pub(super) fn is_unchecked(&self) -> bool {
        matches!(self.rule, Rule::Unchecked)
    }

    /// Where the value stands, if not where it belongs.
    pub(super) fn claim(&self) -> Option<&str> {
        self.claim.as_deref()
    }

    pub(super) fn pattern_claims(&self) -> impl Iterator<Item = &str> {
        let pattern = match &self.rule {
            Rule::Pattern(pattern) => Some(pattern),
            _ => None,
        };
        pattern.into_iter().flat_map(|pattern| pattern.claims())
    }

    pub(super) fn is_pattern(&self) -> bool {
        matches!(self.rule, Rule::Pattern(_))
    }

    /// What has to be the value of which claim, if the pattern accepts `received`.
    pub(super) fn bound_claims<'v>(&self, received: &'v str) -> Vec<(&str, &'v str)> {
        match &self.rule {
            Rule::Pattern(pattern) => pattern.segments(received).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn accepts(&self, received: &str) -> bool {
        match &self.rule {
            Rule::Unchecked => true,
            Rule::AnyOf(values) => values.iter().any(|value| **value == *received),
            Rule::Pattern(pattern) => pattern.matches(received),
            Rule::Test(test) => test(received),
        }
    }

    /// Whether a claim of this value is one that is expected, as opposed to one that
    /// doesn't matter.
    pub(crate) fn names(&self, received: Option<&str>) -> bool {
        !self.says_nothing_of_it() && received.is_some_and(|received| self.accepts(received))
    }

    /// Whether the claim doesn't matter, or another is looked at in its place.
    pub(crate) fn says_nothing_of_it(&self) -> bool {
        self.is_unchecked() || self.claim.is_some()
    }

    /// Whether one of these values is one that is expected; never where that
    /// [depends on other claims](Self::depends_on_other_claims), which values don't tell.
    #[must_use]
    pub fn is_met_by<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> bool {
        let meets = |value| self.accepts(value);
        !self.depends_on_other_claims() && (self.is_unchecked() || values.into_iter().any(meets))
    }

    /// Whether more has to be seen than the values where they belong: what is expected stands
    /// in another claim ([`in_claim`](Self::in_claim)), or has to agree with one (a `{claim}`
    /// of a [`pattern`](Self::pattern)).
    #[must_use]
    pub fn depends_on_other_claims(&self) -> bool {
        self.claim.is_some() || self.pattern_claims().next().is_some()
    }

    /// What is expected, in words for a log: the values, the pattern; nothing where it is
    /// left unchecked.
    pub fn values(&self) -> impl Iterator<Item = &str> + Clone {
        let (one, many) = match &self.rule {
            Rule::Unchecked => (None, &[][..]),
            Rule::AnyOf(values) => (None, &**values),
            Rule::Pattern(pattern) => (Some(pattern.text()), &[][..]),
            Rule::Test(_) => (Some("(what a function of the API accepts)"), &[][..]),
        };
        one.into_iter().chain(many.iter().map(AsRef::as_ref))
    }

    /// The first of the values that are known: what a challenge calls its realm.
    pub(crate) fn first_value(&self) -> Option<&str> {
        match &self.rule {
            Rule::AnyOf(values) => values.first().map(AsRef::as_ref),
            _ => None,
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchecked => f.write_str("unchecked"),
            Self::AnyOf(values) => f.debug_list().entries(values).finish(),
            Self::Pattern(pattern) => write!(f, "pattern {:?}", pattern.text()),
            Self::Test(_) => f.write_str("a function"),
        }
    }
}

pub(super) fn boxed<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Box<[Box<str>]> {
    values
        .into_iter()
        .map(|value| value.into().into())
        .collect()
}

impl From<&str> for Expected {
    fn from(value: &str) -> Self {
        Self::any_of([value])
    }
}

impl From<String> for Expected {
    fn from(value: String) -> Self {
        Self::any_of([value])
    }
}

impl<V: Into<String>, const N: usize> From<[V; N]> for Expected {
    fn from(values: [V; N]) -> Self {
        Self::any_of(values)
    }
}

impl<V: Into<String>> From<Vec<V>> for Expected {
    fn from(values: Vec<V>) -> Self {
        Self::any_of(values)
    }
}

impl<V: Into<String> + Clone> From<&[V]> for Expected {
    fn from(values: &[V]) -> Self {
        Self::any_of(values.iter().cloned())
    }
}
