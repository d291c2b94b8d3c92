//! Pictures as files: JPEG and PNG.

use std::io::Write;
use std::path::Path;

use crate::convert::jpeg::{Decoded, Jpeg, complete};
use crate::convert::{Content, PixelFormat, VideoFrameView};
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
/// `NotReadableError` for a JPEG that does not decode, and where `out` fails; `NotSupportedError` for a JPEG of more than
/// 65535 pixels in a direction.
pub(crate) fn encode(view: &VideoFrameView<'_>, picture_type: PictureType, out: &mut dyn Write) -> Result<()> {
    match (picture_type, view.content()) {
        (PictureType::Jpeg, Content::Jpeg { bytes, .. }) => {
            let whole = complete(bytes)?;
            // A file that no viewer opens is worse than an error.
            let jpeg = Jpeg::new(&whole)?;
            jpeg.decode(Decoded::Luma, &mut Vec::new(), &mut vec![0; jpeg.decoded_size(Decoded::Luma)])?;
            out.write_all(&whole).map_err(|error| failed(&error))
        }
        (PictureType::Jpeg, Content::Raw(_)) => {
            let side = |side: u32| {
                u16::try_from(side).map_err(|_| {
                    Error::new(ErrorName::NotSupportedError, "a JPEG has at most 65535 pixels in a direction")
                        .with_remedy("write a .png")
                })
            };
            let (width, height) = (side(view.width())?, side(view.height())?);
            let encoder = jpeg_encoder::Encoder::new(&mut *out, JPEG_QUALITY);
            let encoded = encoder.encode(&rgb(view)?.2, width, height, jpeg_encoder::ColorType::Rgb);
            encoded.map_err(|error| failed(&error))
        }
        (PictureType::Png, _) => {
            let (width, height, data) = rgb(view)?;
            let mut encoder = png::Encoder::new(&mut *out, width, height);
            encoder.set_color(png::ColorType::Rgb);
            encoder.set_depth(png::BitDepth::Eight);
            let encoded = encoder.write_header().and_then(|mut writer| {
                writer.write_image_data(&data)?;
                writer.finish()
            });
            encoded.map_err(|error| failed(&error))
        }
    }
}

/// Width, height and three bytes a pixel. A JPEG's size is its own: some cameras' differs from what was agreed on.
fn rgb(view: &VideoFrameView<'_>) -> Result<(u32, u32, Vec<u8>)> {
    if let Content::Jpeg { bytes, .. } = view.content() {
        let jpeg = Jpeg::new(bytes)?;
        let mut data = vec![0; jpeg.decoded_size(Decoded::Rgb)];
        jpeg.decode(Decoded::Rgb, &mut Vec::new(), &mut data)?;
        return Ok((jpeg.size().0, jpeg.size().1, data));
    }
    let (width, height) = (view.width(), view.height());
    let mut data = vec![0; PixelFormat::Rgb.buffer_size(width, height, 0).unwrap_or(0)];
    view.convert_to(PixelFormat::Rgb, &mut data, 0)?;
    Ok((width, height, data))
}

fn failed(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorName::NotReadableError, format!("cannot write the picture: {error}"))
}

#[cfg(test)]
mod tests;
