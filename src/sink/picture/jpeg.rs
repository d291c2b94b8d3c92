//! Cameras' JPEG: made whole where it leaves the Huffman tables out, refused where it is cut short, decoded.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::convert::Rgb8;
use super::huffman::STANDARD_HUFFMAN_TABLES;
use crate::error::{Error, ErrorName, Result};

/// No camera's picture is larger in either direction; a forged header must not make us allocate gigabytes.
const MAX_SIDE: usize = 16_384;
/// The pixels of the largest picture decoded: beyond any camera that delivers MJPG.
const MAX_PIXELS: usize = 128 << 20;
/// The most pixels of a byte: a block of 64 takes two bits at least, one for its mean and one for "no more" (ITU-T T.81,
/// F.1.2). A forged header must not keep us busy for seconds, either.
const MAX_PIXELS_PER_BYTE: usize = 4 * 64;

/// The picture in RGB.
///
/// # Errors
///
/// `NotReadableError` for data that is cut short, damaged or not a JPEG at all.
pub(super) fn decode_rgb(jpeg: &[u8]) -> Result<Rgb8> {
    let (width, height, data) = decode(jpeg, ColorSpace::RGB)?;
    Ok(Rgb8 { width, height, data })
}

/// The picture's luma alone, one byte a pixel: the colours are neither scaled nor converted.
pub(super) fn decode_luma(jpeg: &[u8]) -> Result<Vec<u8>> {
    Ok(decode(jpeg, ColorSpace::Luma)?.2)
}

/// Width, height and luma of the picture's uppermost `rows`, or of all where it has no more.
///
/// A JPEG is coded from the top: with a smaller height in its header the decoder stops early. One in several scans is
/// decoded whole, because there the lower rows lie between the scans.
pub(crate) fn decode_top_luma(jpeg: &[u8], rows: usize) -> Result<(u32, u32, Vec<u8>)> {
    let marks = Marks::find(jpeg)?;
    let mut whole = complete(jpeg)?;
    if let (Some(frame), Ok(rows)) = (marks.sequential_frame, u16::try_from(rows)) {
        // After the marker, the segment's length and the bits of a sample (ITU-T T.81, B.2.2).
        let height = frame + 5..frame + 7;
        if whole.get(height.clone()).is_some_and(|height| u16::from_be_bytes([height[0], height[1]]) > rows) {
            whole.to_mut()[height].copy_from_slice(&rows.to_be_bytes());
        }
    }
    decode(&whole, ColorSpace::Luma)
}

fn decode(jpeg: &[u8], colorspace: ColorSpace) -> Result<(u32, u32, Vec<u8>)> {
    let whole = complete(jpeg)?;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE)
        .jpeg_set_out_colorspace(colorspace);
    // The decoder has panicked on forged input before; a camera must not be able to end the program that way.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&whole[..]), options);
        decoder.decode_headers().map_err(|error| damaged(&error))?;
        let (width, height) = decoder.dimensions().ok_or_else(|| damaged(&"it has no size"))?;
        if width.saturating_mul(height) > MAX_PIXELS {
            return Err(damaged(&format_args!("{width}x{height} is larger than any camera's picture")));
        }
        if width.saturating_mul(height) > whole.len().saturating_mul(MAX_PIXELS_PER_BYTE) {
            return Err(damaged(&format_args!("{} bytes are too few for {width}x{height}", whole.len())));
        }
        let data = decoder.decode().map_err(|error| damaged(&error))?;
        if data.len() != width * height * colorspace.num_components() {
            return Err(damaged(&"its colours are not those of a camera"));
        }
        let side = |side| u32::try_from(side).map_err(|_| damaged(&"it has no size"));
        Ok((side(width)?, side(height)?, data))
    }));
    decoded.unwrap_or_else(|_| Err(damaged(&"the decoder gave up")))
}

/// `jpeg` as a file that any viewer opens: the standard Huffman tables put in where it has none (UVC allows that), and
/// what follows its end (cameras pad) cut off. Borrowed where only the end had to go.
///
/// # Errors
///
/// `NotReadableError` where the start or the end is missing.
pub(super) fn complete(jpeg: &[u8]) -> Result<Cow<'_, [u8]>> {
    let marks = Marks::find(jpeg)?;
    if marks.has_huffman_tables {
        return Ok(Cow::Borrowed(&jpeg[..marks.end]));
    }
    let mut whole = Vec::with_capacity(marks.end + STANDARD_HUFFMAN_TABLES.len());
    whole.extend_from_slice(&jpeg[..marks.scan]);
    whole.extend_from_slice(&STANDARD_HUFFMAN_TABLES);
    whole.extend_from_slice(&jpeg[marks.scan..marks.end]);
    Ok(Cow::Owned(whole))
}

/// Where the parts of a JPEG lie.
struct Marks {
    has_huffman_tables: bool,
    /// The start-of-frame marker of a picture in a single scan.
    sequential_frame: Option<usize>,
    /// The first start-of-scan marker.
    scan: usize,
    /// The byte after the end-of-image marker.
    end: usize,
}

impl Marks {
    /// Walks the segments as ITU-T T.81 B.1 lays them out.
    fn find(jpeg: &[u8]) -> Result<Self> {
        if !jpeg.starts_with(&[0xff, 0xd8]) {
            return Err(damaged(&"it does not start as one"));
        }
        let mut has_huffman_tables = false;
        let mut scan = None;
        let mut sequential_frame = None;
        let mut at = 2;
        loop {
            // Before the scan a marker must follow; after it, entropy-coded data up to the next marker, in which 0xff is
            // followed by 0 (a stuffed byte) or by a restart marker.
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
                    at += rest.iter().position(|&byte| byte == 0xff).unwrap_or(rest.len());
                    continue;
                }
                Some([_, _, ..]) => return Err(damaged(&"its header is damaged")),
                _ => return Err(damaged(&"it is cut short")),
            };
            match marker {
                0xd9 => {
                    let scan = scan.ok_or_else(|| damaged(&"it holds no picture"))?;
                    return Ok(Self { has_huffman_tables, sequential_frame, scan, end: at + 2 });
                }
                0xc4 => has_huffman_tables = true,
                0xc0 | 0xc1 if scan.is_none() => sequential_frame = Some(at),
                0xda if scan.is_some() => sequential_frame = None,
                0xda => scan = Some(at),
                _ => {}
            }
            let Some(&[high, low]) = jpeg.get(at + 2..at + 4) else { return Err(damaged(&"it is cut short")) };
            at += 2 + usize::from(u16::from_be_bytes([high, low])).max(2);
        }
    }
}

fn damaged(why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorName::NotReadableError, format!("the camera's JPEG frame cannot be decoded: {why}"))
}

#[cfg(test)]
mod tests;
