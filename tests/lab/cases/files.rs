//! What a capture leaves behind: recordings and pictures from a real driver, judged by ffprobe.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use usermedia::Recorder;

use super::capture::{open, vga};
use crate::devices::{eventually, share, succeed, usermedia, vivid_webcam};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] = &[
    lab_test!(a_recording_has_the_frames_and_the_duration_it_says).timeout_secs(60),
    lab_test!(signals_finish_the_file),
    lab_test!(a_snapshot_is_a_picture),
    lab_test!(check_says_that_capture_works),
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
