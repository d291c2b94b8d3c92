//! The resolution document: `{"ok": true, ...}` or `{"ok": false, "error": ...}`.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Resolution;
use super::settings::{AudioSettings, VideoSettings};
use crate::devices::ControlValue;
use crate::error::{Error, Holder};
use crate::json::Number;

impl Resolution {
    /// The resolution document, on one line.
    pub fn to_json(&self) -> String {
        crate::json::to_string(self)
    }
}

impl Error {
    /// The document of a failure, `{"ok": false, "error": {...}}`, on one line.
    pub fn to_json(&self) -> String {
        crate::json::to_string(&Failure(self))
    }
}

/// `{"ok": false, "error": {...}}`.
struct Failure<'a>(&'a Error);

impl Serialize for Failure<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ok", &false)?;
        map.serialize_entry("error", self.0)?;
        map.end()
    }
}

impl Serialize for Resolution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ok", &true)?;
        map.serialize_entry("profile", self.profile.as_str())?;
        if let Some(video) = &self.video {
            map.serialize_entry("video", video)?;
        }
        if let Some(audio) = &self.audio {
            map.serialize_entry("audio", audio)?;
        }
        map.serialize_entry("why", &self.why)?;
        map.end()
    }
}

impl Serialize for VideoSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("deviceId", &self.device_id)?;
        map.serialize_entry("label", &self.label)?;
        map.serialize_entry("fourcc", &self.fourcc.map(|fourcc| fourcc.to_string()))?;
        map.serialize_entry("width", &self.width)?;
        map.serialize_entry("height", &self.height)?;
        map.serialize_entry("frameRate", &self.frame_rate.map(|rate| rate.to_string()))?;
        if self.native_fourcc != self.fourcc {
            map.serialize_entry("nativeFourcc", &self.native_fourcc.map(|fourcc| fourcc.to_string()))?;
        }
        if self.is_resized() {
            map.serialize_entry("nativeWidth", &self.native_width)?;
            map.serialize_entry("nativeHeight", &self.native_height)?;
        }
        if self.is_decimated() {
            map.serialize_entry("nativeFrameRate", &self.native_frame_rate.map(|rate| rate.to_string()))?;
        }
        map.serialize_entry("aspectRatio", &self.aspect_ratio())?;
        map.serialize_entry("resizeMode", self.resize_mode.as_str())?;
        if let Some(delivery) = self.delivery {
            map.serialize_entry("delivery", delivery.as_str())?;
        }
        for (name, value) in self.controls.iter() {
            match value {
                ControlValue::Number(number) => map.serialize_entry(name.as_str(), &Number(number))?,
                ControlValue::Mode(mode) => map.serialize_entry(name.as_str(), mode.as_str())?,
                ControlValue::Switch(on) => map.serialize_entry(name.as_str(), &on)?,
            }
        }
        map.serialize_entry("fitness", &self.fitness)?;
        map.end()
    }
}

impl Serialize for AudioSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("deviceId", &self.device_id)?;
        map.serialize_entry("label", &self.label)?;
        map.serialize_entry("sampleRate", &self.sample_rate)?;
        map.serialize_entry("channelCount", &self.channel_count)?;
        map.serialize_entry("sampleSize", &self.sample_size)?;
        map.serialize_entry("sampleFormat", &self.sample_format)?;
        map.serialize_entry("latency", &self.latency)?;
        map.serialize_entry("fitness", &self.fitness)?;
        map.end()
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", self.name().as_str())?;
        map.serialize_entry("code", self.code().as_str())?;
        if let Some(constraint) = self.constraint() {
            map.serialize_entry("constraint", constraint)?;
        }
        map.serialize_entry("message", self.message())?;
        if let Some(remedy) = self.remedy() {
            map.serialize_entry("remedy", remedy)?;
        }
        if let Some(device) = self.device() {
            map.serialize_entry("device", device)?;
        }
        if let Some(path) = self.path() {
            map.serialize_entry("path", path)?;
        }
        if let Some(errno) = self.errno() {
            map.serialize_entry("errno", &errno)?;
        }
        if let Some(holder) = self.holder() {
            map.serialize_entry("holder", holder)?;
        }
        map.end()
    }
}

impl Serialize for Holder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("process", &self.process)?;
        map.serialize_entry("pid", &self.pid)?;
        map.end()
    }
}
