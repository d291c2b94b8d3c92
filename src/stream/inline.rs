//! A callback on the capture thread: no hand-over, no wait.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::consumer::{Consumer, ConsumerStatistics, Counters};
use super::frame::VideoFrame;
use super::medium::Medium;
use super::outlet::TrackOutlet;
use super::queue::Clock;
use crate::capture::Demand;
use crate::capture::sync::{AtomicUsize, Ordering};
use crate::error::Error;

type Callback<M> = Box<dyn FnMut(&M) + Send>;

/// The consumer behind [`VideoTrack::on_frame`](super::VideoTrack::on_frame) and
/// [`AudioTrack::on_data`](super::AudioTrack::on_data).
pub(super) struct InlineConsumer<M: Medium> {
    name: &'static str,
    /// Taken out for each call: a callback may stop its own track, or ask for its own statistics.
    callback: Mutex<Option<Callback<M>>>,
    ended: AtomicBool,
    counters: Mutex<Counters>,
    /// What the callback has kept clones of.
    held: Arc<AtomicUsize>,
    /// Half a frame period in nanoseconds: a callback that takes longer endangers the next frame.
    allowance: Option<u64>,
    clock: Clock,
}

impl<M: Medium> InlineConsumer<M> {
    pub(super) fn new(name: &'static str, callback: Callback<M>, interval: Option<u64>, clock: Clock) -> Self {
        Self {
            name,
            callback: Mutex::new(Some(callback)),
            ended: AtomicBool::new(false),
            counters: Mutex::new(Counters::default()),
            held: Arc::new(AtomicUsize::new(0)),
            allowance: interval.map(|interval| interval / 2),
            clock,
        }
    }

    fn callback(&self) -> MutexGuard<'_, Option<Callback<M>>> {
        self.callback.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is over, by the track's end or cancelled.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// The end may have come while the callback was out.
    fn forget_if_ended(&self) {
        if self.is_ended() {
            let callback = self.callback().take();
            drop(callback);
        }
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Medium> Consumer<M> for InlineConsumer<M> {
    fn offer(&self, passed: &M::Passed, now: u64) {
        let Some(mut call) = self.callback().take() else { return };
        let holds_too_many = self.held.load(Ordering::Relaxed) >= M::HOLD_LIMIT;
        {
            let mut counters = self.counters();
            counters.accepted += 1;
            if holds_too_many {
                counters.holding += 1;
            } else {
                counters.deliver(passed, now);
            }
        }
        if holds_too_many {
            *self.callback() = Some(call);
            return self.forget_if_ended();
        }
        let lent = M::lend(passed.clone(), Some(self.held.clone()));
        // A panic has been printed by its hook; it ends this consumer and nothing else.
        let panicked = catch_unwind(AssertUnwindSafe(|| call(&lent))).is_err();
        if self.allowance.is_some_and(|allowance| (self.clock)().saturating_sub(now) > allowance) {
            self.counters().slow += 1;
        }
        if panicked {
            // What it had captured may panic as well when it is dropped.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(call)));
        } else {
            *self.callback() = Some(call);
        }
        self.forget_if_ended();
    }

    fn demand(&self) -> Demand {
        Demand { consumers: 1, waiting: 0, most: M::HOLD_LIMIT }
    }

    fn end(&self, _error: Option<&Error>) {
        // Dropped with the track: what it captured may be large, and nobody will call it again.
        self.ended.store(true, Ordering::SeqCst);
        let callback = self.callback().take();
        drop(callback);
    }

    fn statistics(&self) -> ConsumerStatistics {
        self.counters().statistics(self.name, M::KIND, 0)
    }
}

/// A callback that was attached with [`VideoTrack::on_frame`](super::VideoTrack::on_frame) or
/// [`AudioTrack::on_data`](super::AudioTrack::on_data). It stays attached until the track ends or
/// [`FrameCallback::cancel`] is called; dropping this does nothing.
pub struct FrameCallback<M: Medium = VideoFrame> {
    consumer: Arc<dyn Consumer<M>>,
    outlet: Weak<TrackOutlet<M>>,
}

impl<M: Medium> FrameCallback<M> {
    pub(super) fn new(consumer: Arc<dyn Consumer<M>>, outlet: &Arc<TrackOutlet<M>>) -> Self {
        Self { consumer, outlet: Arc::downgrade(outlet) }
    }

    /// What was counted of it.
    pub fn statistics(&self) -> ConsumerStatistics {
        self.consumer.statistics()
    }

    /// Detaches it. A call that is under way is finished.
    pub fn cancel(&self) {
        // First: the capture thread may have it at hand, for the frame of this very moment or to attach it.
        self.consumer.end(None);
        if let Some(outlet) = self.outlet.upgrade() {
            outlet.detach(&self.consumer);
        }
    }
}
