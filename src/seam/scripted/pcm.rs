//! Sound cards of a script: PCMs that capture when the test says so, on the scripted kernel's clock.
//!
//! ```text
//! let pcms = ScriptedPcms::new(&kernel);
//! let card = pcms.plug("hw:0,0", ScriptedPcm::default());
//! card.run(10);                                        // ten periods, each at its time
//! card.capture(48_000);                                // a second of sound at once: the ring runs over
//! card.fail(Call::PcmAvail, Errno::EIO, 1);
//! ```
//!
//! Every frame says which one it is: its first two bytes are its number since the card was plugged in, whether or not the
//! card was running, so that a test can see what is missing where.

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::ScriptedKernel;
use super::call::{Call, Fault, Faults};
use crate::seam::{
    Kernel, ParameterRefused, Pcm, PcmParameter, PcmParameters, PcmSetup, PcmState, PcmStatus, PcmSystem,
};

/// What a card is.
#[derive(Debug, Clone)]
pub(crate) struct ScriptedPcm {
    pub(crate) mapped: bool,
    /// What it makes of the period and the ring that were asked for, where it does as it likes.
    pub(crate) period_frames: Option<u32>,
    pub(crate) buffer_frames: Option<u32>,
    /// What it gives for a time that is one on CLOCK_MONOTONIC.
    pub(crate) stamp: fn(u64) -> u64,
    /// The answer of `resume`.
    pub(crate) resume: Result<(), Errno>,
    /// The most frames one read gives.
    pub(crate) most_read: u32,
    /// A parameter it refuses.
    pub(crate) refuses: Option<PcmParameter>,
    /// A plugin over it goes on saying what is in a ring that has stopped, and gives nothing of it.
    pub(crate) hides_xruns: bool,
    /// Its descriptor is readable with this many frames, where that is not a period.
    pub(crate) wakes_at: Option<u64>,
}

impl Default for ScriptedPcm {
    fn default() -> Self {
        Self {
            mapped: true,
            period_frames: None,
            buffer_frames: None,
            stamp: |time| time,
            resume: Err(Errno::ENOSYS),
            most_read: u32::MAX,
            refuses: None,
            hides_xruns: false,
            wakes_at: None,
        }
    }
}

#[derive(Debug)]
struct Card {
    pcm: ScriptedPcm,
    faults: Faults,
    blocked: Vec<Call>,
    calls: BTreeMap<Call, u64>,
    open: usize,
    state: PcmState,
    setup: Option<(PcmSetup, usize, bool)>,
    /// The number of the next frame, since it was plugged in.
    next: u64,
    /// Of the oldest frame in the ring.
    oldest: u64,
    /// What the number of a frame is ahead of the card's own count of it.
    numbered_from: u64,
    /// When the last frame was taken.
    time: u64,
    /// Whether the descriptor was made readable.
    readable: bool,
}

/// The cards.
pub(crate) struct ScriptedPcms {
    kernel: Arc<ScriptedKernel>,
    cards: Mutex<BTreeMap<String, PcmScript>>,
}

impl fmt::Debug for ScriptedPcms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScriptedPcms")
    }
}

impl ScriptedPcms {
    /// A machine without cards.
    pub(crate) fn new(kernel: &Arc<ScriptedKernel>) -> Arc<Self> {
        Arc::new(Self { kernel: kernel.clone(), cards: Mutex::default() })
    }

    /// Puts a card there, in place of one that was.
    pub(crate) fn plug(&self, name: &str, pcm: ScriptedPcm) -> PcmScript {
        let card = Card {
            pcm,
            faults: Faults::default(),
            blocked: Vec::new(),
            calls: BTreeMap::new(),
            open: 0,
            state: PcmState::Other,
            setup: None,
            next: 0,
            oldest: 0,
            numbered_from: 0,
            time: self.kernel.now(),
            readable: false,
        };
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let script = PcmScript {
            kernel: self.kernel.clone(),
            shared: Arc::new(Shared {
                card: Mutex::new(card),
                changed: Condvar::new(),
                fd: EventFd::from_value_and_flags(0, flags).expect("an eventfd"),
            }),
        };
        self.cards.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), script.clone());
        script
    }
}

impl PcmSystem for ScriptedPcms {
    fn open(&self, name: &str) -> Result<Box<dyn Pcm>, Errno> {
        let cards = self.cards.lock().unwrap_or_else(PoisonError::into_inner);
        let script = cards.get(name).cloned().ok_or(Errno::ENOENT)?;
        drop(cards);
        script.shared.call(Call::Open, |card| {
            if card.open > 0 {
                return Err(Errno::EBUSY);
            }
            card.open += 1;
            Ok(())
        })?;
        Ok(Box::new(OpenPcm { script }))
    }
}

#[derive(Debug)]
struct Shared {
    card: Mutex<Card>,
    changed: Condvar,
    fd: EventFd,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Card> {
        self.card.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: counted, held up and failed as the script says, else done by `act`.
    fn call<T>(&self, call: Call, act: impl FnOnce(&mut Card) -> Result<T, Errno>) -> Result<T, Errno> {
        let mut card = self.lock();
        *card.calls.entry(call).or_default() += 1;
        self.changed.notify_all();
        let mut card =
            self.changed.wait_while(card, |card| card.blocked.contains(&call)).unwrap_or_else(PoisonError::into_inner);
        let answer = card.faults.meet(call).and_then(|()| act(&mut card));
        self.refresh(&mut card);
        answer
    }

    /// Makes the descriptor as readable as the card is.
    fn refresh(&self, card: &mut Card) {
        let ready = card.is_ready();
        if ready && !card.readable {
            self.fd.write(1).expect("a counter with room");
        } else if !ready && card.readable {
            self.fd.read().expect("what was written before");
        }
        card.readable = ready;
    }
}

impl Card {
    fn avail(&self) -> u64 {
        self.next - self.oldest
    }

    fn is_ready(&self) -> bool {
        let Some((setup, ..)) = self.setup else { return false };
        let least = self.pcm.wakes_at.unwrap_or(u64::from(setup.period_frames));
        let failing = [Call::PcmAvail, Call::PcmStatus, Call::PcmRevents].iter().any(|&call| self.faults.is_next(call));
        match self.state {
            PcmState::Prepared => false,
            PcmState::Running => failing || self.avail() >= least,
            _ => true,
        }
    }

    /// What libasound answers in a state that nothing can be read in.
    fn check(&self) -> Result<(), Errno> {
        match self.state {
            PcmState::Running | PcmState::Prepared => Ok(()),
            PcmState::Xrun => Err(Errno::EPIPE),
            PcmState::Suspended => Err(Errno::ESTRPIPE),
            PcmState::Disconnected => Err(Errno::ENODEV),
            PcmState::Other => Err(Errno::EBADFD),
        }
    }

    fn capture(&mut self, frames: u64, now: u64) {
        self.next += frames;
        self.time = now;
        if self.state != PcmState::Running {
            self.oldest = self.next;
        }
        if let Some((setup, _, free_running)) = self.setup
            && !free_running
            && self.avail() >= u64::from(setup.buffer_frames)
        {
            self.state = PcmState::Xrun;
        }
    }

    /// The frames about to be read: the ring has its newest ones, written over those that were there.
    fn write(&self, out: &mut [u8], frame_bytes: usize) {
        let buffer = self.setup.map_or(0, |(setup, ..)| u64::from(setup.buffer_frames));
        for (number, frame) in (self.oldest..).zip(out.chunks_exact_mut(frame_bytes)) {
            let rounds = (self.next - number).saturating_sub(1) / buffer.max(1);
            let number = (number + rounds * buffer + self.numbered_from) as u16;
            frame.fill(0);
            for (byte, value) in frame.iter_mut().zip(number.to_le_bytes()) {
                *byte = value;
            }
        }
    }
}

/// A card of a script, as the test holds it.
#[derive(Debug, Clone)]
pub(crate) struct PcmScript {
    kernel: Arc<ScriptedKernel>,
    shared: Arc<Shared>,
}

impl PcmScript {
    fn with<T>(&self, act: impl FnOnce(&mut Card, u64) -> T) -> T {
        let now = self.kernel.now();
        let mut card = self.shared.lock();
        let answer = act(&mut card, now);
        self.shared.refresh(&mut card);
        drop(card);
        self.shared.changed.notify_all();
        self.kernel.touched();
        answer
    }

    /// Changes what it is.
    pub(crate) fn change(&self, change: impl FnOnce(&mut ScriptedPcm)) {
        self.with(|card, _| change(&mut card.pcm));
    }

    /// Has the next `times` of a call fail.
    pub(crate) fn fail(&self, call: Call, errno: Errno, times: u64) {
        self.with(|card, _| card.faults.add(Fault { call, errno, after: 0, times }));
    }

    /// Has a call not return until [`PcmScript::unblock`].
    pub(crate) fn block(&self, call: Call) {
        self.with(|card, _| card.blocked.push(call));
    }

    /// Lets every call go on.
    pub(crate) fn unblock(&self) {
        self.with(|card, _| card.blocked.clear());
    }

    /// So many frames are there now, and the reactor has looked.
    pub(crate) fn capture(&self, frames: u64) {
        self.with(|card, now| card.capture(frames, now));
        self.kernel.settle();
    }

    /// So many periods, each at its time.
    pub(crate) fn run(&self, periods: u32) {
        let (frames, time) = self.period();
        for _ in 0..periods {
            self.kernel.advance(time);
            self.capture(frames);
        }
    }

    /// Sound that nobody reads while the reactor is held up: only the clock and the card go on.
    pub(crate) fn capture_unseen(&self, periods: u32) {
        let (frames, time) = self.period();
        for _ in 0..periods {
            self.kernel.pass_time(time);
            let now = self.kernel.now();
            let mut card = self.shared.lock();
            card.capture(frames, now);
            self.shared.refresh(&mut card);
        }
    }

    /// Frames of a period, and how long it lasts.
    fn period(&self) -> (u64, Duration) {
        let (setup, ..) = self.shared.lock().setup.expect("configured before");
        let frames = u64::from(setup.period_frames);
        (frames, Duration::from_nanos(frames * 1_000_000_000 / u64::from(setup.rate)))
    }

    /// It is in that state, by itself.
    pub(crate) fn enter(&self, state: PcmState) {
        self.with(|card, _| card.state = state);
    }

    /// Frames that the card never had: it sleeps, or is not running.
    pub(crate) fn skip_frames(&self, frames: u64) {
        let mut card = self.shared.lock();
        card.next += frames;
        card.oldest = card.next;
    }

    /// Frames that are missing between those in the ring and those to come, and that the card does not know of.
    pub(crate) fn miss_frames(&self, frames: u64) {
        let mut card = self.shared.lock();
        card.numbered_from += frames;
    }

    /// How many frames there were since it was plugged in, whether or not it was running.
    pub(crate) fn next_frame(&self) -> u64 {
        self.shared.lock().next
    }

    /// Where it is.
    pub(crate) fn state(&self) -> PcmState {
        self.shared.lock().state
    }

    /// How many of a call there were.
    pub(crate) fn calls(&self, call: Call) -> u64 {
        self.shared.lock().calls.get(&call).copied().unwrap_or(0)
    }

    /// How many of it are open.
    pub(crate) fn open_count(&self) -> usize {
        self.shared.lock().open
    }
}

#[derive(Debug)]
struct OpenPcm {
    script: PcmScript,
}

impl OpenPcm {
    fn call<T>(&self, call: Call, act: impl FnOnce(&mut Card) -> Result<T, Errno>) -> Result<T, Errno> {
        self.script.shared.call(call, act)
    }
}

impl Drop for OpenPcm {
    fn drop(&mut self) {
        let _ = self.call(Call::Close, |card| {
            card.open -= 1;
            card.setup = None;
            card.state = PcmState::Other;
            Ok(())
        });
    }
}

impl Pcm for OpenPcm {
    fn configure(&mut self, wanted: &PcmParameters) -> Result<PcmSetup, ParameterRefused> {
        let frame_bytes = wanted.format.bytes() * wanted.channels as usize;
        self.call(Call::PcmConfigure, |card| {
            if card.pcm.refuses.is_some() {
                return Err(Errno::EINVAL);
            }
            let setup = PcmSetup {
                rate: wanted.rate,
                channels: wanted.channels,
                period_frames: card.pcm.period_frames.unwrap_or(wanted.period_frames),
                buffer_frames: card.pcm.buffer_frames.unwrap_or(wanted.buffer_frames),
                mapped: card.pcm.mapped,
            };
            card.setup = Some((setup, frame_bytes, wanted.free_running));
            card.state = PcmState::Prepared;
            Ok(setup)
        })
        .map_err(|errno| {
            let parameter = self.script.shared.lock().pcm.refuses.unwrap_or(PcmParameter::HwParams);
            ParameterRefused { parameter, errno }
        })
    }

    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, EpollFlags)> {
        vec![(self.script.shared.fd.as_fd(), EpollFlags::EPOLLIN)]
    }

    fn revents(&mut self, _: usize, flags: EpollFlags) -> Result<EpollFlags, Errno> {
        self.call(Call::PcmRevents, |card| match card.state {
            PcmState::Xrun if card.pcm.hides_xruns => Ok(flags),
            PcmState::Running | PcmState::Prepared => Ok(flags),
            _ => Ok(EpollFlags::EPOLLIN | EpollFlags::EPOLLERR),
        })
    }

    fn prepare(&mut self) -> Result<(), Errno> {
        self.call(Call::PcmPrepare, |card| {
            if card.state == PcmState::Disconnected {
                return Err(Errno::ENODEV);
            }
            card.state = PcmState::Prepared;
            Ok(())
        })
    }

    fn start(&mut self) -> Result<(), Errno> {
        self.call(Call::PcmStart, |card| match card.state {
            PcmState::Prepared => {
                card.state = PcmState::Running;
                card.oldest = card.next;
                Ok(())
            }
            PcmState::Disconnected => Err(Errno::ENODEV),
            _ => Err(Errno::EBADFD),
        })
    }

    fn resume(&mut self) -> Result<(), Errno> {
        self.call(Call::PcmResume, |card| {
            card.pcm.resume?;
            card.state = PcmState::Running;
            card.oldest = card.next;
            Ok(())
        })
    }

    fn state(&self) -> PcmState {
        self.script.shared.lock().state
    }

    fn avail(&mut self) -> Result<u64, Errno> {
        self.call(Call::PcmAvail, |card| match card.state {
            PcmState::Xrun if card.pcm.hides_xruns => Ok(card.avail()),
            _ => card.check().map(|()| card.avail()),
        })
    }

    fn status(&mut self) -> Result<PcmStatus, Errno> {
        let now = self.script.kernel.now();
        // As in the kernel, it answers in every state but the last, and of a stopped ring with the time it is.
        self.call(Call::PcmStatus, |card| match card.state {
            PcmState::Disconnected => Err(Errno::ENODEV),
            PcmState::Xrun => Ok(PcmStatus { avail: card.avail(), timestamp: (card.pcm.stamp)(now) }),
            _ => Ok(PcmStatus { avail: card.avail(), timestamp: (card.pcm.stamp)(card.time) }),
        })
    }

    fn read(&mut self, out: &mut [u8]) -> Result<u32, Errno> {
        self.call(Call::PcmRead, |card| {
            if card.state == PcmState::Xrun && card.pcm.hides_xruns {
                return Ok(0);
            }
            card.check()?;
            let Some((_, frame_bytes, _)) = card.setup else { return Err(Errno::EBADFD) };
            let frames = ((out.len() / frame_bytes) as u64).min(card.avail()).min(u64::from(card.pcm.most_read));
            card.write(&mut out[..frames as usize * frame_bytes], frame_bytes);
            card.oldest += frames;
            Ok(frames as u32)
        })
    }

    fn skip(&mut self, frames: u64) -> Result<u64, Errno> {
        self.call(Call::PcmSkip, |card| {
            card.check()?;
            let frames = frames.min(card.avail());
            card.oldest += frames;
            Ok(frames)
        })
    }
}
