//! Constraints as documents: what is written reads back as the same request.

use serde::ser::{Error, Serialize, SerializeMap, Serializer};

use super::legacy::{LegacyConstraint, LegacyTrackConstraints};
use super::value::{BooleanOrString, ConstrainNumber, ConstrainValue};
use super::w3c::{Constraint, MediaTrackConstraintSet, MediaTrackConstraints};
use super::{MediaStreamConstraints, MediaTrackRequest};
use crate::document::{Number, object};

impl Serialize for MediaStreamConstraints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, { "video": self.video, "audio": self.audio })
    }
}

impl Serialize for MediaTrackRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::NotRequested => serializer.serialize_bool(false),
            Self::Any => serializer.serialize_bool(true),
            Self::Constraints(track) => track.serialize(serializer),
            Self::Legacy(track) => track.serialize(serializer),
        }
    }
}

/// A pair stands as often as it was given: in the 2012 dialect every one counts.
impl Serialize for LegacyTrackConstraints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        // One of the two has to be there: it is what tells the dialects apart.
        if !self.mandatory.is_empty() || self.optional.is_empty() {
            map.serialize_entry("mandatory", &Pairs(&self.mandatory))?;
        }
        if !self.optional.is_empty() {
            let optional: Vec<_> = self.optional.iter().map(|pair| Pairs(std::slice::from_ref(pair))).collect();
            map.serialize_entry("optional", &optional)?;
        }
        map.end()
    }
}

/// `{"minWidth": "640", "maxWidth": "1280"}`.
struct Pairs<'a>(&'a [LegacyConstraint]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|pair| (&pair.key, &pair.value)))
    }
}

impl Serialize for MediaTrackConstraints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        members(&mut map, &self.basic, false)?;
        if !self.advanced.is_empty() {
            let advanced: Vec<_> = self.advanced.iter().map(Advanced).collect();
            map.serialize_entry("advanced", &advanced)?;
        }
        map.end()
    }
}

/// As a basic set.
impl Serialize for MediaTrackConstraintSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        members(&mut map, self, false)?;
        map.end()
    }
}

/// One of the sets of `advanced`, where a bare value means `exact`.
struct Advanced<'a>(&'a MediaTrackConstraintSet);

impl Serialize for Advanced<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        members(&mut map, self.0, true)?;
        map.end()
    }
}

fn members<M: SerializeMap>(map: &mut M, set: &MediaTrackConstraintSet, advanced: bool) -> Result<(), M::Error> {
    for (name, constraint) in set.iter() {
        let name = name.as_str();
        match constraint {
            Constraint::ULong(value) => map.serialize_entry(name, &Numbers { value: *value, advanced })?,
            Constraint::Double(value) => map.serialize_entry(name, &Numbers { value: finite(*value)?, advanced })?,
            Constraint::String(value) => map.serialize_entry(name, &Values { value: &value.listed(), advanced })?,
            Constraint::Boolean(value) => map.serialize_entry(name, &Values { value, advanced })?,
            Constraint::BooleanOrString(value) => map.serialize_entry(name, &Values { value, advanced })?,
            Constraint::Exists(exists) => map.serialize_entry(name, exists)?,
        }
    }
    Ok(())
}

/// No document has a number that is not finite, and WebIDL's `double` neither.
fn finite<E: Error>(value: ConstrainNumber<f64>) -> Result<ConstrainNumber<f64>, E> {
    match Constraint::Double(value).not_finite() {
        None => Ok(value),
        Some(member) => Err(E::custom(format_args!("the constraint's number{member} is not finite"))),
    }
}

/// A constraint on a number, in a basic or in an advanced set.
struct Numbers<T> {
    value: ConstrainNumber<T>,
    advanced: bool,
}

impl<T: Copy + Written> Serialize for Numbers<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ConstrainNumber { bare, min, max, exact, ideal } = self.value;
        let alone = min.or(max).or(exact).or(ideal).is_none();
        if let Some(bare) = bare.filter(|_| alone) {
            return bare.written().serialize(serializer);
        }
        let (exact, ideal) = spelt_out(bare, exact, ideal, self.advanced);
        let mut map = serializer.serialize_map(None)?;
        for (name, number) in [("min", min), ("max", max), ("exact", exact), ("ideal", ideal)] {
            if let Some(number) = number {
                map.serialize_entry(name, &number.written())?;
            }
        }
        map.end()
    }
}

/// A bare value that stands beside others has no place of its own in a document: it is written as what it means.
fn spelt_out<T>(bare: Option<T>, exact: Option<T>, ideal: Option<T>, advanced: bool) -> (Option<T>, Option<T>) {
    if advanced { (exact.or(bare), ideal) } else { (exact, ideal.or(bare)) }
}

/// Numbers of either kind, whole ones without decimals.
trait Written {
    fn written(self) -> impl Serialize;
}

impl Written for u32 {
    fn written(self) -> impl Serialize {
        self
    }
}

impl Written for f64 {
    fn written(self) -> impl Serialize {
        Number(self)
    }
}

/// As in a basic set.
impl Serialize for ConstrainNumber<u32> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Numbers { value: *self, advanced: false }.serialize(serializer)
    }
}

/// As in a basic set.
impl Serialize for ConstrainNumber<f64> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Numbers { value: finite(*self)?, advanced: false }.serialize(serializer)
    }
}

/// A constraint on what is no number, in a basic or in an advanced set.
struct Values<'a, T> {
    value: &'a ConstrainValue<T>,
    advanced: bool,
}

impl<T: Serialize> Serialize for Values<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ConstrainValue { bare, exact, ideal } = self.value;
        if let (Some(bare), None, None) = (bare, exact, ideal) {
            return bare.serialize(serializer);
        }
        let (exact, ideal) = spelt_out(bare.as_ref(), exact.as_ref(), ideal.as_ref(), self.advanced);
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in [("exact", exact), ("ideal", ideal)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// As in a basic set.
impl Serialize for ConstrainValue<Vec<String>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Values { value: &self.listed(), advanced: false }.serialize(serializer)
    }
}

/// As in a basic set.
impl Serialize for ConstrainValue<bool> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Values { value: self, advanced: false }.serialize(serializer)
    }
}

/// As in a basic set.
impl Serialize for ConstrainValue<BooleanOrString> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Values { value: self, advanced: false }.serialize(serializer)
    }
}

impl Serialize for BooleanOrString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Boolean(boolean) => serializer.serialize_bool(*boolean),
            Self::String(text) => serializer.serialize_str(text),
        }
    }
}

/// One string, or several of which any will do.
struct Strings<'a>(&'a [String]);

impl Serialize for Strings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [only] => serializer.serialize_str(only),
            list => serializer.collect_seq(list),
        }
    }
}

impl ConstrainValue<Vec<String>> {
    fn listed(&self) -> ConstrainValue<Strings<'_>> {
        ConstrainValue {
            bare: self.bare.as_deref().map(Strings),
            exact: self.exact.as_deref().map(Strings),
            ideal: self.ideal.as_deref().map(Strings),
        }
    }
}
