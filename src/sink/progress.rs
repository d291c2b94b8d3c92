//! What a recording has come to, for who watches it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::container::Summary;

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
    files: Vec<RecordedFile>,
    frames: u64,
    bytes: u64,
    unusable: u64,
    duration_ns: u64,
    deleted: (u64, u64),
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

    /// The files, in their order.
    pub fn files(&self) -> Vec<RecordedFile> {
        self.state().files.clone()
    }

    /// How many files were deleted to make room for newer ones, and how many bytes they had. Those of earlier recordings are
    /// counted too.
    pub fn deleted(&self) -> (u64, u64) {
        self.state().deleted
    }

    /// A file was begun. What to call it by from now on.
    pub(super) fn begun(&self, path: &Path) -> usize {
        let mut state = self.state();
        let file = RecordedFile { path: path.to_owned(), frames: 0, bytes: 0, duration: None, deleted: false };
        state.files.push(file);
        let file = state.files.len() - 1;
        state.open.push(file);
        file
    }

    /// So many more pictures, and this many bytes altogether, in a file.
    pub(super) fn written(&self, file: usize, frames: u64, bytes: u64) {
        let mut state = self.state();
        let Some(file) = state.files.get_mut(file) else { return };
        file.frames += frames;
        let more = bytes.saturating_sub(file.bytes);
        file.bytes = bytes;
        state.frames += frames;
        state.bytes += more;
    }

    pub(super) fn left_out(&self) {
        self.state().unusable += 1;
    }

    /// A file is complete, or as complete as it can be.
    pub(super) fn closed(&self, file: usize, summary: Option<&Summary>) {
        if let Some(summary) = summary {
            self.written(file, 0, summary.bytes);
        }
        let mut state = self.state();
        state.open.retain(|&open| open != file);
        let Some(summary) = summary else { return };
        state.duration_ns += summary.duration_ns;
        if let Some(file) = state.files.get_mut(file) {
            file.duration = Some(Duration::from_nanos(summary.duration_ns));
        }
    }

    /// A file was deleted; one of an earlier recording has no number.
    pub(super) fn deleted_one(&self, file: Option<usize>, bytes: u64) {
        let mut state = self.state();
        state.deleted.0 += 1;
        state.deleted.1 += bytes;
        if let Some(file) = file.and_then(|file| state.files.get_mut(file)) {
            file.deleted = true;
        }
    }

    /// Bytes of the files that are being written.
    pub(super) fn open_bytes(&self) -> u64 {
        let state = self.state();
        state.open.iter().filter_map(|&file| state.files.get(file)).map(|file| file.bytes).sum()
    }

    /// Bytes of a file.
    pub(super) fn bytes_of(&self, file: usize) -> u64 {
        self.state().files.get(file).map_or(0, |file| file.bytes)
    }
}
