use proptest::prelude::*;

use super::super::planes;
use super::*;
use crate::format::Fourcc;
use crate::sink::colorimetry::Matrix;

const MATRICES: [Matrix; 4] = [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020, Matrix::Smpte240m];

/// R'G'B' from Y'CbCr by the equations of the standards, in floating point.
fn reference(colorimetry: Colorimetry, [y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (kr, kb) = colorimetry.matrix.weights();
    let kg = 1.0 - kr - kb;
    let (y, cb, cr) = if colorimetry.full_range {
        (f64::from(y) / 255.0, (f64::from(cb) - 128.0) / 255.0, (f64::from(cr) - 128.0) / 255.0)
    } else {
        ((f64::from(y) - 16.0) / 219.0, (f64::from(cb) - 128.0) / 224.0, (f64::from(cr) - 128.0) / 224.0)
    };
    let red = y + 2.0 * (1.0 - kr) * cr;
    let blue = y + 2.0 * (1.0 - kb) * cb;
    let green = (y - kr * red - kb * blue) / kg;
    [red, green, blue].map(|value| (value * 255.0).round().clamp(0.0, 255.0) as u8)
}

const LIMITED_601: Colorimetry = Colorimetry { matrix: Matrix::Bt601, full_range: false };

fn rgb_of(code: &[u8; 4], width: u32, height: u32, planes: &[(&[u8], usize)]) -> Result<Vec<u8>> {
    to_rgb8(&PictureView { fourcc: Fourcc(*code), width, height, planes, colorimetry: LIMITED_601 })
        .map(|picture| picture.data)
}

#[test]
fn every_matrix_and_range_is_within_one_of_the_exact_value() {
    for matrix in MATRICES {
        for full_range in [false, true] {
            let colorimetry = Colorimetry { matrix, full_range };
            let conversion = Conversion::new(colorimetry);
            for y in 0..=255 {
                for cb in (0..=255).step_by(15) {
                    for cr in (0..=255).step_by(15) {
                        let (ours, exact) = (conversion.rgb(y, cb, cr), reference(colorimetry, [y, cb, cr]));
                        let off = ours.iter().zip(exact).map(|(a, b)| a.abs_diff(b)).max();
                        assert!(off <= Some(1), "{colorimetry:?} {y} {cb} {cr}: {ours:?}, exactly {exact:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn colour_bars_have_their_known_colours() {
    // ITU-R BT.801's 100 % bars in BT.601, limited range: white, yellow, cyan, green, magenta, red, blue, black.
    let bars = [
        ([235, 128, 128], [255, 255, 255]),
        ([210, 16, 146], [255, 255, 0]),
        ([170, 166, 16], [0, 255, 255]),
        ([145, 54, 34], [0, 255, 0]),
        ([106, 202, 222], [255, 0, 255]),
        ([81, 90, 240], [255, 0, 0]),
        ([41, 240, 110], [0, 0, 255]),
        ([16, 128, 128], [0, 0, 0]),
    ];
    for ([y, cb, cr], rgb) in bars {
        for (code, pair) in
            [(b"YUYV", [y, cb, y, cr]), (b"UYVY", [cb, y, cr, y]), (b"YVYU", [y, cr, y, cb]), (b"VYUY", [cr, y, cb, y])]
        {
            let ours = rgb_of(code, 2, 1, &[(&pair, 4)]).unwrap();
            for (value, expected) in ours.iter().zip(rgb.iter().chain(&rgb)) {
                assert!(value.abs_diff(*expected) <= 2, "{}: {ours:?} for {rgb:?}", Fourcc(*code));
            }
        }
    }
}

/// The Y, Cb and Cr of a pixel of the test pattern: different everywhere, so that no two samples can be confused.
fn pattern(plane: usize, x: usize, y: usize) -> u8 {
    [16 + (x * 13 + y * 29) % 220, 20 + (x * 31 + y * 17) % 200, 30 + (x * 7 + y * 41) % 200][plane] as u8
}

/// A 4:2:0 picture of 5x3, its planes padded: Y in rows of 9, chroma in rows of `chroma_stride`.
fn planar_pattern(horizontal: usize, vertical: usize, chroma_stride: usize) -> [Vec<u8>; 3] {
    [0, 1, 2].map(|plane| {
        let (h, v, stride) = if plane == 0 { (1, 1, 9) } else { (horizontal, vertical, chroma_stride) };
        let (columns, rows) = (5usize.div_ceil(h), 3usize.div_ceil(v));
        let mut bytes = vec![0xaa; stride * (rows - 1) + columns];
        for y in 0..rows {
            for x in 0..columns {
                bytes[y * stride + x] = pattern(plane, x, y);
            }
        }
        bytes
    })
}

fn expected(horizontal: usize, vertical: usize) -> Vec<u8> {
    let pixels = (0..15).map(|at| (at % 5, at / 5));
    pixels
        .flat_map(|(x, y)| {
            let (cx, cy) = (x / horizontal, y / vertical);
            Conversion::new(LIMITED_601).rgb(pattern(0, x, y), pattern(1, cx, cy), pattern(2, cx, cy))
        })
        .collect()
}

#[test]
fn planar_formats_of_odd_size_with_padded_rows() {
    for (code, h, v, swapped) in [
        (b"YU12", 2, 2, false),
        (b"YM12", 2, 2, false),
        (b"YV12", 2, 2, true),
        (b"422P", 2, 1, false),
        (b"YM61", 2, 1, true),
        (b"YM24", 1, 1, false),
        (b"411P", 4, 1, false),
        (b"YUV9", 4, 4, false),
    ] {
        let [y, cb, cr] = planar_pattern(h, v, 7);
        let (first, second) = if swapped { (&cr, &cb) } else { (&cb, &cr) };
        let ours = rgb_of(code, 5, 3, &[(&y, 9), (first, 7), (second, 7)]).unwrap();
        assert_eq!(ours, expected(h, v), "{}", Fourcc(*code));
    }
}

#[test]
fn semi_planar_formats_of_odd_size_with_padded_rows() {
    for (code, h, v, swapped) in [
        (b"NV12", 2, 2, false),
        (b"NM12", 2, 2, false),
        (b"NV21", 2, 2, true),
        (b"NV16", 2, 1, false),
        (b"NM61", 2, 1, true),
        (b"NV42", 1, 1, true),
    ] {
        let [y, cb, cr] = planar_pattern(h, v, 7);
        let pairs: Vec<u8> = cb.iter().zip(&cr).flat_map(|(&b, &r)| if swapped { [r, b] } else { [b, r] }).collect();
        let ours = rgb_of(code, 5, 3, &[(&y, 9), (&pairs, 14)]).unwrap();
        assert_eq!(ours, expected(h, v), "{}", Fourcc(*code));
    }
}

#[test]
fn a_packed_row_of_odd_width_borrows_the_missing_chroma_of_its_neighbour() {
    let row = [50, 100, 60, 150, 70, 110];
    let ours = rgb_of(b"YUYV", 3, 1, &[(&row, 6)]).unwrap();
    let conversion = Conversion::new(LIMITED_601);
    assert_eq!(ours[..6], [conversion.rgb(50, 100, 150), conversion.rgb(60, 100, 150)].concat());
    assert_eq!(ours[6..], conversion.rgb(70, 110, 150));
    assert_eq!(rgb_of(b"YUYV", 1, 1, &[(&[50, 100], 2)]).unwrap(), conversion.rgb(50, 100, 128));
}

#[test]
fn rgb_formats_only_change_their_order() {
    let full = Colorimetry { matrix: Matrix::Bt601, full_range: true };
    for (code, bytes) in [
        (b"RGB3", &[1u8, 2, 3][..]),
        (b"BGR3", &[3, 2, 1]),
        (b"XR24", &[3, 2, 1, 9]),
        (b"AR24", &[3, 2, 1, 9]),
        (b"BGR4", &[3, 2, 1, 9]),
        (b"BX24", &[9, 1, 2, 3]),
        (b"RGB4", &[9, 1, 2, 3]),
        (b"XB24", &[1, 2, 3, 9]),
        (b"RX24", &[9, 3, 2, 1]),
    ] {
        let planes = [(bytes, 4)];
        let view = PictureView { fourcc: Fourcc(*code), width: 1, height: 1, planes: &planes, colorimetry: full };
        assert_eq!(to_rgb8(&view).unwrap().data, [1, 2, 3], "{}", Fourcc(*code));
    }
}

#[test]
fn grey_of_limited_range_is_expanded() {
    assert_eq!(rgb_of(b"GREY", 3, 1, &[(&[16, 235, 255], 3)]).unwrap(), [0, 0, 0, 255, 255, 255, 255, 255, 255]);
    assert_eq!(rgb_of(b"Y16 ", 1, 1, &[(&[7, 235], 2)]).unwrap(), [255; 3]);
}

#[test]
fn a_short_frame_is_refused() {
    assert!(rgb_of(b"YUYV", 4, 2, &[(&[0; 16], 8)]).is_ok());
    assert_eq!(rgb_of(b"YUYV", 4, 2, &[(&[0; 15], 8)]).unwrap_err().name(), ErrorName::NotReadableError);
    assert!(rgb_of(b"YUYV", 4, 2, &[(&[0; 16], 7)]).is_err());
    assert!(rgb_of(b"NV12", 4, 2, &[(&[0; 8], 4)]).is_err());
    assert!(rgb_of(b"NV12", 4, 2, &[]).is_err());
    assert!(rgb_of(b"YUYV", u32::MAX, u32::MAX, &[(&[0; 16], usize::MAX)]).is_err());
    assert_eq!(rgb_of(b"H264", 4, 2, &[(&[0; 16], 8)]).unwrap_err().name(), ErrorName::NotSupportedError);
}

#[test]
fn planes_are_found_in_one_piece_of_memory_and_in_several() {
    let bytes: Vec<u8> = (0..12).collect();
    let nv12 = layout(Fourcc::NV12, 4, 2, &[]).unwrap();
    assert_eq!(planes(&nv12, &[&bytes])[..2], [(&bytes[..8], 4), (&bytes[8..], 4)]);
    let nm12 = layout(Fourcc(*b"NM12"), 4, 2, &[]).unwrap();
    assert_eq!(planes(&nm12, &[&bytes[..8], &bytes[8..]])[..2], [(&bytes[..8], 4), (&bytes[8..], 4)]);
    assert_eq!(planes(&nm12, &[&bytes[..3]])[..2], [(&bytes[..3], 4), (&[][..], 4)]);
}

#[test]
fn the_mean_is_of_luma_alone() {
    let mean = |code: &[u8; 4], width, planes: &[(&[u8], usize)]| {
        luma_mean(&PictureView { fourcc: Fourcc(*code), width, height: 1, planes, colorimetry: LIMITED_601 })
    };
    assert_eq!(mean(b"YUYV", 2, &[(&[10, 200, 30, 200], 4)]), Some(20.0));
    assert_eq!(mean(b"UYVY", 2, &[(&[200, 10, 200, 30], 4)]), Some(20.0));
    assert_eq!(mean(b"GREY", 4, &[(&[1, 2, 3, 4], 4)]), Some(2.5));
    assert_eq!(mean(b"RGB3", 1, &[(&[90, 90, 90], 3)]), Some(90.0));
    assert_eq!(mean(b"YUYV", 2, &[(&[10, 200, 30], 4)]), None);
    assert_eq!(mean(b"H264", 2, &[(&[10, 200, 30], 4)]), None);
}

proptest! {
    #[test]
    fn hostile_sizes_are_answered(
        width in 0u32..70, height in 0u32..70, stride in 0usize..200, bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        code in proptest::sample::select(vec![*b"YUYV", *b"NV12", *b"YU12", *b"411P", *b"GREY", *b"RGB3", *b"XR24", *b"Y16 "]),
    ) {
        let planes = [(&bytes[..], stride), (&bytes[..], stride), (&bytes[..], stride)];
        let view = PictureView { fourcc: Fourcc(code), width, height, planes: &planes, colorimetry: LIMITED_601 };
        let picture = to_rgb8(&view);
        prop_assert_eq!(picture.is_ok(), luma_mean(&view).is_some());
        if let Ok(picture) = picture {
            prop_assert_eq!(picture.data.len(), width as usize * height as usize * 3);
        }
    }
}
