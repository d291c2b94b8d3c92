//! H.264 as cameras give it (Annex B of ITU-T H.264: units between start codes), and as files want it (ISO/IEC 14496-15: a
//! length before each unit, the parameter sets apart). Pure: what a camera sends is looked at, not believed.

/// `nal_unit_type` of ITU-T H.264, table 7-1.
const IDR_SLICE: u8 = 5;
const SEQUENCE_PARAMETER_SET: u8 = 7;
const PICTURE_PARAMETER_SET: u8 = 8;

/// The profiles whose sequence parameter set names the chroma format and the bit depths (ITU-T H.264, 7.3.2.1.1), as far as
/// `avcC` tells of them (ISO/IEC 14496-15, 5.3.3.1.2).
const HIGH_PROFILES: [u8; 4] = [100, 110, 122, 144];

/// As many parameter sets of a kind as are kept: cameras have one, `avcC` has room for 31.
const MOST_SETS: usize = 8;

/// The units of one frame, without their start codes.
pub(super) fn units(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(bytes);
    std::iter::from_fn(move || {
        loop {
            let unit = rest?;
            let end = start_code(unit).unwrap_or(unit.len());
            rest = after_start_code(&unit[end..]);
            // Zeroes before a start code belong to neither.
            let length = unit[..end].iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            if length > 0 {
                return Some(&unit[..length]);
            }
        }
    })
}

/// Where the next 00 00 01 is.
fn start_code(bytes: &[u8]) -> Option<usize> {
    // Every third byte tells whether one can be near: cheaper than a window at each.
    let mut at = 2;
    while at < bytes.len() {
        match bytes[at] {
            1 if bytes[at - 1] == 0 && bytes[at - 2] == 0 => return Some(at - 2),
            0 | 1 => at += 1,
            _ => at += 3,
        }
    }
    None
}

fn after_start_code(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(start_code(bytes)? + 3..)
}

fn unit_type(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |head| head & 0x1f)
}

/// Appends a frame with a length of four bytes before each unit in place of the start codes.
pub(super) fn length_prefixed(frame: &[u8], out: &mut Vec<u8>) {
    for unit in units(frame) {
        out.extend_from_slice(&u32::try_from(unit.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(unit);
    }
}

/// What a recording needs to know of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Picture {
    /// An instantaneous decoder refresh: nothing after it needs anything before it.
    pub keyframe: bool,
    /// It brings both parameter sets.
    pub has_sets: bool,
}

/// The parameter sets a stream has brought so far, the newest of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ParameterSets {
    sequence: Vec<Vec<u8>>,
    picture: Vec<Vec<u8>>,
}

impl ParameterSets {
    /// Looks at a frame, and keeps the sets that it brings.
    pub fn look_at(&mut self, frame: &[u8]) -> Picture {
        let (mut picture, mut sets) = (Picture::default(), [Vec::new(), Vec::new()]);
        for unit in units(frame) {
            let kept: &mut Vec<Vec<u8>> = match unit_type(unit) {
                IDR_SLICE => {
                    picture.keyframe = true;
                    continue;
                }
                // Profile and level are its first bytes: what is shorter is none.
                SEQUENCE_PARAMETER_SET if unit.len() >= 4 => &mut sets[0],
                PICTURE_PARAMETER_SET => &mut sets[1],
                _ => continue,
            };
            if kept.len() < MOST_SETS && u16::try_from(unit.len()).is_ok() {
                kept.push(unit.to_vec());
            }
        }
        let [sequence, pictures] = sets;
        picture.has_sets = !sequence.is_empty() && !pictures.is_empty();
        for (kept, new) in [(&mut self.sequence, sequence), (&mut self.picture, pictures)] {
            if !new.is_empty() {
                *kept = new;
            }
        }
        picture
    }

    /// Whether there are both.
    pub fn are_complete(&self) -> bool {
        !self.sequence.is_empty() && !self.picture.is_empty()
    }

    /// With start codes, to go before a frame that does not bring them.
    pub fn annex_b(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for set in self.sequence.iter().chain(&self.picture) {
            out.extend_from_slice(&[0, 0, 0, 1]);
            out.extend_from_slice(set);
        }
        out
    }

    /// AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1.2), which Matroska has as `CodecPrivate`. Empty where there
    /// is no sequence parameter set.
    pub fn avcc(&self) -> Vec<u8> {
        let Some([_, profile, compatibility, level, ..]) = self.sequence.first().map(Vec::as_slice) else {
            return Vec::new();
        };
        // Lengths of four bytes.
        let mut out = vec![1, *profile, *compatibility, *level, 0xfc | 3];
        for (head, sets) in [(0xe0, &self.sequence), (0, &self.picture)] {
            out.push(head | sets.len() as u8);
            for set in sets {
                out.extend_from_slice(&u16::try_from(set.len()).unwrap_or(u16::MAX).to_be_bytes());
                out.extend_from_slice(set);
            }
        }
        if HIGH_PROFILES.contains(profile)
            && let Some([chroma, luma_depth, chroma_depth]) = self.sequence.first().and_then(|set| depths(set))
        {
            out.extend_from_slice(&[0xfc | chroma, 0xf8 | luma_depth, 0xf8 | chroma_depth, 0]);
        }
        out
    }
}

/// `chroma_format_idc` and the two bit depths less 8, of a sequence parameter set of a high profile.
fn depths(set: &[u8]) -> Option<[u8; 3]> {
    let mut bits = Bits { bytes: unescaped(set.get(4..)?), at: 0 };
    let _id = bits.exp_golomb()?;
    let chroma = bits.exp_golomb()?;
    if chroma == 3 {
        let _separate_colour_planes = bits.bit()?;
    }
    let depths = [chroma, bits.exp_golomb()?, bits.exp_golomb()?];
    let most = [3, 6, 6];
    let told = depths.iter().zip(most).all(|(&value, most)| value <= most);
    told.then(|| depths.map(|value| value as u8))
}

/// Without the bytes that keep start codes from appearing inside a unit.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if !(byte == 3 && out.ends_with(&[0, 0])) {
            out.push(byte);
        }
    }
    out
}

/// Bits from the highest of each byte on.
struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    fn bit(&mut self) -> Option<u32> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit.into())
    }

    /// `ue(v)` of ITU-T H.264, 9.1; none where it has more than 32 bits.
    fn exp_golomb(&mut self) -> Option<u32> {
        let mut zeroes = 0;
        while self.bit()? == 0 {
            zeroes += 1;
        }
        let mut value = 1u64;
        for _ in 0..zeroes {
            value = value.checked_mul(2)? | u64::from(self.bit()?);
        }
        u32::try_from(value - 1).ok()
    }
}

#[cfg(test)]
mod tests;
