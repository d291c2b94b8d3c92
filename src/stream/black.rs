//! What a disabled track shows: black, in the camera's own format.

use crate::capture::{LeaseMut, Payload, VideoFormat};
use crate::format::layout::fill_black;
use crate::seam::MAX_PLANES;

/// A black picture of a format, to be lent again and again; `None` for compressed formats other than JPEG.
pub(super) fn black(format: &std::sync::Arc<VideoFormat>) -> Option<(LeaseMut, [Payload; MAX_PLANES])> {
    let mut payloads = [Payload::default(); MAX_PLANES];
    if let Some(layout) = &format.layout {
        let sizes: Vec<usize> = (0..format.memory_count).map(|memory| layout.memory_size(memory)).collect();
        let mut lease = LeaseMut::allocate(&sizes, format.clone())?;
        for (memory, &size) in sizes.iter().enumerate() {
            fill_black(format.fourcc, layout, memory, lease.memory_mut(memory));
            payloads[memory].length = u32::try_from(size).ok()?;
        }
        return Some((lease, payloads));
    }
    if !format.fourcc.is_jpeg() {
        return None;
    }
    let image = black_jpeg(u16::try_from(format.width).ok()?, u16::try_from(format.height).ok()?);
    let mut lease = LeaseMut::allocate(&[image.len()], format.clone())?;
    lease.memory_mut(0).copy_from_slice(&image);
    payloads[0].length = u32::try_from(image.len()).ok()?;
    Some((lease, payloads))
}

/// A black greyscale baseline JPEG (ITU-T T.81), with the smallest Huffman tables that can say it: DC symbols 0 and 7, AC
/// symbol "end of block". The first block holds DC -64 (times the quantiser 16: black), every other "no difference".
fn black_jpeg(width: u16, height: u16) -> Vec<u8> {
    let [w1, w0] = width.to_be_bytes();
    let [h1, h0] = height.to_be_bytes();
    let mut out = vec![0xff, 0xd8];
    out.extend([0xff, 0xdb, 0, 67, 0]);
    out.extend([16; 64]);
    out.extend([0xff, 0xc0, 0, 11, 8, h1, h0, w1, w0, 1, 1, 0x11, 0]);
    // DC: "0" is no difference, "10" is seven bits of difference.
    out.extend([0xff, 0xc4, 0, 21, 0x00, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    // AC: "0" is the end of the block.
    out.extend([0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.extend([0xff, 0xda, 0, 8, 1, 1, 0x00, 0, 63, 0]);
    // First block: 10, then -64 as 0111111, then 0: ten bits. Every other block: 0, 0.
    let blocks = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    let bits = 10 + 2 * blocks.saturating_sub(1);
    let scan = out.len();
    out.extend(std::iter::repeat_n(0, bits.div_ceil(8)));
    out[scan] = 0b1001_1111;
    out[scan + 1] = 0b1000_0000;
    // The last byte is filled up with ones (T.81, F.1.2.3).
    if bits % 8 != 0
        && let Some(last) = out.last_mut()
    {
        *last |= 0xff >> (bits % 8);
    }
    out.extend([0xff, 0xd9]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "picture")]
    #[test]
    fn the_black_jpeg_is_one_to_a_decoder_that_did_not_write_it() {
        use zune_core::bytestream::ZCursor;
        for (width, height) in [(8, 8), (16, 8), (640, 480), (1281, 721)] {
            let image = black_jpeg(width, height);
            let mut decoder = zune_jpeg::JpegDecoder::new(ZCursor::new(&image));
            let pixels = decoder.decode().unwrap();
            let info = decoder.info().unwrap();
            assert_eq!((info.width, info.height), (width, height));
            assert!(pixels.iter().all(|&value| value == 0), "{width}x{height}");
        }
    }

    #[test]
    fn every_marker_length_is_right() {
        let image = black_jpeg(64, 64);
        let mut at = 2;
        for marker in [0xdb, 0xc0, 0xc4, 0xc4, 0xda] {
            assert_eq!(image[at..at + 2], [0xff, marker]);
            at += 2 + usize::from(u16::from_be_bytes([image[at + 2], image[at + 3]]));
        }
        assert_eq!(image[image.len() - 2..], [0xff, 0xd9]);
    }
}
