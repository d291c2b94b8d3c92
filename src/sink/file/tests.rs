//! Recordings as FFmpeg sees them.

use std::time::{Duration, UNIX_EPOCH};

use super::super::colorimetry::{Colorimetry, Matrix};
use super::super::container::{AudioFormat, VideoFormat};
use super::super::ffmpeg::{TempFile, assert_holds, decode, packet_times, probe};
use super::*;
use crate::format::layout::layout;
use crate::format::{Fourcc, FrameRate};

const LIMITED_601: Colorimetry = Colorimetry { matrix: Matrix::Bt601, full_range: false };
const START_NS: u64 = 987_654_321_987;

fn video(code: &[u8; 4], width: u32, height: u32, bytesperline: &[u32]) -> VideoFormat {
    VideoFormat {
        fourcc: Fourcc(*code),
        width,
        height,
        frame_rate: FrameRate::new(30, 1),
        layout: layout(Fourcc(*code), width, height, bytesperline),
        colorimetry: LIMITED_601,
        label: "Test Camera".into(),
    }
}

/// Memory planes full of numbers that tell their places apart, padding included, different in each frame.
fn memories(format: &VideoFormat, frame: usize) -> Vec<Vec<u8>> {
    let layout = format.layout.unwrap();
    let memory = |index| {
        (0..layout.memory_size(index))
            .map(|at| 20 + ((at * 7 + at / 61 + index * 50 + frame * 31) % 200) as u8)
            .collect()
    };
    (0..layout.memory_count()).map(memory).collect()
}

/// The planes `order` of a frame without padding: what a decoder of the format hands out.
fn packed(format: &VideoFormat, memories: &[Vec<u8>], order: &[usize]) -> Vec<u8> {
    let layout = format.layout.unwrap();
    let planes = order.iter().map(|&index| layout.planes()[index]);
    planes
        .flat_map(|plane| {
            let bytes = &memories[plane.memory][plane.offset..plane.end()];
            bytes.chunks(plane.stride).flat_map(move |row| &row[..plane.row_bytes]).copied().collect::<Vec<u8>>()
        })
        .collect()
}

/// Records `times.len()` frames; the times are nanoseconds after the first.
fn record(path: &Path, format: &VideoFormat, times: &[u64]) -> Summary {
    let mut container = Container::create(path, Metadata::default()).unwrap();
    container.begin(&[TrackFormat::Video(format.clone())]).unwrap();
    for (index, time) in times.iter().enumerate() {
        let memories = memories(format, index);
        let slices: Vec<&[u8]> = memories.iter().map(Vec::as_slice).collect();
        container.video(0, &FrameData { timestamp_ns: START_NS + time, memories: &slices }).unwrap();
    }
    container.finish().unwrap()
}

/// `count` times at 30 per second, as exact as nanoseconds are.
fn times(count: u64) -> Vec<u64> {
    (0..count).map(|index| index * 1_000_000_000 / 30).collect()
}

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
        for format in [tight, video(code, 48, 16, &lines)] {
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
fn a_recording_has_its_size_rate_duration_and_times() {
    let file = TempFile::new("mkv");
    let summary = record(file.path(), &video(b"YUYV", 64, 48, &[]), &times(75));
    assert_eq!((summary.frames, summary.duration_ns), (75, 2_500_000_000 - 1));
    assert_eq!(summary.bytes, std::fs::metadata(file.path()).unwrap().len());
    assert_holds(
        &probe(file.path()),
        &[
            "format.format_name=matroska,webm",
            "format.duration=2.500000",
            "streams.stream.0.width=64",
            "streams.stream.0.height=48",
            "streams.stream.0.r_frame_rate=30/1",
            "streams.stream.0.avg_frame_rate=30/1",
            "streams.stream.0.nb_read_frames=75",
            "streams.stream.0.color_range=tv",
            "streams.stream.0.color_space=smpte170m",
            "streams.stream.0.tags.title=Test Camera",
        ],
    );
    let read = packet_times(file.path());
    assert_eq!(read.len(), 75);
    for (read, exact) in read.iter().zip(times(75)) {
        let off = (read.parse::<f64>().unwrap() - exact as f64 / 1e9).abs();
        assert!(off <= 26e-6, "{read} for {exact} ns");
    }
}

#[test]
fn gaps_and_late_frames_keep_their_times() {
    let file = TempFile::new("mkv");
    let milliseconds = [0, 33, 4_000, 4_033, 90_000, 89_990, 3_600_000];
    record(file.path(), &video(b"GREY", 16, 8, &[]), &milliseconds.map(|time| time * 1_000_000));
    let mut read: Vec<f64> = packet_times(file.path()).iter().map(|time| time.parse().unwrap()).collect();
    read.sort_by(f64::total_cmp);
    assert_eq!(read, [0.0, 0.033, 4.0, 4.033, 89.99, 90.0, 3600.0]);
}

#[test]
fn the_index_finds_a_time_without_reading_the_file() {
    let file = TempFile::new("mkv");
    let format = video(b"YUYV", 32, 16, &[]);
    record(file.path(), &format, &times(300));
    let from_six = decode(file.path(), None, Some("6"));
    let frames = from_six.len() / (32 * 16 * 2);
    assert_eq!(frames, 120);
    assert!(from_six[..1024] == packed(&format, &memories(&format, 180), &[0]));
}

#[test]
fn a_recording_cut_by_a_power_failure_plays_to_its_last_whole_frame() {
    let file = TempFile::new("mkv");
    let format = video(b"YUYV", 32, 16, &[]);
    let mut container = Container::create(file.path(), Metadata::default()).unwrap();
    container.begin(&[TrackFormat::Video(format.clone())]).unwrap();
    for (index, time) in times(45).into_iter().enumerate() {
        let bytes = &memories(&format, index)[0];
        container.video(0, &FrameData { timestamp_ns: time, memories: &[bytes] }).unwrap();
    }
    // Never finished, and the last frame half on the disk.
    drop(container);
    let written = std::fs::read(file.path()).unwrap();
    std::fs::write(file.path(), &written[..written.len() - 500]).unwrap();
    assert_eq!(packet_times(file.path()).len(), 44);
}

#[test]
fn metadata_is_shown_by_players() {
    let file = TempFile::new("mkv");
    let recorded = Some(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let metadata = Metadata { title: Some("Überblick".into()), recorded, synthetic: true };
    let mut container = Container::create(file.path(), metadata).unwrap();
    let format = video(b"GREY", 16, 8, &[]);
    container.begin(&[TrackFormat::Video(format.clone())]).unwrap();
    container.video(0, &FrameData { timestamp_ns: 1, memories: &[&memories(&format, 0)[0]] }).unwrap();
    container.finish().unwrap();
    let encoder = format!("format.tags.ENCODER=usermedia {}", env!("CARGO_PKG_VERSION"));
    assert_holds(
        &probe(file.path()),
        &[
            "format.tags.title=Überblick",
            "format.tags.SYNTHETIC=1",
            "format.tags.creation_time=2027-01-15T08:00:00.000000Z",
            &encoder,
        ],
    );
}

#[test]
fn picture_and_sound_lie_in_one_file() {
    let file = TempFile::new("mkv");
    let format = video(b"YU12", 32, 16, &[]);
    let sound = AudioFormat {
        sample_rate: 48_000,
        channel_count: 2,
        sample_size: 16,
        float: false,
        label: "Microphone".into(),
    };
    let mut container = Container::create(file.path(), Metadata::default()).unwrap();
    container.begin(&[TrackFormat::Video(format.clone()), TrackFormat::Audio(sound)]).unwrap();
    for (index, time) in times(30).into_iter().enumerate() {
        let bytes = &memories(&format, index)[0];
        container.video(0, &FrameData { timestamp_ns: START_NS + time, memories: &[bytes] }).unwrap();
        container.audio(1, START_NS + time, &[index as u8; 1600 * 4]).unwrap();
    }
    let summary = container.finish().unwrap();
    assert_eq!(summary.frames, 30);
    assert_holds(
        &probe(file.path()),
        &[
            "format.duration=1.000000",
            "streams.stream.1.codec_name=pcm_s16le",
            "streams.stream.1.sample_rate=48000",
            "streams.stream.1.channels=2",
            "streams.stream.1.tags.title=Microphone",
            "streams.stream.1.nb_read_frames=30",
            "streams.stream.0.nb_read_frames=30",
        ],
    );
}

#[cfg(feature = "picture")]
#[test]
fn motion_jpeg_is_stored_as_it_came() {
    let mut format = video(b"MJPG", 64, 48, &[]);
    format.colorimetry.full_range = true;
    let jpeg = |luma: u8| {
        let mut bytes = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
        encoder.encode(&[luma; 64 * 48 * 3], 64, 48, jpeg_encoder::ColorType::Rgb).unwrap();
        bytes
    };
    for extension in ["mkv", "mjpg"] {
        let file = TempFile::new(extension);
        let mut container = Container::create(file.path(), Metadata::default()).unwrap();
        container.begin(&[TrackFormat::Video(format.clone())]).unwrap();
        for (index, time) in times(40).into_iter().enumerate() {
            container.video(0, &FrameData { timestamp_ns: time, memories: &[&jpeg(index as u8 * 5)] }).unwrap();
        }
        container.finish().unwrap();
        let said = probe(file.path());
        assert_holds(&said, &["streams.stream.0.codec_name=mjpeg", "streams.stream.0.nb_read_frames=40"]);
        let pictures = decode(file.path(), Some("rgb24"), None);
        assert_eq!(pictures.len(), 40 * 64 * 48 * 3);
        for (index, picture) in pictures.chunks(64 * 48 * 3).enumerate() {
            assert!(picture[0].abs_diff(index as u8 * 5) <= 1, "frame {index} is {}", picture[0]);
        }
    }
}

#[cfg(feature = "picture")]
#[test]
fn players_see_the_colours_that_our_pictures_have() {
    use crate::sink::picture::{PictureView, planes, to_rgb8};
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
        let mut container = Container::create(file.path(), Metadata::default()).unwrap();
        container.begin(&[TrackFormat::Video(format.clone())]).unwrap();
        container.video(0, &FrameData { timestamp_ns: 5, memories: &[&memory] }).unwrap();
        container.finish().unwrap();
        let planes = planes(&layout, &[&memory]);
        let view = PictureView {
            fourcc: format.fourcc,
            width: 48,
            height: 16,
            planes: &planes[..layout.planes().len()],
            colorimetry: LIMITED_601,
        };
        let ours = to_rgb8(&view).unwrap().data;
        let theirs = decode(file.path(), Some("rgb24"), None);
        let off = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(ours.len() == theirs.len() && off <= Some(2), "{} in {extension}: off by {off:?}", format.fourcc);
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
        for format in [video(code, 48, 16, &[]), video(code, 48, 16, &[128, 64, 64])] {
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

#[test]
fn raw_output_is_the_drivers_bytes_with_their_padding() {
    for (code, extension) in [(b"NM12", "raw"), (b"YUYV", "yuv"), (b"VYUY", "bin")] {
        let file = TempFile::new(extension);
        let format = video(code, 48, 16, &[128, 128]);
        let summary = record(file.path(), &format, &times(3));
        let expected: Vec<u8> = (0..3).flat_map(|at| memories(&format, at).concat()).collect();
        assert_eq!(std::fs::read(file.path()).unwrap(), expected);
        assert_eq!(
            summary,
            Summary {
                path: Some(file.path().to_owned()),
                frames: 3,
                bytes: expected.len() as u64,
                duration_ns: 100_000_000,
            }
        );
    }
}

#[test]
fn a_file_that_cannot_hold_the_format_is_left_alone() {
    for (code, extension, remedy) in [
        (b"VYUY", "mkv", ".raw"),
        (b"NV16", "mkv", ".raw"),
        (b"H264", "mkv", ".raw"),
        (b"RGB3", "y4m", ".mkv"),
        (b"MJPG", "y4m", ".mkv"),
        (b"YUYV", "mjpg", ".mkv"),
    ] {
        let file = TempFile::new(extension);
        std::fs::write(file.path(), "precious").unwrap();
        let mut container = Container::create(file.path(), Metadata::default()).unwrap();
        let error = container.begin(&[TrackFormat::Video(video(code, 16, 16, &[]))]).unwrap_err();
        assert_eq!(error.name(), ErrorName::NotSupportedError);
        assert!(error.remedy().unwrap().contains(remedy), "{error}");
        drop(container);
        assert_eq!(std::fs::read(file.path()).unwrap(), b"precious");
    }
}

#[test]
fn the_name_chooses_the_kind_of_file() {
    for (name, format) in [
        ("a.mkv", FileFormat::Matroska),
        ("a.MKV", FileFormat::Matroska),
        ("a.y4m", FileFormat::Y4m),
        ("a.mjpg", FileFormat::Mjpeg),
        ("a.mjpeg", FileFormat::Mjpeg),
        ("a.raw", FileFormat::Raw),
        ("a.yuv", FileFormat::Raw),
        ("a.bin", FileFormat::Raw),
        ("-", FileFormat::Raw),
    ] {
        assert_eq!(FileFormat::from_path(Path::new(name)), Ok(format));
    }
    for name in ["capture", "capture.mp4", ".mkv", ""] {
        let error = FileFormat::from_path(Path::new(name)).unwrap_err();
        assert_eq!(error.name(), ErrorName::TypeError);
        for kind in [".mkv", ".y4m", ".mjpg", ".raw", "-"] {
            assert!(error.remedy().unwrap().contains(kind));
        }
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let full = Path::new("/dev/full");
    let mut output = Output::open(full).unwrap();
    let failure = std::io::Write::write_all(&mut output, b"frame").unwrap_err();
    let error = WriteError::Io(failure).at(full);
    assert_eq!(error.errno(), Some(28));
    assert!(error.message().contains("/dev/full") && error.remedy().unwrap().contains("space"), "{error}");
    let mut container = Container::create(Path::new("/nonexistent/a.mkv"), Metadata::default()).unwrap();
    let error = container.begin(&[TrackFormat::Video(video(b"GREY", 16, 16, &[]))]).unwrap_err();
    assert!(error.message().contains("/nonexistent/a.mkv") && error.errno() == Some(2), "{error}");
}

#[test]
fn a_frame_shorter_than_its_format_is_refused_and_the_file_stays_whole() {
    let file = TempFile::new("mkv");
    let format = video(b"YUYV", 32, 16, &[]);
    let bytes = &memories(&format, 0)[0];
    let mut container = Container::create(file.path(), Metadata::default()).unwrap();
    container.begin(&[TrackFormat::Video(format)]).unwrap();
    container.video(0, &FrameData { timestamp_ns: 0, memories: &[bytes] }).unwrap();
    assert!(container.video(0, &FrameData { timestamp_ns: 1, memories: &[&bytes[1..]] }).is_err());
    assert!(container.video(1, &FrameData { timestamp_ns: 1, memories: &[bytes] }).is_err());
    container.finish().unwrap();
    assert_eq!(packet_times(file.path()).len(), 1);
}
