//! Formats in files: what goes in comes out of FFmpeg.

use super::*;

/// Raw formats, what FFmpeg calls them, and their planes in its order.
const RAW_FORMATS: [(&[u8; 4], &str, &[usize]); 41] = [
    (b"YUYV", "yuyv422", &[0]),
    (b"UYVY", "uyvy422", &[0]),
    (b"YVYU", "yvyu422", &[0]),
    (b"NV12", "nv12", &[0, 1]),
    (b"NV21", "nv21", &[0, 1]),
    (b"NM12", "nv12", &[0, 1]),
    (b"NM21", "nv21", &[0, 1]),
    (b"YU12", "yuv420p", &[0, 1, 2]),
    (b"YV12", "yuv420p", &[0, 2, 1]),
    (b"YM12", "yuv420p", &[0, 1, 2]),
    (b"YM21", "yuv420p", &[0, 2, 1]),
    (b"422P", "yuv422p", &[0, 1, 2]),
    (b"YM16", "yuv422p", &[0, 1, 2]),
    (b"YM61", "yuv422p", &[0, 2, 1]),
    (b"YM24", "yuv444p", &[0, 1, 2]),
    (b"YM42", "yuv444p", &[0, 2, 1]),
    (b"411P", "yuv411p", &[0, 1, 2]),
    (b"YUV9", "yuv410p", &[0, 1, 2]),
    (b"YVU9", "yuv410p", &[0, 2, 1]),
    (b"GREY", "gray", &[0]),
    (b"Y16 ", "gray16le", &[0]),
    (b"Y16\xa0", "gray16be", &[0]),
    (b"RGB3", "rgb24", &[0]),
    (b"BGR3", "bgr24", &[0]),
    (b"XR24", "bgr0", &[0]),
    (b"BGR4", "bgr0", &[0]),
    (b"XB24", "rgb0", &[0]),
    (b"BX24", "0rgb", &[0]),
    (b"RGB4", "0rgb", &[0]),
    (b"RX24", "0bgr", &[0]),
    (b"AR24", "bgra", &[0]),
    (b"AB24", "rgba", &[0]),
    (b"BA24", "argb", &[0]),
    (b"RA24", "abgr", &[0]),
    (b"RGBP", "rgb565le", &[0]),
    (b"RGBR", "rgb565be", &[0]),
    (b"XR15", "rgb555le", &[0]),
    (b"XR1\xb5", "rgb555be", &[0]),
    (b"RGB1", "rgb8", &[0]),
    (b"BA81", "bayer_bggr8", &[0]),
    (b"BYR2", "bayer_bggr16le", &[0]),
];

#[test]
fn every_raw_format_in_matroska_decodes_to_the_bytes_that_went_in() {
    for (code, name, order) in RAW_FORMATS {
        // Rows with padding, in every memory plane.
        let tight = video(code, 48, 16, &[]);
        let lines: Vec<u32> = (0..tight.layout.unwrap().memory_count())
            .map(|memory| tight.layout.unwrap().planes()[memory].stride as u32 + 16)
            .collect();
        for format in [tight, video(code, 48, 16, &lines)].into_iter().chain(part(code, &lines)) {
            let file = TempFile::new("mkv");
            record(file.path(), &format, &times(2));
            assert_holds(
                &probe(file.path()),
                &[
                    "streams.stream.0.codec_name=rawvideo",
                    &format!("streams.stream.0.pix_fmt={name}"),
                    "streams.stream.0.nb_read_frames=2",
                ],
            );
            let expected: Vec<u8> = (0..2).flat_map(|at| packed(&format, &memories(&format, at), order)).collect();
            assert!(decode(file.path(), None, None) == expected, "{} as {name}", format.fourcc);
        }
    }
}

#[test]
fn y4m_holds_the_same_pictures_in_planes() {
    for (code, name, order) in [
        (b"YU12", "yuv420p", &[0, 1, 2][..]),
        (b"YV12", "yuv420p", &[0, 2, 1]),
        (b"YM21", "yuv420p", &[0, 2, 1]),
        (b"422P", "yuv422p", &[0, 1, 2]),
        (b"411P", "yuv411p", &[0, 1, 2]),
        (b"YM24", "yuv444p", &[0, 1, 2]),
        (b"GREY", "gray", &[0]),
        (b"Y16 ", "gray16le", &[0]),
    ] {
        let whole = [video(code, 48, 16, &[]), video(code, 48, 16, &[128, 64, 64])];
        for format in whole.into_iter().chain(part(code, &[])) {
            let file = TempFile::new("y4m");
            let summary = record(file.path(), &format, &times(3));
            assert_eq!(summary.bytes, std::fs::metadata(file.path()).unwrap().len());
            assert_eq!(summary.duration_ns, 100_000_000);
            assert_holds(
                &probe(file.path()),
                &[
                    &format!("streams.stream.0.pix_fmt={name}"),
                    "streams.stream.0.nb_read_frames=3",
                    "streams.stream.0.r_frame_rate=30/1",
                    "format.duration=0.100000",
                ],
            );
            let expected: Vec<u8> = (0..3).flat_map(|at| packed(&format, &memories(&format, at), order)).collect();
            assert!(decode(file.path(), None, None) == expected, "{} as {name}", format.fourcc);
        }
    }
}

#[cfg(feature = "picture")]
#[test]
fn players_see_the_colours_that_our_pictures_have() {
    use crate::convert::{PixelFormat, VideoFrameView};
    // Bars of one colour over 8 pixels, so that no two ways of spreading chroma differ.
    let bars = [[235u8, 128, 128], [210, 16, 146], [170, 166, 16], [145, 54, 34], [106, 202, 222], [81, 90, 240]];
    for (code, extension) in [
        (b"YUYV", "mkv"),
        (b"UYVY", "mkv"),
        (b"NV12", "mkv"),
        (b"YU12", "mkv"),
        (b"422P", "mkv"),
        (b"YUYV", "y4m"),
        (b"NV12", "y4m"),
        (b"YV12", "y4m"),
        (b"NV16", "y4m"),
        (b"NV24", "y4m"),
    ] {
        let format = video(code, 48, 16, &[]);
        let layout = format.layout.unwrap();
        let mut memory = vec![0; layout.memory_size(0)];
        for (index, plane) in layout.planes().iter().enumerate() {
            let order = match (code, index) {
                (b"YUYV", _) => &[0, 1, 0, 2][..],
                (b"UYVY", _) => &[1, 0, 2, 0],
                (_, 0) => &[0],
                (b"NV12" | b"NV16" | b"NV24", _) => &[1, 2],
                (b"YV12", 1) => &[2],
                (_, 1) => &[1],
                (_, _) => {
                    if code == b"YV12" {
                        &[1]
                    } else {
                        &[2]
                    }
                }
            };
            for (at, byte) in memory[plane.offset..plane.end()].iter_mut().enumerate() {
                let column = at % plane.stride * 48 / plane.stride;
                *byte = bars[column / 8][order[at % plane.stride % order.len()]];
            }
        }
        let file = TempFile::new(extension);
        let mut container = container(file.path(), Metadata::default());
        container.begin(&[TrackFormat::Video(format.clone())]).unwrap();
        container.video(0, &FrameData { timestamp_ns: 5, keyframe: true, memories: &[&memory] }).unwrap();
        container.finish().unwrap();
        let planes: Vec<_> =
            layout.planes().iter().map(|plane| (&memory[plane.offset..plane.end()], plane.stride)).collect();
        let view = VideoFrameView::new(format.fourcc, 48, 16, &planes, LIMITED_601).unwrap();
        let mut ours = vec![0; 48 * 16 * 3];
        view.convert_to(PixelFormat::Rgb, &mut ours, 0).unwrap();
        let theirs = decode(file.path(), Some("rgb24"), None);
        let off = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(ours.len() == theirs.len() && off <= Some(2), "{} in {extension}: off by {off:?}", format.fourcc);
    }
}
