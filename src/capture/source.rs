//! A source that runs: what it gives, to whom, and how it ends.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use nix::errno::Errno;

use super::buffer::{Lease, LeaseMut, Mark};
use super::demand::Demand;
use super::engine::{Accept, Engine};
use super::format::VideoFormat;
use super::inspect::Payload;
use super::reactor::Token;
use super::recovery::{Asked, RecoveryEvent, Supervisor};
use super::sound::{AudioCounters, AudioFormat, AudioStatistics, CapturedAudio, MicrophoneRequest};
use super::statistics::{Incident, SourceCounters, SourceStatistics};
use super::timeline::{Placed, TimestampSource};
use super::v4l2::V4l2Camera;
use crate::devices::control::ControlGoal;
use crate::error::Result;
use crate::format::{Fourcc, FrameRate};
use crate::seam::MAX_PLANES;

/// How long a stop waits for the control thread. What takes longer goes on there.
const STOP_WAIT: Duration = Duration::from_millis(100);

/// What is asked of a camera.
#[derive(Debug, Clone)]
pub struct CameraRequest {
    /// The node; empty for the built-in camera.
    pub(crate) path: String,
    /// The pixel format to ask for; `None` leaves the driver's.
    pub(crate) fourcc: Option<Fourcc>,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The rate to ask for; `None` leaves the driver's.
    pub(crate) frame_rate: Option<FrameRate>,
    /// Whether frames that another process may write over are lent as they are.
    pub(crate) raw: bool,
    /// How many buffers to ask for; `None` leaves it to the engine.
    pub(crate) buffers: Option<u32>,
    /// What is asked of its controls.
    pub(crate) controls: Vec<ControlGoal>,
    /// The built-in camera.
    pub(crate) synthetic: bool,
}

/// What is known of one frame besides its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameInfo {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u64,
    pub(crate) timestamp_source: TimestampSource,
    pub(crate) payloads: [Payload; MAX_PLANES],
    pub(crate) copied: bool,
    /// Of a frame that its writer may write over: what it was.
    pub(crate) raw: Option<Mark>,
}

impl FrameInfo {
    /// Of a frame that was placed in time, and not copied.
    pub(super) fn new(placed: &Placed, payloads: [Payload; MAX_PLANES]) -> Self {
        Self {
            sequence: placed.sequence,
            timestamp: placed.timestamp,
            timestamp_source: placed.source,
            payloads,
            copied: false,
            raw: None,
        }
    }
}

/// A frame as it leaves `capture`: the right to read its buffer, and what is known of it.
#[derive(Debug, Clone)]
pub struct CapturedFrame {
    pub(crate) lease: Lease,
    pub(crate) info: FrameInfo,
}

/// Why a source gives no more: why a start of it is over, and at the end why it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceEnd {
    /// The device is gone.
    Unplugged,
    /// Nothing has come for longer than the device may be silent.
    Stalled,
    /// Only damaged frames have come for so long, or so many in a row.
    Damaged,
    /// What the device gives has changed, and its buffers with it.
    FormatChanged,
    /// The driver gave up with this error.
    Failed(Errno),
}

impl SourceEnd {
    pub(super) fn from_errno(errno: Errno) -> Self {
        match errno {
            Errno::ENODEV | Errno::ENXIO => Self::Unplugged,
            errno => Self::Failed(errno),
        }
    }
}

/// Who gets what a source captures: [`CapturedFrame`]s or [`CapturedAudio`](super::CapturedAudio). Called on the reactor's
/// thread: nothing here may block.
pub(crate) trait Outlet<T: Captured>: Send + Sync {
    /// A good frame, or a block of sound; `now` is the time of its arrival on CLOCK_MONOTONIC in nanoseconds.
    fn give(&self, captured: &T, now: u64);
    /// What the consumers may have of it at once, those that are attached now.
    fn demand(&self) -> Demand {
        Demand::default()
    }
    /// There will be no more of them. The device is still open: the source must be stopped.
    fn ended(&self, end: SourceEnd);
    /// Something happened while the source was kept. On the reactor's thread or on the control thread.
    fn event(&self, _event: &RecoveryEvent) {}
    /// It was started, maybe anew, in this format, or its controls were set. On the control thread, and the first frame may
    /// have come already.
    fn formatted(&self, _format: &T::Format) {}
}

/// What the control thread needs to stop a source. The token is that of its reader, while it is on the reactor.
pub(super) enum Running {
    Camera {
        camera: V4l2Camera,
        token: Option<Token>,
    },
    /// There is nothing to stop but the reader.
    Reader {
        token: Option<Token>,
    },
}

impl Running {
    /// Takes the reader off the reactor and drops it: its hold on descriptor and buffers ends before the device is stopped.
    pub(super) fn leave(&mut self, engine: &Engine) {
        let (Self::Camera { token, .. } | Self::Reader { token }) = self;
        if let Some(token) = token.take() {
            drop(engine.reactor.remove(token));
        }
    }
}

/// What a source captures: frames of a camera, or blocks of a microphone.
pub trait Captured: Item {
    /// What is asked of a device.
    type Request: Clone + Send + 'static;
    /// What the driver agreed to.
    type Format: Clone + fmt::Debug + Send + Sync;
    /// What is counted at the source, as the reactor writes it.
    type Counters: Send + Sync;
    /// The same, as it is read.
    type Statistics: Copy + Default + Send;

    /// What the counters say now.
    fn statistics(counters: &Self::Counters) -> Self::Statistics;
    /// Counts an incident.
    fn note(counters: &Self::Counters, incident: Incident);
}

/// What consumers are offered, and what waits for them: what a source captures, or what a track makes of it.
pub trait Item: Clone + Send + 'static {
    /// CLOCK_MONOTONIC in nanoseconds.
    fn timestamp(&self) -> u64;
    /// Whether it is a copy of what the driver gave.
    fn is_copied(&self) -> bool;
    /// Bytes of its payload.
    fn byte_count(&self) -> u64;
    /// Whether its bytes were, or may have been, written over since it came: only those of a raw frame can be. Asks the
    /// driver.
    fn is_written_over(&self) -> bool {
        false
    }
    /// The same in memory of its own, which neither the driver nor anybody else waits for; `None` where there is none.
    /// That of `spare`, which is no longer needed, is used again where that can be.
    fn detached(&self, spare: Option<Self>) -> Option<Self>;
}

impl Captured for CapturedFrame {
    type Request = CameraRequest;
    type Format = Arc<VideoFormat>;
    type Counters = SourceCounters;
    type Statistics = SourceStatistics;

    fn note(counters: &SourceCounters, incident: Incident) {
        counters.note(incident);
    }

    fn statistics(counters: &SourceCounters) -> SourceStatistics {
        counters.snapshot()
    }
}

impl Item for CapturedFrame {
    fn timestamp(&self) -> u64 {
        self.info.timestamp
    }

    fn is_copied(&self) -> bool {
        self.info.copied
    }

    fn byte_count(&self) -> u64 {
        self.info.payloads.iter().map(|payload| u64::from(payload.length)).sum()
    }

    fn is_written_over(&self) -> bool {
        self.info.raw.is_some_and(|mark| !self.lease.still_holds(mark))
    }

    fn detached(&self, spare: Option<Self>) -> Option<Self> {
        let format = self.lease.format();
        let payloads = self.info.payloads.get(..format.memory_count)?;
        let bytes = |memory: usize, payload: &Payload| {
            self.lease.bytes(memory, payload.offset as usize, payload.length as usize)
        };
        let mut lengths = [0; MAX_PLANES];
        let lengths = lengths.get_mut(..payloads.len())?;
        for (length, payload) in lengths.iter_mut().zip(payloads) {
            *length = payload.length as usize;
        }
        let spare = spare.and_then(|spare| LeaseMut::reuse(spare.lease, lengths, format));
        let mut lease = spare.or_else(|| LeaseMut::allocate(lengths, format.clone()))?;
        let mut info = self.info;
        for (memory, payload) in payloads.iter().enumerate() {
            let out = lease.memory_mut(memory).get_mut(..payload.length as usize)?;
            match info.raw {
                None => out.copy_from_slice(bytes(memory, payload)?),
                Some(_) => self.lease.copy_to(memory, payload.offset as usize, out).then_some(())?,
            }
            info.payloads[memory].offset = 0;
        }
        if info.raw.take().is_some_and(|mark| !self.lease.still_holds(mark)) {
            return None;
        }
        info.copied = true;
        Some(Self { lease: lease.into_lease(), info })
    }
}

impl Captured for CapturedAudio {
    type Request = MicrophoneRequest;
    type Format = AudioFormat;
    type Counters = AudioCounters;
    type Statistics = AudioStatistics;

    fn note(counters: &AudioCounters, incident: Incident) {
        counters.note(incident);
    }

    fn statistics(counters: &AudioCounters) -> AudioStatistics {
        counters.snapshot()
    }
}

impl Item for CapturedAudio {
    fn timestamp(&self) -> u64 {
        self.info.timestamp
    }

    /// All sound is copied, once: that is no event.
    fn is_copied(&self) -> bool {
        false
    }

    fn byte_count(&self) -> u64 {
        self.samples().len() as u64
    }

    /// A block is nothing the driver waits for.
    fn detached(&self, _spare: Option<Self>) -> Option<Self> {
        Some(self.clone())
    }
}

/// A running camera or microphone. Stops when dropped.
pub(crate) struct Source<T: Captured> {
    pub(super) engine: Arc<Engine>,
    pub(super) supervisor: Arc<Supervisor<T>>,
    /// As of the first start.
    pub(super) format: T::Format,
    pub(super) counters: Arc<T::Counters>,
    pub(super) closing: Closing,
}

/// How far the closing of a device is, for whoever must not go on before it is closed. Keeps nothing alive.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    reactor: ThreadId,
    state: Arc<(Mutex<Phase>, Condvar)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Closing,
    Closed,
}

impl Closing {
    pub(super) fn new(reactor: ThreadId) -> Self {
        Self { reactor, state: Arc::new((Mutex::new(Phase::Open), Condvar::new())) }
    }

    fn enter(&self, phase: Phase) {
        let mut current = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != Phase::Closed {
            *current = phase;
        }
        self.state.1.notify_all();
    }

    /// Waits, at most 100 ms, for a closing that has begun; not on the reactor's thread, which the closing needs.
    pub(crate) fn wait(&self) {
        if thread::current().id() == self.reactor {
            return;
        }
        let phase = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.state.1.wait_timeout_while(phase, STOP_WAIT, |phase| *phase == Phase::Closing);
        drop(waited);
    }
}

impl<T: Captured> Source<T> {
    /// What the driver agreed to, last.
    pub(crate) fn format(&self) -> T::Format {
        self.supervisor.format().unwrap_or_else(|| self.format.clone())
    }

    /// What was counted so far.
    pub(crate) fn statistics(&self) -> T::Statistics {
        T::statistics(&self.counters)
    }

    /// CLOCK_MONOTONIC as the capture engine reads it, in nanoseconds. Keeps the kernel, not the source.
    pub(crate) fn clock(&self) -> impl Fn() -> u64 + Send + Sync + use<T> {
        let kernel = self.engine.kernel.clone();
        move || kernel.now()
    }

    /// Has `work` done on the capture thread, between its sources' turns, without waiting for it.
    pub(crate) fn on_capture_thread(&self, work: impl FnOnce() + Send + 'static) {
        self.engine.reactor.run(work);
    }

    /// How far the closing is, for whoever wants to know later.
    pub(crate) fn closing(&self) -> Closing {
        self.closing.clone()
    }

    /// Sets controls of a camera while its frames flow on: see [`Supervisor::set_controls`]. Waits for it.
    pub(crate) fn set_controls(&self, goals: Vec<ControlGoal>) -> Result<()> {
        let supervisor = self.supervisor.clone();
        self.engine.on_control(self.supervisor.lane(), move |_| supervisor.set_controls(&goals))
    }

    /// Has the device started in another mode, muted meanwhile: see [`Supervisor::reconfigure`]. Waits for it.
    pub(crate) fn reconfigure(&self, request: T::Request, accept: Accept<T::Format>) -> Result<T::Format> {
        let supervisor = self.supervisor.clone();
        self.engine
            .on_control(self.supervisor.lane(), move |engine| supervisor.reconfigure(engine, Asked { request, accept }))
    }

    /// Stops and closes the device, held frames or not. Waits at most 100 ms for that, and not at all on the
    /// reactor's own thread, which the closing itself needs.
    pub(crate) fn stop(&self) {
        let (engine, supervisor) = (self.engine.clone(), self.supervisor.clone());
        let closing = self.closing.clone();
        closing.enter(Phase::Closing);
        supervisor.give_up();
        let stop = move || {
            supervisor.stop(&engine);
            closing.enter(Phase::Closed);
        };
        if self.engine.reactor.is_current_thread() {
            self.engine.control.post(self.supervisor.lane(), stop);
        } else {
            self.engine.control.run_within(STOP_WAIT, self.supervisor.lane(), stop);
        }
    }
}

impl<T: Captured> Drop for Source<T> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl<T: Captured> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("format", &self.format()).finish_non_exhaustive()
    }
}
