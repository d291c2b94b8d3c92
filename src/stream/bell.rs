//! One thread's sleep over several queues.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Rung by any of the queues that a thread takes from.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Default)]
struct State {
    rung: bool,
    sleeping: bool,
}

impl Bell {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the thread, or keeps it from falling asleep. No system call where it is awake.
    pub(super) fn ring(&self) {
        let mut state = self.state();
        state.rung = true;
        let sleeping = state.sleeping;
        drop(state);
        if sleeping {
            self.rung.notify_one();
        }
    }

    /// Sleeps until it was rung since the last time.
    pub(super) fn wait(&self) {
        let mut state = self.state();
        state.sleeping = true;
        while !state.rung {
            state = self.rung.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.sleeping = false;
        state.rung = false;
    }
}
