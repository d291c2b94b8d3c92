//! What was written, put on the disk twice a second on a thread of its own.
//!
//! A power cut takes what the disk does not have yet: what was written since the last sync began, and what was written while
//! it went on. Half a second between two leaves the other half of a second for a slow card. The name of a new file is
//! put on the disk with its first bytes, since fsync(2) of a file promises nothing about its directory.
//!
//! A sync is also where a failing disk says so. Linux takes writes into its memory and answers "done"; the error comes later,
//! once, to whoever asks (fsync(2), "EIO"; on NFS and with delayed allocation "ENOSPC" and "EDQUOT" too). It is kept here and
//! fails the next write.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::thread::named;
use nix::errno::Errno;

/// From the beginning of one sync to that of the next.
const INTERVAL: Duration = Duration::from_millis(500);

/// Hears how long each sync took.
pub(super) type Synced = Arc<dyn Fn(Duration) + Send + Sync>;

/// Keeps a file on the disk for as long as it is written.
pub(super) struct Syncer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Something was written that no sync has begun for.
    dirty: bool,
    /// The file is complete.
    over: bool,
    /// The first error of a sync, as errno(3).
    failure: Option<i32>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Syncer {
    /// For a file at `path`, which is open as `file`. `None` where there is no thread or no second descriptor to be had.
    pub fn start(file: &File, path: &Path, synced: Option<Synced>) -> Option<Self> {
        let mut job = Job { file: file.try_clone().ok()?, directory: directory_of(path), synced, named: false };
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let thread = named("usermedia-sync").spawn(move || job.run(&theirs)).ok()?;
        Some(Self { shared, thread: Some(thread) })
    }

    /// Something was written. Costs a lock that nobody holds for long.
    pub fn written(&self) {
        let mut state = self.shared.state();
        if !std::mem::replace(&mut state.dirty, true) {
            self.shared.changed.notify_one();
        }
    }

    /// What a sync failed with: the disk does not have what was written.
    pub fn failure(&self) -> Option<io::Error> {
        self.shared.state().failure.map(io::Error::from_raw_os_error)
    }

    /// Puts the rest on the disk and waits for that.
    ///
    /// # Errors
    /// Of the first sync that failed.
    pub fn finish(mut self) -> io::Result<()> {
        self.end();
        self.failure().map_or(Ok(()), Err)
    }

    fn end(&mut self) {
        self.shared.state().over = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, that was printed.
            let _ = thread.join();
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.end();
    }
}

/// The thread's own.
struct Job {
    file: File,
    directory: PathBuf,
    synced: Option<Synced>,
    /// The directory has the file's name on the disk.
    named: bool,
}

impl Job {
    fn run(&mut self, shared: &Shared) {
        let mut due = Instant::now() + INTERVAL;
        loop {
            let state = shared.state();
            // Nothing wakes this thread while nothing is written.
            let idle = |state: &mut State| !state.dirty && !state.over;
            let state = shared.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            let left = due.saturating_duration_since(Instant::now());
            let early = |state: &mut State| !state.over;
            let (mut state, _) =
                shared.changed.wait_timeout_while(state, left, early).unwrap_or_else(PoisonError::into_inner);
            let (dirty, over) = (std::mem::take(&mut state.dirty), state.over);
            drop(state);
            let begun = Instant::now();
            due = begun + INTERVAL;
            if dirty || over {
                let outcome = self.sync(over);
                if let Some(synced) = &self.synced {
                    synced(begun.elapsed());
                }
                if let Err(error) = outcome {
                    let errno = error.raw_os_error().unwrap_or(Errno::EIO as i32);
                    shared.state().failure.get_or_insert(errno);
                }
            }
            if over {
                return;
            }
        }
    }

    fn sync(&mut self, last: bool) -> io::Result<()> {
        // The data, and of the metadata what reading it back takes; in the end all of it.
        if last || !self.named { self.file.sync_all() } else { self.file.sync_data() }.or_else(nothing_to_sync)?;
        if !self.named {
            self.named = true;
            sync_directory(&self.directory)?;
        }
        Ok(())
    }
}

/// Puts the names in a directory on the disk. One that may be written to but not read cannot be asked for it, and its file
/// system, not the disk, says whether it can be synced at all: only the disk's own errors count.
fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory).and_then(|directory| directory.sync_all()) {
        Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => Err(error),
        _ => Ok(()),
    }
}

/// fsync(2): a file system that has nothing to sync says EINVAL.
fn nothing_to_sync(error: io::Error) -> io::Result<()> {
    if error.raw_os_error() == Some(Errno::EINVAL as i32) { Ok(()) } else { Err(error) }
}

/// The directory a file is in.
fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc;

    use super::*;
    use crate::sink::ffmpeg::TempFile;

    #[test]
    fn what_is_written_is_synced_soon_and_what_is_not_wakes_nobody() {
        let file = TempFile::new("raw");
        let mut open = File::create(file.path()).unwrap();
        let (told, syncs) = mpsc::channel();
        let syncer =
            Syncer::start(&open, file.path(), Some(Arc::new(move |_| told.send(()).unwrap_or_default()))).unwrap();
        open.write_all(b"one").unwrap();
        syncer.written();
        syncs.recv().unwrap();
        // Nothing was written since.
        assert!(syncs.recv_timeout(3 * INTERVAL).is_err());
        open.write_all(b"two").unwrap();
        syncer.written();
        syncs.recv().unwrap();
        // Many writes, one sync: the last.
        (0..1000).for_each(|_| syncer.written());
        syncer.finish().unwrap();
        assert_eq!(syncs.iter().count(), 1);
    }

    #[test]
    fn a_sync_that_fails_is_told_and_stays_told() {
        // A pipe stands for a disk that answers with an error (EINVAL, which a regular file's never is).
        let shared = Shared::default();
        shared.state().failure = Some(Errno::EIO as i32);
        let syncer = Syncer { shared: Arc::new(shared), thread: None };
        assert_eq!(syncer.failure().and_then(|error| error.raw_os_error()), Some(Errno::EIO as i32));
        assert!(syncer.finish().is_err());
    }

    #[test]
    fn the_directory_of_a_bare_name_is_this_one() {
        assert_eq!(directory_of(Path::new("a.mkv")), Path::new("."));
        assert_eq!(directory_of(Path::new("/a/b.mkv")), Path::new("/a"));
        assert!(sync_directory(Path::new("/nonexistent")).is_ok());
    }
}
