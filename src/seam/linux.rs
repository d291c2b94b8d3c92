//! The real kernel: one line per ioctl, and the calls around them.

use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use memmap2::{MmapOptions, MmapRaw};
use nix::errno::Errno;
use nix::fcntl::{self, OFlag};
use nix::libc;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::epoll::{Epoll, EpollEvent, EpollTimeout};
use nix::sys::stat::Mode;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};
use nix::unistd::Pid;
use v4l::v4l_sys::{
    V4L2_EVENT_SOURCE_CHANGE, v4l2_buffer, v4l2_capability, v4l2_control, v4l2_event, v4l2_event_subscription,
    v4l2_exportbuffer, v4l2_field_V4L2_FIELD_NONE as V4L2_FIELD_NONE, v4l2_fmtdesc, v4l2_frmivalenum, v4l2_frmsizeenum,
    v4l2_input, v4l2_memory_V4L2_MEMORY_MMAP as MEMORY_MMAP, v4l2_plane, v4l2_query_ext_ctrl, v4l2_querymenu,
    v4l2_requestbuffers, v4l2_streamparm,
};

use super::kernel::Kernel;
use super::output::OutputMemory;
use super::values::{
    BufferMemory, BufferType, Capability, ControlDescription, Dequeued, Fraction, FrameInterval, FrameSize,
    InputStatus, Interval, MAX_PLANES, MemoryFlags, PixelFormat, PoolFlags, RealTimePolicy, RequestedBuffers,
    SyncFlags,
};
use super::{abi, vidioc};
use crate::format::Fourcc;

/// A struct of zeroes for the kernel to fill.
macro_rules! zeroed {
    ($kind:ty) => {{
        // SAFETY: the V4L2 structs named here, and `sched_param`, are made of integers, arrays of them, and unions and
        // pointers of those: all zeroes is a valid value.
        unsafe { mem::zeroed::<$kind>() }
    }};
}

/// One ioctl: the struct is exclusively borrowed for the call and of the type its number encodes.
macro_rules! ioctl {
    ($call:ident, $fd:expr, $arg:expr) => {{
        // SAFETY: `$fd` is a borrowed, hence open, descriptor. The operand is a live, initialised struct of the very
        // type whose size the request number encodes (asserted in `abi`), so the kernel reads and writes inside it.
        // Where the struct points on (multi-planar buffers), the caller sets pointer and length to a live array.
        unsafe { vidioc::$call($fd.as_raw_fd(), $arg) }.map(drop)
    }};
}

/// The kernel this process runs on.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct LinuxKernel;

impl LinuxKernel {
    /// A `v4l2_buffer` for the queue `kind`, its plane array in place, handed to `call`.
    fn with_buffer<T>(
        kind: BufferType,
        index: u32,
        plane_count: u32,
        call: impl FnOnce(&mut v4l2_buffer) -> Result<(), Errno>,
        read: impl FnOnce(&v4l2_buffer, &[v4l2_plane; MAX_PLANES]) -> T,
    ) -> Result<T, Errno> {
        let mut planes = zeroed!([v4l2_plane; MAX_PLANES]);
        let mut raw = zeroed!(v4l2_buffer);
        raw.index = index;
        raw.type_ = kind.raw();
        raw.memory = MEMORY_MMAP;
        if kind == BufferType::VideoCaptureMplane {
            raw.m.planes = planes.as_mut_ptr();
            // At most what the array holds, whatever a driver claimed before.
            raw.length = plane_count.min(MAX_PLANES as u32);
        }
        call(&mut raw)?;
        Ok(read(&raw, &planes))
    }
}

impl Kernel for LinuxKernel {
    fn open(&self, path: &Path) -> Result<OwnedFd, Errno> {
        fcntl::open(path, OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty())
    }

    fn close(&self, fd: OwnedFd) {
        drop(fd);
    }

    fn query_capability(&self, fd: BorrowedFd<'_>) -> Result<Capability, Errno> {
        let mut raw = zeroed!(v4l2_capability);
        ioctl!(querycap, fd, &mut raw)?;
        Ok(Capability::from(&raw))
    }

    fn enum_format(&self, fd: BorrowedFd<'_>, kind: BufferType, index: u32) -> Result<Fourcc, Errno> {
        let mut raw = zeroed!(v4l2_fmtdesc);
        raw.index = index;
        raw.type_ = kind.raw();
        ioctl!(enum_fmt, fd, &mut raw)?;
        Ok(Fourcc::from_u32(raw.pixelformat))
    }

    fn enum_frame_size(&self, fd: BorrowedFd<'_>, fourcc: Fourcc, index: u32) -> Result<FrameSize, Errno> {
        let mut raw = zeroed!(v4l2_frmsizeenum);
        raw.index = index;
        raw.pixel_format = fourcc.to_u32();
        ioctl!(enum_framesizes, fd, &mut raw)?;
        Ok(FrameSize::from(&raw))
    }

    fn enum_frame_interval(
        &self,
        fd: BorrowedFd<'_>,
        fourcc: Fourcc,
        (width, height): (u32, u32),
        index: u32,
    ) -> Result<FrameInterval, Errno> {
        let mut raw = zeroed!(v4l2_frmivalenum);
        raw.index = index;
        raw.pixel_format = fourcc.to_u32();
        raw.width = width;
        raw.height = height;
        ioctl!(enum_frameintervals, fd, &mut raw)?;
        Ok(FrameInterval::from(&raw))
    }

    fn get_format(&self, fd: BorrowedFd<'_>, kind: BufferType) -> Result<PixelFormat, Errno> {
        let mut raw = abi::zeroed_format();
        raw.type_ = kind.raw();
        ioctl!(g_fmt, fd, &mut raw)?;
        Ok(PixelFormat::from_raw(&raw, kind))
    }

    fn set_format(&self, fd: BorrowedFd<'_>, kind: BufferType, format: &PixelFormat) -> Result<PixelFormat, Errno> {
        let mut raw = format.to_raw(kind);
        ioctl!(s_fmt, fd, &mut raw)?;
        Ok(PixelFormat::from_raw(&raw, kind))
    }

    fn get_interval(&self, fd: BorrowedFd<'_>, kind: BufferType) -> Result<Interval, Errno> {
        let mut raw = zeroed!(v4l2_streamparm);
        raw.type_ = kind.raw();
        ioctl!(g_parm, fd, &mut raw)?;
        Ok(Interval::from(&raw))
    }

    fn set_interval(&self, fd: BorrowedFd<'_>, kind: BufferType, interval: Fraction) -> Result<Interval, Errno> {
        let mut raw = zeroed!(v4l2_streamparm);
        raw.type_ = kind.raw();
        raw.parm.capture.timeperframe = interval.into();
        ioctl!(s_parm, fd, &mut raw)?;
        Ok(Interval::from(&raw))
    }

    fn get_control(&self, fd: BorrowedFd<'_>, id: u32) -> Result<i32, Errno> {
        let mut raw = zeroed!(v4l2_control);
        raw.id = id;
        ioctl!(g_ctrl, fd, &mut raw)?;
        Ok(raw.value)
    }

    fn set_control(&self, fd: BorrowedFd<'_>, id: u32, value: i32) -> Result<(), Errno> {
        let mut raw = v4l2_control { id, value };
        ioctl!(s_ctrl, fd, &mut raw)
    }

    fn query_control(&self, fd: BorrowedFd<'_>, id: u32) -> Result<ControlDescription, Errno> {
        let mut raw = zeroed!(v4l2_query_ext_ctrl);
        raw.id = id;
        ioctl!(query_ext_ctrl, fd, &mut raw)?;
        Ok(ControlDescription::from(&raw))
    }

    fn query_menu(&self, fd: BorrowedFd<'_>, id: u32, index: u32) -> Result<i64, Errno> {
        let mut raw = zeroed!(v4l2_querymenu);
        raw.id = id;
        raw.index = index;
        ioctl!(querymenu, fd, &mut raw)?;
        Ok(abi::menu_value(&raw))
    }

    fn request_buffers(
        &self,
        fd: BorrowedFd<'_>,
        kind: BufferType,
        count: u32,
        memory: MemoryFlags,
    ) -> Result<RequestedBuffers, Errno> {
        let mut raw = zeroed!(v4l2_requestbuffers);
        raw.count = count;
        raw.type_ = kind.raw();
        raw.memory = MEMORY_MMAP;
        raw.flags = memory.bits();
        ioctl!(reqbufs, fd, &mut raw)?;
        Ok(RequestedBuffers { count: raw.count, flags: PoolFlags::from_bits_retain(raw.capabilities) })
    }

    fn query_buffer(&self, fd: BorrowedFd<'_>, kind: BufferType, index: u32) -> Result<BufferMemory, Errno> {
        Self::with_buffer(
            kind,
            index,
            MAX_PLANES as u32,
            |raw| ioctl!(querybuf, fd, raw),
            |raw, planes| abi::buffer_memory(raw, planes, kind),
        )
    }

    fn export_buffer(&self, fd: BorrowedFd<'_>, kind: BufferType, index: u32, plane: u32) -> Result<OwnedFd, Errno> {
        let mut raw = zeroed!(v4l2_exportbuffer);
        raw.type_ = kind.raw();
        raw.index = index;
        raw.plane = plane;
        raw.flags = (OFlag::O_RDONLY | OFlag::O_CLOEXEC).bits().cast_unsigned();
        // For a driver that succeeds and gives nothing.
        raw.fd = -1;
        ioctl!(expbuf, fd, &mut raw)?;
        if raw.fd < 0 {
            return Err(Errno::EBADF);
        }
        // SAFETY: EXPBUF succeeded and set `fd`, which is a new descriptor of this process that nobody else knows.
        Ok(unsafe { OwnedFd::from_raw_fd(raw.fd) })
    }

    fn sync_dma_buf(&self, dma_buf: BorrowedFd<'_>, flags: SyncFlags) -> Result<(), Errno> {
        ioctl!(dma_buf_sync, dma_buf, &flags.bits())
    }

    fn buffer_mark(&self, fd: BorrowedFd<'_>, kind: BufferType, index: u32) -> Result<(u32, u64), Errno> {
        Self::with_buffer(
            kind,
            index,
            MAX_PLANES as u32,
            |raw| ioctl!(querybuf, fd, raw),
            |raw, _| (raw.sequence, abi::nanoseconds(&raw.timestamp)),
        )
    }

    fn map(&self, fd: BorrowedFd<'_>, length: u32, offset: u32) -> Result<MmapRaw, Errno> {
        let length = usize::try_from(length).map_err(|_| Errno::EOVERFLOW)?;
        MmapOptions::new()
            .len(length)
            .offset(u64::from(offset))
            .populate()
            .map_raw_read_only(fd.as_raw_fd())
            .map_err(|error| error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw))
    }

    fn queue_buffer(&self, fd: BorrowedFd<'_>, kind: BufferType, index: u32, plane_count: u32) -> Result<(), Errno> {
        Self::with_buffer(kind, index, plane_count, |raw| ioctl!(qbuf, fd, raw), |_, _| ())
    }

    fn map_output(&self, fd: BorrowedFd<'_>, length: u32, offset: u32) -> Result<OutputMemory, Errno> {
        let length = usize::try_from(length).map_err(|_| Errno::EOVERFLOW)?;
        MmapOptions::new()
            .len(length)
            .offset(u64::from(offset))
            .map_raw(fd.as_raw_fd())
            .map(OutputMemory::new)
            .map_err(|error| error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw))
    }

    fn queue_output(&self, fd: BorrowedFd<'_>, index: u32, bytesused: u32) -> Result<(), Errno> {
        Self::with_buffer(
            BufferType::VideoOutput,
            index,
            1,
            |raw| {
                raw.bytesused = bytesused;
                raw.field = V4L2_FIELD_NONE;
                ioctl!(qbuf, fd, raw)
            },
            |_, _| (),
        )
    }

    fn dequeue_buffer(&self, fd: BorrowedFd<'_>, kind: BufferType) -> Result<Dequeued, Errno> {
        Self::with_buffer(
            kind,
            0,
            MAX_PLANES as u32,
            |raw| ioctl!(dqbuf, fd, raw),
            |raw, planes| abi::dequeued(raw, planes, kind),
        )
    }

    fn stream_on(&self, fd: BorrowedFd<'_>, kind: BufferType) -> Result<(), Errno> {
        ioctl!(streamon, fd, &kind.raw().cast_signed())
    }

    fn subscribe_source_change(&self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        let mut raw = zeroed!(v4l2_event_subscription);
        raw.type_ = V4L2_EVENT_SOURCE_CHANGE;
        ioctl!(subscribe_event, fd, &raw)
    }

    fn dequeue_event(&self, fd: BorrowedFd<'_>) -> Result<bool, Errno> {
        let mut raw = zeroed!(v4l2_event);
        ioctl!(dqevent, fd, &mut raw)?;
        Ok(raw.type_ == V4L2_EVENT_SOURCE_CHANGE)
    }

    fn input_status(&self, fd: BorrowedFd<'_>) -> Result<InputStatus, Errno> {
        let mut index = 0;
        ioctl!(g_input, fd, &mut index)?;
        let mut raw = zeroed!(v4l2_input);
        raw.index = u32::try_from(index).map_err(|_| Errno::EINVAL)?;
        ioctl!(enuminput, fd, &mut raw)?;
        Ok(InputStatus::from_bits_retain(raw.status))
    }

    fn stream_off(&self, fd: BorrowedFd<'_>, kind: BufferType) -> Result<(), Errno> {
        ioctl!(streamoff, fd, &kind.raw().cast_signed())
    }

    fn set_real_time(&self, thread: i32, policy: RealTimePolicy, priority: u8) -> Result<(), Errno> {
        let policy = libc::SCHED_RESET_ON_FORK
            | match policy {
                RealTimePolicy::Fifo => libc::SCHED_FIFO,
                RealTimePolicy::RoundRobin => libc::SCHED_RR,
            };
        let mut parameters = zeroed!(libc::sched_param);
        parameters.sched_priority = priority.into();
        // By its number: the function of that name in musl only says ENOSYS.
        // SAFETY: sched_setscheduler(2) takes two integers and a pointer to a `struct sched_param` that it only reads;
        // `parameters` is one, initialised and alive. The kernel reads its first member, which is all there is to its own.
        let answer = unsafe { libc::syscall(libc::SYS_sched_setscheduler, thread, policy, &raw const parameters) };
        Errno::result(answer).map(drop)
    }

    fn set_affinity(&self, thread: i32, cpus: &[usize]) -> Result<(), Errno> {
        let mut set = CpuSet::new();
        cpus.iter().try_for_each(|&cpu| set.set(cpu))?;
        sched_setaffinity(Pid::from_raw(thread), &set)
    }

    fn wait(&self, epoll: &Epoll, events: &mut [EpollEvent], timeout: Option<u64>) -> Result<usize, Errno> {
        let timeout = match timeout {
            None => EpollTimeout::NONE,
            // Rounded up: waking a fraction of a millisecond early would only mean waiting again.
            Some(ns) => EpollTimeout::try_from(ns.div_ceil(1_000_000).min(60_000)).unwrap_or(EpollTimeout::ZERO),
        };
        epoll.wait(events, timeout)
    }

    fn now(&self) -> u64 {
        match clock_gettime(ClockId::CLOCK_MONOTONIC) {
            Ok(time) => {
                let seconds = u64::try_from(time.tv_sec()).unwrap_or(0);
                seconds * 1_000_000_000 + u64::try_from(time.tv_nsec()).unwrap_or(0)
            }
            // Linux has had this clock always; a sandbox that forbids it gets a clock that stands still.
            Err(_) => 0,
        }
    }

    fn sleep_until(&self, moment: u64) -> Result<(), Errno> {
        let moment = TimeSpec::from_duration(Duration::from_nanos(moment));
        clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &moment).map(drop)
    }
}
