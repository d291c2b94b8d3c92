//! EBML, the binary form of Matroska (RFC 8794): elements of an id, a size and a body.

/// The size of an element whose end is not known yet, in the eight bytes a known size may later take.
pub(super) const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// A size in eight bytes, to be put in the place of [`UNKNOWN_SIZE`].
pub(super) fn wide_size(size: u64) -> [u8; 8] {
    // 56 bits are more than any file system holds.
    (size.min((1 << 56) - 2) | 1 << 56).to_be_bytes()
}

/// Appends an id, which carries its own length marker.
pub(super) fn id(out: &mut Vec<u8>, id: u32) {
    out.extend_from_slice(significant(&id.to_be_bytes()));
}

/// Appends a size in its shortest form. All ones is reserved for "unknown" in every length, so that 127 takes two bytes.
pub(super) fn size(out: &mut Vec<u8>, size: usize) {
    let size = size as u64;
    let length = (1..8).find(|length| size < (1 << (7 * length)) - 1).unwrap_or(8);
    let bytes = (size | 1 << (7 * length)).to_be_bytes();
    out.extend_from_slice(&bytes[8 - length..]);
}

/// Appends an element that holds bytes.
pub(super) fn binary(out: &mut Vec<u8>, element: u32, body: &[u8]) {
    id(out, element);
    size(out, body.len());
    out.extend_from_slice(body);
}

/// Appends an element that holds an unsigned number, in as few bytes as it needs.
pub(super) fn uint(out: &mut Vec<u8>, element: u32, value: u64) {
    binary(out, element, significant(&value.to_be_bytes()));
}

/// Appends an element that holds a double.
pub(super) fn float(out: &mut Vec<u8>, element: u32, value: f64) {
    binary(out, element, &value.to_be_bytes());
}

/// Appends an element that holds UTF-8 text. Zero bytes would end the text early for a reader.
pub(super) fn text(out: &mut Vec<u8>, element: u32, text: &str) {
    binary(out, element, text.replace('\0', "").as_bytes());
}

/// Appends an element that holds the elements `body` appends.
pub(super) fn master(out: &mut Vec<u8>, element: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    body(&mut inner);
    binary(out, element, &inner);
}

/// `bytes` without leading zeros, but at least one byte.
fn significant(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    &bytes[zeros.min(bytes.len() - 1)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn sizes_avoid_the_reserved_patterns() {
        let size_of = |value| bytes(|out| size(out, value));
        assert_eq!(size_of(0), [0x80]);
        assert_eq!(size_of(126), [0xfe]);
        assert_eq!(size_of(127), [0x40, 0x7f]);
        assert_eq!(size_of(16_382), [0x7f, 0xfe]);
        // A frame of this size must not look like one of unknown size.
        assert_eq!(size_of(16_383), [0x20, 0x3f, 0xff]);
        assert_eq!(size_of(2_097_151), [0x10, 0x1f, 0xff, 0xff]);
        assert_eq!(wide_size(5), [0x01, 0, 0, 0, 0, 0, 0, 5]);
        assert_ne!(wide_size(u64::MAX), UNKNOWN_SIZE);
    }

    #[test]
    fn numbers_take_as_few_bytes_as_they_need() {
        assert_eq!(bytes(|out| uint(out, 0x83, 0)), [0x83, 0x81, 0]);
        assert_eq!(bytes(|out| uint(out, 0x2a_d7b1, 50_000)), [0x2a, 0xd7, 0xb1, 0x82, 0xc3, 0x50]);
        assert_eq!(bytes(|out| float(out, 0x4489, 1.0)), [0x44, 0x89, 0x88, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn masters_hold_their_children() {
        let out = bytes(|out| master(out, 0xe0, |out| uint(out, 0xb0, 640)));
        assert_eq!(out, [0xe0, 0x84, 0xb0, 0x82, 0x02, 0x80]);
        assert_eq!(bytes(|out| text(out, 0x86, "a\0b")), [0x86, 0x82, b'a', b'b']);
    }
}
