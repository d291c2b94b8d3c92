//! A frame's memory as dma-bufs, for other devices and other processes.

use std::fmt;
use std::ops::{Deref, Range};
use std::os::fd::BorrowedFd;

use super::frame::VideoFrame;
use crate::capture::{CpuRead, Lease};
use crate::error::{Error, ErrorName, Result};

/// A frame's memory as dma-bufs, one descriptor for each of its pieces: for a GPU, an encoder or another process, without
/// a copy. See [`VideoFrame::dma_buf`].
///
/// It is a holder of the frame: the driver does not write to the memory before it is dropped. Whoever imports a descriptor
/// has it for longer, and nothing tells the driver: keep this until they are done.
///
/// The descriptors are read-only and close-on-exec, and belong to the buffer, of which a camera has few: they are the same
/// for every frame in that buffer, so that an importer can know them again (by the inode, which `fstat` tells). They are
/// closed when the stream has stopped and the buffer is let go of.
pub struct DmaBuf {
    frame: VideoFrame,
}

impl DmaBuf {
    pub(super) fn of(frame: VideoFrame) -> Result<Self> {
        leased(&frame)?.export()?;
        Ok(Self { frame })
    }

    /// How many descriptors there are: [`VideoFrame::memory_count`].
    pub fn memory_count(&self) -> usize {
        self.frame.memory_count()
    }

    /// The dma-buf of one piece of memory. To keep it for longer than this lives, `try_clone_to_owned`; to give it to another
    /// process, SCM_RIGHTS. It can be mapped for reading, with MAP_SHARED.
    pub fn descriptor(&self, memory: usize) -> Option<BorrowedFd<'_>> {
        if memory < self.memory_count() { self.frame.lease()?.dma_buf(memory) } else { None }
    }

    /// Where in that dma-buf the picture lies, all of it ([`VideoFrame::visible_rect`]), in bytes: from the driver's `data_offset` to the end of what it filled.
    pub fn payload(&self, memory: usize) -> Option<Range<usize>> {
        let payload = self.frame.payload(memory)?;
        let start = usize::try_from(payload.offset).ok()?;
        Some(start..start.checked_add(usize::try_from(payload.length).ok()?)?)
    }

    /// The frame.
    pub fn frame(&self) -> &VideoFrame {
        &self.frame
    }

    /// The frame for this processor to read while other devices have its memory as well: the reading is bracketed by
    /// DMA_BUF_IOCTL_SYNC, so that nothing stale is read from a cache. The bracket ends when this is dropped.
    ///
    /// A frame that was not imported anywhere needs none of this: the driver has synchronised it when it was captured.
    ///
    /// # Errors
    /// [`ErrorName::NotReadableError`] with the kernel's error number.
    pub fn read(&self) -> Result<DmaBufRead<'_>> {
        let bracket = CpuRead::begin(leased(&self.frame)?).map_err(|errno| {
            Error::new(ErrorName::NotReadableError, format!("DMA_BUF_IOCTL_SYNC failed: {}", errno.desc()))
                .with_errno(errno as i32)
        })?;
        Ok(DmaBufRead { frame: &self.frame, _bracket: bracket })
    }
}

/// The driver's buffer under a frame.
fn leased(frame: &VideoFrame) -> Result<&Lease> {
    frame.lease().ok_or_else(|| {
        Error::new(ErrorName::NotSupportedError, "a picture that was scaled or decoded is in no driver's memory")
            .with_remedy("ask for a size that the camera has (resizeMode none)")
    })
}

impl fmt::Debug for DmaBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DmaBuf").field("frame", &self.frame).finish_non_exhaustive()
    }
}

/// A frame between the two halves of DMA_BUF_IOCTL_SYNC: see [`DmaBuf::read`].
pub struct DmaBufRead<'a> {
    frame: &'a VideoFrame,
    _bracket: CpuRead<'a>,
}

impl Deref for DmaBufRead<'_> {
    type Target = VideoFrame;

    fn deref(&self) -> &VideoFrame {
        self.frame
    }
}

impl fmt::Debug for DmaBufRead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DmaBufRead").field(self.frame).finish()
    }
}
