//! A frame's bytes as v4l2loopback wants them: in one piece, rows without more padding than it said.

use crate::error::{Error, ErrorName, Result};
use crate::format::layout::{Layout, layout};
use crate::format::{Fourcc, FrameStamp};
use crate::seam::OutputMemory;
use crate::stream::VideoFrame;

/// Where a picture is written to.
pub(super) trait Canvas {
    /// Writes `bytes` at `offset`; whether they fit.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> bool;
    /// Writes one byte; whether it fits.
    fn put(&mut self, offset: usize, byte: u8) -> bool;
}

impl Canvas for OutputMemory {
    fn write(&mut self, offset: usize, bytes: &[u8]) -> bool {
        OutputMemory::write(self, offset, bytes)
    }

    fn put(&mut self, offset: usize, byte: u8) -> bool {
        OutputMemory::put(self, offset, byte)
    }
}

impl Canvas for Vec<u8> {
    fn write(&mut self, offset: usize, bytes: &[u8]) -> bool {
        let end = offset.saturating_add(bytes.len());
        self.get_mut(offset..end).map(|place| place.copy_from_slice(bytes)).is_some()
    }

    fn put(&mut self, offset: usize, byte: u8) -> bool {
        self.get_mut(offset).map(|place| *place = byte).is_some()
    }
}

/// The format that has the same planes in one piece of memory, as v4l2loopback has no other.
pub(super) fn in_one_piece(fourcc: Fourcc) -> Fourcc {
    Fourcc(match &fourcc.0 {
        b"NM12" => *b"NV12",
        b"NM21" => *b"NV21",
        b"NM16" => *b"NV16",
        b"NM61" => *b"NV61",
        b"YM12" => *b"YU12",
        b"YM21" => *b"YV12",
        b"YM16" => *b"422P",
        other => *other,
    })
}

/// How pictures are written.
#[derive(Debug, Clone)]
pub(super) struct Writing {
    fourcc: Fourcc,
    width: u32,
    height: u32,
    layout: Option<Layout>,
}

impl Writing {
    /// `bytesperline` is the driver's; 0 for rows without padding.
    pub(super) fn new(fourcc: Fourcc, width: u32, height: u32, bytesperline: u32) -> Self {
        Self { fourcc, width, height, layout: layout(fourcc, width, height, &[bytesperline]) }
    }

    /// Bytes of a picture; 0 where each has a size of its own.
    #[cfg(feature = "picture")]
    pub(super) fn size(&self) -> usize {
        self.layout.map_or(0, |layout| layout.memory_size(0))
    }

    /// Writes a frame; how many bytes it takes.
    pub(super) fn copy(&self, frame: &VideoFrame, out: &mut impl Canvas) -> Result<usize> {
        let Some(layout) = &self.layout else {
            let bytes = frame.memory(0).unwrap_or_default();
            return if out.write(0, bytes) { Ok(bytes.len()) } else { Err(self.does_not_fit(bytes.len())) };
        };
        for (index, to) in layout.planes().iter().enumerate() {
            let from = frame.plane(index).filter(|from| from.stride >= to.row_bytes && from.rows >= to.rows);
            let from = from.ok_or_else(|| self.does_not_fit(0))?;
            let whole = from.stride.saturating_mul(to.rows - 1).saturating_add(to.row_bytes);
            let bytes = from.data.get(..whole).ok_or_else(|| self.does_not_fit(from.data.len()))?;
            let written = if from.stride == to.stride {
                out.write(to.offset, bytes)
            } else {
                let mut rows = bytes.chunks(from.stride).enumerate();
                rows.all(|(row, bytes)| out.write(to.offset + row * to.stride, &bytes[..to.row_bytes]))
            };
            if !written {
                return Err(self.does_not_fit(layout.memory_size(0)));
            }
        }
        Ok(layout.memory_size(0))
    }

    /// Stamps the picture that `out` holds.
    pub(super) fn stamp(&self, stamp: FrameStamp, out: &mut impl Canvas) -> bool {
        let Some(layout) = &self.layout else { return false };
        stamp.put(self.fourcc, layout, |offset, byte| out.put(offset, byte))
    }

    /// The picture in `pixels`, as a JPEG in `out`.
    #[cfg(feature = "picture")]
    pub(super) fn encode(
        &self,
        pixels: &[u8],
        color_space: crate::format::VideoColorSpace,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        use crate::convert::VideoFrameView;
        use crate::sink::picture::{PictureType, encode};

        let mut planes: [(&[u8], usize); 4] = [(&[], 0); 4];
        let found = self.layout.as_ref().map_or(&[][..], Layout::planes);
        for (to, plane) in planes.iter_mut().zip(found) {
            *to = (pixels.get(plane.offset..plane.end()).unwrap_or_default(), plane.stride);
        }
        let (fourcc, width, height) = (self.fourcc, self.width, self.height);
        let view = VideoFrameView::new(fourcc, width, height, &planes[..found.len()], color_space)?;
        out.clear();
        encode(&view, PictureType::Jpeg, out)
    }

    fn does_not_fit(&self, bytes: usize) -> Error {
        let message = format!(
            "a frame of {bytes} bytes does not fit into a buffer of {} {}x{}",
            self.fourcc, self.width, self.height
        );
        Error::new(ErrorName::NotReadableError, message)
    }
}
