//! What every recording file has in common: tracks, frames, and how it ends.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::error::{Error, ErrorName, Result};
use crate::format::VideoColorSpace;
use crate::format::layout::Layout;
use crate::format::{Fourcc, FrameRate};

/// What a file says about itself. Nothing here is needed to play it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// A title for people.
    pub title: Option<String>,
    /// When the recording began, by the wall clock.
    pub recorded: Option<SystemTime>,
    /// The pictures come from the built-in devices, not from a real camera.
    pub synthetic: bool,
}

/// One track of a file.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a recording has few tracks")]
pub(crate) enum TrackFormat {
    /// Pictures.
    Video(VideoFormat),
    /// Sound.
    Audio(AudioFormat),
}

/// The format of a video track: what the driver answered, and the track's label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct VideoFormat {
    /// The format.
    pub fourcc: Fourcc,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The nominal rate, where it is known. Frames are stored with the times they have.
    pub frame_rate: Option<FrameRate>,
    /// Where the planes lie, with the driver's strides; `None` for a compressed format.
    pub layout: Option<Layout>,
    /// What the samples stand for.
    pub color_space: VideoColorSpace,
    /// The device's label.
    pub label: String,
    /// What a decoder needs before the first frame, in the form that Matroska stores it in. Empty for most formats; for
    /// H.264 known with the first key frame.
    pub codec_private: Vec<u8>,
}

/// The format of an audio track: interleaved PCM, little-endian.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AudioFormat {
    /// Frames per second.
    pub sample_rate: u32,
    /// Samples in a frame.
    pub channel_count: u32,
    /// Bits in a sample: 8 (unsigned), 16, 24 (in three bytes) or 32.
    pub sample_size: u32,
    /// IEEE floating point in place of integers.
    pub float: bool,
    /// The device's label.
    pub label: String,
}

impl AudioFormat {
    /// Bytes of one sample of each channel.
    pub fn frame_bytes(&self) -> usize {
        (self.sample_size / 8) as usize * self.channel_count as usize
    }

    /// Bytes of one second.
    pub fn byte_rate(&self) -> u64 {
        self.frame_bytes() as u64 * u64::from(self.sample_rate)
    }

    /// How long so many frames last, in nanoseconds.
    pub fn duration_ns(&self, frames: u64) -> u64 {
        let ns = u128::from(frames) * 1_000_000_000 / u128::from(self.sample_rate.max(1));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }

    /// How many frames there are in so many nanoseconds, to the nearest.
    pub fn frames_in(&self, ns: u64) -> u64 {
        let frames = (u128::from(ns) * u128::from(self.sample_rate) + 500_000_000) / 1_000_000_000;
        u64::try_from(frames).unwrap_or(u64::MAX)
    }
}

/// One video frame on its way into a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameData<'a> {
    /// When it was taken: CLOCK_MONOTONIC, in nanoseconds.
    pub timestamp_ns: u64,
    /// Whether it can be decoded without the frames before it.
    pub keyframe: bool,
    /// The bytes the driver filled of each memory plane.
    pub memories: &'a [&'a [u8]],
}

/// A piece of sound on its way into a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SampleData<'a> {
    /// When its first frame was taken, on the clock of the pictures.
    pub timestamp_ns: u64,
    /// The number of its first frame, a sample of each channel, since the microphone started: what was lost leaves its
    /// numbers out.
    pub position: u64,
    /// The samples, as [`AudioFormat`] says.
    pub samples: &'a [u8],
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Summary {
    /// Where to; `None` for stdout.
    pub path: Option<PathBuf>,
    /// Video frames, of all tracks.
    pub frames: u64,
    /// Bytes, the file's own structure included.
    pub bytes: u64,
    /// From the first frame to the end of the last, in nanoseconds. In a file without times, by the nominal rate.
    pub duration_ns: u64,
}

/// The one video track of a file that holds nothing else; what such a file is called is `kind`.
pub(super) fn only_video<'a>(tracks: &'a [TrackFormat], kind: &str) -> Result<&'a VideoFormat> {
    match tracks {
        [TrackFormat::Video(format)] => Ok(format),
        _ => Err(Error::new(ErrorName::NotSupportedError, format!("{kind} holds one video track and nothing else"))
            .with_remedy("record to a .mkv file, or ask for video alone")),
    }
}

/// The only audio track of a file that holds nothing else; what such a file is called is `kind`.
pub(super) fn only_audio<'a>(tracks: &'a [TrackFormat], kind: &str) -> Result<&'a AudioFormat> {
    match tracks {
        [TrackFormat::Audio(format)] => Ok(format),
        _ => Err(Error::new(
            ErrorName::NotSupportedError,
            format!("{kind} holds one microphone's sound and nothing else"),
        )
        .with_remedy("record to a .mkv file, or ask for sound alone (--audio without --video)")),
    }
}

/// A format that a kind of file cannot hold; `takes` is what can be done instead.
pub(super) fn cannot_hold(kind: &str, format: &VideoFormat, takes: &str) -> Error {
    Error::new(ErrorName::NotSupportedError, format!("{kind} cannot hold {} frames", format.fourcc)).with_remedy(takes)
}
