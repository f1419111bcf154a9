//! JSON pointers (RFC 6901) into a text that a peer sent.
//!
//! Only the member that is looked for is taken out of the text. A member that stands there
//! twice is not found: readers differ in which of the two counts (RFC 8259 §4), and a rule
//! must not hang on a guess.

use std::{borrow::Cow, error::Error, fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::excerpt::excerpt;

/// Where in a JSON text a member stands, such as `/data/code` (RFC 6901).
///
/// # Example
///
/// ```
/// use tower_bearer::json_pointer::JsonPointer;
///
/// let pointer: JsonPointer = "/data/code".parse()?;
/// assert!("data.code".parse::<JsonPointer>().is_err());
/// # Ok::<(), tower_bearer::json_pointer::JsonPointerError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct JsonPointer {
    text: Box<str>,
    /// The names on the way, unescaped.
    steps: Box<[String]>,
}

impl JsonPointer {
    /// To the whole text.
    pub(crate) fn whole() -> Self {
        Self {
            text: Box::default(),
            steps: Box::default(),
        }
    }

    /// To a member of what this one finds.
    pub(crate) fn member(&self, name: &str) -> Self {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let steps = self.steps.iter().cloned();
        Self {
            text: format!("{}/{escaped}", self.text).into(),
            steps: steps.chain([name.to_owned()]).collect(),
        }
    }

    /// The text of the member, as it is written; `None` if it is missing, if it or one on
    /// the way to it stands there twice, or if all of it is no JSON.
    pub(crate) fn find<'json>(&self, json: &'json [u8]) -> Option<&'json RawValue> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let found = Way(&self.steps).deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        found
    }
}

impl FromStr for JsonPointer {
    type Err = JsonPointerError;

    fn from_str(text: &str) -> Result<Self, JsonPointerError> {
        let malformed = || JsonPointerError(excerpt(text));
        let steps = match text.strip_prefix('/') {
            Some(steps) => steps.split('/').map(unescape).collect::<Option<_>>(),
            None => text.is_empty().then(Box::default), // the whole text
        };
        Ok(Self {
            text: text.into(),
            steps: steps.ok_or_else(malformed)?,
        })
    }
}

/// `~1` is a slash and `~0` a tilde; another tilde is an error (RFC 6901 §3).
fn unescape(step: &str) -> Option<String> {
    let is_escaped = |rest: &str| rest.starts_with(['0', '1']);
    let well_formed = step.split('~').skip(1).all(is_escaped);
    // In this order, so that `~01` is `~1` (RFC 6901 §4).
    well_formed.then(|| step.replace("~1", "/").replace("~0", "~"))
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonPointer({self})")
    }
}

/// A text that is no JSON pointer.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonPointerError(String);

impl fmt::Display for JsonPointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no JSON pointer (RFC 6901): write `/data/code` for the member `code` of `data`, and `~0` for a tilde",
            self.0
        )
    }
}

impl fmt::Debug for JsonPointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonPointerError({self})")
    }
}

impl Error for JsonPointerError {}

/// The steps that are still to be taken.
struct Way<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Way<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        match self.0 {
            [] => <&RawValue>::deserialize(from).map(Some),
            [step, rest @ ..] => from.deserialize_any(Step { step, rest }),
        }
    }
}

/// One step, into an object or an array; nothing else holds anything.
struct Step<'a> {
    step: &'a str,
    rest: &'a [String],
}

impl Step<'_> {
    /// Digits without a zero before them (RFC 6901 §4).
    fn index(&self) -> Option<usize> {
        let index = self.step.parse::<usize>().ok()?;
        (index.to_string() == self.step).then_some(index)
    }
}

impl<'de> Visitor<'de> for Step<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(Name(name)) = map.next_key()? {
            if name != self.step {
                map.next_value::<IgnoredAny>()?;
            } else if found.is_some() {
                return Err(de::Error::duplicate_field("the member that was looked for"));
            } else {
                found = Some(map.next_value_seed(Way(self.rest))?);
            }
        }
        Ok(found.flatten())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Some(index) = self.index() else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(None);
        };
        for _ in 0..index {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
        let found = seq.next_element_seed(Way(self.rest))?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found.flatten())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// A member's name, borrowed where nothing in it was escaped.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find<'json>(pointer: &str, json: &'json str) -> Option<&'json str> {
        let pointer: JsonPointer = pointer.parse().unwrap();
        pointer.find(json.as_bytes()).map(RawValue::get)
    }

    #[test]
    fn a_pointer_finds_one_member_as_it_is_written_or_none() {
        #[rustfmt::skip]
        let rows = [
            ("a member", "/code", r#"{"a":1,"code":401}"#, Some("401")),
            ("as it is written", "/code", "{ \"code\" : 4.01e2 }", Some("4.01e2")),
            ("deeper", "/data/code", r#"{"code":1,"data":{"code":2}}"#, Some("2")),
            ("a whole object", "/data", r#"{"data": {"a": 1} }"#, Some(r#"{"a": 1}"#)),
            ("the whole text", "", " 401 ", Some("401")),
            ("null", "/code", r#"{"code":null}"#, Some("null")),
            ("an element", "/errors/1/code", r#"{"errors":[{"code":1},{"code":2},{}]}"#, Some("2")),
            ("no such element", "/errors/2", r#"{"errors":[1,2]}"#, None),
            ("zeros before the index", "/errors/01", r#"{"errors":[1,2]}"#, None),
            ("no index", "/errors/code", r#"{"errors":[1,2]}"#, None),
            ("an escaped name", "/a~1b~0c", r#"{"a/b~c":1}"#, Some("1")),
            ("a tilde that is escaped comes last", "/~01", r#"{"~1":1,"/":2}"#, Some("1")),
            ("an empty name", "/", r#"{"":1}"#, Some("1")),
            ("a name that the text escapes", "/code", r#"{"\u0063ode":401}"#, Some("401")),
            ("none", "/code", r#"{"codes":1}"#, None),
            ("not an object", "/code", "[]", None),
            ("a number on the way", "/a/b", r#"{"a":1}"#, None),
            ("a string on the way", "/a/b", r#"{"a":"b"}"#, None),
            ("null on the way", "/a/b", r#"{"a":null}"#, None),
            ("twice", "/code", r#"{"code":0,"code":401}"#, None),
            ("twice the same", "/code", r#"{"code":401,"code":401}"#, None),
            ("twice, once escaped", "/code", r#"{"code":0,"\u0063ode":401}"#, None),
            ("twice on the way", "/data/code", r#"{"data":{},"data":{"code":1}}"#, None),
            ("twice elsewhere", "/code", r#"{"a":1,"a":2,"code":401}"#, Some("401")),
            ("cut off behind it", "/code", r#"{"code":401,"data":"#, None),
            ("more behind it", "/code", r#"{"code":401} {}"#, None),
            ("nothing", "/code", "", None),
            ("a byte order mark", "/code", "\u{feff}{\"code\":401}", None),
        ];
        for (rule, pointer, json, expected) in rows {
            assert_eq!(find(pointer, json), expected, "{rule}: {json}");
        }
    }

    #[test]
    fn a_pointer_that_was_put_together_is_the_one_that_is_written() {
        let rows = [("", "code", "/code"), ("/data", "a/b~1", "/data/a~1b~01")];
        for (above, name, expected) in rows {
            let above: JsonPointer = above.parse().unwrap();
            assert_eq!(above.member(name), expected.parse().unwrap());
        }
        assert_eq!(JsonPointer::whole(), "".parse().unwrap());
    }

    #[test]
    fn what_is_no_pointer_is_an_error_that_names_the_fix() {
        for text in [
            "code",
            "data/code",
            "#/code",
            "/a~b",
            "/a~",
            "/~2",
            " /code",
        ] {
            let error = text.parse::<JsonPointer>().unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains(text) && shown.contains("/data/code"),
                "{shown}"
            );
        }
    }

    #[test]
    fn depth_that_fits_no_stack_is_no_json() {
        let deep = "[".repeat(100_000);
        assert_eq!(find("/0/0", &deep), None);
        assert_eq!(find("/code", &format!("{{\"a\":{deep}")), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(json in any::<Vec<u8>>(), pointer in "(/[a-z~01]{0,3}){0,3}") {
            if let Ok(pointer) = pointer.parse::<JsonPointer>() {
                pointer.find(&json);
            }
        }

        #[test]
        fn it_finds_what_serde_json_finds(json in json(3), pointer in "(/([a-c]|[0-2])){0,4}") {
            let expected = json.pointer(&pointer);
            let text = json.to_string();
            let found = find(&pointer, &text).map(|raw| serde_json::from_str(raw).unwrap());
            prop_assert_eq!(found.as_ref(), expected);
        }
    }

    fn json(depth: u32) -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z\"\\\\]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(depth, 16, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[a-c]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
