//! Recording with the command: sound, segments, what is kept, and a disk that stands still.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use usermedia::{MediaDevices, MediaStreamConstraints, Recorder};

use crate::support::{Folder, argument, eventually, ffprobe, run, send, start, usermedia};

/// The bytes of a YUYV picture of 640x480.
const PICTURE: usize = 640 * 480 * 2;

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

fn seconds(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no time"))
}

fn paths(document: &Value) -> Vec<PathBuf> {
    let files = document["files"].as_array().expect("files");
    files.iter().map(|file| PathBuf::from(file["path"].as_str().expect("a path"))).collect()
}

#[test]
fn sound_alone_becomes_a_wav_file() {
    let folder = Folder::new();
    let path = folder.path("tone.wav");
    let arguments = ["capture", "--json", "--synthetic", "--audio", "--duration", "700ms", "-o", &argument(&path)];
    let document = run(arguments).done();
    let probed = ffprobe(&path);
    assert_eq!(
        (&probed["streams"][0]["codec_name"], &probed["format"]["format_name"]),
        (&"pcm_s16le".into(), &"wav".into())
    );
    assert_eq!(probed["format"]["tags"]["comment"], "synthetic");
    let told = number(&document["files"][0]["bytes"]);
    assert_eq!(told, fs::metadata(&path).expect("a file").len());
    let recorded = number(&document["audio"]["consumers"][0]["delivered"]) as f64 * 0.02;
    assert!((seconds(&probed["format"]["duration"]) - recorded).abs() < 0.001 && recorded > 0.3, "{document}");
    // 192 kB a second, and a header.
    let rate = document["recording"]["megabytesPerSecond"].as_f64().expect("a rate");
    assert!((0.192..0.194).contains(&rate), "{document}");
}

#[test]
fn a_camera_does_not_fit_into_a_wav_file() {
    let folder = Folder::new();
    let path = argument(&folder.path("x.wav"));
    let error = run(["capture", "--json", "--synthetic", "--audio", "--video", "-o", &path]).error();
    assert_eq!(error["name"], "NotSupportedError");
    assert!(error["remedy"].as_str().is_some_and(|remedy| remedy.contains(".mkv") && remedy.contains("--audio")));
    assert!(!Path::new(&path).exists());
}

#[test]
fn a_killed_recording_of_sound_plays() {
    let folder = Folder::new();
    let path = folder.path("cut.wav");
    let mut child = start(usermedia().args(["capture", "--synthetic", "--audio", "-o", &argument(&path)]));
    eventually("a second and a half of sound", || fs::metadata(&path).is_ok_and(|file| file.len() > 288_000));
    send(&child, Signal::SIGKILL);
    child.wait().expect("it ends");
    assert!(seconds(&ffprobe(&path)["format"]["duration"]) >= 1.0);
}

#[test]
fn a_film_of_camera_and_microphone_is_cut_into_segments_that_play_by_themselves() {
    let folder = Folder::new();
    let path = argument(&folder.path("film.mkv"));
    let arguments =
        ["capture", "--json", "--synthetic", "--video", "--audio", "--frames", "75", "--segment", "1s", "-o", &path];
    let document = run(arguments).done();
    let files = paths(&document);
    assert_eq!(files.len(), 3, "{document}");
    let frames: Vec<u64> =
        document["files"].as_array().expect("files").iter().map(|file| number(&file["frames"])).collect();
    assert_eq!((frames.iter().sum::<u64>(), frames[1]), (75, 30));
    for (index, file) in files.iter().enumerate() {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(name.starts_with(&format!("film-{:06}-", index + 1)) && name.ends_with("Z.mkv"), "{name}");
        let probed = ffprobe(file);
        assert_eq!(probed["streams"].as_array().map(Vec::len), Some(2));
        assert!(seconds(&probed["format"]["start_time"]).abs() < 0.001, "{probed}");
        assert_eq!(probed["format"]["tags"]["SYNTHETIC"], "1");
    }
    let middle = seconds(&ffprobe(&files[1])["format"]["duration"]);
    assert!((middle - 1.0).abs() < 0.002, "{middle}");
    // A second recording of that name overwrites nothing.
    let again = run(["capture", "--json", "--synthetic", "--frames", "2", "--segment", "1s", "-o", &path]).done();
    assert!(paths(&again)[0].to_str().is_some_and(|path| path.contains("film-000004-")), "{again}");
    assert!(files.iter().all(|file| file.exists()));
}

#[test]
fn the_oldest_segments_make_room() {
    let folder = Folder::new();
    let path = argument(&folder.path("film.raw"));
    // Four pictures each; room for ten.
    let keep = (10 * PICTURE).to_string();
    let size = format!("{}B", 4 * PICTURE);
    let arguments = ["capture", "--json", "--synthetic", "--frames", "20", "-o", &path];
    let document = run(arguments.iter().copied().chain(["--segment", &size, "--keep", &keep])).done();
    let deleted: Vec<bool> =
        document["files"].as_array().expect("files").iter().map(|file| file["deleted"] == true).collect();
    assert_eq!(deleted, [true, true, true, false, false], "{document}");
    assert_eq!(number(&document["recording"]["deletedFiles"]), 3);
    let there: Vec<bool> = paths(&document).iter().map(|file| file.exists()).collect();
    assert_eq!(there, [false, false, false, true, true]);
    // The table says so too.
    let told =
        run(arguments.iter().filter(|argument| **argument != "--json").chain(&["--segment", &size, "--keep", &keep]));
    assert!(told.stdout.contains("deleted") && told.stdout.contains("GB/h"), "{}", told.stdout);
}

#[test]
fn wrong_usage_of_segments_says_what_to_do() {
    run(["capture", "--synthetic", "--segment", "10m"]).usage("-o film.mkv");
    run(["capture", "--synthetic", "--segment", "10m", "-o", "-"]).usage("-o film.mkv");
    run(["capture", "--synthetic", "--keep", "20G", "-o", "film.mkv"]).usage("--segment 10m");
    run(["capture", "--synthetic", "--segment", "10M", "-o", "film.mkv"]).usage("512MB");
    run(["capture", "--synthetic", "--segment", "10m", "--keep", "much", "-o", "film.mkv"]).usage("20G");
}

#[test]
fn a_reader_that_stands_still_costs_whole_frames_that_are_counted() {
    let mut child = start(usermedia().args(["capture", "--synthetic", "--duration", "5s", "-o", "-"]));
    let mut reader = child.stdout.take().expect("a pipe");
    // Three seconds in which nothing is read: two of them wait, the rest is lost.
    thread::sleep(Duration::from_secs(3));
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).expect("a pipe");
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), bytes.len() % PICTURE), (Some(0), 0), "{told}");
    assert!(told.contains("dropped as newer ones came"), "{told}");
    assert!(told.contains(&format!("{} recorded", bytes.len() / PICTURE)), "{told}");
}

#[test]
fn what_shares_the_camera_with_a_recorder_on_a_standing_disk_notices_nothing() {
    let folder = Folder::new();
    let fifo = folder.path("film.raw");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let stream =
        MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(true)).expect("a stream");
    let track = stream.video_tracks().remove(0);
    // Inline: no queue of its own that a busy machine could be too slow for.
    let (tell, frames) = mpsc::channel();
    let other = track.on_frame(move |frame| tell.send(frame.sequence()).unwrap_or_default());
    // The disk stands until it is told to go on.
    let (go_on, standing) = mpsc::channel::<()>();
    let reader = {
        let fifo = fifo.clone();
        thread::spawn(move || {
            let mut file = File::open(fifo).expect("a pipe");
            let _ = standing.recv();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map(|_| bytes)
        })
    };
    let recorder = Recorder::create(&fifo).expect("a recorder");
    let progress = recorder.progress();
    let recording = stream.attach(recorder).expect("it is attached");
    let mut seen = 0;
    let mut next = || {
        seen += 1;
        frames.recv_timeout(Duration::from_secs(60)).expect("the other consumer has its frames")
    };
    // Until the recorder has lost some for want of room, and on.
    while recording.statistics()[0].behind == 0 {
        next();
    }
    for _ in 0..30 {
        next();
    }
    drop(go_on);
    let outcome = recording.finish();
    outcome.result.expect("it is written");
    other.cancel();
    seen += frames.iter().count() as u64;
    let statistics = other.statistics();
    assert_eq!((seen, statistics.behind, statistics.holding), (statistics.accepted, 0, 0), "{statistics:?}");
    assert_eq!(track.statistics().starved, 0);
    let statistics = &outcome.statistics[0];
    assert!(statistics.behind > 0 && statistics.holding == 0, "{statistics:?}");
    assert_eq!(statistics.accepted, statistics.delivered + statistics.behind, "{statistics:?}");
    let bytes = reader.join().expect("it reads").expect("a pipe");
    assert_eq!(bytes.len() as u64, statistics.delivered * PICTURE as u64);
    assert_eq!(progress.frames(), statistics.delivered);
}
