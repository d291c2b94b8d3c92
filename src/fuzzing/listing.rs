//! What drivers and sysfs say of devices when they are listed: any answers at all.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;

use super::choices::Choices;
use super::documents::check_resolution;
use super::rig::{Rig, errno, recovery};
use crate::MediaStreamConstraints;
use crate::devices::fixture::{FakeKernel, FakeNode, FakePcms};
use crate::devices::{ControlRange, Machine, MediaDeviceInfo, read_devices, write_devices};
use crate::error::Holder;
use crate::format::Fourcc;
use crate::seam::abi::cid;
use crate::seam::scripted::{Frame, ScriptedCamera, ScriptedControl};
use crate::seam::{
    Accepted, Access, Capability, CapabilityFlags, CapturePcm, ControlDescription, ControlFlags, ControlType, Fraction,
    FrameInterval, FrameSize, Hold, Holding, LinuxWorld, Node, PcmRanges, SoundCard, Watch, World,
};

/// Decisions that everybody who is asked takes from, in the order of the questions.
#[derive(Debug, Clone)]
struct Shared(Arc<Mutex<Choices>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Choices> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer, or a refusal. Where the bytes have run out all is refused: otherwise most drivers here would never end.
    fn answer<T>(&self, answer: impl FnOnce(&mut Choices) -> T) -> Result<T, Errno> {
        let mut choices = self.lock();
        if choices.is_empty() {
            return Err(Errno::EINVAL);
        }
        match choices.byte() {
            0..0xd0 => Ok(answer(&mut choices)),
            0xd0..0xf0 => Err(Errno::EINVAL),
            _ => match errno(&mut choices) {
                // For ever, it would be.
                Errno::EINTR => Err(Errno::EIO),
                errno => Err(errno),
            },
        }
    }
}

/// A system whose files say anything.
#[derive(Debug)]
struct AnyWorld(Shared);

impl World for AnyWorld {
    fn v4l_nodes(&self) -> Vec<Node> {
        let mut choices = self.0.lock();
        let sysfs = |choices: &mut Choices, number| {
            let device = choices.of(&["platform/cam", "pci0000:00/usb1/1-1/1-1:1.0", "virtual", ""]);
            PathBuf::from(format!("/sys/devices/{device}/video4linux/video{number}"))
        };
        (0..3)
            .map(|number| Node {
                path: format!("/dev/video{number}").into(),
                present: !choices.seldom(),
                sysfs: choices.flag().then(|| sysfs(&mut choices, number)),
            })
            .collect()
    }

    fn read(&self, _: &Path) -> Option<String> {
        let mut choices = self.0.lock();
        choices.flag().then(|| match choices.flag() {
            true => choices.number().to_string(),
            false => choices.text(40),
        })
    }

    fn link(&self, path: &Path) -> Option<PathBuf> {
        let mut choices = self.0.lock();
        match choices.below(6) {
            0 => None,
            1 => Some("/sys/bus/usb".into()),
            2 => Some("/sys/bus/pci".into()),
            3 => Some("/".into()),
            4 => Some(path.join(choices.text(8))),
            _ => Some(path.to_owned()),
        }
    }

    fn list(&self, _: &Path) -> Vec<String> {
        let mut choices = self.0.lock();
        let names = ["card0", "pcmC0D0c", "card4294967295", "pcmC0D", "card", "pcmC0D99999999999c"];
        (0..choices.below(4))
            .map(|_| if choices.flag() { choices.of(&names).to_owned() } else { choices.text(12) })
            .collect()
    }

    fn access(&self, _: &Path) -> Option<Access> {
        let mut choices = self.0.lock();
        choices.flag().then(|| Access {
            mode: choices.number(),
            group: choices.text(8),
            group_is_root: choices.flag(),
            allowed: choices.flag(),
            member: choices.flag(),
            member_at_next_login: choices.flag(),
        })
    }

    fn holdings(&self, _: &Path) -> Vec<Holding> {
        let mut choices = self.0.lock();
        let holding = |choices: &mut Choices| Holding {
            holder: Holder { process: choices.text(16), pid: choices.number().max(1) },
            hold: choices.of(&[Hold::Writing, Hold::Open, Hold::Streaming]),
        };
        (0..choices.below(6)).map(|_| holding(&mut choices)).collect()
    }

    fn watch(&self) -> Box<dyn Watch> {
        LinuxWorld::rooted("/nonexistent").watch()
    }
}

fn fourcc(choices: &mut Choices) -> Fourcc {
    let known = [Fourcc::YUYV, Fourcc::MJPG, Fourcc::NV12, Fourcc(*b"BA81"), Fourcc(*b"\0\0\0\0")];
    if choices.seldom() { Fourcc(choices.number().to_le_bytes()) } else { choices.of(&known) }
}

fn fraction(choices: &mut Choices) -> Fraction {
    let plain = Fraction { numerator: 1, denominator: 30 };
    if choices.flag() { plain } else { Fraction { numerator: choices.number(), denominator: choices.number() } }
}

fn size(choices: &mut Choices) -> FrameSize {
    let span = |choices: &mut Choices| (choices.number(), choices.number(), choices.number());
    match choices.below(8) {
        0 => FrameSize::Unknown,
        1 | 2 => FrameSize::Stepwise { width: span(choices), height: span(choices) },
        3 => FrameSize::Stepwise { width: (32, 1920, 2), height: (32, 1080, 2) },
        4 => FrameSize::Discrete { width: choices.number(), height: choices.number() },
        _ => choices
            .of(&[(640, 480), (1920, 1080), (320, 240)].map(|(width, height)| FrameSize::Discrete { width, height })),
    }
}

fn interval(choices: &mut Choices) -> FrameInterval {
    match choices.below(6) {
        0 => FrameInterval::Unknown,
        1 => FrameInterval::Stepwise { min: fraction(choices), max: fraction(choices) },
        _ => FrameInterval::Discrete(fraction(choices)),
    }
}

fn description(choices: &mut Choices) -> ControlDescription {
    let kinds =
        [ControlType::Integer, ControlType::Boolean, ControlType::Menu, ControlType::IntegerMenu, ControlType::Other];
    let long = |choices: &mut Choices| match choices.below(4) {
        0 => choices.long_number() as i64,
        _ => i64::from(choices.number() as i32),
    };
    let (minimum, maximum) = if choices.flag() { (0, 255) } else { (long(choices), long(choices)) };
    ControlDescription {
        kind: choices.of(&kinds),
        name: choices.text(32),
        minimum,
        maximum,
        step: if choices.flag() { 1 } else { choices.long_number() },
        default: long(choices),
        flags: if choices.seldom() { ControlFlags::from_bits_retain(choices.number()) } else { ControlFlags::empty() },
    }
}

fn node(shared: &Shared) -> FakeNode {
    let mut choices = shared.lock();
    let usual = CapabilityFlags::VIDEO_CAPTURE | CapabilityFlags::STREAMING;
    let flags = if choices.seldom() { CapabilityFlags::from_bits_retain(choices.number()) } else { usual };
    let driver = if choices.seldom() { "v4l2 loopback".to_owned() } else { choices.text(16) };
    let mut node = FakeNode::new(&driver, "", flags);
    node.capability = Ok(Capability {
        driver,
        card: choices.text(32),
        bus_info: choices.text(32),
        capabilities: if choices.seldom() { flags } else { flags | CapabilityFlags::DEVICE_CAPS },
        device_caps: flags,
    });
    if choices.seldom() {
        node.open = Err(Errno::EBUSY);
    }
    node.current = if choices.flag() { Ok((choices.number(), choices.number())) } else { Err(Errno::EINVAL) };
    node.time_per_frame = Ok(fraction(&mut choices));
    drop(choices);
    let (a, b, c, d, e) = (shared.clone(), shared.clone(), shared.clone(), shared.clone(), shared.clone());
    node.format = Box::new(move |_| a.answer(fourcc));
    node.size = Box::new(move |_| b.answer(size));
    node.interval = Box::new(move |_| c.answer(interval));
    node.control = Box::new(move |_| d.answer(description));
    node.menu = Box::new(move |_| e.answer(|choices| choices.long_number() as i64));
    node
}

fn accepted(choices: &mut Choices) -> Accepted {
    match choices.flag() {
        true => Accepted::List((0..choices.below(4)).map(|_| choices.number()).collect()),
        false => Accepted::Range(choices.number(), choices.number()),
    }
}

fn cards(choices: &mut Choices) -> FakePcms {
    let name = |choices: &mut Choices| choices.flag().then(|| choices.text(16));
    let mut cards = FakePcms { cards: vec![SoundCard { index: 0, name: name(choices) }], ..FakePcms::default() };
    let pcms = (0..2).map(|device| CapturePcm { device, name: name(choices) }).collect();
    cards.pcms.insert(0, if choices.seldom() { Err(errno(choices)) } else { Ok(pcms) });
    for pcm in ["hw:0,0", "hw:0,1", "default"] {
        let formats = (0..choices.below(3)).map(|_| if choices.flag() { "S16_LE".into() } else { choices.text(12) });
        let formats = formats.collect();
        let period = (choices.number(), choices.number());
        let ranges = PcmRanges { rates: accepted(choices), channels: accepted(choices), formats, period };
        cards.ranges.insert(pcm, if choices.seldom() { Err(errno(choices)) } else { Ok(ranges) });
    }
    cards.default_capture = name(choices);
    cards
}

/// A listing reads back as it was written. The document has the default of a range only, of no mode, switch or list.
fn check_document(devices: &[MediaDeviceInfo]) {
    let written = write_devices(devices);
    if written.len() > 1 << 20 {
        return;
    }
    let mut told = devices.to_vec();
    let controls = told.iter_mut().flat_map(|device| &mut device.controls);
    for control in controls.filter(|control| !matches!(control.range, ControlRange::Numbers { .. })) {
        control.default = None;
    }
    assert_eq!(read_devices(&written), Ok(told), "{written}");
}

/// A listing of a machine that says anything: it ends, every node is closed, nothing is changed, and what it says can be
/// written, read and resolved.
pub(super) fn modes(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let cards = Arc::new(cards(&mut choices));
    let shared = Shared(Arc::new(Mutex::new(choices)));
    let kernel = FakeKernel::new(["/dev/video0", "/dev/video1", "/dev/video2"].map(|path| (path, node(&shared))));
    let world = Arc::new(AnyWorld(shared.clone()));
    let machine = Machine { kernel: kernel.clone(), world, pcm: cards.clone(), pcms: cards };
    let devices = machine.enumerate_all();
    assert_eq!((kernel.still_open(), kernel.changes()), (0, 0));
    let mut ids: Vec<_> = devices.iter().map(|device| (device.kind, &device.device_id)).collect();
    ids.dedup();
    assert_eq!(ids.len(), devices.len(), "{ids:?}");
    check_document(&devices);
    for request in [
        r#"{"video": true}"#,
        r#"{"video": {"width": {"max": 1280}, "frameRate": {"ideal": 30}, "brightness": 5}}"#,
        r#"{"audio": {"sampleRate": 48000, "latency": {"max": 0.01}}}"#,
    ] {
        let request = MediaStreamConstraints::from_json(request).expect("constraints");
        check_resolution(&request, &devices);
    }
}

/// The controls that the library has names for.
const CONTROLS: &[u32] = &[
    cid::V4L2_CID_BRIGHTNESS,
    cid::V4L2_CID_CONTRAST,
    cid::V4L2_CID_AUTO_WHITE_BALANCE,
    cid::V4L2_CID_WHITE_BALANCE_TEMPERATURE,
    cid::V4L2_CID_EXPOSURE_AUTO,
    cid::V4L2_CID_EXPOSURE_ABSOLUTE,
    cid::V4L2_CID_EXPOSURE_AUTO_PRIORITY,
    cid::V4L2_CID_AUTO_EXPOSURE_BIAS,
    cid::V4L2_CID_FOCUS_AUTO,
    cid::V4L2_CID_FOCUS_ABSOLUTE,
    cid::V4L2_CID_FLASH_LED_MODE,
    cid::V4L2_CID_ZOOM_ABSOLUTE,
    cid::V4L2_CID_PAN_ABSOLUTE,
];

/// What is asked of them.
const WISHES: &[&str] = &[
    r#"{"video": {"brightness": 140, "contrast": {"min": 1}, "zoom": {"max": 100}}}"#,
    r#"{"video": {"brightness": {"exact": 12}}}"#,
    r#"{"video": {"exposureMode": "manual", "exposureTime": {"ideal": 1e300}, "exposureCompensation": -1.5}}"#,
    r#"{"video": {"exposureMode": {"exact": "continuous"}, "constantFrameRate": true, "torch": {"exact": true}}}"#,
    r#"{"video": {"whiteBalanceMode": {"exact": "manual"}, "colorTemperature": {"min": 3000, "max": 3001}}}"#,
    r#"{"video": {"focusMode": "manual", "focusDistance": -1e9, "pan": 3600, "advanced": [{"zoom": 7}, {"torch": false}]}}"#,
];

/// Controls that a driver describes in any way: listed, asked for at the start and while frames flow, and read back.
pub(super) fn controls(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut camera = ScriptedCamera::new(b"YUYV", 64, 48);
    for _ in 0..choices.below(12) {
        let id = choices.of(CONTROLS);
        let mut control = ScriptedControl::integer(id, "", (0, 255), 0);
        control.description = description(&mut choices);
        control.value = choices.number() as i32;
        control.items = (0..choices.below(6)).map(|_| (choices.number(), choices.long_number() as i64)).collect();
        control.governor = choices.seldom().then(|| (choices.of(CONTROLS), vec![choices.number() as i32]));
        control.refusal = choices.seldom().then(|| errno(&mut choices)).filter(|&errno| errno != Errno::EINTR);
        control.sticks_at = choices.seldom().then(|| choices.number() as i32);
        camera.controls.push(control);
    }
    let rig = Rig::new(FakePcms::default(), recovery(&mut choices));
    let camera = rig.kernel.plug("/dev/video0", camera);
    rig.world.show(&["/dev/video0"]);
    let listed = rig.devices.enumerate_all_devices();
    check_document(&listed);
    let wish = |choices: &mut Choices| MediaStreamConstraints::from_json(choices.of(WISHES)).expect("constraints");
    let first = if choices.flag() { wish(&mut choices) } else { MediaStreamConstraints::new().video(true) };
    check_resolution(&first, &listed);
    if let Ok(stream) = rig.devices.get_user_media(&first) {
        let track = stream.video_tracks().remove(0);
        for _ in 0..choices.below(4) {
            let wish = wish(&mut choices);
            if track.apply_constraints(wish.video.clone()).is_ok() {
                // What is required is there now.
                assert_eq!(wish.video_violation(&track.settings()), None, "{:?}", track.settings());
            }
            camera.give(Frame::good());
        }
        stream.stop();
    }
    super::rig::eventually("the camera is closed", || camera.open_count() == 0);
    assert_eq!(rig.kernel.misuse(), Vec::<String>::new());
}
