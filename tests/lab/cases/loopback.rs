//! v4l2loopback: which side it shows, as its `exclusive_caps` says.

use std::path::Path;
use std::process::Stdio;

use crate::devices::{Background, eventually, loopback_exclusive, loopback_open, succeed, v4l2_ctl};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] = &[
    lab_test!(an_open_loopback_is_output_and_camera_at_once),
    lab_test!(an_exclusive_loopback_is_an_output_until_something_writes_and_then_a_camera),
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
