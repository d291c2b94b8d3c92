//! A driver's memory as dma-bufs: VIDIOC_EXPBUF on request, and what brackets a CPU's reading of it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock, PoisonError};

use nix::errno::Errno;

use super::buffer::{Home, Lease};
use crate::error::{Error, ErrorName, Result};
use crate::seam::{Kernel, MAX_PLANES, SyncFlags, retry};

/// How often a bracket is tried that the kernel puts off (EAGAIN, which DMA_BUF_IOCTL_SYNC says like EINTR).
const SYNC_TRIES: u32 = 1000;

/// The descriptors of one buffer, one for each memory plane that was asked for. They are closed with its mapping.
#[derive(Default)]
pub(super) struct Exports {
    planes: [OnceLock<OwnedFd>; MAX_PLANES],
    /// Held while one is made: two who ask at once share it.
    turn: Mutex<()>,
}

impl Lease {
    /// Has every memory plane of the buffer exported, where that has not been done for this buffer.
    ///
    /// # Errors
    /// See [`VideoFrame::dma_buf`](crate::VideoFrame::dma_buf).
    pub(crate) fn export(&self) -> Result<()> {
        let exports = &self.buffer.exports;
        let memories = exports.planes.iter().take(self.format().memory_count);
        let _turn = exports.turn.lock().unwrap_or_else(PoisonError::into_inner);
        for (plane, place) in (0u32..).zip(memories) {
            if place.get().is_none() {
                // Only who has the turn sets it.
                let _ = place.set(self.export_plane(plane)?);
            }
        }
        Ok(())
    }

    fn export_plane(&self, plane: u32) -> Result<OwnedFd> {
        let pool = self.buffer.pool();
        let Home::Driver(driver) = &pool.home else {
            let message = "this frame is not in the driver's memory, and only that can be exported as a dma-buf";
            return Err(Error::new(ErrorName::NotSupportedError, message).with_remedy(
                "is_copied() tells copies; hold fewer frames, or ask for more buffers, and none are made",
            ));
        };
        let refused = driver.exports_nothing.load(Ordering::Relaxed);
        if refused != 0 {
            return Err(failure(Errno::from_raw(refused)));
        }
        let index = u32::try_from(self.buffer.index()).map_err(|_| failure(Errno::EINVAL))?;
        let exported = pool.ledger.while_open(|| driver.export(index, plane));
        exported.unwrap_or(Err(Errno::ESHUTDOWN)).map_err(|errno| {
            if is_lasting(errno) {
                driver.exports_nothing.store(errno as i32, Ordering::Relaxed);
            }
            failure(errno)
        })
    }

    /// The dma-buf of a memory plane that was exported.
    pub(crate) fn dma_buf(&self, memory: usize) -> Option<BorrowedFd<'_>> {
        self.buffer.exports.planes.get(memory)?.get().map(AsFd::as_fd)
    }
}

/// Whether an answer is the driver's for good: it has no such call, or none for this kind of memory.
fn is_lasting(errno: Errno) -> bool {
    matches!(errno, Errno::ENOTTY | Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ENOSYS)
}

fn failure(errno: Errno) -> Error {
    let (name, message, remedy) = match errno {
        errno if is_lasting(errno) => (
            ErrorName::NotSupportedError,
            format!("the camera's driver does not export its buffers as dma-bufs (VIDIOC_EXPBUF: {})", errno.desc()),
            "read the frame's bytes: they are mapped already",
        ),
        Errno::ESHUTDOWN => (
            ErrorName::AbortError,
            "the stream has been stopped, and its buffers are exported no more".to_owned(),
            "export frames while their stream runs: what was exported by then stays",
        ),
        Errno::EMFILE | Errno::ENFILE => (
            ErrorName::NotReadableError,
            "no descriptor is left for a dma-buf".to_owned(),
            "raise the limit of open files (ulimit -n): every buffer that is exported takes one for each memory",
        ),
        errno => (
            ErrorName::NotReadableError,
            format!("VIDIOC_EXPBUF failed: {}", errno.desc()),
            "read the frame's bytes: they are mapped already",
        ),
    };
    Error::new(name, message).with_errno(errno as i32).with_remedy(remedy)
}

/// The CPU reads exported memory: between DMA_BUF_IOCTL_SYNC's start and its end, which is told when this is dropped.
pub(crate) struct CpuRead<'a> {
    kernel: &'a dyn Kernel,
    lease: &'a Lease,
    /// How many memory planes' reading has begun.
    begun: usize,
}

impl<'a> CpuRead<'a> {
    /// Begins with every memory plane that is exported.
    ///
    /// # Errors
    /// The kernel's; nothing has begun then.
    pub(crate) fn begin(lease: &'a Lease) -> Result<Self, Errno> {
        let Home::Driver(driver) = &lease.buffer.pool().home else { return Err(Errno::ENOTTY) };
        let mut read = Self { kernel: &*driver.kernel, lease, begun: 0 };
        while let Some(dma_buf) = lease.dma_buf(read.begun) {
            // Where it fails, what has begun is ended by the drop.
            sync(read.kernel, dma_buf, SyncFlags::READ)?;
            read.begun += 1;
        }
        Ok(read)
    }
}

impl Drop for CpuRead<'_> {
    fn drop(&mut self) {
        for dma_buf in (0..self.begun).filter_map(|memory| self.lease.dma_buf(memory)) {
            // Nothing was written: an end that fails leaves nothing behind that could be wrong.
            let _ = sync(self.kernel, dma_buf, SyncFlags::READ | SyncFlags::END);
        }
    }
}

fn sync(kernel: &dyn Kernel, dma_buf: BorrowedFd<'_>, flags: SyncFlags) -> Result<(), Errno> {
    let mut answer = Err(Errno::EAGAIN);
    for _ in 0..SYNC_TRIES {
        answer = retry(|| kernel.sync_dma_buf(dma_buf, flags));
        if answer != Err(Errno::EAGAIN) {
            break;
        }
    }
    answer
}
