//! The pictures as JPEG: baseline, 4:2:2, every block of one colour, so that a frame is made in no time even where the
//! processor is emulated, and each of them is a picture of its own.

pub use super::picture::commented_number as number;
use super::picture::{self, Picture};

/// Luma and chroma are shifted by this before they are coded.
const MIDDLE: i32 = 128;
/// Code lengths of the differences between one block and the next, by their size in bits: the standard's table K.3.
const DC_COUNTS: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
/// The code of each size in that table, and its length.
const DC_CODES: [(u32, u32); 9] =
    [(0b00, 2), (0b010, 3), (0b011, 3), (0b100, 3), (0b101, 3), (0b110, 3), (0b1110, 4), (0b1_1110, 5), (0b11_1110, 6)];
/// Quantisation of the one coefficient that is not zero: with 8, it is the brightness itself.
const QUANTISATION: u8 = 8;
/// The picture as a JPEG file that carries its number in a comment too, padded to at least `size` bytes.
pub fn encode(picture: &Picture, size: usize) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8];
    segment(&mut out, 0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    segment(&mut out, 0xfe, &picture::comment(picture.number));
    segment(&mut out, 0xdb, &[&[0][..], &[QUANTISATION; 64]].concat());
    let [height, width] = [picture.height, picture.width].map(|side| u16::try_from(side).expect("a JPEG's size"));
    let mut frame = vec![8];
    frame.extend(height.to_be_bytes());
    frame.extend(width.to_be_bytes());
    // Three components; the first has two blocks beside each other where the others have one.
    frame.extend([3, 1, 0x21, 0, 2, 0x11, 0, 3, 0x11, 0]);
    segment(&mut out, 0xc0, &frame);
    segment(&mut out, 0xc4, &[&[0x00][..], &DC_COUNTS, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]].concat());
    // Of the other coefficients there is only "no more of them", as the one-bit code 0.
    segment(&mut out, 0xc4, &[&[0x10, 1][..], &[0; 15], &[0x00]].concat());
    let data = blocks(picture);
    while out.len() + data.len() + 20 < size {
        let missing = size - out.len() - data.len() - 20;
        segment(&mut out, 0xfe, &vec![b' '; missing.min(60_000)]);
    }
    segment(&mut out, 0xda, &[3, 1, 0x00, 2, 0x00, 3, 0x00, 0, 63, 0]);
    out.extend(data);
    out.extend([0xff, 0xd9]);
    out
}

fn segment(out: &mut Vec<u8>, marker: u8, payload: &[u8]) {
    out.extend([0xff, marker]);
    out.extend(u16::try_from(payload.len() + 2).expect("a segment is short").to_be_bytes());
    out.extend(payload);
}

/// The entropy-coded part: rows of units of 16x8 pixels, each two blocks of luma, then one of either chroma.
fn blocks(picture: &Picture) -> Vec<u8> {
    let columns = picture.width.div_ceil(16) * 2;
    let centre = |block: usize| (block * 8 + 4).min(picture.width - 1);
    let background: Vec<u8> = (0..columns).map(|block| picture.background(centre(block))).collect();
    let strip: Vec<u8> = (0..columns).map(|block| picture.strip(centre(block))).collect();
    let mut bits = Bits::default();
    let mut before = 0;
    for row in 0..picture.height.div_ceil(8) {
        let lumas = if row * 8 + 4 < picture.strip_top() { &background } else { &strip };
        for pair in lumas.chunks_exact(2) {
            for &luma in pair {
                let value = i32::from(luma) - MIDDLE;
                bits.block(value - before);
                before = value;
            }
            bits.block(0);
            bits.block(0);
        }
    }
    bits.finish()
}

/// Bits, the highest first; a byte of ones is followed by a zero byte, lest it look like a marker.
#[derive(Debug, Default)]
struct Bits {
    out: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, length: u32) {
        self.pending = self.pending << length | value;
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.pending >> self.count & 0xff) as u8;
            self.out.push(byte);
            if byte == 0xff {
                self.out.push(0);
            }
            self.pending &= (1 << self.count) - 1;
        }
    }

    /// A block that differs from the one before by this much.
    fn block(&mut self, difference: i32) {
        let magnitude = difference.unsigned_abs();
        let size = u32::BITS - magnitude.leading_zeros();
        let (code, length) = DC_CODES[size as usize];
        self.push(code, length);
        // A negative value is its magnitude's complement.
        self.push(if difference < 0 { !magnitude & ((1 << size) - 1) } else { magnitude }, size);
        self.push(0, 1);
    }

    fn finish(mut self) -> Vec<u8> {
        let padding = (8 - self.count) % 8;
        self.push((1 << padding) - 1, padding);
        self.out
    }
}

/// Tests that need no kernel.
pub const TESTS: &[(&str, fn())] =
    &[("usb_jpeg::a_decoder_sees_the_picture_to_the_pixel", a_decoder_sees_the_picture_to_the_pixel)];

fn a_decoder_sees_the_picture_to_the_pixel() {
    for (width, height) in [(320, 240), (640, 480), (800, 600), (864, 480), (1280, 720), (1920, 1080)] {
        for (number, flash) in [(0, false), (0x1234_5678, false), (u32::MAX, true)] {
            let picture = Picture { width, height, number, flash };
            let jpeg = encode(&picture, width * height / 10);
            assert_eq!(super::jpeg::number(&jpeg), Some(number));
            assert!((width * height / 10..width * height / 10 + 64).contains(&jpeg.len()) || width < 400);
            let options = zune_core::options::DecoderOptions::default()
                .jpeg_set_out_colorspace(zune_core::colorspace::ColorSpace::Luma);
            let mut decoder =
                zune_jpeg::JpegDecoder::new_with_options(zune_core::bytestream::ZCursor::new(&jpeg), options);
            let luma = decoder.decode().unwrap();
            assert_eq!(luma.len(), width * height);
            let at = |x: usize, y: usize| luma[y * width + x];
            for x in (0..width).step_by(8) {
                let centre = x + 4;
                assert_eq!(at(centre, 4), picture.background(centre), "{width}x{height} at {centre}");
                assert_eq!(at(centre, height - 4), picture.strip(centre), "{width}x{height} at {centre}");
            }
        }
    }
}
