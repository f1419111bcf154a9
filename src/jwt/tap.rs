//! Reads the claims once, into the application's own type, and keeps on the way the
//! claims that the rules are about.
//!
//! The application's type is deserialised from a deserialiser of ours that stands between
//! it and serde_json. As the members pass by, those that were asked for are kept as text,
//! and all names are compared for duplicates. What the application's type doesn't read is
//! read for it.
//!
//! That type is a stranger: it may swallow errors and go on. So the reader moves from one
//! member to the next by itself, over the text of the whole value, and an error within a
//! value can't leave it in the middle of one, where nested members would pass for claims.

use std::fmt;

use serde::{
    de::{
        self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, IntoDeserializer, MapAccess,
        Visitor,
    },
    forward_to_deserialize_any,
};
use serde_json::value::RawValue;

use super::{
    error::ValidationErrorKind,
    json::{Names, Text, members},
};

/// Which members to keep, and where.
pub(super) trait Keep<'de> {
    /// The place for the member of that name, if it is to be kept.
    fn slot(&mut self, name: &str) -> Option<&mut Option<&'de RawValue>>;

    /// Forgets what was kept.
    fn clear(&mut self);
}

const NOT_AN_OBJECT: &str = "the claims are not a JSON object";

/// Reads `json` into `C`, and the members that `kept` asks for into `kept`.
///
/// The outer error is the token's: no JSON object, or a member twice. The inner one is
/// that of the application's type, and then `kept` is complete all the same: a rule that
/// the token breaks is the better answer.
pub(super) fn read<'de, C: Deserialize<'de>>(
    json: &'de str,
    kept: &mut impl Keep<'de>,
) -> Result<Result<C, serde_json::Error>, ValidationErrorKind> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let mut is_complete = false;
    let claims = C::deserialize(Tap {
        inner: &mut deserializer,
        kept,
        is_complete: &mut is_complete,
    });
    let is_read = claims.is_ok() && is_complete && deserializer.end().is_ok();
    if !is_read {
        keep(json, kept)?;
    }
    Ok(claims)
}

/// Reads the members that `kept` asks for and nothing else.
pub(super) fn keep<'de>(
    json: &'de str,
    kept: &mut impl Keep<'de>,
) -> Result<(), ValidationErrorKind> {
    kept.clear();
    members(json, NOT_AN_OBJECT, |name, value| {
        if let Some(slot) = kept.slot(name) {
            *slot = Some(value);
        }
    })
}

struct Tap<'a, D, K> {
    inner: D,
    kept: &'a mut K,
    is_complete: &'a mut bool,
}

impl<'de, D: Deserializer<'de>, K: Keep<'de>> Deserializer<'de> for Tap<'_, D, K> {
    type Error = D::Error;

    /// Claims are an object, whatever the application's type would like them to be.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_map(TapVisitor {
            inner: visitor,
            kept: self.kept,
            is_complete: self.is_complete,
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        // serde_json's `RawValue` takes the text itself; the members are then kept in a
        // pass of their own.
        if name.starts_with("$serde_json::private::") {
            return self.inner.deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct TapVisitor<'a, V, K> {
    inner: V,
    kept: &'a mut K,
    is_complete: &'a mut bool,
}

impl<'de, V: Visitor<'de>, K: Keep<'de>> Visitor<'de> for TapVisitor<'_, V, K> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let mut tap = TapMap {
            inner: map,
            kept: self.kept,
            names: Names::new(),
            name: None,
            is_broken: false,
        };
        let value = self.inner.visit_map(&mut tap)?;
        tap.drain()?;
        if tap.is_broken {
            return Err(de::Error::custom("an error was swallowed"));
        }
        *self.is_complete = true;
        Ok(value)
    }
}

struct TapMap<'a, 'de, A, K> {
    inner: A,
    kept: &'a mut K,
    names: Names<'de>,
    /// The name of which the value has not been read.
    name: Option<Text<'de>>,
    /// Whether the text is no object with each member once, whatever became of the error.
    is_broken: bool,
}

impl<'de, A: MapAccess<'de>, K: Keep<'de>> TapMap<'_, 'de, A, K> {
    /// Reads what the application's type has left.
    fn drain(&mut self) -> Result<(), A::Error> {
        if self.name.is_some() {
            self.value()?;
        }
        while self.next_key::<IgnoredAny>()?.is_some() {
            self.value()?;
        }
        Ok(())
    }

    fn name(&mut self) -> Result<Option<Text<'de>>, A::Error> {
        let name = self.inner.next_key::<Text<'de>>();
        self.is_broken |= name.is_err();
        let Some(Text(name)) = name? else {
            return Ok(None);
        };
        // Cloning a borrowed name is free; few names are written with escapes.
        if !self.names.insert(name.clone()) {
            self.is_broken = true;
            return Err(de::Error::custom("duplicate member"));
        }
        Ok(Some(Text(name)))
    }

    /// The value of the name that was read last, kept if it was asked for.
    fn value(&mut self) -> Result<&'de RawValue, A::Error> {
        let value = self.inner.next_value::<&'de RawValue>();
        self.is_broken |= value.is_err();
        let value = value?;
        if let Some(Text(name)) = self.name.take()
            && let Some(slot) = self.kept.slot(&name)
        {
            *slot = Some(value);
        }
        Ok(value)
    }
}

impl<'de, A: MapAccess<'de>, K: Keep<'de>> MapAccess<'de> for TapMap<'_, 'de, A, K> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let Some(Text(name)) = self.name()? else {
            return Ok(None);
        };
        // The name counts also where the application's type doesn't want it.
        let key = seed.deserialize(name.as_ref().into_deserializer());
        self.name = Some(Text(name));
        key.map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = self.value()?;
        seed.deserialize(value).map_err(de::Error::custom)
    }
}
