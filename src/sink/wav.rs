//! Sound alone: WAV, which everything plays, and the same samples with nothing around them.
//!
//! The samples follow one another without times, so that what was lost is filled with silence: a second of the file is a
//! second of the microphone. The header is put right every second, so that a recording cut short plays to within a second
//! of its end in readers that go by the header (most go by the end of the file).
//!
//! Beyond 4 GiB, where the sizes of WAV end, the file becomes RF64 (EBU Tech 3306): the room for its sizes of 64 bits is kept
//! from the start.
//!
//! It is written by hand, and not with `hound` 3.5, because that has no RF64 (4 GiB are three hours of stereo at 48 kHz and
//! 32 bits), takes samples one by one as numbers, and needs a writer that can go back.

use std::io::{self, Write};

use super::container::{AudioFormat, Metadata, SampleData, TrackFormat, only_audio};
use super::output::{Output, WriteResult};
use crate::error::Result;

/// The tags of WAVEFORMATEX: integers, floating point, and "see the sub-format".
const WAVE_FORMAT_PCM: u16 = 1;
const WAVE_FORMAT_IEEE_FLOAT: u16 = 3;
const WAVE_FORMAT_EXTENSIBLE: u16 = 0xfffe;
/// What follows the tag in the GUID of a sub-format.
const SUBFORMAT: [u8; 14] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
/// The body of `ds64`: three sizes of 64 bits, and an empty table.
const DS64: usize = 28;
/// A size that stands in `ds64`, or is not known.
const ELSEWHERE: u32 = u32::MAX;
/// How often the header is put right while samples come: players believe it, so that what it does not tell of is lost in a
/// power cut.
const TOLD_PER_SECOND: u64 = 4;
/// Silence is written in pieces of at most so many bytes.
const SILENCE: usize = 64 << 10;

/// A file of one microphone's samples.
pub(super) struct SoundFile {
    output: Output,
    format: AudioFormat,
    header: Option<Header>,
    /// The number of the frame that comes next.
    next: Option<u64>,
    /// Bytes of samples.
    data: u64,
    /// As many of them as the header tells of.
    told: u64,
}

/// Where the header's parts lie that change. RIFF's own size stands at 4 and the room for `ds64` at 12.
struct Header {
    /// The first byte of the samples; their size stands in the four bytes before.
    data: u64,
    /// It can be put right.
    seekable: bool,
}

/// Whether the tracks can be stored, before a file is touched.
pub(super) fn check(tracks: &[TrackFormat]) -> Result<()> {
    only_audio(tracks, "a .wav file").map(drop)
}

impl SoundFile {
    /// A WAV file, its header written.
    pub fn wav(mut output: Output, tracks: &[TrackFormat], metadata: &Metadata) -> WriteResult<Self> {
        let format = only_audio(tracks, "a .wav file")?.clone();
        let seekable = output.is_seekable();
        let header = header(&format, metadata, if seekable { 0 } else { ELSEWHERE });
        output.write_all(&header)?;
        let header = Header { data: header.len() as u64, seekable };
        Ok(Self { header: Some(header), ..Self::headless(output, format) })
    }

    /// The samples and nothing else.
    pub fn raw(output: Output, format: &AudioFormat) -> Self {
        Self::headless(output, format.clone())
    }

    fn headless(output: Output, format: AudioFormat) -> Self {
        Self { output, format, header: None, next: None, data: 0, told: 0 }
    }

    /// Samples, after silence in place of what is missing before them.
    pub fn audio(&mut self, sound: &SampleData<'_>) -> WriteResult<()> {
        self.silence_until(sound.position)?;
        self.output.write_all(sound.samples)?;
        self.data += sound.samples.len() as u64;
        self.next = Some(sound.position + (sound.samples.len() / self.format.frame_bytes().max(1)) as u64);
        Ok(self.tell_sizes(self.format.byte_rate() / TOLD_PER_SECOND)?)
    }

    /// Silence from the last frame up to the one of this number.
    pub fn silence_until(&mut self, position: u64) -> io::Result<()> {
        let missing = self.next.map_or(0, |next| position.saturating_sub(next));
        let mut bytes = missing.saturating_mul(self.format.frame_bytes() as u64);
        // Of bytes, the middle is silence: they are unsigned.
        let silence = [if self.format.sample_size == 8 { 0x80 } else { 0 }; SILENCE];
        while bytes > 0 {
            let piece = silence.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
            self.output.write_all(&silence[..piece])?;
            self.data += piece as u64;
            bytes -= piece as u64;
        }
        self.next = self.next.map(|next| next.max(position));
        Ok(())
    }

    /// Bytes written so far, the header included.
    pub fn bytes(&self) -> u64 {
        self.header.as_ref().map_or(0, |header| header.data) + self.data
    }

    /// Puts the sizes in the header right, once there are `step` bytes more than it tells of.
    fn tell_sizes(&mut self, step: u64) -> io::Result<()> {
        let Some(header) = self.header.as_ref().filter(|header| header.seekable) else { return Ok(()) };
        if self.data - self.told < step.max(1) {
            return Ok(());
        }
        self.told = self.data;
        // RIFF counts from behind its own size, and the pad byte of samples that are odd in number.
        let riff = header.data + self.data + self.data % 2 - 8;
        let place = header.data - 4;
        if let (Ok(riff), Ok(data)) = (u32::try_from(riff), u32::try_from(self.data)) {
            self.output.write_at(4, &riff.to_le_bytes())?;
            return self.output.write_at(place, &data.to_le_bytes());
        }
        let frames = self.data / self.format.frame_bytes().max(1) as u64;
        let mut ds64 = b"ds64".to_vec();
        ds64.extend_from_slice(&(DS64 as u32).to_le_bytes());
        for size in [riff, self.data, frames] {
            ds64.extend_from_slice(&size.to_le_bytes());
        }
        self.output.write_at(12, &ds64)?;
        self.output.write_at(place, &ELSEWHERE.to_le_bytes())?;
        let mut head = b"RF64".to_vec();
        head.extend_from_slice(&ELSEWHERE.to_le_bytes());
        self.output.write_at(0, &head)
    }

    /// How long the samples last, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        self.format.duration_ns(self.data / self.format.frame_bytes().max(1) as u64)
    }

    /// Takes out what was written of samples that failed.
    pub fn cut(&mut self) -> io::Result<()> {
        let place = self.bytes();
        self.output.cut(place)
    }

    /// Puts the header right, and the file on the disk. The bytes written and the duration in nanoseconds.
    pub fn finish(mut self) -> io::Result<(u64, u64)> {
        let (mut bytes, duration_ns) = (self.bytes(), self.duration_ns());
        if self.header.is_some() && self.data % 2 == 1 {
            self.output.write_all(&[0])?;
            bytes += 1;
        }
        self.tell_sizes(1)?;
        self.output.finish()?;
        Ok((bytes, duration_ns))
    }
}

/// Everything before the samples, of which there are `size` bytes.
fn header(format: &AudioFormat, metadata: &Metadata, size: u32) -> Vec<u8> {
    let mut out = b"RIFF".to_vec();
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(b"WAVE");
    chunk(&mut out, b"JUNK", &[0; DS64]);
    chunk(&mut out, b"fmt ", &wave_format(format));
    let mut info = b"INFO".to_vec();
    if let Some(title) = &metadata.title {
        text(&mut info, b"INAM", title);
    }
    text(&mut info, b"ISFT", concat!("usermedia ", env!("CARGO_PKG_VERSION")));
    if metadata.synthetic {
        text(&mut info, b"ICMT", "synthetic");
    }
    chunk(&mut out, b"LIST", &info);
    out.extend_from_slice(b"data");
    out.extend_from_slice(&size.to_le_bytes());
    out
}

/// WAVEFORMATEX, or WAVEFORMATEXTENSIBLE where more than two channels or 16 bits ask for it.
fn wave_format(format: &AudioFormat) -> Vec<u8> {
    let small = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
    let tag = if format.float { WAVE_FORMAT_IEEE_FLOAT } else { WAVE_FORMAT_PCM };
    let extensible = format.channel_count > 2 || (format.sample_size > 16 && !format.float);
    let (channels, bits) = (small(format.channel_count), small(format.sample_size));
    let mut out = Vec::with_capacity(40);
    out.extend_from_slice(&(if extensible { WAVE_FORMAT_EXTENSIBLE } else { tag }).to_le_bytes());
    out.extend_from_slice(&channels.to_le_bytes());
    out.extend_from_slice(&format.sample_rate.to_le_bytes());
    out.extend_from_slice(&u32::try_from(format.byte_rate()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&u16::try_from(format.frame_bytes()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(&bits.to_le_bytes());
    if extensible {
        // Which loudspeaker a channel belongs to is known of one (the middle) and of two (left, right). More are inputs.
        let speakers: u32 = match channels {
            1 => 0x4,
            2 => 0x3,
            _ => 0,
        };
        out.extend_from_slice(&22u16.to_le_bytes());
        out.extend_from_slice(&bits.to_le_bytes());
        out.extend_from_slice(&speakers.to_le_bytes());
        out.extend_from_slice(&tag.to_le_bytes());
        out.extend_from_slice(&SUBFORMAT);
    } else if format.float {
        out.extend_from_slice(&0u16.to_le_bytes());
    }
    out
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(body);
    if body.len() % 2 == 1 {
        out.push(0);
    }
}

/// A text of the list of information: UTF-8, as today's programs read it, ended by a zero.
fn text(out: &mut Vec<u8>, name: &[u8; 4], text: &str) {
    let mut bytes = text.replace('\0', "").into_bytes();
    bytes.push(0);
    chunk(out, name, &bytes);
}

#[cfg(test)]
mod tests;
