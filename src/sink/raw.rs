//! Frames without a container: each memory plane's bytes as the driver filled it, one frame after the other.
//!
//! So a raw file is byte by byte what `v4l2-ctl --stream-to` writes, padding included; of a part of the camera's pictures it is
//! the rows of that part, without padding. Motion JPEG in this form is what
//! players know as `.mjpg`, and H.264 what they know as `.h264`.

use std::io::{self, IoSlice};

use super::container::{FrameData, TrackFormat, cannot_hold, only_video};
use super::output::{Output, WriteResult};
use super::packing::{MAX_PIECES, tight_planes, write_pieces};
use crate::error::{Error, ErrorName, Result};
use crate::format::FrameRate;
use crate::format::layout::Layout;

/// As many memory planes as V4L2 has (`VIDEO_MAX_PLANES`).
const MAX_MEMORIES: usize = 8;

/// A file of frames and nothing else.
pub(super) struct RawFile {
    output: Output,
    frame_rate: Option<FrameRate>,
    /// Where in the driver's memory the part of the picture lies that is stored; `None` where all of it is.
    part: Option<Layout>,
    /// Its rows.
    scratch: Vec<u8>,
    frames: u64,
    bytes: u64,
}

/// Whether the tracks can be stored as they are: pictures, or sound. Before a file is touched.
pub(super) fn check(tracks: &[TrackFormat]) -> Result<()> {
    match tracks {
        [_] => Ok(()),
        _ => Err(Error::new(ErrorName::NotSupportedError, "raw output holds one track and nothing else")
            .with_remedy("record to a .mkv file, or ask for video or audio alone")),
    }
}

/// Whether the tracks can be stored as a row of JPEG pictures.
pub(super) fn check_jpeg(tracks: &[TrackFormat]) -> Result<()> {
    let format = only_video(tracks, "a .mjpg file")?;
    if format.fourcc.is_jpeg() {
        return Ok(());
    }
    Err(cannot_hold("a .mjpg file", format, "ask for MJPG with --fourcc MJPG, or record to a .mkv file"))
}

/// Whether the tracks can be stored as a bare H.264 stream.
pub(super) fn check_h264(tracks: &[TrackFormat]) -> Result<()> {
    let format = only_video(tracks, "a .h264 file")?;
    if format.fourcc.is_h264() {
        return Ok(());
    }
    Err(cannot_hold("a .h264 file", format, "ask for H.264 with --fourcc H264, or record to a .mkv file"))
}

impl RawFile {
    /// A file still empty.
    pub fn begin(output: Output, tracks: &[TrackFormat]) -> WriteResult<Self> {
        let format = only_video(tracks, "raw output")?;
        let part = format.layout.filter(Layout::is_part);
        Ok(Self { output, frame_rate: format.frame_rate, part, scratch: Vec::new(), frames: 0, bytes: 0 })
    }

    /// One frame.
    pub fn video(&mut self, frame: &FrameData<'_>) -> WriteResult<()> {
        let mut slices = [IoSlice::new(&[]); MAX_MEMORIES];
        let mut bytes = 0;
        let pieces: [&[u8]; MAX_PIECES];
        let memories = match &self.part {
            None => frame.memories,
            Some(part) => {
                let order: [usize; MAX_PIECES] = std::array::from_fn(|index| index);
                pieces = tight_planes(part, frame.memories, &order[..part.planes().len()], &mut self.scratch)?;
                &pieces
            }
        };
        for (slice, memory) in slices.iter_mut().zip(memories) {
            *slice = IoSlice::new(memory);
            bytes += memory.len() as u64;
        }
        write_pieces(&mut self.output, &mut slices)?;
        self.bytes += bytes;
        self.frames += 1;
        Ok(())
    }

    /// Bytes of the whole frames written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How long they last by the nominal rate, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        nominal_duration_ns(self.frames, self.frame_rate)
    }

    /// Takes out what was written of a frame that failed.
    pub fn cut(&mut self) -> io::Result<()> {
        self.output.cut(self.bytes)
    }

    /// Puts the file on the disk.
    pub fn finish(self) -> io::Result<()> {
        self.output.finish()
    }
}

/// How long `frames` last at `rate`, in nanoseconds; 0 where the rate is not known.
pub(super) fn nominal_duration_ns(frames: u64, rate: Option<FrameRate>) -> u64 {
    let Some(rate) = rate else { return 0 };
    let exact = u128::from(frames) * u128::from(rate.denominator()) * 1_000_000_000 / u128::from(rate.numerator());
    u64::try_from(exact).unwrap_or(u64::MAX)
}
