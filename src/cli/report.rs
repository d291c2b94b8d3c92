//! What became of a capture, as a table.

use std::path::PathBuf;
use std::time::Duration;

use super::text;
use crate::capture::{AudioStatistics, ClockDrift, MuteReason, RecoveryEvent, SourceStatistics, TimestampSource};
use crate::error::Error;
use crate::format::Fourcc;
use crate::resolve::{AudioSettings, VideoSettings};
use crate::stream::{ConsumerStatistics, MediaStreamTrack, Medium, StreamStatistics, TrackStatistics};

/// How wide the column of names is.
const NAMES: usize = 15;
/// As many files as are listed.
const MOST_FILES: usize = 8;

/// A mode in a line: `YUYV 640x480 at 30 fps`.
pub(super) fn mode(video: &VideoSettings) -> String {
    let rate =
        video.frame_rate.map_or_else(|| "an unknown rate".to_owned(), |rate| format!("{} fps", text::rate(rate)));
    let fourcc =
        |fourcc: Option<Fourcc>| fourcc.map_or_else(|| "the driver's format".to_owned(), |fourcc| fourcc.to_string());
    let mut native = Vec::new();
    if video.is_resized() {
        native.push(format!("{} {}x{}", fourcc(video.native_fourcc), video.native_width, video.native_height));
    }
    if let Some(rate) = video.native_frame_rate.filter(|_| video.is_decimated()) {
        native.push(text::rate(rate));
    }
    let native = if native.is_empty() { String::new() } else { format!(", of the camera's {}", native.join(" at ")) };
    format!("{} {}x{} at {rate}{native}", fourcc(video.fourcc), video.width, video.height)
}

/// A camera in a line: its name and its node.
pub(super) fn camera(video: &VideoSettings) -> String {
    let label = &video.label;
    if video.synthetic { format!("{label} (built in, no real camera)") } else { format!("{label} ({})", video.path) }
}

/// A microphone in a line: its name and its PCM.
pub(super) fn microphone(audio: &AudioSettings) -> String {
    let label = &audio.label;
    if audio.synthetic {
        format!("{label} (built in, no real microphone)")
    } else {
        format!("{label} ({})", audio.path)
    }
}

/// A sound format in a line.
pub(super) fn sound(audio: &AudioSettings) -> String {
    let channels = text::count(audio.channel_count.into(), "channel");
    let latency = audio.latency * 1000.0;
    format!("{} {} Hz, {channels}, periods of {latency:.0} ms", audio.sample_format, audio.sample_rate)
}

/// A file that was written.
pub(super) struct Written {
    pub(super) path: PathBuf,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    /// It made room for newer ones.
    pub(super) deleted: bool,
}

/// What a recording came to, all its files together.
pub(super) struct Recording {
    pub(super) bytes: u64,
    /// What they play.
    pub(super) duration: Duration,
    /// Pictures that were left out because nothing could have been made of them.
    pub(super) unusable: u64,
    /// Files that made room for newer ones, and their bytes.
    pub(super) deleted: (u64, u64),
    /// The longest the disk took to take what it was given.
    pub(super) longest_sync: Option<Duration>,
    /// Not to stdout.
    pub(super) to_disk: bool,
}

impl Recording {
    /// Bytes a second; `None` of a recording that has no length.
    pub(super) fn rate(&self) -> Option<f64> {
        let seconds = self.duration.as_secs_f64();
        (seconds > 0.0 && self.bytes > 0).then(|| self.bytes as f64 / seconds)
    }
}

/// What a capture came to.
pub(super) struct Report {
    pub(super) video: Option<VideoReport>,
    pub(super) audio: Option<AudioReport>,
    /// Of a capture that records.
    pub(super) recording: Option<Recording>,
    pub(super) files: Vec<Written>,
    /// Why it ended.
    pub(super) ended_by: String,
    /// How long it captured, by the clock on the wall.
    pub(super) elapsed: Duration,
    /// What went wrong on the way.
    pub(super) error: Option<Error>,
}

/// Whether a track was muted in the end, and what happened to its device.
pub(super) struct State {
    pub(super) muted: Option<MuteReason>,
    /// The last few, the oldest first.
    pub(super) events: Vec<RecoveryEvent>,
}

impl State {
    pub(super) fn of<M: Medium>(track: &MediaStreamTrack<M>) -> Self {
        Self { muted: track.mute_reason(), events: track.recovery_events() }
    }
}

/// What became of the pictures.
pub(super) struct VideoReport {
    pub(super) settings: VideoSettings,
    /// Frames per second that the first consumer took, by their timestamps.
    pub(super) delivered_rate: Option<f64>,
    pub(super) source: SourceStatistics,
    /// Frames that could not be made into what was asked for.
    pub(super) unreadable: u64,
    pub(super) state: State,
    /// The one that the capture was for comes first.
    pub(super) consumers: Vec<ConsumerStatistics>,
}

/// What became of the sound.
pub(super) struct AudioReport {
    pub(super) settings: AudioSettings,
    pub(super) source: AudioStatistics,
    pub(super) state: State,
    /// The one that the capture was for comes first.
    pub(super) consumers: Vec<ConsumerStatistics>,
}

type Row = (&'static str, String);

impl Report {
    /// Whether what was captured is the built-in devices'.
    pub(super) fn is_synthetic(&self) -> bool {
        self.video.as_ref().is_some_and(|video| video.settings.synthetic)
            || self.audio.as_ref().is_some_and(|audio| audio.settings.synthetic)
    }

    /// The counters in one piece, of a capture that is over.
    pub(super) fn statistics(&self) -> StreamStatistics {
        let video = self.video.as_ref().map(|video| TrackStatistics {
            device_id: video.settings.device_id.clone(),
            label: video.settings.label.clone(),
            live: false,
            muted: video.state.muted,
            source: video.source,
            unreadable: video.unreadable,
            consumers: video.consumers.clone(),
        });
        let audio = self.audio.as_ref().map(|audio| TrackStatistics {
            device_id: audio.settings.device_id.clone(),
            label: audio.settings.label.clone(),
            live: false,
            muted: audio.state.muted,
            source: audio.source,
            unreadable: 0,
            consumers: audio.consumers.clone(),
        });
        StreamStatistics { video: video.into_iter().collect(), audio: audio.into_iter().collect() }
    }

    /// The table.
    pub(super) fn table(&self) -> String {
        let width = text::width();
        let mut rows = self.video.as_ref().map(VideoReport::rows).unwrap_or_default();
        rows.extend(self.audio.as_ref().map(AudioReport::rows).unwrap_or_default());
        if let Some(ppm) = self.statistics().microphone_against_camera_ppm() {
            rows.push(("drift", format!("the microphone's clock is {ppm:+.1} ppm against the camera's")));
        }
        rows.extend(self.recording.as_ref().map(Recording::rows).unwrap_or_default());
        let kept: Vec<&Written> = self.files.iter().filter(|file| !file.deleted).collect();
        // Of a long row of segments the first and the last few.
        let left_out = if kept.len() > MOST_FILES { 2..kept.len() - 3 } else { 0..0 };
        for (index, file) in kept.into_iter().enumerate() {
            if left_out.contains(&index) {
                if index == left_out.start {
                    rows.push(("", format!("and {} more", text::count(left_out.len() as u64, "file"))));
                }
                continue;
            }
            let (path, size) = (file.path.display(), text::bytes(file.bytes));
            let name = if index == 0 { "written" } else { "" };
            let what = match file.path.extension().and_then(|extension| extension.to_str()) {
                Some("jpg" | "jpeg" | "png") => "picture, ".to_owned(),
                _ if self.video.is_none() => String::new(),
                _ => text::count(file.frames, "frame") + ", ",
            };
            rows.push((name, format!("{path} ({what}{size})")));
        }
        rows.push(("ended by", format!("{}, after {}", self.ended_by, text::duration(self.elapsed))));
        let lines: Vec<_> =
            rows.iter().map(|(name, value)| text::sentence(&format!("{name:<NAMES$}"), value, width)).collect();
        lines.join("\n")
    }
}

impl Recording {
    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        if let Some(rate) = self.rate().filter(|_| self.to_disk) {
            let hourly = text::bytes((rate * 3600.0) as u64);
            rows.push(("disk", format!("{:.1} MB/s, {hourly}/h", rate / 1e6)));
        }
        if self.unusable > 0 {
            let told = format!("{} before the first that can be decoded", text::count(self.unusable, "frame"));
            rows.push(("left out", told));
        }
        if self.deleted.0 > 0 {
            let (files, bytes) = (text::count(self.deleted.0, "segment"), text::bytes(self.deleted.1));
            rows.push(("deleted", format!("{files}, {bytes}, to make room for newer ones")));
        }
        rows
    }
}

impl VideoReport {
    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            ("camera", camera(&self.settings)),
            ("mode", mode(&self.settings)),
            ("frames", self.frames()),
            ("losses", self.losses()),
            ("measured rate", self.rate()),
        ];
        rows.extend(self.slow().map(|hint| ("", hint)));
        rows.extend(self.consumers.first().and_then(ages).map(|age| ("frame age", age)));
        let source = &self.source;
        rows.extend(recovery(source.stalls, source.recoveries, source.muted).map(|told| ("camera kept", told)));
        rows.extend(clock(source.timestamp_source, source.clock_drift).map(|clock| ("camera clock", clock)));
        rows.extend(self.throughput().map(|throughput| ("throughput", format!("{throughput:.1} MB/s"))));
        rows
    }

    fn frames(&self) -> String {
        let captured = self.source.captured;
        let mut told = format!("{captured} captured");
        let Some(consumer) = self.consumers.first() else { return told };
        let verb = match &*consumer.name {
            "recorder" => "recorded",
            "loopback" => "written",
            _ => "counted",
        };
        told += &format!(", {} {verb}", consumer.delivered);
        if consumer.copied > 0 {
            told += &format!(" ({} of them copied)", consumer.copied);
        }
        match self.source.accepted.saturating_sub(consumer.accepted) {
            0 => {}
            _ if self.settings.is_decimated() => {
                let rate = self.settings.frame_rate.map_or_else(String::new, text::rate);
                told += &format!(", the rest left out to give {rate} fps");
            }
            // The camera runs before the first consumer is there, and after it has had enough.
            outside => told += &format!(", {outside} while starting or ending"),
        }
        told
    }

    /// Losses by reason, at the source and at the first consumer; the reasons that did not occur left out.
    fn losses(&self) -> String {
        let source = &self.source;
        let consumer = self.consumers.first();
        // A camera that exposes longer in low light loses nothing: it makes fewer frames than its driver agreed to.
        let lost = match self.rate_hint() {
            Some(_) => "due at the rate agreed to, and never made or lost in the driver",
            None => "lost in the driver",
        };
        let reasons = [
            (source.lost_in_driver, lost),
            (source.error, "damaged"),
            (source.short, "too short"),
            (source.bad_jpeg, "broken JPEG"),
            (self.unreadable, "that could not be decoded"),
            (source.duplicate, "given twice"),
            (source.starved, "without a free buffer"),
            (consumer.map_or(0, |consumer| consumer.behind), "dropped as newer ones came before they were taken"),
            (consumer.map_or(0, |consumer| consumer.holding), "withheld as too many were held"),
        ];
        told(&reasons.map(|(count, reason)| (count, format!("{count} {reason}"))))
    }

    fn rate(&self) -> String {
        let Some(delivered) = self.delivered_rate else { return "unknown: too few frames".to_owned() };
        match self.source.measured_frame_rate() {
            Some(native) if self.settings.is_decimated() => {
                format!("{delivered:.2} fps delivered, {native:.2} fps at the camera")
            }
            _ => format!("{delivered:.2} fps"),
        }
    }

    /// A word on a camera that gives far fewer frames than its driver agreed to.
    fn slow(&self) -> Option<String> {
        let hint = self.rate_hint()?;
        let negotiated = self.settings.native_frame_rate.map(text::rate)?;
        Some(format!("far below the {negotiated} fps that its driver agreed to; {hint}"))
    }

    /// Why the rate is low, where it is.
    pub(super) fn rate_hint(&self) -> Option<&'static str> {
        if self.settings.synthetic {
            return None;
        }
        self.settings.slow_rate_hint(self.source.measured_frame_rate()?)
    }

    /// Megabytes a second that came from the camera.
    fn throughput(&self) -> Option<f64> {
        let frames = Some(self.source.accepted).filter(|&frames| frames > 0)?;
        Some(self.source.bytes as f64 / frames as f64 * self.source.measured_frame_rate()? / 1e6)
    }
}

impl AudioReport {
    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            ("microphone", microphone(&self.settings)),
            ("sound", sound(&self.settings)),
            ("samples", self.samples()),
            ("sound losses", self.losses()),
            ("sample rate", self.rate()),
        ];
        let source = &self.source;
        rows.extend(recovery(source.stalls, source.recoveries, source.muted).map(|told| ("sound kept", told)));
        rows.extend(clock(source.timestamp_source, source.clock_drift).map(|clock| ("sound clock", clock)));
        rows
    }

    /// So many frames of sound, as a time.
    fn time(&self, frames: u64) -> String {
        let rate = f64::from(self.settings.sample_rate.max(1));
        text::duration(Duration::from_secs_f64(frames as f64 / rate))
    }

    fn samples(&self) -> String {
        format!("{} of each channel, {}", self.source.captured, self.time(self.source.captured))
    }

    fn losses(&self) -> String {
        let source = &self.source;
        let consumer = self.consumers.first();
        let overruns = text::count(source.xruns, "overrun");
        told(&[
            (source.lost_in_driver, format!("{} in {overruns}", self.time(source.lost_in_driver))),
            (source.starved, format!("{} without a free block", self.time(source.starved))),
            behind(consumer.map_or(0, |consumer| consumer.behind)),
            holding(consumer.map_or(0, |consumer| consumer.holding)),
        ])
    }

    fn rate(&self) -> String {
        let Some(rate) = self.source.measured_sample_rate() else { return "unknown: too short".to_owned() };
        format!("{rate:.0} Hz by this computer's clock")
    }
}

/// What it took to keep a device; `None` where nothing happened to it.
fn recovery(stalls: u64, recoveries: u64, muted_ns: u64) -> Option<String> {
    let (stalled, back) = (text::count(stalls, "time"), text::count(recoveries, "time"));
    let muted = text::duration(Duration::from_nanos(muted_ns));
    (stalls > 0 || recoveries > 0).then(|| format!("stalled {stalled}, back {back}, {muted} without it"))
}

/// Whose times are taken, and how far that clock is off; `None` where there is nothing to say but the usual.
fn clock(source: Option<TimestampSource>, drift: Option<ClockDrift>) -> Option<String> {
    let host = (source == Some(TimestampSource::Host)).then(|| "times of arrival, for want of the driver's".to_owned());
    let drift = drift.map(|drift| {
        let (ppm, recent) = (drift.ppm, drift.recent_ppm);
        format!("{ppm:+.1} ppm against this computer's, {recent:+.1} ppm of late")
    });
    Some(drift.into_iter().chain(host).collect::<Vec<_>>().join("; ")).filter(|told| !told.is_empty())
}

fn behind(blocks: u64) -> (u64, String) {
    (blocks, format!("{} dropped before they were taken", text::count(blocks, "block")))
}

fn holding(blocks: u64) -> (u64, String) {
    (blocks, format!("{} withheld as too many were held", text::count(blocks, "block")))
}

/// Those losses that occurred.
fn told(losses: &[(u64, String)]) -> String {
    let told: Vec<_> = losses.iter().filter(|(count, _)| *count > 0).map(|(_, told)| told.as_str()).collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

/// How old frames were when they were delivered.
fn ages(consumer: &ConsumerStatistics) -> Option<String> {
    let (p50, p99, max) = (consumer.age_p50?, consumer.age_p99?, consumer.age_max?);
    let [p50, p99, max] = [p50, p99, max].map(text::duration);
    Some(format!("{p50} median, {p99} p99, {max} at most"))
}
