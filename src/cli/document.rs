//! What became of a capture, as the contract's JSON document.

use nix::sys::signal::Signal;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::report::{AudioReport, Recording, Report, VideoReport, Written};
use crate::capture::MuteReason;
use crate::document::{object, thousandths};
use crate::error::Error;

/// The failure of a command that a signal ended before there was anything to finish.
pub(super) fn interrupted(error: &Error, signal: Signal) -> String {
    crate::json::to_string(&Interrupted { error, ended_by: signal.as_str() })
}

impl Report {
    /// The capture document, on one line.
    pub(super) fn document(&self) -> String {
        crate::json::to_string(self)
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("ok", &self.error.is_none())?;
        if let Some(error) = &self.error {
            map.serialize_entry("error", error)?;
        }
        map.serialize_entry("video", &self.video)?;
        map.serialize_entry("audio", &self.audio)?;
        map.serialize_entry(
            "microphoneAgainstCameraPpm",
            &self.statistics().microphone_against_camera_ppm().map(thousandths),
        )?;
        map.serialize_entry("recording", &self.recording)?;
        map.serialize_entry("files", &self.files)?;
        map.serialize_entry("endedBy", &self.ended_by)?;
        map.serialize_entry("synthetic", &self.is_synthetic())?;
        map.end()
    }
}

struct Interrupted<'a> {
    error: &'a Error,
    ended_by: &'a str,
}

impl Serialize for Interrupted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, { "ok": false, "error": self.error, "endedBy": self.ended_by })
    }
}

impl Serialize for VideoReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, {
            "settings": self.settings,
            "delivered": Frames(self),
            "frameRate": Rates(self),
            "source": self.source,
            "unreadable": self.unreadable,
            "consumers": self.consumers,
            "muted": self.state.muted.map(MuteReason::as_str),
            "events": self.state.events,
        })
    }
}

/// The camera's rate: what its driver agreed to, and what came of it.
struct Rates<'a>(&'a VideoReport);

impl Serialize for Rates<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("negotiated", &report.settings.native_frame_rate.map(|rate| rate.to_string()))?;
        map.serialize_entry("measured", &report.source.measured_frame_rate().map(thousandths))?;
        if let Some(hint) = report.rate_hint() {
            map.serialize_entry("hint", hint)?;
        }
        map.end()
    }
}

/// What frames were delivered.
struct Frames<'a>(&'a VideoReport);

impl Serialize for Frames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let settings = &self.0.settings;
        object!(serializer, {
            "fourcc": settings.fourcc.map(|fourcc| fourcc.to_string()),
            "width": settings.width,
            "height": settings.height,
            "frameRate": self.0.delivered_rate.map(thousandths),
        })
    }
}

impl Serialize for AudioReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, {
            "settings": self.settings,
            "delivered": Samples(self),
            "source": self.source,
            "consumers": self.consumers,
            "muted": self.state.muted.map(MuteReason::as_str),
            "events": self.state.events,
        })
    }
}

/// What sound was delivered.
struct Samples<'a>(&'a AudioReport);

impl Serialize for Samples<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let settings = &self.0.settings;
        object!(serializer, {
            "sampleFormat": settings.sample_format,
            "sampleRate": self.0.source.measured_sample_rate().map(thousandths),
            "channelCount": settings.channel_count,
        })
    }
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, {
            "path": self.path.display().to_string(),
            "frames": self.frames,
            "bytes": self.bytes,
            "deleted": self.deleted,
        })
    }
}

impl Serialize for Recording {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, {
            "bytes": self.bytes,
            "seconds": self.duration.as_secs_f64(),
            "megabytesPerSecond": self.rate().map(|rate| thousandths(rate / 1e6)),
            "gigabytesPerHour": self.rate().map(|rate| thousandths(rate * 3600.0 / 1e9)),
            "unusable": self.unusable,
            "deletedFiles": self.deleted.0,
            "deletedBytes": self.deleted.1,
            "longestSyncSeconds": self.longest_sync.map(|longest| longest.as_secs_f64()),
        })
    }
}
