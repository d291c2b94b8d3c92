//! Controls of real drivers: vivid's picture controls.

use std::path::Path;

use usermedia::constraints::{ConstrainDouble, MediaTrackConstraints};
use usermedia::devices::{ControlName, ControlRange, ControlValue, MediaDeviceInfo, enumerate_devices};
use usermedia::{ErrorName, MediaStreamConstraints, VideoFrame, get_user_media};

use super::capture::{exactly, format, on, open};
use crate::devices::{succeed, v4l2_ctl, vivid_webcam};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] = &[
    lab_test!(controls_are_listed_with_the_drivers_ranges),
    lab_test!(what_was_asked_is_set_and_nothing_else),
    lab_test!(a_control_shows_in_the_picture),
    lab_test!(a_value_out_of_range_is_refused_before_the_camera_opens),
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
