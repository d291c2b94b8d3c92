//! The memory layout of V4L2's uncompressed formats: where each colour plane starts, and how far apart its rows are.
//!
//! The rules are those of the kernel's "Image Formats" pages (`Documentation/userspace-api/media/v4l/pixfmt*.rst`):
//! `bytesperline` is the distance between two rows of the first plane, and where all planes lie in one piece of memory
//! the other planes follow without a gap, their rows as long as the first plane's in the ratio of their samples
//! ("if the Y plane has pad bytes after each row, the Cb and Cr planes have half as many"). Planes in memory of their
//! own have a `bytesperline` of their own. Where a size is odd, a subsampled plane covers the last column and row
//! (`v4l2_fill_pixfmt` rounds up).

use super::Fourcc;

/// As many planes as any format here has, with room for alpha.
const MAX_PLANES: usize = 4;

/// One colour plane of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PlaneLayout {
    /// Which of the driver's memory planes it lies in.
    pub memory: usize,
    /// Where it starts there, in bytes after the driver's `data_offset`.
    pub offset: usize,
    /// From the start of a row to the start of the next, in bytes. At least `row_bytes`.
    pub stride: usize,
    /// Bytes of picture in a row.
    pub row_bytes: usize,
    /// Rows.
    pub rows: usize,
}

impl PlaneLayout {
    /// The first byte after the plane, the padding of its last row included.
    pub fn end(&self) -> usize {
        // `layout` computed the same sum with checks.
        self.offset + self.stride * self.rows
    }
}

/// The planes of a frame of one format and size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    planes: [PlaneLayout; MAX_PLANES],
    plane_count: usize,
    memory_count: usize,
    /// Whether the memory holds more than these planes: a part of a picture.
    is_part: bool,
}

impl Layout {
    /// The colour planes, in the format's own order (`YV12` has Cr before Cb).
    pub fn planes(&self) -> &[PlaneLayout] {
        &self.planes[..self.plane_count]
    }

    /// In how many pieces of memory the driver delivers a frame.
    pub fn memory_count(&self) -> usize {
        self.memory_count
    }

    /// The bytes a frame occupies in one memory plane, `data_offset` not counted; 0 for one that does not exist.
    pub fn memory_size(&self, memory: usize) -> usize {
        self.planes().iter().filter(|plane| plane.memory == memory).map(PlaneLayout::end).max().unwrap_or(0)
    }
}

/// The layout of a `width` x `height` frame, `None` for a compressed, tiled or unknown format, for an empty picture, and
/// where a number is beyond what memory can hold.
///
/// `bytesperline` is what the driver said, one value per memory plane. 0, a missing value, and a value smaller than a
/// row (drivers exist that give the width in pixels) mean rows without padding.
pub(crate) fn layout(fourcc: Fourcc, width: u32, height: u32, bytesperline: &[u32]) -> Option<Layout> {
    if width == 0 || height == 0 {
        return None;
    }
    let shapes = shapes(fourcc)?;
    let mut layout = Layout { planes: Default::default(), plane_count: shapes.len(), memory_count: 0, is_part: false };
    let mut next_offset = 0;
    for (index, shape) in shapes.iter().enumerate() {
        // The plane whose bytesperline the driver reported: the first in this memory.
        let first = shapes.iter().position(|other| other.memory == shape.memory)?;
        let row_bytes = shape.row_bytes(width)?;
        let stride = if index == first {
            next_offset = 0;
            layout.memory_count += 1;
            usize::try_from(bytesperline.get(shape.memory).copied().unwrap_or(0)).ok()?
        } else {
            shape.stride_beside(&shapes[first], layout.planes[first].stride)?
        };
        let stride = stride.max(row_bytes);
        let rows = usize::try_from(height.div_ceil(shape.lines)).ok()?;
        let plane = PlaneLayout { memory: shape.memory, offset: next_offset, stride, row_bytes, rows };
        next_offset = stride.checked_mul(rows)?.checked_add(next_offset)?;
        // No slice is longer, so no later sum over a plane can overflow.
        isize::try_from(next_offset).ok()?;
        layout.planes[index] = plane;
    }
    Some(layout)
}

/// Writes a black frame into one memory plane: Y 16 and C 128 for YUV, 0 for RGB and grey, alpha opaque.
///
/// `out` starts where the memory plane's data does. Padding is overwritten too, so nothing of an earlier picture is left;
/// an `out` shorter than the frame is filled as far as it goes. A format without a [`layout`] is left as it is.
pub(crate) fn fill_black(fourcc: Fourcc, layout: &Layout, memory: usize, out: &mut [u8]) {
    let Some(shapes) = shapes(fourcc) else { return };
    let mut end = 0;
    for (plane, shape) in layout.planes().iter().zip(shapes).filter(|(plane, _)| plane.memory == memory) {
        end = plane.end().min(out.len());
        let area = &mut out[plane.offset.min(end)..end];
        let (first, rest) = area.split_at_mut(plane.stride.min(area.len()));
        for sample in first.chunks_mut(shape.black.len()) {
            sample.copy_from_slice(&shape.black[..sample.len()]);
        }
        for row in rest.chunks_mut(plane.stride) {
            row.copy_from_slice(&first[..row.len()]);
        }
    }
    out[end..].fill(0);
}

/// How a format's colour plane is made: `bytes` hold the samples of `pixels` neighbouring pixels of `lines` lines.
#[derive(Debug, Clone, Copy)]
struct Shape {
    memory: usize,
    pixels: u32,
    bytes: u32,
    lines: u32,
    /// What black looks like, repeated along a row.
    black: &'static [u8],
}

impl Shape {
    const fn new(memory: usize, pixels: u32, bytes: u32, lines: u32, black: &'static [u8]) -> Self {
        Self { memory, pixels, bytes, lines, black }
    }

    /// One plane that holds everything.
    const fn packed(pixels: u32, bytes: u32, black: &'static [u8]) -> [Self; 1] {
        [Self::new(0, pixels, bytes, 1, black)]
    }

    fn row_bytes(&self, width: u32) -> Option<usize> {
        let bytes = u64::from(width.div_ceil(self.pixels)) * u64::from(self.bytes);
        usize::try_from(bytes).ok()
    }

    /// The stride of a plane that shares its memory with `first`, whose stride is known.
    fn stride_beside(&self, first: &Shape, stride: usize) -> Option<usize> {
        let of_first = u64::from(self.pixels) * u64::from(first.bytes);
        let samples = u64::try_from(stride).ok()?.checked_mul(u64::from(self.bytes) * u64::from(first.pixels))?;
        usize::try_from(samples.div_ceil(of_first)).ok()
    }
}

fn shapes(fourcc: Fourcc) -> Option<&'static [Shape]> {
    FORMATS.iter().find(|(codes, _)| codes.contains(&&fourcc.0)).map(|(_, shapes)| *shapes)
}

/// A code with V4L2's big-endian bit.
const fn big_endian(mut code: [u8; 4]) -> [u8; 4] {
    code[3] |= 0x80;
    code
}

const Y: Shape = Shape::new(0, 1, 1, 1, &[16]);

/// A chroma plane beside (`memory` 0) or apart from the Y plane.
const fn chroma(memory: usize, pixels: u32, bytes: u32, lines: u32) -> Shape {
    Shape::new(memory, pixels, bytes, lines, &[128])
}

/// Every format with a plain layout, formats that differ only in the order of their samples together.
const FORMATS: &[(&[&[u8; 4]], &[Shape])] = &[
    // 4:2:2 packed. Per pixel: a picture of odd width ends in half a pair, as drivers report it.
    (&[b"YUYV", b"YVYU"], &Shape::packed(1, 2, &[16, 128])),
    (&[b"UYVY", b"VYUY"], &Shape::packed(1, 2, &[128, 16])),
    (&[b"YYUV"], &Shape::packed(1, 2, &[16, 16, 128, 128])),
    (&[b"Y210", b"Y212", b"Y216"], &Shape::packed(1, 4, &[0, 16, 0, 128])),
    // 4:1:1 packed.
    (&[b"Y41P"], &Shape::packed(8, 12, &[128, 16, 128, 16, 128, 16, 128, 16, 16, 16, 16, 16])),
    // 4:4:4 packed, whole bytes.
    (&[b"YUV3"], &Shape::packed(1, 3, &[16, 128, 128])),
    (&[b"YUV4", b"AYUV"], &Shape::packed(1, 4, &[255, 16, 128, 128])),
    (&[b"XYUV"], &Shape::packed(1, 4, &[0, 16, 128, 128])),
    (&[b"VUYA"], &Shape::packed(1, 4, &[128, 128, 16, 255])),
    (&[b"VUYX"], &Shape::packed(1, 4, &[128, 128, 16, 0])),
    (&[b"YUVA"], &Shape::packed(1, 4, &[16, 128, 128, 255])),
    (&[b"YUVX"], &Shape::packed(1, 4, &[16, 128, 128, 0])),
    // 4:4:4 packed in 16 bits: aaaayyyy uuuuvvvv, ayyyyyuu uuuvvvvv and yyyyyuuu uuuvvvvv, low byte first.
    (&[b"Y444"], &Shape::packed(1, 2, &[0x88, 0xf1])),
    (&[b"YUVO"], &Shape::packed(1, 2, &[0x10, 0x8a])),
    (&[b"YUVP"], &Shape::packed(1, 2, &[0x10, 0x14])),
    // Y and interleaved chroma, in one piece of memory.
    (&[b"NV12", b"NV21"], &[Y, chroma(0, 2, 2, 2)]),
    (&[b"NV16", b"NV61"], &[Y, chroma(0, 2, 2, 1)]),
    (&[b"NV24", b"NV42"], &[Y, chroma(0, 1, 2, 1)]),
    (&[b"P010", b"P012"], &[Shape::new(0, 1, 2, 1, &[0, 16]), Shape::new(0, 2, 4, 2, &[0, 128])]),
    // Three planes, in one piece of memory.
    (&[b"YU12", b"YV12"], &[Y, chroma(0, 2, 1, 2), chroma(0, 2, 1, 2)]),
    (&[b"422P"], &[Y, chroma(0, 2, 1, 1), chroma(0, 2, 1, 1)]),
    (&[b"411P"], &[Y, chroma(0, 4, 1, 1), chroma(0, 4, 1, 1)]),
    (&[b"YUV9", b"YVU9"], &[Y, chroma(0, 4, 1, 4), chroma(0, 4, 1, 4)]),
    // Each plane in memory of its own.
    (&[b"NM12", b"NM21"], &[Y, chroma(1, 2, 2, 2)]),
    (&[b"NM16", b"NM61"], &[Y, chroma(1, 2, 2, 1)]),
    (&[b"YM12", b"YM21"], &[Y, chroma(1, 2, 1, 2), chroma(2, 2, 1, 2)]),
    (&[b"YM16", b"YM61"], &[Y, chroma(1, 2, 1, 1), chroma(2, 2, 1, 1)]),
    (&[b"YM24", b"YM42"], &[Y, chroma(1, 1, 1, 1), chroma(2, 1, 1, 1)]),
    // Grey, depth, and two grey pictures interleaved (Y8I, Y12I). Up to 8 bits in a byte, up to 16 in two; Y10B, Y10P
    // and Y12P are packed without unused bits.
    (&[b"GREY", b"Y04 ", b"Y06 "], &Shape::packed(1, 1, &[0])),
    (&[b"Y10 ", b"Y12 ", b"Y14 ", b"Y16 ", &big_endian(*b"Y16 "), b"Y012", b"Z16 "], &Shape::packed(1, 2, &[0])),
    (&[b"Y8I "], &Shape::packed(1, 2, &[0])),
    (&[b"Y12I"], &Shape::packed(1, 3, &[0])),
    (&[b"Y10B", b"Y10P"], &Shape::packed(4, 5, &[0])),
    (&[b"Y12P"], &Shape::packed(2, 3, &[0])),
    (&[b"Y14P"], &Shape::packed(4, 7, &[0])),
    (&[b"UV8 "], &Shape::packed(1, 1, &[128])),
    // RGB, 8 bits.
    (&[b"RGB1"], &Shape::packed(1, 1, &[0])),
    // RGB, 16 bits, without alpha.
    (&[b"R444", b"XR12", b"RX12", b"XB12", b"BX12"], &Shape::packed(1, 2, &[0])),
    (&[b"RGBO", b"XR15", b"RX15", b"XB15", b"BX15"], &Shape::packed(1, 2, &[0])),
    (&[b"RGBQ", &big_endian(*b"XR15"), b"RGBP", b"RGBR"], &Shape::packed(1, 2, &[0])),
    // RGB, 16 bits, with alpha in the high bits, in the low bits, and in the high bits of a big-endian word.
    (&[b"AR12", b"AB12"], &Shape::packed(1, 2, &[0, 0xf0])),
    (&[b"RA12", b"GA12"], &Shape::packed(1, 2, &[0x0f, 0])),
    (&[b"AR15", b"AB15"], &Shape::packed(1, 2, &[0, 0x80])),
    (&[b"RA15", b"BA15"], &Shape::packed(1, 2, &[0x01, 0])),
    (&[&big_endian(*b"AR15")], &Shape::packed(1, 2, &[0x80, 0])),
    // RGB, 24 and 32 bits; the alpha of RGB4 and BGR4 is not defined.
    (&[b"RGB3", b"BGR3"], &Shape::packed(1, 3, &[0])),
    (&[b"RGB4", b"BGR4", b"XR24", b"RX24", b"XB24", b"BX24", b"BGRH"], &Shape::packed(1, 4, &[0])),
    (&[b"AR24", b"AB24"], &Shape::packed(1, 4, &[0, 0, 0, 255])),
    (&[b"RA24", b"BA24"], &Shape::packed(1, 4, &[255, 0, 0, 0])),
    // HSV: a value of 0 is black whatever the hue.
    (&[b"HSV3"], &Shape::packed(1, 3, &[0])),
    (&[b"HSV4"], &Shape::packed(1, 4, &[0])),
    // Bayer: 8 bits in a byte (also companded from 10), up to 16 in two, and packed as MIPI sends it.
    (&[b"BA81", b"GBRG", b"GRBG", b"RGGB"], &Shape::packed(1, 1, &[0])),
    (&[b"aBA8", b"aGA8", b"agA8", b"aRA8"], &Shape::packed(1, 1, &[0])),
    (&[b"BG10", b"GB10", b"BA10", b"RG10"], &Shape::packed(1, 2, &[0])),
    (&[b"BG12", b"GB12", b"BA12", b"RG12"], &Shape::packed(1, 2, &[0])),
    (&[b"BG14", b"GB14", b"GR14", b"RG14"], &Shape::packed(1, 2, &[0])),
    (&[b"BYR2", b"GB16", b"GR16", b"RG16"], &Shape::packed(1, 2, &[0])),
    (&[b"pBAA", b"pGAA", b"pgAA", b"pRAA"], &Shape::packed(4, 5, &[0])),
    (&[b"pBCC", b"pGCC", b"pgCC", b"pRCC"], &Shape::packed(2, 3, &[0])),
    (&[b"pBEE", b"pGEE", b"pgEE", b"pREE"], &Shape::packed(4, 7, &[0])),
];

mod part;
#[cfg(test)]
mod vivid;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tight(code: &[u8; 4], width: u32, height: u32) -> Layout {
        layout(Fourcc(*code), width, height, &[]).unwrap()
    }

    fn sizes(layout: &Layout) -> Vec<usize> {
        (0..layout.memory_count()).map(|memory| layout.memory_size(memory)).collect()
    }

    fn strides(layout: &Layout) -> Vec<usize> {
        layout.planes().iter().map(|plane| plane.stride).collect()
    }

    #[test]
    fn a_chroma_plane_follows_the_luma_plane_in_the_same_memory() {
        let nv12 = tight(b"NV12", 640, 480);
        assert_eq!(
            nv12.planes(),
            [
                PlaneLayout { memory: 0, offset: 0, stride: 640, row_bytes: 640, rows: 480 },
                PlaneLayout { memory: 0, offset: 307_200, stride: 640, row_bytes: 640, rows: 240 },
            ]
        );
        assert_eq!(sizes(&nv12), [460_800]);
        assert_eq!(tight(b"YU12", 640, 480).planes()[2].offset, 307_200 + 76_800);
    }

    #[test]
    fn planes_in_memory_of_their_own_start_at_zero() {
        let nm12 = tight(b"NM12", 640, 480);
        assert_eq!(nm12.planes().iter().map(|p| (p.memory, p.offset)).collect::<Vec<_>>(), [(0, 0), (1, 0)]);
        assert_eq!(sizes(&nm12), [307_200, 153_600]);
        assert_eq!(sizes(&tight(b"YM12", 640, 480)), [307_200, 76_800, 76_800]);
        assert_eq!(nm12.memory_size(2), 0);
    }

    #[test]
    fn the_stride_of_chroma_follows_from_the_luma_stride() {
        let padded = |code: &[u8; 4], bytesperline: &[u32]| layout(Fourcc(*code), 600, 4, bytesperline).unwrap();
        assert_eq!(strides(&padded(b"NV12", &[640])), [640, 640]);
        assert_eq!(strides(&padded(b"NV24", &[640])), [640, 1280]);
        assert_eq!(strides(&padded(b"YU12", &[640])), [640, 320, 320]);
        assert_eq!(strides(&padded(b"422P", &[640])), [640, 320, 320]);
        assert_eq!(strides(&padded(b"YUV9", &[640])), [640, 160, 160]);
        assert_eq!(sizes(&padded(b"YU12", &[640])), [640 * 4 + 320 * 2 * 2]);
        assert_eq!(strides(&padded(b"P010", &[1280])), [1280, 1280]);
        // Memory of its own, a bytesperline of its own; a missing one means tight.
        assert_eq!(strides(&padded(b"YM12", &[640, 384, 320])), [640, 384, 320]);
        assert_eq!(strides(&padded(b"NM12", &[640])), [640, 600]);
        // Some drivers give the width in pixels.
        assert_eq!(strides(&padded(b"YUYV", &[600])), [1200]);
    }

    #[test]
    fn odd_sizes_round_up_in_subsampled_planes() {
        // v4l2_fill_pixfmt: (5 * 3) + 2 * (3 * 2), and (5 * 3) + (3 * 2) * 2.
        assert_eq!(sizes(&tight(b"YU12", 5, 3)), [27]);
        assert_eq!(sizes(&tight(b"NV12", 5, 3)), [27]);
        assert_eq!(sizes(&tight(b"NM12", 5, 3)), [15, 12]);
        assert_eq!(sizes(&tight(b"YUV9", 5, 5)), [25 + 2 * 4]);
        assert_eq!(sizes(&tight(b"YUYV", 5, 3)), [30]);
        assert_eq!(sizes(&tight(b"pBAA", 6, 1)), [10]);
        // An odd luma stride cannot hold a row of chroma pairs.
        assert_eq!(strides(&layout(Fourcc::NV12, 5, 3, &[5]).unwrap()), [5, 6]);
    }

    #[test]
    fn compressed_and_unknown_formats_have_no_layout() {
        for code in [b"MJPG", b"JPEG", b"H264", b"HEVC", b"VT12", b"M420", b"????"] {
            assert_eq!(layout(Fourcc(*code), 640, 480, &[1280]), None, "{}", Fourcc(*code));
        }
        assert_eq!(layout(Fourcc::YUYV, 0, 480, &[]), None);
        assert_eq!(layout(Fourcc::YUYV, 640, 0, &[]), None);
    }

    #[test]
    fn sizes_are_those_that_a_driver_gives() {
        for (code, at_640x480, lines, padded, (odd_height, odd)) in vivid::VIVID {
            let fourcc = Fourcc(**code);
            let sizeimage = |layout: Layout| {
                let mut sizes = sizes(&layout);
                if let Some((_, memory)) = vivid::DATA_OFFSETS.iter().find(|(offset, _)| offset == code) {
                    sizes[*memory] += vivid::DATA_OFFSET;
                }
                sizes
            };
            assert_eq!(sizeimage(tight(code, 640, 480)), *at_640x480, "{fourcc} at 640x480");
            assert_eq!(sizeimage(layout(fourcc, 640, 360, lines).unwrap()), *padded, "{fourcc} in rows of {lines:?}");
            if *odd_height > 0 {
                assert_eq!(sizes(&tight(code, 638, *odd_height)), *odd, "{fourcc} at 638x{odd_height}");
            }
        }
        assert_eq!(vivid::VIVID.len(), 93);
    }

    #[test]
    fn no_code_is_listed_twice() {
        let mut codes: Vec<&[u8; 4]> = FORMATS.iter().flat_map(|(codes, _)| codes.iter().copied()).collect();
        let count = codes.len();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }

    #[test]
    fn black_is_sixteen_and_one_twenty_eight_in_yuv_and_zero_in_rgb() {
        let black = |code: &[u8; 4], bytesperline: &[u32], memory: usize, len: usize| {
            let layout = layout(Fourcc(*code), 2, 2, bytesperline).unwrap();
            let mut out = vec![0xee; len];
            fill_black(Fourcc(*code), &layout, memory, &mut out);
            out
        };
        assert_eq!(black(b"YUYV", &[], 0, 8), [16, 128, 16, 128, 16, 128, 16, 128]);
        assert_eq!(black(b"UYVY", &[6], 0, 12), [128, 16, 128, 16, 128, 16, 128, 16, 128, 16, 128, 16]);
        assert_eq!(black(b"NV12", &[], 0, 7), [16, 16, 16, 16, 128, 128, 0]);
        assert_eq!(black(b"NV12", &[], 0, 5), [16, 16, 16, 16, 128]);
        assert_eq!(black(b"NM12", &[], 1, 2), [128, 128]);
        assert_eq!(black(b"NM12", &[], 2, 2), [0, 0]);
        assert_eq!(black(b"RGB3", &[], 0, 12), [0; 12]);
        assert_eq!(black(b"GREY", &[], 0, 4), [0; 4]);
        assert_eq!(black(b"AR24", &[], 0, 16)[..8], [0, 0, 0, 255, 0, 0, 0, 255]);
        // Y 2 of 31, U 32 of 63, V 16 of 31.
        assert_eq!(u16::from_le_bytes(black(b"YUVP", &[], 0, 8)[..2].try_into().unwrap()), 2 << 11 | 32 << 5 | 16);
        assert!(black(b"YUYV", &[], 0, 0).is_empty());
    }

    proptest! {
        #[test]
        fn hostile_numbers_never_overflow(
            index in 0..FORMATS.len(), width: u32, height: u32, lines in proptest::collection::vec(any::<u32>(), 0..4),
        ) {
            let code = Fourcc(*FORMATS[index].0[0]);
            if let Some(layout) = layout(code, width, height, &lines) {
                for plane in layout.planes() {
                    prop_assert!(plane.stride >= plane.row_bytes && plane.row_bytes > 0 && plane.rows > 0);
                    prop_assert!(plane.end() <= layout.memory_size(plane.memory));
                }
                let mut out = [0xee; 100];
                fill_black(code, &layout, 0, &mut out);
                prop_assert!(!out.contains(&0xee));
            }
        }
    }
}
