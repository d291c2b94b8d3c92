//! What `capture` tells of clocks, disks and devices: in the document, as metrics, and on stderr.

use std::fs;
use std::io::Read;

use nix::errno::Errno;
use nix::sys::signal::Signal;

use crate::support::{Folder, argument, eventually, frames_in, run, send, start, usermedia};

/// The value of a sample without further labels to tell it by.
fn sample(text: &str, begin: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(begin)).unwrap_or_else(|| panic!("no {begin} in {text}"));
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn metrics_are_kept_in_a_file_that_is_always_whole() {
    let folder = Folder::new();
    let (film, metrics) = (argument(&folder.path("film.mkv")), folder.path("usermedia.prom"));
    let arguments =
        ["capture", "--synthetic", "--video", "--audio", "-o", &film, "--metrics", &argument(&metrics), "--json"];
    let child = start(usermedia().args(arguments));
    // There at once, and renewed: the second has frames.
    eventually("metrics", || metrics.exists());
    let first = fs::read_to_string(&metrics).expect("text");
    assert!(first.ends_with('\n') && first.contains("# TYPE usermedia_frames_captured_total counter"), "{first}");
    eventually("renewed metrics", || {
        let text = fs::read_to_string(&metrics).expect("never away");
        assert!(text.ends_with('\n') && text.contains("usermedia_samples_captured_total"), "{text}");
        sample(&text, "usermedia_frames_captured_total") > 60.0
    });
    send(&child, Signal::SIGINT);
    let output = child.wait_with_output().expect("it ends");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a document");
    // The last are those of the document, the recorder's included.
    let text = fs::read_to_string(&metrics).expect("text");
    let source = &document["video"]["source"];
    assert_eq!(sample(&text, "usermedia_frames_captured_total"), source["captured"].as_f64().expect("a count"));
    assert_eq!(sample(&text, "usermedia_track_live"), 0.0);
    let frames = sample(&text, "usermedia_recording_frames_total");
    assert_eq!(frames, document["files"][0]["frames"].as_f64().expect("a count"));
    assert!(text.contains("consumer=\"recorder\",kind=\"audio\""), "{text}");
    // To the nanosecond: reading a number of JSON costs its last bit now and then.
    let seconds = document["recording"]["seconds"].as_f64().expect("a time");
    assert!((sample(&text, "usermedia_recording_seconds_total") - seconds).abs() < 1e-9, "{seconds} {text}");
    assert_eq!(fs::read_dir(folder.path("")).expect("a folder").count(), 2, "nothing else is left there");
}

#[test]
fn metrics_on_stdout_come_alone_at_the_end() {
    let told = run(["capture", "--synthetic", "--frames", "3", "--metrics", "-"]);
    assert_eq!(told.status, Some(0));
    assert!(told.stdout.starts_with("# HELP usermedia_build_info"), "{}", told.stdout);
    assert!(told.stdout.contains("usermedia_consumer_delivered_total{"), "{}", told.stdout);
    assert!(told.stderr.contains("ended by"), "{}", told.stderr);
    run(["capture", "--synthetic", "--metrics", "-", "--json"]).usage("--metrics -");
    run(["capture", "--synthetic", "--metrics", "a.mkv", "-o", "a.mkv"]).usage("the same file");
}

#[test]
fn metrics_that_cannot_be_written_are_said_once_and_the_capture_goes_on() {
    let told = run(["capture", "--synthetic", "--frames", "3", "--metrics", "/nonexistent/a.prom"]);
    assert_eq!(told.status, Some(0), "{}", told.stderr);
    assert_eq!(told.stderr.matches("cannot write the metrics to /nonexistent/a.prom").count(), 1, "{}", told.stderr);
}

#[test]
fn the_document_tells_of_clocks_syncs_and_what_happened() {
    let folder = Folder::new();
    let film = argument(&folder.path("film.mkv"));
    let arguments = ["capture", "--json", "--synthetic", "--video", "--audio", "--duration", "13s", "-o", &film];
    let document = run(arguments).done();
    for kind in ["video", "audio"] {
        let source = &document[kind]["source"];
        assert_eq!(source["clockSource"], "driver", "{source}");
        // The built-in devices run on this computer's clock.
        for window in ["ppm", "recentPpm"] {
            let ppm = source["clockDrift"][window].as_f64().expect("enough was seen");
            assert!(ppm.abs() < 0.5, "{source}");
        }
        for count in ["stalls", "restarts", "reopenings", "recoveries"] {
            assert_eq!(source[count], 0, "{source}");
        }
        assert_eq!((&source["mutedSeconds"], &document[kind]["muted"]), (&0.0.into(), &serde_json::Value::Null));
        assert_eq!(document[kind]["events"].as_array().map(Vec::len), Some(0));
    }
    assert!(document["microphoneAgainstCameraPpm"].as_f64().expect("both are known").abs() < 1.0, "{document}");
    assert!(document["recording"]["longestSyncSeconds"].as_f64().expect("there were syncs") > 0.0, "{document}");
}

#[test]
fn a_pipe_whose_reader_has_gone_is_called_that() {
    let folder = Folder::new();
    let fifo = folder.path("film.raw");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let child = start(usermedia().args(["capture", "--json", "--synthetic", "-o", &argument(&fifo)]));
    let mut reader = fs::File::open(&fifo).expect("a pipe");
    reader.read_exact(&mut [0; 1000]).expect("a thousand bytes");
    drop(reader);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a document");
    let error = &document["error"];
    assert_eq!(error["message"], format!("cannot write {}: its reader has gone", fifo.display()));
    assert_eq!((&error["errno"], &document["endedBy"]), (&(Errno::EPIPE as i32).into(), &"error".into()));
    assert!(error["remedy"].as_str().is_some_and(|remedy| remedy.contains("keep the program running")), "{error}");
}

/// A limit of the shell's stands for a disk that is full: unlike /dev/full it takes a part of a frame first.
#[test]
fn a_file_that_reaches_a_limit_ends_with_its_last_whole_frame() {
    let folder = Folder::new();
    for name in ["film.raw", "film.y4m", "film.mkv", "sound.wav"] {
        let path = folder.path(name);
        // In blocks of 512 or 1024 bytes: some frames of 450 kB, or the sound of a second or two.
        let (request, blocks) = if name == "sound.wav" { ("--audio", 500) } else { ("--fourcc YU12", 7001) };
        let line = format!("ulimit -f {blocks}; exec \"$0\" capture --json --synthetic {request} -o \"$1\"");
        let mut shell = std::process::Command::new("sh");
        let output =
            shell.args(["-c", &line, env!("CARGO_BIN_EXE_usermedia"), &argument(&path)]).output().expect("a shell");
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a document");
        assert_eq!(
            (output.status.code(), &document["error"]["errno"]),
            (Some(1), &(Errno::EFBIG as i32).into()),
            "{name}"
        );
        let (frames, message) = (&document["files"][0]["frames"], document["error"]["message"].as_str().expect("text"));
        assert!(
            message.contains("the file is as large as its file system, or a limit (ulimit -f), allows"),
            "{message}"
        );
        let saved = if name == "sound.wav" { " s of sound, ".to_owned() } else { format!("; {frames} frames, ") };
        assert!(message.contains(&saved) && message.ends_with(" MB, are saved"), "{message}");
        assert!(document["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("--segment 2GB")));
        let bytes = fs::metadata(&path).expect("it is kept").len();
        match name {
            "film.raw" => assert_eq!(bytes, frames.as_u64().expect("a count") * 640 * 480 * 3 / 2),
            "sound.wav" => assert_eq!(bytes, document["files"][0]["bytes"].as_u64().expect("a count")),
            // ffprobe complains of anything after the last frame.
            _ => assert_eq!(frames_in(&path), frames.as_u64().expect("a count"), "{name}"),
        }
    }
}

#[test]
fn a_log_tells_of_devices_and_recordings_on_stderr() {
    let folder = Folder::new();
    let film = argument(&folder.path("film.mkv"));
    let told = run(["capture", "--json", "--synthetic", "--frames", "3", "-o", &film, "--log", "info"]);
    told.done();
    for line in ["started", "recording opened", "recording closed", "frames=3", "statistics", "captured="] {
        assert!(told.stderr.contains(line), "no {line} in {}", told.stderr);
    }
    let quiet = run(["capture", "--json", "--synthetic", "--frames", "3", "-o", &film, "--log", "error"]);
    assert!(!quiet.stderr.contains("started"), "{}", quiet.stderr);
    run(["capture", "--synthetic", "--log", "loud"]).usage("is none of error, warn, info");
}
