//! What waits between the reactor and a consumer's own thread.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use nix::sys::eventfd::EventFd;

use super::bell::Bell;
use super::consumer::{Consumer, ConsumerStatistics, Counters};
use super::medium::Medium;
use crate::capture::sync::{AtomicUsize, Condvar, Mutex, MutexGuard, Ordering};
use crate::capture::{Demand, Item};
use crate::error::{Error, Result};
use crate::time::nanoseconds;

/// Tells the time of delivery; the engine's clock, so that tests can move it.
pub(super) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Which frames a full queue drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum DropPolicy {
    /// The oldest that waits, for the one that comes: what waits is what is newest, as mediacapture-transform has it. For
    /// whoever wants to see what is now.
    #[default]
    Newest,
    /// The one that comes: what waits stays, in its order and without a gap, until some of it is taken. For whoever works on
    /// neighbouring frames.
    InOrder,
}

/// How much may wait for a consumer. The oldest is dropped when more comes, unless the policy is another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// Frames or blocks.
    items: usize,
    /// From the oldest to the newest, in nanoseconds.
    span: u64,
    bytes: u64,
    /// Which go when there are too many.
    policy: DropPolicy,
    /// How many of them may be the driver's own buffers: what comes while so many wait is copied, so that a consumer that is
    /// held up for seconds does not hold up the camera.
    lent: usize,
}

impl Bound {
    /// So many, whatever their size.
    pub(super) fn items(items: usize, policy: DropPolicy) -> Self {
        Self { items: items.max(1), span: u64::MAX, bytes: u64::MAX, policy, lent: usize::MAX }
    }

    /// So much time and memory, of which few buffers are the driver's.
    pub(super) fn backlog(span: Duration, bytes: u64) -> Self {
        let span = nanoseconds(span);
        Self { items: usize::MAX, span, bytes, policy: DropPolicy::Newest, lent: 2 }
    }

    /// How many a consumer may hold besides those that wait. Of a backlog that is copied, no more than of one that is lent.
    fn may_hold(&self, limit: usize) -> usize {
        limit.saturating_add(self.most_lent())
    }

    /// How many of what waits may be the driver's, or copies that were made in its place.
    fn most_lent(&self) -> usize {
        self.items.min(self.lent)
    }
}

/// The queue.
pub(super) struct Queue<M: Medium> {
    name: String,
    bound: Bound,
    state: Mutex<State<M::Passed>>,
    filled: Condvar,
    held: Arc<AtomicUsize>,
    clock: Clock,
    /// Rung besides, where a thread waits for several queues.
    bell: Option<Arc<Bell>>,
}

struct State<T> {
    waiting: VecDeque<T>,
    bytes: u64,
    counters: Counters,
    ended: bool,
    error: Option<Error>,
    sleepers: usize,
    event: Option<Arc<EventFd>>,
    /// The task that found nothing here when it polled last, and has not been woken since.
    task: Option<Waker>,
}

impl<T> State<T> {
    /// One more that waits.
    fn take_in(&mut self, item: T, bytes: u64) {
        self.counters.accepted += 1;
        self.bytes += bytes;
        self.waiting.push_back(item);
    }
}

impl<M: Medium> Queue<M> {
    pub(super) fn new(name: &str, bound: Bound, clock: Clock, bell: Option<Arc<Bell>>) -> Self {
        // What has a bound in numbers never allocates again.
        let capacity = if bound.items == usize::MAX { 0 } else { bound.items };
        Self {
            name: name.to_owned(),
            bound,
            state: Mutex::new(State {
                waiting: VecDeque::with_capacity(capacity),
                bytes: 0,
                counters: Counters::default(),
                ended: false,
                error: None,
                sleepers: 0,
                event: None,
                task: None,
            }),
            filled: Condvar::new(),
            held: Arc::new(AtomicUsize::new(0)),
            clock,
            bell,
        }
    }

    fn state(&self) -> MutexGuard<'_, State<M::Passed>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits, with no system call where nobody does. After the lock is free again: a woken thread would
    /// only run into it.
    fn signal(&self, mut state: MutexGuard<'_, State<M::Passed>>) {
        let sleepers = state.sleepers > 0;
        let event = state.event.clone();
        let task = state.task.take();
        drop(state);
        if sleepers {
            self.filled.notify_all();
        }
        if let Some(event) = event {
            // A full counter is as readable as any.
            let _ = event.write(1);
        }
        if let Some(bell) = &self.bell {
            bell.ring();
        }
        if let Some(task) = task {
            // What a runtime does there is its own: a panic of its making is no reason for every device to stop.
            let _ = catch_unwind(AssertUnwindSafe(|| task.wake()));
        }
    }

    /// The next frame or block, or the end, if either is there.
    pub(super) fn poll(&self) -> Poll<Option<Result<M>>> {
        self.poll_locked(&mut self.state())
    }

    fn poll_locked(&self, state: &mut State<M::Passed>) -> Poll<Option<Result<M>>> {
        if let Some(passed) = state.waiting.pop_front() {
            state.bytes -= passed.byte_count();
            state.counters.deliver(&passed, (self.clock)());
            return Poll::Ready(Some(Ok(M::lend(passed, Some(self.held.clone())))));
        }
        if let Some(event) = &state.event {
            // Readable again only when something is there.
            let _ = event.read();
        }
        if !state.ended {
            return Poll::Pending;
        }
        if let Some(event) = &state.event {
            let _ = event.write(1);
        }
        Poll::Ready(state.error.take().map(Err))
    }

    /// As [`Queue::poll`], for a task: one that is told `Pending` is woken once when there is something. Looking and leaving
    /// its waker are one step under the lock, so that nothing can come in between; the last task that polled is the one woken.
    pub(super) fn poll_task(&self, context: &mut Context<'_>) -> Poll<Option<Result<M>>> {
        let mut state = self.state();
        let polled = self.poll_locked(&mut state);
        let mut replaced = None;
        if polled.is_pending() && !state.task.as_ref().is_some_and(|task| task.will_wake(context.waker())) {
            replaced = state.task.replace(context.waker().clone());
        }
        // A waker's drop is the runtime's own code too, and may be a task's end: with the lock free.
        drop(state);
        drop(replaced);
        polled
    }

    /// Nobody waits any more.
    pub(super) fn forget_task(&self) {
        let task = self.state().task.take();
        drop(task);
    }

    /// As [`Queue::poll`], waiting for it, at most as long as `limit`.
    pub(super) fn wait(&self, limit: Option<Duration>) -> Poll<Option<Result<M>>> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut state = self.state();
        loop {
            if let ready @ Poll::Ready(_) = self.poll_locked(&mut state) {
                return ready;
            }
            let left = match deadline {
                None => None,
                Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                    None | Some(Duration::ZERO) => return Poll::Pending,
                    left => left,
                },
            };
            state.sleepers += 1;
            state = match left {
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
            state.sleepers -= 1;
        }
    }

    /// When the first that waits was passed.
    pub(super) fn next_timestamp(&self) -> Option<u64> {
        self.state().waiting.front().map(Item::timestamp)
    }

    /// Keeps `event` readable while there is something to take, or the end.
    pub(super) fn announce_to(&self, event: Arc<EventFd>) {
        let mut state = self.state();
        if !state.waiting.is_empty() || state.ended {
            let _ = event.write(1);
        }
        state.event = Some(event);
    }

    /// Gives back what waits: nobody will take it.
    pub(super) fn abandon(&self) {
        let waiting = {
            let mut state = self.state();
            state.counters.behind += state.waiting.len() as u64;
            state.bytes = 0;
            std::mem::take(&mut state.waiting)
        };
        drop(waiting);
    }

    /// Whether one more of `bytes`, passed at `timestamp`, is more than may wait.
    fn is_full(&self, state: &State<M::Passed>, timestamp: u64, bytes: u64) -> bool {
        let Some(oldest) = state.waiting.front() else { return false };
        state.waiting.len() >= self.bound.items
            || state.bytes.saturating_add(bytes) > self.bound.bytes
            || timestamp.saturating_sub(oldest.timestamp()) > self.bound.span
    }
}

impl<M: Medium> Consumer<M> for Queue<M> {
    fn offer(&self, passed: &M::Passed, _now: u64) {
        let bytes = passed.byte_count();
        let mut state = self.state();
        if state.ended {
            return;
        }
        if self.held.load(Ordering::Relaxed) >= self.bound.may_hold(M::HOLD_LIMIT) {
            state.counters.accepted += 1;
            state.counters.holding += 1;
            return;
        }
        if self.bound.policy == DropPolicy::InOrder && self.is_full(&state, passed.timestamp(), bytes) {
            state.counters.accepted += 1;
            state.counters.behind += 1;
            return;
        }
        let mut oldest = None;
        while self.is_full(&state, passed.timestamp(), bytes) {
            let Some(dropped) = state.waiting.pop_front() else { break };
            state.counters.behind += 1;
            state.bytes -= dropped.byte_count();
            oldest = Some(dropped);
        }
        if state.waiting.len() < self.bound.lent {
            state.take_in(passed.clone(), bytes);
            self.signal(state);
            // Its buffer goes back to the driver out here, with the queue free for the consumer.
            drop(oldest);
            return;
        }
        // Copied with the queue free for its consumer, into the memory of what was just dropped: nobody but this thread
        // puts anything in, so that there is still room afterwards.
        drop(state);
        let copy = passed.detached(oldest);
        let mut state = self.state();
        if state.ended {
            return;
        }
        match copy {
            Some(copy) => {
                state.take_in(copy, bytes);
                self.signal(state);
            }
            None => {
                state.counters.accepted += 1;
                state.counters.holding += 1;
            }
        }
    }

    fn demand(&self) -> Demand {
        let waiting = self.bound.most_lent();
        // It is given more for as long as it holds one less than it may; and what waits then is taken as well.
        Demand { consumers: 1, waiting, most: self.bound.may_hold(M::HOLD_LIMIT).saturating_add(waiting) }
    }

    fn end(&self, error: Option<&Error>) {
        let mut state = self.state();
        if state.ended {
            return;
        }
        state.ended = true;
        state.error = error.cloned();
        self.signal(state);
    }

    fn statistics(&self) -> ConsumerStatistics {
        let state = self.state();
        state.counters.statistics(&self.name, M::KIND, state.waiting.len())
    }
}

#[cfg(all(test, loom))]
mod loom_models;
