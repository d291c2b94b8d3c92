//! The plain values that every reader asks for.

use std::borrow::Cow;

use super::{Kind, Path, Value};
use crate::error::Result;

impl Value<'_> {
    /// A string of the caller's own.
    pub(crate) fn text(self, path: &Path<'_>) -> Result<String> {
        self.string(path, "a string").map(Cow::into_owned)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(self, path: &Path<'_>) -> Result<bool> {
        match self.kind() {
            Kind::Boolean(boolean) => Ok(boolean),
            _ => Err(self.unexpected(path, "true or false")),
        }
    }

    /// A finite double, as WebIDL's `double`.
    pub(crate) fn finite(self, path: &Path<'_>) -> Result<f64> {
        match self.kind() {
            Kind::Number(number) if number.is_finite() => Ok(number),
            _ => Err(self.unexpected(path, "a finite number")),
        }
    }

    /// A whole number from `least` to 2^32 - 1, which errors call `expected`.
    pub(crate) fn whole(self, path: &Path<'_>, least: u32, expected: &str) -> Result<u32> {
        match self.kind() {
            // Whole and in range, so that nothing is lost.
            Kind::Number(number)
                if number.fract() == 0.0 && number >= f64::from(least) && number <= f64::from(u32::MAX) =>
            {
                Ok(number as u32)
            }
            _ => Err(self.unexpected(path, expected)),
        }
    }
}
