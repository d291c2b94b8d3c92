//! What a camera of the lab sees: grey bars, its frame's number, and a flash.
//!
//! The number is drawn as the library's built-in camera draws it (src/capture/synthetic/pattern.rs), so that
//! `VideoFrame::synthetic_frame_number` reads it: 40 black or white cells in the lowest eighth, 32 bits and a checksum.

/// Cells of the number and its checksum.
const CELLS: usize = 40;

const WHITE: u8 = 235;
const BLACK: u8 = 16;
/// The bars' brightness, left to right: none is as bright as the flash, even in half.
const BARS: [u8; 8] = [100, 90, 80, 70, 60, 50, 40, 30];

/// What stands before the number in a coded picture's comment.
const COMMENT: &[u8] = b"frame ";

/// The comment of a coded picture: its number, as text.
pub fn comment(number: u32) -> Vec<u8> {
    [COMMENT, number.to_string().as_bytes()].concat()
}

/// The number in the comment near the beginning of a coded picture.
pub fn commented_number(coded: &[u8]) -> Option<u32> {
    let begin = coded.windows(COMMENT.len()).take(200).position(|bytes| bytes == COMMENT)? + COMMENT.len();
    let digits: Vec<u8> = coded[begin..].iter().copied().take_while(u8::is_ascii_digit).collect();
    String::from_utf8(digits).ok()?.parse().ok()
}

/// One picture. The colour is always grey, so its brightness is all there is to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub number: u32,
    /// White but for the number.
    pub flash: bool,
}

impl Picture {
    /// Where the number's cells begin.
    pub fn strip_top(&self) -> usize {
        even(self.height * 7 / 8)
    }

    /// The brightness of a pixel above the strip.
    pub fn background(&self, x: usize) -> u8 {
        if self.flash { WHITE } else { BARS[(x * BARS.len() / self.width).min(BARS.len() - 1)] }
    }

    /// The brightness of a pixel in the strip.
    pub fn strip(&self, x: usize) -> u8 {
        let cell = (0..CELLS).rfind(|cell| even(self.width * cell / CELLS) <= x).unwrap_or_default();
        if coded(self.number) >> (CELLS - 1 - cell) & 1 == 1 { WHITE } else { BLACK }
    }

    /// Paints it as YUYV. With `painted`, which is what the memory holds already, only where it differs.
    pub fn paint_yuyv(&self, out: &mut Vec<u8>, painted: Option<Picture>) {
        let stride = self.width * 2;
        out.resize(stride * self.height, 0);
        let (background, strip) = out.split_at_mut(stride * self.strip_top());
        let like = |other: Picture| Picture { number: self.number, ..other };
        if painted.is_none_or(|painted| like(painted) != *self) {
            repeat(background, &yuyv_row(self.width, |x| self.background(x)));
        }
        repeat(strip, &yuyv_row(self.width, |x| self.strip(x)));
    }
}

fn yuyv_row(width: usize, luma: impl Fn(usize) -> u8) -> Vec<u8> {
    (0..width).flat_map(|x| [luma(x), 128]).collect()
}

fn repeat(rows: &mut [u8], row: &[u8]) {
    rows.chunks_exact_mut(row.len()).for_each(|out| out.copy_from_slice(row));
}

/// The number and its checksum, in the order of the cells.
fn coded(number: u32) -> u64 {
    let checksum = number.to_be_bytes().iter().fold(0x5au8, |sum, byte| sum.rotate_left(1) ^ byte);
    u64::from(number) << 8 | u64::from(checksum)
}

const fn even(value: usize) -> usize {
    value & !1
}
