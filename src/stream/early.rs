//! What came before anybody was there to take it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// For how long after its arrival a frame is worth having for who comes late, in nanoseconds: a second. A camera that waits
/// for a trigger may have given its last one an hour ago.
const FRESH: u64 = 1_000_000_000;

/// The newest frame or block of a source that has had no track yet, or of a track that has had no consumer. `getUserMedia()`
/// returns with a device that runs already: its first consumer need not wait for another period.
pub(super) struct Early<T>(Mutex<State<T>>);

enum State<T> {
    /// With the time of its arrival.
    Keeping(Option<(T, u64)>),
    /// There has been somebody.
    Over,
}

impl<T> Early<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State::Keeping(None)))
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps it in place of the one before. Gives it back where it is too late for that.
    pub(super) fn keep(&self, item: T, now: u64) -> Result<(), T> {
        let mut state = self.state();
        let State::Keeping(kept) = &mut *state else { return Err(item) };
        let before = kept.replace((item, now));
        drop(state);
        // Its buffer goes back to the driver with the lock free.
        drop(before);
        Ok(())
    }

    /// It is not what the track gives any more.
    pub(super) fn forget(&self) {
        let kept = match &mut *self.state() {
            State::Keeping(kept) => kept.take(),
            State::Over => None,
        };
        drop(kept);
    }

    /// Whether there is something for who comes first.
    pub(super) fn is_there(&self) -> bool {
        matches!(&*self.state(), State::Keeping(Some(_)))
    }

    /// There will be nobody.
    pub(super) fn close(&self) {
        drop(std::mem::replace(&mut *self.state(), State::Over));
    }

    /// The first one is there: `attach` gets what was kept and when it arrived, and what comes from then on goes to whom it
    /// has attached.
    pub(super) fn hand_over<R>(&self, attach: impl FnOnce(Option<(T, u64)>) -> R) -> R {
        let mut state = self.state();
        let kept = match std::mem::replace(&mut *state, State::Over) {
            State::Keeping(kept) => kept,
            State::Over => None,
        };
        attach(kept)
    }
}

/// Whether what arrived then is worth having `now`.
pub(super) fn is_fresh(arrived: u64, now: u64) -> bool {
    now.saturating_sub(arrived) <= FRESH
}
