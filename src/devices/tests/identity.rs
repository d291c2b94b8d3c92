//! Ids: what survives, what is told apart, what is one group.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;

use super::nodes::vga;
use crate::devices::fixture::{FakeKernel, FakeNode, Tree, machine};
use crate::devices::{FacingMode, MediaDeviceInfo, Moment};
use crate::seam::CapabilityFlags;

const C920: (&str, &str) = ("046d", "082d");

/// A tree with C920s at these ports, with the serial numbers, as video0, video1, ...
fn c920s(cameras: &[(&str, Option<&str>)]) -> Tree {
    let tree = Tree::new();
    for (number, (port, serial)) in cameras.iter().enumerate() {
        let interface = tree.interface(&tree.usb(port, C920, *serial), 0);
        tree.node(&format!("video{number}"), &interface, "usb", &[("name", "HD Pro Webcam C920"), ("index", "0")]);
    }
    tree
}

fn list(tree: &Tree) -> Vec<MediaDeviceInfo> {
    let camera = || FakeNode::camera("uvcvideo", "HD Pro Webcam C920");
    let kernel = FakeKernel::new([("/dev/video0", camera()), ("/dev/video1", camera()), ("/dev/video2", camera())]);
    machine(tree, &kernel).enumerate_all()
}

/// The ids with the node each has now.
fn ids(devices: &[MediaDeviceInfo]) -> Vec<(&str, &str)> {
    devices.iter().map(|device| (device.device_id.as_str(), device.path.as_str())).collect()
}

#[test]
fn a_serial_number_names_a_camera_wherever_it_is_plugged_in() {
    let one = list(&c920s(&[("4", Some("6EF5AA2F")), ("1.2", Some("BEEF0001"))]));
    let other = list(&c920s(&[("3", Some("BEEF0001")), ("4", Some("6EF5AA2F"))]));
    assert_eq!(ids(&one), [("usb-046d_082d_6EF5AA2F-0", "/dev/video0"), ("usb-046d_082d_BEEF0001-0", "/dev/video1")]);
    assert_eq!(ids(&other), [("usb-046d_082d_6EF5AA2F-0", "/dev/video1"), ("usb-046d_082d_BEEF0001-0", "/dev/video0")]);
    assert_eq!(one[0].group_id, "usb-046d_082d_6EF5AA2F");
}

#[test]
fn a_device_listed_alone_is_what_it_is_among_all_and_no_other_is_opened() {
    // Ids that depend on the neighbours': one serial number twice.
    let tree = c920s(&[("4", Some("ABC1")), ("5", Some("ABC1")), ("6", None)]);
    let camera = || FakeNode::camera("uvcvideo", "HD Pro Webcam C920").with(vga());
    let nodes = || FakeKernel::new([("/dev/video0", camera()), ("/dev/video1", camera()), ("/dev/video2", camera())]);
    let all = machine(&tree, &nodes()).enumerate_all();
    assert_eq!(all.len(), 3);
    for device in &all {
        let kernel = nodes();
        let some = Moment::of(&machine(&tree, &kernel)).enumerate_some(|other| other.device_id == device.device_id);
        assert_eq!(some, std::slice::from_ref(device));
        assert_eq!(kernel.opened(), [Path::new(&device.path)]);

        let known = Moment::of(&machine(&tree, &nodes())).identify_some(|other| other.device_id == device.device_id);
        let [known] = &known[..] else { panic!("{known:?}") };
        assert_eq!((&known.device_id, &known.path, &known.label), (&device.device_id, &device.path, &device.label));
        assert!(known.modes.is_empty() && !device.modes.is_empty(), "who it is, and nothing of what it offers");
    }
    assert!(Moment::of(&machine(&tree, &nodes())).enumerate_some(|_| false).is_empty());
}

#[test]
fn without_a_serial_number_the_port_names_a_camera() {
    let devices = list(&c920s(&[("1.4", None), ("2", None)]));
    assert_eq!(
        ids(&devices),
        [
            ("usb-046d_082d@0000:00:14.0-usb2-1.4-0", "/dev/video0"),
            ("usb-046d_082d@0000:00:14.0-usb2-2-0", "/dev/video1")
        ]
    );
    assert_eq!(devices[0].group_id, "usb-046d_082d@0000:00:14.0-usb2-1.4");
}

#[test]
fn of_one_serial_number_in_two_cameras_both_get_their_port() {
    let devices = list(&c920s(&[("4", Some("ABC1")), ("5", Some("ABC1")), ("6", Some("ABC2"))]));
    assert_eq!(
        ids(&devices),
        [
            ("usb-046d_082d_ABC1-0~0000:00:14.0-usb2-4", "/dev/video0"),
            ("usb-046d_082d_ABC1-0~0000:00:14.0-usb2-5", "/dev/video1"),
            ("usb-046d_082d_ABC2-0", "/dev/video2")
        ]
    );
    assert_eq!(devices[0].group_id, "usb-046d_082d_ABC1~0000:00:14.0-usb2-4");
}

#[test]
fn placeholder_serial_numbers_are_none() {
    for dummy in ["", "  ", "0", "00000000", "FFFFFFFF", "0123456789ABCDEF", "SN0001", "200901010001", "01.00.00"] {
        let devices = list(&c920s(&[("4", Some(dummy))]));
        assert_eq!(devices[0].device_id, "usb-046d_082d@0000:00:14.0-usb2-4-0", "serial {dummy:?}");
    }
    for real in ["6EF5AA2F", "SN0002", "0000000a", "A1"] {
        let devices = list(&c920s(&[("4", Some(real))]));
        assert_eq!(devices[0].device_id, format!("usb-046d_082d_{real}-0"));
    }
}

#[test]
fn an_id_has_no_characters_that_mean_something_in_an_id() {
    let devices = list(&c920s(&[("4", Some("A@B~C+D E/\u{fffd}"))]));
    assert_eq!(devices[0].device_id, "usb-046d_082d_A_B_C_D_E__-0");
}

#[test]
fn nodes_of_one_interface_are_told_apart_by_their_index_and_share_a_group() {
    let tree = Tree::new();
    let interface = tree.interface(&tree.usb("4", C920, Some("S1")), 0);
    for (node, index) in [("video0", "0"), ("video1", "1"), ("video2", "2")] {
        tree.node(node, &interface, "usb", &[("name", "Camera"), ("index", index)]);
    }
    let metadata = || FakeNode::new("uvcvideo", "Camera", CapabilityFlags::META_CAPTURE | CapabilityFlags::STREAMING);
    let camera = || FakeNode::camera("uvcvideo", "Camera");
    let kernel = FakeKernel::new([("/dev/video0", camera()), ("/dev/video1", metadata()), ("/dev/video2", camera())]);
    let devices = machine(&tree, &kernel).enumerate_all();
    let mut all: Vec<_> = devices.iter().map(|device| device.device_id.as_str()).collect();
    all.sort_unstable();
    assert_eq!(all, ["usb-046d_082d_S1-0", "usb-046d_082d_S1-0+1", "usb-046d_082d_S1-0+2"]);
    assert!(devices.iter().all(|device| device.group_id == "usb-046d_082d_S1"));
}

#[test]
fn a_usb_3_port_is_another_than_the_usb_2_port_of_its_number() {
    let tree = c920s(&[("1", None)]);
    tree.file("sys/devices/pci0000:00/0000:00:14.0/usb1/speed", "5000\n");
    assert_eq!(list(&tree)[0].device_id, "usb-046d_082d@0000:00:14.0-usb3-1-0");
}

#[test]
fn other_buses_give_their_own_names() {
    let tree = Tree::new();
    tree.node("video0", "devices/platform/soc/fe801000.csi", "platform", &[("name", "unicam-image")]);
    tree.node("video1", "devices/pci0000:00/0000:00:1c.0/0000:02:00.0", "pci", &[("name", "bttv")]);
    tree.node("video2", "devices/virtual", "", &[("name", "OBS Virtual Camera")]);
    let devices = list(&tree);
    assert_eq!(
        ids(&devices),
        [
            ("pci-0000:02:00.0", "/dev/video1"),
            ("platform-fe801000.csi", "/dev/video0"),
            ("virtual-OBS_Virtual_Camera", "/dev/video2")
        ]
    );
}

#[test]
fn loopbacks_of_one_label_are_told_apart_and_the_node_number_in_the_default_label_is_left_out() {
    let tree = Tree::new();
    for (node, label) in [
        ("video0", "Dummy video device (0x0000)"),
        ("video1", "Dummy video device (0x0001)"),
        ("video2", "Stage camera"),
    ] {
        tree.node(node, "devices/virtual", "", &[("name", label)]);
    }
    let devices = list(&tree);
    assert_eq!(
        ids(&devices),
        [
            ("virtual-Dummy_video_device~0", "/dev/video0"),
            ("virtual-Dummy_video_device~1", "/dev/video1"),
            ("virtual-Stage_camera", "/dev/video2")
        ]
    );
    assert_eq!(devices[0].group_id, devices[0].device_id, "two loopbacks are two devices");
}

#[test]
fn instances_under_one_parent_are_told_apart_by_what_their_driver_calls_them() {
    let tree = Tree::new();
    for (node, name) in [("video0", "vivid-000-vid-cap"), ("video1", "vivid-001-vid-cap")] {
        tree.node(node, "devices/platform/vivid.0", "platform", &[("name", name), ("index", "0")]);
    }
    let devices = list(&tree);
    assert_eq!(
        ids(&devices),
        [("platform-vivid.0~vivid-000-vid-cap", "/dev/video0"), ("platform-vivid.0~vivid-001-vid-cap", "/dev/video1")]
    );
    assert_eq!(devices[0].group_id, "platform-vivid.0");
}

#[test]
fn an_id_does_not_depend_on_whether_the_node_can_be_opened() {
    let tree = c920s(&[("4", Some("6EF5AA2F"))]);
    let refused = FakeKernel::new([("/dev/video0", FakeNode::refusing(nix::errno::Errno::EACCES))]);
    let refused = machine(&tree, &refused).enumerate_all();
    assert_eq!(refused[0].device_id, list(&tree)[0].device_id);
    assert_eq!(refused[0].label, "HD Pro Webcam C920");
}

#[test]
fn without_sysfs_the_driver_says_where_the_camera_sits() {
    let tree = Tree::new();
    tree.file("dev/video0", "");
    for (bus_info, id) in [
        ("usb-0000:00:14.0-4", "usb-0000:00:14.0-4"),
        ("platform:vivid-000", "platform-vivid-000"),
        ("PCI:0000:02:00.0", "pci-0000:02:00.0"),
        ("", "unknown"),
    ] {
        let mut node = FakeNode::camera("x", "X");
        node.capability.as_mut().unwrap().bus_info = bus_info.to_owned();
        let kernel = FakeKernel::new([("/dev/video0", node)]);
        assert_eq!(machine(&tree, &kernel).enumerate_all()[0].device_id, id);
    }
}

#[test]
fn firmware_says_where_a_built_in_camera_points_and_nothing_about_a_plugged_in_one() {
    for (panel, removable, facing) in [
        ("front", "fixed", Some(FacingMode::User)),
        ("back", "fixed", Some(FacingMode::Environment)),
        ("unknown", "fixed", None),
        ("front", "removable", None),
    ] {
        let tree = c920s(&[("4", None)]);
        let device = "sys/devices/pci0000:00/0000:00:14.0/usb1/1-4";
        tree.file(&format!("{device}/removable"), removable);
        tree.file(&format!("{device}/physical_location/panel"), panel);
        assert_eq!(list(&tree)[0].facing_mode, facing, "{panel} {removable}");
    }
    assert_eq!(list(&c920s(&[("4", None)]))[0].facing_mode, None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever vendors and users write into names and serial numbers: each node has an id of its own, made of
    /// characters that need no quoting.
    #[test]
    fn ids_are_unique_and_plain_whatever_the_attributes_say(
        serials in prop::collection::vec(prop::option::of("\\PC{0,12}"), 0..3),
        labels in prop::collection::vec("\\PC{0,31}", 0..3),
    ) {
        let tree = Tree::new();
        let mut number = 0;
        for (port, serial) in serials.iter().enumerate() {
            let device = tree.usb(&(port + 1).to_string(), C920, serial.as_deref());
            for interface in [0, 2] {
                let parent = tree.interface(&device, interface);
                tree.node(&format!("video{number}"), &parent, "usb", &[("name", "C920")]);
                number += 1;
            }
        }
        for label in &labels {
            tree.node(&format!("video{number}"), "devices/virtual", "", &[("name", label)]);
            number += 1;
        }
        let devices = list(&tree);
        let ids: BTreeSet<_> = devices.iter().map(|device| device.device_id.clone()).collect();
        prop_assert_eq!(ids.len(), number);
        for id in ids {
            prop_assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-_@~+".contains(&byte)), "{}", id);
        }
    }
}
