//! What is kept from one conversion to the next, and the choice of the way.

use super::PixelFormat;
use super::jpeg::{Decoded, Jpeg, damaged};
use super::kernels::RgbOrder;
use super::pixel_format::{PlaneMut, check, planes_of};
use super::scale::{Grid, Scaler};
use super::source::Source;
use super::to_420::{Chroma, to_420};
use super::to_rgb::to_rgb;
use super::view::{Content, VideoFrameView, to_usize};
use crate::error::Result;
use crate::format::layout::PlaneLayout;
use crate::format::pixels::pixels;
use crate::format::{VideoColorSpace, VideoMatrixCoefficients};

/// Converts frames, and keeps the memory that JPEGs take from one to the next.
///
/// ```
/// use usermedia::convert::{Converter, PixelFormat};
/// use usermedia::{MediaDevices, MediaStreamConstraints};
///
/// let stream = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(true))?;
/// let camera = &stream.video_tracks()[0];
/// let settings = camera.settings();
/// let size = PixelFormat::Rgba.buffer_size(settings.width, settings.height, 0).expect("a size");
/// let (mut converter, mut rgba) = (Converter::new(), vec![0; size]);
/// for frame in camera.processor(2).take(3) {
///     converter.convert(&frame?.view()?, PixelFormat::Rgba, &mut rgba, 0)?;
/// }
/// # Ok::<(), usermedia::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Converter {
    /// A JPEG with the Huffman tables that it came without.
    whole: Vec<u8>,
    /// A decoded JPEG on the way to where it goes.
    pixels: Vec<u8>,
    /// A converted picture on the way to another size.
    unscaled: Vec<u8>,
    /// For the first plane, and for those of chroma.
    scalers: [Scaler; 2],
}

impl Converter {
    /// One that has not kept anything yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the picture in `format` to `out`, whose rows are `stride` bytes apart, 0 for no padding: see
    /// [`VideoFrameView::convert_to`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn convert(
        &mut self,
        view: &VideoFrameView<'_>,
        format: PixelFormat,
        out: &mut [u8],
        stride: usize,
    ) -> Result<()> {
        let mut planes = planes_of(format, (view.width(), view.height()), out, stride)?;
        self.write(view, format, &mut planes)
    }

    /// Writes the picture in `format` to planes that lie anywhere: one, for NV12 two, for I420 three.
    ///
    /// # Errors
    ///
    /// As [`convert`](Self::convert).
    pub fn convert_planes(
        &mut self,
        view: &VideoFrameView<'_>,
        format: PixelFormat,
        planes: &mut [PlaneMut<'_>],
    ) -> Result<()> {
        check(format, (view.width(), view.height()), planes)?;
        self.write(view, format, planes)
    }

    /// Writes the picture in `format`, scaled to `width` x `height`, to `out`: the size of [`PixelFormat::buffer_size`]
    /// for those. A picture of that size already is converted and no more.
    ///
    /// Where a picture grows, samples are interpolated linearly; where it shrinks, an output sample is the weighted
    /// mean of all that it covers (a triangle filter), so that nothing flickers. The picture is stretched where the
    /// shapes differ: [`VideoFrameView::crop`] first, if it should not be. What this takes is allocated once, for as
    /// long as sizes stay.
    ///
    /// # Errors
    ///
    /// As [`convert`](Self::convert).
    pub fn convert_scaled(
        &mut self,
        view: &VideoFrameView<'_>,
        format: PixelFormat,
        (width, height): (u32, u32),
        out: &mut [u8],
        stride: usize,
    ) -> Result<()> {
        let from = (view.width(), view.height());
        if from == (width, height) {
            return self.convert(view, format, out, stride);
        }
        let mut planes = planes_of(format, (width, height), out, stride)?;
        let mut unscaled = std::mem::take(&mut self.unscaled);
        // None only of an empty picture or one beyond memory, which no view is; then there is no room and an error
        // below.
        unscaled.resize(format.buffer_size(from.0, from.1, 0).unwrap_or(0), 0);
        let result = self.convert(view, format, &mut unscaled, 0);
        let layouts = (format.layout(from.0, from.1, 0), format.layout(width, height, 0));
        if let (Ok(()), (Some(before), Some(after))) = (&result, layouts) {
            for (index, (plane, (before, after))) in
                planes.iter_mut().zip(before.planes().iter().zip(after.planes())).enumerate()
            {
                let bytes = match (format, index) {
                    (PixelFormat::Rgb, _) => 3,
                    (PixelFormat::Rgba | PixelFormat::Bgra, _) => 4,
                    (PixelFormat::Nv12, 1) => 2,
                    _ => 1,
                };
                let grid =
                    |plane: &PlaneLayout, stride| Grid { width: plane.row_bytes / bytes, height: plane.rows, stride };
                let (from_grid, to_grid) = (grid(before, before.stride), grid(after, plane.stride));
                let from = &unscaled[before.offset..before.end()];
                let scaler = &mut self.scalers[index.min(1)];
                match bytes {
                    1 => scaler.plane::<1>(from, from_grid, plane.data, to_grid),
                    2 => scaler.plane::<2>(from, from_grid, plane.data, to_grid),
                    3 => scaler.plane::<3>(from, from_grid, plane.data, to_grid),
                    _ => scaler.plane::<4>(from, from_grid, plane.data, to_grid),
                }
            }
        }
        self.unscaled = unscaled;
        result
    }

    /// To planes that were found to be large enough.
    fn write(&mut self, view: &VideoFrameView<'_>, format: PixelFormat, planes: &mut [PlaneMut<'_>]) -> Result<()> {
        let (bytes, width, height) = match view.content() {
            Content::Raw(source) => {
                write(&source, format, planes);
                return Ok(());
            }
            Content::Jpeg { bytes, width, height } => (bytes, width, height),
        };
        let jpeg = Jpeg::new(bytes)?;
        if jpeg.size() != (width, height) {
            let (own_width, own_height) = jpeg.size();
            return Err(damaged(&format_args!("it is {own_width}x{own_height}, and not {width}x{height}")));
        }
        let is_whole = (view.width(), view.height()) == (width, height);
        if let (Some(order), [plane, ..], true) = (format.rgb_order(), &mut *planes, is_whole) {
            let decoded = if order == RgbOrder::Rgb { Decoded::Rgb } else { Decoded::Rgba };
            let is_dense = plane.stride == format.row_bytes(width);
            if let Some(out) = plane.data.get_mut(..jpeg.decoded_size(decoded)).filter(|_| is_dense) {
                jpeg.decode(decoded, &mut self.whole, out)?;
                if order == RgbOrder::Bgra {
                    out.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| pixel.swap(0, 2));
                }
                return Ok(());
            }
        }
        let decoded = if format.rgb_order().is_some() { Decoded::Rgb } else { Decoded::Ycbcr };
        self.pixels.resize(jpeg.decoded_size(decoded), 0);
        jpeg.decode(decoded, &mut self.whole, &mut self.pixels)?;
        let lines = [(&self.pixels[..], 3 * to_usize(width))];
        let color_space = VideoColorSpace::new(VideoMatrixCoefficients::Bt601, true);
        let fourcc = decoded.fourcc();
        let source =
            pixels(fourcc).and_then(|pixels| Source::new(fourcc, pixels, (width, height), &lines, color_space));
        if let Some(source) = source {
            let [x, y] = [view.visible_rect().x, view.visible_rect().y].map(to_usize);
            write(&source.crop(x, y, to_usize(view.width()), to_usize(view.height())), format, planes);
        }
        Ok(())
    }
}

fn write(source: &Source<'_>, format: PixelFormat, planes: &mut [PlaneMut<'_>]) {
    match (format, planes) {
        (PixelFormat::I420, [y, cb, cr, ..]) => to_420(source, y, &mut Chroma::Planes(cb, cr)),
        (PixelFormat::Nv12, [y, pairs, ..]) => to_420(source, y, &mut Chroma::Pairs(pairs)),
        (rgb, [plane, ..]) => {
            if let Some(order) = rgb.rgb_order() {
                to_rgb(source, order, plane);
            }
        }
        // As many planes as the format has were found to be there.
        (_, []) => {}
    }
}
