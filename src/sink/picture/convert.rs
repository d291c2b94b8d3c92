//! From any common format to RGB, by scalar code that is easy to check: within 1 of the exact value.

use super::{PictureView, jpeg};
use crate::error::{Error, ErrorName, Result};
use crate::format::layout::{Layout, layout};
use crate::format::pixels::{Pixels, Row, Sample, pixels};
use crate::sink::colorimetry::Colorimetry;

/// A picture in RGB, three bytes a pixel, rows without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rgb8 {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height * 3` bytes.
    pub data: Vec<u8>,
}

/// The picture in R'G'B' of full range, chroma taken from the nearest sample.
///
/// # Errors
///
/// `NotSupportedError` for a format this does not convert; `NotReadableError` for a frame shorter than its format needs
/// and for a JPEG that does not decode.
pub(crate) fn to_rgb8(view: &PictureView<'_>) -> Result<Rgb8> {
    if view.fourcc.is_jpeg() {
        return jpeg::decode_rgb(jpeg_bytes(view));
    }
    let source = Source::new(view)?;
    let width = source.width;
    let size =
        width.checked_mul(source.height).and_then(|count| count.checked_mul(3)).ok_or_else(|| too_short(view))?;
    let mut data = vec![0; size];
    let conversion = Conversion::new(view.colorimetry);
    for (y, row) in data.chunks_exact_mut(width * 3).enumerate() {
        let pixels = row.chunks_exact_mut(3).enumerate();
        match source.pixels {
            Pixels::Ycbcr(samples) => {
                let [luma, cb, cr] = samples.map(|sample| Row { bytes: source.row(sample, y), sample });
                for (x, rgb) in pixels {
                    rgb.copy_from_slice(&conversion.rgb(luma.at(x), cb.at(x), cr.at(x)));
                }
            }
            Pixels::Rgb(samples) => {
                let samples = samples.map(|sample| Row { bytes: source.row(sample, y), sample });
                for (x, rgb) in pixels {
                    rgb.copy_from_slice(&samples.map(|row| conversion.expand(row.at(x))));
                }
            }
            Pixels::Grey(sample) => {
                let luma = Row { bytes: source.row(sample, y), sample };
                for (x, rgb) in pixels {
                    rgb.fill(conversion.expand(luma.at(x)));
                }
            }
        }
    }
    Ok(Rgb8 { width: view.width, height: view.height, data })
}

/// The mean luma of the picture, 0 to 255 as the samples are; `None` where the format is not known or the frame is
/// broken. Meant for watching exposure settle: under steady light the number is steady, in every format.
pub(crate) fn luma_mean(view: &PictureView<'_>) -> Option<f32> {
    if view.fourcc.is_jpeg() {
        return mean(jpeg::decode_luma(jpeg_bytes(view)).ok()?.into_iter().map(u64::from));
    }
    let source = Source::new(view).ok()?;
    let samples = match source.pixels {
        // All three the same: the weights below add up to 256.
        Pixels::Ycbcr([luma, ..]) | Pixels::Grey(luma) => [luma; 3],
        Pixels::Rgb(samples) => samples,
    };
    mean((0..source.height).flat_map(|y| {
        let rows = samples.map(|sample| Row { bytes: source.row(sample, y), sample });
        (0..source.width).map(move |x| {
            let [r, g, b] = rows.map(|row| u64::from(row.at(x)));
            (77 * r + 150 * g + 29 * b) >> 8
        })
    }))
}

fn mean(values: impl Iterator<Item = u64>) -> Option<f32> {
    let (sum, count) = values.fold((0u64, 0u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| (sum as f64 / count as f64) as f32)
}

fn jpeg_bytes<'a>(view: &PictureView<'a>) -> &'a [u8] {
    view.planes.first().map_or(&[], |(bytes, _)| bytes)
}

fn too_short(view: &PictureView<'_>) -> Error {
    let message = format!("the frame is shorter than a {} frame of {}x{}", view.fourcc, view.width, view.height);
    Error::new(ErrorName::NotReadableError, message)
}

/// A frame whose planes were found to hold every row of their layout.
struct Source<'a> {
    view: PictureView<'a>,
    pixels: Pixels,
    layout: Layout,
    width: usize,
    height: usize,
}

impl<'a> Source<'a> {
    fn new(view: &PictureView<'a>) -> Result<Self> {
        let pixels = pixels(view.fourcc).ok_or_else(|| {
            Error::new(ErrorName::NotSupportedError, format!("{} frames cannot be made into a picture", view.fourcc))
                .with_remedy("ask for MJPG, YUYV, NV12 or YU12, for example with --fourcc YUYV")
        })?;
        // Without the driver's strides: they come with the planes.
        let layout = layout(view.fourcc, view.width, view.height, &[]).ok_or_else(|| too_short(view))?;
        for (index, plane) in layout.planes().iter().enumerate() {
            let (bytes, stride) = view.planes.get(index).copied().unwrap_or_default();
            let needed = stride.checked_mul(plane.rows - 1).and_then(|start| start.checked_add(plane.row_bytes));
            if stride < plane.row_bytes || needed.is_none_or(|needed| needed > bytes.len()) {
                return Err(too_short(view));
            }
        }
        match (usize::try_from(view.width), usize::try_from(view.height)) {
            (Ok(width), Ok(height)) => Ok(Self { view: *view, pixels, layout, width, height }),
            _ => Err(too_short(view)),
        }
    }

    /// The bytes of the row that holds `sample` for the picture's row `y`.
    fn row(&self, sample: Sample, y: usize) -> &'a [u8] {
        let (bytes, stride) = self.view.planes[sample.plane];
        &bytes[(y >> sample.shift_rows) * stride..][..self.layout.planes()[sample.plane].row_bytes]
    }
}

/// YCbCr to RGB in 16-bit fixed point: the rounding of four products is off by far less than 1 in the result.
struct Conversion {
    luma: i32,
    red_cr: i32,
    green_cb: i32,
    green_cr: i32,
    blue_cb: i32,
    black: i32,
}

const HALF: i32 = 1 << 15;

impl Conversion {
    fn new(colorimetry: Colorimetry) -> Self {
        let (kr, kb) = colorimetry.matrix.weights();
        let kg = 1.0 - kr - kb;
        let (luma, chroma, black) =
            if colorimetry.full_range { (1.0, 1.0, 0) } else { (255.0 / 219.0, 255.0 / 224.0, 16) };
        // Every factor is below 2.3, so the products of 8-bit samples stay far inside an i32.
        let fixed = |factor: f64| (factor * 65536.0).round() as i32;
        Self {
            luma: fixed(luma),
            red_cr: fixed(2.0 * (1.0 - kr) * chroma),
            green_cb: fixed(2.0 * kb * (1.0 - kb) / kg * chroma),
            green_cr: fixed(2.0 * kr * (1.0 - kr) / kg * chroma),
            blue_cb: fixed(2.0 * (1.0 - kb) * chroma),
            black,
        }
    }

    fn rgb(&self, y: u8, cb: u8, cr: u8) -> [u8; 3] {
        let y = (i32::from(y) - self.black) * self.luma + HALF;
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        [y + self.red_cr * cr, y - self.green_cb * cb - self.green_cr * cr, y + self.blue_cb * cb].map(to_byte)
    }

    /// A sample of RGB or grey, brought to full range.
    fn expand(&self, value: u8) -> u8 {
        to_byte((i32::from(value) - self.black) * self.luma + HALF)
    }
}

fn to_byte(fixed: i32) -> u8 {
    (fixed >> 16).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests;
