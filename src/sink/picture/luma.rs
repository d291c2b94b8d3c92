//! How bright a picture is.

use crate::convert::jpeg::{Decoded, Jpeg};
use crate::convert::source::Source;
use crate::convert::{Content, VideoFrameView};
use crate::format::pixels::Pixels;

/// The mean luma of the picture, 0 to 255 as the samples are; `None` where the frame is broken. Meant for watching
/// exposure settle: under steady light the number is steady, in every format.
pub(crate) fn luma_mean(view: &VideoFrameView<'_>) -> Option<f32> {
    match view.content() {
        Content::Raw(source) => mean_of(&source),
        Content::Jpeg { bytes, .. } => {
            let jpeg = Jpeg::new(bytes).ok()?;
            let mut luma = vec![0; jpeg.decoded_size(Decoded::Luma)];
            jpeg.decode(Decoded::Luma, &mut Vec::new(), &mut luma).ok()?;
            mean(luma.into_iter().map(u64::from))
        }
    }
}

fn mean_of(source: &Source<'_>) -> Option<f32> {
    let samples = match source.pixels {
        // All three the same: the weights below add up to 256.
        Pixels::Ycbcr([luma, ..]) | Pixels::Grey(luma) => [luma; 3],
        Pixels::Rgb(samples) => samples,
    };
    mean((0..source.height).flat_map(|y| {
        let rows = samples.map(|sample| source.row(sample, y));
        (0..source.width).map(move |x| {
            let [r, g, b] = rows.map(|row| u64::from(row.at(x)));
            (77 * r + 150 * g + 29 * b) >> 8
        })
    }))
}

fn mean(values: impl Iterator<Item = u64>) -> Option<f32> {
    let (sum, count) = values.fold((0u64, 0u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| (sum as f64 / count as f64) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Fourcc, VideoColorSpace, VideoMatrixCoefficients};

    #[test]
    fn the_mean_is_of_luma_alone() {
        let mean = |code: &[u8; 4], width, plane: &[u8]| {
            let color_space = VideoColorSpace::new(VideoMatrixCoefficients::Bt601, false);
            let view = VideoFrameView::new(Fourcc(*code), width, 1, &[(plane, 4)], color_space);
            luma_mean(&view.unwrap())
        };
        assert_eq!(mean(b"YUYV", 2, &[10, 200, 30, 200]), Some(20.0));
        assert_eq!(mean(b"UYVY", 2, &[200, 10, 200, 30]), Some(20.0));
        assert_eq!(mean(b"GREY", 4, &[1, 2, 3, 4]), Some(2.5));
        assert_eq!(mean(b"RGB3", 1, &[90, 90, 90]), Some(90.0));
        assert_eq!(mean(b"MJPG", 2, &[10, 200, 30]), None);
    }
}
