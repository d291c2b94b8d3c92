//! SIGINT, SIGTERM and SIGHUP on a channel, beside what else a command waits for: the first finishes the work, the second
//! kills.
//!
//! No thread waits for them. A handler notes the first and writes to the eventfd that wakes the channel's receiver; both are
//! things that a handler may do (signal-safety(7)).

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::c_int;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction, signal};
use nix::unistd;

/// The first signal's number, once it came.
static FIRST: AtomicI32 = AtomicI32::new(0);
/// What the handler writes to.
static WAKE: OnceLock<OwnedFd> = OnceLock::new();

/// The way to speak to a [`Receiver`].
pub(super) struct Sender<T> {
    sender: mpsc::Sender<T>,
    wake: Arc<EventFd>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), wake: self.wake.clone() }
    }
}

impl<T> Sender<T> {
    /// Sends, if the receiver is still there.
    pub(super) fn send(&self, item: T) {
        if self.sender.send(item).is_ok() {
            // A full counter means that a wake-up is pending already.
            let _ = self.wake.write(1);
        }
    }
}

/// Where a command waits for signals and for what it is sent.
pub(super) struct Receiver<T> {
    received: mpsc::Receiver<T>,
    wake: Arc<EventFd>,
    of: fn(Signal) -> T,
    /// The first signal was given.
    told: Cell<bool>,
}

impl<T> Receiver<T> {
    /// Waits for the next item, or the first signal.
    pub(super) fn recv(&self) -> T {
        loop {
            if let Some(item) = self.recv_timeout(Duration::MAX) {
                return item;
            }
        }
    }

    /// As [`Receiver::recv`], at most so long.
    pub(super) fn recv_timeout(&self, limit: Duration) -> Option<T> {
        let began = Instant::now();
        loop {
            if let Ok(item) = self.received.try_recv() {
                return Some(item);
            }
            if !self.told.get()
                && let Ok(first) = Signal::try_from(FIRST.load(Ordering::SeqCst))
            {
                self.told.set(true);
                return Some((self.of)(first));
            }
            let left = limit.saturating_sub(began.elapsed());
            if left.is_zero() {
                return None;
            }
            // In whole milliseconds, and one more: not a little too early, again and again.
            let timeout = PollTimeout::try_from(left.saturating_add(Duration::from_millis(1)));
            let mut wake = [PollFd::new(self.wake.as_fd(), PollFlags::POLLIN)];
            // EINTR is a signal: it has been noted.
            if poll(&mut wake, timeout.unwrap_or(PollTimeout::MAX)) == Ok(1) {
                let _ = self.wake.read();
            }
        }
    }
}

/// A channel with the signals coming in on it, as `of` makes items of them. Once in a process.
///
/// A SIGHUP that was ignored from the start stays so, as `nohup` wants it.
pub(super) fn channel<T>(of: fn(Signal) -> T) -> io::Result<(Sender<T>, Receiver<T>)> {
    let wake = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
    WAKE.set(wake.as_fd().try_clone_to_owned()?).map_err(|_| io::Error::other("it was done before"))?;
    // What a driver or a disk is asked meanwhile is asked on.
    let handled = SigAction::new(SigHandler::Handler(caught), SaFlags::SA_RESTART, SigSet::empty());
    for number in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: `caught` does only what a handler may do at any time, which it says itself.
        let before = unsafe { sigaction(number, &handled) }?;
        if number == Signal::SIGHUP && matches!(before.handler(), SigHandler::SigIgn) {
            // SAFETY: ignoring installs no handler.
            unsafe { sigaction(number, &before) }?;
        }
    }
    // A file that reaches a limit (`ulimit -f`) is an error of its write, EFBIG, and not the end of the process.
    // SAFETY: ignoring installs no handler, so nothing of ours runs in a signal's context.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }?;
    let (sender, received) = mpsc::channel();
    let wake = Arc::new(wake);
    Ok((Sender { sender, wake: wake.clone() }, Receiver { received, wake, of, told: Cell::new(false) }))
}

/// Notes the first signal; dies of the second. Atomics, write(2), signal(2) and raise(3) alone, which signal-safety(7) allows; errno
/// is left as it was.
extern "C" fn caught(number: c_int) {
    let errno = Errno::last_raw();
    if FIRST.compare_exchange(0, number, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
        if let Some(wake) = WAKE.get() {
            let _ = unistd::write(wake, &1u64.to_ne_bytes());
        }
    } else if let Ok(second) = Signal::try_from(number) {
        // SAFETY: the default action is no handler of ours.
        let _ = unsafe { signal(second, SigHandler::SigDfl) };
        // Delivered when this handler returns.
        let _ = raise(second);
    }
    Errno::set_raw(errno);
}

/// What a shell sees of a program that a signal ended.
pub(super) fn exit_code(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(u8::MAX)
}
