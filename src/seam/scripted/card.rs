//! One scripted card while it is open: what libasound would do with it, and what it answers.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::sys::eventfd::EventFd;

use super::call::{Call, Faults};
use super::pcm::{PcmScript, ScriptedPcm};
use crate::seam::{Kernel, ParameterRefused, Pcm, PcmParameter, PcmParameters, PcmSetup, PcmState, PcmStatus};

#[derive(Debug)]
pub(super) struct Card {
    pub(super) pcm: ScriptedPcm,
    pub(super) faults: Faults,
    pub(super) blocked: Vec<Call>,
    pub(super) calls: BTreeMap<Call, u64>,
    pub(super) open: usize,
    pub(super) state: PcmState,
    pub(super) setup: Option<(PcmSetup, usize, bool)>,
    /// The number of the next frame, since it was plugged in.
    pub(super) next: u64,
    /// Of the oldest frame in the ring.
    pub(super) oldest: u64,
    /// What the number of a frame is ahead of the card's own count of it.
    pub(super) numbered_from: u64,
    /// When the last frame was taken.
    pub(super) time: u64,
    /// Whether the descriptor was made readable.
    pub(super) readable: bool,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) card: Mutex<Card>,
    pub(super) changed: Condvar,
    pub(super) fd: EventFd,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Card> {
        self.card.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: counted, held up and failed as the script says, else done by `act`.
    pub(super) fn call<T>(&self, call: Call, act: impl FnOnce(&mut Card) -> Result<T, Errno>) -> Result<T, Errno> {
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
    pub(super) fn refresh(&self, card: &mut Card) {
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

    fn told_avail(&self) -> u64 {
        self.pcm.says_avail.unwrap_or_else(|| self.avail())
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

    pub(super) fn capture(&mut self, frames: u64, now: u64) {
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

#[derive(Debug)]
pub(super) struct OpenPcm {
    pub(super) script: PcmScript,
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
            PcmState::Xrun if card.pcm.hides_xruns => Ok(card.told_avail()),
            _ => card.check().map(|()| card.told_avail()),
        })
    }

    fn status(&mut self) -> Result<PcmStatus, Errno> {
        let now = self.script.kernel.now();
        // As in the kernel, it answers in every state but the last, and of a stopped ring with the time it is.
        self.call(Call::PcmStatus, |card| match card.state {
            PcmState::Disconnected => Err(Errno::ENODEV),
            PcmState::Xrun => Ok(PcmStatus { avail: card.told_avail(), timestamp: (card.pcm.stamp)(now) }),
            _ => Ok(PcmStatus { avail: card.told_avail(), timestamp: (card.pcm.stamp)(card.time) }),
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
