//! What became of a capture, as the contract's JSON document.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::report::{AudioReport, Recording, Report, VideoReport, Written};
use crate::capture::{
    AudioStatistics, ClockDrift, MuteReason, RecoveryEvent, RecoveryStep, SourceStatistics, TimestampSource,
};
use crate::error::Error;
use crate::stream::ConsumerStatistics;

/// Writes a map of the members given, in their order.
macro_rules! object {
    ($serializer:expr, { $($name:literal: $value:expr),* $(,)? }) => {{
        let mut map = $serializer.serialize_map(None)?;
        $(map.serialize_entry($name, &$value)?;)*
        map.end()
    }};
}

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
            "source": Source(&self.source),
            "unreadable": self.unreadable,
            "consumers": self.consumers.iter().map(Consumer).collect::<Vec<_>>(),
            "muted": self.state.muted.map(MuteReason::as_str),
            "events": self.state.events.iter().map(Happened).collect::<Vec<_>>(),
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
            "source": AudioSource(&self.source),
            "consumers": self.consumers.iter().map(Consumer).collect::<Vec<_>>(),
            "muted": self.state.muted.map(MuteReason::as_str),
            "events": self.state.events.iter().map(Happened).collect::<Vec<_>>(),
        })
    }
}

/// What happened to a device; times are those of its frames.
struct Happened<'a>(&'a RecoveryEvent);

impl Serialize for Happened<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", self.0.step.as_str())?;
        map.serialize_entry("timestamp", &self.0.at)?;
        match &self.0.step {
            RecoveryStep::Muted(reason) | RecoveryStep::ReasonChanged(reason) => {
                map.serialize_entry("reason", reason.as_str())?
            }
            RecoveryStep::Failed(error) | RecoveryStep::SteppedDown(error) => map.serialize_entry("error", error)?,
            RecoveryStep::Resumed { after } => map.serialize_entry("afterSeconds", &after.as_secs_f64())?,
            RecoveryStep::Restarting | RecoveryStep::Reopening | RecoveryStep::Searching => {}
        }
        map.end()
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

/// In frames of sound, a sample of each channel.
struct AudioSource<'a>(&'a AudioStatistics);

impl Serialize for AudioSource<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = self.0;
        object!(serializer, {
            "expected": source.expected,
            "captured": source.captured,
            "lostInDriver": source.lost_in_driver,
            "accepted": source.accepted,
            "starved": source.starved,
            "xruns": source.xruns,
            "blocks": source.blocks,
            "hostStamped": source.host_stamped,
            "bytes": source.bytes,
            "stalls": source.stalls,
            "restarts": source.restarts,
            "reopenings": source.reopenings,
            "recoveries": source.recoveries,
            "mutedSeconds": Duration::from_nanos(source.muted).as_secs_f64(),
            "clockSource": source.timestamp_source.map(clock_source),
            "clockDrift": source.clock_drift.as_ref().map(Drift),
        })
    }
}

struct Source<'a>(&'a SourceStatistics);

impl Serialize for Source<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = self.0;
        object!(serializer, {
            "expected": source.expected,
            "captured": source.captured,
            "lostInDriver": source.lost_in_driver,
            "accepted": source.accepted,
            "error": source.error,
            "short": source.short,
            "badJpeg": source.bad_jpeg,
            "duplicate": source.duplicate,
            "starved": source.starved,
            "hostStamped": source.host_stamped,
            "copied": source.copied,
            "raw": source.raw,
            "bytes": source.bytes,
            "frameRate": source.measured_frame_rate().map(thousandths),
            "stalls": source.stalls,
            "restarts": source.restarts,
            "reopenings": source.reopenings,
            "recoveries": source.recoveries,
            "mutedSeconds": Duration::from_nanos(source.muted).as_secs_f64(),
            "clockSource": source.timestamp_source.map(clock_source),
            "clockDrift": source.clock_drift.as_ref().map(Drift),
        })
    }
}

/// Who gives the times.
fn clock_source(source: TimestampSource) -> &'static str {
    match source {
        TimestampSource::Driver => "driver",
        TimestampSource::Host => "host",
    }
}

/// How far a device's clock is off.
struct Drift<'a>(&'a ClockDrift);

impl Serialize for Drift<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let drift = self.0;
        object!(serializer, {
            "ppm": thousandths(drift.ppm),
            "recentPpm": thousandths(drift.recent_ppm),
            "seconds": drift.span.as_secs_f64(),
        })
    }
}

struct Consumer<'a>(&'a ConsumerStatistics);

impl Serialize for Consumer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let consumer = self.0;
        object!(serializer, {
            "name": consumer.name,
            "accepted": consumer.accepted,
            "delivered": consumer.delivered,
            "behind": consumer.behind,
            "holding": consumer.holding,
            "queued": consumer.queued,
            "copied": consumer.copied,
            "slow": consumer.slow,
            "ageSeconds": Ages(consumer),
        })
    }
}

/// How old frames were when they were delivered, in seconds.
struct Ages<'a>(&'a ConsumerStatistics);

impl Serialize for Ages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = |age: Option<Duration>| age.map(|age| age.as_secs_f64());
        let ages = self.0;
        object!(serializer, {
            "p50": seconds(ages.age_p50),
            "p99": seconds(ages.age_p99),
            "max": seconds(ages.age_max),
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

/// A rate as exact as it was measured.
fn thousandths(rate: f64) -> f64 {
    (rate * 1000.0).round() / 1000.0
}
