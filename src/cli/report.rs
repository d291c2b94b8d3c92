//! What became of a capture: as a table, and as JSON.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::print;
use crate::capture::SourceStatistics;
use crate::error::Error;
use crate::resolve::{AudioSettings, VideoSettings};
use crate::stream::ConsumerStatistics;

/// A mode in a line.
pub(super) fn mode(video: &VideoSettings) -> String {
    let rate = video.frame_rate.map_or_else(|| "rate unknown".to_owned(), |rate| format!("{rate} fps"));
    let native = match video.native_frame_rate {
        Some(native) if Some(native) != video.frame_rate => format!(" (of the camera's {native})"),
        _ => String::new(),
    };
    let fourcc = video.fourcc.map_or_else(|| "the driver's format".to_owned(), |fourcc| fourcc.to_string());
    format!("{fourcc} {}x{}  {rate}{native}", video.width, video.height)
}

/// A sound format in a line.
pub(super) fn sound(audio: &AudioSettings) -> String {
    format!(
        "{} Hz  {} channels  {}  {:.0} ms",
        audio.sample_rate,
        audio.channel_count,
        audio.sample_format,
        audio.latency * 1000.0
    )
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
    pub(super) source: SourceStatistics,
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
    /// The contract's document.
    pub(super) fn document(&self) -> String {
        let source = &self.source;
        let rate = source.measured_frame_rate().map(|rate| (rate * 1000.0).round() / 1000.0);
        let consumers: Vec<_> = self.consumers.iter().map(consumer).collect();
        let files: Vec<_> = self
            .files
            .iter()
            .map(|file| json!({"path": file.path.display().to_string(), "frames": file.frames, "bytes": file.bytes}))
            .collect();
        let mut document = json!({
            "ok": self.error.is_none(),
            "video": {
                "settings": self.settings,
                "delivered": {
                    "fourcc": self.settings.fourcc.map(|fourcc| fourcc.to_string()),
                    "width": self.settings.width,
                    "height": self.settings.height,
                    "frameRate": rate,
                },
                "source": {
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
                    "bytes": source.bytes,
                },
                "consumers": consumers,
            },
            "audio": Value::Null,
            "files": files,
            "endedBy": self.ended_by,
            "synthetic": self.settings.synthetic,
        });
        if let Some(error) = &self.error {
            document["error"] = json!(error);
        }
        document.to_string()
    }

    /// The table. To stderr where the recording itself goes to stdout.
    pub(super) fn print(&self, to_stderr: bool) {
        let say = if to_stderr { print::note } else { print::line };
        let row = |name: &str, value: String| say(&format!("{name:<14} {value}"));
        let source = &self.source;
        let synthetic = if self.settings.synthetic { "  (synthetic, built in)" } else { "" };
        row("camera", format!("{}{synthetic}", self.settings.label));
        row("mode", mode(&self.settings));
        row("frames", format!("{} captured, {} accepted", source.captured, source.accepted));
        row("losses", losses(source));
        for consumer in &self.consumers {
            row(&consumer.name, consumed(consumer));
        }
        let measured =
            source.measured_frame_rate().map_or_else(|| "unknown".to_owned(), |rate| format!("{rate:.2} fps"));
        row("measured rate", measured);
        if let Some(age) = self.consumers.iter().find_map(ages) {
            row("frame age", age);
        }
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            row("throughput", format!("{:.1} MB/s", source.bytes as f64 / 1e6 / seconds));
        }
        for file in &self.files {
            let (path, frames) = (file.path.display(), file.frames);
            row("written", format!("{path}  {frames} frames, {:.1} MB", file.bytes as f64 / 1e6));
        }
        row("ended by", self.ended_by.clone());
    }
}

fn consumer(consumer: &ConsumerStatistics) -> Value {
    let micros = |age: Option<Duration>| age.map(|age| age.as_nanos() as f64 / 1e9);
    json!({
        "name": consumer.name,
        "accepted": consumer.accepted,
        "delivered": consumer.delivered,
        "behind": consumer.behind,
        "holding": consumer.holding,
        "queued": consumer.queued,
        "copied": consumer.copied,
        "slow": consumer.slow,
        "age": {"p50": micros(consumer.age_p50), "p99": micros(consumer.age_p99), "max": micros(consumer.age_max)},
    })
}

/// Losses at the source by reason, the reasons that did not occur left out.
fn losses(source: &SourceStatistics) -> String {
    let reasons = [
        (source.lost_in_driver, "lost in the driver"),
        (source.error, "damaged"),
        (source.short, "short"),
        (source.bad_jpeg, "broken JPEG"),
        (source.duplicate, "given twice"),
        (source.starved, "without a free buffer"),
    ];
    let told: Vec<_> =
        reasons.iter().filter(|(count, _)| *count > 0).map(|(count, reason)| format!("{count} {reason}")).collect();
    if told.is_empty() { "none".to_owned() } else { told.join(", ") }
}

fn consumed(consumer: &ConsumerStatistics) -> String {
    let mut text = format!("{} delivered", consumer.delivered);
    for (count, what) in [
        (consumer.behind, "dropped as it was behind"),
        (consumer.holding, "withheld as it held too many"),
        (consumer.copied, "of them copied"),
        (consumer.slow, "times slow"),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    text
}

fn ages(consumer: &ConsumerStatistics) -> Option<String> {
    let ms = |age: Option<Duration>| age.map(|age| age.as_secs_f64() * 1000.0);
    let (p50, p99, max) = (ms(consumer.age_p50)?, ms(consumer.age_p99)?, ms(consumer.age_max)?);
    Some(format!("{p50:.2} ms median, {p99:.2} ms p99, {max:.2} ms max at delivery"))
}
