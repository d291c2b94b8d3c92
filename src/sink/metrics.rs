//! Statistics as Prometheus reads them: the text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>). Names and units follow
//! <https://prometheus.io/docs/practices/naming/>: base units, `_total` for what only grows. No server: who has one serves the
//! text, and node_exporter's textfile collector reads it from a file.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::time::Duration;

#[cfg(feature = "record")]
use super::progress::RecordingProgress;
use crate::capture::{AudioStatistics, ClockDrift, MuteReason, SourceStatistics, TimestampSource};
use crate::stream::{ConsumerStatistics, StreamStatistics, TrackStatistics};

/// Statistics of streams and recordings in the text format of Prometheus.
///
/// ```
/// use usermedia::{MediaDevices, MediaStreamConstraints, Metrics};
///
/// let stream = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(true))?;
/// let text = Metrics::new().with_stream(&stream.statistics()).to_string();
/// assert!(text.contains("# TYPE usermedia_frames_captured_total counter"));
/// # Ok::<(), usermedia::Error>(())
/// ```
///
/// What each metric means is in the repository, in `docs/statistics.md`.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// In the order in which they came first.
    families: Vec<Family>,
}

#[derive(Debug, Clone)]
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: Vec<Sample>,
}

#[derive(Debug, Clone)]
struct Sample {
    /// What is added to the family's name, as `_sum`.
    suffix: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

/// What only grows.
const COUNTER: &str = "counter";
/// What is so now.
const GAUGE: &str = "gauge";
/// A distribution by its quantiles.
const SUMMARY: &str = "summary";

type Labels<'a> = [(&'static str, &'a str)];

impl Metrics {
    /// None yet but the version of this library.
    pub fn new() -> Self {
        let mut metrics = Self::default();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        metrics.add("usermedia_build_info", GAUGE, "The library that counted.", &version, 1.0);
        metrics
    }

    /// Adds a stream's.
    #[must_use]
    pub fn with_stream(mut self, statistics: &StreamStatistics) -> Self {
        for track in &statistics.video {
            self.camera(track);
        }
        for track in &statistics.audio {
            self.microphone(track);
        }
        if let Some(ppm) = statistics.microphone_against_camera_ppm() {
            let help = "How much faster the microphone's clock runs than the camera's, 0.0001 being 100 ppm.";
            self.add("usermedia_microphone_camera_drift_ratio", GAUGE, help, &[], ppm * 1e-6);
        }
        self
    }

    /// Adds a recording's.
    #[cfg(feature = "record")]
    #[must_use]
    pub fn with_recording(mut self, recording: &RecordingProgress) -> Self {
        let path = recording.path().to_string_lossy();
        let label = [("recording", &*path)];
        let (segments, bytes) = recording.deleted();
        let finished = recording.duration().map_or(Duration::ZERO, Duration::from_nanos);
        for (name, help, value) in [
            ("usermedia_recording_frames_total", "Pictures written.", recording.frames() as f64),
            ("usermedia_recording_bytes_total", "Bytes written, deleted files included.", recording.bytes() as f64),
            ("usermedia_recording_seconds_total", "What the finished files play.", finished.as_secs_f64()),
            (
                "usermedia_recording_unusable_frames_total",
                "Pictures left out because nothing could have been made of them.",
                recording.unusable() as f64,
            ),
            (
                "usermedia_recording_deleted_segments_total",
                "Segments deleted to make room for newer ones.",
                segments as f64,
            ),
            ("usermedia_recording_deleted_bytes_total", "Bytes of the deleted segments.", bytes as f64),
        ] {
            self.add(name, COUNTER, help, &label, value);
        }
        if let Some(longest) = recording.longest_sync() {
            let help = "The longest that the disk took to take what had been written.";
            self.add("usermedia_recording_sync_max_seconds", GAUGE, help, &label, longest.as_secs_f64());
        }
        self
    }

    fn camera(&mut self, track: &TrackStatistics<SourceStatistics>) {
        let source = &track.source;
        let device = [("device", &*track.device_id), ("label", &*track.label)];
        for (name, help, value) in [
            ("usermedia_frames_expected_total", "Frames the camera should have given.", source.expected),
            ("usermedia_frames_captured_total", "Frames the driver gave.", source.captured),
            ("usermedia_frames_accepted_total", "Good frames, offered to every consumer.", source.accepted),
        ] {
            self.add(name, COUNTER, help, &device, value as f64);
        }
        for (reason, value) in [
            ("driver", source.lost_in_driver),
            ("error", source.error),
            ("short", source.short),
            ("bad_jpeg", source.bad_jpeg),
            ("duplicate", source.duplicate),
            ("starved", source.starved),
        ] {
            let help = "Frames that no consumer was offered, by reason: expected is accepted and these.";
            self.reason("usermedia_frames_lost_total", help, &device, reason, value);
        }
        for (name, help, value) in [
            ("usermedia_frames_copied_total", "Accepted frames that were copied on their way.", source.copied),
            ("usermedia_frames_raw_total", "Accepted frames that another process may write over.", source.raw),
            (
                "usermedia_frames_host_stamped_total",
                "Frames with the time of their arrival, because the driver's could not be true.",
                source.host_stamped,
            ),
            (
                "usermedia_frames_unreadable_total",
                "Frames that could not be scaled or decoded to what was asked for.",
                track.unreadable,
            ),
            ("usermedia_video_bytes_total", "Bytes of the accepted frames.", source.bytes),
        ] {
            self.add(name, COUNTER, help, &device, value as f64);
        }
        if let Some(rate) = source.measured_frame_rate() {
            self.add("usermedia_frame_rate_hertz", GAUGE, "Frames a second, measured over all.", &device, rate);
        }
        self.state(&device, track.live, track.muted);
        self.recovery(&device, [source.stalls, source.restarts, source.reopenings, source.recoveries], source.muted);
        self.clock(&device, source.timestamp_source, source.clock_drift);
        track.consumers.iter().for_each(|consumer| self.consumer(&track.device_id, consumer));
    }

    fn microphone(&mut self, track: &TrackStatistics<AudioStatistics>) {
        let source = &track.source;
        let device = [("device", &*track.device_id), ("label", &*track.label)];
        for (name, help, value) in [
            (
                "usermedia_samples_expected_total",
                "Samples of each channel the microphone should have given.",
                source.expected,
            ),
            ("usermedia_samples_captured_total", "Samples of each channel read from the driver.", source.captured),
            (
                "usermedia_samples_accepted_total",
                "Samples of each channel, offered to every consumer.",
                source.accepted,
            ),
        ] {
            self.add(name, COUNTER, help, &device, value as f64);
        }
        for (reason, value) in [("driver", source.lost_in_driver), ("starved", source.starved)] {
            let help =
                "Samples of each channel that no consumer was offered, by reason: expected is accepted and these.";
            self.reason("usermedia_samples_lost_total", help, &device, reason, value);
        }
        for (name, help, value) in [
            ("usermedia_xruns_total", "How many times the driver's ring ran over.", source.xruns),
            ("usermedia_audio_blocks_total", "Blocks offered to every consumer.", source.blocks),
            (
                "usermedia_audio_blocks_host_stamped_total",
                "Blocks with the time of their arrival, because the driver gave none that could be true.",
                source.host_stamped,
            ),
            ("usermedia_audio_bytes_total", "Bytes of the accepted samples.", source.bytes),
        ] {
            self.add(name, COUNTER, help, &device, value as f64);
        }
        if let Some(rate) = source.measured_sample_rate() {
            self.add("usermedia_sample_rate_hertz", GAUGE, "Samples a second, measured over all.", &device, rate);
        }
        self.state(&device, track.live, track.muted);
        self.recovery(&device, [source.stalls, source.restarts, source.reopenings, source.recoveries], source.muted);
        self.clock(&device, source.timestamp_source, source.clock_drift);
        track.consumers.iter().for_each(|consumer| self.consumer(&track.device_id, consumer));
    }

    fn state(&mut self, device: &Labels<'_>, live: bool, muted: Option<MuteReason>) {
        let help = "Whether the track gives frames, or will again.";
        self.add("usermedia_track_live", GAUGE, help, device, if live { 1.0 } else { 0.0 });
        let help = "Whether the device gives nothing for now (1), with the reason.";
        match muted {
            None => self.add("usermedia_track_muted", GAUGE, help, device, 0.0),
            Some(reason) => {
                let labels: Vec<_> = device.iter().copied().chain([("reason", reason.as_str())]).collect();
                self.add("usermedia_track_muted", GAUGE, help, &labels, 1.0);
            }
        }
    }

    /// What it took to keep a device: stalls, restarts, reopenings, recoveries; and nanoseconds without it.
    fn recovery(&mut self, device: &Labels<'_>, counts: [u64; 4], muted_ns: u64) {
        let named = [
            ("usermedia_stalls_total", "How many times nothing came for so long that something was done about it."),
            ("usermedia_restarts_total", "How many times the stream was started anew."),
            ("usermedia_reopenings_total", "How many times the device was opened anew, there or elsewhere."),
            ("usermedia_recoveries_total", "How many times it gave something again after it had been muted."),
        ];
        for ((name, help), count) in named.into_iter().zip(counts) {
            self.add(name, COUNTER, help, device, count as f64);
        }
        let help = "How long it gave nothing around mutings; nothing is expected in that time.";
        self.add("usermedia_muted_seconds_total", COUNTER, help, device, Duration::from_nanos(muted_ns).as_secs_f64());
    }

    fn clock(&mut self, device: &Labels<'_>, source: Option<TimestampSource>, drift: Option<ClockDrift>) {
        if let Some(source) = source {
            let host = if source == TimestampSource::Host { 1.0 } else { 0.0 };
            let help = "Whether the last timestamp is that of its arrival (1) or the driver's (0).";
            self.add("usermedia_clock_is_host", GAUGE, help, device, host);
        }
        let Some(drift) = drift else { return };
        for (window, ppm) in [("run", drift.ppm), ("recent", drift.recent_ppm)] {
            let labels: Vec<_> = device.iter().copied().chain([("window", window)]).collect();
            let help = "How much faster than nominal the device's clock runs, 0.0001 being 100 ppm.";
            self.add("usermedia_clock_drift_ratio", GAUGE, help, &labels, ppm * 1e-6);
        }
    }

    fn consumer(&mut self, device: &str, consumer: &ConsumerStatistics) {
        let labels = [("device", device), ("consumer", &*consumer.name), ("kind", consumer.kind)];
        for (name, help, value) in [
            ("usermedia_consumer_accepted_total", "Frames or blocks offered to the consumer.", consumer.accepted),
            ("usermedia_consumer_delivered_total", "Frames or blocks the consumer took.", consumer.delivered),
            ("usermedia_consumer_copied_total", "Delivered frames that were copies.", consumer.copied),
            (
                "usermedia_consumer_slow_total",
                "Frames or blocks a callback on the capture thread took too long for.",
                consumer.slow,
            ),
        ] {
            self.add(name, COUNTER, help, &labels, value as f64);
        }
        for (reason, value) in [("behind", consumer.behind), ("holding", consumer.holding)] {
            let help = "Frames or blocks the consumer did not get, by reason: accepted is delivered, queued and these.";
            self.reason("usermedia_consumer_lost_total", help, &labels, reason, value);
        }
        let help = "Frames or blocks waiting for the consumer.";
        self.add("usermedia_consumer_queued", GAUGE, help, &labels, consumer.queued as f64);
        let help = "Age of frames or blocks when the consumer took them, from their timestamp.";
        for (quantile, age) in [("0.5", consumer.age_p50), ("0.99", consumer.age_p99), ("1", consumer.age_max)] {
            if let Some(age) = age {
                let labels: Vec<_> = labels.iter().copied().chain([("quantile", quantile)]).collect();
                self.add("usermedia_consumer_age_seconds", SUMMARY, help, &labels, age.as_secs_f64());
            }
        }
        for (suffix, value) in [("_sum", consumer.age_sum.as_secs_f64()), ("_count", consumer.delivered as f64)] {
            self.sample("usermedia_consumer_age_seconds", suffix, SUMMARY, help, &labels, value);
        }
    }

    fn reason(&mut self, name: &'static str, help: &'static str, labels: &Labels<'_>, reason: &str, value: u64) {
        let labels: Vec<_> = labels.iter().copied().chain([("reason", reason)]).collect();
        self.add(name, COUNTER, help, &labels, value as f64);
    }

    fn add(&mut self, name: &'static str, kind: &'static str, help: &'static str, labels: &Labels<'_>, value: f64) {
        self.sample(name, "", kind, help, labels, value);
    }

    /// All samples of a name are to stand together, and each only once: devices of one id are told apart by their order.
    fn sample(
        &mut self,
        name: &'static str,
        suffix: &'static str,
        kind: &'static str,
        help: &'static str,
        labels: &Labels<'_>,
        value: f64,
    ) {
        let mut labels: Vec<_> = labels.iter().map(|&(name, value)| (name, value.to_owned())).collect();
        let place = self.families.iter().position(|family| family.name == name).unwrap_or_else(|| {
            self.families.push(Family { name, kind, help, samples: Vec::new() });
            self.families.len() - 1
        });
        let samples = &mut self.families[place].samples;
        let same = |sample: &&Sample| sample.suffix == suffix && sample.labels.iter().zip(&labels).all(|(a, b)| a == b);
        let before = samples.iter().filter(same).count();
        if before > 0 {
            labels.push(("number", (before + 1).to_string()));
        }
        samples.push(Sample { suffix, labels, value });
    }
}

/// The text, to be served as `text/plain; version=0.0.4` or written to a file.
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Family { name, kind, help, samples } in &self.families {
            writeln!(f, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
            for Sample { suffix, labels, value } in samples {
                write!(f, "{name}{suffix}")?;
                for (index, (label, value)) in labels.iter().enumerate() {
                    let before = if index == 0 { '{' } else { ',' };
                    write!(f, "{before}{label}=\"{}\"", escaped(value))?;
                }
                if !labels.is_empty() {
                    f.write_char('}')?;
                }
                // As short as it is exact: whole numbers without a point.
                writeln!(f, " {value}")?;
            }
        }
        Ok(())
    }
}

/// A label's value: backslash, quotation mark and line feed have names of their own.
fn escaped(value: &str) -> Cow<'_, str> {
    if !value.contains(['\\', '"', '\n']) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n"))
}

#[cfg(test)]
mod tests;
