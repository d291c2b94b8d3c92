//! Getting a PCM to run again: what helps, how often it is tried, and the calls themselves, which may block.

use nix::errno::Errno;

use crate::seam::{Pcm, PcmState};

/// Attempts in a row, without a period between them, after which the microphone is given up.
const PATIENCE: u32 = 8;
/// How long the second attempt waits, in nanoseconds; each one after it waits twice as long.
const FIRST_WAIT: u64 = 10_000_000;
/// Attempts at resuming after which it is prepared anew.
const RESUMES: u32 = 3;

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Preparing and starting anew. A capture that was only prepared stays dead.
    Restart,
    /// Resuming after the system slept, and preparing anew where the driver cannot resume.
    Resume,
}

/// What becomes of a PCM that answered with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The device is gone.
    Gone,
    /// Another attempt, after so many nanoseconds.
    Try { remedy: Remedy, wait: u64 },
    /// Enough attempts.
    GiveUp,
}

/// The attempts so far.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    attempts: u32,
}

impl Recovery {
    /// Judges an error in a state.
    pub(super) fn judge(&mut self, errno: Errno, state: PcmState) -> Verdict {
        if matches!(errno, Errno::ENODEV | Errno::ENXIO) || state == PcmState::Disconnected {
            return Verdict::Gone;
        }
        if self.attempts >= PATIENCE {
            return Verdict::GiveUp;
        }
        let suspended = errno == Errno::ESTRPIPE || state == PcmState::Suspended;
        let remedy = if suspended && self.attempts < RESUMES { Remedy::Resume } else { Remedy::Restart };
        let wait = match self.attempts {
            0 => 0,
            attempts => FIRST_WAIT << (attempts - 1),
        };
        self.attempts += 1;
        Verdict::Try { remedy, wait }
    }

    /// A whole period came.
    pub(super) fn succeeded(&mut self) {
        self.attempts = 0;
    }
}

/// The error that a read in this state is answered with, where nothing can be read.
pub(super) fn check(state: PcmState) -> Result<(), Errno> {
    match state {
        PcmState::Xrun => Err(Errno::EPIPE),
        PcmState::Suspended => Err(Errno::ESTRPIPE),
        PcmState::Disconnected => Err(Errno::ENODEV),
        // What a plugin calls its state otherwise is its own affair.
        PcmState::Prepared | PcmState::Running | PcmState::Other => Ok(()),
    }
}

/// Applies a remedy. On the control thread: a USB microphone is spoken to on its bus.
pub(super) fn apply(pcm: &mut dyn Pcm, remedy: Remedy) -> Result<(), Errno> {
    match remedy {
        Remedy::Resume => match pcm.resume() {
            Ok(()) => return Ok(()),
            // It is on its way.
            Err(Errno::EAGAIN) => return Err(Errno::ESTRPIPE),
            Err(_) => {}
        },
        Remedy::Restart => {}
    }
    pcm.prepare()?;
    pcm.start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_gone_is_not_tried_again() {
        for (errno, state) in [
            (Errno::ENODEV, PcmState::Running),
            (Errno::ENXIO, PcmState::Other),
            (Errno::EBADFD, PcmState::Disconnected),
            (Errno::EIO, PcmState::Disconnected),
        ] {
            assert_eq!(Recovery::default().judge(errno, state), Verdict::Gone);
        }
    }

    #[test]
    fn attempts_wait_longer_each_time_and_come_to_an_end() {
        let mut recovery = Recovery::default();
        let mut waits = Vec::new();
        while let Verdict::Try { wait, .. } = recovery.judge(Errno::EPIPE, PcmState::Xrun) {
            waits.push(wait / 1_000_000);
        }
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 320, 640]);
        recovery.succeeded();
        let verdict = recovery.judge(Errno::EPIPE, PcmState::Xrun);
        assert_eq!(verdict, Verdict::Try { remedy: Remedy::Restart, wait: 0 });
    }

    #[test]
    fn a_suspended_pcm_is_resumed_first_and_prepared_anew_in_the_end() {
        let mut recovery = Recovery::default();
        let mut remedies = Vec::new();
        while let Verdict::Try { remedy, .. } = recovery.judge(Errno::ESTRPIPE, PcmState::Suspended) {
            remedies.push(remedy);
        }
        assert_eq!(remedies[..4], [Remedy::Resume, Remedy::Resume, Remedy::Resume, Remedy::Restart]);
    }
}
