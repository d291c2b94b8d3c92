//! v4l2loopback: which side it shows, as its `exclusive_caps` says, and what `usermedia loopback` writes to it.

use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde_json::Value;
use usermedia::{FrameStamp, LocalMediaStream, MediaStreamConstraints, VideoFrame, get_user_media};

use super::capture::{check_sums, next, on};
use crate::devices::{
    Background, eventually, loopback_exclusive, loopback_open, succeed, usermedia, v4l2_ctl, vivid_webcam,
};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] = &[
    lab_test!(an_open_loopback_is_output_and_camera_at_once),
    lab_test!(an_exclusive_loopback_is_an_output_until_something_writes_and_then_a_camera),
    lab_test!(frames_arrive_as_copies_with_consecutive_numbers_and_the_time_they_were_written).timeout_secs(90),
    lab_test!(a_stamp_is_read_after_420_and_after_jpeg).timeout_secs(120),
    lab_test!(a_writer_goes_on_while_readers_leave_and_come).timeout_secs(90),
    lab_test!(a_camera_is_written_with_stamps_when_asked).timeout_secs(90),
    lab_test!(who_cannot_write_hears_why_and_what_to_do).timeout_secs(60),
];

/// V4L2_CAP_VIDEO_CAPTURE and V4L2_CAP_VIDEO_OUTPUT among the node's `device_caps`.
fn sides(node: &Path) -> (bool, bool) {
    let output = succeed(&mut v4l2_ctl(node, &["--info"]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let caps = text.lines().find_map(|line| line.trim().strip_prefix("Device Caps")).expect("device_caps");
    let caps = u32::from_str_radix(caps.trim_start_matches([' ', ':']).trim_start_matches("0x"), 16).unwrap();
    (caps & 1 != 0, caps & 2 != 0)
}

fn an_open_loopback_is_output_and_camera_at_once() {
    assert_eq!(sides(&loopback_open()), (true, true));
}

fn an_exclusive_loopback_is_an_output_until_something_writes_and_then_a_camera() {
    let node = loopback_exclusive();
    assert_eq!(sides(&node), (false, true), "before there is a writer");
    let format = "--set-fmt-video-out=width=320,height=240,pixelformat=YUYV";
    let writer =
        Background::start(v4l2_ctl(&node, &[format, "--stream-out-mmap"]).stdout(Stdio::null()).stderr(Stdio::null()));
    eventually("a camera while something writes", || (sides(&node) == (true, false)).then_some(()));
    drop(writer);
    eventually("an output again", || (sides(&node) == (false, true)).then_some(()));
}

/// `usermedia loopback` to a node, ten pictures a second of 320x240 for a while.
fn write(loopback: &Path, arguments: &[&str]) -> Child {
    let mut command = usermedia();
    command.args(["loopback", "--json", "--width", "320", "--height", "240", "--fps", "10", "--device"]).arg(loopback);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What it says in the end.
#[track_caller]
fn document(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error} in {text:?}; {}", String::from_utf8_lossy(&output.stderr)))
}

/// The loopback as a camera, once something writes to it.
#[track_caller]
fn read(loopback: &Path) -> LocalMediaStream {
    eventually("a writer", || {
        let stream = get_user_media(&MediaStreamConstraints::new().video(on(loopback))).ok()?;
        (stream.video_tracks()[0].settings().width == 320).then_some(stream)
    })
}

fn now() -> u64 {
    u64::try_from(Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap()).as_nanos()).unwrap()
}

#[track_caller]
fn stamp(frame: &VideoFrame) -> FrameStamp {
    FrameStamp::read(frame).unwrap_or_else(|| panic!("no stamp in {frame:?}"))
}

fn frames_arrive_as_copies_with_consecutive_numbers_and_the_time_they_were_written() {
    let loopback = loopback_open();
    let writer = write(&loopback, &["--synthetic", "--frames", "60", "--fourcc", "YUYV"]);
    let stream = read(&loopback);
    let track = &stream.video_tracks()[0];
    let mut frames = track.processor(4);
    let mut seen: Vec<(u64, FrameStamp)> = Vec::new();
    for _ in 0..25 {
        let frame = next(&mut frames);
        let (stamp, now) = (stamp(&frame), now());
        assert!(frame.is_copied());
        // The driver stamps in whole microseconds, right after.
        assert!(frame.timestamp() + 1000 > stamp.monotonic && stamp.monotonic < now, "{stamp:?} in {frame:?} at {now}");
        // The pattern's own number is at the bottom: top and bottom are of one picture.
        let ours = frame.synthetic_frame_number().expect("the pattern's number");
        println!("{} {} {:?} age {} us", frame.sequence(), ours, stamp, (now - stamp.monotonic) / 1000);
        seen.push((frame.sequence(), stamp));
    }
    for pair in seen.windows(2) {
        let [(before, first), (after, second)] = pair else { unreachable!() };
        assert_eq!(u64::from(second.number - first.number), after - before, "a number for each frame: {seen:?}");
        assert!(second.monotonic > first.monotonic);
    }
    stream.stop();
    let source = track.statistics();
    assert_eq!(source.copied, source.accepted);
    check_sums(&source);
    let document = document(&writer.wait_with_output().unwrap());
    println!("{document:#}");
    assert_eq!(document["ok"], true);
    let loopback = &document["loopback"];
    assert_eq!(
        (&loopback["frames"], &loopback["stamped"], &loopback["buffers"]),
        (&60.into(), &true.into(), &8.into())
    );
    assert_eq!(loopback["bytes"], 60 * 320 * 240 * 2);
    assert_eq!((&document["endedBy"], &document["synthetic"]), (&"frames".into(), &true.into()));
}

fn a_stamp_is_read_after_420_and_after_jpeg() {
    let loopback = loopback_open();
    for fourcc in ["NV12", "YU12", "RGB3", "MJPG"] {
        let writer = Background::of(write(&loopback, &["--synthetic", "--fourcc", fourcc]));
        let stream = read(&loopback);
        let mut frames = stream.video_tracks()[0].processor(4);
        let stamps: Vec<FrameStamp> = (0..4)
            .map(|_| {
                let frame = next(&mut frames);
                assert_eq!(frame.fourcc().to_string(), fourcc);
                stamp(&frame)
            })
            .collect();
        assert!(stamps.windows(2).all(|pair| pair[0].number < pair[1].number), "{fourcc}: {stamps:?}");
        stream.stop();
        drop(frames);
        drop(writer);
    }
}

fn a_writer_goes_on_while_readers_leave_and_come() {
    let loopback = loopback_exclusive();
    let writer = write(&loopback, &["--synthetic", "--duration", "8s"]);
    let mut last = None;
    for _ in 0..3 {
        let stream = eventually("a camera", || {
            let camera = usermedia::devices::enumerate_devices().into_iter().find(|it| Path::new(&it.path) == loopback);
            camera.and_then(|_| get_user_media(&MediaStreamConstraints::new().video(on(&loopback))).ok())
        });
        let mut frames = stream.video_tracks()[0].processor(4);
        let stamp = (0..3).map(|_| stamp(&next(&mut frames))).last();
        assert!(stamp.map(|stamp| stamp.number) > last, "{stamp:?}");
        last = stamp.map(|stamp| stamp.number);
        stream.stop();
    }
    let document = document(&writer.wait_with_output().unwrap());
    println!("{document:#}");
    assert_eq!((&document["ok"], &document["endedBy"]), (&true.into(), &"duration".into()));
}

fn a_camera_is_written_with_stamps_when_asked() {
    let (loopback, camera) = (loopback_open(), vivid_webcam());
    let camera = camera.to_str().unwrap();
    let _writer = Background::of(write(&loopback, &["--camera", camera, "--fourcc", "YUYV", "--stamp"]));
    let stream = read(&loopback);
    let mut frames = stream.video_tracks()[0].processor(4);
    let numbers: Vec<u32> = (0..3).map(|_| stamp(&next(&mut frames)).number).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    stream.stop();
}

fn who_cannot_write_hears_why_and_what_to_do() {
    let exclusive = loopback_exclusive();
    let _first = Background::of(write(&exclusive, &["--synthetic"]));
    eventually("a camera while something writes", || (sides(&exclusive) == (true, false)).then_some(()));
    for (node, words) in [
        (exclusive.as_path(), "another program writes to"),
        (vivid_webcam().as_path(), "not a v4l2loopback"),
        (Path::new("/dev/video99"), "there is no /dev/video99"),
        (Path::new("/dev/null"), "is no video device"),
    ] {
        let output = write(node, &["--synthetic", "--frames", "1"]).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", node.display());
        let document = document(&output);
        let error = &document["error"];
        assert!(error["message"].as_str().unwrap().contains(words), "{error:#}");
        assert!(error["remedy"].as_str().is_some(), "{error:#}");
    }
}
