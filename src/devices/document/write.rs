//! Writing the devices document.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::devices::{
    AudioModes, CameraControl, ControlRange, ControlValue, FacingMode, FrameRates, MediaDeviceInfo, MediaDeviceKind,
    Span, Unusable, Values, VideoMode,
};
use crate::format::FrameRate;
use crate::json::Number;

/// `{"devices": [...]}`.
pub(super) struct Document<'a>(pub(super) &'a [MediaDeviceInfo]);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("devices", self.0)?;
        map.end()
    }
}

impl Serialize for MediaDeviceInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind.as_str())?;
        map.serialize_entry("deviceId", &self.device_id)?;
        map.serialize_entry("groupId", &self.group_id)?;
        map.serialize_entry("label", &self.label)?;
        map.serialize_entry("path", &self.path)?;
        map.serialize_entry("driver", &self.driver)?;
        if self.kind == MediaDeviceKind::VideoInput || self.facing_mode.is_some() {
            map.serialize_entry("facingMode", &self.facing_mode.map(FacingMode::as_str))?;
        }
        // What could not be read of a busy device is left out, not written as nothing.
        let modes_known = self.kind == MediaDeviceKind::VideoInput && !self.busy && self.unusable.is_none();
        if modes_known || !self.modes.is_empty() {
            map.serialize_entry("modes", &self.modes)?;
        }
        if !self.controls.is_empty() {
            map.serialize_entry("controls", &Controls(&self.controls))?;
        }
        let AudioModes { sample_rate, channel_count, sample_formats, latency } = &self.audio;
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

/// `{"brightness": {"min": 0, "max": 255, "step": 1, "default": 128}, "exposureMode": ["continuous", "manual"]}`.
struct Controls<'a>(&'a [CameraControl]);

impl Serialize for Controls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for control in self.0 {
            let name = control.name.as_str();
            match &control.range {
                ControlRange::Numbers { .. } => map.serialize_entry(name, &Settable(control))?,
                ControlRange::List(list) => {
                    map.serialize_entry(name, &list.iter().copied().map(Number).collect::<Vec<_>>())?;
                }
                ControlRange::Modes(modes) => {
                    map.serialize_entry(name, &modes.iter().map(|mode| mode.as_str()).collect::<Vec<_>>())?;
                }
                ControlRange::Switch => map.serialize_entry(name, &[false, true])?,
            }
        }
        map.end()
    }
}

/// `MediaSettingsRange`, and the driver's default.
struct Settable<'a>(&'a CameraControl);

impl Serialize for Settable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let ControlRange::Numbers { min, max, step } = &self.0.range {
            map.serialize_entry("min", &Number(*min))?;
            map.serialize_entry("max", &Number(*max))?;
            map.serialize_entry("step", &Number(*step))?;
        }
        if let Some(ControlValue::Number(default)) = &self.0.default {
            map.serialize_entry("default", &Number(*default))?;
        }
        map.end()
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
        map.serialize_entry("fourcc", &self.fourcc.to_string())?;
        map.serialize_entry("width", &self.width)?;
        map.serialize_entry("height", &self.height)?;
        match &self.frame_rates {
            FrameRates::Unknown => {}
            FrameRates::List(list) => {
                let list: Vec<_> = list.iter().map(FrameRate::to_string).collect();
                map.serialize_entry("frameRates", &list)?;
            }
            FrameRates::Range { min, max } => {
                let range = MinMax { min: min.to_string(), max: max.to_string(), step: None };
                map.serialize_entry("frameRates", &range)?;
            }
        }
        map.end()
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
        map.serialize_entry("reason", self.reason.as_str())?;
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
