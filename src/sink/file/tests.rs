//! Recordings as FFmpeg sees them.

use std::time::{Duration, UNIX_EPOCH};

use super::super::container::{AudioFormat, VideoFormat};
use super::super::ffmpeg::{TempFile, assert_holds, decode, packet_times, probe};
use super::*;
use crate::format::layout::layout;
use crate::format::{Fourcc, FrameRate, Rect};
use crate::format::{VideoColorSpace, VideoMatrixCoefficients};

mod formats;
mod sound;

const LIMITED_601: VideoColorSpace = VideoColorSpace { matrix: VideoMatrixCoefficients::Bt601, full_range: false };
const START_NS: u64 = 987_654_321_987;

/// A recording of the kind that the file's name says.
fn container(path: &Path, metadata: Metadata) -> Container {
    Container::of_format(path, FileFormat::from_path(path).unwrap(), metadata)
}

fn video(code: &[u8; 4], width: u32, height: u32, bytesperline: &[u32]) -> VideoFormat {
    VideoFormat {
        fourcc: Fourcc(*code),
        width,
        height,
        frame_rate: FrameRate::new(30, 1),
        layout: layout(Fourcc(*code), width, height, bytesperline),
        color_space: LIMITED_601,
        label: "Test Camera".into(),
        codec_private: Vec::new(),
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
    let mut container = container(path, Metadata::default());
    container.begin(&[TrackFormat::Video(format.clone())]).unwrap();
    for (index, time) in times.iter().enumerate() {
        let memories = memories(format, index);
        let slices: Vec<&[u8]> = memories.iter().map(Vec::as_slice).collect();
        container.video(0, &FrameData { timestamp_ns: START_NS + time, keyframe: true, memories: &slices }).unwrap();
    }
    container.finish().unwrap()
}

/// `count` times at 30 per second, as exact as nanoseconds are.
fn times(count: u64) -> Vec<u64> {
    (0..count).map(|index| index * 1_000_000_000 / 30).collect()
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
    let mut container = container(file.path(), Metadata::default());
    container.begin(&[TrackFormat::Video(format.clone())]).unwrap();
    for (index, time) in times(45).into_iter().enumerate() {
        let bytes = &memories(&format, index)[0];
        container.video(0, &FrameData { timestamp_ns: time, keyframe: true, memories: &[bytes] }).unwrap();
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
    let mut container = container(file.path(), metadata);
    let format = video(b"GREY", 16, 8, &[]);
    container.begin(&[TrackFormat::Video(format.clone())]).unwrap();
    container.video(0, &FrameData { timestamp_ns: 1, keyframe: true, memories: &[&memories(&format, 0)[0]] }).unwrap();
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
    let mut container = container(file.path(), Metadata::default());
    container.begin(&[TrackFormat::Video(format.clone()), TrackFormat::Audio(sound)]).unwrap();
    for (index, time) in times(30).into_iter().enumerate() {
        let bytes = &memories(&format, index)[0];
        container.video(0, &FrameData { timestamp_ns: START_NS + time, keyframe: true, memories: &[bytes] }).unwrap();
        let samples = &[index as u8; 1600 * 4];
        let sound = SampleData { timestamp_ns: START_NS + time, position: index as u64 * 1600, samples };
        container.audio(1, &sound).unwrap();
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
    format.color_space.full_range = true;
    let jpeg = |luma: u8| {
        let mut bytes = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut bytes, 90);
        encoder.encode(&[luma; 64 * 48 * 3], 64, 48, jpeg_encoder::ColorType::Rgb).unwrap();
        bytes
    };
    for extension in ["mkv", "mjpg"] {
        let file = TempFile::new(extension);
        let mut container = container(file.path(), Metadata::default());
        container.begin(&[TrackFormat::Video(format.clone())]).unwrap();
        for (index, time) in times(40).into_iter().enumerate() {
            container
                .video(0, &FrameData { timestamp_ns: time, keyframe: true, memories: &[&jpeg(index as u8 * 5)] })
                .unwrap();
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

/// A part of larger pictures, in their memory.
fn part(code: &[u8; 4], bytesperline: &[u32]) -> Option<VideoFormat> {
    let whole = video(code, 48, 16, bytesperline);
    let layout = whole.layout?.part(whole.fourcc, Rect::new(8, 4, 24, 8))?;
    Some(VideoFormat { width: 24, height: 8, layout: Some(layout), ..whole })
}

#[test]
fn raw_output_of_a_part_is_its_rows() {
    for (code, order) in [(b"YUYV", &[0][..]), (b"NV12", &[0, 1]), (b"NM12", &[0, 1]), (b"YU12", &[0, 1, 2])] {
        let file = TempFile::new("raw");
        let format = part(code, &[]).unwrap();
        record(file.path(), &format, &times(3));
        let expected: Vec<u8> = (0..3).flat_map(|at| packed(&format, &memories(&format, at), order)).collect();
        assert!(std::fs::read(file.path()).unwrap() == expected, "{}", format.fourcc);
    }
}

#[test]
fn a_part_of_packed_pixels_is_sorted_into_planes() {
    let file = TempFile::new("y4m");
    let format = part(b"YUYV", &[128]).unwrap();
    record(file.path(), &format, &times(1));
    let pixels = packed(&format, &memories(&format, 0), &[0]);
    let samples = |first: usize, step: usize| pixels.iter().skip(first).step_by(step).copied();
    let expected: Vec<u8> = samples(0, 2).chain(samples(1, 4)).chain(samples(3, 4)).collect();
    let written = std::fs::read(file.path()).unwrap();
    assert!(written.starts_with(b"YUV4MPEG2 W24 H8 ") && written.ends_with(&expected));
}

#[test]
fn a_file_that_cannot_hold_the_format_is_left_alone() {
    for (code, extension, remedy) in [
        (b"VYUY", "mkv", ".raw"),
        (b"NV16", "mkv", ".raw"),
        (b"HEVC", "mkv", ".raw"),
        (b"YUYV", "h264", ".mkv"),
        (b"YUYV", "wav", ".mkv"),
        (b"RGB3", "y4m", ".mkv"),
        (b"MJPG", "y4m", ".mkv"),
        (b"YUYV", "mjpg", ".mkv"),
    ] {
        let file = TempFile::new(extension);
        std::fs::write(file.path(), "precious").unwrap();
        let mut container = container(file.path(), Metadata::default());
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
        ("a.wav", FileFormat::Wav),
        ("a.h264", FileFormat::H264),
        ("a.264", FileFormat::H264),
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
        for kind in [".mkv", ".wav", ".y4m", ".mjpg", ".h264", ".raw", "-"] {
            assert!(error.remedy().unwrap().contains(kind));
        }
    }
}

#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    for extension in ["mkv", "y4m", "raw"] {
        let file = TempFile::new(extension);
        std::os::unix::fs::symlink("/dev/full", file.path()).unwrap();
        let mut container = container(file.path(), Metadata::default());
        let format = video(b"GREY", 16, 16, &[]);
        let error = container
            .begin(&[TrackFormat::Video(format.clone())])
            .and_then(|()| {
                container
                    .video(0, &FrameData { timestamp_ns: 0, keyframe: true, memories: &[&memories(&format, 0)[0]] })
            })
            .unwrap_err();
        assert_eq!(error.errno(), Some(28));
        assert!(error.message().contains(&*file.path().to_string_lossy()), "{error}");
        assert!(error.remedy().unwrap().contains("space"), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let mut container = container(Path::new("/nonexistent/a.mkv"), Metadata::default());
    let error = container.begin(&[TrackFormat::Video(video(b"GREY", 16, 16, &[]))]).unwrap_err();
    assert!(error.message().contains("/nonexistent/a.mkv") && error.errno() == Some(2), "{error}");
}

#[test]
fn a_frame_shorter_than_its_format_is_refused_and_the_file_stays_whole() {
    let file = TempFile::new("mkv");
    let format = video(b"YUYV", 32, 16, &[]);
    let bytes = &memories(&format, 0)[0];
    let mut container = container(file.path(), Metadata::default());
    container.begin(&[TrackFormat::Video(format)]).unwrap();
    container.video(0, &FrameData { timestamp_ns: 0, keyframe: true, memories: &[bytes] }).unwrap();
    assert!(container.video(0, &FrameData { timestamp_ns: 1, keyframe: true, memories: &[&bytes[1..]] }).is_err());
    assert!(container.video(1, &FrameData { timestamp_ns: 1, keyframe: true, memories: &[bytes] }).is_err());
    container.finish().unwrap();
    assert_eq!(packet_times(file.path()).len(), 1);
}
