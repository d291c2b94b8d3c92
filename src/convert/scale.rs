//! Scaling by a triangle filter: linear interpolation where a picture grows, a weighted mean over all that an output
//! sample covers where it shrinks. Separable: rows first, into one line of sums, then columns.

/// The least significant bits of a weight: the weights of one output sample add up to `1 << WEIGHT_BITS`.
const WEIGHT_BITS: u32 = 14;
/// What of a row's sum is kept for the columns: 8 bits of sample and 8 of fraction.
const KEPT_BITS: u32 = 8;

/// The weights for one pair of sizes, and the memory for a line: kept for planes of the same sizes.
#[derive(Debug, Default)]
pub(super) struct Scaler {
    columns: Axis,
    rows: Axis,
    line: Vec<u32>,
}

/// Which input samples make each output sample.
#[derive(Debug, Default)]
struct Axis {
    sizes: (usize, usize),
    /// The first input sample of each output sample, and where its weights start. One more closes the last.
    taps: Vec<(usize, usize)>,
    weights: Vec<u32>,
}

impl Axis {
    /// Made anew where the sizes are others than the last time.
    fn prepare(&mut self, from: usize, to: usize) {
        if self.sizes == (from, to) {
            return;
        }
        self.taps.clear();
        self.weights.clear();
        let scale = from as f64 / to as f64;
        let reach = scale.max(1.0);
        for output in 0..to {
            let centre = (output as f64 + 0.5) * scale;
            // Rounded towards zero: the picture's edge cuts the filter off.
            let first = (centre - reach).max(0.0) as usize;
            let last = ((centre + reach).ceil() as usize).clamp(first + 1, from);
            let weight = |input: usize| (1.0 - (input as f64 + 0.5 - centre).abs() / reach).max(0.0);
            let sum: f64 = (first..last).map(weight).sum();
            self.taps.push((first, self.weights.len()));
            // Each weight is what the sum so far lacks, so that all of them make a whole.
            let (mut so_far, mut given) = (0.0, 0);
            for input in first..last {
                so_far += weight(input) / sum;
                let due = (so_far * f64::from(1 << WEIGHT_BITS)).round() as u32;
                self.weights.push(due.saturating_sub(given));
                given = due.max(given);
            }
        }
        self.taps.push((0, self.weights.len()));
        self.sizes = (from, to);
    }

    /// The first input sample of each output sample, and the weights from there on.
    fn outputs(&self) -> impl Iterator<Item = (usize, &[u32])> {
        self.taps.windows(2).map(|pair| (pair[0].0, &self.weights[pair[0].1..pair[1].1]))
    }
}

/// A plane's pixels of a row, its rows, and the bytes from one to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub width: usize,
    pub height: usize,
    pub stride: usize,
}

impl Scaler {
    /// One plane of `BYTES` samples a pixel, each scaled on its own. Both slices hold their grids.
    pub fn plane<const BYTES: usize>(&mut self, from: &[u8], from_grid: Grid, to: &mut [u8], to_grid: Grid) {
        self.columns.prepare(from_grid.width, to_grid.width);
        self.rows.prepare(from_grid.height, to_grid.height);
        self.line.resize(from_grid.width * BYTES, 0);
        for (out, (first, weights)) in to.chunks_mut(to_grid.stride).zip(self.rows.outputs()) {
            self.line.fill(0);
            for (row, &weight) in from.chunks(from_grid.stride).skip(first).zip(weights) {
                for (sum, &sample) in self.line.iter_mut().zip(row) {
                    *sum += weight * u32::from(sample);
                }
            }
            let pixels = self.line.as_chunks::<BYTES>().0;
            for (out, (first, weights)) in out.as_chunks_mut::<BYTES>().0.iter_mut().zip(self.columns.outputs()) {
                // Of 16 bits and 14: they fit.
                let mut sums = [1 << (WEIGHT_BITS + KEPT_BITS - 1); BYTES];
                for (pixel, weight) in pixels[first..].iter().zip(weights) {
                    for (sum, sample) in sums.iter_mut().zip(pixel) {
                        *sum += weight * (sample >> (WEIGHT_BITS - KEPT_BITS));
                    }
                }
                *out = sums.map(|sum| (sum >> (WEIGHT_BITS + KEPT_BITS)).min(255) as u8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled<const BYTES: usize>(from: &[u8], (width, height): (usize, usize), to: (usize, usize)) -> Vec<u8> {
        let mut out = vec![0; to.0 * to.1 * BYTES];
        let grid = |(width, height): (usize, usize)| Grid { width, height, stride: width * BYTES };
        Scaler::default().plane::<BYTES>(from, grid((width, height)), &mut out, grid(to));
        out
    }

    /// The same filter in two dimensions at once, in floating point.
    fn exact(from: &[u8], (width, height): (usize, usize), to: (usize, usize)) -> Vec<f64> {
        let weight = |input: usize, output: usize, from: usize, to: usize| {
            let scale = from as f64 / to as f64;
            (1.0 - (input as f64 + 0.5 - (output as f64 + 0.5) * scale).abs() / scale.max(1.0)).max(0.0)
        };
        let mut out = Vec::new();
        for (y, x) in (0..to.1).flat_map(|y| (0..to.0).map(move |x| (y, x))) {
            let (mut sum, mut whole) = (0.0, 0.0);
            for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
                let weight = weight(row, y, height, to.1) * weight(column, x, width, to.0);
                sum += weight * f64::from(from[row * width + column]);
                whole += weight;
            }
            out.push(sum / whole);
        }
        out
    }

    #[test]
    fn samples_are_within_one_of_the_exact_mean() {
        let noise: Vec<u8> = (0u32..33 * 21).map(|at| (at.wrapping_mul(2_654_435_761) >> 23) as u8).collect();
        for to in [(33, 21), (16, 10), (17, 21), (66, 42), (5, 3), (1, 1), (100, 7), (32, 50)] {
            let ours = scaled::<1>(&noise, (33, 21), to);
            for (ours, exact) in ours.iter().zip(exact(&noise, (33, 21), to)) {
                assert!((f64::from(*ours) - exact).abs() <= 1.0, "to {to:?}: {ours}, not {exact}");
            }
        }
        assert_eq!(scaled::<1>(&noise, (33, 21), (33, 21)), noise);
    }

    #[test]
    fn a_plain_picture_stays_plain_to_the_last_bit() {
        for value in [0, 1, 127, 254, 255] {
            for to in [(3, 3), (64, 5), (7, 31)] {
                let out = scaled::<4>(&vec![value; 31 * 9 * 4], (31, 9), to);
                assert!(out.iter().all(|&sample| sample == value), "{value} to {to:?}");
            }
        }
    }

    #[test]
    fn the_samples_of_a_pixel_do_not_mix() {
        let pairs: Vec<u8> = (0..20 * 8).flat_map(|_| [10, 200]).collect();
        assert!(scaled::<2>(&pairs, (20, 8), (13, 3)).as_chunks::<2>().0.iter().all(|pair| *pair == [10, 200]));
    }
}
