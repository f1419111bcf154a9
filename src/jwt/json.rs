//! The one JSON object that a header is, and that the claims are.
//!
//! Read here are its frame (braces, colons, commas), strings without escapes and whole
//! numbers, which are most of what a token holds. What every other value is, and where it
//! ends, is left to serde_json. Values are kept as the text they were written in and judged
//! by those who need them: a number that fits no integer, or a depth that fits no stack, is
//! then a matter of the member that has it and never of the reader.

use std::{borrow::Cow, collections::HashSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{ValidationError, ValidationErrorKind};
use crate::excerpt::excerpt;

/// A value as it was written.
#[derive(Clone, Copy)]
pub(super) enum Value<'de> {
    /// A string of which nothing is escaped, without its quotes.
    Plain(&'de str),
    /// The JSON of a number as most dates are written, and what it says: a whole one, above
    /// zero, without white space behind.
    Whole(&'de str, u32),
    /// The JSON of anything else.
    Other(&'de str),
}

impl<'de> Value<'de> {
    /// The string that it is; `None` if it is anything else.
    pub(super) fn string(self) -> Option<Cow<'de, str>> {
        match self {
            Self::Plain(text) => Some(Cow::Borrowed(text)),
            Self::Whole(..) => None,
            Self::Other(json) => unescaped(json),
        }
    }

    /// The strings that it is: one, or an array of nothing else.
    pub(super) fn strings(self) -> Option<Strings<'de>> {
        match self {
            Self::Other(json) if json.starts_with('[') => {
                serde_json::from_str(json).ok().map(Strings::Many)
            }
            one => one.string().map(Strings::One),
        }
    }
}

#[cold]
fn unescaped(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(json).ok().map(|Text(text)| text)
}

/// A string, borrowed where nothing in it was escaped.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

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

#[derive(Clone, Copy)]
pub(super) struct Member<'de> {
    pub(super) name: Value<'de>,
    pub(super) value: Value<'de>,
}

/// The members of an object, none of them twice, in the order in which they were written.
///
/// `FEW` are kept without allocating. Looking through more of them one by one would let a
/// large token cost more than its size.
pub(super) struct Members<'de, const FEW: usize = 24> {
    few: [Member<'de>; FEW],
    count: usize,
    many: Vec<Member<'de>>,
    /// A bit for each name there is: one that has no bit is new.
    marks: u64,
    /// All names as they read, once there are more than a few or one is written with
    /// escapes: `"a"` and `"\u0061"` are the same one (RFC 8259 §8.3).
    crowd: Option<HashSet<Cow<'de, str>>>,
}

impl<'de, const FEW: usize> Members<'de, FEW> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        const NONE: Member<'_> = Member {
            name: Value::Plain(""),
            value: Value::Plain(""),
        };
        Self {
            few: [NONE; FEW],
            count: 0,
            many: Vec::new(),
            marks: 0,
            crowd: None,
        }
    }

    /// Adds the members of the object that `json` is, and shows each to `see`, which may know
    /// whether it is the first of that name.
    ///
    /// # Errors
    ///
    /// When it is no object, has a member twice or more than `most`; `what` says so.
    pub(super) fn read(
        &mut self,
        json: &'de str,
        most: usize,
        what: &'static str,
        mut see: impl FnMut(&str, Value<'de>) -> Option<bool>,
    ) -> Result<(), ValidationError> {
        let malformed = || ValidationError::new(ValidationErrorKind::Malformed(what));
        let mut cursor = Cursor { json, at: 0 };
        let mut is_next = cursor.opens_object().ok_or_else(malformed)?;
        while is_next {
            let (name, value) = cursor.member().ok_or_else(malformed)?;
            let text = match name {
                Value::Plain(text) => Cow::Borrowed(text),
                escaped => escaped.string().ok_or_else(malformed)?,
            };
            let is_first = see(&text, value).filter(|_| self.count < FEW && self.crowd.is_none());
            let is_new = match (name, is_first) {
                (Value::Plain(_), Some(is_first)) => is_first,
                (Value::Plain(text), None) => self.is_new(text),
                _ => self.is_new_in_crowd(text),
            };
            if !is_new {
                let text = name.string().unwrap_or_default();
                return Err(ValidationErrorKind::DuplicateMember(excerpt(&text)).into());
            }
            if !self.push(Member { name, value }, most) {
                return Err(malformed());
            }
            is_next = cursor.goes_on().ok_or_else(malformed)?;
        }
        match cursor.next() {
            None => Ok(()),
            Some(_) => Err(malformed()),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Member<'de>> {
        let few = self.few.iter().take(self.count);
        few.chain(&self.many).copied()
    }

    /// False if there would be more than `most`, which are no less than `FEW`.
    #[inline(always)]
    fn push(&mut self, member: Member<'de>, most: usize) -> bool {
        match self.few.get_mut(self.count) {
            Some(free) => {
                *free = member;
                self.count += 1;
                true
            }
            None => {
                self.many.push(member);
                FEW + self.many.len() <= most
            }
        }
    }

    /// Whether there is none of that name yet.
    #[inline(always)]
    fn is_new(&mut self, name: &'de str) -> bool {
        if self.count == FEW || self.crowd.is_some() {
            return self.is_new_in_crowd(Cow::Borrowed(name));
        }
        let mark = mark(name);
        let is_new = self.marks & mark == 0 || !self.iter().any(|member| member.is_named(name));
        self.marks |= mark;
        is_new
    }

    #[cold]
    fn is_new_in_crowd(&mut self, name: Cow<'de, str>) -> bool {
        let few = self.few.iter().take(self.count);
        let names = || few.filter_map(|member| member.name.string()).collect();
        self.crowd.get_or_insert_with(names).insert(name)
    }
}

impl Member<'_> {
    fn is_named(&self, text: &str) -> bool {
        matches!(self.name, Value::Plain(name) if name == text)
    }
}

/// One of 64 bits, chosen by what tells names apart mostly.
fn mark(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let [first, last] = [bytes.first(), bytes.last()].map(|it| it.map_or(0, |it| usize::from(*it)));
    1 << ((bytes.len() + 5 * first + 11 * last) % 64)
}

/// A place in a text.
struct Cursor<'de> {
    json: &'de str,
    at: usize,
}

impl<'de> Cursor<'de> {
    /// Whether a member follows on the opening brace; `None` if there is no brace.
    fn opens_object(&mut self) -> Option<bool> {
        self.take(b'{').then_some(())?;
        Some(!self.take(b'}'))
    }

    /// Whether another member follows; `None` if there is neither that nor an end.
    #[inline(always)]
    fn goes_on(&mut self) -> Option<bool> {
        if self.take(b',') {
            return Some(true);
        }
        self.take(b'}').then_some(false)
    }

    #[inline(always)]
    fn member(&mut self) -> Option<(Value<'de>, Value<'de>)> {
        let name = (self.next()? == b'"').then(|| self.string())??;
        self.take(b':').then_some(())?;
        let value = match self.next()? {
            b'"' => self.string(),
            _ => self.other_value(),
        };
        Some((name, value?))
    }

    /// The string whose first quote is next.
    #[inline(always)]
    fn string(&mut self) -> Option<Value<'de>> {
        let bytes = self.json.as_bytes();
        let start = self.at + 1;
        let end = start + plain_length(bytes.get(start..)?);
        if bytes.get(end) != Some(&b'"') {
            return self.other_value();
        }
        self.at = end + 1;
        self.json.get(start..end).map(Value::Plain)
    }

    #[inline(always)]
    fn other_value(&mut self) -> Option<Value<'de>> {
        let (value, length) = other_value(self.json.get(self.at..)?)?;
        self.at += length;
        Some(value)
    }

    #[inline(always)]
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.next() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// The next byte that is not white space (RFC 8259 §2).
    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        let next = self.byte()?;
        if next > b' ' {
            return Some(next);
        }
        self.skip_white_space();
        self.byte()
    }

    #[inline(always)]
    fn byte(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    #[cold]
    fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }
}

/// The value that the text begins with, and its length.
#[inline(never)]
fn other_value(json: &str) -> Option<(Value<'_>, usize)> {
    if let Some((number, length)) = whole_number(json.as_bytes()) {
        return Some((Value::Whole(json.get(..length)?, number), length));
    }
    let mut values = serde_json::Deserializer::from_str(json).into_iter();
    let value: &RawValue = values.next()?.ok()?;
    Some((Value::Other(value.get()), values.byte_offset()))
}

/// The number that the text begins with, and its length, if it has neither a sign nor a
/// fraction, nor an exponent, and the member ends with it.
fn whole_number(text: &[u8]) -> Option<(u32, usize)> {
    const LONGEST: usize = 10; // of a `u32`
    let (mut number, mut length) = (0_u64, 0);
    for byte in text.iter().take(LONGEST) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        number = number * 10 + u64::from(digit);
        length += 1;
    }
    let is_whole =
        matches!(text.first(), Some(b'1'..=b'9')) && matches!(text.get(length), Some(b',' | b'}'));
    let number = u32::try_from(number).ok().filter(|_| is_whole)?;
    Some((number, length))
}

/// How many bytes stand for themselves in a string (RFC 8259 §7): neither a quote, nor a
/// backslash, nor a control character. Eight at a time.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((word, behind)) = rest.split_first_chunk() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return bytes.len() - rest.len() + special.trailing_zeros() as usize / 8;
        }
        rest = behind;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    let length = rest.iter().position(is_special).unwrap_or(rest.len());
    bytes.len() - rest.len() + length
}

/// The highest bit of each byte that is special. Bits above the lowest one that is set may
/// be wrong, because a subtraction borrows from the next byte.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, b' ') | equal(b'"') | equal(b'\\')) & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What serde_json makes of it: the members in order; `None` if it is no object, or has
    /// one twice.
    fn by_serde_json(json: &str) -> Option<Vec<(String, String)>> {
        struct All;
        impl<'de> serde::de::Visitor<'de> for All {
            type Value = Vec<(String, String)>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    all.push((name, value.get().to_owned()));
                }
                Ok(all)
            }
        }
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let all = serde::Deserializer::deserialize_map(&mut deserializer, All).ok()?;
        deserializer.end().ok()?;
        let names: HashSet<_> = all.iter().map(|(name, _)| name).collect();
        (names.len() == all.len()).then_some(all)
    }

    fn by_us(json: &str) -> Option<Vec<(String, String)>> {
        let mut members: Members<'_> = Members::new();
        members.read(json, usize::MAX, "", |_, _| None).ok()?;
        let owned = |member: Member<'_>| {
            let name = member.name.string().unwrap().into_owned();
            let value = match member.value {
                Value::Plain(text) => format!("\"{text}\""),
                Value::Whole(json, number) => {
                    assert_eq!(json, number.to_string());
                    json.to_owned()
                }
                Value::Other(json) => json.to_owned(),
            };
            (name, value)
        };
        Some(members.iter().map(owned).collect())
    }

    #[test]
    fn it_reads_what_serde_json_reads_and_refuses_what_it_refuses() {
        let long_name = format!(r#"{{"{}":1}}"#, "n".repeat(4000));
        let rows = [
            &*long_name,
            "",
            " ",
            "{",
            "}",
            "{}",
            " {\t}\r\n",
            "{},",
            "{}{}",
            "{}x",
            "[]",
            "null",
            "\"a\"",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1"#,
            r#"{"a":1,}"#,
            r#"{,"a":1}"#,
            r#"{"a" 1}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"a":1,"b":2}"#,
            r#"{a:1}"#,
            r#"{1:1}"#,
            r#"{'a':1}"#,
            r#"{"a":1,,"b":2}"#,
            r#"{"a":1}]"#,
            r#"{ "a" : "b" , "c" : "d" }"#,
            r#"{"a":"b}"#,
            r#"{"a":"b\"}"#,
            r#"{"a":"b\\"}"#,
            r#"{"a":"\q"}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"\ud800":1}"#,
            r#"{"\u0061":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"\u0061":1,"a":1}"#,
            r#"{"\\u0061":1,"\u0061":2}"#,
            r#"{"":1}"#,
            r#"{"":1,"":1}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"m11":1,"m21":1}"#, // names with one mark
            "{\"a\":\"\n\"}",
            "{\"a\":\"\u{1f}\"}",
            "{\"a\":\"\u{7f}\"}",
            "{\"\t\":1}",
            "{\"a\":\"\u{0}bcdefgh\"}",
            "\u{feff}{}",
            "{\u{a0}}",
            "{\u{c}}",
            " \u{c}{}",
            "{ \u{c}}",
            r#"{"ä":"ü"}"#,
            r#"{"a":01}"#,
            r#"{"a":-}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":1e}"#,
            r#"{"a":+1}"#,
            r#"{"a":1e999}"#,
            r#"{"a":-0}"#,
            r#"{"a":0}"#,
            r#"{"a":4294967295}"#,
            r#"{"a":4294967296}"#,
            r#"{"a":12345678901}"#,
            r#"{"a":18446744073709551617}"#,
            r#"{"a":5 }"#,
            r#"{"a":1x}"#,
            r#"{"a":truex}"#,
            r#"{"a":tru}"#,
            r#"{"a":true}"#,
            r#"{"a":nul}"#,
            r#"{"a":NaN}"#,
            r#"{"a":[1,2}"#,
            r#"{"a":[1,2]}"#,
            r#"{"a":[1,]}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a":"x" "y"}"#,
            r#"{"a":1/**/}"#,
        ];
        for json in rows {
            assert_eq!(by_us(json), by_serde_json(json), "{json}");
        }
        let nested = format!(r#"{{"a":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert!(by_us(&nested).is_some());
    }

    #[test]
    fn the_end_of_a_plain_string_is_found_wherever_it_is() {
        for special in ["\"", "\\", "\0", "\u{1f}"] {
            for before in 0..40 {
                for after in ["", "\"", "!#[]~\u{80}\u{ff}é", "\0\0\"\"\\\\\0\0\"\""] {
                    let text = format!("{}{special}{after}", "é!#]".repeat(before));
                    assert_eq!(plain_length(text.as_bytes()), 5 * before, "{text:?}");
                }
            }
        }
        assert_eq!(plain_length(" ~\u{7f}é".repeat(9).as_bytes()), 45);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            cases: 2048,
            ..ProptestConfig::default()
        })]

        #[test]
        fn pieces_of_json_in_any_order(pieces in prop::collection::vec(piece(), 0..24)) {
            let json = pieces.concat();
            prop_assert_eq!(by_us(&json), by_serde_json(&json));
        }

        #[test]
        fn objects_of_any_members(
            members in prop::collection::vec((name(), value()), 0..60),
            space in "[ \n]{0,2}",
        ) {
            let members: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("{space}{name}{space}:{space}{value}{space}"))
                .collect();
            let json = format!("{{{}}}", members.join(","));
            prop_assert_eq!(by_us(&json), by_serde_json(&json));
        }
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            "[{},:\" ]",
            Just("\\".to_owned()),
            name(),
            value(),
            (name(), value()).prop_map(|(name, value)| format!("{name}:{value},")),
        ]
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => "\"[a-c]{0,2}\"",
            1 => "\"m[0-9]{1,2}\"",
            1 => "\"(a|\\\\u006[1-3]|\\\\u00|\\\\n|é|\n){0,2}\"",
        ]
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            "-?[0-9]{1,3}([.][0-9]{0,2})?([eE][+-]?[0-9]{0,2})?",
            "true|false|null|nul|truefalse",
            "\"[a-z \u{0}-\u{21}é\\\\]{0,20}\"",
            any::<String>().prop_map(|it| serde_json::json!(it).to_string()),
            "[\\[{]{0,3}[\\]}]{0,3}",
            "(\\[1,\"a\\]\"\\]|\\{\"a\":\\{\"b\":\\[\\]\\}\\})",
        ]
    }
}
