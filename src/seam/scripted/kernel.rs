//! The system calls themselves: each is counted, held up and failed as the script says, else done by the device.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;

use memmap2::MmapRaw;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollEvent, EpollTimeout};

use super::{Call, Rest, ScriptedKernel};
use crate::format::Fourcc;
use crate::seam::Kernel;
use crate::seam::abi::CID_MIN_BUFFERS_FOR_CAPTURE;
use crate::seam::output::OutputMemory;
use crate::seam::values::{
    BufferMemory, BufferType, Capability, CapabilityFlags, ControlDescription, Dequeued, Fraction, FrameInterval,
    FrameSize, InputStatus, Interval, MemoryFlags, PixelFormat, RealTimePolicy, RequestedBuffers, SyncFlags,
};

impl Kernel for ScriptedKernel {
    fn open(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let mut state = self.pass(self.state(), path, Call::Open);
        let node = state.nodes.get_mut(path).filter(|node| !node.gone).ok_or(Errno::ENOENT)?;
        node.faults.meet(Call::Open)?;
        Ok(node.open())
    }

    fn close(&self, fd: OwnedFd) {
        let _ = self.call(fd.as_fd(), Call::Close, |_, _| Ok(()));
        for node in self.state().nodes.values_mut() {
            node.close(fd.as_raw_fd());
        }
        self.changed.notify_all();
        drop(fd);
    }

    fn query_capability(&self, fd: BorrowedFd<'_>) -> Result<Capability, Errno> {
        self.call(fd, Call::QueryCapability, |node, _| {
            Ok(Capability {
                driver: node.camera.driver.clone(),
                card: node.camera.card.clone(),
                bus_info: String::new(),
                capabilities: node.camera.capabilities() | CapabilityFlags::DEVICE_CAPS,
                device_caps: node.camera.capabilities(),
            })
        })
    }

    fn enum_format(&self, fd: BorrowedFd<'_>, _: BufferType, index: u32) -> Result<Fourcc, Errno> {
        self.call(fd, Call::Enumerate, |node, _| {
            let mut formats: Vec<Fourcc> = node.camera.modes.iter().map(|mode| mode.0).collect();
            formats.dedup();
            formats.get(index as usize).copied().ok_or(Errno::EINVAL)
        })
    }

    fn enum_frame_size(&self, fd: BorrowedFd<'_>, fourcc: Fourcc, index: u32) -> Result<FrameSize, Errno> {
        self.call(fd, Call::Enumerate, |node, _| {
            let sizes = node.camera.modes.iter().filter(|mode| mode.0 == fourcc);
            let size = sizes.map(|&(_, width, height)| FrameSize::Discrete { width, height }).nth(index as usize);
            size.ok_or(Errno::EINVAL)
        })
    }

    fn enum_frame_interval(
        &self,
        fd: BorrowedFd<'_>,
        _: Fourcc,
        _: (u32, u32),
        index: u32,
    ) -> Result<FrameInterval, Errno> {
        self.call(fd, Call::Enumerate, |node, _| match (index, node.camera.interval) {
            (0, Some(interval)) => Ok(FrameInterval::Discrete(interval)),
            _ => Err(Errno::EINVAL),
        })
    }

    fn get_format(&self, fd: BorrowedFd<'_>, _: BufferType) -> Result<PixelFormat, Errno> {
        self.call(fd, Call::GetFormat, |node, _| Ok(node.format))
    }

    fn set_format(&self, fd: BorrowedFd<'_>, kind: BufferType, format: &PixelFormat) -> Result<PixelFormat, Errno> {
        self.call(fd, Call::SetFormat, |node, _| {
            if kind == BufferType::VideoOutput {
                return node.set_output_format(format);
            }
            node.format = node.camera.answer(format.fourcc, format.width, format.height);
            Ok(node.format)
        })
    }

    fn get_interval(&self, fd: BorrowedFd<'_>, _: BufferType) -> Result<Interval, Errno> {
        self.call(fd, Call::GetInterval, |node, _| {
            let time_per_frame = node.camera.interval.ok_or(Errno::ENOTTY)?;
            Ok(Interval { settable: node.camera.settable, time_per_frame })
        })
    }

    fn set_interval(&self, fd: BorrowedFd<'_>, _: BufferType, interval: Fraction) -> Result<Interval, Errno> {
        self.call(fd, Call::SetInterval, |node, _| {
            let current = node.camera.interval.as_mut().ok_or(Errno::ENOTTY)?;
            if node.camera.settable {
                *current = interval;
            }
            Ok(Interval { settable: node.camera.settable, time_per_frame: *current })
        })
    }

    fn get_control(&self, fd: BorrowedFd<'_>, id: u32) -> Result<i32, Errno> {
        self.call(fd, Call::GetControl, |node, _| match id {
            CID_MIN_BUFFERS_FOR_CAPTURE => node.camera.min_buffers.ok_or(Errno::EINVAL),
            id => node.camera.get_control(id),
        })
    }

    fn set_control(&self, fd: BorrowedFd<'_>, id: u32, value: i32) -> Result<(), Errno> {
        self.call(fd, Call::SetControl, |node, _| node.camera.set_control(id, value))
    }

    fn query_control(&self, fd: BorrowedFd<'_>, id: u32) -> Result<ControlDescription, Errno> {
        self.call(fd, Call::QueryControl, |node, _| node.camera.query_control(id))
    }

    fn query_menu(&self, fd: BorrowedFd<'_>, id: u32, index: u32) -> Result<i64, Errno> {
        self.call(fd, Call::QueryControl, |node, _| node.camera.query_menu(id, index))
    }

    fn request_buffers(
        &self,
        fd: BorrowedFd<'_>,
        _: BufferType,
        count: u32,
        memory: MemoryFlags,
    ) -> Result<RequestedBuffers, Errno> {
        let call = if count == 0 { Call::FreeBuffers } else { Call::RequestBuffers };
        self.call(fd, call, |node, fd| node.request_buffers(fd, count, memory))
    }

    fn query_buffer(&self, fd: BorrowedFd<'_>, _: BufferType, index: u32) -> Result<BufferMemory, Errno> {
        self.call(fd, Call::QueryBuffer, |node, fd| node.query_buffer(fd, index))
    }

    fn export_buffer(&self, fd: BorrowedFd<'_>, _: BufferType, index: u32, plane: u32) -> Result<OwnedFd, Errno> {
        self.call(fd, Call::ExportBuffer, |node, fd| node.export_buffer(fd, index, plane))
    }

    fn sync_dma_buf(&self, dma_buf: BorrowedFd<'_>, flags: SyncFlags) -> Result<(), Errno> {
        let mut state = self.state();
        let Some(node) = state.nodes.values_mut().find(|node| node.has_exported(dma_buf)) else {
            state.misuse.push("DMA_BUF_IOCTL_SYNC on something that is no dma-buf".to_owned());
            return Err(Errno::ENOTTY);
        };
        *node.calls.entry(Call::SyncDmaBuf).or_default() += 1;
        node.faults.meet(Call::SyncDmaBuf)?;
        node.sync(flags);
        Ok(())
    }

    fn buffer_mark(&self, fd: BorrowedFd<'_>, _: BufferType, index: u32) -> Result<(u32, u64), Errno> {
        self.call(fd, Call::QueryBuffer, |node, _| Ok(node.marks.get(index as usize).copied().unwrap_or((0, 0))))
    }

    fn map(&self, fd: BorrowedFd<'_>, length: u32, offset: u32) -> Result<MmapRaw, Errno> {
        self.call(fd, Call::Map, |node, fd| node.map(fd, length, offset))
    }

    fn queue_buffer(&self, fd: BorrowedFd<'_>, _: BufferType, index: u32, plane_count: u32) -> Result<(), Errno> {
        self.call(fd, Call::QueueBuffer, |node, fd| node.queue_buffer(fd, index, plane_count))
    }

    fn map_output(&self, fd: BorrowedFd<'_>, length: u32, offset: u32) -> Result<OutputMemory, Errno> {
        self.call(fd, Call::Map, |node, fd| node.map_output(fd, length, offset))
    }

    fn queue_output(&self, fd: BorrowedFd<'_>, index: u32, bytesused: u32) -> Result<(), Errno> {
        let now = self.now();
        self.call(fd, Call::QueueBuffer, |node, fd| node.queue_output(fd, index, bytesused, now))
    }

    fn dequeue_buffer(&self, fd: BorrowedFd<'_>, kind: BufferType) -> Result<Dequeued, Errno> {
        self.call(fd, Call::DequeueBuffer, |node, fd| match kind {
            BufferType::VideoOutput => node.dequeue_output(fd),
            BufferType::VideoCapture | BufferType::VideoCaptureMplane => node.dequeue(fd),
        })
    }

    fn stream_on(&self, fd: BorrowedFd<'_>, _: BufferType) -> Result<(), Errno> {
        self.call(fd, Call::StreamOn, |node, fd| node.stream_on(fd))
    }

    fn stream_off(&self, fd: BorrowedFd<'_>, _: BufferType) -> Result<(), Errno> {
        self.call(fd, Call::StreamOff, |node, fd| node.stream_off(fd))
    }

    fn subscribe_source_change(&self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        self.call(fd, Call::SubscribeEvent, |node, _| node.subscribe())
    }

    fn dequeue_event(&self, fd: BorrowedFd<'_>) -> Result<bool, Errno> {
        self.call(fd, Call::DequeueEvent, |node, _| node.dequeue_event())
    }

    fn input_status(&self, fd: BorrowedFd<'_>) -> Result<InputStatus, Errno> {
        self.call(fd, Call::InputStatus, |node, _| node.camera.input.ok_or(Errno::ENOTTY))
    }

    fn set_real_time(&self, thread: i32, policy: RealTimePolicy, priority: u8) -> Result<(), Errno> {
        self.schedule(format!("thread {thread} {policy} {priority}"))
    }

    fn set_affinity(&self, thread: i32, cpus: &[usize]) -> Result<(), Errno> {
        self.schedule(format!("thread {thread} on {cpus:?}"))
    }

    fn wait(&self, epoll: &Epoll, events: &mut [EpollEvent], timeout: Option<u64>) -> Result<usize, Errno> {
        let deadline = {
            let mut state = self.state();
            state.waits += 1;
            timeout.map(|timeout| state.now.saturating_add(timeout))
        };
        loop {
            let version = {
                let mut state = self.state();
                if std::mem::take(&mut state.interrupted) {
                    return Err(Errno::EINTR);
                }
                state.version
            };
            let count = epoll.wait(events, EpollTimeout::ZERO)?;
            if count > 0 {
                return Ok(count);
            }
            {
                let mut state = self.state();
                if deadline.is_some_and(|at| at <= state.now) {
                    return Ok(0);
                }
                state.resting.insert(thread::current().id(), Rest { version, deadline });
            }
            self.changed.notify_all();
            // An epoll descriptor is readable while it has an event to give.
            let mut wake =
                [PollFd::new(epoll.0.as_fd(), PollFlags::POLLIN), PollFd::new(self.nudge.as_fd(), PollFlags::POLLIN)];
            let polled = poll(&mut wake, PollTimeout::NONE);
            let _ = self.nudge.read();
            self.state().resting.remove(&thread::current().id());
            polled?;
        }
    }

    fn now(&self) -> u64 {
        self.state().now
    }

    fn sleep_until(&self, moment: u64) -> Result<(), Errno> {
        let mut state = self.state();
        state.now = state.now.max(moment);
        Ok(())
    }
}
