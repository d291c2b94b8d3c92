//! One picture: the driver's own bytes, lent.

use std::fmt;
use std::sync::Arc;

use super::dma_buf::DmaBuf;
use super::fitting::PassedFrame;
use super::raw::RawFrame;
use crate::capture::sync::{AtomicUsize, Ordering};
use crate::capture::{Item, Lease, Payload, TimestampSource, VideoFormat, pattern};
use crate::error::{Error, Result};
use crate::format::{Fourcc, Rect, VideoColorSpace};

/// A video frame, after WebCodecs' `VideoFrame`.
///
/// Its bytes are the driver's mapped buffer, lent, or a part of it: nothing is copied unless [`VideoFrame::is_copied`] says so. A clone
/// is another holder of the same bytes. When the last holder is dropped, on whatever thread, the buffer goes back to the
/// driver; a frame that outlives its stream keeps its bytes and nothing else.
///
/// Hold few and not for long: the driver needs its buffers. A consumer that holds too many gets no new ones
/// ([`ConsumerStatistics::holding`](crate::ConsumerStatistics::holding)) until it lets go; others do not suffer.
pub struct VideoFrame {
    frame: PassedFrame,
    /// The consumer it counts against.
    hold: Option<Arc<AtomicUsize>>,
}

impl VideoFrame {
    pub(crate) fn new(frame: impl Into<PassedFrame>, hold: Option<Arc<AtomicUsize>>) -> Self {
        if let Some(hold) = &hold {
            hold.fetch_add(1, Ordering::Relaxed);
        }
        Self { frame: frame.into(), hold }
    }

    fn own_format(&self) -> &VideoFormat {
        self.frame.format()
    }

    pub(super) fn shared_format(&self) -> Arc<VideoFormat> {
        self.frame.format().clone()
    }

    /// The camera's.
    pub(super) fn native_format(&self) -> Arc<VideoFormat> {
        self.frame.native_format().clone()
    }

    /// Why there is no picture, of one that had to be made of the camera's; it is made if it is not yet.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.frame.failure()
    }

    /// The pixel format.
    pub fn fourcc(&self) -> Fourcc {
        self.own_format().fourcc
    }

    /// Pixels per line.
    pub fn width(&self) -> u32 {
        self.own_format().width
    }

    /// Lines.
    pub fn height(&self) -> u32 {
        self.own_format().height
    }

    /// Pixels per line of the picture in memory, of which the frame may show a part: WebCodecs' `codedWidth`.
    pub fn coded_width(&self) -> u32 {
        self.frame.coded().0.0
    }

    /// Lines of the picture in memory: WebCodecs' `codedHeight`.
    pub fn coded_height(&self) -> u32 {
        self.frame.coded().0.1
    }

    /// The part of the picture in memory that the frame shows: WebCodecs' `visibleRect`. All of it, unless a smaller size was
    /// asked for and the camera has none such ([`ResizeMode::CropAndScale`](crate::resolve::ResizeMode::CropAndScale)).
    pub fn visible_rect(&self) -> Rect {
        self.frame.coded().1
    }

    /// When it was captured, in nanoseconds of CLOCK_MONOTONIC.
    pub fn timestamp(&self) -> u64 {
        self.frame.info.timestamp
    }

    /// Whether the timestamp is the driver's or the time of arrival.
    pub fn timestamp_source(&self) -> TimestampSource {
        self.frame.info.timestamp_source
    }

    /// Its number since the source started, from 0. Frames that were lost leave their numbers out.
    pub fn sequence(&self) -> u64 {
        self.frame.info.sequence
    }

    /// Whether the bytes are a copy: made because the driver was short of buffers or because another process may write to
    /// them, or because the picture was scaled, or decoded, to the size that was asked for.
    pub fn is_copied(&self) -> bool {
        self.frame.is_copied()
    }

    /// The bytes of a picture that its writer may write over, where [such frames](crate::MediaDevices::with_raw_frames) were
    /// asked for and this is one; `None` of any other. [`VideoFrame::memory`] and [`VideoFrame::plane`] give nothing then.
    pub fn raw(&self) -> Option<RawFrame<'_>> {
        RawFrame::new(self.frame.lease()?, &self.frame.info)
    }

    /// How many pieces of memory the driver delivers a frame in: 1, or up to 8 for multi-planar formats such as `NM12`.
    pub fn memory_count(&self) -> usize {
        self.own_format().memory_count
    }

    /// The payload of one piece of memory, exactly as long as the driver filled it: all of the picture, where the frame shows
    /// [a part](Self::visible_rect) of it.
    ///
    /// A picture that is scaled, or decoded, to the size that was asked for is made when this or [`VideoFrame::plane`] is
    /// first called, here, once for all clones. `None` for one that cannot be; `VideoFrame::view` says why.
    pub fn memory(&self, index: usize) -> Option<&[u8]> {
        self.frame.memory(index)
    }

    /// Where the driver says that the payload of a piece of memory lies.
    pub(super) fn payload(&self, memory: usize) -> Option<Payload> {
        self.frame.payload(memory)
    }

    /// The camera's buffer; `None` where the picture has memory of its own.
    pub(super) fn lease(&self) -> Option<&Lease> {
        self.frame.lease()
    }

    /// Its memory as dma-bufs (VIDIOC_EXPBUF), one for each piece, for other devices and processes. What that gives holds the
    /// frame as a clone does, and counts as one.
    ///
    /// A driver is asked once for each buffer, of which it has few, and never where nobody asks for a dma-buf.
    ///
    /// # Errors
    /// - [`ErrorName::NotSupportedError`](crate::ErrorName::NotSupportedError) where the driver cannot, and for frames that are
    ///   not in a driver's memory: [copies](Self::is_copied), those of the built-in camera, black ones of a disabled track.
    /// - [`ErrorName::AbortError`](crate::ErrorName::AbortError) once the stream has stopped.
    /// - [`ErrorName::NotReadableError`](crate::ErrorName::NotReadableError) where no descriptor is left, or whatever else the
    ///   kernel says.
    pub fn dma_buf(&self) -> Result<DmaBuf> {
        DmaBuf::of(self.clone())
    }

    /// How many colour planes there are: 1 for packed and compressed formats, 2 for `NV12`, 3 for `YU12`.
    pub fn plane_count(&self) -> usize {
        self.own_format().layout.as_ref().map_or(1, |layout| layout.planes().len())
    }

    /// A colour plane. An `NV12` in one piece of memory and an `NM12` in two read alike. A compressed frame is one plane
    /// with a stride of 0.
    pub fn plane(&self, index: usize) -> Option<Plane<'_>> {
        let format = self.own_format();
        let Some(layout) = &format.layout else {
            return (index == 0).then(|| self.memory(0)).flatten().map(|data| Plane { data, stride: 0, rows: 1 });
        };
        let plane = layout.planes().get(index)?;
        let memory = self.memory(plane.memory)?;
        // The padding after the last row need not be there.
        let data = memory.get(plane.offset..plane.end().min(memory.len()))?;
        Some(Plane { data, stride: plane.stride, rows: plane.rows })
    }

    /// V4L2's `colorspace`, `ycbcr_enc`, `quantization` and `xfer_func` numbers (`enum v4l2_colorspace` and its
    /// neighbours in `linux/videodev2.h`), as the driver gave them; 0 is "default".
    pub fn colour_numbers(&self) -> [u32; 4] {
        self.own_format().colour_numbers()
    }

    /// What the samples stand for: matrix and range by those numbers, V4L2's own defaults where they say "default".
    pub fn color_space(&self) -> VideoColorSpace {
        self.own_format().color_space()
    }

    /// The number that the built-in camera drew into the picture; `None` for other pictures, and for formats whose
    /// brightness cannot be read directly.
    pub fn synthetic_frame_number(&self) -> Option<u32> {
        let plane = self.plane(0)?;
        let (step, offset) = match &self.fourcc().0 {
            b"YUYV" => (2, 0),
            b"UYVY" => (2, 1),
            b"RGB3" | b"BGR3" => (3, 1),
            b"NV12" | b"YU12" | b"GREY" | b"NM12" | b"YM12" => (1, 0),
            _ => return None,
        };
        pattern::read_number(self.width(), self.height(), |x, y| {
            plane.data.get(y * plane.stride + x * step + offset).copied()
        })
    }

    /// The addresses of a piece of memory, the whole mapping: for tests that show that nothing was copied.
    #[doc(hidden)]
    pub fn address_range(&self, memory: usize) -> Option<std::ops::Range<usize>> {
        self.frame.address_range(memory)
    }
}

impl Clone for VideoFrame {
    fn clone(&self) -> Self {
        Self::new(self.frame.clone(), self.hold.clone())
    }
}

impl Drop for VideoFrame {
    fn drop(&mut self) {
        if let Some(hold) = &self.hold {
            hold.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for VideoFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VideoFrame")
            .field("fourcc", &self.fourcc())
            .field("width", &self.width())
            .field("height", &self.height())
            .field("sequence", &self.sequence())
            .field("timestamp", &self.timestamp())
            .field("copied", &self.is_copied())
            .finish_non_exhaustive()
    }
}

/// A colour plane of a frame.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Plane<'a> {
    /// The rows, `stride` bytes apart. The padding of the last row may be missing.
    pub data: &'a [u8],
    /// Bytes from the start of one row to the start of the next; 0 for a compressed frame.
    pub stride: usize,
    /// Rows; 1 for a compressed frame.
    pub rows: usize,
}
