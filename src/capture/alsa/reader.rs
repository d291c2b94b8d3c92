//! The reactor half: whole periods out of the ring, placed in time, counted and delivered.

use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;

use super::recovery::{self, Recovery, Remedy, Verdict};
use crate::capture::engine::Engine;
use crate::capture::reactor::{EventSource, Next, Return};
use crate::capture::recovery::RecoveryPolicy;
use crate::capture::sound::{AudioCounters, AudioFormat, AudioInfo, BlockPool, CapturedAudio, SoundClock};
use crate::capture::source::{Outlet, SourceEnd};
use crate::capture::statistics::add;
use crate::seam::{Kernel, Pcm, PcmSetup};

/// How long consumers may hold blocks before some are missing, in seconds.
const POOL_SECONDS: u32 = 4;
/// Blocks that are there from the start.
const READY_BLOCKS: usize = 16;
/// Wake-ups in a row without a whole period after which the PCM is left alone for a while: some plugins wake for less.
const IDLE_WAKES: u32 = 4;

/// More frames than this are in no ring, and were never lost: a year at the highest rate.
const MOST_FRAMES: u64 = 1 << 43;

/// What a source that stepped aside waits for.
#[derive(Default)]
enum Aside {
    /// Nothing: it is in epoll.
    #[default]
    No,
    /// About to step aside, until the moment, and then to be recovered if anything.
    Leaving { until: u64, remedy: Option<Remedy> },
    /// Resting until the moment.
    Resting { until: u64, remedy: Option<Remedy>, back: Return },
    /// The control thread has the PCM.
    Recovering(Arc<Slot>),
}

/// Where the control thread puts the PCM when it is done with it, and how that went.
type Slot = Mutex<Option<(Box<dyn Pcm>, Result<(), Errno>)>>;

/// How far the sound of a microphone has come: what its next reader goes on from.
#[derive(Debug, Default)]
pub(in crate::capture) struct Progress {
    /// The number of the next frame, and the time at which the last one ended; `None` before the first.
    next: Option<(u64, u64)>,
}

/// What a reader is made of besides the PCM: whom it tells, and how long it waits.
pub(in crate::capture) struct Reading {
    pub(in crate::capture) kernel: Arc<dyn Kernel>,
    pub(in crate::capture) engine: Weak<Engine>,
    /// Where the control threads see to this microphone.
    pub(in crate::capture) lane: String,
    pub(in crate::capture) counters: Arc<AudioCounters>,
    pub(in crate::capture) outlet: Arc<dyn Outlet<CapturedAudio>>,
    pub(in crate::capture) progress: Arc<Mutex<Progress>>,
    pub(in crate::capture) policy: RecoveryPolicy,
}

/// A capturing microphone, as the reactor serves it. Dropping it closes the PCM: on the control thread.
pub(in crate::capture) struct Reader {
    kernel: Arc<dyn Kernel>,
    engine: Weak<Engine>,
    lane: String,
    /// Not here while the control thread has it.
    pcm: Option<Box<dyn Pcm>>,
    format: AudioFormat,
    buffer_frames: u64,
    free_running: bool,
    pool: BlockPool,
    clock: SoundClock,
    /// The number of the next frame in the ring, since this reader's start.
    position: u64,
    /// The number of its first frame since the first reader's start.
    start: u64,
    /// Frames missing right before it, and not told yet.
    lost: u64,
    /// It was started anew: how much is missing is to be found out.
    interrupted: bool,
    idle: u32,
    recovery: Recovery,
    aside: Aside,
    counters: Arc<AudioCounters>,
    outlet: Arc<dyn Outlet<CapturedAudio>>,
    progress: Arc<Mutex<Progress>>,
    /// Where the reader before stopped, until the first block has its place.
    resumed_from: Option<(u64, u64)>,
    /// How long the microphone may be silent, and until when it may be now.
    patience: Option<u64>,
    silent_until: Option<u64>,
}

impl Reader {
    pub(super) fn new(
        pcm: Box<dyn Pcm>,
        format: AudioFormat,
        setup: &PcmSetup,
        free_running: bool,
        reading: Reading,
    ) -> Self {
        let Reading { kernel, engine, lane, counters, outlet, progress, policy } = reading;
        let patience = policy.stall_ns(Some(format.duration_ns(u64::from(format.period_frames))));
        let resumed_from = progress.lock().unwrap_or_else(PoisonError::into_inner).next;
        counters.expect(format.sample_rate);
        let block = format.period_frames as usize * format.frame_bytes();
        let most = (format.sample_rate.saturating_mul(POOL_SECONDS) / format.period_frames.max(1)) as usize;
        let now = kernel.now();
        Self {
            kernel,
            engine,
            lane,
            pcm: Some(pcm),
            format,
            buffer_frames: u64::from(setup.buffer_frames),
            free_running,
            pool: BlockPool::new(block, READY_BLOCKS, most.max(READY_BLOCKS)),
            clock: SoundClock::new(format.sample_rate),
            position: 0,
            start: 0,
            lost: 0,
            interrupted: false,
            idle: 0,
            recovery: Recovery::default(),
            aside: Aside::No,
            counters,
            outlet,
            progress,
            resumed_from,
            silent_until: patience.map(|(first, _)| now.saturating_add(first)),
            patience: patience.map(|(_, later)| later),
        }
    }

    fn end(&self, end: SourceEnd) -> Next {
        self.outlet.ended(end);
        Next::Leave
    }

    /// Takes the whole periods that are there. How many frames there were.
    fn drain(&mut self, now: u64) -> Result<u64, Errno> {
        let Some(pcm) = self.pcm.as_deref_mut() else { return Ok(0) };
        let mut avail = pcm.avail()?.min(MOST_FRAMES);
        if self.interrupted || self.clock.wants_pair(now) {
            // `snd_pcm_status` answers about a ring that has stopped as well, and its times go on. Some plugins keep to
            // themselves that the ring below them has.
            recovery::check(pcm.state())?;
            let mut status = pcm.status()?;
            status.avail = status.avail.min(MOST_FRAMES);
            // Not the time of the wake-up: others may have had their turn since.
            let now = self.kernel.now();
            let position = self.position.saturating_add(status.avail);
            // A plugin's server may deliver later what it was late with; a card alone does not.
            let stood_still = self.free_running && self.clock.stood_still(now);
            if std::mem::take(&mut self.interrupted) || stood_still {
                let missing = self.clock.missing(self.position, status.avail, status.timestamp, now);
                self.position = self.position.saturating_add(missing);
                self.lost = self.lost.saturating_add(missing);
            } else {
                self.clock.pair(position, status.timestamp, now);
            }
            let (time, source) = self.clock.latest();
            self.counters.pair(self.position.saturating_add(status.avail), time, source);
        }
        if self.free_running && avail >= self.buffer_frames {
            avail = avail.saturating_sub(self.run_over(avail)?);
        }
        let mut taken = 0;
        while avail.saturating_sub(taken) >= u64::from(self.format.period_frames) {
            match self.take(self.format.period_frames, now)? {
                0 => break,
                frames => taken += frames,
            }
        }
        Ok(taken)
    }

    /// The ring was written over: passes over what is lost, and over what may be in the next moment.
    fn run_over(&mut self, avail: u64) -> Result<u64, Errno> {
        let Some(pcm) = self.pcm.as_deref_mut() else { return Ok(0) };
        let period = u64::from(self.format.period_frames);
        let kept = self.buffer_frames.saturating_sub(2 * period).max(self.buffer_frames / 2);
        let passed = pcm.skip(avail - kept)?.min(avail - kept);
        self.position = self.position.saturating_add(passed);
        self.lost = self.lost.saturating_add(passed);
        add(&self.counters.xruns, 1);
        Ok(passed)
    }

    /// Takes at most so many frames as one block. How many there were.
    fn take(&mut self, frames: u32, now: u64) -> Result<u64, Errno> {
        let Some(pcm) = self.pcm.as_deref_mut() else { return Ok(0) };
        let frame_bytes = self.format.frame_bytes();
        let mut free = self.pool.take();
        let read = match &mut free {
            Some(block) => {
                let length = (frames as usize * frame_bytes).min(block.bytes_mut().len());
                pcm.read(&mut block.bytes_mut()[..length])?
            }
            None => u32::try_from(pcm.skip(u64::from(frames))?).unwrap_or(frames),
        }
        .min(frames);
        if read == 0 {
            return Ok(0);
        }
        let (timestamp, timestamp_source) = self.clock.timestamp(self.position);
        let mut lost = std::mem::take(&mut self.lost);
        match self.resumed_from.take() {
            None => self.counters.lose(lost),
            // None was expected since the reader before stopped, but the sound has to keep its place. What this reader has
            // lost already is in the time between.
            Some((next, ended)) => {
                let muted = timestamp.saturating_sub(ended);
                lost = self.format.frames_in(muted);
                self.start = next.saturating_add(lost).saturating_sub(self.position);
                add(&self.counters.muted, muted);
            }
        }
        let position = self.start.saturating_add(self.position);
        let info = AudioInfo { position, frames: read, lost, timestamp, timestamp_source };
        self.position = self.position.saturating_add(u64::from(read));
        self.counters.place(&info);
        let end = timestamp.saturating_add(self.format.duration_ns(u64::from(read)));
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).next = Some((position + u64::from(read), end));
        match free {
            None => add(&self.counters.starved, u64::from(read)),
            Some(block) => {
                self.counters.accept(read, read as usize * frame_bytes);
                self.outlet.give(&CapturedAudio { block: block.into_block(), info, format: self.format }, now);
            }
        }
        Ok(u64::from(read))
    }

    /// What becomes of the microphone after an error.
    fn trouble(&mut self, errno: Errno, now: u64) -> Next {
        let Some(pcm) = &self.pcm else { return Next::Stay };
        match self.recovery.judge(errno, pcm.state()) {
            Verdict::Gone => self.end(SourceEnd::Unplugged),
            Verdict::GiveUp => self.end(SourceEnd::Failed(errno)),
            Verdict::Try { remedy, wait } => {
                if errno == Errno::EPIPE && !self.interrupted {
                    add(&self.counters.xruns, 1);
                }
                self.interrupted = true;
                self.aside = Aside::Leaving { until: now.saturating_add(wait), remedy: Some(remedy) };
                Next::Aside
            }
        }
    }

    /// Has the control thread see to the PCM, or goes back by itself where it needs nothing.
    fn recover(&mut self, remedy: Option<Remedy>, back: Return) {
        let Some(remedy) = remedy else { return back.rejoin() };
        // Without an engine all of this is about to be dropped.
        let (Some(engine), Some(mut pcm)) = (self.engine.upgrade(), self.pcm.take()) else { return };
        let slot = Arc::new(Slot::default());
        let place = Arc::downgrade(&slot);
        self.aside = Aside::Recovering(slot);
        engine.control.post(&self.lane, move || {
            // The microphone was stopped meanwhile where there is no place for it any more: it is closed here.
            let Some(place) = place.upgrade() else { return };
            let outcome = recovery::apply(&mut *pcm, remedy);
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some((pcm, outcome));
            drop(place);
            back.rejoin();
        });
    }
}

impl EventSource for Reader {
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, EpollFlags)> {
        self.pcm.as_ref().map_or_else(Vec::new, |pcm| pcm.descriptors())
    }

    fn ready(&mut self, descriptor: usize, flags: EpollFlags, now: u64) -> Next {
        let Some(pcm) = self.pcm.as_deref_mut() else { return Next::Stay };
        let meant = match pcm.revents(descriptor, flags) {
            Ok(meant) => meant,
            Err(errno) => return self.trouble(errno, now),
        };
        // The kernel repeats an error or a hang-up for ever: nothing to read then is no reason to go on waiting.
        let over = (meant | flags).intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP);
        if over && let Err(errno) = recovery::check(pcm.state()) {
            return self.trouble(errno, now);
        }
        match self.drain(now) {
            Err(errno) => self.trouble(errno, now),
            Ok(0) if over => self.trouble(Errno::EIO, now),
            Ok(0) => {
                self.idle += 1;
                if self.idle < IDLE_WAKES {
                    return Next::Stay;
                }
                self.idle = 0;
                let rest = self.format.duration_ns(u64::from(self.format.period_frames)) / 2;
                self.aside = Aside::Leaving { until: now.saturating_add(rest.max(1_000_000)), remedy: None };
                Next::Aside
            }
            Ok(_) => {
                self.idle = 0;
                self.silent_until = self.patience.map(|patience| now.saturating_add(patience));
                self.recovery.succeeded();
                Next::Stay
            }
        }
    }

    fn deadline(&self) -> Option<u64> {
        match &self.aside {
            Aside::Resting { until, .. } => Some(self.silent_until.map_or(*until, |silent| silent.min(*until))),
            Aside::No | Aside::Leaving { .. } => self.silent_until,
            // The control thread says how that went.
            Aside::Recovering(_) => None,
        }
    }

    fn due(&mut self, now: u64) -> Next {
        if self.silent_until.is_some_and(|until| until <= now) {
            return self.end(SourceEnd::Stalled);
        }
        if let Aside::Resting { remedy, back, .. } = std::mem::take(&mut self.aside) {
            self.recover(remedy, back);
        }
        Next::Stay
    }

    fn aside(&mut self, back: Return, now: u64) {
        if let Aside::Leaving { until, remedy } = std::mem::take(&mut self.aside) {
            if until > now {
                self.aside = Aside::Resting { until, remedy, back };
            } else {
                self.recover(remedy, back);
            }
        }
    }

    fn returned(&mut self, now: u64) -> Next {
        let Aside::Recovering(slot) = std::mem::take(&mut self.aside) else { return Next::Stay };
        let answer = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The control thread puts it there before it says so; without it there is nothing to go on with.
        let Some((pcm, outcome)) = answer else { return self.end(SourceEnd::Failed(Errno::EIO)) };
        self.pcm = Some(pcm);
        match outcome {
            Ok(()) => Next::Stay,
            Err(errno) => self.trouble(errno, now),
        }
    }

    fn refused(&mut self, errno: Errno) {
        self.end(SourceEnd::Failed(errno));
    }
}
