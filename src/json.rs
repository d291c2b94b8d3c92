//! Reading JSON from people: bounded, and with errors that say where.
//!
//! Documents are walked in place, never turned into a tree: a hostile megabyte of `[[],[],...]` would be a tree of a
//! hundred megabytes. A value stays the text it was until somebody asks for its members.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::document::{DEEPEST, Kind, Path, Value};
use crate::error::{Error, ErrorName, Result};

/// The longest document, in bytes.
pub(crate) const LONGEST: usize = 1 << 20;

/// Checks a whole document: its length, its depth, its grammar. `what` names it in errors.
pub(crate) fn document<'a>(bytes: &'a [u8], what: &str) -> Result<Value<'a>> {
    if bytes.len() > LONGEST {
        let message = format!("{what} are {} bytes long; at most {LONGEST} (1 MiB) are read", bytes.len());
        return Err(Error::new(ErrorName::TypeError, message).with_remedy("leave out what is not needed"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("{what} are not UTF-8 from byte {} on", error.valid_up_to());
        Error::new(ErrorName::TypeError, message).with_remedy("save the text as UTF-8")
    })?;
    if let Some(position) = too_deep(text) {
        let message = format!("{what} are nested more than {DEEPEST} levels deep at byte {position}");
        return Err(Error::new(ErrorName::TypeError, message).with_remedy("nothing that is understood is so deep"));
    }
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        let message = format!("{what} are not JSON: {error}");
        Error::new(ErrorName::TypeError, message)
            .with_remedy("write one JSON object, names in double quotes, no comma after the last member")
    })?;
    Ok(Value::Text(raw.get()))
}

/// Where the nesting first exceeds [`DEEPEST`].
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (position, byte) in text.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > DEEPEST {
                    return Some(position);
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// What a well-formed text is.
pub(crate) fn kind(text: &str) -> Kind {
    match text.as_bytes().first() {
        Some(b'n') => Kind::Null,
        Some(b't') => Kind::Boolean(true),
        Some(b'f') => Kind::Boolean(false),
        Some(b'"') => Kind::String,
        Some(b'[') => Kind::List,
        Some(b'{') => Kind::Object,
        // JSON's numbers are Rust's; what is too large reads as infinite, as in ECMAScript.
        _ => Kind::Number(text.parse().unwrap_or(f64::NAN)),
    }
}

/// What a text that is a string says.
pub(crate) fn string<'a>(text: &'a str, path: &Path<'_>) -> Result<Cow<'a, str>> {
    serde_json::from_str::<Text<'a>>(text).map(|text| text.0).map_err(|error| {
        Error::new(ErrorName::TypeError, format!("{path} is not a well-formed string: {error}"))
            .with_remedy("write surrogates in pairs, or the character itself")
    })
}

/// Calls `each` with the members of a text that is an object, in order.
pub(crate) fn members<'a>(
    text: &'a str,
    path: &Path<'_>,
    each: impl FnMut(Cow<'a, str>, Value<'a>) -> Result<()>,
) -> Result<()> {
    let mut walk = Walk { each, error: None };
    let end = serde_json::Deserializer::from_str(text).deserialize_map(&mut walk);
    finish(walk.error, end, path)
}

/// Calls `each` with the elements of a text that is a list, and their positions.
pub(crate) fn elements<'a>(
    text: &'a str,
    path: &Path<'_>,
    mut each: impl FnMut(usize, Value<'a>) -> Result<()>,
) -> Result<()> {
    let mut index = 0;
    let mut walk = Walk {
        each: |_: Cow<'a, str>, value| {
            each(index, value)?;
            index += 1;
            Ok(())
        },
        error: None,
    };
    let end = serde_json::Deserializer::from_str(text).deserialize_seq(&mut walk);
    finish(walk.error, end, path)
}

/// The error of a callback, else that of the grammar.
fn finish(error: Option<Error>, end: serde_json::Result<()>, path: &Path<'_>) -> Result<()> {
    match (error, end) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => Err(Error::new(ErrorName::TypeError, format!("{path} cannot be read: {error}"))),
    }
}

/// A string, borrowed where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// Walks an object or a list, one value at a time.
struct Walk<F> {
    each: F,
    error: Option<Error>,
}

impl<'de, F: FnMut(Cow<'de, str>, Value<'de>) -> Result<()>> Walk<F> {
    fn step<E: serde::de::Error>(&mut self, key: Cow<'de, str>, value: &'de RawValue) -> std::result::Result<(), E> {
        (self.each)(key, Value::Text(value.get())).map_err(|error| {
            self.error = Some(error);
            E::custom("stopped")
        })
    }
}

impl<'de, F: FnMut(Cow<'de, str>, Value<'de>) -> Result<()>> Visitor<'de> for &mut Walk<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some(Text(key)) = map.next_key()? {
            let value: &'de RawValue = map.next_value()?;
            self.step(key, value)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<(), A::Error> {
        while let Some(value) = list.next_element::<&'de RawValue>()? {
            self.step(Cow::Borrowed(""), value)?;
        }
        Ok(())
    }
}

/// A document on one line. Nothing that is written here can fail: names are strings, and nothing is read meanwhile.
pub(crate) fn to_string(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_document_is_64_levels() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(document(nested(64).as_bytes(), "the constraints").is_ok());
        let error = document(nested(65).as_bytes(), "the constraints").unwrap_err();
        assert_eq!(error.name(), ErrorName::TypeError);
        assert!(error.message().contains("64 levels"), "{error}");
        let brackets_in_a_string = format!("\"{}\\\"{}\"", "[".repeat(99), "{".repeat(99));
        assert!(document(brackets_in_a_string.as_bytes(), "the constraints").is_ok());
    }

    #[test]
    fn an_error_quotes_a_little_of_what_it_found() {
        let text = format!("{{\"{}\": \"{}\"}}", "k".repeat(1000), "v".repeat(1000));
        let root = Path::root("the constraints");
        let error = document(text.as_bytes(), "the constraints")
            .unwrap()
            .members(&root, "an object", |key, value| Err(value.unexpected(&root.name(&key), "a number")))
            .unwrap_err();
        assert!(error.message().len() < 200, "{error}");
        assert!(error.message().starts_with("kkkk"), "{error}");
    }

    #[test]
    fn null_members_are_absent_and_null_elements_are_not() {
        let root = Path::root("it");
        let mut seen = 0;
        let value = document(br#"{"a": null, "b": [null, 1]}"#, "it").unwrap();
        value
            .members(&root, "an object", |key, value| {
                assert_eq!(key, "b");
                value.elements(&root, "a list", |_, _| {
                    seen += 1;
                    Ok(())
                })
            })
            .unwrap();
        assert_eq!(seen, 2);
    }

    #[test]
    fn what_follows_the_document_is_refused() {
        for text in ["{} {}", "{}x", "", "{", "nul", "{\"a\":1,}", "\u{feff}{}"] {
            assert_eq!(document(text.as_bytes(), "it").unwrap_err().name(), ErrorName::TypeError, "{text}");
        }
        assert!(document(&[b'"', 0xff, b'"'], "it").unwrap_err().message().contains("UTF-8"));
    }
}
