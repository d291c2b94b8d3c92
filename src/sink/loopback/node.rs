//! The writing side of a v4l2loopback node.
//!
//! Frames are written into the driver's own buffers (MMAP), not with `write()`: the driver then copies nothing, and while
//! a buffer is being filled it is out of the driver's books, which is what lets a reader see that its picture was
//! overwritten (`vidioc_dqbuf` and `vidioc_querybuf` in v4l2loopback.c). The driver gives a buffer at once, whatever its
//! readers hold, and without its having been queued before: an output queue of videobuf2 is none of these things, so
//! other drivers are refused.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;

use crate::error::{Error, ErrorName, Result};
use crate::format::FrameRate;
use crate::seam::{
    BufferType, CapabilityFlags, Fraction, Kernel, LOOPBACK_DRIVER, MemoryFlags, OutputMemory, PixelFormat, retry,
};

const OUTPUT: BufferType = BufferType::VideoOutput;
/// More than any v4l2loopback has (`MAX_BUFFERS`): it gives as many as its `max_buffers` says.
const BUFFERS: u32 = 32;
/// How a node for this is made. Readers cannot hold a buffer, so many buffers are what gives them time.
const MODPROBE: &str = "make one with: sudo modprobe v4l2loopback video_nr=9 max_buffers=8 exclusive_caps=1";

/// An open node that takes frames.
#[derive(Debug)]
pub(super) struct OutputNode {
    kernel: Arc<dyn Kernel>,
    fd: Option<OwnedFd>,
    path: String,
    buffers: Vec<OutputMemory>,
}

impl OutputNode {
    /// Opens the node and looks whether it takes frames.
    pub(super) fn open(kernel: Arc<dyn Kernel>, path: &str) -> Result<Self> {
        let fd = retry(|| kernel.open(path.as_ref())).map_err(|errno| cannot_open(errno, path))?;
        // From here on it is closed whatever happens.
        let node = Self { kernel, fd: Some(fd), path: path.to_owned(), buffers: Vec::new() };
        let capability = node.call(|kernel, fd| kernel.query_capability(fd)).map_err(|errno| {
            node.refused(Errno::ENOTTY, &format!("{path} is no video device ({})", errno.desc()), MODPROBE)
        })?;
        if capability.driver != LOOPBACK_DRIVER {
            let message =
                format!("{path} is {} of the driver {}, not a v4l2loopback", capability.card, capability.driver);
            return Err(node.refused(Errno::EINVAL, &message, MODPROBE));
        }
        if !capability.effective().contains(CapabilityFlags::VIDEO_OUTPUT) {
            // With exclusive_caps=1 that is how it looks while somebody writes to it, or with its control keep_format set.
            return Err(node.busy());
        }
        Ok(node)
    }

    /// Agrees on the format, which must be this one, and has the buffers made and mapped. How many there are, and their
    /// bytes from one line to the next.
    pub(super) fn start(&mut self, wanted: &PixelFormat, rate: Option<FrameRate>) -> Result<(usize, u32)> {
        let made = self.call(|kernel, fd| kernel.set_format(fd, OUTPUT, wanted)).map_err(|errno| match errno {
            Errno::EBUSY => self.busy(),
            // With exclusive_caps=1 there is no output queue once another writer has started.
            Errno::EINVAL => self.refused(
                errno,
                &format!("{} takes no {} of {}x{}", self.path, wanted.fourcc, wanted.width, wanted.height),
                "ask for YUYV, NV12 or YU12 with --fourcc, or close the program that writes to it",
            ),
            errno => self.failed("VIDIOC_S_FMT", errno),
        })?;
        if (made.fourcc, made.width, made.height) != (wanted.fourcc, wanted.width, wanted.height) {
            let kept = format!("{} {}x{}", made.fourcc, made.width, made.height);
            let message = format!(
                "{} stays at {kept} and takes no {} {}x{}",
                self.path, wanted.fourcc, wanted.width, wanted.height
            );
            return Err(self.refused(
                Errno::EBUSY,
                &message,
                "close its readers (or clear its control keep_format), or write what it is set to",
            ));
        }
        if let Some(rate) = rate {
            let interval = Fraction { numerator: rate.denominator(), denominator: rate.numerator() };
            // Only told to readers; a driver that refuses it takes the frames all the same.
            let _ = self.call(|kernel, fd| kernel.set_interval(fd, OUTPUT, interval));
        }
        let granted = self.call(|kernel, fd| kernel.request_buffers(fd, OUTPUT, BUFFERS, MemoryFlags::empty()));
        let granted = granted.map_err(|errno| match errno {
            Errno::EBUSY => self.busy(),
            errno => self.failed("VIDIOC_REQBUFS", errno),
        })?;
        for index in 0..granted.count.min(BUFFERS) {
            let memory = self
                .call(|kernel, fd| kernel.query_buffer(fd, OUTPUT, index))
                .map_err(|errno| self.failed("VIDIOC_QUERYBUF", errno))?;
            let (length, offset) = memory.planes[0];
            let mapped = self.call(|kernel, fd| kernel.map_output(fd, length, offset));
            self.buffers.push(mapped.map_err(|errno| self.failed("mmap", errno))?);
        }
        if self.buffers.is_empty() {
            return Err(self.failed("VIDIOC_REQBUFS", Errno::ENOMEM));
        }
        self.call(|kernel, fd| kernel.stream_on(fd, OUTPUT)).map_err(|errno| match errno {
            Errno::EBUSY => self.busy(),
            errno => self.failed("VIDIOC_STREAMON", errno),
        })?;
        self.made(&made)
    }

    /// Whether the buffers hold what the driver said a frame takes.
    fn made(&self, made: &PixelFormat) -> Result<(usize, u32)> {
        let needed = usize::try_from(made.planes[0].sizeimage).unwrap_or(usize::MAX);
        if self.buffers.iter().any(|buffer| buffer.len() < needed) {
            return Err(self.failed("mmap", Errno::EPROTO));
        }
        Ok((self.buffers.len(), made.planes[0].bytesperline))
    }

    /// Stops, so that another format can be agreed on.
    pub(super) fn stop(&mut self) {
        if self.buffers.is_empty() {
            return;
        }
        // Nothing can be done about a failure here: the next start would meet it again, and closing needs no more.
        let _ = self.call(|kernel, fd| kernel.stream_off(fd, OUTPUT));
        self.buffers.clear();
        let _ = self.call(|kernel, fd| kernel.request_buffers(fd, OUTPUT, 0, MemoryFlags::empty()));
    }

    /// Takes a buffer, has `fill` write a frame into it and say of how many bytes, and gives it to the readers.
    pub(super) fn write(&mut self, fill: impl FnOnce(&mut OutputMemory) -> Result<usize>) -> Result<()> {
        let taken = self.call(|kernel, fd| kernel.dequeue_buffer(fd, OUTPUT));
        let index = taken.map_err(|errno| self.failed("VIDIOC_DQBUF", errno))?.index;
        let memory = usize::try_from(index).ok().and_then(|index| self.buffers.get_mut(index));
        let bytes = match memory {
            Some(memory) => fill(memory)?,
            None => return Err(self.failed("VIDIOC_DQBUF", Errno::EPROTO)),
        };
        let bytes = u32::try_from(bytes).map_err(|_| self.failed("VIDIOC_QBUF", Errno::EFBIG))?;
        self.call(|kernel, fd| kernel.queue_output(fd, index, bytes)).map_err(|errno| self.failed("VIDIOC_QBUF", errno))
    }

    fn call<T>(
        &self,
        mut call: impl FnMut(&dyn Kernel, BorrowedFd<'_>) -> std::result::Result<T, Errno>,
    ) -> std::result::Result<T, Errno> {
        // There is one until the drop.
        let fd = self.fd.as_ref().ok_or(Errno::EBADF)?;
        retry(|| call(&*self.kernel, fd.as_fd()))
    }

    fn busy(&self) -> Error {
        self.refused(
            Errno::EBUSY,
            &format!("another program writes to {}", self.path),
            "close that program; if there is none, clear the node's control keep_format, or make another node",
        )
    }

    fn failed(&self, call: &str, errno: Errno) -> Error {
        let gone = matches!(errno, Errno::ENODEV | Errno::ENXIO);
        let message = format!("{call} failed on {}: {}", self.path, errno.desc());
        let remedy = if gone { "load v4l2loopback again" } else { "look for the driver's words with dmesg" };
        self.refused(errno, &message, remedy)
    }

    fn refused(&self, errno: Errno, message: &str, remedy: &str) -> Error {
        Error::new(ErrorName::NotReadableError, message)
            .with_errno(errno as i32)
            .with_device(&self.path, &self.path)
            .with_remedy(remedy)
    }
}

impl Drop for OutputNode {
    fn drop(&mut self) {
        self.stop();
        if let Some(fd) = self.fd.take() {
            self.kernel.close(fd);
        }
    }
}

fn cannot_open(errno: Errno, path: &str) -> Error {
    let (name, message, remedy) = match errno {
        Errno::ENOENT | Errno::ENXIO | Errno::ENODEV => {
            (ErrorName::NotFoundError, format!("there is no {path}"), MODPROBE)
        }
        Errno::EACCES | Errno::EPERM => (
            ErrorName::NotAllowedError,
            format!("no permission to write to {path}"),
            "add yourself to the group that owns it: ls -l shows which, usually video",
        ),
        Errno::EBUSY => (
            ErrorName::NotReadableError,
            format!("{path} is open in as many programs as it allows"),
            "close some of them, or load v4l2loopback with a larger max_openers",
        ),
        errno => (ErrorName::NotReadableError, format!("cannot open {path}: {}", errno.desc()), MODPROBE),
    };
    Error::new(name, message).with_errno(errno as i32).with_device(path, path).with_remedy(remedy)
}
