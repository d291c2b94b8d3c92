//! Microphones: cards, what cannot be read, the configured default.

use std::sync::Arc;

use nix::errno::Errno;

use crate::devices::Moment;
use crate::devices::fixture::{FakeKernel, FakeNode, FakePcms, Tree, discrete, machine};
use crate::devices::{MediaDeviceInfo, MediaDeviceKind, UnusableReason, Values, synthetic};
use crate::seam::{Accepted, CapturePcm, PcmRanges, SoundCard};

fn ranges() -> PcmRanges {
    PcmRanges {
        rates: Accepted::List(vec![16000, 48000]),
        channels: Accepted::Range(1, 2),
        formats: vec!["S16_LE".to_owned()],
        period: (5000, 500_000),
    }
}

fn card(index: u32, name: &str) -> SoundCard {
    SoundCard { index, name: Some(name.to_owned()) }
}

fn pcm(device: u32, name: &str) -> CapturePcm {
    CapturePcm { device, name: Some(name.to_owned()) }
}

fn list(tree: &Tree, pcms: FakePcms) -> Vec<MediaDeviceInfo> {
    let mut machine = machine(tree, &FakeKernel::new([]));
    machine.pcm = Arc::new(pcms);
    machine.enumerate_all()
}

#[test]
fn camera_and_microphone_of_one_usb_device_are_one_group() {
    let tree = Tree::new();
    let device = tree.usb("4", ("046d", "082d"), Some("6EF5AA2F"));
    tree.node("video0", &tree.interface(&device, 0), "usb", &[("name", "C920"), ("index", "0")]);
    tree.card(1, "C920", &tree.interface(&device, 2), "usb", &[0]);
    let camera = FakeNode::camera("uvcvideo", "C920").with(vec![(b"YUYV", vec![discrete(640, 480, &[30])])]);
    let mut machine = machine(&tree, &FakeKernel::new([("/dev/video0", camera)]));
    machine.pcm = Arc::new(FakePcms {
        cards: vec![card(1, "HD Pro Webcam C920")],
        pcms: [(1, Ok(vec![pcm(0, "USB Audio")]))].into(),
        ranges: [("hw:1,0", Ok(ranges()))].into(),
        ..FakePcms::default()
    });
    let devices = machine.enumerate();
    let all: Vec<_> = devices.iter().map(|info| (info.kind, info.device_id.as_str(), info.group_id.as_str())).collect();
    assert_eq!(
        all,
        [
            (MediaDeviceKind::VideoInput, "usb-046d_082d_6EF5AA2F-0", "usb-046d_082d_6EF5AA2F"),
            (MediaDeviceKind::AudioInput, "usb-046d_082d_6EF5AA2F-2", "usb-046d_082d_6EF5AA2F"),
        ]
    );
    for device in &devices {
        assert_eq!(
            Moment::of(&machine).enumerate_some(|other| other.device_id == device.device_id),
            std::slice::from_ref(device),
            "alone"
        );
    }
    let microphone = &devices[1];
    assert_eq!((microphone.label.as_str(), microphone.path.as_str()), ("HD Pro Webcam C920", "hw:1,0"));
    assert_eq!(microphone.audio.sample_rate, Some(Values::List(vec![16000, 48000])));
    assert_eq!(microphone.audio.channel_count, Some(Values::Range { min: 1, max: 2 }));
    assert_eq!(microphone.audio.latency, Some((0.005, 0.5)));
}

#[test]
fn every_capture_pcm_of_a_card_is_a_microphone_of_its_own() {
    let tree = Tree::new();
    tree.card(0, "Loopback", "devices/platform/snd_aloop.0", "platform", &[0, 1]);
    tree.card(1, "PCH", "devices/pci0000:00/0000:00:1f.3", "pci", &[0, 6]);
    let devices = list(
        &tree,
        FakePcms {
            cards: vec![card(0, "Loopback"), card(1, "HDA Intel PCH")],
            pcms: [
                (0, Ok(vec![pcm(0, "Loopback PCM"), pcm(1, "Loopback PCM")])),
                (1, Ok(vec![pcm(0, "ALC295 Analog"), pcm(6, "DMIC")])),
            ]
            .into(),
            ranges: ["hw:0,0", "hw:0,1", "hw:1,0", "hw:1,6"].map(|name| (name, Ok(ranges()))).into(),
            ..FakePcms::default()
        },
    );
    let all: Vec<_> = devices.iter().map(|info| (info.device_id.as_str(), info.label.as_str())).collect();
    assert_eq!(
        all,
        [
            ("pci-0000:00:1f.3", "HDA Intel PCH: ALC295 Analog"),
            ("pci-0000:00:1f.3+6", "HDA Intel PCH: DMIC"),
            ("platform-snd_aloop.0", "Loopback: Loopback PCM 0"),
            ("platform-snd_aloop.0+1", "Loopback: Loopback PCM 1"),
        ],
        "hardware before virtual"
    );
}

#[test]
fn a_busy_microphone_is_listed_with_its_holder_and_without_what_could_not_be_read() {
    let tree = Tree::new();
    tree.card(0, "PCH", "devices/pci0000:00/0000:00:1f.3", "pci", &[0]);
    tree.file("proc/77/comm", "arecord\n");
    tree.link("proc/77/fd/4", "/dev/snd/pcmC0D0c");
    let pcms = FakePcms {
        cards: vec![card(0, "HDA Intel PCH")],
        pcms: [(0, Ok(vec![pcm(0, "ALC295 Analog")]))].into(),
        ranges: [("hw:0,0", Err(Errno::EBUSY))].into(),
        ..FakePcms::default()
    };
    let info = list(&tree, pcms).remove(0);
    assert!(info.busy && info.is_capturable());
    assert_eq!(info.audio.sample_rate, None);
    assert_eq!(info.unusable.unwrap().holder.unwrap().process, "arecord");
}

#[test]
fn a_card_that_may_not_be_opened_is_listed_from_sysfs() {
    let tree = Tree::new();
    tree.card(2, "PCH", "devices/pci0000:00/0000:00:1f.3", "pci", &[0, 6]);
    tree.file(
        "proc/asound/cards",
        " 2 [PCH            ]: HDA-Intel - HDA Intel PCH\n                      at irq 30\n",
    );
    let pcms = FakePcms { pcms: [(2, Err(Errno::EACCES))].into(), ..FakePcms::default() };
    let devices = list(&tree, pcms);
    assert_eq!(devices.len(), 2);
    for info in &devices {
        assert_eq!(info.unusable.as_ref().unwrap().reason, UnusableReason::NoPermission);
        assert!(info.label.starts_with("HDA Intel PCH: "), "{}", info.label);
    }
    assert_eq!(devices[1].path, "hw:2,6");
    assert_eq!(devices[1].device_id, "pci-0000:00:1f.3+6");
}

#[test]
fn a_card_whose_node_is_missing_says_what_a_container_needs() {
    let tree = Tree::new();
    tree.card(0, "PCH", "devices/pci0000:00/0000:00:1f.3", "pci", &[0]);
    tree.remove("dev/snd/pcmC0D0c");
    let info = list(&tree, FakePcms::default()).remove(0);
    let unusable = info.unusable.unwrap();
    assert_eq!(unusable.reason, UnusableReason::Failed);
    assert!(unusable.remedy.unwrap().contains("--device /dev/snd/pcmC0D0c"));
}

#[test]
fn a_card_with_a_broken_name_is_named_by_the_kernels_list() {
    let tree = Tree::new();
    tree.card(0, "Mic", "devices/platform/mic.0", "platform", &[0]);
    tree.bytes("proc/asound/cards", b" 0 [Mic            ]: USB-Audio - Caf\xc3 Mic\n");
    let pcms = || FakePcms {
        cards: vec![SoundCard { index: 0, name: None }],
        pcms: [(0, Ok(vec![CapturePcm { device: 0, name: None }]))].into(),
        ranges: [("hw:0,0", Ok(ranges()))].into(),
        ..FakePcms::default()
    };
    assert_eq!(list(&tree, pcms())[0].label, "Caf\u{fffd} Mic");
    tree.remove("proc/asound/cards");
    assert_eq!(list(&tree, pcms())[0].label, "Mic");
}

#[test]
fn the_default_pcm_is_listed_last_where_one_is_configured() {
    let tree = Tree::new();
    tree.card(0, "Loopback", "devices/platform/snd_aloop.0", "platform", &[0]);
    let pcms = |default_capture: Option<&str>, default| FakePcms {
        cards: vec![card(0, "Loopback")],
        pcms: [(0, Ok(vec![pcm(0, "Loopback PCM")]))].into(),
        ranges: [("hw:0,0", Ok(ranges())), ("default", default)].into(),
        default_capture: default_capture.map(str::to_owned),
    };
    let devices = list(&tree, pcms(Some("PipeWire Sound Server"), Ok(ranges())));
    let default = devices.last().unwrap();
    assert_eq!((default.device_id.as_str(), default.path.as_str()), ("default", "default"));
    assert_eq!((default.shared, default.label.as_str()), (true, "PipeWire Sound Server"));
    assert_eq!(list(&tree, pcms(None, Ok(ranges()))).len(), 1);
    let devices = list(&tree, pcms(Some(""), Err(Errno::ECONNREFUSED)));
    assert_eq!(devices.last().unwrap().unusable.as_ref().unwrap().reason, UnusableReason::Failed);
}

#[test]
fn the_built_in_devices_say_that_they_are_synthetic_and_share_a_group() {
    let (camera, microphone) = (synthetic::camera(), synthetic::microphone());
    assert_eq!(
        (camera.device_id.as_str(), microphone.device_id.as_str()),
        ("synthetic-camera", "synthetic-microphone")
    );
    assert_eq!(camera.group_id, microphone.group_id);
    assert!(camera.synthetic && microphone.synthetic && camera.label.contains("Synthetic"));
    assert_eq!(list(&Tree::new(), FakePcms::default()), [], "never listed unasked");
}
