//! Sample formats: how one number of a sound lies in memory.

use std::fmt;

/// A PCM sample format that this library captures, by ALSA's names (`SNDRV_PCM_FORMAT_*` of `sound/asound.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SampleFormat {
    /// Unsigned 8 bits; silence is 128.
    U8,
    /// Signed 8 bits.
    S8,
    /// Signed 16 bits, little-endian.
    S16Le,
    /// Signed 24 bits in the low three bytes of four, little-endian.
    S24Le,
    /// Signed 24 bits in three bytes, little-endian.
    S24Packed,
    /// Signed 32 bits, little-endian.
    S32Le,
    /// 32-bit IEEE floating point from -1 to 1, little-endian.
    FloatLe,
}

impl SampleFormat {
    /// All of them, the preferred ones first.
    pub const ALL: [Self; 7] =
        [Self::S16Le, Self::S32Le, Self::S24Le, Self::S24Packed, Self::FloatLe, Self::U8, Self::S8];

    /// By ALSA's name, such as `S16_LE`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// ALSA's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::U8 => "U8",
            Self::S8 => "S8",
            Self::S16Le => "S16_LE",
            Self::S24Le => "S24_LE",
            Self::S24Packed => "S24_3LE",
            Self::S32Le => "S32_LE",
            Self::FloatLe => "FLOAT_LE",
        }
    }

    /// Bytes one sample takes in memory.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::S8 => 1,
            Self::S16Le => 2,
            Self::S24Packed => 3,
            Self::S24Le | Self::S32Le | Self::FloatLe => 4,
        }
    }

    /// Significant bits of a sample: `sampleSize` of W3C Media Capture and Streams.
    pub const fn bits(self) -> u32 {
        match self {
            Self::U8 | Self::S8 => 8,
            Self::S16Le => 16,
            Self::S24Le | Self::S24Packed => 24,
            Self::S32Le | Self::FloatLe => 32,
        }
    }

    /// The byte that silence is made of.
    pub const fn silence(self) -> u8 {
        match self {
            Self::U8 => 0x80,
            _ => 0,
        }
    }

    /// One sample as a number from -1 to 1; `None` where there are too few bytes.
    pub fn read(self, bytes: &[u8]) -> Option<f32> {
        let sample = bytes.get(..self.bytes())?;
        Some(match (self, sample) {
            (Self::U8, &[a]) => (f32::from(a) - 128.0) / 128.0,
            (Self::S8, &[a]) => f32::from(a as i8) / 128.0,
            (Self::S16Le, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32768.0,
            // The three bytes become the upper ones of four: the sign comes along.
            (Self::S24Le, &[a, b, c, _]) | (Self::S24Packed, &[a, b, c]) => {
                (i32::from_le_bytes([0, a, b, c]) >> 8) as f32 / 8_388_608.0
            }
            (Self::S32Le, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (Self::FloatLe, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            _ => return None,
        })
    }
}

impl fmt::Display for SampleFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_formats() {
        for format in SampleFormat::ALL {
            assert_eq!(SampleFormat::from_name(format.name()), Some(format));
        }
        assert_eq!(SampleFormat::from_name("A_LAW"), None);
    }

    #[test]
    fn half_of_full_scale_is_a_half_in_every_format() {
        let halves: [(SampleFormat, &[u8]); 7] = [
            (SampleFormat::U8, &[192]),
            (SampleFormat::S8, &[64]),
            (SampleFormat::S16Le, &[0, 0x40]),
            (SampleFormat::S24Le, &[0, 0, 0x40, 0]),
            (SampleFormat::S24Packed, &[0, 0, 0x40]),
            (SampleFormat::S32Le, &[0, 0, 0, 0x40]),
            (SampleFormat::FloatLe, &[0, 0, 0, 0x3f]),
        ];
        for (format, bytes) in halves {
            assert_eq!(format.read(bytes), Some(0.5), "{format}");
            assert_eq!(format.read(&bytes[1..]), None, "{format}");
        }
        assert_eq!(SampleFormat::S24Packed.read(&[0, 0, 0xc0]), Some(-0.5));
        // Some drivers leave anything in the fourth byte.
        assert_eq!(SampleFormat::S24Le.read(&[0, 0, 0xc0, 0]), Some(-0.5));
    }

    #[test]
    fn silence_is_nothing() {
        for format in SampleFormat::ALL {
            assert_eq!(format.read(&[format.silence(); 4]), Some(0.0), "{format}");
        }
    }
}
