//! From what a stream gives to files: where a recording begins, and where it is cut.
//!
//! **Where it begins.** All tracks share one time zero, which cannot be moved once it is written, and nothing may be older. Sound
//! is there before the first picture, so it is held until that comes, two seconds at most: time zero is the oldest of what is
//! there then. What comes later and is older still, a block of sound that began before the first picture, is cut off to the
//! sample and not moved. So times in a file differ exactly as the stamps did.
//!
//! **Where it is cut.** At a picture that can be decoded by itself, of the first track that is alive. Each track goes over to the
//! new segment with its first item from then on (sound to the sample), so that both are open until the last has gone over: no
//! picture waits, and none is lost or doubled. Sound that is ahead of the pictures waits for them, since the next may be the
//! one to cut at.

mod files;
mod sound;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Instant;

use self::files::Part;
use self::sound::Held;
use super::container::{FrameData, Metadata, TrackFormat};
use super::file::FileFormat;
use super::h264::{ParameterSets, Picture};
use super::progress::RecordingProgress;
use super::ring::Ring;
use super::segments::{Names, Segments};
use super::shelf::Shelf;
use crate::error::{Error, ErrorName, Result};

/// How long a track may be silent until the others go on without it, in nanoseconds.
const PATIENCE_NS: u64 = 2_000_000_000;
/// As many memory planes as a frame can have, and parameter sets before them.
const MAX_MEMORIES: usize = 9;

/// A recording of a stream, in one file or in several.
pub(super) struct Recording {
    path: PathBuf,
    format: FileFormat,
    segments: Option<(Segments, Names)>,
    metadata: Metadata,
    tracks: Vec<TrackFormat>,
    lanes: Vec<Lane>,
    /// Sound that is ahead of the pictures.
    held: VecDeque<Held>,
    current: Option<Part>,
    /// The segment before, while there is a track that has not gone over.
    old: Option<Part>,
    shelf: Option<Shelf>,
    /// A track's format has changed: the next picture begins another file.
    reformatted: bool,
    /// Of the next segment.
    number: u64,
    told: Instant,
    progress: RecordingProgress,
}

/// What is known of a track on its way.
struct Lane {
    /// Of H.264 that is not stored as raw bytes.
    sets: Option<ParameterSets>,
    /// It goes into the current file.
    gone_over: bool,
    /// The time of its newest, in nanoseconds.
    newest_ns: u64,
}

impl Recording {
    /// A recording to `path`. Touches no file.
    pub fn create(path: &Path, format: FileFormat, progress: RecordingProgress) -> Self {
        Self {
            path: path.to_owned(),
            format,
            segments: None,
            metadata: Metadata::default(),
            tracks: Vec::new(),
            lanes: Vec::new(),
            held: VecDeque::new(),
            current: None,
            old: None,
            shelf: None,
            reformatted: false,
            number: 1,
            told: Instant::now(),
            progress,
        }
    }

    /// In segments.
    ///
    /// # Errors
    /// `TypeError` for stdout, and for segments that have no end.
    pub fn cut(&mut self, segments: Segments) -> Result<()> {
        if segments.length.is_none_or(|length| length.is_zero()) && segments.bytes.is_none_or(|bytes| bytes == 0) {
            return Err(Error::new(ErrorName::TypeError, "a segment must have a length or a size")
                .with_remedy("say how long one is to be, such as --segment 10m"));
        }
        self.segments = Some((segments, Names::of(&self.path)?));
        Ok(())
    }

    /// The tracks are known.
    ///
    /// # Errors
    /// `NotSupportedError` where this kind of file cannot hold them; `NotReadableError` where the directory cannot be read.
    pub fn begin(&mut self, metadata: Metadata, tracks: Vec<TrackFormat>) -> Result<()> {
        self.format.check(&tracks)?;
        self.metadata = metadata;
        let lane = |track| Lane { sets: self.parameter_sets(track), gone_over: false, newest_ns: 0 };
        self.lanes = tracks.iter().map(lane).collect();
        self.tracks = tracks;
        if let Some((segments, names)) = &self.segments {
            let found = names.find().map_err(|error| cannot_read(names.directory(), &error))?;
            self.number = found.last().map_or(1, |newest| newest.number.saturating_add(1));
            let ring = Ring::new(names.directory(), found, segments.keep, self.progress.clone());
            self.shelf = Some(Shelf::start(ring, self.progress.clone())?);
        }
        Ok(())
    }

    /// Where to keep the parameter sets of a track that has some.
    fn parameter_sets(&self, track: &TrackFormat) -> Option<ParameterSets> {
        // In raw bytes a frame is a frame.
        let has_keys = matches!(self.format, FileFormat::Matroska | FileFormat::H264);
        match track {
            TrackFormat::Video(format) if has_keys && format.fourcc.is_h264() => Some(ParameterSets::default()),
            _ => None,
        }
    }

    /// What comes of a track from here on has another format: it goes into another file, of the next number. The sound of a
    /// microphone, which has no pictures to begin at, does so at once.
    ///
    /// # Errors
    /// `NotSupportedError` where this kind of file cannot hold it, and on stdout, where there is no other file.
    pub fn reformat(&mut self, track: usize, format: TrackFormat) -> Result<()> {
        let mut tracks = self.tracks.clone();
        let Some(place) = tracks.get_mut(track) else { return Err(no_such_track()) };
        *place = format;
        self.format.check(&tracks)?;
        if self.path == Path::new("-") && self.current.is_some() {
            let told = "the device gives another format now, and a pipe holds only one";
            return Err(
                Error::new(ErrorName::NotSupportedError, told).with_remedy("record to a file: another one is begun")
            );
        }
        if let (Some(lane), Some(format)) = (self.lanes.get(track), tracks.get(track)) {
            let sets = self.parameter_sets(format);
            self.lanes[track] = Lane { sets, gone_over: false, newest_ns: lane.newest_ns };
        }
        self.tracks = tracks;
        self.reformatted = self.current.is_some();
        Ok(())
    }

    /// A picture. Whether it was written.
    pub fn video(&mut self, track: usize, timestamp_ns: u64, memories: &[&[u8]]) -> Result<bool> {
        let Some(lane) = self.lanes.get_mut(track) else { return Err(no_such_track()) };
        lane.newest_ns = lane.newest_ns.max(timestamp_ns);
        let picture = match &mut lane.sets {
            Some(sets) => memories.first().map_or_else(Picture::default, |frame| sets.look_at(frame)),
            None => Picture { keyframe: true, has_sets: true },
        };
        if self.current.is_none() && picture.keyframe && self.is_known() {
            let held = self.held.iter().map(|held| held.timestamp_ns).min();
            self.begin_next(held.unwrap_or(timestamp_ns).min(timestamp_ns))?;
        }
        if self.reformatted && picture.keyframe && self.is_known() {
            self.begin_reformatted(timestamp_ns)?;
        }
        if picture.keyframe && self.leads(track, timestamp_ns) && self.due(timestamp_ns, 0).is_some() {
            self.begin_next(timestamp_ns)?;
        }
        let part = match (&mut self.current, &mut self.lanes[track]) {
            (Some(current), lane) if lane.gone_over && !self.reformatted => Some(current),
            (Some(current), lane) if picture.keyframe && timestamp_ns >= current.start_ns && !self.reformatted => {
                lane.gone_over = true;
                Some(current)
            }
            // It has another format than the file that is open.
            _ if self.reformatted => None,
            _ => self.old.as_mut(),
        };
        let Some(part) = part else {
            self.progress.left_out();
            return Ok(false);
        };
        // A file is to begin with the sets, even where the camera sends them only once.
        let sets = match &self.lanes[track].sets {
            Some(sets) if part.empty && !picture.has_sets && self.format == FileFormat::H264 => sets.annex_b(),
            _ => Vec::new(),
        };
        let mut all: [&[u8]; MAX_MEMORIES] = [&[]; MAX_MEMORIES];
        let count = memories.len().min(MAX_MEMORIES - 1);
        all[0] = &sets;
        all[1..=count].copy_from_slice(&memories[..count]);
        let first = usize::from(sets.is_empty());
        part.video(track, &FrameData { timestamp_ns, keyframe: picture.keyframe, memories: &all[first..=count] })?;
        self.progress.written(part.file, 1, part.container.bytes());
        self.release(timestamp_ns)?;
        self.tidy(timestamp_ns)?;
        Ok(true)
    }

    /// Whether everything is known that stands before the first frame.
    fn is_known(&self) -> bool {
        self.lanes.iter().filter_map(|lane| lane.sets.as_ref()).all(ParameterSets::are_complete)
    }

    /// Whether it is this track's item of this time that decides on a cut: the first of the tracks that are alive.
    fn leads(&self, track: usize, now_ns: u64) -> bool {
        self.lanes.iter().position(|lane| !lane.is_silent(now_ns)) == Some(track)
    }

    /// When the current segment is to end, if that is before the end of an item that begins at `now_ns`. Not while the one
    /// before is still open.
    fn due(&self, now_ns: u64, duration_ns: u64) -> Option<u64> {
        let ((segments, _), current) = self.segments.as_ref().zip(self.current.as_ref())?;
        if self.old.is_some() || current.empty {
            return None;
        }
        if segments.bytes.is_some_and(|bytes| current.container.bytes() >= bytes) {
            return Some(now_ns);
        }
        let length = u64::try_from(segments.length?.as_nanos()).ok()?;
        let end = current.start_ns.saturating_add(length).max(now_ns);
        let last = now_ns.saturating_add(duration_ns.saturating_sub(1));
        (current.start_ns.saturating_add(length) <= last).then_some(end)
    }

    /// Completes the files, and waits for that.
    ///
    /// # Errors
    /// Of the first that could not be completed; and where there were pictures and none could be used.
    pub fn finish(mut self) -> Result<()> {
        let mut outcome = Ok(());
        // Sound whose picture never came is a recording too.
        if let Some(oldest) = self.held.iter().map(|held| held.timestamp_ns).min().filter(|_| self.is_known()) {
            let begun = if self.current.is_none() { self.begin_next(oldest) } else { Ok(()) };
            outcome = begun.and_then(|()| self.release(u64::MAX));
        }
        if self.current.is_none() && self.progress.unusable() > 0 && self.progress.files().is_empty() {
            let told = "the camera gave no key frame with its parameter sets: nothing of its H.264 could be decoded";
            outcome = outcome.and(Err(Error::new(ErrorName::NotReadableError, told)
                .with_remedy("record for longer, set the camera to shorter groups of pictures, or ask for MJPG")));
        }
        outcome.and(self.close())
    }

    /// Completes the files as they are, and waits for that: after an error.
    ///
    /// # Errors
    /// Of the first that could not be completed.
    pub fn close(mut self) -> Result<()> {
        let mut outcome = Ok(());
        for part in [self.old.take(), self.current.take()].into_iter().flatten() {
            let put = self.put_away(part);
            outcome = outcome.and(put);
        }
        outcome.and(self.shelf.take().map_or(Ok(()), Shelf::close))
    }
}

impl Lane {
    /// Whether nothing came of it for so long that nobody waits for it any more.
    fn is_silent(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.newest_ns) > PATIENCE_NS
    }
}

/// A fault of the caller's, not of the world.
fn no_such_track() -> Error {
    Error::new(ErrorName::NotSupportedError, "the recording has no such track")
}

fn cannot_read(directory: &Path, error: &std::io::Error) -> Error {
    let told = format!("cannot read {}: {error}", directory.display());
    let told = Error::new(ErrorName::NotReadableError, told);
    let told = error.raw_os_error().map_or(told.clone(), |errno| told.with_errno(errno));
    told.with_remedy("record to a directory that exists and that you may read")
}

#[cfg(test)]
mod tests;
