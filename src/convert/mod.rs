//! Pixels, when asked: frames to RGB, RGBA, BGRA, I420 and NV12, into the caller's own buffer.
//!
//! A [`VideoFrame`](crate::VideoFrame) is what the driver wrote: YUYV, NV12, MJPG. Nothing here happens unless it is
//! called. [`VideoFrame::convert_to`](crate::VideoFrame::convert_to) does one frame;
//! [`VideoFrame::view`](crate::VideoFrame::view) gives what can be cropped without a copy and handed to a
//! [`Converter`], which keeps the memory that JPEGs take. A [`VideoFrameView`] can also be made of any other bytes,
//! without a camera.
//!
//! What goes in:
//!
//! | | V4L2's formats |
//! |---|---|
//! | JPEG | `MJPG`, `JPEG`, without Huffman tables too |
//! | 4:2:2 packed | `YUYV` `UYVY` `YVYU` `VYUY` |
//! | Y and chroma pairs | `NV12` `NV21` `NV16` `NV61` `NV24` `NV42`, `NM12` `NM21` `NM16` `NM61` |
//! | three planes | `YU12` `YV12` `422P` `411P` `YUV9` `YVU9`, `YM12` `YM21` `YM16` `YM61` `YM24` `YM42` |
//! | 4:4:4 packed | `YUV3` `YUV4` `AYUV` `XYUV` `YUVA` `YUVX` `VUYA` `VUYX` |
//! | RGB | `RGB3` `BGR3` `RGB4` `BGR4` and `XR24` `AR24` `BX24` `BA24` `XB24` `AB24` `RX24` `RA24` |
//! | grey | `GREY`, `Y16` |
//!
//! How it comes out:
//!
//! - RGB is R'G'B' of full range, by the matrix (BT.601, 709, 2020, SMPTE 240M) and the range that the driver named,
//!   V4L2's defaults where it named none. Chroma is the nearest sample's. No value differs by more than 1 from the
//!   rounded result of the standard's equations, samples outside the nominal range included.
//! - I420 and NV12 keep the frame's matrix and range. 4:2:0 is copied; from finer chroma the mean of what a sample
//!   covers is taken, rounded half up. RGB becomes limited range: [`VideoFrameView::color_space_as`].
//! - Strides are honoured on both sides, padding is neither read nor written, and sizes may be odd.
//! - Nothing is allocated, except by the JPEG decoder, for its own work, and once by [`Converter::convert_scaled`].
//! - A JPEG that is cut short, damaged where that can be seen, or of another size than the frame is an error. What
//!   cannot be seen: wrong bits that are still a code, and bits missing in the last row of blocks before an end marker.
//!
//! The common formats run through vector code (AVX2) where the processor has it, at the speed of libyuv:
//! docs/performance.md.

mod converter;
mod huffman;
#[cfg(feature = "image")]
mod images;
pub(crate) mod jpeg;
mod kernels;
mod pixel_format;
mod scale;
pub(crate) mod source;
mod to_420;
mod to_rgb;
mod view;

pub use converter::Converter;
pub use pixel_format::{PixelFormat, PlaneMut};
#[cfg(feature = "picture")]
pub(crate) use view::Content;
pub use view::VideoFrameView;

pub use crate::format::Rect;
