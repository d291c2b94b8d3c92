//! What a recording has come to, for who watches it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::container::Summary;
use crate::time::nanoseconds;
use crate::trace;

/// How many files are remembered although they were deleted: a recording goes on for months.
const REMEMBERED: usize = 1000;

/// What a recording has come to, for who watches it.
#[derive(Debug, Clone)]
pub struct RecordingProgress(Arc<Progress>);

/// A file of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Pictures in it.
    pub frames: u64,
    /// Its bytes; once it is finished, all of them.
    pub bytes: u64,
    /// From its first frame to the end of its last, once it is finished.
    pub duration: Option<Duration>,
    /// It made room for newer ones, as [`Segments::keep`](crate::Segments::keep) asks.
    pub deleted: bool,
}

#[derive(Debug)]
struct Progress {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: VecDeque<RecordedFile>,
    /// How many files are not remembered any more: the number of the first that is.
    forgotten: usize,
    frames: u64,
    bytes: u64,
    unusable: u64,
    duration_ns: u64,
    deleted: (u64, u64),
    longest_sync: Option<Duration>,
    /// Those that are being written or finished.
    open: Vec<usize>,
}

impl RecordingProgress {
    pub(super) fn new(path: &Path) -> Self {
        Self(Arc::new(Progress { path: path.to_owned(), state: Mutex::default() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file that was asked for. A recording in segments has [files](RecordingProgress::files) named after it.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Pictures written so far.
    pub fn frames(&self) -> u64 {
        self.state().frames
    }

    /// Bytes written so far, in all files, deleted ones included.
    pub fn bytes(&self) -> u64 {
        self.state().bytes
    }

    /// Pictures left out because nothing could have been made of them: those of H.264 before the first key frame, and those
    /// older than the recording's first.
    pub fn unusable(&self) -> u64 {
        self.state().unusable
    }

    /// What the finished files play together, in nanoseconds; `None` before the first is.
    pub fn duration(&self) -> Option<u64> {
        Some(self.state().duration_ns).filter(|&duration| duration > 0)
    }

    /// The files, in their order. Of those that were deleted only the latest are remembered.
    pub fn files(&self) -> Vec<RecordedFile> {
        self.state().files.iter().cloned().collect()
    }

    /// How many files were deleted to make room for newer ones, and how many bytes they had. Those of earlier recordings are
    /// counted too.
    pub fn deleted(&self) -> (u64, u64) {
        self.state().deleted
    }

    /// The longest that the disk took to take what had been written, which it is asked for twice a second; `None` before the
    /// first time, and of a recording to no regular file. A power cut takes this much of a recording, and half a second.
    pub fn longest_sync(&self) -> Option<Duration> {
        self.state().longest_sync
    }

    /// What is on the disk of this recording and was not deleted: pictures, nanoseconds, bytes.
    pub(super) fn saved(&self) -> (u64, u64, u64) {
        let state = self.state();
        let there = state.files.iter().filter(|file| !file.deleted);
        there.fold((0, 0, 0), |(frames, ns, bytes), file| {
            let duration = file.duration.map_or(0, nanoseconds);
            (frames + file.frames, ns + duration, bytes + file.bytes)
        })
    }

    /// A sync took so long.
    pub(super) fn synced(&self, took: Duration) {
        let mut state = self.state();
        state.longest_sync = state.longest_sync.max(Some(took));
    }

    /// A file was begun. What to call it by from now on.
    pub(super) fn begun(&self, path: &Path) -> usize {
        trace::recording_opened(path);
        let mut state = self.state();
        let file = RecordedFile { path: path.to_owned(), frames: 0, bytes: 0, duration: None, deleted: false };
        state.files.push_back(file);
        let file = state.forgotten + state.files.len() - 1;
        state.open.push(file);
        file
    }

    /// So many more pictures, and this many bytes altogether, in a file.
    pub(super) fn written(&self, file: usize, frames: u64, bytes: u64) {
        let mut state = self.state();
        let Some(file) = state.file(file) else { return };
        file.frames += frames;
        let more = bytes.saturating_sub(file.bytes);
        file.bytes = bytes;
        state.frames += frames;
        state.bytes += more;
    }

    pub(super) fn left_out(&self) {
        self.state().unusable += 1;
    }

    /// A file was begun, nothing came into it, and it is gone.
    pub(super) fn discarded(&self, file: usize) {
        let mut state = self.state();
        state.open.retain(|&open| open != file);
        state.bytes -= state.file(file).map_or(0, |file| std::mem::take(&mut file.bytes));
        if state.forgotten + state.files.len() == file + 1 {
            state.files.pop_back();
        }
    }

    /// A file is complete, or as complete as it can be.
    pub(super) fn closed(&self, file: usize, summary: &Summary) {
        self.written(file, 0, summary.bytes);
        let mut state = self.state();
        state.open.retain(|&open| open != file);
        state.duration_ns += summary.duration_ns;
        if let Some(file) = state.file(file) {
            file.duration = Some(Duration::from_nanos(summary.duration_ns));
            let file = file.clone();
            drop(state);
            trace::recording_closed(&file);
        }
    }

    /// A file was deleted; one of an earlier recording has no number.
    pub(super) fn deleted_one(&self, file: Option<usize>, bytes: u64) {
        let mut state = self.state();
        state.deleted.0 += 1;
        state.deleted.1 += bytes;
        if let Some(file) = file.and_then(|file| state.file(file)) {
            file.deleted = true;
        }
        while state.files.len() > REMEMBERED && state.files.front().is_some_and(|file| file.deleted) {
            state.files.pop_front();
            state.forgotten += 1;
        }
    }

    /// Bytes of the files that are being written.
    pub(super) fn open_bytes(&self) -> u64 {
        let state = self.state();
        let open = state.open.iter().filter_map(|file| state.files.get(file.checked_sub(state.forgotten)?));
        open.map(|file| file.bytes).sum()
    }

    /// Bytes of a file.
    pub(super) fn bytes_of(&self, file: usize) -> u64 {
        self.state().file(file).map_or(0, |file| file.bytes)
    }
}

impl State {
    /// The file of that number, if it is remembered.
    fn file(&mut self, number: usize) -> Option<&mut RecordedFile> {
        self.files.get_mut(number.checked_sub(self.forgotten)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_files_are_forgotten_in_the_end_and_numbers_stay() {
        let progress = RecordingProgress::new(Path::new("a.mkv"));
        for number in 0..3 * REMEMBERED {
            let file = progress.begun(Path::new("a.mkv"));
            assert_eq!(file, number);
            progress.written(file, 1, 10);
            progress.closed(file, &Summary { bytes: 10, ..Summary::default() });
            if number >= 10 {
                progress.deleted_one(Some(number - 10), 10);
            }
        }
        let files = progress.files();
        assert_eq!((files.len(), files.iter().filter(|file| !file.deleted).count()), (REMEMBERED, 10));
        assert_eq!((progress.frames(), progress.bytes()), (3000, 30_000));
        assert_eq!((progress.bytes_of(2999), progress.bytes_of(0), progress.deleted()), (10, 0, (2990, 29_900)));
    }
}
