//! A part of a picture where it lies: the same rows, from other places on.

use super::{Layout, shapes};
use crate::format::pixels::crop_alignment;
use crate::format::{Fourcc, Rect};

impl Layout {
    /// Where a part of the picture lies in the same memory. `None` where it is none, or starts between samples of chroma, and
    /// for formats of which that is not known.
    pub fn part(&self, fourcc: Fourcc, part: Rect) -> Option<Self> {
        let (columns, rows) = crop_alignment(fourcc)?;
        let shapes = shapes(fourcc).filter(|shapes| shapes.len() == self.plane_count)?;
        let is_between = !part.x.is_multiple_of(columns) || !part.y.is_multiple_of(rows);
        if is_between || part.width == 0 || part.height == 0 {
            return None;
        }
        let mut layout = Self { is_part: true, ..*self };
        for (plane, shape) in layout.planes.iter_mut().zip(shapes) {
            let before = shape.row_bytes(part.x)?;
            let above = usize::try_from(part.y / shape.lines).ok()?;
            let row_bytes = shape.row_bytes(part.width)?;
            let rows = usize::try_from(part.height.div_ceil(shape.lines)).ok()?;
            if before.checked_add(row_bytes)? > plane.row_bytes || above.checked_add(rows)? > plane.rows {
                return None;
            }
            plane.offset += above * plane.stride + before;
            (plane.row_bytes, plane.rows) = (row_bytes, rows);
        }
        Some(layout)
    }

    /// Whether the memory holds more than its planes.
    #[cfg(feature = "record")]
    pub fn is_part(&self) -> bool {
        self.is_part
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout;
    use super::*;

    fn part(code: &[u8; 4], size: (u32, u32), lines: &[u32], rect: Rect) -> Option<Vec<(usize, usize, usize, usize)>> {
        let whole = layout(Fourcc(*code), size.0, size.1, lines).unwrap();
        let part = whole.part(Fourcc(*code), rect)?;
        Some(part.planes().iter().map(|plane| (plane.offset, plane.stride, plane.row_bytes, plane.rows)).collect())
    }

    #[test]
    fn the_strides_stay_and_the_offsets_move() {
        let middle = Rect::new(2, 4, 4, 2);
        assert_eq!(part(b"YUYV", (8, 10), &[20], middle), Some(vec![(4 * 20 + 4, 20, 8, 2)]));
        assert_eq!(part(b"RGB3", (8, 10), &[], Rect::new(1, 3, 5, 5)), Some(vec![(3 * 24 + 3, 24, 15, 5)]));
        let nv12 = vec![(4 * 16 + 2, 16, 4, 2), (16 * 10 + 2 * 16 + 2, 16, 4, 1)];
        assert_eq!(part(b"NV12", (8, 10), &[16], middle), Some(nv12));
        let yu12 = vec![(4 * 8 + 2, 8, 4, 2), (80 + 2 * 4 + 1, 4, 2, 1), (80 + 20 + 2 * 4 + 1, 4, 2, 1)];
        assert_eq!(part(b"YU12", (8, 10), &[], middle), Some(yu12));
        // In memory of its own.
        assert_eq!(part(b"NM12", (8, 10), &[], middle).unwrap()[1], (2 * 8 + 2, 8, 4, 1));
        // Odd ends share the chroma of the last column and row.
        assert_eq!(part(b"NV12", (8, 10), &[], Rect::new(2, 4, 3, 3)).unwrap()[1], (80 + 2 * 8 + 2, 8, 4, 2));
    }

    #[test]
    fn what_lies_outside_or_between_samples_is_no_part() {
        for rect in [Rect::new(1, 0, 4, 4), Rect::new(0, 1, 4, 4), Rect::new(6, 0, 4, 4), Rect::new(0, 8, 4, 4)] {
            assert_eq!(part(b"NV12", (8, 10), &[], rect), None, "{rect:?}");
        }
        assert_eq!(part(b"YUYV", (8, 10), &[], Rect::new(0, 0, 0, 4)), None);
        assert_eq!(part(b"YUYV", (8, 10), &[], Rect::new(u32::MAX - 1, 0, 4, 4)), None);
        // A mosaic, of which every second column is of other colours.
        assert_eq!(part(b"RGGB", (8, 10), &[], Rect::new(0, 0, 4, 4)), None);
    }
}
