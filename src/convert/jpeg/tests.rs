use proptest::prelude::*;

use super::*;

/// A 16x8 JPEG, grey 100 on the left and red on the right.
fn sample() -> Vec<u8> {
    let pixels: Vec<u8> =
        (0..16 * 8).flat_map(|at| if at % 16 < 8 { [100, 100, 100] } else { [200, 20, 30] }).collect();
    let mut jpeg = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut jpeg, 95);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_4_4);
    encoder.encode(&pixels, 16, 8, jpeg_encoder::ColorType::Rgb).unwrap();
    jpeg
}

/// `jpeg` without its DHT segments.
fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    let mut out = jpeg[..2].to_vec();
    let mut at = 2;
    while jpeg[at + 1] != 0xda {
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if jpeg[at + 1] != 0xc4 {
            out.extend_from_slice(&jpeg[at..end]);
        }
        at = end;
    }
    out.extend_from_slice(&jpeg[at..]);
    out
}

fn decode(jpeg: &[u8], decoded: Decoded) -> Result<Vec<u8>> {
    let jpeg = Jpeg::new(jpeg)?;
    let mut out = vec![0; jpeg.decoded_size(decoded)];
    jpeg.decode(decoded, &mut Vec::new(), &mut out).map(|()| out)
}

fn decode_rgb(jpeg: &[u8]) -> Result<Vec<u8>> {
    decode(jpeg, Decoded::Rgb)
}

#[test]
fn a_jpeg_decodes_to_its_colours() {
    assert_eq!(Jpeg::new(&sample()).unwrap().size(), (16, 8));
    let pixels = decode_rgb(&sample()).unwrap();
    for (at, expected) in [(0, [100, 100, 100]), (15, [200, 20, 30])] {
        let pixel = &pixels[at * 3..][..3];
        assert!(pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 4), "{pixel:?}, not {expected:?}");
    }
    assert_eq!(decode(&sample(), Decoded::Luma).unwrap()[0], 100);
    assert_eq!(decode(&sample(), Decoded::Ycbcr).unwrap()[..3], [100, 128, 128]);
    assert_eq!(decode(&sample(), Decoded::Rgba).unwrap()[..4], [100, 100, 100, 255]);
}

#[test]
fn missing_huffman_tables_are_put_in() {
    let bare = without_tables(&sample());
    assert!(bare.len() < sample().len() - 400);
    let whole = complete(&bare).unwrap();
    assert_eq!(whole.len(), bare.len() + 420);
    assert_eq!(decode_rgb(&bare).unwrap(), decode_rgb(&sample()).unwrap());
    // Borrowed, not copied, where nothing is missing.
    assert!(matches!(complete(&sample()).unwrap(), Cow::Borrowed(_)));
}

#[test]
fn what_follows_the_end_is_cut_off() {
    let jpeg = sample();
    for tail in [&[0u8; 100][..], &[0xff; 7], &sample()] {
        let padded = [&jpeg[..], tail].concat();
        assert_eq!(complete(&padded).unwrap(), jpeg);
        assert!(decode_rgb(&padded).is_ok());
    }
}

#[test]
fn a_jpeg_cut_anywhere_is_an_error() {
    let jpeg = sample();
    for length in 0..jpeg.len() {
        let error = decode_rgb(&jpeg[..length]).unwrap_err();
        assert_eq!(error.name(), ErrorName::NotReadableError, "cut at {length}");
    }
}

#[test]
fn a_forged_size_is_refused_before_memory_is_taken() {
    let mut jpeg = sample();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    assert!(decode_rgb(&jpeg).is_err());
}

#[test]
fn a_size_that_the_bytes_cannot_fill_is_refused_before_time_is_spent() {
    let mut jpeg = sample();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x20, 0, 0x20, 0]);
    let error = decode_rgb(&jpeg).unwrap_err();
    assert!(error.message().contains("too few for 8192x8192"), "{error}");
}

proptest! {
    #[test]
    fn damaged_jpegs_are_answered_without_a_panic(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut jpeg = sample();
        for (index, value) in damage {
            let at = index.index(jpeg.len());
            jpeg[at] = value;
        }
        if let Ok(pixels) = decode_rgb(&jpeg) {
            let (width, height) = Jpeg::new(&jpeg).unwrap().size();
            prop_assert_eq!(pixels.len() as u64, u64::from(width) * u64::from(height) * 3);
        }
    }

    #[test]
    fn noise_is_answered_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(decode_rgb(&[&[0xff, 0xd8][..], &bytes].concat()).is_err());
        prop_assert!(decode_rgb(&bytes).is_err());
    }
}
