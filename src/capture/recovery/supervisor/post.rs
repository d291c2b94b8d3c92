//! What stands between a reader and its source: it hands on what it gets, and turns the reader's end into trouble.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, Weak};

use super::Supervisor;
use crate::capture::demand::Demand;
use crate::capture::recovery::event::RecoveryEvent;
use crate::capture::source::{Captured, Outlet, SourceEnd};

/// What a reader gives to.
pub(super) struct Post<T: Captured> {
    pub(super) supervisor: Weak<Supervisor<T>>,
    pub(super) outlet: Arc<dyn Outlet<T>>,
    pub(super) generation: u64,
    /// Nothing has come yet.
    pub(super) fresh: AtomicBool,
}

impl<T: Captured> Outlet<T> for Post<T> {
    fn give(&self, captured: &T, now: u64) {
        if self.fresh.load(Ordering::Relaxed) {
            self.fresh.store(false, Ordering::Relaxed);
            if let Some(supervisor) = self.supervisor.upgrade() {
                supervisor.flows(now);
            }
        }
        self.outlet.give(captured, now);
    }

    fn demand(&self) -> Demand {
        self.outlet.demand()
    }

    fn ended(&self, end: SourceEnd) {
        if let Some(supervisor) = self.supervisor.upgrade() {
            supervisor.trouble(self.generation, end);
        }
    }

    fn event(&self, event: &RecoveryEvent) {
        self.outlet.event(event);
    }

    fn formatted(&self, format: &T::Format) {
        if let Some(supervisor) = self.supervisor.upgrade() {
            *supervisor.format.lock().unwrap_or_else(PoisonError::into_inner) = Some(format.clone());
        }
        self.outlet.formatted(format);
    }
}
