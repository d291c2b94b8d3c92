//! What policies say of requests, and what becomes of the requests.

mod combined;
mod file;
mod prompt;
mod rules;

use super::{Denial, PermissionRequest, RequestedDevice};
use crate::devices::{MediaDeviceInfo, MediaDeviceKind};

/// A camera and its microphone, and a second camera.
pub(super) struct Desk {
    webcam: MediaDeviceInfo,
    microphone: MediaDeviceInfo,
    laptop: MediaDeviceInfo,
}

impl Desk {
    pub(super) fn new() -> Self {
        let device = |kind, id: &str, group: &str, label: &str, path: &str| {
            let mut info = MediaDeviceInfo::new(kind, id);
            info.group_id = group.to_owned();
            info.label = label.to_owned();
            info.path = path.to_owned();
            info
        };
        let (video, audio) = (MediaDeviceKind::VideoInput, MediaDeviceKind::AudioInput);
        let group = "usb-046d_082d_6EF5AA2F";
        Self {
            webcam: device(video, "usb-046d_082d_6EF5AA2F-0", group, "HD Pro Webcam C920", "/dev/video0"),
            microphone: device(audio, "usb-046d_082d_6EF5AA2F-2", group, "HD Pro Webcam C920", "hw:1,0"),
            laptop: device(video, "usb-0bda_5689@00-usb2-7-0", "usb-0bda_5689@00-usb2-7", "Laptop", "/dev/video2"),
        }
    }

    pub(super) fn webcam(&self) -> RequestedDevice<'_> {
        (&self.webcam).into()
    }

    pub(super) fn microphone(&self) -> RequestedDevice<'_> {
        (&self.microphone).into()
    }

    pub(super) fn laptop(&self) -> RequestedDevice<'_> {
        (&self.laptop).into()
    }

    /// A request for all of it, the webcam first.
    pub(super) fn all(&self) -> PermissionRequest<'_> {
        PermissionRequest::new([self.webcam(), self.laptop(), self.microphone()])
    }
}

pub(super) fn no() -> Denial {
    Denial::new("no")
}
