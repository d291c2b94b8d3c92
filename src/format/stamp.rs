//! A frame's number and time, written into its picture: what a benchmark reads at the other end of whatever carries
//! pictures and nothing else.
//!
//! The stamp is the top left corner of the picture, 128 by 64 pixels: 8 rows of 16 blocks of 8 by 8 pixels, each of
//! which is black (a 0) or white (a 1). A row is a word of 16 bits, the highest first: a magic number, the frame's
//! number in two words, the time in four, and a CRC over all that. Blocks of that size lie on whole chroma samples of
//! 4:2:0, 4:1:1 and 4:1:0, and are the very blocks that a JPEG transforms, so that each stays of one brightness.

use super::Fourcc;
use super::layout::{Layout, layout};
use super::pixels::{Pixels, Sample, pixels};

/// Pixels of a block's side: a JPEG's own (ITU-T T.81, A.3.1).
const BLOCK: usize = 8;
/// Blocks of a row: a word's bits.
const COLUMNS: usize = 16;
/// Words of a stamp.
const ROWS: usize = 8;
/// Rows of pixels that a stamp takes.
pub(crate) const HEIGHT: usize = ROWS * BLOCK;
const WIDTH: usize = COLUMNS * BLOCK;
/// What every stamp begins with: as many bits set as not, so that no plain picture has it.
const MAGIC: u16 = 0x5ac3;

/// Black and white in limited range, which are dark and light in full range too, and in R'G'B'.
const BLACK: u8 = 16;
const WHITE: u8 = 235;
/// A block's mean brightness up to which it is black, and from which on it is white. What lies between is no stamp.
const DARK: u32 = 96;
const LIGHT: u32 = 160;

/// A number and a time in a frame's pixels, as `usermedia loopback` writes them.
///
/// It survives a change of the pixel format, of the range, chroma subsampling and JPEG of common quality; it does not
/// survive scaling, mirroring and cropping from the top or the left. A stamp is 128 by 64 pixels, at the top left.
///
/// Writer and reader on one machine share CLOCK_MONOTONIC: the difference of the reader's time and
/// [`monotonic`](Self::monotonic) is the frame's age since it was written.
///
/// ```
/// use usermedia::{Fourcc, FrameStamp};
///
/// let (width, height) = (320, 240);
/// let mut picture = vec![128u8; 320 * 240 * 2];
/// let stamp = FrameStamp::new(7, 1_000_000_000);
/// assert!(stamp.write_to(Fourcc::YUYV, width, height, 0, &mut picture));
/// assert_eq!(FrameStamp::read_from(Fourcc::YUYV, width, height, 0, &picture), Some(stamp));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FrameStamp {
    /// The writer's number of the frame, from 0. It wraps.
    pub number: u32,
    /// When the writer wrote it, in nanoseconds of CLOCK_MONOTONIC.
    pub monotonic: u64,
}

impl FrameStamp {
    /// The smallest picture that a stamp fits into: pixels of a line.
    pub const WIDTH: u32 = WIDTH as u32;
    /// The smallest picture that a stamp fits into: lines.
    pub const HEIGHT: u32 = HEIGHT as u32;

    /// A stamp of this number and time.
    pub const fn new(number: u32, monotonic: u64) -> Self {
        Self { number, monotonic }
    }

    /// Whether frames of this format and size can be written to: those whose samples are whole bytes, in one piece of
    /// memory, and which are large enough. Compressed frames are not.
    pub fn fits(fourcc: Fourcc, width: u32, height: u32) -> bool {
        place(fourcc, width, height, 0).is_some()
    }

    /// Writes the stamp over the corner of a picture in one piece of memory, laid out as V4L2 says. `bytesperline` are
    /// the bytes from one line to the next in the first plane; 0 for lines without padding.
    ///
    /// Whether it could: `false` where it does not [fit](Self::fits), and where `memory` is too short for it.
    pub fn write_to(self, fourcc: Fourcc, width: u32, height: u32, bytesperline: u32, memory: &mut [u8]) -> bool {
        let put = |offset: usize, byte| memory.get_mut(offset).map(|place| *place = byte).is_some();
        place(fourcc, width, height, bytesperline).is_some_and(|(pixels, layout)| self.write(pixels, &layout, put))
    }

    /// Writes the stamp over the corner of a picture that it [fits](Self::fits) into; `put` sets a byte, and says whether
    /// it could.
    pub(crate) fn put(self, fourcc: Fourcc, layout: &Layout, put: impl FnMut(usize, u8) -> bool) -> bool {
        pixels(fourcc).is_some_and(|pixels| self.write(pixels, layout, put))
    }

    /// The stamp of a picture in one piece of memory, laid out as V4L2 says; `None` where it has none. `bytesperline` as
    /// for [`FrameStamp::write_to`].
    pub fn read_from(fourcc: Fourcc, width: u32, height: u32, bytesperline: u32, memory: &[u8]) -> Option<Self> {
        let (_, layout) = place(fourcc, width, height, bytesperline)?;
        Self::read_planes(fourcc, width, height, |plane| {
            let plane = layout.planes().get(plane)?;
            Some((memory.get(plane.offset..)?, plane.stride))
        })
    }

    /// The stamp of a picture of which `plane` gives the bytes and the stride of each colour plane.
    pub(crate) fn read_planes<'a>(
        fourcc: Fourcc,
        width: u32,
        height: u32,
        plane: impl Fn(usize) -> Option<(&'a [u8], usize)>,
    ) -> Option<Self> {
        if width < Self::WIDTH || height < Self::HEIGHT {
            return None;
        }
        // Black and white have the same brightness in all three of R, G and B; and no Y is subsampled.
        let luma = match pixels(fourcc)? {
            Pixels::Ycbcr([luma, ..]) | Pixels::Grey(luma) | Pixels::Rgb([_, luma, _]) => luma,
        };
        let (bytes, stride) = plane(luma.plane)?;
        let mut words = [0; ROWS];
        for (row, word) in words.iter_mut().enumerate() {
            *word = read_word(bytes, stride, luma, row)?;
            if row == 0 && *word != MAGIC {
                return None;
            }
        }
        Self::from_words(words)
    }

    fn write(self, pixels: Pixels, layout: &Layout, mut put: impl FnMut(usize, u8) -> bool) -> bool {
        let words = self.words();
        match pixels {
            Pixels::Grey(luma) => fill(&mut put, layout, luma, |row, block| shade(words, row, block)),
            Pixels::Rgb(samples) => {
                samples.into_iter().all(|sample| fill(&mut put, layout, sample, |row, block| shade(words, row, block)))
            }
            // Without colour, so that a conversion to RGB finds the same brightness.
            Pixels::Ycbcr([luma, cb, cr]) => {
                fill(&mut put, layout, luma, |row, block| shade(words, row, block))
                    && fill(&mut put, layout, cb, |_, _| 128)
                    && fill(&mut put, layout, cr, |_, _| 128)
            }
        }
    }

    fn words(self) -> [u16; ROWS] {
        // Each cast takes the 16 bits that the shift put there.
        let part = |value: u64, place: u32| (value >> (16 * place)) as u16;
        let (number, time) = (u64::from(self.number), self.monotonic);
        let mut words =
            [MAGIC, part(number, 1), part(number, 0), part(time, 3), part(time, 2), part(time, 1), part(time, 0), 0];
        words[ROWS - 1] = crc(&words[..ROWS - 1]);
        words
    }

    fn from_words(words: [u16; ROWS]) -> Option<Self> {
        let joined = |words: &[u16]| words.iter().fold(0u64, |value, &word| value << 16 | u64::from(word));
        let stamp = Self { number: u32::try_from(joined(&words[1..3])).ok()?, monotonic: joined(&words[3..7]) };
        (stamp.words() == words).then_some(stamp)
    }
}

/// How and where a picture that a stamp fits into keeps its samples.
fn place(fourcc: Fourcc, width: u32, height: u32, bytesperline: u32) -> Option<(Pixels, Layout)> {
    if width < FrameStamp::WIDTH || height < FrameStamp::HEIGHT {
        return None;
    }
    let layout = layout(fourcc, width, height, &[bytesperline]).filter(|layout| layout.memory_count() == 1)?;
    Some((pixels(fourcc)?, layout))
}

fn shade(words: [u16; ROWS], row: usize, block: usize) -> u8 {
    if words[row] >> (COLUMNS - 1 - block) & 1 == 1 { WHITE } else { BLACK }
}

/// Sets one kind of sample in every block to what `value` gives for the block's row and column; whether all could be.
fn fill(
    put: &mut impl FnMut(usize, u8) -> bool,
    layout: &Layout,
    sample: Sample,
    value: impl Fn(usize, usize) -> u8,
) -> bool {
    let Some(plane) = layout.planes().get(sample.plane) else { return false };
    let lines = (BLOCK >> sample.shift_rows) * ROWS;
    let samples = BLOCK >> sample.shift;
    (0..lines).all(|line| {
        let start = plane.offset + line * plane.stride + sample.offset;
        (0..COLUMNS).all(|block| {
            let value = value(line * ROWS / lines, block);
            (block * samples..(block + 1) * samples).all(|x| put(start + x * sample.step, value))
        })
    })
}

/// The word that a row of blocks shows; `None` where a block is neither dark nor light, or missing.
fn read_word(bytes: &[u8], stride: usize, luma: Sample, row: usize) -> Option<u16> {
    let mut sums = [0u32; COLUMNS];
    for line in row * BLOCK..(row + 1) * BLOCK {
        let line = bytes.get(line.checked_mul(stride)?.checked_add(luma.offset)?..)?;
        let mut samples = line.iter().step_by(luma.step);
        for sum in &mut sums {
            for _ in 0..BLOCK {
                *sum += u32::from(*samples.next()?);
            }
        }
    }
    sums.into_iter().try_fold(0u16, |word, sum| match sum / (BLOCK * BLOCK) as u32 {
        ..=DARK => Some(word << 1),
        LIGHT.. => Some(word << 1 | 1),
        _ => None,
    })
}

/// CRC-16/IBM-3740: polynomial 0x1021, from 0xffff on.
fn crc(words: &[u16]) -> u16 {
    words.iter().fold(0xffff, |crc, word| {
        (0..16).fold(crc ^ word, |crc: u16, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}

#[cfg(test)]
mod tests;
