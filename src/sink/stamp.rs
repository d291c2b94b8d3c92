//! Reading a stamp from a frame, whatever its format.

use crate::format::FrameStamp;
use crate::stream::VideoFrame;

impl FrameStamp {
    /// The stamp in a frame's pixels; `None` where there is none, and for formats whose brightness cannot be read
    /// directly. Of a JPEG only the top is decoded, which needs the feature `picture`.
    ///
    /// ```
    /// use usermedia::{FrameStamp, MediaDevices, MediaStreamConstraints};
    ///
    /// let stream = MediaDevices::synthetic().get_user_media(&MediaStreamConstraints::new().video(true))?;
    /// let frame = stream.video_tracks()[0].processor(1).next().expect("it runs")?;
    /// // Nobody stamped it.
    /// assert_eq!(FrameStamp::read(&frame), None);
    /// # Ok::<(), usermedia::Error>(())
    /// ```
    pub fn read(frame: &VideoFrame) -> Option<Self> {
        if frame.fourcc().is_jpeg() {
            return read_jpeg(frame.memory(0)?);
        }
        Self::read_planes(frame.fourcc(), frame.width(), frame.height(), |index| {
            let plane = frame.plane(index)?;
            Some((plane.data, plane.stride))
        })
    }
}

#[cfg(feature = "convert")]
pub(crate) fn read_jpeg(jpeg: &[u8]) -> Option<FrameStamp> {
    use crate::format::Fourcc;
    use crate::format::stamp::HEIGHT;

    let (width, height, luma) = crate::convert::jpeg::decode_top_luma(jpeg, HEIGHT).ok()?;
    FrameStamp::read_from(Fourcc(*b"GREY"), width, height, 0, &luma)
}

#[cfg(not(feature = "convert"))]
fn read_jpeg(_jpeg: &[u8]) -> Option<FrameStamp> {
    None
}

#[cfg(all(test, feature = "picture"))]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
    use proptest::prelude::*;

    use super::read_jpeg;
    use crate::format::{Fourcc, FrameStamp};

    const RGB3: Fourcc = Fourcc(*b"RGB3");

    /// A colourful picture with or without a stamp, as a JPEG.
    fn jpeg(stamp: Option<FrameStamp>, (width, height): (u16, u16), quality: u8, sampling: SamplingFactor) -> Vec<u8> {
        let (columns, rows) = (usize::from(width), usize::from(height));
        let mut picture: Vec<u8> =
            (0..columns * rows).flat_map(|at| [at % columns, at / columns, at % 97].map(|value| value as u8)).collect();
        if let Some(stamp) = stamp {
            assert!(stamp.write_to(RGB3, width.into(), height.into(), 0, &mut picture));
        }
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, quality);
        encoder.set_sampling_factor(sampling);
        encoder.encode(&picture, width, height, ColorType::Rgb).unwrap();
        jpeg
    }

    #[test]
    fn a_picture_without_a_stamp_has_none_and_neither_has_a_damaged_one() {
        let size = (320, 240);
        assert_eq!(read_jpeg(&jpeg(None, size, 90, SamplingFactor::R_4_2_0)), None);
        assert_eq!(read_jpeg(&[]), None);
        let whole = jpeg(Some(FrameStamp::new(1, 2)), size, 90, SamplingFactor::R_4_2_0);
        assert_eq!(read_jpeg(&whole[..whole.len() / 2]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_stamp_survives_a_jpeg(
            number: u32, time: u64, quality in 50u8..=95, sampling in 0usize..4, width in 128u16..400, height in 64u16..300,
        ) {
            let sampling = [
                SamplingFactor::R_4_4_4, SamplingFactor::R_4_2_2, SamplingFactor::R_4_2_0, SamplingFactor::R_4_1_1,
            ][sampling];
            let stamp = FrameStamp::new(number, time);
            prop_assert_eq!(read_jpeg(&jpeg(Some(stamp), (width, height), quality, sampling)), Some(stamp));
        }
    }
}
