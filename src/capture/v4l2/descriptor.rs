//! An open node, closed through the seam it was opened through.

use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use crate::seam::Kernel;

/// A node's descriptor. The last owner to let go closes it, which may block: on the control thread.
pub(super) struct Descriptor {
    kernel: Arc<dyn Kernel>,
    fd: ManuallyDrop<OwnedFd>,
}

impl Descriptor {
    pub(super) fn new(kernel: Arc<dyn Kernel>, fd: OwnedFd) -> Self {
        Self { kernel, fd: ManuallyDrop::new(fd) }
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: this is the only place that takes the descriptor out, it runs once, and nothing can reach the field
        // afterwards.
        self.kernel.close(unsafe { ManuallyDrop::take(&mut self.fd) });
    }
}
