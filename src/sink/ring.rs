//! The finished segments of a recording, the oldest of which make room for newer ones.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::progress::RecordingProgress;
use super::segments::Found;
use crate::error::{Error, ErrorName, Result};
use crate::trace;

/// A finished segment.
pub(super) struct Shelved {
    pub path: PathBuf,
    pub bytes: u64,
    /// Its number in the recording's progress; none for one of an earlier recording.
    pub file: Option<usize>,
}

/// The finished segments, the oldest first. What is being written is not among them, and so never deleted.
pub(super) struct Ring {
    directory: PathBuf,
    /// How many bytes all of them may have together; without it none is ever deleted.
    keep: Option<u64>,
    progress: RecordingProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    shelved: VecDeque<Shelved>,
    /// Of all of them.
    bytes: u64,
}

impl Ring {
    /// With the segments that are there, the oldest first.
    pub fn new(directory: &Path, found: Vec<Found>, keep: Option<u64>, progress: RecordingProgress) -> Self {
        let ring = Self { directory: directory.to_owned(), keep, progress, state: Mutex::default() };
        found.into_iter().for_each(|found| ring.put(Shelved { path: found.path, bytes: found.bytes, file: None }));
        ring
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more, the newest.
    pub fn put(&self, shelved: Shelved) {
        let mut state = self.state();
        state.bytes += shelved.bytes;
        state.shelved.push_back(shelved);
    }

    /// Deletes the oldest until all fit, those that are being written included.
    ///
    /// # Errors
    /// Where one cannot be deleted; it is tried again the next time.
    pub fn fit(&self) -> Result<()> {
        let Some(keep) = self.keep else { return Ok(()) };
        let mut state = self.state();
        while state.bytes.saturating_add(self.progress.open_bytes()) > keep {
            match self.delete_oldest(&mut state) {
                Some(deleted) => deleted?,
                None => break,
            }
        }
        Ok(())
    }

    /// Deletes the oldest because the disk is full, where that is allowed: who says how much may be kept wants the newest. Whether
    /// there is more room now.
    pub fn make_room(&self) -> bool {
        let deleted = self.keep.is_some() && matches!(self.delete_oldest(&mut self.state()), Some(Ok(())));
        if deleted && let Ok(directory) = File::open(&self.directory) {
            // Journalling file systems give the room back with their next transaction. Should it fail, the write says so.
            let _ = nix::unistd::syncfs(directory);
        }
        deleted
    }

    /// `None` where there is none left.
    fn delete_oldest(&self, state: &mut State) -> Option<Result<()>> {
        let oldest = state.shelved.front()?;
        match fs::remove_file(&oldest.path) {
            Ok(()) => {
                self.progress.deleted_one(oldest.file, oldest.bytes);
                trace::segment_deleted(&oldest.path, oldest.bytes);
            }
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let told = format!("cannot delete {} to make room: {error}", oldest.path.display());
                let error = Error::new(ErrorName::NotReadableError, told);
                return Some(Err(error.with_remedy("make its directory one that you may write to")));
            }
        }
        state.bytes -= oldest.bytes;
        state.shelved.pop_front();
        Some(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::ffmpeg::TempFolder;

    fn ring(folder: &TempFolder, keep: Option<u64>) -> (Ring, RecordingProgress) {
        let progress = RecordingProgress::new(Path::new("a.raw"));
        let found = (1..=3).map(|number| {
            let path = folder.path(&format!("{number}.raw"));
            fs::write(&path, [0; 100]).unwrap();
            Found { number, path, bytes: 100 }
        });
        (Ring::new(&folder.path(""), found.collect(), keep, progress.clone()), progress)
    }

    #[test]
    fn a_full_disk_costs_the_oldest_first_and_in_the_end_there_is_none() {
        let folder = TempFolder::new();
        let (ring, progress) = ring(&folder, Some(1000));
        assert!(ring.make_room());
        assert_eq!(folder.files(), [folder.path("2.raw"), folder.path("3.raw")]);
        assert!(ring.make_room() && ring.make_room());
        assert!(!ring.make_room());
        assert_eq!(progress.deleted(), (3, 300));
    }

    #[test]
    fn nothing_is_deleted_that_nobody_allowed_to_be() {
        let folder = TempFolder::new();
        let (ring, _) = ring(&folder, None);
        assert!(!ring.make_room());
        ring.fit().unwrap();
        assert_eq!(folder.files().len(), 3);
    }

    #[test]
    fn one_that_somebody_else_deleted_is_no_error() {
        let folder = TempFolder::new();
        let (ring, progress) = ring(&folder, Some(150));
        fs::remove_file(folder.path("1.raw")).unwrap();
        ring.fit().unwrap();
        assert_eq!((folder.files(), progress.deleted()), (vec![folder.path("3.raw")], (1, 100)));
    }
}
