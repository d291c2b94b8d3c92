//! What a capture leaves behind: recordings and pictures from a real driver, judged by ffprobe.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use usermedia::Recorder;

use super::capture::{open, vga};
use crate::devices::{Background, eventually, loopback_open, share, succeed, usermedia, vivid_webcam};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] = &[
    lab_test!(a_recording_has_the_frames_and_the_duration_it_says).timeout_secs(60),
    lab_test!(signals_finish_the_file),
    lab_test!(a_snapshot_is_a_picture),
    lab_test!(check_says_that_capture_works),
    lab_test!(a_disk_that_stands_still_costs_the_recorder_frames_and_nobody_else).timeout_secs(90),
    lab_test!(segments_hold_every_frame_of_a_real_driver_once).timeout_secs(90),
    lab_test!(h264_is_recorded_as_the_camera_gives_it).timeout_secs(120),
];

fn probe(file: &Path, entries: &str) -> String {
    let output = succeed(
        std::process::Command::new("ffprobe")
            .args(["-v", "error", "-count_frames", "-show_entries", entries, "-of", "default=noprint_wrappers=1"])
            .arg(file),
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn value(text: &str, key: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key}=")));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {key} in {text:?}"))
}

fn a_recording_has_the_frames_and_the_duration_it_says() {
    let stream = open(vga(&vivid_webcam()));
    for name in ["lab.mkv", "lab.y4m"] {
        let file = share().join(name);
        let recorder = Recorder::create(&file).unwrap().with_frame_limit(45);
        let progress = recorder.progress();
        let outcome = stream.attach(recorder).unwrap().wait();
        outcome.result.unwrap();
        assert_eq!(progress.frames(), 45);
        let told = probe(&file, "stream=nb_read_frames,width,height:format=duration");
        assert_eq!(
            (value(&told, "nb_read_frames"), value(&told, "width"), value(&told, "height")),
            (45.0, 640.0, 480.0)
        );
        let lost = outcome.statistics[0].behind as f64;
        let duration = value(&told, "duration");
        assert!(duration > 1.3 && duration < 1.7 + lost / 30.0 + 1.0, "{name}: {duration} s for 45 frames");
    }
}

fn signals_finish_the_file() {
    let file = share().join("interrupted.mkv");
    let _ = fs::remove_file(&file);
    let mut command = usermedia();
    command.args(["capture", "--json", "--width", "640", "--device"]).arg(vivid_webcam()).arg("-o").arg(&file);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let size = || fs::metadata(&file).map_or(0, |metadata| metadata.len());
    eventually("a recording that grows", || (size() > 1_000_000).then_some(()));
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["endedBy"], "SIGINT");
    let frames = document["files"][0]["frames"].as_f64().unwrap();
    assert!(frames >= 1.0);
    assert_eq!(value(&probe(&file, "stream=nb_read_frames"), "nb_read_frames"), frames);
}

fn a_snapshot_is_a_picture() {
    for name in ["lab.jpg", "lab.png"] {
        let file = share().join(name);
        succeed(usermedia().args(["snapshot", "--width", "640", "--device"]).arg(vivid_webcam()).arg("-o").arg(&file));
        let told = probe(&file, "stream=width,height");
        assert_eq!((value(&told, "width"), value(&told, "height")), (640.0, 480.0), "{name}");
    }
}

fn check_says_that_capture_works() {
    let output = succeed(usermedia().arg("check"));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("camera      yes "), "{text}");
}

fn a_disk_that_stands_still_costs_the_recorder_frames_and_nobody_else() {
    let fifo = Path::new("/tmp/stalled.raw");
    nix::unistd::mkfifo(fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let reader = thread::spawn(move || {
        let mut file = fs::File::open(fifo).unwrap();
        thread::sleep(Duration::from_secs(5));
        std::io::copy(&mut file, &mut std::io::sink()).unwrap()
    });
    let stream = open(vga(&vivid_webcam()));
    let track = stream.video_tracks().remove(0);
    let processor = track.processor(4);
    let recording = stream.attach(Recorder::create(fifo).unwrap()).unwrap();
    let begun = Instant::now();
    let mut frames = Vec::new();
    for frame in processor {
        frames.push(frame.unwrap().sequence());
        if begun.elapsed() > Duration::from_secs(6) {
            break;
        }
    }
    let outcome = recording.finish();
    outcome.result.unwrap();
    let recorder = &outcome.statistics[0];
    assert!(recorder.behind > 0, "five seconds are more than two: {recorder:?}");
    assert_eq!(recorder.accepted, recorder.delivered + recorder.behind + recorder.holding + recorder.queued);
    // What this slow machine itself loses is lost in the driver, not here.
    let (source, lost) = (track.statistics(), frames.windows(2).filter(|pair| pair[1] != pair[0] + 1).count() as u64);
    assert!(lost <= source.lost_in_driver, "{lost} of {frames:?}: {source:?}");
    assert_eq!((source.starved, source.error), (0, 0), "{source:?}");
    assert_eq!(reader.join().unwrap(), recorder.delivered * 640 * 480 * 2, "whole frames");
    println!("{} frames seen by the other, recorder: {recorder:?}", frames.len());
}

fn segments_hold_every_frame_of_a_real_driver_once() {
    let mut command = usermedia();
    command.args(["capture", "--json", "--width", "640", "--fourcc", "YUYV", "--frames", "70", "--segment", "1s"]);
    let file = share().join("segments.mkv");
    let output = succeed(command.arg("--device").arg(vivid_webcam()).arg("-o").arg(&file));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = document["files"].as_array().unwrap();
    assert!(files.len() >= 2, "{document}");
    let mut frames = 0.0;
    for file in files {
        let path = Path::new(file["path"].as_str().unwrap());
        let told = probe(path, "stream=nb_read_frames:format=start_time,duration");
        assert_eq!(
            (value(&told, "nb_read_frames"), value(&told, "start_time")),
            (file["frames"].as_f64().unwrap(), 0.0)
        );
        frames += value(&told, "nb_read_frames");
        fs::remove_file(path).unwrap();
    }
    assert_eq!(frames, 70.0, "{document}");
}

fn h264_is_recorded_as_the_camera_gives_it() {
    let loopback = loopback_open();
    let mut writer = std::process::Command::new("ffmpeg");
    writer
        .args("-loglevel error -re -f lavfi -i testsrc2=size=320x240:rate=10 -pix_fmt yuv420p -c:v libx264".split(' '));
    writer.args("-preset ultrafast -tune zerolatency -g 10 -bf 0 -f v4l2".split(' ')).arg(&loopback);
    let _writer = Background::start(writer.stdin(Stdio::null()).stdout(Stdio::null()));
    for name in ["camera.mkv", "camera.h264"] {
        let file = Path::new("/tmp").join(name);
        let output = eventually("a recording of H.264", || {
            let mut command = usermedia();
            command.args(["capture", "--json", "--fourcc", "H264", "--frames", "25", "--device"]).arg(&loopback);
            let output = command.arg("-o").arg(&file).output().unwrap();
            output.status.success().then_some(output)
        });
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&document["files"][0]["frames"], &document["video"]["settings"]["fourcc"]),
            (&25.into(), &"H264".into())
        );
        let told = probe(&file, "stream=codec_name,width,height,nb_read_frames");
        assert!(told.contains("codec_name=h264"), "{told}");
        assert_eq!((value(&told, "width"), value(&told, "nb_read_frames")), (320.0, 25.0), "{told} {document}");
    }
}
