//! Conversions against the standards' equations in floating point, over every format, odd sizes, padded rows, both
//! ranges and all matrices. The formats' layouts are written down here once more, from the kernel's documents, so that
//! a mistake in the library's own tables shows.

#![cfg(feature = "convert")]

#[path = "convert/errors.rs"]
mod errors;
#[path = "convert/jpeg.rs"]
#[cfg(feature = "picture")]
mod jpeg;
#[path = "convert/reference.rs"]
mod reference;

use reference::{FORMATS, Kind, Reference, SPACES};
use usermedia::convert::{Converter, PixelFormat, PlaneMut, Rect, VideoFrameView};
use usermedia::{Fourcc, VideoColorSpace, VideoMatrixCoefficients};

const RGB: [PixelFormat; 3] = [PixelFormat::Rgb, PixelFormat::Rgba, PixelFormat::Bgra];
/// Small ones, odd ones, and those around the 32 pixels that the vector code takes at a time.
const SIZES: [(u32, u32); 12] =
    [(1, 1), (2, 1), (1, 2), (3, 3), (5, 2), (8, 5), (31, 3), (32, 2), (33, 3), (64, 4), (71, 3), (130, 2)];
/// What nobody may touch.
const UNTOUCHED: u8 = 0xa5;

/// The red, green and blue of each pixel of a converted picture; padding and alpha are looked at here.
fn colours(format: PixelFormat, out: &[u8], stride: usize, width: usize, height: usize) -> Vec<[u8; 3]> {
    let step = if format == PixelFormat::Rgb { 3 } else { 4 };
    let mut pixels = Vec::new();
    for row in out.chunks(stride).take(height) {
        for pixel in row[..width * step].chunks(step) {
            pixels.push(match format {
                PixelFormat::Bgra => [pixel[2], pixel[1], pixel[0]],
                _ => [pixel[0], pixel[1], pixel[2]],
            });
            assert!(pixel.get(3).is_none_or(|alpha| *alpha == 255), "opaque");
        }
        assert!(row[width * step..].iter().all(|&byte| byte == UNTOUCHED), "padding is left alone");
    }
    pixels
}

fn assert_near(ours: &[[u8; 3]], exact: &[[f64; 3]], what: impl Fn() -> String) {
    assert_eq!(ours.len(), exact.len());
    for (index, (ours, exact)) in ours.iter().zip(exact).enumerate() {
        for (ours, exact) in ours.iter().zip(exact) {
            // Off by one of 255 at most, from what rounding would give.
            assert!((f64::from(*ours) - exact.round()).abs() <= 1.0, "{}: pixel {index}: {ours}, not {exact}", what());
        }
    }
}

#[test]
fn every_format_becomes_rgb_within_one_of_the_exact_colour() {
    for (code, kind) in FORMATS {
        for (seed, (width, height)) in SIZES.into_iter().enumerate() {
            let picture = Reference::new(*code, *kind, width as usize, height as usize, seed as u32);
            for (pad, color_space) in SPACES.iter().enumerate() {
                let planes = picture.planes(pad % 3);
                let view = planes.view(*color_space);
                let exact = picture.rgb(*color_space);
                for format in RGB {
                    let stride = format.row_bytes(width) + [0, 1, 29][pad % 3];
                    let mut out = vec![UNTOUCHED; stride * height as usize + 5];
                    view.convert_to(format, &mut out, stride).unwrap();
                    let what = || format!("{} {width}x{height} {color_space:?} to {format}", Fourcc(*code));
                    assert_near(&colours(format, &out, stride, width as usize, height as usize), &exact, what);
                    assert_eq!(out[stride * height as usize..], [UNTOUCHED; 5]);
                }
            }
        }
    }
}

/// Luma, and Cb and Cr of each column and row of chroma.
fn planes_of(format: PixelFormat, out: &[u8], width: usize, height: usize) -> (Vec<u8>, Vec<[u8; 2]>) {
    let (luma, chroma) = out.split_at(width * height);
    let count = width.div_ceil(2) * height.div_ceil(2);
    let chroma = match format {
        PixelFormat::I420 => chroma[..count].iter().zip(&chroma[count..]).map(|(&cb, &cr)| [cb, cr]).collect(),
        // An odd width's rows of pairs are one byte longer, and so is their stride.
        _ => chroma.as_chunks().0.to_vec(),
    };
    (luma.to_vec(), chroma)
}

#[test]
fn every_ycbcr_format_becomes_420_without_an_error() {
    for (code, kind) in FORMATS.iter().filter(|(_, kind)| !matches!(kind, Kind::Rgb(_))) {
        for (seed, (width, height)) in SIZES.into_iter().enumerate() {
            let picture = Reference::new(*code, *kind, width as usize, height as usize, seed as u32);
            let planes = picture.planes(seed % 3);
            let view = planes.view(SPACES[0]);
            for format in [PixelFormat::I420, PixelFormat::Nv12] {
                let mut out = vec![UNTOUCHED; format.buffer_size(width, height, 0).unwrap()];
                view.convert_to(format, &mut out, 0).unwrap();
                let (luma, chroma) = planes_of(format, &out, width as usize, height as usize);
                let what = format!("{} {width}x{height} to {format}", Fourcc(*code));
                assert_eq!(luma, picture.luma(), "{what}");
                assert_eq!(chroma, picture.mean_chroma(), "{what}");
                assert_eq!(view.color_space_as(format), SPACES[0]);
            }
        }
    }
}

#[test]
fn rgb_becomes_420_of_limited_range_within_one() {
    for (code, kind) in FORMATS.iter().filter(|(_, kind)| matches!(kind, Kind::Rgb(_))) {
        for (seed, (width, height)) in SIZES.into_iter().enumerate() {
            let picture = Reference::new(*code, *kind, width as usize, height as usize, seed as u32);
            for color_space in SPACES {
                let planes = picture.planes(0);
                let view = planes.view(color_space);
                assert!(!view.color_space_as(PixelFormat::I420).full_range);
                let (exact_luma, exact_chroma) = picture.ycbcr(color_space);
                for format in [PixelFormat::I420, PixelFormat::Nv12] {
                    let mut out = vec![0; format.buffer_size(width, height, 0).unwrap()];
                    view.convert_to(format, &mut out, 0).unwrap();
                    let (luma, chroma) = planes_of(format, &out, width as usize, height as usize);
                    let pairs = chroma.as_flattened().iter().zip(exact_chroma.as_flattened());
                    for (ours, exact) in luma.iter().zip(&exact_luma).chain(pairs) {
                        assert!((f64::from(*ours) - exact).abs() <= 1.0, "{}: {ours}, not {exact}", Fourcc(*code));
                    }
                }
            }
        }
    }
}

#[test]
fn planes_may_lie_anywhere_with_strides_of_their_own() {
    let picture = Reference::new(*b"YUYV", Kind::Packed422("YUYV"), 37, 5, 4);
    let planes = picture.planes(1);
    let view = planes.view(SPACES[0]);
    let mut whole = vec![0; PixelFormat::I420.buffer_size(37, 5, 0).unwrap()];
    view.convert_to(PixelFormat::I420, &mut whole, 0).unwrap();
    let (mut y, mut cb, mut cr) = (vec![UNTOUCHED; 4 * 50 + 37], vec![UNTOUCHED; 3 * 19], vec![UNTOUCHED; 2 * 64 + 19]);
    let mut out = [PlaneMut::new(&mut y, 50), PlaneMut::new(&mut cb, 19), PlaneMut::new(&mut cr, 64)];
    Converter::new().convert_planes(&view, PixelFormat::I420, &mut out).unwrap();
    let rows = |plane: &[u8], stride: usize, width: usize| -> Vec<u8> {
        plane.chunks(stride).flat_map(|row| row[..width].to_vec()).collect()
    };
    assert_eq!(rows(&y, 50, 37), whole[..37 * 5]);
    assert_eq!(rows(&cb, 19, 19), whole[37 * 5..][..57]);
    assert_eq!(rows(&cr, 64, 19), whole[37 * 5 + 57..]);
    assert!(y[37..50].iter().chain(&cr[19..64]).all(|&byte| byte == UNTOUCHED));
}

#[test]
fn a_crop_shows_the_pixels_of_the_whole_and_copies_none() {
    for (code, kind) in FORMATS {
        let picture = Reference::new(*code, *kind, 70, 11, 1);
        let planes = picture.planes(1);
        let view = planes.view(SPACES[0]);
        let exact = picture.rgb(SPACES[0]);
        let (columns, rows) = view.crop_alignment();
        for rect in [
            Rect::new(0, 0, 70, 11),
            Rect::new(columns, rows, 33, 5),
            Rect::new(2 * columns, 0, 1, 1),
            Rect::new(columns, 2 * rows, 70 - columns, 11 - 2 * rows),
            Rect::new(4, 4, 35, 3),
        ] {
            let part = view.crop(rect).unwrap();
            assert_eq!((part.visible_rect(), part.width(), part.height()), (rect, rect.width, rect.height));
            let mut out = vec![0; PixelFormat::Rgb.buffer_size(rect.width, rect.height, 0).unwrap()];
            part.convert_to(PixelFormat::Rgb, &mut out, 0).unwrap();
            let shown: Vec<[f64; 3]> = (0..rect.height)
                .flat_map(|y| (0..rect.width).map(move |x| ((rect.y + y) * 70 + rect.x + x) as usize))
                .map(|at| exact[at])
                .collect();
            assert_near(out.as_chunks().0, &shown, || format!("{} {rect:?}", Fourcc(*code)));
        }
        // A part of a part counts from that part.
        let part = view.crop(Rect::new(4, 4, 60, 7)).unwrap().crop(Rect::new(8, 0, 10, 2)).unwrap();
        assert_eq!(part.visible_rect(), Rect::new(12, 4, 10, 2));
    }
}

#[test]
fn a_crop_that_ends_inside_a_pair_keeps_that_pairs_colour() {
    // The second pixel has a Cr of its own only beyond the edge of the part.
    let row = [81, 90, 81, 240, 81, 90, 81, 240];
    let color_space = VideoColorSpace::new(VideoMatrixCoefficients::Bt601, false);
    let view = VideoFrameView::new(Fourcc::YUYV, 4, 1, &[(&row, 8)], color_space).unwrap();
    let mut red = [0; 9];
    view.crop(Rect::new(0, 0, 3, 1)).unwrap().convert_to(PixelFormat::Rgb, &mut red, 0).unwrap();
    assert!(red.chunks(3).all(|pixel| pixel[0] > 250 && pixel[1] < 5 && pixel[2] < 5), "{red:?}");
}

#[test]
fn a_picture_is_scaled_to_any_size_in_any_format() {
    // Grey in the left half, and red in the right.
    let row: Vec<u8> =
        (0..32).flat_map(|pair| if pair < 16 { [100, 128, 100, 128] } else { [81, 90, 81, 240] }).collect();
    let yuyv = row.repeat(48);
    let view = VideoFrameView::new(Fourcc::YUYV, 64, 48, &[(&yuyv, 128)], SPACES[0]).unwrap();
    let mut converter = Converter::new();
    for (width, height) in [(64, 48), (32, 24), (33, 11), (128, 96), (7, 5)] {
        for format in [PixelFormat::Rgb, PixelFormat::Rgba, PixelFormat::Bgra, PixelFormat::I420, PixelFormat::Nv12] {
            let stride = format.row_bytes(width) + 5;
            let mut out = vec![UNTOUCHED; format.buffer_size(width, height, stride).unwrap()];
            converter.convert_scaled(&view, format, (width, height), &mut out, stride).unwrap();
            let (width, row) = (width as usize, &out[..stride]);
            let of = |x: usize| match format {
                PixelFormat::Rgb => row[3 * x..][..3].to_vec(),
                PixelFormat::Rgba => row[4 * x..][..4].to_vec(),
                PixelFormat::Bgra => vec![row[4 * x + 2], row[4 * x + 1], row[4 * x], row[4 * x + 3]],
                _ => vec![row[x]],
            };
            let (left, right) = match format {
                PixelFormat::Rgb => (vec![98; 3], vec![254, 0, 0]),
                PixelFormat::Rgba | PixelFormat::Bgra => (vec![98, 98, 98, 255], vec![254, 0, 0, 255]),
                _ => (vec![100], vec![81]),
            };
            for (x, colour) in [(0, left), (width - 1, right)] {
                let off = of(x).iter().zip(&colour).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(off <= Some(1), "{format} {width}x{height}: {:?} at {x}, not {colour:?}", of(x));
            }
            assert_eq!(row[format.row_bytes(width as u32)..], [UNTOUCHED; 5]);
        }
    }
    assert!(converter.convert_scaled(&view, PixelFormat::Rgb, (0, 4), &mut [0; 64], 0).is_err());
    assert!(converter.convert_scaled(&view, PixelFormat::Rgb, (8, 4), &mut [0; 64], 0).is_err());
}

#[test]
fn a_frame_of_the_built_in_camera_converts_in_place() {
    let stream = usermedia::MediaDevices::synthetic()
        .get_user_media(&usermedia::MediaStreamConstraints::new().video(true))
        .unwrap();
    let frame = stream.video_tracks()[0].processor(1).next().unwrap().unwrap();
    let (width, height) = (frame.width(), frame.height());
    let size = PixelFormat::Rgba.buffer_size(width, height, 0).unwrap();
    let (mut whole, mut part) = (vec![0; size], vec![0; 20 * 10 * 4]);
    frame.convert_to(PixelFormat::Rgba, &mut whole, 0).unwrap();
    assert!(whole.chunks(4).any(|pixel| pixel != &whole[..4]), "a picture with something in it");
    frame.crop(Rect::new(40, 20, 20, 10)).unwrap().convert_to(PixelFormat::Rgba, &mut part, 0).unwrap();
    for (y, row) in part.chunks(20 * 4).enumerate() {
        assert_eq!(row, &whole[((20 + y) * width as usize + 40) * 4..][..80]);
    }
}
