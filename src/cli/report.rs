//! What became of a capture, as a table.

use std::path::PathBuf;
use std::time::Duration;

use super::text;
use crate::capture::SourceStatistics;
use crate::error::Error;
use crate::resolve::{AudioSettings, VideoSettings};
use crate::stream::ConsumerStatistics;

/// How wide the column of names is.
const NAMES: usize = 15;

/// A mode in a line: `YUYV 640x480 at 30 fps`.
pub(super) fn mode(video: &VideoSettings) -> String {
    let rate =
        video.frame_rate.map_or_else(|| "an unknown rate".to_owned(), |rate| format!("{} fps", text::rate(rate)));
    let native = match video.native_frame_rate {
        Some(native) if Some(native) != video.frame_rate => format!(", of the camera's {}", text::rate(native)),
        _ => String::new(),
    };
    let fourcc = video.fourcc.map_or_else(|| "the driver's format".to_owned(), |fourcc| fourcc.to_string());
    format!("{fourcc} {}x{} at {rate}{native}", video.width, video.height)
}

/// A camera in a line: its name and its node.
pub(super) fn camera(video: &VideoSettings) -> String {
    let label = &video.label;
    if video.synthetic { format!("{label} (built in, no real camera)") } else { format!("{label} ({})", video.path) }
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
}

/// What a capture came to.
pub(super) struct Report {
    pub(super) settings: VideoSettings,
    /// Frames per second that the first consumer took, by their timestamps.
    pub(super) delivered_rate: Option<f64>,
    pub(super) source: SourceStatistics,
    /// The one that the capture was for comes first.
    pub(super) consumers: Vec<ConsumerStatistics>,
    pub(super) files: Vec<Written>,
    /// Why it ended.
    pub(super) ended_by: String,
    /// How long frames flowed, by the clock on the wall.
    pub(super) elapsed: Duration,
    /// What went wrong on the way.
    pub(super) error: Option<Error>,
}

impl Report {
    /// The table.
    pub(super) fn table(&self) -> String {
        let width = text::width();
        let mut lines = Vec::new();
        let mut row = |name: &str, value: &str| lines.push(text::sentence(&format!("{name:<NAMES$}"), value, width));
        row("camera", &camera(&self.settings));
        row("mode", &mode(&self.settings));
        row("frames", &self.frames());
        row("losses", &self.losses());
        row("measured rate", &self.rate());
        if let Some(age) = self.consumers.first().and_then(ages) {
            row("frame age", &age);
        }
        if let Some(throughput) = self.throughput() {
            row("throughput", &format!("{throughput:.1} MB/s"));
        }
        for (index, file) in self.files.iter().enumerate() {
            let (path, size) = (file.path.display(), text::bytes(file.bytes));
            let name = if index == 0 { "written" } else { "" };
            let what = match file.path.extension().and_then(|extension| extension.to_str()) {
                Some("jpg" | "jpeg" | "png") => "picture".to_owned(),
                _ => text::count(file.frames, "frame"),
            };
            row(name, &format!("{path} ({what}, {size})"));
        }
        row("ended by", &format!("{}, after {}", self.ended_by, text::duration(self.elapsed)));
        lines.join("\n")
    }

    fn frames(&self) -> String {
        let captured = self.source.captured;
        let mut told = format!("{captured} captured");
        let Some(consumer) = self.consumers.first() else { return told };
        let verb = if consumer.name == "recorder" { "recorded" } else { "counted" };
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
        let reasons = [
            (source.lost_in_driver, "lost in the driver"),
            (source.error, "damaged"),
            (source.short, "too short"),
            (source.bad_jpeg, "broken JPEG"),
            (source.duplicate, "given twice"),
            (source.starved, "without a free buffer"),
            (consumer.map_or(0, |consumer| consumer.behind), "dropped as newer ones came before they were taken"),
            (consumer.map_or(0, |consumer| consumer.holding), "withheld as too many were held"),
        ];
        let told: Vec<_> =
            reasons.iter().filter(|(count, _)| *count > 0).map(|(count, reason)| format!("{count} {reason}")).collect();
        if told.is_empty() { "none".to_owned() } else { told.join(", ") }
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

    /// Megabytes a second that came from the camera.
    fn throughput(&self) -> Option<f64> {
        let frames = Some(self.source.accepted).filter(|&frames| frames > 0)?;
        Some(self.source.bytes as f64 / frames as f64 * self.source.measured_frame_rate()? / 1e6)
    }
}

/// How old frames were when they were delivered.
fn ages(consumer: &ConsumerStatistics) -> Option<String> {
    let (p50, p99, max) = (consumer.age_p50?, consumer.age_p99?, consumer.age_max?);
    let [p50, p99, max] = [p50, p99, max].map(text::duration);
    Some(format!("{p50} median, {p99} p99, {max} at most"))
}
