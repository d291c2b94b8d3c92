//! Sound: what leaves a microphone, and the pooled blocks it travels in.

mod block;
mod clock;
mod statistics;

pub(crate) use block::{Block, BlockPool};
pub(super) use clock::SoundClock;
pub use statistics::{AudioCounters, AudioStatistics};

use super::timeline::TimestampSource;
use crate::format::SampleFormat;

/// What a PCM agreed to: the format of every block of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFormat {
    pub(crate) sample_format: SampleFormat,
    /// Frames a second; a frame is one sample of each channel.
    pub(crate) sample_rate: u32,
    pub(crate) channel_count: u32,
    /// Frames of a block, as long as nothing is lost: ALSA's period.
    pub(crate) period_frames: u32,
}

impl AudioFormat {
    /// Bytes of one frame.
    pub(crate) const fn frame_bytes(&self) -> usize {
        self.sample_format.bytes() * self.channel_count as usize
    }

    /// How long so many frames last, in nanoseconds.
    pub(crate) fn duration_ns(&self, frames: u64) -> u64 {
        let ns = u128::from(frames) * 1_000_000_000 / u128::from(self.sample_rate.max(1));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    /// How many whole frames last so many nanoseconds.
    pub(crate) fn frames_in(&self, ns: u64) -> u64 {
        let frames = u128::from(ns) * u128::from(self.sample_rate) / 1_000_000_000;
        u64::try_from(frames).unwrap_or(u64::MAX)
    }
}

/// What is asked of a microphone.
#[derive(Debug, Clone)]
pub struct MicrophoneRequest {
    /// The PCM (`hw:1,0`, `default`); of no meaning for the built-in microphone.
    pub(crate) path: String,
    pub(crate) sample_format: SampleFormat,
    pub(crate) sample_rate: u32,
    pub(crate) channel_count: u32,
    /// The period, in seconds.
    pub(crate) latency: f64,
    /// Whether another process may convert on the way (the `default` PCM).
    pub(crate) shared: bool,
    /// Whether the ring may be read where it is mapped.
    pub(crate) mapped: bool,
    /// The built-in microphone.
    pub(crate) synthetic: bool,
}

/// What is known of one block besides its samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AudioInfo {
    /// The number of its first frame since the start, from 0; lost frames leave their numbers out.
    pub(crate) position: u64,
    /// Frames in it.
    pub(crate) frames: u32,
    /// Frames missing right before it.
    pub(crate) lost: u64,
    /// When its first frame was taken: CLOCK_MONOTONIC in nanoseconds.
    pub(crate) timestamp: u64,
    pub(crate) timestamp_source: TimestampSource,
}

/// A block of sound as it leaves `capture`.
#[derive(Debug, Clone)]
pub struct CapturedAudio {
    pub(crate) block: Block,
    pub(crate) info: AudioInfo,
    pub(crate) format: AudioFormat,
}

impl CapturedAudio {
    /// Its samples, interleaved.
    pub(crate) fn samples(&self) -> &[u8] {
        let bytes = self.block.bytes();
        bytes.get(..self.info.frames as usize * self.format.frame_bytes()).unwrap_or(bytes)
    }
}
