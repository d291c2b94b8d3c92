//! The pictures as H.264 (Rec. ITU-T H.264): constrained baseline, Annex B. Macroblocks are samples as they are (I_PCM), or
//! skipped: what a decoder shows is exact to the sample, and making it takes no time.

pub use super::picture::commented_number as number;
use super::picture::{self, Picture};

/// A picture that can be decoded alone comes at least this often.
const KEY_INTERVAL: u32 = 30;

/// NAL units, their importance and their type.
const SLICE: u8 = 0x41;
const KEY_SLICE: u8 = 0x65;
const INFORMATION: u8 = 0x06;
const SEQUENCE_PARAMETERS: u8 = 0x67;
const PICTURE_PARAMETERS: u8 = 0x68;

/// I_PCM's number among the macroblock types of a slice of either kind.
const PCM_IN_KEY_SLICE: u32 = 25;
const PCM_IN_SLICE: u32 = 5 + PCM_IN_KEY_SLICE;

/// Codes one picture after another.
#[derive(Debug, Default)]
pub struct Encoder {
    last: Option<Picture>,
    /// Pictures since the last one that stands alone.
    since_key: u32,
    keys: u32,
}

impl Encoder {
    /// The access unit of a picture, its number in a comment (SEI) too.
    pub fn encode(&mut self, picture: &Picture) -> Vec<u8> {
        let same_scene = self.last.is_some_and(|last| Picture { number: last.number, ..*picture } == last);
        let is_key = !same_scene || self.since_key + 1 >= KEY_INTERVAL;
        self.last = Some(*picture);
        let mut out = Vec::new();
        if is_key {
            self.since_key = 0;
            self.keys += 1;
            unit(&mut out, SEQUENCE_PARAMETERS, &sequence_parameters(picture));
            unit(&mut out, PICTURE_PARAMETERS, &picture_parameters());
        } else {
            self.since_key += 1;
        }
        unit(&mut out, INFORMATION, &comment(picture.number));
        let slice = if is_key { key_slice(picture, self.keys) } else { slice(picture, self.since_key) };
        unit(&mut out, if is_key { KEY_SLICE } else { SLICE }, &slice);
        out
    }
}

/// Appends a NAL unit: no two zeros in a row are followed by anything below 4, lest it look like a start code.
fn unit(out: &mut Vec<u8>, header: u8, payload: &[u8]) {
    out.extend([0, 0, 0, 1, header]);
    let mut zeros = 0;
    for &byte in payload {
        if zeros >= 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
}

fn macroblocks(picture: &Picture) -> (usize, usize) {
    (picture.width.div_ceil(16), picture.height.div_ceil(16))
}

fn sequence_parameters(picture: &Picture) -> Vec<u8> {
    let (columns, rows) = macroblocks(picture);
    let mut bits = Bits::default();
    // Profile, its constraints, level 4.
    bits.bytes(&[66, 0xc0, 40]);
    // Number 0; frame numbers of 4 bits; pictures come in the order they are shown; one reference, no gaps.
    bits.codes(&[0, 0, 2, 1]);
    bits.push(0, 1);
    bits.codes(&[columns as u32 - 1, rows as u32 - 1]);
    // Whole frames; then what is cut off, in samples of chroma.
    bits.push(0b111, 3);
    bits.codes(&[0, (columns * 16 - picture.width) as u32 / 2, 0, (rows * 16 - picture.height) as u32 / 2]);
    bits.push(0, 1);
    bits.finish()
}

fn picture_parameters() -> Vec<u8> {
    let mut bits = Bits::default();
    // Number 0 of sequence 0; variable-length codes, one slice group, one reference, no weights, no offsets.
    bits.codes(&[0, 0]);
    bits.push(0, 2);
    bits.codes(&[0, 0, 0]);
    bits.push(0, 3);
    bits.codes(&[0, 0, 0]);
    // Slices say what the deblocking filter does: nothing.
    bits.push(0b100, 3);
    bits.finish()
}

/// User data: a UUID of our own, and text.
fn comment(number: u32) -> Vec<u8> {
    let text = [&b"usermedia-lab-00"[..], &picture::comment(number)].concat();
    let length = u8::try_from(text.len()).expect("a short text");
    [&[5, length][..], &text, &[0x80]].concat()
}

/// A picture that stands alone.
fn key_slice(picture: &Picture, keys: u32) -> Vec<u8> {
    let (columns, rows) = macroblocks(picture);
    let mut bits = Bits::default();
    bits.codes(&[0, 7, 0]);
    bits.push(0, 4);
    // Two in a row have different numbers.
    bits.codes(&[keys % 2]);
    bits.push(0, 2);
    bits.codes(&[0, 1]);
    for row in 0..rows {
        for column in 0..columns {
            bits.codes(&[PCM_IN_KEY_SLICE]);
            samples(&mut bits, picture, row, column);
        }
    }
    bits.finish()
}

/// A picture like the one before, but for the number.
fn slice(picture: &Picture, since_key: u32) -> Vec<u8> {
    let (columns, rows) = macroblocks(picture);
    let mut bits = Bits::default();
    bits.codes(&[0, 5, 0]);
    bits.push(since_key % 16, 4);
    bits.push(0, 3);
    bits.codes(&[0, 1]);
    let first = picture.strip_top() / 16;
    let mut skipped = first * columns;
    for row in first..rows {
        for column in 0..columns {
            bits.codes(&[skipped as u32, PCM_IN_SLICE]);
            samples(&mut bits, picture, row, column);
            skipped = 0;
        }
    }
    bits.finish()
}

/// The samples of a macroblock: 256 of luma, 64 of either chroma.
fn samples(bits: &mut Bits, picture: &Picture, row: usize, column: usize) {
    bits.align();
    let columns = || (column * 16..column * 16 + 16).map(|x| x.min(picture.width - 1));
    let background: Vec<u8> = columns().map(|x| picture.background(x)).collect();
    let strip: Vec<u8> = columns().map(|x| picture.strip(x)).collect();
    for y in row * 16..row * 16 + 16 {
        bits.bytes(if y < picture.strip_top() { &background } else { &strip });
    }
    bits.bytes(&[128; 128]);
}

/// Bits, the highest first.
#[derive(Debug, Default)]
struct Bits {
    out: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, length: u32) {
        for bit in (0..length).rev() {
            self.pending = self.pending << 1 | (value >> bit & 1);
            self.count += 1;
            if self.count == 8 {
                self.out.push(self.pending as u8);
                (self.pending, self.count) = (0, 0);
            }
        }
    }

    /// Numbers in Exp-Golomb code, ue(v). A signed zero has the same code.
    fn codes(&mut self, values: &[u32]) {
        for value in values {
            let length = u32::BITS - (value + 1).leading_zeros();
            self.push(value + 1, 2 * length - 1);
        }
    }

    fn align(&mut self) {
        self.push(0, (8 - self.count) % 8);
    }

    /// Whole bytes, where a byte begins.
    fn bytes(&mut self, bytes: &[u8]) {
        assert_eq!(self.count, 0, "not at the beginning of a byte");
        self.out.extend_from_slice(bytes);
    }

    /// With the bit that marks the end.
    fn finish(mut self) -> Vec<u8> {
        self.push(1, 1);
        self.align();
        self.out
    }
}

/// Tests that need no kernel.
pub const TESTS: &[(&str, fn())] =
    &[("usb_h264::a_decoder_sees_the_pictures_to_the_sample", a_decoder_sees_the_pictures_to_the_sample)];

fn a_decoder_sees_the_pictures_to_the_sample() {
    // 1080 lines are not a whole number of macroblocks; 40 pictures have two that stand alone, and one flash.
    for (width, height, count) in [(320, 240, 40), (1920, 1080, 3)] {
        let picture = |number| Picture { width, height, number, flash: (3..5).contains(&number) };
        let (mut encoder, mut stream) = (Encoder::default(), Vec::new());
        for number in 0..count {
            let unit = encoder.encode(&picture(number));
            assert_eq!(super::h264::number(&unit), Some(number));
            stream.extend(unit);
        }
        let file = std::env::temp_dir().join(format!("usermedia-lab-{}.h264", std::process::id()));
        std::fs::write(&file, stream).unwrap();
        let mut ffmpeg = std::process::Command::new("ffmpeg");
        ffmpeg.args(["-loglevel", "warning", "-i"]).arg(&file);
        ffmpeg.args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-fps_mode", "passthrough", "-"]);
        let output = crate::devices::succeed(&mut ffmpeg);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(output.stdout.len(), width * height * 3 / 2 * count as usize);
        for (number, samples) in (0..).zip(output.stdout.chunks_exact(width * height * 3 / 2)) {
            let (luma, chroma) = samples.split_at(width * height);
            assert!(chroma.iter().all(|sample| *sample == 128));
            let picture = picture(number);
            for x in 0..width {
                assert_eq!(luma[x], picture.background(x), "{width}x{height}, picture {number} at {x}");
                assert_eq!(luma[luma.len() - width + x], picture.strip(x), "{width}x{height}, picture {number} at {x}");
            }
        }
    }
}
