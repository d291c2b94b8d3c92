//! What a device offers, read to the end only where somebody asks.

use std::sync::OnceLock;

use crate::devices::{Machine, MediaDeviceInfo, Moment};

/// A device as it was listed for a request. Of a camera whose request named a pixel format that may be the modes of this
/// one only; the rest is read when it is asked for.
pub(super) struct Offer {
    listed: MediaDeviceInfo,
    /// Where the rest is read; `None` where there is none.
    machine: Option<Machine>,
    whole: OnceLock<MediaDeviceInfo>,
}

impl Offer {
    pub(super) fn whole(listed: MediaDeviceInfo) -> Self {
        Self { listed, machine: None, whole: OnceLock::new() }
    }

    pub(super) fn part(listed: MediaDeviceInfo, machine: &Machine) -> Self {
        Self { listed, machine: Some(machine.clone()), whole: OnceLock::new() }
    }

    /// All of it. The first time that may ask the device, and take as long as a listing of it.
    pub(super) fn get(&self) -> &MediaDeviceInfo {
        let Some(machine) = &self.machine else { return &self.listed };
        self.whole.get_or_init(|| self.read(machine).unwrap_or_else(|| self.listed.clone()))
    }

    /// As it was listed, but for more modes, and its controls. `None` of a device that is not there any more.
    fn read(&self, machine: &Machine) -> Option<MediaDeviceInfo> {
        let (kind, id) = (self.listed.kind, &self.listed.device_id);
        let found =
            Moment::of(machine).enumerate_some(|device| device.kind == kind && device.device_id == *id).pop()?;
        let MediaDeviceInfo { modes, controls, .. } = found;
        (!modes.is_empty()).then(|| MediaDeviceInfo { modes, controls, ..self.listed.clone() })
    }
}
