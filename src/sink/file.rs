//! Recording files: which kind by the name, and one way to write them all.

use std::path::{Path, PathBuf};

use super::container::{FrameData, Metadata, Summary, TrackFormat};
use super::matroska::{self, MatroskaFile};
use super::output::{Output, WriteError};
use super::raw::{self, RawFile};
use super::y4m::{self, Y4mFile};
use crate::error::{Error, ErrorName, Result};

/// The kinds of recording files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileFormat {
    /// `.mkv`: Matroska, every track with its times.
    Matroska,
    /// `.y4m`: uncompressed video for tools.
    Y4m,
    /// `.mjpg`, `.mjpeg`: JPEG pictures one after the other.
    Mjpeg,
    /// `.raw`, `.yuv`, `.bin`, and `-` for stdout: the driver's bytes.
    Raw,
}

impl FileFormat {
    /// By the file name's extension, in any case; `-` is raw to stdout.
    ///
    /// # Errors
    ///
    /// `TypeError` for any other extension, and for none.
    pub fn from_path(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Raw);
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match extension.as_str() {
            "mkv" => Ok(Self::Matroska),
            "y4m" => Ok(Self::Y4m),
            "mjpg" | "mjpeg" => Ok(Self::Mjpeg),
            "raw" | "yuv" | "bin" => Ok(Self::Raw),
            _ => Err(Error::new(ErrorName::TypeError, format!("{} is no name of a recording file", path.display()))
                .with_remedy(
                    "let it end in .mkv (Matroska), .y4m (YUV4MPEG2), .mjpg (the camera's JPEGs) or .raw (its bytes); \
                     - is raw to standard output",
                )),
        }
    }
}

/// A recording: begun with its tracks, fed with frames, finished.
///
/// The file is written under its final name, so that a recording cut short is there and can be played. One that exists is
/// overwritten, as `v4l2-ctl --stream-to` and `arecord` do; but only once the tracks are known to fit the kind of file.
pub(crate) struct Container {
    path: PathBuf,
    format: FileFormat,
    metadata: Metadata,
    frames: u64,
    file: State,
}

#[allow(clippy::large_enum_variant, reason = "a recording has one")]
enum State {
    /// The tracks are not known yet, and no file is touched.
    New,
    Matroska(MatroskaFile),
    Y4m(Y4mFile),
    Raw(RawFile),
}

impl Container {
    /// A recording to `path`, of the kind its name says. Touches no file.
    ///
    /// # Errors
    ///
    /// `TypeError` for a name that says no kind.
    pub fn create(path: &Path, metadata: Metadata) -> Result<Self> {
        let format = FileFormat::from_path(path)?;
        Ok(Self { path: path.to_owned(), format, metadata, frames: 0, file: State::New })
    }

    /// What the file will say about itself. Before [`Container::begin`].
    pub fn set_metadata(&mut self, metadata: Metadata) {
        self.metadata = metadata;
    }

    /// Opens the file and writes what stands before the first frame.
    ///
    /// # Errors
    ///
    /// `NotSupportedError` where this kind of file cannot hold the tracks, the file then still untouched;
    /// `NotReadableError` where it cannot be opened or written.
    pub fn begin(&mut self, tracks: &[TrackFormat]) -> Result<()> {
        match self.format {
            FileFormat::Matroska => matroska::check(tracks)?,
            FileFormat::Y4m => y4m::check(tracks)?,
            FileFormat::Mjpeg => raw::check(tracks, true)?,
            FileFormat::Raw => raw::check(tracks, false)?,
        }
        let begin = || {
            let output = Output::open(&self.path)?;
            Ok(match self.format {
                FileFormat::Matroska => State::Matroska(MatroskaFile::begin(output, tracks, &self.metadata)?),
                FileFormat::Y4m => State::Y4m(Y4mFile::begin(output, tracks)?),
                FileFormat::Mjpeg | FileFormat::Raw => State::Raw(RawFile::begin(output, tracks)?),
            })
        };
        self.file = begin().map_err(|error: WriteError| error.at(&self.path))?;
        Ok(())
    }

    /// Writes one frame of the track at `track` in the list given to [`Container::begin`].
    ///
    /// # Errors
    ///
    /// `NotReadableError` where the file cannot be written (the disk is full, the reader of a pipe has gone) or the frame is
    /// shorter than its format. Finish the recording then.
    pub fn video(&mut self, track: usize, frame: &FrameData<'_>) -> Result<()> {
        let written = match &mut self.file {
            State::New => return Err(not_begun()),
            State::Matroska(file) => file.video(track, frame),
            State::Y4m(file) => file.video(frame),
            State::Raw(file) => file.video(frame),
        };
        written.map_err(|error| error.at(&self.path))?;
        self.frames += 1;
        Ok(())
    }

    /// Writes samples of the track at `track`; `timestamp_ns` is that of the first, on the clock of the frames.
    ///
    /// # Errors
    ///
    /// As [`Container::video`].
    pub fn audio(&mut self, track: usize, timestamp_ns: u64, samples: &[u8]) -> Result<()> {
        match &mut self.file {
            State::Matroska(file) => file.audio(track, timestamp_ns, samples).map_err(|error| error.at(&self.path)),
            _ => Err(not_begun()),
        }
    }

    /// Completes the file. A recording that never began leaves none.
    ///
    /// # Errors
    ///
    /// `NotReadableError` where the file cannot be completed; what was written before can be played.
    pub fn finish(self) -> Result<Summary> {
        let (bytes, duration_ns) = match self.file {
            State::New => (0, 0),
            State::Matroska(file) => file.finish().map_err(|error| WriteError::Io(error).at(&self.path))?,
            State::Y4m(file) => file.finish(),
            State::Raw(file) => file.finish(),
        };
        let path = (self.path != Path::new("-")).then_some(self.path);
        Ok(Summary { path, frames: self.frames, bytes, duration_ns })
    }
}

/// A fault of the caller's, not of the world.
fn not_begun() -> Error {
    Error::new(ErrorName::NotSupportedError, "the recording has no such track")
}

#[cfg(test)]
mod tests;
