//! A thread that does one job after the other: the *dispatcher*, on which callers' callbacks run.

use crate::thread::named;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Sender};

type Job = Box<dyn FnOnce() + Send>;

/// A working thread, and the way to speak to it. Ends when the handle is dropped and its work is done.
#[derive(Debug)]
pub(crate) struct Worker(Sender<Job>);

impl Worker {
    /// Starts the thread.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let (jobs, work) = mpsc::channel::<Job>();
        named(name).spawn(move || {
            for job in work {
                // A panic has been printed by its hook; it ends that job and no other.
                let _ = panic::catch_unwind(AssertUnwindSafe(job));
            }
        })?;
        Ok(Self(jobs))
    }

    /// Has `job` done, without waiting.
    pub(crate) fn post(&self, job: impl FnOnce() + Send + 'static) {
        // The thread ends only when this is dropped.
        let _ = self.0.send(Box::new(job));
    }
}
