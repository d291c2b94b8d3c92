//! USB cameras.

use crate::devices::{succeed, v4l2_ctl};
use crate::harness::{LabTest, lab_test};
use crate::usb::models;

pub const TESTS: &[LabTest] = &[lab_test!(first_light)];

fn first_light() {
    let begun = std::time::Instant::now();
    let plugged = models::c920().plug(0);
    eprintln!(
        "plugged {:?}: {:?} {:?} {}",
        begun.elapsed(),
        plugged.camera(),
        plugged.metadata(),
        plugged.microphone()
    );
    for format in ["YUYV", "MJPG"] {
        let out = succeed(&mut v4l2_ctl(
            &plugged.camera(),
            &[
                &format!("--set-fmt-video=width=640,height=480,pixelformat={format}"),
                "--set-parm=30",
                "--stream-mmap",
                "--stream-count=90",
            ],
        ));
        eprintln!("{}", String::from_utf8_lossy(&out.stderr));
    }
    panic!();
}
