//! Public data as documents: what the crate `serde` writes and reads, in the names and shapes of the web's own.
//!
//! What is written is said beside each type's room (`devices/document`, `resolve/document.rs`, `stream/document.rs`,
//! `constraints/write.rs`). What is read is a [`Value`], which is either JSON's text (feature `json`) or what another reader
//! made of its document, so that one reader says what is understood, and where an error stands.

mod names;
mod read;
mod tree;
mod write;

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};

pub(crate) use names::{fourcc, frame_rate, word};
pub(crate) use tree::Tree;
pub(crate) use write::{Number, object, thousandths};

use crate::error::{Error, ErrorName, Result, excerpt};

/// The deepest nesting: a document's outermost object is level 1.
pub(crate) const DEEPEST: usize = 64;

/// Reads a value with the reader that JSON has. `what` names it in errors.
pub(crate) fn read<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    what: &str,
    read: impl FnOnce(Value<'_>, &Path<'_>) -> Result<T>,
) -> std::result::Result<T, D::Error> {
    let tree = Tree::deserialize(deserializer)?;
    read(Value::Tree(&tree), &Path::root(what)).map_err(|error| D::Error::custom(error.message()))
}

/// Gives types the trait `Deserialize` by the functions that read them, each with the name that errors call it.
macro_rules! readable {
    ($($type:ty, $what:literal, $read:expr;)+) => {$(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                crate::document::read(deserializer, $what, $read)
            }
        }
    )+};
}

pub(crate) use readable;

/// Where a value stands: `video.advanced[2].width`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    segment: Segment<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Segment<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    /// The document itself, by the name that errors call it.
    pub(crate) const fn root(name: &'a str) -> Self {
        Self { parent: None, segment: Segment::Name(name) }
    }

    /// A member of this object.
    pub(crate) const fn name(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), segment: Segment::Name(name) }
    }

    /// An element of this list.
    pub(crate) const fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), segment: Segment::Index(index) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The root's name is for errors about the root: `width`, not `the constraints.width`.
        let parent = self.parent.filter(|parent| parent.parent.is_some());
        if let Some(parent) = parent {
            parent.fmt(f)?;
        }
        match self.segment {
            Segment::Name(name) => {
                let dot = if parent.is_some() { "." } else { "" };
                write!(f, "{dot}{}", excerpt(name))
            }
            Segment::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A value of a document that is known to be well-formed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// JSON: the text it was, until somebody asks for its members.
    #[cfg(feature = "json")]
    Text(&'a str),
    /// What another reader made of its document.
    Tree(&'a Tree),
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Null,
    Boolean(bool),
    /// As a double; infinite where the text is beyond one.
    Number(f64),
    String,
    List,
    Object,
}

impl<'a> Value<'a> {
    /// What it is.
    pub(crate) fn kind(self) -> Kind {
        match self {
            #[cfg(feature = "json")]
            Self::Text(text) => crate::json::kind(text),
            Self::Tree(tree) => tree.kind(),
        }
    }

    /// The text of a string; an error for anything else.
    pub(crate) fn string(self, path: &Path<'_>, expected: &str) -> Result<Cow<'a, str>> {
        match self {
            #[cfg(feature = "json")]
            Self::Text(text) if self.kind() == Kind::String => crate::json::string(text, path),
            Self::Tree(Tree::String(text)) => Ok(Cow::Borrowed(text)),
            _ => Err(self.unexpected(path, expected)),
        }
    }

    /// Calls `each` with the members of an object, in order; an error for anything else. A member that is `null` counts
    /// as absent.
    pub(crate) fn members(
        self,
        path: &Path<'_>,
        expected: &str,
        mut each: impl FnMut(Cow<'a, str>, Value<'a>) -> Result<()>,
    ) -> Result<()> {
        self.all_members(
            path,
            expected,
            |key, value| {
                if value.kind() == Kind::Null { Ok(()) } else { each(key, value) }
            },
        )
    }

    /// As [`Self::members`], with those that are `null`.
    pub(crate) fn all_members(
        self,
        path: &Path<'_>,
        expected: &str,
        mut each: impl FnMut(Cow<'a, str>, Value<'a>) -> Result<()>,
    ) -> Result<()> {
        match self {
            #[cfg(feature = "json")]
            Self::Text(text) if self.kind() == Kind::Object => crate::json::members(text, path, each),
            Self::Tree(Tree::Object(members)) => {
                members.iter().try_for_each(|(key, value)| each(Cow::Borrowed(key), Value::Tree(value)))
            }
            _ => Err(self.unexpected(path, expected)),
        }
    }

    /// Calls `each` with the elements of a list and their positions; an error for anything else.
    pub(crate) fn elements(
        self,
        path: &Path<'_>,
        expected: &str,
        mut each: impl FnMut(usize, Value<'a>) -> Result<()>,
    ) -> Result<()> {
        match self {
            #[cfg(feature = "json")]
            Self::Text(text) if self.kind() == Kind::List => crate::json::elements(text, path, each),
            Self::Tree(Tree::List(list)) => {
                list.iter().enumerate().try_for_each(|(index, value)| each(index, Value::Tree(value)))
            }
            _ => Err(self.unexpected(path, expected)),
        }
    }

    /// The error that this value is not what is expected here.
    pub(crate) fn unexpected(self, path: &Path<'_>, expected: &str) -> Error {
        let found = match (self.kind(), self) {
            (Kind::List, _) => Cow::Borrowed("a list"),
            (Kind::Object, _) => Cow::Borrowed("an object"),
            #[cfg(feature = "json")]
            (_, Self::Text(text)) => excerpt(text),
            (_, Self::Tree(tree)) => Cow::Owned(excerpt(&tree.to_string()).into_owned()),
        };
        Error::new(ErrorName::TypeError, format!("{path} is {found} where {expected} is expected"))
            .with_remedy(format!("write {expected} there, or leave it out"))
    }
}

/// The error that an object lacks a member.
pub(crate) fn missing(path: &Path<'_>, member: &str, expected: &str) -> Error {
    Error::new(ErrorName::TypeError, format!("{path} has no {member}"))
        .with_remedy(format!("give it a {member}: {expected}"))
}

/// Adds to a list whose length is in a stranger's hand: grows by half, so that the peak while it moves stays low.
pub(crate) fn push<T>(list: &mut Vec<T>, value: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 2).max(1));
    }
    list.push(value);
}
