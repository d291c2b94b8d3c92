//! What every use of libasound needs: silence on stderr, and error numbers as numbers.

use std::cell::Cell;

use alsa::pcm::PCM;
use alsa::{Direction, Output};
use nix::errno::Errno;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Has libasound write its complaints of this thread into a buffer instead of stderr. Each call drops the buffer
/// before.
pub(super) fn quietly() {
    // Without memory for a buffer the complaints go to stderr as they would have.
    QUIET.set(Output::local_error_handler().map(drop).is_ok());
}

/// The same where it was not done yet: costs nothing from the second call on.
pub(super) fn still_quietly() {
    if !QUIET.get() {
        quietly();
    }
}

/// The error number of libasound's answer, whichever sign it has. What it complained of is thrown away: on a thread that
/// runs for days the buffer must not grow with every error.
pub(super) fn failed(error: alsa::Error) -> Errno {
    quietly();
    Errno::from_raw(error.errno().saturating_abs())
}

/// As [`failed`], at an opening.
pub(super) fn errno(error: alsa::Error) -> Errno {
    match Errno::from_raw(error.errno().saturating_abs()) {
        // A card in use, opened without waiting.
        Errno::EAGAIN => Errno::EBUSY,
        other => other,
    }
}

/// Opens a PCM for capture, without waiting for whoever holds it.
pub(super) fn open(name: &str) -> Result<PCM, Errno> {
    // The alsa crate panics at a NUL inside a name.
    if name.contains('\0') {
        return Err(Errno::EINVAL);
    }
    PCM::new(name, Direction::Capture, true).map_err(errno)
}
