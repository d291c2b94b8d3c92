//! What tells of devices that come, go or change their permissions: the kernel's uevents, and inotify on `/dev`.
//!
//! Neither is enough alone. A uevent comes before udev has given the node to anybody, and none comes into a user
//! namespace; a container's own `/dev` does not change with the machine's.

mod linux;
mod mounts;
mod uevent;

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

pub(super) use linux::LinuxWatch;
#[cfg(any(test, feature = "scripted"))]
pub(crate) use uevent::device as uevent_device;

/// What may have changed since the last look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Video and sound nodes that came, went, or have other permissions; and sound cards.
    pub nodes: BTreeSet<PathBuf>,
    /// Something was lost: whatever there is may have changed.
    pub overflowed: bool,
}

impl Changes {
    /// Whether there is nothing to look at.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty() && !self.overflowed
    }
}

/// An open watch. Closed by dropping it, which may take milliseconds: the kernel waits until nobody reads its marks.
pub(crate) trait Watch: Send {
    /// Readable when there is something to drain. None where no source could be opened. Their number never grows; a
    /// source that breaks is closed by [`Watch::drain`].
    fn descriptors(&self) -> Vec<BorrowedFd<'_>>;
    /// Takes what has come, or part of it where there is much. Never waits.
    fn drain(&mut self) -> Changes;
    /// Whether a device that comes will be told of: an open socket is deaf in a user namespace, and an inotify watch in
    /// a container whose `/dev` is its own.
    fn hears(&self) -> bool;
}
