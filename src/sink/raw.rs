//! Frames without a container: each memory plane's bytes as the driver filled it, one frame after the other.
//!
//! So a raw file is byte by byte what `v4l2-ctl --stream-to` writes, padding included. Motion JPEG in this form is what
//! players know as `.mjpg`.

use std::io::{IoSlice, Write};

use super::container::{FrameData, TrackFormat, cannot_hold, only_video};
use super::output::{Output, WriteResult};
use super::packing::write_pieces;
use crate::error::Result;
use crate::format::FrameRate;

/// As many memory planes as V4L2 has (`VIDEO_MAX_PLANES`).
const MAX_MEMORIES: usize = 8;

/// A file of frames and nothing else.
pub(super) struct RawFile {
    output: Output,
    frame_rate: Option<FrameRate>,
    frames: u64,
    bytes: u64,
}

/// Whether the tracks can be stored, before a file is touched.
pub(super) fn check(tracks: &[TrackFormat], only_jpeg: bool) -> Result<()> {
    let format = only_video(tracks, if only_jpeg { "a .mjpg file" } else { "raw output" })?;
    if only_jpeg && !format.fourcc.is_jpeg() {
        return Err(cannot_hold("a .mjpg file", format, "ask for MJPG with --fourcc MJPG, or record to a .mkv file"));
    }
    Ok(())
}

impl RawFile {
    /// A file still empty.
    pub fn begin(output: Output, tracks: &[TrackFormat]) -> WriteResult<Self> {
        let frame_rate = only_video(tracks, "raw output")?.frame_rate;
        Ok(Self { output, frame_rate, frames: 0, bytes: 0 })
    }

    /// One frame.
    pub fn video(&mut self, frame: &FrameData<'_>) -> WriteResult<()> {
        let mut slices = [IoSlice::new(&[]); MAX_MEMORIES];
        for (slice, memory) in slices.iter_mut().zip(frame.memories) {
            *slice = IoSlice::new(memory);
            self.bytes += memory.len() as u64;
        }
        write_pieces(&mut self.output, &mut slices)?;
        self.frames += 1;
        Ok(self.output.flush()?)
    }

    /// The bytes written and the duration in nanoseconds, by the nominal rate.
    pub fn finish(self) -> (u64, u64) {
        (self.bytes, nominal_duration_ns(self.frames, self.frame_rate))
    }
}

/// How long `frames` last at `rate`, in nanoseconds; 0 where the rate is not known.
pub(super) fn nominal_duration_ns(frames: u64, rate: Option<FrameRate>) -> u64 {
    let Some(rate) = rate else { return 0 };
    let exact = u128::from(frames) * u128::from(rate.denominator()) * 1_000_000_000 / u128::from(rate.numerator());
    u64::try_from(exact).unwrap_or(u64::MAX)
}
