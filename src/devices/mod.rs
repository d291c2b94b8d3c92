//! What the machine has: cameras and microphones with their identity and modes.
//!
//! [`enumerate_devices`] lists what can be captured from, [`enumerate_all_devices`] adds every other node with the
//! reason why it cannot and what to do about it. One bad device never hides the others, and nothing here fails.
//!
//! Listing opens each node, asks it, and closes it again. It changes nothing about a device that another program is
//! streaming from.

mod audio;
mod changes;
pub(crate) mod control;
#[cfg(feature = "serde")]
mod document;
#[cfg(any(test, all(feature = "scripted", not(loom))))]
#[cfg_attr(not(test), allow(dead_code, reason = "fuzz targets take what they need"))]
pub(crate) mod fixture;
mod identity;
mod model;
mod modes;
mod moment;
mod occupants;
mod order;
mod refusal;
mod remembered;
pub(crate) mod synthetic;
#[cfg(test)]
mod tests;
mod video;

use std::sync::Arc;

pub use changes::{DeviceChange, DeviceChangeKind};
pub use control::{CameraControl, ControlName, ControlRange, ControlSettings, ControlValue, MeteringMode};
#[cfg(feature = "json")]
pub use document::{read_devices, write_devices};
pub use model::{
    AudioModes, FacingMode, FrameRates, MediaDeviceInfo, MediaDeviceKind, Span, Unusable, UnusableReason, Values,
    VideoMode,
};

pub(crate) use changes::DeviceTracker;
pub(crate) use modes::RESOLUTION_TABLE;
pub(crate) use moment::Moment;
pub(crate) use refusal::{explain_busy, explain_permission};

use crate::format::Fourcc;
use crate::seam::{Kernel, LinuxKernel, LinuxPcmDirectory, LinuxPcmSystem, LinuxWorld, PcmDirectory, PcmSystem, World};

/// The cameras and microphones of this machine: `MediaDevices.enumerateDevices()`.
///
/// In a stable order: cameras before microphones; by identity; hardware before virtual devices; v4l2loopbacks that no
/// program writes to last. A device that another process holds is listed, with [`MediaDeviceInfo::busy`] set.
pub fn enumerate_devices() -> Vec<MediaDeviceInfo> {
    Machine::this().enumerate()
}

/// Every node of this machine, the unusable ones with the reason and the remedy in [`MediaDeviceInfo::unusable`].
pub fn enumerate_all_devices() -> Vec<MediaDeviceInfo> {
    Machine::this().enumerate_all()
}

/// The built-in camera and microphone, as a listing of a machine that had no others.
pub(crate) fn synthetic_devices() -> Vec<MediaDeviceInfo> {
    vec![synthetic::camera(), synthetic::microphone()]
}

/// A machine to look for devices on: this one, or a scripted one.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub kernel: Arc<dyn Kernel>,
    pub world: Arc<dyn World>,
    pub pcm: Arc<dyn PcmDirectory>,
    pub pcms: Arc<dyn PcmSystem>,
}

impl Machine {
    /// The machine this process runs on.
    pub(crate) fn this() -> Self {
        Self {
            kernel: Arc::new(LinuxKernel),
            world: Arc::new(LinuxWorld::new()),
            pcm: Arc::new(LinuxPcmDirectory),
            pcms: Arc::new(LinuxPcmSystem),
        }
    }

    /// See [`enumerate_devices`].
    pub(crate) fn enumerate(&self) -> Vec<MediaDeviceInfo> {
        self.enumerate_all().into_iter().filter(MediaDeviceInfo::is_capturable).collect()
    }

    /// Where the device with this identity is now, accessible or not. An id that got or lost its `~PORT`, because a device of
    /// the same name came or went, is still that device's where no other can be meant.
    pub(crate) fn locate(&self, kind: MediaDeviceKind, device_id: &str) -> Option<String> {
        let devices: Vec<_> =
            Moment::of(self).all(Depth::Identity).into_iter().filter(|device| device.kind == kind).collect();
        let bare = |id: &str| id.split('~').next().unwrap_or_default().to_owned();
        let mut namesakes = devices.iter().filter(|device| bare(&device.device_id) == bare(device_id));
        let exact = devices.iter().find(|device| device.device_id == device_id);
        let found = exact.or_else(|| namesakes.next().filter(|_| namesakes.next().is_none()))?;
        Some(found.path.clone())
    }

    /// See [`enumerate_all_devices`].
    pub(crate) fn enumerate_all(&self) -> Vec<MediaDeviceInfo> {
        Moment::of(self).all(Depth::Offer)
    }
}

/// Gives all devices of a machine their ids.
fn name<'a>(found: impl IntoIterator<Item = &'a mut Found>) {
    let found: Vec<&mut Found> = found.into_iter().collect();
    let identities: Vec<_> = found.iter().map(|found| found.identity.clone()).collect();
    for (found, (device_id, group_id)) in found.into_iter().zip(identity::unique_ids(&identities)) {
        found.info.device_id = device_id;
        found.info.group_id = group_id;
    }
}

fn in_order(mut found: Vec<Found>) -> Vec<MediaDeviceInfo> {
    found.sort_by(|a, b| order::compare((a.rank, &a.info), (b.rank, &b.info)));
    found.into_iter().map(|found| found.info).collect()
}

/// How much of a device is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth<'a> {
    /// Where it is, by sysfs alone: enough for its id. A node that sysfs does not know is opened and named.
    Place,
    /// What it is: no question that a USB camera would have to be asked over its bus.
    Identity,
    /// A camera's modes of these pixel formats as well; all of its modes where it has none of them.
    Part(&'a [Fourcc]),
    /// Its modes and controls as well.
    Offer,
}

/// A device before its neighbours are known: its ids are not final yet.
#[derive(Debug, Clone)]
struct Found {
    info: MediaDeviceInfo,
    identity: identity::Identity,
    rank: order::Rank,
}
