//! The inner loops, a row at a time: plain code that is easy to check, and the same arithmetic in vectors where the
//! processor has them. Both give the same bytes, which the tests hold them to.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;

pub(super) use portable::{average, join};

/// Pixels that the vector code takes at a time. What is left of a row is done by the portable code.
#[cfg(target_arch = "x86_64")]
const BLOCK: usize = 32;

/// From Y'CbCr of 8 bits to R'G'B' of full range, in fixed point.
///
/// Samples are taken 128 less and times 256, and sums are in 64ths and 128 less, so that nothing leaves 16 bits unless
/// it is beyond any colour. A product is `(a * b + 2^14) >> 15`, for which x86 and ARM have an instruction. With the
/// factors' own rounding a result is off by less than 5/64 before it is rounded: it differs from the exact value's
/// rounding by at most 1, whatever the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Factors {
    /// Luma's factor, times 2^13.
    pub luma: i16,
    /// What the rest leaves out, in 64ths: that luma is taken 128 less, black, and a half for rounding.
    pub offset: i16,
    /// The factors of chroma, times 2^13. Those of green are subtracted.
    pub red_cr: i16,
    pub green_cb: i16,
    pub green_cr: i16,
    pub blue_cb: i16,
}

impl Factors {
    /// For luma's weights of red and blue, Kr and Kb.
    pub fn new((kr, kb): (f64, f64), full_range: bool) -> Self {
        let kg = 1.0 - kr - kb;
        let (luma, chroma, black) = if full_range { (1.0, 1.0, 0.0) } else { (255.0 / 219.0, 255.0 / 224.0, 16.0) };
        // Every factor is below 2.2: what is made of it fits.
        let fixed = |factor: f64, one: u32| (factor * f64::from(one)).round() as i16;
        Self {
            luma: fixed(luma, 1 << 13),
            offset: fixed(0.5 + (128.0 - black) * luma, 64),
            red_cr: fixed(2.0 * (1.0 - kr) * chroma, 1 << 13),
            green_cb: fixed(2.0 * kb * (1.0 - kb) / kg * chroma, 1 << 13),
            green_cr: fixed(2.0 * kr * (1.0 - kr) / kg * chroma, 1 << 13),
            blue_cb: fixed(2.0 * (1.0 - kb) * chroma, 1 << 13),
        }
    }
}

/// One row of pixels, two of which share their chroma.
#[derive(Debug, Clone, Copy)]
pub(super) enum YcbcrRow<'a> {
    /// Four bytes for two pixels. `luma` is where luma stands in a pair of bytes, 0 or 1.
    Packed { bytes: &'a [u8], luma: usize, cr_first: bool },
    /// Chroma in pairs.
    SemiPlanar { y: &'a [u8], chroma: &'a [u8], cr_first: bool },
    /// Each in a row of its own.
    Planar { y: &'a [u8], cb: &'a [u8], cr: &'a [u8] },
}

impl YcbcrRow<'_> {
    /// The row from pixel `at` on, which is even.
    #[cfg(target_arch = "x86_64")]
    fn skip(&self, at: usize) -> Self {
        match *self {
            Self::Packed { bytes, luma, cr_first } => Self::Packed { bytes: &bytes[2 * at..], luma, cr_first },
            Self::SemiPlanar { y, chroma, cr_first } => {
                Self::SemiPlanar { y: &y[at..], chroma: &chroma[at..], cr_first }
            }
            Self::Planar { y, cb, cr } => Self::Planar { y: &y[at..], cb: &cb[at / 2..], cr: &cr[at / 2..] },
        }
    }
}

/// The order of a pixel's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RgbOrder {
    /// Red, green, blue.
    Rgb,
    /// And opaque alpha.
    Rgba,
    /// Blue, green, red and opaque alpha.
    Bgra,
}

impl RgbOrder {
    /// Bytes of a pixel.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Rgba | Self::Bgra => 4,
        }
    }

    /// Where red, green and blue stand.
    pub const fn places(self) -> [usize; 3] {
        match self {
            Self::Rgb | Self::Rgba => [0, 1, 2],
            Self::Bgra => [2, 1, 0],
        }
    }
}

/// Where the mean chroma of two rows goes.
#[derive(Debug)]
pub(super) enum Averages<'a> {
    /// In pairs, as it came.
    SemiPlanar(&'a mut [u8]),
    /// The even samples of the pairs, and the odd ones.
    Planar(&'a mut [u8], &'a mut [u8]),
}

impl Averages<'_> {
    /// What is left from pixel `at` on, which is even.
    #[cfg(target_arch = "x86_64")]
    fn skip(&mut self, at: usize) -> Averages<'_> {
        match self {
            Self::SemiPlanar(chroma) => Averages::SemiPlanar(&mut chroma[at..]),
            Self::Planar(even, odd) => Averages::Planar(&mut even[at / 2..], &mut odd[at / 2..]),
        }
    }
}

/// A row of `out.len() / order.bytes()` pixels in R'G'B' of full range.
///
/// The row holds all of them; a packed row and a row of chroma pairs hold whole pairs.
pub(super) fn ycbcr_row(row: YcbcrRow<'_>, factors: &Factors, order: RgbOrder, out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    let (row, out) = if avx2::is_available() {
        let bytes = order.bytes();
        let done = out.len() / bytes / BLOCK * BLOCK;
        let (whole, rest) = out.split_at_mut(done * bytes);
        let swap = order == RgbOrder::Bgra;
        if bytes == 4 {
            // SAFETY: the processor was asked whether it has AVX2.
            unsafe { avx2::ycbcr_row::<4>(&row, factors, swap, whole) }
        } else {
            // SAFETY: the processor was asked whether it has AVX2.
            unsafe { avx2::ycbcr_row::<3>(&row, factors, swap, whole) }
        }
        (row.skip(done), rest)
    } else {
        (row, out)
    };
    portable::ycbcr_row(row, factors, order, out);
}

/// Luma of two packed 4:2:2 rows, and the mean of their chroma. `place` is where luma stands in a pair of bytes, 0 or
/// 1.
///
/// The rows hold whole pairs of pixels, the rows of luma as many pixels as the picture is wide.
pub(super) fn packed_to_420(rows: [&[u8]; 2], place: usize, luma: [&mut [u8]; 2], mut averages: Averages<'_>) {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_available() {
        let [first, second] = luma;
        let done = first.len() / BLOCK * BLOCK;
        let ((first, first_rest), (second, second_rest)) = (first.split_at_mut(done), second.split_at_mut(done));
        let whole = rows.map(|row| &row[..2 * done]);
        if place == 0 {
            // SAFETY: the processor was asked whether it has AVX2.
            unsafe { avx2::packed_to_420::<0>(whole, [first, second], &mut averages) }
        } else {
            // SAFETY: the processor was asked whether it has AVX2.
            unsafe { avx2::packed_to_420::<1>(whole, [first, second], &mut averages) }
        }
        let rest = rows.map(|row| &row[2 * done..]);
        portable::packed_to_420(rest, place, [first_rest, second_rest], averages.skip(done));
        return;
    }
    portable::packed_to_420(rows, place, luma, averages);
}

/// Pairs of samples, the first and the second of each apart: all three hold as many.
pub(super) fn split(pairs: &[u8], even: &mut [u8], odd: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_available() {
        let done = even.len() / BLOCK * BLOCK;
        let ((even, even_rest), (odd, odd_rest)) = (even.split_at_mut(done), odd.split_at_mut(done));
        // SAFETY: the processor was asked whether it has AVX2.
        unsafe { avx2::split(&pairs[..2 * done], even, odd) }
        portable::split(&pairs[2 * done..], even_rest, odd_rest);
        return;
    }
    portable::split(pairs, even, odd);
}

#[cfg(test)]
mod tests;
