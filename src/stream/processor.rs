//! A queue between the reactor and a consumer's own thread, after mediacapture-transform's `MediaStreamTrackProcessor`.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::consumer::{Consumer, ConsumerStatistics, Counters};
use super::frame::VideoFrame;
use super::outlet::TrackOutlet;
use crate::capture::CapturedFrame;
use crate::error::{Error, ErrorName, Result};

/// How many frames a consumer may hold beyond those waiting for it, before it gets no new ones.
const HOLD_LIMIT: usize = 4;

/// Tells the time of delivery; the engine's clock, so that tests can move it.
pub(super) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The queue.
pub(super) struct FrameQueue {
    name: String,
    capacity: usize,
    state: Mutex<State>,
    filled: Condvar,
    held: Arc<AtomicUsize>,
    clock: Clock,
}

struct State {
    frames: VecDeque<CapturedFrame>,
    counters: Counters,
    ended: bool,
    error: Option<Error>,
    waiting: usize,
    event: Option<Arc<EventFd>>,
}

impl FrameQueue {
    pub(super) fn new(name: &str, capacity: usize, clock: Clock) -> Self {
        let capacity = capacity.max(1);
        Self {
            name: name.to_owned(),
            capacity,
            state: Mutex::new(State {
                frames: VecDeque::with_capacity(capacity),
                counters: Counters::default(),
                ended: false,
                error: None,
                waiting: 0,
                event: None,
            }),
            filled: Condvar::new(),
            held: Arc::new(AtomicUsize::new(0)),
            clock,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits, with no system call where nobody does. After the lock is free again: a woken thread would
    /// only run into it.
    fn signal(&self, state: MutexGuard<'_, State>) {
        let waiting = state.waiting > 0;
        let event = state.event.clone();
        drop(state);
        if waiting {
            self.filled.notify_all();
        }
        if let Some(event) = event {
            // A full counter is as readable as any.
            let _ = event.write(1);
        }
    }

    /// The next frame, or the end, if either is there.
    fn poll(&self, state: &mut State) -> Poll<Option<Result<VideoFrame>>> {
        if let Some(frame) = state.frames.pop_front() {
            state.counters.deliver(&frame, (self.clock)());
            return Poll::Ready(Some(Ok(VideoFrame::new(frame, Some(self.held.clone())))));
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

    fn wait(&self, limit: Option<Duration>) -> Poll<Option<Result<VideoFrame>>> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut state = self.state();
        loop {
            if let ready @ Poll::Ready(_) = self.poll(&mut state) {
                return ready;
            }
            let left = match deadline {
                None => None,
                Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                    None | Some(Duration::ZERO) => return Poll::Pending,
                    left => left,
                },
            };
            state.waiting += 1;
            state = match left {
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
            state.waiting -= 1;
        }
    }
}

impl Consumer for FrameQueue {
    fn offer(&self, frame: &CapturedFrame, _now: u64) {
        let mut state = self.state();
        if state.ended {
            return;
        }
        state.counters.accepted += 1;
        if self.held.load(Ordering::Relaxed) >= HOLD_LIMIT + self.capacity {
            state.counters.holding += 1;
            return;
        }
        let oldest = if state.frames.len() >= self.capacity {
            state.counters.behind += 1;
            state.frames.pop_front()
        } else {
            None
        };
        state.frames.push_back(frame.clone());
        self.signal(state);
        // Its buffer goes back to the driver out here, with the queue free for the consumer.
        drop(oldest);
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
        state.counters.statistics(&self.name, state.frames.len())
    }
}

/// A track's frames for a thread of the caller's own: at most `max_buffer_size` wait, the oldest is dropped when a newer
/// one comes (mediacapture-transform, `MediaStreamTrackProcessor`).
///
/// As an iterator it waits for each frame. It ends with `None` when the track ended, after one `Err` if it ended badly.
/// Nothing waits past the end of the track. Dropping it detaches it.
pub struct MediaStreamTrackProcessor {
    queue: Arc<FrameQueue>,
    outlet: Weak<TrackOutlet>,
    event: Option<Arc<EventFd>>,
}

impl MediaStreamTrackProcessor {
    pub(super) fn new(queue: Arc<FrameQueue>, outlet: &Arc<TrackOutlet>) -> Self {
        Self { queue, outlet: Arc::downgrade(outlet), event: None }
    }

    /// The queue itself, for who must end it from outside.
    pub(super) fn queue(&self) -> Arc<FrameQueue> {
        self.queue.clone()
    }

    /// The next frame, waiting at most `limit` for it: `Pending` when none came by then, `Ready(None)` at the end.
    pub fn next_timeout(&self, limit: Duration) -> Poll<Option<Result<VideoFrame>>> {
        self.queue.wait(Some(limit))
    }

    /// The next frame if one is there: `Pending` if not, `Ready(None)` at the end.
    pub fn try_next(&self) -> Poll<Option<Result<VideoFrame>>> {
        let mut state = self.queue.state();
        self.queue.poll(&mut state)
    }

    /// Makes it something a `poll` or `epoll` loop can wait for: see [`PollableProcessor`].
    ///
    /// # Errors
    /// [`ErrorName::NotReadableError`] when the process has no descriptor left.
    pub fn pollable(mut self) -> Result<PollableProcessor> {
        let event =
            EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).map_err(|errno| {
                Error::new(ErrorName::NotReadableError, format!("no eventfd: {}", errno.desc()))
                    .with_errno(errno as i32)
                    .with_remedy("raise the limit of open files (ulimit -n)")
            })?;
        let event = Arc::new(event);
        {
            let mut state = self.queue.state();
            if !state.frames.is_empty() || state.ended {
                let _ = event.write(1);
            }
            state.event = Some(event.clone());
        }
        self.event = Some(event.clone());
        Ok(PollableProcessor { processor: self, event })
    }

    /// What was counted of it.
    pub fn statistics(&self) -> ConsumerStatistics {
        self.queue.statistics()
    }
}

impl Iterator for MediaStreamTrackProcessor {
    type Item = Result<VideoFrame>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.queue.wait(None) {
            Poll::Ready(next) => next,
            // Without a limit it waits until there is an answer.
            Poll::Pending => None,
        }
    }
}

impl Drop for MediaStreamTrackProcessor {
    fn drop(&mut self) {
        if let Some(outlet) = self.outlet.upgrade() {
            let consumer: Arc<dyn Consumer> = self.queue.clone();
            outlet.detach(&consumer);
        }
        self.queue.end(None);
        // Waiting frames go back to the driver now, even if the reactor holds the queue for a moment longer.
        let frames = {
            let mut state = self.queue.state();
            state.counters.behind += state.frames.len() as u64;
            std::mem::take(&mut state.frames)
        };
        drop(frames);
    }
}

/// A processor with a descriptor that is readable while a frame, or the end, is there: for the caller's own loop.
///
/// After the descriptor became readable, call [`MediaStreamTrackProcessor::try_next`] until it says `Pending`.
pub struct PollableProcessor {
    processor: MediaStreamTrackProcessor,
    event: Arc<EventFd>,
}

impl AsFd for PollableProcessor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

impl std::ops::Deref for PollableProcessor {
    type Target = MediaStreamTrackProcessor;

    fn deref(&self) -> &Self::Target {
        &self.processor
    }
}
