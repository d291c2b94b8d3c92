//! The words that every room shares: fourcc codes, exact frame rates, colour spaces, and where formats keep what.

mod color_space;
#[cfg(feature = "serde")]
mod document;
pub(crate) mod layout;
pub(crate) mod pixels;
mod rect;
mod sample;
pub(crate) mod stamp;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

#[cfg(feature = "record")]
pub(crate) use color_space::is_ycbcr;
pub use color_space::{VideoColorSpace, VideoMatrixCoefficients};
pub use rect::Rect;
pub use sample::SampleFormat;
pub use stamp::FrameStamp;

/// A V4L2 pixel format code, four bytes such as `YUYV` or `MJPG`.
///
/// Unknown codes are carried as they are. Bytes are written by [`fmt::Display`] as V4L2's own tools do: printable
/// ASCII as it is, anything else as `\xNN`; the big-endian bit (bit 31) as a suffix `-BE`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fourcc(pub [u8; 4]);

impl Fourcc {
    /// Packed 4:2:2, Y0 Cb Y1 Cr.
    pub const YUYV: Self = Self(*b"YUYV");
    /// Motion JPEG: one JPEG image per frame.
    pub const MJPG: Self = Self(*b"MJPG");
    /// JFIF JPEG: as [`Fourcc::MJPG`] for every purpose here.
    pub const JPEG: Self = Self(*b"JPEG");
    /// 4:2:0 in two planes, Y then interleaved CbCr, one piece of memory.
    pub const NV12: Self = Self(*b"NV12");
    /// 4:2:0 in three planes Y, Cb, Cr, one piece of memory (known elsewhere as I420).
    pub const YU12: Self = Self(*b"YU12");

    /// From the 32-bit word V4L2 uses: the first byte is the lowest.
    pub const fn from_u32(word: u32) -> Self {
        Self(word.to_le_bytes())
    }

    /// To the 32-bit word V4L2 uses.
    pub const fn to_u32(self) -> u32 {
        u32::from_le_bytes(self.0)
    }

    /// Whether a frame is one JPEG image.
    pub const fn is_jpeg(self) -> bool {
        matches!(&self.0, b"MJPG" | b"JPEG")
    }

    /// Whether a frame is one access unit of H.264, with start codes: `V4L2_PIX_FMT_H264`.
    pub const fn is_h264(self) -> bool {
        matches!(&self.0, b"H264")
    }

    /// Whether a frame is a sensor's raw mosaic, which needs developing: the Bayer formats of
    /// include/uapi/linux/videodev2.h.
    pub fn is_bayer(self) -> bool {
        const BAYER: [&[u8; 4]; 48] = [
            b"BA81", b"GBRG", b"GRBG", b"RGGB", // 8 bits
            b"BG10", b"GB10", b"BA10", b"RG10", // 10 bits in 16
            b"pBAA", b"pGAA", b"pgAA", b"pRAA", // 10 bits packed
            b"aBA8", b"aGA8", b"agA8", b"aRA8", // 10 bits, A-law
            b"bBA8", b"bGA8", b"BD10", b"bRA8", // 10 bits, DPCM
            b"BG12", b"GB12", b"BA12", b"RG12", // 12 bits in 16
            b"pBCC", b"pGCC", b"pgCC", b"pRCC", // 12 bits packed
            b"BG14", b"GB14", b"GR14", b"RG14", // 14 bits in 16
            b"pBEE", b"pGEE", b"pgEE", b"pREE", // 14 bits packed
            b"BYR2", b"GB16", b"GR16", b"RG16", // 16 bits
            b"ip3b", b"ip3g", b"ip3G", b"ip3r", // Intel IPU3's packing of 10 bits
            b"PC1B", b"PC1G", b"PC1g", b"PC1R", // Raspberry Pi's compression of 16 bits
        ];
        BAYER.contains(&&self.0)
    }
}

impl fmt::Display for Fourcc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let big_endian = self.0[3] & 0x80 != 0;
        let mut bytes = self.0;
        bytes[3] &= 0x7f;
        for byte in bytes {
            match byte {
                b' '..=b'~' => write!(f, "{}", byte as char)?,
                other => write!(f, "\\x{other:02x}")?,
            }
        }
        if big_endian { f.write_str("-BE") } else { Ok(()) }
    }
}

impl fmt::Debug for Fourcc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fourcc({self})")
    }
}

/// How a camera's frames reach their consumers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// In the driver's own buffers, lent; as copies only while too many of them are held.
    #[default]
    Lent,
    /// As copies, because another process may write to the buffers (v4l2loopback).
    Copied,
    /// In buffers that another process may write to, to be looked at with care:
    /// [`VideoFrame::raw`](crate::VideoFrame::raw).
    Raw,
}

impl Delivery {
    /// In a word: `lent`, `copied`, `raw`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lent => "lent",
            Self::Copied => "copied",
            Self::Raw => "raw",
        }
    }

    /// The delivery of that word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Lent, Self::Copied, Self::Raw].into_iter().find(|delivery| delivery.as_str() == name)
    }
}

/// A text that is not a fourcc: not one to four printable ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseFourccError;

impl fmt::Display for ParseFourccError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fourcc is one to four printable characters, such as YUYV")
    }
}

impl std::error::Error for ParseFourccError {}

impl FromStr for Fourcc {
    type Err = ParseFourccError;

    /// Accepts what [`fmt::Display`] writes; fewer than four characters are padded with spaces, as `Y10` is `"Y10 "`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (text, big_endian) = match text.strip_suffix("-BE") {
            Some(stem) => (stem, true),
            None => (text, false),
        };
        let mut bytes = [b' '; 4];
        let mut rest = text.as_bytes();
        let mut count = 0;
        while let Some((&first, tail)) = rest.split_first() {
            if count == 4 {
                return Err(ParseFourccError);
            }
            if first == b'\\' && tail.len() >= 3 && tail[0] == b'x' {
                let digits = std::str::from_utf8(&tail[1..3]).map_err(|_| ParseFourccError)?;
                bytes[count] = u8::from_str_radix(digits, 16).map_err(|_| ParseFourccError)?;
                rest = &tail[3..];
            } else if matches!(first, b' '..=b'~') {
                bytes[count] = first;
                rest = tail;
            } else {
                return Err(ParseFourccError);
            }
            count += 1;
        }
        if count == 0 {
            return Err(ParseFourccError);
        }
        if big_endian {
            bytes[3] |= 0x80;
        }
        Ok(Self(bytes))
    }
}

/// An exact frame rate in frames per second: `30000/1001`, never a rounded float.
///
/// Comparison is by value (`30/1 == 60/2`); the fraction itself is kept as given.
#[derive(Clone, Copy)]
pub struct FrameRate {
    numerator: u32,
    denominator: u32,
}

impl FrameRate {
    /// `numerator / denominator` frames per second; `None` when either is zero.
    pub const fn new(numerator: u32, denominator: u32) -> Option<Self> {
        if numerator == 0 || denominator == 0 { None } else { Some(Self { numerator, denominator }) }
    }

    /// A whole number of frames per second; zero is taken as one.
    pub const fn whole(fps: u32) -> Self {
        Self { numerator: if fps == 0 { 1 } else { fps }, denominator: 1 }
    }

    /// From a V4L2 frame interval in seconds per frame; `None` when either part is zero.
    pub const fn from_interval(numerator: u32, denominator: u32) -> Option<Self> {
        Self::new(denominator, numerator)
    }

    /// Frames.
    pub const fn numerator(self) -> u32 {
        self.numerator
    }

    /// Per this many seconds.
    pub const fn denominator(self) -> u32 {
        self.denominator
    }

    /// Frames per second, rounded to a float.
    pub fn as_f64(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }

    /// The time between two frames in nanoseconds, rounded down.
    pub const fn interval_ns(self) -> u64 {
        self.denominator as u64 * 1_000_000_000 / self.numerator as u64
    }

    /// The nearest fraction to `fps`, with a denominator of at most 1,000,000, by continued fractions; the NTSC rates
    /// (29.97, 59.94, 23.976) become their exact x/1001. `None` for what is not finite, not positive or over `u32`.
    pub fn from_f64(fps: f64) -> Option<Self> {
        if !fps.is_finite() || fps <= 0.0 || fps > f64::from(u32::MAX) {
            return None;
        }
        let ntsc = fps * 1001.0 / 1000.0;
        if (ntsc - ntsc.round()).abs() < 1e-3 * 1.1 && (fps - fps.round()).abs() > 1e-3 && ntsc.round() >= 1.0 {
            let exact = Self { numerator: (ntsc.round() as u32).checked_mul(1000)?, denominator: 1001 };
            if (exact.as_f64() - fps).abs() < 0.005 {
                return Some(exact);
            }
        }
        let (mut p0, mut q0, mut p1, mut q1) = (0u64, 1u64, 1u64, 0u64);
        let mut x = fps;
        for _ in 0..32 {
            let whole = x.floor();
            let a = whole as u64;
            let p2 = a.checked_mul(p1)?.checked_add(p0)?;
            let q2 = a.checked_mul(q1)?.checked_add(q0)?;
            if p2 > u64::from(u32::MAX) || q2 > 1_000_000 {
                break;
            }
            (p0, q0, p1, q1) = (p1, q1, p2, q2);
            let rest = x - whole;
            if rest < 1e-9 || (p1 as f64 / q1 as f64 - fps).abs() <= fps * 1e-12 {
                break;
            }
            x = 1.0 / rest;
        }
        Self::new(u32::try_from(p1).ok()?, u32::try_from(q1).ok()?)
    }

    fn cross(self, other: Self) -> (u64, u64) {
        (
            u64::from(self.numerator) * u64::from(other.denominator),
            u64::from(other.numerator) * u64::from(self.denominator),
        )
    }
}

impl PartialEq for FrameRate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for FrameRate {}

impl PartialOrd for FrameRate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FrameRate {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = self.cross(*other);
        a.cmp(&b)
    }
}

impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

impl fmt::Debug for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameRate({self})")
    }
}

/// A text that is not a frame rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseFrameRateError;

impl fmt::Display for ParseFrameRateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a frame rate is a positive number or fraction of frames per second, such as 30 or 30000/1001")
    }
}

impl std::error::Error for ParseFrameRateError {}

impl FromStr for FrameRate {
    type Err = ParseFrameRateError;

    /// `30/1`, `30` or `29.97`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((n, d)) => {
                let n = n.trim().parse().map_err(|_| ParseFrameRateError)?;
                let d = d.trim().parse().map_err(|_| ParseFrameRateError)?;
                Self::new(n, d).ok_or(ParseFrameRateError)
            }
            None => text.trim().parse().ok().and_then(Self::from_f64).ok_or(ParseFrameRateError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fourcc_text_round_trips() {
        for code in [*b"YUYV", *b"Y10 ", *b"NV12", [0x47, 0x52, 0x45, 0xd9], [1, 2, 3, 4]] {
            let fourcc = Fourcc(code);
            assert_eq!(fourcc.to_string().parse::<Fourcc>(), Ok(fourcc));
            assert_eq!(Fourcc::from_u32(fourcc.to_u32()), fourcc);
        }
        assert_eq!("Y10".parse::<Fourcc>(), Ok(Fourcc(*b"Y10 ")));
        assert!("".parse::<Fourcc>().is_err());
        assert!("YUYVX".parse::<Fourcc>().is_err());
    }

    #[test]
    fn bayer_formats_are_told_from_others() {
        assert!(["RG10", "pgAA", "GRBG", "BYR2"].iter().all(|code| code.parse::<Fourcc>().unwrap().is_bayer()));
        // BA10 is a mosaic, BA24 is RGB with alpha.
        assert!(
            !["YUYV", "GREY", "Y10 ", "BA24", "RGB3"].iter().any(|code| code.parse::<Fourcc>().unwrap().is_bayer())
        );
    }

    #[test]
    fn frame_rates_stay_exact() {
        assert_eq!("30000/1001".parse::<FrameRate>().unwrap().to_string(), "30000/1001");
        assert_eq!(FrameRate::from_f64(29.97).unwrap().to_string(), "30000/1001");
        assert_eq!(FrameRate::from_f64(23.976).unwrap().to_string(), "24000/1001");
        assert_eq!(FrameRate::from_f64(30.0).unwrap().to_string(), "30/1");
        assert_eq!(FrameRate::from_f64(7.5).unwrap().to_string(), "15/2");
        assert_eq!(FrameRate::from_f64(12.5).unwrap().to_string(), "25/2");
        assert_eq!(FrameRate::new(60, 2), FrameRate::new(30, 1));
        assert!(FrameRate::from_f64(f64::NAN).is_none() && FrameRate::from_f64(0.0).is_none());
        assert!("0/1".parse::<FrameRate>().is_err() && "1/0".parse::<FrameRate>().is_err());
    }
}
