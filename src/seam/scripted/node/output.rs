//! A scripted device as a writer sees it: v4l2loopback's output queue, which gives buffers that were never queued.

use std::os::fd::RawFd;
use std::os::unix::fs::FileExt;

use memmap2::MmapOptions;
use nix::errno::Errno;

use super::super::camera::pixels;
use super::{MAX_PLANES, Node, PAGE};
use crate::seam::output::OutputMemory;
use crate::seam::{BufferFlags, Dequeued, PixelFormat, PlaneUse};

/// A frame that a writer has queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenFrame {
    /// When.
    pub(crate) time: u64,
    /// What.
    pub(crate) bytes: Vec<u8>,
}

impl Node {
    pub(in crate::seam::scripted) fn set_output_format(&mut self, wanted: &PixelFormat) -> Result<PixelFormat, Errno> {
        if !self.camera.output {
            return Err(Errno::EINVAL);
        }
        let made = pixels(wanted.fourcc, wanted.width, wanted.height);
        self.format = self.camera.answers.unwrap_or(PixelFormat { planes: made.planes, plane_count: 1, ..*wanted });
        Ok(self.format)
    }

    pub(in crate::seam::scripted) fn map_output(
        &mut self,
        fd: RawFd,
        length: u32,
        at: u32,
    ) -> Result<OutputMemory, Errno> {
        let index = (at / PAGE) as usize / MAX_PLANES;
        let queue = self.queue(fd, "mmap")?;
        let memory = queue.buffers.get(index).and_then(|planes| planes.first()).ok_or(Errno::EINVAL)?;
        MmapOptions::new()
            .len(length as usize)
            .map_raw(&memory.file)
            .map(OutputMemory::new)
            .map_err(|error| error.raw_os_error().map_or(Errno::EINVAL, Errno::from_raw))
    }

    pub(in crate::seam::scripted) fn dequeue_output(&mut self, fd: RawFd) -> Result<Dequeued, Errno> {
        if !self.queue(fd, "DQBUF")?.streaming {
            return Err(Errno::EINVAL);
        }
        let Some(index) = self.fillable.pop_front() else {
            self.misuse.push("DQBUF of more buffers than there are".to_owned());
            return Err(Errno::EFAULT);
        };
        Ok(Dequeued {
            index,
            flags: BufferFlags::empty(),
            sequence: 0,
            timestamp: 0,
            plane_count: 1,
            planes: [PlaneUse::default(); MAX_PLANES],
        })
    }

    pub(in crate::seam::scripted) fn queue_output(
        &mut self,
        fd: RawFd,
        index: u32,
        bytesused: u32,
        now: u64,
    ) -> Result<(), Errno> {
        let queue = self.queue(fd, "QBUF")?;
        let memory = queue.buffers.get(index as usize).and_then(|planes| planes.first()).ok_or(Errno::EINVAL)?;
        let mut bytes = vec![0; bytesused as usize];
        let read = memory.file.read_exact_at(&mut bytes, 0).is_ok();
        if !read || self.fillable.contains(&index) {
            self.misuse.push(format!("QBUF of {bytesused} bytes in buffer {index}"));
            return Err(Errno::EINVAL);
        }
        self.fillable.push_back(index);
        self.written.push(WrittenFrame { time: now, bytes });
        Ok(())
    }
}

impl Node {
    /// A writer that heeds no lease writes `byte` over a buffer; `done` when it has finished that frame, of this sequence
    /// number.
    pub(in crate::seam::scripted) fn write_over(&mut self, index: u32, byte: u8, done: Option<(u32, u64)>) {
        let Some(memory) = self.queue.as_ref().and_then(|queue| queue.buffers.get(index as usize)?.first()) else {
            return;
        };
        let length = memory.length as usize;
        // In the middle of a frame only half of it is there.
        let written = if done.is_some() { length } else { length / 2 };
        memory.file.write_all_at(&vec![byte; written], 0).expect("memory");
        self.marks[index as usize] = done.unwrap_or((0, 0));
    }
}
