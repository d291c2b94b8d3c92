//! A frame's pixels, when asked.

use super::frame::VideoFrame;
use crate::convert::{PixelFormat, Rect, VideoFrameView};
use crate::error::Result;

impl VideoFrame {
    /// Its pixels, borrowed, to be cropped or converted: see [`convert`](crate::convert).
    ///
    /// # Errors
    ///
    /// [`ErrorName::NotSupportedError`](crate::ErrorName::NotSupportedError) for a format that is not converted;
    /// [`ErrorName::NotReadableError`](crate::ErrorName::NotReadableError) for a frame that is shorter than its format
    /// and size need, and for one that had to be scaled or decoded and cannot be, a JPEG that is damaged.
    pub fn view(&self) -> Result<VideoFrameView<'_>> {
        if let Some(error) = self.failure() {
            return Err(error.clone());
        }
        let planes: [(&[u8], usize); 4] =
            std::array::from_fn(|index| self.plane(index).map_or((&[][..], 0), |plane| (plane.data, plane.stride)));
        let count = self.plane_count().min(planes.len());
        VideoFrameView::new(self.fourcc(), self.width(), self.height(), &planes[..count], self.color_space())
    }

    /// A part of it, without a copy: see [`VideoFrameView::crop`].
    ///
    /// # Errors
    ///
    /// What [`view`](Self::view) and [`VideoFrameView::crop`] say.
    pub fn crop(&self, rect: Rect) -> Result<VideoFrameView<'_>> {
        self.view()?.crop(rect)
    }

    /// Writes the picture in `format` to `out`, whose rows are `stride` bytes apart, 0 for no padding: see
    /// [`VideoFrameView::convert_to`]. For MJPEG, a [`Converter`](crate::convert::Converter) kept from frame to frame
    /// saves allocations.
    ///
    /// # Errors
    ///
    /// What [`view`](Self::view) and [`VideoFrameView::convert_to`] say.
    pub fn convert_to(&self, format: PixelFormat, out: &mut [u8], stride: usize) -> Result<()> {
        self.view()?.convert_to(format, out, stride)
    }
}
