//! The resolution document: `{"ok": true, ...}` or `{"ok": false, "error": ...}`.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Resolution;
use super::settings::{AudioSettings, VideoSettings};
use crate::document::object;
use crate::error::{Error, Holder};

#[cfg(feature = "json")]
impl Resolution {
    /// The resolution document, on one line.
    pub fn to_json(&self) -> String {
        crate::json::to_string(self)
    }
}

#[cfg(feature = "json")]
impl Error {
    /// The document of a failure, `{"ok": false, "error": {...}}`, on one line.
    pub fn to_json(&self) -> String {
        crate::json::to_string(&Failure(self))
    }
}

/// `{"ok": false, "error": {...}}`.
#[cfg(feature = "json")]
struct Failure<'a>(&'a Error);

#[cfg(feature = "json")]
impl Serialize for Failure<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, { "ok": false, "error": self.0 })
    }
}

impl Serialize for Resolution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ok", &true)?;
        map.serialize_entry("profile", &self.profile)?;
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
        map.serialize_entry("fourcc", &self.fourcc)?;
        map.serialize_entry("width", &self.width)?;
        map.serialize_entry("height", &self.height)?;
        map.serialize_entry("frameRate", &self.frame_rate)?;
        if self.native_fourcc != self.fourcc {
            map.serialize_entry("nativeFourcc", &self.native_fourcc)?;
        }
        if self.is_resized() {
            map.serialize_entry("nativeWidth", &self.native_width)?;
            map.serialize_entry("nativeHeight", &self.native_height)?;
        }
        if self.is_decimated() {
            map.serialize_entry("nativeFrameRate", &self.native_frame_rate)?;
        }
        map.serialize_entry("aspectRatio", &self.aspect_ratio())?;
        map.serialize_entry("resizeMode", &self.resize_mode)?;
        if let Some(delivery) = self.delivery {
            map.serialize_entry("delivery", &delivery)?;
        }
        for (name, value) in self.controls.iter() {
            map.serialize_entry(&name, &value)?;
        }
        map.serialize_entry("fitness", &self.fitness)?;
        map.end()
    }
}

impl Serialize for AudioSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, {
            "deviceId": self.device_id,
            "label": self.label,
            "sampleRate": self.sample_rate,
            "channelCount": self.channel_count,
            "sampleSize": self.sample_size,
            "sampleFormat": self.sample_format,
            "latency": self.latency,
            "fitness": self.fitness,
        })
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name())?;
        map.serialize_entry("code", &self.code())?;
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
