//! SIGINT, SIGTERM and SIGHUP as events: the first finishes the work, the second kills.

use std::io;

use crate::thread::named;
use nix::sys::signal::{SigHandler, SigSet, Signal, raise, signal};

/// Takes the three signals from here on. Before any other thread is started: they inherit it.
///
/// `first` is called with the first of them, on a thread of its own. A SIGHUP that was ignored from the start stays so,
/// as `nohup` wants it.
pub(super) fn watch(first: impl FnOnce(Signal) + Send + 'static) -> io::Result<()> {
    let mut set = SigSet::empty();
    for caught in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        if caught != Signal::SIGHUP || !is_ignored(caught)? {
            set.add(caught);
        }
    }
    // A file that reaches a limit (`ulimit -f`) is an error of its write, EFBIG, and not the end of the process.
    // SAFETY: ignoring installs no handler, so nothing of ours runs in a signal's context.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }?;
    set.thread_block()?;
    named("usermedia-signals").spawn(move || {
        if let Ok(caught) = set.wait() {
            first(caught);
        }
        if let Ok(caught) = set.wait() {
            // SAFETY: the default action is no handler of ours, so nothing runs in a signal's context.
            let _ = unsafe { signal(caught, SigHandler::SigDfl) };
            let _ = set.thread_unblock();
            let _ = raise(caught);
        }
    })?;
    Ok(())
}

fn is_ignored(caught: Signal) -> io::Result<bool> {
    // The only way to read an action is to set one: the one that stays is the one that was.
    // SAFETY: neither action is a handler, so nothing of ours runs in a signal's context.
    let before = unsafe { signal(caught, SigHandler::SigIgn) }?;
    // SAFETY: as above; `before` is what the process was started with, as nothing here installs handlers.
    unsafe { signal(caught, before) }?;
    Ok(matches!(before, SigHandler::SigIgn))
}

/// What a shell sees of a program that a signal ended.
pub(super) fn exit_code(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(u8::MAX)
}
