//! What a scripted camera gives: a good frame, or one with something wrong about it.

use crate::seam::BufferFlags;

/// One frame. [`Frame::good`] is what a camera should give; each method changes one thing about it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    pub(super) flags: Option<BufferFlags>,
    pub(super) bytesused: Option<u32>,
    pub(super) data_offset: u32,
    pub(super) index: Option<u32>,
    pub(super) sequence: Option<u32>,
    pub(super) skipped: u32,
    pub(super) timestamp: Option<u64>,
    pub(super) plane_count: Option<u32>,
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) again: bool,
}

impl Frame {
    /// All of its bytes, the next number, the time it is given.
    pub(crate) fn good() -> Self {
        Self::default()
    }

    /// V4L2_BUF_FLAG_ERROR.
    pub(crate) fn error(self) -> Self {
        self.flags(BufferFlags::ERROR | BufferFlags::TIMESTAMP_MONOTONIC)
    }

    /// Any flags.
    pub(crate) fn flags(mut self, flags: BufferFlags) -> Self {
        self.flags = Some(flags);
        self
    }

    /// In every memory plane, whatever fits.
    pub(crate) fn bytesused(mut self, bytes: u32) -> Self {
        self.bytesused = Some(bytes);
        self
    }

    /// In every memory plane. The picture begins there.
    pub(crate) fn data_offset(mut self, bytes: u32) -> Self {
        self.data_offset = bytes;
        self
    }

    /// Another index than the buffer's own. A buffer that the driver has is then given in place of the next; one that
    /// it has not, or that does not exist, is a lie.
    pub(crate) fn index(mut self, index: u32) -> Self {
        self.index = Some(index);
        self
    }

    /// This number; the camera goes on from it.
    pub(crate) fn sequence(mut self, sequence: u32) -> Self {
        self.sequence = Some(sequence);
        self
    }

    /// After so many that were lost without a buffer.
    pub(crate) fn after_lost(mut self, frames: u32) -> Self {
        self.skipped = frames;
        self
    }

    /// This stamp in nanoseconds, whatever the time is.
    pub(crate) fn timestamp(mut self, nanoseconds: u64) -> Self {
        self.timestamp = Some(nanoseconds);
        self
    }

    /// So many memory planes, whatever the format has.
    pub(crate) fn plane_count(mut self, count: u32) -> Self {
        self.plane_count = Some(count);
        self
    }

    /// These bytes, and as many.
    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes = Some(bytes.to_vec());
        self
    }

    /// The number and the stamp of the frame before.
    pub(crate) fn again(mut self) -> Self {
        self.again = true;
        self
    }
}

/// The smallest thing that begins and ends as a JPEG image.
pub(crate) const JPEG: [u8; 6] = [0xff, 0xd8, 1, 2, 0xff, 0xd9];
