//! A thread that does one job after the other.
//!
//! The *control* thread is one: open, S_FMT, STREAMON, STREAMOFF, REQBUFS, munmap and close may block there. uvcvideo
//! holds one lock across STREAMON, DQBUF, poll and QBUF, and a camera that does not answer holds it for five seconds:
//! whoever must not wait that long asks that thread. The *dispatcher*, on which callers' callbacks run, is another.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use super::buffer::Reaper;

type Job = Box<dyn FnOnce() + Send>;

/// A working thread, and the way to speak to it. Ends when the handle is dropped and its work is done.
#[derive(Debug)]
pub(crate) struct Worker {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    id: ThreadId,
}

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let (jobs, work) = mpsc::channel::<Job>();
        let thread = thread::Builder::new().name(name.into()).spawn(move || {
            for job in work {
                // A panic has been printed by its hook; it ends that job and no other.
                let _ = panic::catch_unwind(AssertUnwindSafe(job));
            }
        })?;
        let id = thread.thread().id();
        Ok(Self { jobs: Some(jobs), thread: Some(thread), id })
    }

    /// Has `job` done, without waiting.
    pub(crate) fn post(&self, job: impl FnOnce() + Send + 'static) {
        if let Some(jobs) = &self.jobs {
            // It ends only in our own drop.
            let _ = jobs.send(Box::new(job));
        }
    }

    /// Has `job` done and waits for its answer; `None` if it panicked. On the thread itself it is done at once.
    pub(super) fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        if self.is_current_thread() {
            return Some(job());
        }
        let (done, answer) = mpsc::sync_channel(1);
        self.post(move || {
            let _ = done.send(job());
        });
        answer.recv().ok()
    }

    /// Has `job` done and waits for it, but not longer than `limit`. Whether it was done by then.
    pub(super) fn run_within(&self, limit: Duration, job: impl FnOnce() + Send + 'static) -> bool {
        if self.is_current_thread() {
            job();
            return true;
        }
        let (done, answer) = mpsc::sync_channel(1);
        self.post(move || {
            job();
            let _ = done.send(());
        });
        !matches!(answer.recv_timeout(limit), Err(RecvTimeoutError::Timeout))
    }

    /// A handle that only buries: in `grave`, which this thread empties.
    pub(super) fn reaper(&self, grave: &Arc<Grave>) -> impl Reaper + use<> {
        Undertaker { jobs: self.jobs.clone(), grave: grave.clone() }
    }

    fn is_current_thread(&self) -> bool {
        thread::current().id() == self.id
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        // The thread itself may live on for as long as frames of a stopped stream are held (each keeps an undertaker);
        // it sleeps then, and waiting for it here would wait for the frames.
        drop(self.thread.take());
    }
}

/// What was buried and is not dropped yet.
#[derive(Default)]
pub(super) struct Grave {
    remains: Mutex<Vec<Box<dyn Send>>>,
    /// Held while some are being dropped, apart from the list: burying more waits for nobody.
    digging: Mutex<()>,
}

impl Grave {
    /// Drops what was buried by now, or waits until whoever is at it has done so. May block as long as an unmapping.
    pub(super) fn empty(&self) {
        let _digging = self.digging.lock().unwrap_or_else(PoisonError::into_inner);
        let remains = std::mem::take(&mut *self.remains());
        drop(remains);
    }

    fn remains(&self) -> MutexGuard<'_, Vec<Box<dyn Send>>> {
        self.remains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Undertaker {
    jobs: Option<Sender<Job>>,
    grave: Arc<Grave>,
}

impl Reaper for Undertaker {
    fn bury(&self, remains: Box<dyn Send>) {
        self.grave.remains().push(remains);
        if let Some(jobs) = &self.jobs {
            let grave = self.grave.clone();
            // Where the thread is gone, `remains` are dropped with the grave.
            let _ = jobs.send(Box::new(move || grave.empty()));
        }
    }
}
