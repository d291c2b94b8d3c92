//! The arithmetic in plain code, for every processor. Straight loops over whole rows, which compilers turn into
//! vectors.

use super::{Averages, Factors, RgbOrder, YcbcrRow};

/// A row of `out.len() / order.bytes()` pixels in R'G'B' of full range.
pub(super) fn ycbcr_row(row: YcbcrRow<'_>, factors: &Factors, order: RgbOrder, out: &mut [u8]) {
    match row {
        YcbcrRow::Packed { bytes, luma, cr_first } => {
            let pairs = bytes.chunks(4).map(|pair| {
                // A row of odd width ends in half a pair.
                let at = |index: usize| pair.get(index).copied().unwrap_or_default();
                (at(luma), at(2 + luma), at(1 - luma), at(3 - luma))
            });
            write(pairs, cr_first, factors, order, out);
        }
        YcbcrRow::SemiPlanar { y, chroma, cr_first } => {
            let pairs = lumas(y).zip(chroma.as_chunks().0).map(|((first, second), &[a, b])| (first, second, a, b));
            write(pairs, cr_first, factors, order, out);
        }
        YcbcrRow::Planar { y, cb, cr } => {
            let pairs = lumas(y).zip(cb.iter().zip(cr)).map(|((first, second), (&a, &b))| (first, second, a, b));
            write(pairs, false, factors, order, out);
        }
    }
}

fn lumas(y: &[u8]) -> impl Iterator<Item = (u8, u8)> {
    y.chunks(2).map(|pair| (pair[0], pair.get(1).copied().unwrap_or_default()))
}

#[inline(always)]
fn write(
    pairs: impl Iterator<Item = (u8, u8, u8, u8)>,
    cr_first: bool,
    factors: &Factors,
    order: RgbOrder,
    out: &mut [u8],
) {
    // Once for each order, so that the loop knows it.
    match order {
        RgbOrder::Rgb => write_as::<3>(pairs, cr_first, factors, order.places(), out),
        RgbOrder::Rgba | RgbOrder::Bgra => write_as::<4>(pairs, cr_first, factors, order.places(), out),
    }
}

#[inline(always)]
fn write_as<const BYTES: usize>(
    pairs: impl Iterator<Item = (u8, u8, u8, u8)>,
    cr_first: bool,
    factors: &Factors,
    [r, g, b]: [usize; 3],
    out: &mut [u8],
) {
    for ((first, second, even, odd), out) in pairs.zip(out.chunks_mut(2 * BYTES)) {
        let (cb, cr) = if cr_first { (odd, even) } else { (even, odd) };
        let chroma = factors.chroma(cb, cr);
        let mut pixels = [[255; BYTES]; 2];
        for (pixel, y) in pixels.iter_mut().zip([first, second]) {
            [pixel[r], pixel[g], pixel[b]] = factors.colour(y, chroma);
        }
        let pixels = pixels.as_flattened();
        match <&mut [u8; 8]>::try_from(&mut *out) {
            Ok(out) if BYTES == 4 => out.copy_from_slice(pixels),
            _ => out.copy_from_slice(&pixels[..out.len()]),
        }
    }
}

impl Factors {
    /// One pixel.
    pub fn rgb(&self, y: u8, cb: u8, cr: u8) -> [u8; 3] {
        self.colour(y, self.chroma(cb, cr))
    }

    /// What chroma adds to red, takes from green and adds to blue, in 64ths.
    #[inline(always)]
    pub fn chroma(&self, cb: u8, cr: u8) -> [i16; 3] {
        let [cb, cr] = [cb, cr].map(|sample| (i16::from(sample) - 128) << 8);
        let green = product(cb, self.green_cb) + product(cr, self.green_cr);
        [product(cr, self.red_cr), green, product(cb, self.blue_cb)]
    }

    /// Red, green and blue.
    #[inline(always)]
    pub fn colour(&self, y: u8, [red, green, blue]: [i16; 3]) -> [u8; 3] {
        let y = product((i16::from(y) - 128) << 8, self.luma) + self.offset;
        [y.saturating_add(red), y.saturating_sub(green), y.saturating_add(blue)]
            .map(|value| (value >> 6).clamp(0, 255) as u8)
    }

    /// A sample of grey or of R'G'B' itself, brought to full range.
    pub fn expand(&self, value: u8) -> u8 {
        self.colour(value, [0; 3])[0]
    }
}

#[inline(always)]
fn product(a: i16, b: i16) -> i16 {
    // At most 2^15 times 2^15, shifted by 15: only -1 times -1 would leave the type, and no factor is -1.
    ((i32::from(a) * i32::from(b) + (1 << 14)) >> 15) as i16
}

/// Luma of two packed 4:2:2 rows, and the mean of their chroma.
pub(super) fn packed_to_420(rows: [&[u8]; 2], place: usize, luma: [&mut [u8]; 2], averages: Averages<'_>) {
    for (row, luma) in rows.into_iter().zip(luma) {
        for (pair, y) in row.as_chunks::<2>().0.iter().zip(luma) {
            *y = pair[place];
        }
    }
    let chroma = 1 - place;
    let [top, bottom] = rows.map(|row| row.as_chunks::<4>().0);
    let means = top.iter().zip(bottom).map(|(a, b)| [mean(a[chroma], b[chroma]), mean(a[chroma + 2], b[chroma + 2])]);
    match averages {
        Averages::SemiPlanar(out) => {
            out.as_chunks_mut().0.iter_mut().zip(means).for_each(|(out, pair)| *out = pair);
        }
        Averages::Planar(even, odd) => {
            even.iter_mut().zip(odd).zip(means).for_each(|((even, odd), pair)| [*even, *odd] = pair);
        }
    }
}

#[inline(always)]
fn mean(a: u8, b: u8) -> u8 {
    // Rounded half up, as is usual (pavgb).
    ((u16::from(a) + u16::from(b) + 1) >> 1) as u8
}

/// The mean of two rows, rounded half up.
pub(in super::super) fn average(a: &[u8], b: &[u8], out: &mut [u8]) {
    for (out, (&a, &b)) in out.iter_mut().zip(a.iter().zip(b)) {
        *out = mean(a, b);
    }
}

/// Pairs of samples, the first and the second of each apart. As words, which compilers turn into vectors.
pub(super) fn split(pairs: &[u8], even: &mut [u8], odd: &mut [u8]) {
    let count = even.len().min(odd.len()).min(pairs.len() / 2);
    let (even, odd) = (&mut even[..count], &mut odd[..count]);
    for (index, pair) in pairs.as_chunks::<2>().0[..count].iter().enumerate() {
        let word = u16::from_le_bytes(*pair);
        even[index] = (word & 0xff) as u8;
        odd[index] = (word >> 8) as u8;
    }
}

/// And together again.
pub(in super::super) fn join(even: &[u8], odd: &[u8], pairs: &mut [u8]) {
    for (pair, (&even, &odd)) in pairs.as_chunks_mut::<2>().0.iter_mut().zip(even.iter().zip(odd)) {
        *pair = [even, odd];
    }
}
