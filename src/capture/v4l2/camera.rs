//! The control half: everything that may block.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicI32;
use std::thread;
use std::time::Duration;

use memmap2::MmapRaw;
use nix::errno::Errno;

use super::controls::CameraControls;
use super::descriptor::Descriptor;
use super::failure::{Step, failure};
use super::reader::{Reader, Reading};
use crate::capture::buffer::{Buffer, DriverQueue, Home, Pool, Reaper};
use crate::capture::demand::{MOST_BUFFERS, buffers_for};
use crate::capture::format::VideoFormat;
use crate::capture::lease::Ledger;
use crate::capture::source::CameraRequest;
use crate::capture::spares::Spares;
use crate::devices::ControlSettings;
use crate::devices::control::ControlGoal;
use crate::error::{Error, ErrorName, Result};
use crate::format::{Delivery, FrameRate};
use crate::seam::abi::CID_MIN_BUFFERS_FOR_CAPTURE;
use crate::seam::{
    BufferType, CapabilityFlags, Fraction, InputStatus, Kernel, LOOPBACK_DRIVER, MAX_PLANES, MemoryFlags, PixelFormat,
    PoolFlags, retry,
};

/// How many buffers the driver must always have, where it does not say.
const LOW_MARK: u32 = 2;
/// How many copies of a frame of v4l2loopback's are in use where nobody is slow: what waits, and what is in hand.
const WARM_COPIES: usize = 4;
/// The most buffers taken from a driver that gives more than it was asked for.
const MOST_GRANTED: u32 = 64;
/// How long a reopening waits for frames of the stream before, on drivers that cannot orphan their buffers.
const HELD_FRAMES_WAIT: (u32, Duration) = (50, Duration::from_millis(10));

/// An open, configured camera.
pub(in crate::capture) struct V4l2Camera {
    kernel: Arc<dyn Kernel>,
    fd: Arc<Descriptor>,
    path: String,
    kind: BufferType,
    loopback: bool,
    format: Arc<VideoFormat>,
    controls: CameraControls,
    buffers: Vec<Arc<Buffer>>,
    /// For frames that are copied because the driver is short of buffers, or because they are not ours to keep.
    copies: Option<Spares>,
    low_mark: usize,
    told_of_source: bool,
}

impl V4l2Camera {
    /// Opens the node and has the driver agree to the mode, or to what it makes of it: see [`V4l2Camera::format`].
    pub(in crate::capture) fn open(kernel: Arc<dyn Kernel>, request: &CameraRequest) -> Result<Self> {
        let path = request.path.clone();
        let fd = retry(|| kernel.open(path.as_ref())).map_err(|errno| failure(Step::Open, errno, &path, false))?;
        let fd = Arc::new(Descriptor::new(kernel.clone(), fd));
        let (kind, loopback, format) = Self::configure(&*kernel, fd.as_fd(), request)?;
        let controls = CameraControls::of(&*kernel, fd.as_fd(), &path);
        Ok(Self {
            kernel,
            fd,
            path,
            kind,
            loopback,
            format: Arc::new(format),
            controls,
            buffers: Vec::new(),
            copies: None,
            low_mark: 0,
            told_of_source: false,
        })
    }

    fn configure(
        kernel: &dyn Kernel,
        fd: BorrowedFd<'_>,
        request: &CameraRequest,
    ) -> Result<(BufferType, bool, VideoFormat)> {
        let path = &request.path;
        let capability = retry(|| kernel.query_capability(fd))
            .map_err(|errno| failure(Step::QueryCapability, errno, path, false))?;
        let flags = capability.effective();
        let loopback = capability.driver == LOOPBACK_DRIVER;
        let kind = if flags.contains(CapabilityFlags::VIDEO_CAPTURE) {
            BufferType::VideoCapture
        } else if flags.contains(CapabilityFlags::VIDEO_CAPTURE_MPLANE) {
            BufferType::VideoCaptureMplane
        } else if loopback {
            return Err(failure(Step::StreamOn, Errno::EIO, path, true));
        } else {
            return Err(Error::new(ErrorName::NotReadableError, format!("{path} is no longer a capture device"))
                .with_device(&capability.card, path)
                .with_remedy("list the devices again: node numbers change when devices come and go"));
        };
        // Whoever sets the format of a v4l2loopback, even to what it is, holds it to that until it closes, and a writer that
        // begins meanwhile is refused. It says that there is none, so that it need not be tried.
        if loopback && has_no_signal(kernel, fd) {
            return Err(failure(Step::StreamOn, Errno::EIO, path, true));
        }
        let (fourcc, width, height) = match request.fourcc {
            // Its writer says what there is. A reader that asks for something else takes the writer's format away, and
            // every frame is short from then on (v4l2loopback 0.15).
            _ if loopback => {
                let current = retry(|| kernel.get_format(fd, kind))
                    .map_err(|errno| failure(Step::SetFormat, errno, path, loopback))?;
                (current.fourcc, current.width, current.height)
            }
            Some(fourcc) => (fourcc, request.width, request.height),
            // A camera that lists no formats has one all the same.
            None => {
                let current = retry(|| kernel.get_format(fd, kind))
                    .map_err(|errno| failure(Step::GetFormat, errno, path, loopback))?;
                (current.fourcc, request.width, request.height)
            }
        };
        let wanted = PixelFormat::request(fourcc, width, height);
        let pixels = retry(|| kernel.set_format(fd, kind, &wanted))
            .map_err(|errno| failure(Step::SetFormat, errno, path, loopback))?;
        let frame_rate = set_frame_rate(kernel, fd, kind, request.frame_rate);
        let mut format = VideoFormat::from_driver(&pixels, frame_rate).ok_or_else(|| {
            let (width, height, planes) = (pixels.width, pixels.height, pixels.plane_count);
            let said = format!("{path} answered VIDIOC_S_FMT with {width}x{height} in {planes} planes");
            Error::new(ErrorName::NotReadableError, said).with_device(&capability.card, path)
        })?;
        format.delivery = match (loopback, request.raw) {
            (false, _) => Delivery::Lent,
            (true, false) => Delivery::Copied,
            (true, true) => Delivery::Raw,
        };
        Ok((kind, loopback, format))
    }

    /// What the driver agreed to.
    pub(in crate::capture) fn format(&self) -> &Arc<VideoFormat> {
        &self.format
    }

    /// Sets the controls that are asked for, and no others. Before the start and while it streams; a USB camera may take its
    /// time.
    ///
    /// # Errors
    ///
    /// Something required is not to be had; nothing is changed then.
    pub(in crate::capture) fn set_controls(&mut self, goals: &[ControlGoal]) -> Result<&ControlSettings> {
        let controls = self.controls.apply(&*self.kernel, self.fd.as_fd(), goals)?;
        // A copy where frames have the format already.
        Arc::make_mut(&mut self.format).controls = controls;
        Ok(&self.format.controls)
    }

    /// Has buffers made and mapped, queues them, and streams. The reader belongs on the reactor from here on.
    pub(in crate::capture) fn start(
        &mut self,
        buffers: Option<u32>,
        reaper: Arc<dyn Reaper>,
        frames_still_held: &dyn Fn() -> bool,
        reading: Reading,
    ) -> Result<Reader> {
        let low_mark = retry(|| self.kernel.get_control(self.fd.as_fd(), CID_MIN_BUFFERS_FOR_CAPTURE))
            .ok()
            .and_then(|count| u32::try_from(count).ok())
            .filter(|count| (1..MOST_BUFFERS).contains(count))
            .unwrap_or(LOW_MARK);
        let count = buffers.unwrap_or_else(|| {
            let frame = self.format.sizeimage[..self.format.memory_count].iter().map(|&bytes| u64::from(bytes)).sum();
            buffers_for(self.format.frame_rate, low_mark, reading.outlet.demand(), frame)
        });
        self.allocate(count.clamp(1, MOST_BUFFERS), reaper, frames_still_held)?;
        let copies = if self.loopback { self.buffers.len().max(16) } else { self.buffers.len() };
        let copies = Spares::new(copies, &self.memory_sizes(), self.format.clone());
        if self.loopback {
            // Every frame will be one. Elsewhere copies are the exception, and cost no memory before they are made.
            copies.warm(WARM_COPIES);
        }
        self.copies = Some(copies);
        // Only where somebody will start it anew. A driver without events says so, and that is fine.
        self.told_of_source =
            reading.policy.recovers() && retry(|| self.kernel.subscribe_source_change(self.fd.as_fd())).is_ok();
        self.low_mark = low_mark as usize;
        self.stream_on()?;
        Ok(self.reader(reading))
    }

    /// Stops the stream and starts it, with the same buffers: what cures a driver that has fallen silent. The reader before
    /// is off the reactor and dropped.
    pub(in crate::capture) fn restart(&mut self, reading: Reading) -> Result<Reader> {
        if let Some(pool) = self.pool() {
            pool.ledger.close();
            let stopped = retry(|| self.kernel.stream_off(self.fd.as_fd(), self.kind));
            pool.ledger.reclaim();
            // What droppers met on the stream before says nothing about this one.
            let _ = pool.take_queue_failure();
            stopped.map_err(self.fail(Step::StreamOff))?;
        }
        self.stream_on()?;
        Ok(self.reader(reading))
    }

    fn reader(&self, reading: Reading) -> Reader {
        let buffers = (self.buffers.clone(), self.copies.clone());
        let told = self.told_of_source;
        Reader::new(self.kernel.clone(), self.fd.clone(), self.kind, buffers, self.low_mark, told, reading)
    }

    /// See [`has_no_signal`].
    pub(in crate::capture) fn has_no_signal(&self) -> bool {
        has_no_signal(&*self.kernel, self.fd.as_fd())
    }

    fn fail(&self, step: Step) -> impl Fn(Errno) -> Error + '_ {
        move |errno| failure(step, errno, &self.path, self.loopback)
    }

    fn allocate(&mut self, count: u32, reaper: Arc<dyn Reaper>, frames_still_held: &dyn Fn() -> bool) -> Result<()> {
        let fd = self.fd.as_fd();
        let (mut tries, pause) = HELD_FRAMES_WAIT;
        let granted = loop {
            // Asked before the buffers are: what was let go by then is unmapped as well, so that EBUSY after "not
            // held" is somebody else's doing.
            let held = frames_still_held();
            match retry(|| self.kernel.request_buffers(fd, self.kind, count, MemoryFlags::NON_COHERENT)) {
                Err(Errno::EBUSY) if held && tries > 0 => {
                    tries -= 1;
                    thread::sleep(pause);
                }
                Err(Errno::EBUSY) if held => {
                    let message = format!("frames of the stream before are still held, and {} needs them", self.path);
                    return Err(self.fail(Step::RequestBuffers)(Errno::EBUSY)
                        .replace_message(message, "drop the frames of the stopped stream first"));
                }
                answer => break answer.map_err(self.fail(Step::RequestBuffers))?,
            }
        };
        if granted.count == 0 {
            return Err(self.fail(Step::RequestBuffers)(Errno::ENOMEM));
        }
        // More than vb2 has are not made up for: whoever says so answers anything.
        let usable = granted.count.min(MOST_GRANTED);
        let maps = (0..usable).map(|index| self.map(index)).collect::<Result<Vec<_>>>().inspect_err(|_| {
            let _ = retry(|| self.kernel.request_buffers(fd, self.kind, 0, MemoryFlags::empty()));
        })?;
        let home = DriverQueue {
            kernel: self.kernel.clone(),
            fd: self.fd.as_raw_fd(),
            kind: self.kind,
            plane_count: u32::try_from(self.format.memory_count).unwrap_or(1),
            shared: self.loopback,
            failed: AtomicI32::new(0),
            exports_nothing: AtomicI32::new(0),
        };
        let pool = Arc::new(Pool {
            ledger: Ledger::new(maps.len()),
            format: self.format.clone(),
            home: Home::Driver(home),
            reaper: Some(reaper),
            orphans: granted.flags.contains(PoolFlags::ORPHANED_BUFFERS),
        });
        self.buffers = maps
            .into_iter()
            .enumerate()
            .map(|(index, maps)| Arc::new(Buffer::mapped(index, maps, pool.clone())))
            .collect();
        Ok(())
    }

    /// Maps the memory planes of one buffer.
    fn map(&self, index: u32) -> Result<Vec<MmapRaw>> {
        let fd = self.fd.as_fd();
        let memory = retry(|| self.kernel.query_buffer(fd, self.kind, index)).map_err(self.fail(Step::QueryBuffer))?;
        if usize::try_from(memory.plane_count) != Ok(self.format.memory_count) {
            return Err(self.fail(Step::QueryBuffer)(Errno::EPROTO));
        }
        memory.planes[..self.format.memory_count]
            .iter()
            .map(|&(length, offset)| retry(|| self.kernel.map(fd, length, offset)).map_err(self.fail(Step::Map)))
            .collect()
    }

    fn memory_sizes(&self) -> Vec<usize> {
        let Some(first) = self.buffers.first() else { return Vec::new() };
        (0..self.format.memory_count.min(MAX_PLANES)).map(|memory| first.memory_len(memory)).collect()
    }

    fn stream_on(&self) -> Result<()> {
        if let Some(first) = self.buffers.first() {
            first.pool().ledger.open();
            first.pool().queue_returned().map_err(self.fail(Step::QueueBuffer))?;
        }
        retry(|| self.kernel.stream_on(self.fd.as_fd(), self.kind)).map_err(self.fail(Step::StreamOn))
    }

    /// The pool, for whoever must know whether frames of it are still held after the stop.
    pub(in crate::capture) fn pool(&self) -> Option<Arc<Pool>> {
        self.buffers.first().map(|buffer| buffer.pool().clone())
    }

    /// Stops and closes: the reader is off the reactor and dropped. Held frames keep their memory and nothing else.
    pub(in crate::capture) fn stop(mut self) {
        if let Some(pool) = self.pool() {
            // No QBUF is under way after this, and none will be.
            pool.ledger.close();
            // Nothing can be done about a failure here: the device is gone, or goes with the close below.
            let _ = retry(|| self.kernel.stream_off(self.fd.as_fd(), self.kind));
            pool.ledger.reclaim();
            self.buffers.drain(..).for_each(Buffer::unmap);
            // Where frames are held this orphans their buffers, or is refused by drivers that cannot.
            let _ = retry(|| self.kernel.request_buffers(self.fd.as_fd(), self.kind, 0, MemoryFlags::empty()));
        }
    }
}

impl Drop for V4l2Camera {
    fn drop(&mut self) {
        // After `stop` there are none. Without it (a panic on the way) what was queued comes back with the close.
        for buffer in self.buffers.drain(..) {
            buffer.pool().ledger.close();
            Buffer::unmap(buffer);
        }
    }
}

/// Whether the driver says that its input has no signal, or no power. A v4l2loopback without a writer says so (0.15, where its
/// control keep_format is clear).
fn has_no_signal(kernel: &dyn Kernel, fd: BorrowedFd<'_>) -> bool {
    let without = InputStatus::NO_POWER | InputStatus::NO_SIGNAL | InputStatus::NO_SYNC;
    retry(|| kernel.input_status(fd)).is_ok_and(|status| status.intersects(without))
}

/// Asks for a rate and reads back which one there is. Failing is not fatal: cheap cameras refuse any change.
fn set_frame_rate(
    kernel: &dyn Kernel,
    fd: BorrowedFd<'_>,
    kind: BufferType,
    wanted: Option<FrameRate>,
) -> Option<FrameRate> {
    let current = retry(|| kernel.get_interval(fd, kind)).ok();
    let answer = match (wanted, current) {
        (Some(rate), Some(current)) if current.settable => {
            let interval = Fraction { numerator: rate.denominator(), denominator: rate.numerator() };
            let set = retry(|| kernel.set_interval(fd, kind, interval)).ok();
            // Some drivers answer S_PARM with what was asked and do otherwise: G_PARM is the one to believe.
            retry(|| kernel.get_interval(fd, kind)).ok().or(set).or(Some(current))
        }
        (_, current) => current,
    }?;
    FrameRate::from_interval(answer.time_per_frame.numerator, answer.time_per_frame.denominator)
}
