//! Is a dequeued buffer a frame? Pure: nothing the driver says about it is believed before it is checked.

use super::format::VideoFormat;
use crate::seam::{BufferFlags, Dequeued, MAX_PLANES};

/// Where a frame's bytes lie in a memory plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Payload {
    /// `data_offset`: bytes before the picture.
    pub offset: u32,
    /// Bytes of the picture.
    pub length: u32,
}

/// Why a buffer is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reject {
    /// Flagged by the driver, or impossible.
    Error,
    /// Too few bytes.
    Short,
    /// Not a whole JPEG image.
    BadJpeg,
}

/// How many bytes a frame of a format needs, per memory plane; 0 where that is not known (compressed formats).
pub(super) fn required_bytes(format: &VideoFormat) -> [usize; MAX_PLANES] {
    let mut required = [0; MAX_PLANES];
    if let Some(layout) = &format.layout {
        for (memory, bytes) in required.iter_mut().enumerate().take(format.memory_count) {
            // Never more than the driver itself says a frame takes.
            let most = usize::try_from(format.sizeimage[memory]).unwrap_or(usize::MAX);
            *bytes = layout.memory_size(memory).min(most);
        }
    }
    required
}

/// Checks what DQBUF said against the buffer's mapped lengths and the format's needs.
pub(super) fn inspect(
    dequeued: &Dequeued,
    memory_count: usize,
    mapped: impl Fn(usize) -> usize,
    required: &[usize; MAX_PLANES],
) -> Result<[Payload; MAX_PLANES], Reject> {
    if dequeued.flags.contains(BufferFlags::ERROR) || usize::try_from(dequeued.plane_count) != Ok(memory_count) {
        return Err(Reject::Error);
    }
    let mut payloads = [Payload::default(); MAX_PLANES];
    for (memory, payload) in payloads.iter_mut().enumerate().take(memory_count) {
        let used = dequeued.planes[memory];
        let length = used.bytesused.checked_sub(used.data_offset).ok_or(Reject::Error)?;
        if usize::try_from(used.bytesused).is_ok_and(|used| used > mapped(memory)) {
            return Err(Reject::Error);
        }
        if length == 0 || usize::try_from(length).is_ok_and(|length| length < required[memory]) {
            return Err(Reject::Short);
        }
        *payload = Payload { offset: used.data_offset, length };
    }
    Ok(payloads)
}

/// How far before the end of the payload an image may end: some cameras pad.
const PADDING: usize = 4096;

/// Whether the bytes begin as a JPEG image (SOI) and end as one (EOI, zeroes or other padding behind it).
/// uvcvideo delivers a frame cut short on the bus without an error flag: only this tells.
pub(super) fn is_whole_jpeg(bytes: &[u8]) -> bool {
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return false;
    }
    if bytes.ends_with(&[0xff, 0xd9]) {
        return true;
    }
    let tail = &bytes[bytes.len().saturating_sub(PADDING).max(2)..];
    tail.windows(2).rev().any(|pair| pair == [0xff, 0xd9])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Fourcc;
    use crate::seam::{PixelFormat, PlaneFormat, PlaneUse};

    fn yuyv() -> VideoFormat {
        let mut pixels = PixelFormat::request(Fourcc::YUYV, 640, 480);
        pixels.plane_count = 1;
        pixels.planes[0] = PlaneFormat { bytesperline: 1280, sizeimage: 614_400 };
        VideoFormat::from_driver(&pixels, None).unwrap()
    }

    fn dequeued(bytesused: u32, data_offset: u32, flags: BufferFlags) -> Dequeued {
        let mut planes = [PlaneUse::default(); MAX_PLANES];
        planes[0] = PlaneUse { bytesused, data_offset };
        Dequeued { index: 0, flags, sequence: 0, timestamp: 0, plane_count: 1, planes }
    }

    fn check(dequeued: &Dequeued) -> Result<Payload, Reject> {
        inspect(dequeued, 1, |_| 614_400, &required_bytes(&yuyv())).map(|payloads| payloads[0])
    }

    #[test]
    fn a_whole_frame_passes() {
        let none = BufferFlags::empty();
        assert_eq!(check(&dequeued(614_400, 0, none)), Ok(Payload { offset: 0, length: 614_400 }));
    }

    #[test]
    fn what_cannot_be_a_frame_is_rejected_with_its_reason() {
        let none = BufferFlags::empty();
        assert_eq!(check(&dequeued(614_400, 0, BufferFlags::ERROR)), Err(Reject::Error));
        assert_eq!(check(&dequeued(614_399, 0, none)), Err(Reject::Short));
        assert_eq!(check(&dequeued(0, 0, none)), Err(Reject::Short));
        assert_eq!(check(&dequeued(614_401, 0, none)), Err(Reject::Error));
        assert_eq!(check(&dequeued(10, 20, none)), Err(Reject::Error));
        assert_eq!(check(&dequeued(614_400, 16, none)), Err(Reject::Short));
        let mut planes = dequeued(614_400, 0, none);
        planes.plane_count = 9;
        assert_eq!(check(&planes), Err(Reject::Error));
    }

    #[test]
    fn a_jpeg_needs_its_beginning_and_its_end() {
        assert!(is_whole_jpeg(&[0xff, 0xd8, 1, 2, 0xff, 0xd9]));
        assert!(is_whole_jpeg(&[0xff, 0xd8, 1, 0xff, 0xd9, 0, 0, 0]));
        assert!(!is_whole_jpeg(&[0xff, 0xd8, 1, 2, 3]));
        assert!(!is_whole_jpeg(&[0, 0xd8, 1, 0xff, 0xd9]));
        assert!(!is_whole_jpeg(&[0xff, 0xd8]));
        assert!(!is_whole_jpeg(&[0xff, 0xd9]));
        assert!(!is_whole_jpeg(&[]));
    }

    proptest::proptest! {
        #[test]
        fn a_payload_always_lies_inside_its_mapping(
            bytesused: u32, data_offset: u32, plane_count in 0u32..12, bits: u32, mapped in 0usize..=u32::MAX as usize,
            memory_count in 1usize..9,
        ) {
            let used = PlaneUse { bytesused, data_offset };
            let raw = Dequeued {
                index: 0, flags: BufferFlags::from_bits_retain(bits), sequence: 0, timestamp: 0, plane_count,
                planes: [used; MAX_PLANES],
            };
            if let Ok(payloads) = inspect(&raw, memory_count, |_| mapped, &[1; MAX_PLANES]) {
                for payload in &payloads[..memory_count] {
                    proptest::prop_assert!(payload.offset as usize + payload.length as usize <= mapped);
                    proptest::prop_assert!(payload.length > 0);
                }
            }
        }
    }
}
