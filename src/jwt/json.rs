//! The one JSON object that a header is, and that the claims are.
//!
//! Values are kept as the text they were written in ([`RawValue`]) and judged by those
//! who need them: a number that fits no integer, or a depth that fits no stack, is then a
//! matter of the member that has it and never of the reader.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer as _,
    de::{self, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::error::ValidationErrorKind;
use crate::excerpt::excerpt;

/// A string, borrowed where nothing in it was escaped.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The string that `raw` is; `None` if it is anything else.
pub(super) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    // What serde_json has let pass and has no escape reads as it is written.
    if !quoted.contains('\\') {
        return Some(Cow::Borrowed(quoted));
    }
    serde_json::from_str(raw.get()).ok().map(|Text(text)| text)
}

/// The strings that `raw` is: one, or an array of nothing else.
pub(super) fn strings(raw: &RawValue) -> Option<Strings<'_>> {
    if raw.get().starts_with('[') {
        serde_json::from_str(raw.get()).ok().map(Strings::Many)
    } else {
        string(raw).map(Strings::One)
    }
}

/// StringOrURI, or an array of them (RFC 7519 §4.1.3).
pub(super) enum Strings<'a> {
    One(Cow<'a, str>),
    Many(Vec<Text<'a>>),
}

impl<'a> Strings<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Cow<'a, str>> {
        let (one, many) = match self {
            Self::One(one) => (Some(one), &[][..]),
            Self::Many(many) => (None, &many[..]),
        };
        one.into_iter().chain(many.iter().map(|Text(text)| text))
    }
}

/// Names that have been seen, as they read after unescaping: `"a"` and `"\u0061"` are
/// the same one (RFC 8259 §8.3).
pub(super) struct Names<'de> {
    few: [&'de str; FEW],
    count: usize,
    many: HashSet<Cow<'de, str>>,
}

/// As many names are kept without allocating. Looking through more of them one by one
/// would let a large token cost more than its size.
const FEW: usize = 24;

impl<'de> Names<'de> {
    pub(super) fn new() -> Self {
        Self {
            few: [""; FEW],
            count: 0,
            many: HashSet::new(),
        }
    }

    /// Adds a name; `false` if it was there.
    pub(super) fn insert(&mut self, name: Cow<'de, str>) -> bool {
        if self.few.iter().take(self.count).any(|seen| *seen == name) {
            return false;
        }
        match (name, self.few.get_mut(self.count)) {
            (Cow::Borrowed(name), Some(free)) if !self.many.contains(name) => {
                *free = name;
                self.count += 1;
                true
            }
            (name, _) => self.many.insert(name),
        }
    }
}

/// Calls `keep` with each member of the object that `json` is.
///
/// # Errors
///
/// When it is no object, or has a member twice.
pub(super) fn members<'de>(
    json: &'de str,
    what: &'static str,
    keep: impl FnMut(&str, &'de RawValue),
) -> Result<(), ValidationErrorKind> {
    let mut members = Members {
        keep,
        duplicate: None,
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let read = deserializer
        .deserialize_map(&mut members)
        .and_then(|()| deserializer.end());
    match (members.duplicate, read) {
        (Some(name), _) => Err(ValidationErrorKind::DuplicateMember(excerpt(&name))),
        (None, Err(_)) => Err(ValidationErrorKind::Malformed(what)),
        (None, Ok(())) => Ok(()),
    }
}

struct Members<F> {
    keep: F,
    duplicate: Option<String>,
}

impl<'de, F: FnMut(&str, &'de RawValue)> Visitor<'de> for &mut Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = Names::new();
        while let Some(Text(name)) = map.next_key()? {
            (self.keep)(&name, map.next_value()?);
            if !names.insert(name.clone()) {
                self.duplicate = Some(name.into_owned());
                return Err(de::Error::custom("duplicate member"));
            }
        }
        Ok(())
    }
}
