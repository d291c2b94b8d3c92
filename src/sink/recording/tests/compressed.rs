//! H.264 as cameras give it, made by libx264.

use super::*;
use crate::sink::ffmpeg::{TempFile, make};
use crate::sink::h264::units;

/// Pictures of 64x48 with a key frame every 15, an access unit each.
fn access_units(frames: u64, options: &str) -> Vec<Vec<u8>> {
    let stream = make(&format!(
        "-f lavfi -i testsrc2=size=64x48:rate=30 -frames:v {frames} -pix_fmt yuv420p -c:v libx264 -bf 0 -g 15 \
         -x264-params aud=1:scenecut=0{options} -f h264 -"
    ));
    let mut all: Vec<Vec<u8>> = Vec::new();
    for unit in units(&stream) {
        // An access unit delimiter begins each.
        if unit[0] & 0x1f == 9 {
            all.push(Vec::new());
        }
        let last = all.last_mut().expect("a delimiter comes first");
        last.extend_from_slice(&[0, 0, 0, 1]);
        last.extend_from_slice(unit);
    }
    assert_eq!(all.len() as u64, frames);
    all
}

/// Without parameter sets: key frames of a camera that sends them once.
fn bare(access_unit: &[u8]) -> Vec<u8> {
    let kept = units(access_unit).filter(|unit| !matches!(unit[0] & 0x1f, 7 | 8));
    kept.flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat()).collect()
}

fn record(path: &Path, segments: Option<Segments>, frames: &[Vec<u8>]) -> (Result<()>, RecordingProgress) {
    let (mut recording, progress) = begin(path, segments, &[camera(b"H264")]);
    for (index, frame) in frames.iter().enumerate() {
        recording.video(0, picture_time(index as u64), &[frame]).unwrap();
    }
    (recording.finish(), progress)
}

/// What a decoder makes of the stream itself.
fn decoded(frames: &[Vec<u8>]) -> Vec<u8> {
    let file = TempFile::new("h264");
    std::fs::write(file.path(), frames.concat()).unwrap();
    decode(file.path(), None, None)
}

#[test]
fn a_film_begins_with_a_key_frame_and_decodes_to_the_same_pictures() {
    for options in ["", ":slices=3", " -profile:v baseline"] {
        let frames = access_units(45, options);
        let expected = decoded(&frames[15..]);
        for name in ["a.mkv", "a.h264"] {
            let folder = TempFolder::new();
            let path = folder.path(name);
            // The camera runs already: its stream begins in the middle of a group.
            let (outcome, progress) = record(&path, None, &frames[8..]);
            outcome.unwrap();
            assert_eq!((progress.frames(), progress.unusable()), (30, 7));
            assert!(decode(&path, None, None) == expected, "{name} {options}");
            let said = probe(&path);
            assert_holds(&said, &["streams.stream.0.codec_name=h264", "streams.stream.0.nb_read_frames=30"]);
            if name == "a.mkv" {
                assert_holds(&said, &["streams.stream.0.is_avc=true", "format.duration=1.000000"]);
                assert_eq!(stream_times(&path, "v:0")[..2], [0.0, 0.03335]);
            }
        }
    }
}

#[test]
fn key_frames_are_marked_and_found() {
    let folder = TempFolder::new();
    let path = folder.path("a.mkv");
    record(&path, None, &access_units(90, "")).0.unwrap();
    let mut ffprobe = std::process::Command::new("ffprobe");
    let told = ffprobe.args(["-v", "error", "-show_entries", "packet=flags", "-of", "csv=p=0"]).arg(&path);
    let told = String::from_utf8(told.output().unwrap().stdout).unwrap();
    let keys: Vec<usize> =
        told.lines().enumerate().filter(|(_, flags)| flags.contains('K')).map(|(at, _)| at).collect();
    assert_eq!(keys, [0, 15, 30, 45, 60, 75]);
    // The index leads to the key frame before a time, from where FFmpeg decodes on to it.
    assert_eq!(decode(&path, None, Some("2.2")).len(), 24 * 64 * 48 * 3 / 2);
}

#[test]
fn segments_are_cut_at_key_frames_and_each_decodes_by_itself() {
    for sets_once in [false, true] {
        let mut frames = access_units(90, "");
        let expected = decoded(&frames);
        if sets_once {
            frames[1..].iter_mut().for_each(|frame| *frame = bare(frame));
        }
        for name in ["a.mkv", "a.h264"] {
            let folder = TempFolder::new();
            let segments = Segments::of_length(Duration::from_millis(700));
            let (outcome, progress) = record(&folder.path(name), Some(segments), &frames);
            outcome.unwrap();
            let counts: Vec<u64> = progress.files().iter().map(|file| file.frames).collect();
            assert_eq!(counts, [30, 30, 30], "the first key frame after 0.7 s is at one second");
            let all: Vec<u8> = folder.files().iter().flat_map(|file| decode(file, None, None)).collect();
            assert!(all == expected, "{name}, sets once: {sets_once}");
        }
    }
}

#[test]
fn sound_waits_for_the_key_frame_and_keeps_its_time() {
    let folder = TempFolder::new();
    let path = folder.path("a.mkv");
    let frames = access_units(60, "");
    let (mut recording, _) = begin(&path, None, &[camera(b"H264"), microphone()]);
    for (index, frame) in frames.iter().enumerate().skip(5) {
        for block in index as u64 * 5 / 3..(index as u64 + 1) * 5 / 3 {
            sound(&mut recording, 1, block * BLOCK, BLOCK);
        }
        recording.video(0, picture_time(index as u64), &[frame]).unwrap();
    }
    recording.finish().unwrap();
    let (video, audio) = (stream_times(&path, "v:0"), stream_times(&path, "a:0"));
    assert_eq!((video.len(), audio[0]), (45, 0.0));
    let apart = (picture_time(15) - sample_time(positions(&path)[0].into())) as f64 / 1e9;
    assert!((video[0] - apart).abs() < 5e-5 && apart > 0.3, "{} and {apart}", video[0]);
}

#[test]
fn a_camera_without_key_frames_is_told_of() {
    let folder = TempFolder::new();
    let frames: Vec<_> = access_units(15, "").split_off(1);
    let (outcome, progress) = record(&folder.path("a.mkv"), None, &frames);
    let error = outcome.unwrap_err();
    assert!(error.message().contains("key frame") && error.remedy().is_some(), "{error}");
    assert_eq!((progress.unusable(), folder.files().len()), (14, 0));
    // Raw bytes are what the camera gave, all of them.
    let (outcome, progress) = record(&folder.path("a.raw"), None, &frames);
    outcome.unwrap();
    assert_eq!((progress.frames(), std::fs::read(folder.path("a.raw")).unwrap()), (14, frames.concat()));
}
