//! `usermedia bench` on real drivers: what a frame costs, in counts, beside the programs of this guest.

use std::path::Path;

use serde_json::Value;

use crate::devices::{loopback_open, succeed, usermedia, v4l2_ctl, vivid_webcam};
use crate::harness::{LabTest, lab_test};
use crate::protocol::VIRTUAL_TIME_GUEST;

pub const TESTS: &[LabTest] = &[
    lab_test!(a_frame_costs_no_more_calls_than_v4l2_ctls).timeout_secs(180),
    lab_test!(a_loopback_is_fed_and_its_frames_tell_when_they_were_written).timeout_secs(90),
    lab_test!(a_loopback_that_nobody_wrote_to_is_fed_in_the_feeders_own_format).timeout_secs(90),
    lab_test!(gstreamer_with_mapped_memory_is_measured_in_the_same_mode).timeout_secs(400),
    lab_test!(ustreamer_is_measured_in_the_same_mode).timeout_secs(300),
    lab_test!(a_benchmark_says_what_its_figures_are_worth).timeout_secs(90),
];

/// Few frames: what is counted has no noise.
fn bench(node: &Path, arguments: &[&str]) -> Value {
    bench_as_is(node, &[&["--fourcc", "YUYV"], arguments].concat())
}

fn bench_as_is(node: &Path, arguments: &[&str]) -> Value {
    let mut command = usermedia();
    command.args(["bench", "--json", "--runs", "1", "--device"]).arg(node);
    let output = succeed(command.args(arguments));
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    serde_json::from_str(text.lines().last().expect("a result")).expect("JSON")
}

fn program<'a>(result: &'a Value, name: &str) -> &'a Value {
    let programs = result["programs"].as_array().expect("programs");
    programs.iter().find(|program| program["name"] == name).unwrap_or_else(|| panic!("no {name} in {result}"))
}

/// A peer beside ours at 640x480: nobody is refused, and the calls of a frame are counted. No word on who is faster.
#[track_caller]
fn calls_beside(peer: &str) -> (f64, f64) {
    let size = ["--width", "640", "--height", "480", "--fps", "30", "--frames", "40", "--warm-up", "8"];
    let result = bench(&vivid_webcam(), &[&size[..], &["--against", peer, "--counts", "calls"]].concat());
    let (ours, theirs) = (program(&result, "usermedia"), program(&result, peer));
    assert_eq!((&ours["refused"], &theirs["refused"]), (&Value::Null, &Value::Null), "{result}");
    assert!(
        theirs["version"].as_str().is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())),
        "{theirs}"
    );
    let calls = |program: &Value| program["syscallsPerFrame"].as_f64().unwrap_or_else(|| panic!("{program}"));
    println!("{:.2} calls a frame, {peer} {:.2}", calls(ours), calls(theirs));
    (calls(ours), calls(theirs))
}

fn gstreamer_with_mapped_memory_is_measured_in_the_same_mode() {
    // A dequeue, a queue and a wait, whoever makes them.
    let (ours, theirs) = calls_beside("gstreamer-mmap");
    assert!(theirs >= 3.0 && ours <= theirs, "{ours} {theirs}");
}

fn ustreamer_is_measured_in_the_same_mode() {
    // Interrupted by the clock: of forty frames a machine with other work may have missed some, but not most.
    let (_, theirs) = calls_beside("ustreamer");
    assert!(theirs >= 1.5, "{theirs}");
}

/// Two ioctls and a wait, and nothing copied.
fn a_frame_costs_no_more_calls_than_v4l2_ctls() {
    let size = ["--width", "640", "--height", "480", "--fps", "30", "--frames", "40", "--warm-up", "8"];
    let result = bench(&vivid_webcam(), &[&size[..], &["--against", "v4l2-ctl", "--counts", "calls"]].concat());
    let (ours, theirs) = (program(&result, "usermedia"), program(&result, "v4l2-ctl"));
    assert_eq!((&ours["refused"], &theirs["refused"]), (&Value::Null, &Value::Null), "{result}");
    let calls = |program: &Value| program["syscallsPerFrame"].as_f64().unwrap_or_else(|| panic!("{program}"));
    println!("{:.2} calls a frame, v4l2-ctl {:.2}", calls(ours), calls(theirs));
    // Forty frames, and a call or two at the start that not every run makes.
    assert!(calls(ours) <= 3.5 && calls(ours) <= calls(theirs), "{ours} {theirs}");
    assert_eq!((&ours["driverMappings"], &theirs["driverMappings"]), (&4.into(), &4.into()), "buffers: {result}");
    for run in result["inside"].as_array().expect("ours") {
        assert_eq!((&run["copied"], &run["bytesCopied"]), (&0.into(), &0.into()), "{run}");
    }
}

fn a_loopback_is_fed_and_its_frames_tell_when_they_were_written() {
    let size =
        ["--width", "320", "--height", "240", "--fps", "30", "--frames", "40", "--warm-up", "10", "--counts", "none"];
    let result = bench(&loopback_open(), &size);
    assert_eq!(result["ok"], true, "{result}");
    let run = &result["inside"][0];
    // Nobody leases a loopback's buffers: every frame is a copy, and said to be.
    assert_eq!(run["copied"], run["delivered"], "{run}");
    if std::env::var("USERMEDIA_LAB").as_deref() != Ok(VIRTUAL_TIME_GUEST) {
        let (written, age) = (&run["producerAge"]["p50"], &run["age"]["p50"]);
        assert!(written.as_f64().is_some_and(|seconds| seconds > 0.0), "{run}");
        // The driver stamps after the writer did. Ages since then are counted in classes an eighth wide.
        assert!(written.as_f64() >= age.as_f64().map(|age| age / 1.125), "{run}");
    }
}

/// The node stands at the driver's own format, and whoever looks whether there is a writer by now must not hold it to that.
fn a_loopback_that_nobody_wrote_to_is_fed_in_the_feeders_own_format() {
    let node = loopback_open();
    // As in a fresh guest, whatever ran before.
    succeed(&mut v4l2_ctl(&node, &["--set-fmt-video-out=width=640,height=480,pixelformat=BGR4"]));
    let size =
        ["--width", "640", "--height", "480", "--fps", "60", "--frames", "20", "--warm-up", "5", "--counts", "none"];
    let result = bench_as_is(&node, &size);
    assert_eq!((&result["ok"], &result["target"]["fourcc"]), (&true.into(), &"YUYV".into()), "{result}");
}

fn a_benchmark_says_what_its_figures_are_worth() {
    let result = bench(
        &vivid_webcam(),
        &["--width", "640", "--height", "480", "--fps", "30", "--frames", "30", "--warm-up", "8", "--counts", "none"],
    );
    let validity = result["environment"]["validity"].as_str().expect("it says so");
    let (ours, age) = (program(&result, "usermedia"), &result["inside"][0]["age"]["p50"]);
    match std::env::var("USERMEDIA_LAB").as_deref() {
        Ok(VIRTUAL_TIME_GUEST) => {
            assert_eq!(validity, "virtual-time");
            assert_eq!((&ours["cpuPerFrame"]["median"], age), (&Value::Null, &Value::Null), "no times: {result}");
        }
        _ => {
            assert_ne!(validity, "virtual-time");
            // So few frames cost no more than two starts of a program differ by.
            assert!(ours["cpuPerFrame"]["median"].as_f64().is_some(), "{ours}");
            assert!(age.as_f64().is_some(), "{result}");
        }
    }
    assert_eq!(result["target"]["driver"], "vivid", "{result}");
}
