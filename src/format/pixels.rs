//! Where a format keeps its samples: one table, so that the conversion itself knows no format by name.

use super::Fourcc;

/// The place of one sample: in the plane `plane`, at byte `offset + (x >> shift) * step` of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    pub plane: usize,
    pub offset: usize,
    pub step: usize,
    /// Horizontal subsampling, as a power of two.
    pub shift: u32,
    /// Vertical subsampling, as a power of two.
    pub shift_rows: u32,
}

/// How a pixel is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pixels {
    /// Y, Cb, Cr.
    Ycbcr([Sample; 3]),
    /// R, G, B.
    Rgb([Sample; 3]),
    /// Y alone.
    Grey(Sample),
}

const fn at(plane: usize, offset: usize, step: usize, shift: u32, shift_rows: u32) -> Sample {
    Sample { plane, offset, step, shift, shift_rows }
}

/// Packed 4:2:2: two pixels in four bytes.
const fn packed_422(y: usize, cb: usize, cr: usize) -> Pixels {
    Pixels::Ycbcr([at(0, y, 2, 0, 0), at(0, cb, 4, 1, 0), at(0, cr, 4, 1, 0)])
}

/// Y, and a plane of chroma pairs.
const fn semi_planar(cb: usize, cr: usize, shift: u32, shift_rows: u32) -> Pixels {
    Pixels::Ycbcr([at(0, 0, 1, 0, 0), at(1, cb, 2, shift, shift_rows), at(1, cr, 2, shift, shift_rows)])
}

/// Y, and a plane each for Cb and Cr.
const fn planar(cb: usize, cr: usize, shift: u32, shift_rows: u32) -> Pixels {
    Pixels::Ycbcr([at(0, 0, 1, 0, 0), at(cb, 0, 1, shift, shift_rows), at(cr, 0, 1, shift, shift_rows)])
}

/// Whole bytes of Y, Cb and Cr for each pixel.
const fn packed_444(y: usize, cb: usize, cr: usize, step: usize) -> Pixels {
    Pixels::Ycbcr([at(0, y, step, 0, 0), at(0, cb, step, 0, 0), at(0, cr, step, 0, 0)])
}

/// Whole bytes of RGB.
const fn rgb(r: usize, g: usize, b: usize, step: usize) -> Pixels {
    Pixels::Rgb([at(0, r, step, 0, 0), at(0, g, step, 0, 0), at(0, b, step, 0, 0)])
}

/// How `fourcc` keeps its pixels; `None` for formats that are not converted.
pub(crate) fn pixels(fourcc: Fourcc) -> Option<Pixels> {
    Some(match &fourcc.0 {
        b"YUYV" => packed_422(0, 1, 3),
        b"YVYU" => packed_422(0, 3, 1),
        b"UYVY" => packed_422(1, 0, 2),
        b"VYUY" => packed_422(1, 2, 0),
        b"YUV3" => packed_444(0, 1, 2, 3),
        b"YUV4" | b"AYUV" | b"XYUV" => packed_444(1, 2, 3, 4),
        b"YUVA" | b"YUVX" => packed_444(0, 1, 2, 4),
        b"VUYA" | b"VUYX" => packed_444(2, 1, 0, 4),
        b"NV12" | b"NM12" => semi_planar(0, 1, 1, 1),
        b"NV21" | b"NM21" => semi_planar(1, 0, 1, 1),
        b"NV16" | b"NM16" => semi_planar(0, 1, 1, 0),
        b"NV61" | b"NM61" => semi_planar(1, 0, 1, 0),
        b"NV24" => semi_planar(0, 1, 0, 0),
        b"NV42" => semi_planar(1, 0, 0, 0),
        b"YU12" | b"YM12" => planar(1, 2, 1, 1),
        b"YV12" | b"YM21" => planar(2, 1, 1, 1),
        b"422P" | b"YM16" => planar(1, 2, 1, 0),
        b"YM61" => planar(2, 1, 1, 0),
        b"411P" => planar(1, 2, 2, 0),
        b"YUV9" => planar(1, 2, 2, 2),
        b"YVU9" => planar(2, 1, 2, 2),
        b"YM24" => planar(1, 2, 0, 0),
        b"YM42" => planar(2, 1, 0, 0),
        b"GREY" => Pixels::Grey(at(0, 0, 1, 0, 0)),
        // The high byte.
        b"Y16 " => Pixels::Grey(at(0, 1, 2, 0, 0)),
        b"RGB3" => rgb(0, 1, 2, 3),
        b"BGR3" => rgb(2, 1, 0, 3),
        b"BGR4" | b"XR24" | b"AR24" => rgb(2, 1, 0, 4),
        b"RGB4" | b"BX24" | b"BA24" => rgb(1, 2, 3, 4),
        b"XB24" | b"AB24" => rgb(0, 1, 2, 4),
        b"RX24" | b"RA24" => rgb(3, 2, 1, 4),
        _ => return None,
    })
}

/// The columns and rows between which a part of a picture may start, which are those that share their chroma; `None` for
/// formats that are not converted.
pub(crate) fn crop_alignment(fourcc: Fourcc) -> Option<(u32, u32)> {
    Some(match pixels(fourcc)? {
        Pixels::Ycbcr(samples) => (1 << samples[1].shift, 1 << samples[1].shift_rows),
        Pixels::Rgb(_) | Pixels::Grey(_) => (1, 1),
    })
}

/// One kind of sample along one row.
#[cfg(any(feature = "record", feature = "convert"))]
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// The row, without padding.
    pub bytes: &'a [u8],
    /// The kind.
    pub sample: Sample,
}

#[cfg(any(feature = "record", feature = "convert"))]
impl Row<'_> {
    /// The sample of the pixel in column `x`.
    pub fn at(&self, x: usize) -> u8 {
        let Sample { offset, step, shift, .. } = self.sample;
        let index = offset + (x >> shift) * step;
        // A packed 4:2:2 row of odd width ends in half a pair, which lacks one of its chroma samples: the neighbour's
        // serves, and no colour in a picture of one pixel.
        let neighbour = || index.checked_sub(step).and_then(|index| self.bytes.get(index));
        self.bytes.get(index).or_else(neighbour).copied().unwrap_or(128)
    }
}
