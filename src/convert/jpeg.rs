//! Cameras' JPEG: made whole where it leaves the Huffman tables out, refused where it is cut short, decoded.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::huffman::STANDARD_HUFFMAN_TABLES;
use super::view::to_usize;
use crate::error::{Error, ErrorName, Result};
use crate::format::Fourcc;

/// No camera's picture is larger in either direction; a forged header must not make us allocate gigabytes.
const MAX_SIDE: u32 = 16_384;
/// The pixels of the largest picture decoded: beyond any camera that delivers MJPG.
const MAX_PIXELS: u64 = 128 << 20;
/// The most pixels of a byte: a block of 64 takes two bits at least, one for its mean and one for "no more" (ITU-T
/// T.81, F.1.2). A forged header must not keep us busy for seconds, either.
const MAX_PIXELS_PER_BYTE: u64 = 4 * 64;

/// What a JPEG is decoded to. Rows have no padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// Three bytes a pixel.
    Rgb,
    /// Four bytes a pixel, opaque.
    Rgba,
    /// Y, Cb and Cr of each pixel.
    Ycbcr,
    /// Y alone: the colours are neither scaled nor converted.
    Luma,
}

impl Decoded {
    fn color_space(self) -> ColorSpace {
        match self {
            Self::Rgb => ColorSpace::RGB,
            Self::Rgba => ColorSpace::RGBA,
            Self::Ycbcr => ColorSpace::YCbCr,
            Self::Luma => ColorSpace::Luma,
        }
    }

    /// V4L2's format that lies in memory alike.
    pub fn fourcc(self) -> Fourcc {
        Fourcc(match self {
            Self::Rgb => *b"RGB3",
            Self::Rgba => *b"AB24",
            Self::Ycbcr => *b"YUV3",
            Self::Luma => *b"GREY",
        })
    }
}

/// A JPEG from its start to its end, of a size that can be true.
#[derive(Debug)]
pub(crate) struct Jpeg<'a> {
    bytes: &'a [u8],
    marks: Marks,
}

impl<'a> Jpeg<'a> {
    /// Looks at its headers and for its end.
    ///
    /// # Errors
    ///
    /// `NotReadableError` for data that is cut short, not a JPEG at all, or of a size that its bytes cannot fill.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        let marks = Marks::find(bytes)?;
        let (width, height) = marks.size;
        if width == 0 || height == 0 {
            return Err(damaged(&"it has no size"));
        }
        let pixels = u64::from(width) * u64::from(height);
        if pixels > MAX_PIXELS || width.max(height) > MAX_SIDE {
            return Err(damaged(&format_args!("{width}x{height} is larger than any camera's picture")));
        }
        // No byte count is beyond 64 bits.
        if pixels > (marks.end as u64).saturating_mul(MAX_PIXELS_PER_BYTE) {
            return Err(damaged(&format_args!("{} bytes are too few for {width}x{height}", marks.end)));
        }
        Ok(Self { bytes, marks })
    }

    /// Width and height.
    pub fn size(&self) -> (u32, u32) {
        self.marks.size
    }

    /// The bytes that [`decode`](Self::decode) fills; a size that passed fits into memory's.
    pub fn decoded_size(&self, decoded: Decoded) -> usize {
        let (width, height) = self.size();
        to_usize(width) * to_usize(height) * decoded.color_space().num_components()
    }

    /// Writes the picture to `out`, which is as long as [`decoded_size`](Self::decoded_size) says. `whole` keeps the
    /// memory for JPEGs that come without Huffman tables.
    ///
    /// # Errors
    ///
    /// `NotReadableError` for damage.
    pub fn decode(&self, decoded: Decoded, whole: &mut Vec<u8>, out: &mut [u8]) -> Result<()> {
        let jpeg = if self.marks.has_huffman_tables {
            &self.bytes[..self.marks.end]
        } else {
            whole.clear();
            self.marks.complete(self.bytes, whole);
            whole
        };
        let options = DecoderOptions::default()
            .set_strict_mode(true)
            .set_max_width(to_usize(MAX_SIDE))
            .set_max_height(to_usize(MAX_SIDE))
            .jpeg_set_out_colorspace(decoded.color_space());
        let (width, height) = self.size();
        // The decoder has panicked on forged input before; a camera must not be able to end the program that way.
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
            decoder.decode_headers().map_err(|error| damaged(&error))?;
            if decoder.dimensions() != Some((to_usize(width), to_usize(height))) {
                return Err(damaged(&"it has two sizes"));
            }
            if decoder.output_buffer_size() != Some(out.len()) {
                return Err(damaged(&"its colours are not those of a camera"));
            }
            decoder.decode_into(out).map_err(|error| damaged(&error))
        }));
        result.unwrap_or_else(|_| Err(damaged(&"the decoder gave up")))
    }
}

/// `jpeg` as a file that any viewer opens: the standard Huffman tables put in where it has none (UVC allows that), and
/// what follows its end (cameras pad) cut off. Borrowed where only the end had to go.
///
/// # Errors
///
/// `NotReadableError` where the start or the end is missing.
#[cfg_attr(
    not(feature = "picture"),
    allow(dead_code, reason = "only a picture's file is written as the camera sent it")
)]
pub(crate) fn complete(jpeg: &[u8]) -> Result<Cow<'_, [u8]>> {
    let marks = Marks::find(jpeg)?;
    if marks.has_huffman_tables {
        return Ok(Cow::Borrowed(&jpeg[..marks.end]));
    }
    let mut whole = Vec::new();
    marks.complete(jpeg, &mut whole);
    Ok(Cow::Owned(whole))
}

/// Width, height and luma of the picture's uppermost `rows`, or of all where it has no more.
///
/// A JPEG is coded from the top: with a smaller height in its header the decoder stops early. One in several scans is
/// decoded whole, because there the lower rows lie between the scans.
///
/// # Errors
///
/// `NotReadableError` for damage.
pub(crate) fn decode_top_luma(jpeg: &[u8], rows: usize) -> Result<(u32, u32, Vec<u8>)> {
    let marks = Marks::find(jpeg)?;
    let mut bytes = jpeg[..marks.end].to_vec();
    if let (Some(frame), Ok(rows)) = (marks.sequential_frame, u16::try_from(rows))
        && marks.size.1 > u32::from(rows)
        // After the marker, the segment's length and the bits of a sample (ITU-T T.81, B.2.2).
        && let Some(height) = bytes.get_mut(frame + 5..frame + 7)
    {
        height.copy_from_slice(&rows.to_be_bytes());
    }
    let jpeg = Jpeg::new(&bytes)?;
    let mut luma = vec![0; jpeg.decoded_size(Decoded::Luma)];
    jpeg.decode(Decoded::Luma, &mut Vec::new(), &mut luma)?;
    let (width, height) = jpeg.size();
    Ok((width, height, luma))
}

/// Where the parts of a JPEG lie.
#[derive(Debug)]
struct Marks {
    has_huffman_tables: bool,
    /// The start-of-frame marker of a picture in a single scan.
    sequential_frame: Option<usize>,
    /// The first start-of-scan marker.
    scan: usize,
    /// The byte after the end-of-image marker.
    end: usize,
    /// Width and height, by the first frame header.
    size: (u32, u32),
}

impl Marks {
    /// The JPEG with the standard Huffman tables before its first scan, put to the end of `whole`.
    fn complete(&self, jpeg: &[u8], whole: &mut Vec<u8>) {
        whole.reserve(self.end + STANDARD_HUFFMAN_TABLES.len());
        whole.extend_from_slice(&jpeg[..self.scan]);
        whole.extend_from_slice(&STANDARD_HUFFMAN_TABLES);
        whole.extend_from_slice(&jpeg[self.scan..self.end]);
    }

    /// Walks the segments as ITU-T T.81 B.1 lays them out.
    fn find(jpeg: &[u8]) -> Result<Self> {
        if !jpeg.starts_with(&[0xff, 0xd8]) {
            return Err(damaged(&"it does not start as one"));
        }
        let mut has_huffman_tables = false;
        let mut scan = None;
        let mut size = None;
        let mut sequential_frame = None;
        let mut at = 2;
        loop {
            // Before the scan a marker must follow; after it, entropy-coded data up to the next marker, in which 0xff
            // is followed by 0 (a stuffed byte) or by a restart marker.
            let marker = match jpeg.get(at..) {
                Some([0xff, 0xff, ..]) => {
                    at += 1;
                    continue;
                }
                Some([0xff, 0x00 | 0xd0..=0xd7, ..]) if scan.is_some() => {
                    at += 2;
                    continue;
                }
                Some([0xff, marker, ..]) => *marker,
                Some(rest @ [first, ..]) if scan.is_some() && *first != 0xff => {
                    at += before_marker(rest);
                    continue;
                }
                Some([_, _, ..]) => return Err(damaged(&"its header is damaged")),
                _ => return Err(damaged(&"it is cut short")),
            };
            match marker {
                0xd9 => {
                    let scan = scan.ok_or_else(|| damaged(&"it holds no picture"))?;
                    return Ok(Self {
                        has_huffman_tables,
                        sequential_frame,
                        scan,
                        end: at + 2,
                        size: size.unwrap_or_default(),
                    });
                }
                0xc4 => has_huffman_tables = true,
                0xda if scan.is_some() => sequential_frame = None,
                0xda => scan = Some(at),
                // The frame headers, SOF0 to SOF15: length, precision, rows, columns.
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf if size.is_none() => {
                    // Baseline and extended sequential; the other ways take several scans.
                    sequential_frame = Some(at).filter(|_| marker <= 0xc1);
                    if let Some(&[rows, more_rows, columns, more_columns]) = jpeg.get(at + 5..at + 9) {
                        let side = |bytes: [u8; 2]| u32::from(u16::from_be_bytes(bytes));
                        size = Some((side([columns, more_columns]), side([rows, more_rows])));
                    }
                }
                _ => {}
            }
            let Some(&[high, low]) = jpeg.get(at + 2..at + 4) else { return Err(damaged(&"it is cut short")) };
            at += 2 + usize::from(u16::from_be_bytes([high, low])).max(2);
        }
    }
}

/// How many bytes come before the next 0xff, or the end.
fn before_marker(bytes: &[u8]) -> usize {
    // Most of a JPEG is this: by the chunk, which compilers turn into vectors.
    let has_none = |chunk: &&[u8; 32]| !chunk.iter().fold(false, |found, &byte| found | (byte == 0xff));
    let skipped = 32 * bytes.as_chunks().0.iter().take_while(has_none).count();
    skipped + bytes[skipped..].iter().position(|&byte| byte == 0xff).unwrap_or(bytes.len() - skipped)
}

pub(super) fn damaged(why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorName::NotReadableError, format!("the camera's JPEG frame cannot be decoded: {why}"))
}

#[cfg(all(test, feature = "picture"))]
mod tests;
