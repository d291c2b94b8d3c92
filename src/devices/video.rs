//! One V4L2 node: what kind of node it is, whether it can be captured from, and in which modes.

use std::os::fd::AsFd;
use std::path::Path;

use nix::errno::Errno;

use super::control::{self, NativeControl};
use super::identity::{self, Identity};
use super::model::{FrameRates, MediaDeviceInfo, MediaDeviceKind, Unusable, UnusableReason, VideoMode};
use super::order::Rank;
use super::refusal;
use super::{Depth, Found, Machine, modes};
use crate::seam::{BufferType, Capability, CapabilityFlags, LOOPBACK_DRIVER, Node, World, retry};

/// What nodes that are no `/dev/videoN` are for. They are not opened: a radio would be switched on for nothing.
fn by_name(path: &str) -> Option<UnusableReason> {
    let name = path.strip_prefix("/dev/")?.trim_end_matches(|character: char| character.is_ascii_digit());
    match name {
        "vbi" => Some(UnusableReason::Vbi),
        "radio" | "swradio" => Some(UnusableReason::Radio),
        "v4l-touch" => Some(UnusableReason::Touch),
        _ => None,
    }
}

/// What a node is for, by its capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Camera(BufferType),
    Not(UnusableReason),
}

/// Which of its parent's nodes the class device at `sysfs` is.
pub(super) fn index(world: &dyn World, sysfs: &Path) -> u32 {
    world.read(&sysfs.join("index")).and_then(|index| index.parse().ok()).unwrap_or(0)
}

/// Reads one node. Opens it, unless its place is enough, and closes it again; never fails.
pub(super) fn read(machine: &Machine, node: &Node, depth: Depth<'_>) -> Found {
    let path = node.path.to_string_lossy().into_owned();
    let sysfs = node.sysfs.as_deref();
    let attribute = |name: &str| sysfs.and_then(|sysfs| machine.world.read(&sysfs.join(name)));
    let index = sysfs.map_or(0, |sysfs| index(machine.world.as_ref(), sysfs));
    // The name in sysfs is the card's name of most drivers, and known without opening the node.
    let sysfs_name = attribute("name").filter(|name| !name.is_empty());
    let mut found = Found {
        identity: match sysfs {
            Some(sysfs) => {
                let name = sysfs_name.as_deref().unwrap_or("video");
                Identity::from_sysfs(machine.world.as_ref(), sysfs, index, name)
            }
            // Until QUERYCAP has named the bus. The node's own name would be no identity.
            None => Identity::named("unknown", 0),
        },
        rank: Rank::Hardware,
        info: MediaDeviceInfo::new(MediaDeviceKind::VideoInput, ""),
    };
    found.info.label = label(sysfs_name.as_deref().unwrap_or(&path));
    found.info.path = path;
    if let Some(sysfs) = sysfs.filter(|_| depth != Depth::Place) {
        found.info.driver = identity::driver(machine.world.as_ref(), sysfs).unwrap_or_default();
        found.info.facing_mode = identity::facing_mode(machine.world.as_ref(), sysfs);
    }

    if let Some(reason) = by_name(&found.info.path) {
        found.info.unusable = Some(not_a_camera(reason, CapabilityFlags::empty()));
    } else if !node.present {
        found.info.unusable = Some(refusal::absent(&found.info.path));
    } else if depth == Depth::Place && sysfs.is_some() {
        // Its identity is known.
    } else if let Err(error) = open_and_read(machine, node, depth, &mut found) {
        refusal::apply(machine, &mut found.info, error, &node.path);
        if error == Errno::EBUSY && attribute("max_openers").is_some() {
            let name = sysfs.and_then(Path::file_name).unwrap_or_default().to_string_lossy();
            found.info.unusable = Some(refusal::too_many_openers(&name));
        }
    }
    if found.identity.is_virtual && found.rank == Rank::Hardware {
        found.rank = Rank::Virtual;
    }
    found
}

fn open_and_read(machine: &Machine, node: &Node, depth: Depth<'_>, found: &mut Found) -> Result<(), Errno> {
    let kernel = machine.kernel.as_ref();
    let fd = retry(|| kernel.open(&node.path))?;
    let result = retry(|| kernel.query_capability(fd.as_fd())).and_then(|capability| {
        describe(&capability, node, found);
        match classify(&capability, found.identity.sits_on_no_bus()) {
            Class::Not(reason) => {
                if reason == UnusableReason::NoWriter {
                    found.rank = Rank::IdleLoopback;
                }
                found.info.unusable = Some(not_a_camera(reason, capability.effective()));
                Ok(())
            }
            Class::Camera(_) if matches!(depth, Depth::Place | Depth::Identity) => Ok(()),
            Class::Camera(queue) => {
                let only = if let Depth::Part(formats) = depth { formats } else { &[] };
                let listing = modes::list(kernel, fd.as_fd(), queue, only)?;
                judge(machine, node, &capability, listing, found);
                if found.info.unusable.is_none() && depth == Depth::Offer {
                    found.info.controls =
                        control::list(kernel, fd.as_fd()).iter().map(NativeControl::capability).collect();
                }
                Ok(())
            }
        }
    });
    kernel.close(fd);
    result
}

/// Fills in what QUERYCAP knows better than sysfs.
fn describe(capability: &Capability, node: &Node, found: &mut Found) {
    if !capability.card.is_empty() {
        found.info.label = label(&capability.card);
    }
    if !capability.driver.is_empty() {
        found.info.driver.clone_from(&capability.driver);
    }
    if node.sysfs.is_none() {
        if capability.driver == LOOPBACK_DRIVER {
            found.identity = Identity::on_no_bus(&capability.card);
        } else if !capability.bus_info.is_empty() {
            found.identity = Identity::from_bus_info(&capability.bus_info);
        }
    }
}

/// The order of the questions matters: a touch sensor says VIDEO_CAPTURE too, and codecs older than the M2M flags say
/// CAPTURE and OUTPUT, as a v4l2loopback without `exclusive_caps` does. The last sits on no bus, where no codec is.
fn classify(capability: &Capability, on_no_bus: bool) -> Class {
    use CapabilityFlags as Flags;

    let flags = capability.effective();
    let captures = flags.intersects(Flags::VIDEO_CAPTURE | Flags::VIDEO_CAPTURE_MPLANE);
    let outputs = flags.intersects(Flags::VIDEO_OUTPUT | Flags::VIDEO_OUTPUT_MPLANE);
    let is_loopback = capability.driver == LOOPBACK_DRIVER || on_no_bus;
    if flags.contains(Flags::TOUCH) {
        Class::Not(UnusableReason::Touch)
    } else if flags.intersects(Flags::VIDEO_M2M | Flags::VIDEO_M2M_MPLANE) || (captures && outputs && !is_loopback) {
        Class::Not(UnusableReason::MemoryToMemory)
    } else if flags.contains(Flags::VIDEO_CAPTURE) {
        Class::Camera(BufferType::VideoCapture)
    } else if captures {
        Class::Camera(BufferType::VideoCaptureMplane)
    } else if outputs && capability.driver == LOOPBACK_DRIVER {
        Class::Not(UnusableReason::NoWriter)
    } else if outputs || flags.contains(Flags::VIDEO_OVERLAY) {
        Class::Not(UnusableReason::OutputOnly)
    } else if flags.intersects(Flags::META_CAPTURE | Flags::META_OUTPUT) {
        Class::Not(UnusableReason::Metadata)
    } else if flags
        .intersects(Flags::VBI_CAPTURE | Flags::SLICED_VBI_CAPTURE | Flags::VBI_OUTPUT | Flags::SLICED_VBI_OUTPUT)
    {
        Class::Not(UnusableReason::Vbi)
    } else if flags.intersects(Flags::RADIO | Flags::TUNER | Flags::MODULATOR | Flags::SDR_CAPTURE | Flags::SDR_OUTPUT)
    {
        Class::Not(UnusableReason::Radio)
    } else {
        Class::Not(UnusableReason::Failed)
    }
}

fn not_a_camera(reason: UnusableReason, flags: CapabilityFlags) -> Unusable {
    let (message, remedy) = match reason {
        UnusableReason::Metadata => ("it carries metadata of a camera, no pictures", None),
        UnusableReason::MemoryToMemory => ("it is a codec or scaler: pictures go in and come out changed", None),
        UnusableReason::OutputOnly => ("it only takes pictures, it gives none", None),
        UnusableReason::Touch => ("it is a touch sensor", None),
        UnusableReason::Radio => ("it is a radio tuner", None),
        UnusableReason::Vbi => ("it carries teletext and captions (vertical blanking), no pictures", None),
        UnusableReason::NoWriter => (
            "no program writes to this v4l2loopback",
            Some("start the program that writes to it, or load the module with exclusive_caps=0"),
        ),
        _ => {
            let message = format!("its capabilities (0x{:08x}) have no kind of capture in them", flags.bits());
            return Unusable::new(reason, message);
        }
    };
    let mut unusable = Unusable::new(reason, message);
    unusable.remedy = remedy.map(str::to_owned);
    unusable
}

/// A capture node with its modes: whether it is a camera as it is.
fn judge(machine: &Machine, node: &Node, capability: &Capability, listing: modes::Listing, found: &mut Found) {
    let flags = capability.effective();
    let mut refuse = |reason, message: &str, remedy: &str| {
        let mut unusable = Unusable::new(reason, message);
        unusable.remedy = Some(remedy.to_owned());
        found.info.unusable = Some(unusable);
    };
    if !flags.contains(CapabilityFlags::STREAMING) {
        refuse(
            UnusableReason::NoStreaming,
            "its driver has no streaming I/O, only read()",
            "use a program that calls read(), such as v4l2-ctl --stream-user",
        );
    } else if flags.contains(CapabilityFlags::IO_MC) {
        refuse(
            UnusableReason::MediaPipeline,
            "it is the end of a media pipeline that has to be configured first",
            "use libcamera, or configure the pipeline with media-ctl and name a pixel format",
        );
    } else if !listing.formats.is_empty() && listing.formats.iter().all(|fourcc| fourcc.is_bayer()) {
        refuse(
            UnusableReason::MediaPipeline,
            "it gives a sensor's raw Bayer data only, which an image signal processor has to develop",
            "use libcamera, or name one of its pixel formats to get the raw data",
        );
    } else if listing.formats.is_empty() && !listing.has_current {
        refuse(
            UnusableReason::NoFormat,
            "it captures, but lists no pixel format",
            "see dmesg: its sensor or input may be missing",
        );
    }
    let is_loopback = capability.driver == LOOPBACK_DRIVER;
    if is_loopback && !has_writer(machine, node, &listing.modes) {
        found.rank = Rank::IdleLoopback;
    }
    found.info.modes = listing.modes;
}

/// Whether a program writes to a v4l2loopback: its `state` in sysfs says `capture` then. Where sysfs is not readable:
/// an idle one gives ranges, a written one exactly what is written.
fn has_writer(machine: &Machine, node: &Node, modes: &[VideoMode]) -> bool {
    let state = node.sysfs.as_ref().and_then(|sysfs| machine.world.read(&sysfs.join("state")));
    match state.as_deref() {
        Some("capture") => true,
        Some("output") => false,
        _ => modes.iter().all(|mode| !matches!(mode.frame_rates, FrameRates::Range { .. })),
    }
}

/// The card's name as a person says it. uvcvideo writes `PRODUCT: PRODUCT` and the kernel cuts it at 31 bytes: the
/// repetition goes.
fn label(card: &str) -> String {
    match card.split_once(": ") {
        Some((product, function))
            if !function.is_empty() && product.starts_with(function.trim_end_matches('\u{fffd}')) =>
        {
            product.to_owned()
        }
        _ => card.to_owned(),
    }
}
