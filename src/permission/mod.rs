//! Who may capture: policies that are asked between the choice of a device and its opening.
//!
//! A request is resolved first, so that a policy knows which cameras and microphones it is about; then the policy
//! decides, once for camera and microphone together; only then a node is opened for streaming. The order is that of
//! `getUserMedia` in W3C Media Capture and Streams: constraints that nothing meets are an
//! [`OverconstrainedError`](crate::ErrorName::OverconstrainedError) and nobody is asked, and a device that is denied is
//! a [`NotAllowedError`](crate::ErrorName::NotAllowedError), never "not found". The words are those of W3C Permissions:
//! granted and denied.
//!
//! | policy | decides |
//! |---|---|
//! | [`AllowAll`] | yes; the library's default |
//! | [`DenyAll`] | no |
//! | [`TerminalPrompt`] | what the person at the terminal says |
//! | [`Rules`], [`PolicyFile`] | by rules for each kind and device, for kiosks |
//! | [`Both`] | yes where two others do |
//!
//! ```
//! use usermedia::permission::Rules;
//! use usermedia::{ErrorCode, ErrorName, MediaDevices, MediaStreamConstraints};
//!
//! let rules: Rules = "allow camera \"HD Pro Webcam C920\"\ndefault deny".parse()?;
//! let devices = MediaDevices::synthetic().with_permission_policy(rules);
//! let error = devices.get_user_media(&MediaStreamConstraints::new().video(true)).map(drop).unwrap_err();
//! assert_eq!((error.name(), error.code()), (ErrorName::NotAllowedError, ErrorCode::PermissionDenied));
//! # Ok::<(), usermedia::Error>(())
//! ```
//!
//! # What a policy is not
//!
//! It is the program's own manners, not a wall around it: a program that runs as a user may open every node that the
//! user may open, with this library or without. What the user may open is decided by the nodes' owner, group and mode,
//! which `udev-rules/70-usermedia.rules` sets. And a device is who it says it is: names and serial numbers are the
//! device's own words, which a made-up one can repeat.

mod file;
mod gate;
mod origin;
mod pattern;
mod policies;
mod prompt;
mod rules;
#[cfg(test)]
mod tests;

pub(crate) use gate::{Permit, ask};
#[cfg(feature = "serve")]
pub(crate) use origin::host_and_port;
#[cfg(feature = "cli")]
pub(crate) use origin::origin;

pub use file::{PolicyFile, SYSTEM_POLICY};
pub use policies::{AllowAll, Both, DenyAll};
pub use prompt::TerminalPrompt;
pub use rules::Rules;

use std::sync::Arc;

use crate::devices::{MediaDeviceInfo, MediaDeviceKind};
use crate::resolve::{AudioSettings, VideoSettings};

/// Decides who may capture. See the [module](self) for when it is asked.
///
/// It is asked on the thread of the request, with nothing locked: it may take a person's time, and other requests go on
/// meanwhile. A policy that panics has denied the request.
pub trait PermissionPolicy: Send + Sync {
    /// Whether the devices may be used.
    fn decide(&self, request: &PermissionRequest<'_>) -> Decision;
}

impl<P: PermissionPolicy + ?Sized> PermissionPolicy for Arc<P> {
    fn decide(&self, request: &PermissionRequest<'_>) -> Decision {
        (**self).decide(request)
    }
}

impl<P: PermissionPolicy + ?Sized> PermissionPolicy for Box<P> {
    fn decide(&self, request: &PermissionRequest<'_>) -> Decision {
        (**self).decide(request)
    }
}

/// A device that a request may come to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RequestedDevice<'a> {
    /// Camera or microphone.
    pub kind: MediaDeviceKind,
    /// Its identity, which survives a replug and a reboot.
    pub device_id: &'a str,
    /// Shared by the camera and the microphone of one physical device.
    pub group_id: &'a str,
    /// The name a person knows it by: the device's own words, to be shown with [care](RequestedDevice::shown).
    pub label: &'a str,
    /// Its node (`/dev/video0`) or PCM (`hw:1,0`).
    pub path: &'a str,
    /// Whether it is built in here, not a device of the machine.
    pub synthetic: bool,
}

impl RequestedDevice<'_> {
    /// `camera` or `microphone`: the name of the permission in W3C Permissions.
    pub const fn permission_name(&self) -> &'static str {
        match self.kind {
            MediaDeviceKind::VideoInput => "camera",
            MediaDeviceKind::AudioInput => "microphone",
        }
    }

    /// Its label and path as they may be shown on a terminal: `HD Pro Webcam C920 (/dev/video0)`.
    ///
    /// Characters that would move the cursor or turn the text around are left out: a label must not be able to rewrite
    /// the question it stands in.
    pub fn shown(&self) -> String {
        let harmless = |character: &char| {
            // Control characters; and Unicode's marks that change the direction of what follows, or hide in it.
            !character.is_control()
                && !matches!(*character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        };
        let label: String = self.label.chars().filter(harmless).collect();
        if self.path.is_empty() || self.path == self.device_id { label } else { format!("{label} ({})", self.path) }
    }
}

impl<'a> From<&'a MediaDeviceInfo> for RequestedDevice<'a> {
    fn from(device: &'a MediaDeviceInfo) -> Self {
        Self {
            kind: device.kind,
            device_id: &device.device_id,
            group_id: &device.group_id,
            label: &device.label,
            path: &device.path,
            synthetic: device.synthetic,
        }
    }
}

impl<'a> From<&'a VideoSettings> for RequestedDevice<'a> {
    fn from(camera: &'a VideoSettings) -> Self {
        Self {
            kind: MediaDeviceKind::VideoInput,
            device_id: &camera.device_id,
            group_id: &camera.group_id,
            label: &camera.label,
            path: &camera.path,
            synthetic: camera.synthetic,
        }
    }
}

impl<'a> From<&'a AudioSettings> for RequestedDevice<'a> {
    fn from(microphone: &'a AudioSettings) -> Self {
        Self {
            kind: MediaDeviceKind::AudioInput,
            device_id: &microphone.device_id,
            group_id: &microphone.group_id,
            label: &microphone.label,
            path: &microphone.path,
            synthetic: microphone.synthetic,
        }
    }
}

/// What a policy is asked: every device that meets the constraints.
///
/// Of each kind the devices come in the order in which they are tried. The request gets the first that opens, so a
/// policy that grants it has granted each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionRequest<'a> {
    devices: Vec<RequestedDevice<'a>>,
}

impl<'a> PermissionRequest<'a> {
    /// A request for these devices.
    pub fn new(devices: impl IntoIterator<Item = RequestedDevice<'a>>) -> Self {
        Self { devices: devices.into_iter().collect() }
    }

    /// All devices: cameras, then microphones.
    pub fn devices(&self) -> &[RequestedDevice<'a>] {
        &self.devices
    }

    /// Those of one kind, in the order in which they are tried; none where that kind is not requested.
    pub fn of_kind(&self, kind: MediaDeviceKind) -> impl Iterator<Item = &RequestedDevice<'a>> {
        self.devices.iter().filter(move |device| device.kind == kind)
    }
}

/// What a policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Every device of the request may be used.
    Granted,
    /// The request ends, whatever the device.
    Denied(Denial),
    /// These devices may not be used, the others may. The request ends where a kind it asks for has none left.
    GrantedExcept(Vec<DeniedDevice>),
}

impl Decision {
    /// Decides for each device of a request by itself.
    pub fn for_each(
        request: &PermissionRequest<'_>,
        mut denial: impl FnMut(&RequestedDevice<'_>) -> Option<Denial>,
    ) -> Self {
        let denied = |device| denial(device).map(|denial| DeniedDevice::new(device, denial));
        let denied: Vec<_> = request.devices().iter().filter_map(denied).collect();
        if denied.is_empty() { Self::Granted } else { Self::GrantedExcept(denied) }
    }
}

/// Why, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The reason, to stand after "the camera is not allowed: ".
    pub reason: String,
    /// What somebody could do who wants it allowed.
    pub remedy: Option<String>,
}

impl Denial {
    /// A denial with its reason: a clause without a capital letter and a full stop.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: None }
    }

    /// Adds what could be done about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// A device that may not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeniedDevice {
    /// Camera or microphone.
    pub kind: MediaDeviceKind,
    /// Its identity.
    pub device_id: String,
    /// Why.
    pub denial: Denial,
}

impl DeniedDevice {
    /// Denies a device of a request.
    pub fn new(device: &RequestedDevice<'_>, denial: Denial) -> Self {
        Self { kind: device.kind, device_id: device.device_id.to_owned(), denial }
    }

    /// Whether it is this one.
    pub fn is(&self, device: &RequestedDevice<'_>) -> bool {
        self.kind == device.kind && self.device_id == device.device_id
    }
}
