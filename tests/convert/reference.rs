//! Pictures of noise in every format, and what they must become, by the standards' equations.

use usermedia::convert::VideoFrameView;
use usermedia::{Fourcc, VideoColorSpace, VideoMatrixCoefficients};

/// How a format keeps its samples, after the kernel's "Image Formats".
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// The order of the bytes of two pixels, such as `"YUYV"`.
    Packed422(&'static str),
    /// The order of the bytes of one pixel; `-` is not used.
    Packed444(&'static str),
    /// Columns and rows that share their chroma, and whether Cr comes first.
    SemiPlanar(usize, usize, bool),
    /// The same.
    Planar(usize, usize, bool),
    /// The order of the bytes of one pixel.
    Rgb(&'static str),
    /// One byte a pixel.
    Grey,
    /// Two, of which the second counts.
    Grey16,
}

pub const FORMATS: &[([u8; 4], Kind)] = &[
    (*b"YUYV", Kind::Packed422("YUYV")),
    (*b"UYVY", Kind::Packed422("UYVY")),
    (*b"YVYU", Kind::Packed422("YVYU")),
    (*b"VYUY", Kind::Packed422("VYUY")),
    (*b"NV12", Kind::SemiPlanar(2, 2, false)),
    (*b"NV21", Kind::SemiPlanar(2, 2, true)),
    (*b"NM12", Kind::SemiPlanar(2, 2, false)),
    (*b"NM21", Kind::SemiPlanar(2, 2, true)),
    (*b"NV16", Kind::SemiPlanar(2, 1, false)),
    (*b"NV61", Kind::SemiPlanar(2, 1, true)),
    (*b"NM16", Kind::SemiPlanar(2, 1, false)),
    (*b"NM61", Kind::SemiPlanar(2, 1, true)),
    (*b"NV24", Kind::SemiPlanar(1, 1, false)),
    (*b"NV42", Kind::SemiPlanar(1, 1, true)),
    (*b"YU12", Kind::Planar(2, 2, false)),
    (*b"YV12", Kind::Planar(2, 2, true)),
    (*b"YM12", Kind::Planar(2, 2, false)),
    (*b"YM21", Kind::Planar(2, 2, true)),
    (*b"422P", Kind::Planar(2, 1, false)),
    (*b"YM16", Kind::Planar(2, 1, false)),
    (*b"YM61", Kind::Planar(2, 1, true)),
    (*b"411P", Kind::Planar(4, 1, false)),
    (*b"YUV9", Kind::Planar(4, 4, false)),
    (*b"YVU9", Kind::Planar(4, 4, true)),
    (*b"YM24", Kind::Planar(1, 1, false)),
    (*b"YM42", Kind::Planar(1, 1, true)),
    (*b"YUV3", Kind::Packed444("YUV")),
    (*b"YUV4", Kind::Packed444("-YUV")),
    (*b"AYUV", Kind::Packed444("-YUV")),
    (*b"XYUV", Kind::Packed444("-YUV")),
    (*b"YUVA", Kind::Packed444("YUV-")),
    (*b"YUVX", Kind::Packed444("YUV-")),
    (*b"VUYA", Kind::Packed444("VUY-")),
    (*b"VUYX", Kind::Packed444("VUY-")),
    (*b"RGB3", Kind::Rgb("RGB")),
    (*b"BGR3", Kind::Rgb("BGR")),
    (*b"RGB4", Kind::Rgb("-RGB")),
    (*b"BGR4", Kind::Rgb("BGR-")),
    (*b"XR24", Kind::Rgb("BGR-")),
    (*b"AR24", Kind::Rgb("BGR-")),
    (*b"BX24", Kind::Rgb("-RGB")),
    (*b"BA24", Kind::Rgb("-RGB")),
    (*b"XB24", Kind::Rgb("RGB-")),
    (*b"AB24", Kind::Rgb("RGB-")),
    (*b"RX24", Kind::Rgb("-BGR")),
    (*b"RA24", Kind::Rgb("-BGR")),
    (*b"GREY", Kind::Grey),
    (*b"Y16 ", Kind::Grey16),
];

pub const SPACES: [VideoColorSpace; 8] = {
    use VideoMatrixCoefficients::{Bt601, Bt709, Bt2020, Smpte240m};
    [
        VideoColorSpace::new(Bt601, false),
        VideoColorSpace::new(Bt601, true),
        VideoColorSpace::new(Bt709, false),
        VideoColorSpace::new(Bt709, true),
        VideoColorSpace::new(Bt2020, false),
        VideoColorSpace::new(Bt2020, true),
        VideoColorSpace::new(Smpte240m, false),
        VideoColorSpace::new(Smpte240m, true),
    ]
};

/// Three planes of noise: Y, Cb and Cr, or R, G and B. Every value occurs, those outside the nominal range too.
pub struct Reference {
    code: [u8; 4],
    kind: Kind,
    width: usize,
    height: usize,
    /// Columns and rows that share the second and the third.
    block: (usize, usize),
    samples: [Vec<u8>; 3],
}

/// A frame's planes, with their strides, as a driver would deliver them.
pub struct Planes {
    code: [u8; 4],
    size: (u32, u32),
    planes: Vec<(Vec<u8>, usize)>,
}

impl Planes {
    pub fn view(&self, color_space: VideoColorSpace) -> VideoFrameView<'_> {
        let planes: Vec<_> = self.planes.iter().map(|(bytes, stride)| (&bytes[..], *stride)).collect();
        VideoFrameView::new(Fourcc(self.code), self.size.0, self.size.1, &planes, color_space).unwrap()
    }
}

impl Reference {
    pub fn new(code: [u8; 4], kind: Kind, width: usize, height: usize, seed: u32) -> Self {
        let mut state = seed.wrapping_mul(2_654_435_761) | 1;
        let mut noise = |count: usize| -> Vec<u8> {
            (0..count)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    state.to_le_bytes()[1]
                })
                .collect()
        };
        let block = match kind {
            Kind::Packed422(_) => (2, 1),
            Kind::SemiPlanar(columns, rows, _) | Kind::Planar(columns, rows, _) => (columns, rows),
            _ => (1, 1),
        };
        let shared = width.div_ceil(block.0) * height.div_ceil(block.1);
        let mut samples = [noise(width * height), noise(shared), noise(shared)];
        match kind {
            Kind::Grey | Kind::Grey16 => samples[1..].iter_mut().for_each(|plane| plane.fill(128)),
            // The last row of an odd width ends before its last Cr (or Cb): the one before it serves, and in a picture
            // of one column none.
            Kind::Packed422(order) if width % 2 == 1 => {
                let missing = if order.find('U') < order.find('V') { 2 } else { 1 };
                let columns = width.div_ceil(2);
                for row in samples[missing].chunks_mut(columns) {
                    row[columns - 1] = if columns > 1 { row[columns - 2] } else { 128 };
                }
            }
            _ => {}
        }
        Self { code, kind, width, height, block, samples }
    }

    fn at(&self, sample: usize, x: usize, y: usize) -> u8 {
        let (columns, rows) = if sample == 0 { (1, 1) } else { self.block };
        self.samples[sample][y / rows * self.width.div_ceil(columns) + x / columns]
    }

    /// The planes, each row with so many bytes of padding, but for the last.
    pub fn planes(&self, padding: usize) -> Planes {
        let chroma = (self.width.div_ceil(self.block.0), self.height.div_ceil(self.block.1));
        let plane = |columns: usize, rows: usize, bytes: &dyn Fn(usize, usize) -> Vec<u8>| {
            let row = |y: usize| (0..columns).flat_map(|x| bytes(x, y)).collect::<Vec<u8>>();
            let stride = row(0).len() + padding;
            let mut out: Vec<u8> = (0..rows).flat_map(|y| [row(y), vec![0x5a; padding]].concat()).collect();
            out.truncate(out.len() - padding);
            (out, stride)
        };
        let whole = (self.width, self.height);
        let pixel = |order: &'static str, names: &'static str| {
            plane(whole.0, whole.1, &|x, y| {
                let byte = |name| names.find(name).map_or(0x77, |sample| self.at(sample, x, y));
                order.chars().map(byte).collect()
            })
        };
        let luma = || plane(whole.0, whole.1, &|x, y| vec![self.at(0, x, y)]);
        let shared = |order: &'static [usize]| {
            plane(chroma.0, chroma.1, &move |x, y| {
                order.iter().map(|&sample| self.samples[sample][y * chroma.0 + x]).collect()
            })
        };
        let planes = match self.kind {
            Kind::Packed422(order) => {
                // Two bytes for each pixel: its own luma, and one of the pair's two samples of chroma.
                vec![plane(whole.0, whole.1, &|x, y| {
                    let half = &order[x % 2 * 2..][..2];
                    half.chars().map(|name| self.at("YUV".find(name).unwrap(), x, y)).collect()
                })]
            }
            Kind::Packed444(order) => vec![pixel(order, "YUV")],
            Kind::Rgb(order) => vec![pixel(order, "RGB")],
            Kind::SemiPlanar(_, _, cr_first) => vec![luma(), shared(if cr_first { &[2, 1] } else { &[1, 2] })],
            Kind::Planar(_, _, cr_first) => {
                let (first, second): (&[usize], &[usize]) = if cr_first { (&[2], &[1]) } else { (&[1], &[2]) };
                vec![luma(), shared(first), shared(second)]
            }
            Kind::Grey => vec![luma()],
            Kind::Grey16 => vec![plane(whole.0, whole.1, &|x, y| vec![0x33, self.at(0, x, y)])],
        };
        Planes { code: self.code, size: (self.width as u32, self.height as u32), planes }
    }

    fn pixels(&self) -> impl Iterator<Item = [u8; 3]> {
        (0..self.width * self.height)
            .map(|at| [0, 1, 2].map(|sample| self.at(sample, at % self.width, at / self.width)))
    }

    /// R'G'B' of each pixel, 0 to 255, not rounded.
    pub fn rgb(&self, color_space: VideoColorSpace) -> Vec<[f64; 3]> {
        let (kr, kb) = weights(color_space.matrix);
        let kg = 1.0 - kr - kb;
        let (black, span, chroma) = if color_space.full_range { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) };
        self.pixels()
            .map(|pixel| {
                let [first, second, third] = pixel.map(f64::from);
                let colour = if matches!(self.kind, Kind::Rgb(_)) {
                    [first, second, third].map(|value| (value - black) / span)
                } else {
                    let y = (first - black) / span;
                    let (red, blue) = (
                        y + 2.0 * (1.0 - kr) * (third - 128.0) / chroma,
                        y + 2.0 * (1.0 - kb) * (second - 128.0) / chroma,
                    );
                    [red, (y - kr * red - kb * blue) / kg, blue]
                };
                colour.map(|value| (value * 255.0).clamp(0.0, 255.0))
            })
            .collect()
    }

    /// Luma as it is.
    pub fn luma(&self) -> Vec<u8> {
        self.samples[0].clone()
    }

    /// The mean Cb and Cr of each 2x2 pixels, rounded half up, or of what of them is in the picture.
    pub fn mean_chroma(&self) -> Vec<[u8; 2]> {
        self.squares(|sample, x, y| f64::from(self.at(sample + 1, x, y)))
            .map(|mean| [mean[0], mean[1]].map(|value| (value + 0.5).floor() as u8))
            .collect()
    }

    /// Y'CbCr of limited range from R'G'B': luma of each pixel, Cb and Cr of each 2x2.
    pub fn ycbcr(&self, color_space: VideoColorSpace) -> (Vec<f64>, Vec<[f64; 2]>) {
        let (kr, kb) = weights(color_space.matrix);
        let (black, span) = if color_space.full_range { (0.0, 255.0) } else { (16.0, 219.0) };
        let luma_of = |[r, g, b]: [f64; 3]| kr * r + (1.0 - kr - kb) * g + kb * b;
        let scaled = |sample: usize, x: usize, y: usize| (f64::from(self.at(sample, x, y)) - black) / span;
        let luma =
            self.pixels().map(|pixel| 16.0 + 219.0 * luma_of(pixel.map(|value| (f64::from(value) - black) / span)));
        let chroma = self.squares(scaled).map(|colour| {
            let y = luma_of(colour);
            [(colour[2] - y) / 2.0 / (1.0 - kb), (colour[0] - y) / 2.0 / (1.0 - kr)]
                .map(|c| (128.0 + 224.0 * c).clamp(0.0, 255.0))
        });
        (luma.map(|y| y.clamp(0.0, 255.0)).collect(), chroma.collect())
    }

    /// The means over each 2x2 of a value of three samples.
    fn squares(&self, value: impl Fn(usize, usize, usize) -> f64) -> impl Iterator<Item = [f64; 3]> {
        let (columns, rows) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let count = if matches!(self.kind, Kind::Rgb(_)) { 3 } else { 2 };
        (0..columns * rows).map(move |at| {
            let xs = [at % columns * 2, (at % columns * 2 + 1).min(self.width - 1)];
            let ys = [at / columns * 2, (at / columns * 2 + 1).min(self.height - 1)];
            let mut means = [0.0; 3];
            for (sample, mean) in means.iter_mut().enumerate().take(count) {
                *mean = ys.iter().flat_map(|&y| xs.map(|x| value(sample, x, y))).sum::<f64>() / 4.0;
            }
            means
        })
    }
}

/// Kr and Kb, from the standards.
fn weights(matrix: VideoMatrixCoefficients) -> (f64, f64) {
    match matrix {
        VideoMatrixCoefficients::Bt601 => (0.299, 0.114),
        VideoMatrixCoefficients::Bt709 => (0.2126, 0.0722),
        VideoMatrixCoefficients::Bt2020 => (0.2627, 0.0593),
        VideoMatrixCoefficients::Smpte240m => (0.212, 0.087),
        other => panic!("not a matrix of this test: {other:?}"),
    }
}
