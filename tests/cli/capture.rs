//! `capture` and `snapshot` on the built-in camera: counts, files, statistics.

use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::support::{Folder, argument, ffprobe, frames_in, run, start, usermedia};

/// The bytes of a YUYV picture of 640x480.
const PICTURE: u64 = 640 * 480 * 2;

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

/// The sums of the data path's invariant 8.
fn sums_hold(document: &Value) {
    let source = &document["video"]["source"];
    let of = |name: &str| number(&source[name]);
    assert_eq!(of("expected"), of("captured") + of("lostInDriver"), "{source}");
    let told = ["accepted", "error", "short", "badJpeg", "duplicate", "starved"].map(of);
    assert_eq!(of("captured"), told.iter().sum::<u64>(), "{source}");
    let consumers = document["video"]["consumers"].as_array().expect("consumers");
    assert!(!consumers.is_empty());
    for consumer in consumers {
        let of = |name: &str| number(&consumer[name]);
        assert_eq!(of("accepted"), of("delivered") + of("behind") + of("holding") + of("queued"), "{consumer}");
        assert!(of("copied") <= of("delivered") && of("accepted") <= number(&source["accepted"]), "{consumer}");
    }
}

#[test]
fn discarded_frames_are_counted_to_the_exact_number() {
    for frames in [1, 2, 17] {
        let text = frames.to_string();
        let document = run(["capture", "--json", "--synthetic", "--frames", &text]).done();
        assert_eq!(document["video"]["consumers"][0]["delivered"], frames);
        assert_eq!(document["endedBy"], "frames");
        assert_eq!(document["files"], Value::Array(Vec::new()));
        sums_hold(&document);
    }
}

#[test]
fn a_picture_on_the_way_changes_no_count_and_gets_the_time_it_needs() {
    let folder = Folder::new();
    let photo = argument(&folder.path("p.png"));
    let document = run(["capture", "--json", "--synthetic", "--frames", "1", "--snapshot", &photo]).done();
    assert_eq!(document["video"]["consumers"][0]["delivered"], 1);
    assert_eq!(document["files"][0]["path"], photo.as_str());
    assert_eq!(&fs::read(&photo).expect("a picture")[1..4], b"PNG");
    sums_hold(&document);
}

#[test]
fn the_document_has_the_contracts_members() {
    let document = run(["capture", "--json", "--synthetic", "--frames", "5", "--width", "1280"]).done();
    let video = &document["video"];
    assert_eq!(video["settings"]["deviceId"], "synthetic-camera");
    assert_eq!(video["settings"]["frameRate"], "30/1");
    assert_eq!(video["frameRate"]["negotiated"], "30/1");
    assert!((video["frameRate"]["measured"].as_f64().expect("a measured rate") - 30.0).abs() < 0.5, "{document}");
    assert_eq!(video["frameRate"].get("hint"), None);
    assert_eq!(video["delivered"]["fourcc"], "YUYV");
    assert_eq!((number(&video["delivered"]["width"]), number(&video["delivered"]["height"])), (1280, 720));
    assert!((video["delivered"]["frameRate"].as_f64().expect("a measured rate") - 30.0).abs() < 0.5, "{document}");
    assert!(document["audio"].is_null());
    assert_eq!(document["synthetic"], true);
    for member in ["name", "accepted", "delivered", "behind", "holding", "queued", "copied", "ageSeconds"] {
        assert!(!video["consumers"][0][member].is_null(), "{member} in {document}");
    }
    let age = |which: &str| video["consumers"][0]["ageSeconds"][which].as_f64().expect("an age");
    assert!(age("p50") <= age("p99") && age("p99") <= age("max"));
}

#[test]
fn under_decimation_the_delivered_rate_is_the_tracks_and_the_native_one_the_cameras() {
    let constraints = r#"{"video": {"mandatory": {"maxFrameRate": 12}}}"#;
    let document = run(["capture", "--json", "--synthetic", "--frames", "13", "--constraints", constraints]).done();
    let video = &document["video"];
    assert_eq!(video["settings"]["frameRate"], "12/1");
    assert_eq!(video["settings"]["nativeFrameRate"], "30/1");
    // 12 intervals of the camera's own frames: even spacing makes them 30 of 1/30 s.
    assert!((video["delivered"]["frameRate"].as_f64().expect("a rate") - 12.0).abs() < 0.5, "{document}");
    assert_eq!(number(&video["consumers"][0]["delivered"]), 13);
    assert!(number(&video["source"]["accepted"]) >= 30, "{document}");
    sums_hold(&document);
}

#[test]
fn a_rate_the_camera_has_is_taken_from_it() {
    let constraints = r#"{"video": {"mandatory": {"maxFrameRate": 15}}}"#;
    let document = run(["capture", "--json", "--synthetic", "--frames", "4", "--constraints", constraints]).done();
    assert_eq!(document["video"]["settings"]["frameRate"], "15/1");
    assert!((document["video"]["delivered"]["frameRate"].as_f64().expect("a rate") - 15.0).abs() < 0.5);
}

#[test]
fn a_recording_has_the_frames_that_were_asked_for_and_says_synthetic() {
    let folder = Folder::new();
    for name in ["film.mkv", "film.y4m"] {
        let path = folder.path(name);
        let arguments =
            ["capture", "--json", "--synthetic", "--fourcc", "YU12", "--frames", "9", "-o", &argument(&path)];
        let document = run(arguments).done();
        assert_eq!(document["files"][0]["frames"], 9, "{document}");
        assert_eq!(document["files"][0]["path"], argument(&path));
        assert_eq!(number(&document["files"][0]["bytes"]), fs::metadata(&path).expect("a file").len());
        assert_eq!(document["endedBy"], "frames");
        assert_eq!(frames_in(&path), 9, "{name}");
        sums_hold(&document);
    }
    let probed = ffprobe(&folder.path("film.mkv"));
    assert_eq!(probed["format"]["tags"]["SYNTHETIC"], "1", "{probed}");
    assert_eq!(probed["streams"][0]["r_frame_rate"], "30/1");
    let head = fs::read(folder.path("film.y4m")).expect("a file");
    assert!(head.starts_with(b"YUV4MPEG2 W640 H480 F30:1"), "{}", String::from_utf8_lossy(&head[..60]));
}

#[test]
fn a_file_that_exists_is_overwritten() {
    let folder = Folder::new();
    let path = folder.path("film.raw");
    fs::write(&path, vec![0xAA; 3 * PICTURE as usize]).expect("a longer file");
    run(["capture", "--json", "--synthetic", "--frames", "1", "-o", &argument(&path)]).done();
    assert_eq!(fs::metadata(&path).expect("a file").len(), PICTURE);
}

#[test]
fn a_duration_ends_the_capture_and_says_so() {
    let document = run(["capture", "--json", "--synthetic", "--duration", "300ms"]).done();
    assert_eq!(document["endedBy"], "duration");
    assert!(number(&document["video"]["consumers"][0]["delivered"]) > 0);
    sums_hold(&document);
}

#[test]
fn standard_output_gets_the_pictures_and_nothing_else() {
    let output = usermedia().args(["capture", "--synthetic", "--frames", "3", "-o", "-"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout.len() as u64, 3 * PICTURE);
    let told = String::from_utf8(output.stderr).expect("text");
    assert!(told.contains("3 recorded") && told.contains("synthetic") | told.contains("built in"), "{told}");
}

#[test]
fn a_reader_that_leaves_ends_the_capture_quietly() {
    let mut child = start(usermedia().args(["capture", "--synthetic", "-o", "-"]));
    let mut reader = child.stdout.take().expect("a pipe");
    reader.read_exact(&mut [0; 1000]).expect("a thousand bytes");
    drop(reader);
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("outputClosed") && !told.contains("error:"), "{told}");
}

#[test]
fn a_file_that_cannot_be_written_ends_the_capture_at_once_and_is_named() {
    let error_of = |path: &str| {
        // No end of its own: only the failing file ends it.
        let run = run(["capture", "--json", "--synthetic", "-o", path]);
        let error = run.error();
        assert_eq!(error["name"], "NotReadableError", "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(path)), "{error}");
        assert_eq!(run.json()["endedBy"], "error");
        sums_hold(&run.json());
        error
    };
    assert_eq!(error_of("/nonexistent/film.mkv")["errno"], nix::errno::Errno::ENOENT as i32);

    let folder = Folder::new();
    for name in ["full.mkv", "full.raw", "full.y4m"] {
        let full = folder.path(name);
        std::os::unix::fs::symlink("/dev/full", &full).expect("a link");
        let run = run(["capture", "--json", "--synthetic", "--fourcc", "YU12", "-o", &argument(&full)]);
        let error = run.error();
        assert_eq!(error["errno"], nix::errno::Errno::ENOSPC as i32, "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(name)), "{error}");
    }
}

#[test]
fn a_picture_that_cannot_be_written_is_named_too() {
    let error = run(["snapshot", "--json", "--synthetic", "-o", "/nonexistent/p.png"]).error();
    assert!(error["message"].as_str().is_some_and(|message| message.contains("/nonexistent/p.png")), "{error}");
    let run = run(["capture", "--json", "--synthetic", "--frames", "9", "--snapshot", "/nonexistent/p.jpg"]);
    assert!(run.error()["message"].as_str().is_some_and(|message| message.contains("/nonexistent/p.jpg")));
    assert_eq!(run.json()["video"]["consumers"][0]["delivered"], 9);
}

#[test]
fn snapshots_are_of_the_kind_that_their_name_says() {
    let folder = Folder::new();
    for (name, magic) in [("p.jpg", &b"\xFF\xD8\xFF"[..]), ("p.JPEG", b"\xFF\xD8\xFF"), ("p.png", b"\x89PNG")] {
        for extra in [&[][..], &["--immediate"]] {
            let path = folder.path(name);
            let run = run(["snapshot", "--json", "--synthetic", "-o", &argument(&path)].iter().chain(extra));
            let document = run.done();
            let bytes = fs::read(&path).expect("a picture");
            assert!(bytes.starts_with(magic), "{name}");
            assert_eq!(number(&document["files"][0]["bytes"]), bytes.len() as u64);
            let taken = number(&document["video"]["consumers"][0]["delivered"]);
            // Steady over three frames, the flash that may begin or end among them not counted; or the first at once.
            let expected = if extra.is_empty() { 3..=5 } else { 1..=1 };
            assert!(expected.contains(&taken), "{taken} frames");
            sums_hold(&document);
        }
        let probed = ffprobe(&folder.path(name));
        assert_eq!((&probed["streams"][0]["width"], &probed["streams"][0]["height"]), (&640.into(), &480.into()));
    }
}

#[test]
fn buffers_are_asked_for_as_said() {
    for buffers in ["1", "2", "32"] {
        let document = run(["capture", "--json", "--synthetic", "--frames", "5", "--buffers", buffers]).done();
        assert_eq!(document["video"]["consumers"][0]["delivered"], 5, "{buffers}");
        sums_hold(&document);
    }
}

#[test]
fn the_table_tells_what_a_newcomer_wants_to_know() {
    let folder = Folder::new();
    let (film, photo) = (argument(&folder.path("capture.mkv")), argument(&folder.path("capture.jpg")));
    let run = run(["capture", "--synthetic", "--duration", "500ms", "-o", &film, "--snapshot", &photo]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let rows: Vec<_> = run.stdout.lines().filter(|line| !line.starts_with(' ')).map(|line| line[..15].trim()).collect();
    let expected = [
        "camera",
        "mode",
        "frames",
        "losses",
        "measured rate",
        "frame age",
        "throughput",
        "disk",
        "written",
        "ended by",
    ];
    assert_eq!(rows, expected, "{}", run.stdout);
    assert!(run.stdout.contains(&film) && run.stdout.contains(&photo));
    assert!(run.stdout.contains("built in"), "{}", run.stdout);
    assert!(Path::new(&film).exists() && frames_in(Path::new(&film)) > 0);
}

#[test]
fn waiting_for_a_device_ends_with_not_found() {
    let document = run(["devices", "--all", "--json"]);
    if document.json()["devices"].as_array().is_some_and(|devices| !devices.is_empty()) {
        return;
    }
    let run = run(["capture", "--json", "--wait", "200ms", "--frames", "1"]);
    assert_eq!(run.error()["name"], "NotFoundError");
    assert!(run.stderr.contains("Waiting up to 200"), "{}", run.stderr);
}

#[test]
fn a_request_that_no_device_can_mend_is_not_waited_for() {
    // Waiting the ten minutes out would be a test that never ends.
    let error = run(["capture", "--json", "--wait", "10m", "--constraints", "{}"]).error();
    assert_eq!(error["name"], "TypeError");
}
