//! The memory of a buffer: the driver's, mapped, or ours.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use memmap2::{MmapMut, MmapRaw};

/// One piece of a buffer's memory.
pub(super) enum Memory {
    /// The driver's, mapped read-only.
    Mapped(MmapRaw),
    /// Ours: copies that are one of a kind.
    Owned(Box<[UnsafeCell<u8>]>),
    /// Ours, in a pool: copies, and what the synthetic camera draws.
    Pages(MmapRaw),
}

// SAFETY: the bytes are read only by holders of a lease and written only by the holder of the one exclusive lease
// (`LeaseMut`), or by the kernel while no lease exists; the ledger's sequentially consistent transitions order the two.
unsafe impl Sync for Memory {}

impl Memory {
    /// Zeroed pages that nobody has touched: a pool that is never used costs address space and no memory. A heap would write
    /// its own notes before each buffer, and with transparent huge pages the first of them takes 2 MiB.
    pub(super) fn pages(length: usize) -> Self {
        match MmapMut::map_anon(length) {
            Ok(map) => Self::Pages(MmapRaw::from(map)),
            // More mappings than a process may have, or none of no length.
            Err(_) => Self::owned(length),
        }
    }

    pub(super) fn owned(length: usize) -> Self {
        let zeroes = vec![0u8; length].into_boxed_slice();
        // SAFETY: `UnsafeCell<u8>` has the layout of `u8` (core::cell), so the box keeps its length and its alignment.
        Self::Owned(unsafe { Box::from_raw(Box::into_raw(zeroes) as *mut [UnsafeCell<u8>]) })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Mapped(map) | Self::Pages(map) => map.len(),
            Self::Owned(bytes) => bytes.len(),
        }
    }

    pub(super) fn as_ptr(&self) -> *const u8 {
        match self {
            Self::Mapped(map) | Self::Pages(map) => map.as_ptr(),
            Self::Owned(bytes) => bytes.as_ptr().cast(),
        }
    }

    /// Where it may be written to, and how much: what is ours.
    pub(super) fn writable(&self) -> Option<(*mut u8, usize)> {
        match self {
            // `UnsafeCell` allows it.
            Self::Owned(bytes) => Some((bytes.as_ptr().cast::<u8>().cast_mut(), bytes.len())),
            // `map_anon` made it writable.
            Self::Pages(map) => Some((map.as_mut_ptr(), map.len())),
            Self::Mapped(_) => None,
        }
    }

    /// Copies from `offset` on, and makes no slice of it, since other processes may write to these bytes meanwhile; whether
    /// that lies inside it.
    pub(super) fn copy_to(&self, offset: usize, out: &mut [u8]) -> bool {
        if offset.checked_add(out.len()).is_none_or(|end| end > self.len()) {
            return false;
        }
        const WORD: usize = size_of::<usize>();
        // SAFETY: `offset` lies inside the mapping or at its end.
        let mut from = unsafe { self.as_ptr().add(offset) };
        let head = from.align_offset(WORD).min(out.len());
        let (head, rest) = out.split_at_mut(head);
        let mut words = rest.chunks_exact_mut(WORD);
        let byte = |from: &mut *const u8| {
            // SAFETY: there are as many bytes behind `from` as there are left in `out`, in a mapping that lives as long as
            // `self`. An atomic may be read while anybody writes to it; of read-only memory too, being one instruction.
            let byte = unsafe { &*from.cast::<AtomicU8>() }.load(Ordering::Relaxed);
            // SAFETY: at most one past the end.
            *from = unsafe { from.add(1) };
            byte
        };
        head.iter_mut().for_each(|out| *out = byte(&mut from));
        for out in &mut words {
            // SAFETY: as above, and aligned: `head` took what came before, unless nothing was left.
            let word = unsafe { &*from.cast::<AtomicUsize>() }.load(Ordering::Relaxed);
            out.copy_from_slice(&word.to_ne_bytes());
            // SAFETY: as above.
            from = unsafe { from.add(WORD) };
        }
        words.into_remainder().iter_mut().for_each(|out| *out = byte(&mut from));
        true
    }
}
