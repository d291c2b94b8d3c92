//! Opening what a request resolved to: the first candidate that can be had.

use std::sync::Arc;

use super::medium::Medium;
use super::offer::Offer;
use super::session::Session;
use super::track::MediaStreamTrack;
use crate::capture::RecoveryPolicy;
use crate::constraints::MediaStreamConstraints;
use crate::devices::{self, Machine, MediaDeviceInfo, MediaDeviceKind};
use crate::error::{Error, ErrorName, Result};
use crate::resolve::ResolveOptions;

/// One request on its way from candidates to tracks.
pub(super) struct Opening<'a> {
    pub(super) session: Arc<Session>,
    pub(super) machine: &'a Machine,
    pub(super) constraints: &'a MediaStreamConstraints,
    /// The listing that the candidates are from.
    pub(super) devices: &'a [MediaDeviceInfo],
    /// Whether cameras are not listed to the end.
    pub(super) in_part: bool,
    /// How many buffers to ask a camera for.
    pub(super) buffers: Option<u32>,
    /// Whether frames that another process may write over are lent as they are.
    pub(super) raw: bool,
    /// How modes are chosen.
    pub(super) options: &'a ResolveOptions,
    /// What becomes of a track whose device fails.
    pub(super) recovery: RecoveryPolicy,
    /// Whether a microphone's ring may be read where it is mapped.
    pub(super) mapped_sound: bool,
}

impl Opening<'_> {
    /// The first candidate that opens. The first failure is the one told: it is of the device the request would get.
    pub(super) fn first<M: Medium>(
        &self,
        candidates: &[M::Settings],
        open: impl Fn(&M::Settings) -> Result<MediaStreamTrack<M>>,
        none: &str,
    ) -> Result<MediaStreamTrack<M>> {
        let mut first = None;
        for candidate in candidates {
            match open(candidate) {
                Ok(track) => return Ok(track),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| Error::new(ErrorName::NotFoundError, none)))
    }

    /// What the device of that id offers, as it was listed.
    pub(super) fn offer(&self, kind: MediaDeviceKind, device_id: &str) -> Offer {
        let listed = self.devices.iter().find(|device| device.kind == kind && device.device_id == device_id);
        let listed = listed.cloned().unwrap_or_else(|| MediaDeviceInfo::new(kind, device_id));
        if self.in_part && kind == MediaDeviceKind::VideoInput {
            Offer::part(listed, self.machine)
        } else {
            Offer::whole(listed)
        }
    }
}

/// Adds what only this room knows: the device's name, and which process holds its `node`, or which group may open it.
pub(super) fn explain(
    machine: &Machine,
    error: Error,
    (label, path): (&str, &str),
    node: &str,
    another: &str,
) -> Error {
    // A control that cannot be changed at the moment says so itself.
    let busy = error.errno() == Some(nix::errno::Errno::EBUSY as i32) && error.constraint().is_none();
    let error = devices::explain_permission(machine, error, node.as_ref()).with_device(label, path);
    if busy { devices::explain_busy(machine, error, path, node.as_ref(), another) } else { error }
}
