//! What is counted, and what happened, as JSON: docs/statistics.md has the names.

use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::consumer::ConsumerStatistics;
use crate::capture::{AudioStatistics, ClockDrift, RecoveryEvent, RecoveryStep, SourceStatistics, TimestampSource};
use crate::json::{object, thousandths};

/// What happened to a device; times are those of its frames.
impl Serialize for RecoveryEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", self.step.as_str())?;
        map.serialize_entry("timestamp", &self.at)?;
        match &self.step {
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

/// In frames of sound, a sample of each channel.
impl Serialize for AudioStatistics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = self;
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

impl Serialize for SourceStatistics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let source = self;
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
