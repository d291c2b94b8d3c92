//! A queue between the reactor and a consumer's own thread, after mediacapture-transform's `MediaStreamTrackProcessor`.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::consumer::{Consumer, ConsumerStatistics};
use super::frame::VideoFrame;
use super::medium::Medium;
use super::outlet::TrackOutlet;
use super::queue::Queue;
use crate::error::{Error, ErrorName, Result};

/// A track's frames, or blocks of sound, for a thread of the caller's own: at most `max_buffer_size` wait, the oldest is dropped when a newer
/// one comes (mediacapture-transform, `MediaStreamTrackProcessor`).
///
/// As an iterator it waits for each frame. It ends with `None` when the track ended, after one `Err` if it ended badly.
/// Nothing waits past the end of the track. Dropping it detaches it.
pub struct MediaStreamTrackProcessor<M: Medium = VideoFrame> {
    queue: Arc<Queue<M>>,
    outlet: Weak<TrackOutlet<M>>,
    event: Option<Arc<EventFd>>,
}

impl<M: Medium> MediaStreamTrackProcessor<M> {
    pub(super) fn new(queue: Arc<Queue<M>>, outlet: &Arc<TrackOutlet<M>>) -> Self {
        Self { queue, outlet: Arc::downgrade(outlet), event: None }
    }

    /// The queue itself, for who must end it from outside.
    pub(super) fn queue(&self) -> Arc<Queue<M>> {
        self.queue.clone()
    }

    /// The next frame, waiting at most `limit` for it: `Pending` when none came by then, `Ready(None)` at the end.
    pub fn next_timeout(&self, limit: Duration) -> Poll<Option<Result<M>>> {
        self.queue.wait(Some(limit))
    }

    /// The next frame if one is there: `Pending` if not, `Ready(None)` at the end.
    pub fn try_next(&self) -> Poll<Option<Result<M>>> {
        self.queue.poll()
    }

    /// The next frame if one is there; if not, `Pending`, and the task is woken once when one comes or the track ends. For a
    /// `poll` function of one's own, with no crate besides the standard library; it is the last task that polled which is
    /// woken. With the feature `async` there is `into_stream` as well.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Result<M>>> {
        self.queue.poll_task(context)
    }

    /// Makes it a `Stream` of the crate `futures`: see [`ProcessorStream`](super::ProcessorStream).
    #[cfg(feature = "async")]
    pub fn into_stream(self) -> super::ProcessorStream<M> {
        super::ProcessorStream::new(self)
    }

    /// Makes it something a `poll` or `epoll` loop can wait for: see [`PollableProcessor`].
    ///
    /// # Errors
    /// [`ErrorName::NotReadableError`] when the process has no descriptor left.
    pub fn pollable(mut self) -> Result<PollableProcessor<M>> {
        let event =
            EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).map_err(|errno| {
                Error::new(ErrorName::NotReadableError, format!("no eventfd: {}", errno.desc()))
                    .with_errno(errno as i32)
                    .with_remedy("raise the limit of open files (ulimit -n)")
            })?;
        let event = Arc::new(event);
        self.queue.announce_to(event.clone());
        self.event = Some(event.clone());
        Ok(PollableProcessor { processor: self, event })
    }

    /// What was counted of it.
    pub fn statistics(&self) -> ConsumerStatistics {
        self.queue.statistics()
    }
}

impl<M: Medium> Iterator for MediaStreamTrackProcessor<M> {
    type Item = Result<M>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.queue.wait(None) {
            Poll::Ready(next) => next,
            // Without a limit it waits until there is an answer.
            Poll::Pending => None,
        }
    }
}

impl<M: Medium> Drop for MediaStreamTrackProcessor<M> {
    fn drop(&mut self) {
        if let Some(outlet) = self.outlet.upgrade() {
            let consumer: Arc<dyn Consumer<M>> = self.queue.clone();
            outlet.detach(&consumer);
        }
        // A task that drops what it waited for need not be woken for that.
        self.queue.forget_task();
        self.queue.end(None);
        // Waiting frames go back to the driver now, even if the reactor holds the queue for a moment longer.
        self.queue.abandon();
    }
}

/// A processor with a descriptor that is readable while a frame, or the end, is there: for the caller's own loop.
///
/// After the descriptor became readable, call [`MediaStreamTrackProcessor::try_next`] until it says `Pending`.
pub struct PollableProcessor<M: Medium = VideoFrame> {
    processor: MediaStreamTrackProcessor<M>,
    event: Arc<EventFd>,
}

impl<M: Medium> AsFd for PollableProcessor<M> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

impl<M: Medium> std::ops::Deref for PollableProcessor<M> {
    type Target = MediaStreamTrackProcessor<M>;

    fn deref(&self) -> &Self::Target {
        &self.processor
    }
}
