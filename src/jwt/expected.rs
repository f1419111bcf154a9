//! What an issuer or an audience has to be.

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
pub struct Expected(pub(super) Rule);

#[derive(Clone, Debug)]
pub(super) enum Rule {
    Unchecked,
    AnyOf {
        /// Where the value stands, if not where it belongs.
        claim: Option<Box<str>>,
        values: Box<[Box<str>]>,
    },
}

impl Expected {
    /// Any one of `values`, compared exactly. An empty list matches nothing.
    pub fn any_of<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Self {
        Self(Rule::AnyOf {
            claim: None,
            values: boxed(values),
        })
    }

    /// As `value` says, but looked for in the claim `claim`, which has to be there and
    /// be a string or an array of strings.
    pub fn in_claim(claim: impl Into<String>, value: impl Into<Self>) -> Self {
        match value.into().0 {
            Rule::Unchecked => Self(Rule::Unchecked),
            Rule::AnyOf { values, .. } => Self(Rule::AnyOf {
                claim: Some(claim.into().into()),
                values,
            }),
        }
    }

    /// Anything, and nothing: the claim may be absent. A token of **any** issuer, or
    /// for any audience, that one of the keys has signed is then accepted.
    #[must_use]
    pub fn unchecked() -> Self {
        Self(Rule::Unchecked)
    }

    /// Whether a claim of this value is one that is expected, and expected by its name.
    pub(crate) fn names(&self, received: Option<&str>) -> bool {
        match &self.0 {
            Rule::AnyOf {
                claim: None,
                values,
            } => values.iter().any(|value| Some(&**value) == received),
            _ => false,
        }
    }

    /// Whether the claim doesn't matter, or another is looked at in its place.
    pub(crate) fn says_nothing_of_it(&self) -> bool {
        matches!(self.0, Rule::Unchecked | Rule::AnyOf { claim: Some(_), .. })
    }

    /// Whether one of these values is one that is expected. What is expected in another claim
    /// ([`in_claim`](Self::in_claim)) is not among them.
    #[must_use]
    pub fn is_met_by<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> bool {
        match &self.0 {
            Rule::Unchecked => true,
            Rule::AnyOf { .. } => values.into_iter().any(|value| self.names(Some(value))),
        }
    }

    /// The values that are expected; none where it is left unchecked.
    pub fn values(&self) -> impl Iterator<Item = &str> + Clone {
        let values = match &self.0 {
            Rule::Unchecked => &[],
            Rule::AnyOf { values, .. } => &**values,
        };
        values.iter().map(AsRef::as_ref)
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
