//! Binary messages of the WebSocket: a header of forty bytes, then what it is about.
//!
//! Little-endian throughout, and the length of the header a multiple of eight, so that a page can lay typed arrays over
//! what follows.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | kind: 1 picture, 2 sound, 3 level |
//! | 1 | version of this header: 1 |
//! | 2 | track: goes up by one whenever another device or track takes the place of the last, and wraps around |
//! | 3 | flags: bit 0, the stamp is the time of arrival and not the driver's |
//! | 4..8 | format: `JPEG`; of sound `S16L` or `F32L`, interleaved; of a level `LEVL` |
//! | 8..16 | number: a picture's since its track began; the position of a block's first frame, in frames |
//! | 16..24 | when it was captured, in nanoseconds of CLOCK_MONOTONIC |
//! | 24..28 | bytes that follow the header |
//! | 28..32 | a picture's width; samples a second |
//! | 32..36 | a picture's height; channels |
//! | 36..40 | pictures that were skipped for this viewer before this one; frames of sound missing right before it |

/// Bytes of a header.
pub(super) const HEADER: usize = 40;

/// What follows a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Picture = 1,
    Sound = 2,
    Level = 3,
}

/// A header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) track: u8,
    pub(super) host_stamped: bool,
    pub(super) format: [u8; 4],
    pub(super) number: u64,
    pub(super) timestamp: u64,
    /// Width and height, or rate and channels.
    pub(super) shape: (u32, u32),
}

impl Header {
    /// Its bytes, for `size` bytes that follow and `missing` before.
    pub(super) fn bytes(&self, size: usize, missing: u64) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0] = self.kind as u8;
        bytes[1] = 1;
        bytes[2] = self.track;
        bytes[3] = u8::from(self.host_stamped);
        bytes[4..8].copy_from_slice(&self.format);
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.timestamp.to_le_bytes());
        let short = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        // No message is four gigabytes long: a frame is at most what a driver's buffer holds.
        bytes[24..28].copy_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
        bytes[28..32].copy_from_slice(&self.shape.0.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.shape.1.to_le_bytes());
        bytes[36..40].copy_from_slice(&short(missing));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_its_fields_where_the_documentation_says() {
        let header = Header {
            kind: Kind::Picture,
            track: 7,
            host_stamped: true,
            format: *b"JPEG",
            number: 0x0102,
            timestamp: 0x1122_3344_5566_7788,
            shape: (1280, 720),
        };
        let bytes = header.bytes(1000, 3);
        assert_eq!(bytes[..8], [1, 1, 7, 1, b'J', b'P', b'E', b'G']);
        assert_eq!(u64::from_le_bytes(bytes[8..16].try_into().unwrap()), 0x0102);
        assert_eq!(u64::from_le_bytes(bytes[16..24].try_into().unwrap()), 0x1122_3344_5566_7788);
        let words: Vec<u32> = bytes[24..].chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        assert_eq!(words, [1000, 1280, 720, 3]);
        assert_eq!(header.bytes(0, u64::MAX)[36..], [0xff; 4]);
    }
}
