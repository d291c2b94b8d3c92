//! What the built-in camera shows: colour bars, a mark that moves, a flash, and the frame's number as cells a program can
//! read.
//!
//! The number stands in the lowest eighth of the picture as 40 cells, black or white: 32 bits, the highest first, then
//! 8 bits of checksum. A cell is wide enough to survive 4:2:0 and JPEG, and is read at its centre.

use crate::format::Fourcc;
use crate::format::layout::{Layout, layout};

/// Bits of the number and of its checksum.
const CELLS: usize = 40;

/// A colour in both models: limited-range BT.601 Y'CbCr, and R'G'B'.
#[derive(Debug, Clone, Copy)]
struct Colour {
    yuv: [u8; 3],
    rgb: [u8; 3],
}

const fn colour(yuv: [u8; 3], rgb: [u8; 3]) -> Colour {
    Colour { yuv, rgb }
}

const WHITE: Colour = colour([235, 128, 128], [255, 255, 255]);
const BLACK: Colour = colour([16, 128, 128], [0, 0, 0]);

/// The 75 % bars of EBU and SMPTE test patterns, left to right.
const BARS: [Colour; 8] = [
    colour([180, 128, 128], [191, 191, 191]),
    colour([162, 44, 142], [191, 191, 0]),
    colour([131, 156, 44], [0, 191, 191]),
    colour([112, 72, 58], [0, 191, 0]),
    colour([84, 184, 198], [191, 0, 191]),
    colour([65, 100, 212], [191, 0, 0]),
    colour([35, 212, 114], [0, 0, 191]),
    BLACK,
];

/// The formats it can be painted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Yuyv,
    Nv12,
    Yu12,
    Rgb3,
}

/// A rectangle in pixels, its edges even so that it covers whole chroma samples.
#[derive(Debug, Clone, Copy)]
struct Area {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

/// What a frame shows besides the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Painted {
    /// Where the mark is, and what the cells say.
    pub(crate) number: u32,
    /// Whether the patch at the top is lit.
    pub(crate) flash: bool,
}

/// Paints frames of one format and size.
#[derive(Debug)]
pub(crate) struct Painter {
    kind: Kind,
    layout: Layout,
    width: usize,
    height: usize,
}

impl Painter {
    /// For a format the pattern can be painted in and a size that the number fits into; `None` for others.
    pub(crate) fn new(fourcc: Fourcc, width: u32, height: u32) -> Option<Self> {
        let kind = match fourcc {
            Fourcc::YUYV => Kind::Yuyv,
            Fourcc::NV12 => Kind::Nv12,
            Fourcc::YU12 => Kind::Yu12,
            Fourcc(code) if &code == b"RGB3" => Kind::Rgb3,
            _ => return None,
        };
        let layout = layout(fourcc, width, height, &[])?;
        let (width, height) = (usize::try_from(width).ok()?, usize::try_from(height).ok()?);
        let fits = width >= CELLS * 4 && height >= 64 && width.is_multiple_of(2) && height.is_multiple_of(2);
        fits.then_some(Self { kind, layout, width, height })
    }

    /// Bytes of a frame.
    pub(crate) fn size(&self) -> usize {
        self.layout.memory_size(0)
    }

    /// Bytes from one line to the next in the first plane.
    pub(crate) fn stride(&self) -> usize {
        self.layout.planes().first().map_or(0, |plane| plane.stride)
    }

    /// Everything that no frame changes.
    pub(crate) fn paint_background(&self, out: &mut [u8]) {
        for (bar, &colour) in BARS.iter().enumerate() {
            self.fill(out, self.bar(bar), colour);
        }
    }

    /// What changes: takes away what the frame `before` painted into this very memory, and paints the new one.
    pub(crate) fn paint(&self, out: &mut [u8], before: Option<Painted>, new: Painted) {
        if let Some(before) = before {
            self.restore(out, self.mark(before.number));
        }
        match (before.is_some_and(|before| before.flash), new.flash) {
            (false, true) => self.fill(out, self.patch(), WHITE),
            (true, false) => self.restore(out, self.patch()),
            (false, false) | (true, true) => {}
        }
        self.fill(out, self.mark(new.number), WHITE);
        let bits = coded(new.number);
        for cell in 0..CELLS {
            let white = bits >> (CELLS - 1 - cell) & 1 == 1;
            self.fill(out, cell_area(self.width, self.height, cell), if white { WHITE } else { BLACK });
        }
    }

    /// Paints the background of an area anew.
    fn restore(&self, out: &mut [u8], area: Area) {
        for (bar, &colour) in BARS.iter().enumerate() {
            let bar = self.bar(bar);
            let (left, right) = (area.left.max(bar.left), area.right.min(bar.right));
            if left < right {
                self.fill(out, Area { left, right, ..area }, colour);
            }
        }
    }

    /// Where it flashes: over the two darkest bars, above the way of the mark.
    fn patch(&self) -> Area {
        Area { left: self.bar(6).left, right: self.width, top: 0, bottom: even(self.height / 4) }
    }

    fn bar(&self, bar: usize) -> Area {
        let edge = |bar: usize| if bar == BARS.len() { self.width } else { even(self.width * bar / BARS.len()) };
        Area { left: edge(bar), right: edge(bar + 1), top: 0, bottom: strip_top(self.height) }
    }

    /// A square that goes once across in 120 frames.
    fn mark(&self, number: u32) -> Area {
        let side = even(self.height / 8);
        let way = self.width - side;
        let left = even(way * (number as usize % 120) / 119);
        let top = even(self.height / 2);
        Area { left, right: left + side, top, bottom: top + side }
    }

    fn fill(&self, out: &mut [u8], area: Area, colour: Colour) {
        let [y, cb, cr] = colour.yuv;
        match self.kind {
            Kind::Yuyv => self.fill_plane(out, 0, area, (2, 1), &[y, cb, y, cr]),
            Kind::Rgb3 => self.fill_plane(out, 0, area, (1, 1), &colour.rgb),
            Kind::Nv12 => {
                self.fill_plane(out, 0, area, (1, 1), &[y]);
                self.fill_plane(out, 1, area, (2, 2), &[cb, cr]);
            }
            Kind::Yu12 => {
                self.fill_plane(out, 0, area, (1, 1), &[y]);
                self.fill_plane(out, 1, area, (2, 2), &[cb]);
                self.fill_plane(out, 2, area, (2, 2), &[cr]);
            }
        }
    }

    /// Fills an area of one plane, of which `unit` covers that many pixels and lines.
    fn fill_plane(&self, out: &mut [u8], plane: usize, area: Area, (pixels, lines): (usize, usize), unit: &[u8]) {
        let Some(plane) = self.layout.planes().get(plane) else { return };
        for row in area.top / lines..area.bottom / lines {
            let start = plane.offset + row * plane.stride;
            let bytes = start + area.left / pixels * unit.len()..start + area.right / pixels * unit.len();
            if let Some(bytes) = out.get_mut(bytes) {
                match unit {
                    [one] => bytes.fill(*one),
                    unit => bytes.chunks_exact_mut(unit.len()).for_each(|sample| sample.copy_from_slice(unit)),
                }
            }
        }
    }
}

/// The frame number in a picture of the pattern, whatever it went through since; `None` where there is none or a cell is
/// damaged. `luma` gives the brightness of a pixel, 0 to 255.
pub(crate) fn read_number(width: u32, height: u32, luma: impl Fn(usize, usize) -> Option<u8>) -> Option<u32> {
    let (width, height) = (usize::try_from(width).ok()?, usize::try_from(height).ok()?);
    if width < CELLS * 4 || height < 64 {
        return None;
    }
    let mut bits = 0u64;
    for cell in 0..CELLS {
        let area = cell_area(width, height, cell);
        let sample = luma(usize::midpoint(area.left, area.right), usize::midpoint(area.top, area.bottom))?;
        bits = bits << 1 | u64::from(sample >= 128);
    }
    let number = u32::try_from(bits >> 8).ok()?;
    (coded(number) == bits).then_some(number)
}

/// The number and its checksum, in the order of the cells.
fn coded(number: u32) -> u64 {
    let checksum = number.to_be_bytes().iter().fold(0x5au8, |sum, byte| sum.rotate_left(1) ^ byte);
    u64::from(number) << 8 | u64::from(checksum)
}

const fn even(value: usize) -> usize {
    value & !1
}

const fn strip_top(height: usize) -> usize {
    even(height * 7 / 8)
}

const fn cell_area(width: usize, height: usize, cell: usize) -> Area {
    let right = if cell + 1 == CELLS { width } else { even(width * (cell + 1) / CELLS) };
    Area { left: even(width * cell / CELLS), right, top: strip_top(height), bottom: height }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luma_at(painter: &Painter, out: &[u8], x: usize, y: usize) -> Option<u8> {
        let plane = painter.layout.planes()[0];
        let row = plane.offset + y * plane.stride;
        match painter.kind {
            Kind::Yuyv => out.get(row + x * 2),
            Kind::Nv12 | Kind::Yu12 => out.get(row + x),
            Kind::Rgb3 => out.get(row + x * 3 + 1),
        }
        .copied()
    }

    const fn dark(number: u32) -> Painted {
        Painted { number, flash: false }
    }

    #[test]
    fn the_number_reads_back_in_every_format_and_size() {
        for fourcc in [Fourcc::YUYV, Fourcc::NV12, Fourcc::YU12, Fourcc(*b"RGB3")] {
            for (width, height) in [(160, 90), (320, 180), (640, 480), (1280, 720), (1920, 1080)] {
                let painter = Painter::new(fourcc, width, height).unwrap();
                let mut out = vec![0; painter.size()];
                painter.paint_background(&mut out);
                let mut before = None;
                for number in [0, 1, 119, 120, 0x1234_5678, u32::MAX] {
                    let new = Painted { number, flash: number % 2 == 1 };
                    painter.paint(&mut out, before.replace(new), new);
                    let read = read_number(width, height, |x, y| luma_at(&painter, &out, x, y));
                    assert_eq!(read, Some(number), "{fourcc} {width}x{height}");
                }
            }
        }
    }

    #[test]
    fn painting_over_leaves_no_trace_of_the_frame_before() {
        for fourcc in [Fourcc::YUYV, Fourcc::NV12, Fourcc::YU12, Fourcc(*b"RGB3")] {
            let painter = Painter::new(fourcc, 320, 180).unwrap();
            let (mut fresh, mut reused) = (vec![0; painter.size()], vec![0; painter.size()]);
            painter.paint_background(&mut fresh);
            painter.paint_background(&mut reused);
            let lit = Painted { number: 77, flash: true };
            painter.paint(&mut reused, None, lit);
            painter.paint(&mut reused, Some(lit), dark(15));
            painter.paint(&mut fresh, None, dark(15));
            assert!(fresh == reused, "{fourcc}");
        }
    }

    #[test]
    fn a_flash_lights_the_dark_corner() {
        let (width, height) = (320, 180);
        for fourcc in [Fourcc::YUYV, Fourcc::NV12, Fourcc::YU12, Fourcc(*b"RGB3")] {
            let painter = Painter::new(fourcc, width, height).unwrap();
            let mut out = vec![0; painter.size()];
            painter.paint_background(&mut out);
            let mut before = None;
            for (number, flash) in [(0, false), (1, true), (2, true), (3, false)] {
                let new = Painted { number, flash };
                painter.paint(&mut out, before.replace(new), new);
                let luma = luma_at(&painter, &out, 300, 10).unwrap();
                assert!(if flash { luma > 200 } else { luma < 50 }, "{fourcc} {number}: {luma}");
            }
        }
    }

    #[test]
    fn a_picture_without_a_number_has_none() {
        assert_eq!(read_number(640, 480, |_, _| Some(16)), None);
        assert_eq!(read_number(640, 480, |x, _| Some(x as u8)), None);
        assert_eq!(read_number(8, 8, |_, _| Some(0)), None);
    }
}
