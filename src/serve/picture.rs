//! A camera's frame as a viewer gets it: a JPEG.

use crate::convert::jpeg::complete;
use crate::convert::{Converter, PixelFormat};
use crate::error::{Error, ErrorName, Result};
use crate::stream::VideoFrame;

/// One picture, for any number of viewers.
#[derive(Debug)]
pub(super) struct Picture {
    /// Its number among all that were shown, from 1.
    pub(super) number: u64,
    /// Which track it is of.
    pub(super) track: u8,
    pub(super) sequence: u64,
    /// Nanoseconds of CLOCK_MONOTONIC.
    pub(super) timestamp: u64,
    pub(super) host_stamped: bool,
    pub(super) size: (u32, u32),
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// The camera's own JPEG in the driver's buffer, so many bytes of it.
    Lent(VideoFrame, usize),
    /// Made here, once for all.
    Encoded(Vec<u8>),
}

impl Picture {
    /// The JPEG.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Lent(frame, length) => frame.memory(0).and_then(|bytes| bytes.get(..*length)).unwrap_or_default(),
            Body::Encoded(bytes) => bytes,
        }
    }

    /// Whether it is one of the driver's buffers, of which there are few.
    pub(super) fn is_lent(&self) -> bool {
        matches!(self.body, Body::Lent(..))
    }
}

/// Makes pictures of frames.
pub(super) struct Encoder {
    quality: u8,
    converter: Converter,
    rgb: Vec<u8>,
}

impl Encoder {
    /// `quality` is that of JPEGs made here, 1 to 100.
    pub(super) fn new(quality: u8) -> Self {
        Self { quality, converter: Converter::new(), rgb: Vec::new() }
    }

    /// The picture of a frame. A JPEG is lent as it is, unless it lacks the Huffman tables that no browser does without.
    ///
    /// # Errors
    /// `NotReadableError` for a damaged frame; `NotSupportedError` for a format that is not converted (H.264).
    pub(super) fn picture(&mut self, frame: VideoFrame, track: u8, number: u64) -> Result<Picture> {
        let (sequence, timestamp, size) = (frame.sequence(), frame.timestamp(), (frame.width(), frame.height()));
        let host_stamped = frame.timestamp_source() == crate::capture::TimestampSource::Host;
        let body = if frame.fourcc().is_jpeg() {
            let bytes = frame.memory(0).unwrap_or_default();
            match complete(bytes)? {
                std::borrow::Cow::Borrowed(whole) => {
                    let length = whole.len();
                    Body::Lent(frame, length)
                }
                std::borrow::Cow::Owned(whole) => Body::Encoded(whole),
            }
        } else {
            Body::Encoded(self.encode(&frame)?)
        };
        Ok(Picture { number, track, sequence, timestamp, host_stamped, size, body })
    }

    fn encode(&mut self, frame: &VideoFrame) -> Result<Vec<u8>> {
        let too_large = |_| Error::new(ErrorName::NotSupportedError, "a JPEG has at most 65535 pixels in a direction");
        let width = u16::try_from(frame.width()).map_err(too_large)?;
        let height = u16::try_from(frame.height()).map_err(too_large)?;
        let view = frame.view()?;
        self.rgb.resize(PixelFormat::Rgb.buffer_size(frame.width(), frame.height(), 0).unwrap_or(0), 0);
        self.converter.convert(&view, PixelFormat::Rgb, &mut self.rgb, 0)?;
        // A tenth of the pixels' bytes is what most pictures come to.
        let mut out = Vec::with_capacity(self.rgb.len() / 10);
        let mut encoder = jpeg_encoder::Encoder::new(&mut out, self.quality);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
        encoder
            .encode(&self.rgb, width, height, jpeg_encoder::ColorType::Rgb)
            .map_err(|error| Error::new(ErrorName::NotReadableError, format!("no JPEG of the frame: {error}")))?;
        Ok(out)
    }
}
