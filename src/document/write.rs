//! What every writer of documents needs.

/// Writes a map of the members given, in their order.
macro_rules! object {
    ($serializer:expr, { $($name:literal: $value:expr),* $(,)? }) => {{
        let mut map = $serializer.serialize_map(None)?;
        $(map.serialize_entry($name, &$value)?;)*
        map.end()
    }};
}

pub(crate) use object;

/// A rate as exact as it was measured.
pub(crate) fn thousandths(rate: f64) -> f64 {
    (rate * 1000.0).round() / 1000.0
}

/// A number as ECMAScript writes it: without decimals where it is whole.
pub(crate) struct Number(pub(crate) f64);

impl serde::Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        // Whole and far below 2^53: nothing is lost.
        if self.0.fract() == 0.0 && self.0.abs() < 9e15 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}
