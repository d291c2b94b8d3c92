//! The end of a media pipeline: vimc, whose sensors and converters have to be configured before anything streams.

use std::path::Path;
use std::process::Command;

use crate::agent;
use crate::devices::{node, succeed, usermedia};
use crate::harness::{LabTest, lab_test};

pub const TESTS: &[LabTest] =
    &[lab_test!(an_unconfigured_pipeline_is_named_and_a_configured_one_streams).in_virtual_time()];

/// What vimc calls the node at the end of its first sensor.
const NODE: &str = "Raw Capture 0";

/// The driver, for as long as a test needs it: its nodes would be in every other test's way.
struct Vimc;

impl Vimc {
    fn load() -> Vimc {
        succeed(Command::new(agent::MODPROBE).arg("vimc"));
        Vimc
    }
}

impl Drop for Vimc {
    fn drop(&mut self) {
        let _ = Command::new(agent::MODPROBE).args(["-r", "vimc"]).status();
    }
}

fn capture(node: &Path) -> Command {
    let mut command = usermedia();
    command.args(["capture", "--fourcc", "BA81", "--width", "640", "--height", "480", "--frames", "3", "--device"]);
    command.arg(node);
    command
}

fn an_unconfigured_pipeline_is_named_and_a_configured_one_streams() {
    let _vimc = Vimc::load();
    let node = node(NODE);
    // The sensor gives RGB until it is told otherwise: STREAMON finds that nothing fits together.
    let refused = capture(&node).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("media pipeline not configured for {}", node.display())), "{told}");
    // The kernel looks at everything the sensor leads to, so the converter beside our node has to fit as well.
    for entity in ["Sensor A", "Debayer A"] {
        let format = format!("\"{entity}\":0[fmt:SBGGR8_1X8/640x480 colorspace:srgb]");
        succeed(Command::new("media-ctl").args(["-d", "platform:vimc", "--set-v4l2", &format]));
    }
    succeed(&mut capture(&node));
}
