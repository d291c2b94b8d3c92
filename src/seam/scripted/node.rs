//! One scripted device while it runs: its queue as videobuf2 keeps it, and what would be misuse of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;

use memmap2::MmapRaw;
use nix::errno::Errno;

use self::output::WrittenFrame;
use super::call::{Call, Faults};
use super::camera::{ScriptedCamera, pixels};
use super::frame::{Frame, JPEG};
use super::memory::{Memory, PAGE, mapped, names_of, offset};
use crate::seam::{
    BufferFlags, BufferMemory, Dequeued, MAX_PLANES, MemoryFlags, PixelFormat, PlaneUse, PoolFlags, RequestedBuffers,
    SyncFlags,
};

pub(crate) mod output;

/// The most buffers that are really made: a script may tell any number.
const MOST_BUFFERS: u32 = 64;

/// What DQBUF will tell, and which buffer the driver still has until then: none where the script lied about the index.
#[derive(Debug)]
struct Done {
    holds: Option<u32>,
    told: Dequeued,
}

#[derive(Debug)]
struct Queue {
    owner: RawFd,
    buffers: Vec<Vec<Memory>>,
    queued: VecDeque<u32>,
    done: VecDeque<Done>,
    streaming: bool,
}

impl Queue {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.buffers.iter().flatten().map(|memory| memory.name.as_str())
    }
}

/// The kernel's side of an open descriptor: a pipe, which is readable when a byte is in it and hangs up with its writer.
#[derive(Debug)]
struct Handle {
    writer: Option<PipeWriter>,
    reader: PipeReader,
    readable: bool,
}

/// A device.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) camera: ScriptedCamera,
    pub(super) faults: Faults,
    pub(super) blocked: Vec<Call>,
    pub(super) calls: BTreeMap<Call, u64>,
    pub(super) format: PixelFormat,
    pub(super) gone: bool,
    pub(super) misuse: Vec<String>,
    /// What QUERYBUF says of memory planes in place of the truth.
    pub(super) buffer_planes: Option<u32>,
    /// Buffers that DQBUF named while the driver had them: to queue such a one again is no misuse, for it cannot be known.
    lied: BTreeSet<u32>,
    /// What each buffer holds: sequence number and time stamp.
    pub(super) marks: Vec<(u32, u64)>,
    /// What a writer has queued, and which buffers it may fill, the oldest first.
    pub(super) written: Vec<WrittenFrame>,
    fillable: VecDeque<u32>,
    /// The names of all memory there ever was.
    memories: Vec<String>,
    handles: BTreeMap<RawFd, Handle>,
    queue: Option<Queue>,
    sequence: u32,
    last: (u32, u64),
    /// Somebody listens to source changes.
    subscribed: bool,
    /// Source changes that nobody has dequeued.
    events: u32,
    /// Readings of exported memory that have begun and not ended.
    pub(super) reading: u32,
    /// What the buffers are of.
    pub(super) memory: MemoryFlags,
}

impl Node {
    pub(super) fn new(camera: ScriptedCamera) -> Self {
        let (fourcc, width, height) = camera.modes[0];
        Self {
            camera,
            faults: Faults::default(),
            blocked: Vec::new(),
            calls: BTreeMap::new(),
            format: pixels(fourcc, width, height),
            gone: false,
            misuse: Vec::new(),
            buffer_planes: None,
            lied: BTreeSet::new(),
            marks: Vec::new(),
            written: Vec::new(),
            fillable: VecDeque::new(),
            memories: Vec::new(),
            handles: BTreeMap::new(),
            queue: None,
            sequence: 0,
            last: (0, 0),
            subscribed: false,
            events: 0,
            reading: 0,
            memory: MemoryFlags::empty(),
        }
    }

    /// The source has changed: a descriptor that listens becomes ready. (Ready to read as well, which a real one is not: a pipe
    /// has no exceptional condition.)
    pub(super) fn change_source(&mut self) {
        self.events += u32::from(self.subscribed);
        self.refresh();
    }

    pub(super) fn subscribe(&mut self) -> Result<(), Errno> {
        self.subscribed = self.camera.tells_of_source;
        if self.subscribed { Ok(()) } else { Err(Errno::ENOTTY) }
    }

    pub(super) fn dequeue_event(&mut self) -> Result<bool, Errno> {
        self.events = self.events.checked_sub(1).ok_or(Errno::ENOENT)?;
        Ok(true)
    }

    pub(super) fn open(&mut self) -> OwnedFd {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let fd = OwnedFd::from(reader.try_clone().expect("a descriptor"));
        let handle = Handle { writer: Some(writer), reader, readable: false };
        if self.handles.insert(std::os::fd::AsRawFd::as_raw_fd(&fd), handle).is_some() {
            self.misuse.push("a descriptor was closed behind the kernel's back".to_owned());
        }
        fd
    }

    pub(super) fn is_open(&self, fd: RawFd) -> bool {
        self.handles.contains_key(&fd)
    }

    pub(super) fn open_count(&self) -> usize {
        self.handles.len()
    }

    pub(super) fn close(&mut self, fd: RawFd) {
        self.handles.remove(&fd);
        if self.handles.is_empty() {
            (self.subscribed, self.events) = (false, 0);
        }
        self.queue.take_if(|queue| queue.owner == fd);
    }

    pub(super) fn request_buffers(
        &mut self,
        fd: RawFd,
        count: u32,
        memory: MemoryFlags,
    ) -> Result<RequestedBuffers, Errno> {
        if self.queue.as_ref().is_some_and(|queue| queue.owner != fd) {
            return Err(Errno::EBUSY);
        }
        // videobuf2 asks whether anyone has a buffer mapped, or a dma-buf of it; a node that was opened anew asks as well, where the driver
        // cannot orphan its buffers and so still has them.
        if !self.camera.orphans && self.mappings() + self.dma_bufs() > 0 {
            return Err(Errno::EBUSY);
        }
        if self.queue.as_ref().is_some_and(|queue| queue.streaming) {
            self.misuse.push("REQBUFS while streaming".to_owned());
            return Err(Errno::EBUSY);
        }
        self.queue = None;
        let mut flags = PoolFlags::empty();
        flags.set(PoolFlags::ORPHANED_BUFFERS, self.camera.orphans);
        flags.set(PoolFlags::MMAP_CACHE_HINTS, self.camera.cache_hints);
        if count == 0 {
            return Ok(RequestedBuffers { count, flags });
        }
        self.memory = if self.camera.cache_hints { memory } else { MemoryFlags::empty() };
        let count = self.camera.granted.unwrap_or(count);
        let planes = self.plane_count();
        let memory = |plane: usize| Memory::new(self.format.planes[plane].sizeimage);
        let buffers: Vec<Vec<Memory>> =
            (0..count.min(MOST_BUFFERS)).map(|_| (0..planes).map(memory).collect()).collect();
        let queue = Queue { owner: fd, buffers, queued: VecDeque::new(), done: VecDeque::new(), streaming: false };
        self.marks = vec![(0, 0); count.min(MOST_BUFFERS) as usize];
        // As v4l2loopback: there to be filled without having been queued.
        self.fillable = (0..count.min(MOST_BUFFERS)).collect();
        self.memories.extend(queue.names().map(str::to_owned));
        self.queue = Some(queue);
        Ok(RequestedBuffers { count, flags })
    }

    fn plane_count(&self) -> usize {
        usize::try_from(self.format.plane_count).map_or(1, |count| count.clamp(1, MAX_PLANES))
    }

    fn queue(&mut self, fd: RawFd, what: &str) -> Result<&mut Queue, Errno> {
        match &mut self.queue {
            Some(queue) if queue.owner == fd => Ok(queue),
            _ => {
                self.misuse.push(format!("{what} without buffers"));
                Err(Errno::EINVAL)
            }
        }
    }

    pub(super) fn query_buffer(&mut self, fd: RawFd, index: u32) -> Result<BufferMemory, Errno> {
        let told = self.buffer_planes;
        let queue = self.queue(fd, "QUERYBUF")?;
        let memories = queue.buffers.get(index as usize).ok_or(Errno::EINVAL)?;
        let mut planes = [(0, 0); MAX_PLANES];
        for (plane, memory) in memories.iter().enumerate() {
            planes[plane] = (memory.length, offset(index, plane));
        }
        Ok(BufferMemory { plane_count: told.unwrap_or(u32::try_from(memories.len()).unwrap_or(u32::MAX)), planes })
    }

    pub(super) fn map(&mut self, fd: RawFd, length: u32, at: u32) -> Result<MmapRaw, Errno> {
        let queue = self.queue(fd, "mmap")?;
        let (index, plane) = ((at / PAGE) as usize / MAX_PLANES, (at / PAGE) as usize % MAX_PLANES);
        let memory = queue.buffers.get(index).and_then(|planes| planes.get(plane)).ok_or(Errno::EINVAL)?;
        if length != memory.length {
            self.misuse.push("mmap of another length than the buffer's".to_owned());
            return Err(Errno::EINVAL);
        }
        memory.map()
    }

    pub(super) fn export_buffer(&mut self, fd: RawFd, index: u32, plane: u32) -> Result<OwnedFd, Errno> {
        if !self.camera.exports {
            return Err(Errno::EINVAL);
        }
        let queue = self.queue(fd, "EXPBUF")?;
        let memory = queue.buffers.get(index as usize).and_then(|planes| planes.get(plane as usize));
        memory.ok_or(Errno::EINVAL)?.export()
    }

    /// Whether a descriptor is of its memory.
    pub(super) fn has_exported(&self, dma_buf: BorrowedFd<'_>) -> bool {
        names_of(fs::read_link(format!("/proc/self/fd/{}", dma_buf.as_raw_fd())), &self.memories)
    }

    /// A reading begins or ends.
    pub(super) fn sync(&mut self, flags: SyncFlags) {
        match self.reading.checked_sub(1) {
            _ if !flags.contains(SyncFlags::END) => self.reading += 1,
            Some(left) => self.reading = left,
            None => self.misuse.push("the end of a reading that had not begun".to_owned()),
        }
    }

    pub(super) fn queue_buffer(&mut self, fd: RawFd, index: u32, plane_count: u32) -> Result<(), Errno> {
        let planes = self.plane_count();
        let multiplanar = self.camera.multiplanar;
        let lied = self.lied.contains(&index);
        let queue = self.queue(fd, "QBUF")?;
        let taken = queue.queued.contains(&index) || queue.done.iter().any(|done| done.holds == Some(index));
        if taken && lied {
            return Err(Errno::EINVAL);
        }
        if taken || index as usize >= queue.buffers.len() {
            self.misuse.push(format!("QBUF of buffer {index}, which the driver has or never made"));
            return Err(Errno::EINVAL);
        }
        if multiplanar && plane_count as usize != planes {
            self.misuse.push(format!("QBUF with {plane_count} planes in place of {planes}"));
            return Err(Errno::EINVAL);
        }
        queue.queued.push_back(index);
        Ok(())
    }

    pub(super) fn stream_on(&mut self, fd: RawFd) -> Result<(), Errno> {
        let queue = self.queue(fd, "STREAMON")?;
        queue.streaming = true;
        self.sequence = 0;
        Ok(())
    }

    pub(super) fn stream_off(&mut self, fd: RawFd) -> Result<(), Errno> {
        let queue = self.queue(fd, "STREAMOFF")?;
        queue.streaming = false;
        queue.queued.clear();
        queue.done.clear();
        self.refresh();
        Ok(())
    }

    pub(super) fn dequeue(&mut self, fd: RawFd) -> Result<Dequeued, Errno> {
        let queue = self.queue(fd, "DQBUF")?;
        if !queue.streaming {
            return Err(Errno::EINVAL);
        }
        queue.done.pop_front().map(|done| done.told).ok_or(Errno::EAGAIN)
    }

    /// A frame falls due at `now`. Whether there was a buffer for it.
    pub(super) fn give(&mut self, frame: &Frame, now: u64) -> bool {
        let next = frame.sequence.unwrap_or(self.sequence.wrapping_add(frame.skipped));
        let (sequence, timestamp) = if frame.again { self.last } else { (next, frame.timestamp.unwrap_or(now)) };
        self.sequence = sequence.wrapping_add(1);
        let planes = self.plane_count();
        let (fourcc, multiplanar) = (self.format.fourcc, self.camera.multiplanar);
        let Some(queue) = self.queue.as_mut().filter(|queue| queue.streaming && !self.gone) else { return false };
        let wanted = frame.index.and_then(|index| queue.queued.iter().position(|&queued| queued == index));
        let Some(actual) = queue.queued.remove(wanted.unwrap_or(0)) else { return false };
        self.last = (sequence, timestamp);
        let mut uses = [PlaneUse::default(); MAX_PLANES];
        for (memory, used) in queue.buffers[actual as usize].iter().zip(&mut uses) {
            let picture = match &frame.bytes {
                Some(bytes) => bytes.clone(),
                None if fourcc.is_jpeg() => JPEG.to_vec(),
                // Every byte tells which frame it is of.
                None => vec![mark(sequence); (memory.length - frame.data_offset.min(memory.length)) as usize],
            };
            let end = u64::from(frame.data_offset) + picture.len() as u64;
            if end <= u64::from(memory.length) {
                memory.file.write_all_at(&picture, u64::from(frame.data_offset)).expect("memory");
            }
            used.bytesused = frame.bytesused.unwrap_or(u32::try_from(end).unwrap_or(u32::MAX));
            used.data_offset = frame.data_offset;
        }
        self.marks[actual as usize] = (sequence, timestamp);
        let index = frame.index.unwrap_or(actual);
        if index != actual {
            queue.queued.push_front(actual);
            self.lied.insert(index);
        }
        let plane_count = frame.plane_count.unwrap_or(if multiplanar { planes as u32 } else { 1 });
        let flags = frame.flags.unwrap_or(BufferFlags::TIMESTAMP_MONOTONIC);
        let told = Dequeued { index, flags, sequence, timestamp, plane_count, planes: uses };
        queue.done.push_back(Done { holds: (index == actual).then_some(actual), told });
        self.refresh();
        true
    }

    /// Pulls the plug: everything fails from here on, and descriptors hang up.
    pub(super) fn unplug(&mut self) {
        self.gone = true;
        self.hang_up();
    }

    /// Descriptors hang up.
    pub(super) fn hang_up(&mut self) {
        for handle in self.handles.values_mut() {
            handle.writer = None;
        }
    }

    /// Whether whoever waits for the device has something to do.
    pub(super) fn is_ready(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| {
            !self.gone
                && queue.streaming
                && (!queue.done.is_empty() || self.events > 0 || self.faults.is_next(Call::DequeueBuffer))
        })
    }

    /// Makes the descriptor as readable as the queue is.
    pub(super) fn refresh(&mut self) {
        let ready = self.is_ready();
        for handle in self.handles.values_mut() {
            let Some(writer) = &mut handle.writer else { continue };
            if ready && !handle.readable {
                writer.write_all(&[1]).expect("a pipe with room for one byte");
            } else if !ready && handle.readable {
                handle.reader.read_exact(&mut [0]).expect("the byte written before");
            }
            handle.readable = ready;
        }
    }

    /// How many buffers the driver has to fill.
    pub(super) fn queued(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.queued.len())
    }

    /// How many dma-bufs of its buffers, of whatever generation, are open in this process.
    pub(super) fn dma_bufs(&self) -> usize {
        let ours = self.queue.as_ref().map_or(0, |queue| queue.buffers.iter().flatten().count());
        let open = fs::read_dir("/proc/self/fd").expect("/proc").flatten();
        open.filter(|entry| names_of(fs::read_link(entry.path()), &self.memories)).count() - ours
    }

    /// How many mappings of its buffers, of whatever generation, this process has.
    pub(super) fn mappings(&self) -> usize {
        mapped(self.memories.iter().map(String::as_str))
    }
}

/// The byte that a frame of this number is filled with: never 0, which memory has before.
pub(crate) fn mark(sequence: u32) -> u8 {
    (sequence % 250) as u8 + 1
}
