//! What only the capturing process itself can tell: when each frame came, how old it was, and why any did not.

use std::fmt::Write;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::series::percentile;
use crate::capture::SourceStatistics;
use crate::error::{Error, ErrorName, Result};
use crate::format::FrameStamp;
use crate::seam::{Kernel, LinuxKernel};
use crate::stream::{ConsumerStatistics, LocalMediaStream, VideoFrame};
use crate::time::nanoseconds;

/// Frames that are not counted: the first ones of a stream meet cold caches.
const COLD: usize = 30;
/// Nothing comes for so long: what there is, is all.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a run noted, and what became of its frames.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inside {
    /// From the start of the process's own work to its first frame, in nanoseconds.
    pub(crate) first_frame: u64,
    /// Of each frame after the cold ones: from the driver's stamp to the consumer, in nanoseconds.
    pub(crate) ages: Vec<u64>,
    /// Of a loopback's frames, where they are stamped: from the writer's hands to the consumer, in nanoseconds.
    pub(crate) stamped: Vec<u64>,
    /// From one frame's arrival to the next one's, in nanoseconds.
    pub(crate) intervals: Vec<u64>,
    pub(crate) losses: Losses,
    /// Frames that were delivered, and those of them that were copies, and their bytes.
    pub(crate) delivered: u64,
    pub(crate) copied: u64,
    pub(crate) bytes_copied: u64,
}

/// Frames that did not come, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    pub(crate) lost_in_driver: u64,
    pub(crate) error: u64,
    pub(crate) short: u64,
    pub(crate) bad_jpeg: u64,
    pub(crate) duplicate: u64,
    pub(crate) starved: u64,
    pub(crate) behind: u64,
    pub(crate) holding: u64,
}

impl Losses {
    /// Each with its name in JSON.
    pub(crate) const fn named(&self) -> [(&'static str, u64); 8] {
        [
            ("lostInDriver", self.lost_in_driver),
            ("error", self.error),
            ("short", self.short),
            ("badJpeg", self.bad_jpeg),
            ("duplicate", self.duplicate),
            ("starved", self.starved),
            ("behind", self.behind),
            ("holding", self.holding),
        ]
    }
}

/// The notes, with room for all of them from the beginning: nothing is allocated on the way.
struct Notes {
    began: Instant,
    first_frame: Option<Duration>,
    ages: Vec<u64>,
    arrivals: Vec<u64>,
    /// `None` where nobody looks for stamps.
    stamped: Option<Vec<Option<u64>>>,
    bytes_copied: u64,
    left: u64,
}

/// Captures so many frames on the capture thread itself, and tells what they were like. `began` is when the process began
/// its work. Looking for stamps in the pixels costs time that a program without them does not take.
///
/// # Errors
/// The track's own, and NotReadableError where no frame comes for half a minute.
pub(crate) fn measure(stream: &LocalMediaStream, frames: u64, stamps: bool, began: Instant) -> Result<Inside> {
    let tracks = stream.video_tracks();
    let track = tracks.first().ok_or_else(|| Error::new(ErrorName::TypeError, "a benchmark is of a camera"))?;
    let room = usize::try_from(frames).unwrap_or(0).min(1 << 24);
    let notes = Notes {
        began,
        first_frame: None,
        ages: Vec::with_capacity(room),
        arrivals: Vec::with_capacity(room),
        stamped: stamps.then(|| Vec::with_capacity(room)),
        bytes_copied: 0,
        left: frames,
    };
    let notes = Arc::new(Mutex::new(notes));
    let (done, over) = mpsc::sync_channel(1);
    let ended = done.clone();
    track.on_ended(move |error| drop(ended.try_send(error)));
    let (book, weak) = (notes.clone(), Arc::downgrade(track));
    let callback = track.on_frame(move |frame| {
        let Ok(mut book) = book.lock() else { return };
        if book.note(frame) {
            // Here and now, so that not one frame more is counted.
            if let Some(track) = weak.upgrade() {
                track.stop();
            }
            let _ = done.try_send(None);
        }
    });
    let mut seen = 0;
    let error = loop {
        match over.recv_timeout(PATIENCE) {
            Ok(error) => break error,
            Err(_) => {
                let left = notes.lock().map_or(0, |notes| notes.left);
                if left == seen {
                    break Some(Error::new(ErrorName::NotReadableError, "no frame came for half a minute"));
                }
                seen = left;
            }
        }
    };
    if let Some(error) = error {
        return Err(error);
    }
    let (source, consumer) = (track.statistics(), callback.statistics());
    let notes = notes.lock().map_err(|_| Error::new(ErrorName::AbortError, "the capture thread panicked"))?;
    Ok(notes.conclude(&source, &consumer))
}

impl Notes {
    /// Whether that was the last one.
    fn note(&mut self, frame: &VideoFrame) -> bool {
        // The frames' own clock, read without a system call.
        let now = LinuxKernel.now();
        if self.first_frame.is_none() {
            self.first_frame = Some(self.began.elapsed());
        }
        if self.left > 0 {
            self.ages.push(now.saturating_sub(frame.timestamp()));
            self.arrivals.push(now);
            if let Some(stamped) = &mut self.stamped {
                stamped.push(FrameStamp::read(frame).map(|stamp| now.saturating_sub(stamp.monotonic)));
            }
            if frame.is_copied() {
                let bytes = (0..frame.memory_count()).filter_map(|memory| frame.memory(memory));
                self.bytes_copied += bytes.map(|bytes| bytes.len() as u64).sum::<u64>();
            }
            self.left -= 1;
        }
        self.left == 0
    }

    fn conclude(&self, source: &SourceStatistics, consumer: &ConsumerStatistics) -> Inside {
        let warm = COLD.min(self.ages.len() / 2);
        Inside {
            first_frame: self.first_frame.map_or(0, nanoseconds),
            ages: self.ages[warm..].to_vec(),
            // Of the same frames, so that the two can be compared.
            stamped: self.stamped.iter().flat_map(|stamped| stamped[warm..].iter().copied().flatten()).collect(),
            intervals: self.arrivals[warm..].windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect(),
            losses: Losses {
                lost_in_driver: source.lost_in_driver,
                error: source.error,
                short: source.short,
                bad_jpeg: source.bad_jpeg,
                duplicate: source.duplicate,
                starved: source.starved,
                behind: consumer.behind,
                holding: consumer.holding,
            },
            delivered: consumer.delivered,
            copied: consumer.copied,
            bytes_copied: self.bytes_copied,
        }
    }
}

impl Inside {
    /// The age that `per_mille` of all frames were not above, in nanoseconds.
    pub(crate) fn age(&self, per_mille: usize) -> Option<u64> {
        let mut sorted = self.ages.clone();
        sorted.sort_unstable();
        percentile(&sorted, per_mille)
    }

    /// The same from the writer's hands, of a loopback's stamped frames.
    pub(crate) fn stamped_age(&self, per_mille: usize) -> Option<u64> {
        let mut sorted = self.stamped.clone();
        sorted.sort_unstable();
        percentile(&sorted, per_mille)
    }

    /// How far the intervals between arrivals lie from their mean, on average (their standard deviation), in nanoseconds.
    pub(crate) fn jitter(&self) -> Option<f64> {
        let count = self.intervals.len() as f64;
        if count < 2.0 {
            return None;
        }
        let mean = self.intervals.iter().map(|&interval| interval as f64).sum::<f64>() / count;
        let squares: f64 = self.intervals.iter().map(|&interval| (interval as f64 - mean).powi(2)).sum();
        Some((squares / (count - 1.0)).sqrt())
    }

    /// The same where the clock means nothing.
    pub(crate) fn without_times(self) -> Self {
        Self { first_frame: 0, ages: Vec::new(), stamped: Vec::new(), intervals: Vec::new(), ..self }
    }

    /// As one process tells another. As many allocations for a million frames as for two: they are counted.
    pub(crate) fn to_json(&self) -> String {
        // Twenty digits and a comma.
        let mut text = String::with_capacity(512 + 21 * (self.ages.len() + self.stamped.len() + self.intervals.len()));
        let Self { first_frame, delivered, copied, bytes_copied, .. } = self;
        let _ = write!(
            text,
            r#"{{"firstFrame":{first_frame},"delivered":{delivered},"copied":{copied},"bytesCopied":{bytes_copied}"#
        );
        for (name, numbers) in [
            ("losses", &self.losses.named().map(|(_, count)| count)[..]),
            ("ages", &self.ages),
            ("stamped", &self.stamped),
            ("intervals", &self.intervals),
        ] {
            let _ = write!(text, r#","{name}":["#);
            for (index, number) in numbers.iter().enumerate() {
                let _ = write!(text, "{}{number}", if index == 0 { "" } else { "," });
            }
            text.push(']');
        }
        text.push('}');
        text
    }

    /// What [`Self::to_json`] wrote.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(text.trim()).ok()?;
        let number = |name: &str| document[name].as_u64();
        let numbers =
            |name: &str| -> Option<Vec<u64>> { document[name].as_array()?.iter().map(Value::as_u64).collect() };
        let [lost_in_driver, error, short, bad_jpeg, duplicate, starved, behind, holding] =
            numbers("losses")?.try_into().ok()?;
        Some(Self {
            first_frame: number("firstFrame")?,
            ages: numbers("ages")?,
            stamped: numbers("stamped")?,
            intervals: numbers("intervals")?,
            losses: Losses { lost_in_driver, error, short, bad_jpeg, duplicate, starved, behind, holding },
            delivered: number("delivered")?,
            copied: number("copied")?,
            bytes_copied: number("bytesCopied")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraints::MediaStreamConstraints;
    use crate::stream::MediaDevices;

    #[test]
    fn a_run_tells_of_every_frame_and_reads_as_it_was_written() {
        let began = Instant::now();
        let stream = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(true)).unwrap();
        let inside = measure(&stream, 12, true, began).unwrap();
        // The colder half does not count.
        assert_eq!((inside.ages.len(), inside.intervals.len(), inside.delivered), (6, 5, 12));
        assert_eq!(inside.losses, Losses::default());
        assert!(inside.first_frame > 0 && inside.age(500) <= inside.age(1000));
        assert_eq!(Inside::from_json(&inside.to_json()), Some(inside));
    }

    #[test]
    fn jitter_is_how_far_intervals_lie_from_their_mean() {
        let stream = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(true)).unwrap();
        let mut inside = measure(&stream, 2, false, Instant::now()).unwrap();
        inside.intervals = vec![10, 20, 30];
        assert_eq!(inside.jitter(), Some(10.0));
        inside.intervals = vec![10];
        assert_eq!(inside.jitter(), None);
    }
}
