//! One picture of a stream, once the exposure has settled.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::picture::{PictureType, encode, luma_mean};
use crate::convert::VideoFrameView;
use crate::error::{Error, ErrorName, Result};
use crate::stream::{Flow, Sink, TrackMetadata, VideoFrame};

/// How long the exposure may take to settle, in nanoseconds of the frames' own time.
const PATIENCE: u64 = 1_000_000_000;
/// Settled: this many frames in a row ...
const STEADY_FRAMES: usize = 3;
/// ... of which the mean brightness (0 to 255) differs by no more than this.
const STEADY: f32 = 2.0;

/// Writes one picture of a stream, as JPEG or PNG by the file's name.
///
/// It waits until the picture's brightness is steady over three frames, at most a second: a camera's first frames are
/// dark, or too bright. A camera's own JPEG is written as it came.
pub struct Snapshot {
    path: PathBuf,
    kind: PictureType,
    immediate: bool,
    started: Option<u64>,
    luma: Vec<f32>,
    taken: bool,
}

impl Snapshot {
    /// A picture at `path`, which is overwritten.
    ///
    /// # Errors
    /// [`ErrorName::TypeError`] for a name that ends in none of `.jpg`, `.jpeg` and `.png`.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let kind = PictureType::from_path(&path)?;
        Ok(Self { path, kind, immediate: false, started: None, luma: Vec::new(), taken: false })
    }

    /// Takes the first frame, whatever the exposure.
    #[must_use]
    pub fn immediate(mut self) -> Self {
        self.immediate = true;
        self
    }

    /// Where the picture goes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this frame is the one.
    fn is_time(&mut self, frame: &VideoFrame, view: &VideoFrameView<'_>) -> bool {
        let started = *self.started.get_or_insert(frame.timestamp());
        if self.immediate || frame.timestamp().saturating_sub(started) >= PATIENCE {
            return true;
        }
        // A frame of which the brightness cannot be told has no better moment than this.
        let Some(luma) = luma_mean(view) else { return true };
        self.luma.push(luma);
        let Some(last) = self.luma.last_chunk::<STEADY_FRAMES>() else { return false };
        let (low, high) = last.iter().fold((f32::MAX, f32::MIN), |(low, high), &luma| (low.min(luma), high.max(luma)));
        high - low <= STEADY
    }

    fn write(&self, view: &VideoFrameView<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        // Made before the file is touched: a frame that cannot be converted destroys no picture that was there.
        encode(view, self.kind, &mut bytes)?;
        let failed = |error: std::io::Error| {
            let path = self.path.display();
            let failed = Error::new(ErrorName::NotReadableError, format!("cannot write {path}: {error}"));
            match error.raw_os_error() {
                Some(errno) => failed.with_errno(errno),
                None => failed,
            }
        };
        let mut file = BufWriter::new(File::create(&self.path).map_err(failed)?);
        file.write_all(&bytes).and_then(|()| file.flush()).map_err(failed)
    }
}

impl Sink for Snapshot {
    fn name(&self) -> &str {
        "snapshot"
    }

    fn loaded_metadata(&mut self, _tracks: &[TrackMetadata]) -> Result<()> {
        Ok(())
    }

    fn video_frame(&mut self, _track: usize, frame: &VideoFrame) -> Result<Flow> {
        if frame.failure().is_some() {
            // A damaged JPEG, of which no smaller picture could be made: the next one may be better.
            return Ok(Flow::Continue);
        }
        let view = frame.view()?;
        if !self.is_time(frame, &view) {
            return Ok(Flow::Continue);
        }
        self.write(&view)?;
        self.taken = true;
        Ok(Flow::Done)
    }

    fn ended(&mut self) -> Result<()> {
        if self.taken {
            return Ok(());
        }
        Err(Error::new(ErrorName::AbortError, "the stream ended before a picture could be taken"))
    }
}
