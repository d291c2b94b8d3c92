//! Frames as pictures of the crate `image`, which own their pixels.

use image::{GrayImage, ImageBuffer, Pixel, RgbImage, RgbaImage};

use super::{PixelFormat, VideoFrameView};
use crate::error::{Error, ErrorName, Result};
use crate::stream::VideoFrame;

impl VideoFrameView<'_> {
    /// The picture as the crate `image` has it: red, green and blue of full range, by the frame's own matrix and range.
    /// Feature `image`.
    ///
    /// That is one allocation, besides those of the JPEG decoder. For frame after frame, an image that is there already is
    /// written to as the `&mut [u8]` that it is: [`Converter::convert`](super::Converter::convert).
    ///
    /// # Errors
    ///
    /// [`ErrorName::NotReadableError`] for a JPEG that is cut short or damaged.
    ///
    /// ```
    /// use usermedia::convert::{Rect, VideoFrameView};
    /// use usermedia::{Fourcc, VideoColorSpace, VideoMatrixCoefficients};
    ///
    /// let bgr = [3, 2, 1, 6, 5, 4]; // two pixels
    /// let space = VideoColorSpace::new(VideoMatrixCoefficients::Bt601, true);
    /// let view = VideoFrameView::new(Fourcc(*b"BGR3"), 2, 1, &[(&bgr, 6)], space)?;
    /// let image = view.crop(Rect::new(1, 0, 1, 1))?.to_rgb_image()?;
    /// assert_eq!((image.dimensions(), image.get_pixel(0, 0).0), ((1, 1), [4, 5, 6]));
    /// # Ok::<(), usermedia::Error>(())
    /// ```
    pub fn to_rgb_image(&self) -> Result<RgbImage> {
        image(self, self.converted(PixelFormat::Rgb)?)
    }

    /// As [`to_rgb_image`](Self::to_rgb_image), with an alpha that is opaque.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn to_rgba_image(&self) -> Result<RgbaImage> {
        image(self, self.converted(PixelFormat::Rgba)?)
    }

    /// The brightness alone: the frame's Y', in full range. A frame of full range that has its Y' in a plane of its own, or is
    /// grey, gives the bytes it has; one of RGB the Y' of its matrix, within 1 of 255.
    ///
    /// This is not what `image` makes of an [`RgbImage`], which weighs by BT.709 whatever the picture was.
    ///
    /// # Errors
    ///
    /// As [`to_rgb_image`](Self::to_rgb_image).
    pub fn to_gray_image(&self) -> Result<GrayImage> {
        // Y' is the first plane, without padding.
        let mut pixels = self.converted(PixelFormat::I420)?;
        pixels.truncate(PixelFormat::I420.row_bytes(self.width()).saturating_mul(super::view::to_usize(self.height())));
        if !self.color_space_as(PixelFormat::I420).full_range {
            let full = full_range();
            pixels.iter_mut().for_each(|y| *y = full[usize::from(*y)]);
        }
        image(self, pixels)
    }

    /// The picture in a buffer of its own, without padding.
    fn converted(&self, format: PixelFormat) -> Result<Vec<u8>> {
        let size = format.buffer_size(self.width(), self.height(), 0).ok_or_else(|| too_large(self))?;
        let mut pixels = vec![0; size];
        self.convert_to(format, &mut pixels, 0)?;
        Ok(pixels)
    }
}

/// Of each Y' of limited range, 16 to 235, that of full range; what lies outside is clipped.
fn full_range() -> [u8; 256] {
    std::array::from_fn(|y| {
        // From 0 to 255, rounded to the nearest.
        let full = (y.saturating_sub(16) * 255 + 109) / 219;
        u8::try_from(full).unwrap_or(u8::MAX)
    })
}

fn image<P: Pixel<Subpixel = u8>>(view: &VideoFrameView<'_>, pixels: Vec<u8>) -> Result<ImageBuffer<P, Vec<u8>>> {
    ImageBuffer::from_raw(view.width(), view.height(), pixels).ok_or_else(|| too_large(view))
}

fn too_large(view: &VideoFrameView<'_>) -> Error {
    let message = format!("a picture of {}x{} does not fit into memory", view.width(), view.height());
    Error::new(ErrorName::NotSupportedError, message).with_remedy("crop it, or ask for a smaller size")
}

impl VideoFrame {
    /// The picture as the crate `image` has it, with pixels of its own: see [`VideoFrameView::to_rgb_image`]. Feature `image`.
    ///
    /// # Errors
    ///
    /// What [`view`](Self::view) and [`VideoFrameView::to_rgb_image`] say.
    pub fn to_rgb_image(&self) -> Result<RgbImage> {
        self.view()?.to_rgb_image()
    }

    /// As [`to_rgb_image`](Self::to_rgb_image), with an alpha that is opaque.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn to_rgba_image(&self) -> Result<RgbaImage> {
        self.view()?.to_rgba_image()
    }

    /// The brightness alone, in full range: see [`VideoFrameView::to_gray_image`].
    ///
    /// # Errors
    ///
    /// As [`to_rgb_image`](Self::to_rgb_image).
    pub fn to_gray_image(&self) -> Result<GrayImage> {
        self.view()?.to_gray_image()
    }
}

/// `TryFrom` for the images, of frames and of parts of them.
macro_rules! conversions {
    ($($image:ty, $method:ident;)+) => {$(
        impl TryFrom<&VideoFrame> for $image {
            type Error = Error;

            fn try_from(frame: &VideoFrame) -> Result<Self> {
                frame.$method()
            }
        }

        impl TryFrom<&VideoFrameView<'_>> for $image {
            type Error = Error;

            fn try_from(view: &VideoFrameView<'_>) -> Result<Self> {
                view.$method()
            }
        }
    )+};
}

conversions! {
    RgbImage, to_rgb_image;
    RgbaImage, to_rgba_image;
    GrayImage, to_gray_image;
}
