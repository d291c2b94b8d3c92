//! Where finished segments go: completed, put on the disk and made room for, on a thread that holds up no frame.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use super::file::Container;
use super::progress::RecordingProgress;
use super::ring::{Ring, Shelved};
use crate::error::{Error, ErrorName, Result};
use crate::thread;

/// The thread, as a recording sees it. Dropped, it finishes what it was given.
pub(super) struct Shelf {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<Result<()>>>,
    ring: Arc<Ring>,
    /// It was told that the newest segment grows, and has not looked yet.
    told: Arc<AtomicBool>,
}

enum Order {
    /// The one being written has grown.
    Grown,
    /// This one is to be finished.
    Finish(Box<Container>, usize),
}

impl Shelf {
    /// A shelf with the segments that are there.
    pub fn start(ring: Ring, progress: RecordingProgress) -> Result<Self> {
        let (orders, incoming) = mpsc::channel();
        let (ring, told) = (Arc::new(ring), Arc::new(AtomicBool::new(false)));
        let keeper = Keeper { ring: ring.clone(), progress, told: told.clone(), outcome: Ok(()) };
        let thread = thread::start("usermedia-shelf", "finishing segments", move || keeper.run(&incoming))?;
        Ok(Self { orders: Some(orders), thread: Some(thread), ring, told })
    }

    /// The segments on it.
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // It reads until this end is dropped; if it panicked, that is told in the end.
            let _ = orders.send(order);
        }
    }

    /// The segment being written has grown, or has begun. Costs nothing while the thread is busy.
    pub fn grown(&self) {
        if !self.told.swap(true, Ordering::Relaxed) {
            self.order(Order::Grown);
        }
    }

    /// Has a segment finished, whose number in the recording's progress this is.
    pub fn finish(&self, container: Container, file: usize) {
        self.order(Order::Finish(Box::new(container), file));
    }

    /// Waits until everything is finished. The first error that was met.
    pub fn close(mut self) -> Result<()> {
        self.orders = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            _ => Err(Error::new(ErrorName::AbortError, "the thread that finishes segments panicked")),
        }
    }
}

/// The thread's own.
struct Keeper {
    ring: Arc<Ring>,
    progress: RecordingProgress,
    told: Arc<AtomicBool>,
    outcome: Result<()>,
}

impl Keeper {
    fn run(mut self, orders: &Receiver<Order>) -> Result<()> {
        self.fit();
        while let Ok(order) = orders.recv() {
            match order {
                Order::Grown => self.told.store(false, Ordering::Relaxed),
                Order::Finish(container, file) => self.finish(*container, file),
            }
            self.fit();
        }
        self.outcome
    }

    fn finish(&mut self, container: Container, file: usize) {
        let (path, so_far) = (container.path().to_owned(), container.summary());
        // On a full disk this makes room by itself: the ring is free meanwhile.
        let finished = container.finish();
        self.progress.closed(file, finished.as_ref().unwrap_or(&so_far));
        self.note(finished.map(drop));
        self.ring.put(Shelved { path, bytes: self.progress.bytes_of(file), file: Some(file) });
    }

    fn fit(&mut self) {
        let fitted = self.ring.fit();
        self.note(fitted);
    }

    /// Keeps the first error. The recording goes on: the next write fails too where nothing can be written.
    fn note(&mut self, outcome: Result<()>) {
        if self.outcome.is_ok() {
            self.outcome = outcome;
        }
    }
}
