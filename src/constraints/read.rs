//! Constraints from documents: JSON, or what another reader of the crate `serde` made of its own.

use super::legacy::{LegacyConstraint, LegacyTrackConstraints, LegacyValue};
use super::value::{
    BooleanOrString, ConstrainBoolean, ConstrainBooleanOrDomString, ConstrainDomString, ConstrainDouble,
    ConstrainNumber, ConstrainULong,
};
use super::w3c::{Constraint, ConstraintName, MediaTrackConstraintSet, MediaTrackConstraints};
use super::{MediaStreamConstraints, MediaTrackRequest};
use crate::devices::control::ControlKind;
use crate::document::{Kind, Path, Value, push, readable};
use crate::error::{Error, ErrorName, Result, excerpt};
#[cfg(feature = "json")]
use crate::json::document;

/// What errors call the document.
#[cfg(feature = "json")]
const DOCUMENT: &str = "the constraints";

readable! {
    MediaStreamConstraints, "the constraints", stream;
    MediaTrackRequest, "the request", track;
    MediaTrackConstraints, "the constraints", w3c_track;
    MediaTrackConstraintSet, "the constraint set", set;
    LegacyTrackConstraints, "the constraints", legacy_only;
    ConstrainULong, "the constraint", |value, path| number_constraint(value, path, unsigned_long, NUMBER);
    ConstrainDouble, "the constraint", |value, path| number_constraint(value, path, double, NUMBER);
    ConstrainDomString, "the constraint", strings_constraint;
    ConstrainBoolean, "the constraint", boolean_constraint;
    ConstrainBooleanOrDomString, "the constraint", boolean_or_string_constraint;
    BooleanOrString, "the value", boolean_or_string;
}

/// What errors expect of a constraint on a number.
const NUMBER: &str = "a number or {min, max, exact, ideal}";

#[cfg(feature = "json")]
impl MediaStreamConstraints {
    /// Reads constraints of either dialect from JSON: `{"video": {"width": 1280}, "audio": true}`.
    ///
    /// The current dialect is read as WebIDL reads it: unknown names vanish, a name given twice keeps the last value, whole
    /// numbers are rounded and clamped to 32 bits, an empty list is no constraint. In the 2012 dialect every pair counts, in
    /// order. A member that is `null` is absent. Beyond WebIDL, a value of the wrong type is an error, not a conversion.
    ///
    /// # Errors
    ///
    /// [`ErrorName::TypeError`], saying where and what is expected: not JSON, more than 1 MiB or 64 levels, a value of the
    /// wrong type, a number that is not finite, or a 2012 object with anything besides `mandatory` and `optional` or an
    /// optional entry without exactly one key. Whether anything is requested at all is checked on resolving.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self> {
        stream(document(json.as_ref(), DOCUMENT)?, &Path::root(DOCUMENT))
    }
}

#[cfg(feature = "json")]
impl std::str::FromStr for MediaStreamConstraints {
    type Err = Error;

    /// As [`MediaStreamConstraints::from_json`].
    fn from_str(json: &str) -> Result<Self> {
        Self::from_json(json)
    }
}

fn stream(value: Value<'_>, path: &Path<'_>) -> Result<MediaStreamConstraints> {
    let mut constraints = MediaStreamConstraints::new();
    value.members(path, "an object with video or audio", |name, value| {
        match &*name {
            "video" => constraints.video = track(value, &path.name("video"))?,
            "audio" => constraints.audio = track(value, &path.name("audio"))?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(constraints)
}

fn track(value: Value<'_>, path: &Path<'_>) -> Result<MediaTrackRequest> {
    if let Kind::Boolean(requested) = value.kind() {
        return Ok(requested.into());
    }
    let (mut legacy, mut other) = (false, None);
    value.members(path, "true, false or an object of constraints", |name, _| {
        match &*name {
            "mandatory" | "optional" => legacy = true,
            _ => other = other.take().or_else(|| Some(excerpt(&name).into_owned())),
        }
        Ok(())
    })?;
    match (legacy, other) {
        (true, Some(other)) => {
            let message = format!("{path} has {other} beside mandatory and optional");
            Err(Error::new(ErrorName::TypeError, message)
                .with_remedy(format!("put {other} into mandatory or optional, or leave those two out")))
        }
        (true, None) => legacy_track(value, path).map(MediaTrackRequest::Legacy),
        (false, _) => w3c_track(value, path).map(MediaTrackRequest::from),
    }
}

/// Constraints that are of the 2012 dialect and no other.
fn legacy_only(value: Value<'_>, path: &Path<'_>) -> Result<LegacyTrackConstraints> {
    let expected = "an object with mandatory or optional";
    match value.kind() {
        Kind::Object => match track(value, path)? {
            MediaTrackRequest::Legacy(track) => Ok(track),
            MediaTrackRequest::Any => Ok(LegacyTrackConstraints::new()),
            _ => Err(value.unexpected(path, expected)),
        },
        _ => Err(value.unexpected(path, expected)),
    }
}

fn legacy_track(value: Value<'_>, path: &Path<'_>) -> Result<LegacyTrackConstraints> {
    let mut track = LegacyTrackConstraints::new();
    value.members(path, "an object", |name, value| {
        let path = path.name(&name);
        if name == "mandatory" {
            // Given twice, the last counts, as everywhere in an object.
            track.mandatory.clear();
            return value.members(&path, "an object of constraints", |key, value| {
                let constraint = legacy_pair(&key, value, &path.name(&key))?;
                push(&mut track.mandatory, constraint);
                Ok(())
            });
        }
        track.optional.clear();
        value.elements(&path, "a list of objects with one key each", |index, entry| {
            let path = path.index(index);
            let mut pair = None;
            let mut keys = 0usize;
            entry.all_members(&path, "an object with exactly one key", |key, value| {
                keys += 1;
                if value.kind() != Kind::Null {
                    pair = Some(legacy_pair(&key, value, &path.name(&key))?);
                }
                Ok(())
            })?;
            if keys != 1 {
                let message = format!("{path} has {keys} keys where exactly one is expected");
                return Err(Error::new(ErrorName::TypeError, message)
                    .with_remedy("give each optional constraint an object of its own, in order of importance"));
            }
            if let Some(pair) = pair {
                push(&mut track.optional, pair);
            }
            Ok(())
        })
    })?;
    Ok(track)
}

fn legacy_pair(key: &str, value: Value<'_>, path: &Path<'_>) -> Result<LegacyConstraint> {
    let mut text = String::new();
    if key == "pixelFormat" && value.kind() == Kind::Object {
        // Our own extension is written alike in both dialects.
        let names = strings_constraint(value, path)?;
        text = names.exact.or(names.ideal).unwrap_or_default().join(",");
    } else {
        stringify(value, path, &mut text)?;
    }
    Ok(LegacyConstraint { key: key.to_owned(), value: text })
}

/// Appends a value as ECMAScript's `ToString` writes it, which is how WebKit handed values on.
fn stringify(value: Value<'_>, path: &Path<'_>, text: &mut String) -> Result<()> {
    match value.kind() {
        Kind::Null => text.push_str("null"),
        Kind::Boolean(boolean) => text.push_str(&LegacyValue::from(boolean).0),
        Kind::Number(number) => text.push_str(&LegacyValue::from(number).0),
        Kind::String => text.push_str(&value.string(path, "a string")?),
        Kind::Object => text.push_str("[object Object]"),
        Kind::List => value.elements(path, "a list", |index, element| {
            if index > 0 {
                text.push(',');
            }
            // ECMAScript joins a null element as nothing.
            if element.kind() == Kind::Null { Ok(()) } else { stringify(element, &path.index(index), text) }
        })?,
    }
    Ok(())
}

fn w3c_track(value: Value<'_>, path: &Path<'_>) -> Result<MediaTrackConstraints> {
    let mut track = MediaTrackConstraints::new();
    value.members(path, "an object", |name, value| {
        let path = path.name(&name);
        if name != "advanced" {
            return member(&mut track.basic, &name, value, &path);
        }
        track.advanced.clear();
        value.elements(&path, "a list of constraint sets", |index, value| {
            let path = path.index(index);
            let set = set(value, &path)?;
            // A set that asks for nothing is always met.
            if !set.is_empty() {
                push(&mut track.advanced, set);
            }
            Ok(())
        })
    })?;
    Ok(track)
}

fn set(value: Value<'_>, path: &Path<'_>) -> Result<MediaTrackConstraintSet> {
    let mut set = MediaTrackConstraintSet::new();
    value.members(path, "a constraint set", |name, value| member(&mut set, &name, value, &path.name(&name)))?;
    Ok(set)
}

fn member(set: &mut MediaTrackConstraintSet, name: &str, value: Value<'_>, path: &Path<'_>) -> Result<()> {
    use ConstraintName as Name;
    let Some(name) = Name::from_name(name) else { return Ok(()) };
    let constraint = match (name, value.kind()) {
        (Name::AutoGainControl | Name::NoiseSuppression | Name::BackgroundBlur, _) => {
            Constraint::Boolean(boolean_constraint(value, path)?)
        }
        (Name::Control(control), _) if control.kind() == ControlKind::Switch => {
            Constraint::Boolean(boolean_constraint(value, path)?)
        }
        (Name::EchoCancellation, _) => Constraint::BooleanOrString(boolean_or_string_constraint(value, path)?),
        (_, Kind::Boolean(exists)) => Constraint::Exists(exists),
        (Name::Width | Name::Height | Name::SampleRate | Name::SampleSize | Name::ChannelCount, _) => {
            Constraint::ULong(number_constraint(value, path, unsigned_long, NUMBER)?)
        }
        (Name::AspectRatio | Name::FrameRate | Name::Latency, _) => {
            Constraint::Double(number_constraint(value, path, double, NUMBER)?)
        }
        (Name::Control(control), _) if control.kind() == ControlKind::Number => {
            Constraint::Double(number_constraint(value, path, double, NUMBER)?)
        }
        (Name::Control(_), _) => Constraint::String(strings_constraint(value, path)?),
        (Name::FacingMode | Name::ResizeMode | Name::PixelFormat | Name::DeviceId | Name::GroupId, _) => {
            Constraint::String(strings_constraint(value, path)?)
        }
    };
    set.set(name, constraint);
    Ok(())
}

/// WebIDL's `double`.
fn double(value: Value<'_>, path: &Path<'_>) -> Result<f64> {
    value.finite(path)
}

/// A whole number, as WebIDL's `[Clamp] unsigned long`: clamped, then rounded to the nearest, halves to even.
fn unsigned_long(value: Value<'_>, path: &Path<'_>) -> Result<u32> {
    match value.kind() {
        // In range after the clamp, and whole after the rounding.
        Kind::Number(number) if !number.is_nan() => Ok(number.clamp(0.0, f64::from(u32::MAX)).round_ties_even() as u32),
        _ => Err(value.unexpected(path, "a number")),
    }
}

fn number_constraint<T: Copy>(
    value: Value<'_>,
    path: &Path<'_>,
    number: impl Fn(Value<'_>, &Path<'_>) -> Result<T>,
    expected: &str,
) -> Result<ConstrainNumber<T>> {
    let mut constraint = ConstrainNumber::new();
    if let Kind::Number(_) = value.kind() {
        constraint.bare = Some(number(value, path)?);
        return Ok(constraint);
    }
    value.members(path, expected, |name, value| {
        let path = path.name(&name);
        match &*name {
            "min" => constraint.min = Some(number(value, &path)?),
            "max" => constraint.max = Some(number(value, &path)?),
            "exact" => constraint.exact = Some(number(value, &path)?),
            "ideal" => constraint.ideal = Some(number(value, &path)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(constraint)
}

/// One string or a list of them; an empty list is no constraint.
fn strings(value: Value<'_>, path: &Path<'_>) -> Result<Option<Vec<String>>> {
    let mut list = Vec::new();
    if value.kind() == Kind::List {
        value.elements(path, "a list", |index, element| {
            push(&mut list, element.string(&path.index(index), "a string")?.into_owned());
            Ok(())
        })?;
    } else {
        list.push(value.string(path, "a string or a list of strings")?.into_owned());
    }
    Ok(if list.is_empty() { None } else { Some(list) })
}

fn strings_constraint(value: Value<'_>, path: &Path<'_>) -> Result<ConstrainDomString> {
    let mut constraint = ConstrainDomString::new();
    if let Kind::String | Kind::List = value.kind() {
        constraint.bare = strings(value, path)?;
        return Ok(constraint);
    }
    value.members(path, "a string, a list of strings or {exact, ideal}", |name, value| {
        let path = path.name(&name);
        match &*name {
            "exact" => constraint.exact = strings(value, &path)?,
            "ideal" => constraint.ideal = strings(value, &path)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(constraint)
}

fn boolean_constraint(value: Value<'_>, path: &Path<'_>) -> Result<ConstrainBoolean> {
    if let Kind::Boolean(bare) = value.kind() {
        return Ok(bare.into());
    }
    let mut constraint = ConstrainBoolean::new();
    value.members(path, "true, false or {exact, ideal}", |name, value| {
        let path = path.name(&name);
        match &*name {
            "exact" => constraint.exact = Some(value.boolean(&path)?),
            "ideal" => constraint.ideal = Some(value.boolean(&path)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(constraint)
}

fn boolean_or_string(value: Value<'_>, path: &Path<'_>) -> Result<BooleanOrString> {
    match value.kind() {
        Kind::Boolean(boolean) => Ok(boolean.into()),
        _ => value.string(path, "true, false or a string").map(|text| BooleanOrString::String(text.into_owned())),
    }
}

fn boolean_or_string_constraint(value: Value<'_>, path: &Path<'_>) -> Result<ConstrainBooleanOrDomString> {
    let mut constraint = ConstrainBooleanOrDomString::new();
    if let Kind::Boolean(_) | Kind::String = value.kind() {
        constraint.bare = Some(boolean_or_string(value, path)?);
        return Ok(constraint);
    }
    value.members(path, "true, false, a string or {exact, ideal}", |name, value| {
        let path = path.name(&name);
        match &*name {
            "exact" => constraint.exact = Some(boolean_or_string(value, &path)?),
            "ideal" => constraint.ideal = Some(boolean_or_string(value, &path)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(constraint)
}
