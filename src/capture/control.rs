//! The control threads: where what can block is done.
//!
//! Open, S_FMT, STREAMON, STREAMOFF, REQBUFS, munmap and close may block. uvcvideo holds one lock across STREAMON, DQBUF,
//! poll and QBUF, and a camera that does not answer holds it for five seconds. So each device has a *lane*: the jobs of a
//! lane follow each other, those of different lanes wait for nobody. One thread serves them all; another one is there for
//! as long as one is held up and a lane waits.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::buffer::Reaper;
use crate::thread::named;

type Job = Box<dyn FnOnce() + Send>;

/// So many devices may be held up at once before others wait for them.
const MOST_THREADS: usize = 32;
/// The lane of what belongs to no device: unmapping, closing watches.
pub(super) const REMAINS: &str = "";

thread_local! {
    /// The control threads that this thread is one of.
    static MEMBER: Cell<usize> = const { Cell::new(0) };
}

/// The threads, and the way to speak to them. They end when it and its reapers are dropped and their work is done.
#[derive(Clone)]
pub(super) struct Control(Arc<Handle>);

/// Its last holder closes the shop.
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.work.notify_all();
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    /// Those with jobs that wait or run.
    lanes: Vec<Lane>,
    threads: usize,
    idle: usize,
    closed: bool,
}

struct Lane {
    name: String,
    jobs: VecDeque<Job>,
    /// One of its jobs runs.
    busy: bool,
}

impl Lane {
    fn is_ready(&self) -> bool {
        !self.busy && !self.jobs.is_empty()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What makes this one out among all engines'.
    fn id(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self) as usize
    }

    fn start_thread(self: &Arc<Self>) -> io::Result<()> {
        let shared = self.clone();
        self.state().threads += 1;
        let started = named("usermedia-control").spawn(move || shared.work());
        started.map(drop).inspect_err(|_| self.state().threads -= 1)
    }

    fn work(self: Arc<Self>) {
        MEMBER.set(self.id());
        let mut state = self.state();
        loop {
            if let Some(lane) = state.lanes.iter_mut().find(|lane| lane.is_ready()) {
                let Some(job) = lane.jobs.pop_front() else { continue };
                lane.busy = true;
                let name = lane.name.clone();
                drop(state);
                // A panic has been printed by its hook; it ends that job and no other.
                let _ = panic::catch_unwind(AssertUnwindSafe(job));
                state = self.state();
                if let Some(lane) = state.lanes.iter_mut().find(|lane| lane.name == name) {
                    lane.busy = false;
                }
                state.lanes.retain(|lane| lane.busy || !lane.jobs.is_empty());
            } else if state.threads > 1 || state.closed {
                // One is enough to wait; whoever has a lane sees to the rest of it.
                break;
            } else {
                state.idle += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
        state.threads -= 1;
    }
}

impl Control {
    /// Starts the first thread.
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        shared.start_thread()?;
        Ok(Self(Arc::new(Handle(shared))))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }

    /// Has `job` done after the others of that lane, without waiting.
    pub(super) fn post(&self, lane: &str, job: impl FnOnce() + Send + 'static) {
        let mut state = self.shared().state();
        match state.lanes.iter_mut().find(|other| other.name == lane) {
            Some(lane) => lane.jobs.push_back(Box::new(job)),
            None => {
                let jobs = VecDeque::from([Box::new(job) as Job]);
                state.lanes.push(Lane { name: lane.to_owned(), jobs, busy: false });
            }
        }
        let ready = state.lanes.iter().filter(|lane| lane.is_ready()).count();
        let more = ready > state.idle && state.threads < MOST_THREADS;
        drop(state);
        self.shared().work.notify_one();
        if more {
            // Where there is no thread to be had, the lane waits for one that is there.
            let _ = self.shared().start_thread();
        }
    }

    /// Has `job` done and waits for its answer; `None` if it panicked. On a control thread it is done at once.
    pub(super) fn run<T: Send + 'static>(&self, lane: &str, job: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        if self.is_current_thread() {
            return Some(job());
        }
        let (done, answer) = mpsc::sync_channel(1);
        self.post(lane, move || {
            let _ = done.send(job());
        });
        answer.recv().ok()
    }

    /// Has `job` done and waits for it, but not longer than `limit`. Whether it was done by then.
    pub(super) fn run_within(&self, limit: Duration, lane: &str, job: impl FnOnce() + Send + 'static) -> bool {
        if self.is_current_thread() {
            job();
            return true;
        }
        let (done, answer) = mpsc::sync_channel(1);
        self.post(lane, move || {
            job();
            let _ = done.send(());
        });
        !matches!(answer.recv_timeout(limit), Err(RecvTimeoutError::Timeout))
    }

    /// A handle that only buries: in `grave`, which a control thread empties.
    pub(super) fn reaper(&self, grave: &Arc<Grave>) -> impl Reaper + use<> {
        Undertaker { control: self.clone(), grave: grave.clone() }
    }

    fn is_current_thread(&self) -> bool {
        MEMBER.get() == self.shared().id()
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
    control: Control,
    grave: Arc<Grave>,
}

impl Reaper for Undertaker {
    fn bury(&self, remains: Box<dyn Send>) {
        self.grave.remains().push(remains);
        let grave = self.grave.clone();
        self.control.post(REMAINS, move || grave.empty());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_lane_that_is_held_up_holds_up_no_other() {
        let control = Control::start().unwrap();
        let (release, held) = channel::<()>();
        let (tell, told) = channel();
        control.post("stuck", move || {
            let _ = held.recv();
        });
        let behind = tell.clone();
        control.post("stuck", move || behind.send("behind").unwrap());
        assert_eq!(control.run("other", || 7), Some(7));
        control.post("third", move || tell.send("third").unwrap());
        assert_eq!(told.recv(), Ok("third"));
        drop(release);
        assert_eq!(told.recv(), Ok("behind"));
    }

    #[test]
    fn jobs_of_a_lane_follow_each_other() {
        let control = Control::start().unwrap();
        let (tell, told) = channel();
        for number in 0..100 {
            let tell = tell.clone();
            control.post("lane", move || tell.send(number).unwrap());
        }
        drop(tell);
        assert_eq!(told.iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn when_nothing_is_held_up_one_thread_is_left_and_none_when_all_is_done() {
        let control = Control::start().unwrap();
        let (release, held) = channel::<()>();
        control.post("stuck", move || {
            let _ = held.recv();
        });
        control.run("other", || ());
        drop(release);
        control.run("stuck", || ());
        let shared = control.shared().clone();
        let threads = |count: usize| {
            while shared.state().threads != count {
                std::thread::yield_now();
            }
        };
        threads(1);
        drop(control);
        threads(0);
    }

    #[test]
    fn a_job_that_panics_takes_nothing_with_it() {
        let control = Control::start().unwrap();
        assert_eq!(control.run("lane", || -> u32 { panic!("on purpose") }), None);
        assert_eq!(control.run("lane", || 1), Some(1));
    }

    #[test]
    fn what_a_job_has_done_at_once_is_done_by_itself() {
        let control = Control::start().unwrap();
        let inner = control.clone();
        assert_eq!(control.run("lane", move || inner.run("lane", || 3)), Some(Some(3)));
    }
}
