//! A piece of sound: samples copied once out of the driver's ring.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::capture::sync::{AtomicUsize, Ordering};
use crate::capture::{AudioFormat, CapturedAudio, TimestampSource};
use crate::format::SampleFormat;

/// A block of sound, after WebCodecs' `AudioData`: a whole period of the microphone, interleaved, as the card gives it.
///
/// A *frame* is one sample of each channel. The samples are copied once, from the driver's ring into a block of a pool;
/// clones share that block, and the last one dropped gives it back.
pub struct AudioData {
    sound: CapturedAudio,
    /// The consumer it counts against.
    hold: Option<Arc<AtomicUsize>>,
}

impl AudioData {
    pub(super) fn new(sound: CapturedAudio, hold: Option<Arc<AtomicUsize>>) -> Self {
        if let Some(hold) = &hold {
            hold.fetch_add(1, Ordering::Relaxed);
        }
        Self { sound, hold }
    }

    /// How a sample lies in memory.
    pub fn sample_format(&self) -> SampleFormat {
        self.sound.format.sample_format
    }

    /// Frames per second, nominally.
    pub fn sample_rate(&self) -> u32 {
        self.sound.format.sample_rate
    }

    /// Samples in a frame: WebCodecs' `numberOfChannels`.
    pub fn channel_count(&self) -> u32 {
        self.sound.format.channel_count
    }

    /// Frames in this block: WebCodecs' `numberOfFrames`.
    pub fn frame_count(&self) -> u32 {
        self.sound.info.frames
    }

    /// How long it sounds, by the nominal rate.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.sound.format.duration_ns(self.frame_count().into()))
    }

    /// When its first frame was captured, in nanoseconds of CLOCK_MONOTONIC: the clock of
    /// [`VideoFrame::timestamp`](crate::VideoFrame::timestamp).
    pub fn timestamp(&self) -> u64 {
        self.sound.info.timestamp
    }

    pub(super) fn shared_format(&self) -> AudioFormat {
        self.sound.format
    }

    /// Whether the timestamp is the driver's or made from the time of arrival.
    pub fn timestamp_source(&self) -> TimestampSource {
        self.sound.info.timestamp_source
    }

    /// The number of its first frame since the microphone started, from 0. Frames that were lost leave their numbers out.
    pub fn position(&self) -> u64 {
        self.sound.info.position
    }

    /// Frames that are missing right before it, because the driver's ring ran over or the microphone paused. Their time is
    /// kept: play silence of that length, and the sound stays in step.
    pub fn lost(&self) -> u64 {
        self.sound.info.lost
    }

    /// The samples, interleaved: [`AudioData::frame_count`] times [`AudioData::channel_count`] of
    /// [`SampleFormat::bytes`] each.
    pub fn data(&self) -> &[u8] {
        self.sound.samples()
    }

    /// The samples of one channel as numbers from -1 to 1; none for a channel that is not there.
    pub fn samples(&self, channel: u32) -> impl Iterator<Item = f32> + '_ {
        let format = self.sound.format;
        let size = format.sample_format.bytes();
        let frames = self.data().chunks_exact(format.frame_bytes().max(1));
        let frames = frames.take(if channel < format.channel_count { usize::MAX } else { 0 });
        frames.filter_map(move |frame| format.sample_format.read(frame.get(channel as usize * size..)?))
    }
}

impl Clone for AudioData {
    fn clone(&self) -> Self {
        Self::new(self.sound.clone(), self.hold.clone())
    }
}

impl Drop for AudioData {
    fn drop(&mut self) {
        if let Some(hold) = &self.hold {
            hold.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for AudioData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioData")
            .field("sample_format", &self.sample_format())
            .field("sample_rate", &self.sample_rate())
            .field("channel_count", &self.channel_count())
            .field("frame_count", &self.frame_count())
            .field("position", &self.position())
            .field("timestamp", &self.timestamp())
            .finish_non_exhaustive()
    }
}
