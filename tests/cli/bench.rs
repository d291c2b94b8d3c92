//! `usermedia bench` over the built-in camera: what it tells, and what it refuses.

use std::fs;

use serde_json::Value;

use crate::support::{Folder, argument, run};

/// The lines of a benchmark's JSON.
#[track_caller]
fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn each_run_is_a_line_and_the_last_line_is_the_result() {
    let folder = Folder::new();
    let plot = folder.path("ages.svg");
    let short =
        ["bench", "--synthetic", "--runs", "2", "--frames", "20", "--warm-up", "5", "--counts", "none", "--json"];
    let told = run(short.iter().copied().chain(["--against", "v4l2-ctl", "--plot", &argument(&plot)]));
    assert_eq!(told.status, Some(0), "{}{}", told.stdout, told.stderr);
    let lines = lines(&told.stdout);
    let (result, runs) = lines.split_last().expect("lines");
    assert_eq!(runs.len(), 2, "{}", told.stdout);
    assert!(runs.iter().all(|run| run["program"] == "usermedia" && run["refused"].is_null()), "{runs:?}");
    assert_eq!((&result["ok"], &result["event"], &result["endedBy"]), (&true.into(), &"result".into(), &"runs".into()));
    assert_eq!(result["target"]["buffers"], 4);
    let [ours, peer] = &result["programs"].as_array().expect("programs")[..] else { panic!("{result}") };
    assert_eq!(ours["frameRate"]["runs"].as_array().map(Vec::len), Some(2), "{ours}");
    assert!(ours["privateMemory"]["median"].as_f64().is_some_and(|bytes| bytes > 1e5), "{ours}");
    // Nobody counted.
    assert!(ours["syscallsPerFrame"].is_null());
    assert!(peer["refused"].as_str().is_some_and(|why| why.contains("built-in")), "{peer}");
    // Of 25 frames in each run the colder 12 tell nothing of ages.
    let inside = result["inside"].as_array().expect("one for each run");
    assert!(inside.iter().all(|run| run["delivered"] == 25 && run["copied"] == 0), "{inside:?}");
    let environment = &result["environment"];
    let validity = environment["validity"].as_str().expect("it says what it is worth");
    assert!(["hardware", "vm", "tcg", "virtual-time"].contains(&validity), "{validity}");
    let drawn = fs::read_to_string(plot).expect("a picture");
    assert!(drawn.starts_with("<svg") && drawn.contains("26 frames"), "{drawn}");
}

#[test]
fn a_frame_costs_no_allocation_by_valgrinds_count() {
    let size = ["--width", "160", "--height", "120", "--fps", "30", "--runs", "1", "--frames", "30", "--warm-up", "10"];
    let told = run(["bench", "--synthetic", "--json", "--counts", "all"].iter().chain(&size));
    assert_eq!(told.status, Some(0), "{}{}", told.stdout, told.stderr);
    let lines = lines(&told.stdout);
    let ours = &lines.last().expect("a result")["programs"][0];
    let installed = std::process::Command::new("valgrind").arg("--version").output().is_ok();
    let counts = (ours["allocationsPerFrame"].as_f64(), ours["instructionsPerFrame"].as_f64());
    match counts {
        // What is done once in a while, as for the clock's drift, is not done for a frame.
        (Some(allocations), Some(instructions)) => assert!(allocations < 0.1 && instructions > 100.0, "{ours}"),
        (None, None) => assert!(!installed, "{ours}"),
        _ => panic!("{ours}"),
    }
}

#[test]
fn a_person_gets_a_table_with_the_command_line_in_it() {
    let told = run(["bench", "--synthetic", "--runs", "1", "--frames", "5", "--warm-up", "2", "--counts", "none"]);
    assert_eq!(told.status, Some(0), "{}", told.stderr);
    for wanted in ["Synthetic camera (built in)", "frames/s", "none lost", "bench --inside", "paints its pictures"] {
        assert!(told.stdout.contains(wanted), "{wanted} in {}", told.stdout);
    }
    assert!(told.stderr.contains("run 1 of 1: usermedia"), "{}", told.stderr);
}

#[test]
fn what_cannot_be_measured_is_wrong_usage() {
    run(["bench", "--synthetic", "--against", "obs"]).usage("v4l2-ctl, ffmpeg, gstreamer");
    run(["bench", "--synthetic", "--audio", "--json"]).usage("of a camera");
    run(["bench", "--synthetic", "--runs", "0"]).usage("--runs");
    run(["bench", "--synthetic", "--load", "gpu"]).usage("cpu");
}
