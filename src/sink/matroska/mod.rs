//! Matroska (RFC 9559), written as a stream: valid at every moment, complete when finished.
//!
//! Everything that can be known is written at the start. Clusters hold at most a second or 5 MB; the last one has an open
//! end, so that a file whose writer lost power plays up to its last whole frame. Where the writer can seek, [`MatroskaWriter::finish`]
//! adds an index (Cues, SeekHead), the duration and the sizes; on a pipe the file stays as it is, as a live stream's.
//!
//! Times are stored in steps of 50 µs. Matroska's usual millisecond would shift frames of a 30 fps camera by up to half a
//! millisecond; a block counts from its cluster's start in 16 bits, which lets a cluster of one second be divided no finer
//! than 31 µs.
//!
//! It is written by hand, and not with `mkv-element` 0.4, the one library for it, for three reasons found in its source: a
//! block owns its bytes, so that every frame would be copied; every level of elements is encoded into a buffer of its own;
//! and a size of 16383, 2097151 and so on comes out as the pattern reserved for "unknown" (`VInt64::encode_size`), which
//! spoils a file whenever a JPEG happens to be that long. Sizes that are put in later need a fixed width too, which it lacks.

mod codec;
mod ebml;
mod file;
mod header;

pub(super) use file::{MatroskaFile, check};

use std::io::{self, IoSlice, Seek, SeekFrom, Write};

use self::ebml::{UNKNOWN_SIZE, wide_size};
use self::header::Entry;
use super::container::{AudioFormat, Metadata, VideoFormat};
use super::packing::write_pieces;
use crate::error::Result;

/// Nanoseconds in one step of a file's clock.
const TIMESTAMP_SCALE: u64 = 50_000;
/// A cluster ends before the frame that begins this much after its start.
const CLUSTER_TICKS: u64 = 1_000_000_000 / TIMESTAMP_SCALE;
/// A cluster ends at the first frame after this many bytes.
const CLUSTER_BYTES: u64 = 5_000_000;
/// The index has at most one entry in this time.
const CUE_TICKS: u64 = CLUSTER_TICKS;
/// And at most this many: it waits in memory for the file's end, and a file may take months. When they are there, every
/// other one goes, and from then on they are twice as far apart.
const MOST_CUES: usize = 16_384;

/// Writes one Matroska file: tracks first, then the header, then blocks in the order of their arrival.
///
/// Frames go to the writer as they are, after a header of a few bytes: nothing is gathered first, so a buffer around the
/// writer gains nothing. What fails half-written is taken out of the file again, where the writer can go back.
pub(super) struct MatroskaWriter<W: Write> {
    writer: W,
    seek: Option<fn(&mut W, SeekFrom) -> io::Result<u64>>,
    /// Takes everything from a place on out of the file, and goes on there.
    cut: Option<fn(&mut W, u64) -> io::Result<()>>,
    /// Bytes of whole elements written so far.
    position: u64,
    /// A write failed: what lies behind `position` is not to be read.
    failed: bool,
    tracks: Vec<Entry>,
    /// Where the header's parts lie.
    places: header::Places,
    /// The first frame's time, in nanoseconds.
    origin: Option<u64>,
    /// The end of what was written, in nanoseconds after the origin.
    end_ns: u64,
    cluster: Option<Cluster>,
    cues: Vec<Cue>,
    /// The time between two of them, at least.
    cue_ticks: u64,
    /// Element headers on their way out.
    scratch: Vec<u8>,
}

/// The cluster being written.
struct Cluster {
    start_ticks: u64,
    /// Where it begins, from the segment's body.
    place: u64,
    /// Where its body begins; its size stands in the eight bytes before.
    body: u64,
}

/// An entry of the index.
struct Cue {
    ticks: u64,
    track: u8,
    /// The cluster's place, from the segment's body.
    position: u64,
}

impl<W: Write> MatroskaWriter<W> {
    /// A file on a writer that cannot go back: a pipe, a socket.
    pub fn new(writer: W) -> Self {
        Self {
            writer,
            seek: None,
            cut: None,
            position: 0,
            failed: false,
            tracks: Vec::new(),
            places: header::Places::default(),
            origin: None,
            end_ns: 0,
            cluster: None,
            cues: Vec::new(),
            cue_ticks: CUE_TICKS,
            scratch: Vec::new(),
        }
    }

    /// A file on a writer that can go back, and stands at its start. `cut` takes everything from a place on out of it.
    pub fn seekable(writer: W, cut: fn(&mut W, u64) -> io::Result<()>) -> Self
    where
        W: Seek,
    {
        Self { seek: Some(W::seek), cut: Some(cut), ..Self::new(writer) }
    }

    /// Makes this the file's time zero, in nanoseconds, in place of the first block's.
    pub fn set_origin(&mut self, origin: Option<u64>) {
        self.origin = origin;
    }

    /// Bytes of the whole elements written so far.
    pub fn bytes(&self) -> u64 {
        self.position
    }

    /// The end of what was written, in nanoseconds after time zero.
    pub fn duration_ns(&self) -> u64 {
        self.end_ns
    }

    /// Adds a video track and returns its number for [`MatroskaWriter::write`]. All tracks come before the header.
    ///
    /// # Errors
    ///
    /// `NotSupportedError` for a format that players do not know.
    pub fn add_video(&mut self, format: &VideoFormat) -> Result<usize> {
        self.tracks.push(Entry::video(format)?);
        Ok(self.tracks.len() - 1)
    }

    /// Adds an audio track and returns its number.
    pub fn add_audio(&mut self, format: &AudioFormat) -> usize {
        self.tracks.push(Entry::audio(format));
        self.tracks.len() - 1
    }

    /// Writes everything that stands before the first frame.
    pub fn write_header(&mut self, metadata: &Metadata) -> io::Result<()> {
        if self.tracks.len() > header::MAX_TRACKS {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "more tracks than a file can hold"));
        }
        let mut out = Vec::new();
        self.places = header::write(&mut out, &self.tracks, metadata, self.seek.is_some());
        self.append(&out, &[])
    }

    /// Writes one frame, or one piece of sound, whose bytes are those of `pieces` one after the other.
    ///
    /// `timestamp_ns` is on a clock all tracks share; the first one written becomes the file's zero, where none was set. Time
    /// zero is the oldest there can be: who must not store anything older there leaves it out.
    pub fn write(&mut self, track: usize, timestamp_ns: u64, keyframe: bool, pieces: &[&[u8]]) -> io::Result<()> {
        let (Some(entry), Some(number)) = (self.tracks.get(track), header::track_number(track)) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no such track"));
        };
        let bytes = pieces.iter().map(|piece| piece.len()).sum();
        let duration_ns = entry.duration_ns(bytes);
        let origin = *self.origin.get_or_insert(timestamp_ns);
        let time_ns = timestamp_ns.saturating_sub(origin);
        let ticks = to_ticks(time_ns);
        let relative = match self.relative(ticks) {
            Some(relative) => relative,
            None => {
                self.begin_cluster(ticks)?;
                0
            }
        };
        if keyframe && track == self.lead() {
            self.index(ticks, number);
        }
        let mut block = std::mem::take(&mut self.scratch);
        block.clear();
        header::simple_block(&mut block, number, relative, keyframe, bytes);
        let written = self.append(&block, pieces);
        self.scratch = block;
        if written.is_ok() {
            self.end_ns = self.end_ns.max(time_ns.saturating_add(duration_ns));
        }
        written
    }

    /// `ticks` from the start of the current cluster, or `None` where the block needs a new one.
    fn relative(&self, ticks: u64) -> Option<i16> {
        let cluster = self.cluster.as_ref()?;
        let full = self.position - cluster.body >= CLUSTER_BYTES || ticks >= cluster.start_ticks + CLUSTER_TICKS;
        // Sound may come a little after the picture that it belongs before.
        let relative = i16::try_from(i128::from(ticks) - i128::from(cluster.start_ticks)).ok()?;
        (!full || relative < 0).then_some(relative)
    }

    /// The track that the index is of, as players want it: the first of pictures, or of sound where there are none.
    fn lead(&self) -> usize {
        self.tracks.iter().position(|track| matches!(track, Entry::Video { .. })).unwrap_or(0)
    }

    /// An entry of the index for a key frame, whose cluster has begun.
    fn index(&mut self, ticks: u64, track: u8) {
        let due = self.cues.last().is_none_or(|cue| ticks >= cue.ticks.saturating_add(self.cue_ticks));
        if let (Some(cluster), true, Some(_)) = (&self.cluster, due, self.seek) {
            if self.cues.len() == MOST_CUES {
                // The first stays.
                let mut place = 0;
                self.cues.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
                self.cue_ticks = self.cue_ticks.saturating_mul(2);
            }
            self.cues.push(Cue { ticks, track, position: cluster.place });
        }
    }

    fn begin_cluster(&mut self, ticks: u64) -> io::Result<()> {
        self.end_cluster()?;
        let place = self.position - self.places.segment_body;
        let mut out = Vec::with_capacity(32);
        ebml::id(&mut out, header::CLUSTER);
        out.extend_from_slice(&UNKNOWN_SIZE);
        let body = self.position + out.len() as u64;
        ebml::uint(&mut out, header::TIMESTAMP, ticks);
        self.append(&out, &[])?;
        self.cluster = Some(Cluster { start_ticks: ticks, place, body });
        Ok(())
    }

    /// Gives the current cluster its size, where the writer can go back.
    fn end_cluster(&mut self) -> io::Result<()> {
        match self.cluster.take() {
            Some(cluster) => self.patch(cluster.body - 8, &wide_size(self.position - cluster.body)),
            None => Ok(()),
        }
    }

    /// Writes elements at the end of the file.
    fn append(&mut self, head: &[u8], pieces: &[&[u8]]) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("an earlier write failed"));
        }
        let mut slices = [IoSlice::new(&[]); 1 + super::packing::MAX_PIECES];
        if pieces.len() >= slices.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many pieces"));
        }
        slices[0] = IoSlice::new(head);
        for (slice, piece) in slices[1..].iter_mut().zip(pieces) {
            *slice = IoSlice::new(piece);
        }
        let written = write_pieces(&mut self.writer, &mut slices);
        match written {
            Ok(()) => self.position += (head.len() + pieces.iter().map(|piece| piece.len()).sum::<usize>()) as u64,
            Err(_) => {
                self.failed = true;
                if let Some(cut) = self.cut {
                    // What cannot be taken out stays behind the end that the file's header tells of.
                    let _ = cut(&mut self.writer, self.position);
                }
            }
        }
        written
    }

    /// Overwrites bytes written earlier and returns to the end.
    fn patch(&mut self, place: u64, bytes: &[u8]) -> io::Result<()> {
        let Some(seek) = self.seek else { return Ok(()) };
        seek(&mut self.writer, SeekFrom::Start(place))?;
        self.writer.write_all(bytes)?;
        seek(&mut self.writer, SeekFrom::Start(self.position)).map(drop)
    }

    /// Completes the file: index, duration, sizes. Returns the writer, the bytes written and the duration in nanoseconds.
    ///
    /// # Errors
    ///
    /// The first write that fails. After a disk ran full the file is completed as far as it goes, without its index.
    pub fn finish(mut self) -> io::Result<(W, u64, u64)> {
        let outcome = self.complete();
        outcome?;
        Ok((self.writer, self.position, self.end_ns))
    }

    fn complete(&mut self) -> io::Result<()> {
        let Some(seek) = self.seek else { return Ok(()) };
        if self.failed {
            seek(&mut self.writer, SeekFrom::Start(self.position))?;
            self.failed = false;
        }
        self.end_cluster()?;
        let cues_place = self.position - self.places.segment_body;
        let mut out = Vec::new();
        header::cues(&mut out, &self.cues);
        let cues_written = self.append(&out, &[]);
        let has_cues = cues_written.is_ok() && !self.cues.is_empty();
        if let Some((place, bytes)) = self.places.seek_head(has_cues.then_some(cues_place)) {
            self.patch(place, &bytes)?;
        }
        if let Some((place, bytes)) = self.places.duration(self.end_ns) {
            self.patch(place, &bytes)?;
        }
        self.patch(self.places.segment_body - 8, &wide_size(self.position - self.places.segment_body))?;
        cues_written
    }
}

/// The step of the file's clock nearest to a time in nanoseconds.
fn to_ticks(ns: u64) -> u64 {
    ns.saturating_add(TIMESTAMP_SCALE / 2) / TIMESTAMP_SCALE
}

#[cfg(test)]
mod tests;
