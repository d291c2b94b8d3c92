//! The memory of a buffer that this program fills and others read.

use std::ptr;

use memmap2::MmapRaw;

/// A mapped buffer to write to. No reference to its bytes exists: other programs have them mapped as well.
#[derive(Debug)]
pub(crate) struct OutputMemory {
    map: MmapRaw,
}

impl OutputMemory {
    /// `map` is mapped for writing.
    pub(super) fn new(map: MmapRaw) -> Self {
        Self { map }
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Writes `bytes` at `offset`; whether they fit.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) -> bool {
        if offset.checked_add(bytes.len()).is_none_or(|end| end > self.map.len()) {
            return false;
        }
        // SAFETY: the range lies inside the mapping, which is writable and lives as long as `self`; `bytes` is memory of
        // this process that does not overlap it, because no slice of the mapping is ever made. Other processes may read
        // these bytes meanwhile, which only means that they see a part of the new picture.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.map.as_mut_ptr().add(offset), bytes.len()) };
        true
    }

    /// Writes one byte; whether it fits.
    pub(crate) fn put(&mut self, offset: usize, byte: u8) -> bool {
        if offset >= self.map.len() {
            return false;
        }
        // SAFETY: as in `write`.
        unsafe { self.map.as_mut_ptr().add(offset).write(byte) };
        true
    }
}
