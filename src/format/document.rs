//! Places, stamps and colour spaces as documents.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{FrameStamp, Rect, VideoColorSpace, VideoMatrixCoefficients};
use crate::document::{Path, Value, missing, object, readable};
use crate::error::Result;

readable! {
    Rect, "the rectangle", rect;
}

/// `{"x": 0, "y": 0, "width": 640, "height": 480}`, as WebCodecs' `DOMRectInit`.
impl Serialize for Rect {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        object!(serializer, { "x": self.x, "y": self.y, "width": self.width, "height": self.height })
    }
}

fn rect(value: Value<'_>, path: &Path<'_>) -> Result<Rect> {
    let (mut x, mut y, mut width, mut height) = (0, 0, None, None);
    value.members(path, "an object {x, y, width, height}", |name, value| {
        let path = path.name(&name);
        let pixels = || value.whole(&path, 0, "a whole number of pixels");
        match &*name {
            "x" => x = pixels()?,
            "y" => y = pixels()?,
            "width" => width = Some(pixels()?),
            "height" => height = Some(pixels()?),
            _ => {}
        }
        Ok(())
    })?;
    let width = width.ok_or_else(|| missing(path, "width", "pixels"))?;
    let height = height.ok_or_else(|| missing(path, "height", "pixels"))?;
    Ok(Rect { x, y, width, height })
}

impl Serialize for FrameStamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        object!(serializer, { "number": self.number, "monotonic": self.monotonic })
    }
}

/// As WebCodecs' `VideoColorSpaceInit` has them.
impl Serialize for VideoColorSpace {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        object!(serializer, { "matrix": self.matrix, "fullRange": self.full_range })
    }
}

/// By WebCodecs' names; it has none for SMPTE 240M, which is `smpte240m` here.
impl Serialize for VideoMatrixCoefficients {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Bt601 => "smpte170m",
            Self::Bt709 => "bt709",
            Self::Bt2020 => "bt2020-ncl",
            Self::Smpte240m => "smpte240m",
        })
    }
}
