//! A recording as a Matroska file: frames from their planes into blocks.

use std::io;

use super::MatroskaWriter;
use super::codec::video_codec;
use crate::error::Result;
use crate::format::layout::Layout;
use crate::sink::container::{FrameData, Metadata, SampleData, TrackFormat, VideoFormat};
use crate::sink::h264::length_prefixed;
use crate::sink::output::{Output, WriteResult};
use crate::sink::packing::tight_planes;

/// A Matroska file that takes frames as capture has them.
pub(in crate::sink) struct MatroskaFile {
    writer: MatroskaWriter<Output>,
    tracks: Vec<Packing>,
    /// Frames with padded rows repacked, frames with start codes taken apart.
    scratch: Vec<u8>,
}

/// How a track's frames become the bytes of a block.
enum Packing {
    /// As they are.
    Whole,
    /// H.264 with lengths in place of start codes.
    LengthPrefixed,
    /// These planes, without padding.
    Planes(Layout, &'static [usize]),
}

impl Packing {
    fn video(format: &VideoFormat) -> Result<Self> {
        let codec = video_codec(format)?;
        Ok(match format.layout {
            _ if format.fourcc.is_h264() => Self::LengthPrefixed,
            Some(layout) if codec.raw.is_some() => Self::Planes(layout, codec.planes),
            _ => Self::Whole,
        })
    }
}

/// Whether the tracks can be stored, before a file is touched.
pub(in crate::sink) fn check(tracks: &[TrackFormat]) -> Result<()> {
    tracks.iter().try_for_each(|track| match track {
        TrackFormat::Video(format) => video_codec(format).map(drop),
        TrackFormat::Audio(_) => Ok(()),
    })
}

impl MatroskaFile {
    /// The file's header, written. Time zero is `origin` in nanoseconds, or the first frame's.
    pub fn begin(
        output: Output,
        tracks: &[TrackFormat],
        metadata: &Metadata,
        origin: Option<u64>,
    ) -> WriteResult<Self> {
        let mut writer = if output.is_seekable() {
            MatroskaWriter::seekable(output, Output::cut)
        } else {
            MatroskaWriter::new(output)
        };
        writer.set_origin(origin);
        let mut packings = Vec::with_capacity(tracks.len());
        for track in tracks {
            packings.push(match track {
                TrackFormat::Video(format) => {
                    writer.add_video(format)?;
                    Packing::video(format)?
                }
                TrackFormat::Audio(format) => {
                    writer.add_audio(format);
                    Packing::Whole
                }
            });
        }
        writer.write_header(metadata)?;
        Ok(Self { writer, tracks: packings, scratch: Vec::new() })
    }

    /// One frame.
    pub fn video(&mut self, track: usize, frame: &FrameData<'_>) -> WriteResult<()> {
        let (time, keyframe) = (frame.timestamp_ns, frame.keyframe);
        match self.tracks.get(track) {
            Some(Packing::Planes(layout, order)) => {
                let pieces = tight_planes(layout, frame.memories, order, &mut self.scratch)?;
                self.writer.write(track, time, keyframe, &pieces[..order.len()])?;
            }
            Some(Packing::LengthPrefixed) => {
                self.scratch.clear();
                frame.memories.iter().for_each(|memory| length_prefixed(memory, &mut self.scratch));
                self.writer.write(track, time, keyframe, &[&self.scratch])?;
            }
            _ => self.writer.write(track, time, keyframe, frame.memories)?,
        }
        Ok(())
    }

    /// Samples.
    pub fn audio(&mut self, track: usize, sound: &SampleData<'_>) -> WriteResult<()> {
        Ok(self.writer.write(track, sound.timestamp_ns, true, &[sound.samples])?)
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.writer.bytes()
    }

    /// How long what was written so far plays, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        self.writer.duration_ns()
    }

    /// Completes the file and puts it on the disk. The bytes written and the duration in nanoseconds.
    pub fn finish(self) -> io::Result<(u64, u64)> {
        let (output, bytes, duration_ns) = self.writer.finish()?;
        output.finish()?;
        Ok((bytes, duration_ns))
    }
}
