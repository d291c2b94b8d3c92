//! Writing the devices document and its parts.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::devices::{
    AudioModes, CameraControl, ControlRange, ControlSettings, ControlValue, DeviceChange, FrameRates, MediaDeviceInfo,
    MediaDeviceKind, Span, Unusable, Values, VideoMode,
};
use crate::document::{Number, object};

/// `{"devices": [...]}`.
#[cfg(feature = "json")]
pub(super) struct Document<'a>(pub(super) &'a [MediaDeviceInfo]);

#[cfg(feature = "json")]
impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, { "devices": self.0 })
    }
}

impl Serialize for MediaDeviceInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", &self.kind)?;
        map.serialize_entry("deviceId", &self.device_id)?;
        map.serialize_entry("groupId", &self.group_id)?;
        map.serialize_entry("label", &self.label)?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("driver", &self.driver)?;
        if self.kind == MediaDeviceKind::VideoInput || self.facing_mode.is_some() {
            map.serialize_entry("facingMode", &self.facing_mode)?;
        }
        // What could not be read of a busy device is left out, not written as nothing.
        let modes_known = self.kind == MediaDeviceKind::VideoInput && !self.busy && self.unusable.is_none();
        if modes_known || !self.modes.is_empty() {
            map.serialize_entry("modes", &self.modes)?;
        }
        if !self.controls.is_empty() {
            map.serialize_entry("controls", &Controls(&self.controls))?;
        }
        audio_modes(&mut map, &self.audio)?;
        for (name, flag) in [("busy", self.busy), ("shared", self.shared), ("synthetic", self.synthetic)] {
            if flag {
                map.serialize_entry(name, &true)?;
            }
        }
        if let Some(unusable) = &self.unusable {
            map.serialize_entry("unusable", unusable)?;
        }
        map.end()
    }
}

fn audio_modes<M: SerializeMap>(map: &mut M, modes: &AudioModes) -> Result<(), M::Error> {
    let AudioModes { sample_rate, channel_count, sample_formats, latency } = modes;
    if let Some(values) = sample_rate {
        map.serialize_entry("sampleRate", values)?;
    }
    if let Some(values) = channel_count {
        map.serialize_entry("channelCount", values)?;
    }
    if !sample_formats.is_empty() {
        map.serialize_entry("sampleFormats", sample_formats)?;
    }
    if let Some((min, max)) = latency {
        map.serialize_entry("latency", &MinMax { min, max, step: None })?;
    }
    Ok(())
}

/// As the members of a device that they are.
impl Serialize for AudioModes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        audio_modes(&mut map, self)?;
        map.end()
    }
}

/// `{"kind": "arrived", "device": {...}, "previous": null}`.
impl Serialize for DeviceChange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, { "kind": self.kind, "device": self.device, "previous": self.previous })
    }
}

/// `{"brightness": {"min": 0, "max": 255, "step": 1, "default": 128}, "exposureMode": ["continuous", "manual"]}`.
struct Controls<'a>(&'a [CameraControl]);

impl Serialize for Controls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for CameraControl { name, range, default } in self.0 {
            let default = match default {
                Some(ControlValue::Number(default)) => Some(*default),
                _ => None,
            };
            map.serialize_entry(name, &Settable { range, default })?;
        }
        map.end()
    }
}

/// What a control can be set to, and the driver's default beside a range of numbers.
struct Settable<'a> {
    range: &'a ControlRange,
    default: Option<f64>,
}

impl Serialize for Settable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.range {
            ControlRange::Numbers { min, max, step } => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("min", &Number(*min))?;
                map.serialize_entry("max", &Number(*max))?;
                map.serialize_entry("step", &Number(*step))?;
                if let Some(default) = self.default {
                    map.serialize_entry("default", &Number(default))?;
                }
                map.end()
            }
            ControlRange::List(list) => serializer.collect_seq(list.iter().copied().map(Number)),
            ControlRange::Modes(modes) => serializer.collect_seq(modes),
            ControlRange::Switch => serializer.collect_seq([false, true]),
        }
    }
}

/// `{"min": 0, "max": 255, "step": 1}`, a list of numbers or modes, or `[false, true]`.
impl Serialize for ControlRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Settable { range: self, default: None }.serialize(serializer)
    }
}

/// `{"name": "brightness", "range": {...}, "default": 128}`; in a device, its name and its range alone.
impl Serialize for CameraControl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, { "name": self.name, "range": self.range, "default": self.default })
    }
}

impl Serialize for ControlValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => Number(*number).serialize(serializer),
            Self::Mode(mode) => mode.serialize(serializer),
            Self::Switch(on) => serializer.serialize_bool(*on),
        }
    }
}

/// `{"brightness": 128, "exposureMode": "continuous"}`.
impl Serialize for ControlSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

struct MinMax<T> {
    min: T,
    max: T,
    step: Option<u32>,
}

impl<T: Serialize> Serialize for MinMax<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("min", &self.min)?;
        map.serialize_entry("max", &self.max)?;
        if let Some(step) = self.step {
            map.serialize_entry("step", &step)?;
        }
        map.end()
    }
}

impl Serialize for VideoMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("fourcc", &self.fourcc)?;
        map.serialize_entry("width", &self.width)?;
        map.serialize_entry("height", &self.height)?;
        if self.frame_rates != FrameRates::Unknown {
            map.serialize_entry("frameRates", &self.frame_rates)?;
        }
        map.end()
    }
}

/// `["30/1", "15/2"]`, `{"min": "1/1", "max": "90/1"}`, or `null` where they are not known.
impl Serialize for FrameRates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown => serializer.serialize_none(),
            Self::List(list) => list.serialize(serializer),
            Self::Range { min, max } => MinMax { min, max, step: None }.serialize(serializer),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Fixed(value) => value.serialize(serializer),
            Self::Range { min, max, step } => MinMax { min, max, step: Some(step) }.serialize(serializer),
        }
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::List(list) => list.serialize(serializer),
            Self::Range { min, max } => MinMax { min, max, step: None }.serialize(serializer),
        }
    }
}

impl Serialize for Unusable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("reason", &self.reason)?;
        map.serialize_entry("message", &self.message)?;
        if let Some(remedy) = &self.remedy {
            map.serialize_entry("remedy", remedy)?;
        }
        if let Some(errno) = self.errno {
            map.serialize_entry("errno", &errno)?;
        }
        if let Some(holder) = &self.holder {
            map.serialize_entry("holder", holder)?;
        }
        map.end()
    }
}
