//! What a member of an answer is compared with.

use serde_json::value::RawValue;

/// A JSON value that holds no other. Made from an integer, a `&str`, a `bool`, or `()` for
/// null.
///
/// Values are compared exactly: `401` is neither `"401"` nor `401.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scalar {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number without a fraction and an exponent.
    Integer(i64),
    /// A string.
    Text(String),
}

impl Scalar {
    /// `None` for any other JSON value.
    pub(crate) fn read(raw: &RawValue) -> Option<Self> {
        Some(match raw.get() {
            "null" => Self::Null,
            "true" => Self::Boolean(true),
            "false" => Self::Boolean(false),
            text if text.starts_with('"') => Self::Text(serde_json::from_str(text).ok()?),
            number => Self::Integer(number.parse().ok()?),
        })
    }
}

impl From<()> for Scalar {
    fn from((): ()) -> Self {
        Self::Null
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i32> for Scalar {
    fn from(value: i32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
