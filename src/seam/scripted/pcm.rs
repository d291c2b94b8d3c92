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
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::ScriptedKernel;
use super::call::{Call, Fault, Faults};
use super::card::{Card, OpenPcm, Shared};
use crate::seam::{Kernel, Pcm, PcmParameter, PcmState, PcmSystem};

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
    /// What it says is in the ring, whatever there is.
    pub(crate) says_avail: Option<u64>,
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
            says_avail: None,
        }
    }
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

/// A card of a script, as the test holds it.
#[derive(Debug, Clone)]
pub(crate) struct PcmScript {
    pub(super) kernel: Arc<ScriptedKernel>,
    pub(super) shared: Arc<Shared>,
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
        // With the card locked all the time: the reactor, which nothing really holds up, would read in between.
        let mut card = self.shared.lock();
        for _ in 0..periods {
            self.kernel.pass_time(time);
            card.capture(frames, self.kernel.now());
        }
        self.shared.refresh(&mut card);
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
