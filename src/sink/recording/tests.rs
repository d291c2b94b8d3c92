//! Recordings as FFmpeg sees them: nothing lost or doubled at a cut, times as the stamps were, and what is kept.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;
use crate::format::layout::layout;
use crate::format::{Fourcc, FrameRate};
use crate::format::{VideoColorSpace, VideoMatrixCoefficients};
use crate::sink::container::{AudioFormat, SampleData, VideoFormat};
use crate::sink::ffmpeg::{TempFolder, assert_holds, decode, decode_sound, probe, stream_times};

mod compressed;
mod kept;
mod reformatted;

const SECOND: u64 = 1_000_000_000;
/// Some time after the machine was started.
const START_NS: u64 = 5_000 * SECOND;
/// Frames in a block of sound: 20 ms.
const BLOCK: u64 = 960;

pub(super) fn camera(code: &[u8; 4]) -> TrackFormat {
    TrackFormat::Video(VideoFormat {
        fourcc: Fourcc(*code),
        width: 16,
        height: 8,
        frame_rate: FrameRate::new(30, 1),
        layout: layout(Fourcc(*code), 16, 8, &[]),
        color_space: VideoColorSpace { matrix: VideoMatrixCoefficients::Bt601, full_range: true },
        label: "Camera".into(),
        codec_private: Vec::new(),
    })
}

pub(super) fn microphone() -> TrackFormat {
    let label = "Microphone".into();
    TrackFormat::Audio(AudioFormat { sample_rate: 48_000, channel_count: 2, sample_size: 16, float: false, label })
}

/// Frames of the microphone, each with its own number in its two samples.
pub(super) fn samples(position: u64, frames: u64) -> Vec<u8> {
    (position..position + frames).flat_map(|frame| (frame as u32).to_le_bytes()).collect()
}

/// When a frame of the microphone was taken.
fn sample_time(position: u64) -> u64 {
    START_NS + position * SECOND / 48_000
}

/// When a picture was taken.
fn picture_time(index: u64) -> u64 {
    START_NS + index * SECOND / 30
}

fn picture(index: u64) -> [u8; 128] {
    [index as u8; 128]
}

pub(super) fn begin(path: &Path, segments: Option<Segments>, tracks: &[TrackFormat]) -> (Recording, RecordingProgress) {
    let progress = RecordingProgress::new(path);
    let mut recording = Recording::create(path, FileFormat::from_path(path).unwrap(), progress.clone());
    segments.map_or(Ok(()), |segments| recording.cut(segments)).unwrap();
    recording.begin(Metadata::default(), tracks.to_vec()).unwrap();
    (recording, progress)
}

fn sound(recording: &mut Recording, track: usize, position: u64, frames: u64) {
    let samples = samples(position, frames);
    let sound = SampleData { timestamp_ns: sample_time(position), position, samples: &samples };
    recording.audio(track, &sound).unwrap();
}

/// Pictures and sound of these numbers, in the order in which they come: each is late by so much (in milliseconds).
fn play(recording: &mut Recording, pictures: std::ops::Range<u64>, blocks: std::ops::Range<u64>, late: (u64, u64)) {
    enum Item {
        Picture(u64),
        Block(u64),
    }
    let pictures = pictures.map(|at| (picture_time(at) + late.0 * 1_000_000, Item::Picture(at)));
    let blocks = blocks.map(|at| (sample_time(at * BLOCK) + late.1 * 1_000_000, Item::Block(at)));
    let mut items: Vec<_> = pictures.chain(blocks).collect();
    items.sort_by_key(|(time, _)| *time);
    for (_, item) in items {
        match item {
            Item::Picture(at) => drop(recording.video(0, picture_time(at), &[&picture(at)]).unwrap()),
            Item::Block(at) => sound(recording, 1, at * BLOCK, BLOCK),
        }
    }
}

/// The numbers of the frames of the microphone that a file holds.
fn positions(path: &Path) -> Vec<u32> {
    let bytes = decode_sound(path, "pcm_s16le");
    bytes.chunks(4).map(|frame| u32::from_le_bytes(frame.try_into().unwrap())).collect()
}

/// The numbers of the pictures that a file holds.
fn pictures(path: &Path) -> Vec<u8> {
    decode(path, None, None).chunks(128).map(|picture| picture[0]).collect()
}

#[test]
fn segments_hold_everything_once_and_each_begins_at_zero() {
    // Whichever of the two comes first, and however late.
    for late in [(40, 20), (5, 60), (150, 1), (0, 500)] {
        let folder = TempFolder::new();
        let segments = Segments::of_length(Duration::from_secs(1));
        let (mut recording, progress) = begin(&folder.path("a.mkv"), Some(segments), &[camera(b"GREY"), microphone()]);
        play(&mut recording, 0..105, 0..175, late);
        recording.finish().unwrap();
        let files = folder.files();
        assert_eq!(files.len(), 4, "{late:?}");
        assert_eq!(progress.files().iter().map(|file| file.path.clone()).collect::<Vec<_>>(), files);
        assert_eq!(progress.files().iter().map(|file| file.frames).collect::<Vec<_>>(), [30, 30, 30, 15]);
        let mut all = (Vec::new(), Vec::new());
        for (index, file) in files.iter().enumerate() {
            let (video, audio) = (stream_times(file, "v:0"), stream_times(file, "a:0"));
            assert_eq!((video[0], audio[0]), (0.0, 0.0), "{index} of {late:?}");
            assert_eq!(progress.files()[index].bytes, std::fs::metadata(file).unwrap().len());
            all.0.extend(pictures(file));
            all.1.extend(positions(file));
            // Finished: its length is known, and so is its index.
            let seconds = progress.files()[index].duration.unwrap().as_secs_f64();
            let told = format!("format.duration={:.6}", (seconds * 20_000.0).round() / 20_000.0);
            let whole = if index < 3 { 1.0 } else { 0.5 };
            assert!((seconds - whole).abs() < 0.001, "{seconds} in {index} of {late:?}");
            assert_holds(&probe(file), &[&told]);
        }
        assert_eq!(all.0, (0..105).collect::<Vec<u8>>(), "{late:?}");
        assert_eq!(all.1, (0..175 * 960).collect::<Vec<u32>>(), "{late:?}");
    }
}

#[test]
fn times_differ_in_the_file_as_the_stamps_did() {
    // The first picture so many milliseconds after the first sound, or before it; and how late each comes.
    for (apart, late) in
        [(0i64, (40, 20)), (700, (40, 20)), (1900, (1, 1)), (-300, (10, 10)), (-13, (0, 60)), (7, (0, 60))]
    {
        let folder = TempFolder::new();
        let path = folder.path("a.mkv");
        let (mut recording, progress) = begin(&path, None, &[camera(b"GREY"), microphone()]);
        let (pictures, blocks) = match apart {
            0.. => ((apart as u64 * 30).div_ceil(1000)..75, 0..125),
            _ => (0..75, (-apart as u64).div_ceil(20)..125),
        };
        play(&mut recording, pictures.clone(), blocks.clone(), late);
        recording.finish().unwrap();
        assert_eq!((progress.frames(), progress.unusable()), (pictures.end - pictures.start, 0));
        let (video, audio) = (stream_times(&path, "v:0"), stream_times(&path, "a:0"));
        // The sample that the first block of the file begins with, and the first picture: what they are apart by their stamps.
        let first = positions(&path)[0];
        let by_stamps = picture_time(pictures.start) as f64 - sample_time(first.into()) as f64;
        let in_file = (video[0] - audio[0]) * 1e9;
        assert!((by_stamps - in_file).abs() < 50_000.0, "{by_stamps} and {in_file} for {apart}");
        assert_eq!(video[0].min(audio[0]), 0.0);
        // Nothing that was there in time is lost: at most what began before the first picture and came after it.
        let missing = u64::from(first) - blocks.start * BLOCK;
        assert!(missing <= (late.1.saturating_sub(late.0) + 20) * 48, "{missing} for {apart}");
        let (last, end) = (*audio.last().unwrap(), sample_time(124 * BLOCK) - START_NS);
        let origin = (sample_time(first.into()) - START_NS) as f64 / 1e9 - audio[0];
        assert!((last + origin - end as f64 / 1e9).abs() < 1e-4, "a second of the file is a second");
    }
}

#[test]
fn what_was_lost_shows_in_the_times_of_a_film_and_as_silence_in_sound_alone() {
    for name in ["a.mkv", "a.wav"] {
        let folder = TempFolder::new();
        let path = folder.path(name);
        let (mut recording, _) = begin(&path, None, &[microphone()]);
        for block in (0..50).chain(75..100) {
            sound(&mut recording, 0, block * BLOCK, BLOCK);
        }
        recording.finish().unwrap();
        assert_holds(&probe(&path), &["format.duration=2.000000"]);
        if name == "a.mkv" {
            let times = stream_times(&path, "a:0");
            assert_eq!((times.len(), times[49], times[50]), (75, 0.98, 1.5));
        } else {
            let read = positions(&path);
            assert!(read[48_000..72_000].iter().all(|&frame| frame == 0));
            assert_eq!((read.len(), read[72_000]), (96_000, 72_000));
        }
    }
}

#[test]
fn sound_alone_is_cut_at_the_sample_and_its_gaps_stay() {
    let folder = TempFolder::new();
    let segments = Segments::of_length(Duration::from_millis(333));
    let (mut recording, progress) = begin(&folder.path("a.wav"), Some(segments), &[microphone()]);
    // A gap over the cut at 0.999 s, and one that is a whole segment long.
    let there: Vec<u64> = (0..45).chain(60..70).chain(100..120).collect();
    for &block in &there {
        sound(&mut recording, 0, block * BLOCK, BLOCK);
    }
    recording.finish().unwrap();
    let files = folder.files();
    let read: Vec<Vec<u32>> = files.iter().map(|file| positions(file)).collect();
    assert_eq!((read[0].len(), read[1][0]), (15_984, 15_984), "333 ms of 48 kHz");
    let all = read.concat();
    let expected: Vec<u32> =
        (0..120 * 960).map(|frame| if there.contains(&(u64::from(frame) / 960)) { frame } else { 0 }).collect();
    assert!(all == expected, "{} of {} frames", all.len(), expected.len());
    assert_eq!(progress.duration(), Some(2_400_000_000));
}

#[test]
fn every_kind_of_file_is_cut() {
    for (name, track) in [("a.y4m", camera(b"GREY")), ("a.raw", camera(b"YUYV")), ("a.mkv", camera(b"GREY"))] {
        let folder = TempFolder::new();
        let (mut recording, progress) =
            begin(&folder.path(name), Some(Segments::of_length(Duration::from_millis(500))), &[track]);
        for index in 0..40 {
            recording.video(0, picture_time(index), &[&[index as u8; 256]]).unwrap();
        }
        recording.finish().unwrap();
        let frames: Vec<u64> = progress.files().iter().map(|file| file.frames).collect();
        assert_eq!((frames, folder.files().len()), (vec![15, 15, 10], 3), "{name}");
        let on_disk: u64 = folder.files().iter().map(|file| file.metadata().unwrap().len()).sum();
        assert_eq!(progress.bytes(), on_disk);
    }
}

#[test]
fn a_size_ends_a_segment_too() {
    let folder = TempFolder::new();
    let (mut recording, progress) = begin(&folder.path("a.raw"), Some(Segments::of_bytes(1000)), &[camera(b"GREY")]);
    for index in 0..20 {
        recording.video(0, picture_time(index), &[&picture(index)]).unwrap();
    }
    recording.finish().unwrap();
    let sizes: Vec<u64> = progress.files().iter().map(|file| file.bytes).collect();
    assert_eq!(sizes, [8 * 128, 8 * 128, 4 * 128], "it ends before the picture after its size");
}

#[test]
fn a_microphone_that_falls_silent_keeps_no_segment_open() {
    let folder = TempFolder::new();
    let segments = Segments::of_length(Duration::from_secs(1));
    let (mut recording, progress) = begin(&folder.path("a.mkv"), Some(segments), &[camera(b"GREY"), microphone()]);
    // Sound for half a second, pictures for eight.
    play(&mut recording, 0..240, 0..25, (40, 20));
    recording.finish().unwrap();
    let files = folder.files();
    // The first that ends without it waits two seconds for it, the others do not.
    assert_eq!(progress.files().iter().map(|file| file.frames).collect::<Vec<_>>(), [30, 46, 30, 30, 30, 30, 30, 14]);
    assert_eq!(files.iter().flat_map(|file| pictures(file)).collect::<Vec<_>>(), (0..240).collect::<Vec<u8>>());
    assert_eq!(progress.unusable(), 0);
}

#[test]
fn sound_goes_on_being_cut_when_the_camera_is_gone() {
    let folder = TempFolder::new();
    let segments = Segments::of_length(Duration::from_secs(1));
    let (mut recording, _) = begin(&folder.path("a.mkv"), Some(segments), &[camera(b"GREY"), microphone()]);
    // Pictures for half a second, sound for twelve.
    play(&mut recording, 0..15, 0..600, (40, 20));
    recording.finish().unwrap();
    let files = folder.files();
    assert!(files.len() >= 4, "{files:?}");
    let all: Vec<u32> = files.iter().flat_map(|file| positions(file)).collect();
    assert_eq!(all, (0..600 * 960).collect::<Vec<u32>>());
}

#[test]
fn a_camera_that_gives_no_picture_costs_no_sound() {
    for seconds in [1, 4] {
        let folder = TempFolder::new();
        let path = folder.path("a.mkv");
        let (mut recording, progress) = begin(&path, None, &[camera(b"GREY"), microphone()]);
        play(&mut recording, 0..0, 0..seconds * 50, (0, 0));
        recording.finish().unwrap();
        assert_eq!(positions(&path), (0..seconds as u32 * 48_000).collect::<Vec<u32>>());
        assert_eq!((progress.frames(), progress.files().len()), (0, 1));
    }
}

#[test]
fn a_second_cameras_older_picture_is_left_out_and_told() {
    let folder = TempFolder::new();
    let (mut recording, progress) = begin(&folder.path("a.mkv"), None, &[camera(b"GREY"), camera(b"GREY")]);
    assert!(recording.video(0, START_NS + 20, &[&picture(0)]).unwrap());
    assert!(!recording.video(1, START_NS, &[&picture(1)]).unwrap(), "it would have to be moved");
    assert!(recording.video(1, START_NS + SECOND, &[&picture(2)]).unwrap());
    assert_eq!((progress.frames(), progress.unusable()), (2, 1));
    recording.finish().unwrap();
}

#[test]
fn nothing_that_came_makes_no_file() {
    let folder = TempFolder::new();
    let (recording, progress) = begin(&folder.path("a.mkv"), None, &[camera(b"GREY")]);
    recording.finish().unwrap();
    assert_eq!((folder.files().len(), progress.files().len(), progress.duration()), (0, 0, None));
}

#[test]
fn segments_need_a_name_and_an_end() {
    let mut recording = Recording::create(Path::new("-"), FileFormat::Raw, RecordingProgress::new(Path::new("-")));
    let error = recording.cut(Segments::of_length(Duration::from_secs(1))).unwrap_err();
    assert!(error.remedy().unwrap().contains("-o"), "{error}");
    let mut recording =
        Recording::create(Path::new("a.mkv"), FileFormat::Matroska, RecordingProgress::new(Path::new("a.mkv")));
    for endless in [Segments::default(), Segments::of_length(Duration::ZERO), Segments::of_bytes(0).keep(5)] {
        assert_eq!(recording.cut(endless).unwrap_err().name(), ErrorName::TypeError);
    }
}
