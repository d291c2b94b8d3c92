//! Types that are one word in a document.

use serde::ser::{Serialize, Serializer};

use super::{Kind, Path, Value, readable};
use crate::capture::{MuteReason, TimestampSource};
use crate::constraints::ConstraintName;
use crate::devices::{ControlName, DeviceChangeKind, FacingMode, MediaDeviceKind, MeteringMode, UnusableReason};
use crate::error::{ErrorCode, ErrorName, Result};
use crate::format::{Delivery, Fourcc, FrameRate, SampleFormat};
use crate::resolve::{Profile, ResizeMode};
use crate::stream::MediaStreamTrackState;

/// Writes these types as the words that they are.
macro_rules! words {
    ($($type:ty, $word:expr;)+) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                let word: fn($type) -> &'static str = $word;
                serializer.serialize_str(word(*self))
            }
        }
    )+};
}

words! {
    ConstraintName, Self::as_str;
    ControlName, Self::as_str;
    Delivery, Self::as_str;
    DeviceChangeKind, Self::as_str;
    ErrorCode, Self::as_str;
    ErrorName, Self::as_str;
    FacingMode, Self::as_str;
    MediaDeviceKind, Self::as_str;
    MediaStreamTrackState, |state| match state {
        Self::Live => "live",
        Self::Ended => "ended",
    };
    MeteringMode, Self::as_str;
    MuteReason, Self::as_str;
    Profile, Self::as_str;
    ResizeMode, Self::as_str;
    SampleFormat, Self::name;
    TimestampSource, |source| match source {
        Self::Driver => "driver",
        Self::Host => "host",
    };
    UnusableReason, Self::as_str;
}

/// A word by what it is looked up with.
pub(crate) fn word<T>(
    value: Value<'_>,
    path: &Path<'_>,
    expected: &str,
    find: impl Fn(&str) -> Option<T>,
) -> Result<T> {
    find(&value.string(path, expected)?).ok_or_else(|| value.unexpected(path, expected))
}

readable! {
    ConstraintName, "the constraint's name",
        |value, path| word(value, path, "a constraint such as width", Self::from_name);
    ControlName, "the control's name", |value, path| word(value, path, "a control such as brightness", Self::from_name);
    Delivery, "the delivery", |value, path| word(value, path, "lent, copied or raw", Self::from_name);
    FacingMode, "the facing mode",
        |value, path| word(value, path, "user, environment, left or right", Self::from_name);
    MediaDeviceKind, "the kind", |value, path| word(value, path, "videoinput or audioinput", |name| {
        [Self::VideoInput, Self::AudioInput].into_iter().find(|kind| kind.as_str() == name)
    });
    MeteringMode, "the mode", |value, path| word(value, path, "manual or continuous", Self::from_name);
    Profile, "the profile", |value, path| word(value, path, "libjingle or w3c", Self::from_name);
    ResizeMode, "the resize mode", |value, path| word(value, path, "none or crop-and-scale", Self::from_name);
    SampleFormat, "the sample format", |value, path| word(value, path, "a format such as S16_LE", Self::from_name);
    Fourcc, "the fourcc", fourcc;
    FrameRate, "the frame rate", frame_rate;
}

/// `"YUYV"`.
impl Serialize for Fourcc {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// `"30000/1001"`: exact, as no number would be.
impl Serialize for FrameRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A fourcc as it is written.
pub(crate) fn fourcc(value: Value<'_>, path: &Path<'_>) -> Result<Fourcc> {
    word(value, path, "a fourcc such as YUYV", |text| text.parse().ok())
}

/// Frames per second: the exact fraction, or a number.
pub(crate) fn frame_rate(value: Value<'_>, path: &Path<'_>) -> Result<FrameRate> {
    let expected = "a positive frame rate such as \"30/1\" or 29.97";
    match value.kind() {
        Kind::Number(number) => FrameRate::from_f64(number).ok_or_else(|| value.unexpected(path, expected)),
        _ => word(value, path, expected, |text| text.parse().ok()),
    }
}
