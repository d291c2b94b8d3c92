//! What an error number means at the call that gave it, in words a newcomer can act on.

use nix::errno::Errno;

use crate::error::{Error, ErrorName};

/// The calls that can fail while a camera starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Open,
    QueryCapability,
    GetFormat,
    SetFormat,
    SetControl,
    RequestBuffers,
    QueryBuffer,
    Map,
    QueueBuffer,
    StreamOn,
    StreamOff,
}

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::QueryCapability => "VIDIOC_QUERYCAP",
            Self::GetFormat => "VIDIOC_G_FMT",
            Self::SetFormat => "VIDIOC_S_FMT",
            Self::SetControl => "VIDIOC_S_CTRL",
            Self::RequestBuffers => "VIDIOC_REQBUFS",
            Self::QueryBuffer => "VIDIOC_QUERYBUF",
            Self::Map => "mmap",
            Self::QueueBuffer => "VIDIOC_QBUF",
            Self::StreamOn => "VIDIOC_STREAMON",
            Self::StreamOff => "VIDIOC_STREAMOFF",
        }
    }
}

/// The error for `errno` at `step` of the device at `path`.
pub(super) fn failure(step: Step, errno: Errno, path: &str, loopback: bool) -> Error {
    let (name, message, remedy) = match (step, errno) {
        // Which group would help is found out above, where the system can be asked.
        (_, Errno::EACCES) => (
            ErrorName::NotAllowedError,
            format!("no permission to open {path}"),
            Some("add yourself to the group that owns it: ls -l shows which, usually video"),
        ),
        // The kernel's word for a container's list of devices.
        (_, Errno::EPERM) => (
            ErrorName::NotAllowedError,
            format!("no permission to open {path}, whatever its mode says"),
            Some("in a container, start it with --device and the node"),
        ),
        (_, Errno::EBUSY) => (
            ErrorName::NotReadableError,
            format!("{path} is in use by another program"),
            Some("close the program that uses the camera"),
        ),
        (_, Errno::ENODEV | Errno::ENXIO | Errno::ENOENT) => {
            (ErrorName::NotReadableError, format!("{path} has gone"), Some("plug the camera in again"))
        }
        (Step::StreamOn, Errno::ENOSPC) => (
            ErrorName::NotReadableError,
            format!("the USB bus has no bandwidth left for {path} in this mode (this is not about disk space)"),
            Some("ask for a smaller size, a lower frame rate or MJPG, or use another USB port"),
        ),
        (Step::StreamOn, Errno::EPIPE) => (
            ErrorName::NotReadableError,
            format!("media pipeline not configured for {path}"),
            Some("set up the links and formats with media-ctl, or use libcamera for a raw sensor"),
        ),
        (Step::StreamOn | Step::SetFormat | Step::RequestBuffers, Errno::EIO | Errno::EINVAL) if loopback => (
            ErrorName::NotReadableError,
            format!("no program writes to the v4l2loopback {path}"),
            Some("start the program that feeds it first"),
        ),
        (Step::RequestBuffers, Errno::ENOMEM) => (
            ErrorName::NotReadableError,
            format!("no memory for the buffers of {path}"),
            Some("ask for fewer buffers or a smaller size"),
        ),
        (step, errno) => {
            (ErrorName::NotReadableError, format!("{} failed on {path}: {}", step.name(), errno.desc()), None)
        }
    };
    let error = Error::new(name, message).with_errno(errno as i32).with_device(path, path);
    match remedy {
        Some(remedy) => error.with_remedy(remedy),
        None => error,
    }
}
