use super::*;

/// Bytes without a pattern, every value among them.
fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[2]
    })
    .take(length)
    .collect()
}

const MATRICES: [(f64, f64); 4] = [(0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593), (0.212, 0.087)];

#[test]
fn the_arithmetic_is_within_one_of_the_exact_value_for_every_sample() {
    for (kr, kb) in MATRICES {
        for full_range in [false, true] {
            let factors = Factors::new((kr, kb), full_range);
            let (mut worst, kg) = (0.0f64, 1.0 - kr - kb);
            for cb in (0..=255).step_by(5) {
                for cr in (0..=255).step_by(5) {
                    for y in 0..=255u8 {
                        let (black, span, chroma) = if full_range { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) };
                        let luma = (f64::from(y) - black) / span;
                        let (blue, red) = ((f64::from(cb) - 128.0) / chroma, (f64::from(cr) - 128.0) / chroma);
                        let (red, blue) = (luma + 2.0 * (1.0 - kr) * red, luma + 2.0 * (1.0 - kb) * blue);
                        let green = (luma - kr * red - kb * blue) / kg;
                        for (ours, exact) in factors.rgb(y, cb, cr).into_iter().zip([red, green, blue]) {
                            worst = worst.max((f64::from(ours) - (exact * 255.0).clamp(0.0, 255.0)).abs());
                        }
                    }
                }
            }
            // Rounding alone is off by a half.
            assert!((0.4..0.5 + 5.0 / 64.0).contains(&worst), "{kr} {kb} {full_range}: {worst}");
        }
    }
}

/// Calls `compare` with rows of every kind, of `width` pixels of noise.
fn every_row(width: usize, compare: impl Fn(YcbcrRow<'_>)) {
    let pairs = width.next_multiple_of(2);
    let (first, second, third) = (noise(2 * pairs, 1), noise(pairs, 77), noise(pairs / 2, 5));
    for cr_first in [false, true] {
        for luma in [0, 1] {
            compare(YcbcrRow::Packed { bytes: &first, luma, cr_first });
        }
        compare(YcbcrRow::SemiPlanar { y: &first[..width], chroma: &second, cr_first });
    }
    compare(YcbcrRow::Planar { y: &first[..width], cb: &second[..pairs / 2], cr: &third });
}

#[test]
fn vector_code_and_plain_code_give_the_same_bytes() {
    for width in [1, 2, 31, 32, 33, 63, 64, 95, 96, 200, 257] {
        for (matrix, full_range) in MATRICES.into_iter().zip([false, true, false, true]) {
            let factors = Factors::new(matrix, full_range);
            every_row(width, |row| {
                for order in [RgbOrder::Rgb, RgbOrder::Rgba, RgbOrder::Bgra] {
                    let mut plain = vec![0; width * order.bytes()];
                    let mut either = plain.clone();
                    portable::ycbcr_row(row, &factors, order, &mut plain);
                    ycbcr_row(row, &factors, order, &mut either);
                    assert_eq!(plain, either, "{width} pixels, {row:?}, {order:?}");
                }
            });
        }
    }
}

#[test]
fn vector_code_and_plain_code_sort_packed_rows_alike() {
    for width in [2, 30, 32, 34, 96, 258] {
        let rows = [noise(2 * width, 3), noise(2 * width, 9)];
        for place in [0, 1] {
            let run = |plain: bool, planar: bool| {
                let (mut luma, mut chroma) = ([vec![0; width], vec![0; width]], vec![0; width]);
                let averages = if planar {
                    let (even, odd) = chroma.split_at_mut(width / 2);
                    Averages::Planar(even, odd)
                } else {
                    Averages::SemiPlanar(&mut chroma)
                };
                let convert = if plain { portable::packed_to_420 } else { packed_to_420 };
                convert(rows.each_ref().map(Vec::as_slice), place, luma.each_mut().map(Vec::as_mut_slice), averages);
                (luma, chroma)
            };
            for planar in [false, true] {
                assert_eq!(run(true, planar), run(false, planar), "{width} pixels, luma at {place}");
            }
        }
    }
}

#[test]
fn vector_code_and_plain_code_split_pairs_alike() {
    for count in [1, 31, 32, 33, 100] {
        let pairs = noise(2 * count, 7);
        let [mut even, mut odd, mut plain_even, mut plain_odd] = [(); 4].map(|()| vec![0; count]);
        split(&pairs, &mut even, &mut odd);
        portable::split(&pairs, &mut plain_even, &mut plain_odd);
        assert_eq!((&even, &odd), (&plain_even, &plain_odd));
        let mut joined = vec![0; 2 * count];
        join(&even, &odd, &mut joined);
        assert_eq!(joined, pairs);
    }
}
