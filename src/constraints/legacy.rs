//! Constraints of the 2012 drafts: `mandatory` pairs and an ordered `optional` list.

use std::fmt;

/// Constraints on one track in the 2012 dialect: `{mandatory: {...}, optional: [{...}, ...]}`.
///
/// Values are strings, as WebKit handed them on; numbers and booleans are written as ECMAScript writes them. The order of
/// both lists matters, and a key may stand in `optional` more than once.
///
/// ```
/// use usermedia::constraints::LegacyTrackConstraints;
///
/// let track = LegacyTrackConstraints::new().mandatory("maxWidth", 1280).optional("minFrameRate", 30);
/// assert_eq!(track.mandatory[0].value, "1280");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LegacyTrackConstraints {
    /// All of these must hold.
    pub mandatory: Vec<LegacyConstraint>,
    /// Each of these, in order, is kept if anything is left then, and ignored otherwise.
    pub optional: Vec<LegacyConstraint>,
}

/// One pair of a 2012 constraint list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LegacyConstraint {
    /// The name, such as `minWidth`.
    pub key: String,
    /// The value as a string.
    pub value: String,
}

impl LegacyConstraint {
    /// A pair.
    pub fn new(key: impl Into<String>, value: impl Into<LegacyValue>) -> Self {
        Self { key: key.into(), value: value.into().0 }
    }
}

impl LegacyTrackConstraints {
    /// No constraints.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pair to the mandatory ones.
    #[must_use]
    pub fn mandatory(mut self, key: impl Into<String>, value: impl Into<LegacyValue>) -> Self {
        self.mandatory.push(LegacyConstraint::new(key, value));
        self
    }

    /// Adds a pair to the optional ones.
    #[must_use]
    pub fn optional(mut self, key: impl Into<String>, value: impl Into<LegacyValue>) -> Self {
        self.optional.push(LegacyConstraint::new(key, value));
        self
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.mandatory.is_empty() && self.optional.is_empty()
    }
}

/// A value as the string that ECMAScript makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyValue(pub(crate) String);

impl From<&str> for LegacyValue {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl From<String> for LegacyValue {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<bool> for LegacyValue {
    fn from(value: bool) -> Self {
        Self(value.to_string())
    }
}

impl From<i32> for LegacyValue {
    fn from(value: i32) -> Self {
        Self(value.to_string())
    }
}

impl From<u32> for LegacyValue {
    fn from(value: u32) -> Self {
        Self(value.to_string())
    }
}

impl From<f64> for LegacyValue {
    fn from(value: f64) -> Self {
        Self(EcmaNumber(value).to_string())
    }
}

/// A number as ECMAScript's `Number::toString` writes it in base 10: the shortest digits that read back the same, plain
/// between 1e-7 and 1e21, with an exponent outside.
struct EcmaNumber(f64);

impl fmt::Display for EcmaNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value.is_nan() {
            return f.write_str("NaN");
        }
        if value.is_infinite() {
            return f.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
        }
        if value == 0.0 {
            // Also negative zero.
            return f.write_str("0");
        }
        let magnitude = value.abs();
        if (1e-6..1e21).contains(&magnitude) {
            return write!(f, "{value}");
        }
        // Rust writes 1e21 and 1.5e-7, ECMAScript 1e+21 and 1.5e-7.
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => write!(f, "{digits}e+{exponent}"),
            _ => f.write_str(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_strings_as_in_ecmascript() {
        for (number, text) in [
            (640.0, "640"),
            (1.5, "1.5"),
            (16.0 / 9.0, "1.7777777777777777"),
            (-0.0, "0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (0.000_001, "0.000001"),
            (0.000_000_15, "1.5e-7"),
            (-12.25, "-12.25"),
        ] {
            assert_eq!(LegacyValue::from(number).0, text);
        }
    }
}
