//! To 4:2:0 in planes. Y'CbCr keeps its matrix and range: samples are copied, and where chroma is finer than 4:2:0 the
//! mean of what a sample covers is taken, rounded half up.

use super::kernels::{self, Averages};
use super::pixel_format::PlaneMut;
use super::source::{Shape, Source};
use crate::format::pixels::{Pixels, Row};

/// Where chroma goes.
pub(super) enum Chroma<'a, 'b> {
    /// I420's Cb and Cr.
    Planes(&'a mut PlaneMut<'b>, &'a mut PlaneMut<'b>),
    /// NV12's pairs.
    Pairs(&'a mut PlaneMut<'b>),
}

/// Writes `source` to planes that were found to hold it.
pub(super) fn to_420(source: &Source<'_>, luma: &mut PlaneMut<'_>, chroma: &mut Chroma<'_, '_>) {
    match (source.pixels, source.shape()) {
        (Pixels::Rgb(_), _) => from_rgb(source, luma, chroma),
        (Pixels::Grey(sample), _) => {
            for y in 0..source.height {
                let row = source.row(sample, y);
                fill(luma.row(y, source.width), |x| row.at(x));
            }
            for y in 0..source.height.div_ceil(2) {
                chroma.fill_row(y, source.width.div_ceil(2), |_| [128, 128]);
            }
        }
        (Pixels::Ycbcr(_), Some(Shape::Packed { luma: place, cr_first })) => {
            from_packed(source, place, cr_first, luma, chroma);
        }
        (Pixels::Ycbcr(samples), shape) => {
            for y in 0..source.height {
                let row = source.row(samples[0], y);
                match shape {
                    Some(_) => luma.row(y, source.width).copy_from_slice(&row.bytes[..source.width]),
                    None => fill(luma.row(y, source.width), |x| row.at(x)),
                }
            }
            for y in 0..source.height.div_ceil(2) {
                match shape {
                    Some(Shape::Planar { cb, cr, halved }) => planar_row(source, [cb, cr], halved, y, chroma),
                    Some(Shape::SemiPlanar { cr_first, halved }) => {
                        semi_planar_row(source, cr_first, halved, y, chroma)
                    }
                    _ => any_row(source, y, 0, chroma),
                }
            }
        }
    }
}

impl Chroma<'_, '_> {
    /// Samples of row `y`, Cb and Cr of each column.
    fn fill_row(&mut self, y: usize, columns: usize, sample: impl Fn(usize) -> [u8; 2]) {
        self.fill_row_from(y, 0, columns, sample);
    }

    fn fill_row_from(&mut self, y: usize, first: usize, columns: usize, sample: impl Fn(usize) -> [u8; 2]) {
        let places = first..columns;
        match self {
            Self::Planes(cb, cr) => {
                let (cb, cr) = (&mut cb.row(y, columns)[first..], &mut cr.row(y, columns)[first..]);
                for (x, (cb, cr)) in places.zip(cb.iter_mut().zip(cr)) {
                    [*cb, *cr] = sample(x);
                }
            }
            Self::Pairs(pairs) => {
                for (x, pair) in places.zip(pairs.row(y, 2 * columns)[2 * first..].as_chunks_mut().0) {
                    *pair = sample(x);
                }
            }
        }
    }
}

fn fill(row: &mut [u8], sample: impl Fn(usize) -> u8) {
    for (x, out) in row.iter_mut().enumerate() {
        *out = sample(x);
    }
}

/// The rows of 4:2:2 that share row `y` of 4:2:0's chroma: two, or the last row of an odd number alone, twice.
fn pair_of_rows(source: &Source<'_>, y: usize) -> [usize; 2] {
    [2 * y, (2 * y + 1).min(source.height - 1)]
}

/// Chroma's row `y` from column `first` on, whatever the format.
fn any_row(source: &Source<'_>, y: usize, first: usize, chroma: &mut Chroma<'_, '_>) {
    let Pixels::Ycbcr([_, cb, cr]) = source.pixels else { return };
    let rows = pair_of_rows(source, y);
    let (cb, cr) = (rows.map(|y| source.row(cb, y)), rows.map(|y| source.row(cr, y)));
    chroma.fill_row_from(y, first, source.width.div_ceil(2), |x| {
        let columns = [2 * x, (2 * x + 1).min(source.width - 1)];
        [mean_of(&cb, columns), mean_of(&cr, columns)]
    });
}

/// The mean of four samples, rounded half up.
fn mean_of(rows: &[Row<'_>; 2], columns: [usize; 2]) -> u8 {
    let sum: u16 = rows.iter().flat_map(|row| columns.map(|x| u16::from(row.at(x)))).sum();
    // At most 4 * 255 + 2, a quarter of which is a byte.
    ((sum + 2) / 4) as u8
}

fn planar_row(source: &Source<'_>, planes: [usize; 2], halved: bool, y: usize, chroma: &mut Chroma<'_, '_>) {
    let columns = source.width.div_ceil(2);
    if halved {
        let [from_cb, from_cr] = planes.map(|plane| &source.plane_row(plane, y)[..columns]);
        return match chroma {
            Chroma::Planes(cb, cr) => {
                cb.row(y, columns).copy_from_slice(from_cb);
                cr.row(y, columns).copy_from_slice(from_cr);
            }
            Chroma::Pairs(pairs) => kernels::join(from_cb, from_cr, pairs.row(y, 2 * columns)),
        };
    }
    let rows = pair_of_rows(source, y);
    let [from_cb, from_cr] = planes.map(|plane| rows.map(|y| &source.plane_row(plane, y)[..columns]));
    match chroma {
        Chroma::Planes(cb, cr) => {
            kernels::average(from_cb[0], from_cb[1], cb.row(y, columns));
            kernels::average(from_cr[0], from_cr[1], cr.row(y, columns));
        }
        Chroma::Pairs(_) => any_row(source, y, 0, chroma),
    }
}

fn semi_planar_row(source: &Source<'_>, cr_first: bool, halved: bool, y: usize, chroma: &mut Chroma<'_, '_>) {
    let columns = source.width.div_ceil(2);
    let rows = if halved { [y; 2] } else { pair_of_rows(source, y) };
    let [first, second] = rows.map(|y| &source.plane_row(1, y)[..2 * columns]);
    match chroma {
        Chroma::Pairs(pairs) if halved && !cr_first => pairs.row(y, 2 * columns).copy_from_slice(first),
        Chroma::Pairs(pairs) if !cr_first => kernels::average(first, second, pairs.row(y, 2 * columns)),
        Chroma::Planes(cb, cr) if halved => {
            let (cb, cr) = (cb.row(y, columns), cr.row(y, columns));
            let (even, odd) = if cr_first { (cr, cb) } else { (cb, cr) };
            kernels::split(first, even, odd);
        }
        _ => any_row(source, y, 0, chroma),
    }
}

fn from_packed(
    source: &Source<'_>,
    place: usize,
    cr_first: bool,
    luma: &mut PlaneMut<'_>,
    chroma: &mut Chroma<'_, '_>,
) {
    let Pixels::Ycbcr([sample, ..]) = source.pixels else { return };
    let columns = source.width / 2;
    for y in 0..source.height.div_ceil(2) {
        let [first, second] = pair_of_rows(source, y);
        let rows = [first, second].map(|y| &source.plane_row(0, y)[..4 * columns]);
        let averages = match chroma {
            Chroma::Planes(cb, cr) => {
                let (cb, cr) = (cb.row(y, columns), cr.row(y, columns));
                Some(if cr_first { Averages::Planar(cr, cb) } else { Averages::Planar(cb, cr) })
            }
            Chroma::Pairs(pairs) => (!cr_first).then(|| Averages::SemiPlanar(pairs.row(y, 2 * columns))),
        };
        let done = match averages {
            Some(averages) if first != second => {
                let out = luma.two_rows(first, source.width);
                kernels::packed_to_420(rows, place, out.map(|row| &mut row[..2 * columns]), averages);
                columns
            }
            _ => 0,
        };
        if 2 * done == source.width {
            continue;
        }
        // What the inner loop leaves: a last row or column, and the order Cr first in pairs.
        for y in if first == second { first..first + 1 } else { first..second + 1 } {
            let row = source.row(sample, y);
            for (x, out) in luma.row(y, source.width).iter_mut().enumerate().skip(2 * done) {
                *out = row.at(x);
            }
        }
        any_row(source, y, done, chroma);
    }
}

/// R'G'B' to Y'CbCr of limited range by the frame's matrix, in 16-bit fixed point; chroma from the mean colour of what
/// a sample covers.
fn from_rgb(source: &Source<'_>, luma: &mut PlaneMut<'_>, chroma: &mut Chroma<'_, '_>) {
    let Pixels::Rgb(samples) = source.pixels else { return };
    let (kr, kb) = source.color_space.matrix.weights();
    let kg = 1.0 - kr - kb;
    // RGB may be of limited range itself; then 16 is already black, and 219 the distance to white.
    let (span, black) = if source.color_space.full_range { (255.0, 0) } else { (219.0, 16) };
    let fixed = |factor: f64| (factor * 65536.0).round() as i32;
    let of_luma = [kr, kg, kb].map(|weight| fixed(weight * 219.0 / span));
    // Cb is (B - Y) / (2 (1 - Kb)), and Cr likewise.
    let of_chroma = |own: usize, weight: f64| {
        let mut factors = [kr, kg, kb].map(|other| -other);
        factors[own] += 1.0;
        factors.map(|factor| fixed(factor * 224.0 / span / 2.0 / (1.0 - weight)))
    };
    let (of_cb, of_cr) = (of_chroma(2, kb), of_chroma(0, kr));
    // Of `1 << shift` pixels' sum. With four, products and offset stay below 2^27.
    let weigh = |factors: [i32; 3], colour: [i32; 3], offset: i32, shift: u32| {
        let sum: i32 = factors.iter().zip(colour).map(|(factor, value)| factor * value).sum();
        ((sum + (offset << (16 + shift)) + (1 << (15 + shift))) >> (16 + shift)).clamp(0, 255) as u8
    };
    let pixel = |rows: &[Row<'_>; 3], x: usize| rows.map(|row| i32::from(row.at(x)) - black);
    for y in 0..source.height {
        let rows = samples.map(|sample| source.row(sample, y));
        fill(luma.row(y, source.width), |x| weigh(of_luma, pixel(&rows, x), 16, 0));
    }
    for y in 0..source.height.div_ceil(2) {
        let rows = pair_of_rows(source, y).map(|y| samples.map(|sample| source.row(sample, y)));
        chroma.fill_row(y, source.width.div_ceil(2), |x| {
            let mut sum = [0; 3];
            for rows in &rows {
                for x in [2 * x, (2 * x + 1).min(source.width - 1)] {
                    let colour = pixel(rows, x);
                    sum = [sum[0] + colour[0], sum[1] + colour[1], sum[2] + colour[2]];
                }
            }
            [weigh(of_cb, sum, 128, 2), weigh(of_cr, sum, 128, 2)]
        });
    }
}
