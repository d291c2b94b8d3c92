//! How YCbCr numbers stand for colours: V4L2's colour space words brought to what a consumer needs.

use super::Fourcc;

/// The matrix between YCbCr and R'G'B', after WebCodecs' `VideoMatrixCoefficients`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VideoMatrixCoefficients {
    /// ITU-R BT.601: standard definition, webcams, every JPEG. WebCodecs' `smpte170m`.
    Bt601,
    /// ITU-R BT.709: high definition.
    Bt709,
    /// ITU-R BT.2020, the non-constant luminance form. WebCodecs' `bt2020-ncl`.
    Bt2020,
    /// SMPTE 240M: early high definition.
    Smpte240m,
}

impl VideoMatrixCoefficients {
    /// The weights of red and blue in luma, Kr and Kb (the kernel's "Detailed Colorspace Descriptions").
    pub const fn weights(self) -> (f64, f64) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
            Self::Smpte240m => (0.212, 0.087),
        }
    }
}

/// Matrix and range of a frame's samples, after WebCodecs' `VideoColorSpace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct VideoColorSpace {
    /// From YCbCr to R'G'B'. Without meaning for RGB and grey.
    pub matrix: VideoMatrixCoefficients,
    /// Samples use 0 to 255; otherwise Y uses 16 to 235 and C 16 to 240.
    pub full_range: bool,
}

// The kernel's numbers (enum v4l2_colorspace, v4l2_ycbcr_encoding and v4l2_quantization in linux/videodev2.h). They come
// from a driver, so they are matched as numbers: what is not listed is unknown.
const COLORSPACE_DEFAULT: u32 = 0;
const COLORSPACE_SMPTE240M: u32 = 2;
const COLORSPACE_REC709: u32 = 3;
const COLORSPACE_JPEG: u32 = 7;
const COLORSPACE_BT2020: u32 = 10;
const COLORSPACE_RAW: u32 = 11;
const COLORSPACE_DCI_P3: u32 = 12;
const YCBCR_ENC_601: u32 = 1;
const YCBCR_ENC_709: u32 = 2;
const YCBCR_ENC_XV601: u32 = 3;
const YCBCR_ENC_XV709: u32 = 4;
const YCBCR_ENC_SYCC: u32 = 5;
const YCBCR_ENC_BT2020: u32 = 6;
const YCBCR_ENC_BT2020_CONST_LUM: u32 = 7;
const YCBCR_ENC_SMPTE240M: u32 = 8;
const QUANTIZATION_FULL_RANGE: u32 = 1;
const QUANTIZATION_LIM_RANGE: u32 = 2;

impl VideoColorSpace {
    /// A colour space of that matrix and range.
    pub const fn new(matrix: VideoMatrixCoefficients, full_range: bool) -> Self {
        Self { matrix, full_range }
    }

    /// From what `VIDIOC_G_FMT` answered: the numbers of `colorspace`, `ycbcr_enc` and `quantization`.
    ///
    /// Defaults are V4L2's own (`V4L2_MAP_YCBCR_ENC_DEFAULT`, `V4L2_MAP_QUANTIZATION_DEFAULT`). A colour space that is
    /// unknown or left at its default is SMPTE 170M below 720 lines and Rec. 709 from there, as for video receivers.
    /// JPEG pictures are BT.601 in full range whatever the driver says: the decoder knows no other. RGB is full range
    /// unless told otherwise, and so is grey, which cameras deliver from 0 to 255.
    pub fn from_v4l2(fourcc: Fourcc, height: u32, colorspace: u32, ycbcr_enc: u32, quantization: u32) -> Self {
        if fourcc.is_jpeg() {
            return Self { matrix: VideoMatrixCoefficients::Bt601, full_range: true };
        }
        let matrix = match ycbcr_enc {
            YCBCR_ENC_601 | YCBCR_ENC_XV601 | YCBCR_ENC_SYCC => VideoMatrixCoefficients::Bt601,
            YCBCR_ENC_709 | YCBCR_ENC_XV709 => VideoMatrixCoefficients::Bt709,
            YCBCR_ENC_BT2020 | YCBCR_ENC_BT2020_CONST_LUM => VideoMatrixCoefficients::Bt2020,
            YCBCR_ENC_SMPTE240M => VideoMatrixCoefficients::Smpte240m,
            _ => match colorspace {
                COLORSPACE_REC709 | COLORSPACE_DCI_P3 => VideoMatrixCoefficients::Bt709,
                COLORSPACE_BT2020 => VideoMatrixCoefficients::Bt2020,
                COLORSPACE_SMPTE240M => VideoMatrixCoefficients::Smpte240m,
                COLORSPACE_DEFAULT | COLORSPACE_RAW.. if height >= 720 => VideoMatrixCoefficients::Bt709,
                _ => VideoMatrixCoefficients::Bt601,
            },
        };
        let full_range = match quantization {
            QUANTIZATION_FULL_RANGE => true,
            QUANTIZATION_LIM_RANGE => false,
            _ => colorspace == COLORSPACE_JPEG || !is_ycbcr(fourcc),
        };
        Self { matrix, full_range }
    }

    /// V4L2's numbers `ycbcr_enc` and `quantization` that say so outright.
    pub(crate) const fn to_v4l2(self) -> (u32, u32) {
        let ycbcr_enc = match self.matrix {
            VideoMatrixCoefficients::Bt601 => YCBCR_ENC_601,
            VideoMatrixCoefficients::Bt709 => YCBCR_ENC_709,
            VideoMatrixCoefficients::Bt2020 => YCBCR_ENC_BT2020,
            VideoMatrixCoefficients::Smpte240m => YCBCR_ENC_SMPTE240M,
        };
        (ycbcr_enc, if self.full_range { QUANTIZATION_FULL_RANGE } else { QUANTIZATION_LIM_RANGE })
    }
}

/// Whether a format has chroma planes or samples. Grey has none, and RGB, HSV and Bayer are not YCbCr at all.
pub(crate) fn is_ycbcr(fourcc: Fourcc) -> bool {
    let code = &fourcc.0;
    matches!(
        code,
        b"YUYV" | b"YVYU" | b"UYVY" | b"VYUY" | b"YYUV" | b"Y210" | b"Y212" | b"Y216" | b"Y41P" | b"M420" | b"UV8 "
    ) || matches!(code, b"AYUV" | b"XYUV" | b"VUYA" | b"VUYX" | b"Y444" | b"422P" | b"411P" | b"YV12")
        || matches!(code, [b'Y', b'U', b'V', _] | [b'Y', b'U', b'1', b'2'] | [b'Y', b'V', b'U', b'9'])
        || matches!(code, [b'N', b'V' | b'M', ..] | [b'Y', b'M', ..] | [b'P', b'0', b'1', _])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &[u8; 4], colorspace: u32, ycbcr_enc: u32, quantization: u32) -> (VideoMatrixCoefficients, bool) {
        let color_space = VideoColorSpace::from_v4l2(Fourcc(*code), 480, colorspace, ycbcr_enc, quantization);
        (color_space.matrix, color_space.full_range)
    }

    #[test]
    fn defaults_follow_from_the_colour_space() {
        // sRGB, as UVC cameras say: BT.601, limited.
        assert_eq!(of(b"YUYV", 8, 0, 0), (VideoMatrixCoefficients::Bt601, false));
        assert_eq!(of(b"YUYV", 1, 0, 0), (VideoMatrixCoefficients::Bt601, false));
        assert_eq!(of(b"YUYV", 2, 0, 0), (VideoMatrixCoefficients::Smpte240m, false));
        assert_eq!(of(b"NV12", 3, 0, 0), (VideoMatrixCoefficients::Bt709, false));
        assert_eq!(of(b"NV12", 12, 0, 0), (VideoMatrixCoefficients::Bt709, false));
        assert_eq!(of(b"NV12", 10, 0, 0), (VideoMatrixCoefficients::Bt2020, false));
        assert_eq!(of(b"YUYV", 7, 0, 0), (VideoMatrixCoefficients::Bt601, true));
        assert!(of(b"RGB3", 8, 0, 0).1 && of(b"GREY", 8, 0, 0).1);
    }

    #[test]
    fn what_the_driver_says_wins_over_the_default() {
        assert_eq!(of(b"YUYV", 3, 1, 1), (VideoMatrixCoefficients::Bt601, true));
        assert_eq!(of(b"YUYV", 7, 2, 2), (VideoMatrixCoefficients::Bt709, false));
        assert!(!of(b"GREY", 8, 0, 2).1 && !of(b"RGB3", 8, 0, 2).1);
    }

    #[test]
    fn unknown_numbers_fall_back_by_the_size() {
        assert_eq!(of(b"YUYV", 99, 99, 99), (VideoMatrixCoefficients::Bt601, false));
        assert_eq!(of(b"YUYV", 0, 0, 0), (VideoMatrixCoefficients::Bt601, false));
        for colorspace in [0, 11, 99, u32::MAX] {
            let hd = VideoColorSpace::from_v4l2(Fourcc::YUYV, 720, colorspace, u32::MAX, u32::MAX);
            assert_eq!(hd, VideoColorSpace { matrix: VideoMatrixCoefficients::Bt709, full_range: false });
        }
    }

    #[test]
    fn jpeg_is_bt601_in_full_range_whatever_the_driver_says() {
        assert_eq!(of(b"MJPG", 3, 2, 2), (VideoMatrixCoefficients::Bt601, true));
    }
}
