//! Where finished segments go: completed, put on the disk and made room for, on a thread that holds up no frame.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use super::file::Container;
use super::output::WriteError;
use super::progress::RecordingProgress;
use super::segments::{Found, Names};
use crate::error::{Error, ErrorName, Result};

/// The thread, as a recording sees it. Dropped, it finishes what it was given.
pub(super) struct Shelf {
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<Result<()>>>,
    /// It was told that the newest segment grows, and has not looked yet.
    told: Arc<AtomicBool>,
}

enum Order {
    /// A segment was begun: its name is to survive a power cut.
    Begun,
    /// The one being written has grown.
    Grown,
    /// This one is to be finished.
    Finish(Box<Container>, usize),
}

impl Shelf {
    /// A shelf with the segments that are there, the oldest first.
    pub fn start(names: &Names, found: Vec<Found>, keep: Option<u64>, progress: RecordingProgress) -> Result<Self> {
        let (orders, incoming) = mpsc::channel();
        let told = Arc::new(AtomicBool::new(false));
        let shelved = found.into_iter().map(|found| Shelved { path: found.path, bytes: found.bytes, file: None });
        let keeper = Keeper {
            directory: names.directory().to_owned(),
            bytes: 0,
            shelved: VecDeque::new(),
            keep,
            progress,
            told: told.clone(),
            outcome: Ok(()),
        };
        let keeper = shelved.fold(keeper, Keeper::with);
        let thread = thread::Builder::new()
            .name("usermedia-shelf".into())
            .spawn(move || keeper.run(&incoming))
            .map_err(|error| Error::new(ErrorName::AbortError, format!("no thread to finish segments on: {error}")))?;
        Ok(Self { orders: Some(orders), thread: Some(thread), told })
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // It reads until this end is dropped; if it panicked, that is told in the end.
            let _ = orders.send(order);
        }
    }

    /// A segment was begun.
    pub fn begun(&self) {
        self.order(Order::Begun);
    }

    /// The segment being written has grown. Costs nothing while the thread is busy.
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

/// A finished segment.
struct Shelved {
    path: PathBuf,
    bytes: u64,
    /// Its number in the recording's progress; none for one of an earlier recording.
    file: Option<usize>,
}

/// The thread's own.
struct Keeper {
    directory: PathBuf,
    /// The oldest first.
    shelved: VecDeque<Shelved>,
    /// Of all of them.
    bytes: u64,
    keep: Option<u64>,
    progress: RecordingProgress,
    told: Arc<AtomicBool>,
    outcome: Result<()>,
}

impl Keeper {
    fn with(mut self, shelved: Shelved) -> Self {
        self.bytes += shelved.bytes;
        self.shelved.push_back(shelved);
        self
    }

    fn run(mut self, orders: &Receiver<Order>) -> Result<()> {
        self.make_room();
        while let Ok(order) = orders.recv() {
            match order {
                Order::Begun => self.sync_directory(),
                Order::Grown => self.told.store(false, Ordering::Relaxed),
                Order::Finish(container, file) => self = self.finish(*container, file),
            }
            self.make_room();
        }
        self.outcome
    }

    fn finish(mut self, container: Container, file: usize) -> Self {
        let path = container.path().to_owned();
        let finished = container.finish().and_then(|summary| {
            // Through a descriptor of its own: it is the file that is synced.
            sync(&path)?;
            Ok(summary)
        });
        self.progress.closed(file, finished.as_ref().ok());
        self.sync_directory();
        self.note(finished.map(drop));
        let bytes = self.progress.bytes_of(file);
        self.with(Shelved { path, bytes, file: Some(file) })
    }

    fn sync_directory(&mut self) {
        let synced = sync(&self.directory);
        self.note(synced);
    }

    /// Keeps the first error. The recording goes on: the next write fails too where nothing can be written.
    fn note(&mut self, outcome: Result<()>) {
        if self.outcome.is_ok() {
            self.outcome = outcome;
        }
    }

    /// Deletes the oldest until all fit. What is being written is not among them.
    fn make_room(&mut self) {
        let Some(keep) = self.keep else { return };
        while self.bytes.saturating_add(self.progress.open_bytes()) > keep {
            let Some(oldest) = self.shelved.front() else { return };
            let removed = fs::remove_file(&oldest.path);
            match removed {
                Ok(()) => self.progress.deleted_one(oldest.file, oldest.bytes),
                // Somebody else was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // Tried again with the next order, and told in the end.
                Err(error) => {
                    let told = format!("cannot delete {} to make room: {error}", oldest.path.display());
                    let error = Error::new(ErrorName::NotReadableError, told);
                    return self.note(Err(error.with_remedy("make its directory one that you may write to")));
                }
            }
            self.bytes -= oldest.bytes;
            self.shelved.pop_front();
        }
    }
}

/// Puts a file or a directory on the disk.
fn sync(path: &Path) -> Result<()> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    match synced {
        // fsync(2): a file system that has nothing to sync, or a directory that cannot be.
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EINVAL as i32) => Ok(()),
        synced => synced.map_err(|error| WriteError::Io(error).at(path)),
    }
}
