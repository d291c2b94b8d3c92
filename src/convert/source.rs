//! An uncompressed picture whose planes were found to hold what they must: what the conversions read.

use super::kernels::YcbcrRow;
use crate::format::pixels::{Pixels, Row, Sample};
use crate::format::{Fourcc, VideoColorSpace, layout};

/// A picture, or a part of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub pixels: Pixels,
    pub width: usize,
    pub height: usize,
    pub color_space: VideoColorSpace,
    /// Each plane's bytes from the first sample on, and its stride. Every row is there, the last perhaps without
    /// padding.
    planes: [(&'a [u8], usize); 4],
    /// Bytes of picture in a row of each plane.
    row_bytes: [usize; 4],
}

/// The ways to keep Y'CbCr for which there are inner loops of their own: two pixels share their chroma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Four bytes for two pixels.
    Packed { luma: usize, cr_first: bool },
    /// Chroma pairs in a plane of their own. `halved`: one row of it serves two of luma.
    SemiPlanar { cr_first: bool, halved: bool },
    /// Cb and Cr in planes of their own.
    Planar { cb: usize, cr: usize, halved: bool },
}

impl<'a> Source<'a> {
    /// `None` where a plane is too short, or there is no picture.
    pub fn new(
        fourcc: Fourcc,
        pixels: Pixels,
        (width, height): (u32, u32),
        planes: &[(&'a [u8], usize)],
        color_space: VideoColorSpace,
    ) -> Option<Self> {
        // Without the driver's strides: they come with the planes.
        let layout = layout::layout(fourcc, width, height, &[])?;
        let mut source = Self {
            pixels,
            width: usize::try_from(width).ok()?,
            height: usize::try_from(height).ok()?,
            color_space,
            planes: [(&[], 0); 4],
            row_bytes: [0; 4],
        };
        for (index, wanted) in layout.planes().iter().enumerate() {
            let (bytes, stride) = planes.get(index).copied()?;
            let needed = stride.checked_mul(wanted.rows - 1)?.checked_add(wanted.row_bytes)?;
            if stride < wanted.row_bytes || needed > bytes.len() {
                return None;
            }
            (source.planes[index], source.row_bytes[index]) = ((bytes, stride), wanted.row_bytes);
        }
        Some(source)
    }

    /// The smallest blocks of pixels that share their chroma: columns and rows.
    pub fn chroma_block(&self) -> (usize, usize) {
        let Pixels::Ycbcr(samples) = self.pixels else { return (1, 1) };
        (1 << samples[1].shift, 1 << samples[1].shift_rows)
    }

    /// The part of it that starts at `x`, `y`, which are whole blocks of chroma, and lies inside.
    pub fn crop(&self, x: usize, y: usize, width: usize, height: usize) -> Self {
        let mut part = Self { width, height, ..*self };
        for plane in 0..self.planes.len() {
            // Every plane holds some sample, from which its subsampling is seen.
            let Some(sample) = self.samples().find(|sample| sample.plane == plane) else { continue };
            let (bytes, stride) = self.planes[plane];
            let skipped = (y >> sample.shift_rows) * stride + (x >> sample.shift) * sample.step;
            part.planes[plane].0 = bytes.get(skipped..).unwrap_or_default();
            let left = self.row_bytes[plane] - (x >> sample.shift) * sample.step;
            // Whole pairs where the next column is there to complete the last one.
            part.row_bytes[plane] =
                left.min(width.next_multiple_of(1 << self.widest_shift()).div_ceil(1 << sample.shift) * sample.step);
        }
        part
    }

    /// Whether it is R'G'B'.
    pub fn is_rgb(&self) -> bool {
        matches!(self.pixels, Pixels::Rgb(_))
    }

    fn samples(&self) -> impl Iterator<Item = Sample> {
        let (samples, count) = match self.pixels {
            Pixels::Ycbcr(samples) | Pixels::Rgb(samples) => (samples, 3),
            Pixels::Grey(sample) => ([sample; 3], 1),
        };
        samples.into_iter().take(count)
    }

    fn widest_shift(&self) -> u32 {
        self.samples().map(|sample| sample.shift).max().unwrap_or(0)
    }

    /// The bytes of the row that holds `sample` for the picture's row `y`.
    pub fn row(&self, sample: Sample, y: usize) -> Row<'a> {
        Row { bytes: self.plane_row(sample.plane, y >> sample.shift_rows), sample }
    }

    /// Row `y` of a plane.
    pub fn plane_row(&self, plane: usize, y: usize) -> &'a [u8] {
        let (bytes, stride) = self.planes[plane];
        &bytes[y * stride..][..self.row_bytes[plane]]
    }

    /// How it is kept, where that is one of the usual ways.
    pub(super) fn shape(&self) -> Option<Shape> {
        let Pixels::Ycbcr([y, cb, cr]) = self.pixels else { return None };
        let halved = match (cb.shift, cb.shift_rows) {
            (1, 0) => false,
            (1, 1) => true,
            _ => return None,
        };
        match (y.step, cb.step) {
            (2, 4) => Some(Shape::Packed { luma: y.offset, cr_first: cr.offset < cb.offset }),
            (1, 2) => Some(Shape::SemiPlanar { cr_first: cr.offset < cb.offset, halved }),
            (1, 1) => Some(Shape::Planar { cb: cb.plane, cr: cr.plane, halved }),
            _ => None,
        }
    }

    /// Row `y` for the inner loops, and how many of its pixels they can do: all, or all but the last, half of whose
    /// pair is missing.
    pub(super) fn ycbcr_row(&self, shape: Shape, y: usize) -> (YcbcrRow<'a>, usize) {
        let luma = self.plane_row(0, y);
        let chroma = |halved: bool| if halved { y / 2 } else { y };
        match shape {
            Shape::Packed { luma: place, cr_first } => {
                let row = YcbcrRow::Packed { bytes: luma, luma: place, cr_first };
                (row, self.width.min(luma.len() / 4 * 2))
            }
            Shape::SemiPlanar { cr_first, halved } => {
                let chroma = self.plane_row(1, chroma(halved));
                (YcbcrRow::SemiPlanar { y: &luma[..self.width], chroma, cr_first }, self.width)
            }
            Shape::Planar { cb, cr, halved } => {
                let [cb, cr] = [cb, cr].map(|plane| self.plane_row(plane, chroma(halved)));
                (YcbcrRow::Planar { y: &luma[..self.width], cb, cr }, self.width)
            }
        }
    }
}
