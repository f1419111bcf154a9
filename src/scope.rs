//! Scopes: what a token allows (RFC 6749 §3.3).

use std::fmt;

use crate::short_text::ShortText;

/// A set of scopes, as in `orders:read orders:write`.
///
/// Kept as one space-delimited string, which is how RFC 6749 §3.3 writes it: a
/// token has a handful of scopes, and looking through a short string is faster
/// than building a table for one request. A short one is not even allocated.
///
/// # Example
///
/// ```
/// use tower_bearer::ScopeSet;
///
/// let granted = ScopeSet::parse("orders:read orders:write");
/// assert!(granted.contains("orders:read"));
/// assert!(!granted.contains("orders"));
/// assert!(ScopeSet::from_iter(["orders:read"]).is_subset(&granted));
/// ```
#[derive(Clone, Default)]
pub struct ScopeSet(ShortText);

impl ScopeSet {
    /// Reads a space-delimited list. Names that RFC 6749 §3.3 does not allow are
    /// left out: what can't be written in a scope can't be granted by one.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        if is_list(list) {
            return Self(list.into());
        }
        list.split(' ').collect()
    }

    /// Whether `scope` is in the set: whole names, case-sensitive.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|mine| mine == scope)
    }

    /// Whether each scope of this set is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|scope| other.contains(scope))
    }

    /// The scopes, in the order in which they were first given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.as_str().split(' ').filter(|scope| !scope.is_empty())
    }

    /// Whether there is no scope.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }

    /// The space-delimited list of RFC 6749 §3.3.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl<S: AsRef<str>> FromIterator<S> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = S>>(scopes: I) -> Self {
        let mut list = String::new();
        for scope in scopes {
            let scope = scope.as_ref();
            if is_scope_token(scope) {
                if !list.is_empty() {
                    list.push(' ');
                }
                list.push_str(scope);
            }
        }
        Self(list.as_str().into())
    }
}

/// Equal as sets: neither order nor repetition counts.
impl PartialEq for ScopeSet {
    fn eq(&self, other: &Self) -> bool {
        self.is_subset(other) && other.is_subset(self)
    }
}

impl Eq for ScopeSet {}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Whether there is exactly one space between names, and nothing that has to be left out.
fn is_list(list: &str) -> bool {
    let mut before = b' ';
    let is_fine = list.bytes().all(|byte| {
        let is_fine = is_scope_byte(byte) || (byte == b' ' && before != b' ');
        before = byte;
        is_fine
    });
    is_fine && before != b' '
}

/// RFC 6749 §3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
pub(crate) fn is_scope_token(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(is_scope_byte)
}

fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_grammar_of_rfc_6749_are_not_scopes() {
        let cases = [
            ("a", true),
            ("orders:read", true),
            ("https://api.example/.default", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            ("a\\b", false),
            ("a\tb", false),
            ("grün", false),
        ];
        for (scope, expected) in cases {
            assert_eq!(is_scope_token(scope), expected, "{scope:?}");
        }
    }

    #[test]
    fn a_member_with_a_space_never_becomes_two_scopes() {
        let set = ScopeSet::from_iter(["orders:read admin", "orders:write"]);
        assert_eq!(set.as_str(), "orders:write");
    }

    #[test]
    fn neither_order_nor_repetition_nor_spaces_make_another_set() {
        assert_eq!(ScopeSet::parse("  a  b a "), ScopeSet::parse("b a"));
        assert_ne!(ScopeSet::parse("a"), ScopeSet::parse("a b"));
    }

    #[test]
    fn a_list_is_kept_with_one_space_between_names() {
        for list in [
            "", " ", "a", " a", "a ", "a  b", "a b", "a\"b c", "é", "a b c",
        ] {
            let names: Vec<_> = list
                .split(' ')
                .filter(|name| is_scope_token(name))
                .collect();
            assert_eq!(ScopeSet::parse(list).as_str(), names.join(" "), "{list:?}");
        }
    }

    #[test]
    fn a_part_of_a_name_is_not_the_name() {
        let granted = ScopeSet::parse("orders:read");
        assert!(!granted.contains("orders"));
        assert!(!granted.contains(""));
        assert!(!ScopeSet::parse("orders:read x").is_subset(&granted));
    }
}
