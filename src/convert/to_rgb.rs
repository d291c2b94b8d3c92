//! To R'G'B' of full range: chroma from the nearest sample, a row at a time.

use super::kernels::{Factors, RgbOrder, ycbcr_row};
use super::pixel_format::PlaneMut;
use super::source::{Shape, Source};
use crate::format::pixels::{Pixels, Sample};

/// Writes `source` to a plane that was found to hold it.
pub(super) fn to_rgb(source: &Source<'_>, order: RgbOrder, out: &mut PlaneMut<'_>) {
    let factors = Factors::new(source.color_space.matrix.weights(), source.color_space.full_range);
    let shape = source.shape();
    // Of RGB and grey each value stands for itself: all 256 are known.
    let expanded: [u8; 256] = match source.pixels {
        Pixels::Ycbcr(_) => [0; 256],
        Pixels::Rgb(_) | Pixels::Grey(_) => std::array::from_fn(|value| factors.expand(value as u8)),
    };
    let row_bytes = source.width * order.bytes();
    for y in 0..source.height {
        let out = out.row(y, row_bytes);
        match source.pixels {
            Pixels::Ycbcr(samples) => ycbcr(source, shape, samples, y, &factors, order, out),
            Pixels::Rgb(samples) => {
                let expanded = (!source.color_space.full_range).then_some(&expanded);
                rgb(samples, source.row(samples[0], y).bytes, expanded, order, out);
            }
            Pixels::Grey(sample) => {
                let row = source.row(sample, y);
                let [r, g, b] = order.places();
                for (x, pixel) in out.chunks_exact_mut(order.bytes()).enumerate() {
                    pixel.fill(255);
                    let value = expanded[usize::from(row.at(x))];
                    [pixel[r], pixel[g], pixel[b]] = [value; 3];
                }
            }
        }
    }
}

fn ycbcr(
    source: &Source<'_>,
    shape: Option<Shape>,
    samples: [Sample; 3],
    y: usize,
    factors: &Factors,
    order: RgbOrder,
    out: &mut [u8],
) {
    let mut done = 0;
    if let Some(shape) = shape {
        let (row, pixels) = source.ycbcr_row(shape, y);
        ycbcr_row(row, factors, order, &mut out[..pixels * order.bytes()]);
        done = pixels;
    }
    if done == source.width {
        return;
    }
    let [luma, cb, cr] = samples.map(|sample| source.row(sample, y));
    let [r, g, b] = order.places();
    for (x, pixel) in out.chunks_exact_mut(order.bytes()).enumerate().skip(done) {
        pixel.fill(255);
        [pixel[r], pixel[g], pixel[b]] = factors.rgb(luma.at(x), cb.at(x), cr.at(x));
    }
}

/// Whole bytes in another order; of limited range, expanded.
fn rgb(samples: [Sample; 3], row: &[u8], expanded: Option<&[u8; 256]>, order: RgbOrder, out: &mut [u8]) {
    // Once without looking values up, so that the compiler can do many pixels at a time.
    match expanded {
        None => shuffle_by(samples, row, order, out, |value| value),
        Some(expanded) => shuffle_by(samples, row, order, out, |value| expanded[usize::from(value)]),
    }
}

fn shuffle_by(samples: [Sample; 3], row: &[u8], order: RgbOrder, out: &mut [u8], value: impl Fn(u8) -> u8) {
    let (from, to) = (samples.map(|sample| sample.offset), order.places());
    match (samples[0].step, order.bytes()) {
        (3, 3) => shuffle::<3, 3>(row, from, to, value, out),
        (3, _) => shuffle::<3, 4>(row, from, to, value, out),
        (_, 3) => shuffle::<4, 3>(row, from, to, value, out),
        (_, _) => shuffle::<4, 4>(row, from, to, value, out),
    }
}

fn shuffle<const FROM: usize, const TO: usize>(
    row: &[u8],
    from: [usize; 3],
    [r, g, b]: [usize; 3],
    value: impl Fn(u8) -> u8,
    out: &mut [u8],
) {
    for (pixel, out) in row.as_chunks::<FROM>().0.iter().zip(out.as_chunks_mut::<TO>().0) {
        *out = [255; TO];
        [out[r], out[g], out[b]] = from.map(|place| value(pixel[place]));
    }
}
