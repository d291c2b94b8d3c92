//! USB cameras: uvcvideo with a device of our own behind it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde_json::Value;
use usermedia::devices::{MediaDeviceKind, UnusableReason, enumerate_all_devices, enumerate_devices};
use usermedia::{ErrorName, Fourcc, MediaStreamTrackProcessor, MediaStreamTrackState};

use super::capture::{check_sums, exactly, format, next, on, open, open_to_the_end, vga};
use super::discovery::{assert_modes_agree, find, reason};
use crate::devices::{succeed, usermedia, v4l2_ctl};
use crate::harness::{LabTest, lab_test, slowness};
use crate::usb::models::{C920_FORMATS, c920, webcam, webcam_camera};
use crate::usb::{Plugged, SECOND, UsbDevice, h264, jpeg, now};

pub const TESTS: &[LabTest] = &[
    lab_test!(a_webcam_is_listed_with_its_microphone_under_one_group),
    lab_test!(the_modes_are_those_of_the_descriptors),
    lab_test!(yuyv_streams_at_thirty_and_no_frame_is_missing).timeout_secs(60),
    lab_test!(mjpg_streams_at_thirty_and_no_frame_is_missing).timeout_secs(60),
    lab_test!(h264_streams_to_v4l2_ctl_and_every_access_unit_arrives),
    lab_test!(two_cameras_of_one_model_are_told_apart_by_serial),
    lab_test!(a_flash_is_stamped_with_the_second_it_happened_in),
    lab_test!(an_unplugged_camera_ends_its_track_at_once),
    lab_test!(a_camera_whose_transfers_fail_first_ends_its_track_at_once),
    lab_test!(a_camera_plugged_in_again_streams_again),
];

/// How soon a track has to end after its camera has gone.
const AT_ONCE: Duration = Duration::from_millis(200);

/// The documents of `usermedia devices --json`, with these arguments.
fn listed(arguments: &[&str]) -> Vec<Value> {
    let output = succeed(usermedia().args(["devices", "--json"]).args(arguments));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document["devices"].as_array().unwrap().clone()
}

fn at(devices: &[Value], path: impl AsRef<Path>) -> Option<&Value> {
    devices.iter().find(|device| device["path"].as_str().map(Path::new) == Some(path.as_ref()))
}

fn a_webcam_is_listed_with_its_microphone_under_one_group() {
    let plugged = c920().plug(0);
    let usable = listed(&[]);
    let camera = at(&usable, plugged.camera()).expect("the camera");
    assert_eq!(camera["kind"], "videoinput");
    assert_eq!(camera["deviceId"], "usb-046d_082d_6EF5AA2F-0");
    assert_eq!(camera["groupId"], "usb-046d_082d_6EF5AA2F");
    assert_eq!(camera["label"], "HD Pro Webcam C920");
    assert_eq!(camera["driver"], "uvcvideo");
    let microphone = at(&usable, plugged.microphone()).expect("its microphone");
    assert_eq!(microphone["kind"], "audioinput");
    assert_eq!(microphone["deviceId"], "usb-046d_082d_6EF5AA2F-2");
    assert_eq!(microphone["groupId"], camera["groupId"]);
    assert_eq!(microphone["sampleRate"], serde_json::json!([32_000]));
    assert_eq!(microphone["sampleFormats"], serde_json::json!(["S16_LE"]));
    assert_eq!(usable.iter().filter(|device| device["groupId"] == camera["groupId"]).count(), 2);

    assert_eq!(at(&usable, plugged.metadata()), None);
    let all = listed(&["--all"]);
    let metadata = at(&all, plugged.metadata()).expect("the metadata node, among all");
    assert_eq!(metadata["groupId"], camera["groupId"]);
    let all = enumerate_all_devices();
    assert_eq!(reason(find(&all, &plugged.metadata())), Some(UnusableReason::Metadata));
}

fn the_modes_are_those_of_the_descriptors() {
    let plugged = c920().plug(0);
    let told = succeed(&mut v4l2_ctl(&plugged.camera(), &["--list-formats-ext"]));
    assert_eq!(String::from_utf8_lossy(&told.stdout).trim_end(), C920_FORMATS.trim_end(), "the C920 of the fixture");
    assert_modes_agree(&plugged.camera(), 300);
}

/// That each number is the one before and one more.
#[track_caller]
pub(super) fn assert_consecutive(numbers: &[u32]) {
    let breaks: Vec<_> = numbers.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    assert!(breaks.is_empty(), "{} of {}: {breaks:?}", breaks.len(), numbers.len());
}

fn yuyv_streams_at_thirty_and_no_frame_is_missing() {
    let plugged = webcam().plug(0);
    let stream = open(vga(&plugged.camera()));
    let track = &stream.video_tracks()[0];
    // Inline, on the capture thread: no queue that this test could be too slow for.
    let (frames, seen) = mpsc::channel();
    track.on_frame(move |frame| {
        let _ = frames.send((frame.synthetic_frame_number(), frame.timestamp()));
    });
    let (mut numbers, mut stamps) = (Vec::new(), Vec::new());
    for (number, stamp) in seen.iter().take(300) {
        numbers.push(number.expect("the number in the picture"));
        stamps.push(stamp);
    }
    stream.stop();
    assert_consecutive(&numbers);
    let rate = 299.0 * SECOND as f64 / (stamps[299] - stamps[0]) as f64;
    // A sanitizer slows the camera down, which is a program of ours.
    let slowest = 29.0 / f64::from(slowness());
    assert!((slowest..31.5).contains(&rate), "{rate} frames per second");
    let source = track.statistics();
    check_sums(&source);
    assert_eq!((source.captured - source.accepted, source.host_stamped), (0, 0), "{source:?}");
    println!("{rate:.2} frames per second, {source:?}");
}

fn mjpg_streams_at_thirty_and_no_frame_is_missing() {
    let plugged = webcam().plug(0);
    let file = "/tmp/usb.mjpg";
    let mut command = usermedia();
    command.args(["capture", "--json", "--fourcc", "MJPG", "--width", "640", "--height", "480", "--fps", "30"]);
    let output = succeed(command.args(["--frames", "300", "-o", file, "--device"]).arg(plugged.camera()));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let video = &document["video"];
    assert_eq!(video["delivered"]["fourcc"], "MJPG");
    let rate = video["delivered"]["frameRate"].as_f64().expect("a measured rate");
    assert!((29.0..31.5).contains(&rate), "{rate} frames per second: {video}");
    for lost in ["error", "short", "badJpeg", "duplicate", "starved"] {
        assert_eq!(video["source"][lost], 0, "{video}");
    }
    assert_eq!(video["consumers"][0]["behind"], 0, "{video}");
    let bytes = fs::read(file).unwrap();
    // No marker but the first begins with FF D8 FF in these files.
    let begins = bytes.windows(3).enumerate().filter(|(_, window)| window == &[0xff, 0xd8, 0xff]);
    let numbers: Vec<_> =
        begins.map(|(begin, _)| jpeg::number(&bytes[begin..]).expect("the number in its comment")).collect();
    assert_eq!(numbers.len(), 300);
    assert_consecutive(&numbers);
    println!("{rate:.2} frames per second, {}", video["source"]);
}

/// uvcvideo knows its format by another kind of descriptor, and its frames have no fixed size.
fn h264_streams_to_v4l2_ctl_and_every_access_unit_arrives() {
    let plugged = webcam().plug(0);
    let file = "/tmp/usb.h264";
    succeed(&mut v4l2_ctl(
        &plugged.camera(),
        &[
            "--set-fmt-video=width=320,height=240,pixelformat=H264",
            "--stream-mmap",
            "--stream-count=45",
            &format!("--stream-to={file}"),
        ],
    ));
    let bytes = fs::read(file).unwrap();
    let comments = bytes.windows(5).enumerate().filter(|(_, window)| window == &[0, 0, 0, 1, 6]);
    let numbers: Vec<_> =
        comments.map(|(begin, _)| h264::number(&bytes[begin..]).expect("the number in its comment")).collect();
    assert_eq!(numbers.len(), 45);
    assert_consecutive(&numbers);
}

/// A webcam under a serial number of its own, with frame numbers of its own.
fn numbering_from(first: u32, serial: &str) -> UsbDevice {
    webcam().with_serial(serial).with_camera(webcam_camera().numbering_from(first))
}

fn two_cameras_of_one_model_are_told_apart_by_serial() {
    let plugged = [numbering_from(1_000, "AAAA0001").plug(0), numbering_from(2_000, "BBBB0002").plug(3)];
    for (serial, camera, numbers) in [("BBBB0002", &plugged[1], 2_000..3_000), ("AAAA0001", &plugged[0], 1_000..2_000)]
    {
        let id = format!("usb-1d6b_0102_{serial}-0");
        let devices = enumerate_devices();
        let device = devices.iter().find(|device| device.device_id == id).unwrap_or_else(|| panic!("no {id}"));
        assert_eq!(Path::new(&device.path), camera.camera());
        let stream = open(vga(&camera.camera()));
        let number = next(&mut stream.video_tracks()[0].processor(1)).synthetic_frame_number();
        assert!(number.is_some_and(|number| numbers.contains(&number)), "{id} shows {number:?}");
    }
    let ids: BTreeSet<_> = enumerate_devices()
        .into_iter()
        .filter(|device| device.kind == MediaDeviceKind::VideoInput && device.driver == "uvcvideo")
        .map(|device| device.device_id)
        .collect();
    assert_eq!(ids.len(), 2);
}

fn a_flash_is_stamped_with_the_second_it_happened_in() {
    let plugged = webcam().with_camera(webcam_camera().with_flash()).plug(0);
    let small = on(&plugged.camera()).pixel_format(format(Fourcc::YUYV)).width(exactly(320)).height(exactly(240));
    let stream = open(small);
    let mut frames = stream.video_tracks()[0].processor(8);
    let (mut flashes, mut was_white) = (Vec::new(), true);
    // A transfer is told of as a whole, when its last packet has arrived: after 4 ms, and what the machine adds. It may
    // add a lot just then, so one of ten has to be right.
    while flashes.len() < 10 && !flashes.iter().any(|flash| *flash < Duration::from_millis(20)) {
        let frame = next(&mut frames);
        let white = frame.memory(0).unwrap()[0] > 200;
        if white && !was_white {
            flashes.push(Duration::from_nanos(frame.timestamp() % SECOND));
        }
        was_white = white;
    }
    assert!(flashes.len() < 10, "{flashes:?} after the second");
}

/// How long this process has had the processor.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap().into()
}

/// That a camera which goes in this way ends its track with the reason, at once and without a busy loop.
fn assert_ends(go: impl FnOnce(Plugged) -> u64) {
    let plugged = webcam().plug(0);
    let stream = open_to_the_end(vga(&plugged.camera()));
    let track = &stream.video_tracks()[0];
    let (ended, told) = mpsc::channel();
    track.on_ended(move |error| drop(ended.send((now(), error))));
    let mut frames: MediaStreamTrackProcessor = track.processor(4);
    for _ in 0..5 {
        next(&mut frames);
    }
    let used = processor_time();
    let gone = go(plugged);
    let (at, error) = told.recv_timeout(Duration::from_secs(10)).expect("the end of the track");
    let took = Duration::from_nanos(at.saturating_sub(gone));
    thread::sleep(Duration::from_millis(300) * slowness());
    let used = processor_time() - used;
    let error = error.expect("a reason");
    assert_eq!((error.name(), error.errno()), (ErrorName::NotReadableError, Some(nix::errno::Errno::ENODEV as i32)));
    assert!(error.message().contains("was unplugged"), "{error}");
    assert_eq!(track.ready_state(), MediaStreamTrackState::Ended);
    assert_eq!(frames.by_ref().find_map(Result::err), Some(error));
    assert!(frames.next().is_none(), "one error, then the end");
    let source = track.statistics();
    println!("ended after {took:?}, {used:?} of processor time in all, {source:?}");
    assert!(took < AT_ONCE, "{took:?}");
    // A busy loop would have taken all that time. The device is another process.
    assert!(used < Duration::from_millis(100) * slowness(), "{used:?} of processor time");
    check_sums(&source);
    // Each of uvcvideo's five transfers that fails gives back every buffer it finds.
    assert!(source.error <= 40, "{source:?}");
}

fn an_unplugged_camera_ends_its_track_at_once() {
    assert_ends(Plugged::unplug);
}

fn a_camera_whose_transfers_fail_first_ends_its_track_at_once() {
    // On the machine of somebody who needs it, or with a second processor, this could be the end of its kernel.
    if !Plugged::may_be_yanked() {
        return;
    }
    assert_ends(Plugged::yank);
}

fn a_camera_plugged_in_again_streams_again() {
    let device = webcam();
    for time in 0..3 {
        let plugged = device.plug(0);
        let mjpg = on(&plugged.camera()).pixel_format(format(Fourcc::MJPG)).width(exactly(640)).height(exactly(480));
        let stream = open_to_the_end(if time == 1 { vga(&plugged.camera()) } else { mjpg });
        let mut frames = stream.video_tracks()[0].processor(2);
        for _ in 0..5 {
            next(&mut frames);
        }
        plugged.unplug();
        assert!(frames.find_map(Result::err).is_some(), "it ended for the camera's sake");
    }
}
