//! Pictures: a frame of any common format as a JPEG or PNG file, and how bright it is.

mod encode;
mod luma;

pub(crate) use encode::{PictureType, encode};
pub(crate) use luma::luma_mean;
