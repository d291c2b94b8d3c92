//! The lab's own promise: every device of the layout is there.

use std::fs;
use std::path::Path;

use crate::devices::{
    in_guest, loopback_exclusive, loopback_open, node, succeed, usermedia, v4l2_ctl, vivid_every_kind, vivid_hdmi,
    vivid_webcam, vivid_webcam_multi_planar,
};
use crate::harness::{LabTest, lab_test};
use crate::layout;

pub const TESTS: &[LabTest] = &[
    lab_test!(every_camera_of_the_layout_answers_with_its_driver_and_card),
    lab_test!(one_device_has_a_node_of_every_other_kind),
    lab_test!(both_sound_cards_are_there).not_in_virtual_time(layout::NO_HDA),
    lab_test!(the_command_under_test_runs_beside_them),
];

/// The value of a line `NAME : VALUE` of `v4l2-ctl --info`; the first of that name belongs to the node itself.
fn info(node: &Path, name: &str) -> String {
    let output = succeed(&mut v4l2_ctl(node, &["--info"]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let value = text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name);
    value.unwrap_or_else(|| panic!("v4l2-ctl names no {name}:\n{text}")).1.trim().to_owned()
}

fn every_camera_of_the_layout_answers_with_its_driver_and_card() {
    for node in [vivid_webcam(), vivid_webcam_multi_planar(), vivid_hdmi(), vivid_every_kind()] {
        assert_eq!(info(&node, "Driver name"), layout::VIVID);
        assert_eq!(info(&node, "Card type"), layout::VIVID);
    }
    for (node, card) in [(loopback_exclusive(), layout::LOOPBACK_EXCLUSIVE), (loopback_open(), layout::LOOPBACK_OPEN)] {
        assert_eq!(info(&node, "Driver name"), layout::LOOPBACK_DRIVER);
        assert_eq!(info(&node, "Card type"), card);
    }
}

fn one_device_has_a_node_of_every_other_kind() {
    let family = info(&vivid_every_kind(), "Bus info");
    for name in layout::NOT_CAMERAS {
        assert_eq!(info(&node(name), "Bus info"), family, "{name}");
    }
}

fn both_sound_cards_are_there() {
    let cards = fs::read_to_string("/proc/asound/cards").unwrap();
    assert!(cards.contains(&format!("[{:<15}]", layout::SOUND_LOOPBACK)), "{cards}");
    if in_guest() {
        assert!(cards.contains(&format!("[{:<15}]", layout::SOUND_HDA)), "{cards}");
    }
}

fn the_command_under_test_runs_beside_them() {
    succeed(usermedia().arg("--version"));
}
