//! Reads the claims into the application's own type.
//!
//! That type is a stranger: it may swallow errors and go on. So it never reads from the
//! token's text, where an error within a value would leave the reader in the middle of it
//! and nested members would pass for claims. It is handed the members that were read
//! before and judged by the rules, each as the text of a whole value.

use serde::{
    de::{
        self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
        value::BorrowedStrDeserializer,
    },
    forward_to_deserialize_any,
};
use serde_json::Error;

use super::json::{Member, Members, Value};

/// Makes a `C` of the members, which were read from `json`.
pub(super) fn read<'de, C: Deserialize<'de>>(
    json: &'de str,
    members: &Members<'de>,
) -> Result<C, Error> {
    C::deserialize(Claims { json, members })
}

struct Claims<'a, 'de> {
    json: &'de str,
    members: &'a Members<'de>,
}

impl<'de> Deserializer<'de> for Claims<'_, 'de> {
    type Error = Error;

    /// Claims are an object, whatever the application's type would like them to be.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Access {
            members: self.members.iter(),
            value: None,
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if is_raw(name) {
            let mut json = serde_json::Deserializer::from_str(self.json);
            return json.deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Access<'de, M> {
    members: M,
    /// Of the name that was given out last.
    value: Option<Value<'de>>,
}

impl<'de, M: Iterator<Item = Member<'de>>> MapAccess<'de> for Access<'de, M> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Error> {
        let Some(Member { name, value }) = self.members.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        let key = match name {
            Value::Plain(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            name => seed.deserialize(name.string().unwrap_or_default().into_deserializer()),
        };
        key.map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        match self.value.take() {
            Some(Value::Plain(text)) => seed.deserialize(Plain(text)),
            Some(Value::Whole(json, _) | Value::Other(json)) => seed.deserialize(Other(json)),
            None => Err(de::Error::custom("a value was asked for without its name")),
        }
    }
}

/// A string of which nothing is escaped: what serde_json would make of it, without another
/// look at each character.
struct Plain<'de>(&'de str);

impl<'de> Deserializer<'de> for Plain<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if is_raw(name) {
            let json = format!("\"{}\"", self.0);
            let mut json = serde_json::Deserializer::from_reader(json.as_bytes());
            return json.deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_bytes(self.0.as_bytes())
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

/// The JSON of anything else, which is read unless nobody wants it: that it is JSON is known.
struct Other<'de>(&'de str);

macro_rules! leave_to_serde_json {
    ($($method:ident($($name:ident: $kind:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $kind,)* visitor: V) -> Result<V::Value, Error> {
            serde_json::Deserializer::from_str(self.0).$method($($name,)* visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Other<'de> {
    type Error = Error;

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    leave_to_serde_json! {
        deserialize_any() deserialize_bool() deserialize_option() deserialize_identifier()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str()
        deserialize_string() deserialize_bytes() deserialize_byte_buf() deserialize_unit()
        deserialize_seq() deserialize_map()
        deserialize_unit_struct(name: &'static str) deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(len: usize) deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }
}

/// serde_json's `RawValue` asks for the text itself.
fn is_raw(name: &str) -> bool {
    name.starts_with("$serde_json::private::")
}
