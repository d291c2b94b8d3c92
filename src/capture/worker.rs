//! A thread that does one job after the other: the *dispatcher*, on which callers' callbacks run.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use crate::thread::named;

type Job = Box<dyn FnOnce() + Send>;

/// A working thread, and the way to speak to it. It starts with its first job, which most never have, and ends when the
/// handle is dropped and its work is done.
#[derive(Debug)]
pub(crate) struct Worker {
    name: &'static str,
    jobs: Sender<Job>,
    /// The thread has it for as long as it runs.
    work: Arc<Mutex<Receiver<Job>>>,
    started: Mutex<bool>,
}

impl Worker {
    /// A worker whose thread will be called `name`.
    pub(crate) fn new(name: &'static str) -> Self {
        let (jobs, work) = mpsc::channel();
        Self { name, jobs, work: Arc::new(Mutex::new(work)), started: Mutex::new(false) }
    }

    /// Has `job` done, without waiting. Where no thread can be had for it, it is done when a later one finds one.
    pub(crate) fn post(&self, job: impl FnOnce() + Send + 'static) {
        // The receiver goes only with this.
        let _ = self.jobs.send(Box::new(job));
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if !*started {
            let work = self.work.clone();
            *started = named(self.name).spawn(move || run(&work)).is_ok();
        }
    }
}

fn run(work: &Mutex<Receiver<Job>>) {
    for job in work.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        // A panic has been printed by its hook; it ends that job and no other.
        let _ = panic::catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_done_in_order_on_a_thread_that_starts_with_the_first_and_outlives_a_panic() {
        let worker = Worker::new("usermedia-test");
        let (done, jobs) = mpsc::channel();
        assert_eq!(Arc::strong_count(&worker.work), 1, "no thread has it");
        for number in 0..3 {
            let done = done.clone();
            worker.post(move || {
                let _ = done.send((number, std::thread::current().name().map(str::to_owned)));
                assert_ne!(number, 1, "the job that breaks off");
            });
        }
        drop((worker, done));
        let name = || Some("usermedia-test".to_owned());
        assert_eq!(jobs.iter().collect::<Vec<_>>(), [(0, name()), (1, name()), (2, name())]);
    }
}
