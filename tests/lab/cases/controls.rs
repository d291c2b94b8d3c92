//! Controls of real drivers: vivid's picture controls, and the brightness of a USB camera.

use std::path::Path;
use std::sync::mpsc;

use usermedia::constraints::{ConstrainDouble, MediaTrackConstraints};
use usermedia::devices::{ControlName, ControlRange, ControlValue, MediaDeviceInfo, enumerate_devices};
use usermedia::{ErrorName, MediaStreamConstraints, VideoFrame, get_user_media};

use super::capture::{exactly, format, on, open};
use super::watched;
use crate::devices::{eventually, succeed, usermedia, v4l2_ctl, vivid_webcam};
use crate::harness::{LabTest, lab_test};
use crate::usb::models::webcam_camera;

pub const TESTS: &[LabTest] = &[
    lab_test!(controls_are_listed_with_the_drivers_ranges),
    lab_test!(what_was_asked_is_set_and_nothing_else),
    lab_test!(a_control_shows_in_the_picture),
    lab_test!(a_value_out_of_range_is_refused_before_the_camera_opens),
    lab_test!(controls_are_set_while_frames_flow_without_a_gap),
    lab_test!(another_mode_mutes_and_what_cannot_be_changes_nothing),
    lab_test!(the_command_sets_controls_and_says_both_rates),
    lab_test!(a_replugged_usb_camera_gets_its_controls_again),
];

/// What v4l2-ctl reads of a control.
fn read(node: &Path, control: &str) -> i64 {
    let output = succeed(&mut v4l2_ctl(node, &[&format!("--get-ctrl={control}")]));
    let text = String::from_utf8(output.stdout).unwrap();
    text.rsplit(' ').next().and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

fn write(node: &Path, control: &str, value: i64) {
    succeed(&mut v4l2_ctl(node, &[&format!("--set-ctrl={control}={value}")]));
}

fn listed(node: &Path) -> MediaDeviceInfo {
    enumerate_devices().into_iter().find(|device| Path::new(&device.path) == node).expect("it is listed")
}

fn small(node: &Path) -> MediaTrackConstraints {
    on(node).width(exactly(320)).height(exactly(180)).pixel_format(format(usermedia::Fourcc::YUYV))
}

fn only(number: f64) -> ConstrainDouble {
    ConstrainDouble::new().exact(number)
}

fn controls_are_listed_with_the_drivers_ranges() {
    let camera = listed(&vivid_webcam());
    for name in [ControlName::Brightness, ControlName::Contrast, ControlName::Saturation] {
        let control = camera.control(name).unwrap_or_else(|| panic!("no {name}: {:?}", camera.controls));
        assert_eq!(control.range, ControlRange::Numbers { min: 0.0, max: 255.0, step: 1.0 }, "{name}");
        assert!(control.default.is_some(), "{name}");
    }
    assert_eq!(camera.control(ControlName::FocusDistance), None);
}

fn what_was_asked_is_set_and_nothing_else() {
    let node = vivid_webcam();
    // What a person chose with another program.
    write(&node, "contrast", 77);
    write(&node, "saturation", 99);
    let stream = open(small(&node).brightness(only(200.0)));
    let tracks = stream.video_tracks();
    let settings = tracks[0].settings();
    for (name, value) in [(ControlName::Brightness, 200), (ControlName::Contrast, 77), (ControlName::Saturation, 99)] {
        assert_eq!(settings.controls.get(name), Some(ControlValue::Number(f64::from(value))), "{name}");
        assert_eq!(read(&node, name.as_str()), i64::from(value), "{name}");
    }
    stream.stop();
    // It stays: nobody puts it back either.
    assert_eq!(read(&node, "brightness"), 200);
    for control in ["brightness", "contrast", "saturation"] {
        write(&node, control, 128);
    }
}

/// The average of a frame's luma.
fn luma(frame: &VideoFrame) -> f64 {
    let plane = frame.plane(0).expect("YUYV has one plane").data;
    let luma: Vec<f64> = plane.iter().step_by(2).map(|&byte| f64::from(byte)).collect();
    luma.iter().sum::<f64>() / luma.len() as f64
}

fn a_control_shows_in_the_picture() {
    let node = vivid_webcam();
    let average = |brightness: f64| {
        let stream = open(small(&node).brightness(only(brightness)));
        let frame = stream.video_tracks()[0].processor(1).next().expect("a frame").expect("a good one");
        luma(&frame)
    };
    let (dark, light) = (average(16.0), average(240.0));
    assert!(light > dark + 50.0, "{dark} and {light}");
    write(&node, "brightness", 128);
}

fn a_value_out_of_range_is_refused_before_the_camera_opens() {
    let node = vivid_webcam();
    let before = read(&node, "brightness");
    let asked = MediaStreamConstraints::new().video(small(&node).brightness(only(256.0)));
    let error = get_user_media(&asked).unwrap_err();
    assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some("brightness")));
    assert!(error.message().contains("0 to 255"), "{error}");
    assert_eq!(read(&node, "brightness"), before);
}

fn controls_are_set_while_frames_flow_without_a_gap() {
    // A driver on a busy machine loses a frame by itself now and then. What setting a control costs, it costs each time.
    let lost: Vec<u64> = (0..3).map(|_| frames_lost_over_five_settings()).collect();
    println!("lost: {lost:?}");
    assert!(lost.contains(&0), "{lost:?}");
}

fn frames_lost_over_five_settings() -> u64 {
    let node = vivid_webcam();
    let stream = open(small(&node));
    let track = &stream.video_tracks()[0];
    // On the capture thread: asking v4l2-ctl takes longer than the driver's buffers would.
    let (tell, told) = mpsc::channel();
    let callback = track.on_frame(move |frame| {
        let _ = tell.send(frame.sequence());
    });
    let mut sequences = Vec::new();
    for value in [40_i32, 90, 140, 190, 240] {
        sequences.extend(told.iter().take(6));
        track.apply_constraints(small(&node).brightness(only(value.into())).contrast(f64::from(value))).unwrap();
        assert_eq!(track.settings().controls.get(ControlName::Brightness), Some(ControlValue::Number(value.into())));
        assert_eq!(read(&node, "brightness"), i64::from(value));
    }
    sequences.extend(told.iter().take(6));
    callback.cancel();
    sequences.extend(told.try_iter());
    let missing: u64 = sequences.windows(2).map(|pair| pair[1] - pair[0] - 1).sum();
    let statistics = track.statistics();
    assert_eq!((statistics.starved, statistics.error), (0, 0), "{statistics:?}");
    assert!(missing <= statistics.lost_in_driver, "{sequences:?} {statistics:?}");
    assert!(track.recovery_events().is_empty(), "{:?}", track.recovery_events());
    for control in ["brightness", "contrast"] {
        write(&node, control, 128);
    }
    missing
}

fn another_mode_mutes_and_what_cannot_be_changes_nothing() {
    let node = vivid_webcam();
    let stream = open(small(&node));
    let track = &stream.video_tracks()[0];
    let mut frames = track.processor(4);
    assert_eq!(frames.next().unwrap().unwrap().width(), 320);
    track.apply_constraints(on(&node).width(exactly(640)).height(exactly(360)).brightness(only(50.0))).unwrap();
    assert_eq!((track.settings().width, track.settings().height), (640, 360));
    assert_eq!(read(&node, "brightness"), 50);
    eventually("a frame of the new size", || (frames.next().unwrap().unwrap().width() == 640).then_some(()));
    assert!(!track.muted());
    let steps: Vec<String> = track.recovery_events().iter().map(|event| event.to_string()).collect();
    assert_eq!(steps.len(), 2, "muted and resumed: {steps:?}");
    let error = track.apply_constraints(on(&node).width(exactly(9999))).unwrap_err();
    assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some("width")));
    let error = track.apply_constraints(on(&node).brightness(only(256.0))).unwrap_err();
    assert_eq!((error.name(), error.constraint()), (ErrorName::OverconstrainedError, Some("brightness")));
    assert_eq!(frames.next().unwrap().unwrap().width(), 640);
    write(&node, "brightness", 128);
}

fn the_command_sets_controls_and_says_both_rates() {
    let node = vivid_webcam();
    let device = node.to_string_lossy().into_owned();
    let flags = ["capture", "--json", "--frames", "30", "--device", &device, "--set", "saturation=60"];
    let output = succeed(usermedia().args(flags));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["video"]["settings"]["saturation"], 60, "{document}");
    assert_eq!(document["video"]["frameRate"]["negotiated"], document["video"]["settings"]["frameRate"]);
    assert!(document["video"]["frameRate"]["measured"].is_number(), "{document}");
    assert_eq!(read(&node, "saturation"), 60);
    write(&node, "saturation", 128);
}

/// uvcvideo asks the device for a control's range, and the device forgets what it was set to when it is pulled out.
fn a_replugged_usb_camera_gets_its_controls_again() {
    let device = watched::only(webcam_camera());
    let plugged = device.plug(0);
    let node = plugged.camera();
    assert_eq!(
        listed(&node).control(ControlName::Brightness).expect("it has a brightness").range,
        ControlRange::Numbers { min: 0.0, max: 255.0, step: 1.0 }
    );
    assert_eq!(read(&node, "brightness"), 128);
    let stream = open(on(&node).brightness(only(200.0)));
    let track = &stream.video_tracks()[0];
    let mut frames = track.processor(2);
    frames.next().expect("a frame").expect("a good one");
    assert_eq!(read(&node, "brightness"), 200);
    plugged.unplug();
    eventually("it muted", || track.muted().then_some(()));
    let plugged = device.plug(5);
    eventually("it goes on", || (!track.muted()).then_some(()));
    frames.next().expect("a frame").expect("a good one");
    assert_eq!(read(&plugged.camera(), "brightness"), 200);
    assert_eq!(track.settings().controls.get(ControlName::Brightness), Some(ControlValue::Number(200.0)));
}
