use super::*;
use crate::format::layout::layout;
use crate::format::{Fourcc, FrameRate};
use crate::format::{VideoColorSpace, VideoMatrixCoefficients};

fn format(code: &[u8; 4], width: u32, height: u32, full_range: bool) -> VideoFormat {
    VideoFormat {
        fourcc: Fourcc(*code),
        width,
        height,
        frame_rate: FrameRate::new(30_000, 1001),
        layout: layout(Fourcc(*code), width, height, &[]),
        color_space: VideoColorSpace { matrix: VideoMatrixCoefficients::Bt601, full_range },
        label: String::new(),
        codec_private: Vec::new(),
    }
}

#[test]
fn the_header_keeps_the_rate_exact_and_says_the_range() {
    let said = |code, full_range| {
        let format = format(code, 640, 480, full_range);
        header(&format, scheme(&format).unwrap().2)
    };
    assert_eq!(said(b"NV12", false), "YUV4MPEG2 W640 H480 F30000:1001 Ip A0:0 C420mpeg2 XCOLORRANGE=LIMITED\n");
    assert_eq!(said(b"YU12", true), "YUV4MPEG2 W640 H480 F30000:1001 Ip A0:0 C420jpeg XCOLORRANGE=FULL\n");
    assert_eq!(said(b"GREY", true), "YUV4MPEG2 W640 H480 F30000:1001 Ip A0:0 Cmono\n");
    // FFmpeg up to 6 reads no header beyond 96 bytes.
    assert!(said(b"YU12", false).len() < 96);
}

#[test]
fn packed_pixels_are_sorted_into_planes() {
    let sorted = |code: &[u8; 4], bytes: &[u8]| {
        let format = format(code, 3, 2, false);
        let (layout, packing, _) = scheme(&format).unwrap();
        let Packing::Samples(samples) = packing else { panic!("{code:?} is not packed") };
        samples.map(|sample| {
            let mut out = Vec::new();
            append_samples(&mut out, &layout, &[bytes], sample, 3).unwrap();
            out
        })
    };
    // Two rows of three pixels: the last pair lacks Cr in YUYV, which its neighbour lends.
    let yuyv = sorted(b"YUYV", &[1, 101, 2, 201, 3, 103, 4, 104, 5, 204, 6, 106]);
    assert_eq!(yuyv, [vec![1, 2, 3, 4, 5, 6], vec![101, 103, 104, 106], vec![201, 201, 204, 204]]);
    // Y in rows of three, then pairs of Cr and Cb for two columns and one row.
    let nv21 = sorted(b"NV21", &[1, 2, 3, 4, 5, 6, 201, 101, 202, 102]);
    assert_eq!(nv21, [vec![1, 2, 3, 4, 5, 6], vec![101, 102], vec![201, 202]]);
}
