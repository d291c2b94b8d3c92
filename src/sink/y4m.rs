//! YUV4MPEG2: uncompressed YCbCr or grey in three planes, as video tools pass it to each other.
//!
//! The format has a rate but no times: a frame that was lost makes the file shorter, not slower. Use Matroska where times
//! matter. Packed and semi-planar formats are sorted into planes; nothing is scaled or converted.

use std::io::{self, IoSlice, Write};

use super::container::{FrameData, TrackFormat, VideoFormat, cannot_hold, only_video};
use super::output::{Output, WriteResult};
use super::packing::{plane_bytes, tight_planes, write_pieces};
use super::raw::nominal_duration_ns;
use crate::error::Result;
use crate::format::layout::Layout;
use crate::format::pixels::{Pixels, Row, Sample, pixels};

/// A Y4M file.
pub(super) struct Y4mFile {
    output: Output,
    format: VideoFormat,
    layout: Layout,
    packing: Packing,
    /// The planes of a frame, where they are not already one after the other.
    scratch: Vec<u8>,
    frames: u64,
    bytes: u64,
}

/// What makes a frame's planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    /// The one plane of grey.
    Grey,
    /// The planes of Y, Cb and Cr.
    Planes([usize; 3]),
    /// Samples that have to be picked out of packed pixels or chroma pairs.
    Samples([Sample; 3]),
}

/// Whether the tracks can be stored, before a file is touched.
pub(super) fn check(tracks: &[TrackFormat]) -> Result<()> {
    scheme(only_video(tracks, "a .y4m file")?).map(drop)
}

/// How frames are packed and what Y4M calls their chroma.
fn scheme(format: &VideoFormat) -> Result<(Layout, Packing, &'static str)> {
    let named = match (&format.fourcc.0, pixels(format.fourcc)) {
        (b"GREY", _) => Some((Packing::Grey, "mono")),
        (b"Y10 ", _) => Some((Packing::Grey, "mono10")),
        (b"Y12 ", _) => Some((Packing::Grey, "mono12")),
        (b"Y16 ", _) => Some((Packing::Grey, "mono16")),
        (_, Some(Pixels::Ycbcr(samples))) => {
            let chroma = match (samples[1].shift, samples[1].shift_rows) {
                // Where chroma lies between the rows and columns: in the middle for JPEG's full range, else on the
                // columns, as in MPEG-2.
                (1, 1) if format.color_space.full_range => Some("420jpeg"),
                (1, 1) => Some("420mpeg2"),
                (1, 0) => Some("422"),
                (0, 0) => Some("444"),
                (2, 0) => Some("411"),
                _ => None,
            };
            let planar = samples.iter().all(|sample| sample.step == 1);
            let packing =
                if planar { Packing::Planes(samples.map(|sample| sample.plane)) } else { Packing::Samples(samples) };
            chroma.map(|chroma| (packing, chroma))
        }
        _ => None,
    };
    match (named, format.layout) {
        (Some((packing, chroma)), Some(layout)) => Ok((layout, packing, chroma)),
        _ => Err(cannot_hold("a .y4m file", format, "ask for YUYV, NV12, YU12 or GREY, or record to a .mkv file")),
    }
}

impl Y4mFile {
    /// The file's header, written.
    pub fn begin(mut output: Output, tracks: &[TrackFormat]) -> WriteResult<Self> {
        let format = only_video(tracks, "a .y4m file")?.clone();
        let (layout, packing, chroma) = scheme(&format)?;
        let header = header(&format, chroma);
        output.write_all(header.as_bytes())?;
        Ok(Self { output, format, layout, packing, scratch: Vec::new(), frames: 0, bytes: header.len() as u64 })
    }

    /// One frame.
    pub fn video(&mut self, frame: &FrameData<'_>) -> WriteResult<()> {
        const FRAME: &[u8] = b"FRAME\n";
        let planes = match &self.packing {
            Packing::Grey => tight_planes(&self.layout, frame.memories, &[0], &mut self.scratch)?,
            Packing::Planes(order) => tight_planes(&self.layout, frame.memories, order, &mut self.scratch)?,
            Packing::Samples(samples) => {
                self.scratch.clear();
                for sample in samples {
                    append_samples(&mut self.scratch, &self.layout, frame.memories, *sample, self.format.width)?;
                }
                [&self.scratch[..], &[], &[], &[]]
            }
        };
        let bytes = planes.iter().chain([&FRAME]).map(|piece| piece.len() as u64).sum::<u64>();
        let [a, b, c, d] = planes;
        write_pieces(&mut self.output, &mut [FRAME, a, b, c, d].map(IoSlice::new))?;
        self.bytes += bytes;
        self.frames += 1;
        Ok(())
    }

    /// Bytes of the header and the whole frames written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How long they last by the nominal rate, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        nominal_duration_ns(self.frames, self.format.frame_rate)
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

/// Appends one kind of sample, from every row that has it.
fn append_samples(out: &mut Vec<u8>, layout: &Layout, memories: &[&[u8]], sample: Sample, width: u32) -> Result<()> {
    let plane = layout.planes()[sample.plane];
    // The width was laid out, so it fits a usize.
    let columns = (0..width as usize).step_by(1 << sample.shift);
    for bytes in plane_bytes(&plane, memories)?.chunks(plane.stride) {
        let row = Row { bytes: &bytes[..plane.row_bytes], sample };
        out.extend(columns.clone().map(|x| row.at(x)));
    }
    Ok(())
}

fn header(format: &VideoFormat, chroma: &str) -> String {
    // An unknown rate is 0:0; an unknown shape of pixels too.
    let (numerator, denominator) = format.frame_rate.map_or((0, 0), |rate| (rate.numerator(), rate.denominator()));
    let range = match (chroma.starts_with("mono"), format.color_space.full_range) {
        (true, _) => "",
        (_, true) => " XCOLORRANGE=FULL",
        (_, false) => " XCOLORRANGE=LIMITED",
    };
    let (width, height) = (format.width, format.height);
    format!("YUV4MPEG2 W{width} H{height} F{numerator}:{denominator} Ip A0:0 C{chroma}{range}\n")
}

#[cfg(test)]
mod tests;
