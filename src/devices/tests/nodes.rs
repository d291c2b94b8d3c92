//! Kinds of nodes: cameras, everything that is none, and why.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use v4l::v4l_sys::v4l2_capability;

use crate::devices::fixture::{FakeKernel, FakeNode, Sizes, Tree, discrete, machine};
use crate::devices::{MediaDeviceInfo, UnusableReason};
use crate::error::{Error, ErrorName, Holder};
use crate::seam::{
    Access, Capability, CapabilityFlags as Flags, FrameSize, Hold, Holding, LinuxWorld, Node, Watch, World,
};

pub(super) fn vga() -> Vec<(&'static [u8; 4], Sizes)> {
    vec![(b"YUYV", vec![discrete(640, 480, &[30])])]
}

/// Lists a machine of one node at `/dev/video0`, and checks what every listing must keep to.
pub(super) fn list_one(node: FakeNode) -> MediaDeviceInfo {
    let tree = Tree::new();
    tree.node("video0", "devices/platform/cam.0", "platform", &[("name", "cam"), ("index", "0")]);
    let kernel = FakeKernel::new([("/dev/video0", node)]);
    let mut devices = machine(&tree, &kernel).enumerate_all();
    assert_eq!(kernel.still_open(), 0, "the node is closed again");
    assert_eq!(kernel.changes(), 0, "listing changes nothing");
    assert_eq!(devices.len(), 1);
    devices.remove(0)
}

fn reason(info: &MediaDeviceInfo) -> Option<UnusableReason> {
    info.unusable.as_ref().map(|unusable| unusable.reason)
}

#[test]
fn the_nodes_own_capabilities_count_not_the_devices() {
    for (flags, expected) in [
        (Flags::VIDEO_CAPTURE | Flags::STREAMING, None),
        (Flags::VIDEO_CAPTURE_MPLANE | Flags::STREAMING, None),
        (Flags::VIDEO_CAPTURE | Flags::TUNER | Flags::STREAMING, None),
        (Flags::META_CAPTURE | Flags::STREAMING, Some(UnusableReason::Metadata)),
        (Flags::VIDEO_M2M | Flags::STREAMING, Some(UnusableReason::MemoryToMemory)),
        (Flags::VIDEO_M2M_MPLANE | Flags::STREAMING, Some(UnusableReason::MemoryToMemory)),
        (Flags::VIDEO_CAPTURE_MPLANE | Flags::VIDEO_OUTPUT_MPLANE, Some(UnusableReason::MemoryToMemory)),
        (Flags::VIDEO_OUTPUT | Flags::STREAMING, Some(UnusableReason::OutputOnly)),
        (Flags::VIDEO_CAPTURE | Flags::TOUCH | Flags::STREAMING, Some(UnusableReason::Touch)),
        (Flags::TUNER | Flags::RADIO, Some(UnusableReason::Radio)),
        (Flags::SDR_CAPTURE | Flags::TUNER | Flags::STREAMING, Some(UnusableReason::Radio)),
        (Flags::VBI_CAPTURE | Flags::STREAMING, Some(UnusableReason::Vbi)),
        (Flags::VIDEO_CAPTURE | Flags::READWRITE, Some(UnusableReason::NoStreaming)),
        (Flags::VIDEO_CAPTURE | Flags::STREAMING | Flags::IO_MC, Some(UnusableReason::MediaPipeline)),
        (Flags::from_bits_retain(0x4000_0000), Some(UnusableReason::Failed)),
    ] {
        let info = list_one(FakeNode::new("drv", "Card", flags).with(vga()));
        assert_eq!(reason(&info), expected, "{flags:?}");
    }
}

#[test]
fn a_driver_older_than_device_caps_is_judged_by_its_capabilities() {
    let mut node = FakeNode::new("old", "Old", Flags::META_CAPTURE).with(vga());
    node.capability.as_mut().unwrap().capabilities = Flags::VIDEO_CAPTURE | Flags::STREAMING;
    assert_eq!(reason(&list_one(node)), None);
}

#[test]
fn a_sensor_with_bayer_formats_only_needs_a_processor_and_keeps_its_modes() {
    let sizes = || vec![discrete(3264, 2464, &[21])];
    let info = list_one(FakeNode::camera("tegra-video", "imx219").with(vec![(b"RG10", sizes())]));
    assert_eq!(reason(&info), Some(UnusableReason::MediaPipeline));
    assert_eq!(info.modes.len(), 1, "it is a candidate where its format is named");
    let info = list_one(FakeNode::camera("x", "x").with(vec![(b"RG10", sizes()), (b"YUYV", sizes())]));
    assert_eq!(reason(&info), None);
}

#[test]
fn a_camera_that_names_no_format_is_one_only_if_it_is_set_to_one() {
    let mut node = FakeNode::camera("bcm2835-v4l2", "mmal");
    node.current = Ok((1024, 768));
    let info = list_one(node);
    assert_eq!((reason(&info), info.modes.len()), (None, 0));
    assert_eq!(reason(&list_one(FakeNode::camera("x", "x"))), Some(UnusableReason::NoFormat));
}

#[test]
fn the_repeated_product_in_a_cards_name_goes() {
    for (card, label) in [
        ("Integrated Camera: Integrated C", "Integrated Camera"),
        ("HD Pro Webcam C920", "HD Pro Webcam C920"),
        ("Camera: Infrared", "Camera: Infrared"),
        ("USB 2.0 Camera: ", "USB 2.0 Camera: "),
        ("摄像头摄像头: 摄像头\u{fffd}", "摄像头摄像头"),
    ] {
        assert_eq!(list_one(FakeNode::camera("uvcvideo", card)).label, label);
    }
}

#[test]
fn a_name_cut_in_the_middle_of_a_character_is_survived() {
    let mut raw = v4l2_capability {
        driver: *b"uvcvideo\0\0\0\0\0\0\0\0",
        card: [0; 32],
        bus_info: [0xff; 32],
        version: 0,
        capabilities: 0x8420_0001,
        device_caps: 0x0420_0001,
        reserved: [0; 3],
    };
    // Ten characters of three bytes and two bytes of the eleventh, with no room for the final NUL.
    raw.card.copy_from_slice(&"摄".repeat(11).as_bytes()[..32]);
    let mut node = FakeNode::camera("", "").with(vga());
    node.capability = Ok(Capability::from(&raw));
    let info = list_one(node);
    assert_eq!(info.label, format!("{}\u{fffd}", "摄".repeat(10)));
    assert_eq!((info.driver.as_str(), reason(&info)), ("uvcvideo", None));
}

/// Lists a machine with a camera and a v4l2loopback of that `state`, and gives the loopback.
fn list_loopback(state: &str, flags: Flags, sizes: Sizes) -> MediaDeviceInfo {
    let tree = Tree::new();
    tree.node("video0", "devices/virtual", "", &[("name", "Loop"), ("state", state)]);
    tree.node("video1", "devices/platform/cam.0", "platform", &[("name", "zzz")]);
    let loopback = FakeNode::new("v4l2 loopback", "Loop", flags | Flags::STREAMING).with(vec![(b"YUYV", sizes)]);
    let kernel = FakeKernel::new([("/dev/video0", loopback), ("/dev/video1", FakeNode::camera("z", "Z").with(vga()))]);
    let devices = machine(&tree, &kernel).enumerate_all();
    assert_eq!(devices[0].driver, "z", "hardware comes first");
    devices.into_iter().nth(1).unwrap()
}

#[test]
fn a_loopback_is_recognised_with_and_without_exclusive_caps_and_with_and_without_a_writer() {
    let both = Flags::VIDEO_CAPTURE | Flags::VIDEO_OUTPUT;
    let anything = || vec![(FrameSize::Stepwise { width: (2, 8192, 1), height: (1, 8192, 1) }, vec![])];
    let written = || vec![discrete(320, 240, &[30])];
    let idle = list_loopback("output", Flags::VIDEO_OUTPUT, vec![]);
    assert_eq!(reason(&idle), Some(UnusableReason::NoWriter));
    assert!(idle.unusable.unwrap().remedy.unwrap().contains("start the program"));
    assert_eq!(reason(&list_loopback("capture", Flags::VIDEO_CAPTURE, written())), None);
    assert_eq!(reason(&list_loopback("output", both, anything())), None);
    assert_eq!(reason(&list_loopback("capture", both, written())), None);
}

#[test]
fn an_idle_loopback_comes_after_one_that_is_written_to() {
    let tree = Tree::new();
    tree.node("video0", "devices/virtual", "", &[("name", "A idle"), ("state", "output")]);
    tree.node("video1", "devices/virtual", "", &[("name", "B written"), ("state", "capture")]);
    let both = Flags::VIDEO_CAPTURE | Flags::VIDEO_OUTPUT | Flags::STREAMING;
    let loopback = |label| FakeNode::new("v4l2 loopback", label, both).with(vga());
    let kernel = FakeKernel::new([("/dev/video0", loopback("A idle")), ("/dev/video1", loopback("B written"))]);
    let labels: Vec<_> = machine(&tree, &kernel).enumerate().into_iter().map(|info| info.label).collect();
    assert_eq!(labels, ["B written", "A idle"]);
}

#[test]
fn nodes_that_are_no_video_nodes_are_told_by_their_name_and_not_opened() {
    let tree = Tree::new();
    for name in ["radio0", "swradio0", "vbi0", "v4l-touch0"] {
        tree.node(name, "devices/platform/x.0", "platform", &[("name", name)]);
    }
    let kernel = FakeKernel::new([]);
    let reasons: Vec<_> = machine(&tree, &kernel).enumerate_all().iter().map(reason).collect();
    let expected = [UnusableReason::Vbi, UnusableReason::Radio, UnusableReason::Radio, UnusableReason::Touch];
    for reason in expected {
        assert!(reasons.contains(&Some(reason)), "{reasons:?}");
    }
    assert_eq!(reasons.len(), 4);
}

#[test]
fn one_bad_node_does_not_hide_the_others() {
    let errors = [Errno::EIO, Errno::ENODEV, Errno::ENOTTY, Errno::EINVAL, Errno::EPERM, Errno::EMFILE];
    for error in errors {
        let tree = Tree::new();
        for name in ["video0", "video1", "video2", "video3"] {
            tree.node(name, &format!("devices/platform/{name}.0"), "platform", &[("name", name)]);
        }
        let mut gone = FakeNode::camera("x", "x").with(vga());
        gone.format = Box::new(|_| Err(Errno::ENODEV));
        let mut mute = FakeNode::camera("x", "x");
        mute.capability = Err(error);
        let kernel = FakeKernel::new([
            ("/dev/video0", FakeNode::refusing(error)),
            ("/dev/video1", mute),
            ("/dev/video2", gone),
            ("/dev/video3", FakeNode::camera("uvcvideo", "Good").with(vga())),
        ]);
        let devices = machine(&tree, &kernel).enumerate_all();
        assert_eq!(devices.len(), 4);
        let usable: Vec<_> = machine(&tree, &kernel).enumerate().into_iter().map(|info| info.label).collect();
        assert_eq!(usable, ["Good"]);
        assert!(devices[1..].iter().all(|info| info.unusable.as_ref().unwrap().errno.is_some()));
        assert_eq!(kernel.still_open(), 0, "closed on every way out");
    }
}

#[test]
fn a_node_missing_from_dev_is_listed_with_what_a_container_needs() {
    let tree = Tree::new();
    tree.node("video3", "devices/platform/cam.0", "platform", &[("name", "Cam")]);
    tree.remove("dev/video3");
    let devices = machine(&tree, &FakeKernel::new([])).enumerate_all();
    assert_eq!(reason(&devices[0]), Some(UnusableReason::Failed));
    assert!(devices[0].unusable.as_ref().unwrap().remedy.as_ref().unwrap().contains("--device /dev/video3"));
}

/// A world whose nodes have those permissions, whoever runs the test, and are held so.
#[derive(Debug)]
struct Guarded(LinuxWorld, Access, Vec<Holding>);

impl World for Guarded {
    fn v4l_nodes(&self) -> Vec<Node> {
        self.0.v4l_nodes()
    }
    fn read(&self, path: &Path) -> Option<String> {
        self.0.read(path)
    }
    fn link(&self, path: &Path) -> Option<PathBuf> {
        self.0.link(path)
    }
    fn list(&self, directory: &Path) -> Vec<String> {
        self.0.list(directory)
    }
    fn access(&self, _: &Path) -> Option<Access> {
        Some(self.1.clone())
    }
    fn holdings(&self, _: &Path) -> Vec<Holding> {
        self.2.clone()
    }
    fn watch(&self) -> Box<dyn Watch> {
        self.0.watch()
    }
}

fn list_guarded(error: Errno, access: Access, holdings: Vec<Holding>) -> MediaDeviceInfo {
    let tree = Tree::new();
    tree.node("video0", "devices/platform/cam.0", "platform", &[("name", "Cam")]);
    let mut machine = machine(&tree, &FakeKernel::new([("/dev/video0", FakeNode::refusing(error))]));
    machine.world = Arc::new(Guarded(tree.world(), access, holdings));
    machine.enumerate_all().remove(0)
}

fn video_group() -> Access {
    Access {
        mode: 0o660,
        group: "video".to_owned(),
        group_is_root: false,
        allowed: false,
        member: false,
        member_at_next_login: false,
    }
}

#[test]
fn a_node_without_permission_names_the_group_that_would_help() {
    for (access, remedy) in [
        (video_group(), "sudo usermod -aG video $USER"),
        (Access { member_at_next_login: true, ..video_group() }, "log out and in again"),
        (Access { member: true, ..video_group() }, "security policy"),
        (video_group(), "udev-rules/70-usermedia.rules"),
        (Access { mode: 0o600, ..video_group() }, "udev-rules/70-usermedia.rules"),
        (Access { group: "root".to_owned(), group_is_root: true, ..video_group() }, "gives it to the group video"),
    ] {
        let info = list_guarded(Errno::EACCES, access, Vec::new());
        let unusable = info.unusable.as_ref().unwrap();
        assert_eq!(unusable.reason, UnusableReason::NoPermission);
        assert_eq!(unusable.errno, Some(13));
        assert!(unusable.remedy.as_ref().unwrap().contains(remedy), "{unusable:?}");
        assert!(!info.is_capturable() && !info.busy);
    }
}

#[test]
fn an_opening_that_is_refused_names_the_group_of_its_node() {
    let tree = Tree::new();
    let mut machine = machine(&tree, &FakeKernel::new([]));
    machine.world =
        Arc::new(Guarded(tree.world(), Access { group: "cameras".to_owned(), ..video_group() }, Vec::new()));
    let refused = |errno: Errno| {
        let error = Error::new(ErrorName::NotAllowedError, "refused").with_errno(errno as i32);
        crate::devices::explain_permission(&machine, error, Path::new("/dev/video0"))
    };
    let error = refused(Errno::EACCES);
    assert_eq!(error.message(), "you have no permission to open /dev/video0");
    assert!(error.remedy().unwrap().contains("usermod -aG cameras"), "{error}");
    assert_eq!(refused(Errno::EBUSY).message(), "refused");
}

#[test]
fn a_busy_node_names_its_holder_and_stays_listed() {
    let holder = Holder { process: "obs".to_owned(), pid: 1234 };
    let streams = Holding { holder: holder.clone(), hold: Hold::Streaming };
    let watches = Holding { holder: Holder { process: "wireplumber".to_owned(), pid: 99 }, hold: Hold::Open };
    let info = list_guarded(Errno::EBUSY, video_group(), vec![watches, streams]);
    assert!(info.busy && info.is_capturable());
    let unusable = info.unusable.unwrap();
    assert_eq!((unusable.reason, unusable.holder), (UnusableReason::Busy, Some(holder)));
    let message = "/dev/video0 is in use by obs (pid 1234); wireplumber (pid 99) has it open, too";
    assert_eq!(unusable.message, message);
    let info = list_guarded(Errno::EBUSY, video_group(), Vec::new());
    assert!(info.unusable.unwrap().remedy.unwrap().contains("fuser"));
}

#[test]
fn a_loopback_with_its_openers_used_up_says_so() {
    let tree = Tree::new();
    tree.node("video7", "devices/virtual", "", &[("name", "Loop"), ("max_openers", "1")]);
    let kernel = FakeKernel::new([("/dev/video7", FakeNode::refusing(Errno::EBUSY))]);
    let info = machine(&tree, &kernel).enumerate_all().remove(0);
    assert!(info.busy);
    assert!(info.unusable.unwrap().remedy.unwrap().contains("/sys/class/video4linux/video7/max_openers"));
}
