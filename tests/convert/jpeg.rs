//! MJPEG as cameras send it: without Huffman tables, padded, cut short, of another size.

use usermedia::convert::{Converter, PixelFormat, Rect, VideoFrameView};
use usermedia::{ErrorName, Fourcc, VideoColorSpace, VideoMatrixCoefficients};

const WIDTH: u32 = 50;
const HEIGHT: u32 = 22;

/// A soft picture, as RGB.
fn picture() -> Vec<u8> {
    let pixels = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    pixels.flat_map(|(x, y)| [60 + 3 * x, 40 + 8 * y, 200 - 2 * x - y].map(|value| value as u8)).collect()
}

fn jpeg(sampling: jpeg_encoder::SamplingFactor) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, 95);
    encoder.set_sampling_factor(sampling);
    encoder.encode(&picture(), WIDTH as u16, HEIGHT as u16, jpeg_encoder::ColorType::Rgb).unwrap();
    out
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

fn view(jpeg: &[u8]) -> VideoFrameView<'_> {
    // What the driver says of the colours does not matter.
    let color_space = VideoColorSpace::new(VideoMatrixCoefficients::Bt709, false);
    VideoFrameView::new(Fourcc::MJPG, WIDTH, HEIGHT, &[(jpeg, 0)], color_space).unwrap()
}

fn convert(jpeg: &[u8], format: PixelFormat) -> usermedia::Result<Vec<u8>> {
    let mut out = vec![0; format.buffer_size(WIDTH, HEIGHT, 0).unwrap()];
    view(jpeg).convert_to(format, &mut out, 0).map(|()| out)
}

use jpeg_encoder::SamplingFactor::{R_4_2_0, R_4_2_2, R_4_4_4};

#[test]
fn a_jpeg_becomes_the_picture_it_was_made_of() {
    for sampling in [R_4_2_0, R_4_2_2, R_4_4_4] {
        let file = jpeg(sampling);
        let rgb = convert(&file, PixelFormat::Rgb).unwrap();
        let off = rgb.iter().zip(picture()).map(|(a, b)| a.abs_diff(b)).max();
        assert!(off <= Some(12), "{sampling:?} {off:?}");
        let expected = |order: [usize; 3]| -> Vec<u8> {
            rgb.as_chunks::<3>()
                .0
                .iter()
                .flat_map(|pixel| [pixel[order[0]], pixel[order[1]], pixel[order[2]], 255])
                .collect()
        };
        assert_eq!(convert(&file, PixelFormat::Rgba).unwrap(), expected([0, 1, 2]));
        assert_eq!(convert(&file, PixelFormat::Bgra).unwrap(), expected([2, 1, 0]));
    }
}

#[test]
fn a_jpeg_becomes_420_of_full_range() {
    for sampling in [R_4_2_0, R_4_2_2, R_4_4_4] {
        let file = jpeg(sampling);
        let i420 = convert(&file, PixelFormat::I420).unwrap();
        let color_space = view(&file).color_space_as(PixelFormat::I420);
        assert_eq!(color_space, VideoColorSpace::new(VideoMatrixCoefficients::Bt601, true));
        let (luma, chroma) = i420.split_at((WIDTH * HEIGHT) as usize);
        let (cb, cr) = chroma.split_at((WIDTH * HEIGHT / 4) as usize);
        let planes = [(luma, WIDTH as usize), (cb, WIDTH as usize / 2), (cr, WIDTH as usize / 2)];
        let again = VideoFrameView::new(Fourcc::YU12, WIDTH, HEIGHT, &planes, color_space).unwrap();
        let mut rgb = vec![0; picture().len()];
        again.convert_to(PixelFormat::Rgb, &mut rgb, 0).unwrap();
        let off = rgb.iter().zip(picture()).map(|(a, b)| a.abs_diff(b)).max();
        assert!(off <= Some(14), "{sampling:?} {off:?}");
        // And NV12 is the same samples.
        let nv12 = convert(&file, PixelFormat::Nv12).unwrap();
        assert_eq!(&nv12[..luma.len()], luma);
        assert!(
            nv12[luma.len()..].as_chunks().0.iter().eq(cb
                .iter()
                .zip(cr)
                .map(|(&cb, &cr)| [cb, cr])
                .collect::<Vec<_>>()
                .iter())
        );
    }
}

#[test]
fn rows_may_be_padded_and_parts_taken() {
    let file = jpeg(R_4_2_2);
    let whole = convert(&file, PixelFormat::Rgb).unwrap();
    let mut padded = vec![7; 160 * HEIGHT as usize];
    view(&file).convert_to(PixelFormat::Rgb, &mut padded, 160).unwrap();
    for (row, dense) in padded.chunks(160).zip(whole.chunks(150)) {
        assert!(&row[..150] == dense && row[150..] == [7; 10]);
    }
    // Any start will do: there is chroma for each pixel once it is decoded.
    let part = view(&file).crop(Rect::new(3, 5, 7, 2)).unwrap();
    let mut out = [0; 42];
    part.convert_to(PixelFormat::Rgb, &mut out, 0).unwrap();
    for (y, row) in out.chunks(21).enumerate() {
        assert_eq!(row, &whole[(5 + y) * 150 + 9..][..21]);
    }
}

#[test]
fn missing_huffman_tables_are_put_in_and_what_follows_the_end_is_left() {
    let file = jpeg(R_4_2_2);
    let bare = [without_tables(&file), vec![0; 300]].concat();
    let mut converter = Converter::new();
    let mut out = vec![0; PixelFormat::Rgb.buffer_size(WIDTH, HEIGHT, 0).unwrap()];
    for _ in 0..2 {
        converter.convert(&view(&bare), PixelFormat::Rgb, &mut out, 0).unwrap();
        assert_eq!(out, convert(&file, PixelFormat::Rgb).unwrap());
    }
}

#[test]
fn a_jpeg_cut_short_anywhere_is_an_error() {
    let file = jpeg(R_4_2_2);
    for length in 0..file.len() {
        for format in [PixelFormat::Rgb, PixelFormat::I420] {
            let error = convert(&file[..length], format).unwrap_err();
            assert_eq!(error.name(), ErrorName::NotReadableError, "cut at {length}");
        }
    }
}

#[test]
fn a_jpeg_whose_data_ends_early_is_an_error_even_with_an_end_marker() {
    let file = jpeg(R_4_2_2);
    // The last row of blocks excepted: what is missing there, the decoder makes up.
    for part in [4, 5, 6] {
        let cut = [&file[..file.len() * part / 10], &[0xff, 0xd9]].concat();
        assert!(convert(&cut, PixelFormat::Rgb).is_err(), "{part} tenths");
    }
}

#[test]
fn a_jpeg_of_another_size_is_an_error() {
    let file = jpeg(R_4_2_2);
    let color_space = VideoColorSpace::new(VideoMatrixCoefficients::Bt601, true);
    let view = VideoFrameView::new(Fourcc::MJPG, 100, 22, &[(&file, 0)], color_space).unwrap();
    let error = view.convert_to(PixelFormat::Rgb, &mut vec![0; 100 * 22 * 3], 0).unwrap_err();
    assert!(error.name() == ErrorName::NotReadableError && error.message().contains("50x22"), "{error}");
}
