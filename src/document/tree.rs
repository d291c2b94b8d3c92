//! A document as another reader of the crate `serde` tells it: a tree.
//!
//! JSON's own text never becomes one (`json.rs` says why). Whoever reads strangers' documents by `serde` bounds their length
//! first; their depth is bounded here.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{DEEPEST, Kind};

/// A value with all that is in it. An object's members are in their order, a name as often as it was given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Boolean(bool),
    /// As a double, as in ECMAScript.
    Number(f64),
    String(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Boolean(boolean) => Kind::Boolean(*boolean),
            Self::Number(number) => Kind::Number(*number),
            Self::String(_) => Kind::String,
            Self::List(_) => Kind::List,
            Self::Object(_) => Kind::Object,
        }
    }
}

/// For errors: lists and objects are not told of.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(boolean) => boolean.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::String(text) => write!(f, "{text:?}"),
            Self::List(_) => f.write_str("[...]"),
            Self::Object(_) => f.write_str("{...}"),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Below(DEEPEST).deserialize(deserializer)
    }
}

/// Reads a value that may be nested so many levels deep.
#[derive(Clone, Copy)]
struct Below(usize);

impl Below {
    /// What may stand in a list or an object.
    fn inside<E: Error>(self) -> Result<Self, E> {
        let depth = self.0.checked_sub(1);
        depth.map(Self).ok_or_else(|| E::custom(format_args!("it is nested more than {DEEPEST} levels deep")))
    }
}

impl<'de> DeserializeSeed<'de> for Below {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Below {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean, a number, a string, a list or an object")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Tree, E> {
        Ok(Tree::Boolean(boolean))
    }

    // Beyond 2^53 neighbours become one, as they do in the text of JSON: no value here is so large.
    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Tree, A::Error> {
        let (inside, mut list) = (self.inside()?, Vec::new());
        while let Some(element) = elements.next_element_seed(inside)? {
            super::push(&mut list, element);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let (inside, mut object) = (self.inside()?, Vec::new());
        while let Some(name) = members.next_key::<String>()? {
            super::push(&mut object, (name, members.next_value_seed(inside)?));
        }
        Ok(Tree::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, MapDeserializer, SeqDeserializer};

    use super::*;

    #[test]
    fn members_keep_their_order_and_come_as_often_as_given() {
        let members = [("b", 1u32), ("a", 2), ("b", 3)];
        let tree = Tree::deserialize(MapDeserializer::<_, Error>::new(members.into_iter())).unwrap();
        let named = |name: &str, number| (name.to_owned(), Tree::Number(number));
        assert_eq!(tree, Tree::Object(vec![named("b", 1.0), named("a", 2.0), named("b", 3.0)]));
    }

    #[test]
    fn what_is_nested_too_deep_is_refused() {
        /// A list in a list in a list.
        #[derive(Clone, Copy)]
        struct Nested(usize);

        impl<'de> Deserializer<'de> for Nested {
            type Error = Error;

            fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                match self.0 {
                    0 => visitor.visit_unit(),
                    depth => SeqDeserializer::new([Self(depth - 1)].into_iter()).deserialize_any(visitor),
                }
            }

            serde::forward_to_deserialize_any! {
                bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
                unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
            }
        }

        impl IntoDeserializer<'_, Error> for Nested {
            type Deserializer = Self;

            fn into_deserializer(self) -> Self {
                self
            }
        }

        assert!(Tree::deserialize(Nested(DEEPEST)).is_ok());
        let error = Tree::deserialize(Nested(DEEPEST + 1)).unwrap_err();
        assert!(error.to_string().contains("64 levels"), "{error}");
    }
}
