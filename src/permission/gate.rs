//! Where a policy is asked, and what its answer makes of a resolution.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Decision, Denial, DeniedDevice, PermissionPolicy, PermissionRequest, RequestedDevice};
use crate::devices::MediaDeviceKind;
use crate::error::{Error, ErrorName, Result};
use crate::resolve::Resolution;

/// Which devices a request may open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Any: nobody was asked.
    Any,
    /// Those that a policy was asked about and did not deny.
    Only {
        /// Kind and id.
        granted: Vec<(MediaDeviceKind, String)>,
        /// The others.
        denied: Vec<DeniedDevice>,
    },
}

/// Asks the policy about everything that a request may come to use.
///
/// # Errors
/// [`ErrorName::NotAllowedError`] where a kind that is requested has no device left.
pub(crate) fn ask(policy: &dyn PermissionPolicy, resolution: &Resolution) -> Result<Permit> {
    let request = request(resolution);
    // The panic has been printed by its hook. Whatever broke in there, nothing was granted.
    let decision = catch_unwind(AssertUnwindSafe(|| policy.decide(&request)))
        .unwrap_or_else(|_| Decision::Denied(Denial::new("the program's permission policy failed")));
    let denied = match decision {
        Decision::Granted => Vec::new(),
        Decision::Denied(denial) => return Err(refused(&firsts(&request), &denial, "")),
        Decision::GrantedExcept(denied) => denied,
    };
    let granted = request.devices().iter().filter(|device| !denied.iter().any(|denied| denied.is(device)));
    let granted = granted.map(|device| (device.kind, device.device_id.to_owned())).collect();
    let permit = Permit::Only { granted, denied };
    permit.check(&request)?;
    Ok(permit)
}

/// The candidates of both kinds.
fn request(resolution: &Resolution) -> PermissionRequest<'_> {
    let cameras = resolution.video_candidates.iter().map(RequestedDevice::from);
    let microphones = resolution.audio_candidates.iter().map(RequestedDevice::from);
    PermissionRequest::new(cameras.chain(microphones))
}

/// The devices that the request would get: the first of each kind.
fn firsts<'r, 'a>(request: &'r PermissionRequest<'a>) -> Vec<&'r RequestedDevice<'a>> {
    let kinds = [MediaDeviceKind::VideoInput, MediaDeviceKind::AudioInput];
    kinds.into_iter().filter_map(|kind| request.of_kind(kind).next()).collect()
}

impl Permit {
    fn grants(&self, kind: MediaDeviceKind, id: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only { granted, .. } => granted.iter().any(|(of_kind, granted)| *of_kind == kind && granted == id),
        }
    }

    /// Leaves of a resolution what may be opened. It may be a later one than the policy was asked about: devices that
    /// came meanwhile are left out.
    ///
    /// # Errors
    /// [`ErrorName::NotAllowedError`] where a kind that is requested has no device left.
    pub(crate) fn narrow(&self, mut resolution: Resolution) -> Result<Resolution> {
        self.check(&request(&resolution))?;
        resolution.video_candidates.retain(|camera| self.grants(MediaDeviceKind::VideoInput, &camera.device_id));
        resolution
            .audio_candidates
            .retain(|microphone| self.grants(MediaDeviceKind::AudioInput, &microphone.device_id));
        resolution.video = resolution.video_candidates.first().cloned();
        resolution.audio = resolution.audio_candidates.first().cloned();
        Ok(resolution)
    }

    /// Whether each kind of the request has a device left.
    fn check(&self, request: &PermissionRequest<'_>) -> Result<()> {
        let Self::Only { denied, .. } = self else { return Ok(()) };
        for first in firsts(request) {
            let mut of_kind = request.of_kind(first.kind);
            if of_kind.any(|device| self.grants(device.kind, device.device_id)) {
                continue;
            }
            let others = match request.of_kind(first.kind).count() {
                1 => String::new(),
                2 => "; nor is the other one that would do".to_owned(),
                count => format!("; nor is any of the {} others that would do", count - 1),
            };
            let denial = denied.iter().find(|denied| denied.is(first)).map_or_else(
                || Denial::new("it came while permission was asked for").with_remedy("ask again"),
                |denied| denied.denial.clone(),
            );
            return Err(refused(&[first], &denial, &others));
        }
        Ok(())
    }
}

/// The error that these devices are denied.
fn refused(devices: &[&RequestedDevice<'_>], denial: &Denial, others: &str) -> Error {
    let names: Vec<_> =
        devices.iter().map(|device| format!("the {} {}", device.permission_name(), device.shown())).collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    let message = format!("{} {are} not allowed: {}{others}", names.join(" and "), denial.reason);
    let mut error = Error::new(ErrorName::NotAllowedError, message);
    if let Some(first) = devices.first() {
        error = error.with_device(first.label, first.path);
    }
    match &denial.remedy {
        Some(remedy) => error.with_remedy(remedy),
        None => error,
    }
}
