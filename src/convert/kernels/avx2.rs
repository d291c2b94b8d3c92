//! The same arithmetic as [`portable`](super::portable), 32 pixels at a time with x86-64's AVX2.
//!
//! Written with intrinsics because the compiler does not find this by itself: its own vector code for the portable
//! loops runs at a third of libyuv's speed (docs/performance.md). The intrinsics are safe functions where the processor
//! has AVX2, which is what `unsafe` is left for: to have asked the processor, and to load and store through arrays of
//! the right size.

use std::arch::x86_64::*;

use super::{Averages, BLOCK, Factors, YcbcrRow};

/// Whether this processor can run [`ycbcr_row`] and its neighbours.
pub(super) fn is_available() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

/// The pixels of as many whole blocks as there are, as `BYTES` bytes each.
#[target_feature(enable = "avx2")]
pub(super) fn ycbcr_row<const BYTES: usize>(row: &YcbcrRow<'_>, factors: &Factors, swap: bool, out: &mut [u8]) {
    // Chroma pairs are converted as they lie. Where Cr comes first, the even lane makes red instead of blue.
    let (cr_first, factors) = match row {
        YcbcrRow::Packed { cr_first, .. } | YcbcrRow::SemiPlanar { cr_first, .. } => (*cr_first, factors),
        YcbcrRow::Planar { .. } => (false, factors),
    };
    let lanes = Lanes::new(factors, cr_first);
    match (row, swap != cr_first) {
        (YcbcrRow::Packed { bytes, luma: 0, .. }, false) => packed::<BYTES, 0, false>(bytes, &lanes, out),
        (YcbcrRow::Packed { bytes, luma: 0, .. }, true) => packed::<BYTES, 0, true>(bytes, &lanes, out),
        (YcbcrRow::Packed { bytes, .. }, false) => packed::<BYTES, 1, false>(bytes, &lanes, out),
        (YcbcrRow::Packed { bytes, .. }, true) => packed::<BYTES, 1, true>(bytes, &lanes, out),
        (YcbcrRow::SemiPlanar { y, chroma, .. }, false) => semi_planar::<BYTES, false>(y, chroma, &lanes, out),
        (YcbcrRow::SemiPlanar { y, chroma, .. }, true) => semi_planar::<BYTES, true>(y, chroma, &lanes, out),
        (YcbcrRow::Planar { y, cb, cr }, false) => planar::<BYTES, false>(y, cb, cr, &lanes, out),
        (YcbcrRow::Planar { y, cb, cr }, true) => planar::<BYTES, true>(y, cb, cr, &lanes, out),
    }
}

#[target_feature(enable = "avx2")]
fn packed<const BYTES: usize, const LUMA: usize, const EVEN_FIRST: bool>(bytes: &[u8], lanes: &Lanes, out: &mut [u8]) {
    let (blocks, _) = bytes.as_chunks::<{ 2 * BLOCK }>();
    for (block, out) in blocks.iter().zip(out.chunks_exact_mut(BYTES * BLOCK)) {
        let (halves, _) = block.as_chunks::<32>();
        let first = packed_half::<LUMA>(&halves[0], lanes);
        let second = packed_half::<LUMA>(&halves[1], lanes);
        // Pixels 0-7 and 8-15, 16-23 and 24-31.
        let [a, b, c, d] = interleave::<EVEN_FIRST>(first, second);
        write::<BYTES>([a, b, c, d], out);
    }
}

/// 16 pixels.
#[inline]
#[target_feature(enable = "avx2")]
fn packed_half<const LUMA: usize>(bytes: &[u8; 32], lanes: &Lanes) -> Colours {
    let bytes = less_128(load(bytes));
    let (low, high) = (_mm256_slli_epi16(bytes, 8), _mm256_and_si256(bytes, _mm256_set1_epi16(-256)));
    let (y, chroma) = if LUMA == 0 { (low, high) } else { (high, low) };
    let (own, green) = (_mm256_mulhrs_epi16(chroma, lanes.own), _mm256_mulhrs_epi16(chroma, lanes.green));
    let green = _mm256_add_epi16(green, _mm256_shuffle_epi8(green, lanes.swap));
    let (even, odd) = (_mm256_shuffle_epi8(own, lanes.even), _mm256_shuffle_epi8(own, lanes.odd));
    lanes.colours(y, even, green, odd)
}

#[target_feature(enable = "avx2")]
fn semi_planar<const BYTES: usize, const EVEN_FIRST: bool>(y: &[u8], chroma: &[u8], lanes: &Lanes, out: &mut [u8]) {
    let blocks = y.as_chunks::<BLOCK>().0.iter().zip(chroma.as_chunks::<BLOCK>().0);
    for ((y, chroma), out) in blocks.zip(out.chunks_exact_mut(BYTES * BLOCK)) {
        let chroma = less_128(load(chroma));
        let even = _mm256_slli_epi16(chroma, 8);
        let odd = _mm256_and_si256(chroma, _mm256_set1_epi16(-256));
        apart::<BYTES, EVEN_FIRST>(y, even, odd, lanes, out);
    }
}

#[target_feature(enable = "avx2")]
fn planar<const BYTES: usize, const EVEN_FIRST: bool>(y: &[u8], cb: &[u8], cr: &[u8], lanes: &Lanes, out: &mut [u8]) {
    let chroma = cb.as_chunks::<{ BLOCK / 2 }>().0.iter().zip(cr.as_chunks::<{ BLOCK / 2 }>().0);
    let blocks = y.as_chunks::<BLOCK>().0.iter().zip(chroma);
    for ((y, (cb, cr)), out) in blocks.zip(out.chunks_exact_mut(BYTES * BLOCK)) {
        let high = |plane| _mm256_slli_epi16(_mm256_cvtepu8_epi16(load_half(plane)), 8);
        // Not of the low byte, which has to stay 0.
        let [cb, cr] = [high(cb), high(cr)].map(|lanes| _mm256_xor_si256(lanes, _mm256_set1_epi16(i16::MIN)));
        apart::<BYTES, EVEN_FIRST>(y, cb, cr, lanes, out);
    }
}

/// 32 pixels, of which the even and the odd chroma samples stand high in the 16 lanes of a register each, 128 less.
#[inline]
#[target_feature(enable = "avx2")]
fn apart<const BYTES: usize, const EVEN_FIRST: bool>(
    y: &[u8; BLOCK],
    even: __m256i,
    odd: __m256i,
    lanes: &Lanes,
    out: &mut [u8],
) {
    let none = _mm256_setzero_si256();
    let y = less_128(load(y));
    let green =
        _mm256_add_epi16(_mm256_mulhrs_epi16(even, lanes.even_green), _mm256_mulhrs_epi16(odd, lanes.odd_green));
    let even = _mm256_mulhrs_epi16(even, lanes.even_own);
    let odd = _mm256_mulhrs_epi16(odd, lanes.odd_own);
    // Registers are unpacked within their halves: pixels 0-7 and 16-23 first, then the others.
    let low = |lanes: __m256i| _mm256_unpacklo_epi16(lanes, lanes);
    let high = |lanes: __m256i| _mm256_unpackhi_epi16(lanes, lanes);
    let first = lanes.colours(_mm256_unpacklo_epi8(none, y), low(even), low(green), low(odd));
    let second = lanes.colours(_mm256_unpackhi_epi8(none, y), high(even), high(green), high(odd));
    let [a, c, b, d] = interleave::<EVEN_FIRST>(first, second);
    write::<BYTES>([a, b, c, d], out);
}

/// The factors, in every lane.
struct Lanes {
    luma: __m256i,
    offset: __m256i,
    /// For the colour that the even and the odd sample of a chroma pair make on their own: blue and red, if Cb is
    /// first.
    even_own: __m256i,
    odd_own: __m256i,
    own: __m256i,
    /// For green.
    even_green: __m256i,
    odd_green: __m256i,
    green: __m256i,
    /// Orders of bytes: the even sample of each chroma pair twice, the odd one twice, both swapped.
    even: __m256i,
    odd: __m256i,
    swap: __m256i,
}

/// 16 pixels in 16-bit lanes: the colour of the even chroma sample, green, and that of the odd one, beyond 0 to 255
/// too.
type Colours = (__m256i, __m256i, __m256i);

impl Lanes {
    #[target_feature(enable = "avx2")]
    fn new(factors: &Factors, cr_first: bool) -> Self {
        let in_order = |cb: i16, cr: i16| {
            let (even, odd) = if cr_first { (cr, cb) } else { (cb, cr) };
            let (even, odd) = (_mm256_set1_epi16(even), _mm256_set1_epi16(odd));
            (even, odd, _mm256_blend_epi16(even, odd, 0b1010_1010))
        };
        let (even_own, odd_own, own) = in_order(factors.blue_cb, factors.red_cr);
        let (even_green, odd_green, green) = in_order(factors.green_cb, factors.green_cr);
        Self {
            luma: _mm256_set1_epi16(factors.luma),
            offset: _mm256_set1_epi16(factors.offset),
            even_own,
            odd_own,
            own,
            even_green,
            odd_green,
            green,
            even: order([0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13]),
            odd: order([2, 3, 2, 3, 6, 7, 6, 7, 10, 11, 10, 11, 14, 15, 14, 15]),
            swap: order([2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13]),
        }
    }

    /// The colours of 16 pixels, from luma that stands high in its lanes, 128 less, and what chroma adds to or takes
    /// from it.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn colours(&self, y: __m256i, even: __m256i, green: __m256i, odd: __m256i) -> Colours {
        let y = _mm256_add_epi16(_mm256_mulhrs_epi16(y, self.luma), self.offset);
        let even = _mm256_srai_epi16(_mm256_adds_epi16(y, even), 6);
        let odd = _mm256_srai_epi16(_mm256_adds_epi16(y, odd), 6);
        (even, _mm256_srai_epi16(_mm256_subs_epi16(y, green), 6), odd)
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn less_128(bytes: __m256i) -> __m256i {
    _mm256_xor_si256(bytes, _mm256_set1_epi8(-128))
}

/// 32 pixels of 4 bytes, opaque: the first 8 pixels of each half-register pair, within the halves as they came.
#[inline]
#[target_feature(enable = "avx2")]
fn interleave<const EVEN_FIRST: bool>(a: Colours, b: Colours) -> [__m256i; 4] {
    let (even, green, odd) =
        (_mm256_packus_epi16(a.0, b.0), _mm256_packus_epi16(a.1, b.1), _mm256_packus_epi16(a.2, b.2));
    let (first, third) = if EVEN_FIRST { (even, odd) } else { (odd, even) };
    let opaque = _mm256_set1_epi8(-1);
    let pixels = |first_green: __m256i, third_opaque: __m256i| {
        let low = _mm256_unpacklo_epi16(first_green, third_opaque);
        let high = _mm256_unpackhi_epi16(first_green, third_opaque);
        [_mm256_permute2x128_si256(low, high, 0x20), _mm256_permute2x128_si256(low, high, 0x31)]
    };
    let [a, b] = pixels(_mm256_unpacklo_epi8(first, green), _mm256_unpacklo_epi8(third, opaque));
    let [c, d] = pixels(_mm256_unpackhi_epi8(first, green), _mm256_unpackhi_epi8(third, opaque));
    [a, b, c, d]
}

/// An order of bytes for each half of a register. Told of it, the compiler would make two instructions of each shuffle.
#[target_feature(enable = "avx2")]
fn order(bytes: [u8; 16]) -> __m256i {
    _mm256_broadcastsi128_si256(load_half(&std::hint::black_box(bytes)))
}

/// 32 pixels of 4 bytes, as `BYTES` bytes each.
#[inline]
#[target_feature(enable = "avx2")]
fn write<const BYTES: usize>(four: [__m256i; 4], out: &mut [u8]) {
    let (out, _) = out.as_chunks_mut::<32>();
    if BYTES == 4 {
        for (out, pixels) in out.iter_mut().zip(four) {
            store(out, pixels);
        }
    } else {
        // The fourth bytes left out: 12 of 16 in each half, then 24 of 32, then three registers of the four.
        let dense = [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 128, 128, 128, 128];
        let dense = _mm256_broadcastsi128_si256(load_half(&dense));
        let [a, b, c, d] = four.map(|pixels| _mm256_shuffle_epi8(pixels, dense));
        // Words 0-2 and 4-6 of each are of use.
        let pick = |from: __m256i, words: [i32; 8]| {
            let [a, b, c, d, e, f, g, h] = words;
            _mm256_permutevar8x32_epi32(from, _mm256_setr_epi32(a, b, c, d, e, f, g, h))
        };
        let first = _mm256_blend_epi32(pick(a, [0, 1, 2, 4, 5, 6, 3, 3]), pick(b, [3, 3, 3, 3, 3, 3, 0, 1]), 0xc0);
        let second = _mm256_blend_epi32(pick(b, [2, 4, 5, 6, 3, 3, 3, 3]), pick(c, [3, 3, 3, 3, 0, 1, 2, 4]), 0xf0);
        let third = _mm256_blend_epi32(pick(c, [5, 6, 3, 3, 3, 3, 3, 3]), pick(d, [3, 3, 0, 1, 2, 4, 5, 6]), 0xfc);
        for (out, bytes) in out.iter_mut().zip([first, second, third]) {
            store(out, bytes);
        }
    }
}

/// Luma of two rows and the mean of their chroma, from packed 4:2:2, of as many whole blocks as there are. `LUMA` is
/// where luma stands in a pair of bytes.
#[target_feature(enable = "avx2")]
pub(super) fn packed_to_420<const LUMA: usize>(rows: [&[u8]; 2], luma: [&mut [u8]; 2], averages: &mut Averages<'_>) {
    let blocks = rows[0].as_chunks::<{ 2 * BLOCK }>().0.iter().zip(rows[1].as_chunks::<{ 2 * BLOCK }>().0);
    let [first, second] = luma.map(|row| row.as_chunks_mut::<BLOCK>().0);
    let low = _mm256_set1_epi16(255);
    let pick = |bytes: __m256i, place: usize| {
        if place == 0 { _mm256_and_si256(bytes, low) } else { _mm256_srli_epi16(bytes, 8) }
    };
    for (index, ((blocks, first), second)) in blocks.zip(first).zip(second).enumerate() {
        let [top, bottom] = [blocks.0, blocks.1].map(|block| {
            let (halves, _) = block.as_chunks::<32>();
            [load(&halves[0]), load(&halves[1])]
        });
        for (out, [a, b]) in [(first, top), (second, bottom)] {
            store(out, pack(pick(a, LUMA), pick(b, LUMA)));
        }
        let [a, b] = [0, 1].map(|half| pick(_mm256_avg_epu8(top[half], bottom[half]), 1 - LUMA));
        let pairs = pack(a, b);
        match averages {
            Averages::SemiPlanar(chroma) => {
                if let Some(out) = chroma.as_chunks_mut::<BLOCK>().0.get_mut(index) {
                    store(out, pairs);
                }
            }
            Averages::Planar(even, odd) => {
                let split = pack(pick(pairs, 0), pick(pairs, 1));
                let halves = [_mm256_castsi256_si128(split), _mm256_extracti128_si256(split, 1)];
                for (plane, half) in [even, odd].into_iter().zip(halves) {
                    if let Some(out) = plane.as_chunks_mut::<{ BLOCK / 2 }>().0.get_mut(index) {
                        store_half(out, half);
                    }
                }
            }
        }
    }
}

/// Pairs of samples, the first and the second of each apart, of as many whole blocks as there are.
#[target_feature(enable = "avx2")]
pub(super) fn split(pairs: &[u8], even: &mut [u8], odd: &mut [u8]) {
    let (even, odd) = (even.as_chunks_mut::<BLOCK>().0, odd.as_chunks_mut::<BLOCK>().0);
    let low = _mm256_set1_epi16(255);
    for (pairs, (even, odd)) in pairs.as_chunks::<{ 2 * BLOCK }>().0.iter().zip(even.iter_mut().zip(odd)) {
        let (halves, _) = pairs.as_chunks::<32>();
        let (a, b) = (load(&halves[0]), load(&halves[1]));
        store(even, pack(_mm256_and_si256(a, low), _mm256_and_si256(b, low)));
        store(odd, pack(_mm256_srli_epi16(a, 8), _mm256_srli_epi16(b, 8)));
    }
}

/// The bytes of `a`'s 16-bit lanes and then of `b`'s.
#[inline]
#[target_feature(enable = "avx2")]
fn pack(a: __m256i, b: __m256i) -> __m256i {
    _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0b11_01_10_00)
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: an array of 32 bytes can be read as 32 bytes, and this instruction asks for no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_half(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: an array of 16 bytes can be read as 16 bytes, and this instruction asks for no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(out: &mut [u8; 32], bytes: __m256i) {
    // SAFETY: an array of 32 bytes, ours alone, can be written as 32 bytes; this instruction asks for no alignment.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), bytes) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store_half(out: &mut [u8; 16], bytes: __m128i) {
    // SAFETY: an array of 16 bytes, ours alone, can be written as 16 bytes; this instruction asks for no alignment.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), bytes) }
}
