//! Recording files: which kind by the name, and one way to write them all.

use std::path::{Path, PathBuf};

use super::container::{FrameData, Metadata, SampleData, Summary, TrackFormat};
use super::matroska::{self, MatroskaFile};
use super::output::{Hooks, Output, WriteError, WriteResult};
use super::raw::{self, RawFile};
use super::wav::{self, SoundFile};
use super::y4m::{self, Y4mFile};
use crate::error::{Error, ErrorName, Result, excerpt};

/// The kinds of recording files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileFormat {
    /// `.mkv`: Matroska, every track with its times.
    Matroska,
    /// `.wav`: sound alone.
    Wav,
    /// `.y4m`: uncompressed video for tools.
    Y4m,
    /// `.mjpg`, `.mjpeg`: JPEG pictures one after the other.
    Mjpeg,
    /// `.h264`, `.264`: the camera's H.264 stream.
    H264,
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
        Self::from_extension(&path.extension().unwrap_or_default().to_string_lossy()).ok_or_else(|| {
            Error::new(ErrorName::TypeError, format!("{} is no name of a recording file", path.display())).with_remedy(
                "let it end in .mkv (Matroska), .wav (sound), .y4m (YUV4MPEG2), .mjpg or .h264 (as the camera gives \
                 it) or .raw (its bytes); - is raw to standard output",
            )
        })
    }

    /// By what a file's name would end in.
    fn from_extension(extension: &str) -> Option<Self> {
        Some(match extension.to_ascii_lowercase().as_str() {
            "mkv" => Self::Matroska,
            "wav" => Self::Wav,
            "y4m" => Self::Y4m,
            "mjpg" | "mjpeg" => Self::Mjpeg,
            "h264" | "264" => Self::H264,
            "raw" | "yuv" | "bin" => Self::Raw,
            _ => return None,
        })
    }

    /// By its own name, which is what a file's name would end in.
    ///
    /// # Errors
    ///
    /// `TypeError` for any other.
    pub fn from_name(name: &str) -> Result<Self> {
        Self::from_extension(name).ok_or_else(|| {
            Error::new(ErrorName::TypeError, format!("{} is no kind of recording", excerpt(name)))
                .with_remedy("there are mkv, wav, y4m, mjpg, h264 and raw")
        })
    }

    /// Whether a file of this kind can hold the tracks. Asked before one is touched.
    ///
    /// # Errors
    ///
    /// `NotSupportedError` where it cannot, with what can.
    pub fn check(self, tracks: &[TrackFormat]) -> Result<()> {
        match self {
            Self::Matroska => matroska::check(tracks),
            Self::Wav => wav::check(tracks),
            Self::Y4m => y4m::check(tracks),
            Self::Mjpeg => raw::check_jpeg(tracks),
            Self::H264 => raw::check_h264(tracks),
            Self::Raw => raw::check(tracks),
        }
    }
}

/// One recording file: begun with its tracks, fed with frames, finished.
///
/// The file is written under its final name, so that a recording cut short is there and can be played. One that exists is
/// overwritten, as `v4l2-ctl --stream-to` and `arecord` do, unless it is [only to be new](Container::only_new).
pub(crate) struct Container {
    path: PathBuf,
    format: FileFormat,
    metadata: Metadata,
    origin: Option<u64>,
    only_new: bool,
    hooks: Hooks,
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
    Sound(SoundFile),
}

impl Container {
    /// A recording to `path`, of this kind whatever the name says. Touches no file.
    pub fn of_format(path: &Path, format: FileFormat, metadata: Metadata) -> Self {
        let path = path.to_owned();
        let (hooks, file) = (Hooks::default(), State::New);
        Self { path, format, metadata, origin: None, only_new: false, hooks, frames: 0, file }
    }

    /// Makes this the file's time zero, in place of the first frame's.
    #[must_use]
    pub fn starting_at(mut self, origin_ns: u64) -> Self {
        self.origin = Some(origin_ns);
        self
    }

    /// Leaves a file alone that exists: [`Container::begin`] then fails with EEXIST.
    #[must_use]
    pub fn only_new(mut self) -> Self {
        self.only_new = true;
        self
    }

    /// Has these asked and told while the file is written.
    #[must_use]
    pub(super) fn with_hooks(mut self, hooks: Hooks) -> Self {
        self.hooks = hooks;
        self
    }

    /// Opens the file and writes what stands before the first frame. A file that could be opened and not be begun is removed.
    ///
    /// # Errors
    ///
    /// `NotSupportedError` where this kind of file cannot hold the tracks, the file then still untouched;
    /// `NotReadableError` where it cannot be opened or written.
    pub fn begin(&mut self, tracks: &[TrackFormat]) -> Result<()> {
        self.format.check(tracks)?;
        let output = Output::open(&self.path, self.only_new, self.hooks.clone())
            .map_err(|error| WriteError::Io(error).at(&self.path))?;
        self.file = self.start(output, tracks).map_err(|error: WriteError| {
            remove_empty(&self.path);
            error.at(&self.path)
        })?;
        Ok(())
    }

    fn start(&self, output: Output, tracks: &[TrackFormat]) -> WriteResult<State> {
        Ok(match (self.format, tracks) {
            (FileFormat::Matroska, _) => {
                State::Matroska(MatroskaFile::begin(output, tracks, &self.metadata, self.origin)?)
            }
            (FileFormat::Wav, _) => State::Sound(SoundFile::wav(output, tracks, &self.metadata)?),
            (FileFormat::Y4m, _) => State::Y4m(Y4mFile::begin(output, tracks)?),
            (FileFormat::Raw, [TrackFormat::Audio(format)]) => State::Sound(SoundFile::raw(output, format)),
            (FileFormat::Mjpeg | FileFormat::H264 | FileFormat::Raw, _) => State::Raw(RawFile::begin(output, tracks)?),
        })
    }

    /// Writes one frame of the track at `track` in the list given to [`Container::begin`].
    ///
    /// # Errors
    ///
    /// `NotReadableError` where the file cannot be written (the disk is full, the reader of a pipe has gone) or the frame is
    /// shorter than its format. The file then ends with the frame before. Finish the recording.
    pub fn video(&mut self, track: usize, frame: &FrameData<'_>) -> Result<()> {
        let written = match &mut self.file {
            State::New | State::Sound(_) => return Err(no_such_track()),
            State::Matroska(file) => file.video(track, frame),
            State::Y4m(file) => file.video(frame),
            State::Raw(file) => file.video(frame),
        };
        written.map_err(|error| self.failed(error))?;
        self.frames += 1;
        Ok(())
    }

    /// Takes out what was written of a frame that failed.
    fn failed(&mut self, error: WriteError) -> Error {
        // Where that fails as well, the file ends with a part of a frame.
        let _ = match &mut self.file {
            State::Y4m(file) => file.cut(),
            State::Raw(file) => file.cut(),
            State::Sound(file) => file.cut(),
            // It has done so by itself.
            State::New | State::Matroska(_) => Ok(()),
        };
        error.at(&self.path)
    }

    /// Writes samples of the track at `track`.
    ///
    /// # Errors
    ///
    /// As [`Container::video`].
    pub fn audio(&mut self, track: usize, sound: &SampleData<'_>) -> Result<()> {
        let written = match &mut self.file {
            State::Matroska(file) => file.audio(track, sound),
            State::Sound(file) => file.audio(sound),
            State::New | State::Y4m(_) | State::Raw(_) => return Err(no_such_track()),
        };
        written.map_err(|error| self.failed(error))
    }

    /// Fills a file without times with silence up to the frame of this number; the others keep the gap.
    ///
    /// # Errors
    ///
    /// As [`Container::video`].
    pub fn silence_until(&mut self, position: u64) -> Result<()> {
        match &mut self.file {
            State::Sound(file) => file.silence_until(position).map_err(|error| self.failed(error.into())),
            _ => Ok(()),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        match &self.file {
            State::New => 0,
            State::Matroska(file) => file.bytes(),
            State::Y4m(file) => file.bytes(),
            State::Raw(file) => file.bytes(),
            State::Sound(file) => file.bytes(),
        }
    }

    /// What was written so far.
    pub fn summary(&self) -> Summary {
        let duration_ns = match &self.file {
            State::New => 0,
            State::Matroska(file) => file.duration_ns(),
            State::Y4m(file) => file.duration_ns(),
            State::Raw(file) => file.duration_ns(),
            State::Sound(file) => file.duration_ns(),
        };
        let path = (self.path != Path::new("-")).then(|| self.path.clone());
        Summary { path, frames: self.frames, bytes: self.bytes(), duration_ns }
    }

    /// Completes the file and puts it on the disk. A recording that never began leaves none.
    ///
    /// # Errors
    ///
    /// `NotReadableError` where the file cannot be completed; what was written before can be played.
    pub fn finish(self) -> Result<Summary> {
        let mut summary = self.summary();
        let finished = match self.file {
            State::New => Ok((0, 0)),
            State::Matroska(file) => file.finish(),
            State::Sound(file) => file.finish(),
            State::Y4m(file) => file.finish().map(|()| (summary.bytes, summary.duration_ns)),
            State::Raw(file) => file.finish().map(|()| (summary.bytes, summary.duration_ns)),
        };
        (summary.bytes, summary.duration_ns) = finished.map_err(|error| WriteError::Io(error).at(&self.path))?;
        Ok(summary)
    }

    /// Gives the file up, of which nobody could play anything.
    pub fn discard(self) {
        let path = self.path.clone();
        drop(self);
        remove_empty(&path);
    }
}

/// Removes a file with nothing in it that could be played. What is no file of ours (a pipe, a link to somewhere) stays.
fn remove_empty(path: &Path) {
    if path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        // On a disk that takes no change it stays.
        let _ = std::fs::remove_file(path);
    }
}

/// A fault of the caller's, not of the world.
fn no_such_track() -> Error {
    Error::new(ErrorName::NotSupportedError, "the recording has no such track")
}

#[cfg(test)]
mod tests;
