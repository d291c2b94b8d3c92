//! A moment on the reactor's clock at which something is done.

use std::os::fd::BorrowedFd;

use nix::sys::epoll::EpollFlags;

use crate::capture::reactor::{EventSource, Next};

/// Rings once. `ring` is called on the reactor's thread: it must not block.
pub(super) struct Alarm<F: FnMut() + Send> {
    at: u64,
    ring: F,
}

impl<F: FnMut() + Send> Alarm<F> {
    pub(super) fn new(at: u64, ring: F) -> Self {
        Self { at, ring }
    }
}

impl<F: FnMut() + Send> EventSource for Alarm<F> {
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, EpollFlags)> {
        Vec::new()
    }

    fn ready(&mut self, _descriptor: usize, _flags: EpollFlags, _now: u64) -> Next {
        Next::Stay
    }

    fn deadline(&self) -> Option<u64> {
        Some(self.at)
    }

    fn due(&mut self, _now: u64) -> Next {
        (self.ring)();
        Next::Leave
    }
}
