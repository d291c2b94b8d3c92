//! What is counted, and what happened, as JSON: docs/statistics.md has the names.

use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::consumer::ConsumerStatistics;
use super::sink::TrackSettings;
use super::statistics::{StreamStatistics, TrackStatistics};
use crate::capture::{AudioStatistics, ClockDrift, RecoveryEvent, RecoveryStep, SourceStatistics};
use crate::document::{object, thousandths};

/// What happened to a device; times are those of its frames.
impl Serialize for RecoveryEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", self.step.as_str())?;
        map.serialize_entry("timestamp", &self.at)?;
        match &self.step {
            RecoveryStep::Muted(reason) | RecoveryStep::ReasonChanged(reason) => {
                map.serialize_entry("reason", reason)?
            }
            RecoveryStep::Failed(error) | RecoveryStep::SteppedDown(error) => map.serialize_entry("error", error)?,
            RecoveryStep::Resumed { after } => map.serialize_entry("afterSeconds", &after.as_secs_f64())?,
            RecoveryStep::Restarting | RecoveryStep::Reopening | RecoveryStep::Searching => {}
        }
        map.end()
    }
}

/// Writes what is counted at a source: what its kind has, then what every device that is kept alive has.
macro_rules! source {
    ($serializer:expr, $source:expr, { $($name:literal: $value:expr,)* }) => {
        object!($serializer, {
            $($name: $value,)*
            "stalls": $source.stalls,
            "restarts": $source.restarts,
            "reopenings": $source.reopenings,
            "recoveries": $source.recoveries,
            "mutedSeconds": Duration::from_nanos($source.muted).as_secs_f64(),
            "clockSource": $source.timestamp_source,
            "clockDrift": $source.clock_drift,
        })
    };
}

/// In frames of sound, a sample of each channel.
impl Serialize for AudioStatistics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = self;
        source!(serializer, source, {
            "expected": source.expected,
            "captured": source.captured,
            "lostInDriver": source.lost_in_driver,
            "accepted": source.accepted,
            "starved": source.starved,
            "xruns": source.xruns,
            "blocks": source.blocks,
            "hostStamped": source.host_stamped,
            "bytes": source.bytes,
        })
    }
}

impl Serialize for SourceStatistics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = self;
        source!(serializer, source, {
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
        })
    }
}

impl Serialize for ClockDrift {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, {
            "ppm": thousandths(self.ppm),
            "recentPpm": thousandths(self.recent_ppm),
            "seconds": self.span.as_secs_f64(),
        })
    }
}

impl Serialize for StreamStatistics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, {
            "video": self.video,
            "audio": self.audio,
            "microphoneAgainstCameraPpm": self.microphone_against_camera_ppm().map(thousandths),
        })
    }
}

impl<T: Serialize> Serialize for TrackStatistics<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object!(serializer, {
            "deviceId": self.device_id,
            "label": self.label,
            "live": self.live,
            "muted": self.muted,
            "source": self.source,
            "unreadable": self.unreadable,
            "consumers": self.consumers,
        })
    }
}

/// As the settings that they are.
impl Serialize for TrackSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Video(settings) => settings.serialize(serializer),
            Self::Audio(settings) => settings.serialize(serializer),
        }
    }
}

impl Serialize for ConsumerStatistics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let consumer = self;
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
