//! The kernel as this library uses it: V4L2's ioctls, mappings, readiness and the monotonic clock.

use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use memmap2::MmapRaw;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent};

use super::output::OutputMemory;
use super::values::{
    BufferMemory, BufferType, Capability, ControlDescription, Dequeued, Fraction, FrameInterval, FrameSize,
    InputStatus, Interval, MemoryFlags, PixelFormat, RealTimePolicy, RequestedBuffers, SyncFlags,
};
use crate::format::Fourcc;

/// The kernel. Every method is one system call, returns its error number as it is, `EINTR` included: see [`retry`].
pub(crate) trait Kernel: Send + Sync + fmt::Debug {
    /// Opens a node for reading and writing, non-blocking and close-on-exec.
    fn open(&self, path: &Path) -> Result<OwnedFd, Errno>;
    /// Closes a node. May block while the driver lets go.
    fn close(&self, fd: OwnedFd);
    /// VIDIOC_QUERYCAP.
    fn query_capability(&self, fd: BorrowedFd<'_>) -> Result<Capability, Errno>;
    /// VIDIOC_ENUM_FMT: the format of that index.
    fn enum_format(&self, fd: BorrowedFd<'_>, kind: BufferType, index: u32) -> Result<Fourcc, Errno>;
    /// VIDIOC_ENUM_FRAMESIZES.
    fn enum_frame_size(&self, fd: BorrowedFd<'_>, fourcc: Fourcc, index: u32) -> Result<FrameSize, Errno>;
    /// VIDIOC_ENUM_FRAMEINTERVALS.
    fn enum_frame_interval(
        &self,
        fd: BorrowedFd<'_>,
        fourcc: Fourcc,
        size: (u32, u32),
        index: u32,
    ) -> Result<FrameInterval, Errno>;
    /// VIDIOC_G_FMT.
    fn get_format(&self, fd: BorrowedFd<'_>, kind: BufferType) -> Result<PixelFormat, Errno>;
    /// VIDIOC_S_FMT: asks for `format` and gives what the driver made of it.
    fn set_format(&self, fd: BorrowedFd<'_>, kind: BufferType, format: &PixelFormat) -> Result<PixelFormat, Errno>;
    /// VIDIOC_G_PARM.
    fn get_interval(&self, fd: BorrowedFd<'_>, kind: BufferType) -> Result<Interval, Errno>;
    /// VIDIOC_S_PARM: asks for an interval and gives what the driver made of it.
    fn set_interval(&self, fd: BorrowedFd<'_>, kind: BufferType, interval: Fraction) -> Result<Interval, Errno>;
    /// VIDIOC_G_CTRL.
    fn get_control(&self, fd: BorrowedFd<'_>, id: u32) -> Result<i32, Errno>;
    /// VIDIOC_S_CTRL. The driver may take another value than the one asked for: VIDIOC_G_CTRL is the one to believe.
    fn set_control(&self, fd: BorrowedFd<'_>, id: u32, value: i32) -> Result<(), Errno>;
    /// VIDIOC_QUERY_EXT_CTRL.
    fn query_control(&self, fd: BorrowedFd<'_>, id: u32) -> Result<ControlDescription, Errno>;
    /// VIDIOC_QUERYMENU: the number that an item of an integer menu stands for. Of a menu of names it says only that the
    /// item is there.
    fn query_menu(&self, fd: BorrowedFd<'_>, id: u32, index: u32) -> Result<i64, Errno>;
    /// VIDIOC_REQBUFS with V4L2_MEMORY_MMAP; a count of 0 frees them. The kernel heeds `memory` only where the answer has
    /// [`PoolFlags::MMAP_CACHE_HINTS`], and clears it elsewhere (V4L2's "Memory Consistency Flags").
    fn request_buffers(
        &self,
        fd: BorrowedFd<'_>,
        kind: BufferType,
        count: u32,
        memory: MemoryFlags,
    ) -> Result<RequestedBuffers, Errno>;
    /// VIDIOC_QUERYBUF.
    fn query_buffer(&self, fd: BorrowedFd<'_>, kind: BufferType, index: u32) -> Result<BufferMemory, Errno>;
    /// VIDIOC_EXPBUF of one memory plane: a descriptor of its own, read-only and close-on-exec.
    fn export_buffer(&self, fd: BorrowedFd<'_>, kind: BufferType, index: u32, plane: u32) -> Result<OwnedFd, Errno>;
    /// DMA_BUF_IOCTL_SYNC on a descriptor of [`Kernel::export_buffer`]. EAGAIN means the same as EINTR there.
    fn sync_dma_buf(&self, dma_buf: BorrowedFd<'_>, flags: SyncFlags) -> Result<(), Errno>;
    /// VIDIOC_QUERYBUF of a capture buffer, for what it holds now: sequence number and time stamp as DQBUF tells them.
    /// v4l2loopback says (0, 0) while its writer has the buffer (`vidioc_querybuf`, since 0.13). ENOTTY of a kernel without it.
    fn buffer_mark(&self, fd: BorrowedFd<'_>, kind: BufferType, index: u32) -> Result<(u32, u64), Errno> {
        let _ = (fd, kind, index);
        Err(Errno::ENOTTY)
    }
    /// `mmap` of one memory plane, shared, read-only and with its pages in place (MAP_POPULATE).
    fn map(&self, fd: BorrowedFd<'_>, length: u32, offset: u32) -> Result<MmapRaw, Errno>;
    /// VIDIOC_QBUF. `plane_count` is the number of memory planes of the buffer.
    fn queue_buffer(&self, fd: BorrowedFd<'_>, kind: BufferType, index: u32, plane_count: u32) -> Result<(), Errno>;
    /// `mmap` of a buffer that this program fills. ENOTTY, as below, of a kernel without output queues.
    fn map_output(&self, fd: BorrowedFd<'_>, length: u32, offset: u32) -> Result<OutputMemory, Errno> {
        let _ = (fd, length, offset);
        Err(Errno::ENOTTY)
    }
    /// VIDIOC_QBUF of a buffer that this program has filled with so many bytes. The driver stamps it.
    fn queue_output(&self, fd: BorrowedFd<'_>, index: u32, bytesused: u32) -> Result<(), Errno> {
        let _ = (fd, index, bytesused);
        Err(Errno::ENOTTY)
    }
    /// VIDIOC_DQBUF.
    fn dequeue_buffer(&self, fd: BorrowedFd<'_>, kind: BufferType) -> Result<Dequeued, Errno>;
    /// VIDIOC_STREAMON.
    fn stream_on(&self, fd: BorrowedFd<'_>, kind: BufferType) -> Result<(), Errno>;
    /// VIDIOC_SUBSCRIBE_EVENT for V4L2_EVENT_SOURCE_CHANGE.
    fn subscribe_source_change(&self, fd: BorrowedFd<'_>) -> Result<(), Errno>;
    /// VIDIOC_DQEVENT: whether it was V4L2_EVENT_SOURCE_CHANGE; ENOENT where none waits.
    fn dequeue_event(&self, fd: BorrowedFd<'_>) -> Result<bool, Errno>;
    /// VIDIOC_G_INPUT and VIDIOC_ENUMINPUT: the status of the current input.
    fn input_status(&self, fd: BorrowedFd<'_>) -> Result<InputStatus, Errno>;
    /// VIDIOC_STREAMOFF.
    fn stream_off(&self, fd: BorrowedFd<'_>, kind: BufferType) -> Result<(), Errno>;
    /// `epoll_wait`; `timeout` in nanoseconds, rounded up to what the system can wait; `None` is for ever.
    fn wait(&self, epoll: &Epoll, events: &mut [EpollEvent], timeout: Option<u64>) -> Result<usize, Errno>;
    /// `sched_setscheduler` of a thread, by its number in the kernel. What it starts does not inherit it.
    fn set_real_time(&self, thread: i32, policy: RealTimePolicy, priority: u8) -> Result<(), Errno>;
    /// `sched_setaffinity` of a thread, by its number in the kernel.
    fn set_affinity(&self, thread: i32, cpus: &[usize]) -> Result<(), Errno>;
    /// CLOCK_MONOTONIC in nanoseconds.
    fn now(&self) -> u64;
    /// `clock_nanosleep` until this moment of CLOCK_MONOTONIC. What is past returns at once.
    fn sleep_until(&self, moment: u64) -> Result<(), Errno> {
        let _ = moment;
        Err(Errno::ENOTSUP)
    }
}

/// Makes a call again for as long as a signal interrupts it.
pub(crate) fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            answer => return answer,
        }
    }
}
