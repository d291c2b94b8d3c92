//! Pictures as files: JPEG and PNG.

use std::io::Write;
use std::path::Path;

use super::convert::to_rgb8;
use super::{PictureView, jpeg};
use crate::error::{Error, ErrorName, Result};

/// The quality of JPEG files made here, of 100: no loss anyone sees in a photograph.
const JPEG_QUALITY: u8 = 92;

/// What kind of file a picture becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureType {
    /// JFIF JPEG.
    Jpeg,
    /// PNG, 8 bits, RGB.
    Png,
}

impl PictureType {
    /// By the file name's extension, in any case.
    ///
    /// # Errors
    ///
    /// `TypeError` for any other extension, and for none.
    pub fn from_path(path: &Path) -> Result<Self> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match extension.as_str() {
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            "png" => Ok(Self::Png),
            _ => Err(Error::new(ErrorName::TypeError, format!("{} is no picture file name", path.display()))
                .with_remedy("let it end in .jpg, .jpeg or .png")),
        }
    }
}

/// Writes the picture as a file of `picture_type`. A camera's own JPEG becomes a JPEG file byte by byte, without a second
/// loss; only missing Huffman tables are put in.
///
/// # Errors
///
/// What [`to_rgb8`] says of the frame; `NotReadableError` where `out` fails; `NotSupportedError` for a JPEG of more than
/// 65535 pixels in a direction.
pub(crate) fn encode(view: &PictureView<'_>, picture_type: PictureType, out: &mut dyn Write) -> Result<()> {
    match picture_type {
        PictureType::Jpeg if view.fourcc.is_jpeg() => {
            let (bytes, _) = view.planes.first().copied().unwrap_or_default();
            let whole = jpeg::complete(bytes)?;
            // A file that no viewer opens is worse than an error.
            jpeg::decode_luma(&whole)?;
            out.write_all(&whole).map_err(|error| failed(&error))
        }
        PictureType::Jpeg => {
            let picture = to_rgb8(view)?;
            let side = |side: u32| {
                u16::try_from(side).map_err(|_| {
                    Error::new(ErrorName::NotSupportedError, "a JPEG has at most 65535 pixels in a direction")
                        .with_remedy("write a .png")
                })
            };
            let (width, height) = (side(picture.width)?, side(picture.height)?);
            let encoder = jpeg_encoder::Encoder::new(&mut *out, JPEG_QUALITY);
            let encoded = encoder.encode(&picture.data, width, height, jpeg_encoder::ColorType::Rgb);
            encoded.map_err(|error| failed(&error))
        }
        PictureType::Png => {
            let picture = to_rgb8(view)?;
            let mut encoder = png::Encoder::new(&mut *out, picture.width, picture.height);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            let encoded = encoder.write_header().and_then(|mut writer| {
                writer.write_image_data(&picture.data)?;
                writer.finish()
            });
            encoded.map_err(|error| failed(&error))
        }
    }
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorName::NotReadableError, format!("cannot write the picture: {error}"))
}

#[cfg(test)]
mod tests;
