//! vivid as a webcam.

use std::fs;
use std::path::Path;

use crate::devices::{share, succeed, v4l2_ctl, vivid_webcam};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] =
    &[lab_test!(v4l2_ctl_streams_thirty_whole_frames_to_memory), lab_test!(the_share_takes_the_same_frames)];

/// Thirty frames of YUYV 640x480, to this file.
fn stream_to(file: &Path) {
    let to = format!("--stream-to={}", file.display());
    let format = "--set-fmt-video=width=640,height=480,pixelformat=YUYV";
    let arguments = [format, "--set-parm=30", "--stream-mmap", "--stream-count=30", "--silent", &to];
    succeed(&mut v4l2_ctl(&vivid_webcam(), &arguments));
    assert_eq!(fs::metadata(file).unwrap().len(), 30 * 640 * 480 * 2);
}

fn v4l2_ctl_streams_thirty_whole_frames_to_memory() {
    stream_to(Path::new("/tmp/frames.yuyv"));
}

fn the_share_takes_the_same_frames() {
    stream_to(&share().join("frames.yuyv"));
    fs::remove_file(share().join("frames.yuyv")).unwrap();
}
