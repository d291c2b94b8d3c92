//! v4l2loopback: which side it shows, as its `exclusive_caps` says, and what `usermedia loopback` writes to it.

use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use serde_json::Value;
use usermedia::{Delivery, FrameStamp, LocalMediaStream, MediaDevices, MediaStreamConstraints, Torn, VideoFrame};

use super::capture::{check_sums, next, on};
use super::faults_loopback;
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
    lab_test!(a_raw_frame_is_whole_until_its_writer_comes_round).timeout_secs(90),
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

/// Has `usermedia loopback` end, and gives what it says then.
#[track_caller]
fn finish(writer: Child) -> Value {
    kill(Pid::from_raw(i32::try_from(writer.id()).unwrap()), Signal::SIGINT).unwrap();
    let output = writer.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let document = document(&output);
    assert_eq!((&document["ok"], &document["endedBy"]), (&true.into(), &"SIGINT".into()), "{document:#}");
    document
}

/// `usermedia loopback` to a node, ten pictures a second of 320x240.
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

/// The loopback as a camera, once something writes to it: a program that starts, on a machine that may be busy.
#[track_caller]
fn read_by(devices: &MediaDevices, loopback: &Path) -> LocalMediaStream {
    let begun = Instant::now();
    loop {
        let listed = devices.enumerate_devices().into_iter().any(|device| Path::new(&device.path) == loopback);
        let stream = listed.then(|| devices.get_user_media(&MediaStreamConstraints::new().video(on(loopback))));
        match stream {
            Some(Ok(stream)) if stream.video_tracks()[0].settings().width == 320 => return stream,
            _ => thread::sleep(Duration::from_millis(20)),
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "nothing writes");
    }
}

#[track_caller]
fn read(loopback: &Path) -> LocalMediaStream {
    read_by(&MediaDevices::new(), loopback)
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
    let writer = write(&loopback, &["--synthetic", "--fourcc", "YUYV", "--frames", "100"]);
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
        // A frame that is late by more than one leaves a gap in our count, by its time, and none in the writer's.
        assert!((1..=after - before).contains(&u64::from(second.number - first.number)), "{seen:?}");
        assert!(second.monotonic > first.monotonic);
    }
    // Every number is of a frame that was delivered, dropped by the processor, or missed by a reader that was too late.
    let numbers = u64::from(seen[24].1.number - seen[0].1.number) + 1;
    let (behind, lost) = (frames.statistics().behind, track.statistics().lost_in_driver);
    assert!((25..=25 + behind + lost).contains(&numbers), "{behind} behind, {lost} lost: {seen:?}");
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
        (&100.into(), &true.into(), &8.into())
    );
    assert_eq!(loopback["bytes"], 100 * 320 * 240 * 2);
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
    let writer = write(&loopback, &["--synthetic"]);
    let mut last = None;
    for _ in 0..3 {
        let stream = read(&loopback);
        let mut frames = stream.video_tracks()[0].processor(4);
        let number = (0..3).map(|_| stamp(&next(&mut frames)).number).last();
        assert!(number > last, "{number:?} after {last:?}");
        last = number;
        stream.stop();
    }
    println!("{:#}", finish(writer)["loopback"]);
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

/// Both kinds of writer: ours, which maps the buffers, and one that uses `write()`.
fn a_raw_frame_is_whole_until_its_writer_comes_round() {
    let loopback = loopback_open();
    let devices = MediaDevices::new().with_raw_frames(true);
    for writes in [false, true] {
        let _ours = (!writes).then(|| Background::of(write(&loopback, &["--synthetic", "--fourcc", "YUYV"])));
        let _another = writes.then(|| faults_loopback::write(&loopback, 320, 240));
        let stream = read_by(&devices, &loopback);
        let track = &stream.video_tracks()[0];
        assert_eq!(track.settings().delivery, Some(Delivery::Raw));
        let mut frames = track.processor(2);
        let mut picture = vec![0; 320 * 240 * 2];
        // Those of a ring that was full when the reader came may be gone by the time they are looked at.
        let mut first = std::iter::repeat_with(|| next(&mut frames)).take(8);
        let held = first.find(|frame| frame.raw().is_some_and(|raw| raw.copy_to(&mut picture).is_ok()));
        let held = held.expect("of those that come as they are written, each is whole");
        let raw = held.raw().expect("a raw frame");
        assert!(held.memory(0).is_none() && held.plane(0).is_none() && !held.is_copied());
        assert_eq!(raw.len(), picture.len());
        let stamp = FrameStamp::read_from(held.fourcc(), 320, 240, 0, &picture);
        assert_eq!(stamp.is_some(), !writes);
        // As many frames later as there are buffers, the writer has come round.
        let mut whole = 0;
        while next(&mut frames).sequence() < held.sequence() + 8 {
            whole += u32::from(raw.is_whole());
        }
        println!("whole for {whole} frames more");
        assert!((1..8).contains(&whole));
        assert_eq!(raw.copy_to(&mut picture), Err(Torn));
        drop(held);
        stream.stop();
        let source = track.statistics();
        assert!(source.raw > 8 && source.raw + source.copied == source.accepted, "{source:?}");
        check_sums(&source);
    }
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
