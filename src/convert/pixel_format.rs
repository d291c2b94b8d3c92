//! What a frame can be converted to, and the buffer that takes.

use std::fmt;

use super::kernels::RgbOrder;
use crate::error::{Error, ErrorName, Result};
use crate::format::Fourcc;
use crate::format::layout::{Layout, layout};

/// A format to convert to, after WebCodecs' `VideoPixelFormat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// Red, green, blue: three bytes a pixel. What PNG, JPEG encoders and most libraries of pictures take.
    Rgb,
    /// Red, green, blue and opaque alpha: four bytes a pixel. Textures, canvases.
    Rgba,
    /// Blue, green, red and opaque alpha: four bytes a pixel. Windows' surfaces, and a little-endian word of ARGB.
    Bgra,
    /// 4:2:0 in three planes Y, Cb, Cr (V4L2's `YU12`). What most video encoders take.
    I420,
    /// 4:2:0 in two planes, Y and chroma pairs (V4L2's `NV12`). What most hardware encoders take.
    Nv12,
}

impl PixelFormat {
    /// V4L2's code for it; of the two with alpha `AB24` and `AR24`.
    pub const fn fourcc(self) -> Fourcc {
        match self {
            Self::Rgb => Fourcc(*b"RGB3"),
            Self::Rgba => Fourcc(*b"AB24"),
            Self::Bgra => Fourcc(*b"AR24"),
            Self::I420 => Fourcc::YU12,
            Self::Nv12 => Fourcc::NV12,
        }
    }

    /// Colour planes: 1, 2 or 3.
    pub const fn plane_count(self) -> usize {
        match self {
            Self::Rgb | Self::Rgba | Self::Bgra => 1,
            Self::Nv12 => 2,
            Self::I420 => 3,
        }
    }

    /// Bytes of a row of the first plane without padding: the smallest stride.
    pub fn row_bytes(self, width: u32) -> usize {
        let bytes_per_pixel = self.rgb_order().map_or(1, RgbOrder::bytes);
        usize::try_from(width).unwrap_or(usize::MAX).saturating_mul(bytes_per_pixel)
    }

    /// Bytes of a whole picture, all planes one after the other, as V4L2 lays them out: `stride` is the distance
    /// between rows of the first plane, or 0 for rows without padding; Cb and Cr have rows half as long, rounded up,
    /// and chroma pairs rows of the same length (where that is odd, one byte more). `None` for a stride that is too
    /// short, an empty picture, and one larger than memory.
    ///
    /// ```
    /// use usermedia::convert::PixelFormat;
    ///
    /// assert_eq!(PixelFormat::Rgba.buffer_size(640, 480, 0), Some(640 * 480 * 4));
    /// assert_eq!(PixelFormat::I420.buffer_size(5, 3, 0), Some(15 + 2 * 6));
    /// assert_eq!(PixelFormat::Nv12.buffer_size(640, 480, 1024), Some(1024 * 480 + 1024 * 240));
    /// ```
    pub fn buffer_size(self, width: u32, height: u32, stride: usize) -> Option<usize> {
        self.layout(width, height, stride).map(|layout| layout.memory_size(0))
    }

    /// Where the planes lie in one buffer.
    pub(super) fn layout(self, width: u32, height: u32, stride: usize) -> Option<Layout> {
        let padded = stride == 0 || stride >= self.row_bytes(width);
        let stride = u32::try_from(stride).ok().filter(|_| padded)?;
        layout(self.fourcc(), width, height, &[stride])
    }

    pub(super) const fn rgb_order(self) -> Option<RgbOrder> {
        match self {
            Self::Rgb => Some(RgbOrder::Rgb),
            Self::Rgba => Some(RgbOrder::Rgba),
            Self::Bgra => Some(RgbOrder::Bgra),
            Self::I420 | Self::Nv12 => None,
        }
    }
}

impl fmt::Display for PixelFormat {
    /// As WebCodecs writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rgb => "RGB",
            Self::Rgba => "RGBA",
            Self::Bgra => "BGRA",
            Self::I420 => "I420",
            Self::Nv12 => "NV12",
        })
    }
}

/// A colour plane to be written.
#[derive(Debug)]
pub struct PlaneMut<'a> {
    /// Its rows, `stride` bytes apart. The padding of the last one may be missing. Padding is left as it is.
    pub data: &'a mut [u8],
    /// Bytes from the start of one row to the start of the next.
    pub stride: usize,
}

impl<'a> PlaneMut<'a> {
    /// A plane of rows `stride` bytes apart.
    pub fn new(data: &'a mut [u8], stride: usize) -> Self {
        Self { data, stride }
    }

    /// The first `bytes` of row `y`; callers have checked that they are there.
    pub(super) fn row(&mut self, y: usize, bytes: usize) -> &mut [u8] {
        &mut self.data[y * self.stride..][..bytes]
    }

    /// Rows `y` and the one after it.
    pub(super) fn two_rows(&mut self, y: usize, bytes: usize) -> [&mut [u8]; 2] {
        let (first, second) = self.data[y * self.stride..].split_at_mut(self.stride);
        [&mut first[..bytes], &mut second[..bytes]]
    }
}

/// The planes of one buffer.
pub(super) fn planes_of<'a>(
    format: PixelFormat,
    (width, height): (u32, u32),
    out: &'a mut [u8],
    stride: usize,
) -> Result<[PlaneMut<'a>; 3]> {
    let Some(layout) = format.layout(width, height, stride) else {
        return Err(too_short_a_stride(format, width, stride));
    };
    let needed = layout.memory_size(0);
    if out.len() < needed {
        let message = format!("{} bytes are too few for {width}x{height} in {format}", out.len());
        return Err(Error::new(ErrorName::TypeError, message)
            .with_remedy(format!("make the buffer {needed} bytes long: PixelFormat::buffer_size tells")));
    }
    let mut rest = out;
    Ok([0, 1, 2].map(|index| {
        let plane = layout.planes().get(index).copied().unwrap_or_default();
        let (data, after) = std::mem::take(&mut rest).split_at_mut(plane.stride * plane.rows);
        rest = after;
        PlaneMut::new(data, plane.stride)
    }))
}

/// Whether each plane holds a picture of that size.
pub(super) fn check(format: PixelFormat, (width, height): (u32, u32), planes: &[PlaneMut<'_>]) -> Result<()> {
    let Some(layout) = format.layout(width, height, 0) else { return Err(too_short_a_stride(format, width, 0)) };
    if planes.len() < layout.planes().len() {
        let message = format!("{format} needs {} planes, not {}", layout.planes().len(), planes.len());
        return Err(Error::new(ErrorName::TypeError, message).with_remedy("pass one PlaneMut for each plane"));
    }
    for (plane, wanted) in planes.iter().zip(layout.planes()) {
        if plane.stride < wanted.row_bytes {
            return Err(too_short_a_stride(format, width, plane.stride));
        }
        let needed = plane.stride.checked_mul(wanted.rows - 1).and_then(|start| start.checked_add(wanted.row_bytes));
        if needed.is_none_or(|needed| needed > plane.data.len()) {
            let message =
                format!("a plane of {} bytes is too short for {width}x{height} in {format}", plane.data.len());
            let remedy = format!("{} rows of {} bytes are needed", wanted.rows, plane.stride);
            return Err(Error::new(ErrorName::TypeError, message).with_remedy(remedy));
        }
    }
    Ok(())
}

fn too_short_a_stride(format: PixelFormat, width: u32, stride: usize) -> Error {
    let message = format!("rows {stride} bytes apart cannot hold {width} pixels in {format}");
    Error::new(ErrorName::TypeError, message)
        .with_remedy(format!("use a stride of at least {}, or 0 for no padding", format.row_bytes(width)))
}
