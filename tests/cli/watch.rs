//! `usermedia watch`: what is there, and how it ends. What comes and goes is the lab's.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{run, send, start, usermedia};

/// The documents on stdout, one a line.
fn documents(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn what_is_there_comes_first_and_the_end_last() {
    let run = run(["watch", "--synthetic", "--json", "--duration", "50ms"]);
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
    let documents = documents(&run.stdout);
    let events: Vec<_> = documents.iter().map(|document| document["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["present", "present", "watching", "ended"]);
    assert_eq!(documents[0]["device"]["kind"], "videoinput");
    assert_eq!(documents[1]["device"]["deviceId"], "synthetic-microphone");
    assert!(!documents[0]["device"]["modes"].as_array().unwrap().is_empty(), "as `devices --json` has it");
    assert_eq!((&documents[2]["polling"], &documents[3]["endedBy"]), (&false.into(), &"duration".into()));
    // A number of seconds, for `date -d @…` and jq's todate.
    assert!(documents.iter().all(|document| document["time"].as_f64().unwrap() > 1.7e9));
}

#[test]
fn people_read_a_line_for_each_device() {
    let run = run(["watch", "--synthetic", "--duration", "50ms"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "present  camera      Synthetic camera  synthetic-camera",
            "present  microphone  Synthetic microphone  synthetic-microphone",
        ]
    );
}

#[test]
fn this_machine_can_be_watched_whatever_it_has() {
    let run = run(["watch", "--json", "--duration", "100ms"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let documents = documents(&run.stdout);
    let (present, rest) = documents.split_at(documents.len() - 2);
    assert_eq!((&rest[0]["event"], &rest[1]["endedBy"]), (&"watching".into(), &"duration".into()));
    assert!(present.iter().all(|document| document["event"] == "present"), "{present:?}");
}

#[test]
fn a_signal_ends_it_with_a_last_line() {
    for (signal, status) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)] {
        let mut child = start(usermedia().args(["watch", "--synthetic", "--json"]));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        // Signals are taken before the first line.
        assert!(lines.next().unwrap().contains("present"));
        send(&child, signal);
        let last: Value = serde_json::from_str(&lines.last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["endedBy"]), (&"ended".into(), &signal.as_str().into()));
        assert_eq!(child.wait().unwrap().code(), Some(status));
    }
}

#[test]
fn a_reader_that_has_gone_ends_it() {
    let mut child = usermedia();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    child.args(["watch", "--synthetic"]).stdout(writer).stderr(Stdio::piped());
    let output = child.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn a_length_that_is_none_is_wrong_usage() {
    run(["watch", "--duration", "soon"]).usage("no duration");
}
