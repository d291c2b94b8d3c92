//! Structured events of what happens to devices and recordings, for the crate `tracing`; nothing at all without the feature.
//!
//! All of them are told from here, so that names, fields and levels are in one place. Fields are called as the members of the
//! statistics are. No event is told on the capture thread: whoever listens may write to a disk.

/// One event, at a level of `tracing`: `event!(INFO, "recording opened", path = %path.display())`.
macro_rules! event {
    ($level:ident, $message:literal $(, $($fields:tt)*)?) => {{
        #[cfg(feature = "tracing")]
        tracing::event!(target: "usermedia", tracing::Level::$level, $($($fields)*,)? $message);
    }};
}

#[cfg(feature = "record")]
use std::path::Path;

#[cfg(feature = "record")]
use crate::Error;
use crate::capture::{RecoveryEvent, RecoveryStep};
#[cfg(feature = "record")]
use crate::sink::RecordedFile;

// Without the feature an event has fields that nobody reads.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables, reason = "the fields of an event"))]
mod events {
    use super::*;

    /// Whether anybody may be listening: no thread is woken to tell nobody.
    pub(crate) fn is_heard() -> bool {
        #[cfg(feature = "tracing")]
        return tracing::level_filters::LevelFilter::current() != tracing::level_filters::LevelFilter::OFF;
        #[cfg(not(feature = "tracing"))]
        false
    }

    /// A device gives frames for the first time.
    pub(crate) fn started(kind: &str, label: &str, path: &str, mode: &str) {
        event!(INFO, "started", kind, label, path, mode);
    }

    /// Its last track let go of a device.
    pub(crate) fn stopped(kind: &str, label: &str) {
        event!(INFO, "stopped", kind, label);
    }

    /// A device ended by itself.
    pub(crate) fn ended(kind: &str, label: &str, error: &crate::Error) {
        event!(ERROR, "ended", kind, label, error = %error);
    }

    /// A rung of the ladder, or what it came to.
    pub(crate) fn recovery(kind: &str, label: &str, event: &RecoveryEvent) {
        let at = event.at;
        match &event.step {
            RecoveryStep::Muted(reason) => event!(WARN, "muted", kind, label, at, reason = reason.as_str()),
            RecoveryStep::ReasonChanged(reason) => {
                event!(WARN, "reason-changed", kind, label, at, reason = reason.as_str());
            }
            RecoveryStep::Restarting => event!(WARN, "restarting", kind, label, at),
            RecoveryStep::Reopening => event!(WARN, "reopening", kind, label, at),
            RecoveryStep::Searching => event!(WARN, "searching", kind, label, at),
            RecoveryStep::Failed(error) => event!(WARN, "failed", kind, label, at, error = %error),
            RecoveryStep::SteppedDown(error) => event!(WARN, "stepped-down", kind, label, at, error = %error),
            RecoveryStep::Resumed { after } => event!(INFO, "resumed", kind, label, at, after = after.as_secs_f64()),
        }
    }

    /// A file of a recording was begun.
    #[cfg(feature = "record")]
    pub(crate) fn recording_opened(path: &Path) {
        event!(INFO, "recording opened", path = %path.display());
    }

    /// A file of a recording is complete, or as complete as it can be.
    #[cfg(feature = "record")]
    pub(crate) fn recording_closed(file: &RecordedFile) {
        let (frames, bytes) = (file.frames, file.bytes);
        let duration = file.duration.map(|duration| duration.as_secs_f64());
        event!(INFO, "recording closed", path = %file.path.display(), frames, bytes, duration);
    }

    /// A recording was ended by an error.
    #[cfg(feature = "record")]
    pub(crate) fn recording_failed(path: &Path, error: &Error) {
        event!(ERROR, "recording failed", path = %path.display(), errno = error.errno(), error = %error);
    }

    /// A segment made room for newer ones.
    #[cfg(feature = "record")]
    pub(crate) fn segment_deleted(path: &Path, bytes: u64) {
        event!(INFO, "segment deleted", path = %path.display(), bytes);
    }
}

pub(crate) use events::*;

#[cfg(feature = "tracing")]
impl crate::StreamStatistics {
    /// Tells what was counted as events of `tracing`, one for each device and each consumer: for a log, once a minute say.
    pub fn trace(&self) {
        for track in &self.video {
            let (label, source) = (&*track.label, &track.source);
            event!(
                INFO,
                "statistics",
                kind = "video",
                label,
                expected = source.expected,
                captured = source.captured,
                lost_in_driver = source.lost_in_driver,
                accepted = source.accepted,
                error = source.error,
                short = source.short,
                bad_jpeg = source.bad_jpeg,
                duplicate = source.duplicate,
                starved = source.starved,
                host_stamped = source.host_stamped,
                copied = source.copied,
                raw = source.raw,
                bytes = source.bytes,
                stalls = source.stalls,
                restarts = source.restarts,
                reopenings = source.reopenings,
                recoveries = source.recoveries,
                muted = source.muted,
                ppm = source.clock_drift.map(|drift| drift.ppm)
            );
            track.consumers.iter().for_each(|consumer| trace_consumer(label, consumer));
        }
        for track in &self.audio {
            let (label, source) = (&*track.label, &track.source);
            event!(
                INFO,
                "statistics",
                kind = "audio",
                label,
                expected = source.expected,
                captured = source.captured,
                lost_in_driver = source.lost_in_driver,
                accepted = source.accepted,
                starved = source.starved,
                xruns = source.xruns,
                blocks = source.blocks,
                host_stamped = source.host_stamped,
                bytes = source.bytes,
                stalls = source.stalls,
                restarts = source.restarts,
                reopenings = source.reopenings,
                recoveries = source.recoveries,
                muted = source.muted,
                ppm = source.clock_drift.map(|drift| drift.ppm)
            );
            track.consumers.iter().for_each(|consumer| trace_consumer(label, consumer));
        }
    }
}

#[cfg(feature = "tracing")]
fn trace_consumer(label: &str, consumer: &crate::ConsumerStatistics) {
    let seconds = |age: Option<std::time::Duration>| age.map(|age| age.as_secs_f64());
    event!(
        INFO,
        "consumer",
        kind = consumer.kind,
        label,
        name = &*consumer.name,
        accepted = consumer.accepted,
        delivered = consumer.delivered,
        behind = consumer.behind,
        holding = consumer.holding,
        queued = consumer.queued,
        copied = consumer.copied,
        slow = consumer.slow,
        age_p50 = seconds(consumer.age_p50),
        age_p99 = seconds(consumer.age_p99),
        age_max = seconds(consumer.age_max)
    );
}
