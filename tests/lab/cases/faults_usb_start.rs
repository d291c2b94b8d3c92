//! What goes wrong with a USB camera as it starts: what it is told to do, it refuses, delays or does not hear.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use usermedia::devices::enumerate_devices;
use usermedia::{Error, ErrorName, Fourcc, LocalMediaStream};

use super::watched::{Damaged, Watched, only, plug, story, tell_in_words, try_open};
use crate::harness::{LabTest, lab_test};
use crate::usb::faults::{Fault, Injection};
use crate::usb::models::webcam_camera;

pub const TESTS: &[LabTest] = &[
    lab_test!(a_refused_commit_fails_one_start).timeout_secs(90),
    lab_test!(an_unanswered_commit_fails_one_start_after_five_seconds).timeout_secs(90),
    lab_test!(a_slow_camera_starts_slowly).timeout_secs(90),
    lab_test!(a_full_bus_is_said_to_be_full).timeout_secs(90),
    lab_test!(a_camera_that_asks_for_more_than_the_bus_carries_gets_the_most_there_is).timeout_secs(90),
];

/// Starts a camera with this fault; then again, without it, which has to work. How the first start went, and how long
/// it took.
fn start(fault: impl Into<Injection>) -> (Result<LocalMediaStream, Error>, Duration) {
    let mut plugged = plug(&only(webcam_camera()), Damaged::Dropped);
    let listing = enumerate_devices();
    plugged.inject(fault);
    let begun = Instant::now();
    let first = try_open(&plugged.camera(), &listing, Fourcc::YUYV);
    let took = begun.elapsed();
    println!("after {took:?}: {first:?}");
    if let Ok(stream) = &first {
        stream.stop();
    }
    Watched::open(&plugged.camera(), &listing, Fourcc::YUYV).next();
    (first, took)
}

#[track_caller]
fn assert_not_readable(result: Result<LocalMediaStream, Error>, errno: Errno) -> Error {
    let error = result.expect_err("this start fails");
    assert_eq!((error.name(), error.errno()), (ErrorName::NotReadableError, Some(errno as i32)), "{error:?}");
    error
}

fn a_refused_commit_fails_one_start() {
    assert_not_readable(start(Fault::CommitStalled).0, Errno::EIO);
}

fn an_unanswered_commit_fails_one_start_after_five_seconds() {
    let (result, took) = start(Fault::CommitUnanswered);
    assert_not_readable(result, Errno::EIO);
    // uvcvideo's own patience (UVC_CTRL_STREAMING_TIMEOUT).
    assert!(took > Duration::from_millis(4_900), "{took:?}");
}

fn a_slow_camera_starts_slowly() {
    for fault in [Fault::ProbeDelayed(Duration::from_millis(700)), Fault::CommitDelayed(Duration::from_millis(700))] {
        let (result, took) = start(fault);
        result.expect("it starts");
        assert!(took > Duration::from_millis(700), "{fault:?}: {took:?}");
    }
}

/// A host controller that has no time left for an endpoint says so when the interface is set, and uvcvideo passes it on.
/// vhci_hcd keeps no such accounts, so here it is the answer to the request that carries the error.
fn a_full_bus_is_said_to_be_full() {
    let mut plugged = plug(&only(webcam_camera()), Damaged::Dropped);
    let (node, listing) = (plugged.camera(), enumerate_devices());
    // Once: something smaller will do.
    plugged.inject(Fault::BusFull);
    let stream = try_open(&node, &listing, Fourcc::YUYV).expect("a smaller mode");
    let track = stream.video_tracks().remove(0);
    assert_eq!(story(&track), ["stepped-down"]);
    let settings = track.settings();
    assert_eq!((settings.width, settings.height), (320, 240));
    assert_eq!(settings.native_frame_rate.expect("a rate").as_f64(), 15.0, "half of what did not fit");
    tell_in_words(
        "USB bus is full at the start",
        "stepped-down to the largest mode that meets the constraints | no mute",
    );
    stream.stop();
    // Every time: the error says what it is about.
    plugged.inject(Fault::BusFull.times(u32::MAX));
    let error = assert_not_readable(try_open(&node, &listing, Fourcc::YUYV), Errno::ENOSPC);
    assert!(error.message().contains("USB bus") && error.remedy().is_some(), "{error}");
    tell_in_words("USB bus is full for every mode", format_args!("{}: {} | -", error.name(), error.message()));
}

/// Kernels before 6.12.117 and its like fail STREAMON with EIO.
fn a_camera_that_asks_for_more_than_the_bus_carries_gets_the_most_there_is() {
    let camera = webcam_camera().with_fault(Fault::PayloadTooLarge.times(u32::MAX));
    let plugged = plug(&only(camera), Damaged::Dropped);
    match try_open(&plugged.camera(), &enumerate_devices(), Fourcc::YUYV) {
        Ok(stream) => drop(Watched::of(stream).next()),
        refused => drop(assert_not_readable(refused, Errno::EIO)),
    }
}
