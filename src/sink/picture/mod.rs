//! Pictures: a frame of any common format as RGB, as a JPEG or PNG file, and how bright it is.

mod convert;
mod encode;
mod huffman;
mod jpeg;

pub(crate) use convert::luma_mean;
#[cfg(all(test, feature = "record"))]
pub(crate) use convert::to_rgb8;
pub(crate) use encode::{PictureType, encode};
pub(crate) use jpeg::decode_top_luma;

use super::colorimetry::Colorimetry;
use crate::format::Fourcc;
#[cfg(test)]
use crate::format::layout::Layout;

/// One frame, to be looked at: a format, a size and the bytes of each colour plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PictureView<'a> {
    /// The format.
    pub fourcc: Fourcc,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Each colour plane's bytes and stride, in the format's order. A JPEG is one plane of stride 0. The last row need
    /// not be padded.
    pub planes: &'a [(&'a [u8], usize)],
    /// What the samples stand for.
    pub colorimetry: Colorimetry,
}

/// The colour planes of a frame whose memory planes are `memories`, for [`PictureView::planes`]: as many as the layout
/// has, the rest empty. A plane that lies beyond its memory comes out empty or short, which the conversion refuses.
#[cfg(test)]
pub(crate) fn planes<'a>(layout: &Layout, memories: &[&'a [u8]]) -> [(&'a [u8], usize); 4] {
    let mut planes: [(&[u8], usize); 4] = [(&[], 0); 4];
    for (out, plane) in planes.iter_mut().zip(layout.planes()) {
        let memory = memories.get(plane.memory).copied().unwrap_or_default();
        let end = plane.end().min(memory.len());
        *out = (memory.get(plane.offset..end).unwrap_or_default(), plane.stride);
    }
    planes
}
