//! Which name Matroska has for a format: the codec, and for raw pictures the code that players know.

use crate::error::Result;
use crate::format::Fourcc;
use crate::sink::container::{VideoFormat, cannot_hold};

/// How a video format is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct VideoCodec {
    /// Matroska's codec id.
    pub id: &'static str,
    /// The raw format, of `V_UNCOMPRESSED`: Matroska's `UncompressedFourCC`.
    pub raw: Option<[u8; 4]>,
    /// The colour planes in the order in which they are written.
    pub planes: &'static [usize],
}

/// How frames of `format` are stored.
///
/// # Errors
///
/// `NotSupportedError` for a raw format that players have no name for.
pub(super) fn video_codec(format: &VideoFormat) -> Result<VideoCodec> {
    if format.fourcc.is_jpeg() {
        return Ok(VideoCodec { id: "V_MJPEG", raw: None, planes: &[] });
    }
    if format.fourcc.is_h264() {
        return Ok(VideoCodec { id: "V_MPEG4/ISO/AVC", raw: None, planes: &[] });
    }
    match RAW.iter().find(|(codes, ..)| codes.contains(&&format.fourcc.0)) {
        Some((_, raw, planes)) if format.layout.is_some() => {
            Ok(VideoCodec { id: "V_UNCOMPRESSED", raw: Some(**raw), planes })
        }
        _ => Err(cannot_hold(
            "a .mkv file",
            format,
            "write the bytes as they are to a .raw file, or ask for another format",
        )),
    }
}

/// Whether the raw format is one of RGB or grey, which has no matrix.
pub(super) fn has_matrix(fourcc: Fourcc) -> bool {
    crate::format::is_ycbcr(fourcc)
}

const ONE: &[usize] = &[0];
const TWO: &[usize] = &[0, 1];
const THREE: &[usize] = &[0, 1, 2];
/// Cr is first in the camera's format, Cb in the file's.
const SWAPPED: &[usize] = &[0, 2, 1];

/// A row of the table below.
type RawCodec = (&'static [&'static [u8; 4]], &'static [u8; 4], &'static [usize]);

/// V4L2's codes, the code that FFmpeg's raw decoder knows the same bytes by (libavcodec/raw.c), and the order of the planes.
/// FFmpeg has no code for NV16, NV24, P010, VYUY and packed 4:4:4, so players have none either.
const RAW: &[RawCodec] = &[
    (&[b"YUYV"], b"YUY2", ONE),
    (&[b"UYVY"], b"UYVY", ONE),
    (&[b"YVYU"], b"YVYU", ONE),
    (&[b"NV12", b"NM12"], b"NV12", TWO),
    (&[b"NV21", b"NM21"], b"NV21", TWO),
    (&[b"YU12", b"YM12"], b"I420", THREE),
    (&[b"YV12", b"YM21"], b"I420", SWAPPED),
    (&[b"422P", b"YM16"], b"Y42B", THREE),
    (&[b"YM61"], b"Y42B", SWAPPED),
    (&[b"YM24"], b"444P", THREE),
    (&[b"YM42"], b"444P", SWAPPED),
    (&[b"411P"], b"Y41B", THREE),
    (&[b"YUV9"], b"YUV9", THREE),
    (&[b"YVU9"], b"YUV9", SWAPPED),
    (&[b"GREY"], b"Y800", ONE),
    (&[b"Y10 "], b"Y1\x00\x0a", ONE),
    (&[b"Y12 "], b"Y1\x00\x0c", ONE),
    (&[b"Y14 "], b"Y1\x00\x0e", ONE),
    (&[b"Y16 ", b"Z16 "], b"Y1\x00\x10", ONE),
    (&[b"Y16\xa0"], b"\x10\x001Y", ONE),
    (&[b"RGB3"], b"RGB\x18", ONE),
    (&[b"BGR3"], b"BGR\x18", ONE),
    (&[b"XR24", b"BGR4"], b"BGR\0", ONE),
    (&[b"XB24"], b"RGB\0", ONE),
    (&[b"BX24", b"RGB4"], b"\0RGB", ONE),
    (&[b"RX24"], b"\0BGR", ONE),
    (&[b"AR24"], b"BGRA", ONE),
    (&[b"AB24"], b"RGBA", ONE),
    (&[b"BA24"], b"ARGB", ONE),
    (&[b"RA24"], b"ABGR", ONE),
    (&[b"RGBP"], b"RGB\x10", ONE),
    (&[b"RGBR"], b"\x10BGR", ONE),
    (&[b"RGBO", b"XR15"], b"RGB\x0f", ONE),
    (&[b"XB15"], b"BGR\x0f", ONE),
    (&[b"RGBQ", b"XR1\xb5"], b"\x0fBGR", ONE),
    (&[b"R444", b"XR12"], b"RGB\x0c", ONE),
    (&[b"XB12"], b"BGR\x0c", ONE),
    (&[b"RGB1"], b"RGB\x08", ONE),
    (&[b"BA81"], b"\xbaBG\x08", ONE),
    (&[b"RGGB"], b"\xbaRG\x08", ONE),
    (&[b"GBRG"], b"\xbaGB\x08", ONE),
    (&[b"GRBG"], b"\xbaGR\x08", ONE),
    (&[b"BYR2"], b"\xbaBG\x10", ONE),
    (&[b"RG16"], b"\xbaRG\x10", ONE),
    (&[b"GB16"], b"\xbaGB\x10", ONE),
    (&[b"GR16"], b"\xbaGR\x10", ONE),
];
