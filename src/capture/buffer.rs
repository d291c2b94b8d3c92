//! Buffers and leases: where a frame's bytes are, and what happens when the last one who reads them lets go.

use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering, fence};

use memmap2::MmapRaw;
use nix::errno::Errno;

use super::export::Exports;
use super::format::VideoFormat;
use super::lease::Ledger;
use super::memory::Memory;
use crate::seam::{BufferType, Dequeued, Kernel, retry};

/// Takes what may only be dropped where blocking is allowed.
pub(super) trait Reaper: Send + Sync {
    /// Drops `remains` on the control thread.
    fn bury(&self, remains: Box<dyn Send>);
}

/// Where a buffer goes when its last holder lets go.
pub(super) enum Home {
    /// Back to the driver, by QBUF.
    Driver(DriverQueue),
    /// Nowhere: it lies in its pool until someone leases it again.
    Pool,
    /// Nowhere: it is one of a kind, freed with its last lease.
    Alone,
}

/// What DQBUF told of a buffer's contents: as long as QUERYBUF tells the same, they are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(super) sequence: u32,
    pub(super) timestamp: u64,
}

impl Mark {
    /// What was told of a buffer that was just dequeued.
    pub(super) fn of(dequeued: &Dequeued) -> Self {
        Self { sequence: dequeued.sequence, timestamp: dequeued.timestamp }
    }
}

/// The driver's queue, as a dropper reaches it.
pub(super) struct DriverQueue {
    pub(super) kernel: Arc<dyn Kernel>,
    /// Open for as long as the ledger's gate is.
    pub(super) fd: RawFd,
    pub(super) kind: BufferType,
    pub(super) plane_count: u32,
    /// Whether another process writes to the buffers, whoever has leased them (v4l2loopback). No slice of them is made.
    pub(super) shared: bool,
    /// The first QBUF that failed since the reactor looked; 0 for none.
    pub(super) failed: AtomicI32,
    /// Why the driver exports no buffer, once one was asked for; 0 before, and where it does.
    pub(super) exports_nothing: AtomicI32,
}

impl DriverQueue {
    /// QBUF. Only from inside the ledger's gate, or on the control thread that owns the descriptor.
    pub(super) fn queue(&self, index: usize) -> Result<(), Errno> {
        // SAFETY: the control thread closes this descriptor only after it closed the gate of the ledger and waited
        // until nobody was inside; callers are inside, or are that thread.
        let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
        let index = u32::try_from(index).map_err(|_| Errno::EINVAL)?;
        retry(|| self.kernel.queue_buffer(fd, self.kind, index, self.plane_count))
    }

    /// EXPBUF of one memory plane. Only from inside the ledger's gate.
    pub(super) fn export(&self, index: u32, plane: u32) -> Result<OwnedFd, Errno> {
        // SAFETY: as in `queue`: the caller is inside the gate, before which this descriptor is not closed.
        let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
        retry(|| self.kernel.export_buffer(fd, self.kind, index, plane))
    }

    /// What a buffer holds now. As [`DriverQueue::queue`], from inside the gate.
    fn mark(&self, index: usize) -> Result<Mark, Errno> {
        // SAFETY: as in `queue`.
        let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
        let index = u32::try_from(index).map_err(|_| Errno::EINVAL)?;
        let (sequence, timestamp) = retry(|| self.kernel.buffer_mark(fd, self.kind, index))?;
        Ok(Mark { sequence, timestamp })
    }
}

/// One generation of buffers: made together, of one format, freed together.
pub(crate) struct Pool {
    pub(super) ledger: Ledger,
    pub(super) format: Arc<VideoFormat>,
    pub(super) home: Home,
    pub(super) reaper: Option<Arc<dyn Reaper>>,
    /// Whether the driver lets buffers live on that are held when it frees the rest.
    pub(super) orphans: bool,
}

impl Pool {
    /// A pool of our own memory: `count` buffers with memories of these sizes. The buffers keep the pool.
    pub(super) fn owned(count: usize, sizes: &[usize], format: Arc<VideoFormat>) -> Vec<Arc<Buffer>> {
        Self::make(count, sizes, format, Home::Pool)
    }

    fn make(count: usize, sizes: &[usize], format: Arc<VideoFormat>, home: Home) -> Vec<Arc<Buffer>> {
        let memory = if matches!(home, Home::Pool) { Memory::pages } else { Memory::owned };
        let pool = Arc::new(Self { ledger: Ledger::new(count), format, home, reaper: None, orphans: true });
        (0..count)
            .map(|index| {
                let memories = sizes.iter().map(|&size| memory(size)).collect();
                Arc::new(Buffer { index, memories, exports: Exports::default(), pool: pool.clone() })
            })
            .collect()
    }

    /// Queues every returned buffer at the driver.
    pub(super) fn queue_returned(&self) -> Result<(), Errno> {
        match &self.home {
            Home::Driver(driver) => self.ledger.queue_returned(|index| driver.queue(index)),
            Home::Pool | Home::Alone => Ok(()),
        }
    }

    /// Whether a dropper's QBUF failed since this was asked last: the first error. Costs no locked instruction per frame.
    pub(super) fn take_queue_failure(&self) -> Option<Errno> {
        match &self.home {
            Home::Driver(driver) if driver.failed.load(Ordering::Relaxed) != 0 => {
                Some(Errno::from_raw(driver.failed.swap(0, Ordering::Relaxed)))
            }
            _ => None,
        }
    }
}

/// One buffer: its memory, and the books it is kept in.
pub(crate) struct Buffer {
    index: usize,
    memories: Box<[Memory]>,
    pub(super) exports: Exports,
    pool: Arc<Pool>,
}

impl Buffer {
    /// A buffer of the driver's: the mappings of its memory planes.
    pub(super) fn mapped(index: usize, maps: Vec<MmapRaw>, pool: Arc<Pool>) -> Self {
        let memories = maps.into_iter().map(Memory::Mapped).collect();
        Self { index, memories, exports: Exports::default(), pool }
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Its number at the driver.
    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Whether another process writes to it, whoever has leased it.
    fn is_shared(&self) -> bool {
        matches!(&self.pool.home, Home::Driver(driver) if driver.shared)
    }

    /// As [`Memory::copy_to`], of a memory plane.
    ///
    /// Where other processes write to it, what is copied may be of two pictures. See [`Buffer::surely_holds`].
    pub(super) fn copy_to(&self, memory: usize, offset: usize, out: &mut [u8]) -> bool {
        self.memories.get(memory).is_some_and(|memory| memory.copy_to(offset, out))
    }

    /// Whether it holds what DQBUF told with `mark`, as far as its writer has told: one that uses `write()` may be on it.
    pub(super) fn holds(&self, mark: Mark) -> bool {
        self.ask(|driver| driver.mark(self.index) == Ok(mark))
    }

    /// Whether it holds what DQBUF told with `mark`, and its writer cannot have begun on it anew.
    ///
    /// v4l2loopback says of a buffer that its writer has that it holds nothing, but not while `write()` fills it. A writer
    /// fills the buffers in turn: that of frame `n` comes again with frame `n + count`, and so not before frame
    /// `n + count - 1` is there.
    pub(super) fn surely_holds(&self, mark: Mark) -> bool {
        let count = self.pool.ledger.count();
        let turn = i32::try_from(count).unwrap_or(i32::MAX) - 1;
        let is_before_the_turn = |other: Mark| other.sequence.wrapping_sub(mark.sequence).cast_signed() < turn;
        self.ask(|driver| {
            driver.mark(self.index) == Ok(mark)
                && (0..count).all(|index| {
                    driver.mark(index).is_ok_and(|other| other.timestamp == 0 || is_before_the_turn(other))
                })
        })
    }

    /// What cannot be found out any more, because the stream has stopped, is not so.
    fn ask(&self, question: impl FnOnce(&DriverQueue) -> bool) -> bool {
        let Home::Driver(driver) = &self.pool.home else { return true };
        // What was copied was copied before the driver is asked.
        fence(Ordering::Acquire);
        self.pool.ledger.while_open(|| question(driver)).unwrap_or(false)
    }

    /// The length of a memory plane.
    pub(super) fn memory_len(&self, memory: usize) -> usize {
        self.memories.get(memory).map_or(0, Memory::len)
    }

    /// Unmaps it here and now, where nobody else has it.
    pub(super) fn unmap(mut this: Arc<Self>) {
        if let Some(buffer) = Arc::get_mut(&mut this) {
            buffer.memories = Box::default();
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // munmap of a driver's memory may free it, and may close the device, and so may the end of an export: not on a
        // consumer's thread.
        if let (false, Some(reaper)) = (self.memories.is_empty(), &self.pool.reaper) {
            reaper.bury(Box::new((std::mem::take(&mut self.memories), std::mem::take(&mut self.exports))));
        }
    }
}

/// A shared right to read a buffer. Clones count; the last drop gives the buffer back.
pub(crate) struct Lease {
    pub(super) buffer: Arc<Buffer>,
}

impl Lease {
    /// The lease on a buffer that the driver just gave; `None` where the driver did not have it.
    pub(super) fn begin(buffer: &Arc<Buffer>) -> Option<Self> {
        buffer.pool.ledger.lease(buffer.index).then(|| Self { buffer: buffer.clone() })
    }

    /// The format of the frames in this generation.
    pub(crate) fn format(&self) -> &Arc<VideoFormat> {
        &self.buffer.pool.format
    }

    /// `length` bytes at `offset` of a memory plane; `None` where they do not lie inside it, and where another process may
    /// write to them.
    pub(crate) fn bytes(&self, memory: usize, offset: usize, length: usize) -> Option<&[u8]> {
        let memory = self.buffer.memories.get(memory)?;
        if self.buffer.is_shared() || offset.checked_add(length)? > memory.len() {
            return None;
        }
        // SAFETY: the range lies inside the mapping or the box, both of which live as long as `self.buffer`. The
        // buffer is leased, so neither the kernel (which writes only between QBUF and DQBUF) nor a `LeaseMut` writes
        // to it for as long as this lease exists. Of buffers that another process may write to (v4l2loopback) there
        // are no slices: see above.
        Some(unsafe { slice::from_raw_parts(memory.as_ptr().add(offset), length) })
    }

    /// As [`Buffer::copy_to`].
    pub(crate) fn copy_to(&self, memory: usize, offset: usize, out: &mut [u8]) -> bool {
        self.buffer.copy_to(memory, offset, out)
    }

    /// As [`Buffer::surely_holds`].
    pub(crate) fn still_holds(&self, mark: Mark) -> bool {
        self.buffer.surely_holds(mark)
    }

    /// Which buffer of its pool it is on.
    pub(super) fn index(&self) -> usize {
        self.buffer.index
    }

    /// The address range of a memory plane, for tests that show that nothing was copied.
    pub(crate) fn address_range(&self, memory: usize) -> Option<std::ops::Range<usize>> {
        let memory = self.buffer.memories.get(memory)?;
        let start = memory.as_ptr() as usize;
        Some(start..start + memory.len())
    }
}

impl Clone for Lease {
    fn clone(&self) -> Self {
        self.buffer.pool.ledger.retain(self.buffer.index);
        Self { buffer: self.buffer.clone() }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let pool = &self.buffer.pool;
        let outcome = pool.ledger.release(self.buffer.index, |index| match &pool.home {
            Home::Driver(driver) => driver.queue(index).inspect_err(|&errno| {
                // The reactor, which owns the reporting, finds it at its next turn.
                let _ = driver.failed.compare_exchange(0, errno as i32, Ordering::Relaxed, Ordering::Relaxed);
            }),
            Home::Pool | Home::Alone => Ok(()),
        });
        // A device that is gone says so on the reactor too; a drop has nobody to tell.
        let _ = outcome;
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({})", self.buffer.index)
    }
}

/// The one right to write to a buffer of our own, until it becomes a [`Lease`].
pub(crate) struct LeaseMut {
    lease: Lease,
}

impl LeaseMut {
    /// Any idle buffer of the pool that `buffers` make up.
    pub(super) fn take(buffers: &[Arc<Buffer>]) -> Option<Self> {
        let index = buffers.first()?.pool.ledger.lease_returned()?;
        Some(Self { lease: Lease { buffer: buffers.get(index)?.clone() } })
    }

    /// A buffer of its own, with memories of these sizes.
    pub(crate) fn allocate(sizes: &[usize], format: Arc<VideoFormat>) -> Option<Self> {
        Self::take(&Pool::make(1, sizes, format, Home::Alone))
    }

    /// The buffer of a lease that is no longer needed, to be written to anew: one that was [allocated](Self::allocate), in
    /// which these sizes fit without much waste, and that nobody else reads.
    pub(crate) fn reuse(lease: Lease, sizes: &[usize], format: &Arc<VideoFormat>) -> Option<Self> {
        let buffer = lease.buffer.clone();
        drop(lease);
        let fits = sizes.len() == buffer.memories.len()
            && sizes
                .iter()
                .zip(&buffer.memories)
                .all(|(&size, memory)| (size..=size + size / 8).contains(&memory.len()));
        if !fits || !matches!(buffer.pool.home, Home::Alone) || !Arc::ptr_eq(&buffer.pool.format, format) {
            return None;
        }
        Self::take(&[buffer])
    }

    /// A memory plane to write to; empty where there is none, or where it is the driver's.
    pub(crate) fn memory_mut(&mut self, memory: usize) -> &mut [u8] {
        let Some((bytes, length)) = self.lease.buffer.memories.get(memory).and_then(Memory::writable) else {
            return &mut [];
        };
        // SAFETY: this is the only lease on the buffer (`take` began it, and it is not cloned before `into_lease`), `&mut self`
        // makes this the only borrow of it, and `writable` gives nothing that may not be written to.
        unsafe { slice::from_raw_parts_mut(bytes, length) }
    }

    /// Which buffer of the pool it is.
    pub(super) fn index(&self) -> usize {
        self.lease.buffer.index
    }

    /// No more writing.
    pub(crate) fn into_lease(self) -> Lease {
        self.lease
    }
}
